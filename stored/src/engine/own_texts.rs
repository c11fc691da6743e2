//! What the user does with one text of their own: asks how far it is, has it tried again, takes it back, hands it on
//! (docs/delivery.md).

use ipc_schema::edge::ui_stored::{
    CancelTextError, ForwardText, RetryError, SendError, SendText, SettleError,
};

use super::event::OutboxEvent;
use super::names::Found;
use super::requests::Info;
use super::turn::Turn;
use super::{changes, conversations, life};
use crate::error::StoreError;
use crate::store::{Delivery, EventKind, Message, Note, Store};

/// What is known of a message.
pub(super) fn info(store: &Store, id: &str) -> Found<Info, SettleError> {
    let Some(message) = store.message(id)? else { return Ok(Err(SettleError::NoSuchMessage)) };
    let files = usize::from(store.count_files_of(id)?);
    let parts = if is_own(&message) { conversations::parts(&message.body, files) } else { 0 };
    let left = u16::try_from(store.parts_left(id)?.0).unwrap_or(u16::MAX);
    let moments = store.moments(id)?;
    Ok(Ok(Info { message, moments, parts, parts_relayed: parts.saturating_sub(left) }))
}

/// Has a text that ended tried once more, under the same name on the wire: whoever has it by now takes it for no second one. Any other
/// is as it was, and so is one that still cannot be delivered.
pub(super) fn retry(turn: &mut Turn, id: &str) -> Found<Message, RetryError> {
    let Some(message) = own(turn, id)? else { return Ok(Err(RetryError::NoSuchMessage)) };
    if !matches!(message.state, Delivery::Failed | Delivery::Expired) {
        return Ok(Ok(message));
    }
    let Some(contact) = turn.store.contact(message.contact)? else {
        return Ok(Err(RetryError::NoSuchMessage));
    };
    if contact.blocked {
        return Ok(Err(RetryError::Blocked));
    }
    if life::stuck(turn, &contact)?.is_some() {
        return Ok(Ok(message));
    }
    turn.store.begin_text_anew(id, turn.now)?;
    for part in turn.store.unacked_parts(id)? {
        turn.wish(OutboxEvent::SealAnew(part));
    }
    turn.wish(OutboxEvent::Pump(contact.id));
    let state = Delivery::Queued;
    turn.event(&EventKind::Delivery { id: id.to_owned(), contact: contact.id, state })?;
    Ok(Ok(turn.store.message(id)?.unwrap_or(message)))
}

/// Takes a text back of which keyvault was given nothing yet. Once it was, the text has a number, which would be missed, and may be at a
/// relay though nobody here knows.
pub(super) fn cancel(turn: &mut Turn, id: &str) -> Found<(), CancelTextError> {
    let Some(message) = own(turn, id)? else { return Ok(Err(CancelTextError::NoSuchMessage)) };
    if !turn.store.is_untouched(id)? {
        return Ok(Err(CancelTextError::UnderWay));
    }
    turn.store.drop_outgoing_of(id)?;
    turn.store.drop_changes(message.contact, message.wire, None)?;
    changes::remove(turn, &message).map(Ok)
}

/// The same words to somebody, as a text of the user's own: nothing in it says whose they were or where they stood.
pub(super) fn forward(turn: &mut Turn, call: ForwardText) -> Found<Message, SendError> {
    let ForwardText { id, who, new_id } = call;
    match turn.store.message(&id)?.filter(|message| message.note == Note::None) {
        Some(message) => {
            let text = message.body;
            conversations::send(turn, SendText { who, id: new_id, text, reply_to: String::new() })
        }
        None => Ok(Err(SendError::NoSuchMessage)),
    }
}

fn own(turn: &Turn, id: &str) -> Result<Option<Message>, StoreError> {
    Ok(turn.store.message(id)?.filter(is_own))
}

fn is_own(message: &Message) -> bool {
    message.mine && message.note == Note::None
}
