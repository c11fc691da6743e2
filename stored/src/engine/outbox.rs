//! What goes out: contents are fixed, sealed, deposited at the peer's queues, and kept until the peer has acked them.

use std::time::Duration;

use ipc_schema::Timestamp;
use ipc_schema::edge::stored_keyvault::{
    Envelope, Forget, Purpose, RepairError, RepairSession, SealEnvelope, SealError,
};
use sha2::{Digest, Sha256};

use super::contacts;
use super::event::{AcceptEvent, RepairEvent, RepairRefused};
use super::{Answer, Busy, CircuitId, Engine, MailboxAnswer, MailboxCall, Pending, Task, Timer, User};
use crate::content::{
    self, Acks, Content, GAPS_IN_REPAIR_MAX, GAPS_MAX, Kind, Link, Range, TextPart, WireId,
};
use crate::error::StoreError;
use crate::ids::{ContactId, DepositId, OutboxId, OutgoingId, PeerQueueId, SessionId};
use crate::store::{Delivery, Deposit, EventKind, Outgoing, OutgoingKind, OutgoingState, PeerQueue};

/// Asked of keyvault at a time for one contact. It keeps at most 512 answers for everybody together.
pub(crate) const SEALING_MAX: usize = 48;
/// Asked of keyvault at a time in all.
const SEALING_TOTAL_MAX: usize = 192;
/// Deposits on one circuit that are not answered yet: a window of cells holds 28.
const DEPOSITING_MAX: usize = 28;
/// Mean of the delay of the second replica.
const SECOND_REPLICA: Duration = Duration::from_secs(5);
/// A content that is missing over there is sealed again no sooner after its last sealing: the second replica may still bring it.
const RESEAL_AFTER: Duration = Duration::from_secs(20);
/// A relay that has not answered for so long may be gone without a word: the other one is asked.
const SLOW: Duration = Duration::from_secs(2);
/// Wait after keyvault could not seal.
const SEAL_RETRY: Duration = Duration::from_secs(2);
/// A relay's disk or queue that is full is asked again.
const FULL_RETRY: Duration = Duration::from_secs(20);

/// Mirrors the relay's rate limit for one queue, so that it seldom has to say *throttled*
/// (docs/protocol/mailbox.md, "What the commands do": burst 256, then 60/s).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pacing {
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

    /// The clock was set back: waits end at that moment instead.
    pub(crate) fn sooner(&mut self, sooner: impl Fn(Timestamp) -> Timestamp) {
        self.at = sooner(self.at);
        self.not_before = sooner(self.not_before);
    }

    fn refused(&mut self, now: Timestamp, wait: Duration) {
        self.tokens = 0.0;
        self.at = now.after(wait);
        self.not_before = now.after(wait);
    }
}

/// Why keyvault did not seal a content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotSealed {
    /// It may another time.
    Now,
    /// It has other bytes under this name.
    OtherContent,
    /// It was a repair.
    Repair(RepairRefused),
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

impl Engine {
    /// Begins sealing what waits for a contact, as far as there is room, and adds a receipt where acks are still owed then.
    pub(crate) fn pump_outbox(&mut self, id: ContactId) -> Result<(), StoreError> {
        let Some(contact) = self.store.contact(id)? else { return Ok(()) };
        let Some(session) = contact.session else { return Ok(()) };
        if contact.blocked {
            return Ok(());
        }
        let waiting = self.store.outgoing_in_state(
            id,
            OutgoingState::Waiting,
            u32::try_from(SEALING_MAX).unwrap_or(u32::MAX),
        )?;
        for outgoing in waiting {
            if !self.may_seal(id) {
                return Ok(());
            }
            self.fix(&outgoing)?;
            self.seal(outgoing.id, session)?;
        }
        // Asked anew: what was sealed just now carries the acks.
        let ack_due = self.store.contact(id)?.is_some_and(|contact| contact.ack_due);
        if ack_due && !self.store.under_way(id, OutgoingKind::Receipt)? && self.may_seal(id) {
            let receipt = self.store.add_outgoing(id, OutgoingKind::Receipt, None, None)?;
            if let Some(outgoing) = self.store.outgoing(receipt)? {
                self.fix(&outgoing)?;
                self.seal(receipt, session)?;
            }
        }
        Ok(())
    }

