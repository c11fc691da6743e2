//! Read receipts: what was read here is told in a moment, with acks where some go; what was read over there is noted
//! (docs/protocol/content.md, "Read, and writing").

use std::time::Duration;

use super::event::{OutboxEvent, ReceiptEvent, Timer};
use super::hold::{self, Wait};
use super::turn::Turn;
use crate::content::WireId;
use crate::error::StoreError;
use crate::ids::ContactId;
use crate::store::{Contact, ContactState, Courtesy, Delivery, EventKind, OutgoingKind, Owed};

/// What is read is told so much later on average, so that a text does not answer itself on the wire, and one receipt tells of several;
const LATER: Duration = Duration::from_secs(2);
/// and this much later at most.
const LATEST: Duration = Duration::from_secs(8);
/// Own texts that become read in one go. A first receipt may be about years of them.
const AT_ONCE: u32 = 256;

pub(super) fn handle(turn: &mut Turn, event: ReceiptEvent) -> Result<(), StoreError> {
    match event {
        ReceiptEvent::Resume => resume(turn),
        ReceiptEvent::Due(contact) => due(turn, contact),
        ReceiptEvent::Theirs(contact, text) => theirs(turn, contact, text),
        ReceiptEvent::GoOn(contact) => go_on(turn, contact),
    }
}

/// Whether a contact may be told now what the user does: nobody who is blocked, and nobody to whom words wait, for a copy of their device
/// may be what reads it.
pub(super) fn may_tell(turn: &Turn, contact: &Contact) -> Result<bool, StoreError> {
    let is_there = contact.state == ContactState::Connected && !contact.blocked;
    Ok(is_there && hold::wait(turn, contact)? == Wait::Nothing)
}

/// From now on they are told, or no more: nothing that was told is taken back, and nothing more leaves.
pub(super) fn set(turn: &mut Turn, contact: ContactId, which: Courtesy, on: bool) -> Result<(), StoreError> {
    turn.store.set_courtesy_of(contact, which, on)?;
    if on { Ok(()) } else { stop(turn, contact, which) }
}

/// The same for all that have nothing of their own.
pub(super) fn set_for_all(turn: &mut Turn, which: Courtesy, on: bool) -> Result<(), StoreError> {
    if turn.store.courtesy(which)? == on {
        return Ok(());
    }
    turn.store.set_courtesy(which, on)?;
    for contact in turn.store.without_courtesy(which)? {
        if !on {
            stop(turn, contact, which)?;
        }
        turn.event(&EventKind::Contact { contact })?;
    }
    Ok(())
}

fn stop(turn: &mut Turn, contact: ContactId, which: Courtesy) -> Result<(), StoreError> {
    match which {
        Courtesy::Receipts => {
            turn.store.forget_receipt(contact)?;
            turn.wish(OutboxEvent::Unsay(contact, OutgoingKind::Receipt));
        }
        Courtesy::Typing => {
            turn.wish(OutboxEvent::Unsay(contact, OutgoingKind::Typing));
            turn.wish(OutboxEvent::Unsay(contact, OutgoingKind::Paused));
        }
    }
    Ok(())
}

// ---- what was read here

/// Something of theirs up to a place was read. Several texts that are read at about the same time are told at once.
pub(super) fn read_here(turn: &mut Turn, contact: &Contact, position: i64) -> Result<(), StoreError> {
    if !contact.receipts || contact.blocked || contact.state != ContactState::Connected {
        return Ok(());
    }
    let (id, before) = (contact.id, turn.store.owed_receipt(contact.id)?);
    let Some(text) = last_read(turn, id, position, before.map(|(text, _)| text))? else { return Ok(()) };
    let owed = before.map_or(Owed::No, |(_, owed)| owed);
    turn.store.owe_receipt(id, text, owed.max(Owed::Soon))?;
    if owed < Owed::Soon {
        tell_later(turn, id);
    }
    Ok(())
}

/// The text to name: never one before that which was named last, for *up to* it was said already.
fn last_read(
    turn: &Turn,
    contact: ContactId,
    position: i64,
    named: Option<WireId>,
) -> Result<Option<WireId>, StoreError> {
    let Some(text) = turn.store.last_read(contact, position)? else { return Ok(None) };
    let Some(named) = named else { return Ok(Some(text)) };
    let [Some(new), Some(old)] =
        [turn.store.their_text(contact, text)?, turn.store.their_text(contact, named)?]
    else {
        return Ok(Some(text));
    };
    Ok(Some(if new < old { named } else { text }))
}

