use std::os::unix::fs::MetadataExt;
use std::time::SystemTime;

use ipc_schema::Timestamp;

use super::disk::kill;
use super::*;
use crate::ids::ContactId;
use crate::store::{ContactState, EventKind};

fn key(byte: u8) -> StoreKey {
    StoreKey::new([byte; 32])
}

const REAL: u8 = 1;
const DUMMY: u8 = 2;
const NEXT: u8 = 3;

fn network(stage: &str) -> EventKind {
    EventKind::Network { stage: stage.into() }
}

/// What an opening does.
fn opened(folder: &Path, store: u8, decoy: u8) -> Store {
    let store = Store::open(&folder.join(STORE), &key(store)).unwrap();
    Decoy::new(folder, key(decoy)).live_on(&store).unwrap();
    store
}

/// A profile that was used: a name, contacts, texts that go into pages of their own, blobs and copies.
fn profile() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(folder.path(), REAL, DUMMY);
    store.set_profile_name("Alice").unwrap();
    store.add_event(Timestamp(1), &network("connecting")).unwrap();
    store.add_event(Timestamp(2), &network("connected")).unwrap();
    store.add_contact(ContactId(1), "bob", ContactState::Connected, Timestamp(3)).unwrap();
    store.set_note(ContactId(1), "met in Lyon").unwrap();
    store.set_draft(ContactId(1), &"half a sentence ".repeat(1_000)).unwrap();
    store.begin().unwrap();
    for number in 0..2_000 {
        store.add_event(Timestamp(4), &EventKind::Message { id: format!("{number:064}") }).unwrap();
        store.set_setting(&format!("key {number}"), &"secret ".repeat(50)).unwrap();
    }
    store.commit().unwrap();
    drop(store);
    drop(opened(folder.path(), REAL, DUMMY));
    fs::create_dir_all(folder.path().join("blobs/a")).unwrap();
    fs::write(folder.path().join("blobs/a/b"), "x").unwrap();
    fs::write(folder.path().join("store.db.old"), "x").unwrap();
    fs::create_dir(folder.path().join("blobs.old")).unwrap();
    fs::write(folder.path().join("onion.state"), "x").unwrap();
    folder
}

/// One that never was anything else.
fn decoys_life() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(folder.path(), DUMMY, NEXT);
    store.set_profile_name("Alice").unwrap();
    store.add_event(Timestamp(1), &network("connecting")).unwrap();
    store.add_event(Timestamp(2), &network("connected")).unwrap();
    drop(store);
    drop(opened(folder.path(), DUMMY, NEXT));
    fs::write(folder.path().join("onion.state"), "x").unwrap();
    folder
}

#[derive(Debug, PartialEq, Eq)]
struct Seen {
    name: String,
    mode: u32,
    bytes: u64,
}

fn seen(folder: &Path) -> Vec<Seen> {
    let mut seen: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let metadata = entry.metadata().unwrap();
            let name = entry.file_name().into_string().unwrap();
            Seen { name, mode: metadata.mode(), bytes: metadata.len() }
        })
        .collect();
    seen.sort_by(|a, b| a.name.cmp(&b.name));
    seen
}

fn births(folder: &Path) -> Vec<(u64, SystemTime)> {
    [STORE, DECOY]
        .map(|name| {
            let metadata = fs::metadata(folder.join(name)).unwrap();
            (metadata.ino(), metadata.created().unwrap())
        })
        .to_vec()
}

/// What each table holds, for who has the key.
fn rows(folder: &Path, store: u8) -> Vec<(String, i64)> {
    let store = Store::open(&folder.join(STORE), &key(store)).unwrap();
    let tables: Vec<String> = store
        .rows("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name", [], |row| row.get(0))
        .unwrap();
    let count = |name: &String| {
        let sql = format!("SELECT count(*) FROM {name}");
        (name.clone(), store.row(&sql, [], |row| row.get(0)).unwrap().unwrap())
    };
    let mut rows: Vec<_> = tables.iter().map(count).collect();
    let newest = store.newest_event().unwrap();
    rows.push(("newest event".into(), newest.cast_signed()));
    rows.push((store.profile_name().unwrap(), 0));
    rows
}

fn assert_is_wiped(folder: &Path, births_before: &[(u64, SystemTime)]) {
    wipe(folder, &key(DUMMY), &key(NEXT)).unwrap();
    drop(opened(folder, DUMMY, NEXT));
    let other = decoys_life();
    assert_eq!(seen(folder), seen(other.path()));
    assert_eq!(births(folder), births_before, "the files are those that they were");
    assert_eq!(rows(folder, DUMMY), rows(other.path(), DUMMY));
    assert!(opens(folder, DECOY, &key(NEXT)).unwrap());
}

#[test]
fn after_a_wipe_the_folder_is_that_of_a_profile_that_lived_the_decoys_life() {
    let folder = profile();
    let long = fs::metadata(folder.path().join(STORE)).unwrap().len();
    assert!(long > 1_000_000, "{long}");
    let pieces: std::collections::HashSet<Vec<u8>> =
        fs::read(folder.path().join(STORE)).unwrap().chunks_exact(32).map(<[u8]>::to_vec).collect();
    assert_is_wiped(folder.path(), &births(folder.path()));
    let left = fs::read(folder.path().join(STORE)).unwrap();
    assert!(!left.chunks_exact(32).any(|piece| pieces.contains(piece)));
}

