//! What is worth nothing a moment later.

use std::time::Duration;

use super::super::event::Timer;
use super::super::turn::Turn;
use crate::error::StoreError;
use crate::ids::{ContactId, OutgoingId};
use crate::store::{Outgoing, OutgoingKind, OutgoingState};

/// What passes and has not left by then is dropped: whoever got it would not show it.
const PASSES: Duration = Duration::from_secs(20);
/// A step of a comparison is said anew in less.
const STEP_PASSES: Duration = Duration::from_secs(300);

/// Whether the user's writing, or that it ceased, is on its way to a contact.
pub(super) fn is_under_way(turn: &Turn, contact: ContactId) -> Result<bool, StoreError> {
    let mut under_way = false;
    for passing in [OutgoingKind::Typing, OutgoingKind::Paused] {
        under_way |= turn.store.under_way(contact, passing)?;
    }
    Ok(under_way)
}

/// Adds it; the timer says when it has passed.
pub(super) fn add(
    turn: &mut Turn,
    contact: ContactId,
    kind: OutgoingKind,
) -> Result<Option<Outgoing>, StoreError> {
    let id = turn.store.add_outgoing(contact, kind, None, None)?;
    let passes = if kind == OutgoingKind::Comparison { STEP_PASSES } else { PASSES };
    turn.after(passes, Timer::Passed(id));
    turn.store.outgoing(id)
}

/// What has not left by now does not: its envelopes go, and the rest is for whoever keeps what is sealed. `None`: it left, or is gone.
pub(super) fn withdraw(turn: &mut Turn, id: OutgoingId) -> Result<Option<Outgoing>, StoreError> {
    let Some(outgoing) = turn.store.outgoing(id)? else { return Ok(None) };
    if outgoing.relayed || outgoing.state == OutgoingState::Acked {
        return Ok(None);
    }
    turn.store.drop_envelopes(id)?;
    Ok(Some(outgoing))
}
