//! People: what is shown of them, what the user does with them, and who they are.

use std::time::Duration;

use super::{Closed, Refusal, ShortState, told};
use crate::Timestamp;
use crate::edge::stored_keyvault::{DIGITS_MAX_BYTES, read_words, write_words};
use crate::edge::{Builder, Call, Outcome, Part, Read, Reader, call, length, mirrored, text, words};
use crate::edges::ui_stored_capnp::{self as wire, contact, contact_action, messenger};
use crate::limits::{
    BEGINNING_MAX_CHARS, LINK_MAX_CHARS, MESSAGE_ID_MAX_CHARS, NAME_MAX_BYTES, NOTE_MAX_BYTES, PEOPLE_MAX,
    TYPED_MAX_BYTES,
};

/// Bytes of the word for a route.
const ROUTE_MAX_BYTES: usize = 16;

/// The end of a mute that has none.
pub const MUTED_FOR_EVER: Timestamp = Timestamp(u64::MAX);
/// The longest mute that has an end. One that ends later was begun by a clock that was wrong.
pub const MUTE_LONGEST: Duration = Duration::from_secs(366 * 86_400);
/// The longest life of a text that disappears, seconds.
pub const TIMER_LONGEST_S: u32 = 366 * 86_400;
/// The longest that texts are kept which are not kept for ever, seconds.
pub const RETENTION_LONGEST_S: u32 = 520 * 7 * 86_400;

