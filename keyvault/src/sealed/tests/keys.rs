//! Key slots: what opens, what cannot be done, and what a kill leaves.

use super::super::key_slot::{Slot, SlotContent};
use super::*;

type Kinds = [Option<SlotKind>; SLOTS];

/// Does something with a vault that `passphrase` opens.
fn with<T>(
    file: &tempfile::NamedTempFile,
    passphrase: &[u8],
    call: impl FnOnce(&mut LockedVault, &OpenedVault, &mut ChaCha20Rng) -> Result<T, VaultFileError>,
) -> Result<T, VaultFileError> {
    let mut vault = locked(reopened(file))?;
    // Another seed each time: a slot's random bytes must not repeat.
    let seed = std::fs::read(file.path())
        .unwrap()
        .iter()
        .fold(0_u64, |seed, byte| seed.wrapping_mul(31).wrapping_add(u64::from(*byte)));
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let opened = vault.attempt(passphrase, NOW, &mut rng)?;
    call(&mut vault, &opened, &mut rng)
}

fn add(file: &tempfile::NamedTempFile, kind: SlotKind, new: &[u8]) -> Result<usize, VaultFileError> {
    with(file, b"correct horse", |vault, opened, rng| vault.add(opened, kind, new, rng))
}

fn kinds(file: &tempfile::NamedTempFile, passphrase: &[u8]) -> Result<Kinds, VaultFileError> {
    with(file, passphrase, |vault, opened, _| vault.slots(opened))
}

