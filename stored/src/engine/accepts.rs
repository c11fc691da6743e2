//! Accepting somebody's invite: the link is opened, the blob read, own queues made, and the first message sent.

use std::time::Duration;

use ipc_schema::edge::stored_keyvault::{
    AcceptInvite, AcceptInviteError, AcceptedInvite, InviteFailed, InviteRefusal, OpenInvite,
    OpenInviteError, OpenedInvite, Purpose,
};

use super::contacts;
use super::{
    Accepting, Action, Answer, Busy, Engine, MailboxAnswer, MailboxCall, Pending, Reply, RequestId, Task,
    Timer, User,
};
use crate::content::{self, Content, Kind, Link, WireId};
use crate::error::{Refusal, StoreError};
use crate::ids::{AcceptId, ContactId, OutboxId, OutgoingId, ReplicaId};
use crate::store::{
    Accept, AcceptState, ContactState, EventKind, OutgoingKind, OutgoingState, PeerQueue, ReplicaState,
};

/// How long a second own queue is waited for once the first receives; it can be offered later as well.
const PATIENCE: Duration = Duration::from_secs(6);
/// keyvault or the relay could not: asked again then.
const RETRY: Duration = Duration::from_secs(5);

impl Engine {
    /// Begins to accept a link, or finds that it was begun before. Answered with the contact.
    pub(crate) fn new_accept(
        &mut self,
        request: RequestId,
        link: &str,
        name: &str,
    ) -> Result<(), StoreError> {
        let link = link.trim();
        // In bytes: every character of a link is one, and keyvault ends the connection of a caller that sends more.
        if link.len() > ipc_schema::limits::LINK_MAX_CHARS {
            self.act(Action::Answer(request, Err(Refusal::LinkMalformed)));
            return Ok(());
        }
        if let Some(accept) = self.store.accept_by_link(link)?
            && let Some(contact) = self.store.contact(accept.contact)?
        {
            self.act(Action::Answer(request, Ok(Reply::Contact(Box::new(contact)))));
            return Ok(());
        }
        let name = match contacts::free_name(&self.turn.store, name)? {
            Ok(name) => name,
            Err(refusal) => {
                self.act(Action::Answer(request, Err(refusal)));
                return Ok(());
            }
        };
        let contact = ContactId(self.random_id());
        let id = AcceptId(self.random_id());
        let isolation = self.random();
        self.store.add_contact(contact, &name, ContactState::Pending, self.now)?;
        self.store.add_accept(id, contact, link, &isolation)?;
        self.event(&EventKind::Contact { contact })?;
        // keyvault looks at the link first: a bad one is told as such.
        self.memory.accept_requests.insert(id, request);
        self.advance_accept(id)
    }

    /// The next step of an accept, unless one is under way.
    pub(crate) fn advance_accept(&mut self, id: AcceptId) -> Result<(), StoreError> {
        let Some(accept) = self.store.accept(id)? else { return Ok(()) };
        match accept.state {
            AcceptState::Opening => {
                if self.begin(Busy::Accept(id)) {
                    let call = OpenInvite { accept: id.into(), link: accept.link };
                    self.call_vault(Pending::OpenInvite(id), call);
                }
                Ok(())
            }
            AcceptState::Reading => {
                self.read_blob(accept);
                Ok(())
            }
            AcceptState::Replicas => self.when_replicas_live(&accept),
            AcceptState::Accepting => self.ask_for_first_message(&accept),
            AcceptState::Sent | AcceptState::Relayed | AcceptState::Refused => Ok(()),
        }
    }

    pub(crate) fn invite_opened(
        &mut self,
        id: AcceptId,
        opened: Result<OpenedInvite, InviteFailed<OpenInviteError>>,
    ) -> Result<(), StoreError> {
        self.memory.busy.remove(&Busy::Accept(id));
        let Some(accept) = self.store.accept(id)? else { return Ok(()) };
        match opened {
            Ok(OpenedInvite { relay, blob_id, sender_key, hints, .. }) => {
                self.store.accept_opened(id, relay, &blob_id, &sender_key)?;
                if !hints.is_empty() {
                    self.act(Action::AddHints(hints));
                }
                self.ensure_replicas(accept.contact)?;
                if let Some(request) = self.memory.accept_requests.remove(&id)
                    && let Some(contact) = self.store.contact(accept.contact)?
                {
                    self.act(Action::Answer(request, Ok(Reply::Contact(Box::new(contact)))));
                }
                self.advance_accept(id)
            }
            Err(InviteFailed::Refused(why)) => self.refuse_accept(&accept, refusal(why)),
            Err(InviteFailed::Failed(why)) => {
                let why = match why {
                    OpenInviteError::TooManyOpen => Refusal::RateLimited,
                    OpenInviteError::BadContent => Refusal::LinkMalformed,
                    OpenInviteError::Fault(_) => Refusal::Storage,
                };
                self.refuse_accept(&accept, why)
            }
        }
    }

