//! What the engine is asked, and what it answers: the calls of ui's edge (`ipc_schema::edge::ui_stored`), told as rows of the store, and
//! what the shell asks for on its own.

use std::marker::PhantomData;

use ipc_schema::Timestamp;
use ipc_schema::clock::ClockOffset;
use ipc_schema::edge::stored_keyvault::Comparison;
use ipc_schema::edge::ui_stored::{
    AcceptError, AcceptInvite, ActOnFile, AnswerError, AnswerIntroduction, AskInfo, AskSafetyNumber,
    CancelError, CancelInvite, CancelText, CancelTextError, ChangeContact, ChangeError, Closed, CompareCode,
    CompareShort, Contacts, Count, DeleteError, DeleteText, DownloadError, Draft, DraftError, EditError,
    EditText, File, FileActionError, FilesError, FinishError, ForwardText, Introduce, IntroduceError,
    InviteError, Invites, MakeInvite, MarkRead, NumberError, Place, ProfileNameError, React, ReactError,
    ReadError, RetryError, RetryText, SafetyNumber, SearchError, SendError, SendFiles, SendFilesError,
    SendText, SetProfileName, SettleError, ShortComparison, ShortError, TellTyping, TypingError,
};

use super::file_requests::{BytesOf, DropIn, FilesBefore, KeepIn, PieceLost, TakeIn, TakenIn};
use crate::files::Blob;
use crate::ids::{ContactId, UploadId};
use crate::search::Wanted;
use crate::store::{Contact, Cursor, Delivery, Event, Invite, Message, Moments};

/// One request of ui that wants an answer; given out by the shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// Something that the engine is asked.
pub trait Asks: Sized {
    /// What is answered where nothing is wrong.
    type Answer;
    /// What else: what this can answer, and nothing that another can.
    type Error: From<Closed>;

    /// It among all.
    fn question(self) -> Question;

    /// Its answer among all.
    fn reply(outcome: Result<Self::Answer, Self::Error>) -> Reply;

