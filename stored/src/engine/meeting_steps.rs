//! What is told of a link that may lead to somebody who is a contact already, and of two sessions with one person, as it lies in the
//! outbox (docs/protocol/content.md, "Meeting again").

use crate::content::{Kind, Meeting, MeetingStep, Proof, WireId};
use crate::store::Change;

/// What was kept of a step, to be told: its number stands in the place of an edit's name.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::hex;

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