    /// One contact's long text leaves places for the others.
    fn may_seal(&self, contact: ContactId) -> bool {
        let sealing = &self.memory.sealing;
        let for_contact = sealing.values().filter(|of| **of == contact).count();
        for_contact < SEALING_MAX && sealing.len() < SEALING_TOTAL_MAX
    }

    /// Fixes the bytes of a content: its number, what came before it, and the acks that ride along.
    pub(crate) fn fix(&mut self, outgoing: &Outgoing) -> Result<(), StoreError> {
        let mut chain = self.store.send_chain(outgoing.contact)?;
        let kind = self.kind_of(outgoing)?;
        let numbered = kind.numbered();
        if numbered {
            chain.sequence += 1;
        }
        let content = Content {
            id: WireId(self.random()),
            link: Link { chain: chain.chain, sequence: chain.sequence, numbered, previous: chain.hash },
            sent_at: self.now,
            acks: self.acks_for(outgoing)?,
            kind,
        };
        let bytes = content::encode(&content);
        if numbered {
            chain.hash = Some(content::hash(&bytes));
            self.store.set_send_chain(outgoing.contact, &chain)?;
        }
        self.store.set_ack_due(outgoing.contact, false)?;
        self.run(RepairEvent::Spoke(outgoing.contact))?;
        let outbox = OutboxId(self.random_id());
        let sequence = if numbered { chain.sequence } else { 0 };
        self.store.fix_outgoing(outgoing.id, sequence, &bytes, outbox)
    }

    fn kind_of(&self, outgoing: &Outgoing) -> Result<Kind, StoreError> {
        Ok(match outgoing.kind {
            OutgoingKind::Receipt => Kind::Receipt,
            OutgoingKind::QueueChange => Kind::QueueChange,
            OutgoingKind::Profile => Kind::Profile(contacts::profile_name(&self.turn.store)?),
            OutgoingKind::Repair => Kind::SessionRepair,
            OutgoingKind::KeepAlive => Kind::KeepAlive,
            OutgoingKind::GapRequest => {
                let chain = self.store.receive_chain(outgoing.contact)?;
                Kind::GapRequest(chain.numbers.missing(chain.highest, GAPS_MAX))
            }
            OutgoingKind::Text => match outgoing.message.as_deref() {
                Some(message) => self.text_part(message, outgoing)?,
                None => Kind::QueueChange,
            },
        })
    }

