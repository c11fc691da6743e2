//! Accepting somebody's invite: the link is opened, the blob read, own queues made, and the first message sent.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ipc_schema::edge::stored_keyvault::{
    AcceptInvite, AcceptInviteError, AcceptedInvite, InviteFailed, InviteRefusal, OpenInvite,
    OpenInviteError, OpenedInvite, Purpose, RemoveSession,
};

use ipc_schema::edge::stored_onion::{Command, Refused};
use ipc_schema::edge::ui_stored::{self, AcceptError, Closed};

use super::circuits::Circuits;
use super::event::{AcceptEvent, Asked, ClaimEvent, Order, OutboxEvent, QueueEvent, Timer, User};
use super::interface::{Action, Came, MailboxCall};
use super::names::{self, Found};
use super::places::Sought;
use super::requests::{Accepting, Asker, RequestId};
use super::turn::Turn;
use super::{fixing, introduction_steps, places};
use crate::error::StoreError;
use crate::ids::{AcceptId, ContactId, OutgoingId, ReceiveQueueId};
use crate::store::{
    Accept, AcceptState, ClaimState, Contact, ContactState, EventKind, OutgoingKind, OutgoingState,
    PeerQueue, ReceiveQueueState, Store,
};

/// How long a second own queue is waited for once the first receives; it can be offered later as well.
const PATIENCE: Duration = Duration::from_secs(6);
/// keyvault or the relay could not: asked again then.
const RETRY: Duration = Duration::from_secs(5);

/// What is under way with invites of others.
#[derive(Default)]
pub(super) struct Accepts {
    /// The next step of these is being made.
    busy: BTreeSet<AcceptId>,
    /// A second own queue is not waited for.
    patience_over: BTreeSet<AcceptId>,
    /// Requests that wait for keyvault's word on a link.
    requests: BTreeMap<AcceptId, Asker<ui_stored::AcceptInvite>>,
    /// Links that led to nobody in this run, for whoever still waits for them.
    refused: BTreeMap<String, AcceptError>,
}

impl Accepts {
    pub(super) fn handle(
        &mut self,
        turn: &mut Turn,
        circuits: &mut Circuits,
        event: AcceptEvent,
    ) -> Result<(), StoreError> {
        match event {
            AcceptEvent::Resume => {
                for accept in turn.store.open_accepts()? {
                    self.look_at(turn, circuits, accept.id)?;
                }
                Ok(())
            }
            AcceptEvent::Begin { request, link, name } => self.accept(turn, request, &link, &name),
            AcceptEvent::NotAccepted { link, why } => {
                self.refused.insert(link, why);
                Ok(())
            }
            AcceptEvent::LookAt(id) => self.look_at(turn, circuits, id),
            AcceptEvent::QueueChanged(contact) => match turn.store.accept_of(contact)? {
                Some(accept) => self.look_at(turn, circuits, accept.id),
                None => Ok(()),
            },
            AcceptEvent::Opened(id, opened) => self.opened(turn, circuits, id, opened),
            AcceptEvent::BlobRead(id, came) => self.blob_read(turn, circuits, id, came),
            AcceptEvent::PatienceOver(id) => {
                self.patience_over.insert(id);
                self.look_at(turn, circuits, id)
            }
            AcceptEvent::Accepted(id, first, accepted) => {
                self.accepted(turn, circuits, (id, first), accepted)
            }
            AcceptEvent::Sent(id) => {
                circuits.leave(turn, User::Accept(id));
                Ok(())
            }
            AcceptEvent::Relayed(contact) => relayed(turn, contact),
        }
    }

    /// Requests that nobody will answer now.
    pub(super) fn waiting(&self) -> impl Iterator<Item = RequestId> {
        self.requests.values().map(|asker| asker.id)
    }

