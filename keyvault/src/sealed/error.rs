//! What can go wrong with a vault file.

use std::time::Duration;

use crate::codec::Malformed;
use crate::passphrase::Unfit;
use crate::store::StoreError;
use crate::unlock::CostError;

/// Why a file could not be used, created, unlocked or changed.
#[derive(Debug, thiserror::Error)]
pub enum VaultFileError {
    /// Bytes are not what was written.
    #[error("the vault file is damaged")]
    Damaged,
    /// Written by a later version.
    #[error("the vault file needs a newer version")]
    Newer,
    /// There is a vault in it already.
    #[error("there is a vault already")]
    Exists,
    /// No slot opens with this passphrase.
    #[error("wrong passphrase")]
    WrongPassphrase,
    /// After so many wrong passphrases the next try must wait.
    #[error("too many wrong passphrases: the next try in {} s", self.wait_s())]
    Wait(Duration),
    /// A new passphrase cannot be nothing.
    #[error("the passphrase is empty")]
    EmptyPassphrase,
    /// A new passphrase has a character that Unicode has not assigned yet.
    #[error("the passphrase has a character that Unicode has not assigned yet: choose another")]
    Unassigned,
    /// The new passphrase opens a slot already.
    #[error("this passphrase opens a slot already")]
    Taken,
    /// Every slot is in use.
    #[error("all key slots are in use")]
    SlotsFull,
    /// No slot of that number is in use, or it is not of a kind that this can be done with.
    #[error("no such key slot")]
    NoSuchSlot,
    /// Without it nobody could open the vault any more.
    #[error("the last passphrase cannot be removed")]
    LastPassphrase,
    /// The parameters of the key derivation are refused.
    #[error(transparent)]
    Cost(#[from] CostError),
    /// Memory that is never swapped cannot be had for the keys.
    #[error("memory for the keys cannot be locked: raise the limit (ulimit -l) to 64 KiB or more")]
    MemoryLock,
    /// Another process holds the file.
    #[error("the vault file is in use")]
    InUse,
    /// The file could not be read or written.
    #[error("vault file: {doing} failed")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl VaultFileError {
    /// Whole seconds to wait, at least 1; 0 where that is not what is wrong.
    #[must_use]
    pub fn wait_s(&self) -> u16 {
        if let Self::Wait(wait) = self { whole_seconds(*wait).max(1) } else { 0 }
    }

    /// The whole line for the operator: with what the system said.
    #[must_use]
    pub fn with_source(&self) -> String {
        match self {
            Self::Io { source, .. } => format!("{self}: {source}"),
            _ => self.to_string(),
        }
    }
}

impl From<Unfit> for VaultFileError {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::Empty => Self::EmptyPassphrase,
            Unfit::Unassigned => Self::Unassigned,
        }
    }
}

impl From<StoreError> for VaultFileError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Io { doing, source } => Self::Io { doing, source },
            StoreError::Closed => Self::Io { doing: "using", source: Box::new(error) },
            StoreError::Damaged | StoreError::ReadOnly => Self::Damaged,
        }
    }
}

/// The error of a call on the file, with what it was for.
pub(super) fn io<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
    doing: &'static str,
) -> impl Fn(E) -> VaultFileError {
    move |source| VaultFileError::Io { doing, source: source.into() }
}

/// As many whole seconds as pass before it is over.
#[must_use]
pub fn whole_seconds(wait: Duration) -> u16 {
    u16::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u16::MAX)
}

/// Bytes that are not what was written.
pub(super) fn damaged(_: Malformed) -> StoreError {
    StoreError::Damaged
}

/// A page whose checksum fails is damage; everything else is the system's fault.
pub(super) fn failed<E: Into<redb::Error>>(doing: &'static str) -> impl Fn(E) -> StoreError {
    move |error| match error.into() {
        redb::Error::Corrupted(_) => StoreError::Damaged,
        error => StoreError::Io { doing, source: Box::new(error) },
    }
}
