//! What is to be looked at again later. Nothing on the path of a text waits for one.

use std::time::Duration;

use super::Engine;
use super::event::{AcceptEvent, CircuitEvent, Event, InboxEvent, QueueEvent, RepairEvent, Timer};
use crate::error::StoreError;

/// How often things that have outlived their use are dropped.
pub(super) const HOUSEKEEPING: Duration = Duration::from_secs(3_600);

impl Engine {
    pub(super) fn tick(&mut self) -> Result<(), StoreError> {
        self.turn.due().into_iter().try_for_each(|timer| self.timer(timer))
    }

    fn timer(&mut self, timer: Timer) -> Result<(), StoreError> {
        match timer {
            Timer::Circuit(id) => self.run(CircuitEvent::Retry(id)),
            Timer::User(user) => self.run(Event::look_at(user)),
            Timer::Pick(id) => self.run(QueueEvent::LookAt(id)),
            Timer::Accept(id) => self.run(AcceptEvent::PatienceOver(id)),
            Timer::Gap(contact) => self.run(InboxEvent::GapDue(contact)),
            Timer::Pump(contact) => {
                self.memory.pump.insert(contact);
                Ok(())
            }
            Timer::Acknowledge(id) => self.run(InboxEvent::AckAgain(id)),
            Timer::Prove(id) => self.run(QueueEvent::Prove(id)),
            // The end of every batch opens what waits.
            Timer::Open => Ok(()),
            Timer::Seal(id) => self.resend_timer(id),
            Timer::Slow(id) => self.slow_timer(id),
            Timer::Repair(contact) => self.run(RepairEvent::Due(contact)),
            Timer::KeepAlive(contact) => self.run(RepairEvent::KeepAlive(contact)),
            Timer::Housekeeping => self.housekeeping(),
        }
    }

    fn housekeeping(&mut self) -> Result<(), StoreError> {
        self.after(HOUSEKEEPING, Timer::Housekeeping);
        self.store.prune_events()?;
        self.run(QueueEvent::Expire)
    }
}