#[test]
fn a_wipe_killed_at_any_step_is_finished_by_the_next() {
    let mut died = 0;
    for steps in 1.. {
        let folder = profile();
        let births = births(folder.path());
        // As after a kill while the profile was open: its log lies beside it.
        let real = Store::open(&folder.path().join(STORE), &key(REAL)).unwrap();
        real.set_setting("late", "real").unwrap();
        for suffix in ["-wal", "-shm"] {
            let name = folder.path().join(format!("{STORE}{suffix}"));
            fs::copy(&name, folder.path().join(format!("kept{suffix}"))).unwrap();
        }
        drop(real);
        for suffix in ["-wal", "-shm"] {
            let name = folder.path().join(format!("{STORE}{suffix}"));
            fs::rename(folder.path().join(format!("kept{suffix}")), name).unwrap();
        }
        kill::after(steps);
        let wiped = wipe(folder.path(), &key(DUMMY), &key(NEXT));
        if !kill::never() {
            wiped.unwrap();
            break;
        }
        died += 1;
        assert!(wiped.is_err(), "step {steps}");
        assert_is_wiped(folder.path(), &births);
    }
    assert!(died > 15, "{died}");
}

#[test]
fn a_decoy_that_was_broken_before_still_leaves_nothing_of_the_real_store() {
    for length in [0, 1_000, 10_000] {
        let folder = profile();
        let births = births(folder.path());
        let file = fs::File::options().write(true).open(folder.path().join(DECOY)).unwrap();
        file.set_len(length).unwrap();
        wipe(folder.path(), &key(DUMMY), &key(NEXT)).unwrap();
        let store = opened(folder.path(), DUMMY, NEXT);
        assert_eq!(store.setting("key 1").unwrap(), None, "{length}");
        assert_eq!(self::births(folder.path()), births);
    }
}

#[test]
fn a_wipe_repeated_later_keeps_what_the_decoy_has_become() {
    let folder = profile();
    wipe(folder.path(), &key(DUMMY), &key(NEXT)).unwrap();
    Store::open(&folder.path().join(STORE), &key(DUMMY)).unwrap().set_setting("life", "new").unwrap();
    wipe(folder.path(), &key(DUMMY), &key(NEXT)).unwrap();
    let store = Store::open(&folder.path().join(STORE), &key(DUMMY)).unwrap();
    assert_eq!(store.setting("life").unwrap().unwrap(), "new");
    assert!(opens(folder.path(), DECOY, &key(NEXT)).unwrap());
}

#[test]
fn a_decoy_of_another_key_is_made_anew_and_a_good_one_is_kept() {
    let folder = profile();
    let births = births(folder.path());
    let decoy = Store::open(&folder.path().join(DECOY), &key(DUMMY)).unwrap();
    decoy.set_setting("kept", "yes").unwrap();
    drop(decoy);
    drop(opened(folder.path(), REAL, DUMMY));
    let decoy = Store::open(&folder.path().join(DECOY), &key(DUMMY)).unwrap();
    assert_eq!(decoy.setting("kept").unwrap().unwrap(), "yes");
    drop(decoy);
    drop(opened(folder.path(), REAL, NEXT));
    let decoy = Store::open(&folder.path().join(DECOY), &key(NEXT)).unwrap();
    assert_eq!(decoy.setting("kept").unwrap(), None);
    assert_eq!(self::births(folder.path()), births);
}

#[test]
fn the_decoy_has_the_profiles_name_and_nothing_else_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(folder.path(), REAL, DUMMY);
    Decoy::new(folder.path(), key(DUMMY)).set_profile_name("Alice").unwrap();
    store.set_profile_name("Alice Liddell").unwrap();
    store.set_setting("another", "secret").unwrap();
    let name = || Store::open(&folder.path().join(DECOY), &key(DUMMY)).unwrap().profile_name().unwrap();
    assert_eq!(name(), "Alice");
    drop(store);
    let store = opened(folder.path(), REAL, DUMMY);
    assert_eq!(name(), "Alice Liddell", "whatever was missed is made up for at the next opening");
    store.set_profile_name("").unwrap();
    drop(store);
    drop(opened(folder.path(), REAL, DUMMY));
    assert_eq!(name(), "");
    let decoy = Store::open(&folder.path().join(DECOY), &key(DUMMY)).unwrap();
    assert_eq!(decoy.setting("another").unwrap(), None);
}

#[test]
fn the_decoys_time_says_only_when_the_profile_was_opened() {
    let folder = profile();
    let long_ago = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    for _ in 0..2 {
        let file = fs::File::options().write(true).open(folder.path().join(DECOY)).unwrap();
        file.set_modified(long_ago).unwrap();
        drop(file);
        drop(opened(folder.path(), REAL, DUMMY));
        assert_ne!(fs::metadata(folder.path().join(DECOY)).unwrap().modified().unwrap(), long_ago);
    }
}
