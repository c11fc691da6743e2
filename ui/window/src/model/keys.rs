//! The keys: one table that says what each does, that decides about those that mean the same everywhere, and that F1 shows.

use super::{Act, Command, Field, Focus, Model, Pane, Screen, Stroke};

/// A key that was pressed, without the toolkit that told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// What it writes without Shift.
    Char(char),
    /// F1 to F12.
    F(u8),
    /// Arrow up.
    Up,
    /// Arrow down.
    Down,
    /// Esc.
    Escape,
}

/// A key with those that are held with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chord {
    /// With Ctrl.
    pub ctrl: bool,
    /// With Alt.
    pub alt: bool,
    /// With Shift; `None`: either way.
    pub shift: Option<bool>,
    /// The key.
    pub key: Key,
}

const fn ctrl(key: char) -> Chord {
    Chord { ctrl: true, alt: false, shift: None, key: Key::Char(key) }
}

const fn plain(key: Key, shift: Option<bool>) -> Chord {
    Chord { ctrl: false, alt: false, shift, key }
}

const fn ctrl_with(key: char, shift: bool) -> Chord {
    Chord { ctrl: true, alt: false, shift: Some(shift), key: Key::Char(key) }
}

const fn alt(key: Key, shift: bool) -> Chord {
    Chord { ctrl: false, alt: true, shift: Some(shift), key }
}

impl Chord {
    /// Whether `pressed`, of which it is known whether Shift is held, is this one.
    fn is(self, pressed: Self) -> bool {
        (self.ctrl, self.alt, self.key) == (pressed.ctrl, pressed.alt, pressed.key)
            && self.shift.is_none_or(|shift| pressed.shift == Some(shift))
    }
}

/// What a key does that means the same wherever the keyboard is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shortcut {
    /// Go to where people are looked for.
    GoTo,
    /// Look for words in all conversations.
    Search,
    /// Look for words in the open conversation.
    Find,
    /// To the next older of what was found (true), or the next newer.
    Found(bool),
    /// To another day of the open conversation.
    GoToDay,
    /// Invite or accept.
    Add,
    /// Drop all keys.
    Lock,
    /// Go to the list of chats.
    Chats,
    /// So many parts of the window on.
    Part(isize),
    /// So many percent larger.
    Larger(i32),
    /// As large as at first.
    WholeSize,
    /// Show the keys, or put them away.
    Keys,
    /// Away with what is open.
    Back,
    /// To another chat.
    Chat {
        /// So many on in the list.
        by: isize,
        /// Over those in which nothing is unread.
        unread: bool,
    },
    /// What is known of whom the conversation is with.
    Details,
    /// Signs for the composer.
    Emoji,
    /// Take along what is selected.
    Copy,
    /// Select all of the message in which something is selected.
    SelectAll,
    /// Show or hide the passphrase that is typed.
    ShowSecret,
}

impl Shortcut {
    /// Whether it counts also while a text is typed; the others are the text field's own.
    #[must_use]
    pub fn counts_in_fields(self) -> bool {
        !matches!(self, Self::Copy | Self::SelectAll | Self::ShowSecret)
    }
}

/// Where a key counts: the headings of the sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Everywhere.
    Everywhere,
    /// Among the chats.
    Chats,
    /// Where a conversation is read.
    Reading,
    /// Where one writes.
    Writing,
    /// With the keyboard on a message.
    Message,
}

impl Place {
    /// Every one, in the order of the sheet.
    pub const ALL: [Self; 5] = [Self::Everywhere, Self::Chats, Self::Reading, Self::Writing, Self::Message];

    /// The heading.
    #[must_use]
    pub fn heading(self) -> &'static str {
        match self {
            Self::Everywhere => "Everywhere",
            Self::Chats => "Chats",
            Self::Reading => "Reading",
            Self::Writing => "Writing",
            Self::Message => "On a message (Tab goes in, Esc comes out)",
        }
    }
}

/// Who acts on a row's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Does {
    /// The window, by this table.
    Shortcut(&'static [(Chord, Shortcut)]),
    /// [`Model::stroke`], for what has the keyboard in this place.
    Stroke(&'static [Stroke]),
    /// What moves and finds in a conversation, whatever has the keyboard in it (`window::reading`).
    Reading,
    /// What is typed into (`fields`, `window::typing`).
    Field,
}

/// A row of the sheet.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Under which heading.
    pub place: Place,
    /// What they do.
    pub what: &'static str,
    /// What stands on the keys.
    pub caps: &'static [&'static str],
    /// Who acts on them.
    pub does: Does,
}

const fn everywhere(
    what: &'static str,
    caps: &'static [&'static str],
    does: &'static [(Chord, Shortcut)],
) -> Row {
    Row { place: Place::Everywhere, what, caps, does: Does::Shortcut(does) }
}

