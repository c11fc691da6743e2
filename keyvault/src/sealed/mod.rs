//! The vault file (docs/protocol/vault-file.md, "The vault file, format 1"): two copies of header and key slots, the count of
//! wrong passphrases, then a redb database of sealed records, all behind one descriptor. Plain checksums are verified before
//! any passphrase is tried, so that damage is never told as a wrong one.
//!
//! `copy A 8,192 ‖ copy B 8,192 ‖ tries 4,096 ‖ redb`. A copy is `header 4,096 ‖ 8 slots × 512`. Both copies say the same; an
//! update writes one, then the other, so that a crash leaves one whole.

mod attempts;
mod backend;
mod compact;
mod digest;
mod disk;
mod entry;
mod error;
mod file_header;
mod groups;
mod key_slot;
mod layout;
mod locked;
mod recovery_words;
mod root;
mod salvage;
mod sealed_store;
mod slots;
mod state;
mod store_key;
mod turns;
mod wrapping;

use std::fs::File;
use std::sync::Arc;

pub use attempts::{Attempt, Caller};
pub use error::{VaultFileError, whole_seconds};
pub use key_slot::{SLOTS, SlotKind};
pub use locked::LockedVault;
pub use recovery_words::RECOVERY_WORDS;
pub use sealed_store::SealedStore;
pub use slots::OpenedVault;

use crate::unlock::{Cost, FLOOR};
use attempts::{Attempts, BLOCK_BYTES};
use error::io;
use file_header::Header;
use layout::{AREA_BYTES, COPIES_BYTES, Twice};
use locked::open_database;

/// What a vault file is, before any passphrase.
#[derive(Debug)]
pub enum Examined {
    /// Nothing was ever created in it (or creating it was interrupted before it was usable).
    Missing(File),
    /// A passphrase may be tried; see [`LockedVault::is_damaged`].
    Locked(Box<LockedVault>),
}

impl Examined {
    /// Verifies every plain checksum of the file. What is kept twice and was damaged once is written anew.
    ///
    /// # Errors
    /// `Damaged` (no slot can be read), `Newer`, `Cost` (parameters below the floor), `InUse`, `Io`.
    pub fn of(file: File) -> Result<Self, VaultFileError> {
        Self::with_floor(file, FLOOR)
    }

    pub(crate) fn with_floor(file: File, floor: Cost) -> Result<Self, VaultFileError> {
        use std::os::unix::fs::FileExt;
        file.try_lock().map_err(|error| match error {
            std::fs::TryLockError::WouldBlock => VaultFileError::InUse,
            std::fs::TryLockError::Error(error) => io("locking")(error),
        })?;
        let length = file.metadata().map_err(io("measuring"))?.len();
        let mut area = vec![0; usize::try_from(length.min(AREA_BYTES)).unwrap_or(0)];
        file.read_exact_at(&mut area, 0).map_err(io("reading"))?;
        let copies = usize::try_from(COPIES_BYTES).unwrap_or(usize::MAX).min(area.len());
        let (copies, tries) = area.split_at_checked(copies).unwrap_or_default();
        // A vault's header is written last of all, so one without it was never used.
        if copies.iter().all(|byte| *byte == 0) {
            return Ok(Self::Missing(file));
        }
        let (header, copies) = Header::newest_of(copies)?;
        header.cost.check(floor)?;
        let blocks = usize::try_from(2 * BLOCK_BYTES).unwrap_or(usize::MAX).min(tries.len());
        let (attempts, tries) = Attempts::of(tries.get(..blocks).unwrap_or_default());
        let file = Arc::new(file);
        // redb would begin a new database where it finds none: a vault that has lost its records is not an empty vault.
        let unwritable = disk::is_unwritable(&file);
        let readable = length > AREA_BYTES && !unwritable;
        let database = match readable.then(|| open_database(&file)) {
            Some(Ok(database)) => Some(database),
            None | Some(Err(VaultFileError::Damaged)) => None,
            Some(Err(error)) => return Err(error),
        };
        let damaged = database.is_none() && !unwritable;
        let repaired = copies == Twice::Damaged || tries == Twice::Damaged;
        let mut vault =
            LockedVault { file, header, attempts, database, floor, damaged, unwritable, repaired };
        vault.heal(copies, tries);
        Ok(Self::Locked(Box::new(vault)))
    }
}

/// Decodes everything of a vault file that is read before a passphrase was right, redb aside; for fuzzing.
pub fn examine_bytes(untrusted_bytes: &[u8]) {
    let _ = Header::newest_of(untrusted_bytes);
    let _ = Attempts::of(untrusted_bytes);
    let _ = entry::KeyEntry::decode(untrusted_bytes);
    let _ = entry::GroupEntry::decode(untrusted_bytes);
    let _ = entry::front(untrusted_bytes);
    let _ = recovery_words::read(untrusted_bytes);
}

#[cfg(test)]
mod tests;
