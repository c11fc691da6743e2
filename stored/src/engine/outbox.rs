//! What goes out: contents are fixed, sealed, deposited at the peer's queues, and kept until the peer has acked them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ipc_schema::Timestamp;
use ipc_schema::edge::Failed;
use ipc_schema::edge::stored_keyvault::{
    Envelope, Forget, Purpose, RepairError, RepairSession, SealEnvelope, SealError,
};
use ipc_schema::limits::IDS_PER_CALL_MAX;
use sha2::{Digest, Sha256};

use super::calls::{Answer, CircuitId, MailboxAnswer, MailboxCall};
use super::circuits::Circuits;
use super::contacts;
use super::event::{
    AcceptEvent, Asked, Came, NotSealed, Order, OutboxEvent, RepairEvent, RepairRefused, Timer, User,
};
use super::turn::Turn;
use crate::content::{
    self, Acks, Content, GAPS_IN_REPAIR_MAX, GAPS_MAX, Kind, Link, Range, TextPart, WireId,
};
use crate::error::StoreError;
use crate::ids::{ContactId, DepositId, OutboxId, OutgoingId, PeerQueueId, SessionId};
use crate::store::{Delivery, Deposit, EventKind, Outgoing, OutgoingKind, OutgoingState, PeerQueue};

/// Asked of keyvault at a time for one contact. It keeps at most 512 answers for everybody together.
pub(super) const SEALING_MAX: usize = 48;
/// Asked of keyvault at a time in all.
const SEALING_TOTAL_MAX: usize = 192;
/// Deposits on one circuit that are not answered yet: a window of cells holds 28.
const DEPOSITING_MAX: usize = 28;
/// Mean of the delay of the second replica.
const SECOND_REPLICA: Duration = Duration::from_secs(5);
/// No deposit waits longer by intent: eight means of the second replica's delay.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(40);
/// A content that is missing over there is sealed again no sooner after its last sealing: the second replica may still bring it.
const RESEAL_AFTER: Duration = Duration::from_secs(20);
/// A relay that has not answered for so long may be gone without a word: the other one is asked.
const SLOW: Duration = Duration::from_secs(2);
/// Wait after keyvault could not seal.
const SEAL_RETRY: Duration = Duration::from_secs(2);
/// Wait after a relay said *throttled*.
const THROTTLED_RETRY: Duration = Duration::from_secs(1);
/// A relay's disk or queue that is full is asked again.
const FULL_RETRY: Duration = Duration::from_secs(20);
/// Deposits looked at in one go.
const DUE_MAX: u32 = 64;

