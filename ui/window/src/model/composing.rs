//! What is being written: a new text, an answer, or other words for an old one. However it ends, nothing that was typed is lost.

use ipc_schema::Timestamp;
use ipc_schema::edge::ui_stored::Message;
use ipc_schema::limits::EDIT_MAX_BYTES;

use super::message::{MessageAct, MessageCommand};
use super::{Chat, Command, Field, Focus, Model, words};
use crate::edit::EDITED_MAX_BYTES;

/// What becomes of what stands in the composer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Composing {
    /// A text.
    #[default]
    New,
    /// A text that answers that one.
    Reply(String),
    /// That one says it from then on.
    Edit(String),
}

impl Composing {
    /// The message that it is about.
    #[must_use]
    pub fn about(&self) -> Option<&str> {
        match self {
            Self::New => None,
            Self::Reply(id) | Self::Edit(id) => Some(id),
        }
    }
}

/// What was being written before an old text was changed.
#[derive(Debug, Default)]
pub struct Before {
    composing: Composing,
    text: String,
}

impl Chat {
    /// While an old text is changed: what was being written before.
    #[must_use]
    pub fn before_edit(&self) -> Option<&str> {
        matches!(self.composing, Composing::Edit(_)).then_some(self.before_edit.text.as_str())
    }

    /// Another text stands there once the edit ends.
    pub(super) fn set_before_edit(&mut self, text: String) {
        self.before_edit.text = text;
    }
}

impl Model {
    /// What stands in the composer.
    #[must_use]
    pub fn composer_text(&self) -> &str {
        self.texts.of(Field::Composer)
    }

    /// Puts `text` into the composer, in the place of what stands there.
    pub fn set_composer_text(&mut self, text: impl Into<String>) {
        self.texts.set(Field::Composer, text);
    }

    /// Writes `text` where the caret of the composer is.
    pub fn insert_into_composer(&mut self, now: Timestamp, text: &str) {
        if self.texts.writing_mut().insert(text).is_err() {
            self.notify(now, words::NO_ROOM);
        }
    }

    fn open_chat_mut(&mut self) -> Option<&mut Chat> {
        let id = self.open_chat()?.to_owned();
        self.chats.get_mut(&id)
    }

    /// What becomes of what stands in the composer of the open conversation.
    #[must_use]
    pub fn composing(&self) -> &Composing {
        const NEW: &Composing = &Composing::New;
        self.open_chat().and_then(|id| self.chats.get(id)).map_or(NEW, |chat| &chat.composing)
    }

    pub(super) fn reply(&mut self, id: String) {
        if matches!(self.composing(), Composing::Edit(_)) {
            self.end_composing();
        }
        if let Some(chat) = self.open_chat_mut() {
            chat.composing = Composing::Reply(id);
        }
        self.set_focus(Focus::Field(Field::Composer));
    }

    pub(super) fn begin_edit(&mut self, now: Timestamp, id: String) {
        let Some(body) = self.message(&id).map(|message| message.body.clone()) else { return };
        if self.is_folded() {
            return self.notify(now, "Send the long text first, or take it out.");
        }
        if body.len() > Field::Composer.edited_max_bytes() {
            return self.notify(now, "This text is too long to be changed here.");
        }
        let text = self.composer_text().to_owned();
        let Some(chat) = self.open_chat_mut() else { return };
        // From one edit to the next, what was there before the first one is what comes back.
        if !matches!(chat.composing, Composing::Edit(_)) {
            chat.before_edit = Before { composing: std::mem::take(&mut chat.composing), text };
        }
        chat.composing = Composing::Edit(id);
        self.set_composer_text(body);
        self.set_focus(Focus::Field(Field::Composer));
    }

    /// The last own text that can be changed.
    pub(super) fn edit_last(&mut self, now: Timestamp) -> bool {
        let own = |message: &&Message| message.mine && self.can(&MessageAct::Edit(message.id.clone()));
        let chat = self.open_chat().and_then(|id| self.chats.get(id));
        let last = chat.and_then(|chat| chat.messages.iter().rev().find(own));
        let Some(id) = last.map(|message| message.id.clone()) else { return false };
        self.begin_edit(now, id);
        true
    }

