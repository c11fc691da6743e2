//! What was deleted is gone, for who has file and passphrase too.

use super::*;
use crate::sealed::entry;
use crate::sealed::salvage::Salvage;
use crate::sealed::sealed_store::FILLING;

/// Whether the bytes of a record can still be opened by who knows everything that the vault knows and looks everywhere in
/// the file.
fn can_be_recovered(file: &tempfile::NamedTempFile, table: Table, id: &[u8]) -> bool {
    let copy = tempfile::NamedTempFile::new().unwrap();
    std::fs::copy(file.path(), copy.path()).unwrap();
    let store = open(&copy, b"correct horse").unwrap();
    let state = store.state().unwrap();
    let file = Arc::new(copy.reopen().unwrap());
    let epoch_key = |number| {
        let epochs = [Some(&state.epoch), state.older.as_ref()];
        epochs.into_iter().flatten().find(|epoch| epoch.number == number).map(|epoch| epoch.key.expose())
    };
    let salvage = Salvage::of(&file, 0, epoch_key).unwrap();
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
    // No group's key that can still be read, wherever it lies, opens the earlier one.
    let groups = group_keys(&file, &state.epoch);
    assert!(!groups.is_empty());
    let opens = |entry: &entry::KeyEntry| groups.iter().any(|key| entry.unwrap(key.expose()).is_ok());
    assert!(!opens(&old_keys[0]) && opens(&old_keys[1]), "the search itself works");
    assert_eq!(&*store.read(Table::Session, &[3]).unwrap().unwrap(), b"the next state of a ratchet");
}

#[test]
fn the_key_of_a_group_that_was_left_is_not_held_in_memory_either() {
    let file = vault();
    let mut store = open(&file, b"correct horse").unwrap();
    let held = |store: &SealedStore<ChaCha20Rng>| *store.keys.key(FILLING);
    assert_eq!(held(&store), [0; 32]);
    for state in [b"one state".as_slice(), b"the next"] {
        let mut changes = Changes::default();
        changes.put(Table::Session, &[3], SecretBytes::new(state.to_vec()));
        store.commit(&changes).unwrap();
    }
    let left = held(&store);
    assert!(left != [0; 32] && store.groups.filling().is_some());
    store.compact().unwrap();
    assert!(held(&store) != left);
    assert_eq!(held(&store) == [0; 32], store.groups.filling().is_none());
    assert_eq!(&*store.read(Table::Session, &[3]).unwrap().unwrap(), b"the next");
}

