//! What keys do where no text is written: those of the model as it knows them, and the window's own.

use fltk::enums::{Key, Shortcut};
use fltk::prelude::WidgetExt;
use ipc_schema::Timestamp;

use super::{Window, fresh_id};
use crate::model::action::{ContactAct, SecretField};
use crate::model::keys::{self as table, Shortcut as Does};
use crate::model::stroke::{Stroke, menu_of};
use crate::model::{Act, Field, Focus, MenuOf, OverAct, ReadAct, Screen, TextAct};
use crate::pressed::chord;
use crate::regions;
use crate::scene::Scene;
use crate::view;

impl Window {
    pub(super) fn entered(&mut self, field: Field) {
        match field {
            Field::Composer => self.act(Act::Send),
            Field::InviteName => self.act(Act::MakeInvite),
            Field::Link => self.model.set_focus(Focus::Field(Field::AcceptName)),
            Field::AcceptName => self.act(Act::AcceptLink),
            Field::YourName => self.act(Act::Enter),
            Field::TheirCode => self.act(Act::CompareCode),
            Field::Whom => self.act(Act::Over(OverAct::Confirm)),
            Field::ContactName | Field::ContactNote => self.act(Act::KeepEdit),
            Field::OwnName => self.act(Act::KeepOwnName),
            Field::Search | Field::Find | Field::Date => self.entered_to_read(field),
        }
    }

    pub(super) fn key(&mut self, key: Key, state: Shortcut, text: &str) {
        self.model.caps_lock = state.contains(Shortcut::CapsLock) != (key == Key::CapsLock);
        if self.stroke(key, state, text) {
            return;
        }
        if let Some(does) = chord(key, state).and_then(table::shortcut) {
            self.shortcut(does);
        } else if state.contains(Shortcut::Ctrl) {
            // It writes nothing.
        } else if key == Key::Tab {
            self.step_focus(if state.contains(Shortcut::Shift) { -1 } else { 1 });
        } else if self.model.shows_keys() && self.scroll_keys(key) {
            // That was all.
        } else if self.reading_key(key, state) {
            // It was one that reads or finds.
        } else if let Focus::Act(act) = self.model.focus().clone() {
            match (act, key) {
                (Act::Secret(field), key) => self.secret_key(field, key, text),
                (act, key) if key == Key::Enter || key == Key::KPEnter || text == " " => self.act(act),
                _ => {}
            }
        } else if let (Focus::Field(field), Key::Enter | Key::KPEnter) = (self.model.focus().clone(), key) {
            // What stands for a field that has no widget now.
            self.entered(field);
        } else {
            self.model.typed_to_blocked(Timestamp::now(), text);
        }
    }

    /// What is known of whom the conversation is with.
    fn details(&mut self) {
        let free = matches!(self.model.screen, Screen::Inside) && !self.model.is_covered();
        let who = self.model.shown_person().map(str::to_owned);
        if let Some(who) = who.filter(|_| free) {
            self.act(Act::Contact(who, ContactAct::Details));
        }
    }

    fn shortcut(&mut self, does: Does) {
        let inside = matches!(self.model.screen, Screen::Inside);
        let free = inside && !self.model.is_covered();
        match does {
            Does::Lock if inside => self.act(Act::Lock),
            Does::Copy if inside => self.act(Act::Text(TextAct::CopySelection)),
            Does::SelectAll if inside => self.act(Act::Text(TextAct::SelectAll)),
            Does::Keys if free || self.model.shows_keys() => self.act(Act::Keys),
            Does::Add if free => self.act(Act::Add),
            Does::GoTo if free => {
                self.model.set_focus(Focus::Field(Field::Search));
                self.show_list();
            }
            Does::Search if free => {
                self.act(Act::Read(ReadAct::SearchIn(false)));
                self.show_list();
            }
            Does::Found(older) if free => self.act(Act::Read(ReadAct::StepFound(older))),
            Does::Find if free => self.find(),
            Does::GoToDay if free => self.act(Act::Read(ReadAct::AskDate)),
            Does::Chats if free => {
                self.model.go_to_list();
                self.show_list();
            }
            Does::Emoji if free => self.act(Act::Over(OverAct::Emoji)),
            Does::Details if free => self.details(),
            Does::Chat { by, unread } if free => self.step_chat(by, unread),
            Does::Part(by) if free => self.step_part(by),
            Does::Back => self.escape(),
            Does::ShowSecret => self.show_secret(),
            Does::Larger(by) => self.rescale_by(by),
            Does::WholeSize => self.rescale(100),
            // What lies over the window, or the lock screen, has the keyboard.
            _ => {}
        }
    }

    /// What the keyboard goes to is seen, also in a window with room for one part alone.
    fn show_list(&mut self) {
        if self.window.w() < view::NARROW {
            self.model.make_room_for_list();
        }
    }

    /// The key of *Show*, for the field that is typed into.
    fn show_secret(&mut self) {
        if let Focus::Act(Act::Secret(field)) = *self.model.focus() {
            self.act(Act::ShowSecret(field));
        }
    }