    fn text_part(&self, message: &str, outgoing: &Outgoing) -> Result<Kind, StoreError> {
        // A text that was deleted meanwhile leaves a number without words.
        let Some(message) = self.store.message(message)? else { return Ok(Kind::QueueChange) };
        let body = content::split(&message.body).get(usize::from(outgoing.part)).copied().unwrap_or_default();
        let reply_to = match self.store.message(&message.reply_to)? {
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

    fn acks_for(&self, outgoing: &Outgoing) -> Result<Option<Acks>, StoreError> {
        let gaps = if outgoing.kind == OutgoingKind::Repair { GAPS_IN_REPAIR_MAX } else { GAPS_MAX };
        let chain = self.store.receive_chain(outgoing.contact)?;
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

    pub(crate) fn seal(&mut self, id: OutgoingId, session: crate::ids::SessionId) -> Result<(), StoreError> {
        let Some(outgoing) = self.store.outgoing(id)? else { return Ok(()) };
        let (Some(content), Some(outbox)) = (outgoing.content, outgoing.outbox) else { return Ok(()) };
        if self.memory.sealing.insert(id, outgoing.contact).is_none() {
            let (pending, session, outbox) = (Pending::Seal(id, outbox), session.into(), outbox.into());
            if outgoing.kind == OutgoingKind::Repair {
                self.call_vault(pending, RepairSession { session, outbox, content, offer: Vec::new() });
            } else {
                let offer = outgoing.offer.into_iter().map(Into::into).collect();
                self.call_vault(pending, SealEnvelope { session, outbox, content, offer });
            }
        }
        Ok(())
    }

    pub(crate) fn sealed(
        &mut self,
        id: OutgoingId,
        outbox: OutboxId,
        sealed: Result<Vec<Envelope>, NotSealed>,
    ) -> Result<(), StoreError> {
        self.memory.sealing.remove(&id);
        let Some(outgoing) = self.store.outgoing(id)? else {
            self.memory.forget_outbox.push(outbox);
            return Ok(());
        };
        self.memory.pump.insert(outgoing.contact);
        match sealed {
            Ok(envelopes) if outgoing.state == OutgoingState::Sealing => {
                self.keep_sealed(&outgoing, outbox, envelopes)?;
                if outgoing.kind == OutgoingKind::Repair {
                    self.run(RepairEvent::Begun(outgoing.contact))
                } else {
                    Ok(())
                }
            }
            Ok(_) => {
                // Acked while it was sealed again.
                self.memory.forget_outbox.push(outbox);
                self.store.drop_outgoing(id)
            }
            Err(NotSealed::Repair(refused)) => self.run(RepairEvent::Refused(Box::new(outgoing), refused)),
            Err(NotSealed::OtherContent) => {
                // keyvault has other bytes under this name: take another.
                let fresh = OutboxId(self.random_id());
                self.memory.forget_outbox.push(outbox);
                self.store.outgoing_sealed(id, self.now)?;
                self.store.reseal_outgoing(id, fresh)?;
                self.seal_again(id)
            }
            Err(NotSealed::Now) => {
                self.memory.pump.remove(&outgoing.contact);
                self.after(SEAL_RETRY, Timer::Pump(outgoing.contact));
                self.after(SEAL_RETRY, Timer::Seal(id));
                Ok(())
            }
        }
    }

    pub(crate) fn keep(&mut self, id: OutgoingId, envelopes: Vec<Envelope>) -> Result<(), StoreError> {
        let Some(outgoing) = self.store.outgoing(id)? else { return Ok(()) };
        let Some(outbox) = outgoing.outbox else { return Ok(()) };
        self.keep_sealed(&outgoing, outbox, envelopes)
    }

    /// Makes the envelopes durable, all in one transaction, then lets keyvault forget and the network have them.
    pub(crate) fn keep_sealed(
        &mut self,
        outgoing: &Outgoing,
        outbox: OutboxId,
        envelopes: Vec<Envelope>,
    ) -> Result<(), StoreError> {
        self.store.outgoing_sealed(outgoing.id, self.now)?;
        self.memory.unforgotten.insert(outbox, outgoing.id);
        self.memory.forget_outbox.push(outbox);
        let queues = self.store.peer_queues_of(outgoing.contact)?;
        let mut fresh: Vec<_> = envelopes
            .into_iter()
            .map(|envelope| (PeerQueueId::from(envelope.peer_queue), envelope))
            .filter(|(id, _)| queues.iter().any(|queue| queue.number == *id))
            .collect();
        // The first goes where a circuit is open and nothing is in the way, the others after a random delay.
        fresh.sort_by_key(|(queue, _)| !self.is_ready(*queue));
        let mut touched = Vec::new();
        for (at, (peer_queue, envelope)) in fresh.into_iter().enumerate() {
            let due = if at == 0 { self.now } else { self.now.after(self.exponential(SECOND_REPLICA)) };
            touched.push(peer_queue);
            self.store.add_deposit(&Deposit {
                id: DepositId(0),
                outgoing: outgoing.id,
                peer_queue,
                put_id: envelope.put_id,
                envelope: envelope.bytes,
                due,
            })?;
        }
        self.after(SLOW, Timer::Slow(outgoing.id));
        touched.into_iter().try_for_each(|queue| self.advance_peer_queue(queue))
    }

    /// No relay has told that it has it: all replicas are tried at once.
    pub(crate) fn slow_timer(&mut self, id: OutgoingId) -> Result<(), StoreError> {
        let Some(outgoing) = self.store.outgoing(id)?.filter(|outgoing| !outgoing.relayed) else {
            return Ok(());
        };
        if self.store.hurry(id, self.now)? > 0 {
            for queue in self.store.peer_queues_of(outgoing.contact)? {
                self.advance_peer_queue(queue.number)?;
            }
        }
        Ok(())
    }

    fn is_ready(&self, queue: PeerQueueId) -> bool {
        let paced = self.memory.pacing.get(&queue);
        self.circuits.is_open(User::PeerQueue(queue))
            && paced.is_none_or(|pacing| pacing.not_before <= self.now && pacing.tokens >= 1.0)
    }

    /// Secures a queue of the peer once, then deposits what is due.
    pub(crate) fn advance_peer_queue(&mut self, id: PeerQueueId) -> Result<(), StoreError> {
        let user = User::PeerQueue(id);
        let queue = self.store.peer_queue(id)?.filter(|queue| !queue.dead);
        let Some(queue) = queue else {
            self.leave_circuit(user);
            return Ok(());
        };
        let Some(circuit) = self.circuit(queue.relay, queue.isolation, user) else { return Ok(()) };
        if !queue.secured {
            if self.begin(Busy::Secure(id)) {
                let call = MailboxCall::Secure { queue: queue.queue, sender_key: queue.sender_key };
                self.command(circuit, Task::Secure(id), Some(Purpose::Secure(id.into())), call);
            }
            return Ok(());
        }
        self.deposit_due(circuit, &queue)
    }

    fn deposit_due(&mut self, circuit: CircuitId, queue: &PeerQueue) -> Result<(), StoreError> {
        let user = User::PeerQueue(queue.number);
        let now = self.now;
        for (id, due) in self.store.deposits(queue.number, 64)? {
            if self.memory.busy.contains(&Busy::Deposit(id)) {
                continue;
            }
            if due > now {
                self.set_timer(due, Timer::User(user));
                break;
            }
            let pacing = self.memory.pacing.entry(queue.number).or_insert_with(|| Pacing::new(now));
            if pacing.in_flight >= DEPOSITING_MAX {
                break;
            }
            if let Err(later) = pacing.take(now) {
                self.set_timer(later, Timer::User(user));
                self.other_way(queue.number)?;
                break;
            }
            pacing.in_flight += 1;
            self.deposit(circuit, queue, id)?;
        }
        Ok(())
    }

    fn deposit(&mut self, circuit: CircuitId, queue: &PeerQueue, id: DepositId) -> Result<(), StoreError> {
        let Some(deposit) = self.store.deposit(id)? else { return Ok(()) };
        self.begin(Busy::Deposit(id));
        let purpose = Purpose::Deposit {
            peer_queue: queue.number.into(),
            put_id: deposit.put_id,
            envelope_hash: Sha256::digest(&deposit.envelope).into(),
        };
        let call = MailboxCall::Deposit {
            queue: queue.queue.clone(),
            put_id: deposit.put_id,
            envelope: deposit.envelope,
        };
        self.command(circuit, Task::Deposit(queue.number, id, circuit), Some(purpose), call);
        Ok(())
    }

    pub(crate) fn secured(&mut self, id: PeerQueueId, answer: &MailboxAnswer) -> Result<(), StoreError> {
        match answer {
            MailboxAnswer::Told(Answer::Ok) => {
                self.store.set_secured(id, true)?;
                self.advance_peer_queue(id)
            }
            MailboxAnswer::Told(Answer::NoQueue | Answer::NotAuthorised) => self.queue_is_dead(id),
            _ => {
                self.after(FULL_RETRY, Timer::User(User::PeerQueue(id)));
                Ok(())
            }
        }
    }

    pub(crate) fn deposited(
        &mut self,
        circuit: CircuitId,
        queue: PeerQueueId,
        id: DepositId,
        answer: &MailboxAnswer,
    ) -> Result<(), StoreError> {
        self.deposit_ended(queue);
        match answer {
            MailboxAnswer::Told(Answer::Ok) => {
                self.store.set_full(queue, false)?;
                if let Some(deposit) = self.store.deposit(id)? {
                    self.store.drop_deposit(id)?;
                    self.lies_at_relay(deposit.outgoing, circuit)?;
                }
                self.advance_peer_queue(queue)
            }
            MailboxAnswer::Told(Answer::NoQueue) => self.queue_is_dead(queue),
            MailboxAnswer::Told(Answer::NotAuthorised) => {
                // Secured for this key once, so the circuit and its counters are in doubt, or the relay lies: begin again, later.
                self.store.set_secured(queue, false)?;
                self.pause(queue, SLOW)
            }
            MailboxAnswer::Told(Answer::Throttled) => self.pause(queue, Duration::from_secs(1)),
            MailboxAnswer::Told(Answer::Full) => {
                self.store.set_full(queue, true)?;
                self.pause(queue, FULL_RETRY)
            }
            _ => self.pause(queue, FULL_RETRY),
        }
    }

    pub(crate) fn deposit_ended(&mut self, queue: PeerQueueId) {
        if let Some(pacing) = self.memory.pacing.get_mut(&queue) {
            pacing.in_flight = pacing.in_flight.saturating_sub(1);
        }
    }

    fn pause(&mut self, queue: PeerQueueId, wait: Duration) -> Result<(), StoreError> {
        let now = self.now;
        self.memory.pacing.entry(queue).or_insert_with(|| Pacing::new(now)).refused(now, wait);
        self.set_timer(now.after(wait), Timer::User(User::PeerQueue(queue)));
        self.other_way(queue)
    }

    /// What cannot go to this queue now goes to the peer's other one at once.
    fn other_way(&mut self, queue: PeerQueueId) -> Result<(), StoreError> {
        if self.store.hurry_other_replicas(queue, self.now)? == 0 {
            return Ok(());
        }
        let Some(contact) = self.store.peer_queue(queue)?.map(|queue| queue.contact) else { return Ok(()) };
        for other in self.store.peer_queues_of(contact)? {
            if other.number != queue {
                self.after(Duration::ZERO, Timer::User(User::PeerQueue(other.number)));
            }
        }
        Ok(())
    }

    /// Its circuit could not be had.
    pub(crate) fn peer_queue_unreachable(&mut self, queue: PeerQueueId) -> Result<(), StoreError> {
        if let Some(pacing) = self.memory.pacing.get_mut(&queue) {
            pacing.in_flight = 0;
        }
        self.other_way(queue)?;
        self.advance_peer_queue(queue)
    }

    fn queue_is_dead(&mut self, id: PeerQueueId) -> Result<(), StoreError> {
        self.other_way(id)?;
        self.store.set_dead(id)?;
        self.store.drop_deposits_of(id)?;
        self.leave_circuit(User::PeerQueue(id));
        Ok(())
    }

    /// One relay has it: the text shows that.
    fn lies_at_relay(&mut self, id: OutgoingId, circuit: CircuitId) -> Result<(), StoreError> {
        if !self.store.outgoing_relayed(id)? {
            return Ok(());
        }
        let Some(outgoing) = self.store.outgoing(id)? else { return Ok(()) };
        self.turn.wish(AcceptEvent::Relayed(outgoing.contact));
        if !outgoing.kind.numbered() {
            self.memory.pump.insert(outgoing.contact);
            return self.finish_outgoing(&outgoing);
        }
        let Some(message) = outgoing.message else { return Ok(()) };
        let route = self.circuits.route(circuit).to_vec();
        self.store.set_route(&message, &route)?;
        if self.store.parts_left(&message)?.0 == 0 {
            self.message_reached(&message, outgoing.contact, Delivery::Relayed)?;
        }
        Ok(())
    }

    fn message_reached(&mut self, id: &str, contact: ContactId, state: Delivery) -> Result<(), StoreError> {
        if self.store.advance_message(id, state)? {
            self.event(&EventKind::Delivery { id: id.to_owned(), contact, state })?;
        }
        Ok(())
    }

    /// It needs nothing more; the row waits for keyvault's forgetting where that is not certain yet.
    fn finish_outgoing(&mut self, outgoing: &Outgoing) -> Result<(), StoreError> {
        let certain = outgoing.state == OutgoingState::Sealed
            && outgoing.outbox.is_none_or(|outbox| !self.memory.unforgotten.contains_key(&outbox));
        if certain { self.store.drop_outgoing(outgoing.id) } else { self.store.outgoing_acked(outgoing.id) }
    }

    /// The peer tells what it has durably received, and what is missing there.
    pub(crate) fn acked_by_peer(&mut self, contact: ContactId, acks: &Acks) -> Result<(), StoreError> {
        if acks.chain != self.store.send_chain(contact)?.chain {
            return Ok(());
        }
        for outgoing in self.store.sealed_up_to(contact, acks.up_to)? {
            if acks.cover(outgoing.sequence) {
                self.content_delivered(&outgoing)?;
            } else {
                self.reseal_if_lost(&outgoing)?;
            }
        }
        Ok(())
    }

    fn content_delivered(&mut self, outgoing: &Outgoing) -> Result<(), StoreError> {
        self.finish_outgoing(outgoing)?;
        if let Some(replica) = outgoing.offer {
            self.store.set_offered(replica)?;
        }
        if let Some(message) = &outgoing.message
            && self.store.parts_left(message)?.1 == 0
        {
            self.message_reached(message, outgoing.contact, Delivery::Delivered)?;
        }
        Ok(())
    }

    pub(crate) fn missing_at_peer(&mut self, contact: ContactId, gaps: &[Range]) -> Result<(), StoreError> {
        let last = gaps.iter().map(|gap| gap.last).max().unwrap_or(0);
        for outgoing in self.store.sealed_up_to(contact, last)? {
            if gaps.iter().any(|gap| gap.first <= outgoing.sequence && outgoing.sequence <= gap.last) {
                self.reseal_if_lost(&outgoing)?;
            }
        }
        Ok(())
    }

    /// The peer misses it though later ones came: sealed again, unless it may still be on its way.
    pub(crate) fn reseal_if_lost(&mut self, outgoing: &Outgoing) -> Result<(), StoreError> {
        let ripe = self.now.since(outgoing.sealed_at) >= RESEAL_AFTER;
        let sealed = outgoing.state == OutgoingState::Sealed;
        if !sealed || !ripe || self.store.has_deposit(outgoing.id)? {
            return Ok(());
        }
        let outbox = OutboxId(self.random_id());
        self.store.reseal_outgoing(outgoing.id, outbox)?;
        self.seal_again(outgoing.id)
    }

    pub(crate) fn seal_again(&mut self, id: OutgoingId) -> Result<(), StoreError> {
        let Some(outgoing) = self.store.outgoing(id)? else { return Ok(()) };
        match self.store.contact(outgoing.contact)?.and_then(|contact| contact.session) {
            Some(session) => self.seal(id, session),
            None => Ok(()),
        }
    }

    /// What the peer has not acked was sealed for a session that it may have lost.
    pub(crate) fn seal_all_again(&mut self, id: ContactId) -> Result<(), StoreError> {
        for outgoing in self.store.sealed_up_to(id, u64::MAX)? {
            let outbox = OutboxId(self.random_id());
            self.store.reseal_outgoing(outgoing.id, outbox)?;
            self.seal_again(outgoing.id)?;
        }
        Ok(())
    }

    /// The first message of a session that is opened anew.
    pub(crate) fn seal_repair(&mut self, id: ContactId, session: SessionId) -> Result<(), StoreError> {
        if self.store.unsealed(id, OutgoingKind::Repair)?.is_some() {
            return Ok(());
        }
        let outgoing = self.store.add_outgoing(id, OutgoingKind::Repair, None, None)?;
        if let Some(outgoing) = self.store.outgoing(outgoing)? {
            self.fix(&outgoing)?;
            self.seal(outgoing.id, session)?;
        }
        Ok(())
    }

    pub(crate) fn resend_timer(&mut self, id: OutgoingId) -> Result<(), StoreError> {
        let sealing =
            self.store.outgoing(id)?.is_some_and(|outgoing| outgoing.state == OutgoingState::Sealing);
        if sealing { self.seal_again(id) } else { Ok(()) }
    }

    /// Lets keyvault drop what is durable here. After the signatures of this batch: nobody waits for it.
    pub(crate) fn flush_forget(&mut self) {
        while !self.memory.forget_outbox.is_empty() || !self.memory.forget_opened.is_empty() {
            let outbox = first_of(&mut self.memory.forget_outbox);
            let opened = first_of(&mut self.memory.forget_opened);
            let call = Forget { outbox: outbox.iter().copied().map(Into::into).collect(), opened };
            self.call_vault(Pending::Forget(outbox), call);
        }
    }

    pub(crate) fn forgotten(&mut self, outboxes: &[OutboxId]) -> Result<(), StoreError> {
        for outbox in outboxes {
            let Some(id) = self.memory.unforgotten.remove(outbox) else { continue };
            let acked =
                self.store.outgoing(id)?.is_some_and(|outgoing| outgoing.state == OutgoingState::Acked);
            if acked {
                self.store.drop_outgoing(id)?;
            }
        }
        Ok(())
    }

    /// After a start: keyvault is told again to forget, and asked again to seal; queues with mail get their circuits.
    pub(crate) fn resume_outbox(&mut self) -> Result<(), StoreError> {
        for (id, outbox) in self.store.outboxes_to_forget()? {
            self.memory.unforgotten.insert(outbox, id);
            self.memory.forget_outbox.push(outbox);
        }
        for contact in self.store.contacts()? {
            self.memory.pump.insert(contact.id);
            for outgoing in self.store.outgoing_in_state(contact.id, OutgoingState::Sealing, u32::MAX)? {
                // An accept's first message is asked for by `advance_accept`.
                if contact.session.is_some() {
                    self.seal_again(outgoing.id)?;
                }
            }
        }
        for queue in self.store.peer_queues()? {
            self.advance_peer_queue(queue.number)?;
        }
        Ok(())
    }
}

fn first_of<T>(ids: &mut Vec<T>) -> Vec<T> {
    ids.drain(..ids.len().min(ipc_schema::limits::IDS_PER_CALL_MAX)).collect()
}
