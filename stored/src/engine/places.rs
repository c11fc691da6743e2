//! Two who meet again: a contact to whom nothing can be delivered any more keeps its conversation, and whoever is invited under its name,
//! or accepted, takes its place once they are heard (docs/protocol/content.md, "Meeting again"). Nothing but the user's word says that it is
//! the same person: each contact has identities of its own.

use super::event::{LifeEvent, OutboxEvent};
use super::names::{self, Found, NotCalled};
use super::requests::{Asker, Asks};
use super::turn::Turn;
use super::{life, notes, removal};
use crate::error::StoreError;
use crate::ids::ContactId;
use crate::store::{Contact, EventKind, Store};

/// What somebody new is called, and whose place they are to take.
pub(super) struct Place {
    pub(super) name: String,
    instead_of: Option<ContactId>,
}

/// A name and place for a new contact; the request is answered where that cannot be.
pub(super) fn place_for<C: Asks<Error: From<NotCalled>>>(
    turn: &mut Turn,
    request: Asker<C>,
    name: &str,
) -> Result<Option<(Asker<C>, Place)>, StoreError> {
    match wanted(turn, name)? {
        Ok(place) => Ok(Some((request, place))),
        Err(why) => {
            turn.answer(request, Err(why.into()));
            Ok(None)
        }
    }
}

/// The name that is wanted, or one that is free when none is. Where somebody has it to whom nothing can be delivered, theirs is the place.
fn wanted(turn: &Turn, name: &str) -> Found<Place, NotCalled> {
    let why = match names::free_name(&turn.store, name)? {
        Ok(name) => return Ok(Ok(Place { name, instead_of: None })),
        Err(why) => why,
    };
    let Some(older) = turn.store.contact_named(name.trim())?.filter(|older| !older.blocked) else {
        return Ok(Err(why));
    };
    if life::stuck(turn, &older)?.is_none() {
        return Ok(Err(why));
    }
    let place = |name| Place { name, instead_of: Some(older.id) };
    Ok(names::told_name(&turn.store, "", &older.name)?.map(place))
}

/// Somebody new is to take it.
pub(super) fn keep(store: &Store, id: ContactId, place: &Place) -> Result<(), StoreError> {
    match place.instead_of {
        Some(older) => store.set_replaces(id, Some(older)),
        None => Ok(()),
    }
}

/// Somebody new was heard for the first time: they take the place that they were to have, unless who had it was heard again meanwhile.
pub(super) fn take(turn: &mut Turn, id: ContactId) -> Result<(), StoreError> {
    let Some(older) = turn.store.replaces(id)? else { return Ok(()) };
    turn.store.set_replaces(id, None)?;
    match turn.store.contact(older)? {
        Some(older) if life::stuck(turn, &older)?.is_some() => move_in(turn, &older, id),
        _ => Ok(()),
    }
}

fn move_in(turn: &mut Turn, older: &Contact, id: ContactId) -> Result<(), StoreError> {
    let names = turn.store.move_conversation(older.id, id)?;
    removal::remove(turn, older)?;
    turn.store.rename_contact(id, &older.name)?;
    notes::met_again(turn, id)?;
    if older.verified || older.held {
        // Who was compared is not who is compared now: what was meant for them waits for the user.
        turn.store.hold(id)?;
        notes::texts_wait(turn, id)?;
    }
    turn.wish(OutboxEvent::TakenBack(id, names));
    turn.wish(LifeEvent::LookAt(id));
    turn.event(&EventKind::Contact { contact: id })
}
