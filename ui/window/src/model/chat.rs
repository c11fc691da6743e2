//! One conversation: its texts in order, what is being written, where it was left.

use std::collections::{BTreeMap, BTreeSet};

use ipc_schema::edge::ui_stored::{Delivery, Info, Message, Note, Reason};

use super::composing::{Before, Composing};

/// A conversation as far as it was loaded.
#[derive(Debug, Default)]
pub struct Chat {
    /// Oldest first.
    pub messages: Vec<Message>,
    /// Ids of own texts that stored has not confirmed yet.
    pub unconfirmed: Vec<String>,
    /// Nothing older is there.
    pub complete: bool,
    /// Older ones were asked for.
    pub loading: bool,
    /// What is being written while another conversation is open.
    pub draft: String,
    /// What was being written before a text was pasted that is too long to be edited; that one is folded as long as this is there.
    pub before_paste: Option<String>,
    /// What stored keeps of what is being written.
    pub kept: String,
    /// A text was refused: what stored keeps of it as a draft stays there until another is taken.
    pub draft_refused: bool,
    /// So many were unread when it was opened; the line stands above them until it is left.
    pub unread_at_opening: usize,
    /// Ids of long messages of which all is shown.
    pub whole: BTreeSet<String>,
    /// What becomes of what stands in the composer.
    pub composing: Composing,
    /// What was being written before an old text was changed.
    pub before_edit: Before,
    /// Ids of own texts that stored did not take.
    pub refused: BTreeSet<String>,
    /// Own texts that are being taken back, by their ids.
    pub taking_back: BTreeMap<String, String>,
    /// The message that had the keyboard last.
    pub focused: Option<String>,
}

/// Texts that are loaded at once: more than a window shows, few enough to measure in a blink.
pub const PAGE: u32 = 60;

impl Chat {
    /// Takes a page of texts; those known already are replaced.
    pub fn take(&mut self, page: Vec<Message>, older: bool) {
        self.loading = false;
        self.complete |= page.len() < usize::try_from(PAGE).unwrap_or(usize::MAX);
        if older {
            let known = std::mem::take(&mut self.messages);
            self.messages = page;
            known.into_iter().for_each(|message| self.put(message));
        } else {
            page.into_iter().for_each(|message| self.put(message));
        }
    }

    /// Puts a text where it belongs, also one that came late, or that belongs elsewhere now.
    pub fn put(&mut self, message: Message) {
        self.unconfirmed.retain(|id| *id != message.id);
        self.refused.remove(&message.id);
        let known = self.messages.iter().position(|known| known.id == message.id);
        match known.and_then(|at| self.messages.get_mut(at)) {
            Some(known) if known.position == message.position => {
                *known = message;
                return;
            }
            Some(_) | None => {}
        }
        if let Some(at) = known {
            self.messages.remove(at);
        }
        let at = self.messages.partition_point(|other| other.position <= message.position);
        self.messages.insert(at, message);
    }

    /// The message with that id.
    #[must_use]
    pub fn message(&self, id: &str) -> Option<&Message> {
        self.messages.iter().find(|message| message.id == id)
    }

    /// Whether stored keeps that one.
    #[must_use]
    pub fn is_kept(&self, id: &str) -> bool {
        !self.refused.contains(id) && !self.unconfirmed.iter().any(|unconfirmed| unconfirmed == id)
    }

    /// The message to which the keyboard comes: the one that had it last, or the newest.
    #[must_use]
    pub fn stop(&self) -> Option<&Message> {
        self.focused.as_deref().and_then(|id| self.message(id)).or(self.messages.last())
    }

    /// A text reached a state; why, and how long it is kept, is not known any more.
    pub fn settle(&mut self, id: &str, state: Delivery) {
        if let Some(message) = self.messages.iter_mut().find(|message| message.id == id) {
            (message.state, message.reason, message.expires_at) = (state, Reason::None, None);
        }
    }

    /// How far a text is, with all that belongs to it.
    pub fn informed(&mut self, info: &Info) {
        if let Some(message) = self.messages.iter_mut().find(|message| message.id == info.id) {
            (message.state, message.reason, message.expires_at) = (info.state, info.reason, info.expires_at);
        }
    }