    /// How far it has come that a link leads to somebody.
    pub(super) fn progress(&self, store: &Store, link: &str) -> Found<Accepting, AcceptError> {
        let link = link.trim();
        if let Some(accept) = store.accept_by_link(link)?
            && let Some(contact) = store.contact(accept.contact)?
        {
            return Ok(Ok(match accept.state {
                AcceptState::Opening | AcceptState::Reading => Accepting::Reading(contact),
                AcceptState::MakingQueues | AcceptState::Accepting | AcceptState::Sent => {
                    Accepting::UnderWay(contact)
                }
                AcceptState::Relayed | AcceptState::Refused => Accepting::Done(contact),
            }));
        }
        if let Some(claim) = store.claim_of_link(link)?
            && let Some(contact) = store.contact(claim.contact)?
        {
            return Ok(Ok(Accepting::Asking(contact)));
        }
        if let Some(contact) = contact_of(store, link)? {
            return Ok(Ok(Accepting::Done(contact)));
        }
        Ok(self.refused.get(link).map_or(Ok(Accepting::Gone), |why| Err(*why)))
    }

    /// Begins to accept a link, or finds that it was begun before. Answered with the contact.
    fn accept(
        &mut self,
        turn: &mut Turn,
        request: Asker<ui_stored::AcceptInvite>,
        link: &str,
        name: &str,
    ) -> Result<(), StoreError> {
        let link = link.trim();
        // In bytes: every character of a link is one, and keyvault ends the connection of a caller that sends more.
        if link.len() > ipc_schema::limits::LINK_MAX_CHARS {
            turn.answer(request, Err(AcceptError::LinkMalformed));
            return Ok(());
        }
        if let Some(contact) = contact_of(&turn.store, link)? {
            turn.answer(request, Ok(contact));
            return Ok(());
        }
        let sought = match places::sought(turn, name)? {
            Ok(sought) => sought,
            Err(why) => {
                turn.answer(request, Err(why.into()));
                return Ok(());
            }
        };
        if let Some(asked) = turn.store.claim_of_link(link)? {
            if name.trim().is_empty() || matches!(sought, Sought::Known(known) if known == asked.contact) {
                let contact = turn.store.contact(asked.contact)?.ok_or(AcceptError::LinkUsed);
                turn.answer(request, contact);
                return Ok(());
            }
            // The user takes it for somebody else's by now.
            turn.store.drop_changes(asked.contact, asked.wire, None)?;
            turn.store.drop_claim(asked.id)?;
        }
        match sought {
            Sought::Known(contact) => {
                turn.wish(ClaimEvent::Begin { request, link: link.to_owned(), contact });
            }
            Sought::New(place) => {
                // keyvault looks at the link first: a bad one is told as such.
                let (id, contact) = begin(turn, link, &place.name)?;
                places::keep(&turn.store, contact, &place)?;
                self.requests.insert(id, request);
            }
        }
        Ok(())
    }

    /// The next step of an accept, unless one is under way.
    fn look_at(&mut self, turn: &mut Turn, circuits: &mut Circuits, id: AcceptId) -> Result<(), StoreError> {
        let Some(accept) = turn.store.accept(id)? else { return Ok(()) };
        match accept.state {
            AcceptState::Opening => {
                if self.busy.insert(id) {
                    let call = OpenInvite { accept: id.into(), link: accept.link };
                    turn.ask(call, move |opened| AcceptEvent::Opened(id, opened));
                }
                Ok(())
            }
            AcceptState::Reading => {
                self.read_blob(turn, circuits, accept);
                Ok(())
            }
            AcceptState::MakingQueues => self.when_queues_live(turn, &accept),
            AcceptState::Accepting => self.ask_for_first_message(turn, &accept),
            AcceptState::Sent | AcceptState::Relayed | AcceptState::Refused => Ok(()),
        }
    }

