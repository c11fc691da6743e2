//! Comparing by short string: the steps that two programs take together, and what their people say in the end.

use super::error::ContentError;
use super::generated::content_capnp::content::{End as WireEnd, comparison as wire};

/// One step.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Comparison {
    /// Names the run: the commitment of who began it.
    pub run: [u8; 32],
    /// What is told.
    pub step: ComparisonStep,
}

/// How far it has come. Untrusted when received.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ComparisonStep {
    /// The sender commits to a nonce.
    Begin,
    /// The other one's nonce.
    Answer([u8; 32]),
    /// The nonce that was committed to.
    Reveal([u8; 32]),
    /// The sender goes on no more.
    End(ComparisonEnd),
}

/// Why. It is the sender's word, and decides nothing at the reader's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ComparisonEnd {
    /// It was given up, or is not known there.
    Stopped,
    /// Their person said that the strings differ.
    Different,
    /// Or that they are the same.
    Same,
}

/// `None`: a step that a later version takes.
pub(super) fn read(from: &wire::Reader<'_>) -> Result<Option<Comparison>, ContentError> {
    let step = match from.which() {
        Ok(wire::Begin(())) => ComparisonStep::Begin,
        Ok(wire::Answer(nonce)) => ComparisonStep::Answer(key(nonce?)?),
        Ok(wire::Reveal(nonce)) => ComparisonStep::Reveal(key(nonce?)?),
        Ok(wire::End(Ok(why))) => ComparisonStep::End(match why {
            WireEnd::Stopped => ComparisonEnd::Stopped,
            WireEnd::Different => ComparisonEnd::Different,
            WireEnd::Same => ComparisonEnd::Same,
        }),
        Ok(wire::End(Err(capnp::NotInSchema(_)))) | Err(capnp::NotInSchema(_)) => return Ok(None),
    };
    Ok(Some(Comparison { run: key(from.get_commitment()?)?, step }))
}

pub(super) fn write(mut to: wire::Builder<'_>, from: &Comparison) {
    to.set_commitment(&from.run);
    match &from.step {
        ComparisonStep::Begin => to.set_begin(()),
        ComparisonStep::Answer(nonce) => to.set_answer(nonce),
        ComparisonStep::Reveal(nonce) => to.set_reveal(nonce),
        ComparisonStep::End(why) => to.set_end(match why {
            ComparisonEnd::Stopped => WireEnd::Stopped,
            ComparisonEnd::Different => WireEnd::Different,
            ComparisonEnd::Same => WireEnd::Same,
        }),
    }
}

fn key(bytes: &[u8]) -> Result<[u8; 32], ContentError> {
    bytes.try_into().map_err(|_| ContentError)
}
