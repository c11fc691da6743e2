//! A vault file that is held, with what it says to anybody.

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use rand_core::CryptoRng;
use redb::{Builder, Database, ReadableDatabase};

use super::attempts::{Attempt, Attempts};
use super::backend::OffsetBackend;
use super::digest::Digest;
use super::disk;
use super::error::{VaultFileError, damaged, failed, io};
use super::file_header::Header;
use super::key_slot::Slot;
use super::layout::{AREA_BYTES, Twice};
use super::sealed_store::{DIGEST, WHOLE, gone};
use super::state::State;
use crate::memory::Secret32;
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
    /// The disk takes no writes: it is read without redb, which writes as soon as it opens.
    pub(super) unwritable: bool,
    pub(super) repaired: bool,
}

/// What is needed to say something in the header's secret part.
pub(super) struct StateKeys<'a> {
    /// See [`super::state::key`].
    pub(super) state: &'a Secret32,
    /// See [`super::root::digest_key`].
    pub(super) digest: &'a [u8; 32],
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
        self.database = Some(open_database(&self.file).map_err(of_store)?);
        Ok(())
    }

    /// No record, nor any page of one that there was: redb begins in an empty place, as in a new vault.
    pub(super) fn begin_area(&mut self) -> Result<(), VaultFileError> {
        // Before the cut: redb writes when it is closed.
        self.database = None;
        disk::set_length(&self.file, AREA_BYTES).map_err(io("emptying"))?;
        self.database = Some(open_database(&self.file)?);
        self.damaged = false;
        Ok(())
    }

    /// The digest that the file holds.
    pub(super) fn digest(&self, key: &[u8; 32]) -> Result<Digest, StoreError> {
        let transaction = self.database()?.begin_read().map_err(failed("reading"))?;
        let whole = transaction.open_table(WHOLE).map_err(gone)?;
        let sealed = whole.get(DIGEST).map_err(failed("reading"))?.ok_or(StoreError::Damaged)?;
        Digest::open(key, sealed.value()).map_err(damaged)
    }

    /// Writes a header with this state, and with a slot changed. Every header of a vault that has records comes from here, so that
    /// each says how many writes they have seen by now: fewer, behind it, were put back.
    pub(super) fn write_state(
        &mut self,
        state: &State,
        keys: &StateKeys<'_>,
        slot: Option<(usize, Slot)>,
        rng: &mut impl CryptoRng,
    ) -> Result<(), VaultFileError> {
        // Where they cannot be read, what was known of them stays.
        let seen = self.digest(keys.digest).map_or(0, |digest| digest.commits);
        let state = State { commits: seen.max(state.commits), ..state.clone() };
        let mut header = self.header.next(rng);
        if let Some((at, slot)) = slot {
            header.set_slot(at, slot);
        }
        header.sealed_state = state.seal(keys.state, rng);
        self.put(header)
    }

    pub(super) fn put(&mut self, header: Header) -> Result<(), VaultFileError> {
        let written = header.write(&self.file);
        match written {
            Ok(()) => self.header = header,
            // It may stand in the file all the same: whoever asks next writes over both.
            Err(_) => self.header.come_after(&header),
        }
        written
    }
}

impl std::fmt::Debug for LockedVault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LockedVault({:?})", self.header.cost)
    }
}

/// The file's error as that of its records.
pub(super) fn of_store(error: VaultFileError) -> StoreError {
    match error {
        VaultFileError::Io { doing, source } => StoreError::Io { doing, source },
        _ => StoreError::Damaged,
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
