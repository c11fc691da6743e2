//! Damage is told as damage, and what can be read is read.

use super::*;

fn bytes_of(file: &tempfile::NamedTempFile) -> Vec<u8> {
    std::fs::read(file.path()).unwrap()
}

/// A file of these bytes.
fn file_of(bytes: &[u8]) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    file
}

/// Opens with the right passphrase.
fn unlocked(bytes: &[u8]) -> Result<SealedStore<ChaCha20Rng>, VaultFileError> {
    open(&file_of(bytes), b"correct horse")
}

fn sessions(store: &SealedStore<ChaCha20Rng>) -> usize {
    store.all(Table::Session).unwrap().len()
}

#[test]
fn a_byte_flipped_in_one_copy_of_header_or_slots_is_noticed_and_mended_and_in_both_it_is_damage() {
    let whole = bytes_of(&vault());
    let copy = usize::try_from(COPY_BYTES).unwrap();
    for place in 0..copy {
        let mut bytes = whole.clone();
        let start = if place % 2 == 0 { 0 } else { copy };
        bytes[start + place] ^= 1 << (place % 8);
        // Opening is slow, and this sees all kinds of fields.
        if place % 101 == 0 || (place < 300 && place % 13 == 0) {
            let file = file_of(&bytes);
            let vault = locked(reopened(&file)).unwrap();
            assert!(vault.was_repaired() && !vault.is_damaged(), "byte {place}");
            assert_eq!(bytes_of(&file)[..2 * copy], whole[..2 * copy], "byte {place}");
        }
        bytes[copy - start + place] ^= 1 << (place % 8);
        assert!(
            matches!(Header::newest_of(&bytes[..2 * copy]), Err(VaultFileError::Damaged)),
            "byte {place}"
        );
    }
}

#[test]
fn a_byte_flipped_in_the_count_of_tries_is_noticed_and_mended_and_never_makes_a_try_cheaper() {
    let file = vault();
    let mut vault = locked(reopened(&file)).unwrap();
    for _ in 0..5 {
        assert!(vault.attempt(b"wrong", NOW, &mut rng()).is_err());
    }
    drop(vault);
    let whole = bytes_of(&file);
    let start = usize::try_from(COPIES_BYTES).unwrap();
    let wait = |bytes: &[u8]| {
        let mut vault = locked(reopened(&file_of(bytes))).unwrap();
        (vault.was_repaired(), vault.attempts.wait(Duration::ZERO.into()).as_secs())
    };
    assert_eq!(wait(&whole), (false, 1));
    for place in (0..512).step_by(3) {
        let mut bytes = whole.clone();
        bytes[start + place] ^= 4;
        assert_eq!(wait(&bytes), (true, 1), "byte {place}");
        bytes[start + 512 + place] ^= 4;
        assert_eq!(wait(&bytes), (true, 60), "byte {place}");
    }
}

/// Flips bytes of redb's part, `stride` apart. Gives how many flips were told as damage.
fn flips(stride: usize) -> usize {
    let whole = bytes_of(&vault());
    let store_key = *unlocked(&whole).unwrap().store_key();
    let mut damaged = 0;
    for place in (usize::try_from(AREA_BYTES).unwrap()..whole.len()).step_by(stride) {
        let mut bytes = whole.clone();
        bytes[place] ^= 1 << (place % 8);
        let store = unlocked(&bytes).unwrap_or_else(|error| panic!("byte {place}: {error}"));
        let readable = sessions(&store);
        if store.is_read_only() {
            damaged += 1;
            // One entry was hit, or its key, or none but what is around them.
            assert!(readable >= 19, "byte {place}: {readable} of 20 records are left");
        } else {
            assert_eq!(readable, 20, "byte {place}");
            for id in 0..20 {
                assert_eq!(&*store.read(Table::Session, &[id]).unwrap().unwrap(), [id; 500], "byte {place}");
            }
        }
        assert_eq!(*store.store_key(), store_key);
    }
    damaged
}

#[test]
fn a_byte_flipped_in_the_records_is_damage_and_all_other_records_can_be_read() {
    let damaged = flips(1_021);
    assert!(damaged > 20, "{damaged} flips were told as damage");
}

#[test]
#[ignore = "long: flips every byte"]
fn every_byte_flipped_in_the_records_is_damage_and_all_other_records_can_be_read() {
    let damaged = flips(1);
    assert!(damaged > 10_000, "{damaged} flips were told as damage");
}

