use std::time::Duration;

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::layout::COPY_BYTES;
use super::*;
use crate::memory::SecretBytes;
use crate::reopened::reopened;
use crate::store::{Changes, Store, StoreError, Table};
use crate::unlock::CostError;

mod damage;
mod deferring;
mod deletion;
mod duress;
mod keys;
mod store_key;

const CHEAP: fn() -> Cost = Cost::for_tests;
/// Long after the process began.
const NOW: Duration = Duration::from_secs(1_000);

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(1)
}

fn create(file: File, passphrase: &[u8]) -> Result<SealedStore<ChaCha20Rng>, VaultFileError> {
    LockedVault::create_with_floor(file, passphrase, CHEAP(), CHEAP(), rng())
}

fn locked(file: File) -> Result<Box<LockedVault>, VaultFileError> {
    Examined::with_floor(file, CHEAP()).map(only_locked)
}

fn only_locked(examined: Examined) -> Box<LockedVault> {
    match examined {
        Examined::Locked(vault) => vault,
        Examined::Missing(_) => panic!("missing"),
    }
}

fn open(
    file: &tempfile::NamedTempFile,
    passphrase: &[u8],
) -> Result<SealedStore<ChaCha20Rng>, VaultFileError> {
    locked(reopened(file))?.unlock(passphrase, NOW, rng()).map_err(|(_, error)| error)
}

/// A vault with a few records.
fn vault() -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut store = create(reopened(&file), b"correct horse").unwrap();
    for id in 0..20_u8 {
        let mut changes = Changes::default();
        changes.put(Table::Session, &[id], SecretBytes::new(vec![id; 500]));
        changes.put(Table::ReceiveQueue, &[id], SecretBytes::new(b"another table".to_vec()));
        store.commit(&changes).unwrap();
    }
    file
}

#[test]
fn records_come_back_after_an_unlock() {
    let file = vault();
    let mut store = open(&file, b"correct horse").unwrap();
    assert_eq!(&*store.read(Table::Session, &[7]).unwrap().unwrap(), [7; 500]);
    assert_eq!(store.read(Table::Session, &[99]).unwrap(), None);
    assert_eq!(store.read(Table::Invite, &[7]).unwrap(), None);
    let mut rows = store.all(Table::Session).unwrap();
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(rows.len(), 20);
    assert_eq!((rows[3].0.as_slice(), rows[3].1[0]), ([3].as_slice(), 3));
    let mut changes = Changes::default();
    changes.delete(Table::Session, &[7]);
    changes.put(Table::Session, &[8], SecretBytes::new(vec![1]));
    store.commit(&changes).unwrap();
    drop(store);
    let store = open(&file, b"correct horse").unwrap();
    assert_eq!(store.read(Table::Session, &[7]).unwrap(), None);
    assert_eq!(&*store.read(Table::Session, &[8]).unwrap().unwrap(), [1]);
}

#[test]
fn a_wrong_passphrase_is_told_as_such_and_the_vault_stays_usable() {
    let file = vault();
    let vault = locked(reopened(&file)).unwrap();
    let (mut vault, error) = vault.unlock(b"correct horsf", NOW, rng()).unwrap_err();
    assert!(matches!(error, VaultFileError::WrongPassphrase));
    assert!(matches!(vault.attempt(b"", NOW, &mut rng()), Err(VaultFileError::WrongPassphrase)));
    let mut store = vault.unlock(b"correct horse", NOW, rng()).unwrap();
    assert!(store.file().attempt(b"correct horse", NOW, &mut rng()).is_ok());
    assert!(matches!(store.file().attempt(b"x", NOW, &mut rng()), Err(VaultFileError::WrongPassphrase)));
}

#[test]
fn no_plaintext_and_no_id_stands_in_the_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut store = create(reopened(&file), b"correct horse").unwrap();
    let mut changes = Changes::default();
    changes.put(Table::Session, b"an id to look for", SecretBytes::new(b"text to look for".to_vec()));
    store.commit(&changes).unwrap();
    drop(store);
    let bytes = std::fs::read(file.path()).unwrap();
    for needle in [b"an id to look for".as_slice(), b"text to look for", b"correct horse"] {
        assert!(!bytes.windows(needle.len()).any(|window| window == needle));
    }
}

#[test]
fn an_empty_file_and_an_interrupted_creation_are_missing_vaults() {
    let file = tempfile::NamedTempFile::new().unwrap();
    assert!(matches!(Examined::of(reopened(&file)), Ok(Examined::Missing(_))));
    let whole = std::fs::read(vault().path()).unwrap();
    let mut without_header = whole.clone();
    without_header[..usize::try_from(AREA_BYTES).unwrap()].fill(0);
    std::fs::write(file.path(), &without_header).unwrap();
    assert!(matches!(Examined::of(reopened(&file)), Ok(Examined::Missing(_))));
    create(reopened(&file), b"new").unwrap();
    assert!(open(&file, b"new").is_ok());
}

#[test]
fn a_second_vault_is_not_made_over_the_first_and_an_empty_passphrase_makes_none() {
    let file = vault();
    assert!(matches!(create(reopened(&file), b"other"), Err(VaultFileError::Exists)));
    drop(open(&file, b"correct horse").unwrap());
    let file = tempfile::NamedTempFile::new().unwrap();
    assert!(matches!(create(reopened(&file), b""), Err(VaultFileError::EmptyPassphrase)));
}

#[test]
fn a_file_in_use_is_told_as_such() {
    let file = vault();
    let held = locked(reopened(&file)).unwrap();
    assert!(matches!(locked(file.reopen().unwrap()), Err(VaultFileError::InUse)));
    drop(held);
    assert!(locked(reopened(&file)).is_ok());
}

#[test]
fn eight_slots_of_equal_size_stand_there_and_none_tells_whether_it_is_used() {
    let file = vault();
    let bytes = std::fs::read(file.path()).unwrap();
    for slot in 0..SLOTS {
        let at = 4_096 + slot * 512;
        let ones: u32 = bytes[at..at + 480].iter().map(|byte| byte.count_ones()).sum();
        // 3,840 random bits: 1,920 ± 6 standard deviations.
        assert!((1_734..2_106).contains(&ones), "slot {slot} has {ones} one bits");
    }
}

#[test]
fn the_shipped_path_creates_and_unlocks_at_the_floor() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let refused = LockedVault::create(reopened(&file), b"pass", CHEAP(), rng());
    assert!(matches!(refused, Err(VaultFileError::Cost(CostError::BelowFloor))));
    drop(LockedVault::create(reopened(&file), b"pass", FLOOR, rng()).unwrap());
    let Examined::Locked(vault) = Examined::of(reopened(&file)).unwrap() else { panic!() };
    assert!(vault.unlock(b"pass", NOW, rng()).is_ok());
}

#[test]
fn debug_shows_no_key() {
    let file = vault();
    let store = open(&file, b"correct horse").unwrap();
    assert_eq!(format!("{store:?}"), "SealedStore(LockedVault(Cost { memory_kib: 32, passes: 1 }))");
}