    fn opened(
        &mut self,
        turn: &mut Turn,
        circuits: &mut Circuits,
        id: AcceptId,
        opened: Asked<OpenedInvite, InviteFailed<OpenInviteError>>,
    ) -> Result<(), StoreError> {
        self.busy.remove(&id);
        let Some(accept) = turn.store.accept(id)? else { return Ok(()) };
        let why = match opened {
            Ok(Ok(OpenedInvite { relay, blob_id, sender_key, hints, .. })) => {
                turn.store.accept_opened(id, relay, &blob_id, &sender_key)?;
                if !hints.is_empty() {
                    turn.act(Action::AddHints(hints));
                }
                if let Some(request) = self.requests.remove(&id)
                    && let Some(contact) = turn.store.contact(accept.contact)?
                {
                    turn.answer(request, Ok(contact));
                }
                turn.wish(QueueEvent::Fill(accept.contact));
                turn.wish(AcceptEvent::LookAt(id));
                return Ok(());
            }
            Ok(Err(why)) => not_opened(why),
            Err(_) => Closed::Storage.into(),
        };
        self.refuse(turn, circuits, &accept, why)
    }

    fn read_blob(&mut self, turn: &mut Turn, circuits: &mut Circuits, accept: Accept) {
        let (Some(relay), Some(blob_id), Some(sender_key)) =
            (accept.relay, accept.blob_id, accept.sender_key)
        else {
            return;
        };
        let id = accept.id;
        let Some(circuit) = circuits.to(turn, relay, accept.isolation, User::Accept(id)) else { return };
        if self.busy.insert(id) {
            let call = MailboxCall::Give(Command::SecureRead { blob_id, sender_key });
            let order = Order { call, purpose: Some(Purpose::SecureRead(id.into())) };
            circuits.command(turn, circuit, order, move |came| AcceptEvent::BlobRead(id, came));
        }
    }

    fn blob_read(
        &mut self,
        turn: &mut Turn,
        circuits: &mut Circuits,
        id: AcceptId,
        came: Came,
    ) -> Result<(), StoreError> {
        self.busy.remove(&id);
        let Some(accept) = turn.store.accept(id)? else { return Ok(()) };
        match came {
            Came::Blob(blob) => {
                turn.store.accept_read(id, &blob)?;
                turn.after(PATIENCE, Timer::Accept(id));
                self.look_at(turn, circuits, id)
            }
            // Read by somebody else, taken back, or too old: the relay cannot tell which.
            Came::Refused(Refused::NoBlob | Refused::NoQueue | Refused::NotAuthorised) => {
                self.refuse(turn, circuits, &accept, AcceptError::LinkUsed)
            }
            Came::Refused(_) | Came::Done | Came::Created(_) => {
                turn.after(RETRY, Timer::User(User::Accept(id)));
                Ok(())
            }
            Came::Lost | Came::Unsigned => Ok(()),
        }
    }

    fn when_queues_live(&mut self, turn: &mut Turn, accept: &Accept) -> Result<(), StoreError> {
        let receive_queues = turn.store.receive_queues_of(accept.contact)?;
        let live: Vec<ReceiveQueueId> = receive_queues
            .iter()
            .filter(|queue| queue.state == ReceiveQueueState::Live)
            .map(|queue| queue.id)
            .collect();
        if receive_queues.is_empty() {
            turn.wish(QueueEvent::Fill(accept.contact));
        }
        if live.is_empty() || live.len() < receive_queues.len() && !self.patience_over.contains(&accept.id) {
            return Ok(());
        }
        live.into_iter().try_for_each(|queue| turn.store.set_offered(queue))?;
        // The first content says who we are; its number and bytes are fixed before keyvault is asked.
        let first = turn.store.add_outgoing(accept.contact, OutgoingKind::Profile, None, None)?;
        if let Some(first) = turn.store.outgoing(first)? {
            fixing::fix(turn, &first)?;
        }
        turn.store.set_accept_state(accept.id, AcceptState::Accepting)?;
        self.ask_for_first_message(turn, accept)
    }

