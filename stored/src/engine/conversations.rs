//! What ui asks: sending, reading, and what there is.

use ipc_schema::Timestamp;
use ipc_schema::limits::{MESSAGE_ID_MAX_CHARS, TEXT_MAX_BYTES};

use super::{Action, ContactAction, Counts, Engine, PAGE, Page, Query, Reply, Request, RequestId, Told};
use crate::content::{self, WireId};
use crate::error::{Refusal, StoreError};
use crate::ids::{ContactId, hex};
use crate::store::{Contact, Delivery, EventKind, Message, OutgoingKind, ReplicaState};

/// Messages of a conversation when no number is asked for.
const LIMIT: u32 = 50;

impl Engine {
    pub(crate) fn request(&mut self, id: RequestId, request: Request) -> Result<(), StoreError> {
        let answer = match request {
            Request::Invite { name } => return self.new_invite(id, &name),
            Request::Accept { link, name } => return self.new_accept(id, &link, &name),
            Request::SafetyNumber { who } => return self.ask_safety_number(id, &who),
            Request::CompareCode { who, code } => return self.ask_compare(id, &who, code),
            Request::Change { who, action: ContactAction::Verify(digits) } => {
                return self.ask_verify(id, &who, digits);
            }
            Request::CancelInvite { id } => self.cancel_invite(&id)?,
            Request::Change { who, action } => self.change_contact(&who, action)?,
            Request::SetProfileName(name) => self.set_profile_name(&name)?,
            Request::MarkRead { who, up_to } => self.mark_read(&who, &up_to)?,
            Request::Send { who, id, text, reply_to } => self.send(&who, &id, text, &reply_to)?,
        };
        self.act(Action::Answer(id, answer));
        Ok(())
    }

    /// Puts a text into the outbox, once for each id.
    fn send(
        &mut self,
        who: &str,
        id: &str,
        text: String,
        reply_to: &str,
    ) -> Result<Result<Reply, Refusal>, StoreError> {
        let Some(contact) = self.contact_called(who)? else { return Ok(Err(Refusal::NoSuchContact)) };
        if text.len() > TEXT_MAX_BYTES || text.is_empty() {
            return Ok(Err(Refusal::TooLong));
        }
        if !id.is_empty() && !is_message_id(id) {
            return Ok(Err(Refusal::BadId));
        }
        if let Some(earlier) = self.store.message(id)? {
            let same = earlier.mine && earlier.contact == contact.id && earlier.body == text;
            return Ok(if same { Ok(Reply::Message(Box::new(earlier))) } else { Err(Refusal::Conflict) });
        }
        if contact.blocked {
            return Ok(Err(Refusal::Blocked));
        }
        if !reply_to.is_empty() && self.store.message(reply_to)?.is_none_or(|to| to.contact != contact.id) {
            return Ok(Err(Refusal::NoSuchMessage));
        }
        let message = self.new_message(&contact, id, text, reply_to)?;
        Ok(Ok(Reply::Message(Box::new(message))))
    }

    fn new_message(
        &mut self,
        contact: &Contact,
        id: &str,
        body: String,
        reply_to: &str,
    ) -> Result<Message, StoreError> {
        let wire = WireId(self.random());
        let message = Message {
            id: if id.is_empty() { hex(&wire.0) } else { id.to_owned() },
            contact: contact.id,
            wire,
            mine: true,
            position: self.store.last_position(contact.id)?,
            sequence: 0,
            sent_at: self.now,
            received_at: Timestamp(0),
            body,
            state: Delivery::Queued,
            reply_to: reply_to.to_owned(),
            route: Vec::new(),
        };
        self.store.add_message(&message)?;
        let parts = u16::try_from(content::split(&message.body).len()).unwrap_or(u16::MAX);
        for part in 0..parts {
            self.store.add_outgoing(
                contact.id,
                OutgoingKind::Text,
                Some((&message.id, part, parts)),
                None,
            )?;
        }
        self.store.touch_contact(contact.id, self.now, &message.body, 0)?;
        self.event(&EventKind::Message { id: message.id.clone() })?;
        self.memory.pump.insert(contact.id);
        Ok(message)
    }

