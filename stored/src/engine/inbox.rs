//! What comes in: envelopes are opened, contents committed once and in the sender's order, and acks owed both ways.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use ipc_schema::Timestamp;
use ipc_schema::edge::stored_keyvault::PeerQueue as OfferedQueue;
use ipc_schema::edge::stored_keyvault::{
    OpenEnvelope, OpenError, Opened, OpenedMessage, Purpose, RemoveSession,
};

use ipc_schema::edge::stored_onion::{Command, Refused};

use super::circuits::Circuits;
use super::event::{
    Asked, DepositEvent, InboxEvent, InviteEvent, Order, OutboxEvent, QueueEvent, RepairEvent, Timer, User,
};
use super::interface::{Arrived, Came, CircuitId, MailboxCall};
use super::notes;
use super::turn::Turn;
use crate::content::{self, Content, Kind, Link, TextPart};
use crate::error::StoreError;
use crate::ids::{ContactId, MailboxId, ReceiveQueueId, SessionId, hex};
use crate::store::{
    Contact, ContactState, Delivery, EventKind, InviteState, Message, Note, OutgoingKind, PeerQueue,
    ReceiveChain, ReceiveQueue, ReceiveQueueState,
};

/// Envelopes that keyvault is asked about at a time.
const OPENING_MAX: usize = 64;
/// Envelopes that may wait here: what every live queue may push at once, for a few queues. More come again after an ack.
const ARRIVED_MAX: usize = 1_024;
/// Ids in one ack to a mailbox: one relay message chain holds them well.
const ACKS_MAX: usize = 64;
/// A number that is missing so long is asked for.
const GAP_ASK: Duration = Duration::from_secs(25);
/// Each time this doubles, so often: what a peer does not have any more will never come.
const GAP_DOUBLED_MAX: u32 = 10;
/// Wait after a mailbox did not take an ack.
const ACK_RETRY: Duration = Duration::from_secs(3);
/// Wait after keyvault could not open.
const OPEN_RETRY: Duration = Duration::from_secs(2);

/// What is under way with envelopes of others.
#[derive(Default)]
pub(super) struct Inbox {
    /// Envelopes that keyvault has not been asked about, and those that it was.
    arrived: VecDeque<Arrived>,
    opening: BTreeMap<(ReceiveQueueId, MailboxId), Arrived>,
    /// Owed to mailboxes.
    acks: BTreeMap<ReceiveQueueId, Vec<MailboxId>>,
    /// An ack is on its way, or was not taken a moment ago.
    acknowledging: BTreeSet<ReceiveQueueId>,
    /// Acked at the mailbox: rows to be dropped with the next transaction.
    done: Vec<(ReceiveQueueId, MailboxId)>,
    /// A timer looks after missing numbers; how often they were asked for.
    gaps: BTreeMap<ContactId, u32>,
    /// The last sign of life from a peer.
    proof_at: Option<Timestamp>,
}

impl Inbox {
    pub(super) fn handle(
        &mut self,
        turn: &mut Turn,
        circuits: &mut Circuits,
        event: InboxEvent,
    ) -> Result<(), StoreError> {
        match event {
            InboxEvent::Resume => self.resume(turn),
            InboxEvent::Arrived(arrived) => {
                self.arrived(*arrived);
                Ok(())
            }
            InboxEvent::Opened(receive_queue, mailbox, opened) => {
                self.opened(turn, (receive_queue, mailbox), opened)
            }
            InboxEvent::GapDue(contact) => self.gap_due(turn, contact),
            InboxEvent::AckAgain(id) => {
                self.acknowledging.remove(&id);
                Ok(())
            }
            InboxEvent::Prove(id) => self.prove(turn, circuits, id),
            InboxEvent::Acknowledged(id, messages, came) => self.acknowledged(turn, id, messages, came),
            InboxEvent::Open => {
                self.open(turn);
                Ok(())
            }
            InboxEvent::Acknowledge => self.acknowledge_owed(turn, circuits),
        }
    }

    /// When a peer was last heard.
    pub(super) fn proof_at(&self) -> Option<Timestamp> {
        self.proof_at
    }

    /// The clock was set back: what was proved is as old as before.
    pub(super) fn set_back(&mut self, sooner: impl Fn(Timestamp) -> Timestamp) {
        self.proof_at = self.proof_at.map(sooner);
    }