const fn chats(what: &'static str, caps: &'static [&'static str], does: Does) -> Row {
    Row { place: Place::Chats, what, caps, does }
}

const fn reading(what: &'static str, caps: &'static [&'static str], does: Does) -> Row {
    Row { place: Place::Reading, what, caps, does }
}

const fn writing(what: &'static str, caps: &'static [&'static str], does: Does) -> Row {
    Row { place: Place::Writing, what, caps, does }
}

const fn message(what: &'static str, caps: &'static [&'static str], strokes: &'static [Stroke]) -> Row {
    Row { place: Place::Message, what, caps, does: Does::Stroke(strokes) }
}

/// Every key that does something, once, but for those that edit a text as they do anywhere.
pub const TABLE: &[Row] = &[
    everywhere("Go to a chat or a person", &["Ctrl", "K"], &[(ctrl('k'), Shortcut::GoTo)]),
    everywhere("Search in all chats", &["Ctrl", "Shift", "F"], &[(ctrl_with('f', true), Shortcut::Search)]),
    everywhere("Invite or accept", &["Ctrl", "N"], &[(ctrl('n'), Shortcut::Add)]),
    everywhere("Lock now", &["Ctrl", "L"], &[(ctrl('l'), Shortcut::Lock)]),
    everywhere("Chats", &["Ctrl", "1"], &[(ctrl('1'), Shortcut::Chats)]),
    everywhere("Next part of the window", &["F6"], &[(plain(Key::F(6), Some(false)), Shortcut::Part(1))]),
    everywhere(
        "Last part of the window",
        &["Shift", "F6"],
        &[(plain(Key::F(6), Some(true)), Shortcut::Part(-1))],
    ),
    everywhere(
        "Larger, smaller, 100 %",
        &["Ctrl", "+", "−", "0"],
        &[
            (ctrl('+'), Shortcut::Larger(10)),
            (ctrl('='), Shortcut::Larger(10)),
            (ctrl('-'), Shortcut::Larger(-10)),
            (ctrl('0'), Shortcut::WholeSize),
        ],
    ),
    everywhere("Copy what is selected", &["Ctrl", "C"], &[(ctrl('c'), Shortcut::Copy)]),
    everywhere("Select all of that text", &["Ctrl", "A"], &[(ctrl('a'), Shortcut::SelectAll)]),
    everywhere("Show the passphrase", &["Ctrl", "R"], &[(ctrl('r'), Shortcut::ShowSecret)]),
    everywhere("Close, back", &["Esc"], &[(plain(Key::Escape, None), Shortcut::Back)]),
    everywhere("These keys", &["F1"], &[(plain(Key::F(1), None), Shortcut::Keys)]),
    chats(
        "Chat before, chat after",
        &["Alt", "↑ ↓"],
        Does::Shortcut(&[
            (alt(Key::Up, false), Shortcut::Chat { by: -1, unread: false }),
            (alt(Key::Down, false), Shortcut::Chat { by: 1, unread: false }),
        ]),
    ),
    chats(
        "The same, only unread",
        &["Alt", "Shift", "↑ ↓"],
        Does::Shortcut(&[
            (alt(Key::Up, true), Shortcut::Chat { by: -1, unread: true }),
            (alt(Key::Down, true), Shortcut::Chat { by: 1, unread: true }),
        ]),
    ),
    chats("In the list: before, after", &["↑ ↓"], Does::Stroke(&[Stroke::Up, Stroke::Down])),
    chats("In the list: first, last", &["Home", "End"], Does::Stroke(&[Stroke::Home, Stroke::End])),
    chats("Menu of the chat", &["Shift", "F10"], Does::Stroke(&[Stroke::Menu])),
    chats(
        "Details of this chat",
        &["Ctrl", "Shift", "I"],
        Does::Shortcut(&[(ctrl_with('i', true), Shortcut::Details)]),
    ),
    reading(
        "Search in this chat",
        &["Ctrl", "F"],
        Does::Shortcut(&[(ctrl_with('f', false), Shortcut::Find)]),
    ),
    reading("What was found: before, after", &["↑ ↓"], Does::Reading),
    reading(
        "Next text that was found",
        &["F3"],
        Does::Shortcut(&[(plain(Key::F(3), Some(false)), Shortcut::Found(true))]),
    ),
    reading(
        "The same, backwards",
        &["Shift", "F3"],
        Does::Shortcut(&[(plain(Key::F(3), Some(true)), Shortcut::Found(false))]),
    ),
    reading("Go to a day", &["Ctrl", "G"], Does::Shortcut(&[(ctrl('g'), Shortcut::GoToDay)])),
    reading("First text, newest text", &["Home", "End"], Does::Reading),
    reading("A page up, a page down", &["PgUp", "PgDn"], Does::Reading),
    writing("Send", &["Enter"], Does::Field),
    writing("New line", &["Shift", "Enter"], Does::Field),
    writing("Edit your last message", &["↑"], Does::Stroke(&[Stroke::Up])),
    writing("Emoji", &["Ctrl", "."], Does::Shortcut(&[(ctrl('.'), Shortcut::Emoji)])),
    message("Message before, after", &["↑ ↓"], &[Stroke::Up, Stroke::Down]),
    message("First, last", &["Home", "End"], &[Stroke::Home, Stroke::End]),
    message("A page of them", &["PgUp", "PgDn"], &[Stroke::PageUp, Stroke::PageDown]),
    message("Reply", &["R"], &[Stroke::Letter('r')]),
    message("Edit", &["E"], &[Stroke::Letter('e')]),
    message("React", &["+"], &[Stroke::Letter('+')]),
    message("Delivery details", &["I"], &[Stroke::Letter('i')]),
    message("Forward", &["F"], &[Stroke::Letter('f')]),
    message("Delete", &["Del"], &[Stroke::Delete]),
    message("Copy", &["Ctrl", "C"], &[Stroke::Copy]),
    message("Menu", &["Shift", "F10"], &[Stroke::Menu]),
];

/// What a chord does everywhere; of `pressed` it is known whether Shift is held.
#[must_use]
pub fn shortcut(pressed: Chord) -> Option<Shortcut> {
    let all = TABLE.iter().filter_map(|row| match row.does {
        Does::Shortcut(does) => Some(does),
        Does::Stroke(_) | Does::Reading | Does::Field => None,
    });
    all.flatten().find(|(chord, _)| chord.is(pressed)).map(|(_, does)| *does)
}

impl Model {
    /// The keys are shown.
    #[must_use]
    pub fn shows_keys(&self) -> bool {
        self.keys_over.is_some()
    }

    /// Shows the keys, or puts them away; the keyboard is where it was before.
    pub(super) fn show_keys(&mut self) {
        if let Some(back) = self.keys_over.take() {
            self.set_focus(back);
        } else if matches!(self.screen, Screen::Inside) && !self.is_covered() {
            // What lies over the window goes with the keyboard.
            let alone = self.over.as_ref().is_some_and(super::Over::is_alone);
            let back = if alone { self.back.clone() } else { self.focus.clone() };
            self.set_focus(Focus::Act(Act::Keys));
            self.scrolls.begin(super::Part::Keys);
            self.keys_over = Some(back);
        }
    }

    /// A key with the keyboard in the list, or above it. `None`: it means nothing there.
    pub(super) fn stroke_in_list(&mut self, stroke: Stroke) -> Option<Vec<Command>> {
        if self.is_searching() {
            // What was found stands there.
            return None;
        }
        let ids: Vec<String> = self.rows().map(|contact| contact.id.clone()).collect();
        let last = ids.len().checked_sub(1)?;
        let now = match &self.focus {
            Focus::Act(Act::Open(id)) => ids.iter().position(|known| known == id),
            _ => None,
        };
        let next = match (stroke, now) {
            // Above the first is the field.
            (Stroke::Up, Some(0)) => {
                self.set_focus(Focus::Field(Field::Search));
                return Some(Vec::new());
            }
            (Stroke::Up, Some(now)) => now - 1,
            (Stroke::Down, Some(now)) => (now + 1).min(last),
            (Stroke::Down, None) | (Stroke::Home, Some(_)) => 0,
            (Stroke::End, Some(_)) => last,
            _ => return None,
        };
        let next = ids.get(next)?.clone();
        self.set_focus(Focus::Act(Act::Open(next)));
        Some(Vec::new())
    }

    /// To the list: on what is open, else on the first; where it was searched in, to what was looked for.
    pub fn go_to_list(&mut self) {
        if self.is_searching() {
            self.set_focus(Focus::Field(Field::Search));
            return;
        }
        let open = self.list_stop().map(|id| Focus::Act(Act::Open(id.to_owned())));
        self.set_focus(open.unwrap_or(Focus::Act(Act::Add)));
    }

    /// The list takes the place of what stands where there is room for one part alone; the keyboard stays where it was sent.
    pub fn make_room_for_list(&mut self) {
        self.show(Pane::Start, self.focus.clone());
    }

    /// The row at which the keyboard comes into the list: the one that it is on, else what is open, else the first.
    #[must_use]
    pub fn list_stop(&self) -> Option<&str> {
        let focused = match &self.focus {
            Focus::Act(Act::Open(id)) => Some(id.as_str()),
            _ => None,
        };
        let shown = |id: &&str| self.rows().any(|contact| contact.id == **id);
        let open = focused.filter(shown).or_else(|| self.shown_person().filter(shown));
        open.or_else(|| self.rows().next().map(|contact| contact.id.as_str()))
    }

    /// The chat so many on from the open one, in the order of the list; `unread`: of those with something unread.
    #[must_use]
    pub fn chat_beside(&self, by: isize, unread: bool) -> Option<&str> {
        let open = self.shown_person();
        let rows: Vec<_> = self
            .rows()
            .filter(|contact| !unread || contact.unread > 0 || Some(contact.id.as_str()) == open)
            .collect();
        let last = rows.len().checked_sub(1)?;
        let now = open.and_then(|open| rows.iter().position(|contact| contact.id == open));
        let next = match now {
            Some(now) => now.saturating_add_signed(by).min(last),
            None if by < 0 => last,
            None => 0,
        };
        rows.get(next).map(|contact| contact.id.as_str()).filter(|next| Some(*next) != open)
    }
}

#[cfg(test)]
mod tests;
