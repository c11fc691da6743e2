//! Comparing by short string: three steps between two vaults, and the person's word (docs/protocol/identity.md, "Verification").

use super::contacts::{DIGITS_MAX_BYTES, SessionError, read_words, write_words};
use super::{Fault, Key, SessionId};
use crate::edge::{Part, Read, call, fixed, length, text, words};
use crate::edges::stored_keyvault_capnp::{VaultError, done_result, shown_result, step_result, vault};

call! {
    /// Begins a run: its commitment. Each call is another one.
    #[derive(Clone, Copy, PartialEq, Eq)]
    BeginComparison of vault: begin_comparison_request, begin_comparison_params, begin_comparison_results;
    asks {
        /// The contact's.
        session: SessionId => number get_session set_session,
    }
    answers ComparisonStep, SessionError: in get_result init_result as step_result Step group init_step;
}

call! {
    /// The nonce that answers a peer's commitment.
    #[derive(Clone, Copy, PartialEq, Eq)]
    AnswerComparison of vault: answer_comparison_request, answer_comparison_params, answer_comparison_results;
    asks {
        /// The contact's.
        session: SessionId => number get_session set_session,
        /// Untrusted.
        commitment: Key => fixed get_commitment set_commitment,
    }
    answers ComparisonStep, SessionError: in get_result init_result as step_result Step group init_step;
}

call! {
    /// Who began is answered with this nonce.
    #[derive(Clone, Copy, PartialEq, Eq)]
    RevealComparison of vault: reveal_comparison_request, reveal_comparison_params, reveal_comparison_results;
    asks {
        /// The contact's.
        session: SessionId => number get_session set_session,
        /// Untrusted.
        nonce: Key => fixed get_nonce set_nonce,
    }
    answers Shown, RevealError: in get_result init_result as shown_result Shown group init_shown;
}

call! {
    /// Who answered is revealed this nonce.
    #[derive(Clone, Copy, PartialEq, Eq)]
    CheckComparison of vault: check_comparison_request, check_comparison_params, check_comparison_results;
    asks {
        /// The contact's.
        session: SessionId => number get_session set_session,
        /// Untrusted.
        nonce: Key => fixed get_nonce set_nonce,
    }
    answers Shown, CheckError: in get_result init_result as shown_result Shown group init_shown;
}

call! {
    /// The user says that the other side reads this out; only what is shown here verifies the contact.
    #[derive(Clone, PartialEq, Eq)]
    VerifyString of vault: verify_string_request, verify_string_params, verify_string_results;
    asks {
        /// The contact's.
        session: SessionId => number get_session set_session,
        /// Digits or words, in any grouping.
        told: String => text(DIGITS_MAX_BYTES) get_told set_told,
    }
    answers (), VerifyStringError: in get_result init_result as done_result Done nothing set_done;
}

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
