//! What the file says after the duress passphrase: nothing that a vault would not say which lived the decoy's life.

use std::collections::HashSet;

use super::*;
use crate::sealed::entry::{KEY_MARK, RECORD_MARK};

/// A vault that was used: records, deletions, compactions, and slots that came and went.
fn used() -> tempfile::NamedTempFile {
    let file = vault();
    let mut store = open(&file, b"correct horse").unwrap();
    for round in 0..5_u8 {
        let mut changes = Changes::default();
        for id in 0..100_u8 {
            changes.put(Table::Opened, &[id], SecretBytes::new(vec![round; 700]));
        }
        store.commit(&changes).unwrap();
        store.compact().unwrap();
    }
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let opened = store.file().attempt(b"correct horse", NOW, &mut rng).unwrap();
    for passphrase in [b"second".as_slice(), b"third"] {
        store.file().add(&opened, SlotKind::Passphrase, passphrase, &mut rng).unwrap();
    }
    store.file().remove(&opened, 1, &mut rng).unwrap();
    store.file().add(&opened, SlotKind::Duress, b"duress", &mut rng).unwrap();
    file
}

/// One that only ever was the decoy: it opens with what is the duress passphrase elsewhere.
fn decoys_life() -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    drop(create(reopened(&file), b"duress").unwrap());
    drop(open(&file, b"duress").unwrap());
    file
}

/// Gives the duress passphrase, with randomness that was never drawn before: no byte shall be the same by chance of the test.
fn duress(file: &tempfile::NamedTempFile, seed: u64) -> Result<SealedStore<ChaCha20Rng>, VaultFileError> {
    let rng = ChaCha20Rng::seed_from_u64(seed);
    locked(reopened(file))?.unlock(b"duress", NOW, rng).map_err(|(_, error)| error)
}

fn area() -> usize {
    usize::try_from(AREA_BYTES).unwrap()
}

fn marks(bytes: &[u8]) -> [usize; 2] {
    [KEY_MARK, RECORD_MARK].map(|mark| bytes.windows(8).filter(|window| window == mark).count())
}

/// Whether any 32 bytes of the former records' area that do not stand in every vault stand anywhere in the file.
fn holds_a_piece(bytes: &[u8], former: &[u8]) -> bool {
    let other = tempfile::NamedTempFile::new().unwrap();
    let rng = ChaCha20Rng::seed_from_u64(77);
    drop(LockedVault::create_with_floor(reopened(&other), b"other", CHEAP(), CHEAP(), rng).unwrap());
    let other = std::fs::read(other.path()).unwrap();
    let patterns: HashSet<&[u8]> = other.windows(32).collect();
    let is_random = |window: &&[u8]| window.iter().collect::<HashSet<_>>().len() > 26;
    let pieces: HashSet<&[u8]> =
        former[area()..].windows(32).filter(is_random).filter(|piece| !patterns.contains(piece)).collect();
    assert!(pieces.len() > 100_000, "{} pieces", pieces.len());
    bytes.windows(32).any(|window| pieces.contains(window))
}

/// Field by field, as who has the file alone can.
fn assert_tells_nothing(file: &tempfile::NamedTempFile, former: &[u8]) {
    let (bytes, new) = (std::fs::read(file.path()).unwrap(), std::fs::read(decoys_life().path()).unwrap());
    assert_eq!(bytes.len(), new.len(), "the file is as long as that of a new vault");
    assert_eq!(marks(&bytes), marks(&new), "and holds as many records, read or not");
    assert!(!holds_a_piece(&bytes, former));
    let copy = usize::try_from(COPY_BYTES).unwrap();
    assert_eq!(bytes[..copy], bytes[copy..2 * copy], "both copies are alike");
    assert_eq!(bytes[..18], new[..18], "magic and format");
    assert_eq!(bytes[26..35], new[26..35], "cost");
    assert_eq!(bytes[235..4_064], new[235..4_064], "what comes after the state");
    assert_eq!(bytes[2 * copy..][..1_024], new[2 * copy..][..1_024], "tries");
    assert_ne!(bytes[18..26], former[18..26], "generation");
}