    fn escape(&mut self) {
        if self.model.shows_keys() {
            self.act(Act::Keys);
        } else if self.model.question().is_some() {
            self.act(Act::Keep);
        } else if self.model.link().is_some() {
            self.act(Act::Text(TextAct::CloseLink));
        } else if self.model.card().is_some() {
            self.act(Act::CloseCard);
        } else if self.model.reading.date.is_none() && self.model.unselect() {
            // That was all.
        } else if self.leaves_reading() {
            // What was looked for, or a day.
        } else if self.model.details().is_some_and(|details| details.editing.is_some()) {
            self.act(Act::LeaveEdit);
        } else if self.model.details().is_some() {
            self.act(Act::CloseDetails);
        } else if matches!(self.model.screen, Screen::Inside) && self.model.open_chat().is_none() {
            self.act(Act::Close);
        }
    }

    fn step_chat(&mut self, by: isize, unread: bool) {
        if let Some(id) = self.model.chat_beside(by, unread).map(str::to_owned) {
            let row = Focus::Act(Act::Open(id.clone()));
            self.act(Act::Open(id));
            self.refresh();
            self.reveal(&row);
        }
    }

    fn step_part(&mut self, by: isize) {
        let next = regions::beside(&self.scene.borrow(), self.model.focus(), by);
        if let Some(stop) = next {
            self.model.focus_on(stop);
        }
    }

    fn step_focus(&mut self, by: isize) {
        let stops = self.scene.borrow().stops.clone();
        let count = isize::try_from(stops.len()).unwrap_or(0);
        if count == 0 {
            return;
        }
        let now =
            stops.iter().position(|stop| stop == self.model.focus()).and_then(|at| isize::try_from(at).ok());
        let next = now.map_or(if by > 0 { 0 } else { count - 1 }, |at| (at + by).rem_euclid(count));
        if let Some(stop) = usize::try_from(next).ok().and_then(|next| stops.get(next)) {
            self.model.focus_on(stop.clone());
        }
    }

    fn secret_key(&mut self, field: SecretField, key: Key, text: &str) {
        let creating = matches!(self.model.screen, Screen::FirstRun(_));
        if key == Key::Enter || key == Key::KPEnter {
            if creating && field == SecretField::First {
                self.model.set_focus(Focus::Act(Act::Secret(SecretField::Again)));
            } else {
                self.act(Act::UsePassphrase);
            }
            return;
        }
        if key == Key::BackSpace {
            self.model.untype_secret(field);
        } else {
            self.model.type_secret(field, text);
        }
    }

    /// A menu was asked for there; what lies over the window goes first.
    pub(super) fn open_menu(&mut self, x: i32, y: i32) {
        self.pressed = true;
        self.model.end_details();
        if self.model.over().is_some() {
            self.act(Act::Over(OverAct::Close));
        } else if let Some(of) = menu_at(&self.scene.borrow(), x, y) {
            // It is drawn before all is turned round.
            let x = if self.mirrored { self.window.w() - x } else { x };
            self.model.open_menu(of, Some((x, y)));
        }
    }

    /// Whether the key was for a message, or for what lies over the window. What is typed on a lock screen is not looked at.
    pub(super) fn stroke(&mut self, key: Key, state: Shortcut, text: &str) -> bool {
        let inside = matches!(self.model.screen, Screen::Inside);
        let stroke = if inside { stroke(key, state, text) } else { None };
        let Some((stroke, id)) = stroke.zip(fresh_id().ok()) else { return false };
        let asked = self.model.stroke(Timestamp::now(), stroke, &id);
        let taken = asked.is_some();
        self.ask(asked.unwrap_or_default());
        taken
    }
}

/// The key without FLTK; `text` is what it writes.
fn stroke(key: Key, state: Shortcut, text: &str) -> Option<Stroke> {
    if state.contains(Shortcut::Alt) {
        return None;
    }
    if state.contains(Shortcut::Ctrl) {
        return (key.to_char() == Some('c')).then_some(Stroke::Copy);
    }
    Some(match key {
        Key::Up => Stroke::Up,
        Key::Down => Stroke::Down,
        Key::Left => Stroke::Left,
        Key::Right => Stroke::Right,
        Key::Home => Stroke::Home,
        Key::End => Stroke::End,
        Key::PageUp => Stroke::PageUp,
        Key::PageDown => Stroke::PageDown,
        Key::Enter | Key::KPEnter => Stroke::Enter,
        Key::Escape => Stroke::Escape,
        Key::Menu => Stroke::Menu,
        Key::F10 if state.contains(Shortcut::Shift) => Stroke::Menu,
        Key::Delete => Stroke::Delete,
        _ => Stroke::Letter(text.chars().next().filter(|letter| !letter.is_control())?),
    })
}

/// Whose menu belongs to what lies under the pointer: the topmost that has one.
fn menu_at(scene: &Scene, x: i32, y: i32) -> Option<MenuOf> {
    let under = scene.hits.iter().rev().filter(|hit| hit.rect.contains(x, y));
    under.map(|hit| &hit.act).find_map(menu_of)
}