    fn mark_read(&mut self, who: &str, up_to: &str) -> Result<Result<Reply, Refusal>, StoreError> {
        let Some(contact) = self.contact_called(who)? else { return Ok(Err(Refusal::NoSuchContact)) };
        let position = match up_to {
            "" => i64::MAX,
            id => match self.store.message(id)?.filter(|message| message.contact == contact.id) {
                Some(message) => message.position,
                None => return Ok(Err(Refusal::NoSuchMessage)),
            },
        };
        let left = self.store.mark_read(contact.id, position)?;
        if left != contact.unread {
            self.store.set_unread(contact.id, left)?;
            self.event(&EventKind::Contact { contact: contact.id })?;
        }
        Ok(Ok(Reply::Done))
    }

    pub(crate) fn answer_query(&mut self, query: Query) -> Result<Result<Reply, Refusal>, StoreError> {
        Ok(Ok(match query {
            Query::ProfileName => Reply::Text(self.profile_name()?),
            Query::Counts => Reply::Counts(self.counts()?),
            Query::Invites => Reply::Invites(self.store.invites()?),
            Query::InviteOf(contact) => match self.store.invite_of(contact)? {
                Some(invite) => Reply::Invite(Box::new(invite)),
                None => return Ok(Err(Refusal::NoSuchInvite)),
            },
            Query::Accepting { contact } => return self.accepting(contact),
            Query::Contacts => Reply::Contacts(self.store.contacts()?),
            Query::Message { id } => match self.store.message(&id)? {
                Some(message) => Reply::Message(Box::new(message)),
                None => return Ok(Err(Refusal::NoSuchMessage)),
            },
            Query::Messages { who, limit, before } => return self.first_page(&who, limit, &before),
            Query::Page { contact, from, end } => Reply::Page(self.page(contact, from, end)?),
            Query::Events { since } => Reply::Events(self.told_after(since)?),
            Query::NewestEvent => Reply::Newest(self.store.newest_event()?),
        }))
    }

    fn counts(&self) -> Result<Counts, StoreError> {
        Ok(Counts {
            outbox: self.store.count_in_state(Delivery::Queued)?,
            at_relay: self.store.count_in_state(Delivery::Relayed)?,
            mailboxes: self.store.live_replicas()?,
            full: self.store.full_queues()?,
            unread: self.store.unread()?,
            proof_at: self.memory.proof_at,
            stage: self.circuits.network().stage,
        })
    }

    /// The last `limit` messages before another one.
    fn first_page(&self, who: &str, limit: u32, before: &str) -> Result<Result<Reply, Refusal>, StoreError> {
        let Some(contact) = self.contact_called(who)? else { return Ok(Err(Refusal::NoSuchContact)) };
        let end = match before {
            "" => i64::MAX,
            id => match self.store.message(id)?.filter(|message| message.contact == contact.id) {
                Some(message) => message.position,
                None => return Ok(Err(Refusal::NoSuchMessage)),
            },
        };
        let limit = if limit == 0 { LIMIT } else { limit };
        let from = self.store.page_start(contact.id, end, limit)?.unwrap_or(end);
        Ok(Ok(Reply::Page(self.page(contact.id, from, end)?)))
    }

    fn page(&self, contact: ContactId, from: i64, end: i64) -> Result<Page, StoreError> {
        let mut messages = self.store.messages_from(contact, from, PAGE)?;
        let whole = u32::try_from(messages.len()).is_ok_and(|length| length == PAGE);
        messages.retain(|message| message.position < end);
        let next = messages.last().filter(|_| whole).map(|last| last.position.saturating_add(1));
        Ok(Page { contact, messages, next, end })
    }

    fn told_after(&self, since: u64) -> Result<Vec<Told>, StoreError> {
        let mut told = Vec::new();
        for event in self.store.events_after(since, PAGE)? {
            let (message, contact) = match &event.kind {
                EventKind::Message { id } => (self.store.message(id)?, None),
                EventKind::Contact { contact } => (None, self.store.contact(*contact)?),
                EventKind::Delivery { .. } | EventKind::Network { .. } => (None, None),
            };
            told.push(Told { event, message, contact });
        }
        Ok(told)
    }

    /// Whether an own queue of this contact receives.
    #[must_use]
    pub fn reachable(&self, contact: ContactId) -> bool {
        self.store
            .replicas_of(contact)
            .is_ok_and(|replicas| replicas.iter().any(|replica| replica.state == ReplicaState::Live))
    }
}

fn is_message_id(id: &str) -> bool {
    id.len() <= MESSAGE_ID_MAX_CHARS
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}
