//! A contact goes, and with it all that was for it.

use ipc_schema::edge::stored_keyvault::RemoveSession;

use super::event::{ArrivalEvent, ComparisonEvent, DepositEvent, FileSendEvent, QueueEvent, TypingEvent};
use super::introduction_steps;
use super::turn::Turn;
use crate::error::StoreError;
use crate::store::{Contact, EventKind};

/// A contact goes, with the conversation, the session and the queues on both sides.
pub(super) fn remove(turn: &mut Turn, contact: &Contact) -> Result<(), StoreError> {
    if contact.session.is_none() {
        introduction_steps::failed(turn, contact.id)?;
    }
    let receive_queues = turn.store.receive_queues_of(contact.id)?;
    let queues = turn.store.peer_queues_of(contact.id)?;
    turn.store.delete_receive_queues_of(contact.id, contact.session)?;
    turn.store.delete_contact(contact.id)?;
    turn.event(&EventKind::Contact { contact: contact.id })?;
    turn.wish(TypingEvent::Ended(contact.id));
    turn.wish(ComparisonEvent::Gone(contact.id));
    turn.wish(FileSendEvent::LookAt(contact.id));
    turn.wish(ArrivalEvent::LookAt(contact.id));
    for queue in &queues {
        turn.wish(DepositEvent::LookAt(queue.number));
        turn.wish(FileSendEvent::LookAtQueue(queue.number));
    }
    if let (true, Some(session)) = (receive_queues.is_empty(), contact.session) {
        turn.tell(RemoveSession { session: session.into() });
    }
    for queue in &receive_queues {
        turn.wish(QueueEvent::LookAt(queue.id));
        turn.wish(ArrivalEvent::LookAtQueue(queue.id));
    }
    Ok(())
}
