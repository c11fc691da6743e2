//! What can go wrong in a call, by who is at fault and what the caller can do about it.

use std::time::Duration;

use crate::agreement_key::AgreementError;
use crate::codec::Malformed;
use crate::store::StoreError;

/// A vault call that changed nothing.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The caller named something that the vault does not hold (any more).
    #[error("no such {0}")]
    NoSuch(Thing),
    /// Refused: this many new contacts were made within the last hour.
    #[error("too many new contacts, next one in {retry_after:?}")]
    RateLimited {
        /// Until the oldest of them is an hour old.
        retry_after: Duration,
    },
    /// Refused: answers that the caller has not forgotten are at their limit.
    #[error("too many answers kept; forget some first")]
    TooManyKept,
    /// Refused: more of one kind than the vault holds.
    #[error("too many {0}s")]
    TooMany(Thing),
    /// Refused: content over `CONTENT_MAX` or `FIRST_CONTENT_MAX`, or too many offers.
    #[error("content is too long")]
    TooLong,
    /// Refused: an id was used before for another request.
    #[error("this {0} was used for another request")]
    Conflict(Thing),
    /// Refused: the thing exists but not for this purpose, side, relay or session.
    #[error("this {0} does not serve that purpose")]
    WrongPurpose(Thing),
    /// What the relay answered, or which relay was named, does not fit the keys.
    #[error("the relay does not fit")]
    RelayMismatch,
    /// The session has no queue of the peer to deposit into.
    #[error("the session has no peer queue yet")]
    NoPeerQueue,
    /// There is nothing left to open the session anew with: the two have to meet again.
    #[error("the session cannot be opened anew; invite again")]
    InviteAgain,
    /// The user compared another safety number than the contact's.
    #[error("the safety number is another one now")]
    NumberChanged,
    /// The user was told another short string than the one that is shown here.
    #[error("the short string is another one")]
    Mistaken,
    /// The peer revealed another nonce than it had committed to: somebody sits between, or it cheats.
    #[error("what was revealed is not what was committed to")]
    NotCommittedTo,
    /// An invite cannot be used.
    #[error(transparent)]
    Invite(#[from] InviteError),
    /// The vault file could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Our own fault.
    #[error("bug: {0}")]
    Bug(&'static str),
}

/// The kinds of things that ids name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thing {
    /// A one-time invite of our own.
    Invite,
    /// An opened invite of somebody else.
    Accept,
    /// An own receive queue.
    ReceiveQueue,
    /// A session.
    Session,
    /// A queue of a peer.
    PeerQueue,
    /// A message on its way out.
    Outbox,
    /// An own contact address.
    Address,
    /// A comparison by short string.
    Comparison,
}

impl std::fmt::Display for Thing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Invite => "invite",
            Self::Accept => "accepted invite",
            Self::ReceiveQueue => "receive queue",
            Self::Session => "session",
            Self::PeerQueue => "peer queue",
            Self::Outbox => "outbox message",
            Self::Address => "address",
            Self::Comparison => "comparison",
        })
    }
}

/// Why an invite of somebody else cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InviteError {
    /// Not an invite link at all.
    #[error("not an invite link")]
    NotALink,
    /// The end of the link is missing.
    #[error("the invite link is truncated")]
    Truncated,
    /// Link or bundle were altered, or its keys are refused.
    #[error("the invite was altered")]
    Altered,
    /// Its lifetime is over.
    #[error("the invite has expired")]
    Expired,
    /// Made by a later version.
    #[error("the invite needs a newer version")]
    NewerVersion,
    /// Made by this very profile.
    #[error("the invite is your own")]
    Own,
    /// This profile accepted it before.
    #[error("the invite was accepted before")]
    Used,
}

impl From<Malformed> for VaultError {
    /// Only own records are decoded with `?` into this type: they were authentic, so a wrong layout is our fault.
    fn from(_: Malformed) -> Self {
        Self::Bug("a sealed record has the wrong layout")
    }
}

impl From<AgreementError> for VaultError {
    fn from(_: AgreementError) -> Self {
        Self::Bug("a key that was checked before does not agree")
    }
}
