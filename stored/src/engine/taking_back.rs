//! A text of which nothing ever left is taken back whole: nobody can have heard of it, so nobody is told that it is gone.

use super::event::OutboxEvent;
use super::turn::Turn;
use crate::content;
use crate::error::StoreError;
use crate::ids::ContactId;
use crate::store::{Message, SendChain};

/// Whether a text was taken back. False: something of it may lie at a relay, or its number is known to somebody.
pub(super) fn take_back(turn: &mut Turn, message: &Message) -> Result<bool, StoreError> {
    if !turn.store.never_left(&message.id)? {
        return Ok(false);
    }
    let untold = match turn.store.first_number(&message.id)? {
        Some(first) => unnumber(turn, message.contact, first)?,
        None => true,
    };
    if untold {
        turn.store.drop_outgoing_of(&message.id)?;
    }
    Ok(untold)
}

/// Gives back all numbers from `first` on, where nobody knows of a single one: what had one gets another, for each content names the
/// hash of the one before.
fn unnumber(turn: &mut Turn, contact: ContactId, first: u64) -> Result<bool, StoreError> {
    let SendChain { chain, sequence, hash: _ } = turn.store.send_chain(contact)?;
    let untold = turn.store.untold_from(contact, first)?;
    let taken = sequence.saturating_add(1).saturating_sub(first);
    let bytes = untold.first().and_then(|outgoing| outgoing.content.as_deref());
    let Some(lowest) = bytes.and_then(|bytes| content::decode(bytes).ok()) else { return Ok(false) };
    if u64::try_from(untold.len()) != Ok(taken) || lowest.link.sequence != first {
        return Ok(false);
    }
    let before = SendChain { chain, sequence: first.saturating_sub(1), hash: lowest.link.previous };
    turn.store.set_send_chain(contact, &before)?;
    turn.store.unnumber_from(contact, first)?;
    if lowest.acks.is_some() {
        // They rode in what nobody gets now.
        turn.store.set_ack_due(contact, true)?;
    }
    let contents = untold.iter().map(|outgoing| (outgoing.id, outgoing.outbox)).collect();
    turn.wish(OutboxEvent::TakenBack(contact, contents));
    Ok(true)
}
