//! Own invites: each waits on a queue of its own, whose steps are made in queues.rs.

use ipc_schema::edge::ui_stored::{CancelError, CancelInvite, MakeInvite};

use super::event::{InviteEvent, QueueEvent};
use super::requests::Asker;
use super::turn::Turn;
use super::{introduction_steps, places};
use crate::error::StoreError;
use crate::ids::{ContactId, InviteId};
use crate::store::{ContactState, EventKind, Invite, InviteState};

pub(super) fn handle(turn: &mut Turn, event: InviteEvent) -> Result<(), StoreError> {
    match event {
        InviteEvent::New(request, name) => invite(turn, request, &name),
        InviteEvent::Cancel(request, id) => cancel(turn, request, &id),
        InviteEvent::End(id) => match turn.store.invite(id)? {
            Some(invite) => end(turn, &invite),
            None => Ok(()),
        },
        InviteEvent::OpenedTwice(id) => opened_twice(turn, id),
        InviteEvent::Expire => expire(turn),
    }
}

/// A contact that is invited, an invite, and the queue that it waits on.
fn invite(turn: &mut Turn, request: Asker<MakeInvite>, name: &str) -> Result<(), StoreError> {
    let Some((request, place)) = places::place_for(turn, request, name)? else { return Ok(()) };
    let id = begin(turn, &place.name)?;
    if let Some(invite) = turn.store.invite(id)? {
        places::keep(&turn.store, invite.contact, &place)?;
        turn.answer(request, Ok(invite));
    }
    Ok(())
}

/// The same, for a name that is free.
pub(super) fn begin(turn: &mut Turn, name: &str) -> Result<InviteId, StoreError> {
    let contact = ContactId(turn.random_id());
    turn.store.add_contact(contact, name, ContactState::Invited, turn.now)?;
    let id = InviteId(turn.random_id());
    turn.store.add_invite(id, contact)?;
    let isolation = turn.random();
    turn.store.add_receive_queue(id.queue(), Some(contact), true, &isolation)?;
    turn.event(&EventKind::Contact { contact })?;
    turn.wish(QueueEvent::LookAt(id.queue()));
    Ok(id)
}

/// Nobody may accept it any more.
fn cancel(turn: &mut Turn, request: Asker<CancelInvite>, id: &str) -> Result<(), StoreError> {
    let answer = match named(turn, id)? {
        None => Err(CancelError::NoSuchInvite),
        Some(invite) if invite.state == InviteState::Accepted => Err(CancelError::InviteAccepted),
        Some(invite) => {
            end(turn, &invite)?;
            Ok(())
        }
    };
    turn.answer(request, answer);
    Ok(())
}

/// Takes an invite that nobody accepted away, with the contact that it was for.
fn end(turn: &mut Turn, invite: &Invite) -> Result<(), StoreError> {
    introduction_steps::failed(turn, invite.contact)?;
    turn.store.delete_receive_queues_of(invite.contact, None)?;
    turn.store.delete_contact(invite.contact)?;
    turn.event(&EventKind::Contact { contact: invite.contact })?;
    turn.wish(QueueEvent::LookAt(invite.id.queue()));
    Ok(())
}

/// An invite by its id, or by the name of the contact that it is for.
fn named(turn: &Turn, id: &str) -> Result<Option<Invite>, StoreError> {
    if let Ok(number) = u64::from_str_radix(id, 16)
        && let Some(invite) = turn.store.invite(InviteId(number))?
    {
        return Ok(Some(invite));
    }
    match turn.store.contact_named(id)? {
        Some(contact) => turn.store.invite_of(contact.id),
        None => Ok(None),
    }
}

fn opened_twice(turn: &mut Turn, id: InviteId) -> Result<(), StoreError> {
    let Some(invite) = turn.store.invite(id)? else { return Ok(()) };
    turn.store.set_invite_state(id, InviteState::OpenedTwice)?;
    turn.event(&EventKind::Contact { contact: invite.contact })
}

fn expire(turn: &mut Turn) -> Result<(), StoreError> {
    for invite in turn.store.invites()? {
        let is_over = invite.state == InviteState::Waiting && invite.expires < turn.now;
        if (is_over || invite.state == InviteState::Expired) && turn.store.is_introduced(invite.id)? {
            // The user never had the link, so there is nobody to wait for.
            end(turn, &invite)?;
        } else if is_over {
            turn.store.set_invite_state(invite.id, InviteState::Expired)?;
            turn.event(&EventKind::Contact { contact: invite.contact })?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::world::World;
    use super::*;

    #[test]
    fn taking_back_what_was_accepted_is_told_as_that() {
        let mut world = World::new(18, 2, 3);
        world.introduce();
        let cancelled = world.request(0, CancelInvite { id: "bob".into() });
        assert_eq!(cancelled, Err(CancelError::InviteAccepted));
        assert_eq!(world.contacts(0).len(), 1, "nothing was taken back");
    }
}
