//! The vault file (protocol.md 3a): two copies of header and key slots, then a redb database of sealed records, all behind
//! one descriptor. Plain checksums are verified before any passphrase is tried, so that damage is never told as a wrong one.
//!
//! `copy A 8,192 ‖ copy B 8,192 ‖ redb`. A copy is `header 4,096 ‖ 8 slots × 512`. Both copies say the same; an update writes
//! one, then the other, so that a crash leaves one whole.

mod backend;
mod header;
mod records;

use std::fs::File;
use std::sync::Arc;

use rand_core::CryptoRng;
use redb::{Builder, Database};

pub use header::SLOTS;
pub use records::SealedStore;

use crate::memory::Secret32;
use crate::store::StoreError;
use crate::unlock::{Cost, CostError, FLOOR, SALT_BYTES};
use backend::OffsetBackend;
use header::{AREA_BYTES, COPY_BYTES, Header};

/// redb's page cache: keyvault's whole memory shall stay under 32 MiB with 10,000 sessions.
const CACHE_BYTES: usize = 4 << 20;

/// What a vault file is, before any passphrase.
#[derive(Debug)]
pub enum Examined {
    /// Nothing was ever created in it (or creating it was interrupted before it was usable).
    Missing(File),
    /// Sound; a passphrase may be tried.
    Locked(Box<LockedVault>),
}

/// Why a file could not be used, created or unlocked.
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
    /// A new vault needs one.
    #[error("the passphrase is empty")]
    EmptyPassphrase,
    /// The parameters of the key derivation are refused.
    #[error(transparent)]
    Cost(#[from] CostError),
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

/// A sound vault file whose passphrase is not known.
pub struct LockedVault {
    /// Its lock is held as long as this is.
    file: Arc<File>,
    header: Header,
    /// `None` after it could not be opened anew.
    database: Option<Database>,
    floor: Cost,
}

impl Examined {
    /// Verifies every plain checksum of the file.
    ///
    /// # Errors
    /// `Damaged`, `Newer`, `Cost` (parameters below the floor), `InUse`, `Io`.
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
        // A vault's header is written last of all, so one without it was never used.
        if area.iter().all(|byte| *byte == 0) {
            return Ok(Self::Missing(file));
        }
        let header = Header::newest_of(&area)?;
        header.cost.check(floor)?;
        // redb would begin a new database where it finds none: a vault that has lost its records is not an empty vault.
        if length <= AREA_BYTES {
            return Err(VaultFileError::Damaged);
        }
        let file = Arc::new(file);
        let database = open_database(&file)?;
        Ok(Self::Locked(Box::new(LockedVault { file, header, database: Some(database), floor })))
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
        Self::create_with_floor(file, passphrase, (cost, FLOOR), rng)
    }

    pub(crate) fn create_with_floor<R: CryptoRng>(
        file: File,
        passphrase: &[u8],
        (cost, floor): (Cost, Cost),
        mut rng: R,
    ) -> Result<SealedStore<R>, VaultFileError> {
        use std::os::unix::fs::FileExt;
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
        let database = open_database(&file)?;

        let mut salt = [0; SALT_BYTES];
        rng.fill_bytes(&mut salt);
        let root = Secret32::random(&mut rng);
        let unlock_key = cost.check(floor)?.derive(passphrase, &salt)?;
        let header = Header::create(cost, salt, (&unlock_key, &root), &mut rng);
        file.sync_data().map_err(io("syncing"))?;
        let copy = header.encode();
        for at in [0, COPY_BYTES] {
            file.write_all_at(&copy, at).map_err(io("writing"))?;
            file.sync_data().map_err(io("syncing"))?;
        }
        let vault = Box::new(Self { file, header, database: Some(database), floor });
        SealedStore::new(vault, &root, rng).map_err(|(_, error)| error)
    }

    /// Tries a passphrase. On failure the locked vault comes back.
    ///
    /// # Errors
    /// `WrongPassphrase`, `Cost`.
    pub fn unlock<R: CryptoRng>(
        self: Box<Self>,
        passphrase: &[u8],
        rng: R,
    ) -> Result<SealedStore<R>, (Box<Self>, VaultFileError)> {
        match self.root(passphrase) {
            Ok(root) => SealedStore::new(self, &root, rng),
            Err(error) => Err((self, error)),
        }
    }

    /// Whether a slot opens with this passphrase; takes as long as an unlock.
    ///
    /// # Errors
    /// `WrongPassphrase`, `Cost`.
    pub fn verify(&self, passphrase: &[u8]) -> Result<(), VaultFileError> {
        self.root(passphrase).map(drop)
    }

    fn root(&self, passphrase: &[u8]) -> Result<Secret32, VaultFileError> {
        let cost = self.header.cost.check(self.floor)?;
        let unlock_key = cost.derive(passphrase, &self.header.salt)?;
        self.header.root(&unlock_key).ok_or(VaultFileError::WrongPassphrase)
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

fn io<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
    doing: &'static str,
) -> impl Fn(E) -> VaultFileError {
    move |source| VaultFileError::Io { doing, source: source.into() }
}

#[cfg(test)]
mod tests;
