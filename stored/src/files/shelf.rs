//! Files at rest: `blobs/`, where each has a file of its own, sealed under a key of its own that lies in the database alone
//! (docs/protocol/file.md, "At rest"). The only part of this folder of the source that does I/O.
//!
//! A piece is written in its place, so that pieces may come in any order. It counts as being there only once [`Kept::sync`] said that it is
//! durable, and then that is written into the database: a kill in between leaves a piece that is written again.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use ipc_schema::limits::PIECE_BYTES;
use rand_core::CryptoRng;

use super::cipher::{NONCE_BYTES, Seal, TAG_BYTES};
use super::cut::Cut;
use crate::database;
use crate::error::StoreError;
use crate::ids::hex;
use crate::secret::Secret;

/// The folder, in stored's own.
const FOLDER: &str = "blobs";
/// What is left free on the disk: the history needs room also where a file takes all that there is.
const RESERVE_BYTES: u64 = 64 << 20;
/// A piece as it lies there, bytes.
const SLOT_BYTES: usize = NONCE_BYTES + PIECE_BYTES + TAG_BYTES;
const NONCE_CONTEXT: &str = "privatus/blob/nonce/v1";
const VERSION: u8 = 1;

/// Names a file in `blobs/`: random, known to this profile alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlobName(pub [u8; 16]);

/// What has to be known to read one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Which.
    pub name: BlobName,
    /// Nothing else opens it.
    pub key: Secret,
    /// How what is in it is cut.
    pub cut: Cut,
}

/// Why a file at rest cannot be written or read. The history is as it was.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// It would take what the history needs.
    #[error("the disk is full: free some space, and it goes on")]
    Full,
    /// It is not there, or not what was written.
    #[error("what was kept of the file is damaged")]
    Damaged,
    /// The disk.
    #[error("the disk gives errors: {0}")]
    Disk(io::Error),
}

/// The folder. It is made with the first file: a profile that has none has no such folder.
#[derive(Debug, Clone)]
pub struct Shelf {
    folder: PathBuf,
    reserve_bytes: u64,
}

/// An open one.
#[derive(Debug)]
pub struct Kept {
    file: File,
    blob: Blob,
    nonce_key: Secret,
    reserve_bytes: u64,
}

impl From<io::Error> for BlobError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => Self::Full,
            ErrorKind::NotFound | ErrorKind::UnexpectedEof => Self::Damaged,
            _ => Self::Disk(error),
        }
    }
}

impl From<StoreError> for BlobError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full => Self::Full,
            StoreError::Io(error) => Self::Disk(error),
            other => Self::Disk(io::Error::other(other)),
        }
    }
}

impl Blob {
    /// For a file that is cut so; nothing of it is there yet.
    #[must_use]
    pub fn new(cut: Cut, rng: &mut dyn CryptoRng) -> Self {
        let (mut name, mut key) = ([0; 16], [0; 32]);
        rng.fill_bytes(&mut name);
        rng.fill_bytes(&mut key);
        Self { name: BlobName(name), key: Secret::of(key), cut }
    }
}

impl Shelf {
    /// In stored's folder.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.join(FOLDER), reserve_bytes: RESERVE_BYTES }
    }

    fn path(&self, name: BlobName) -> PathBuf {
        self.folder.join(hex(&name.0))
    }

    /// Makes one whose row is durable.
    ///
    /// # Errors
    /// What the disk says; one of that name is there.
    pub fn make(&self, blob: Blob) -> Result<Kept, BlobError> {
        match fs::create_dir(&self.folder) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error.into()),
            Err(_) => {}
            Ok(()) => database::sync_folder_of(&self.folder)?,
        }
        let path = self.path(blob.name);
        let file = File::options().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
        database::sync_folder_of(&path)?;
        Ok(self.kept(file, blob))
    }

    /// Opens one.
    ///
    /// # Errors
    /// What the disk says; [`BlobError::Damaged`]: it is not there.
    pub fn open(&self, blob: Blob) -> Result<Kept, BlobError> {
        let file = File::options().read(true).write(true).open(self.path(blob.name))?;
        Ok(self.kept(file, blob))
    }

    fn kept(&self, file: File, blob: Blob) -> Kept {
        let nonce_key = Secret::of(blake3::derive_key(NONCE_CONTEXT, blob.key.expose()));
        Kept { file, blob, nonce_key, reserve_bytes: self.reserve_bytes }
    }

    /// Whether there is more room than the history needs.
    #[must_use]
    pub fn has_room(&self) -> bool {
        let at = if self.folder.is_dir() { Some(self.folder.as_path()) } else { self.folder.parent() };
        at.and_then(|at| rustix::fs::statvfs(at).ok()).is_some_and(|disk| free(&disk) >= self.reserve_bytes)
    }

    /// Removes one; one that is not there is fine.
    ///
    /// # Errors
    /// What the disk says.
    pub fn remove(&self, name: BlobName) -> Result<(), StoreError> {
        database::remove(&self.path(name))
    }

    /// Removes every file that nobody can read: what a kill left between the row's end and the file's. Gives how many.
    ///
    /// # Errors
    /// What the disk says, or `knows`.
    pub fn sweep(&self, knows: impl Fn(BlobName) -> Result<bool, StoreError>) -> Result<usize, StoreError> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
            entries => entries?,
        };
        let mut removed = 0;
        for entry in entries {
            let entry = entry?;
            let is_known = match name_of(entry.file_name().as_encoded_bytes()) {
                Some(name) => knows(name)?,
                None => false,
            };
            if !is_known && !entry.file_type()?.is_dir() {
                database::remove(&entry.path())?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}

/// As `hex` wrote it.
fn name_of(file_name: &[u8]) -> Option<BlobName> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, []) = file_name.as_chunks::<2>() else { return None };
    let bytes: Option<Vec<u8>> =
        pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect();
    bytes?.try_into().ok().map(BlobName)
}

