//! Keys and the pointer where one writes. The canvas has FLTK's focus there: dead keys and input methods work as in a field of FLTK's,
//! for they belong to the window, and are told where the caret is.

use fltk::enums::{Key, Shortcut};
use fltk::{app, draw};
use ipc_schema::Timestamp;
use ipc_schema::edge::ui_stored::ContactState;

use super::Window;
use crate::edit::{Editor, Room, Take, TooMuch, Way};
use crate::happening::{Click, Composed};
use crate::model::{Act, Field, Focus, Over, words};
use crate::scene::{Metrics, Point, Style, Written};

/// Lines that one step of the wheel scrolls.
const WHEEL_LINES: isize = 3;

/// Before the first picture lines are as wide, pixels.
const WIDTH_UNSEEN: i32 = 600;

/// What a key does to what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    Go(Way),
    Take(Take),
    Break,
    Send,
    SelectAll,
    Copy,
    Cut,
    Paste,
    Undo,
    Redo,
}

/// `None`: the key gives a text, or is for somebody else.
fn does(key: Key, state: Shortcut) -> Option<Does> {
    let [ctrl, shift, alt] =
        [Shortcut::Ctrl, Shortcut::Shift, Shortcut::Alt].map(|pressed| state.contains(pressed));
    if alt {
        return None;
    }
    Some(match key {
        Key::Left if ctrl => Does::Go(Way::WordLeft),
        Key::Right if ctrl => Does::Go(Way::WordRight),
        Key::Home if ctrl => Does::Go(Way::Start),
        Key::End if ctrl => Does::Go(Way::End),
        Key::Left => Does::Go(Way::Left),
        Key::Right => Does::Go(Way::Right),
        Key::Home => Does::Go(Way::LineStart),
        Key::End => Does::Go(Way::LineEnd),
        Key::Up if !ctrl => Does::Go(Way::Up),
        Key::Down if !ctrl => Does::Go(Way::Down),
        Key::BackSpace if ctrl => Does::Take(Take::WordBefore),
        Key::BackSpace => Does::Take(Take::Before),
        Key::Delete if shift => Does::Cut,
        Key::Delete if ctrl => Does::Take(Take::WordAfter),
        Key::Delete => Does::Take(Take::After),
        Key::Insert if ctrl => Does::Copy,
        Key::Insert if shift => Does::Paste,
        Key::Enter | Key::KPEnter if ctrl || shift => Does::Break,
        Key::Enter | Key::KPEnter => Does::Send,
        _ if ctrl => match key.to_char() {
            Some('a') => Does::SelectAll,
            Some('c') => Does::Copy,
            Some('x') => Does::Cut,
            Some('v') => Does::Paste,
            Some('z') if shift => Does::Redo,
            Some('z') => Does::Undo,
            Some('y') => Does::Redo,
            _ => return None,
        },
        _ => return None,
    })
}

impl Window {
    /// Gives a key to the composer; false where it is for somebody else.
    pub(super) fn write_key(
        &mut self,
        key: Key,
        state: Shortcut,
        text: &str,
        composed: Option<Composed>,
    ) -> bool {
        if !self.may_write() {
            return false;
        }
        let here = *self.model.focus() == Focus::Field(Field::Composer);
        let does = does(key, state);
        let composed = composed.filter(|composed| prints(text) || composed.replaced > 0);
        let begins = match (self.model.focus(), does) {
            _ if here => true,
            (Focus::None | Focus::Act(_), Some(Does::Paste)) => true,
            (Focus::None, None) => composed.is_some(),
            // The space bar presses what has the keyboard.
            (Focus::Act(_), None) => composed.is_some() && text != " ",
            _ => false,
        };
        match (does, composed) {
            _ if !begins => false,
            (Some(does), _) => self.do_written(does, state.contains(Shortcut::Shift)),
            (None, Some(composed)) => {
                self.model.set_focus(Focus::Field(Field::Composer));
                let editor = self.model.texts.writing_mut();
                let result = editor.compose(text, composed.replaced, composed.marked);
                self.told_if(result);
                true
            }
            (None, None) => false,
        }
    }

    /// A conversation is open in which one can write, its field is to be seen, and nothing lies over it.
    fn may_write(&self) -> bool {
        let contact = self.model.open_chat().and_then(|id| self.model.person(id));
        let takes = contact.is_some_and(|contact| contact.state != ContactState::Blocked);
        let here = *self.model.focus() == Focus::Field(Field::Composer);
        let seen = here || self.scene.borrow().written.is_some();
        let over = self.model.over().is_some_and(Over::is_alone);
        takes && seen && !over && !self.model.is_folded() && !self.model.is_covered()
    }

    /// False where there is nothing to be done, and the key may mean something else.
    fn do_written(&mut self, does: Does, shift: bool) -> bool {
        let empty = self.model.texts.writing().text().is_empty();
        match does {
            Does::Go(_) if empty => return false,
            Does::Go(way) => {
                self.settle_composed();
                self.with_room(|editor, room| editor.go(way, shift, room));
            }
            Does::Take(take) => {
                self.settle_composed();
                self.model.texts.writing_mut().delete(take);
            }
            Does::Break => {
                let result = self.model.texts.writing_mut().type_text("\n");
                self.told_if(result);
            }
            Does::Send => self.act(Act::Send),
            Does::SelectAll => self.model.texts.writing_mut().select_all(),
            Does::Copy | Does::Cut => {
                let editor = self.model.texts.writing_mut();
                if editor.selected().is_empty() {
                    return false;
                }
                app::copy(editor.selected());
                if does == Does::Cut {
                    editor.delete(Take::Before);
                }
            }
            Does::Paste => {
                self.model.set_focus(Focus::Field(Field::Composer));
                self.clipboard.pasting.set(true);
                // It comes as an event of the canvas, at once or when another program answers.
                app::paste_text(&self.canvas);
            }
            Does::Undo => drop(self.model.texts.writing_mut().undo()),
            Does::Redo => drop(self.model.texts.writing_mut().redo()),
        }
        true
    }

