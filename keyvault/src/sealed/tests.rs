use std::os::unix::fs::FileExt;

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::*;
use crate::memory::SecretBytes;
use crate::store::{Changes, Store, Table};

const CHEAP: fn() -> Cost = Cost::for_tests;

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(1)
}

fn create(file: File, passphrase: &[u8]) -> Result<SealedStore<ChaCha20Rng>, VaultFileError> {
    LockedVault::create_with_floor(file, passphrase, (CHEAP(), CHEAP()), rng())
}

fn locked(file: File) -> Result<Box<LockedVault>, VaultFileError> {
    match Examined::with_floor(file, CHEAP())? {
        Examined::Locked(vault) => Ok(vault),
        Examined::Missing(_) => panic!("missing"),
    }
}

fn open(
    file: &tempfile::NamedTempFile,
    passphrase: &[u8],
) -> Result<SealedStore<ChaCha20Rng>, VaultFileError> {
    locked(file.reopen().unwrap())?.unlock(passphrase, rng()).map_err(|(_, error)| error)
}

/// A vault with a few records.
fn vault() -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut store = create(file.reopen().unwrap(), b"correct horse").unwrap();
    for id in 0..20_u8 {
        let mut changes = Changes::default();
        changes.put(Table::Session, &[id], SecretBytes::new(vec![id; 500]));
        changes.put(Table::Replica, &[id], SecretBytes::new(b"another table".to_vec()));
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
    let vault = locked(file.reopen().unwrap()).unwrap();
    let (vault, error) = vault.unlock(b"correct horsf", rng()).unwrap_err();
    assert!(matches!(error, VaultFileError::WrongPassphrase));
    assert!(matches!(vault.verify(b""), Err(VaultFileError::WrongPassphrase)));
    let store = vault.unlock(b"correct horse", rng()).unwrap();
    assert!(store.verify(b"correct horse").is_ok());
    assert!(matches!(store.verify(b"x"), Err(VaultFileError::WrongPassphrase)));
}

#[test]
fn no_plaintext_and_no_id_stands_in_the_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut store = create(file.reopen().unwrap(), b"correct horse").unwrap();
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
    assert!(matches!(Examined::of(file.reopen().unwrap()), Ok(Examined::Missing(_))));
    let whole = std::fs::read(vault().path()).unwrap();
    let mut without_header = whole.clone();
    without_header[..usize::try_from(AREA_BYTES).unwrap()].fill(0);
    std::fs::write(file.path(), &without_header).unwrap();
    assert!(matches!(Examined::of(file.reopen().unwrap()), Ok(Examined::Missing(_))));
    create(file.reopen().unwrap(), b"new").unwrap();
    assert!(open(&file, b"new").is_ok());
}

#[test]
fn a_second_vault_is_not_made_over_the_first_and_an_empty_passphrase_makes_none() {
    let file = vault();
    assert!(matches!(create(file.reopen().unwrap(), b"other"), Err(VaultFileError::Exists)));
    assert!(open(&file, b"correct horse").is_ok());
    let file = tempfile::NamedTempFile::new().unwrap();
    assert!(matches!(create(file.reopen().unwrap(), b""), Err(VaultFileError::EmptyPassphrase)));
}

#[test]
fn a_file_in_use_is_told_as_such() {
    let file = vault();
    let held = locked(file.reopen().unwrap()).unwrap();
    assert!(matches!(locked(file.reopen().unwrap()), Err(VaultFileError::InUse)));
    drop(held);
    assert!(locked(file.reopen().unwrap()).is_ok());
}

/// Writes `byte ^ mask` at each place and returns what opening says.
fn with_flipped(places: &[u64]) -> Result<Box<LockedVault>, VaultFileError> {
    let file = vault();
    for place in places {
        let mut byte = [0];
        file.as_file().read_exact_at(&mut byte, *place).unwrap();
        file.as_file().write_all_at(&[byte[0] ^ 4], *place).unwrap();
    }
    locked(file.reopen().unwrap())
}

#[test]
fn a_byte_flipped_in_one_copy_of_the_header_is_survived_and_in_both_it_is_damage() {
    for place in [0, 17, 30, 60, 2_000, 4_095, 4_096, 4_700, 8_191] {
        assert!(with_flipped(&[place]).is_ok(), "byte {place}");
        assert!(with_flipped(&[COPY_BYTES + place]).is_ok(), "byte {place}");
        let both = with_flipped(&[place, COPY_BYTES + place]);
        assert!(matches!(both, Err(VaultFileError::Damaged)), "byte {place}: {both:?}");
    }
}

#[test]
fn a_byte_flipped_in_a_record_is_damage_before_any_passphrase_is_tried() {
    let file = vault();
    let bytes = std::fs::read(file.path()).unwrap();
    let mut damaged = 0;
    for place in (usize::try_from(AREA_BYTES).unwrap()..bytes.len()).step_by(1_021) {
        let mut altered = bytes.clone();
        altered[place] ^= 4;
        std::fs::write(file.path(), &altered).unwrap();
        match locked(file.reopen().unwrap()) {
            Err(VaultFileError::Damaged) => damaged += 1,
            // A page that is not in use: then everything still reads.
            Ok(vault) => {
                let store = vault.unlock(b"correct horse", rng()).unwrap();
                assert_eq!(store.all(Table::Session).unwrap().len(), 20, "byte {place}");
            }
            Err(other) => panic!("byte {place}: {other}"),
        }
    }
    assert!(damaged > 5, "{damaged} flips were told as damage");
}

