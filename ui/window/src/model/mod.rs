//! What the window knows and what it does about it: plain values, without FLTK, sockets or clocks.
//!
//! [`Model::act`] takes what the user did, [`Model::learn`] what the other processes said; both give what to ask of them next.

pub mod action;
mod bubble;
pub mod chat;
mod compare;
pub mod composing;
mod copied;
mod drafts;
pub mod entry;
pub mod keys;
mod learn;
pub mod listing;
pub mod lookalike;
pub mod menu;
pub mod message;
pub mod network;
pub mod over;
pub mod pane;
mod paste;
pub mod people;
pub mod picker;
pub mod profile;
pub mod question;
pub mod reading;
pub mod scrolls;
pub mod search;
pub mod selection;
mod sending;
mod short;
pub mod stroke;
pub mod whom;
pub mod words;
mod writing;

use std::collections::BTreeMap;

use ipc_schema::Timestamp;
use ipc_schema::edge::ui_stored::{Contact, ContactState, Counts, Invite, is_muted};
use privatus::clock::Zone;

pub use action::{Act, Command, Field, News, ReadAct, TextAct};
pub use chat::Chat;
pub use composing::Composing;
use drafts::Drafts;
pub use entry::{Entry, FirstRun, Lock};
pub use listing::Listing;
pub use menu::{Menu, MenuOf};
pub use message::{MessageAct, MessageCommand, MessageNews};
pub use network::Network;
pub use over::{Over, OverAct};
pub use pane::{Accepting, Comparing, Inviting, Pane};
pub use people::Details;
pub use profile::Card;
pub use question::Question;
pub use reading::{Reading, Wanted};
pub use scrolls::{Part, Scrolls};
pub use search::Search;
pub use selection::{Chosen, Place, Selection, Unit};
pub use short::ShortAct;
pub use stroke::Stroke;
pub use whom::Purpose;
use writing::Writing;

use crate::edit::Editor;
use crate::theme::Theme;
use lookalike::Alike;

/// Which of the window's three faces is shown.
#[derive(Debug)]
pub enum Screen {
    /// Nothing is known yet: keyvault has not answered.
    Opening,
    /// A new profile.
    FirstRun(FirstRun),
    /// The passphrase is asked for.
    Locked(Lock),
    /// Conversations.
    Inside,
}

/// Everything that the window shows.
#[derive(Debug)]
pub struct Model {
    /// Which face.
    pub screen: Screen,
    /// The colours.
    pub theme: Theme,
    /// What the user is called.
    pub me: String,
    /// Everybody, newest first.
    pub people: Vec<Contact>,
    /// Invitations made here.
    pub invites: Vec<Invite>,
    /// Conversations that were opened, by contact id.
    pub chats: BTreeMap<String, Chat>,
    /// What stands beside the list.
    pub pane: Pane,
    /// What is asked before something is lost.
    question: Option<Question>,
    /// What lies over the window.
    over: Option<Over>,
    /// Where the keyboard was before.
    back: Focus,
    /// The link that lies on the clipboard.
    copied: Option<String>,
    /// The network.
    pub network: Network,
    /// The counts of stored.
    pub counts: Counts,
    /// The screen alone is locked: keyvault still has its keys.
    pub screen_locked: bool,
    /// stored has told who is there, since the last lock.
    told_people: bool,
    /// stored is there and open.
    pub history: bool,
    /// keyvault is there.
    pub vault: bool,
    /// A required wall is missing on this system; said as long as the window is there.
    pub without_walls: bool,
    /// An invitation that whoever set this profile up left for the first run's last page.
    pub offer: Option<String>,
    /// A line at the lower left for some seconds, and when it goes.
    pub notice: Option<(String, Timestamp)>,
    /// What stands in the text fields.
    pub texts: Texts,
    /// What has the keyboard; the window moves it.
    focus: Focus,
    /// What lies under the pointer.
    pub hover: Option<Act>,
    /// Caps Lock, as of the last key.
    pub caps_lock: bool,
    /// Pixels scrolled up from the last of the texts that are held.
    pub scroll: i32,
    /// The user's time zone, in which days begin.
    pub zone: Zone,
    /// What is selected of the open conversation.
    selection: Option<Selection>,
    /// The link whose card is shown.
    link: Option<String>,
    /// How far all else is scrolled.
    pub scrolls: Scrolls,
    /// What is shown of a contact beside the conversation.
    details: Option<Details>,
    /// The card over the window.
    card: Option<Card>,
    /// Who can be taken for whom, by id.
    alike: BTreeMap<String, Alike>,
    /// When something was last told or done: what ends by itself is judged by it.
    told_at: Timestamp,
    /// What is to be kept of what was being written.
    drafts: Drafts,
    /// Who was told that one writes.
    writing: Writing,
    /// Where the open conversation is read.
    pub reading: Reading,
    /// What is looked for in names and texts.
    pub search: Search,
    /// What is looked for in the open conversation.
    pub find: Option<Search>,
    /// Of the last words that were looked for: it tells late answers.
    tickets: u64,
    /// The keys lie over the window; where the keyboard was before.
    keys_over: Option<Focus>,
    /// The conversation that a screen lock closed: its id alone, in memory alone, until somebody is inside again.
    opens_again: Option<String>,
}