impl Kept {
    /// How what is in it is cut.
    #[must_use]
    pub fn cut(&self) -> Cut {
        self.blob.cut
    }

    /// Writes a piece in its place. It is not there before [`Kept::sync`].
    ///
    /// # Errors
    /// What the disk says; [`BlobError::Damaged`]: the file has no such piece, or it is longer.
    pub fn write(&self, number: u32, piece: &[u8], rng: &mut dyn CryptoRng) -> Result<(), BlobError> {
        if !self.blob.cut.has_piece(number) || piece.len() != self.blob.cut.length(number) {
            return Err(BlobError::Damaged);
        }
        self.write_slot(number, piece, rng)
    }

    /// Waits until all that was written is on the disk. Where that fails nothing since the last time is.
    ///
    /// # Errors
    /// What the disk says.
    pub fn sync(&self) -> Result<(), BlobError> {
        Ok(self.file.sync_data()?)
    }

    /// A piece that is there.
    ///
    /// # Errors
    /// What the disk says; [`BlobError::Damaged`]: it is not what was written.
    pub fn read(&self, number: u32) -> Result<Vec<u8>, BlobError> {
        if !self.blob.cut.has_piece(number) {
            return Err(BlobError::Damaged);
        }
        let mut piece = self.read_slot(number)?;
        piece.truncate(self.blob.cut.length(number));
        Ok(piece)
    }

    /// The same in the places behind the pieces.
    pub(super) fn write_slot(
        &self,
        number: u32,
        bytes: &[u8],
        rng: &mut dyn CryptoRng,
    ) -> Result<(), BlobError> {
        self.expect_room()?;
        let mut inside = bytes.to_vec();
        inside.resize(PIECE_BYTES, 0);
        let nonce = self.nonce(number, &inside, rng);
        let associated = self.associated(number);
        let tag = Seal { key: &self.blob.key, nonce, associated: &associated }.close(&mut inside);
        let slot = [&nonce[..], &inside, &tag].concat();
        Ok(self.file.write_all_at(&slot, offset(number))?)
    }

    pub(super) fn read_slot(&self, number: u32) -> Result<Vec<u8>, BlobError> {
        let mut slot = vec![0; SLOT_BYTES];
        self.file.read_exact_at(&mut slot, offset(number))?;
        let (nonce, sealed) = slot.split_first_chunk::<NONCE_BYTES>().ok_or(BlobError::Damaged)?;
        let (inside, tag) = sealed.split_last_chunk::<TAG_BYTES>().ok_or(BlobError::Damaged)?;
        let mut inside = inside.to_vec();
        let associated = self.associated(number);
        let seal = Seal { key: &self.blob.key, nonce: *nonce, associated: &associated };
        if seal.open(&mut inside, tag) { Ok(inside) } else { Err(BlobError::Damaged) }
    }

    fn expect_room(&self) -> Result<(), BlobError> {
        let disk = rustix::fs::fstatvfs(&self.file).map_err(io::Error::from)?;
        if free(&disk) < self.reserve_bytes { Err(BlobError::Full) } else { Ok(()) }
    }

    /// Made of what is sealed, too: a generator that repeats itself seals no two things under one.
    fn nonce(&self, number: u32, inside: &[u8], rng: &mut dyn CryptoRng) -> [u8; NONCE_BYTES] {
        let mut random = [0; NONCE_BYTES];
        rng.fill_bytes(&mut random);
        let mut hasher = blake3::Hasher::new_keyed(self.nonce_key.expose());
        hasher.update(&random).update(&number.to_be_bytes()).update(inside);
        let mut nonce = [0; NONCE_BYTES];
        hasher.finalize_xof().fill(&mut nonce);
        nonce
    }

    fn associated(&self, number: u32) -> Vec<u8> {
        [&[VERSION][..], &self.blob.name.0, &number.to_be_bytes()].concat()
    }
}

fn free(disk: &rustix::fs::StatVfs) -> u64 {
    disk.f_bavail.saturating_mul(disk.f_frsize)
}

/// Where a slot begins.
fn offset(number: u32) -> u64 {
    u64::from(number.saturating_sub(1)).saturating_mul(u64::try_from(SLOT_BYTES).unwrap_or(u64::MAX))
}

#[cfg(test)]
#[path = "shelf_tests.rs"]
mod tests;
