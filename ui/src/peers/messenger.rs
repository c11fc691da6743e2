//! ui → stored: conversations, in our own types.

use std::rc::Rc;

use ipc_schema::Timestamp;
use ipc_schema::edge::{Call, offer};
use ipc_schema::edges::ui_stored_capnp::{
    accept_result, contact, event, invite, invite_result, message, message_sink, messenger, send_result,
    watcher,
};
use ipc_schema::relay::RelayId;
use tokio::sync::mpsc;

use super::PeerError;
pub use ipc_schema::edge::ui_stored::{
    Access, Change, Comparison, Contact, ContactAction, ContactState, Counts, Delivery, Event, Invite,
    InviteState, Message, Notice, Refusal, SafetyNumber,
};

/// Texts on their way from stored at a time.
const UNDERWAY: usize = 64;

/// stored lets go of a sink as soon as it has answered.
const LET_GO: std::time::Duration = std::time::Duration::from_secs(10);

/// Follow from now on, without what was.
pub const FROM_NOW: u64 = u64::MAX;

/// The edge to stored.
#[derive(Clone)]
pub struct Messenger {
    client: messenger::Client,
}

fn checked(refusal: Refusal) -> Result<(), PeerError> {
    if refusal == Refusal::None { Ok(()) } else { Err(PeerError::Refused(refusal)) }
}

fn owned(text: capnp::Result<capnp::text::Reader<'_>>) -> Result<String, PeerError> {
    text?.to_string().map_err(|_| PeerError::Misbehaved)
}

impl Messenger {
    /// Speaks over `client`.
    #[must_use]
    pub fn new(client: messenger::Client) -> Self {
        Self { client }
    }

    /// Makes a call. After `Lost` it may have happened, and is repeated with the same id only, where it has one.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn call<C>(&self, call: C) -> Result<C::Answer, PeerError>
    where
        C: Call<Client = messenger::Client, Error: Into<Refusal>>,
    {
        // More than anybody types: it would cost the edge.
        let answer = offer(&self.client, &call).map_err(|_| PeerError::Refused(Refusal::TooLong))?;
        drop(call);
        answer.await?.map_err(|error| PeerError::Refused(error.into()))
    }