    /// What was committed and perhaps not acked is forgotten and acked again.
    fn resume(&mut self, turn: &mut Turn) -> Result<(), StoreError> {
        for (receive_queue, mailbox, inner) in turn.store.intents()? {
            turn.wish(OutboxEvent::Committed(inner));
            self.acks.entry(receive_queue).or_default().push(mailbox);
        }
        for contact in turn.store.contacts()? {
            for bytes in turn.store.take_held(contact.id)? {
                if let Ok(content) = content::decode(&bytes) {
                    show_now(turn, contact.id, content)?;
                }
            }
        }
        Ok(())
    }

    // ---- envelopes

    fn arrived(&mut self, arrived: Arrived) {
        let name = (arrived.receive_queue, arrived.mailbox);
        let known = self.opening.contains_key(&name)
            || self.arrived.iter().any(|other| (other.receive_queue, other.mailbox) == name)
            || self.acks.get(&arrived.receive_queue).is_some_and(|acks| acks.contains(&arrived.mailbox));
        if !known && self.arrived.len() < ARRIVED_MAX {
            self.arrived.push_back(arrived);
        }
    }

    /// Asks keyvault about what arrived, as far as there is room.
    fn open(&mut self, turn: &mut Turn) {
        while self.opening.len() < OPENING_MAX {
            let Some(arrived) = self.arrived.pop_front() else { return };
            let (receive_queue, mailbox) = (arrived.receive_queue, arrived.mailbox);
            let call = OpenEnvelope {
                receive_queue: receive_queue.into(),
                envelope: arrived.envelope.clone(),
                sender_key: arrived.sender_key,
            };
            turn.ask(call, move |opened| InboxEvent::Opened(receive_queue, mailbox, opened));
            self.opening.insert((receive_queue, mailbox), arrived);
        }
    }

    fn opened(
        &mut self,
        turn: &mut Turn,
        (receive_queue, mailbox): (ReceiveQueueId, MailboxId),
        opened: Asked<Opened, OpenError>,
    ) -> Result<(), StoreError> {
        let arrived = self.opening.remove(&(receive_queue, mailbox));
        match opened {
            Ok(Ok(Opened::Message(message))) => {
                turn.store.add_intent(receive_queue, mailbox, &message.inner)?;
                turn.wish(OutboxEvent::Committed(message.inner));
                self.proof_at = Some(turn.now);
                self.message(turn, receive_queue, message)?;
            }
            Ok(Ok(Opened::OpenedTwice)) => turn.wish(InviteEvent::OpenedTwice(receive_queue.invite())),
            Ok(Ok(Opened::PeerRolledBack(session))) => turn.wish(RepairEvent::RolledBack(session.into())),
            Ok(Ok(Opened::OutOfStep(session))) => turn.wish(RepairEvent::OutOfStep(session.into())),
            Ok(Ok(Opened::Duplicate(_) | Opened::Unreadable) | Err(OpenError::NoSuchId)) => {}
            Ok(Err(OpenError::TooManyOpen | OpenError::Fault(_))) | Err(_) => {
                // keyvault keeps too much, or could not write: it is asked again.
                self.arrived.extend(arrived);
                turn.after(OPEN_RETRY, Timer::Open);
                return Ok(());
            }
        }
        self.acks.entry(receive_queue).or_default().push(mailbox);
        Ok(())
    }

    fn message(
        &mut self,
        turn: &mut Turn,
        receive_queue: ReceiveQueueId,
        opened: OpenedMessage,
    ) -> Result<(), StoreError> {
        let OpenedMessage { session, content, inner: _, peer_queues, first, news } = opened;
        let Some(contact) = contact_of(turn, receive_queue, session.into(), first)? else { return Ok(()) };
        let id = contact.id;
        learn_queues(turn, id, &peer_queues)?;
        turn.wish(RepairEvent::Heard(contact, news));
        self.received(turn, id, &content)
    }

    // ---- contents