fn opens(file: &tempfile::NamedTempFile, passphrase: &[u8]) -> bool {
    match open(file, passphrase) {
        Ok(store) => !store.is_read_only() && store.all(Table::Session).unwrap().len() == 20,
        Err(VaultFileError::WrongPassphrase) => false,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn the_same_passphrase_opens_from_every_keyboard_and_file() {
    let file = vault();
    assert_eq!(add(&file, SlotKind::Passphrase, "cafe\u{301} au lait\r".as_bytes()).unwrap(), 1);
    for written in ["caf\u{e9} au lait", "cafe\u{301} au lait", "\u{feff}caf\u{e9} au lait\r\n"] {
        assert!(opens(&file, written.as_bytes()), "{written:?}");
        let taken = add(&file, SlotKind::Duress, written.as_bytes());
        assert!(matches!(taken, Err(VaultFileError::Taken)), "{written:?}");
    }
    assert!(!opens(&file, "cafe au lait".as_bytes()));
    let empty = add(&file, SlotKind::Passphrase, "\u{feff}\r\n".as_bytes());
    assert!(matches!(empty, Err(VaultFileError::EmptyPassphrase)));
}

#[test]
fn a_passphrase_that_an_earlier_version_took_as_it_was_given_opens_still() {
    let file = vault();
    let given = "cafe\u{301}\r".as_bytes();
    with(&file, b"correct horse", |vault, opened, rng| {
        let content = SlotContent::of_root(SlotKind::Passphrase, &opened.root);
        let key = super::super::slots::stretch(vault.header.cost, &vault.header.salt, given)?;
        let mut header = vault.header.next(rng);
        header.form = super::super::file_header::Form::NotNoted;
        header.set_slot(1, super::super::key_slot::Slot::seal(1, &key, &content, rng));
        header.write(&vault.file)
    })
    .unwrap();
    assert!(opens(&file, given));
    assert!(!opens(&file, "caf\u{e9}".as_bytes()), "it is another slot's than the one that this would make");
}

/// A later Unicode could make other bytes of it: it opens what it opens, and makes nothing.
#[test]
fn a_character_that_is_not_assigned_is_tried_and_makes_no_passphrase() {
    let file = vault();
    let (given, change) = ("correct \u{378}".as_bytes(), |at, new: &'static [u8]| {
        move |vault: &mut LockedVault, opened: &OpenedVault, rng: &mut ChaCha20Rng| {
            vault.change(opened, at, new, rng)
        }
    });
    for kind in [SlotKind::Passphrase, SlotKind::Duress] {
        assert!(matches!(add(&file, kind, given), Err(VaultFileError::Unassigned)), "{kind:?}");
    }
    assert!(matches!(with(&file, b"correct horse", change(0, given)), Err(VaultFileError::Unassigned)));
    let made = create(tempfile::tempfile().unwrap(), given);
    assert!(matches!(made, Err(VaultFileError::Unassigned)));
    with(&file, b"correct horse", |vault, opened, rng| {
        let key = super::super::slots::stretch(vault.header.cost, &vault.header.salt, given)?;
        let content = SlotContent::of_root(SlotKind::Passphrase, &opened.root);
        let slot = Slot::seal(1, &key, &content, rng);
        let mut header = vault.header.next(rng);
        header.set_slot(1, slot);
        header.write(&vault.file)
    })
    .unwrap();
    assert!(opens(&file, given));
}

#[test]
fn a_second_passphrase_and_a_recovery_key_open_the_same_vault() {
    let file = vault();
    assert_eq!(add(&file, SlotKind::Passphrase, b"second").unwrap(), 1);
    let recovery = |vault: &mut LockedVault, opened: &OpenedVault, rng: &mut ChaCha20Rng| {
        vault.add_recovery(opened, rng)
    };
    let (at, words) = with(&file, b"second", recovery).unwrap();
    assert_eq!((at, words.split(' ').count()), (2, RECOVERY_WORDS));
    for passphrase in [b"correct horse".as_slice(), b"second", words.as_bytes()] {
        assert!(opens(&file, passphrase));
    }
    assert!(opens(&file, format!(" {}\n", words.to_uppercase()).as_bytes()));
    let listed = words.split(' ').enumerate().map(|(at, word)| format!("{}. {word},\u{a0}\r\n", at + 1));
    assert!(opens(&file, listed.collect::<String>().as_bytes()), "as it was written down");
    let mut expected = [None; SLOTS];
    expected[..3].copy_from_slice(&[
        Some(SlotKind::Passphrase),
        Some(SlotKind::Passphrase),
        Some(SlotKind::Recovery),
    ]);
    assert_eq!(kinds(&file, words.as_bytes()).unwrap(), expected);
    assert!(matches!(kinds(&file, b"wrong"), Err(VaultFileError::WrongPassphrase)));
}

#[test]
fn a_changed_or_removed_slot_opens_no_more_with_what_opened_it() {
    let file = vault();
    add(&file, SlotKind::Passphrase, b"second").unwrap();
    let change = |at, new: &'static [u8]| {
        move |vault: &mut LockedVault, opened: &OpenedVault, rng: &mut ChaCha20Rng| {
            vault.change(opened, at, new, rng)
        }
    };
    with(&file, b"second", change(0, b"third")).unwrap();
    assert!(opens(&file, b"third") && opens(&file, b"second") && !opens(&file, b"correct horse"));
    let remove = |at| {
        move |vault: &mut LockedVault, opened: &OpenedVault, rng: &mut ChaCha20Rng| {
            vault.remove(opened, at, rng)
        }
    };
    with(&file, b"third", remove(1)).unwrap();
    assert!(opens(&file, b"third") && !opens(&file, b"second"));
    for at in [1, 7, 8, 1_000] {
        assert!(matches!(with(&file, b"third", remove(at)), Err(VaultFileError::NoSuchSlot)));
        assert!(matches!(with(&file, b"third", change(at, b"new")), Err(VaultFileError::NoSuchSlot)));
    }
}

#[test]
fn the_last_passphrase_cannot_be_removed_whatever_else_opens() {
    let file = vault();
    add(&file, SlotKind::Duress, b"duress").unwrap();
    let recovery = |vault: &mut LockedVault, opened: &OpenedVault, rng: &mut ChaCha20Rng| {
        vault.add_recovery(opened, rng)
    };
    let (_, words) = with(&file, b"correct horse", recovery).unwrap();
    let remove =
        |vault: &mut LockedVault, opened: &OpenedVault, rng: &mut ChaCha20Rng| vault.remove(opened, 0, rng);
    assert!(matches!(with(&file, words.as_bytes(), remove), Err(VaultFileError::LastPassphrase)));
    assert!(opens(&file, b"correct horse"));
    add(&file, SlotKind::Passphrase, b"second").unwrap();
    with(&file, words.as_bytes(), remove).unwrap();
    assert!(opens(&file, b"second"));
}