/// How long a timer's texts live, in words: in the largest unit of which it is a whole number.
#[must_use]
pub fn lasting(seconds: u32) -> String {
    let units = [(7 * 86_400, "week"), (86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
    let whole = units.into_iter().find(|(length, _)| seconds.is_multiple_of(*length));
    let (length, unit) = whole.unwrap_or((1, "second"));
    let count = seconds / length;
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

call! {
    /// Everybody: the pinned first, and of each kind the latest conversation.
    #[derive(Clone, Copy, PartialEq, Eq)]
    Contacts of messenger: contacts_request, contacts_params, contacts_results;
    asks {}
    answers Vec<Contact>, Closed: parts(PEOPLE_MAX) get_contacts init_contacts beside get_error set_error;
}

/// Somebody the user can write to, or has invited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// Their id in this profile.
    pub id: String,
    /// What the user calls them.
    pub name: String,
    /// How far the connection is.
    pub state: ContactState,
    /// The safety number was compared.
    pub verified: bool,
    /// `onion`; empty for notes to oneself.
    pub route: String,
    /// Texts from them that were not read here; a conversation that was marked unread counts as 1 where there are none.
    pub unread: u32,
    /// When something last happened; 0: never.
    pub last_at: Timestamp,
    /// What they call themselves. A stranger's text.
    pub their_name: String,
    /// The beginning of the last text. A stranger's text.
    pub last_text: String,
    /// What is wrong with the session, or new.
    pub notice: Notice,
    /// What is written to them waits until the user has it go on.
    pub held: bool,
    /// Stands before all that are not.
    pub pinned: bool,
    /// As [`is_muted`] takes it; 0: not muted.
    pub muted_until: Timestamp,
    /// What the user notes about them.
    pub note: String,
    /// Something was begun to be written to them.
    pub has_draft: bool,
    /// Their oldest text that was not read here, or empty.
    pub first_unread: String,
    /// They are told when the user has read what they wrote.
    pub receipts: bool,
    /// They see that the user is writing.
    pub typing: bool,
    /// They are writing now, as they say.
    pub is_typing: bool,
    /// What is written from now on disappears after so many seconds; 0: never.
    pub timer_s: u32,
    /// How far a comparison by short string is with them.
    pub comparing: ShortState,
    /// What was said with them is deleted here once it is so many seconds old; 0: never.
    pub retention_s: u32,
    /// Files that they offer come by themselves up to so many bytes; 0: none.
    pub files: u64,
}

/// Whether nothing of a conversation that is muted until then is to draw attention at `now`.
#[must_use]
pub fn is_muted(until: Timestamp, now: Timestamp) -> bool {
    until == MUTED_FOR_EVER || !until.is_due(now, MUTE_LONGEST)
}

mirrored! {
    /// How far a connection is.
    ContactState = wire::ContactState {
        /// The invitation was not opened yet.
        Invited => "invited",
        /// Our reply lies at a relay, or their answer waits for the user.
        Pending => "pending",
        /// Both have each other's keys.
        Connected => "connected",
        /// Nothing is taken from them.
        Blocked => "blocked",
        /// Notes to oneself: nobody else is there.
        Oneself => "self",
    }
}

mirrored! {
    /// What is wrong with a contact's session, or new.
    Notice = wire::Notice {
        /// All is well.
        None => "none",
        /// It broke and is being opened anew.
        Repairing => "repairing",
        /// It cannot be opened anew.
        InviteAgain => "invite-again",
    }
}

impl Contact {
    /// One of whom nothing is known but the id; also what is told of one that is gone.
    #[must_use]
    pub fn of(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            name: String::new(),
            state: ContactState::Invited,
            verified: false,
            route: String::new(),
            unread: 0,
            last_at: Timestamp(0),
            their_name: String::new(),
            last_text: String::new(),
            notice: Notice::None,
            held: false,
            pinned: false,
            muted_until: Timestamp(0),
            note: String::new(),
            has_draft: false,
            first_unread: String::new(),
            receipts: false,
            typing: false,
            is_typing: false,
            timer_s: 0,
            comparing: ShortState::None,
            retention_s: 0,
            files: 0,
        }
    }
}

impl Part for Contact {
    type Wire = contact::Owned;

    fn write(&self, mut to: contact::Builder<'_>) {
        to.set_id(&self.id);
        to.set_name(&self.name);
        to.set_state(self.state.into());
        to.set_verified(self.verified);
        to.set_route(&self.route);
        to.set_unread(self.unread);
        to.set_last_at(self.last_at.0);
        to.set_their_name(&self.their_name);
        to.set_last_text(&self.last_text);
        to.set_notice(self.notice.into());
        to.set_held(self.held);
        to.set_pinned(self.pinned);
        to.set_muted_until(self.muted_until.0);
        to.set_note(&self.note);
        to.set_has_draft(self.has_draft);
        to.set_first_unread(&self.first_unread);
        to.set_receipts(self.receipts);
        to.set_typing(self.typing);
        to.set_is_typing(self.is_typing);
        to.set_timer_s(self.timer_s);
        to.set_comparing(self.comparing.into());
        to.set_retention_s(self.retention_s);
        to.set_files(self.files);
    }

    fn read(from: contact::Reader<'_>) -> Read<Self> {
        Ok(Self {
            id: text(from.get_id()?, MESSAGE_ID_MAX_CHARS)?,
            name: text(from.get_name()?, NAME_MAX_BYTES)?,
            state: from.get_state()?.into(),
            verified: from.get_verified(),
            route: text(from.get_route()?, ROUTE_MAX_BYTES)?,
            unread: from.get_unread(),
            last_at: Timestamp(from.get_last_at()),
            their_name: text(from.get_their_name()?, NAME_MAX_BYTES)?,
            last_text: text(from.get_last_text()?, 4 * BEGINNING_MAX_CHARS)?,
            notice: from.get_notice()?.into(),
            held: from.get_held(),
            pinned: from.get_pinned(),
            muted_until: Timestamp(from.get_muted_until()),
            note: text(from.get_note()?, NOTE_MAX_BYTES)?,
            has_draft: from.get_has_draft(),
            first_unread: text(from.get_first_unread()?, MESSAGE_ID_MAX_CHARS)?,
            receipts: from.get_receipts(),
            typing: from.get_typing(),
            is_typing: from.get_is_typing(),
            timer_s: from.get_timer_s(),
            comparing: from.get_comparing()?.into(),
            retention_s: from.get_retention_s(),
            files: from.get_files(),
        })
    }
}

call! {
    /// Does something with one contact, and tells what they are then.
    #[derive(Clone, PartialEq, Eq)]
    ChangeContact of messenger: contact_request, contact_params, contact_results;
    asks {
        /// Their name or id; empty: those that have no *receipts*, *typing*, *retention* or *files* of their own.
        who: String => text(TYPED_MAX_BYTES) get_who set_who,
        /// What.
        action: ContactAction => part get_action init_action,
    }
    answers Contact, ChangeError: part get_contact init_contact beside get_error set_error;
}

/// What to do with a contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContactAction {
    /// Nothing: tell it.
    Show,
    /// Call them otherwise.
    Rename(String),
    /// Block or unblock.
    Block(bool),
    /// Forget them and the conversation.
    Delete,
    /// A second person opened the invitation: take them.
    Accept,
    /// Or do not.
    Decline,
    /// The safety number with these digits was compared; `None`: it is to be compared again.
    Verify(Option<String>),
    /// What was written to them and is held goes on.
    Resume,
    /// They stand before the others, or no longer.
    Pin(bool),
    /// Nothing of them is to draw attention until then, as [`is_muted`] takes it; 0: it is again.
    Mute(Timestamp),
    /// Note this about them; empty: nothing.
    Note(String),
    /// The conversation counts as unread until anything of it is marked read.
    Unread,
    /// They are told when the user has read what they wrote.
    Receipts(bool),
    /// They see that the user is writing.
    Typing(bool),
    /// What either of the two writes from now on disappears after so many seconds; 0: never.
    Timer(u32),
    /// What is said with them is deleted here once it is so many seconds old; 0: never.
    Retention(u32),
    /// Files that they offer come by themselves up to so many bytes; 0: none.
    Files(u64),
}