/// What is under way to others.
#[derive(Default)]
pub(super) struct Outbox {
    /// Contacts to look at when the batch is over.
    pump: BTreeSet<ContactId>,
    /// What keyvault seals now, and for whom.
    sealing: BTreeMap<OutgoingId, ContactId>,
    /// Sealed and not known to be forgotten by keyvault.
    unforgotten: BTreeMap<OutboxId, OutgoingId>,
    forget_outbox: Vec<OutboxId>,
    forget_opened: Vec<[u8; 32]>,
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

/// What a sealing that keyvault was asked for came to.
fn not_sealed<T, E: Into<NotSealed>>(told: Asked<T, E>) -> Result<T, NotSealed> {
    told.map_or(Err(NotSealed::Now), |sealed| sealed.map_err(Into::into))
}

impl From<SealError> for NotSealed {
    fn from(error: SealError) -> Self {
        match error {
            SealError::BadContent => Self::OtherContent,
            SealError::NoSuchId
            | SealError::TooManyOpen
            | SealError::TooLong
            | SealError::NoQueue
            | SealError::Fault(_) => Self::Now,
        }
    }
}

impl From<RepairError> for NotSealed {
    fn from(error: RepairError) -> Self {
        match error {
            RepairError::BadContent => Self::OtherContent,
            RepairError::RateLimited => Self::Repair(RepairRefused::TooEarly),
            RepairError::InviteAgain => Self::Repair(RepairRefused::InviteAgain),
            RepairError::NoSuchId
            | RepairError::TooManyOpen
            | RepairError::TooLong
            | RepairError::NoQueue
            | RepairError::Fault(_) => Self::Now,
        }
    }
}

impl Outbox {
    pub(super) fn handle(
        &mut self,
        turn: &mut Turn,
        circuits: &mut Circuits,
        event: OutboxEvent,
    ) -> Result<(), StoreError> {
        match event {
            OutboxEvent::Resume => self.resume(turn, circuits),
            OutboxEvent::Pump(contact) => {
                self.pump.insert(contact);
                Ok(())
            }
            OutboxEvent::Seal => self.seal_waiting(turn),
            OutboxEvent::Sealed(id, outbox, sealed) => self.sealed(turn, circuits, (id, outbox), sealed),
            OutboxEvent::Keep(id, envelopes) => self.keep(turn, circuits, id, envelopes),
            OutboxEvent::SealAgain(id) => {
                let outgoing = turn.store.outgoing(id)?;
                let sealing = outgoing.is_some_and(|outgoing| outgoing.state == OutgoingState::Sealing);
                if sealing { self.seal_again(turn, id) } else { Ok(()) }
            }
            OutboxEvent::SealAllAgain(contact) => self.seal_all_again(turn, contact),
            OutboxEvent::Repair(contact, session) => self.repair(turn, contact, session),
            OutboxEvent::LookAt(id) => self.look_at(turn, circuits, id),
            OutboxEvent::Unreachable(id) => self.unreachable(turn, circuits, id),
            OutboxEvent::Secured(id, came) => self.secured(turn, circuits, id, came),
            OutboxEvent::Deposited(queue, id, circuit, came) => {
                self.depositing.remove(&id);
                self.deposited(turn, circuits, (queue, id, circuit), came)
            }
            OutboxEvent::Slow(id) => self.slow(turn, circuits, id),
            OutboxEvent::Acked(contact, acks) => self.acked(turn, contact, &acks),
            OutboxEvent::Missing(contact, gaps) => self.missing(turn, contact, &gaps),
            OutboxEvent::Committed(inner) => {
                self.forget_opened.push(inner);
                Ok(())
            }
            OutboxEvent::Forget => {
                self.forget(turn);
                Ok(())
            }
            OutboxEvent::Forgotten(outboxes, told) => self.forgotten(turn, &outboxes, told),
        }
    }

    /// What keyvault seals now.
    #[cfg(test)]
    pub(super) fn sealing(&self) -> usize {
        self.sealing.len()
    }

    /// The clock was set back: waits end as much sooner.
    pub(super) fn set_back(&mut self, sooner: impl Fn(Timestamp) -> Timestamp) {
        for pacing in self.pacing.values_mut() {
            pacing.at = sooner(pacing.at);
            pacing.not_before = sooner(pacing.not_before);
        }
    }

    /// keyvault is told again to forget, and asked again to seal; queues with mail get their circuits.
    fn resume(&mut self, turn: &mut Turn, circuits: &mut Circuits) -> Result<(), StoreError> {
        for (id, outbox) in turn.store.outboxes_to_forget()? {
            self.unforgotten.insert(outbox, id);
            self.forget_outbox.push(outbox);
        }
        for contact in turn.store.contacts()? {
            self.pump.insert(contact.id);
            for outgoing in turn.store.outgoing_in_state(contact.id, OutgoingState::Sealing, u32::MAX)? {
                // An accept asks for its first message itself.
                if contact.session.is_some() {
                    self.seal_again(turn, outgoing.id)?;
                }
            }
        }
        for queue in turn.store.peer_queues()? {
            self.look_at(turn, circuits, queue.number)?;
        }
        Ok(())
    }

    // ---- sealing

    fn seal_waiting(&mut self, turn: &mut Turn) -> Result<(), StoreError> {
        while let Some(contact) = self.pump.pop_first() {
            self.seal_for(turn, contact)?;
        }
        Ok(())
    }

