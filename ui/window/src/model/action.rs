//! What the user does, what the other processes say, and what is asked of them.

use ipc_schema::Timestamp;
use ipc_schema::edge::ui_keyvault::VaultState;
use ipc_schema::edge::ui_stored::{
    Access, Change, Comparison, Contact, ContactAction, Counts, Invite, Match, Message, Place, SafetyNumber,
    ShortAction, ShortComparison,
};
use privatus::peers::PeerError;
use zeroize::Zeroizing;

use super::entry::Problem;
use super::message::{MessageAct, MessageCommand, MessageNews};
use super::over::OverAct;
use super::search::Looked;
use super::short::ShortAct;

/// A place where text is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// Above the list.
    Search,
    /// Below the conversation.
    Composer,
    /// Who an invitation is for.
    InviteName,
    /// An invitation's link.
    Link,
    /// What to call who invited.
    AcceptName,
    /// What people call the user.
    YourName,
    /// What was scanned from a contact's screen.
    TheirCode,
    /// Who is chosen, to get a text or to meet somebody.
    Whom,
    /// What a contact is called from now on.
    ContactName,
    /// What is noted about a contact.
    ContactNote,
    /// What people call the user from now on.
    OwnName,
    /// Looking in the open conversation.
    Find,
    /// The day to go to.
    Date,
}

impl Field {
    /// Every one.
    pub const ALL: &[Self] = &[
        Self::Search,
        Self::Composer,
        Self::InviteName,
        Self::Link,
        Self::AcceptName,
        Self::YourName,
        Self::TheirCode,
        Self::Whom,
        Self::ContactName,
        Self::ContactNote,
        Self::OwnName,
        Self::Find,
        Self::Date,
    ];

    /// Its name, spoken.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Search => "Search",
            Self::Composer => "Message",
            Self::InviteName => "Who is it for?",
            Self::Link => "Link",
            Self::AcceptName => "What do you call this person?",
            Self::YourName => "Your name",
            Self::TheirCode => "What their picture code says",
            Self::Whom => "To whom",
            Self::ContactName => "What you call them",
            Self::ContactNote => "Your note",
            Self::OwnName => "Your name",
            Self::Find => "Search in this chat",
            Self::Date => "Day, as YYYY-MM-DD",
        }
    }

    /// Whether Shift Enter begins a new line in it.
    #[must_use]
    pub fn has_lines(self) -> bool {
        matches!(self, Self::Composer | Self::ContactNote)
    }
}

/// Which of the passphrase fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SecretField {
    /// Unlocking, or a new one.
    First,
    /// The same once more.
    Again,
}

/// What the user can do by pressing something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Go to a conversation.
    Open(String),
    /// Invite or accept.
    Add,
    /// Start inviting.
    Invite,
    /// Start accepting.
    Accept,
    /// Make the invitation.
    MakeInvite,
    /// Take the link along.
    CopyLink,
    /// Take an invitation back, after a question.
    CancelInvite(String),
    /// To what is asked: all stays as it is.
    Keep,
    /// To what is asked: do it.
    GoOn,
    /// Accept the link.
    AcceptLink,
    /// Accept the invitation that was left for the first run.
    AcceptOffer,
    /// Send what is written.
    Send,
    /// Take out again what was pasted and is too long to be edited.
    TakeOut,
    /// Compare who somebody is.
    Compare(String),
    /// Have what waits for somebody go on.
    Resume(String),
    /// They were compared, and are the same; or that is taken back.
    Verify(bool),
    /// Compare what was scanned.
    CompareCode,
    /// Close what stands beside the list.
    Close,
    /// Drop all keys.
    Lock,
    /// The next colours.
    NextTheme,
    /// Type into a field.
    Type(Field),
    /// Type a passphrase here.
    Secret(SecretField),
    /// Show or hide the letters of that passphrase field.
    ShowSecret(SecretField),
    /// Unlock, or go on with the new passphrase.
    UsePassphrase,
    /// Leave the first run.
    Enter,
    /// Something with the words of messages.
    Text(TextAct),
    /// Something to read and to find.
    Read(ReadAct),
    /// Something with a message.
    Message(MessageAct),
    /// Something in what lies over the window.
    Over(OverAct),
    /// To a message of the open conversation, by its id.
    JumpTo(String),
    /// To what is asked: do it on their device, too.
    GoOnForBoth,
    /// Close what stands beside the list, by the button below it.
    NotNow,
    /// Something with a contact.
    Contact(String, ContactAct),
    /// Back from what is known of somebody.
    CloseDetails,
    /// Keep what was typed there.
    KeepEdit,
    /// Leave it as it was.
    LeaveEdit,
    /// What was compared is not the same.
    Differ,
    /// Something with the short string that two read to each other.
    Short(ShortAct),
    /// What people call the user.
    OwnName,
    /// Call the user so from now on.
    KeepOwnName,
    /// Close the card over the window.
    CloseCard,
    /// Empty a field.
    Clear(Field),
    /// Show the keys, or put them away.
    Keys,
}

