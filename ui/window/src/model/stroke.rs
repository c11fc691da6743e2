//! Keys on messages and on what lies over the window.

use ipc_schema::Timestamp;

use super::menu::MenuOf;
use super::message::MessageAct;
use super::over::{Over, OverAct};
use super::{Act, Command, Field, Focus, Model, Screen, TextAct, Wanted};

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
const PAGE: isize = 8;

impl Model {
    /// Takes a key that means something here; `None`: it does not.
    pub fn stroke(&mut self, now: Timestamp, stroke: Stroke, fresh_id: &str) -> Option<Vec<Command>> {
        if self.is_covered() || !matches!(self.screen, Screen::Inside) {
            return None;
        }
        // What the pointer happens to rest on does not take the key.
        self.end_glance();
        let act = match &self.over {
            Some(Over::Menu(menu)) => {
                let menu = menu.clone();
                self.menu_stroke(&menu, stroke)
            }
            Some(Over::Picker(picker)) => {
                let picker = picker.clone();
                self.picker_stroke(&picker, stroke)
            }
            Some(Over::Whom(_)) if matches!(stroke, Stroke::Up | Stroke::Down | Stroke::Escape) => {
                self.whom_stroke(stroke)
            }
            // Buttons of the card, and the field above them.
            Some(Over::Whom(_)) => return None,
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
            Focus::Act(Act::Open(_)) | Focus::Field(Field::Search) => self.stroke_in_list(stroke),
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
            Stroke::Up => return self.step_message(-1),
            Stroke::Down => return self.step_message(1),
            Stroke::PageUp => return self.step_message(-PAGE),
            Stroke::PageDown => return self.step_message(PAGE),
            Stroke::Home => return self.step_to_end(true),
            Stroke::End => return self.step_to_end(false),
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
                return Some(self.act(now, Act::Text(TextAct::CopySelection), fresh_id));
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

    /// The keyboard goes so many messages on, and what it comes to is brought into view.
    fn step_message(&mut self, by: isize) -> Option<Vec<Command>> {
        self.end_details();
        let chat = self.open_chat().and_then(|id| self.chats.get(id))?;
        let Focus::Message(id) = self.focus() else { return None };
        let now = chat.messages.iter().position(|message| message.id == *id);
        let last = chat.messages.len().saturating_sub(1);
        let next = match now {
            Some(now) => now.saturating_add_signed(by).min(last),
            // It is not held any more: from the end where one goes on.
            None if by > 0 => 0,
            None => last,
        };
        if let Some(id) = chat.messages.get(next).map(|message| message.id.clone()) {
            self.focus_on(Focus::Message(id));
        }
        Some(Vec::new())
    }

    /// To the first text that is kept, or to the newest; where that is not held it is loaded.
    fn step_to_end(&mut self, first: bool) -> Option<Vec<Command>> {
        let chat = self.open_chat().and_then(|id| self.chats.get(id))?;
        let held = if first { chat.complete } else { !chat.newer };
        if held {
            return self.step_message(if first { isize::MIN } else { isize::MAX });
        }
        self.end_details();
        Some(if first { self.go_to_beginning() } else { self.go_to_end() })
    }

    /// Moves the keyboard, and has what it comes to brought into view.
    pub fn focus_on(&mut self, focus: Focus) {
        if let Focus::Message(id) = &focus {
            self.reading.wanted = Some(Wanted::Seen(id.clone()));
        }
        self.set_focus(focus);
    }

    /// To a message that another one names, loading what is around it where it is not held.
    pub(super) fn jump_to(&mut self, now: Timestamp, id: String) -> Vec<Command> {
        let asked = self.go_to(now, &id);
        if self.message(&id).is_some() {
            self.set_focus(Focus::Message(id));
        }
        asked
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