    /// Begins sealing what waits for a contact, as far as there is room, and adds a receipt where acks are still owed then.
    fn seal_for(&mut self, turn: &mut Turn, id: ContactId) -> Result<(), StoreError> {
        let contact = turn.store.contact(id)?.filter(|contact| !contact.blocked);
        let Some(session) = contact.and_then(|contact| contact.session) else { return Ok(()) };
        let most = u32::try_from(SEALING_MAX).unwrap_or(u32::MAX);
        for outgoing in turn.store.outgoing_in_state(id, OutgoingState::Waiting, most)? {
            if !self.may_seal(id) {
                return Ok(());
            }
            self.fix_and_seal(turn, &outgoing, session)?;
        }
        // Asked anew: what was sealed just now carries the acks.
        let ack_due = turn.store.contact(id)?.is_some_and(|contact| contact.ack_due);
        if ack_due && !turn.store.under_way(id, OutgoingKind::Receipt)? && self.may_seal(id) {
            self.add_and_seal(turn, id, OutgoingKind::Receipt, session)?;
        }
        Ok(())
    }

    /// One contact's long text leaves places for the others.
    fn may_seal(&self, contact: ContactId) -> bool {
        let for_contact = self.sealing.values().filter(|of| **of == contact).count();
        for_contact < SEALING_MAX && self.sealing.len() < SEALING_TOTAL_MAX
    }

    fn add_and_seal(
        &mut self,
        turn: &mut Turn,
        contact: ContactId,
        kind: OutgoingKind,
        session: SessionId,
    ) -> Result<(), StoreError> {
        let id = turn.store.add_outgoing(contact, kind, None, None)?;
        match turn.store.outgoing(id)? {
            Some(outgoing) => self.fix_and_seal(turn, &outgoing, session),
            None => Ok(()),
        }
    }

    fn fix_and_seal(
        &mut self,
        turn: &mut Turn,
        outgoing: &Outgoing,
        session: SessionId,
    ) -> Result<(), StoreError> {
        fix(turn, outgoing)?;
        self.seal(turn, outgoing.id, session)
    }

    fn seal(&mut self, turn: &mut Turn, id: OutgoingId, session: SessionId) -> Result<(), StoreError> {
        let Some(outgoing) = turn.store.outgoing(id)? else { return Ok(()) };
        let (Some(content), Some(name)) = (outgoing.content, outgoing.outbox) else { return Ok(()) };
        if self.sealing.insert(id, outgoing.contact).is_some() {
            return Ok(());
        }
        let (session, outbox) = (session.into(), name.into());
        if outgoing.kind == OutgoingKind::Repair {
            turn.ask(RepairSession { session, outbox, content, offer: Vec::new() }, move |sealed| {
                OutboxEvent::Sealed(id, name, not_sealed(sealed))
            });
        } else {
            let offer = outgoing.offer.into_iter().map(Into::into).collect();
            turn.ask(SealEnvelope { session, outbox, content, offer }, move |sealed| {
                OutboxEvent::Sealed(id, name, not_sealed(sealed))
            });
        }
        Ok(())
    }