    /// Whether conversations are open to this caller, and the user's own name.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn state(&self) -> Result<(Access, String), PeerError> {
        let answer = self.client.state_request().send().promise.await?;
        let answer = answer.get()?;
        Ok((answer.get_access()?.into(), owned(answer.get_profile_name())?))
    }

    /// The counts of `status`.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn counts(&self) -> Result<Counts, PeerError> {
        let answer = self.client.counts_request().send().promise.await?;
        let counts = answer.get()?.get_counts()?;
        let age = counts.get_proof_age_ms();
        Ok(Counts {
            outbox: counts.get_outbox(),
            at_relay: counts.get_at_relay(),
            mailboxes: counts.get_mailboxes(),
            full: counts.get_full(),
            unread: counts.get_unread(),
            proof_age_ms: (age != u64::MAX).then_some(age),
            stage: owned(counts.get_stage())?,
        })
    }

    /// Makes an invitation; answers once the relay holds it.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn invite(&self, name: &str) -> Result<Invite, PeerError> {
        let mut request = self.client.invite_request();
        request.get().set_name(name);
        let answer = request.send().promise.await?;
        match answer.get()?.get_result()?.which()? {
            invite_result::Invite(invite) => read_invite(invite?),
            invite_result::Error(error) => Err(PeerError::Refused(error?.into())),
        }
    }

    /// The invitations made so far.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn invites(&self) -> Result<Vec<Invite>, PeerError> {
        let answer = self.client.invites_request().send().promise.await?;
        let answer = answer.get()?;
        checked(answer.get_error()?.into())?;
        answer.get_invites()?.iter().map(read_invite).collect()
    }

    /// Ends an invitation.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn cancel_invite(&self, id: &str) -> Result<(), PeerError> {
        let mut request = self.client.cancel_invite_request();
        request.get().set_id(id);
        let answer = request.send().promise.await?;
        checked(answer.get()?.get_error()?.into())
    }

    /// Accepts a link; answers once the reply lies at a relay. Idempotent by link.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn accept(&self, link: &str, name: &str) -> Result<Contact, PeerError> {
        let mut request = self.client.accept_request();
        request.get().set_link(link);
        request.get().set_name(name);
        let answer = request.send().promise.await?;
        match answer.get()?.get_result()?.which()? {
            accept_result::Contact(contact) => read_contact(contact?),
            accept_result::Error(error) => Err(PeerError::Refused(error?.into())),
        }
    }

    /// Everybody.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn contacts(&self) -> Result<Vec<Contact>, PeerError> {
        let answer = self.client.contacts_request().send().promise.await?;
        let answer = answer.get()?;
        checked(answer.get_error()?.into())?;
        answer.get_contacts()?.iter().map(read_contact).collect()
    }

    /// Does something with one contact, named by id or name, and tells what they are then.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn contact(&self, who: &str, action: &ContactAction) -> Result<Contact, PeerError> {
        let mut request = self.client.contact_request();
        request.get().set_who(who);
        let mut wire = request.get().init_action();
        match action {
            ContactAction::Show => wire.set_show(()),
            ContactAction::Rename(name) => wire.set_rename(name.as_str()),
            ContactAction::Block(on) => wire.set_block(*on),
            ContactAction::Delete => wire.set_delete(()),
            ContactAction::Accept => wire.set_accept(()),
            ContactAction::Decline => wire.set_decline(()),
            ContactAction::Verify(digits) => wire.set_verify(digits.as_deref().unwrap_or_default()),
        }
        let answer = request.send().promise.await?;
        let answer = answer.get()?;
        checked(answer.get_error()?.into())?;
        read_contact(answer.get_contact()?)
    }

    /// What the user and a contact compare.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn safety_number(&self, who: &str) -> Result<SafetyNumber, PeerError> {
        let mut request = self.client.safety_number_request();
        request.get().set_who(who);
        let answer = request.send().promise.await?;
        let answer = answer.get()?;
        checked(answer.get_error()?.into())?;
        let words = answer.get_words()?.iter().map(owned).collect::<Result<_, _>>()?;
        let (digits, code) = (owned(answer.get_digits())?, owned(answer.get_code())?);
        Ok(SafetyNumber { digits, words, verified: answer.get_verified(), code })
    }

    /// Compares what was scanned from a contact's screen; a match verifies the contact.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn compare_code(&self, who: &str, untrusted_code: &str) -> Result<Comparison, PeerError> {
        let mut request = self.client.compare_code_request();
        request.get().set_who(who);
        request.get().set_code(untrusted_code);
        let answer = request.send().promise.await?;
        let answer = answer.get()?;
        checked(answer.get_error()?.into())?;
        Ok(answer.get_told()?.into())
    }

    /// Puts a text into the outbox; durable when it answers. An empty id: stored chooses. The same id again answers the first result.
    ///
    /// # Errors
    /// [`PeerError`]; after `Lost` repeat with the same id only.
    pub async fn send(&self, who: &str, id: &str, text: &str, reply_to: &str) -> Result<Message, PeerError> {
        let mut request = self.client.send_request();
        let mut params = request.get();
        params.set_who(who);
        params.set_id(id);
        params.set_text(text);
        params.set_reply_to(reply_to);
        let answer = request.send().promise.await?;
        match answer.get()?.get_result()?.which()? {
            send_result::Message(message) => read_message(message?),
            send_result::Error(error) => Err(PeerError::Refused(error?.into())),
        }
    }

    /// Waits until a text reaches `want`, fails or expires, or the time is over; tells the state then.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn settled(&self, id: &str, want: Delivery, timeout_ms: u32) -> Result<Delivery, PeerError> {
        let mut request = self.client.settled_request();
        request.get().set_id(id);
        request.get().set_want(want.into());
        request.get().set_timeout_ms(timeout_ms);
        let answer = request.send().promise.await?;
        let answer = answer.get()?;
        checked(answer.get_error()?.into())?;
        Ok(answer.get_state()?.into())
    }

    /// The last `limit` texts with somebody, oldest first, those before the text `before` where it is not empty. All or nothing.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn messages(&self, who: &str, limit: u32, before: &str) -> Result<Vec<Message>, PeerError> {
        let (sink, mut rows) = mpsc::channel(UNDERWAY);
        let mut request = self.client.messages_request();
        let mut params = request.get();
        params.set_who(who);
        params.set_limit(limit);
        params.set_before(before);
        params.set_sink(capnp_rpc::new_client(Sink(sink)));
        let asked = request.send().promise;
        tokio::pin!(asked);
        let mut messages = Vec::new();
        loop {
            tokio::select! {
                biased;
                Some(message) = rows.recv() => messages.push(message),
                answer = &mut asked => {
                    checked(answer?.get()?.get_error()?.into())?;
                    // What was streamed may still wait for room here; the channel ends when stored lets go of the sink.
                    let rest = async { while let Some(message) = rows.recv().await { messages.push(message) } };
                    tokio::time::timeout(LET_GO, rest).await.map_err(|_| PeerError::Misbehaved)?;
                    return Ok(messages);
                }
            }
        }
    }

    /// Follows changes after number `since`, at least once each, until the receiver of `events` is dropped or the edge breaks.
    /// Tells the newest number.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn watch(&self, since: u64, events: mpsc::Sender<Event>) -> Result<u64, PeerError> {
        let mut request = self.client.watch_request();
        request.get().set_watcher(capnp_rpc::new_client(Events(events)));
        request.get().set_since(since);
        let answer = request.send().promise.await?;
        let answer = answer.get()?;
        checked(answer.get_error()?.into())?;
        Ok(answer.get_seq())
    }

    /// Changes what the user is called by new contacts.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn set_profile_name(&self, name: &str) -> Result<(), PeerError> {
        let mut request = self.client.set_profile_name_request();
        request.get().set_name(name);
        let answer = request.send().promise.await?;
        checked(answer.get()?.get_error()?.into())
    }

    /// Marks what they wrote as read, up to a text; empty: all.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn mark_read(&self, who: &str, up_to: &str) -> Result<(), PeerError> {
        let mut request = self.client.mark_read_request();
        request.get().set_who(who);
        request.get().set_up_to(up_to);
        let answer = request.send().promise.await?;
        checked(answer.get()?.get_error()?.into())
    }
}

