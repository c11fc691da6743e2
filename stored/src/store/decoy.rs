//! The decoy (docs/protocol/vault-file.md, "Duress"): every profile has a second store beside the real one from its creation, which
//! lives the life of a profile without contacts; after the duress passphrase it takes the real one's place.
//!
//! Nothing is renamed over, or removed and made again: a file keeps its inode and its time of birth, which would tell.

mod disk;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::retention::NAME as RETENTION;
use super::{Courtesy, PROFILE_NAME, Store, StoreKey};
use crate::error::StoreError;

const STORE: &str = "store.db";
const DECOY: &str = "decoy.db";
/// What SQLite keeps beside a database.
const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

/// The decoy of an open profile.
pub struct Decoy {
    folder: PathBuf,
    key: StoreKey,
}

impl Decoy {
    /// The one in `folder` that `key` opens, made where it is missing or broken.
    #[must_use]
    pub fn new(folder: &Path, key: StoreKey) -> Self {
        Self { folder: folder.into(), key }
    }

    /// Whether something lies there.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.folder.join(DECOY).exists()
    }

    /// Has it live on beside the real store. To be called soon after every opening: it is written to each time, so that its times say no
    /// more than that the profile was opened.
    ///
    /// # Errors
    /// What the disk says.
    pub fn live_on(&self, real: &Store) -> Result<(), StoreError> {
        let decoy = made(&self.folder, &self.key)?;
        decoy.begin()?;
        let followed = follow(&decoy, real).and_then(|()| decoy.commit());
        if followed.is_err() {
            decoy.rollback();
        }
        followed
    }

    /// The user has another name now.
    ///
    /// # Errors
    /// What the disk says; the next opening does it again.
    pub fn set_profile_name(&self, name: &str) -> Result<(), StoreError> {
        made(&self.folder, &self.key)?.set_profile_name(name)
    }
}

impl std::fmt::Debug for Decoy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Decoy")
    }
}

/// Has the decoy take over what a profile without contacts would have lived meanwhile: its name, what holds for all contacts, and the
/// network's changes.
fn follow(decoy: &Store, real: &Store) -> Result<(), StoreError> {
    if let Some(name) = real.setting(PROFILE_NAME)? {
        decoy.set_profile_name(&name)?;
    }
    for name in Courtesy::ALL.map(Courtesy::name).into_iter().chain([RETENTION]) {
        if let Some(value) = real.setting(name)? {
            decoy.set_setting(name, &value)?;
        }
    }
    decoy.follow_network(real)?;
    // Whatever else there was to write: SQLite writes no page that stays as it is, but this one always.
    let version: u32 = decoy.db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    Ok(decoy.db.pragma_update(None, "user_version", version)?)
}

/// Puts the decoy, which `key` opens, in the real store's place, removes what belonged to that, and makes the next decoy, which
/// `next` opens. Goes on from wherever an earlier call was cut short; one that was done already changes nothing but what is to go
/// anyway.
///
/// # Errors
/// What the disk says; then it is to be called again before the store is opened.
pub fn wipe(folder: &Path, key: &StoreKey, next: &StoreKey) -> Result<(), StoreError> {
    // As long as this opens nobody wrote into the store that is made of it, so that how far an earlier call came need not be known.
    if opens(folder, DECOY, key)? {
        remove_beside(folder, STORE)?;
        // Else a power cut could bring the real store's write-ahead log back, beside what is the decoy's by then.
        disk::sync(folder)?;
        disk::copy(&folder.join(DECOY), &folder.join(STORE))?;
    } else if !opens(folder, STORE, key)? {
        // The decoy was broken before: there is only an empty store to be had.
        empty(folder, STORE)?;
        drop(Store::open(&folder.join(STORE), key)?);
    }
    missing_is_fine(disk::remove_folder(&folder.join("blobs")))?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().ends_with(b".old") {
            let is_folder = entry.file_type()?.is_dir();
            let path = entry.path();
            missing_is_fine(if is_folder { disk::remove_folder(&path) } else { disk::remove(&path) })?;
        }
    }
    drop(made(folder, next)?);
    Ok(disk::sync(folder)?)
}

/// The decoy, in whatever file lies there.
fn made(folder: &Path, key: &StoreKey) -> Result<Store, StoreError> {
    if !opens(folder, DECOY, key)? {
        empty(folder, DECOY)?;
    }
    disk::step()?;
    Store::open(&folder.join(DECOY), key)
}

/// Whether there is a database of that name that the key opens. Its write-ahead log is in it then.
fn opens(folder: &Path, name: &str, key: &StoreKey) -> Result<bool, StoreError> {
    let path = folder.join(name);
    match fs::metadata(&path) {
        // SQLite would make one of it, under any key.
        Ok(file) if file.len() == 0 => return Ok(false),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error.into()),
    }
    match Store::open(&path, key) {
        Ok(_) => Ok(true),
        Err(StoreError::Damaged) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Nothing is left in the file.
fn empty(folder: &Path, name: &str) -> Result<(), StoreError> {
    remove_beside(folder, name)?;
    disk::sync(folder)?;
    Ok(disk::empty(&folder.join(name))?)
}

fn remove_beside(folder: &Path, name: &str) -> Result<(), StoreError> {
    for suffix in BESIDE {
        missing_is_fine(disk::remove(&folder.join(format!("{name}{suffix}"))))?;
    }
    Ok(())
}

fn missing_is_fine(done: std::io::Result<()>) -> Result<(), StoreError> {
    match done {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
