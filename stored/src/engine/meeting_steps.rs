//! What is told of a link that may lead to somebody who is a contact already, and of two sessions with one person: how it goes out, and
//! what the conversation says of it (docs/protocol/content.md, "Meeting again").

use super::event::OutboxEvent;
use super::notes;
use super::turn::Turn;
use crate::content::{Kind, Meeting, MeetingStep, Proof, WireId};
use crate::error::StoreError;
use crate::ids::{ContactId, hex};
use crate::store::{Change, OutgoingKind};

/// A contact is told a step. What was told of the same before and has no number yet is not.
pub(super) fn say(turn: &mut Turn, contact: ContactId, said: &Meeting) -> Result<(), StoreError> {
    let (number, proof) = match said.step {
        MeetingStep::IsItYours(proof) => (0, proof),
        MeetingStep::ItIs(proof) => (1, proof),
        MeetingStep::ItIsNot => (2, Proof::default()),
        MeetingStep::Here => (3, Proof::default()),
        MeetingStep::There(proof) => (4, proof),
    };
    let change = Change { wire: said.id, name: WireId([number; 16]), body: hex(&proof) };
    turn.store.add_change(contact, OutgoingKind::Meeting, &change, 1)?;
    turn.wish(OutboxEvent::Pump(contact));
    Ok(())
}

/// What [`say`] kept.
pub(super) fn said(kept: Change) -> Kind {
    let Change { wire: id, name: WireId([number, ..]), body } = kept;
    let step = match (number, unhex(&body)) {
        (0, Some(proof)) => MeetingStep::IsItYours(proof),
        (1, Some(proof)) => MeetingStep::ItIs(proof),
        (2, _) => MeetingStep::ItIsNot,
        (3, _) => MeetingStep::Here,
        (4, Some(proof)) => MeetingStep::There(proof),
        _ => return Kind::QueueChange,
    };
    Kind::Meeting(Meeting { id, step })
}

fn unhex(text: &str) -> Option<Proof> {
    let mut proof = Proof::default();
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() || pairs.len() != proof.len() {
        return None;
    }
    for (byte, pair) in proof.iter_mut().zip(pairs) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(proof)
}

/// What came of a link that the user took for one of this contact's, or of theirs for one of the user's.
pub(super) enum Came<'a> {
    /// The contact's program says that it is.
    IsTheirs,
    /// It says that it is not.
    IsNotTheirs,
    /// It never said.
    Nothing,
    /// It is the user's, for somebody of this name.
    IsOwn(&'a str),
}

/// Tells in the conversation with the contact what came of it.
pub(super) fn tell(turn: &mut Turn, contact: ContactId, came: &Came<'_>) -> Result<(), StoreError> {
    let body = match came {
        Came::IsTheirs => {
            "The invitation that you accepted as theirs is theirs. You were connected already, so it is closed, and this stays your \
             one conversation."
                .to_owned()
        }
        Came::IsNotTheirs => {
            "The invitation that you accepted as theirs is not theirs, or nobody can accept it any more. Nothing was changed: accept \
             it under another name if you know whose it is."
                .to_owned()
        }
        Came::Nothing => {
            "They never said whether the invitation that you accepted as theirs is theirs. Nothing was changed.".to_owned()
        }
        Came::IsOwn(name) => format!(
            "They have the invitation that you made for {name}. You were connected already, so it is closed, and what you wrote to \
             {name} stands here and goes to them."
        ),
    };
    notes::one_person(turn, contact, &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_a_step_is_told_as_it_was_and_damage_as_nothing() {
        let kept = |number, body: &str| Change {
            wire: WireId([9; 16]),
            name: WireId([number; 16]),
            body: body.to_owned(),
        };
        let proof = std::array::from_fn(|at| u8::try_from(at * 7).unwrap());
        let step = |change| match said(change) {
            Kind::Meeting(Meeting { id: WireId([9, ..]), step }) => Some(step),
            _ => None,
        };
        assert!(step(kept(0, &hex(&proof))) == Some(MeetingStep::IsItYours(proof)));
        assert!(step(kept(1, &hex(&proof))) == Some(MeetingStep::ItIs(proof)));
        assert!(step(kept(4, &hex(&proof))) == Some(MeetingStep::There(proof)));
        assert!(step(kept(3, &hex(&Proof::default()))) == Some(MeetingStep::Here));
        for broken in [kept(0, ""), kept(1, "zz"), kept(0, &"ä".repeat(32)), kept(5, &hex(&proof))] {
            assert!(step(broken).is_none());
        }
    }
}
