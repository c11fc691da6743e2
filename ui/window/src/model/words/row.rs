//! The second line of a row in the list.

use ipc_schema::Timestamp;
use ipc_schema::edge::ui_stored::{Contact, ContactState, Invite, Notice};
use ipc_schema::limits::BEGINNING_MAX_CHARS;

use super::{Tone, alike, invitation, mark, notice, their_name};
use crate::brief::{brief, brief_beginning};
use crate::icon::Icon;
use crate::model::Model;
use crate::text::isolated;

/// The second line of a row in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// The shape before it, and how good.
    pub icon: Option<(Icon, Tone)>,
    /// Our own word before what follows; it has the shape's colour.
    pub label: &'static str,
    /// What stands there.
    pub line: String,
    /// It is our own sentence, and has the shape's colour too.
    pub ours: bool,
}

impl Preview {
    fn plain(line: impl Into<String>) -> Self {
        Self { icon: None, label: "", line: line.into(), ours: false }
    }

    fn warning(line: &str) -> Self {
        Self { icon: Some((Icon::Warn, Tone::Weak)), ours: true, ..Self::plain(line) }
    }
}

/// The second line of a row in the list: what is wrong before what is new.
#[must_use]
pub fn preview(model: &Model, contact: &Contact, now: Timestamp) -> Preview {
    let chat = model.chats.get(&contact.id);
    let draft = chat.map(|chat| chat.draft.trim()).filter(|draft| !draft.is_empty());
    if model.open_chat() != Some(contact.id.as_str()) && (draft.is_some() || contact.has_draft) {
        // What stored keeps is known once the conversation was open.
        let beginning: String = draft.unwrap_or_default().chars().take(BEGINNING_MAX_CHARS).collect();
        let line = isolated(&shown_beginning(&beginning));
        let label = if line.is_empty() { "Draft" } else { "Draft:" };
        return Preview { icon: Some((Icon::Edit, Tone::Weak)), label, ..Preview::plain(line) };
    }
    if model.opened_twice(contact).is_some() {
        return Preview::warning("Opened twice: a second person has the link");
    }
    if let Some(wrong) = wrong_with(contact) {
        return Preview::warning(wrong);
    }
    if let Some(likeness) = model.alike(&contact.id).filter(|_| contact.unread == 0) {
        return Preview::warning(alike(likeness));
    }
    if contact.is_typing {
        return Preview { icon: Some((Icon::Edit, Tone::Good)), ours: true, ..Preview::plain(WRITING) };
    }
    match contact.state {
        ContactState::Invited => Preview::plain(invitation_row(model.invite_of(contact), now)),
        ContactState::Pending if contact.last_text.is_empty() => {
            Preview::plain("Waiting for their first answer")
        }
        ContactState::Blocked => Preview::plain("Blocked"),
        ContactState::Oneself if contact.last_text.is_empty() => Preview::plain("Notes to yourself"),
        _ if contact.last_text.is_empty() => {
            Preview::plain(their_name(contact).unwrap_or_else(|| "Connected".to_owned()))
        }
        _ => {
            let own = chat.and_then(|chat| chat.messages.last()).filter(|message| message.mine);
            let line = isolated(&shown_beginning(&contact.last_text));
            Preview { icon: own.map(|message| mark(message.state)), ..Preview::plain(line) }
        }
    }
}

/// What keeps texts from somebody until a person does something.
fn wrong_with(contact: &Contact) -> Option<&'static str> {
    match contact.notice {
        Notice::InviteAgain => notice(contact),
        Notice::None | Notice::Repairing => contact.held.then_some("What you write waits. Compare again"),
    }
}

/// What is said while somebody writes.
pub const WRITING: &str = "Writing …";

/// What stored tells of a text, or as much of another.
fn shown_beginning(text: &str) -> String {
    if text.chars().count() < BEGINNING_MAX_CHARS { brief(text) } else { brief_beginning(text) }
}

fn invitation_row(invite: Option<&Invite>, now: Timestamp) -> String {
    match invite {
        Some(invite) => invitation(invite, now).reason,
        None => "Not used yet".to_owned(),
    }
}