impl Part for ContactAction {
    type Wire = contact_action::Owned;

    fn write(&self, mut to: contact_action::Builder<'_>) {
        match self {
            Self::Show => to.set_show(()),
            Self::Rename(name) => to.set_rename(name.as_str()),
            Self::Block(on) => to.set_block(*on),
            Self::Delete => to.set_delete(()),
            Self::Accept => to.set_accept(()),
            Self::Decline => to.set_decline(()),
            Self::Verify(digits) => to.set_verify(digits.as_deref().unwrap_or_default()),
            Self::Resume => to.set_resume(()),
            Self::Pin(on) => to.set_pin(*on),
            Self::Mute(until) => to.set_mute(until.0),
            Self::Note(note) => to.set_note(note.as_str()),
            Self::Unread => to.set_unread(()),
            Self::Receipts(on) => to.set_receipts(*on),
            Self::Typing(on) => to.set_typing(*on),
            Self::Timer(seconds) => to.set_timer(*seconds),
            Self::Retention(seconds) => to.set_retention(*seconds),
            Self::Files(most) => to.set_files(*most),
        }
    }

    fn read(from: contact_action::Reader<'_>) -> Read<Self> {
        Ok(match from.which()? {
            contact_action::Show(()) => Self::Show,
            contact_action::Rename(name) => Self::Rename(text(name?, TYPED_MAX_BYTES)?),
            contact_action::Block(on) => Self::Block(on),
            contact_action::Delete(()) => Self::Delete,
            contact_action::Accept(()) => Self::Accept,
            contact_action::Decline(()) => Self::Decline,
            contact_action::Resume(()) => Self::Resume,
            contact_action::Pin(on) => Self::Pin(on),
            contact_action::Mute(until) => Self::Mute(Timestamp(until)),
            contact_action::Note(note) => Self::Note(text(note?, TYPED_MAX_BYTES)?),
            contact_action::Unread(()) => Self::Unread,
            contact_action::Receipts(on) => Self::Receipts(on),
            contact_action::Typing(on) => Self::Typing(on),
            contact_action::Timer(seconds) => Self::Timer(seconds),
            contact_action::Retention(seconds) => Self::Retention(seconds),
            contact_action::Files(most) => Self::Files(most),
            contact_action::Verify(digits) => {
                let digits = text(digits?, TYPED_MAX_BYTES)?;
                Self::Verify((!digits.is_empty()).then_some(digits))
            }
        })
    }
}

