//! The key of stored's database: what gives it, and what does not.

use super::*;
use crate::kdf;
use crate::sealed::root;
use crate::sealed::state::{State, StoreKeyAt};

const COPIES: usize = 16_384;
/// Where the blocks begin.
const BLOCKS: [usize; 2] = [17_408, 18_432];

fn bytes_of(file: &tempfile::NamedTempFile) -> Vec<u8> {
    std::fs::read(file.path()).unwrap()
}

fn with_bytes(bytes: &[u8]) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    file
}

fn store_key(bytes: &[u8], passphrase: &[u8]) -> [u8; 32] {
    *open(&with_bytes(bytes), passphrase).unwrap().store_key()
}

/// As an earlier version left it: the key follows from the root, and lies nowhere.
fn earlier_vault() -> (tempfile::NamedTempFile, [u8; 32]) {
    let file = vault();
    let mut store = open(&file, b"correct horse").unwrap();
    let state = store.state().unwrap();
    store.write_state(&State { store_key: StoreKeyAt::Root, ..state }).unwrap();
    let root = store.file().attempt(b"correct horse", NOW, &mut rng()).unwrap().root;
    drop(store);
    let mut bytes = bytes_of(&file);
    bytes[BLOCKS[0]..usize::try_from(AREA_BYTES).unwrap()].fill(0);
    std::fs::write(file.path(), bytes).unwrap();
    (file, *root::store_key(&root).expose())
}

#[test]
fn a_removed_passphrase_behind_an_old_header_does_not_open_todays_history() {
    let file = vault();
    let other = ChaCha20Rng::seed_from_u64(5);
    let opened = locked(reopened(&file)).unwrap().unlock(b"correct horse", NOW, other);
    let mut store = opened.map_err(|(_, error)| error).unwrap();
    let (before, today) = (bytes_of(&file), *store.store_key());
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let opened = store.file().attempt(b"correct horse", NOW, &mut rng).unwrap();
    store.file().change(&opened, 0, b"another one", &mut rng).unwrap();
    store.begin_epoch().unwrap();
    drop(store);
    let after = bytes_of(&file);
    assert_eq!(store_key(&after, b"another one"), today, "the key itself stays");
    let area = usize::try_from(AREA_BYTES).unwrap();
    assert_eq!(store_key(&after[..area], b"another one"), today, "and needs no record");
    let mixed = [&before[..COPIES], &after[COPIES..]].concat();
    let opened = open(&with_bytes(&mixed), b"correct horse").unwrap();
    assert!(opened.is_read_only());
    assert_ne!(*opened.store_key(), today);
    // Nor does it follow from the root, which never changes.
    let mut vault = locked(reopened(&file)).unwrap();
    let root = vault.attempt(b"another one", NOW, &mut rng).unwrap().root;
    assert_ne!(root::store_key(&root).expose(), &today);
    assert_ne!(kdf::label(&root, &[b"privatus/vault/decoy store/v1"]).expose(), &today);
}

#[test]
fn the_key_survives_the_loss_of_either_block_and_of_all_records() {
    let (whole, area) = (bytes_of(&vault()), usize::try_from(AREA_BYTES).unwrap());
    let expected = store_key(&whole, b"correct horse");
    assert_eq!(store_key(&whole[..area], b"correct horse"), expected);
    for block in BLOCKS {
        let mut bytes = whole.clone();
        bytes[block + 50] ^= 1;
        assert_eq!(store_key(&bytes[..area], b"correct horse"), expected, "block {block}");
        let file = with_bytes(&bytes);
        assert!(!open(&file, b"correct horse").unwrap().is_read_only());
        let mut mended = bytes_of(&file);
        let other = BLOCKS.iter().find(|other| **other != block).unwrap();
        mended[other + 50] ^= 1;
        assert_eq!(store_key(&mended, b"correct horse"), expected, "block {block} was put back");
    }
    let mut neither = whole;
    BLOCKS.iter().for_each(|block| neither[block + 50] ^= 1);
    assert_ne!(store_key(&neither, b"correct horse"), expected);
}

#[test]
fn an_earlier_vaults_key_becomes_the_kept_one_wherever_it_is_killed() {
    let (file, expected) = earlier_vault();
    let whole = bytes_of(&file);
    let mut boundaries = 0;
    for torn in [false, true] {
        for writes in 1.. {
            let file = with_bytes(&whole);
            disk::kill::after(writes, torn);
            let opened = open(&file, b"correct horse").map(drop);
            if !disk::kill::never() {
                opened.unwrap();
                let store = open(&file, b"correct horse").unwrap();
                assert!(matches!(store.state().unwrap().store_key, StoreKeyAt::Apart));
                break;
            }
            boundaries += 1;
            let mut store = open(&file, b"correct horse").unwrap();
            assert!(!store.is_read_only(), "write {writes}");
            assert_eq!(*store.store_key(), expected, "write {writes}");
            store.begin_epoch().unwrap();
            drop(store);
            assert_eq!(store_key(&bytes_of(&file), b"correct horse"), expected, "write {writes}");
        }
    }
    assert!(boundaries > 10, "{boundaries}");
}

#[test]
fn an_earlier_vaults_duress_slot_opens_an_empty_history_under_a_key_that_stays() {
    let file = vault();
    let mut vault = locked(reopened(&file)).unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(4);
    let opened = vault.attempt(b"correct horse", NOW, &mut rng).unwrap();
    let cost = vault.header.cost;
    let key = super::super::slots::stretch(cost, &vault.header.salt, b"duress").unwrap();
    let decoy = root::decoy_root(&opened.root);
    let content = super::super::key_slot::SlotContent::of_root(SlotKind::Duress, &decoy);
    let mut header = vault.header.next(&mut rng);
    header.set_slot(1, super::super::key_slot::Slot::seal(1, &key, &content, &mut rng));
    header.write(&vault.file).unwrap();
    drop(vault);
    let mut store = open(&file, b"duress").unwrap();
    assert_eq!(store.store_key(), root::store_key(&decoy).expose());
    store.wiped().unwrap();
    drop(store);
    assert_eq!(&store_key(&bytes_of(&file), b"duress"), root::store_key(&decoy).expose());
}