#[test]
fn a_wrong_passphrase_on_a_damaged_file_is_still_a_wrong_passphrase() {
    let mut bytes = bytes_of(&vault());
    // Which of them lie in a page that is still in use, the marks do not say.
    let marks: Vec<_> = (0..bytes.len() - 8)
        .filter(|at| bytes[*at..].starts_with(super::super::entry::RECORD_MARK))
        .collect();
    marks.into_iter().for_each(|at| bytes[at + 90] ^= 1);
    let file = file_of(&bytes);
    let vault = locked(reopened(&file)).unwrap();
    assert!(vault.is_damaged());
    let (vault, error) = vault.unlock(b"wrong", NOW, rng()).unwrap_err();
    assert!(matches!(error, VaultFileError::WrongPassphrase));
    let mut store = vault.unlock(b"correct horse", NOW, rng()).unwrap();
    assert!(store.is_read_only());
    let mut changes = Changes::default();
    changes.put(Table::Session, &[1], SecretBytes::new(vec![1]));
    assert!(matches!(store.commit(&changes), Err(StoreError::ReadOnly)));
    assert!(store.compact().is_ok() && store.shrink().is_ok(), "nothing is written over what is left");
}

#[test]
fn a_truncated_file_is_damage_and_what_is_left_can_be_read() {
    let whole = bytes_of(&vault());
    let area = usize::try_from(AREA_BYTES).unwrap();
    for keep in [1, 100, 4_096, 8_191] {
        assert!(matches!(unlocked(&whole[..keep]), Err(VaultFileError::Damaged)), "{keep} bytes kept");
    }
    for keep in [8_192, 16_384, 17_000, area, area + 100, whole.len() / 2, whole.len() - 1] {
        let store = unlocked(&whole[..keep]).unwrap_or_else(|error| panic!("{keep} bytes kept: {error}"));
        assert!(store.is_read_only() || sessions(&store) == 20, "{keep} bytes kept");
    }
}

#[test]
fn a_later_format_is_told_as_newer_and_weak_parameters_are_refused() {
    let whole = bytes_of(&vault());
    let rewrite = |at: usize, new: &[u8]| {
        let mut bytes = whole.clone();
        bytes[at..at + new.len()].copy_from_slice(new);
        let sum = crate::kdf::sha256(&[&bytes[..4_064]]);
        bytes[4_064..4_096].copy_from_slice(&sum);
        bytes.copy_within(0..8_192, 8_192);
        locked(reopened(&file_of(&bytes))).map(|_| ())
    };
    assert!(matches!(rewrite(16, &[0, 2]), Err(VaultFileError::Newer)));
    assert!(matches!(rewrite(16, &[0, 0]), Err(VaultFileError::Damaged)));
    assert!(matches!(rewrite(27, &[0, 0, 0, 1]), Err(VaultFileError::Cost(CostError::BelowFloor))));
    assert!(matches!(rewrite(31, &[0xff; 4]), Err(VaultFileError::Cost(CostError::TooMuch))));
    assert!(rewrite(27, &[0, 0, 0, 32]).is_ok());
    assert!(matches!(rewrite(235, &[2]), Err(VaultFileError::Newer)), "a form of passphrases made up later");
    assert!(rewrite(18, &61_u64.to_be_bytes()).is_ok(), "earlier versions counted");
    let file = vault();
    assert!(matches!(Examined::of(reopened(&file)), Err(VaultFileError::Cost(CostError::BelowFloor))));
}

/// What a forger with the file, redb and no key can do: `forge` changes the database and its checksums follow.
fn forged(forge: impl FnOnce(&redb::WriteTransaction)) -> SealedStore<ChaCha20Rng> {
    let file = vault();
    forge_in(&file, forge);
    open(&file, b"correct horse").unwrap()
}

fn forge_in(file: &tempfile::NamedTempFile, forge: impl FnOnce(&redb::WriteTransaction)) {
    let database = open_database(&Arc::new(reopened(file))).unwrap();
    let transaction = database.begin_write().unwrap();
    forge(&transaction);
    transaction.commit().unwrap();
}

type Entries = Vec<(Vec<u8>, Vec<u8>)>;

fn entries(transaction: &redb::WriteTransaction, table: redb::TableDefinition<&[u8], &[u8]>) -> Entries {
    use redb::ReadableTable;
    let table = transaction.open_table(table).unwrap();
    let rows = table.iter().unwrap().map(|row| row.unwrap());
    rows.map(|(name, value)| (name.value().to_vec(), value.value().to_vec())).collect()
}

#[test]
fn a_dropped_record_is_noticed_whatever_of_it_is_dropped() {
    use super::super::sealed_store::{DIGEST, KEYS, RECORDS, WHOLE};
    let drop_from = |transaction: &redb::WriteTransaction, tables: &[redb::TableDefinition<&[u8], &[u8]>]| {
        for table in tables {
            let name = entries(transaction, *table)[5].0.clone();
            transaction.open_table(*table).unwrap().remove(name.as_slice()).unwrap();
        }
    };
    assert!(!forged(|_| ()).is_read_only());
    assert!(forged(|transaction| drop_from(transaction, &[KEYS, RECORDS])).is_read_only());
    assert!(forged(|transaction| drop_from(transaction, &[KEYS])).is_read_only());
    assert!(forged(|transaction| drop_from(transaction, &[RECORDS])).is_read_only());
    let without_digest = forged(|transaction| drop(transaction.open_table(WHOLE).unwrap().remove(DIGEST)));
    assert!(without_digest.is_read_only());
    assert!(forged(|transaction| drop(transaction.delete_table(KEYS))).is_read_only());
}