#[test]
fn a_passphrase_that_opens_a_slot_already_is_not_taken_for_another() {
    let file = vault();
    add(&file, SlotKind::Duress, b"duress").unwrap();
    for kind in [SlotKind::Passphrase, SlotKind::Duress] {
        assert!(matches!(add(&file, kind, b"correct horse"), Err(VaultFileError::Taken)));
        assert!(matches!(add(&file, kind, b"duress"), Err(VaultFileError::Taken)));
        assert!(matches!(add(&file, kind, b""), Err(VaultFileError::EmptyPassphrase)));
    }
    for at in 2..SLOTS {
        assert_eq!(add(&file, SlotKind::Passphrase, &[b'a' + u8::try_from(at).unwrap()]).unwrap(), at);
    }
    assert!(matches!(add(&file, SlotKind::Passphrase, b"ninth"), Err(VaultFileError::SlotsFull)));
}

#[test]
fn five_slips_are_free_and_then_tries_wait_over_restarts_and_the_right_one_ends_it() {
    let file = vault();
    let attempt = |passphrase: &[u8], now| {
        locked(reopened(&file)).unwrap().attempt(passphrase, Duration::from_secs(now), &mut rng())
    };
    for _ in 0..6 {
        // Each is a process of its own, two seconds old.
        assert!(matches!(attempt(b"wrong", 2), Err(VaultFileError::WrongPassphrase)));
    }
    let waits = attempt(b"correct horse", 0);
    assert!(matches!(waits, Err(VaultFileError::Wait(wait)) if wait == Duration::from_secs(2)), "{waits:?}");
    // A try that came too early neither counts nor lengthens the wait.
    assert!(matches!(attempt(b"wrong", 1), Err(VaultFileError::Wait(_))));
    assert!(attempt(b"correct horse", 2).is_ok());
    assert!(matches!(attempt(b"wrong", 0), Err(VaultFileError::WrongPassphrase)));
    assert!(attempt(b"correct horse", 0).is_ok());
}

#[test]
fn a_try_counts_before_it_is_made() {
    let file = vault();
    let mut vault = locked(reopened(&file)).unwrap();
    // The count is the first write of a try; a kill right after it leaves it.
    disk::kill::after(2, false);
    let _ = vault.attempt(b"correct horse", NOW, &mut rng());
    assert!(disk::kill::never());
    drop(vault);
    let vault = locked(reopened(&file)).unwrap();
    assert!(format!("{:?}", vault.attempts).contains("outside: 1"));
}

#[test]
fn the_duress_passphrase_leaves_one_slot_and_an_empty_vault_that_orders_the_wipe() {
    let file = vault();
    let decoy_key = *open(&file, b"correct horse").unwrap().decoy_store_key();
    add(&file, SlotKind::Passphrase, b"second").unwrap();
    add(&file, SlotKind::Duress, b"duress").unwrap();
    assert!(!open(&file, b"correct horse").unwrap().is_to_wipe());

    let mut store = open(&file, b"duress").unwrap();
    assert!(store.is_to_wipe());
    assert_eq!(store.store_key(), &decoy_key, "it opens the decoy that the real vault made");
    assert_ne!(store.decoy_store_key(), &decoy_key, "and has a decoy of its own");
    assert!(store.all(Table::Session).unwrap().is_empty());
    let mut changes = Changes::default();
    changes.put(Table::Session, &[1], SecretBytes::new(b"new life".to_vec()));
    store.commit(&changes).unwrap();
    drop(store);

    for gone in [b"correct horse".as_slice(), b"second"] {
        assert!(matches!(open(&file, gone), Err(VaultFileError::WrongPassphrase)));
    }
    // Ordered until it is done, and what was written since stays.
    let mut store = open(&file, b"duress").unwrap();
    assert!(store.is_to_wipe() && !store.is_read_only());
    assert_eq!(&*store.read(Table::Session, &[1]).unwrap().unwrap(), b"new life");
    store.wiped().unwrap();
    drop(store);
    assert!(!open(&file, b"duress").unwrap().is_to_wipe());
    // Like any vault with one passphrase: nothing says what it was.
    let mut expected = [None; SLOTS];
    expected[0] = Some(SlotKind::Passphrase);
    assert_eq!(kinds(&file, b"duress").unwrap(), expected);
}