/// What the practice partner of a private network is called.
pub const ECHO: &str = "Echo";

/// The texts of the fields that are not secret.
#[derive(Debug, Default)]
pub struct Texts {
    entries: BTreeMap<Field, String>,
    /// What stands in the composer.
    writing: Editor,
}

impl Texts {
    /// What stands in `field`.
    #[must_use]
    pub fn of(&self, field: Field) -> &str {
        match field {
            Field::Composer => self.writing.text(),
            _ => self.entries.get(&field).map_or("", String::as_str),
        }
    }

    /// Puts `text` there.
    pub fn set(&mut self, field: Field, text: impl Into<String>) {
        match field {
            Field::Composer => self.writing.set(&text.into()),
            _ => drop(self.entries.insert(field, text.into())),
        }
    }

    /// The composer's text, with its caret.
    #[must_use]
    pub fn writing(&self) -> &Editor {
        &self.writing
    }

    /// The same, to be written in.
    pub fn writing_mut(&mut self) -> &mut Editor {
        &mut self.writing
    }
}

/// What has the keyboard.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Focus {
    /// Nothing in particular: shortcuts still work.
    #[default]
    None,
    /// A text field.
    Field(Field),
    /// Something that can be pressed; `ring` where the keyboard put it there.
    Act(Act),
    /// A message, by its id.
    Message(String),
    /// What lies over the window.
    Over,
}

/// Without a key or the pointer for so long, the screen locks (docs/guide/user.md, "Locking").
pub const SCREEN_LOCK_AFTER: std::time::Duration = std::time::Duration::from_secs(5 * 60);

/// And after so long everything does.
pub const FULL_LOCK_AFTER: std::time::Duration = std::time::Duration::from_secs(60 * 60);

/// How long a notice stays.
pub const NOTICE: std::time::Duration = std::time::Duration::from_secs(8);

impl Default for Model {
    fn default() -> Self {
        Self {
            screen: Screen::Opening,
            theme: Theme::default(),
            me: String::new(),
            people: Vec::new(),
            invites: Vec::new(),
            chats: BTreeMap::new(),
            pane: Pane::Start,
            question: None,
            over: None,
            back: Focus::None,
            copied: None,
            network: Network::default(),
            counts: Counts::default(),
            screen_locked: false,
            told_people: false,
            history: false,
            vault: false,
            offer: None,
            notice: None,
            without_walls: false,
            texts: Texts::default(),
            focus: Focus::None,
            hover: None,
            caps_lock: false,
            scroll: 0,
            zone: Zone::default(),
            selection: None,
            link: None,
            scrolls: Scrolls::default(),
            details: None,
            card: None,
            alike: BTreeMap::new(),
            told_at: Timestamp(0),
            drafts: Drafts::default(),
            writing: Writing::default(),
            reading: Reading::default(),
            search: Search::default(),
            find: None,
            tickets: 0,
            keys_over: None,
            opens_again: None,
        }
    }
}

impl Model {
    /// What has the keyboard.
    #[must_use]
    pub fn focus(&self) -> &Focus {
        &self.focus
    }

    /// Moves the keyboard. A passphrase that it leaves is dots again.
    pub fn set_focus(&mut self, focus: Focus) {
        if self.focus != focus {
            self.cover_secret();
        }
        self.leave_over(&focus);
        if let Focus::Message(id) = &focus {
            let chat = self.open_chat().map(str::to_owned).and_then(|id| self.chats.get_mut(&id));
            chat.into_iter().for_each(|chat| chat.focused = Some(id.clone()));
        }
        self.focus = focus;
    }