    /// The id of the text above which the line of unread ones stands.
    #[must_use]
    pub fn first_unread(&self) -> Option<&str> {
        let back = self.unread_at_opening.checked_sub(1)?;
        self.messages
            .iter()
            .rev()
            .filter(|message| message.is_theirs())
            .nth(back)
            .map(|message| message.id.as_str())
    }

    /// Whether the sentence under the text at `index` is shown: the last of a run with the same state says it for all.
    #[must_use]
    pub fn says_state(&self, index: usize) -> bool {
        let of = |index: usize| {
            let message =
                self.messages.get(index).filter(|message| message.mine && message.note == Note::None);
            message.map(|message| message.state)
        };
        match of(index) {
            None | Some(Delivery::Delivered | Delivery::Read) => false,
            Some(Delivery::Failed | Delivery::Expired) => true,
            state => of(index + 1) != state,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use ipc_schema::Timestamp;

    use super::*;

    pub(crate) fn text(id: &str, mine: bool, state: Delivery) -> Message {
        Message {
            id: id.into(),
            contact: "c1".into(),
            mine,
            sent_at: Timestamp(1_750_000_000_000),
            received_at: (!mine).then_some(Timestamp(1_750_000_000_000)),
            body: format!("text {id}"),
            state,
            reply_to: String::new(),
            edited: false,
            route: Vec::new(),
            note: Note::None,
            gap: false,
            position: 0,
            held: false,
            reactions: Vec::new(),
            deleted: false,
            reason: Reason::None,
            expires_at: None,
            disappears_at: None,
            timer_s: 0,
            introduces: String::new(),
        }
    }

    fn ids(chat: &Chat) -> Vec<&str> {
        chat.messages.iter().map(|message| message.id.as_str()).collect()
    }

    #[test]
    fn the_same_text_twice_stands_once_and_keeps_its_place() {
        let mut chat = Chat::default();
        chat.put(text("a", true, Delivery::Queued));
        chat.put(text("b", false, Delivery::Delivered));
        chat.put(text("a", true, Delivery::Delivered));
        assert_eq!(ids(&chat), ["a", "b"]);
        assert_eq!(chat.messages[0].state, Delivery::Delivered);
    }

    #[test]
    fn a_text_that_comes_late_or_is_placed_anew_stands_where_it_belongs() {
        let at = |id: &str, position: i64| Message { position, ..text(id, false, Delivery::Delivered) };
        let mut chat = Chat::default();
        for (id, position) in [("a", 10), ("c", 30), ("own", i64::MAX), ("b", 20), ("d", 40)] {
            chat.put(at(id, position));
        }
        assert_eq!(ids(&chat), ["a", "b", "c", "d", "own"]);
        chat.put(at("own", 35));
        chat.put(at("a", 50));
        assert_eq!(ids(&chat), ["b", "c", "own", "d", "a"]);
    }

    #[test]
    fn older_texts_come_before_and_a_short_page_is_the_beginning() {
        let mut chat = Chat::default();
        chat.take((0..PAGE).map(|n| text(&format!("n{n}"), false, Delivery::Read)).collect(), false);
        assert!(!chat.complete);
        chat.take(vec![text("old", false, Delivery::Read), text("n0", false, Delivery::Read)], true);
        assert!(chat.complete);
        assert_eq!(&ids(&chat)[..3], ["old", "n0", "n1"]);
    }

    #[test]
    fn the_unread_line_counts_only_what_they_wrote() {
        let mut chat = Chat { unread_at_opening: 2, ..Chat::default() };
        for (id, mine) in [("a", false), ("b", false), ("c", true), ("d", false)] {
            chat.put(text(id, mine, Delivery::Delivered));
        }
        chat.put(Message { note: Note::Reopened, ..text("told", false, Delivery::Read) });
        assert_eq!(chat.first_unread(), Some("b"));
        chat.unread_at_opening = 0;
        assert_eq!(chat.first_unread(), None);
    }

    #[test]
    fn a_run_of_waiting_texts_says_so_once_and_a_failed_one_always() {
        let mut chat = Chat::default();
        for (id, state) in [
            ("a", Delivery::Relayed),
            ("b", Delivery::Relayed),
            ("c", Delivery::Failed),
            ("d", Delivery::Delivered),
        ] {
            chat.put(text(id, true, state));
        }
        let said: Vec<_> = (0..4).map(|index| chat.says_state(index)).collect();
        assert_eq!(said, [false, true, true, false]);
    }
}
