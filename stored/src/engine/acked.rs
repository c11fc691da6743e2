//! What is to be made of a peer's acks: whether they are of what was sent here, and whether they can still say all there is to say
//! (docs/protocol/content.md, "Acks").

use std::time::Duration;

use super::turn::Turn;
use crate::content::{self, Acks, GAPS_MAX, Range};
use crate::error::StoreError;
use crate::ids::ContactId;
use crate::store::{Outgoing, SendChain};

/// What acks have no room for waits so long before a new chain makes some: far longer than acks take to overtake each other.
const HIDDEN_AFTER: Duration = Duration::from_secs(600);

/// Whether all that a peer acks is what was sent. Of a run whose last content is not known any more nothing is taken that was not acked
/// before: a peer that went back may have others under these numbers, from another time.
pub(super) fn is_what_was_sent(acks: &Acks, chain: &SendChain, sealed: &[Outgoing]) -> bool {
    acks.runs().iter().all(|run| {
        let Range { first, last } = run.numbers;
        let is_new = || sealed.iter().any(|outgoing| (first..=last).contains(&outgoing.sequence));
        let sent = sent_under(last, chain, sealed);
        last <= chain.sequence && run.ends_with(sent.as_ref()) && (sent.is_some() || !is_new())
    })
}

/// The hash of the content that was sent under a number; `None`: it is not known any more.
fn sent_under(number: u64, chain: &SendChain, sealed: &[Outgoing]) -> Option<[u8; 32]> {
    if number == chain.sequence {
        return chain.hash;
    }
    let kept = |number| sealed.iter().find(|outgoing| outgoing.sequence == number)?.content.as_deref();
    let named_by_next = || content::decode(kept(number.saturating_add(1))?).ok()?.link.previous;
    kept(number).map(content::hash).or_else(named_by_next)
}

/// Whether the acks have no room for what lies beyond that which the peer asks for, and that is not here any more: it was acked, by a
/// peer that went back since, and will never come.
pub(super) fn hides_what_waits(turn: &Turn, contact: ContactId, acks: &Acks) -> Result<bool, StoreError> {
    if acks.missing.len() < GAPS_MAX {
        return Ok(false);
    }
    let unacked = turn.store.sealed_up_to(contact, u64::MAX)?;
    let waits = |oldest: &Outgoing| turn.now.since(oldest.sealed_at) >= HIDDEN_AFTER;
    Ok(unacked.first().is_some_and(|oldest| oldest.sequence > acks.up_to && waits(oldest)))
}
