//! Envelopes on their way to the peer's queues: secured once, then each left there when it is due, as fast as the relay takes them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ipc_schema::Timestamp;
use ipc_schema::edge::stored_keyvault::{Envelope, Purpose};
use sha2::{Digest, Sha256};

use ipc_schema::edge::stored_onion::{Command, Refused};

use super::circuits::Circuits;
use super::event::{DepositEvent, FileSendEvent, LifeEvent, Order, OutboxEvent, Timer, User};
use super::interface::{Came, CircuitId, MailboxCall};
use super::turn::Turn;
use crate::error::StoreError;
use crate::ids::{ContactId, DepositId, OutgoingId, PeerQueueId};
use crate::store::{Deposit, PeerQueue};

/// Deposits on one circuit that are not answered yet: a window of cells holds 28.
const DEPOSITING_MAX: usize = 28;
/// Mean of the delay of the second replica.
const SECOND_REPLICA: Duration = Duration::from_secs(5);
/// No deposit waits longer by intent: eight means of the second replica's delay.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(40);
/// A relay that has not answered for so long may be gone without a word: the other one is asked.
const SLOW: Duration = Duration::from_secs(2);
/// Wait after a relay said *throttled*.
const THROTTLED_RETRY: Duration = Duration::from_secs(1);
/// A relay's disk or queue that is full is asked again.
const FULL_RETRY: Duration = Duration::from_secs(20);
/// Deposits looked at in one go.
const DUE_MAX: u32 = 64;

/// What is under way to relays.
#[derive(Default)]
pub(super) struct Deposits {
    securing: BTreeSet<PeerQueueId>,
    depositing: BTreeSet<DepositId>,
    pacing: BTreeMap<PeerQueueId, Pacing>,
}

/// Mirrors the relay's rate limit for one queue, so that it seldom has to say *throttled*
/// (docs/protocol/mailbox.md, "What the commands do": burst 256, then 60/s).
#[derive(Debug, Clone, Copy)]
struct Pacing {
    tokens: f64,
    at: Timestamp,
    /// Nothing before.
    not_before: Timestamp,
    in_flight: usize,
}

const BURST: f64 = 250.0;
const PER_SECOND: f64 = 58.0;

impl Pacing {
    fn new(now: Timestamp) -> Self {
        Self { tokens: BURST, at: now, not_before: Timestamp(0), in_flight: 0 }
    }

    /// Takes the right to deposit one, or says when to ask again.
    fn take(&mut self, now: Timestamp) -> Result<(), Timestamp> {
        if now < self.not_before {
            return Err(self.not_before);
        }
        self.tokens = now.since(self.at).as_secs_f64().mul_add(PER_SECOND, self.tokens).min(BURST);
        self.at = now;
        if self.tokens < 1.0 {
            return Err(now.after(Duration::from_millis(100)));
        }
        self.tokens -= 1.0;
        Ok(())
    }

    fn is_free(&self, now: Timestamp) -> bool {
        self.not_before <= now && self.tokens >= 1.0
    }

    fn refused(&mut self, now: Timestamp, wait: Duration) {
        self.tokens = 0.0;
        self.at = now.after(wait);
        self.not_before = now.after(wait);
    }
}

impl Deposits {
    pub(super) fn handle(
        &mut self,
        turn: &mut Turn,
        circuits: &mut Circuits,
        event: DepositEvent,
    ) -> Result<(), StoreError> {
        match event {
            DepositEvent::Resume => {
                for queue in turn.store.peer_queues()? {
                    self.look_at(turn, circuits, queue.number)?;
                }
                Ok(())
            }
            DepositEvent::Add(outgoing, contact, envelopes) => {
                self.add(turn, circuits, (outgoing, contact), envelopes)
            }
            DepositEvent::LookAt(id) => self.look_at(turn, circuits, id),
            DepositEvent::Unreachable(id) => self.unreachable(turn, circuits, id),
            DepositEvent::Secured(id, came) => self.secured(turn, circuits, id, came),
            DepositEvent::Deposited(queue, id, circuit, came) => {
                self.depositing.remove(&id);
                self.deposited(turn, circuits, (queue, id, circuit), came)
            }
            DepositEvent::Slow(id) => self.slow(turn, circuits, id),
            DepositEvent::Gone(id) => dead(turn, circuits, id),
        }
    }

    /// The clock was set back: waits end as much sooner.
    pub(super) fn set_back(&mut self, sooner: impl Fn(Timestamp) -> Timestamp) {
        for pacing in self.pacing.values_mut() {
            pacing.at = sooner(pacing.at);
            pacing.not_before = sooner(pacing.not_before);
        }
    }

