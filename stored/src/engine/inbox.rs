//! What comes in: envelopes are opened and acked where they lay, and what is missing is asked for. What they say is read in
//! reading.rs.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use ipc_schema::edge::stored_keyvault::PeerQueue as OfferedQueue;
use ipc_schema::edge::stored_keyvault::{
    OpenEnvelope, OpenError, Opened, OpenedMessage, Purpose, RemoveSession,
};

use ipc_schema::edge::stored_onion::{Command, Refused};

use super::circuits::Circuits;
use super::event::{
    Asked, CircuitEvent, DepositEvent, InboxEvent, InviteEvent, LifeEvent, Order, OutboxEvent, QueueEvent,
    RepairEvent, Timer, User,
};
use super::interface::{Arrived, Came, CircuitId, MailboxCall};
use super::turn::Turn;
use super::{introductions, newer, reading};
use crate::error::StoreError;
use crate::ids::{ContactId, MailboxId, ReceiveQueueId, SessionId};
use crate::store::{
    Contact, InviteState, OutgoingKind, PeerQueue, ReceiveChain, ReceiveQueue, ReceiveQueueState,
};

/// Envelopes that keyvault is asked about at a time.
const OPENING_MAX: usize = 64;
/// Envelopes that may wait here, 4 MiB. What finds no place comes again when its queue is subscribed to anew.
const ARRIVED_MAX: usize = 1_024;
/// Of one queue so many: a relay pushes no more before an ack (docs/protocol/mailbox.md, "What the commands do").
const ARRIVED_OF_ONE_MAX: usize = 256;
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
    /// Queues of which an envelope found no place.
    overflowed: BTreeSet<ReceiveQueueId>,
    /// Owed to mailboxes.
    acks: BTreeMap<ReceiveQueueId, Vec<MailboxId>>,
    /// An ack is on its way, or was not taken a moment ago.
    acknowledging: BTreeSet<ReceiveQueueId>,
    /// Acked at the mailbox: rows to be dropped with the next transaction.
    done: Vec<(ReceiveQueueId, MailboxId)>,
    /// A timer looks after missing numbers; how often they were asked for.
    gaps: BTreeMap<ContactId, u32>,
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
                self.ask_again(turn);
                Ok(())
            }
            InboxEvent::Acknowledge => self.acknowledge_owed(turn, circuits),
        }
    }

    /// What was committed and perhaps not acked is forgotten and acked again.
    fn resume(&mut self, turn: &mut Turn) -> Result<(), StoreError> {
        for (receive_queue, mailbox, inner) in turn.store.intents()? {
            turn.wish(OutboxEvent::Committed(inner));
            self.acks.entry(receive_queue).or_default().push(mailbox);
        }
        reading::show_held(turn)?;
        newer::read_again(turn, reading::show_again)
    }

    // ---- envelopes

    fn arrived(&mut self, arrived: Arrived) {
        let name = (arrived.receive_queue, arrived.mailbox);
        let known = self.opening.contains_key(&name)
            || self.arrived.iter().any(|other| (other.receive_queue, other.mailbox) == name)
            || self.acks.get(&arrived.receive_queue).is_some_and(|acks| acks.contains(&arrived.mailbox));
        if known {
            return;
        }
        if self.has_place_for(arrived.receive_queue) {
            self.arrived.push_back(arrived);
        } else {
            self.overflowed.insert(arrived.receive_queue);
        }
    }

    /// Whoever takes most places makes room for the others: no contact can use up those of all.
    fn has_place_for(&mut self, id: ReceiveQueueId) -> bool {
        let mut taken: BTreeMap<ReceiveQueueId, usize> = BTreeMap::new();
        for waits in &self.arrived {
            *taken.entry(waits.receive_queue).or_default() += 1;
        }
        let mine = taken.get(&id).copied().unwrap_or_default();
        if mine >= ARRIVED_OF_ONE_MAX {
            return false;
        }
        if self.arrived.len() < ARRIVED_MAX {
            return true;
        }
        let most = taken.into_iter().max_by_key(|(_, count)| *count);
        let Some((largest, _)) = most.filter(|(_, count)| *count > mine + 1) else { return false };
        let last = self.arrived.iter().rposition(|waits| waits.receive_queue == largest);
        last.and_then(|at| self.arrived.remove(at));
        self.overflowed.insert(largest);
        true
    }

    /// Once nothing of a queue waits any more, its relay is asked for what found no place: from the oldest on that is not acked.
    fn ask_again(&mut self, turn: &mut Turn) {
        let waiting: BTreeSet<ReceiveQueueId> =
            self.arrived.iter().map(|waits| waits.receive_queue).collect();
        for id in self.overflowed.difference(&waiting) {
            turn.wish(QueueEvent::SubscribeAnew(*id));
        }
        self.overflowed.retain(|id| waiting.contains(id));
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
                turn.wish(CircuitEvent::Heard);
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
        turn.wish(RepairEvent::Heard(Box::new(contact), news));
        self.received(turn, id, &content)
    }

    // ---- contents

    fn received(
        &mut self,
        turn: &mut Turn,
        id: ContactId,
        untrusted_content: &[u8],
    ) -> Result<(), StoreError> {
        if let Some(chain) = reading::read(turn, id, untrusted_content)? {
            self.watch_for_gap(turn, id, &chain);
        }
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
            Came::Refused(Refused::NoQueue) => {
                turn.store.drop_intents_of(id)?;
                // What the relay says to a subscription decides whether the queue is lost.
                turn.wish(QueueEvent::SubscribeAnew(id));
            }
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
    turn.wish(LifeEvent::LookAt(invite.contact));
    introductions::met(turn, invite.contact)?;
    turn.store.contact(invite.contact)
}

