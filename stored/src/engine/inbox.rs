//! What comes in: envelopes are opened, contents committed once and in the sender's order, and acks owed both ways.

use std::time::Duration;

use ipc_schema::Timestamp;
use ipc_schema::edge::stored_keyvault::PeerQueue as OfferedQueue;
use ipc_schema::edge::stored_keyvault::{
    OpenEnvelope, OpenError, Opened, OpenedMessage, Purpose, RemoveSession,
};

use super::event::{QueueEvent, RepairEvent};
use super::{
    Answer, Arrived, Busy, CircuitId, Engine, MailboxAnswer, MailboxCall, Pending, Task, Timer, User,
};
use crate::content::{self, Content, Kind, Received, TextPart};
use crate::error::StoreError;
use crate::ids::{ContactId, MailboxId, ReplicaId, SessionId};
use crate::store::{
    Contact, ContactState, Delivery, EventKind, InviteState, Message, OutgoingKind, PeerQueue, ReceiveChain,
    Replica, ReplicaState,
};

/// Envelopes that keyvault is asked about at a time.
const OPENING_MAX: usize = 64;
/// Envelopes that may wait here: what every live queue may push at once, for a few queues. More come again after an ack.
const ARRIVED_MAX: usize = 1_024;
/// Ids in one ack to a mailbox: one relay message chain holds them well.
const ACKS_MAX: usize = 64;
/// A number that is missing so long is asked for.
const GAP_ASK: Duration = Duration::from_secs(25);
/// What waits for a missing number is shown without it after so long.
const GAP_SHOW: Duration = Duration::from_secs(60);
/// Wait after a mailbox did not take an ack.
const ACK_RETRY: Duration = Duration::from_secs(3);
/// Wait after keyvault could not open.
const OPEN_RETRY: Duration = Duration::from_secs(2);

impl Engine {
    /// A mailbox pushed an envelope.
    pub(crate) fn arrived(&mut self, arrived: Arrived) {
        let name = (arrived.replica, arrived.mailbox);
        let known = self.memory.opening.contains_key(&name)
            || self.memory.arrived.iter().any(|other| (other.replica, other.mailbox) == name)
            || self.memory.acks.get(&arrived.replica).is_some_and(|acks| acks.contains(&arrived.mailbox));
        if !known && self.memory.arrived.len() < ARRIVED_MAX {
            self.memory.arrived.push_back(arrived);
        }
    }

    /// Asks keyvault about what arrived, as far as there is room.
    pub(crate) fn open_arrived(&mut self) {
        while self.memory.opening.len() < OPENING_MAX {
            let Some(arrived) = self.memory.arrived.pop_front() else { return };
            let call = OpenEnvelope {
                replica: arrived.replica.into(),
                envelope: arrived.envelope.clone(),
                sender_key: arrived.sender_key,
            };
            self.call_vault(Pending::Open(arrived.replica, arrived.mailbox), call);
            self.memory.opening.insert((arrived.replica, arrived.mailbox), arrived);
        }
    }

    pub(crate) fn opened(
        &mut self,
        replica: ReplicaId,
        mailbox: MailboxId,
        opened: Result<Opened, OpenError>,
    ) -> Result<(), StoreError> {
        let arrived = self.memory.opening.remove(&(replica, mailbox));
        match opened {
            Ok(Opened::Message(OpenedMessage { session, content, inner, peer_queues, first, news })) => {
                self.store.add_intent(replica, mailbox, &inner)?;
                self.memory.forget_opened.push(inner);
                self.memory.proof_at = Some(self.now);
                if let Some(contact) = self.contact_of(replica, session.into(), first)? {
                    self.learn_queues(&contact, &peer_queues)?;
                    self.run(RepairEvent::Heard(contact.clone(), news))?;
                    if !contact.blocked {
                        self.received(contact.id, &content)?;
                    }
                }
            }
            Ok(Opened::OpenedTwice) => self.run(QueueEvent::OpenedTwice(replica))?,
            Ok(Opened::PeerRolledBack(session)) => self.run(RepairEvent::RolledBack(session.into()))?,
            Ok(Opened::OutOfStep(session)) => self.run(RepairEvent::OutOfStep(session.into()))?,
            Ok(Opened::Duplicate(_) | Opened::Unreadable) | Err(OpenError::NoSuchId) => {}
            Err(OpenError::TooManyOpen | OpenError::Fault(_)) => {
                // keyvault keeps too much, or could not write: it is asked again.
                self.memory.arrived.extend(arrived);
                self.after(OPEN_RETRY, Timer::Open);
                return Ok(());
            }
        }
        self.memory.acks.entry(replica).or_default().push(mailbox);
        Ok(())
    }

