//! The decoy (docs/protocol/vault-file.md, "Duress"): every profile has an empty store beside the real one from its creation, so
//! that its presence says nothing; after the duress passphrase it takes the real one's place.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use super::{Store, StoreKey};
use crate::error::StoreError;

const STORE: &str = "store.db";
const DECOY: &str = "decoy.db";
const DRAFT: &str = "decoy.db.new";
/// What SQLite keeps beside a database.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

/// Makes `decoy.db` where it is missing or opens with another key than `key`.
///
/// # Errors
/// What the disk says.
pub fn ensure_decoy(folder: &Path, key: &StoreKey) -> Result<(), StoreError> {
    if opens(folder, DECOY, key)? {
        return Ok(());
    }
    remove(folder, DRAFT)?;
    drop(Store::open(&folder.join(DRAFT), key)?);
    beside(folder, DECOY)?;
    Ok(fs::rename(folder.join(DRAFT), folder.join(DECOY))?)
}

/// Puts the decoy, which `key` opens, in the real store's place, and removes what belonged to that. Goes on from wherever an
/// earlier call was cut short; one that was done already changes nothing but what is to go anyway.
///
/// # Errors
/// What the disk says; then it is to be called again before the store is opened.
pub fn wipe(folder: &Path, key: &StoreKey) -> Result<(), StoreError> {
    if !opens(folder, STORE, key)? {
        // The write-ahead log of the real store must not be taken for the decoy's.
        beside(folder, STORE)?;
        if opens(folder, DECOY, key)? {
            beside(folder, DECOY)?;
            fs::rename(folder.join(DECOY), folder.join(STORE))?;
        } else {
            remove(folder, STORE)?;
        }
    }
    missing_is_fine(fs::remove_dir_all(folder.join("blobs")))?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().ends_with(b".old") {
            let is_folder = entry.file_type()?.is_dir();
            let path = entry.path();
            missing_is_fine(if is_folder { fs::remove_dir_all(path) } else { fs::remove_file(path) })?;
        }
    }
    Ok(fs::File::open(folder)?.sync_all()?)
}

/// Whether there is a database of that name that the key opens.
fn opens(folder: &Path, name: &str, key: &StoreKey) -> Result<bool, StoreError> {
    let path = folder.join(name);
    if !path.exists() {
        return Ok(false);
    }
    match Store::open(&path, key) {
        Ok(_) => Ok(true),
        Err(StoreError::Damaged) => Ok(false),
        Err(error) => Err(error),
    }
}

fn remove(folder: &Path, name: &str) -> Result<(), StoreError> {
    missing_is_fine(fs::remove_file(folder.join(name)))?;
    beside(folder, name)
}

fn beside(folder: &Path, name: &str) -> Result<(), StoreError> {
    for suffix in BESIDE {
        missing_is_fine(fs::remove_file(folder.join(format!("{name}{suffix}"))))?;
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
mod tests {
    use super::*;

    fn key(byte: u8) -> StoreKey {
        StoreKey::new([byte; 32])
    }

    const REAL: u8 = 1;
    const DUMMY: u8 = 2;
    const NEXT: u8 = 3;

    /// A profile with something in its store, blobs and a copy.
    fn profile() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join(STORE), &key(REAL)).unwrap();
        store.set_setting("secret", "real").unwrap();
        ensure_decoy(folder.path(), &key(DUMMY)).unwrap();
        fs::create_dir_all(folder.path().join("blobs/a")).unwrap();
        fs::write(folder.path().join("blobs/a/b"), "x").unwrap();
        fs::write(folder.path().join("store.db.old"), "x").unwrap();
        fs::create_dir(folder.path().join("blobs.old")).unwrap();
        fs::write(folder.path().join("onion.state"), "x").unwrap();
        folder
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !name.ends_with("-wal") && !name.ends_with("-shm"))
            .collect();
        names.sort();
        names
    }

    fn is_wiped(folder: &Path) {
        wipe(folder, &key(DUMMY)).unwrap();
        let store = Store::open(&folder.join(STORE), &key(DUMMY)).unwrap();
        assert_eq!(store.setting("secret").unwrap(), None);
        ensure_decoy(folder, &key(NEXT)).unwrap();
        assert_eq!(names(folder), ["decoy.db", "onion.state", "store.db"]);
        assert!(opens(folder, DECOY, &key(NEXT)).unwrap());
    }

    #[test]
    fn after_a_wipe_the_decoy_is_the_store_and_a_new_one_stands_beside_it() {
        let folder = profile();
        is_wiped(folder.path());
    }

    #[test]
    fn a_wipe_that_was_cut_short_anywhere_is_finished_by_the_next() {
        let cuts: [fn(&Path); 5] = [
            |folder| beside(folder, STORE).unwrap(),
            |folder| {
                beside(folder, STORE).unwrap();
                fs::rename(folder.join(DECOY), folder.join(STORE)).unwrap();
            },
            |folder| {
                beside(folder, STORE).unwrap();
                fs::rename(folder.join(DECOY), folder.join(STORE)).unwrap();
                fs::remove_dir_all(folder.join("blobs/a")).unwrap();
            },
            |folder| wipe(folder, &key(DUMMY)).unwrap(),
            |folder| {
                wipe(folder, &key(DUMMY)).unwrap();
                drop(Store::open(&folder.join(DRAFT), &key(9)).unwrap());
            },
        ];
        for (at, cut) in cuts.into_iter().enumerate() {
            let folder = profile();
            cut(folder.path());
            eprintln!("cut {at}");
            is_wiped(folder.path());
        }
    }

    #[test]
    fn a_wipe_repeated_later_keeps_what_the_decoy_has_become() {
        let folder = profile();
        wipe(folder.path(), &key(DUMMY)).unwrap();
        Store::open(&folder.path().join(STORE), &key(DUMMY)).unwrap().set_setting("life", "new").unwrap();
        ensure_decoy(folder.path(), &key(NEXT)).unwrap();
        wipe(folder.path(), &key(DUMMY)).unwrap();
        let store = Store::open(&folder.path().join(STORE), &key(DUMMY)).unwrap();
        assert_eq!(store.setting("life").unwrap().unwrap(), "new");
        assert!(opens(folder.path(), DECOY, &key(NEXT)).unwrap());
    }

    #[test]
    fn a_decoy_of_another_key_is_made_anew_and_a_good_one_is_kept() {
        let folder = profile();
        Store::open(&folder.path().join(DECOY), &key(DUMMY)).unwrap().set_setting("kept", "yes").unwrap();
        ensure_decoy(folder.path(), &key(DUMMY)).unwrap();
        let decoy = Store::open(&folder.path().join(DECOY), &key(DUMMY)).unwrap();
        assert_eq!(decoy.setting("kept").unwrap().unwrap(), "yes");
        drop(decoy);
        ensure_decoy(folder.path(), &key(NEXT)).unwrap();
        assert!(opens(folder.path(), DECOY, &key(NEXT)).unwrap());
    }
}