fn learn_queues(turn: &mut Turn, contact: ContactId, offered: &[OfferedQueue]) -> Result<(), StoreError> {
    let was_cut_off = !offered.is_empty() && turn.store.is_cut_off(contact)?;
    let mut has_more = false;
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
        has_more |= added;
    }
    if was_cut_off && has_more {
        // What was sealed meanwhile lies nowhere.
        turn.wish(OutboxEvent::SealAllAgain(contact));
        turn.wish(LifeEvent::LookAt(contact));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrive(inbox: &mut Inbox, queue: u64, mailbox: u16) {
        let mut name: MailboxId = [0; 16];
        name[..2].copy_from_slice(&mailbox.to_be_bytes());
        inbox.arrived(Arrived {
            receive_queue: ReceiveQueueId(queue),
            mailbox: name,
            sender_key: [0; 32],
            envelope: Vec::new(),
        });
    }

    fn waiting(inbox: &Inbox, queue: u64) -> usize {
        inbox.arrived.iter().filter(|waits| waits.receive_queue == ReceiveQueueId(queue)).count()
    }

    #[test]
    fn one_who_sends_without_end_leaves_the_others_their_places() {
        let mut inbox = Inbox::default();
        // All the queues that a contact has, and as much as relays push.
        for mailbox in 0..300 {
            for queue in 1..=4 {
                arrive(&mut inbox, queue, mailbox);
            }
        }
        assert_eq!(inbox.arrived.len(), ARRIVED_MAX);
        for queue in 11..=30 {
            for mailbox in 0..10 {
                arrive(&mut inbox, queue, mailbox);
            }
        }
        assert!((11..=30).all(|queue| waiting(&inbox, queue) == 10), "each has what it sent");
        assert_eq!(inbox.arrived.len(), ARRIVED_MAX);
        assert_eq!(inbox.overflowed, (1..=4).map(ReceiveQueueId).collect::<BTreeSet<_>>());
        let first = inbox.arrived.iter().find(|waits| waits.receive_queue == ReceiveQueueId(1)).unwrap();
        assert_eq!(first.mailbox, [0; 16], "the newest make room, and come again in order");
    }
}
