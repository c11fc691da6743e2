//! `store.db` as it lies in its folder: new, there, or lost; and what can be had of it then.
//!
//! The file is never taken for new because it is missing. It is made under another name and gets its own once it is whole, so that a
//! kill in between leaves neither it nor what is only made after it.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::{Store, StoreKey};
use crate::database;
use crate::error::StoreError;

/// The file of a person's history, in stored's folder.
pub const FILE: &str = "store.db";
/// Its name until it is whole.
const DRAFT: &str = "store.db.new";

/// A person's history, and how it is to be opened.
pub struct History<'a> {
    /// stored's folder.
    pub folder: &'a Path,
    /// The file's key.
    pub key: &'a StoreKey,
    /// The vault has keys of contacts or queues: there was a history.
    pub known: bool,
    /// A person wants to begin anew where it is lost or damaged: the time of that, seconds since 1970.
    pub anew: Option<u64>,
}

/// What is there of it.
#[derive(Debug)]
pub enum Opened {
    /// All, as far as its first page tells.
    Whole(Store),
    /// What can be read, and why nothing can be changed.
    Reading(Store, StoreError),
    /// Nothing, and why.
    Closed(StoreError),
}

impl History<'_> {
    /// Opens what is there; makes a first one, or a new one where a person wants that and the old one is lost or damaged. That is put
    /// aside then, and nothing of it is removed.
    #[must_use]
    pub fn open(&self) -> Opened {
        let path = self.folder.join(FILE);
        let opened = match self.look() {
            Ok(Found::New) => self.create(),
            Ok(Found::There) => Store::open(&path, self.key),
            Ok(Found::Lost) => Err(StoreError::Lost),
            Err(error) => Err(error),
        };
        // Beyond the first page it is looked at only for who would give it up.
        let opened = opened.and_then(|store| if self.anew.is_some() { sound(store) } else { Ok(store) });
        match (opened, self.anew) {
            (Ok(store), _) => Opened::Whole(store),
            (Err(StoreError::Lost | StoreError::Damaged), Some(now)) => match self.begin_anew(now) {
                Ok(store) => Opened::Whole(store),
                Err(error) => Opened::Closed(error),
            },
            (Err(error @ (StoreError::Damaged | StoreError::ReadOnly)), _) => {
                match Store::read(&path, self.key) {
                    Ok(store) => Opened::Reading(store, error),
                    Err(StoreError::Damaged) => Opened::Closed(StoreError::Damaged),
                    Err(_) => Opened::Closed(error),
                }
            }
            // Also what stands in an earlier version's file is there to be read, whatever the disk has room for.
            (Err(StoreError::Full), _) => match Store::read_earlier(&path, self.key) {
                Ok(store) => Opened::Reading(store, StoreError::Full),
                Err(_) => Opened::Closed(StoreError::Full),
            },
            (Err(error), _) => Opened::Closed(error),
        }
    }

    fn look(&self) -> Result<Found, StoreError> {
        if database::length(&self.folder.join(FILE))? > 0 {
            return Ok(Found::There);
        }
        if self.known {
            return Ok(Found::Lost);
        }
        for entry in fs::read_dir(self.folder)? {
            if is_made_after(entry?.file_name().as_bytes()) {
                return Ok(Found::Lost);
            }
        }
        Ok(Found::New)
    }

    fn create(&self) -> Result<Store, StoreError> {
        let path = self.folder.join(FILE);
        database::make(&path, |draft| Ok(Store::open(draft, self.key)?.db))?;
        Store::open(&path, self.key)
    }

    fn begin_anew(&self, now: u64) -> Result<Store, StoreError> {
        database::put_aside(&self.folder.join(FILE), now)?;
        self.create()
    }
}

/// How the file is, before it is opened.
enum Found {
    New,
    There,
    Lost,
}

/// What is only there where the file was: its log, the decoy, blobs, a copy of any of them.
fn is_made_after(name: &[u8]) -> bool {
    let draft = name.starts_with(DRAFT.as_bytes());
    let log = !draft && name.starts_with(FILE.as_bytes()) && name != FILE.as_bytes();
    log || name.starts_with(b"decoy.db") || name == b"blobs" || name.ends_with(b".old")
}

fn sound(store: Store) -> Result<Store, StoreError> {
    store.check().map(|()| store)
}

#[cfg(test)]
mod tests;
