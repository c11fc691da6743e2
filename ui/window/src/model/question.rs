//! What is asked before something is lost. The safe answer has the keyboard, and Esc gives it.

use ipc_schema::edge::ui_stored::{ContactAction, ContactState, Note};

use super::action::ContactAct;
use super::{Act, Command, Focus, MessageCommand, Model, Pane};

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
    /// Take nothing from somebody any more?
    Block {
        /// The contact's id.
        who: String,
        /// What the user calls them.
        name: String,
    },
    /// Forget somebody and the conversation?
    DeleteContact {
        /// The contact's id.
        who: String,
        /// What the user calls them.
        name: String,
    },
    /// Delete a message?
    DeleteMessage {
        /// The message's id.
        id: String,
        /// Who can be asked to remove it, too: of own texts whoever they were sent to.
        both: Option<String>,
    },
}

impl Question {
    /// The id of the contact that it is about; it goes with them.
    #[must_use]
    pub fn about(&self) -> Option<&str> {
        match self {
            Self::CancelInvite { .. } | Self::DeleteMessage { .. } => None,
            Self::Block { who, .. } | Self::DeleteContact { who, .. } => Some(who),
        }
    }

    /// Whether it is about that message.
    #[must_use]
    pub fn is_about(&self, message: &str) -> bool {
        matches!(self, Self::DeleteMessage { id, .. } if id == message)
    }
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
            Some(Question::Block { who, .. }) => self.back_to(who, ContactAct::Block),
            Some(Question::DeleteContact { who, .. }) => self.back_to(who, ContactAct::Delete),
            Some(Question::DeleteMessage { id, .. }) => self.set_focus(Focus::Message(id)),
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
            Some(Question::Block { who, .. }) => self.answered_yes(who, ContactAction::Block(true)),
            Some(Question::DeleteContact { who, .. }) => self.answered_yes(who, ContactAction::Delete),
            Some(Question::DeleteMessage { id, .. }) => self.delete(id, false),
            None => Vec::new(),
        }
    }

    /// The keyboard goes back to where it was asked: a button of their details, or else their row.
    fn back_to(&mut self, who: String, what: ContactAct) {
        let shown = self.details().is_some_and(|details| details.who == who);
        self.set_focus(Focus::Act(if shown { Act::Contact(who, what) } else { Act::Open(who) }));
    }

    fn answered_yes(&mut self, who: String, action: ContactAction) -> Vec<Command> {
        self.set_focus(Focus::None);
        vec![Command::Contact { who, action }]
    }

    /// The one that goes furthest.
    pub(super) fn go_on_for_both(&mut self) -> Vec<Command> {
        match self.question.take() {
            Some(Question::DeleteMessage { id, both }) => self.delete(id, both.is_some()),
            other => {
                self.question = other;
                Vec::new()
            }
        }
    }

    pub(super) fn ask_to_delete(&mut self, id: String) {
        let contact = self.open_chat().and_then(|who| self.person(who));
        let (Some(contact), Some(message)) = (contact, self.message(&id)) else { return };
        let kept = self.chats.get(&contact.id).is_some_and(|chat| chat.is_kept(&id));
        let own = message.mine && message.note == Note::None && !message.deleted && kept;
        let both = (own && contact.state != ContactState::Oneself).then(|| contact.name.clone());
        self.close_over();
        self.ask(Question::DeleteMessage { id, both });
    }

    fn delete(&mut self, id: String, both: bool) -> Vec<Command> {
        let Some(who) = self.open_chat().map(str::to_owned) else { return Vec::new() };
        self.set_focus(Focus::Message(id.clone()));
        let refused = self.chats.get(&who).is_some_and(|chat| chat.refused.contains(&id));
        if refused {
            // It is nowhere but here.
            self.message_gone(&who, &id);
            return Vec::new();
        }
        vec![Command::Message(MessageCommand::Delete { id, both })]
    }
}