    fn sealed(
        &mut self,
        turn: &mut Turn,
        circuits: &mut Circuits,
        (id, outbox): (OutgoingId, OutboxId),
        sealed: Result<Vec<Envelope>, NotSealed>,
    ) -> Result<(), StoreError> {
        self.sealing.remove(&id);
        let Some(outgoing) = turn.store.outgoing(id)? else {
            self.forget_outbox.push(outbox);
            return Ok(());
        };
        let contact = outgoing.contact;
        self.pump.insert(contact);
        match sealed {
            Ok(envelopes) if outgoing.state == OutgoingState::Sealing => {
                if outgoing.kind == OutgoingKind::Repair {
                    turn.wish(RepairEvent::Begun(contact));
                }
                self.keep_sealed(turn, circuits, (&outgoing, outbox), envelopes)
            }
            Ok(_) => {
                // Acked while it was sealed again.
                self.forget_outbox.push(outbox);
                turn.store.drop_outgoing(id)
            }
            Err(NotSealed::Repair(refused)) => {
                turn.wish(RepairEvent::Refused(Box::new(outgoing), refused));
                Ok(())
            }
            Err(NotSealed::OtherContent) => {
                // keyvault has other bytes under this name: take another.
                let fresh = OutboxId(turn.random_id());
                self.forget_outbox.push(outbox);
                turn.store.outgoing_sealed(id, turn.now)?;
                turn.store.reseal_outgoing(id, fresh)?;
                self.seal_again(turn, id)
            }
            Err(NotSealed::Now) => {
                self.pump.remove(&contact);
                turn.after(SEAL_RETRY, Timer::Pump(contact));
                turn.after(SEAL_RETRY, Timer::Seal(id));
                Ok(())
            }
        }
    }

    fn seal_again(&mut self, turn: &mut Turn, id: OutgoingId) -> Result<(), StoreError> {
        let Some(outgoing) = turn.store.outgoing(id)? else { return Ok(()) };
        match turn.store.contact(outgoing.contact)?.and_then(|contact| contact.session) {
            Some(session) => self.seal(turn, id, session),
            None => Ok(()),
        }
    }

    fn reseal(&mut self, turn: &mut Turn, id: OutgoingId) -> Result<(), StoreError> {
        let outbox = OutboxId(turn.random_id());
        turn.store.reseal_outgoing(id, outbox)?;
        self.seal_again(turn, id)
    }

    fn seal_all_again(&mut self, turn: &mut Turn, contact: ContactId) -> Result<(), StoreError> {
        turn.store.sealed_up_to(contact, u64::MAX)?.iter().try_for_each(|lost| self.reseal(turn, lost.id))
    }

    fn repair(&mut self, turn: &mut Turn, contact: ContactId, session: SessionId) -> Result<(), StoreError> {
        match turn.store.unsealed(contact, OutgoingKind::Repair)? {
            Some(_) => Ok(()),
            None => self.add_and_seal(turn, contact, OutgoingKind::Repair, session),
        }
    }

    // ---- sealed

    fn keep(
        &mut self,
        turn: &mut Turn,
        circuits: &mut Circuits,
        id: OutgoingId,
        envelopes: Vec<Envelope>,
    ) -> Result<(), StoreError> {
        let Some(outgoing) = turn.store.outgoing(id)? else { return Ok(()) };
        let Some(outbox) = outgoing.outbox else { return Ok(()) };
        self.keep_sealed(turn, circuits, (&outgoing, outbox), envelopes)
    }