    /// Whose message it is; the first one of an invite's queue is its acceptance.
    fn contact_of(
        &mut self,
        replica: ReplicaId,
        session: SessionId,
        first: bool,
    ) -> Result<Option<Contact>, StoreError> {
        if let Some(contact) = self.store.contact_of_session(session)? {
            return Ok(Some(contact));
        }
        let invite = self.store.invite(replica)?;
        // keyvault lets one acceptance in: while its contact has no session here, this one is it. Its first message may have been
        // opened before a kill, and come again only after this one.
        let is_its = match &invite {
            Some(invite) => {
                first || self.store.contact(invite.contact)?.is_some_and(|contact| contact.session.is_none())
            }
            None => false,
        };
        let Some(invite) = invite.filter(|_| is_its) else {
            // Whoever it was is deleted here: so are the keys, once the queues are gone.
            if self.store.removal_waits(session, ReplicaId(0))? {
                return Ok(None);
            }
            self.call_vault(Pending::Nothing, RemoveSession { session: session.into() });
            return Ok(None);
        };
        self.store.set_session(invite.contact, session)?;
        self.store.set_offered(replica)?;
        if invite.state != InviteState::OpenedTwice {
            self.store.set_invite_state(replica, InviteState::Accepted)?;
        }
        self.turn.post(invite.contact, OutgoingKind::Profile)?;
        self.turn.wish(QueueEvent::Fill(invite.contact));
        self.turn.wish(QueueEvent::LookAt(replica));
        self.store.contact(invite.contact)
    }

    fn learn_queues(&mut self, contact: &Contact, offered: &[OfferedQueue]) -> Result<(), StoreError> {
        for queue in offered {
            let isolation = self.random();
            let added = self.store.add_peer_queue(&PeerQueue {
                number: queue.number.into(),
                contact: contact.id,
                relay: queue.relay,
                queue: queue.queue.to_vec(),
                sender_key: queue.sender_key.to_vec(),
                isolation,
                secured: false,
                full: false,
                dead: false,
            })?;
            if added {
                self.advance_peer_queue(queue.number.into())?;
            }
        }
        Ok(())
    }

