//! What keys do where no text is written: those of the model as it knows them, and the window's own.

use fltk::app;
use fltk::enums::{Key, Shortcut};
use fltk::prelude::WindowExt;
use ipc_schema::Timestamp;

use super::{Window, fresh_id};
use crate::model::action::{ContactAct, SecretField};
use crate::model::stroke::{Stroke, menu_of};
use crate::model::{Act, Field, Focus, MenuOf, OverAct, Screen, TextAct};
use crate::scene::Scene;

impl Window {
    pub(super) fn entered(&mut self, field: Field) {
        match field {
            Field::Composer => self.act(Act::Send),
            Field::InviteName => self.act(Act::MakeInvite),
            Field::Link => self.model.set_focus(Focus::Field(Field::AcceptName)),
            Field::AcceptName => self.act(Act::AcceptLink),
            Field::YourName => self.act(Act::Enter),
            Field::TheirCode => self.act(Act::CompareCode),
            Field::Forward => self.act(Act::Over(OverAct::Forward)),
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
        if state.contains(Shortcut::Ctrl | Shortcut::Shift) && key.to_char() == Some('i') {
            self.details();
        } else if state.contains(Shortcut::Ctrl) {
            self.shortcut(key, state);
        } else if key == Key::Tab {
            self.step_focus(if state.contains(Shortcut::Shift) { -1 } else { 1 });
        } else if key == Key::Escape {
            self.escape();
        } else if state.contains(Shortcut::Alt) && (key == Key::Up || key == Key::Down) {
            self.step_chat(if key == Key::Up { -1 } else { 1 });
        } else if self.reading_key(key, state) {
            // It was one that reads or finds.
        } else if let Focus::Act(act) = self.model.focus().clone() {
            match (act, key) {
                (Act::Secret(field), key) => self.secret_key(field, key, text),
                (Act::Open(_), Key::Up | Key::Down) => self.step_chat(if key == Key::Up { -1 } else { 1 }),
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

    fn shortcut(&mut self, key: Key, state: Shortcut) {
        let inside = matches!(self.model.screen, Screen::Inside);
        let asked = self.model.is_covered();
        match key.to_char() {
            Some('l') if inside => self.act(Act::Lock),
            Some('n') if inside && !asked => self.act(Act::Add),
            Some('k') if inside && !asked => self.model.set_focus(Focus::Field(Field::Search)),
            Some('.') if inside && !asked => self.act(Act::Over(OverAct::Emoji)),
            Some('f' | 'g') if inside && !asked => self.reading_shortcut(key, state),
            Some('r') => self.show_secret(),
            Some('c') if inside => self.act(Act::Text(TextAct::CopySelection)),
            Some('a') if inside => self.act(Act::Text(TextAct::SelectAll)),
            Some('+' | '=') => self.rescale(0.1),
            Some('-') => self.rescale(-0.1),
            Some('0') => self.rescale(1.0 - self.scale),
            _ => {}
        }
    }

    /// The key of *Show*, for the field that is typed into.
    fn show_secret(&mut self) {
        if let Focus::Act(Act::Secret(field)) = *self.model.focus() {
            self.act(Act::ShowSecret(field));
        }
    }

    fn rescale(&mut self, by: f32) {
        self.scale = (self.scale + by).clamp(0.8, 2.0);
        app::set_screen_scale(self.window.screen_num(), self.scale);
        // Letters have other widths at another size.
        self.fonts.forget();
    }

    fn escape(&mut self) {
        if self.model.question().is_some() {
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

    fn step_chat(&mut self, by: isize) {
        let ids: Vec<String> = self.model.rows().map(|contact| contact.id.clone()).collect();
        let open = self.model.open_chat().and_then(|open| ids.iter().position(|id| id == open));
        let next = open.map_or(0, |index| index.saturating_add_signed(by).min(ids.len().saturating_sub(1)));
        if let Some(id) = ids.get(next).cloned() {
            let row = Focus::Act(Act::Open(id.clone()));
            self.act(Act::Open(id));
            self.refresh();
            self.reveal(&row);
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
