//! What one writes in: a text with its caret, its selection and its past. Without FLTK, clocks or fonts; how wide text is, is asked.
//!
//! The caret and both ends of the selection always stand between two characters as people count them (grapheme clusters).

mod bounds;
mod history;
mod lines;

use std::cell::{Ref, RefCell};
use std::ops::Range;

use bounds::{after, before, paragraph, settled, word, word_after, word_before};
use history::{Change, History, Kind};
use lines::Layout;
pub use lines::{Drawn, Lines, Room};

/// The longest text that is edited, bytes. A longer one is folded, and sent as it is.
pub const EDITED_MAX_BYTES: usize = 64 << 10;

/// The text would be longer than [`EDITED_MAX_BYTES`]; nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMuch;

/// Where the caret goes. Left and right are as they are seen, whatever is written there; words are gone over in the direction of their
/// paragraph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// One character to the left.
    Left,
    /// One to the right.
    Right,
    /// One word to the left.
    WordLeft,
    /// One to the right.
    WordRight,
    /// The line above.
    Up,
    /// The line below.
    Down,
    /// To the beginning of the line that is seen.
    LineStart,
    /// To its end.
    LineEnd,
    /// To the beginning of all.
    Start,
    /// To the end of all.
    End,
}

/// What is taken away where nothing is selected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// The character before the caret.
    Before,
    /// The one behind it.
    After,
    /// The word before the caret, as far as it.
    WordBefore,
    /// The word behind it.
    WordAfter,
}

/// A text that is written.
#[derive(Debug, Default)]
pub struct Editor {
    text: String,
    caret: usize,
    /// The selection's other end.
    anchor: usize,
    /// Where lines above and below are gone to, pixels.
    goal: Option<i32>,
    /// What an input method may still change.
    marked: Range<usize>,
    history: History,
    /// Lines as they were broken last.
    layout: RefCell<Layout>,
    /// The first line that is seen.
    top: usize,
    /// What is seen goes with the caret; else the wheel moved it.
    follows: bool,
}

impl Editor {
    /// All of it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where it is written, bytes from the beginning.
    #[must_use]
    pub fn caret(&self) -> usize {
        self.caret
    }

    /// What is selected; empty at the caret.
    #[must_use]
    pub fn selection(&self) -> Range<usize> {
        self.caret.min(self.anchor)..self.caret.max(self.anchor)
    }

    /// What is selected.
    #[must_use]
    pub fn selected(&self) -> &str {
        self.text.get(self.selection()).unwrap_or_default()
    }

    /// What an input method may still change.
    #[must_use]
    pub fn marked(&self) -> Range<usize> {
        self.marked.clone()
    }

    /// Another text, with the caret at its end and without a past. One that is too long to be edited is kept as it is.
    pub fn set(&mut self, text: &str) {
        let text = if text.len() > EDITED_MAX_BYTES { text.to_owned() } else { plain(text) };
        let caret = text.len();
        *self = Self { text, caret, anchor: caret, follows: true, ..Self::default() };
    }

    /// Writes `text` in place of what is selected, as one step of its own.
    ///
    /// # Errors
    /// [`TooMuch`].
    pub fn insert(&mut self, text: &str) -> Result<(), TooMuch> {
        self.replace(self.selection(), &plain(text), Kind::Whole)
    }

    /// Writes what a key gave: what is typed word by word is taken back word by word.
    ///
    /// # Errors
    /// [`TooMuch`].
    pub fn type_text(&mut self, typed: &str) -> Result<(), TooMuch> {
        self.replace(self.selection(), &plain(typed), Kind::Typed)
    }

    /// Writes what an input method gave in place of the last `replaced` bytes of its own; `marked` bytes of it may change again.
    ///
    /// # Errors
    /// [`TooMuch`].
    pub fn compose(&mut self, typed: &str, replaced: usize, marked: usize) -> Result<(), TooMuch> {
        let typed = plain(typed);
        let range = match replaced {
            0 => self.selection(),
            _ if self.marked.len() == replaced => self.marked.clone(),
            _ => self.text.floor_char_boundary(self.caret.saturating_sub(replaced))..self.caret,
        };
        let (start, end) = (range.start, range.start + typed.len());
        let kind = if replaced > 0 { Kind::Retyped } else { Kind::Typed };
        self.replace(range, &typed, kind)?;
        let from = self.text.floor_char_boundary(end.saturating_sub(marked)).max(start);
        self.marked = if marked > 0 { from..end } else { 0..0 };
        Ok(())
    }

    /// Takes away what is selected, or else what `take` says.
    pub fn delete(&mut self, take: Take) {
        let selection = self.selection();
        let (text, caret) = (&self.text, self.caret);
        let (range, kind) = match take {
            _ if !selection.is_empty() => (selection, Kind::Whole),
            Take::Before => (before(text, caret)..caret, Kind::TakenBefore),
            Take::After => (caret..after(text, caret), Kind::TakenAfter),
            Take::WordBefore => (word_before(text, caret)..caret, Kind::Whole),
            Take::WordAfter => (caret..word_after(text, caret), Kind::Whole),
        };
        if !range.is_empty() {
            // A text becomes no longer by it.
            let _ = self.replace(range, "", kind);
        }
    }

    /// Selects everything.
    pub fn select_all(&mut self) {
        self.put(self.text.len(), false);
        self.anchor = 0;
    }

    /// Selects the word there.
    pub fn select_word(&mut self, at: usize) {
        let word = word(&self.text, self.bounded(at));
        self.select(&word);
    }

    /// Selects what stands between two line breaks there.
    pub fn select_paragraph(&mut self, at: usize) {
        let paragraph = paragraph(&self.text, self.bounded(at));
        self.select(&paragraph);
    }

