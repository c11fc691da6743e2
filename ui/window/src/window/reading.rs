//! Reading a conversation and looking for something: what the pointer and the keys do for it, and who is looking.

use fltk::app;
use fltk::enums::{Key, Shortcut};
use fltk::prelude::WidgetExt;
use ipc_schema::Timestamp;

use super::{WHEEL, Window};
use crate::model::{Act, Field, Focus, ReadAct};
use crate::scene::Rect;
use crate::view::{self, Pressed};

/// Of what was seen so much is seen still when a page is turned, pixels.
const OVERLAP: i32 = 40;

/// So near to an end of what is held the next texts are asked for, pixels.
const NEAR: i32 = 400;

impl Window {
    /// What the view has come to is loaded, and what is seen by somebody who looks is read.
    pub(super) fn read_on(&mut self) {
        let Some((_, most)) = self.scene.borrow().scroll else { return };
        let scroll = self.model.scroll;
        let asked = self.model.reached(most - scroll < NEAR, scroll < NEAR);
        self.ask(asked);
        if !is_attended() || !self.window.visible() {
            return;
        }
        let seen = view::newest_seen(&self.scene.borrow()).map(str::to_owned);
        let read = seen.and_then(|id| self.model.saw(Timestamp::now(), &id));
        if let Some(read) = read {
            self.ask(vec![read]);
            self.refresh();
        }
    }

    /// What is read just now and where it stands, unless that is the end: the view stays there.
    pub(super) fn read_now(&self) -> Option<(Rect, (String, i32))> {
        let chat = self.model.open_chat().and_then(|id| self.model.chats.get(id))?;
        if (self.model.scroll == 0 && !chat.newer) || self.model.reading.wanted.is_some() {
            return None;
        }
        let scene = self.scene.borrow();
        Some((scene.scroll?.0, view::held_to(&scene)?))
    }

    /// Texts that come above or below do not move what is being read.
    pub(super) fn keep_place(&mut self, kept: Option<(Rect, (String, i32))>) {
        let Some((body, text)) = kept else { return };
        if let Some(scroll) = view::scroll_to(&self.model, &self.surroundings(), body, &text) {
            self.model.scroll = scroll;
        }
    }

    pub(super) fn scroll_by(&mut self, pixels: i32) {
        let most = self.scene.borrow().scroll.map_or(0, |(_, most)| most);
        self.model.reading.wanted = None;
        self.model.scroll = (self.model.scroll + pixels).clamp(0, most);
    }

    /// Nearly a whole view up, or down.
    pub(super) fn turn_page(&mut self, up: bool) {
        let height = self.scene.borrow().scroll.map_or(0, |(body, _)| body.h);
        let page = (height - OVERLAP).max(WHEEL);
        self.scroll_by(if up { page } else { -page });
    }

    pub(super) fn thumb_pressed(&mut self, y: i32) {
        let pressed = view::pressed(&self.scene.borrow(), y);
        match pressed {
            Some(Pressed::Bar(held)) => {
                self.model.reading.wanted = None;
                self.drawn = Some(held);
            }
            Some(Pressed::Above) => self.turn_page(true),
            Some(Pressed::Below) => self.turn_page(false),
            None => {}
        }
    }

    pub(super) fn draw_thumb(&mut self, y: i32) {
        let held = self.drawn.unwrap_or_default();
        let scroll = view::drawn_to(&self.scene.borrow(), y, held);
        self.model.scroll = scroll.unwrap_or(self.model.scroll);
    }

    /// A key that reads or finds; false: it does something else.
    pub(super) fn reading_key(&mut self, key: Key, state: Shortcut) -> bool {
        if self.model.is_covered() {
            return false;
        }
        match (key, self.model.focus()) {
            (Key::PageUp | Key::PageDown, _) => self.page(key == Key::PageUp),
            (Key::Home, _) => self.act(Act::Read(ReadAct::ToBeginning)),
            (Key::End, _) => self.act(Act::Read(ReadAct::ToEnd)),
            (Key::Up | Key::Down, Focus::Field(Field::Search)) => {
                let asked = self.model.step_results(if key == Key::Up { -1 } else { 1 });
                self.ask(asked);
            }
            (Key::Up | Key::Down | Key::Enter | Key::KPEnter, Focus::Field(Field::Find)) => {
                let newer = key == Key::Down || state.contains(Shortcut::Shift);
                self.act(Act::Read(ReadAct::FindStep(!newer)));
            }
            _ => return false,
        }
        true
    }

    /// Looks in the open conversation, else in all.
    pub(super) fn find(&mut self) {
        if self.model.open_chat().is_some() {
            self.act(Act::Read(ReadAct::Find));
        } else {
            self.model.set_focus(Focus::Field(Field::Search));
        }
    }

    /// Enter in a field that looks for something.
    pub(super) fn entered_to_read(&mut self, field: Field) {
        match field {
            Field::Find => self.act(Act::Read(ReadAct::FindStep(true))),
            Field::Date => self.act(Act::Read(ReadAct::GoToDate)),
            _ => {
                let asked = self.model.open_result(Timestamp::now());
                self.ask(asked);
            }
        }
    }

    /// Esc leaves what is looked for, the last first; false: nothing is.
    pub(super) fn leaves_reading(&mut self) -> bool {
        let in_list = *self.model.focus() == Focus::Field(Field::Search);
        if self.model.reading.date.is_some() {
            self.act(Act::Read(ReadAct::LeaveDate));
        } else if self.model.find.is_some() && !in_list {
            self.act(Act::Read(ReadAct::LeaveFind));
        } else if in_list || self.model.is_searching() {
            self.act(Act::Read(ReadAct::LeaveSearch));
            self.model.set_focus(Focus::None);
        } else {
            return false;
        }
        true
    }
}

/// Whether the window has the keyboard, and is not minimised therefore: FLTK has no focus at all while it has not.
pub(super) fn is_attended() -> bool {
    app::focus().is_some()
}