    /// One content, authenticated as the contact's.
    fn received(&mut self, id: ContactId, untrusted_content: &[u8]) -> Result<(), StoreError> {
        let Ok(content) = content::decode(untrusted_content) else { return Ok(()) };
        let Some(contact) = self.store.contact(id)? else { return Ok(()) };
        if contact.state != ContactState::Connected {
            self.store.set_contact_state(id, ContactState::Connected)?;
            self.event(&EventKind::Contact { contact: id })?;
        }
        self.memory.pump.insert(id);
        let mut chain = self.store.receive_chain(id)?;
        if content.link.chain > chain.chain {
            // The peer numbers anew. What waits here was told as received and comes no second time; what it waits for may never come.
            self.show_in_order(id, &mut chain, Duration::ZERO)?;
            chain = ReceiveChain {
                chain: content.link.chain,
                numbers: Received::default(),
                shown: 0,
                highest: 0,
            };
        }
        if content.link.chain < chain.chain {
            return Ok(());
        }
        if let Some(acks) = &content.acks {
            self.acked_by_peer(id, acks)?;
        }
        chain.highest = chain.highest.max(content.link.sequence);
        if !content.link.numbered {
            self.store.set_receive_chain(id, &chain)?;
            self.watch_for_gap(id, &chain);
            return self.unnumbered(id, &content);
        }
        // Also for one that came before: the peer seems not to know that it did.
        self.store.set_ack_due(id, true)?;
        let number = content.link.sequence;
        if chain.numbers.insert(number) {
            let hash = content::hash(untrusted_content);
            if self.store.note_received(id, content.id, number, &hash)? {
                self.store.hold(id, number, untrusted_content, self.now)?;
            }
            self.show_in_order(id, &mut chain, GAP_SHOW)?;
        }
        self.store.set_receive_chain(id, &chain)?;
        self.watch_for_gap(id, &chain);
        Ok(())
    }

    fn unnumbered(&mut self, contact: ContactId, content: &Content) -> Result<(), StoreError> {
        if let Kind::GapRequest(gaps) = &content.kind {
            let last = gaps.iter().map(|gap| gap.last).max().unwrap_or(0);
            for outgoing in self.store.sealed_up_to(contact, last)? {
                if gaps.iter().any(|gap| gap.first <= outgoing.sequence && outgoing.sequence <= gap.last) {
                    self.reseal_if_lost(&outgoing)?;
                }
            }
        }
        Ok(())
    }

    /// Shows what is held as far as no number is missing, or has been missing for longer than `patience`.
    fn show_in_order(
        &mut self,
        id: ContactId,
        chain: &mut ReceiveChain,
        patience: Duration,
    ) -> Result<(), StoreError> {
        while let Some((number, bytes, since)) = self.store.first_held(id)? {
            let next = number <= chain.shown.saturating_add(1);
            if !next && self.now.since(since) < patience {
                break;
            }
            self.store.release(id, number)?;
            if let Ok(content) = content::decode(&bytes) {
                self.show(id, content, number < chain.shown)?;
            }
            chain.shown = chain.shown.max(number);
        }
        Ok(())
    }

    fn show(&mut self, contact: ContactId, content: Content, late: bool) -> Result<(), StoreError> {
        let number = content.link.sequence;
        match content.kind {
            Kind::Text(part) => {
                let (wire, reply_to) = (part.message, part.reply_to);
                let Some(body) = self.whole(contact, part)? else { return Ok(()) };
                let reply_to = match reply_to {
                    Some(wire) => self.store.message_by_wire(contact, wire)?.map(|message| message.id),
                    None => None,
                };
                self.show_text(contact, (wire, body, reply_to), (number, content.sent_at), late)
            }
            Kind::Later(_) => {
                let body = "This message needs a newer version of Privatus.".to_owned();
                self.show_text(contact, (content.id, body, None), (number, content.sent_at), late)
            }
            Kind::Profile(name) => {
                self.store.set_their_name(contact, &name)?;
                self.event(&EventKind::Contact { contact })
            }
            Kind::QueueChange
            | Kind::Receipt
            | Kind::KeepAlive
            | Kind::SessionRepair
            | Kind::GapRequest(_) => Ok(()),
        }
    }

    fn whole(&self, contact: ContactId, part: TextPart) -> Result<Option<String>, StoreError> {
        if part.parts == 1 {
            return Ok(Some(part.body));
        }
        self.store.add_part(contact, part.message, (part.part, part.parts), &part.body)
    }