    /// No answer and no edit any more; what was being written before stands there again.
    pub(super) fn end_composing(&mut self) {
        let Some(chat) = self.open_chat_mut() else { return };
        if let Composing::Edit(_) = std::mem::take(&mut chat.composing) {
            let Before { composing, text } = std::mem::take(&mut chat.before_edit);
            chat.composing = composing;
            // What was pasted belonged to the edit.
            chat.before_paste = (text.len() > EDITED_MAX_BYTES).then(String::new);
            self.set_composer_text(text);
        }
        self.set_focus(Focus::Field(Field::Composer));
    }

    /// The message that the next text answers, which is none from then on.
    pub(super) fn take_reply(&mut self) -> String {
        match self.open_chat_mut().map(|chat| std::mem::take(&mut chat.composing)) {
            Some(Composing::Reply(id)) => id,
            Some(Composing::New | Composing::Edit(_)) | None => String::new(),
        }
    }

    pub(super) fn save_edit(&mut self, now: Timestamp, who: String, id: String) -> Vec<Command> {
        let text = self.composer_text().trim().to_owned();
        if text.is_empty() {
            self.notify(
                now,
                "Nothing is left of it. Esc leaves it as it was, Delete in its menu removes it.",
            );
            return Vec::new();
        }
        if text.len() > EDIT_MAX_BYTES {
            self.notify(now, "Too long to change another text into: nothing was changed.");
            return Vec::new();
        }
        let same = self.message(&id).is_some_and(|message| message.body == text);
        self.end_composing();
        if same { Vec::new() } else { vec![Command::Message(MessageCommand::Edit { who, id, text })] }
    }

    /// An edit was refused: its words stand in the composer again, or before what is being written there by now.
    pub(super) fn give_edit_back(&mut self, who: &str, id: String, text: String) {
        let open = self.open_chat() == Some(who);
        let free = open && *self.composing() == Composing::New && self.composer_text().is_empty();
        if free && self.can(&MessageAct::Edit(id.clone())) {
            if let Some(chat) = self.open_chat_mut() {
                chat.composing = Composing::Edit(id);
            }
            self.set_composer_text(text);
        } else {
            self.give_text_back(who, &text);
        }
    }

    /// A text that is nowhere else any more stands before what is being written in its conversation.
    pub(super) fn give_text_back(&mut self, who: &str, text: &str) {
        let joined = |rest: &str| match (text, rest) {
            (text, "") => text.to_owned(),
            ("", rest) => rest.to_owned(),
            (text, rest) => format!("{text}\n{rest}"),
        };
        let open = self.open_chat() == Some(who);
        let Some(chat) = self.chats.get_mut(who) else { return };
        if let Composing::Edit(_) = chat.composing {
            chat.before_edit.text = joined(&chat.before_edit.text);
        } else if let Some(before) = &mut chat.before_paste {
            *before = joined(before);
        } else if open {
            let text = joined(self.composer_text());
            self.set_composer_text(text);
        } else {
            chat.draft = joined(&chat.draft);
        }
    }

    /// A message is gone that may have been answered or changed.
    pub(super) fn composed_gone(&mut self, who: &str, id: &str) {
        let Some(chat) = self.chats.get_mut(who) else { return };
        if chat.before_edit.composing.about() == Some(id) {
            chat.before_edit.composing = Composing::New;
        }
        if chat.composing.about() != Some(id) {
            return;
        }
        if let Composing::Edit(_) = std::mem::take(&mut chat.composing) {
            let Before { composing, text } = std::mem::take(&mut chat.before_edit);
            chat.composing = composing;
            // What was pasted stays folded; what it was to say stands where it stood, behind what was begun before.
            if let Some(before) = &mut chat.before_paste {
                before.clear();
            }
            self.give_text_back(who, &text);
        }
    }

    /// What the bar above the composer says: what is done, and the text it is done with.
    #[must_use]
    pub fn composing_words(&self) -> Option<(String, String)> {
        let (title, id) = match self.composing() {
            Composing::New => return None,
            Composing::Reply(id) => (None, id),
            Composing::Edit(id) => (Some("Edit your text"), id),
        };
        let contact = self.person(self.open_chat()?)?;
        let (who, line) = words::quote(self.message(id), contact);
        Some((title.map_or_else(|| format!("Reply to {who}"), str::to_owned), line))
    }
}
