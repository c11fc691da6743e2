//! Whether two who know each other meet once more: a link that leads to somebody who is a contact already, and two sessions of the same
//! two people (docs/protocol/content.md, "Meeting again").

use sha2::{Digest, Sha256};

use super::WireId;
use super::error::{ContentError, wire_id};
use super::generated::content_capnp::content::{MeetingStep as WireStep, meeting as wire};

/// Shows that whoever says it has a link.
pub type Proof = [u8; 32];

/// One of these.
#[derive(Clone, PartialEq, Eq)]
pub struct Meeting {
    /// Names a question and its answer; of [`MeetingStep::Here`] a secret.
    pub id: WireId,
    /// What is told.
    pub step: MeetingStep,
}

/// What is told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum MeetingStep {
    /// The writer has a link and takes it for one of the reader's.
    IsItYours(Proof),
    /// It is.
    ItIs(Proof),
    /// It is not, or leads nowhere any more.
    ItIsNot,
    /// In a session that is to end: who can prove this id in the other one is the same.
    Here,
    /// In the session that stays.
    There(Proof),
}

/// What a proof is for: neither can be passed off for the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proves {
    /// A question.
    Question,
    /// That the answer is yes.
    Answer,
    /// That the id was heard in another session.
    Heard,
}

/// What a proof proves, to the two of one session alone: nobody between two sessions can hand it on, and who is asked by mistake learns
/// nothing about the link unless they have it. `digits`: of that session's safety number, however they are grouped.
#[must_use]
pub fn proof(proves: Proves, id: WireId, digits: &str, link: &str) -> Proof {
    let label: &[u8] = match proves {
        Proves::Question => b"privatus/meeting/question/v1",
        Proves::Answer => b"privatus/meeting/answer/v1",
        Proves::Heard => b"privatus/meeting/heard/v1",
    };
    let digits: Vec<u8> = digits.bytes().filter(u8::is_ascii_digit).collect();
    let hash = Sha256::new().chain_update(label).chain_update(id.0).chain_update(digits);
    hash.chain_update(link).finalize().into()
}

/// `None`: a step that a later version takes.
pub(super) fn read(from: &wire::Reader<'_>) -> Result<Option<Meeting>, ContentError> {
    let untrusted_proof = from.get_proof()?;
    let proof = || untrusted_proof.try_into().map_err(|_| ContentError);
    let step = match from.get_step() {
        Ok(WireStep::IsItYours) => MeetingStep::IsItYours(proof()?),
        Ok(WireStep::ItIs) => MeetingStep::ItIs(proof()?),
        Ok(WireStep::There) => MeetingStep::There(proof()?),
        Ok(_) if !untrusted_proof.is_empty() => return Err(ContentError),
        Ok(WireStep::ItIsNot) => MeetingStep::ItIsNot,
        Ok(WireStep::Here) => MeetingStep::Here,
        Err(capnp::NotInSchema(_)) => return Ok(None),
    };
    Ok(Some(Meeting { id: wire_id(from.get_id()?)?, step }))
}

pub(super) fn write(mut to: wire::Builder<'_>, from: &Meeting) {
    to.set_id(&from.id.0);
    match &from.step {
        MeetingStep::IsItYours(proof) | MeetingStep::ItIs(proof) | MeetingStep::There(proof) => {
            to.set_proof(proof)
        }
        MeetingStep::ItIsNot | MeetingStep::Here => {}
    }
    to.set_step(match from.step {
        MeetingStep::IsItYours(_) => WireStep::IsItYours,
        MeetingStep::ItIs(_) => WireStep::ItIs,
        MeetingStep::ItIsNot => WireStep::ItIsNot,
        MeetingStep::Here => WireStep::Here,
        MeetingStep::There(_) => WireStep::There,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_of_one_use_one_question_one_session_and_one_link() {
        let (id, other) = (WireId([1; 16]), WireId([2; 16]));
        let proofs = [
            proof(Proves::Question, id, "12345 67890", "link"),
            proof(Proves::Answer, id, "12345 67890", "link"),
            proof(Proves::Heard, id, "12345 67890", "link"),
            proof(Proves::Question, other, "12345 67890", "link"),
            proof(Proves::Question, id, "12345 67891", "link"),
            proof(Proves::Question, id, "12345 67890", "links"),
        ];
        for (at, one) in proofs.iter().enumerate() {
            assert!(proofs.iter().skip(at + 1).all(|another| another != one), "{at}");
        }
        assert_eq!(proofs[0], proof(Proves::Question, id, "1234567890", "link"), "however it is grouped");
    }
}