words! {
    /// Why nothing was done with a contact.
    ChangeError of Refusal, or Closed(Closed) {
        /// Nobody has that name or id.
        NoSuchContact,
        /// Somebody else has that name.
        NameTaken,
        /// Empty, too long, or with characters that a name cannot have.
        NameBad,
        /// Whoever opened an invitation second is not taken in.
        SecondOpener,
        /// There is nothing to compare before both have met.
        Waiting,
        /// The safety number that was compared is not the contact's, or no longer.
        NumberChanged,
        /// What is written to them goes by itself.
        NothingWaits,
        /// It is.
        NoteTooLong,
        /// They are the notes to oneself.
        NotForSelf,
    }
}

call! {
    /// What the user and a contact compare.
    #[derive(Clone, PartialEq, Eq)]
    AskSafetyNumber of messenger: safety_number_request, safety_number_params, safety_number_results;
    asks {
        /// Their name or id.
        who: String => text(TYPED_MAX_BYTES) get_who set_who,
    }
    answers SafetyNumber, NumberError: by write_number read_number;
}

/// What two people compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SafetyNumber {
    /// 12 groups of 5 digits.
    pub digits: String,
    /// 8 words.
    pub words: Vec<String>,
    /// The user said before that it was compared.
    pub verified: bool,
    /// The text of the picture code for the other's camera.
    pub code: String,
}

words! {
    /// Why there is nothing to compare.
    NumberError of Refusal, or Closed(Closed) {
        /// Nobody has that name or id.
        NoSuchContact,
        /// Not before both have met.
        Waiting,
        /// They are the notes to oneself.
        NotForSelf,
    }
}

fn write_number(outcome: &Outcome<AskSafetyNumber>, mut to: Builder<'_, <AskSafetyNumber as Call>::Results>) {
    match outcome {
        Ok(number) => {
            to.set_digits(&number.digits);
            to.set_verified(number.verified);
            to.set_code(&number.code);
            write_words(to.init_words(length(number.words.len())), &number.words);
        }
        Err(error) => to.set_error((*error).into()),
    }
}

fn read_number(from: Reader<'_, <AskSafetyNumber as Call>::Results>) -> Read<Outcome<AskSafetyNumber>> {
    match told(from.get_error()?)? {
        Ok(()) => Ok(Ok(SafetyNumber {
            digits: text(from.get_digits()?, DIGITS_MAX_BYTES)?,
            words: read_words(from.get_words()?)?,
            verified: from.get_verified(),
            code: text(from.get_code()?, LINK_MAX_CHARS)?,
        })),
        Err(error) => Ok(Err(error)),
    }
}

call! {
    /// Compares what was scanned from a contact's screen; a match verifies the contact. Idempotent.
    #[derive(Clone, PartialEq, Eq)]
    CompareCode of messenger: compare_code_request, compare_code_params, compare_code_results;
    asks {
        /// Their name or id.
        who: String => text(TYPED_MAX_BYTES) get_who set_who,
        /// Untrusted.
        code: String => text(TYPED_MAX_BYTES) get_code set_code,
    }
    answers Comparison, NumberError: word get_told set_told beside get_error set_error;
}

mirrored! {
    /// What a scanned code says about a contact.
    Comparison = wire::Comparison {
        /// The two are who each takes the other to be.
        Match => "match",
        /// A sound code of somebody else, or shown to somebody else.
        OtherPerson => "other-person",
        /// No code of this kind, or not all of it.
        NotACode => "not-a-code",
        /// A code of a later version.
        NewerVersion => "newer-version",
    }
}
