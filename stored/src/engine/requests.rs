//! What the engine is asked: the calls of ui's edge (`ipc_schema::edge::ui_stored`), and what the shell asks for on its own.

use std::marker::PhantomData;

use ipc_schema::Timestamp;
use ipc_schema::edge::stored_keyvault::Comparison;
use ipc_schema::edge::ui_stored::{
    AcceptInvite, AskSafetyNumber, CancelInvite, ChangeContact, CompareCode, Contacts, Count, Invites,
    MakeInvite, MarkRead, SafetyNumber, SendText, SetProfileName,
};

use crate::ids::ContactId;
use crate::store::{Contact, Delivery, Event, Invite, Message};

/// One request of ui that wants an answer; given out by the shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// Something that has an effect.
pub trait Asks: Into<Request> {
    /// What is answered where nothing is wrong.
    type Answer;

    /// It among all.
    fn reply(answer: Self::Answer) -> Reply;
}

/// Whoever asked a `C`. It is used up by the answer.
pub(super) struct Asker<C> {
    pub(super) id: RequestId,
    asked: PhantomData<C>,
}

impl<C> Asker<C> {
    pub(super) fn of(id: RequestId, _: &C) -> Self {
        Self { id, asked: PhantomData }
    }
}

macro_rules! asked {
    ($($asked:ident => $answer:ty, $reply:expr;)*) => {
        $(impl Asks for $asked {
            type Answer = $answer;

            fn reply(answer: $answer) -> Reply {
                $reply(answer)
            }
        })*
    };
}

asked! {
    MakeInvite => Invite, |invite| Reply::Invite(Box::new(invite));
    CancelInvite => (), |()| Reply::Done;
    AcceptInvite => Contact, |contact| Reply::Contact(Box::new(contact));
    ChangeContact => Contact, |contact| Reply::Contact(Box::new(contact));
    SendText => Message, |message| Reply::Message(Box::new(message));
    SetProfileName => (), |()| Reply::Done;
    MarkRead => (), |()| Reply::Done;
    AskSafetyNumber => SafetyNumber, Reply::SafetyNumber;
    CompareCode => Comparison, Reply::Compared;
}

macro_rules! any {
    ($(#[$doc:meta])* $All:ident { $($call:ident)* }) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub enum $All { $(#[doc = concat!("[`", stringify!($call), "`].")] $call($call),)* }

        $(impl From<$call> for $All {
            fn from(call: $call) -> Self {
                Self::$call(call)
            }
        })*
    };
}

any! {
    /// Something that changes what is kept, or asks keyvault. Durable when it is answered.
    Request {
        MakeInvite CancelInvite AcceptInvite ChangeContact SendText SetProfileName MarkRead AskSafetyNumber
        CompareCode
    }
}

any! {
    /// Something to be told, of what is durable.
    Query {
        ProfileName Count Invites InviteOf AcceptOf Contacts MessageOf FirstPage NextPage EventsAfter
        NewestEvent
    }
}

/// What the user calls themselves.
#[derive(Clone, Copy)]
pub struct ProfileName {}

/// The invite for a contact; none: it was taken back.
#[derive(Clone, Copy)]
pub struct InviteOf {
    /// Who is meant.
    pub contact: ContactId,
}

/// How far the accept of somebody's invite has come.
#[derive(Clone, Copy)]
pub struct AcceptOf {
    /// Who made it.
    pub contact: ContactId,
}

/// One message.
#[derive(Clone)]
pub struct MessageOf {
    /// Its id.
    pub id: String,
}

/// The first of the pages that hold the last messages of a conversation.
#[derive(Clone)]
pub struct FirstPage {
    /// Whose, in the user's word.
    pub who: String,
    /// So many messages on all pages; 0: as many as are usual.
    pub limit: u32,
    /// Before this one; empty: to the end.
    pub before: String,
}

/// The page after another one.
#[derive(Clone, Copy)]
pub struct NextPage {
    /// The other side of the conversation.
    pub contact: ContactId,
    /// [`Page::next`].
    pub from: i64,
    /// [`Page::end`].
    pub end: i64,
}

/// At most [`PAGE`] events.
#[derive(Clone, Copy)]
pub struct EventsAfter {
    /// After the one with this number.
    pub since: u64,
}

/// The number of the last event.
#[derive(Clone, Copy)]
pub struct NewestEvent {}

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
    SafetyNumber(SafetyNumber),
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