    /// One content, authenticated as the contact's.
    fn received(
        &mut self,
        turn: &mut Turn,
        id: ContactId,
        untrusted_content: &[u8],
    ) -> Result<(), StoreError> {
        let Ok(content) = content::decode(untrusted_content) else { return Ok(()) };
        let Some(contact) = turn.store.contact(id)? else { return Ok(()) };
        if contact.state != ContactState::Connected && !contact.blocked {
            turn.store.set_contact_state(id, ContactState::Connected)?;
            turn.event(&EventKind::Contact { contact: id })?;
        }
        turn.wish(OutboxEvent::Pump(id));
        let mut chain = turn.store.receive_chain(id)?;
        if content.link.chain > chain.chain {
            if chain.chain != Timestamp(0) {
                notes::tell(turn, id, Note::OlderCopyThere)?;
            }
            chain = ReceiveChain::begun(content.link.chain);
        }
        if content.link.chain < chain.chain {
            // Said before the peer numbered anew, or by an older copy of it, which learns that from the acks.
            return if content.link.numbered { show_now(turn, id, content) } else { Ok(()) };
        }
        if let Some(acks) = &content.acks {
            turn.wish(OutboxEvent::Acked(id, acks.clone()));
        }
        chain.highest = chain.highest.max(content.link.sequence);
        if content.link.numbered {
            // Also for one that came before: the peer seems not to know that it did.
            turn.store.set_ack_due(id, true)?;
            take(turn, &contact, &mut chain, content, &content::hash(untrusted_content))?;
        } else if differs(turn, id, &content.link)? {
            conflict(turn, id, &mut chain, content.link.sequence)?;
        } else if let Kind::GapRequest(gaps) = content.kind {
            turn.wish(OutboxEvent::Missing(id, gaps));
        }
        turn.store.set_receive_chain(id, &chain)?;
        self.watch_for_gap(turn, id, &chain);
        Ok(())
    }

    fn watch_for_gap(&mut self, turn: &mut Turn, contact: ContactId, chain: &ReceiveChain) {
        if chain.known().complete_up_to() < chain.highest && !self.gaps.contains_key(&contact) {
            self.gaps.insert(contact, 0);
            turn.after(GAP_ASK, Timer::Gap(contact));
        }
    }

    /// Numbers are still missing: the peer is asked for them.
    fn gap_due(&mut self, turn: &mut Turn, contact: ContactId) -> Result<(), StoreError> {
        let chain = turn.store.receive_chain(contact)?;
        if chain.known().complete_up_to() >= chain.highest {
            self.gaps.remove(&contact);
            return Ok(());
        }
        if !turn.store.under_way(contact, OutgoingKind::GapRequest)? {
            turn.post(contact, OutgoingKind::GapRequest)?;
        }
        let asked = self.gaps.entry(contact).or_default();
        *asked = asked.saturating_add(1).min(GAP_DOUBLED_MAX);
        turn.after(GAP_ASK * (1 << *asked), Timer::Gap(contact));
        Ok(())
    }

    // ---- acks to mailboxes

    /// Of what is durable here, or can never be read. One ack at a time on each queue, so that a burst shares it.
    fn acknowledge_owed(&mut self, turn: &mut Turn, circuits: &mut Circuits) -> Result<(), StoreError> {
        let owed: Vec<ReceiveQueueId> = self
            .acks
            .iter()
            .filter(|(_, ids)| !ids.is_empty())
            .map(|(receive_queue, _)| *receive_queue)
            .collect();
        for id in owed {
            if self.acknowledging.contains(&id) {
                continue;
            }
            let receive_queue =
                turn.store.receive_queue(id)?.filter(|queue| queue.state >= ReceiveQueueState::Leaving);
            let Some(receive_queue) = receive_queue else {
                self.acks.remove(&id);
                turn.store.drop_intents_of(id)?;
                continue;
            };
            if let Some(circuit) = circuit_of(turn, circuits, &receive_queue) {
                let waiting = self.acks.entry(id).or_default();
                let messages: Vec<MailboxId> = waiting.drain(..waiting.len().min(ACKS_MAX)).collect();
                self.acknowledge(turn, circuits, (circuit, &receive_queue), messages);
            }
        }
        for (receive_queue, mailbox) in std::mem::take(&mut self.done) {
            turn.store.drop_intent(receive_queue, mailbox)?;
        }
        Ok(())
    }

