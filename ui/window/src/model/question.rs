//! What is asked before something is lost. The safe answer has the keyboard, and Esc gives it.

use super::{Act, Command, Focus, Model, Pane};

/// A question. It is gone once it is answered, and once what it is about is not shown any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// Take an invitation back?
    CancelInvite {
        /// The invitation's id.
        id: String,
        /// For whom it is.
        name: String,
    },
}

impl Model {
    /// What is asked just now.
    #[must_use]
    pub fn question(&self) -> Option<&Question> {
        self.question.as_ref()
    }

    pub(super) fn ask(&mut self, question: Question) {
        self.question = Some(question);
        self.set_focus(Focus::Act(Act::Keep));
    }

    pub(super) fn ask_to_cancel(&mut self, id: String) {
        let invite = self.invites.iter().find(|invite| invite.id == id);
        if let Some(name) = invite.map(|invite| invite.name.clone()) {
            self.ask(Question::CancelInvite { id, name });
        }
    }

    /// The safe answer: all stays as it is.
    pub(super) fn keep(&mut self) {
        match self.question.take() {
            Some(Question::CancelInvite { .. }) => self.set_focus(Focus::Act(Act::CopyLink)),
            None => {}
        }
    }

    /// The other one.
    pub(super) fn go_on(&mut self) -> Vec<Command> {
        match self.question.take() {
            Some(Question::CancelInvite { id, .. }) => {
                self.show(Pane::Start, Focus::None);
                vec![Command::CancelInvite(id), Command::Invites]
            }
            None => Vec::new(),
        }
    }
}
