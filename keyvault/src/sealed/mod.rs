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
mod header;
mod layout;
mod records;
mod salvage;
mod slot;
mod slots;
mod state;
mod words;

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use rand_core::CryptoRng;
use redb::{Builder, Database};

pub use error::VaultFileError;
pub use records::SealedStore;
pub use slot::{SLOTS, SlotKind};
pub use slots::OpenedVault;
pub use words::RECOVERY_WORDS;

use crate::kdf;
use crate::memory::Secret32;
use crate::store::StoreError;
use crate::unlock::{Cost, FLOOR, SALT_BYTES};
use attempts::{Attempts, BLOCK_BYTES};
use backend::OffsetBackend;
use error::io;
use header::{Header, Plain};
use layout::{AREA_BYTES, COPIES_BYTES, Twice};
use state::State;

/// redb's page cache: keyvault's whole memory shall stay under 32 MiB with 10,000 sessions.
const CACHE_BYTES: usize = 4 << 20;

/// What a vault file is, before any passphrase.
#[derive(Debug)]
pub enum Examined {
    /// Nothing was ever created in it (or creating it was interrupted before it was usable).
    Missing(File),
    /// A passphrase may be tried; see [`LockedVault::is_damaged`].
    Locked(Box<LockedVault>),
}

/// A vault file whose passphrase is not known.
pub struct LockedVault {
    /// Its lock is held as long as this is.
    file: Arc<File>,
    header: Header,
    attempts: Attempts,
    /// `None` where it is damaged, or could not be opened anew.
    database: Option<Database>,
    floor: Cost,
    damaged: bool,
    repaired: bool,
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
        let database = if length <= AREA_BYTES { Err(VaultFileError::Damaged) } else { open_database(&file) };
        let database = match database {
            Ok(database) => Some(database),
            Err(VaultFileError::Damaged) => None,
            Err(error) => return Err(error),
        };
        let damaged = database.is_none();
        let repaired = copies == Twice::Damaged || tries == Twice::Damaged;
        let mut vault = LockedVault { file, header, attempts, database, floor, damaged, repaired };
        vault.heal(copies, tries);
        Ok(Self::Locked(Box::new(vault)))
    }
}

impl LockedVault {
    /// Makes a new vault in `file`, one slot in use.
    ///
    /// # Errors
    /// `Exists`, `EmptyPassphrase`, `Cost`, and all of [`Examined::of`].
    pub fn create<R: CryptoRng>(
        file: File,
        passphrase: &[u8],
        cost: Cost,
        rng: R,
    ) -> Result<SealedStore<R>, VaultFileError> {
        Self::create_with_floor(file, passphrase, cost, FLOOR, rng)
    }

    pub(crate) fn create_with_floor<R: CryptoRng>(
        file: File,
        passphrase: &[u8],
        cost: Cost,
        floor: Cost,
        mut rng: R,
    ) -> Result<SealedStore<R>, VaultFileError> {
        if passphrase.is_empty() {
            return Err(VaultFileError::EmptyPassphrase);
        }
        let Examined::Missing(file) = Examined::with_floor(file, floor)? else {
            return Err(VaultFileError::Exists);
        };
        // What an interrupted creation left behind goes first.
        file.set_len(0).map_err(io("emptying"))?;
        file.set_len(AREA_BYTES).map_err(io("growing"))?;
        let file = Arc::new(file);
        let database = Some(open_database(&file)?);

        let mut salt = [0; SALT_BYTES];
        rng.fill_bytes(&mut salt);
        let root = Secret32::random(&mut rng);
        let unlock_key = slots::stretch(cost.check(floor)?, &salt, passphrase)?;
        let state = State::create(false, &mut rng);
        let plain = Plain { generation: 1, cost, salt };
        let header = Header::create(plain, &unlock_key, &root, &state, &mut rng);
        let attempts = Attempts::none();
        attempts.write(&file)?;
        let vault = Self { file, header, attempts, database, floor, damaged: false, repaired: false };
        let store = SealedStore::begin(Box::new(vault), &root, &state, rng)?;
        // Last of all: until it stands there, the file counts as never made.
        store.vault.header.write(&store.vault.file)?;
        Ok(store)
    }

    /// Tries a passphrase. `now` is the time since the process began. On failure the locked vault comes back.
    ///
    /// # Errors
    /// `WrongPassphrase`, `Wait`, `Cost`.
    pub fn unlock<R: CryptoRng>(
        mut self: Box<Self>,
        passphrase: &[u8],
        now: Duration,
        mut rng: R,
    ) -> Result<SealedStore<R>, (Box<Self>, VaultFileError)> {
        match self.attempt(passphrase, now, &mut rng) {
            Ok(opened) => self.enter(&opened, rng),
            Err(error) => Err((self, error)),
        }
    }

    /// Opens the records behind a slot that was opened.
    ///
    /// # Errors
    /// `Io`. Damage is none: what is left can be read.
    pub fn enter<R: CryptoRng>(
        self: Box<Self>,
        opened: &OpenedVault,
        rng: R,
    ) -> Result<SealedStore<R>, (Box<Self>, VaultFileError)> {
        SealedStore::new(self, &opened.root, rng)
    }

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

    /// Both copies say the same again. A file that cannot be written can still be read.
    fn heal(&mut self, copies: Twice, tries: Twice) {
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

    fn database(&self) -> Result<&Database, StoreError> {
        self.database.as_ref().ok_or(StoreError::Closed)
    }

    /// Drops what was never made durable, and what redb remembers of a failed write.
    fn reopen(&mut self) -> Result<(), StoreError> {
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

/// Decodes everything of a vault file that is read before a passphrase was right, redb aside; for fuzzing.
pub fn examine_bytes(untrusted_bytes: &[u8]) {
    let _ = Header::newest_of(untrusted_bytes);
    let _ = Attempts::of(untrusted_bytes);
    let _ = entry::KeyEntry::decode(untrusted_bytes);
    let _ = entry::front(untrusted_bytes);
    let _ = words::read(untrusted_bytes);
}

/// The root of the decoy that belongs to a root: whoever has this one has that one, not the other way round.
fn decoy_root(root: &Secret32) -> Secret32 {
    kdf::label(root, &[b"privatus/vault/decoy/v1"])
}

/// The key of stored's database. It follows from the root alone, so that history opens even where no record does.
fn store_key(root: &Secret32) -> Secret32 {
    kdf::label(root, &[b"privatus/vault/store/v1"])
}

fn open_database(file: &Arc<File>) -> Result<Database, VaultFileError> {
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

#[cfg(test)]
mod tests;
