//! What is selected of a conversation: from one character to another of one text, or several whole texts.
//!
//! Places are bytes of what can be seen of a text, the marks of its markdown with them, so that what is copied is what was typed.

use std::ops::Range;

use ipc_schema::edge::ui_stored::{Message, Note};
use unicode_segmentation::UnicodeSegmentation;

use super::{Chat, Command, Focus, Model};
use crate::text::{one_line, visible};

/// Between two characters of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The message's id.
    pub message: String,
    /// Bytes of what can be seen of it, on the boundary of a character as a reader counts.
    pub at: usize,
}

/// By what a selection grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// One press.
    Character,
    /// Two.
    Word,
    /// Three.
    Message,
}

impl Unit {
    /// Of so many presses in a row.
    #[must_use]
    pub fn of(presses: i32) -> Self {
        match presses {
            ..=1 => Self::Character,
            2 => Self::Word,
            3.. => Self::Message,
        }
    }
}

/// Where selecting began and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    anchor: Place,
    head: Place,
    unit: Unit,
}

/// What is selected, by the places of messages in their conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// The first and the last.
    messages: (usize, usize),
    /// Where it is one, its bytes.
    part: Option<Range<usize>>,
}

impl Chosen {
    /// What is selected of the message at `index`; past its end where it is all of it.
    #[must_use]
    pub fn of(&self, index: usize) -> Option<Range<usize>> {
        let (first, last) = self.messages;
        (first..=last).contains(&index).then(|| self.part.clone().unwrap_or(0..usize::MAX))
    }
}

impl Model {
    /// Begins to select.
    pub fn select(&mut self, place: Place, unit: Unit) {
        self.selection = Some(Selection { anchor: place.clone(), head: place, unit });
    }

    /// Moves the end of what is selected; begins where nothing was.
    pub fn select_to(&mut self, place: Place) {
        match &mut self.selection {
            Some(selection) => selection.head = place,
            None => self.select(place, Unit::Character),
        }
    }

    /// Selects all of a message.
    pub fn select_message(&mut self, id: &str) {
        self.select(Place { message: id.to_owned(), at: 0 }, Unit::Message);
    }

    /// The same for the message that has the keyboard, or in which something is selected.
    pub(super) fn select_all(&mut self) {
        let id = match &self.focus {
            Focus::Message(id) => Some(id.clone()),
            _ => self.selection.as_ref().map(|selection| selection.head.message.clone()),
        };
        if let Some(id) = id {
            self.select_message(&id);
        }
    }

    /// Nothing is selected any more; whether something was.
    pub fn unselect(&mut self) -> bool {
        let was = self.chosen().is_some();
        self.selection = None;
        was
    }

    /// What is selected, if it is there and not empty.
    #[must_use]
    pub fn chosen(&self) -> Option<Chosen> {
        let selection = self.selection.as_ref()?;
        let chat = self.shown_chat()?;
        let find = |place: &Place| chat.messages.iter().position(|message| message.id == place.message);
        let (anchor, head) = (find(&selection.anchor)?, find(&selection.head)?);
        if anchor != head {
            return Some(Chosen { messages: (anchor.min(head), anchor.max(head)), part: None });
        }
        if selection.unit == Unit::Message {
            return Some(Chosen { messages: (head, head), part: None });
        }
        let text = visible(&chat.messages.get(head)?.body).0;
        let part = selection.part(&text);
        (!part.is_empty()).then_some(Chosen { messages: (head, head), part: Some(part) })
    }

    /// The words that are selected. Of several messages each begins with its time and who wrote it, and no line of a text can be taken
    /// for such a beginning.
    #[must_use]
    pub fn selected_text(&self) -> Option<String> {
        let Chosen { messages: (first, last), part } = self.chosen()?;
        let messages = self.shown_chat()?.messages.get(first..=last)?;
        if let [message] = messages {
            let text = visible(&message.body).0;
            return match part {
                Some(part) => text.get(part).map(str::to_owned),
                None => Some(text),
            };
        }
        let lines: Vec<String> = messages.iter().map(|message| self.copied_line(message)).collect();
        Some(lines.join("\n"))
    }

    fn copied_line(&self, message: &Message) -> String {
        let text = visible(&message.body).0.replace('\n', "\n    ");
        let time = self.zone.minute(message.sent_at);
        let name = match message.note {
            Note::None if message.mine => one_line(&self.me),
            Note::None => {
                self.person(&message.contact).map(|contact| one_line(&contact.name)).unwrap_or_default()
            }
            _ => return format!("[{time}] {text}"),
        };
        format!("[{time}] {name}: {text}")
    }

    pub(super) fn copy_selection(&self) -> Vec<Command> {
        self.selected_text().map(Command::Copy).into_iter().collect()
    }

    fn shown_chat(&self) -> Option<&Chat> {
        self.chats.get(self.open_chat()?)
    }
}

impl Selection {
    /// What of the text of its one message is selected; the text may be another by now.
    fn part(&self, text: &str) -> Range<usize> {
        let [from, to] = [self.anchor.at.min(self.head.at), self.anchor.at.max(self.head.at)]
            .map(|at| text.floor_char_boundary(at));
        match self.unit {
            Unit::Character => from..to,
            Unit::Word => {
                // What ends where a word ends does not take the space behind it.
                let last = if to > from { text.floor_char_boundary(to - 1) } else { to };
                word_around(text, from).start..word_around(text, last).end
            }
            Unit::Message => 0..text.len(),
        }
    }
}

/// The word, or what lies between two, in which the character behind `at` is; the last of its line where there is none.
fn word_around(text: &str, at: usize) -> Range<usize> {
    let (head, tail) = text.split_at_checked(at).unwrap_or((text, ""));
    let start = head.rfind('\n').map_or(0, |newline| newline + 1);
    let end = tail.find('\n').map_or(text.len(), |newline| at + newline);
    let line = text.get(start..end).unwrap_or_default();
    let mut found = start..start;
    for (from, word) in line.split_word_bound_indices() {
        found = start + from..start + from + word.len();
        if found.end > at {
            break;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &str, at: usize) -> &str {
        &text[word_around(text, at)]
    }

    #[test]
    fn a_word_is_what_unicode_takes_for_one_and_never_leaves_its_line() {
        let text = "It can't be,\nélan 陽菜";
        assert_eq!([word(text, 0), word(text, 4), word(text, 11), word(text, 12)], ["It", "can't", ",", ","]);
        assert_eq!(word(text, 13), "élan");
        assert_eq!(word(text, 2), " ");
        assert_eq!((word(text, text.len()), word("", 0)), ("菜", ""));
    }

    #[test]
    fn what_is_selected_stays_within_a_text_that_became_shorter() {
        let place = |at| Place { message: "a".into(), at };
        let words = Selection { anchor: place(1), head: place(8), unit: Unit::Word };
        assert_eq!(&"one two three"[words.part("one two three")], "one two ", "before the first letter");
        let words = Selection { head: place(9), ..words };
        assert_eq!(&"one two three"[words.part("one two three")], "one two three");
        let words = Selection { head: place(7), ..words };
        assert_eq!(&"one two three"[words.part("one two three")], "one two");
        let selection = Selection { anchor: place(9), head: place(2), unit: Unit::Character };
        assert_eq!(&"0123456789"[selection.part("0123456789")], "2345678");
        assert_eq!(selection.part("01"), 2..2);
        assert_eq!(&"0é"[selection.part("0é")], "é", "the place lies within a character now");
    }
}
