//! The second line of a row in the list.

use ipc_schema::Timestamp;
use ipc_schema::edge::ui_stored::{Contact, ContactState, Invite, Note, Notice, ShortState};
use ipc_schema::limits::BEGINNING_MAX_CHARS;

use super::{Tone, WAITS_TO_COMPARE, alike, invitation, mark, notice, their_name};
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
    // It passes within minutes.
    if contact.comparing == ShortState::Asked {
        return Preview { icon: Some((Icon::Unverified, Tone::Weak)), ..Preview::warning(WAITS_TO_COMPARE) };
    }
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
            // What happened in the conversation stands in no row, and where newer ones are not held nothing is known of the last.
            let texts = chat.filter(|chat| !chat.newer).map(|chat| chat.messages.iter());
            let last = texts.and_then(|mut texts| texts.rfind(|message| message.note == Note::None));
            let own = last.filter(|message| message.mine);
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

#[cfg(test)]
mod tests {
    use ipc_schema::edge::ui_stored::{Delivery, Message, Place};

    use super::*;
    use crate::model::News;
    use crate::model::people::tests::{called, with};

    #[test]
    fn a_row_marks_how_far_its_own_text_is_and_nothing_that_came_or_happened() {
        let now = Timestamp(1_750_766_400_000);
        let robin = Contact { last_text: "See you".into(), ..called("c1", "Robin", "") };
        let text = |id: &str, mine| Message { mine, state: Delivery::Read, ..Message::of(id, "c1") };
        let note = Message { note: Note::TimerChanged, ..text("n", true) };
        let icon = |messages: &[Message], place: Place| {
            let mut model = with(vec![robin.clone()]);
            model.open("c1");
            model.learn(now, News::Messages { who: "c1".into(), place, result: Ok(messages.to_vec()) });
            preview(&model, &robin, now).icon
        };
        let read = Some(mark(Delivery::Read));
        assert_eq!(icon(&[text("1", false), text("2", true)], Place::Newest), read);
        assert_eq!(icon(&[text("2", true), note.clone()], Place::Newest), read, "the timer is not the text");
        assert_eq!(icon(&[text("1", false), note], Place::Newest), None, "theirs");
    }
}