struct Sink(mpsc::Sender<Message>);

impl message_sink::Server for Sink {
    async fn message(self: Rc<Self>, params: message_sink::MessageParams) -> Result<(), capnp::Error> {
        let message = read_message(params.get()?.get_message()?).map_err(unreadable)?;
        self.0.send(message).await.map_err(|_| capnp::Error::disconnected(String::new()))
    }
}

struct Events(mpsc::Sender<Event>);

impl watcher::Server for Events {
    async fn event(self: Rc<Self>, params: watcher::EventParams) -> Result<(), capnp::Error> {
        let event = read_event(params.get()?.get_event()?).map_err(unreadable)?;
        self.0.send(event).await.map_err(|_| capnp::Error::disconnected(String::new()))
    }
}

fn unreadable(_: PeerError) -> capnp::Error {
    // Free text never crosses an edge.
    capnp::Error::failed(String::new())
}

fn read_invite(invite: invite::Reader<'_>) -> Result<Invite, PeerError> {
    Ok(Invite {
        id: owned(invite.get_id())?,
        link: owned(invite.get_link())?,
        contact: owned(invite.get_contact())?,
        name: owned(invite.get_name())?,
        expires: Timestamp(invite.get_expires()),
        state: invite.get_state()?.into(),
    })
}

fn read_contact(contact: contact::Reader<'_>) -> Result<Contact, PeerError> {
    Ok(Contact {
        id: owned(contact.get_id())?,
        name: owned(contact.get_name())?,
        state: contact.get_state()?.into(),
        verified: contact.get_verified(),
        route: owned(contact.get_route())?,
        unread: contact.get_unread(),
        last_at: Timestamp(contact.get_last_at()),
        their_name: owned(contact.get_their_name())?,
        last_text: owned(contact.get_last_text())?,
        notice: contact.get_notice()?.into(),
    })
}

fn read_message(message: message::Reader<'_>) -> Result<Message, PeerError> {
    let received = message.get_received_at();
    let route: Result<Vec<_>, PeerError> = message.get_route()?.iter().map(|id| read_relay(id?)).collect();
    Ok(Message {
        id: owned(message.get_id())?,
        contact: owned(message.get_contact())?,
        mine: message.get_mine(),
        sent_at: Timestamp(message.get_sent_at()),
        received_at: (received != 0).then_some(Timestamp(received)),
        body: owned(message.get_body())?,
        state: message.get_state()?.into(),
        reply_to: owned(message.get_reply_to())?,
        edited: message.get_edited(),
        route: route?,
    })
}

fn read_event(event: event::Reader<'_>) -> Result<Event, PeerError> {
    let change = match event.which()? {
        event::Message(message) => Change::Message(read_message(message?)?),
        event::Delivery(delivery) => Change::Delivery {
            id: owned(delivery.get_id())?,
            contact: owned(delivery.get_contact())?,
            state: delivery.get_state()?.into(),
        },
        event::Contact(contact) => Change::Contact(read_contact(contact?)?),
        event::Network(stage) => Change::Network(owned(stage)?),
    };
    Ok(Event { seq: event.get_seq(), at: Timestamp(event.get_at()), change })
}

fn read_relay(id: &[u8]) -> Result<RelayId, PeerError> {
    id.try_into().map(RelayId).map_err(|_| PeerError::Misbehaved)
}