/// Keys of groups that lie anywhere in the file and open under an epoch's key.
fn group_keys(file: &tempfile::NamedTempFile, epoch: &state::Epoch) -> Vec<crate::memory::Secret32> {
    let bytes = std::fs::read(file.path()).unwrap();
    let places = bytes.windows(8).enumerate().filter(|(_, window)| window == entry::GROUP_MARK);
    let entries = places
        .filter_map(|(at, _)| entry::GroupEntry::decode(&bytes[at..at + entry::GROUP_ENTRY_BYTES]).ok());
    entries.filter_map(|entry| entry.unwrap(epoch.key.expose()).ok()).collect()
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

fn delete(store: &mut SealedStore<ChaCha20Rng>, session: u8) {
    let mut changes = Changes::default();
    changes.delete(Table::Session, &[session]);
    store.commit(&changes).unwrap();
}

/// So many records beside those of [`vault`], and nothing that waits for a compaction.
fn grown(records: u16) -> (tempfile::NamedTempFile, SealedStore<ChaCha20Rng>) {
    let file = vault();
    let mut store = open(&file, b"correct horse").unwrap();
    let mut changes = Changes::default();
    for id in 0..records {
        changes.put(Table::Contact, &id.to_be_bytes(), SecretBytes::new(vec![1; 40]));
    }
    store.commit(&changes).unwrap();
    store.compact().unwrap();
    (file, store)
}

/// Every record's wrapped key, by its name.
fn wrapped_keys(store: &SealedStore<ChaCha20Rng>) -> std::collections::BTreeMap<Vec<u8>, Vec<u8>> {
    use redb::{ReadableDatabase, ReadableTable};
    let transaction = store.vault.database().unwrap().begin_read().unwrap();
    let keys = transaction.open_table(sealed_store::KEYS).unwrap();
    let rows = keys.iter().unwrap().map(|row| row.unwrap());
    rows.map(|(name, entry)| (name.value().to_vec(), entry.value().to_vec())).collect()
}

#[test]
fn a_compaction_wraps_anew_what_changed_and_little_beside() {
    let (file, mut store) = grown(3_000);
    let before = wrapped_keys(&store);
    delete(&mut store, 7);
    store.compact().unwrap();
    let after = wrapped_keys(&store);
    assert_eq!(after.len(), before.len() - 1);
    let anew = after.iter().filter(|(name, entry)| before[*name] != **entry).count();
    assert!((1..=256).contains(&anew), "{anew} of {}", after.len());
    assert!(!can_be_recovered(&file, Table::Session, &[7]));
    // And all that still stands is wrapped by a group that opens under the new epoch alone.
    drop(store);
    let store = open(&file, b"correct horse").unwrap();
    assert!(!store.is_read_only() && store.state().unwrap().older.is_none());
    assert_eq!(store.all(Table::Contact).unwrap().len(), 3_000);
}

#[test]
fn what_is_deleted_while_a_compaction_is_on_its_way_goes_with_the_next_one() {
    let (file, mut store) = grown(3_000);
    store.defer();
    delete(&mut store, 7);
    let mut steps = 0_u8;
    while !store.compact_some().unwrap() {
        // Each in another state of it: its key was moved already, or was not.
        delete(&mut store, 8 + steps);
        steps += 1;
        assert_eq!(store.all(Table::Session).unwrap().len(), usize::from(19 - steps), "served in between");
    }
    assert!(steps >= 4, "{steps}");
    store.flush().unwrap();
    assert!(!can_be_recovered(&file, Table::Session, &[7]));
    store.compact().unwrap();
    for session in 7..8 + steps {
        assert!(!can_be_recovered(&file, Table::Session, &[session]), "{session}");
    }
    assert!(can_be_recovered(&file, Table::Session, &[8 + steps]), "the search itself works");
    drop(store);
    assert!(!open(&file, b"correct horse").unwrap().is_read_only());
}

/// Makes a file what an earlier version wrote: every record's key wrapped under the epoch's.
fn ungroup(file: &tempfile::NamedTempFile) {
    let store = open(file, b"correct horse").unwrap();
    let epoch = store.state().unwrap().epoch;
    let under = entry::EpochKey { epoch: epoch.number, key: epoch.key.expose() };
    let mut entries = Vec::new();
    for (name, wrapped) in wrapped_keys(&store) {
        let name: entry::Name = name.try_into().unwrap();
        let transaction = {
            use redb::ReadableDatabase;
            store.vault.database().unwrap().begin_read().unwrap()
        };
        let groups = groups::table_of(&transaction).unwrap();
        let held = store.unwrap(&name, &wrapped, |group| store.group_key(groups.as_ref(), group)).unwrap();
        let version = entry::Version { name: &name, written: held.written };
        entries.push((name, entry::KeyEntry::wrap_ungrouped(version, &held.key, under, &mut rng()).encode()));
    }
    drop(store);
    let database = open_database(&Arc::new(reopened(file))).unwrap();
    let transaction = database.begin_write().unwrap();
    for (name, wrapped) in &entries {
        let mut keys = transaction.open_table(sealed_store::KEYS).unwrap();
        keys.insert(name.as_slice(), wrapped.as_slice()).unwrap();
    }
    groups::GroupTables::delete(&transaction).unwrap();
    transaction.commit().unwrap();
}

#[test]
fn a_vault_of_an_earlier_version_opens_and_its_keys_go_into_groups_with_the_first_compaction() {
    let file = vault();
    ungroup(&file);
    assert!(can_be_recovered(&file, Table::Session, &[7]), "what a damaged one holds is found as well");
    let mut store = open(&file, b"correct horse").unwrap();
    assert!(!store.is_read_only());
    assert_eq!(&*store.read(Table::Session, &[3]).unwrap().unwrap(), [3; 500]);
    delete(&mut store, 7);
    let is_grouped =
        |entry: &Vec<u8>| matches!(entry::KeyEntry::decode(entry).unwrap().under, entry::Under::Group(_));
    assert!(!wrapped_keys(&store).values().any(is_grouped));
    store.compact().unwrap();
    assert!(wrapped_keys(&store).values().all(is_grouped));
    drop(store);
    assert!(!can_be_recovered(&file, Table::Session, &[7]));
    let store = open(&file, b"correct horse").unwrap();
    assert!(!store.is_read_only());
    assert_eq!(store.all(Table::Session).unwrap().len(), 19);
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
            // Of what the compaction had seen to already.
            delete(&mut store, 8);
            store.compact().unwrap();
            drop(store);
            assert!(!can_be_recovered(&left, Table::Session, &[7]), "write {writes}");
            assert!(!can_be_recovered(&left, Table::Session, &[8]), "write {writes}");
            assert!(can_be_recovered(&left, Table::Session, &[9]), "the search itself works");
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