    fn acknowledge(
        &mut self,
        turn: &mut Turn,
        circuits: &mut Circuits,
        (circuit, receive_queue): (CircuitId, &ReceiveQueue),
        messages: Vec<MailboxId>,
    ) {
        let (id, Some(created)) = (receive_queue.id, &receive_queue.created) else { return };
        self.acknowledging.insert(id);
        let purpose = Purpose::Acknowledge { receive_queue: id.into(), messages: messages.clone() };
        let (receiver_queue, acked) = (created.receiver_queue, messages.clone());
        let call = MailboxCall::Give(Command::Acknowledge { receiver_queue, messages: acked });
        let order = Order { call, purpose: Some(purpose) };
        circuits.command(turn, circuit, order, move |came| InboxEvent::Acknowledged(id, messages, came));
    }

    fn prove(
        &mut self,
        turn: &mut Turn,
        circuits: &mut Circuits,
        id: ReceiveQueueId,
    ) -> Result<(), StoreError> {
        let live = turn.store.receive_queue(id)?.filter(|queue| queue.state == ReceiveQueueState::Live);
        if let Some(receive_queue) = live
            && !self.acknowledging.contains(&id)
            && let Some(circuit) = circuit_of(turn, circuits, &receive_queue)
        {
            self.acknowledge(turn, circuits, (circuit, &receive_queue), Vec::new());
        }
        Ok(())
    }

    fn acknowledged(
        &mut self,
        turn: &mut Turn,
        id: ReceiveQueueId,
        messages: Vec<MailboxId>,
        came: Came,
    ) -> Result<(), StoreError> {
        self.acknowledging.remove(&id);
        match came {
            Came::Done => {
                self.done.extend(messages.into_iter().map(|mailbox| (id, mailbox)));
            }
            Came::Refused(Refused::NoQueue) => turn.store.drop_intents_of(id)?,
            Came::Refused(_) | Came::Created(_) | Came::Blob(_) => {
                // Later; until then no other ack of this queue is begun.
                self.acks.entry(id).or_default().extend(messages);
                self.acknowledging.insert(id);
                turn.after(ACK_RETRY, Timer::Acknowledge(id));
            }
            Came::Lost | Came::Unsigned => self.acks.entry(id).or_default().extend(messages),
        }
        Ok(())
    }
}

fn circuit_of(turn: &mut Turn, circuits: &mut Circuits, receive_queue: &ReceiveQueue) -> Option<CircuitId> {
    let relay = receive_queue.relay.filter(|_| receive_queue.created.is_some())?;
    circuits.to(turn, relay, receive_queue.isolation, User::ReceiveQueue(receive_queue.id))
}

/// Whose message it is; the first one of an invite's queue is its acceptance.
fn contact_of(
    turn: &mut Turn,
    receive_queue: ReceiveQueueId,
    session: SessionId,
    first: bool,
) -> Result<Option<Contact>, StoreError> {
    if let Some(contact) = turn.store.contact_of_session(session)? {
        return Ok(Some(contact));
    }
    let invite = turn.store.invite(receive_queue.invite())?;
    // keyvault lets one acceptance in: while its contact has no session here, this one is it. Its first message may have been
    // opened before a kill, and come again only after this one.
    let is_its = match &invite {
        Some(invite) => {
            first || turn.store.contact(invite.contact)?.is_some_and(|contact| contact.session.is_none())
        }
        None => false,
    };
    let Some(invite) = invite.filter(|_| is_its) else {
        // Whoever it was is deleted here: so are the keys, once the queues are gone.
        if !turn.store.removal_waits(session, ReceiveQueueId(0))? {
            turn.tell(RemoveSession { session: session.into() });
        }
        return Ok(None);
    };
    turn.store.set_session(invite.contact, session)?;
    turn.store.set_offered(receive_queue)?;
    if invite.state != InviteState::OpenedTwice {
        turn.store.set_invite_state(receive_queue.invite(), InviteState::Accepted)?;
    }
    turn.post(invite.contact, OutgoingKind::Profile)?;
    turn.wish(QueueEvent::Fill(invite.contact));
    turn.wish(QueueEvent::LookAt(receive_queue));
    turn.store.contact(invite.contact)
}

