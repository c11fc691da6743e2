//! The Triple Ratchet: the Double Ratchet with header encryption (Signal's specification, 2025 revision) beside a sparse
//! ML-KEM-768 ratchet in the slot of its headers, each message key from both (docs/protocol/ratchet.md).

mod chain_key;
mod header_slot;
mod message_header;
mod message_key;
mod post_quantum;
mod ratchet_key;
mod receiving_chain;
mod root_key;
mod sending_chain;
mod session;
mod side;

pub use header_slot::SLOT_BYTES;
pub use message_header::{ENCRYPTED_HEADER_BYTES, HEADER_BYTES};
pub use receiving_chain::{OLD_CHAINS_MAX, SKIPPED_KEPT, SKIPPED_MAX};
pub use session::{Accepted, Session};

/// Random salt of a message key, bytes: a restored old state never repeats a keystream.
pub const SALT_BYTES: usize = 16;
/// Commitment to a message key, bytes.
pub const COMMITMENT_BYTES: usize = 32;

/// What a message has beside its body's plaintext: encrypted header ‖ salt ‖ commitment ‖ tag.
pub const MESSAGE_OVERHEAD_BYTES: usize = ENCRYPTED_HEADER_BYTES + SALT_BYTES + COMMITMENT_BYTES + 16;

/// Why a message was not opened. Nothing of the session has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RatchetError {
    /// No header key fits: not for this session, or of a chain that is forgotten.
    #[error("no header key fits")]
    NoHeaderKey,
    /// The header opens but names a message whose key was used, or never existed.
    #[error("message key was used before")]
    Used {
        /// The peer's ratchet key of that chain.
        chain: [u8; 32],
        /// The message's number in it.
        number: u32,
    },
    /// Beyond the end that the peer itself gave a chain, or a second ratchet key for one chain: it restored an old state.
    #[error("the peer restored an old state")]
    RolledBack,
    /// A new chain of the peer whose slot does not answer the one that it has received: the post-quantum ratchet stands still
    /// there, and nothing is accepted without it. The session has to be opened anew.
    #[error("the post-quantum ratchet stands still")]
    Stalled,
    /// More messages were skipped than the limit allows.
    #[error("too many messages skipped")]
    TooManySkipped,
    /// Header fields that no honest peer writes, or a ratchet key that does not contribute.
    #[error("header is malformed")]
    BadHeader,
    /// The commitment is not to the key of this message.
    #[error("message key is not the one committed to")]
    BadCommitment,
    /// The body was altered.
    #[error("body is not authentic")]
    BadBody,
    /// Wrong length, or padding that is not zero.
    #[error("body is malformed")]
    Malformed,
    /// A chain of 2^32 messages, or a session that cannot send yet: our own fault.
    #[error("cannot send")]
    CannotSend,
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
