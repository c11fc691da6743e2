//! Two sessions with one person, where each of the two accepted the other's invite before theirs was accepted: one of them ends
//! (docs/protocol/content.md, "Meeting again"). Which one both can tell from the two links. It ends only once whoever reads in it has shown
//! in the other that it is they: else who got hold of a link could have the session with somebody else ended.

use super::event::ClaimEvent;
use super::meeting_steps::say;
use super::places;
use super::turn::Turn;
use crate::content::{Meeting, MeetingStep, Proof, Proves, WireId, proof};
use crate::error::StoreError;
use crate::ids::ContactId;
use crate::store::Twins;

/// Both are heard: who came by the user's invite, and who made the one that the user accepted for the same place. Whose session stays:
/// keyvault is to be asked for its number.
pub(super) fn begin(
    turn: &mut Turn,
    invited: ContactId,
    accepted: ContactId,
) -> Result<Option<ContactId>, StoreError> {
    let (Some(own), Some(theirs)) = (turn.store.invite_of(invited)?, turn.store.accept_of(accepted)?) else {
        return Ok(None);
    };
    let (stays, goes) = if own.link < theirs.link { (invited, accepted) } else { (accepted, invited) };
    let token = WireId(turn.random());
    let twins = Twins { goes, stays, token, number: String::new(), said: false, came: Proof::default() };
    turn.store.set_twins(&twins)?;
    say(turn, goes, &Meeting { id: token, step: MeetingStep::Here })?;
    Ok(Some(stays))
}

/// keyvault told the number of the session that stays.
pub(super) fn numbered(turn: &mut Turn, stays: ContactId, digits: &str) -> Result<(), StoreError> {
    match turn.store.twins_of(stays)?.filter(|twins| twins.stays == stays) {
        Some(twins) => settle(turn, Twins { number: digits.to_owned(), ..twins }),
        None => Ok(()),
    }
}

/// A contact says what is to be proved in another session. It may be that the other one was not heard yet.
pub(super) fn here(turn: &mut Turn, contact: ContactId, untrusted_token: WireId) -> Result<(), StoreError> {
    turn.store.set_token(contact, untrusted_token)?;
    match turn.store.twins_of(contact)?.filter(|twins| twins.goes == contact) {
        Some(twins) => settle(turn, Twins { said: false, ..twins }),
        None => Ok(()),
    }
}

/// A contact says that what was said in another session was heard.
pub(super) fn there(turn: &mut Turn, contact: ContactId, untrusted_proof: Proof) -> Result<(), StoreError> {
    match turn.store.twins_of(contact)?.filter(|twins| twins.stays == contact) {
        Some(twins) => settle(turn, Twins { came: untrusted_proof, ..twins }),
        None => Ok(()),
    }
}

/// Whether two contacts are taken for one, and that is not settled yet.
pub(super) fn are_twins(turn: &Turn, one: ContactId, other: ContactId) -> Result<bool, StoreError> {
    let twins = turn.store.twins_of(one)?;
    Ok(twins.is_some_and(|twins| twins.goes == other || twins.stays == other))
}

/// The one ends once each side knows all that it needs for that: what this side said was heard by who talks in the other, and it was said
/// there that theirs was.
fn settle(turn: &mut Turn, mut twins: Twins) -> Result<(), StoreError> {
    let theirs = turn.store.token(twins.goes)?.filter(|_| !twins.number.is_empty());
    let heard = |token: WireId| proof(Proves::Heard, token, &twins.number, "");
    if let Some(theirs) = theirs
        && !twins.said
    {
        let proof = heard(theirs);
        let id = WireId(turn.random());
        say(turn, twins.stays, &Meeting { id, step: MeetingStep::There(proof) })?;
        twins.said = true;
    }
    turn.store.set_twins(&twins)?;
    if twins.said
        && !twins.number.is_empty()
        && twins.came == proof(Proves::Heard, twins.token, &twins.number, "")
    {
        // Behind all that is still to be done with what was said in it just now.
        turn.wish(ClaimEvent::Settled { goes: twins.goes });
    }
    Ok(())
}

/// The session that is to end does.
pub(super) fn end(turn: &mut Turn, goes: ContactId) -> Result<(), StoreError> {
    let twins = turn.store.twins_of(goes)?.filter(|twins| twins.goes == goes);
    let (Some(twins), Some(goes)) = (twins, turn.store.contact(goes)?) else { return Ok(()) };
    places::join(turn, &goes, twins.stays)?;
    // Who was invited has the name that the user gave; who came by an accept stood beside.
    if turn.store.accept_of(twins.stays)?.is_some() {
        turn.store.rename_contact(twins.stays, &goes.name)?;
    }
    Ok(())
}