/// What the user can do with the words of messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextAct {
    /// Show all of a long message, by its id.
    ShowAll(String),
    /// Fold it again.
    ShowLess(String),
    /// Show where a link goes.
    Link(String),
    /// Take that address along.
    CopyAddress,
    /// Put the link's card away.
    CloseLink,
    /// Take along what is selected.
    CopySelection,
    /// Select all of the message in which something is selected.
    SelectAll,
}

/// What the user can do to read a conversation, and to find something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadAct {
    /// To the newest message.
    ToEnd,
    /// Open a conversation where a text stands that was found.
    OpenFound {
        /// The contact's id.
        who: String,
        /// The text's.
        id: String,
    },
    /// More of what is looked for.
    SearchMore,
    /// Look in the open conversation alone (true), or in all.
    SearchIn(bool),
    /// To the next older of what was found wherever that is (true), or the next newer.
    StepFound(bool),
    /// Look for nothing any more.
    LeaveSearch,
    /// Look in the open conversation.
    Find,
    /// To the next older of what was found in it (true), or the next newer.
    FindStep(bool),
    /// Look in it no longer.
    LeaveFind,
    /// Choose a day to go to.
    AskDate,
    /// To the day that was typed.
    GoToDate,
    /// To the day so many days ago.
    GoBack(u16),
    /// To none.
    LeaveDate,
    /// To the first text that is kept.
    ToBeginning,
    /// Move the bar at the side of a conversation; where it is pressed says how far.
    Thumb,
}

/// What the user can do with a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContactAct {
    /// Show what is known of them, or go back to the conversation.
    Details,
    /// Call them otherwise.
    Rename,
    /// Note something about them.
    Note,
    /// Whether they draw attention.
    Mute(Muting),
    /// They stand before the others, or no longer.
    Pin(bool),
    /// The conversation counts as unread.
    Unread,
    /// Take nothing from them any more, after a question.
    Block,
    /// Hear them again.
    Unblock,
    /// Forget them and the conversation, after a question.
    Delete,
    /// Have seen that their invitation was opened twice.
    DeclineSecond,
    /// They are told what was read, or no longer.
    Receipts(bool),
    /// They see that one writes, or no longer.
    Typing(bool),
    /// Texts that either of the two writes from now on disappear after so many seconds; 0: never.
    Timer(u32),
    /// Choose to whom they are introduced.
    Introduce,
}

/// For how long nothing of somebody draws attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Muting {
    /// It does.
    Off,
    /// One hour.
    Hour,
    /// Eight hours.
    EightHours,
    /// Until it is taken back.
    ForEver,
}

