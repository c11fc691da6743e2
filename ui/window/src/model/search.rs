//! Looking for words: in everybody's texts beside the names of the list, or in the open conversation.

use std::time::Duration;

use ipc_schema::Timestamp;
use ipc_schema::edge::ui_stored::{Contact, Match, Message, Place};
use privatus::peers::PeerError;

use super::{Command, Field, Focus, Model, words};

/// Nobody is asked before the keys have rested for so long.
const REST: Duration = Duration::from_millis(150);

/// Matches of one answer.
pub const MATCHES: u32 = 50;

/// Matches that are held at most: whoever wants more looks for more words.
const HELD_MAX: usize = 500;

/// What is looked for, and what was found so far.
#[derive(Debug, Default)]
pub struct Search {
    /// The words that what was found holds, or is to.
    text: String,
    /// The conversation; empty: all.
    who: String,
    /// The open conversation alone is wanted, not all.
    pub here: bool,
    /// When it is asked; `None`: it was.
    due: Option<Timestamp>,
    /// What is asked now; an answer to anything else is too late.
    ticket: u64,
    /// An answer is awaited.
    pub busy: bool,
    /// The newest first.
    pub found: Vec<Match>,
    /// The text before which more may be found; empty: there is no more.
    pub next: String,
    /// Why nothing is told, in words.
    pub failed: Option<String>,
    /// The row that the arrows are at: names first, then texts.
    pub chosen: usize,
    /// Pixels that the results are scrolled down.
    pub scroll: i32,
    /// The chosen row is to be brought into view.
    pub follow: bool,
    /// One of the texts was gone to.
    gone_to: bool,
}

/// What one asks for, to be told with the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    /// Which of the two searches, and which of its questions.
    pub ticket: u64,
    /// In the open conversation.
    pub in_chat: bool,
}

impl Search {
    /// Other words, asked for a little later.
    fn set(&mut self, now: Timestamp, text: &str, who: &str, ticket: u64) {
        if self.text == text && self.who == who {
            return;
        }
        let due = (!text.trim().is_empty()).then(|| now.after(REST));
        *self = Self {
            text: text.to_owned(),
            who: who.to_owned(),
            due,
            ticket,
            busy: due.is_some(),
            here: self.here,
            ..Self::default()
        };
    }

    /// When it is to be asked.
    #[must_use]
    pub fn due(&self) -> Option<Timestamp> {
        self.due
    }

    /// Whether all was told that there is.
    #[must_use]
    pub fn is_over(&self) -> bool {
        !self.busy && self.next.is_empty()
    }

    fn ask(&mut self, now: Timestamp, in_chat: bool) -> Option<Command> {
        self.due.filter(|due| due.is_due(now, REST))?;
        self.due = None;
        Some(self.command(in_chat))
    }

    fn more(&mut self, in_chat: bool) -> Option<Command> {
        if self.busy || self.next.is_empty() || self.found.len() >= HELD_MAX {
            return None;
        }
        self.busy = true;
        Some(self.command(in_chat))
    }

    fn command(&self, in_chat: bool) -> Command {
        Command::Search {
            looked: Looked { ticket: self.ticket, in_chat },
            text: self.text.clone(),
            who: self.who.clone(),
            before: self.next.clone(),
        }
    }

    /// Takes an answer; false: to a question that nobody asks any more.
    fn answered(&mut self, ticket: u64, result: Result<(String, Vec<Match>), PeerError>) -> bool {
        if self.ticket != ticket {
            return false;
        }
        self.busy = false;
        match result {
            Ok((next, found)) => {
                self.next = next;
                self.found.extend(found);
                if self.found.len() >= HELD_MAX {
                    self.found.truncate(HELD_MAX);
                    self.next.clear();
                }
                self.failed = None;
            }
            Err(error) => self.failed = Some(words::search_failed(&error)),
        }
        true
    }
}

impl Model {
    /// Something is looked for in names and texts.
    #[must_use]
    pub fn is_searching(&self) -> bool {
        !self.texts.of(Field::Search).trim().is_empty()
    }

    /// What was typed into a field that looks for it.
    pub fn typed(&mut self, now: Timestamp, field: Field) {
        let text = self.texts.of(field).trim().to_owned();
        self.tickets = self.tickets.wrapping_add(1);
        match field {
            Field::Search => {
                let who = if self.search.here { self.open_chat().unwrap_or_default() } else { "" };
                let who = who.to_owned();
                self.search.set(now, &text, &who, self.tickets);
            }
            Field::Find => {
                let who = self.open_chat().unwrap_or_default().to_owned();
                if let Some(find) = &mut self.find {
                    find.set(now, &text, &who, self.tickets);
                }
            }
            _ => {}
        }
    }

    pub(super) fn find_due(&self) -> Option<Timestamp> {
        self.find.as_ref().and_then(Search::due)
    }

    pub(super) fn look_for_due(&mut self, now: Timestamp) -> Vec<Command> {
        // Another conversation was opened meanwhile, or none is open any more.
        if self.search.here && self.open_chat() != Some(self.search.who.as_str()) {
            self.search.here = self.open_chat().is_some();
            self.typed(now, Field::Search);
        }
        let everywhere = self.search.ask(now, false);
        let here = self.find.as_mut().and_then(|find| find.ask(now, true));
        everywhere.into_iter().chain(here).collect()
    }