    /// What an input method had begun stays as it is.
    fn settle_composed(&self) {
        if !self.model.texts.writing().marked().is_empty() {
            app::compose_reset();
        }
    }

    /// Writes what came from the clipboard. What is too long to be edited is folded or refused, and never cut.
    pub(super) fn paste(&mut self, text: &str) {
        if !self.may_write() || *self.model.focus() != Focus::Field(Field::Composer) {
            return;
        }
        let editor = self.model.texts.writing_mut();
        if editor.insert(text) == Err(TooMuch) {
            let (written, selection) = (editor.text(), editor.selection());
            let head = written.get(..selection.start).unwrap_or_default();
            let tail = written.get(selection.end..).unwrap_or_default();
            let whole = format!("{head}{text}{tail}");
            self.model.pasted_too_much(Timestamp::now(), Field::Composer, whole);
        }
    }

    fn told_if(&mut self, result: Result<(), TooMuch>) {
        if result.is_err() {
            self.model.notify(Timestamp::now(), words::NO_ROOM);
        }
    }

    /// A press where one writes: twice selects a word, three times a paragraph.
    pub(super) fn press_written(&mut self, at: Point, click: Click) {
        self.pressed = true;
        self.model.end_details();
        self.model.set_focus(Focus::Field(Field::Composer));
        if !self.may_write() {
            return;
        }
        self.settle_composed();
        self.with_place(at, |editor, place| match click.times {
            ..=1 => editor.put(place, click.extends),
            2 => editor.select_word(place),
            _ => editor.select_paragraph(place),
        });
    }

    /// What is selected anywhere is written there, as X11 has it.
    pub(super) fn paste_at(&mut self, at: Point) {
        self.press_written(at, Click { times: 1, extends: false });
        self.clipboard.pasting.set(true);
        app::paste_text2(&self.canvas);
    }

    /// Selects as far as there.
    pub(super) fn drag_written(&mut self, at: Point) {
        if self.may_write() {
            self.with_place(at, |editor, place| editor.put(place, true));
        }
    }

    pub(super) fn scroll_written(&mut self, steps: i32) {
        let by = isize::try_from(steps.clamp(-100, 100)).unwrap_or(0) * WHEEL_LINES;
        self.model.texts.writing_mut().scroll(by);
    }

    fn with_place(&mut self, at: Point, does: impl FnOnce(&mut Editor, usize)) {
        let Some(written) = self.scene.borrow().written else { return };
        self.with_room(|editor, room| {
            let place = {
                let lines = editor.lines(room);
                let below = (at.y - written.rect.y).div_euclid(Style::Body.line());
                let line = i32::try_from(written.top).unwrap_or(i32::MAX).saturating_add(below).max(0);
                let line = usize::try_from(line).unwrap_or(0).min(lines.count() - 1);
                lines.at(line, at.x - written.rect.x)
            };
            does(editor, place);
        });
    }

    /// In the lines that are seen.
    fn with_room<T>(&mut self, does: impl FnOnce(&mut Editor, &Room<'_>) -> T) -> T {
        let fonts = self.fonts.clone();
        let measure = |text: &str| fonts.width(Style::Body, text);
        let width = self.scene.borrow().written.map_or(WIDTH_UNSEEN, |written| written.rect.w);
        does(self.model.texts.writing_mut(), &Room { width, measure: &measure })
    }

    /// The next picture goes on from where this one is.
    pub(super) fn saw_written(&mut self, written: Option<&Written>) {
        if let Some(written) = written {
            self.model.texts.writing_mut().seen_from(written.top);
        }
    }

    /// An input method opens its window at the caret.
    pub(super) fn show_caret(&self) {
        if let Some(Written { caret, .. }) = self.scene.borrow().written
            && *self.model.focus() == Focus::Field(Field::Composer)
        {
            let (font, px) = self.fonts.of(Style::Body);
            draw::set_spot(font, px, caret.x, caret.bottom() - 4, caret.w, caret.h, &self.window);
        }
    }
}

/// A text that a key gave, and no command.
fn prints(text: &str) -> bool {
    !text.is_empty() && !text.contains(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_edited_by_the_keys_that_people_know() {
        let none = Shortcut::None;
        for (key, state, wanted) in [
            (Key::Left, none, Some(Does::Go(Way::Left))),
            (Key::Left, Shortcut::Ctrl | Shortcut::Shift, Some(Does::Go(Way::WordLeft))),
            (Key::BackSpace, Shortcut::Ctrl, Some(Does::Take(Take::WordBefore))),
            (Key::Delete, Shortcut::Shift, Some(Does::Cut)),
            (Key::Enter, none, Some(Does::Send)),
            (Key::Enter, Shortcut::Shift, Some(Does::Break)),
            (Key::from_char('z'), Shortcut::Ctrl, Some(Does::Undo)),
            (Key::from_char('z'), Shortcut::Ctrl | Shortcut::Shift, Some(Does::Redo)),
            (Key::from_char('y'), Shortcut::Ctrl, Some(Does::Redo)),
            // The window's own.
            (Key::from_char('l'), Shortcut::Ctrl, None),
            (Key::Up, Shortcut::Alt, None),
            (Key::PageUp, none, None),
            (Key::Tab, none, None),
            (Key::Escape, none, None),
            (Key::from_char('z'), none, None),
        ] {
            assert_eq!(does(key, state), wanted, "{key:?} {state:?}");
        }
    }
}