fn tell_later(turn: &mut Turn, contact: ContactId) {
    let wait = turn.exponential(LATER).min(LATEST);
    turn.after(wait, Timer::Receipt(contact));
}

fn due(turn: &mut Turn, contact: ContactId) -> Result<(), StoreError> {
    if let Some((text, Owed::Soon)) = turn.store.owed_receipt(contact)? {
        turn.store.owe_receipt(contact, text, Owed::Now)?;
        turn.wish(OutboxEvent::Pump(contact));
    }
    Ok(())
}

/// Whether its moment has come, with acks or without.
pub(super) fn is_due(turn: &Turn, contact: &Contact) -> Result<bool, StoreError> {
    let owed = turn.store.owed_receipt(contact.id)?;
    let now = contact.receipts && matches!(owed, Some((_, Owed::Now)));
    Ok(now && may_tell(turn, contact)?)
}

/// What acks that are on their way say of what was read.
pub(super) fn take_owed(turn: &Turn, contact: ContactId) -> Result<Option<WireId>, StoreError> {
    let Some(contact) = turn.store.contact(contact)?.filter(|contact| contact.receipts) else {
        return Ok(None);
    };
    match turn.store.owed_receipt(contact.id)? {
        None | Some((_, Owed::No)) => Ok(None),
        Some((text, _)) if may_tell(turn, &contact)? => {
            turn.store.owe_receipt(contact.id, text, Owed::No)?;
            Ok(Some(text))
        }
        Some(_) => Ok(None),
    }
}

/// Nobody acks a receipt: what was told last is told once more with the next acks, and what was not yet is told in a moment.
fn resume(turn: &mut Turn) -> Result<(), StoreError> {
    turn.store.owe_receipts_again()?;
    for contact in turn.store.contacts()? {
        if let Some((_, Owed::Soon | Owed::Now)) = turn.store.owed_receipt(contact.id)? {
            tell_later(turn, contact.id);
            turn.wish(OutboxEvent::Pump(contact.id));
        }
        go_on(turn, contact.id)?;
    }
    Ok(())
}

// ---- what was read over there

/// They say that they have read all up to a text. A receipt is no ack: where that one is not known to be there it is remembered until it
/// is. What is no text of the user's to them is nothing.
fn theirs(turn: &mut Turn, contact: ContactId, text: WireId) -> Result<(), StoreError> {
    let Some(named) = turn.store.own_text(contact, text)? else { return Ok(()) };
    let remembered = match turn.store.their_receipt(contact)? {
        Some(text) => turn.store.own_text(contact, text)?,
        None => None,
    };
    if remembered.is_none_or(|remembered| remembered.position <= named.position) {
        turn.store.set_their_receipt(contact, Some(text))?;
        return go_on(turn, contact);
    }
    if named.state.is_there() { read_there(turn, contact, named.position).map(drop) } else { Ok(()) }
}

/// Notes what they said they read last, as far as that can be now.
fn go_on(turn: &mut Turn, contact: ContactId) -> Result<(), StoreError> {
    let Some(text) = turn.store.their_receipt(contact)? else { return Ok(()) };
    match turn.store.own_text(contact, text)? {
        Some(named) if !named.state.is_there() => Ok(()),
        Some(named) if read_there(turn, contact, named.position)? => {
            turn.set_timer(turn.now, Timer::ReadThere(contact));
            Ok(())
        }
        Some(_) | None => turn.store.set_their_receipt(contact, None),
    }
}

/// Own texts up to a place that are there are read; whether more are left.
fn read_there(turn: &mut Turn, contact: ContactId, position: i64) -> Result<bool, StoreError> {
    let texts = turn.store.not_read_there(contact, position, AT_ONCE)?;
    let state = Delivery::Read;
    for id in &texts {
        turn.store.add_moment(id, state, turn.now)?;
        if turn.store.set_read_there(id)? {
            turn.event(&EventKind::Delivery { id: id.clone(), contact, state })?;
        }
    }
    Ok(u32::try_from(texts.len()).is_ok_and(|count| count == AT_ONCE))
}
