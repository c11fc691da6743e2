//! One conversation: its texts in order, what is being written, where it was left.

use std::collections::{BTreeMap, BTreeSet};

use ipc_schema::Timestamp;
use ipc_schema::edge::ui_stored::{Delivery, Info, Message, Note, Place, Reason};

use super::composing::{Before, Composing};

/// A part of a conversation: rows without a gap between them, at most [`HELD_MAX`].
#[derive(Debug, Default)]
pub struct Chat {
    /// Oldest first.
    pub messages: Vec<Message>,
    /// Ids of own texts that stored has not confirmed yet.
    pub unconfirmed: Vec<String>,
    /// Nothing older is there.
    pub complete: bool,
    /// Newer ones are there that are not held.
    pub newer: bool,
    /// Older ones were asked for.
    pub loading: bool,
    /// Newer ones were asked for.
    pub loading_newer: bool,
    /// Another part was asked for, and takes the place of this one.
    pub asked: Option<Place>,
    /// Since newer ones were asked for last another one came.
    came: bool,
    /// Own texts that stored has no place for, while the end is not held.
    unplaced: Vec<Message>,
    /// What is being written while another conversation is open.
    pub draft: String,
    /// What was being written before a text was pasted that is too long to be edited; that one is folded as long as this is there.
    pub before_paste: Option<String>,
    /// What stored keeps of what is being written.
    pub kept: String,
    /// It keeps something that was written before this window was there, and did not say yet what.
    pub left_unknown: bool,
    /// A text was refused: what stored keeps of it as a draft stays there until another is taken.
    pub draft_refused: bool,
    /// So many were unread when it was opened.
    pub unread_at_opening: usize,
    /// The first of them: the line stands above it until the conversation is left.
    pub unread_from: String,
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

/// Texts that are held at most: what lies farthest from where one reads is dropped, and loaded anew when it is needed.
pub const HELD_MAX: usize = 600;

/// Where stored puts no text: it is the place of those that it has not taken yet.
const UNPLACED: i64 = i64::MAX;

fn is_short(page: &[Message]) -> bool {
    page.len() < usize::try_from(PAGE).unwrap_or(usize::MAX)
}

/// Something was done to a text since it was written.
#[must_use]
pub fn is_changed(message: &Message) -> bool {
    message.edited || message.deleted || !message.reactions.is_empty()
}

/// In a page that was told around a moment, the text that it is about; `None`: nothing is so late.
#[must_use]
pub fn first_since(page: &[Message], moment: Timestamp) -> Option<&Message> {
    let late = page.iter().filter(|message| message.sent_at >= moment);
    late.min_by_key(|message| (message.sent_at, message.position))
}

impl Chat {
    /// Asks for another part, which takes the place of this one.
    pub(super) fn asks(&mut self, place: Place) {
        self.came = false;
        self.asked = Some(place);
    }

    /// Takes a page that was asked for at a place; texts known already are replaced. False: it does not fit to what is held by now, and is
    /// left.
    pub fn take(&mut self, page: Vec<Message>, place: &Place) -> bool {
        match place {
            Place::Before(id) => {
                self.loading = false;
                if self.messages.first().is_none_or(|first| first.id != *id) {
                    return false;
                }
                self.complete = is_short(&page);
                let known = std::mem::replace(&mut self.messages, page);
                known.into_iter().for_each(|message| self.put(message));
                self.drop_newest();
            }
            Place::After(id) => {
                self.loading_newer = false;
                if self.messages.last().is_none_or(|last| last.id != *id) {
                    return false;
                }
                let ends = is_short(&page);
                page.into_iter().for_each(|message| self.put(message));
                self.drop_oldest();
                self.reaches(ends);
            }
            // What was held reaches the end, and each change since was heard.
            Place::Newest if !self.newer => {
                self.asked = self.asked.take().filter(|asked| *asked != Place::Newest);
                self.complete |= is_short(&page);
                page.into_iter().for_each(|message| self.put(message));
                self.drop_oldest();
            }
            Place::Newest | Place::Around(_) | Place::At(_) => {
                if self.asked.as_ref() != Some(place) {
                    return false;
                }
                self.replace(page, place);
            }
        }
        true
    }

    fn replace(&mut self, page: Vec<Message>, place: &Place) {
        (self.asked, self.loading, self.loading_newer) = (None, false, false);
        let half = usize::try_from(PAGE / 2).unwrap_or(usize::MAX);
        let turned = match place {
            Place::Around(id) => page.iter().position(|message| message.id == *id),
            Place::At(Timestamp(0 | 1)) => Some(0),
            Place::At(moment) => {
                let first = first_since(&page, *moment);
                first.and_then(|first| page.iter().position(|message| message.id == first.id))
            }
            Place::Newest | Place::Before(_) | Place::After(_) => None,
        };
        let ends = turned.is_none_or(|at| page.len() - at < half);
        self.complete = turned.map_or(is_short(&page), |at| at < half);
        self.put_aside();
        self.messages = page;
        self.newer = true;
        self.reaches(ends);
    }

