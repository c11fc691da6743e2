//! Keys on messages and on what lies over the window.

use ipc_schema::Timestamp;

use super::menu::MenuOf;
use super::message::MessageAct;
use super::over::{Over, OverAct};
use super::{Act, Command, Field, Focus, Model, Screen};

/// A key, without the toolkit that told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stroke {
    /// Arrow up.
    Up,
    /// Arrow down.
    Down,
    /// Arrow to the left.
    Left,
    /// Arrow to the right.
    Right,
    /// To the beginning.
    Home,
    /// To the end.
    End,
    /// A page up.
    PageUp,
    /// A page down.
    PageDown,
    /// Take it.
    Enter,
    /// Away with it.
    Escape,
    /// The menu key, or Shift F10.
    Menu,
    /// Delete.
    Delete,
    /// Ctrl C.
    Copy,
    /// Something that is written.
    Letter(char),
}

/// Messages that a page key goes over.
const PAGE: usize = 8;

impl Model {
    /// Takes a key that means something here; `None`: it does not.
    pub fn stroke(&mut self, now: Timestamp, stroke: Stroke, fresh_id: &str) -> Option<Vec<Command>> {
        if self.is_covered() || !matches!(self.screen, Screen::Inside) {
            return None;
        }
        let act = match &self.over {
            Some(Over::Menu(menu)) => {
                let menu = menu.clone();
                self.menu_stroke(&menu, stroke)
            }
            Some(Over::Picker(picker)) => {
                let picker = picker.clone();
                self.picker_stroke(&picker, stroke)
            }
            Some(Over::Forward(_)) if matches!(stroke, Stroke::Up | Stroke::Down | Stroke::Escape) => {
                self.forward_stroke(stroke)
            }
            // Buttons of the card, and the field above them.
            Some(Over::Forward(_)) => return None,
            Some(Over::Details(_)) if stroke == Stroke::Escape => Some(Act::Over(OverAct::Close)),
            Some(Over::Details(_)) | None => return self.stroke_below(now, stroke, fresh_id),
        };
        Some(act.map(|act| self.act(now, act, fresh_id)).unwrap_or_default())
    }

    fn stroke_below(&mut self, now: Timestamp, stroke: Stroke, fresh_id: &str) -> Option<Vec<Command>> {
        match self.focus().clone() {
            Focus::Message(id) => self.stroke_on_message(now, id, stroke, fresh_id),
            Focus::Act(act) if stroke == Stroke::Menu => {
                self.open_menu(menu_of(&act)?, None);
                Some(Vec::new())
            }
            Focus::Field(Field::Composer) if stroke == Stroke::Up && self.composer_text().is_empty() => {
                self.edit_last(now).then(Vec::new)
            }
            Focus::Field(Field::Composer)
                if stroke == Stroke::Escape && self.composing().about().is_some() =>
            {
                self.end_composing();
                Some(Vec::new())
            }
            _ => None,
        }
    }

    fn stroke_on_message(
        &mut self,
        now: Timestamp,
        id: String,
        stroke: Stroke,
        fresh_id: &str,
    ) -> Option<Vec<Command>> {
        let act = match stroke {
            Stroke::Up => return Some(self.step_message(-1)),
            Stroke::Down => return Some(self.step_message(1)),
            Stroke::PageUp => return Some(self.step_message(-isize::try_from(PAGE).unwrap_or(1))),
            Stroke::PageDown => return Some(self.step_message(isize::try_from(PAGE).unwrap_or(1))),
            Stroke::Home => return Some(self.step_message(isize::MIN)),
            Stroke::End => return Some(self.step_message(isize::MAX)),
            Stroke::Menu => {
                self.open_menu(MenuOf::Message(id), None);
                return Some(Vec::new());
            }
            Stroke::Escape if self.unselect() => return Some(Vec::new()),
            Stroke::Escape => {
                self.end_details();
                self.set_focus(Focus::Field(Field::Composer));
                return Some(Vec::new());
            }
            Stroke::Copy if self.chosen().is_some() => {
                return Some(self.act(now, Act::CopySelection, fresh_id));
            }
            Stroke::Copy => MessageAct::Copy(id),
            Stroke::Delete => MessageAct::Delete(id),
            Stroke::Letter(letter) => match letter.to_ascii_lowercase() {
                'r' => MessageAct::Reply(id),
                'e' => MessageAct::Edit(id),
                '+' => MessageAct::Reactions(id),
                'i' => MessageAct::Details(id),
                'f' => MessageAct::Forward(id),
                _ => return None,
            },
            Stroke::Left | Stroke::Right | Stroke::Enter => return None,
        };
        self.end_details();
        Some(self.act(now, Act::Message(act), fresh_id))
    }

    /// The keyboard goes so many messages on, and what it comes to is brought into view. At the first that is known older ones are asked
    /// for.
    fn step_message(&mut self, by: isize) -> Vec<Command> {
        self.end_details();
        let chat = self.open_chat().and_then(|id| self.chats.get(id));
        let (Focus::Message(id), Some(chat)) = (self.focus(), chat) else { return Vec::new() };
        let now = chat.messages.iter().position(|message| message.id == *id).unwrap_or(0);
        let last = chat.messages.len().saturating_sub(1);
        let next = now.saturating_add_signed(by).min(last);
        if let Some(id) = chat.messages.get(next).map(|message| message.id.clone()) {
            self.go_to(Focus::Message(id));
        }
        if next == 0 { self.reached_top().into_iter().collect() } else { Vec::new() }
    }

    /// Moves the keyboard, and has what it comes to brought into view.
    pub fn go_to(&mut self, focus: Focus) {
        if let Focus::Message(id) = &focus {
            self.aim = Some(id.clone());
        }
        self.set_focus(focus);
    }

    /// To a message that another one names.
    pub(super) fn jump_to(&mut self, now: Timestamp, id: String) {
        if self.message(&id).is_some() {
            self.go_to(Focus::Message(id));
        } else {
            self.notify(now, super::words::NOT_LOADED);
        }
    }

    /// The message that is to be brought into view with the next picture.
    #[must_use]
    pub fn aim(&self) -> Option<&str> {
        self.aim.as_deref()
    }

    /// Scrolls until what is aimed at is in view, and aims no more; whether that moved anything. `place` is where it is drawn by now, its
    /// upper and lower edge; `seen` those of what is seen; `most` how far can be scrolled.
    pub fn take_aim(&mut self, place: Option<(i32, i32)>, seen: (i32, i32), most: i32) -> bool {
        const MARGIN: i32 = 8;
        let Some(((top, bottom), _)) = place.zip(self.aim.take()) else { return false };
        let (down, up) = (seen.0 + MARGIN - top, bottom - (seen.1 - MARGIN));
        // Of what is higher than the view its upper edge is shown.
        let by = if down > 0 { down } else { -up.clamp(0, -down) };
        let scroll = (self.scroll + by).clamp(0, most.max(0));
        std::mem::replace(&mut self.scroll, scroll) != scroll
    }
}

/// Whose menu belongs to something that can be pressed.
#[must_use]
pub fn menu_of(act: &Act) -> Option<MenuOf> {
    match act {
        Act::Message(MessageAct::Focus(id)) => Some(MenuOf::Message(id.clone())),
        Act::Open(who) => Some(MenuOf::Contact(who.clone())),
        Act::Over(OverAct::Menu(of)) => Some(of.clone()),
        _ => None,
    }
}
