//! Changes that wait for a flush.

use super::*;

fn put(store: &mut SealedStore<ChaCha20Rng>, id: u8, length: usize) {
    let mut changes = Changes::default();
    changes.put(Table::Outbox, &[id], SecretBytes::new(vec![id; length]));
    store.commit(&changes).unwrap();
}

#[test]
fn deferred_changes_are_seen_at_once_and_durable_only_after_a_flush() {
    let file = vault();
    let mut store = open(&file, b"correct horse").unwrap();
    store.defer();
    put(&mut store, 1, 10);
    store.flush().unwrap();
    put(&mut store, 2, 10);
    assert!(store.read(Table::Outbox, &[2]).unwrap().is_some());
    // What a kill leaves behind is what the file says now.
    let killed = tempfile::NamedTempFile::new().unwrap();
    std::fs::copy(file.path(), killed.path()).unwrap();
    let after = open(&killed, b"correct horse").unwrap();
    assert!(after.read(Table::Outbox, &[1]).unwrap().is_some());
    assert!(after.read(Table::Outbox, &[2]).unwrap().is_none());
    store.reload().unwrap();
    assert!(store.read(Table::Outbox, &[1]).unwrap().is_some());
    put(&mut store, 3, 10);
    store.flush().unwrap();
    drop(store);
    assert!(open(&file, b"correct horse").unwrap().read(Table::Outbox, &[3]).unwrap().is_some());
}

#[test]
fn what_was_not_flushed_when_the_file_is_closed_is_gone_and_the_rest_is_whole() {
    let file = vault();
    let mut store = open(&file, b"correct horse").unwrap();
    put(&mut store, 1, 1_000);
    store.defer();
    put(&mut store, 2, 1_000);
    drop(store);
    let after = open(&file, b"correct horse").unwrap();
    assert!(!after.is_read_only());
    assert!(after.read(Table::Outbox, &[1]).unwrap().is_some());
    assert!(after.read(Table::Outbox, &[2]).unwrap().is_none());
}

#[test]
fn of_many_changes_to_a_record_between_two_flushes_the_last_is_written_and_nothing_of_the_others() {
    let file = vault();
    let mut store = open(&file, b"correct horse").unwrap();
    store.defer();
    let commits = store.digest.commits;
    (0..50).for_each(|more| put(&mut store, 1, 100 + more));
    put(&mut store, 2, 100);
    let mut changes = Changes::default();
    changes.delete(Table::Outbox, &[2]);
    store.commit(&changes).unwrap();
    let all: Vec<_> =
        store.all(Table::Outbox).unwrap().into_iter().map(|(id, row)| (id, row.len())).collect();
    assert_eq!(all, [(vec![1], 149)]);
    store.flush().unwrap();
    assert_eq!((store.digest.commits - commits, store.digest.count), (2, 41));
    drop(store);
    let store = open(&file, b"correct horse").unwrap();
    assert_eq!(store.read(Table::Outbox, &[1]).unwrap().unwrap().len(), 149);
    assert!(store.read(Table::Outbox, &[2]).unwrap().is_none());
}

#[test]
fn a_record_that_is_too_long_is_refused_to_whoever_wrote_it_and_takes_nothing_with_it() {
    let file = vault();
    let mut store = open(&file, b"correct horse").unwrap();
    store.defer();
    put(&mut store, 1, 10);
    let mut changes = Changes::default();
    changes.put(Table::Outbox, &[2], SecretBytes::new(vec![0; 10]));
    changes.put(Table::Outbox, &[3], SecretBytes::new(vec![0; 1 << 20]));
    assert!(matches!(store.commit(&changes), Err(StoreError::Damaged)));
    store.flush().unwrap();
    let ids: Vec<_> = store.all(Table::Outbox).unwrap().into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids, [vec![1]]);
}