    fn read_blob(&mut self, accept: Accept) {
        let Some(relay) = accept.relay else { return };
        let id = accept.id;
        let Some(circuit) = self.circuit(relay, accept.isolation, User::Accept(id)) else { return };
        if self.begin(Busy::Accept(id)) {
            let call = MailboxCall::SecureRead { blob_id: accept.blob_id, sender_key: accept.sender_key };
            self.command(circuit, Task::Read(id), Some(Purpose::SecureRead(id.into())), call);
        }
    }

    pub(crate) fn blob_read(&mut self, id: AcceptId, answer: MailboxAnswer) -> Result<(), StoreError> {
        let Some(accept) = self.store.accept(id)? else { return Ok(()) };
        match answer {
            MailboxAnswer::Blob(blob) => {
                self.store.accept_read(id, &blob)?;
                self.after(PATIENCE, Timer::Accept(id));
                self.advance_accept(id)
            }
            // Read by somebody else, taken back, or too old: the relay cannot tell which.
            MailboxAnswer::Told(Answer::NoBlob | Answer::NoQueue | Answer::NotAuthorised) => {
                self.refuse_accept(&accept, Refusal::LinkUsed)
            }
            _ => {
                self.after(RETRY, Timer::User(User::Accept(id)));
                Ok(())
            }
        }
    }

    fn when_replicas_live(&mut self, accept: &Accept) -> Result<(), StoreError> {
        let replicas = self.store.replicas_of(accept.contact)?;
        let live = replicas.iter().filter(|replica| replica.state == ReplicaState::Live).count();
        if live == 0 || live < replicas.len() && !self.memory.patience_over.contains(&accept.id) {
            if replicas.is_empty() {
                self.ensure_replicas(accept.contact)?;
            }
            return Ok(());
        }
        let offered: Vec<ReplicaId> = replicas
            .iter()
            .filter(|replica| replica.state == ReplicaState::Live)
            .map(|replica| replica.id)
            .collect();
        for replica in &offered {
            self.store.set_offered(*replica)?;
        }
        self.fix_first_message(accept)?;
        self.store.set_accept_state(accept.id, AcceptState::Accepting)?;
        self.advance_accept(accept.id)
    }

    /// The first content says who we are; its number and bytes are fixed before keyvault is asked.
    fn fix_first_message(&mut self, accept: &Accept) -> Result<(), StoreError> {
        let mut chain = self.store.send_chain(accept.contact)?;
        chain.sequence += 1;
        let bytes = content::encode(&Content {
            id: WireId(self.random()),
            link: Link { chain: chain.chain, sequence: chain.sequence, numbered: true, previous: chain.hash },
            sent_at: self.now,
            acks: None,
            kind: Kind::Profile(contacts::profile_name(&self.turn.store)?),
        });
        chain.hash = Some(content::hash(&bytes));
        self.store.set_send_chain(accept.contact, &chain)?;
        let outgoing = self.store.add_outgoing(accept.contact, OutgoingKind::Profile, None, None)?;
        let outbox = OutboxId(self.random_id());
        self.store.fix_outgoing(outgoing, chain.sequence, &bytes, outbox)
    }

    fn ask_for_first_message(&mut self, accept: &Accept) -> Result<(), StoreError> {
        let first =
            self.store.outgoing_in_state(accept.contact, OutgoingState::Sealing, 1)?.into_iter().next();
        let Some(first) = first else { return Ok(()) };
        let (Some(content), Some(outbox)) = (first.content, first.outbox) else { return Ok(()) };
        let replicas = self.store.replicas_of(accept.contact)?;
        let offered = replicas.iter().filter(|replica| replica.offered);
        let replicas = offered.map(|replica| replica.id.into()).collect();
        if self.begin(Busy::Accept(accept.id)) {
            let call = AcceptInvite {
                accept: accept.id.into(),
                blob: accept.blob.clone(),
                replicas,
                outbox: outbox.into(),
                content,
            };
            self.call_vault(Pending::AcceptInvite(accept.id, first.id), call);
        }
        Ok(())
    }

