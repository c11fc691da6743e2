//! Comparing by short string: three steps between two vaults, and the person's word (docs/protocol/identity.md, "Verification").

use super::contacts::{DIGITS_MAX_BYTES, read_words, write_words};
use super::{Fault, Key};
use crate::edge::{Part, Read, fixed, length, text, words};
use crate::edges::stored_keyvault_capnp::{VaultError, shown_result, step_result};

/// A step for the peer, before there is anything to read out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ComparisonStep {
    /// The commitment of who begins, the nonce of who answers.
    pub told: Key,
    /// Runs since the contact was last verified, this one included.
    pub runs: u32,
}

/// What the two read to each other.
#[derive(Clone, PartialEq, Eq)]
pub struct Shown {
    /// The own: who began sends it.
    pub nonce: Key,
    /// 8 in 2 groups.
    pub digits: String,
    /// 2.
    pub words: Vec<String>,
    /// As in [`ComparisonStep`].
    pub runs: u32,
}

words! {
    /// Why nothing is revealed.
    RevealError of VaultError, or Fault(Fault) {
        /// There is no such session.
        NoSuchId,
        /// No run is that far, or another nonce was taken.
        NoComparison,
    }
}

words! {
    /// Why there is nothing to read out.
    CheckError of VaultError, or Fault(Fault) {
        /// There is no such session.
        NoSuchId,
        /// No run is that far.
        NoComparison,
        /// The peer had promised another nonce.
        NotCommittedTo,
    }
}

words! {
    /// Why nobody is verified.
    VerifyStringError of VaultError, or Fault(Fault) {
        /// There is no such session.
        NoSuchId,
        /// No string is shown.
        NoComparison,
        /// Another one is.
        OtherString,
    }
}

impl Part for ComparisonStep {
    type Wire = step_result::step::Owned;

    fn write(&self, mut to: step_result::step::Builder<'_>) {
        to.set_told(&self.told);
        to.set_runs(self.runs);
    }

    fn read(from: step_result::step::Reader<'_>) -> Read<Self> {
        Ok(Self { told: fixed(from.get_told()?)?, runs: from.get_runs() })
    }
}

impl Part for Shown {
    type Wire = shown_result::shown::Owned;

    fn write(&self, mut to: shown_result::shown::Builder<'_>) {
        to.set_nonce(&self.nonce);
        to.set_digits(&self.digits);
        to.set_runs(self.runs);
        write_words(to.init_words(length(self.words.len())), &self.words);
    }

    fn read(from: shown_result::shown::Reader<'_>) -> Read<Self> {
        Ok(Self {
            nonce: fixed(from.get_nonce()?)?,
            digits: text(from.get_digits()?, DIGITS_MAX_BYTES)?,
            words: read_words(from.get_words()?)?,
            runs: from.get_runs(),
        })
    }
}