    fn select(&mut self, range: &Range<usize>) {
        self.put(range.end, false);
        self.anchor = self.bounded(range.start);
    }

    /// Puts the caret there; `selecting` leaves the selection's other end where it is.
    pub fn put(&mut self, at: usize, selecting: bool) {
        self.caret = self.bounded(at);
        if !selecting {
            self.anchor = self.caret;
        }
        self.goal = None;
        self.marked = 0..0;
        self.follows = true;
        self.history.close();
    }

    fn bounded(&self, at: usize) -> usize {
        settled(&self.text, at)
    }

    /// Moves the caret in lines of that room.
    pub fn go(&mut self, way: Way, selecting: bool, room: &Room<'_>) {
        let selection = self.selection();
        let (to, goal) = {
            let lines = self.lines(room);
            let line = lines.line(self.caret);
            let turned = lines.is_from_the_right(line);
            let collapses = !selecting && !selection.is_empty();
            match (way, turned) {
                (Way::Left | Way::Right, _) if collapses => {
                    (end_of(&selection, &lines, way == Way::Right), None)
                }
                (Way::Left | Way::Right, _) => {
                    let right = way == Way::Right;
                    let next = if turned == right { line.checked_sub(1) } else { Some(line + 1) };
                    let beyond = || match next.filter(|next| *next < lines.count()) {
                        Some(next) if turned == right => lines.last_of(next),
                        Some(next) => lines.range(next).start,
                        None => self.caret,
                    };
                    (lines.beside(self.caret, right).unwrap_or_else(beyond), None)
                }
                (Way::WordLeft, false) | (Way::WordRight, true) => {
                    (word_before(&self.text, self.caret), None)
                }
                (Way::WordLeft, true) | (Way::WordRight, false) => (word_after(&self.text, self.caret), None),
                (Way::LineStart, _) => (lines.range(line).start, None),
                (Way::LineEnd, _) => (lines.last_of(line), None),
                (Way::Start, _) => (0, None),
                (Way::End, _) => (self.text.len(), None),
                (Way::Up | Way::Down, _) => {
                    let x = self.goal.unwrap_or_else(|| lines.x(self.caret));
                    let next = if way == Way::Up { line.checked_sub(1) } else { Some(line + 1) };
                    let to = match next.filter(|next| *next < lines.count()) {
                        Some(next) => lines.at(next, x),
                        None if way == Way::Up => 0,
                        None => self.text.len(),
                    };
                    (to, Some(x))
                }
            }
        };
        self.put(to, selecting);
        self.goal = goal;
    }

    /// Takes the last step back; false where there is none.
    pub fn undo(&mut self) -> bool {
        let Some(change) = self.history.take_back() else { return false };
        self.text.replace_range(change.at..change.at + change.inserted.len(), &change.removed);
        self.put(change.caret, false);
        self.anchor = self.bounded(change.anchor);
        true
    }

    /// Does the step that was taken back last again; false where there is none.
    pub fn redo(&mut self) -> bool {
        let Some(change) = self.history.do_again() else { return false };
        let end = change.at + change.inserted.len();
        self.text.replace_range(change.at..change.at + change.removed.len(), &change.inserted);
        self.put(end, false);
        true
    }

    fn replace(&mut self, range: Range<usize>, with: &str, kind: Kind) -> Result<(), TooMuch> {
        if self.text.len() - range.len() + with.len() > EDITED_MAX_BYTES && with.len() > range.len() {
            return Err(TooMuch);
        }
        let removed = self.text.get(range.clone()).unwrap_or_default().to_owned();
        let at = range.start;
        self.text.replace_range(range, with);
        let inserted = with.to_owned();
        self.history.record(Change { at, removed, inserted, caret: self.caret, anchor: self.anchor }, kind);
        self.caret = self.bounded(at + with.len());
        self.anchor = self.caret;
        self.goal = None;
        self.marked = 0..0;
        self.follows = true;
        Ok(())
    }

    /// The lines that it makes in that room.
    #[must_use]
    pub fn lines<'a>(&'a self, room: &Room<'a>) -> Lines<'a> {
        self.layout.borrow_mut().lay(&self.text, room);
        let starts = Ref::map(self.layout.borrow(), Layout::starts);
        Lines::new(&self.text, starts, *room)
    }

    /// The first of `shown` lines that are seen of `lines`.
    #[must_use]
    pub fn top(&self, lines: &Lines<'_>, shown: usize) -> usize {
        let most = lines.count().saturating_sub(shown);
        if !self.follows {
            return self.top.min(most);
        }
        let caret = lines.line(self.caret);
        self.top.clamp(caret.saturating_sub(shown.saturating_sub(1)), caret).min(most)
    }

    /// What was seen last, from which the next picture goes on.
    pub fn seen_from(&mut self, top: usize) {
        self.top = top;
    }

    /// The wheel moves what is seen by so many lines; the caret stays.
    pub fn scroll(&mut self, by: isize) {
        self.top = self.top.saturating_add_signed(by);
        self.follows = false;
    }
}

/// The end of a selection that is seen on the right, or on the left.
fn end_of(selection: &Range<usize>, lines: &Lines<'_>, right: bool) -> usize {
    let (start, end) = (selection.start, selection.end);
    let line = lines.line(start);
    let end_is_right =
        if line == lines.line(end) { lines.x(end) > lines.x(start) } else { !lines.is_from_the_right(line) };
    if right == end_is_right { end } else { start }
}

/// One kind of line break.
fn plain(text: &str) -> String {
    if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text.to_owned() }
}

#[cfg(test)]
mod tests;
