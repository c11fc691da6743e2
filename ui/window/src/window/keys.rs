//! FLTK's keys as the model knows them, and the pointer that rests on a message.

use std::time::Duration;

use fltk::enums::{Key, Shortcut};
use ipc_schema::Timestamp;
use tokio::time::Instant;

use super::{Window, fresh_id};
use crate::model::stroke::{Stroke, menu_of};
use crate::model::{Act, MenuOf, MessageAct, OverAct, Screen};
use crate::scene::Scene;

/// The pointer rests on a text for so long before it is told how far that is.
const REST: Duration = Duration::from_millis(400);

impl Window {
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

/// The message under the pointer.
#[derive(Default)]
pub(super) struct Resting(Option<On>);

struct On {
    id: String,
    /// The pointer stands still since then.
    since: Instant,
    /// It was told already how far it is.
    told: bool,
}

impl Resting {
    /// The pointer moved over that, or off everything; whether it left the message on which it was.
    pub(super) fn over(&mut self, act: Option<&Act>) -> bool {
        let Some(Act::Message(MessageAct::Focus(id))) = act else { return self.0.take().is_some() };
        let same = self.0.as_ref().filter(|on| on.id == *id);
        let (left, told) = (same.is_none() && self.0.is_some(), same.is_some_and(|on| on.told));
        self.0 = Some(On { id: id.clone(), since: Instant::now(), told });
        left
    }

    /// How long the loop may wait for it.
    pub(super) fn left(&self) -> Option<Duration> {
        self.0.as_ref().filter(|on| !on.told).map(|on| REST.saturating_sub(on.since.elapsed()))
    }

    /// The message on which it has rested long enough, once each time that it comes there.
    pub(super) fn rested(&mut self) -> Option<String> {
        let on = self.0.as_mut().filter(|on| !on.told && on.since.elapsed() >= REST)?;
        on.told = true;
        Some(on.id.clone())
    }
}
