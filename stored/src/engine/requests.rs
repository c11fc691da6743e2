//! What ui asks (edges/ui-stored.capnp) in domain types.

use ipc_schema::Timestamp;
use ipc_schema::edge::stored_keyvault::Comparison;

use crate::ids::ContactId;
use crate::store::{Contact, Delivery, Event, Invite, Message};

/// Something that changes what is kept. Durable when it is answered.
#[derive(Clone)]
#[allow(missing_docs, reason = "the words of edges/ui-stored.capnp, explained there")]
pub enum Request {
    Invite { name: String },
    CancelInvite { id: String },
    Accept { link: String, name: String },
    Change { who: String, action: ContactAction },
    Send { who: String, id: String, text: String, reply_to: String },
    SetProfileName(String),
    MarkRead { who: String, up_to: String },
    SafetyNumber { who: String },
    CompareCode { who: String, code: String },
}

/// What is to be done with a contact.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words of edges/ui-stored.capnp, explained there")]
pub enum ContactAction {
    Show,
    Rename(String),
    Block(bool),
    Delete,
    Accept,
    Decline,
    /// The digits that were compared; `None` takes it back.
    Verify(Option<String>),
}

/// Something to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words of edges/ui-stored.capnp, explained there")]
pub enum Query {
    ProfileName,
    Counts,
    Invites,
    InviteOf(ContactId),
    Accepting {
        contact: ContactId,
    },
    Contacts,
    Message {
        id: String,
    },
    /// A page of at most [`PAGE`] messages; the next one begins at `Page::next`.
    Messages {
        who: String,
        limit: u32,
        before: String,
    },
    Page {
        contact: ContactId,
        from: i64,
        end: i64,
    },
    Events {
        since: u64,
    },
    NewestEvent,
}

/// Messages or events in one answer.
pub const PAGE: u32 = 64;

/// What is answered.
#[derive(Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words of edges/ui-stored.capnp, explained there")]
pub enum Reply {
    Done,
    Invite(Box<Invite>),
    Invites(Vec<Invite>),
    Contact(Box<Contact>),
    Contacts(Vec<Contact>),
    Accepting(Accepting),
    Message(Box<Message>),
    Page(Page),
    SafetyNumber { digits: String, words: Vec<String>, verified: bool, code: String },
    Compared(Comparison),
    Counts(Counts),
    Text(String),
    Events(Vec<Told>),
    Newest(u64),
}

/// How far an accept has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepting {
    /// The link could not be opened at a relay yet.
    Reading(Contact),
    /// The answer is under way.
    UnderWay(Contact),
    /// The answer lies at a relay.
    Done(Contact),
    /// It ended: the contact is gone.
    Gone,
}

/// Some messages of one conversation, the oldest first.
#[derive(Clone, PartialEq, Eq)]
pub struct Page {
    /// The other side of the conversation.
    pub contact: ContactId,
    /// What is there.
    pub messages: Vec<Message>,
    /// Where the next page begins; `None`: this was the last.
    pub next: Option<i64>,
    /// Where the last page ends.
    pub end: i64,
}

/// An event with what it is about, as that is now.
#[derive(Clone, PartialEq, Eq)]
pub struct Told {
    /// The event.
    pub event: Event,
    /// The message of a message event.
    pub message: Option<Message>,
    /// The contact of a contact event; `None`: gone.
    pub contact: Option<Contact>,
}

/// Figures for `status`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words of edges/ui-stored.capnp, explained there")]
pub struct Counts {
    pub outbox: u32,
    pub at_relay: u32,
    pub mailboxes: u32,
    pub full: u32,
    pub unread: u32,
    pub proof_at: Option<Timestamp>,
    pub stage: &'static str,
}

/// Whether a text has come as far as asked, or ended.
#[must_use]
pub fn settled(state: Delivery, want: Delivery) -> bool {
    state >= want
}