#[test]
fn after_duress_the_file_is_that_of_a_vault_that_lived_the_decoys_life() {
    let file = used();
    let former = std::fs::read(file.path()).unwrap();
    assert!(marks(&former).iter().all(|marks| *marks > 100), "{:?}", marks(&former));
    let mut store = duress(&file, 10).unwrap();
    // Before stored is told, and so before it says that it did.
    let bytes = std::fs::read(file.path()).unwrap();
    assert!(!holds_a_piece(&bytes, &former) && store.is_to_wipe());
    store.wiped().unwrap();
    drop(store);
    assert_tells_nothing(&file, &former);
}

#[test]
fn a_vault_that_is_open_when_the_duress_passphrase_is_given_leaves_as_little() {
    let file = used();
    let mut store = open(&file, b"correct horse").unwrap();
    store.defer();
    let mut changes = Changes::default();
    changes.put(Table::Outbox, &[1], SecretBytes::new(vec![7; 3_000]));
    store.commit(&changes).unwrap();
    let former = std::fs::read(file.path()).unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(10);
    let opened = store.file().attempt(b"duress", NOW, &mut rng).unwrap();
    assert!(opened.is_switched());
    assert!(!holds_a_piece(&std::fs::read(file.path()).unwrap(), &former), "whether it is entered or not");
    let mut store = store.lock().enter(&opened, rng).map_err(|(_, error)| error).unwrap();
    store.wiped().unwrap();
    drop(store);
    assert_tells_nothing(&file, &former);
}

#[test]
fn damage_of_the_records_does_not_keep_them_from_going() {
    let file = used();
    let mut former = std::fs::read(file.path()).unwrap();
    let middle = area() + 4_096 + 100;
    former[middle..middle + 8_192].fill(0x55);
    std::fs::write(file.path(), &former).unwrap();
    assert!(locked(reopened(&file)).unwrap().is_damaged());
    let mut store = duress(&file, 10).unwrap();
    assert!(!store.is_read_only());
    store.wiped().unwrap();
    drop(store);
    assert_tells_nothing(&file, &former);
}

#[test]
fn duress_killed_at_any_write_leaves_nothing_after_the_next_opening() {
    let file = used();
    let decoy_key = *open(&file, b"correct horse").unwrap().decoy_store_key();
    let whole = std::fs::read(file.path()).unwrap();
    let mut boundaries = 0;
    for torn in [false, true] {
        for writes in 1.. {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), &whole).unwrap();
            disk::kill::after(writes, torn);
            let wiped = duress(&file, 10).and_then(|mut store| store.wiped());
            if !disk::kill::never() {
                wiped.unwrap();
                break;
            }
            boundaries += 1;
            // What is written before stored has wiped stays, whatever is still to be done.
            let mut store = duress(&file, 11).unwrap();
            let order_stands = store.is_to_wipe();
            assert_eq!(*store.store_key(), decoy_key, "write {writes}");
            let mut changes = Changes::default();
            changes.put(Table::Outbox, &[1], SecretBytes::new(b"new life".to_vec()));
            store.commit(&changes).unwrap();
            drop(store);
            let mut store = duress(&file, 12).unwrap();
            assert_eq!(store.is_to_wipe(), order_stands, "write {writes}");
            assert!(store.read(Table::Outbox, &[1]).unwrap().is_some(), "write {writes}");
            store.wiped().unwrap();
            drop(store);
            let bytes = std::fs::read(file.path()).unwrap();
            assert!(writes > 3 || order_stands, "write {writes}");
            assert!(marks(&bytes).iter().all(|marks| *marks < 10), "write {writes}: {:?}", marks(&bytes));
            if writes % 5 == 0 {
                assert!(!holds_a_piece(&bytes, &whole), "write {writes}");
            }
        }
    }
    assert!(boundaries > 20, "{boundaries}");
}
