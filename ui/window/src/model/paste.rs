//! What is pasted and is too much for a field: it is told, or folded, and never cut.

use ipc_schema::Timestamp;
use ipc_schema::limits::{NAME_MAX_BYTES, PASTED_MAX_BYTES, TYPED_TEXT_MAX_BYTES};

use super::{Field, Model, words};
use crate::edit::EDITED_MAX_BYTES;

impl Field {
    /// So much a field takes at once, bytes. The composer takes what can be edited, the others what can be right in them, and more.
    #[must_use]
    pub fn edited_max_bytes(self) -> usize {
        match self {
            Self::Composer => EDITED_MAX_BYTES,
            Self::Link => PASTED_MAX_BYTES,
            Self::Search
            | Self::InviteName
            | Self::AcceptName
            | Self::YourName
            | Self::Whom
            | Self::ContactName
            | Self::OwnName
            | Self::Find
            | Self::Date => 1 << 10,
            Self::TheirCode | Self::ContactNote => 4 << 10,
        }
    }
}

impl Model {
    /// With what was pasted, `field` would hold `whole`, more than it takes.
    pub fn pasted_too_much(&mut self, now: Timestamp, field: Field, whole: String) {
        let chat = self.open_chat().map(str::to_owned).and_then(|id| self.chats.get_mut(&id));
        match (field, chat) {
            (Field::Composer, Some(chat)) if whole.len() <= TYPED_TEXT_MAX_BYTES => {
                chat.before_paste = Some(self.texts.of(Field::Composer).to_owned());
                self.texts.set(Field::Composer, whole);
            }
            _ => self.notify(now, "That is too much text for here. Nothing was pasted."),
        }
    }

    /// What is being written is folded: too long to be edited.
    #[must_use]
    pub fn is_folded(&self) -> bool {
        let chat = self.open_chat().and_then(|id| self.chats.get(id));
        chat.is_some_and(|chat| chat.before_paste.is_some())
    }

    /// What was pasted goes, and what was written before is there again.
    pub(super) fn take_out(&mut self) {
        let chat = self.open_chat().map(str::to_owned).and_then(|id| self.chats.get_mut(&id));
        if let Some(before) = chat.and_then(|chat| chat.before_paste.take()) {
            self.texts.set(Field::Composer, before);
        }
    }

    /// What is written is sent, and nothing is folded any more; `None`: there is nothing, or more than one text can hold, which is told.
    pub(super) fn written(&mut self, now: Timestamp) -> Option<String> {
        let text = self.texts.of(Field::Composer).trim().to_owned();
        match words::over(&text) {
            _ if text.is_empty() => return None,
            0 => {}
            over => {
                self.notify(
                    now,
                    format!("Too long by {over} characters: nothing was sent. Send it in parts."),
                );
                return None;
            }
        }
        self.take_out();
        self.texts.set(Field::Composer, "");
        Some(text)
    }

    /// A name that is longer than a name can be.
    #[must_use]
    pub fn is_too_long(&self, name: Field) -> bool {
        self.texts.of(name).trim().len() > NAME_MAX_BYTES
    }
}