    /// A question or a card lies over the window, and nothing else can be used.
    #[must_use]
    pub fn is_covered(&self) -> bool {
        let card = self.link.is_some() || self.card.is_some() || self.reading.date.is_some();
        self.question.is_some() || card || self.shows_keys()
    }

    /// The contact with that id.
    #[must_use]
    pub fn person(&self, id: &str) -> Option<&Contact> {
        self.people.iter().find(|contact| contact.id == id)
    }

    /// The contact whose conversation is open.
    #[must_use]
    pub fn open_chat(&self) -> Option<&str> {
        match &self.pane {
            Pane::Chat(id) if matches!(self.screen, Screen::Inside) => Some(id),
            _ => None,
        }
    }

    /// The rows of the list: everybody whose name has what is searched for.
    pub fn rows(&self) -> impl Iterator<Item = &Contact> {
        let wanted = self.texts.of(Field::Search).to_lowercase();
        self.people.iter().filter(move |contact| contact.name.to_lowercase().contains(&wanted))
    }

    /// Texts from others that were not read and draw attention.
    #[must_use]
    pub fn unread(&self, now: Timestamp) -> u32 {
        let loud = self.people.iter().filter(|contact| !is_muted(contact.muted_until, now));
        loud.map(|contact| contact.unread).fold(0, u32::saturating_add)
    }

    /// What the title bar says: how much is unread, never of whom nor what, and nothing of it behind a lock.
    #[must_use]
    pub fn title(&self, now: Timestamp) -> String {
        match self.unread(now) {
            unread @ 1.. if matches!(self.screen, Screen::Inside) => format!("({unread}) Privatus"),
            _ => "Privatus".to_owned(),
        }
    }

    /// The invitation that a contact in state *invited* waits on.
    #[must_use]
    pub fn invite_of(&self, contact: &Contact) -> Option<&Invite> {
        self.invites.iter().rfind(|invite| invite.contact == contact.id)
    }

    /// Shows a line at the lower left.
    pub fn notify(&mut self, now: Timestamp, line: impl Into<String>) {
        self.notice = Some((line.into(), now.after(NOTICE)));
    }

    fn sort_people(&mut self) {
        self.people.sort_by(|a, b| {
            let latest = b.last_at.cmp(&a.last_at);
            b.pinned.cmp(&a.pinned).then(latest).then_with(|| a.name.cmp(&b.name))
        });
    }

    /// Opens a conversation, or the invitation where nobody is there yet.
    pub(crate) fn open(&mut self, id: &str) -> Vec<Command> {
        let Some(contact) = self.person(id) else { return Vec::new() };
        let (unread, state) = (contact.unread, contact.state);
        let first_unread = contact.first_unread.clone();
        self.leave_pane();
        self.scroll = 0;
        if state == ContactState::Invited {
            self.pane = Pane::Invitation(id.to_owned());
            self.set_focus(Focus::Act(Act::CopyLink));
            return vec![Command::Invites];
        }
        self.pane = Pane::Chat(id.to_owned());
        let chat = self.chats.entry(id.to_owned()).or_default();
        let draft = chat.draft.clone();
        self.set_composer_text(draft);
        self.set_focus(match state {
            // Nothing can be written there.
            ContactState::Blocked => Focus::None,
            _ => Focus::Field(Field::Composer),
        });
        let mut commands = self.load_opened(unread, &first_unread);
        commands.extend(self.ask_draft());
        commands
    }

    /// Keeps what was being written.
    pub(crate) fn leave_chat(&mut self) {
        self.leave_draft();
        self.leave_texts();
        self.leave_find();
        self.over = None;
        self.reading.date = None;
        if let Pane::Chat(id) = &self.pane {
            let draft = self.composer_text().to_owned();
            self.chats.entry(id.clone()).or_default().draft = draft;
        }
    }

    /// Keeps what was being written, and forgets all else that belonged to what stands beside the list.
    pub(super) fn leave_pane(&mut self) {
        self.leave_chat();
        self.question = None;
        self.details = None;
        self.scrolls.begin(Part::Page);
        for field in [
            Field::InviteName,
            Field::Link,
            Field::AcceptName,
            Field::TheirCode,
            Field::ContactName,
            Field::ContactNote,
        ] {
            self.texts.set(field, "");
        }
    }
}