    pub(crate) fn invite_accepted(
        &mut self,
        id: AcceptId,
        first: OutgoingId,
        accepted: Result<AcceptedInvite, InviteFailed<AcceptInviteError>>,
    ) -> Result<(), StoreError> {
        self.memory.busy.remove(&Busy::Accept(id));
        let Some(accept) = self.store.accept(id)? else { return Ok(()) };
        match accepted {
            Ok(AcceptedInvite { session, peer_queues, envelopes }) => {
                self.store.set_session(accept.contact, session.into())?;
                for queue in peer_queues {
                    self.store.add_peer_queue(&PeerQueue {
                        number: queue.number.into(),
                        contact: accept.contact,
                        relay: queue.relay,
                        queue: queue.queue.to_vec(),
                        sender_key: queue.sender_key.to_vec(),
                        // The circuit that read the blob: that relay knows both as one invite anyway.
                        isolation: accept.isolation,
                        secured: false,
                        full: false,
                        dead: false,
                    })?;
                }
                self.store.set_accept_state(id, AcceptState::Sent)?;
                if let Some(outgoing) = self.store.outgoing(first)?
                    && let Some(outbox) = outgoing.outbox
                {
                    self.keep_sealed(&outgoing, outbox, envelopes)?;
                }
                self.leave_circuit(User::Accept(id));
                self.memory.pump.insert(accept.contact);
                for replica in self.store.replicas_of(accept.contact)? {
                    if replica.state == ReplicaState::Live {
                        self.offer(&replica)?;
                    }
                }
                self.event(&EventKind::Contact { contact: accept.contact })
            }
            Err(InviteFailed::Refused(why)) => self.refuse_accept(&accept, refusal(why)),
            Err(InviteFailed::Failed(AcceptInviteError::RateLimited)) => {
                self.refuse_accept(&accept, Refusal::RateLimited)
            }
            Err(InviteFailed::Failed(
                AcceptInviteError::NoSuchId
                | AcceptInviteError::TooManyOpen
                | AcceptInviteError::TooLong
                | AcceptInviteError::BadContent
                | AcceptInviteError::Fault(_),
            )) => {
                self.after(RETRY, Timer::Accept(id));
                Ok(())
            }
        }
    }

    /// Something of ours lies at a relay of this contact: the answer to an invite is the first that does.
    pub(crate) fn accept_relayed(&mut self, contact: ContactId) -> Result<(), StoreError> {
        let sent = self.store.accept_of(contact)?.filter(|accept| accept.state == AcceptState::Sent);
        let Some(accept) = sent else { return Ok(()) };
        self.store.set_accept_state(accept.id, AcceptState::Relayed)?;
        self.event(&EventKind::Contact { contact })
    }

    /// It cannot be accepted: the contact that it would have made is gone, and nothing else changed.
    fn refuse_accept(&mut self, accept: &Accept, why: Refusal) -> Result<(), StoreError> {
        self.leave_circuit(User::Accept(accept.id));
        match self.memory.accept_requests.remove(&accept.id) {
            Some(request) => self.act(Action::Answer(request, Err(why))),
            None => drop(self.memory.refused_accepts.insert(accept.contact, why)),
        }
        let replicas = self.store.replicas_of(accept.contact)?;
        self.store.delete_replicas_of(accept.contact, None)?;
        self.store.delete_contact(accept.contact)?;
        self.event(&EventKind::Contact { contact: accept.contact })?;
        replicas.into_iter().try_for_each(|replica| self.advance_replica(replica.id))
    }

    /// How far the accept that made a contact has come.
    pub(crate) fn accepting(&self, contact: ContactId) -> Result<Result<Reply, Refusal>, StoreError> {
        let Some(known) = self.store.contact(contact)? else {
            return Ok(match self.memory.refused_accepts.get(&contact) {
                Some(why) => Err(*why),
                None => Ok(Reply::Accepting(Accepting::Gone)),
            });
        };
        let state = self.store.accept_of(contact)?.map_or(AcceptState::Relayed, |accept| accept.state);
        Ok(Ok(Reply::Accepting(match state {
            AcceptState::Opening | AcceptState::Reading => Accepting::Reading(known),
            AcceptState::Replicas | AcceptState::Accepting | AcceptState::Sent => Accepting::UnderWay(known),
            AcceptState::Relayed | AcceptState::Refused => Accepting::Done(known),
        })))
    }
}

fn refusal(why: InviteRefusal) -> Refusal {
    match why {
        InviteRefusal::Malformed => Refusal::LinkMalformed,
        InviteRefusal::Truncated => Refusal::LinkTruncated,
        InviteRefusal::Altered => Refusal::LinkAltered,
        InviteRefusal::Expired => Refusal::LinkExpired,
        InviteRefusal::NewerVersion => Refusal::LinkNewer,
        InviteRefusal::Own => Refusal::LinkOwn,
        InviteRefusal::Used => Refusal::LinkUsed,
    }
}
