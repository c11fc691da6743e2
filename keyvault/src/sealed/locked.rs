//! A vault file that is held, with what it says to anybody.

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use redb::{Builder, Database};

use super::attempts::{Attempt, Attempts};
use super::backend::OffsetBackend;
use super::error::{VaultFileError, io};
use super::file_header::Header;
use super::layout::{AREA_BYTES, Twice};
use crate::store::StoreError;
use crate::unlock::Cost;

/// redb's page cache: keyvault's whole memory shall stay under 32 MiB with 10,000 sessions.
const CACHE_BYTES: usize = 4 << 20;

/// A vault file whose passphrase is not known.
pub struct LockedVault {
    /// Its lock is held as long as this is.
    pub(super) file: Arc<File>,
    pub(super) header: Header,
    pub(super) attempts: Attempts,
    /// `None` where it is damaged, or could not be opened anew.
    pub(super) database: Option<Database>,
    pub(super) floor: Cost,
    pub(super) damaged: bool,
    pub(super) repaired: bool,
}

impl LockedVault {
    /// Whether records cannot be read, or are not what was written: then the vault can only be read, as far as it goes.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        self.damaged
    }

    /// Whether something that is kept twice was damaged once, and is whole again.
    #[must_use]
    pub fn was_repaired(&self) -> bool {
        self.repaired
    }

    /// How long a caller must still wait for its turn; a local program takes its place by asking.
    pub fn turn(&mut self, attempt: Attempt) -> Duration {
        self.attempts.wait(attempt)
    }

    /// The local program of that number is gone, and its place with it.
    pub fn left(&mut self, number: u64) {
        self.attempts.left(number);
    }

    #[cfg(test)]
    pub(crate) fn count_wrong_for_tests(&mut self, attempt: Attempt) {
        self.attempts.count(attempt.caller, &self.file);
        self.attempts.failed(attempt);
    }

    /// Both copies say the same again. A file that cannot be written can still be read.
    pub(super) fn heal(&mut self, copies: Twice, tries: Twice) {
        let mut healed = Ok(());
        if copies != Twice::Alike {
            healed = self.header.write(&self.file);
        }
        if tries != Twice::Alike {
            healed = healed.and_then(|()| self.attempts.write(&self.file));
        }
        if healed.is_err() {
            self.repaired = false;
        }
    }

    pub(super) fn database(&self) -> Result<&Database, StoreError> {
        self.database.as_ref().ok_or(StoreError::Closed)
    }

    /// Drops what was never made durable, and what redb remembers of a failed write.
    pub(super) fn reopen(&mut self) -> Result<(), StoreError> {
        // The old one first: it must not write any more once the new one reads.
        self.database = None;
        let database = open_database(&self.file).map_err(|error| match error {
            VaultFileError::Io { doing, source } => StoreError::Io { doing, source },
            _ => StoreError::Damaged,
        })?;
        self.database = Some(database);
        Ok(())
    }
}

impl std::fmt::Debug for LockedVault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LockedVault({:?})", self.header.cost)
    }
}

pub(super) fn open_database(file: &Arc<File>) -> Result<Database, VaultFileError> {
    use redb::{DatabaseError, StorageError};
    Builder::new()
        .set_cache_size(CACHE_BYTES)
        .set_check_integrity_on_open(true)
        .create_with_backend(OffsetBackend::new(file.clone(), AREA_BYTES))
        .map_err(|error| match error {
            DatabaseError::Storage(StorageError::Io(error)) if error.raw_os_error().is_some() => {
                io("opening")(error)
            }
            _ => VaultFileError::Damaged,
        })
}