    fn ask_for_first_message(&mut self, turn: &mut Turn, accept: &Accept) -> Result<(), StoreError> {
        let first =
            turn.store.outgoing_in_state(accept.contact, OutgoingState::Sealing, 1)?.into_iter().next();
        let Some(first) = first else { return Ok(()) };
        let (Some(content), Some(outbox)) = (first.content, first.outbox) else { return Ok(()) };
        let receive_queues = turn.store.receive_queues_of(accept.contact)?;
        let offered = receive_queues.iter().filter(|queue| queue.offered);
        let receive_queues = offered.map(|queue| queue.id.into()).collect();
        if self.busy.insert(accept.id) {
            let (id, first) = (accept.id, first.id);
            let blob = accept.blob.clone();
            let call =
                AcceptInvite { accept: id.into(), blob, receive_queues, outbox: outbox.into(), content };
            turn.ask(call, move |accepted| AcceptEvent::Accepted(id, first, accepted));
        }
        Ok(())
    }

    fn accepted(
        &mut self,
        turn: &mut Turn,
        circuits: &mut Circuits,
        (id, first): (AcceptId, OutgoingId),
        accepted: Asked<AcceptedInvite, InviteFailed<AcceptInviteError>>,
    ) -> Result<(), StoreError> {
        self.busy.remove(&id);
        let Some(accept) = turn.store.accept(id)? else {
            // Its contact went meanwhile: nobody reads what it would be told.
            if let Ok(Ok(AcceptedInvite { session, .. })) = accepted {
                turn.tell(RemoveSession { session });
            }
            return Ok(());
        };
        match accepted {
            Ok(Ok(accepted)) => connected(turn, &accept, first, accepted),
            Ok(Err(InviteFailed::Refused(why))) => self.refuse(turn, circuits, &accept, refusal(why)),
            Ok(Err(InviteFailed::Failed(AcceptInviteError::RateLimited))) => {
                self.refuse(turn, circuits, &accept, AcceptError::RateLimited)
            }
            Ok(Err(InviteFailed::Failed(
                AcceptInviteError::NoSuchId
                | AcceptInviteError::TooManyOpen
                | AcceptInviteError::TooLong
                | AcceptInviteError::BadContent
                | AcceptInviteError::Fault(_),
            )))
            | Err(_) => {
                turn.after(RETRY, Timer::Accept(id));
                Ok(())
            }
        }
    }

    /// It cannot be accepted: the contact that it would have made is gone, and nothing else changed.
    fn refuse(
        &mut self,
        turn: &mut Turn,
        circuits: &mut Circuits,
        accept: &Accept,
        why: AcceptError,
    ) -> Result<(), StoreError> {
        circuits.leave(turn, User::Accept(accept.id));
        match self.requests.remove(&accept.id) {
            Some(request) => turn.answer(request, Err(why)),
            None => drop(self.refused.insert(accept.link.clone(), why)),
        }
        if next_link(turn, accept.contact)? || places::give_back(turn, accept.contact)? {
            return Ok(());
        }
        introduction_steps::failed(turn, accept.contact)?;
        let receive_queues = turn.store.receive_queues_of(accept.contact)?;
        turn.store.delete_receive_queues_of(accept.contact, None)?;
        turn.store.delete_contact(accept.contact)?;
        turn.event(&EventKind::Contact { contact: accept.contact })?;
        receive_queues.iter().for_each(|queue| turn.wish(QueueEvent::LookAt(queue.id)));
        Ok(())
    }
}

/// To whom a link leads, as far as that is known.
fn contact_of(store: &Store, link: &str) -> Result<Option<Contact>, StoreError> {
    let accepted = store.accept_by_link(link)?.map(|accept| accept.contact);
    let known = if accepted.is_none() { store.contact_of_link(link)? } else { accepted };
    known.map_or(Ok(None), |contact| store.contact(contact))
}