/// What is asked of the other processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// A new vault.
    Create(Zeroizing<Vec<u8>>),
    /// Unlock.
    Unlock(Zeroizing<Vec<u8>>),
    /// Drop all keys.
    Lock,
    /// Show nothing until the passphrase is given; delivery goes on.
    ScreenLock,
    /// Texts with somebody.
    Messages {
        /// The contact's id.
        who: String,
        /// Which.
        place: Place,
    },
    /// A text.
    Send {
        /// The contact's id.
        who: String,
        /// Our id.
        id: String,
        /// As it was typed.
        text: String,
        /// The message that it answers, or empty.
        reply_to: String,
    },
    /// An invitation.
    Invite(String),
    /// All invitations.
    Invites,
    /// Take one back.
    CancelInvite(String),
    /// Accept a link.
    Accept {
        /// The link.
        link: String,
        /// What the user calls them.
        name: String,
    },
    /// The user's name.
    SetName(String),
    /// What they wrote is read.
    MarkRead {
        /// The contact's id.
        who: String,
        /// Up to this text.
        up_to: String,
    },
    /// What is to be compared with somebody.
    SafetyNumber {
        /// The contact's id.
        who: String,
    },
    /// Something with a short string, or a look at how far it is.
    Short {
        /// The contact's id.
        who: String,
        /// What.
        action: ShortAction,
    },
    /// It was compared, or that is taken back.
    Verify {
        /// The contact's id.
        who: String,
        /// What was compared; `None` takes it back.
        digits: Option<String>,
    },
    /// What waits for somebody goes on.
    Resume {
        /// The contact's id.
        who: String,
    },
    /// Compare what was scanned.
    CompareCode {
        /// From whose screen.
        who: String,
        /// What it says.
        code: String,
    },
    /// Put text on the clipboard.
    Copy(String),
    /// Take that text from the clipboard, if it is still there.
    Uncopy(String),
    /// The window was closed.
    Quit,
    /// Something with a message.
    Message(MessageCommand),
    /// Something is done with a contact.
    Contact {
        /// The contact's id.
        who: String,
        /// What.
        action: ContactAction,
    },
    /// How far the invitations are.
    InviteStates,
    /// What was begun to be written.
    Draft {
        /// The contact's id.
        who: String,
    },
    /// Keep what was begun to be written, before anything that is asked for later.
    KeepDraft {
        /// The contact's id.
        who: String,
        /// Empty: nothing any more.
        text: String,
    },
    /// Texts that hold words.
    Search {
        /// Told with the answer.
        looked: Looked,
        /// The words.
        text: String,
        /// The contact's id; empty: with everybody.
        who: String,
        /// Older than this text, where not empty.
        before: String,
    },
    /// One writes to somebody who sees it, or no more.
    Writing {
        /// The contact's id.
        who: String,
        /// Whether.
        on: bool,
    },
    /// Two contacts are asked whether they want to meet each other.
    Introduce {
        /// The one's id.
        who: String,
        /// The other's.
        other: String,
    },
}

/// What the other processes said.
#[derive(Debug)]
pub enum News {
    /// A required wall is missing on this system, and the suite was started all the same.
    WithoutWalls,
    /// keyvault is there.
    Vault {
        /// The passphrase is asked for, be it for the keys or for the screen alone.
        locked: bool,
        /// What the file is.
        state: VaultState,
    },
    /// keyvault went away.
    VaultLost,
    /// The passphrase was tried, or a vault made.
    Passphrase(Result<(), Problem>),
    /// stored is there.
    Access(Access, String),
    /// stored went away.
    HistoryLost,
    /// Everybody.
    People(Vec<Contact>),
    /// All invitations.
    Invites(Vec<Invite>),
    /// Texts of one conversation.
    Messages {
        /// The contact's id.
        who: String,
        /// Which were asked for.
        place: Place,
        /// Oldest first, or why not.
        result: Result<Vec<Message>, PeerError>,
    },
    /// Something changed.
    Changed(Timestamp, Change),
    /// Counts.
    Counts(Counts),
    /// A text was taken, or not.
    Sent {
        /// Whose conversation.
        who: String,
        /// Our id.
        id: String,
        /// The text as stored keeps it.
        result: Result<Message, PeerError>,
    },
    /// An invitation was made, or not.
    Invited(Result<Invite, PeerError>),
    /// A link was accepted, or not.
    Accepted(Result<Contact, PeerError>),
    /// What is to be compared with somebody.
    SafetyNumber {
        /// The contact's id.
        who: String,
        /// What, or why not.
        result: Result<SafetyNumber, PeerError>,
    },
    /// How far it is with a short string.
    Short {
        /// The contact's id.
        who: String,
        /// How far, or why nothing was done.
        result: Result<ShortComparison, PeerError>,
    },
    /// What was scanned was compared.
    Compared {
        /// The contact's id.
        who: String,
        /// What it says, or why it could not be compared.
        result: Result<Comparison, PeerError>,
    },
    /// Something small was refused.
    Failed(PeerError),
    /// An invitation was left for the first run.
    Offer(String),
    /// The supervisor asks the window to close.
    Stop,
    /// What came of something that was done with a message.
    Message(MessageNews),
    /// Something was done with a contact, or not.
    ContactDone {
        /// The contact's id.
        who: String,
        /// What was asked.
        action: ContactAction,
        /// What they are then, or why not.
        result: Result<Contact, PeerError>,
    },
    /// The user is called so, or not.
    Named {
        /// The name that was asked for.
        name: String,
        /// Why not.
        result: Result<(), PeerError>,
    },
    /// What was begun to be written, as stored keeps it.
    Draft {
        /// The contact's id.
        who: String,
        /// Empty: nothing.
        text: String,
    },
    /// Texts that hold words.
    Found {
        /// What was asked.
        looked: Looked,
        /// The text to go on before and the newest first, or why not.
        result: Result<(String, Vec<Match>), PeerError>,
    },
    /// Two contacts were asked whether they want to meet, or not.
    Introduced(Result<(), PeerError>),
}