fn learn_queues(turn: &mut Turn, contact: ContactId, offered: &[OfferedQueue]) -> Result<(), StoreError> {
    for queue in offered {
        let isolation = turn.random();
        let added = turn.store.add_peer_queue(&PeerQueue {
            number: queue.number.into(),
            contact,
            relay: queue.relay,
            queue: queue.queue,
            sender_key: queue.sender_key,
            isolation,
            secured: false,
            full: false,
            dead: false,
        })?;
        if added {
            turn.wish(DepositEvent::LookAt(queue.number.into()));
        }
    }
    Ok(())
}

/// Takes a numbered content once, and shows it, also where numbers before it are missing.
fn take(
    turn: &mut Turn,
    contact: &Contact,
    chain: &mut ReceiveChain,
    content: Content,
    hash: &[u8; 32],
) -> Result<(), StoreError> {
    let (id, number) = (contact.id, content.link.sequence);
    if !chain.numbers.contains(number) && refused(turn, contact, &content)? {
        chain.refused.insert(number);
        return close_gap(turn, id, chain, number);
    }
    if let Some(other) = other_under(turn, id, &content.link, hash)? {
        conflict(turn, id, chain, other)?;
        return show_now(turn, id, content);
    }
    if !chain.numbers.insert(number) {
        return Ok(());
    }
    if turn.store.note_received(id, content.id, &content.link, hash)? {
        show_in_turn(turn, id, chain, content)?;
        chain.shown = chain.shown.max(number);
    }
    close_gap(turn, id, chain, number)
}

/// Whether it is a text that was written to somebody who blocks: it does not come in, then or later.
fn refused(turn: &Turn, contact: &Contact, content: &Content) -> Result<bool, StoreError> {
    let Kind::Text(part) = &content.kind else { return Ok(false) };
    if contact.blocked {
        turn.store.refuse(contact.id, part.message)?;
    }
    turn.store.is_refused(contact.id, part.message)
}

/// What was said under `number` is not missing any more before what was said next.
fn close_gap(
    turn: &mut Turn,
    contact: ContactId,
    chain: &ReceiveChain,
    number: u64,
) -> Result<(), StoreError> {
    match turn.store.close_gap(contact, chain.chain, number.saturating_add(1))? {
        Some(id) => turn.event(&EventKind::Message { id }),
        None => Ok(()),
    }
}

/// The number under which something else came than what this content or its neighbours are: the peer went back in time, and
/// numbers from there.
fn other_under(turn: &Turn, id: ContactId, link: &Link, hash: &[u8; 32]) -> Result<Option<u64>, StoreError> {
    let under = |number| turn.store.received_under(id, link.chain, number);
    let (before, after) = (link.sequence.saturating_sub(1), link.sequence.saturating_add(1));
    if under(link.sequence)?.is_some_and(|here| here.hash != *hash) {
        Ok(Some(link.sequence))
    } else if under(before)?.is_some_and(|below| link.previous != Some(below.hash)) {
        Ok(Some(before))
    } else if under(after)?.is_some_and(|above| above.previous != Some(*hash)) {
        Ok(Some(after))
    } else {
        Ok(None)
    }
}

/// Whether the last number that the peer says it has used is another content here.
fn differs(turn: &Turn, id: ContactId, link: &Link) -> Result<bool, StoreError> {
    let last = turn.store.received_under(id, link.chain, link.sequence)?;
    Ok(last.is_some_and(|last| link.previous != Some(last.hash)))
}

/// The peer learns from the next acks what lies under that number here: it begins a new chain, and says again what is missing.
fn conflict(turn: &mut Turn, id: ContactId, chain: &mut ReceiveChain, number: u64) -> Result<(), StoreError> {
    chain.conflict = number;
    turn.store.set_ack_due(id, true)?;
    notes::tell(turn, id, Note::OlderCopyThere)
}

/// A content that has no place in the chain, and is not acked: what it says is not lost, whether it comes again or not.
fn show_now(turn: &mut Turn, id: ContactId, content: Content) -> Result<(), StoreError> {
    turn.store.set_ack_due(id, true)?;
    let Some(contact) = turn.store.contact(id)? else { return Ok(()) };
    if refused(turn, &contact, &content)? {
        return Ok(());
    }
    let place =
        Place { chain: Timestamp(0), sequence: 0, position: turn.store.last_position(id)?, gap: false };
    show(turn, id, content, place)
}

/// Where a text stands.
struct Place {
    chain: Timestamp,
    sequence: u64,
    position: i64,
    gap: bool,
}