/// Another link was given under the name of a contact whose own cannot be accepted: it is accepted in its place, and what was written waits
/// for that. False: there is none.
fn next_link(turn: &mut Turn, contact: ContactId) -> Result<bool, StoreError> {
    let mut open = turn.store.open_claims()?.into_iter();
    let next =
        open.find(|claim| claim.mine && claim.contact == contact && claim.state != ClaimState::Opening);
    let (Some(next), Some(contact)) = (next, turn.store.contact(contact)?) else { return Ok(false) };
    let Ok(name) = names::told_name(&turn.store, "", &contact.name)? else { return Ok(false) };
    turn.store.drop_claim(next.id)?;
    let (_, new) = begin(turn, &next.link, &name)?;
    places::join(turn, &contact, new)?;
    turn.store.rename_contact(new, &contact.name)?;
    Ok(true)
}

/// Why keyvault did not open a link.
pub(super) fn not_opened(why: InviteFailed<OpenInviteError>) -> AcceptError {
    match why {
        InviteFailed::Refused(why) => refusal(why),
        InviteFailed::Failed(OpenInviteError::TooManyOpen) => AcceptError::RateLimited,
        InviteFailed::Failed(OpenInviteError::BadContent) => AcceptError::LinkMalformed,
        InviteFailed::Failed(OpenInviteError::Fault(_)) => Closed::Storage.into(),
    }
}

/// A contact for a link that nobody has begun to accept, under a name that is free.
pub(super) fn begin(turn: &mut Turn, link: &str, name: &str) -> Result<(AcceptId, ContactId), StoreError> {
    let contact = ContactId(turn.random_id());
    let id = AcceptId(turn.random_id());
    let isolation = turn.random();
    turn.store.add_contact(contact, name, ContactState::Pending, turn.now)?;
    turn.store.add_accept(id, contact, link, &isolation)?;
    turn.event(&EventKind::Contact { contact })?;
    turn.wish(AcceptEvent::LookAt(id));
    Ok((id, contact))
}

/// keyvault has a session, and sealed the first message.
fn connected(
    turn: &mut Turn,
    accept: &Accept,
    first: OutgoingId,
    accepted: AcceptedInvite,
) -> Result<(), StoreError> {
    let AcceptedInvite { session, peer_queues, envelopes } = accepted;
    turn.store.set_session(accept.contact, session.into())?;
    for queue in peer_queues {
        turn.store.add_peer_queue(&PeerQueue {
            number: queue.number.into(),
            contact: accept.contact,
            relay: queue.relay,
            queue: queue.queue,
            sender_key: queue.sender_key,
            // The circuit that read the blob: that relay knows both as one invite anyway.
            isolation: accept.isolation,
            secured: false,
            full: false,
            dead: false,
        })?;
    }
    turn.store.set_accept_state(accept.id, AcceptState::Sent)?;
    turn.event(&EventKind::Contact { contact: accept.contact })?;
    turn.wish(OutboxEvent::Keep(first, envelopes));
    turn.wish(AcceptEvent::Sent(accept.id));
    turn.wish(OutboxEvent::Pump(accept.contact));
    turn.wish(QueueEvent::Offer(accept.contact));
    Ok(())
}

/// The answer to an invite is the first that lies at a relay.
fn relayed(turn: &mut Turn, contact: ContactId) -> Result<(), StoreError> {
    let sent = turn.store.accept_of(contact)?.filter(|accept| accept.state == AcceptState::Sent);
    let Some(accept) = sent else { return Ok(()) };
    turn.store.set_accept_state(accept.id, AcceptState::Relayed)?;
    turn.event(&EventKind::Contact { contact })
}

fn refusal(why: InviteRefusal) -> AcceptError {
    match why {
        InviteRefusal::Malformed => AcceptError::LinkMalformed,
        InviteRefusal::Truncated => AcceptError::LinkTruncated,
        InviteRefusal::Altered => AcceptError::LinkAltered,
        InviteRefusal::Expired => AcceptError::LinkExpired,
        InviteRefusal::NewerVersion => AcceptError::LinkNewer,
        InviteRefusal::Own => AcceptError::LinkOwn,
        InviteRefusal::Used => AcceptError::LinkUsed,
    }
}