    /// Its answer, or `None` where another question was answered.
    fn told(reply: Reply) -> Option<Result<Self::Answer, Self::Error>>;
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

/// Whatever is asked.
pub enum Question {
    /// With an effect.
    Request(Box<Request>),
    /// Without.
    Query(Box<Query>),
}

macro_rules! asked {
    (
        $(#[$request_doc:meta])* Request { $($request:ident => $done:ty, $not_done:ty;)* }
        $(#[$query_doc:meta])* Query { $($query:ident => $answer:ty, $error:ty;)* }
    ) => {
        $(#[$request_doc])*
        #[derive(Clone)]
        pub enum Request { $(#[doc = concat!("[`", stringify!($request), "`].")] $request($request),)* }

        $(#[$query_doc])*
        #[derive(Clone)]
        pub enum Query { $(#[doc = concat!("[`", stringify!($query), "`].")] $query($query),)* }

        /// What is answered.
        #[derive(Clone, PartialEq, Eq)]
        pub enum Reply {
            $(#[doc = concat!("To [`", stringify!($request), "`].")] $request(Result<$done, $not_done>),)*
            $(#[doc = concat!("To [`", stringify!($query), "`].")] $query(Result<$answer, $error>),)*
        }

        $(asked! { one Request $request => $done, $not_done })*
        $(asked! { one Query $query => $answer, $error })*
    };
    (one $All:ident $asked:ident => $answer:ty, $error:ty) => {
        impl Asks for $asked {
            type Answer = $answer;
            type Error = $error;

            fn question(self) -> Question {
                Question::$All(Box::new($All::$asked(self)))
            }

            fn reply(outcome: Result<$answer, $error>) -> Reply {
                Reply::$asked(outcome)
            }

            fn told(reply: Reply) -> Option<Result<$answer, $error>> {
                if let Reply::$asked(outcome) = reply { Some(outcome) } else { None }
            }
        }
    };
}

asked! {
    /// Something that changes what is kept, or asks keyvault. Durable when it is answered.
    Request {
        MakeInvite => Invite, InviteError;
        CancelInvite => (), CancelError;
        AcceptInvite => Contact, AcceptError;
        ChangeContact => Contact, ChangeError;
        SendText => Message, SendError;
        SetProfileName => (), ProfileNameError;
        MarkRead => (), ReadError;
        AskSafetyNumber => SafetyNumber, NumberError;
        CompareCode => Comparison, NumberError;
        EditText => Message, EditError;
        DeleteText => (), DeleteError;
        React => Message, ReactError;
        Draft => String, DraftError;
        RetryText => Message, RetryError;
        CancelText => (), CancelTextError;
        ForwardText => Message, SendError;
        TellTyping => (), TypingError;
        Introduce => (), IntroduceError;
        AnswerIntroduction => (), AnswerError;
        CompareShort => ShortComparison, ShortError;
        SendFiles => Message, SendFilesError;
        ActOnFile => File, FileActionError;
        TakeIn => TakenIn, Closed;
        KeepIn => UploadId, FinishError;
        DropIn => (), Closed;
        PieceLost => (), Closed;
    }
    /// Something to be told, of what is durable.
    Query {
        ProfileName => String, Closed;
        Count => Counts, Closed;
        Invites => Vec<Invite>, Closed;
        InviteOf => Option<Invite>, Closed;
        AcceptOf => Accepting, AcceptError;
        Contacts => Vec<Contact>, Closed;
        MessageOf => Message, SettleError;
        FirstPage => Page, ReadError;
        NextPage => Page, Closed;
        EventsAfter => Vec<Told>, Closed;
        NewestEvent => u64, Closed;
        DraftOf => String, DraftError;
        FirstMatches => Matches, SearchError;
        NextMatches => Matches, Closed;
        AskInfo => Info, SettleError;
        WritingAfter => Writing, Closed;
        ComparisonWith => ShortComparison, ShortError;
        FilesBefore => Vec<File>, FilesError;
        BytesOf => Blob, DownloadError;
    }
}

impl Reply {
    /// Every contact that is told.
    pub(super) fn each_contact(&mut self, mut of: impl FnMut(&mut Contact)) {
        match self {
            Self::Contacts(Ok(contacts)) => contacts.iter_mut().for_each(of),
            Self::ChangeContact(Ok(contact)) | Self::AcceptInvite(Ok(contact)) => of(contact),
            Self::EventsAfter(Ok(told)) => {
                told.iter_mut().filter_map(|told| told.contact.as_mut()).for_each(of)
            }
            _ => {}
        }
    }

    /// Every message that is told as a person sees it.
    pub(super) fn each_message(&mut self, mut of: impl FnMut(&mut Message)) {
        match self {
            Self::FirstPage(Ok(page)) | Self::NextPage(Ok(page)) => page.messages.iter_mut().for_each(of),
            Self::SendText(Ok(message))
            | Self::SendFiles(Ok(message))
            | Self::EditText(Ok(message))
            | Self::React(Ok(message))
            | Self::RetryText(Ok(message))
            | Self::ForwardText(Ok(message)) => of(message),
            Self::EventsAfter(Ok(told)) => {
                told.iter_mut().filter_map(|told| told.message.as_mut()).for_each(of)
            }
            _ => {}
        }
    }

    /// Every file that is told.
    pub(super) fn each_file(&mut self, mut of: impl FnMut(&mut File)) {
        self.each_message(|message| message.files.iter_mut().for_each(&mut of));
        match self {
            Self::ActOnFile(Ok(file)) => of(file),
            Self::FilesBefore(Ok(files)) => files.iter_mut().for_each(of),
            Self::EventsAfter(Ok(told)) => told.iter_mut().filter_map(|told| told.file.as_mut()).for_each(of),
            _ => {}
        }
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
#[derive(Clone)]
pub struct AcceptOf {
    /// As it was given.
    pub link: String,
}

/// One message.
#[derive(Clone)]
pub struct MessageOf {
    /// Its id.
    pub id: String,
}

/// The first of the pages that hold some messages of a conversation.
#[derive(Clone)]
pub struct FirstPage {
    /// Whose, in the user's word.
    pub who: String,
    /// So many messages on all pages; 0: as many as are usual.
    pub limit: u32,
    /// Which.
    pub place: Place,
}

/// The page after another one.
#[derive(Clone, Copy)]
pub struct NextPage {
    /// The other side of the conversation.
    pub contact: ContactId,
    /// [`Page::next`].
    pub from: Cursor,
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

/// Which contacts began or ceased to write.
#[derive(Clone, Copy)]
pub struct WritingAfter {
    /// After [`Writing::newest`] of an earlier answer; `None`: those who write now.
    pub change: Option<u64>,
}

/// How a comparison by short string is.
#[derive(Clone)]
pub struct ComparisonWith {
    /// With whom, in the user's word.
    pub who: String,
}

/// What was begun to be written to somebody; empty: nothing.
#[derive(Clone)]
pub struct DraftOf {
    /// To whom, in the user's word.
    pub who: String,
}

/// The newest texts that hold what is looked for.
#[derive(Clone)]
pub struct FirstMatches {
    /// As it was typed.
    pub text: String,
    /// In the conversation with whom, in the user's word; empty: in all.
    pub who: String,
    /// Only those before this message; empty: to the end.
    pub before: String,
    /// At most so many.
    pub limit: usize,
}

/// Those before them.
#[derive(Clone)]
pub struct NextMatches {
    /// [`Matches::search`].
    pub search: Search,
    /// [`Matches::next`].
    pub before: i64,
    /// At most so many.
    pub limit: usize,
}

/// What is looked for, and where.
#[derive(Clone, PartialEq, Eq)]
pub struct Search {
    /// What.
    pub wanted: Wanted,
    /// In this conversation; `None`: in all.
    pub contact: Option<ContactId>,
}

/// Messages or events in one answer.
pub const PAGE: u32 = 64;

/// Bytes of texts in one answer, one text more at most.
pub const PAGE_BYTES: usize = 128 * 1024;

/// How far an accept has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepting {
    /// The link could not be opened at a relay yet.
    Reading(Contact),
    /// The answer is under way.
    UnderWay(Contact),
    /// Who was asked whether it is theirs has not said.
    Asking(Contact),
    /// The answer lies at a relay, or the link leads to who is a contact already.
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
    pub next: Option<Cursor>,
    /// Where the last page ends.
    pub end: i64,
}

/// What one bounded look found.
#[derive(Clone, PartialEq, Eq)]
pub struct Matches {
    /// What was looked for.
    pub search: Search,
    /// What was found, the newest first.
    pub messages: Vec<Message>,
    /// Messages that were looked at.
    pub examined: usize,
    /// Where the next look begins; `None`: this was the last.
    pub next: Option<i64>,
    /// The id of the last message that was looked at, for who goes on another time; empty: none was.
    pub last: String,
}

/// All that is known of how far a text is.
#[derive(Clone, PartialEq, Eq)]
pub struct Info {
    /// The text.
    pub message: Message,
    /// When it came how far.
    pub moments: Moments,
    /// In how many parts it travels; 0 for what others wrote.
    pub parts: u16,
    /// Of these, so many that a relay has or the peer acked.
    pub parts_relayed: u16,
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
    /// The file of a file event; `None`: gone.
    pub file: Option<File>,
}

/// Who began or ceased to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Writing {
    /// The number of the last change that there was.
    pub newest: u64,
    /// Each contact that changed, as it is now.
    pub changes: Vec<WritingChange>,
}

/// Somebody began to write, or ceased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WritingChange {
    /// Who.
    pub contact: ContactId,
    /// They write.
    pub on: bool,
    /// Since when.
    pub at: Timestamp,
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
    pub clock: Option<ClockOffset>,
}

/// Whether a text has come as far as asked, or ended.
#[must_use]
pub fn settled(state: Delivery, want: Delivery) -> bool {
    state >= want
}
