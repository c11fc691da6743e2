//! What is to be looked at again later. Nothing on the path of a text waits for one.

use std::time::Duration;

use ipc_schema::Timestamp;

use super::{CircuitId, Engine, User};
use crate::error::StoreError;
use crate::ids::{AcceptId, ContactId, OutgoingId, ReplicaId};

/// How often things that have outlived their use are dropped.
pub(super) const HOUSEKEEPING: Duration = Duration::from_secs(3_600);

/// What a timer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Timer {
    /// Open it again.
    Circuit(CircuitId),
    /// Look at it.
    User(User),
    /// Ask again for a relay.
    Pick(ReplicaId),
    /// Go on with fewer queues.
    Accept(AcceptId),
    /// A number is missing since a while.
    Gap(ContactId),
    /// keyvault did not seal it.
    Seal(ContactId),
    /// A mailbox did not take an ack.
    Acknowledge(ReplicaId),
    /// Look whether its subscription lives.
    Prove(ReplicaId),
    /// keyvault did not open something.
    Open,
    /// Look whether the peer has it by now.
    Resend(OutgoingId),
    /// Look whether a relay has it by now.
    Slow(OutgoingId),
    /// Look whether the peer can be read by now.
    Repair(ContactId),
    /// Turn the ratchet.
    KeepAlive(ContactId),
    /// Once an hour.
    Housekeeping,
}

impl Engine {
    /// Sets a timer; an earlier one for the same thing stays.
    pub(crate) fn set_timer(&mut self, at: Timestamp, timer: Timer) {
        self.memory.timers.insert((at, timer));
    }

    pub(crate) fn tick(&mut self) -> Result<(), StoreError> {
        let mut due = Vec::new();
        while let Some((at, timer)) = self.memory.timers.first().copied() {
            if at > self.now {
                break;
            }
            self.memory.timers.pop_first();
            if !due.contains(&timer) {
                due.push(timer);
            }
        }
        due.into_iter().try_for_each(|timer| self.timer(timer))
    }

    fn timer(&mut self, timer: Timer) -> Result<(), StoreError> {
        match timer {
            Timer::Circuit(id) => {
                self.circuit_timer(id);
                Ok(())
            }
            Timer::User(user) => self.user_timer(user),
            Timer::Pick(id) => self.advance_replica(id),
            Timer::Accept(id) => {
                self.memory.patience_over.insert(id);
                self.advance_accept(id)
            }
            Timer::Gap(contact) => self.gap_timer(contact),
            Timer::Seal(contact) => {
                self.memory.pump.insert(contact);
                Ok(())
            }
            // The end of every batch acks what is owed.
            Timer::Acknowledge(id) => {
                self.memory.busy.remove(&super::Busy::Acknowledge(id));
                Ok(())
            }
            Timer::Prove(id) => self.prove_timer(id),
            // The end of every batch opens what waits.
            Timer::Open => Ok(()),
            Timer::Resend(id) => self.resend_timer(id),
            Timer::Slow(id) => self.slow_timer(id),
            Timer::Repair(contact) => self.repair_timer(contact),
            Timer::KeepAlive(contact) => self.keep_alive_timer(contact),
            Timer::Housekeeping => self.housekeeping(),
        }
    }

    fn housekeeping(&mut self) -> Result<(), StoreError> {
        self.set_timer(self.now.after(HOUSEKEEPING), Timer::Housekeeping);
        self.store.prune_events()?;
        self.expire_invites()
    }
}
