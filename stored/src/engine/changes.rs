//! What the user does to a text after it was sent: other words, none, a reaction (docs/protocol/content.md, "Changes").

use ipc_schema::edge::ui_stored::{DeleteError, DeleteText, EditError, EditText, React, ReactError};
use ipc_schema::limits::EDIT_MAX_BYTES;

use super::event::OutboxEvent;
use super::names::Found;
use super::turn::Turn;
use super::{files, taking_back};
use crate::content::{self, WireId};
use crate::error::StoreError;
use crate::store::{Change, Contact, ContactState, EventKind, Message, Note, OutgoingKind, Store};

/// An own text says something else from now on.
pub(super) fn edit(turn: &mut Turn, call: EditText) -> Found<Message, EditError> {
    let EditText { id, text } = call;
    let Some((message, contact)) = shown(&turn.store, &id)? else { return Ok(Err(EditError::NoSuchMessage)) };
    if !is_own(&message) {
        return Ok(Err(EditError::NotYours));
    }
    if text.is_empty() || text.len() > EDIT_MAX_BYTES {
        return Ok(Err(EditError::TooLong));
    }
    // Asked again after the answer was lost.
    if message.body == text {
        return Ok(Ok(message));
    }
    if contact.blocked {
        return Ok(Err(EditError::Blocked));
    }
    turn.store.reword(&id, &text)?;
    let parts = u16::try_from(content::split(&text).len()).unwrap_or(u16::MAX);
    say(turn, &message, OutgoingKind::Edit, text, parts)?;
    tell(turn, &message)?;
    Ok(turn.store.message(&id)?.ok_or(EditError::NoSuchMessage))
}

/// A text is gone: here, and over there where that is wanted and it is an own one.
pub(super) fn delete(turn: &mut Turn, call: DeleteText) -> Found<(), DeleteError> {
    let DeleteText { id, both } = call;
    let Some(message) = turn.store.message(&id)? else {
        let gone = turn.store.is_gone(&id)?;
        return Ok(if gone { Ok(()) } else { Err(DeleteError::NoSuchMessage) });
    };
    let own = is_own(&message);
    if both && !own {
        return Ok(Err(DeleteError::NotYours));
    }
    let taken_back = own && !message.deleted && taking_back::take_back(turn, &message)?;
    if taken_back {
        turn.store.drop_changes(message.contact, message.wire, None)?;
    }
    if taken_back || !both || is_kept_here_alone(turn, &message)? {
        return remove(turn, &message).map(Ok);
    }
    if !message.deleted {
        turn.store.drop_changes(message.contact, message.wire, None)?;
        turn.store.blank_message(&message)?;
        say(turn, &message, OutgoingKind::Delete, String::new(), 1)?;
        tell(turn, &message)?;
    }
    Ok(Ok(()))
}

/// What the user thinks of a text, whoever wrote it.
pub(super) fn react(turn: &mut Turn, call: React) -> Found<Message, ReactError> {
    let React { id, emoji } = call;
    let Some((message, contact)) = shown(&turn.store, &id)? else {
        return Ok(Err(ReactError::NoSuchMessage));
    };
    if message.note != Note::None {
        return Ok(Err(ReactError::NoSuchMessage));
    }
    if !emoji.is_empty() && !content::is_emoji(&emoji) {
        return Ok(Err(ReactError::BadEmoji));
    }
    if message.reactions.mine == emoji {
        return Ok(Ok(message));
    }
    if contact.blocked {
        return Ok(Err(ReactError::Blocked));
    }
    turn.store.set_own_reaction(contact.id, message.wire, &emoji)?;
    say(turn, &message, OutgoingKind::Reaction, emoji, 1)?;
    tell(turn, &message)?;
    Ok(turn.store.message(&id)?.ok_or(ReactError::NoSuchMessage))
}

/// A message that has not been deleted, with its contact.
fn shown(store: &Store, id: &str) -> Result<Option<(Message, Contact)>, StoreError> {
    let Some(message) = store.message(id)?.filter(|message| !message.deleted) else { return Ok(None) };
    Ok(store.contact(message.contact)?.map(|contact| (message, contact)))
}

/// Whether the user wrote it; of what the program tells nobody did.
fn is_own(message: &Message) -> bool {
    message.mine && message.note == Note::None
}

/// The peer is to hear of it, behind all that was written before.
fn say(
    turn: &mut Turn,
    message: &Message,
    kind: OutgoingKind,
    body: String,
    parts: u16,
) -> Result<(), StoreError> {
    if is_kept_here_alone(turn, message)? {
        return Ok(());
    }
    let change = Change { wire: message.wire, name: WireId(turn.random()), body };
    turn.store.add_change(message.contact, kind, &change, parts)?;
    turn.wish(OutboxEvent::Pump(message.contact));
    Ok(())
}

/// Whether nobody else has it: it is a note to oneself.
fn is_kept_here_alone(turn: &Turn, message: &Message) -> Result<bool, StoreError> {
    Ok(turn.store.contact(message.contact)?.is_some_and(|contact| contact.state == ContactState::Oneself))
}

/// A message goes, and whoever follows the conversation is told so.
pub(super) fn remove(turn: &mut Turn, message: &Message) -> Result<(), StoreError> {
    files::message_goes(turn, &message.id)?;
    turn.store.remove_message(message)?;
    turn.store.refresh_contact(message.contact)?;
    turn.event(&EventKind::Gone { id: message.id.clone(), contact: message.contact })?;
    turn.event(&EventKind::Contact { contact: message.contact })
}

/// Whoever takes it for a new text learns from the contact how things are.
fn tell(turn: &mut Turn, message: &Message) -> Result<(), StoreError> {
    turn.store.refresh_contact(message.contact)?;
    turn.event(&EventKind::Message { id: message.id.clone() })?;
    turn.event(&EventKind::Contact { contact: message.contact })
}