    fn show_text(
        &mut self,
        contact: ContactId,
        (wire, body, reply_to): (content::WireId, String, Option<String>),
        (sequence, sent_at): (u64, Timestamp),
        late: bool,
    ) -> Result<(), StoreError> {
        if self.store.message_by_wire(contact, wire)?.is_some() {
            return Ok(());
        }
        let position = if late {
            self.store.late_position(contact, sequence)?
        } else {
            self.store.last_position(contact)?
        };
        let id = message_id(contact, wire);
        self.store.add_message(&Message {
            id: id.clone(),
            contact,
            wire,
            mine: false,
            position,
            sequence,
            sent_at,
            received_at: self.now,
            body: body.clone(),
            state: Delivery::Delivered,
            reply_to: reply_to.unwrap_or_default(),
            route: Vec::new(),
        })?;
        self.store.touch_contact(contact, self.now, &body, 1)?;
        self.event(&EventKind::Message { id })
    }

    fn watch_for_gap(&mut self, contact: ContactId, chain: &ReceiveChain) {
        let gap = chain.numbers.complete_up_to() < chain.highest;
        if gap && self.begin(Busy::Gap(contact)) {
            self.after(GAP_ASK, Timer::Gap(contact));
        }
    }

    /// Numbers are still missing: the peer is asked for them, and what waited too long is shown.
    pub(crate) fn gap_timer(&mut self, contact: ContactId) -> Result<(), StoreError> {
        let mut chain = self.store.receive_chain(contact)?;
        if chain.numbers.complete_up_to() >= chain.highest {
            self.memory.busy.remove(&Busy::Gap(contact));
            return Ok(());
        }
        self.show_in_order(contact, &mut chain, GAP_SHOW)?;
        self.store.set_receive_chain(contact, &chain)?;
        if !self.store.under_way(contact, OutgoingKind::GapRequest)? {
            self.store.add_outgoing(contact, OutgoingKind::GapRequest, None, None)?;
            self.memory.pump.insert(contact);
        }
        self.after(GAP_ASK.saturating_mul(2), Timer::Gap(contact));
        Ok(())
    }

    /// Acks at the mailboxes what is durable here, or can never be read. One ack at a time on each queue, so that a burst shares it.
    pub(crate) fn flush_acks(&mut self) -> Result<(), StoreError> {
        let owed: Vec<ReplicaId> =
            self.memory.acks.iter().filter(|(_, ids)| !ids.is_empty()).map(|(replica, _)| *replica).collect();
        for id in owed {
            if self.memory.busy.contains(&Busy::Acknowledge(id)) {
                continue;
            }
            let Some(replica) =
                self.store.replica(id)?.filter(|replica| replica.state >= ReplicaState::Leaving)
            else {
                self.memory.acks.remove(&id);
                self.store.drop_intents_of(id)?;
                continue;
            };
            if let Some(circuit) = self.circuit_of(&replica) {
                let waiting = self.memory.acks.entry(id).or_default();
                let messages: Vec<MailboxId> = waiting.drain(..waiting.len().min(ACKS_MAX)).collect();
                self.acknowledge(circuit, replica, messages);
            }
        }
        Ok(())
    }

    fn circuit_of(&mut self, replica: &Replica) -> Option<CircuitId> {
        let relay = replica.relay.filter(|_| replica.created.is_some())?;
        self.circuit(relay, replica.isolation, User::Replica(replica.id))
    }

    fn acknowledge(&mut self, circuit: CircuitId, replica: Replica, messages: Vec<MailboxId>) {
        let (id, Some(created)) = (replica.id, replica.created) else { return };
        self.begin(Busy::Acknowledge(id));
        let purpose = Purpose::Acknowledge { replica: id.into(), messages: messages.clone() };
        let call =
            MailboxCall::Acknowledge { queue: created.receiver_queue.to_vec(), messages: messages.clone() };
        self.command(circuit, Task::Acknowledge(id, messages), Some(purpose), call);
    }

    pub(crate) fn prove_timer(&mut self, id: ReplicaId) -> Result<(), StoreError> {
        let Some(replica) = self.store.replica(id)?.filter(|replica| replica.state == ReplicaState::Live)
        else {
            return Ok(());
        };
        if !self.memory.busy.contains(&Busy::Acknowledge(id))
            && let Some(circuit) = self.circuit_of(&replica)
        {
            self.acknowledge(circuit, replica, Vec::new());
        }
        Ok(())
    }