    /// The first goes where a circuit is open and nothing is in the way, the others after a random delay.
    fn add(
        &mut self,
        turn: &mut Turn,
        circuits: &mut Circuits,
        (outgoing, contact): (OutgoingId, ContactId),
        envelopes: Vec<Envelope>,
    ) -> Result<(), StoreError> {
        let queues = turn.store.peer_queues_of(contact)?;
        let mut fresh: Vec<_> = envelopes
            .into_iter()
            .map(|envelope| (PeerQueueId::from(envelope.peer_queue), envelope))
            .filter(|(id, _)| queues.iter().any(|queue| queue.number == *id))
            .collect();
        fresh.sort_by_key(|(queue, _)| !self.is_ready(turn.now, circuits, *queue));
        // By the time the second would go it is over.
        if turn.store.outgoing(outgoing)?.is_some_and(|outgoing| outgoing.kind.goes_one_way()) {
            fresh.truncate(1);
        }
        let mut touched = Vec::new();
        for (at, (peer_queue, envelope)) in fresh.into_iter().enumerate() {
            let due = if at == 0 { turn.now } else { turn.now.after(turn.exponential(SECOND_REPLICA)) };
            touched.push(peer_queue);
            turn.store.add_deposit(&Deposit {
                id: DepositId(0),
                outgoing,
                peer_queue,
                put_id: envelope.put_id,
                envelope: envelope.bytes,
                due,
            })?;
        }
        turn.after(SLOW, Timer::Slow(outgoing));
        touched.into_iter().try_for_each(|queue| self.look_at(turn, circuits, queue))
    }

    fn is_ready(&self, now: Timestamp, circuits: &Circuits, queue: PeerQueueId) -> bool {
        circuits.is_open(User::PeerQueue(queue))
            && self.pacing.get(&queue).is_none_or(|pacing| pacing.is_free(now))
    }

    /// No relay has told that it has it: all replicas are tried at once.
    fn slow(&mut self, turn: &mut Turn, circuits: &mut Circuits, id: OutgoingId) -> Result<(), StoreError> {
        let Some(outgoing) = turn.store.outgoing(id)?.filter(|outgoing| !outgoing.relayed) else {
            return Ok(());
        };
        if turn.store.hurry(id, turn.now)? > 0 {
            for queue in turn.store.peer_queues_of(outgoing.contact)? {
                self.look_at(turn, circuits, queue.number)?;
            }
        }
        Ok(())
    }

    fn look_at(
        &mut self,
        turn: &mut Turn,
        circuits: &mut Circuits,
        id: PeerQueueId,
    ) -> Result<(), StoreError> {
        let user = User::PeerQueue(id);
        let Some(queue) = turn.store.peer_queue(id)?.filter(|queue| !queue.dead) else {
            circuits.leave(turn, user);
            return Ok(());
        };
        let Some(circuit) = circuits.to(turn, queue.relay, queue.isolation, user) else { return Ok(()) };
        if queue.secured {
            return self.deposit_due(turn, circuits, circuit, &queue);
        }
        if self.securing.insert(id) {
            let (sender_queue, sender_key) = (queue.queue, queue.sender_key);
            let call = MailboxCall::Give(Command::Secure { sender_queue, sender_key });
            let order = Order { call, purpose: Some(Purpose::Secure(id.into())) };
            circuits.command(turn, circuit, order, move |came| DepositEvent::Secured(id, came));
        }
        Ok(())
    }

    fn secured(
        &mut self,
        turn: &mut Turn,
        circuits: &mut Circuits,
        id: PeerQueueId,
        came: Came,
    ) -> Result<(), StoreError> {
        self.securing.remove(&id);
        match came {
            Came::Done => {
                turn.store.set_secured(id, true)?;
                turn.wish(FileSendEvent::LookAtQueue(id));
                self.look_at(turn, circuits, id)
            }
            Came::Refused(Refused::NoQueue | Refused::NotAuthorised) => dead(turn, circuits, id),
            Came::Refused(_) | Came::Created(_) | Came::Blob(_) => {
                turn.after(FULL_RETRY, Timer::User(User::PeerQueue(id)));
                Ok(())
            }
            Came::Lost | Came::Unsigned => Ok(()),
        }
    }

    fn deposit_due(
        &mut self,
        turn: &mut Turn,
        circuits: &mut Circuits,
        circuit: CircuitId,
        queue: &PeerQueue,
    ) -> Result<(), StoreError> {
        let user = User::PeerQueue(queue.number);
        for (id, due) in turn.store.deposits(queue.number, DUE_MAX)? {
            if self.depositing.contains(&id) {
                continue;
            }
            if due > turn.now {
                turn.set_timer(due, Timer::User(user));
                break;
            }
            let pacing = self.pacing.entry(queue.number).or_insert_with(|| Pacing::new(turn.now));
            if pacing.in_flight >= DEPOSITING_MAX {
                break;
            }
            if let Err(later) = pacing.take(turn.now) {
                turn.set_timer(later, Timer::User(user));
                other_way(turn, queue.number)?;
                break;
            }
            pacing.in_flight += 1;
            self.deposit(turn, circuits, (circuit, queue), id)?;
        }
        Ok(())
    }

