//! What was written to somebody who was compared waits for the person where a copy of a device may be what reads it
//! (docs/protocol/content.md, "What waits for the person").

use std::time::Duration;

use super::event::OutboxEvent;
use super::notes;
use super::turn::Turn;
use crate::error::StoreError;
use crate::ids::ContactId;
use crate::store::{Contact, EventKind, Note, Outgoing, OutgoingKind};

/// Signs of an older copy that follow the person's word within this time are of the copy that they know of.
const SAME_COPY: Duration = Duration::from_secs(24 * 3_600);

/// What the words to a contact wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// They go.
    Nothing,
    /// keyvault is asked to open the session anew: whether it did decides.
    Repair,
    /// The person's word.
    Person,
}

/// The contact's session is a new one, whichever side opened it: who has an older copy of that side's vault can do so, and reads
/// what is sealed in it.
pub(super) fn new_session(turn: &mut Turn, id: ContactId) -> Result<(), StoreError> {
    if turn.store.contact(id)?.is_some_and(|contact| contact.verified && !contact.held) {
        turn.store.hold(id)?;
        notes::texts_wait(turn, id)?;
        turn.event(&EventKind::Contact { contact: id })?;
    }
    Ok(())
}

/// The contact goes on from an older copy of their profile. It is told, and is a reason to wait as well; but no second one after the
/// same copy had the session opened anew.
pub(super) fn older_copy(turn: &mut Turn, id: ContactId) -> Result<(), StoreError> {
    notes::tell(turn, id, Note::OlderCopyThere)?;
    let known = turn.store.resumed_at(id)?.is_recent(turn.now, SAME_COPY);
    if known { Ok(()) } else { new_session(turn, id) }
}

/// The person has it go on: what is not acked is sealed. False: nothing waited. Whoever follows the contact is to be told.
pub(super) fn resume(turn: &mut Turn, contact: &Contact) -> Result<bool, StoreError> {
    if contact.held {
        turn.store.resume(contact.id, turn.now)?;
        turn.wish(OutboxEvent::SealAllAgain(contact.id));
        turn.wish(OutboxEvent::Pump(contact.id));
    }
    Ok(contact.held)
}

/// The person compared, or is to compare again: keyvault holds it, and this is the copy for lists.
pub(super) fn compared(turn: &mut Turn, id: ContactId, verified: bool) -> Result<(), StoreError> {
    turn.store.set_verified(id, verified)?;
    if let Some(contact) = turn.store.contact(id)?.filter(|_| verified) {
        // Who compared again has spoken with them.
        resume(turn, &contact)?;
    }
    turn.event(&EventKind::Contact { contact: id })
}

/// What the words to a contact wait for now.
pub(super) fn wait(turn: &Turn, contact: &Contact) -> Result<Wait, StoreError> {
    if contact.held {
        return Ok(Wait::Person);
    }
    // keyvault seals under the new session as soon as it has opened it, before that is known here.
    let repair = contact.verified && turn.store.unsealed(contact.id, OutgoingKind::Repair)?.is_some();
    Ok(if repair { Wait::Repair } else { Wait::Nothing })
}

/// What this one waits for. What the program says by itself goes on: acks, queues, repairs.
pub(super) fn wait_of(turn: &Turn, outgoing: &Outgoing) -> Result<Wait, StoreError> {
    match turn.store.contact(outgoing.contact)? {
        Some(contact) if outgoing.kind.is_words() => wait(turn, &contact),
        Some(_) | None => Ok(Wait::Nothing),
    }
}
