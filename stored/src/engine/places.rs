//! Two who meet again: a contact to whom nothing can be delivered any more keeps its conversation, and whoever is invited under its name,
//! or accepted, takes its place once they are heard; and so does whoever was invited and comes by an invite of their own
//! (docs/protocol/content.md, "Meeting again"). Nothing but the user's word says that it is the same person: each contact has identities
//! of its own.

use super::event::{ArrivalEvent, ClaimEvent, FileSendEvent, LifeEvent, OutboxEvent};
use super::names::{self, Found, NotCalled};
use super::requests::{Asker, Asks};
use super::turn::Turn;
use super::{life, notes, removal, timers};
use crate::error::StoreError;
use crate::ids::ContactId;
use crate::store::{Contact, ContactState, EventKind, Store};

/// More than stand behind each other for one place.
const HEIRS_MAX: usize = 8;

/// What somebody new is called, and whose place they are to take.
pub(super) struct Place {
    pub(super) name: String,
    instead_of: Option<ContactId>,
}

/// To whom the user wants a link to lead.
pub(super) enum Sought {
    /// Somebody new.
    New(Place),
    /// Who is a contact already, or whose link is being accepted.
    Known(ContactId),
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
    match turn.store.contact_named(name.trim())?.filter(|older| !older.blocked) {
        Some(older) if life::stuck(turn, &older)?.is_some() => beside(turn, &older.name, &older),
        _ => Ok(Err(why)),
    }
}

/// Whom a link is to lead to that is accepted under this name.
pub(super) fn sought(turn: &Turn, name: &str) -> Found<Sought, NotCalled> {
    let why = match names::free_name(&turn.store, name)? {
        Ok(name) => return Ok(Ok(Sought::New(Place { name, instead_of: None }))),
        Err(why) => why,
    };
    let Some(named) = turn.store.contact_named(name.trim())? else { return Ok(Err(why)) };
    let last = last_heir(turn, &named)?;
    if [&named, &last].into_iter().any(|contact| contact.blocked || contact.state == ContactState::Oneself) {
        return Ok(Err(why));
    }
    if last.state == ContactState::Invited || life::stuck(turn, &last)?.is_some() {
        return Ok(beside(turn, &named.name, &last)?.map(Sought::New));
    }
    Ok(Ok(Sought::Known(last.id)))
}

/// Somebody new who is to take the place of `older`, and until then stands beside whoever has the name.
fn beside(turn: &Turn, name: &str, older: &Contact) -> Found<Place, NotCalled> {
    let place = |name| Place { name, instead_of: Some(older.id) };
    Ok(names::told_name(&turn.store, "", name)?.map(place))
}

/// Who is to take the place of who is to take their place, and so on.
fn last_heir(turn: &Turn, contact: &Contact) -> Result<Contact, StoreError> {
    let mut last = contact.clone();
    for _ in 0..HEIRS_MAX {
        let Some(heir) = turn.store.heir(last.id)? else { break };
        let Some(heir) = turn.store.contact(heir)? else { break };
        last = heir;
    }
    Ok(last)
}

/// Somebody new is to take it.
pub(super) fn keep(store: &Store, id: ContactId, place: &Place) -> Result<(), StoreError> {
    match place.instead_of {
        Some(older) => store.set_replaces(id, Some(older)),
        None => Ok(()),
    }
}

/// Somebody new was heard for the first time: they take the place that they were to have, unless who had it was heard meanwhile. Then
/// both sessions may be with one person; and whose link is being accepted for this place may be.
pub(super) fn take(turn: &mut Turn, id: ContactId) -> Result<(), StoreError> {
    if let Some(heir) = turn.store.heir(id)?
        && let Some(accept) = turn.store.accept_of(heir)?
    {
        turn.wish(ClaimEvent::Crossed { contact: id, link: accept.link });
    }
    while let Some(older) = turn.store.replaces(id)? {
        turn.store.set_replaces(id, None)?;
        let Some(older) = turn.store.contact(older)?.filter(|older| !older.blocked) else { return Ok(()) };
        let is_stuck = life::stuck(turn, &older)?.is_some();
        if !is_stuck && older.session.is_some() {
            turn.wish(ClaimEvent::Met { invited: older.id, accepted: id });
            return Ok(());
        }
        join(turn, &older, id)?;
        turn.store.rename_contact(id, &older.name)?;
        if is_stuck {
            notes::met_again(turn, id)?;
        }
    }
    Ok(())
}

/// Two contacts are one person: all of the one is the other's from now on, and the one goes with its session and queues.
pub(super) fn join(turn: &mut Turn, goes: &Contact, stays: ContactId) -> Result<(), StoreError> {
    let Some(before) = turn.store.contact(stays)? else { return Ok(()) };
    let names = turn.store.move_conversation(goes.id, stays)?;
    removal::remove(turn, goes)?;
    if goes.held || goes.verified && !before.verified {
        // Who was compared is not who is compared now: what was meant for them waits for the user.
        turn.store.hold(stays)?;
        notes::texts_wait(turn, stays)?;
    }
    let lives = goes.timer.seconds;
    if lives > 0 && (before.timer.seconds == 0 || lives < before.timer.seconds) {
        timers::set(turn, &before, lives)?;
    }
    turn.wish(OutboxEvent::TakenBack(stays, names));
    turn.wish(LifeEvent::LookAt(stays));
    turn.wish(ClaimEvent::LookAt(stays));
    turn.wish(FileSendEvent::LookAt(stays));
    turn.wish(ArrivalEvent::LookAt(stays));
    turn.event(&EventKind::Contact { contact: stays })
}

/// Whoever was to take a place does not come: what was written to them waits for who has it.
pub(super) fn give_back(turn: &mut Turn, id: ContactId) -> Result<bool, StoreError> {
    let (Some(contact), Some(older)) = (turn.store.contact(id)?, turn.store.replaces(id)?) else {
        return Ok(false);
    };
    turn.store.set_replaces(id, None)?;
    join(turn, &contact, older)?;
    Ok(true)
}