/// Shows a content where the sender said it.
fn show_in_turn(
    turn: &mut Turn,
    id: ContactId,
    chain: &ReceiveChain,
    content: Content,
) -> Result<(), StoreError> {
    let number = content.link.sequence;
    let first = match &content.kind {
        Kind::Text(part) => number.saturating_sub(part.part.into()).max(1),
        _ => number,
    };
    let position = if number < chain.shown {
        turn.store.late_position(id, chain.chain, number)?
    } else {
        turn.store.last_position(id)?
    };
    let gap = first > 1 && !chain.known().contains(first - 1);
    show(turn, id, content, Place { chain: chain.chain, sequence: first, position, gap })
}

fn show(turn: &mut Turn, contact: ContactId, content: Content, place: Place) -> Result<(), StoreError> {
    let (wire, body, reply_to) = match content.kind {
        Kind::Text(part) => {
            let (wire, reply_to) = (part.message, part.reply_to);
            let Some(body) = whole(turn, contact, part)? else { return Ok(()) };
            let reply_to = match reply_to {
                Some(wire) => turn.store.message_by_wire(contact, wire)?.map(|message| message.id),
                None => None,
            };
            (wire, body, reply_to)
        }
        Kind::Later(_) => (content.id, "This message needs a newer version of Privatus.".to_owned(), None),
        Kind::Profile(name) => {
            turn.store.set_their_name(contact, &name)?;
            return turn.event(&EventKind::Contact { contact });
        }
        Kind::QueueChange | Kind::Receipt | Kind::KeepAlive | Kind::SessionRepair | Kind::GapRequest(_) => {
            return Ok(());
        }
    };
    if turn.store.message_by_wire(contact, wire)?.is_some() {
        return Ok(());
    }
    let id = message_id(contact, wire);
    turn.store.add_message(&Message {
        id: id.clone(),
        contact,
        wire,
        mine: false,
        position: place.position,
        chain: place.chain,
        sequence: place.sequence,
        gap: place.gap,
        sent_at: content.sent_at,
        received_at: turn.now,
        body: body.clone(),
        state: Delivery::Delivered,
        reply_to: reply_to.unwrap_or_default(),
        route: Vec::new(),
        note: Note::None,
    })?;
    turn.store.touch_contact(contact, turn.now, &body, 1)?;
    turn.event(&EventKind::Message { id })
}

/// A text, once all its parts are here.
fn whole(turn: &Turn, contact: ContactId, part: TextPart) -> Result<Option<String>, StoreError> {
    if part.parts == 1 {
        return Ok(Some(part.body));
    }
    turn.store.add_part(contact, part.message, (part.part, part.parts), &part.body)
}

/// A received text's id: nobody else can choose the same one.
fn message_id(contact: ContactId, wire: content::WireId) -> String {
    let hash = content::hash(&[contact.0.to_be_bytes().as_slice(), &wire.0].concat());
    hex(hash.first_chunk::<16>().unwrap_or(&[0; 16]))
}

#[cfg(test)]
mod tests {
    use super::super::conversations;
    use super::super::requests::FirstPage;
    use super::*;
    use crate::content::WireId;
    use crate::store::{Store, StoreKey};
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    const ANN: ContactId = ContactId(1);
    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    struct Said {
        chain: u64,
        sequence: u64,
        name: u8,
        previous: Option<[u8; 32]>,
    }

    fn said(said: &Said) -> Vec<u8> {
        let Said { chain, sequence, name, previous } = *said;
        let id = WireId([name; 16]);
        let named = if name > 90 { format!(", named {name}") } else { String::new() };
        let body = format!("{sequence} of {chain}{named}");
        let part = TextPart { message: id, part: 0, parts: 1, body, reply_to: None };
        let link = Link { chain: Timestamp(chain), sequence, numbered: true, previous };
        content::encode(&Content { id, link, sent_at: NOW, acks: None, kind: Kind::Text(part) })
    }

    fn text(chain: u64, sequence: u64) -> Vec<u8> {
        let name = u8::try_from(10 * chain + sequence).unwrap();
        let previous = (sequence > 1).then(|| content::hash(&text(chain, sequence - 1)));
        said(&Said { chain, sequence, name, previous })
    }

