//! Who is chosen of the list, looked for by name and confirmed: to hand a text on to them, or to introduce somebody to them.

use ipc_schema::Timestamp;
use ipc_schema::edge::ui_stored::{Contact, ContactState};
use privatus::peers::PeerError;

use super::message::MessageCommand;
use super::over::{Over, OverAct};
use super::stroke::Stroke;
use super::{Act, Command, Field, Focus, Model, Screen, words};

/// For what somebody is chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// To get that text, by its id.
    Forward(String),
    /// To meet that contact, by their id.
    Introduce(String),
}

impl Purpose {
    fn is_for(&self, contact: &Contact) -> bool {
        match self {
            Self::Forward(_) => !matches!(contact.state, ContactState::Blocked | ContactState::Invited),
            Self::Introduce(who) => contact.state == ContactState::Connected && contact.id != *who,
        }
    }
}

/// Somebody is about to be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whom {
    /// For what.
    pub purpose: Purpose,
    /// Who is chosen, of those that the search leaves.
    pub chosen: usize,
}

impl Model {
    pub(super) fn choose_whom(&mut self, purpose: Purpose) {
        self.texts.set(Field::Whom, "");
        self.put_over(Over::Whom(Whom { purpose, chosen: 0 }));
        self.set_focus(Focus::Field(Field::Whom));
    }

    /// Whether a contact can be introduced to anybody.
    #[must_use]
    pub fn can_introduce(&self, contact: &Contact) -> bool {
        let purpose = Purpose::Introduce(contact.id.clone());
        contact.state == ContactState::Connected && self.people.iter().any(|other| purpose.is_for(other))
    }

    /// For what somebody is being chosen.
    #[must_use]
    pub fn purpose(&self) -> Option<&Purpose> {
        match &self.over {
            Some(Over::Whom(whom)) => Some(&whom.purpose),
            _ => None,
        }
    }

    /// Who can be chosen, as far as their names have what is looked for.
    pub fn recipients(&self) -> impl Iterator<Item = &Contact> {
        let wanted = self.texts.of(Field::Whom).trim().to_lowercase();
        let purpose = self.purpose();
        self.people.iter().filter(move |contact| {
            purpose.is_some_and(|purpose| purpose.is_for(contact))
                && contact.name.to_lowercase().contains(&wanted)
        })
    }

    /// Who is chosen of them: the last one where fewer are left than that.
    #[must_use]
    pub fn recipient(&self) -> Option<(usize, &Contact)> {
        let Some(Over::Whom(whom)) = &self.over else { return None };
        let last = self.recipients().count().checked_sub(1)?;
        let at = whom.chosen.min(last);
        self.recipients().nth(at).map(|contact| (at, contact))
    }

    pub(super) fn confirm_whom(&mut self, fresh_id: &str) -> Vec<Command> {
        let chosen = self.recipient().map(|(_, contact)| (contact.id.clone(), contact.name.clone()));
        let (Some(purpose), Some((chosen, name))) = (self.purpose().cloned(), chosen) else {
            return Vec::new();
        };
        self.close_over();
        self.texts.set(Field::Whom, "");
        vec![match purpose {
            Purpose::Forward(id) => {
                let new_id = fresh_id.to_owned();
                Command::Message(MessageCommand::Forward { id, who: chosen, name, new_id })
            }
            Purpose::Introduce(who) => Command::Introduce { who, other: chosen },
        }]
    }

    pub(super) fn whom_stroke(&mut self, stroke: Stroke) -> Option<Act> {
        let chosen = self.recipient().map(|(at, _)| at);
        let last = self.recipients().count().saturating_sub(1);
        let chosen = match (stroke, chosen) {
            (Stroke::Escape, _) => return Some(Act::Over(OverAct::Close)),
            (Stroke::Down, Some(at)) => (at + 1).min(last),
            (Stroke::Up, Some(at)) => at.saturating_sub(1),
            _ => return None,
        };
        if let Some(Over::Whom(whom)) = &mut self.over {
            whom.chosen = chosen;
        }
        None
    }

    /// stored asked both, or not.
    pub(super) fn introduced(&mut self, now: Timestamp, result: &Result<(), PeerError>) {
        // Nothing is told of anybody on the lock screen.
        if matches!(self.screen, Screen::Inside) {
            self.notify(now, words::introduced(result));
        }
    }

    /// Nobody is introduced who is gone.
    pub(super) fn leave_whom_if_gone(&mut self) {
        if matches!(self.purpose(), Some(Purpose::Introduce(who)) if self.person(who).is_none()) {
            self.close_over();
        }
    }
}
