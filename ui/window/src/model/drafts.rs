//! What one began to write outlives the window: stored keeps it, a second behind the keys, and all of it before anything is left or locked.

use std::time::Duration;

use ipc_schema::Timestamp;
use ipc_schema::limits::TEXT_MAX_BYTES;

use super::{Chat, Command, Model};
use crate::edit::EDITED_MAX_BYTES;

/// What was typed is kept so long after the first key that is not: more often would write the disk at every key.
pub const KEPT_AFTER: Duration = Duration::from_secs(1);

/// What stored does not have yet.
#[derive(Debug, Default)]
pub(super) struct Drafts {
    /// Since when what stands in the composer is another text than stored has.
    since: Option<Timestamp>,
    /// What was left, to be kept at once.
    left: Vec<Command>,
}

impl Model {
    /// What is to be kept now. To be asked after each round.
    pub fn keep_drafts(&mut self, now: Timestamp) -> Vec<Command> {
        let mut asked = std::mem::take(&mut self.drafts.left);
        if !self.has_unkept() {
            self.drafts.since = None;
        } else if self.keep_in(now) == Some(Duration::ZERO) {
            asked.extend(self.keep_open());
        } else {
            self.drafts.since.get_or_insert(now);
        }
        asked
    }

    /// How long until something is to be kept; `None`: nothing is.
    #[must_use]
    pub fn keep_in(&self, now: Timestamp) -> Option<Duration> {
        // A clock that was set back is no reason to wait.
        let since = self.drafts.since?;
        Some(if now < since { Duration::ZERO } else { KEPT_AFTER.saturating_sub(now.since(since)) })
    }

    /// Everything that is not kept yet, for nothing comes after it.
    pub fn last_drafts(&mut self) -> Vec<Command> {
        self.leave_draft();
        std::mem::take(&mut self.drafts.left)
    }

    /// The conversation is left: what is being written there is kept at once.
    pub(super) fn leave_draft(&mut self) {
        let asked = self.keep_open();
        self.drafts.left.extend(asked);
    }

    /// The conversation is opened: what is shown meanwhile is what was left here.
    pub(super) fn ask_draft(&mut self) -> Option<Command> {
        let who = self.open_chat()?.to_owned();
        let has_draft = self.person(&who).is_some_and(|contact| contact.has_draft);
        let kept = self.chats.get(&who).is_some_and(|chat| !chat.kept.is_empty());
        if has_draft && !kept {
            self.chats.entry(who.clone()).or_default().left_unknown = true;
        }
        (has_draft || kept).then_some(Command::Draft { who })
    }

    /// stored says what it keeps: it is shown, unless something was typed here meanwhile. What is typed before a new window knows what
    /// the last one left goes on from that: a fall of the window is no reason to stop typing.
    pub(super) fn draft_is(&mut self, who: &str, mut text: String) {
        let open = self.open_chat() == Some(who);
        let shown = self.written_to(who).to_owned();
        let chat = self.chats.entry(who.to_owned()).or_default();
        let goes_on = std::mem::take(&mut chat.left_unknown) && !shown.starts_with(&text);
        let untouched = shown == chat.kept;
        chat.kept.clone_from(&text);
        if goes_on {
            text.push_str(&shown);
        } else if !untouched {
            return;
        }
        if shown == text || !chat.unconfirmed.is_empty() {
            return;
        }
        if chat.before_edit().is_some() {
            chat.set_before_edit(text);
            return;
        }
        chat.before_paste = (text.len() > EDITED_MAX_BYTES).then(String::new);
        if open {
            self.set_composer_text(text);
        } else {
            chat.draft = text;
        }
    }

    /// What was begun as a text of its own; while an old one is changed, that is what stood there before.
    fn written_to(&self, who: &str) -> &str {
        let chat = self.chats.get(who);
        if let Some(before) = chat.and_then(Chat::before_edit) {
            return before;
        }
        if self.open_chat() == Some(who) {
            return self.composer_text();
        }
        chat.map_or("", |chat| &chat.draft)
    }

    /// stored took a text, so that nothing of it has to be kept as a draft.
    pub(super) fn draft_sent(&mut self, who: &str) {
        if !self.written_to(who).is_empty() {
            // It takes the place of the other, or has taken it.
            return;
        }
        if let Some(chat) = self.chats.get_mut(who)
            && chat.may_keep("")
        {
            chat.kept.clear();
            self.drafts.left.push(Command::KeepDraft { who: who.to_owned(), text: String::new() });
        }
    }

    /// What is being written where it is to be kept: in an open conversation, and no more than one text can hold.
    fn written_here(&self) -> Option<(&str, &str)> {
        let who = self.open_chat()?;
        let text = self.written_to(who);
        (text.len() <= TEXT_MAX_BYTES).then_some((who, text))
    }

    fn has_unkept(&self) -> bool {
        let Some((who, text)) = self.written_here() else { return false };
        match self.chats.get(who) {
            Some(chat) => chat.may_keep(text),
            None => !text.is_empty(),
        }
    }

    fn keep_open(&mut self) -> Option<Command> {
        self.drafts.since = None;
        if !self.has_unkept() {
            return None;
        }
        let (who, text) = self.written_here()?;
        let (who, text) = (who.to_owned(), text.to_owned());
        let chat = self.chats.entry(who.clone()).or_default();
        chat.kept.clone_from(&text);
        chat.draft_refused &= text.is_empty();
        Some(Command::KeepDraft { who, text })
    }
}

impl Chat {
    /// Whether `text` is to be kept in place of what is. What was sent goes only once it was taken.
    fn may_keep(&self, text: &str) -> bool {
        let settled = self.unconfirmed.is_empty() && !self.draft_refused;
        self.kept != text && (settled || !text.is_empty())
    }
}

#[cfg(test)]
mod tests;