    /// Own texts that stored does not know are in no page.
    fn put_aside(&mut self) {
        let held = std::mem::take(&mut self.messages);
        self.unplaced.extend(held.into_iter().filter(|message| message.position == UNPLACED));
    }

    /// The end is held, if the page was the last and nothing came behind it meanwhile.
    fn reaches(&mut self, last_page: bool) {
        if last_page && !self.came {
            self.newer = false;
            let unplaced = std::mem::take(&mut self.unplaced);
            unplaced.into_iter().for_each(|message| self.put(message));
        }
    }

    /// A text as it is now: put where it stands in what is held, and only noted where the end is not held. One from before that is left.
    pub(super) fn comes(&mut self, message: Message, reads_the_end: bool) {
        let held = self.holds(&message.id);
        let first = self.messages.first().map(|first| first.position);
        let before = first.map_or_else(|| is_changed(&message), |first| message.position < first);
        if before && !held && !self.complete {
            return;
        }
        let last = self.messages.last().map_or(i64::MIN, |last| last.position);
        if self.newer && !held && message.position > last {
            self.came = true;
            self.unconfirmed.retain(|id| *id != message.id);
            self.refused.remove(&message.id);
            self.unplaced.retain(|known| known.id != message.id);
            return;
        }
        self.put(message);
        if reads_the_end {
            self.drop_oldest();
        } else {
            self.drop_newest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(over) = self.messages.len().checked_sub(HELD_MAX).filter(|over| *over > 0) {
            self.messages.drain(..over);
            self.complete = false;
        }
    }

    fn drop_newest(&mut self) {
        if self.messages.len() > HELD_MAX {
            let dropped = self.messages.split_off(HELD_MAX);
            self.unplaced.extend(dropped.into_iter().filter(|message| message.position == UNPLACED));
            self.newer = true;
        }
    }

    /// The end is to be seen, and what is held is not it: nothing of it is any more.
    pub(super) fn leave_for_the_end(&mut self) {
        self.put_aside();
        (self.came, self.complete) = (false, false);
        self.reaches(true);
    }

    /// The next older page, where there is one and it was not asked for yet.
    pub(super) fn older(&mut self) -> Option<Place> {
        if self.complete || self.loading || self.asked.is_some() {
            return None;
        }
        let first = self.messages.first().filter(|first| first.position != UNPLACED)?;
        self.loading = true;
        Some(Place::Before(first.id.clone()))
    }

    /// The next newer page, where there is one and it was not asked for yet.
    pub(super) fn newer(&mut self) -> Option<Place> {
        if !self.newer || self.loading_newer || self.asked.is_some() {
            return None;
        }
        let last = self.messages.last()?.id.clone();
        self.came = false;
        self.loading_newer = true;
        Some(Place::After(last))
    }

    /// Whether a text is held.
    #[must_use]
    pub fn holds(&self, id: &str) -> bool {
        self.message(id).is_some()
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
        if let Some(message) = self.known(id) {
            (message.state, message.reason, message.expires_at) = (state, Reason::None, None);
        }
    }

    /// How far a text is, with all that belongs to it.
    pub fn informed(&mut self, info: &Info) {
        if let Some(message) = self.known(&info.id) {
            (message.state, message.reason, message.expires_at) = (info.state, info.reason, info.expires_at);
        }
    }

    /// The message with that id, also while the end is not held where it stands.
    fn known(&mut self, id: &str) -> Option<&mut Message> {
        self.messages.iter_mut().chain(&mut self.unplaced).find(|message| message.id == id)
    }

    /// A text is gone.
    pub(super) fn remove(&mut self, id: &str) {
        self.messages.retain(|message| message.id != id);
        self.unplaced.retain(|message| message.id != id);
    }

    /// The id of the text above which the line of unread ones stands.
    #[must_use]
    pub fn first_unread(&self) -> Option<&str> {
        (self.unread_at_opening > 0 && !self.unread_from.is_empty()).then_some(self.unread_from.as_str())
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
            mine,
            sent_at: Timestamp(1_750_000_000_000),
            received_at: (!mine).then_some(Timestamp(1_750_000_000_000)),
            body: format!("text {id}"),
            state,
            ..Message::of(id, "c1")
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

    /// Texts `from..to` of a conversation, each at ten times its number.
    pub(crate) fn texts(numbers: std::ops::Range<u32>) -> Vec<Message> {
        let one = |number: u32| Message {
            position: 10 * i64::from(number),
            sent_at: Timestamp(1_750_000_000_000 + 60_000 * u64::from(number)),
            ..text(&format!("n{number}"), false, Delivery::Read)
        };
        numbers.map(one).collect()
    }

    fn ends_of(chat: &Chat) -> (&str, &str, usize) {
        let ids = ids(chat);
        (ids[0], ids[ids.len() - 1], ids.len())
    }

    #[test]
    fn older_texts_come_before_and_a_short_page_is_the_beginning() {
        let mut chat = Chat::default();
        chat.take(texts(100..160), &Place::Newest);
        assert!(!chat.complete);
        let Some(place) = chat.older() else { panic!("older ones are there") };
        assert_eq!((&place, chat.older()), (&Place::Before("n100".into()), None), "once");
        assert!(chat.take(texts(80..100), &place) && chat.complete);
        assert_eq!(ends_of(&chat), ("n80", "n159", 80));
        assert_eq!(chat.older(), None);
    }

    #[test]
    fn a_part_around_a_text_grows_both_ways_and_knows_its_ends() {
        let mut chat = Chat::default();
        let around = Place::Around("n100".into());
        chat.asks(around.clone());
        assert!(!chat.take(texts(0..60), &Place::Around("n30".into())), "nobody waits for that any more");
        assert!(chat.take(texts(70..130), &around));
        assert!(chat.newer && !chat.complete);
        assert_eq!(chat.newer(), Some(Place::After("n129".into())));
        assert_eq!(chat.newer(), None, "once");
        chat.take(texts(130..190), &Place::After("n129".into()));
        assert!(chat.newer);
        chat.newer().unwrap();
        chat.take(texts(190..200), &Place::After("n189".into()));
        assert!(!chat.newer, "a short page is the end");
        assert!(!chat.take(texts(0..60), &Place::Before("n60".into())), "it does not join");
        chat.take(texts(10..70), &Place::Before("n70".into()));
        assert_eq!(ends_of(&chat), ("n10", "n199", 190));
        // Half of a page is missing where a text stands near an end.
        for (numbers, id, ends) in [(0..50, "n20", (true, true)), (169..200, "n199", (false, false))] {
            let around = Place::Around(id.into());
            chat.asks(around.clone());
            chat.take(texts(numbers.clone()), &around);
            assert_eq!((chat.complete, chat.newer), ends, "{numbers:?}");
        }
    }

    #[test]
    fn what_is_held_is_bounded_at_the_far_end() {
        let mut chat = Chat::default();
        chat.take(texts(2_000..2_060), &Place::Newest);
        chat.put(Message { position: i64::MAX, ..text("own", true, Delivery::Queued) });
        for _ in 0..11 {
            let place = chat.older().unwrap();
            let first = chat.messages[0].position / 10;
            let first = u32::try_from(first).unwrap();
            chat.take(texts(first - 60..first), &place);
        }
        assert_eq!((ends_of(&chat), chat.newer), (("n1340", "n1939", HELD_MAX), true));
        for first in [1_940, 2_000] {
            let place = chat.newer().unwrap();
            chat.take(texts(first..first + 60), &place);
        }
        let place = chat.newer().unwrap();
        chat.take(Vec::new(), &place);
        assert_eq!((ends_of(&chat), chat.newer, chat.complete), (("n1460", "own", 601), false, false));
    }

    #[test]
    fn a_text_that_comes_while_the_end_is_not_held_is_not_put_there_and_not_lost() {
        let mut chat = Chat::default();
        let around = Place::Around("n100".into());
        chat.asks(around.clone());
        chat.take(texts(70..130), &around);
        let place = chat.newer().unwrap();
        // Whether the page that is under way has it nobody knows.
        chat.comes(texts(150..151).remove(0), false);
        assert_eq!(chat.messages.len(), 60);
        chat.take(texts(130..150), &place);
        assert!(chat.newer, "asked once more");
        let place = chat.newer().unwrap();
        chat.take(texts(150..151), &place);
        assert_eq!((ends_of(&chat), chat.newer), (("n70", "n150", 81), false));
        // One that changed where it stands is replaced.
        chat.newer = true;
        chat.comes(Message { body: "other".into(), ..texts(90..91).remove(0) }, false);
        assert_eq!(chat.messages[20].body, "other");
    }

    #[test]
    fn the_first_of_a_day_is_the_earliest_and_not_the_one_that_stands_first() {
        let mut page = texts(0..10);
        page[2].sent_at = Timestamp(u64::MAX);
        let moment = page[5].sent_at;
        assert_eq!(first_since(&page, moment).map(|first| first.id.as_str()), Some("n5"));
        assert_eq!(first_since(&page, Timestamp(u64::MAX)).map(|first| first.id.as_str()), Some("n2"));
        page.truncate(2);
        assert_eq!(first_since(&page, moment), None);
    }

    #[test]
    fn the_unread_line_stands_above_the_first_that_was_unread() {
        let mut chat = Chat { unread_at_opening: 2, unread_from: "b".into(), ..Chat::default() };
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