    fn shown(turn: &Turn) -> Vec<String> {
        let ask = FirstPage { who: "Ann".into(), limit: 10, before: String::new() };
        let page = conversations::first_page(&turn.store, &ask).unwrap().unwrap();
        page.messages.into_iter().map(|message| message.body).collect()
    }

    fn turn(folder: &tempfile::TempDir) -> Turn {
        let store = Store::open(&folder.path().join("store.db"), &StoreKey::new([7; 32])).unwrap();
        store.add_contact(ANN, "Ann", ContactState::Connected, NOW).unwrap();
        let mut turn = Turn::new(store, Box::new(ChaCha20Rng::seed_from_u64(1)));
        turn.now = NOW;
        turn
    }

    fn gaps(turn: &Turn) -> Vec<bool> {
        let ask = FirstPage { who: "Ann".into(), limit: 10, before: String::new() };
        let page = conversations::first_page(&turn.store, &ask).unwrap().unwrap();
        page.messages.into_iter().map(|message| message.gap).collect()
    }

    #[test]
    fn what_comes_before_its_turn_is_shown_at_once_and_the_gap_is_marked_until_it_closes() {
        let folder = tempfile::tempdir().unwrap();
        let (mut turn, mut inbox) = (turn(&folder), Inbox::default());
        inbox.received(&mut turn, ANN, &text(1, 1)).unwrap();
        inbox.received(&mut turn, ANN, &text(1, 4)).unwrap();
        assert_eq!(shown(&turn), ["1 of 1", "4 of 1"]);
        assert_eq!(gaps(&turn), [false, true]);
        inbox.received(&mut turn, ANN, &text(1, 3)).unwrap();
        assert_eq!(shown(&turn), ["1 of 1", "3 of 1", "4 of 1"]);
        assert_eq!(gaps(&turn), [false, true, false]);
        inbox.received(&mut turn, ANN, &text(1, 2)).unwrap();
        assert_eq!(shown(&turn), ["1 of 1", "2 of 1", "3 of 1", "4 of 1"]);
        assert_eq!(gaps(&turn), [false; 4]);
    }

    #[test]
    fn numbers_of_a_new_chain_do_not_compare_with_those_before() {
        let folder = tempfile::tempdir().unwrap();
        let (mut turn, mut inbox) = (turn(&folder), Inbox::default());
        for (chain, number) in [(1, 1), (1, 3), (2, 2), (2, 1), (1, 2)] {
            inbox.received(&mut turn, ANN, &text(chain, number)).unwrap();
        }
        let texts: Vec<_> = shown(&turn).into_iter().filter(|body| body.contains(" of ")).collect();
        assert_eq!(
            texts,
            ["1 of 1", "3 of 1", "1 of 2", "2 of 2", "2 of 1"],
            "the last comes late, and is not lost"
        );
    }

    #[test]
    fn other_words_under_a_number_are_shown_and_told_and_not_acked() {
        let folder = tempfile::tempdir().unwrap();
        let (mut turn, mut inbox) = (turn(&folder), Inbox::default());
        for number in [1, 2, 3] {
            inbox.received(&mut turn, ANN, &text(1, number)).unwrap();
        }
        let first = content::hash(&text(1, 1));
        let other = said(&Said { chain: 1, sequence: 2, name: 99, previous: Some(first) });
        inbox.received(&mut turn, ANN, &other).unwrap();
        let chain = turn.store.receive_chain(ANN).unwrap();
        assert_eq!(chain.conflict, 2);
        let here = turn.store.received_under(ANN, Timestamp(1), 2).unwrap().unwrap();
        assert_eq!(here.hash, content::hash(&text(1, 2)), "what was acked stays");
        assert_eq!(shown(&turn)[3], Note::OlderCopyThere.sentence());
        assert_eq!(shown(&turn)[4], "2 of 1, named 99");
        // One number on, where its neighbour is another.
        let next = said(&Said { chain: 1, sequence: 4, name: 98, previous: Some(content::hash(&other)) });
        inbox.received(&mut turn, ANN, &next).unwrap();
        assert_eq!(turn.store.receive_chain(ANN).unwrap().conflict, 3);
        assert!(!turn.store.receive_chain(ANN).unwrap().numbers.contains(4));
    }
}
