//! What is worth nothing a moment later, and what is not to leave any more.

use std::time::Duration;

use super::super::event::Timer;
use super::super::turn::Turn;
use super::Outbox;
use crate::error::StoreError;
use crate::ids::{ContactId, OutgoingId};
use crate::store::{OutgoingKind, OutgoingState};

/// What passes and has not left by then is dropped: whoever got it would not show it.
const PASSES: Duration = Duration::from_secs(20);

impl Outbox {
    /// Says something that is worth nothing later, or does not say it at all. One at a time for each contact.
    pub(super) fn say_now(
        &mut self,
        turn: &mut Turn,
        contact: ContactId,
        kind: OutgoingKind,
    ) -> Result<(), StoreError> {
        let Some(session) = turn.store.contact(contact)?.and_then(|contact| contact.session) else {
            return Ok(());
        };
        let mut under_way = false;
        for passing in [OutgoingKind::Typing, OutgoingKind::Paused] {
            under_way |= turn.store.under_way(contact, passing)?;
        }
        if under_way || !self.may_seal(contact) {
            return Ok(());
        }
        let id = turn.store.add_outgoing(contact, kind, None, None)?;
        turn.after(PASSES, Timer::Passed(id));
        match turn.store.outgoing(id)? {
            Some(outgoing) => self.fix_and_seal(turn, &outgoing, session),
            None => Ok(()),
        }
    }

    /// What has not left by now does not.
    pub(super) fn passed(&mut self, turn: &mut Turn, id: OutgoingId) -> Result<(), StoreError> {
        let Some(outgoing) = turn.store.outgoing(id)? else { return Ok(()) };
        if outgoing.relayed || outgoing.state == OutgoingState::Acked {
            return Ok(());
        }
        turn.store.drop_envelopes(id)?;
        self.finish(turn, &outgoing)
    }

    /// Nothing of this kind leaves any more for a contact. The acks in it are still owed.
    pub(super) fn unsay(
        &mut self,
        turn: &mut Turn,
        contact: ContactId,
        kind: OutgoingKind,
    ) -> Result<(), StoreError> {
        for id in turn.store.not_at_relay(contact, kind)? {
            self.passed(turn, id)?;
            if !kind.is_passing() {
                turn.store.set_ack_due(contact, true)?;
            }
        }
        self.pump.insert(contact);
        Ok(())
    }
}