#[test]
fn a_truncated_file_is_damage() {
    let file = vault();
    let length = std::fs::metadata(file.path()).unwrap().len();
    for keep in [1, 100, 4_096, COPY_BYTES, AREA_BYTES, AREA_BYTES + 100, length / 2, length - 1] {
        let file = vault();
        file.as_file().set_len(keep).unwrap();
        match locked(file.reopen().unwrap()) {
            Err(VaultFileError::Damaged) => {}
            Ok(vault) => {
                let store = vault.unlock(b"correct horse", rng()).unwrap();
                assert_eq!(store.all(Table::Session).unwrap().len(), 20, "{keep} bytes kept");
            }
            Err(other) => panic!("{keep} bytes kept: {other}"),
        }
    }
}

#[test]
fn a_later_format_is_told_as_newer_and_weak_parameters_are_refused() {
    let rewrite = |at: usize, bytes: &[u8]| {
        let file = vault();
        let mut copy = std::fs::read(file.path()).unwrap()[..4_064].to_vec();
        copy[at..at + bytes.len()].copy_from_slice(bytes);
        let sum = crate::kdf::sha256(&[&copy]);
        for start in [0, COPY_BYTES] {
            file.as_file().write_all_at(&copy, start).unwrap();
            file.as_file().write_all_at(&sum, start + 4_064).unwrap();
        }
        locked(file.reopen().unwrap()).map(|_| ())
    };
    assert!(matches!(rewrite(16, &[0, 2]), Err(VaultFileError::Newer)));
    assert!(matches!(rewrite(16, &[0, 0]), Err(VaultFileError::Damaged)));
    assert!(matches!(rewrite(27, &[0, 0, 0, 1]), Err(VaultFileError::Cost(CostError::BelowFloor))));
    assert!(matches!(rewrite(31, &[0xff; 4]), Err(VaultFileError::Cost(CostError::TooMuch))));
    assert!(rewrite(27, &[0, 0, 0, 32]).is_ok());
    let file = vault();
    assert!(matches!(Examined::of(file.reopen().unwrap()), Err(VaultFileError::Cost(CostError::BelowFloor))));
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
fn a_sealed_record_does_not_open_in_another_records_place() {
    let file = vault();
    let mut store = open(&file, b"correct horse").unwrap();
    let (here, there) = (store.name(Table::Session, &[1]), store.name(Table::Session, &[2]));
    let sealed = store.seal(&here, &[1], b"record").unwrap();
    assert!(store.open(&here, &sealed).is_ok());
    assert!(store.open(&there, &sealed).is_err());
}

#[test]
fn the_shipped_path_creates_and_unlocks_at_the_floor() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let refused = LockedVault::create(file.reopen().unwrap(), b"pass", CHEAP(), rng());
    assert!(matches!(refused, Err(VaultFileError::Cost(CostError::BelowFloor))));
    drop(LockedVault::create(file.reopen().unwrap(), b"pass", FLOOR, rng()).unwrap());
    let Examined::Locked(vault) = Examined::of(file.reopen().unwrap()).unwrap() else { panic!() };
    assert!(vault.unlock(b"pass", rng()).is_ok());
}

#[test]
fn debug_shows_no_key() {
    let file = vault();
    let store = open(&file, b"correct horse").unwrap();
    assert_eq!(format!("{store:?}"), "SealedStore(LockedVault(Cost { memory_kib: 32, passes: 1 }))");
}

#[test]
fn deferred_changes_are_seen_at_once_and_durable_only_after_a_flush() {
    let file = vault();
    let mut store = open(&file, b"correct horse").unwrap();
    store.defer();
    let put = |store: &mut SealedStore<ChaCha20Rng>, id: u8| {
        let mut changes = Changes::default();
        changes.put(Table::Outbox, &[id], SecretBytes::new(vec![id]));
        store.commit(&changes).unwrap();
    };
    put(&mut store, 1);
    store.flush().unwrap();
    put(&mut store, 2);
    assert!(store.read(Table::Outbox, &[2]).unwrap().is_some());
    // What a kill leaves behind is what the file says now.
    let killed = tempfile::NamedTempFile::new().unwrap();
    std::fs::copy(file.path(), killed.path()).unwrap();
    let after = open(&killed, b"correct horse").unwrap();
    assert!(after.read(Table::Outbox, &[1]).unwrap().is_some());
    assert!(after.read(Table::Outbox, &[2]).unwrap().is_none());
    store.reload().unwrap();
    assert!(store.read(Table::Outbox, &[1]).unwrap().is_some());
    put(&mut store, 3);
    store.flush().unwrap();
    drop(store);
    assert!(open(&file, b"correct horse").unwrap().read(Table::Outbox, &[3]).unwrap().is_some());
}
