//! A link on the clipboard. Whoever opens it first is connected, and every program of the session can read it there.

use ipc_schema::Timestamp;
use ipc_schema::edge::ui_stored::InviteState;

use super::{Command, Model, Pane};

impl Model {
    /// The link that was copied and was not taken from the clipboard again.
    #[must_use]
    pub fn copied(&self) -> Option<&str> {
        self.copied.as_deref()
    }

    pub(super) fn copy_link(&mut self, now: Timestamp) -> Vec<Command> {
        let Pane::Invitation(id) = &self.pane else { return Vec::new() };
        let invite = self.person(id).and_then(|contact| self.invite_of(contact));
        let Some(link) = invite.map(|invite| invite.link.clone()) else { return Vec::new() };
        self.notify(now, "Link copied");
        self.copied = Some(link.clone());
        vec![Command::Copy(link)]
    }

    /// Takes what was copied from the clipboard, if it is still there.
    pub(super) fn uncopy(&mut self) -> Option<Command> {
        self.copied.take().map(Command::Uncopy)
    }

    /// The same once nobody can use it any more, as far as the invitations are known here.
    pub(super) fn uncopy_if_over(&mut self) -> Option<Command> {
        let waits = |state| matches!(state, InviteState::Placing | InviteState::Waiting);
        let copied = self.copied.as_ref()?;
        let still = self.invites.iter().any(|invite| invite.link == *copied && waits(invite.state));
        if still { None } else { self.uncopy() }
    }

    /// Somebody who was invited is there: their link was used.
    pub(super) fn uncopy_of(&mut self, contact: &str) -> Option<Command> {
        let copied = self.copied.as_ref()?;
        let used = self.invites.iter().any(|invite| invite.contact == contact && invite.link == *copied);
        if used { self.uncopy() } else { None }
    }
}