    pub(crate) fn mail_acked(
        &mut self,
        id: ReplicaId,
        messages: Vec<MailboxId>,
        answer: &MailboxAnswer,
    ) -> Result<(), StoreError> {
        match answer {
            MailboxAnswer::Told(Answer::Ok) => {
                self.memory.done_intents.extend(messages.into_iter().map(|mailbox| (id, mailbox)));
            }
            MailboxAnswer::Told(Answer::NoQueue) => self.store.drop_intents_of(id)?,
            _ => {
                // Later; until then no other ack of this queue is begun.
                self.memory.acks.entry(id).or_default().extend(messages);
                self.begin(Busy::Acknowledge(id));
                self.after(ACK_RETRY, Timer::Acknowledge(id));
            }
        }
        Ok(())
    }

    /// After a start: what was committed and perhaps not acked is forgotten and acked again.
    pub(crate) fn resume_inbox(&mut self) -> Result<(), StoreError> {
        for (replica, mailbox, inner) in self.store.intents()? {
            self.memory.forget_opened.push(inner);
            self.memory.acks.entry(replica).or_default().push(mailbox);
        }
        Ok(())
    }
}

/// A received text's id: nobody else can choose the same one.
fn message_id(contact: ContactId, wire: content::WireId) -> String {
    let hash = content::hash(&[contact.0.to_be_bytes().as_slice(), &wire.0].concat());
    crate::ids::hex(hash.first_chunk::<16>().unwrap_or(&[0; 16]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::{Link, WireId};
    use crate::engine::{Input, Query, Reply, RequestId};
    use crate::store::{Store, StoreKey};
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    const ANN: ContactId = ContactId(1);
    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn text(chain: u64, sequence: u64) -> Vec<u8> {
        let id = WireId([u8::try_from(10 * chain + sequence).unwrap(); 16]);
        let body = format!("{sequence} of {chain}");
        let part = TextPart { message: id, part: 0, parts: 1, body, reply_to: None };
        let link = Link { chain: Timestamp(chain), sequence, numbered: true, previous: None };
        content::encode(&Content { id, link, sent_at: NOW, acks: None, kind: Kind::Text(part) })
    }

    fn shown(engine: &mut Engine) -> Vec<String> {
        let query = Query::Messages { who: "Ann".into(), limit: 10, before: String::new() };
        let mut actions = engine.handle(NOW, vec![Input::Query(RequestId(1), Box::new(query))]);
        match actions.remove(0) {
            crate::engine::Action::Answer(_, Ok(Reply::Page(page))) => {
                page.messages.into_iter().map(|message| message.body).collect()
            }
            _ => panic!("no page"),
        }
    }

    #[test]
    fn what_waits_for_a_number_is_shown_when_the_peer_numbers_anew() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store.db"), &StoreKey::new([7; 32])).unwrap();
        store.add_contact(ANN, "Ann", ContactState::Connected, NOW).unwrap();
        let mut engine = Engine::new(store, Box::new(ChaCha20Rng::seed_from_u64(1)));
        engine.now = NOW;
        engine.received(ANN, &text(1, 1)).unwrap();
        engine.received(ANN, &text(1, 3)).unwrap();
        assert_eq!(shown(&mut engine), ["1 of 1"], "the third waits for the second");
        // It was told as received, so the peer will not say it again.
        engine.received(ANN, &text(2, 1)).unwrap();
        assert_eq!(shown(&mut engine), ["1 of 1", "3 of 1", "1 of 2"]);
        engine.received(ANN, &text(1, 2)).unwrap();
        assert_eq!(shown(&mut engine).len(), 3, "what is older than the numbers that count is not taken");
    }
}
