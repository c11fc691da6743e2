//! To whom a text is handed on: somebody of the list, looked for by name, and confirmed.

use ipc_schema::edge::ui_stored::{Contact, ContactState};

use super::message::MessageCommand;
use super::over::{Over, OverAct};
use super::stroke::Stroke;
use super::{Act, Command, Field, Focus, Model};

/// A text that is about to be handed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forwarding {
    /// Which.
    pub id: String,
    /// Who is chosen, of those that the search leaves.
    pub chosen: usize,
}

impl Model {
    pub(super) fn choose_whom(&mut self, id: String) {
        self.texts.set(Field::Forward, "");
        self.put_over(Over::Forward(Forwarding { id, chosen: 0 }));
        self.set_focus(Focus::Field(Field::Forward));
    }

    /// To whom a text can be handed on, as far as their names have what is looked for.
    pub fn recipients(&self) -> impl Iterator<Item = &Contact> {
        let wanted = self.texts.of(Field::Forward).trim().to_lowercase();
        self.people.iter().filter(move |contact| {
            !matches!(contact.state, ContactState::Blocked | ContactState::Invited)
                && contact.name.to_lowercase().contains(&wanted)
        })
    }

    /// Who is chosen of them: the last one where fewer are left than that.
    #[must_use]
    pub fn recipient(&self) -> Option<(usize, &Contact)> {
        let Some(Over::Forward(forwarding)) = &self.over else { return None };
        let last = self.recipients().count().checked_sub(1)?;
        let at = forwarding.chosen.min(last);
        self.recipients().nth(at).map(|contact| (at, contact))
    }

    pub(super) fn forward(&mut self, fresh_id: &str) -> Vec<Command> {
        let chosen = self.recipient().map(|(_, contact)| (contact.id.clone(), contact.name.clone()));
        let (Some(Over::Forward(forwarding)), Some((who, name))) = (&self.over, chosen) else {
            return Vec::new();
        };
        let forward =
            MessageCommand::Forward { id: forwarding.id.clone(), who, name, new_id: fresh_id.to_owned() };
        self.close_over();
        self.texts.set(Field::Forward, "");
        vec![Command::Message(forward)]
    }

    pub(super) fn forward_stroke(&mut self, stroke: Stroke) -> Option<Act> {
        let chosen = self.recipient().map(|(at, _)| at);
        let last = self.recipients().count().saturating_sub(1);
        let chosen = match (stroke, chosen) {
            (Stroke::Escape, _) => return Some(Act::Over(OverAct::Close)),
            (Stroke::Down, Some(at)) => (at + 1).min(last),
            (Stroke::Up, Some(at)) => at.saturating_sub(1),
            _ => return None,
        };
        if let Some(Over::Forward(forwarding)) = &mut self.over {
            forwarding.chosen = chosen;
        }
        None
    }
}