    /// What was found.
    pub(super) fn found(
        &mut self,
        now: Timestamp,
        looked: &Looked,
        result: Result<(String, Vec<Match>), PeerError>,
    ) -> Vec<Command> {
        if !looked.in_chat {
            self.search.answered(looked.ticket, result);
            return Vec::new();
        }
        let Some(find) = &mut self.find else { return Vec::new() };
        let before = find.found.len();
        if !find.answered(looked.ticket, result) {
            return Vec::new();
        }
        // The newest of them at once; of a further page the first.
        match find.found.get(before).map(|found| found.id.clone()) {
            Some(id) => {
                find.chosen = before;
                self.go_to(now, &id)
            }
            None => Vec::new(),
        }
    }

    /// More of what was found in all conversations.
    pub(super) fn search_more(&mut self) -> Vec<Command> {
        self.search.more(false).into_iter().collect()
    }

    /// Looks in the open conversation alone, or in all.
    pub(super) fn search_in(&mut self, now: Timestamp, here: bool) {
        self.search.here = here && self.open_chat().is_some();
        self.typed(now, Field::Search);
        self.set_focus(Focus::Field(Field::Search));
    }

    /// Whose name has what is looked for, where names are looked for.
    pub fn found_people(&self) -> impl Iterator<Item = &Contact> {
        self.rows().filter(|_| !self.search.here)
    }

    /// How many names and texts stand in the results.
    fn results(&self) -> (usize, usize) {
        (self.found_people().count(), self.search.found.len())
    }

    /// What was found in a text of the open conversation, and whether it is the one that was gone to.
    #[must_use]
    pub fn found_in(&self, message: &Message) -> Option<(&Match, bool)> {
        let (search, in_chat) = match &self.find {
            Some(find) if !find.text.is_empty() => (find, true),
            _ => (&self.search, false),
        };
        let at = search.found.iter().position(|found| found.id == message.id)?;
        let found = search.found.get(at).filter(|found| found.body == message.body)?;
        let before = if in_chat { 0 } else { self.found_people().count() };
        Some((found, search.chosen == before + at))
    }

    /// To the next older of what was found, or the next newer, wherever the keyboard is.
    pub(super) fn step_found(&mut self, now: Timestamp, older: bool) -> Vec<Command> {
        if self.find.is_some() {
            return self.step_find(now, older);
        }
        let (names, texts) = self.results();
        if !self.is_searching() || texts == 0 {
            return Vec::new();
        }
        let chosen = self.search.chosen.max(names);
        let mut asked = Vec::new();
        self.search.chosen = chosen;
        // The first is gone to before any step is made from it.
        if self.search.gone_to {
            asked = self.step_results(if older { 1 } else { -1 });
            self.search.chosen = self.search.chosen.max(names);
        }
        self.search.follow = true;
        asked.extend(self.open_result(now));
        asked
    }

    /// Moves what is chosen in the results.
    pub fn step_results(&mut self, by: isize) -> Vec<Command> {
        let (names, texts) = self.results();
        let last = (names + texts).saturating_sub(1);
        let at_end = by > 0 && self.search.chosen >= last;
        self.search.chosen = self.search.chosen.saturating_add_signed(by).min(last);
        self.search.follow = true;
        if at_end { self.search_more() } else { Vec::new() }
    }

    /// Opens what is chosen in the results.
    pub fn open_result(&mut self, now: Timestamp) -> Vec<Command> {
        let (names, _) = self.results();
        if let Some(found) = self.search.chosen.checked_sub(names) {
            let Some(found) = self.search.found.get(found) else { return Vec::new() };
            let (who, id) = (found.contact.clone(), found.id.clone());
            return self.open_found(now, &who, &id);
        }
        let name = self.found_people().nth(self.search.chosen).map(|contact| contact.id.clone());
        self.leave_search();
        name.map(|id| self.open(&id)).unwrap_or_default()
    }

    /// Opens a conversation where that text stands. The results stay, so that the next one is a key away.
    pub(super) fn open_found(&mut self, now: Timestamp, who: &str, id: &str) -> Vec<Command> {
        let (names, _) = self.results();
        if let Some(at) = self.search.found.iter().position(|found| found.id == id) {
            self.search.chosen = names + at;
            self.search.gone_to = true;
        }
        if self.open_chat() == Some(who) {
            return self.go_to(now, id);
        }
        let opened = self.open(who);
        if self.open_chat() != Some(who) {
            return opened;
        }
        // Of all that opening asks for, only what is around the text is wanted.
        let newer = self.chats.get_mut(who).is_some_and(|chat| {
            chat.asked = None;
            chat.newer
        });
        let asked = self.go_to(now, id);
        if asked.is_empty() && !newer { self.load(Place::Newest) } else { asked }
    }

    /// Nothing is looked for any more, and nothing found is kept.
    pub fn leave_search(&mut self) {
        self.texts.set(Field::Search, "");
        self.search = Search::default();
    }

    /// Looks in the open conversation.
    pub(super) fn start_find(&mut self) {
        if self.open_chat().is_some() {
            self.find.get_or_insert_default();
            self.set_focus(Focus::Field(Field::Find));
        }
    }

    /// No longer.
    pub(super) fn leave_find(&mut self) {
        self.texts.set(Field::Find, "");
        if self.find.take().is_some() {
            self.set_focus(Focus::Field(Field::Composer));
        }
    }

    /// To the next older of what was found in the open conversation, or the next newer.
    pub(super) fn step_find(&mut self, now: Timestamp, older: bool) -> Vec<Command> {
        let Some(find) = &mut self.find else { return Vec::new() };
        let next = if older { find.chosen.saturating_add(1) } else { find.chosen.saturating_sub(1) };
        match find.found.get(next).map(|found| found.id.clone()) {
            Some(id) => {
                find.chosen = next;
                self.go_to(now, &id)
            }
            None => find.more(true).into_iter().collect(),
        }
    }
}