    /// Makes the envelopes durable, all in one transaction, then lets keyvault forget and the network have them.
    fn keep_sealed(
        &mut self,
        turn: &mut Turn,
        circuits: &mut Circuits,
        (outgoing, outbox): (&Outgoing, OutboxId),
        envelopes: Vec<Envelope>,
    ) -> Result<(), StoreError> {
        turn.store.outgoing_sealed(outgoing.id, turn.now)?;
        self.unforgotten.insert(outbox, outgoing.id);
        self.forget_outbox.push(outbox);
        let queues = turn.store.peer_queues_of(outgoing.contact)?;
        let mut fresh: Vec<_> = envelopes
            .into_iter()
            .map(|envelope| (PeerQueueId::from(envelope.peer_queue), envelope))
            .filter(|(id, _)| queues.iter().any(|queue| queue.number == *id))
            .collect();
        // The first goes where a circuit is open and nothing is in the way, the others after a random delay.
        fresh.sort_by_key(|(queue, _)| !self.is_ready(turn.now, circuits, *queue));
        let mut touched = Vec::new();
        for (at, (peer_queue, envelope)) in fresh.into_iter().enumerate() {
            let due = if at == 0 { turn.now } else { turn.now.after(turn.exponential(SECOND_REPLICA)) };
            touched.push(peer_queue);
            turn.store.add_deposit(&Deposit {
                id: DepositId(0),
                outgoing: outgoing.id,
                peer_queue,
                put_id: envelope.put_id,
                envelope: envelope.bytes,
                due,
            })?;
        }
        turn.after(SLOW, Timer::Slow(outgoing.id));
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

    // ---- queues of the peer

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
            let call = MailboxCall::Secure { queue: queue.queue, sender_key: queue.sender_key };
            let order = Order { call, purpose: Some(Purpose::Secure(id.into())) };
            circuits.command(turn, circuit, order, move |came| OutboxEvent::Secured(id, came));
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
            Came::Answered(MailboxAnswer::Told(Answer::Ok)) => {
                turn.store.set_secured(id, true)?;
                self.look_at(turn, circuits, id)
            }
            Came::Answered(MailboxAnswer::Told(Answer::NoQueue | Answer::NotAuthorised)) => {
                dead(turn, circuits, id)
            }
            Came::Answered(_) => {
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
        self.depositing.insert(id);
        let number = queue.number;
        let purpose = Purpose::Deposit {
            peer_queue: number.into(),
            put_id: deposit.put_id,
            envelope_hash: Sha256::digest(&deposit.envelope).into(),
        };
        let queue = queue.queue.clone();
        let call = MailboxCall::Deposit { queue, put_id: deposit.put_id, envelope: deposit.envelope };
        let order = Order { call, purpose: Some(purpose) };
        circuits.command(turn, circuit, order, move |came| OutboxEvent::Deposited(number, id, circuit, came));
        Ok(())
    }

    fn deposited(
        &mut self,
        turn: &mut Turn,
        circuits: &mut Circuits,
        (queue, id, circuit): (PeerQueueId, DepositId, CircuitId),
        came: Came,
    ) -> Result<(), StoreError> {
        let Came::Answered(answer) = came else { return Ok(()) };
        if let Some(pacing) = self.pacing.get_mut(&queue) {
            pacing.in_flight = pacing.in_flight.saturating_sub(1);
        }
        match answer {
            MailboxAnswer::Told(Answer::Ok) => {
                turn.store.set_full(queue, false)?;
                if let Some(deposit) = turn.store.deposit(id)? {
                    turn.store.drop_deposit(id)?;
                    self.lies_at_relay(turn, circuits, deposit.outgoing, circuit)?;
                }
                self.look_at(turn, circuits, queue)
            }
            MailboxAnswer::Told(Answer::NoQueue) => dead(turn, circuits, queue),
            MailboxAnswer::Told(Answer::NotAuthorised) => {
                // Secured for this key once, so the circuit and its counters are in doubt, or the relay lies: begin again, later.
                turn.store.set_secured(queue, false)?;
                self.pause(turn, queue, SLOW)
            }
            MailboxAnswer::Told(Answer::Throttled) => self.pause(turn, queue, THROTTLED_RETRY),
            MailboxAnswer::Told(Answer::Full) => {
                turn.store.set_full(queue, true)?;
                self.pause(turn, queue, FULL_RETRY)
            }
            _ => self.pause(turn, queue, FULL_RETRY),
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

    // ---- at a relay, and at the peer

    /// One relay has it: the text shows that.
    fn lies_at_relay(
        &mut self,
        turn: &mut Turn,
        circuits: &Circuits,
        id: OutgoingId,
        circuit: CircuitId,
    ) -> Result<(), StoreError> {
        if !turn.store.outgoing_relayed(id)? {
            return Ok(());
        }
        let Some(outgoing) = turn.store.outgoing(id)? else { return Ok(()) };
        turn.wish(AcceptEvent::Relayed(outgoing.contact));
        if !outgoing.kind.numbered() {
            self.pump.insert(outgoing.contact);
            return self.finish(turn, &outgoing);
        }
        let Some(message) = outgoing.message else { return Ok(()) };
        turn.store.set_route(&message, circuits.route(circuit))?;
        if turn.store.parts_left(&message)?.0 == 0 {
            reached(turn, &message, outgoing.contact, Delivery::Relayed)?;
        }
        Ok(())
    }

    /// It needs nothing more; the row waits for keyvault's forgetting where that is not certain yet.
    fn finish(&mut self, turn: &mut Turn, outgoing: &Outgoing) -> Result<(), StoreError> {
        let certain = outgoing.state == OutgoingState::Sealed
            && outgoing.outbox.is_none_or(|outbox| !self.unforgotten.contains_key(&outbox));
        if certain { turn.store.drop_outgoing(outgoing.id) } else { turn.store.outgoing_acked(outgoing.id) }
    }

    /// The peer tells what it has durably received, and what is missing there.
    fn acked(&mut self, turn: &mut Turn, contact: ContactId, acks: &Acks) -> Result<(), StoreError> {
        if acks.chain != turn.store.send_chain(contact)?.chain {
            return Ok(());
        }
        for outgoing in turn.store.sealed_up_to(contact, acks.up_to)? {
            if acks.cover(outgoing.sequence) {
                self.delivered(turn, &outgoing)?;
            } else {
                self.reseal_if_lost(turn, &outgoing)?;
            }
        }
        Ok(())
    }

    fn delivered(&mut self, turn: &mut Turn, outgoing: &Outgoing) -> Result<(), StoreError> {
        self.finish(turn, outgoing)?;
        if let Some(replica) = outgoing.offer {
            turn.store.set_offered(replica)?;
        }
        if let Some(message) = &outgoing.message
            && turn.store.parts_left(message)?.1 == 0
        {
            reached(turn, message, outgoing.contact, Delivery::Delivered)?;
        }
        Ok(())
    }

    fn missing(&mut self, turn: &mut Turn, contact: ContactId, gaps: &[Range]) -> Result<(), StoreError> {
        let last = gaps.iter().map(|gap| gap.last).max().unwrap_or(0);
        for outgoing in turn.store.sealed_up_to(contact, last)? {
            if gaps.iter().any(|gap| gap.first <= outgoing.sequence && outgoing.sequence <= gap.last) {
                self.reseal_if_lost(turn, &outgoing)?;
            }
        }
        Ok(())
    }

    /// The peer misses it though later ones came: sealed again, unless it may still be on its way.
    fn reseal_if_lost(&mut self, turn: &mut Turn, outgoing: &Outgoing) -> Result<(), StoreError> {
        let ripe = turn.now.since(outgoing.sealed_at) >= RESEAL_AFTER;
        let sealed = outgoing.state == OutgoingState::Sealed;
        if !sealed || !ripe || turn.store.has_deposit(outgoing.id)? {
            return Ok(());
        }
        self.reseal(turn, outgoing.id)
    }

    // ---- what keyvault may forget

    /// After the signatures of this batch: nobody waits for it.
    fn forget(&mut self, turn: &mut Turn) {
        while !self.forget_outbox.is_empty() || !self.forget_opened.is_empty() {
            let outbox = first_of(&mut self.forget_outbox);
            let opened = first_of(&mut self.forget_opened);
            let call = Forget { outbox: outbox.iter().copied().map(Into::into).collect(), opened };
            turn.ask(call, move |told| OutboxEvent::Forgotten(outbox, told.map(|_| ())));
        }
    }

    fn forgotten(
        &mut self,
        turn: &mut Turn,
        outboxes: &[OutboxId],
        told: Result<(), Failed>,
    ) -> Result<(), StoreError> {
        if told.is_err() {
            // After a start keyvault is told again.
            return Ok(());
        }
        for outbox in outboxes {
            let Some(id) = self.unforgotten.remove(outbox) else { continue };
            let acked =
                turn.store.outgoing(id)?.is_some_and(|outgoing| outgoing.state == OutgoingState::Acked);
            if acked {
                turn.store.drop_outgoing(id)?;
            }
        }
        Ok(())
    }
}

fn first_of<T>(ids: &mut Vec<T>) -> Vec<T> {
    ids.drain(..ids.len().min(IDS_PER_CALL_MAX)).collect()
}

/// Fixes the bytes of a content: its number, what came before it, and the acks that ride along.
fn fix(turn: &mut Turn, outgoing: &Outgoing) -> Result<(), StoreError> {
    let mut chain = turn.store.send_chain(outgoing.contact)?;
    let kind = kind_of(turn, outgoing)?;
    let numbered = kind.numbered();
    if numbered {
        chain.sequence += 1;
    }
    let content = Content {
        id: WireId(turn.random()),
        link: Link { chain: chain.chain, sequence: chain.sequence, numbered, previous: chain.hash },
        sent_at: turn.now,
        acks: acks_for(turn, outgoing)?,
        kind,
    };
    let bytes = content::encode(&content);
    if numbered {
        chain.hash = Some(content::hash(&bytes));
        turn.store.set_send_chain(outgoing.contact, &chain)?;
    }
    turn.store.set_ack_due(outgoing.contact, false)?;
    turn.wish(RepairEvent::Spoke(outgoing.contact));
    let outbox = OutboxId(turn.random_id());
    let sequence = if numbered { chain.sequence } else { 0 };
    turn.store.fix_outgoing(outgoing.id, sequence, &bytes, outbox)
}

fn kind_of(turn: &Turn, outgoing: &Outgoing) -> Result<Kind, StoreError> {
    Ok(match outgoing.kind {
        OutgoingKind::Receipt => Kind::Receipt,
        OutgoingKind::QueueChange => Kind::QueueChange,
        OutgoingKind::Profile => Kind::Profile(contacts::profile_name(&turn.store)?),
        OutgoingKind::Repair => Kind::SessionRepair,
        OutgoingKind::KeepAlive => Kind::KeepAlive,
        OutgoingKind::GapRequest => {
            let chain = turn.store.receive_chain(outgoing.contact)?;
            Kind::GapRequest(chain.numbers.missing(chain.highest, GAPS_MAX))
        }
        OutgoingKind::Text => match outgoing.message.as_deref() {
            Some(message) => text_part(turn, message, outgoing)?,
            None => Kind::QueueChange,
        },
    })
}

fn text_part(turn: &Turn, message: &str, outgoing: &Outgoing) -> Result<Kind, StoreError> {
    // A text that was deleted meanwhile leaves a number without words.
    let Some(message) = turn.store.message(message)? else { return Ok(Kind::QueueChange) };
    let body = content::split(&message.body).get(usize::from(outgoing.part)).copied().unwrap_or_default();
    let reply_to = match turn.store.message(&message.reply_to)? {
        Some(answered) if outgoing.part == 0 => Some(answered.wire),
        _ => None,
    };
    Ok(Kind::Text(TextPart {
        message: message.wire,
        part: outgoing.part,
        parts: outgoing.parts,
        body: body.to_owned(),
        reply_to,
    }))
}

fn acks_for(turn: &Turn, outgoing: &Outgoing) -> Result<Option<Acks>, StoreError> {
    let gaps = if outgoing.kind == OutgoingKind::Repair { GAPS_IN_REPAIR_MAX } else { GAPS_MAX };
    let chain = turn.store.receive_chain(outgoing.contact)?;
    if chain.chain == Timestamp(0) {
        return Ok(None);
    }
    let mut up_to = chain.numbers.highest();
    let mut missing = chain.numbers.missing(up_to, gaps + 1);
    if let Some(untold) = missing.get(gaps) {
        // There is room for so many gaps only: say nothing of what lies beyond.
        up_to = untold.first - 1;
        missing.truncate(gaps);
    }
    Ok(Some(Acks { chain: chain.chain, up_to, missing }))
}

fn reached(turn: &mut Turn, id: &str, contact: ContactId, state: Delivery) -> Result<(), StoreError> {
    if turn.store.advance_message(id, state)? {
        turn.event(&EventKind::Delivery { id: id.to_owned(), contact, state })?;
    }
    Ok(())
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
    Ok(())
}
