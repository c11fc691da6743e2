//! What two people compare, and what is left of a contact.

use super::{Fault, SessionId};
use crate::edge::{Part, Read, call, length, listed, mirrored, text, words};
use crate::edges::stored_keyvault_capnp::{
    self as wire, VaultError, code_result, comparison_result, done_result, session_result, vault,
};
use crate::limits::LINK_MAX_CHARS;

/// A safety number's digits with spaces, bytes.
pub const DIGITS_MAX_BYTES: usize = 80;
/// Its words, and bytes of one.
pub(in crate::edge) const WORDS: usize = 8;
const WORD_MAX_BYTES: usize = 32;

/// What people read to each other.
pub(in crate::edge) fn write_words(mut to: capnp::text_list::Builder<'_>, words: &[String]) {
    for (at, word) in (0..).zip(words) {
        to.set(at, word);
    }
}

pub(in crate::edge) fn read_words(from: capnp::text_list::Reader<'_>) -> Read<Vec<String>> {
    listed(from.iter(), WORDS, |word| text(word?, WORD_MAX_BYTES))
}

call! {
    /// A contact's safety number, and whether it was compared.
    #[derive(Clone, Copy, PartialEq, Eq)]
    Session of vault: session_request, session_params, session_results;
    asks {
        /// The contact's.
        session: SessionId => number get_session set_session,
    }
    answers SafetyNumber, SessionError: in get_result init_result as session_result Session group init_session;
}

/// What two people compare.
#[derive(Clone, PartialEq, Eq)]
pub struct SafetyNumber {
    /// 60 in 12 groups.
    pub digits: String,
    /// 8.
    pub words: Vec<String>,
    /// It was compared.
    pub verified: bool,
}

words! {
    /// Why nothing is told of a contact's session.
    SessionError of VaultError, or Fault(Fault) {
        /// There is none.
        NoSuchId,
    }
}

impl Part for SafetyNumber {
    type Wire = session_result::session::Owned;

    fn write(&self, mut to: session_result::session::Builder<'_>) {
        to.set_digits(&self.digits);
        to.set_verified(self.verified);
        write_words(to.init_words(length(self.words.len())), &self.words);
    }

    fn read(from: session_result::session::Reader<'_>) -> Read<Self> {
        Ok(Self {
            digits: text(from.get_digits()?, DIGITS_MAX_BYTES)?,
            words: read_words(from.get_words()?)?,
            verified: from.get_verified(),
        })
    }
}

call! {
    /// Drops every key of a contact.
    #[derive(Clone, Copy, PartialEq, Eq)]
    RemoveSession of vault: remove_session_request, remove_session_params, remove_session_results;
    asks {
        /// An unknown one is fine.
        session: SessionId => number get_session set_session,
    }
    answers nothing;
}

call! {
    /// The user compared a safety number, or takes that back.
    #[derive(Clone, PartialEq, Eq)]
    SetVerified of vault: set_verified_request, set_verified_params, set_verified_results;
    asks {
        /// The contact's.
        session: SessionId => number get_session set_session,
        /// What was compared; empty takes it back.
        digits: String => text(DIGITS_MAX_BYTES) get_digits set_digits,
    }
    answers (), SetVerifiedError: in get_result init_result as done_result Done nothing set_done;
}

words! {
    /// Why nothing was noted.
    SetVerifiedError of VaultError, or Fault(Fault) {
        /// There is no such session.
        NoSuchId,
        /// The contact has another number by now.
        NumberChanged,
    }
}

call! {
    /// The text of the QR code to show to a contact.
    #[derive(Clone, Copy, PartialEq, Eq)]
    VerificationCode of vault: verification_code_request, verification_code_params, verification_code_results;
    asks {
        /// The contact's.
        session: SessionId => number get_session set_session,
    }
    answers String, SessionError: in get_result init_result as code_result Code text(LINK_MAX_CHARS) set_code;
}

call! {
    /// Compares what was scanned; a match verifies the contact.
    #[derive(Clone, PartialEq, Eq)]
    CompareCode of vault: compare_code_request, compare_code_params, compare_code_results;
    asks {
        /// The contact's.
        session: SessionId => number get_session set_session,
        /// Untrusted.
        code: String => text(LINK_MAX_CHARS) get_code set_code,
    }
    answers Comparison, SessionError: in get_result init_result as comparison_result Told word set_told;
}

mirrored! {
    /// What a scanned code says about a contact.
    Comparison = wire::Comparison {
        /// It is theirs.
        Match => "match",
        /// It is somebody else's.
        OtherPerson => "other-person",
        /// It is no such code.
        NotACode => "not-a-code",
        /// A later version made it.
        NewerVersion => "newer-version",
    }
}
