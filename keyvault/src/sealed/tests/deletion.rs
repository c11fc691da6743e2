//! What was deleted is gone, for who has file and passphrase too.

use super::*;
use crate::sealed::entry;
use crate::sealed::salvage::Salvage;

/// Whether the bytes of a record can still be opened by who knows everything that the vault knows and looks everywhere in
/// the file.
fn can_be_recovered(file: &tempfile::NamedTempFile, table: Table, id: &[u8]) -> bool {
    let copy = tempfile::NamedTempFile::new().unwrap();
    std::fs::copy(file.path(), copy.path()).unwrap();
    let store = open(&copy, b"correct horse").unwrap();
    let state = store.state().unwrap();
    let file = Arc::new(copy.reopen().unwrap());
    let salvage = Salvage::of(&file, 0, |entry| {
        let epochs = [Some(&state.epoch), state.older.as_ref()];
        epochs.into_iter().flatten().find_map(|epoch| entry.unwrap(epoch.key.expose()).ok())
    })
    .unwrap();
    salvage.read(&store.name(table, id)).is_some()
}

fn sealed_bytes_lie_there(file: &tempfile::NamedTempFile, name: &[u8]) -> bool {
    let needle = [entry::RECORD_MARK.as_slice(), name].concat();
    std::fs::read(file.path()).unwrap().windows(needle.len()).any(|window| window == needle)
}

#[test]
fn a_deleted_record_opens_no_more_after_a_compaction_even_where_its_bytes_are_left() {
    let file = vault();
    let mut store = open(&file, b"correct horse").unwrap();
    let name = store.name(Table::Session, &[7]);
    let mut changes = Changes::default();
    changes.delete(Table::Session, &[7]);
    store.commit(&changes).unwrap();
    store.flush().unwrap();
    assert!(sealed_bytes_lie_there(&file, &name), "redb leaves them: otherwise this proves nothing");
    let before = tempfile::NamedTempFile::new().unwrap();
    std::fs::copy(file.path(), before.path()).unwrap();
    assert!(can_be_recovered(&before, Table::Session, &[7]), "before the compaction they open");
    store.compact().unwrap();
    drop(store);
    assert!(!can_be_recovered(&file, Table::Session, &[7]));
    assert!(can_be_recovered(&file, Table::Session, &[8]), "the search itself works");
    let store = open(&file, b"correct horse").unwrap();
    assert_eq!(store.all(Table::Session).unwrap().len(), 19);
}

#[test]
fn an_overwritten_record_opens_no_more_in_its_earlier_state() {
    let file = vault();
    let mut store = open(&file, b"correct horse").unwrap();
    let name = store.name(Table::Session, &[3]);
    let mut changes = Changes::default();
    changes.put(Table::Session, &[3], SecretBytes::new(b"the next state of a ratchet".to_vec()));
    store.commit(&changes).unwrap();
    let old_keys: Vec<_> = key_entries(&file, &name);
    assert_eq!(old_keys.len(), 2, "the old key's bytes are there as well as the new one's");
    store.compact().unwrap();
    let state = store.state().unwrap();
    assert!(state.older.is_none());
    for entry in old_keys {
        assert!(entry.unwrap(state.epoch.key.expose()).is_err());
    }
    // The epoch's key that wrapped them stands nowhere in the file any more.
    assert_eq!(&*store.read(Table::Session, &[3]).unwrap().unwrap(), b"the next state of a ratchet");
}

fn key_entries(file: &tempfile::NamedTempFile, name: &[u8]) -> Vec<entry::KeyEntry> {
    let bytes = std::fs::read(file.path()).unwrap();
    let needle = [entry::KEY_MARK.as_slice(), name].concat();
    let places = bytes.windows(needle.len()).enumerate().filter(|(_, window)| *window == needle);
    let mut entries: Vec<_> = places
        .filter_map(|(at, _)| entry::KeyEntry::decode(&bytes[at..at + entry::KEY_ENTRY_BYTES]).ok())
        .collect();
    entries.sort_by_key(|entry| entry.written);
    entries.dedup_by_key(|entry| entry.written);
    entries
}

#[test]
fn a_compaction_with_nothing_to_do_writes_nothing() {
    let file = vault();
    let mut store = open(&file, b"correct horse").unwrap();
    store.compact().unwrap();
    let before = std::fs::read(file.path()).unwrap();
    store.compact().unwrap();
    assert!(before == std::fs::read(file.path()).unwrap());
}

#[test]
fn a_compaction_killed_at_any_write_leaves_every_record_and_the_next_one_goes_on() {
    let mut died = 0;
    for torn in [false, true] {
        for writes in 1.. {
            let file = vault();
            let mut store = open(&file, b"correct horse").unwrap();
            let store_key = *store.store_key();
            let mut changes = Changes::default();
            changes.delete(Table::Session, &[7]);
            store.commit(&changes).unwrap();
            disk::kill::after(writes, torn);
            let compacted = store.compact();
            // Its end writes as well, and must not.
            let left = tempfile::NamedTempFile::new().unwrap();
            std::fs::copy(file.path(), left.path()).unwrap();
            drop(store);
            if !disk::kill::never() {
                compacted.unwrap();
                break;
            }
            died += 1;
            let mut store = open(&left, b"correct horse").unwrap();
            assert!(!store.is_read_only(), "write {writes}, torn {torn}");
            assert_eq!(*store.store_key(), store_key, "write {writes}, torn {torn}");
            assert_eq!(store.all(Table::Session).unwrap().len(), 19, "write {writes}");
            store.compact().unwrap();
            drop(store);
            assert!(!can_be_recovered(&left, Table::Session, &[7]), "write {writes}");
            assert_eq!(open(&left, b"correct horse").unwrap().all(Table::ReceiveQueue).unwrap().len(), 20);
        }
    }
    assert!(died > 10, "{died} boundaries were found");
}

#[test]
fn a_file_that_is_mostly_empty_gives_its_pages_back() {
    let file = vault();
    let mut store = open(&file, b"correct horse").unwrap();
    let mut changes = Changes::default();
    for id in 0..2_000_u16 {
        changes.put(Table::Opened, &id.to_be_bytes(), SecretBytes::new(vec![1; 2_000]));
    }
    store.commit(&changes).unwrap();
    let mut changes = Changes::default();
    for id in 0..2_000_u16 {
        changes.delete(Table::Opened, &id.to_be_bytes());
    }
    store.commit(&changes).unwrap();
    let before = file.as_file().metadata().unwrap().len();
    store.compact().unwrap();
    store.shrink().unwrap();
    let after = file.as_file().metadata().unwrap().len();
    assert!(after * 3 < before, "{before} B became {after} B");
    assert_eq!(store.all(Table::Session).unwrap().len(), 20);
    drop(store);
    assert!(!open(&file, b"correct horse").unwrap().is_read_only());
}