#[test]
fn a_record_that_is_put_back_to_an_earlier_write_is_noticed() {
    use super::super::sealed_store::{KEYS, RECORDS};
    let file = vault();
    let mut before = Vec::new();
    let mut name = Vec::new();
    forge_in(&file, |transaction| {
        before = [KEYS, RECORDS].map(|table| entries(transaction, table)).to_vec();
    });
    let mut store = open(&file, b"correct horse").unwrap();
    name.extend_from_slice(&store.name(Table::Session, &[7]));
    let mut changes = Changes::default();
    changes.put(Table::Session, &[7], SecretBytes::new(b"newer".to_vec()));
    store.commit(&changes).unwrap();
    drop(store);
    assert!(!open(&file, b"correct horse").unwrap().is_read_only());
    forge_in(&file, |transaction| {
        for (table, rows) in [KEYS, RECORDS].into_iter().zip(&before) {
            let (name, old) = rows.iter().find(|(found, _)| *found == name).unwrap();
            transaction.open_table(table).unwrap().insert(name.as_slice(), old.as_slice()).unwrap();
        }
    });
    assert!(open(&file, b"correct horse").unwrap().is_read_only());
}

#[test]
fn a_record_in_the_place_of_another_is_noticed() {
    use super::super::sealed_store::RECORDS;
    let store = forged(|transaction| {
        let rows = entries(transaction, RECORDS);
        let mut table = transaction.open_table(RECORDS).unwrap();
        table.insert(rows[0].0.as_slice(), rows[1].1.as_slice()).unwrap();
        table.insert(rows[1].0.as_slice(), rows[0].1.as_slice()).unwrap();
    });
    let unreadable = (0..20_u8).filter(|id| store.read(Table::Session, &[*id]).is_err()).count();
    let other = (0..20_u8).filter(|id| store.read(Table::ReceiveQueue, &[*id]).is_err()).count();
    assert_eq!(unreadable + other, 2);
}

#[test]
fn records_put_back_as_a_whole_behind_a_newer_header_are_noticed() {
    let file = vault();
    let before = bytes_of(&file);
    let mut store = open(&file, b"correct horse").unwrap();
    let mut changes = Changes::default();
    changes.put(Table::Session, &[7], SecretBytes::new(b"newer".to_vec()));
    store.commit(&changes).unwrap();
    store.compact().unwrap();
    drop(store);
    let area = usize::try_from(AREA_BYTES).unwrap();
    let mixed = [&bytes_of(&file)[..area], &before[area..]].concat();
    assert!(unlocked(&mixed).unwrap().is_read_only());
}

#[test]
fn records_put_back_behind_a_slot_change_are_noticed() {
    let file = vault();
    let before = bytes_of(&file);
    let mut store = open(&file, b"correct horse").unwrap();
    let mut changes = Changes::default();
    changes.put(Table::Session, &[99], SecretBytes::new(b"a later contact".to_vec()));
    store.commit(&changes).unwrap();
    drop(store);
    let mut vault = locked(reopened(&file)).unwrap();
    let opened = vault.attempt(b"correct horse", NOW, &mut rng()).unwrap();
    vault.add(&opened, SlotKind::Passphrase, b"second", &mut rng()).unwrap();
    drop(vault);
    assert!(!unlocked(&bytes_of(&file)).unwrap().is_read_only());
    let area = usize::try_from(AREA_BYTES).unwrap();
    let mixed = [&bytes_of(&file)[..area], &before[area..]].concat();
    assert!(unlocked(&mixed).unwrap().is_read_only(), "the header knows of a later write");
}

#[test]
fn on_a_disk_that_cannot_be_written_the_vault_is_read_and_not_called_damaged() {
    let file = vault();
    drop(open(&file, b"correct horse").unwrap());
    let before = bytes_of(&file);
    let vault = locked(File::open(file.path()).unwrap()).unwrap();
    assert!(!vault.is_damaged());
    let Ok(mut store) = vault.unlock(b"correct horse", NOW, rng()) else { panic!("it is read") };
    assert_eq!((sessions(&store), store.is_read_only(), store.is_damaged()), (20, true, false));
    let mut changes = Changes::default();
    changes.delete(Table::Session, &[7]);
    assert!(matches!(store.commit(&changes), Err(StoreError::ReadOnly)));
    drop(store);
    assert_eq!(bytes_of(&file), before);
}