    fn deposit(
        &mut self,
        turn: &mut Turn,
        circuits: &mut Circuits,
        (circuit, queue): (CircuitId, &PeerQueue),
        id: DepositId,
    ) -> Result<(), StoreError> {
        let Some(deposit) = turn.store.deposit(id)? else { return Ok(()) };
        turn.store.note_tried(deposit.outgoing)?;
        self.depositing.insert(id);
        let number = queue.number;
        let purpose = Purpose::Deposit {
            peer_queue: number.into(),
            put_id: deposit.put_id,
            envelope_hash: Sha256::digest(&deposit.envelope).into(),
        };
        let (sender_queue, put_id, envelope) = (queue.queue, deposit.put_id, deposit.envelope);
        let call = MailboxCall::Give(Command::Deposit { sender_queue, put_id, envelope });
        let order = Order { call, purpose: Some(purpose) };
        circuits
            .command(turn, circuit, order, move |came| DepositEvent::Deposited(number, id, circuit, came));
        Ok(())
    }

    fn deposited(
        &mut self,
        turn: &mut Turn,
        circuits: &mut Circuits,
        (queue, id, circuit): (PeerQueueId, DepositId, CircuitId),
        came: Came,
    ) -> Result<(), StoreError> {
        if let Some(pacing) = self.pacing.get_mut(&queue) {
            pacing.in_flight = pacing.in_flight.saturating_sub(1);
        }
        match came {
            Came::Done => {
                turn.store.set_full(queue, false)?;
                if let Some(deposit) = turn.store.deposit(id)? {
                    turn.store.drop_deposit(id)?;
                    turn.wish(OutboxEvent::AtRelay(deposit.outgoing, circuits.route(circuit).to_vec()));
                }
                self.look_at(turn, circuits, queue)
            }
            Came::Refused(Refused::NoQueue) => dead(turn, circuits, queue),
            Came::Refused(Refused::NotAuthorised) => {
                // Secured for this key once, so the circuit and its counters are in doubt, or the relay lies: begin again, later.
                turn.store.set_secured(queue, false)?;
                self.pause(turn, queue, SLOW)
            }
            Came::Refused(Refused::Throttled) => self.pause(turn, queue, THROTTLED_RETRY),
            Came::Refused(Refused::Full) => {
                turn.store.set_full(queue, true)?;
                self.pause(turn, queue, FULL_RETRY)
            }
            Came::Refused(Refused::NoBlob | Refused::Policy | Refused::DiskFull)
            | Came::Created(_)
            | Came::Blob(_) => self.pause(turn, queue, FULL_RETRY),
            Came::Lost | Came::Unsigned => Ok(()),
        }
    }

    fn pause(&mut self, turn: &mut Turn, queue: PeerQueueId, wait: Duration) -> Result<(), StoreError> {
        let now = turn.now;
        self.pacing.entry(queue).or_insert_with(|| Pacing::new(now)).refused(now, wait);
        turn.after(wait, Timer::User(User::PeerQueue(queue)));
        other_way(turn, queue)
    }

    fn unreachable(
        &mut self,
        turn: &mut Turn,
        circuits: &mut Circuits,
        id: PeerQueueId,
    ) -> Result<(), StoreError> {
        if let Some(pacing) = self.pacing.get_mut(&id) {
            pacing.in_flight = 0;
        }
        other_way(turn, id)?;
        self.look_at(turn, circuits, id)
    }
}

/// What cannot go to this queue now goes to the peer's other one at once.
fn other_way(turn: &mut Turn, queue: PeerQueueId) -> Result<(), StoreError> {
    if turn.store.hurry_other_replicas(queue, turn.now)? == 0 {
        return Ok(());
    }
    let Some(contact) = turn.store.peer_queue(queue)?.map(|queue| queue.contact) else { return Ok(()) };
    for other in turn.store.peer_queues_of(contact)? {
        if other.number != queue {
            turn.set_timer(turn.now, Timer::User(User::PeerQueue(other.number)));
        }
    }
    Ok(())
}

fn dead(turn: &mut Turn, circuits: &mut Circuits, id: PeerQueueId) -> Result<(), StoreError> {
    other_way(turn, id)?;
    turn.store.set_dead(id)?;
    turn.store.drop_deposits_of(id)?;
    circuits.leave(turn, User::PeerQueue(id));
    if let Some(queue) = turn.store.peer_queue(id)? {
        turn.wish(LifeEvent::LookAt(queue.contact));
    }
    Ok(())
}