#[test]
fn nothing_of_the_real_vault_opens_after_duress_even_with_its_root() {
    let file = vault();
    add(&file, SlotKind::Duress, b"duress").unwrap();
    let before = std::fs::read(file.path()).unwrap();
    let copy = usize::try_from(COPY_BYTES).unwrap();
    drop(open(&file, b"duress").unwrap());
    let after = std::fs::read(file.path()).unwrap();
    for at in (4_096..copy).step_by(512) {
        assert_ne!(after[at..at + 512], before[at..at + 512], "every slot was overwritten");
        assert_eq!(after[at..at + 512], after[copy + at..copy + at + 512], "in both copies");
    }
    let state = 67..67 + 168;
    let holds = |bytes: &[u8]| bytes.windows(168).any(|window| *window == before[state.clone()]);
    assert!(holds(&before) && !holds(&after), "and what held the epoch's key");
}

/// Runs `change` on a fresh vault made by `make` with a kill at every write that it makes, whole and torn; `check` looks at
/// what each kill left. Gives how many boundaries there were.
fn killed_at_every_write(
    make: impl Fn() -> tempfile::NamedTempFile,
    change: impl Fn(&tempfile::NamedTempFile) -> Result<(), VaultFileError>,
    check: impl Fn(&tempfile::NamedTempFile),
) -> u32 {
    let mut boundaries = 0;
    for torn in [false, true] {
        for writes in 1.. {
            let file = make();
            disk::kill::after(writes, torn);
            let changed = change(&file);
            if !disk::kill::never() {
                changed.unwrap();
                break;
            }
            boundaries += 1;
            check(&file);
        }
    }
    boundaries
}

#[test]
fn a_slot_change_killed_at_any_write_leaves_the_old_slots_or_the_new_ones() {
    let change = |file: &tempfile::NamedTempFile| {
        with(file, b"correct horse", |vault, opened, rng| vault.change(opened, 0, b"new", rng))
    };
    let boundaries = killed_at_every_write(vault, change, |file| {
        let (old, new) = (opens(file, b"correct horse"), opens(file, b"new"));
        assert!(old != new, "exactly one opens: old {old}, new {new}");
        assert!(opens(file, if new { b"new" } else { b"correct horse" }), "and goes on doing so");
    });
    assert!(boundaries >= 8, "{boundaries}");
    let remove = |file: &tempfile::NamedTempFile| {
        with(file, b"correct horse", |vault, opened, rng| vault.remove(opened, 1, rng))
    };
    let make = || {
        let file = vault();
        add(&file, SlotKind::Passphrase, b"second").unwrap();
        file
    };
    killed_at_every_write(make, remove, |file| assert!(opens(file, b"correct horse")));
}

#[test]
fn duress_killed_at_any_write_ends_at_the_next_opening() {
    let make = || {
        let file = vault();
        add(&file, SlotKind::Duress, b"duress").unwrap();
        file
    };
    let duress = |file: &tempfile::NamedTempFile| {
        let mut store = open(file, b"duress")?;
        store.wiped()
    };
    let boundaries = killed_at_every_write(make, duress, |file| {
        let mut store = open(file, b"duress").unwrap();
        assert!(!store.is_read_only() && store.all(Table::Session).unwrap().is_empty());
        store.wiped().unwrap();
        drop(store);
        assert!(matches!(open(file, b"correct horse"), Err(VaultFileError::WrongPassphrase)));
        assert!(!open(file, b"duress").unwrap().is_to_wipe());
    });
    assert!(boundaries > 12, "{boundaries}");
}

#[test]
fn an_interrupted_change_is_no_damage_and_is_made_whole_at_the_next_start() {
    let file = vault();
    add(&file, SlotKind::Passphrase, b"second").unwrap();
    let copy = usize::try_from(COPY_BYTES).unwrap();
    let before = std::fs::read(file.path()).unwrap();
    let remove =
        |vault: &mut LockedVault, opened: &OpenedVault, rng: &mut ChaCha20Rng| vault.remove(opened, 1, rng);
    with(&file, b"correct horse", remove).unwrap();
    let mut half = std::fs::read(file.path()).unwrap();
    let after = half.clone();
    half[copy..2 * copy].copy_from_slice(&before[copy..2 * copy]);
    std::fs::write(file.path(), &half).unwrap();
    let vault = locked(reopened(&file)).unwrap();
    assert!(!vault.was_repaired());
    assert_eq!(
        std::fs::read(file.path()).unwrap()[..2 * copy],
        after[..2 * copy],
        "the removed slot is gone"
    );
}
