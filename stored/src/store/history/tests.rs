use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use ipc_schema::Timestamp;
use ipc_schema::edge::ui_stored::Closed;
use proptest::prelude::*;
use rand_core::{Rng, SeedableRng};

use super::*;
use crate::content::WireId;
use crate::database::beside;
use crate::ids::ContactId;
use crate::store::{ContactState, Decoy, Delivery, Message};

const TEXTS: u32 = 60;
/// SQLCipher's page, bytes.
const PAGE: usize = 4096;

fn key(byte: u8) -> StoreKey {
    StoreKey::new([byte; 32])
}

/// A profile's folder as it lies after a stop: one contact, texts of all lengths, and room that was freed.
struct Profile {
    folder: tempfile::TempDir,
}

impl Profile {
    fn filled() -> Self {
        let profile = Self { folder: tempfile::tempdir().unwrap() };
        let Opened::Whole(store) = profile.open(None) else { panic!("a new one") };
        fill(&store);
        Decoy::new(profile.folder.path(), key(2)).live_on(&store).unwrap();
        profile
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn open(&self, anew: Option<u64>) -> Opened {
        History { folder: self.folder.path(), key: &key(1), known: false, anew }.open()
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(self.at(FILE)).unwrap()
    }
}

fn fill(store: &Store) {
    store.begin().unwrap();
    store.add_contact(ContactId(1), "bob", ContactState::Connected, Timestamp(1)).unwrap();
    for number in 0..TEXTS {
        store.add_message(&text(number)).unwrap();
    }
    store.set_setting("freed", &"x".repeat(20_000)).unwrap();
    store.commit().unwrap();
    store.set_setting("freed", "").unwrap();
}

/// Some fit a cell, some a page, some take several.
fn text(number: u32) -> Message {
    let words = format!("text {number} ");
    let wire = u128::from(number).to_be_bytes();
    Message {
        position: i64::from(number) << 20,
        chain: Timestamp(1),
        sequence: u64::from(number),
        sent_at: Timestamp(5),
        received_at: Timestamp(6),
        body: words.repeat(1 + usize::try_from(number * number).unwrap() / 2),
        state: Delivery::Delivered,
        ..Message::new(format!("m{number}"), ContactId(1), WireId(wire))
    }
}

/// What was said of the texts: how many are as they were, and the words for the others. One that is another is a failure.
fn read_all(store: &mut Store) -> (u32, Vec<Closed>) {
    let (mut whole, mut said) = (0, Vec::new());
    for number in 0..TEXTS {
        let read = store.message(&format!("m{number}"));
        match store.trusted(read) {
            Ok(Some(message)) => {
                assert_eq!(message.body, text(number).body, "text {number} is another");
                whole += 1;
            }
            Ok(None) => said.push(Closed::HistoryLost),
            Err(error) => said.push(error.closed()),
        }
    }
    (whole, said)
}

/// The history's state in a word, and how many texts can be read.
fn state(opened: &mut Opened) -> (Option<Closed>, u32) {
    match opened {
        Opened::Whole(store) => (None, read_all(store).0),
        Opened::Reading(store, error) => (Some(error.closed()), read_all(store).0),
        Opened::Closed(error) => (Some(error.closed()), 0),
    }
}

#[test]
fn each_state_of_the_file_has_a_word_of_its_own_and_what_can_be_read_is() {
    type Harm = fn(&Profile);
    let all = TEXTS;
    let cases: [(&str, Harm, Option<Closed>, std::ops::RangeInclusive<u32>); 9] = [
        ("whole", |_| {}, None, all..=all),
        ("missing", |p| fs::remove_file(p.at(FILE)).unwrap(), Some(Closed::HistoryLost), 0..=0),
        ("empty", |p| drop(File::create(p.at(FILE)).unwrap()), Some(Closed::HistoryLost), 0..=0),
        ("a few bytes", |p| cut(p, 100), Some(Closed::HistoryDamaged), 0..=0),
        ("cut in the middle", |p| cut(p, p.bytes().len() / 2), Some(Closed::HistoryDamaged), 1..=all - 1),
        ("cut inside a page", |p| cut(p, p.bytes().len() - 100), None, 1..=all),
        (
            "zeroes",
            |p| fs::write(p.at(FILE), vec![0; p.bytes().len()]).unwrap(),
            Some(Closed::HistoryDamaged),
            0..=0,
        ),
        (
            "of another key",
            |p| assert!(fs::copy(p.at("decoy.db"), p.at(FILE)).unwrap() > 0),
            Some(Closed::HistoryDamaged),
            0..=0,
        ),
        (
            "of a later version",
            |p| {
                let store = Store::open(&p.at(FILE), &key(1)).unwrap();
                store.db.pragma_update(None, "user_version", 999).unwrap();
            },
            Some(Closed::HistoryNewer),
            0..=0,
        ),
    ];
    for (what, harm, word, texts) in cases {
        let profile = Profile::filled();
        harm(&profile);
        let lies = fs::read(profile.at(FILE)).ok();
        let mut opened = profile.open(None);
        let (said, read) = state(&mut opened);
        assert_eq!(said, word, "{what}");
        assert!(texts.contains(&read), "{what}: {read} texts");
        if let Opened::Reading(store, _) = &opened {
            let refused = store.set_setting("a", "b").unwrap_err();
            assert!(matches!(refused, StoreError::ReadOnly), "{what}: {refused}");
        }
        drop(opened);
        assert_eq!(fs::read(profile.at(FILE)).ok(), lies, "{what}: it is kept as it is");
    }
}

fn cut(profile: &Profile, length: usize) {
    let file = File::options().write(true).open(profile.at(FILE)).unwrap();
    file.set_len(length.try_into().unwrap()).unwrap();
}

#[test]
fn a_history_that_the_vault_knows_of_is_lost_also_where_the_folder_is_empty() {
    let folder = tempfile::tempdir().unwrap();
    let open = |known| History { folder: folder.path(), key: &key(1), known, anew: None }.open();
    assert_eq!(state(&mut open(true)).0, Some(Closed::HistoryLost));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is made in its place");
    assert!(matches!(open(false), Opened::Whole(_)));
}

#[test]
fn a_first_creation_that_was_cut_short_anywhere_is_still_new() {
    let cuts: [fn(&Path); 3] = [
        |_| {},
        |folder| drop(File::create(folder.join(DRAFT)).unwrap()),
        |folder| {
            let store = Store::open(&folder.join(DRAFT), &key(1)).unwrap();
            store.set_setting("half", "made").unwrap();
            // As a kill leaves it: with its log.
            std::mem::forget(store);
        },
    ];
    for cut in cuts {
        let folder = tempfile::tempdir().unwrap();
        cut(folder.path());
        let opened = History { folder: folder.path(), key: &key(1), known: false, anew: None }.open();
        let store = match opened {
            Opened::Whole(store) => store,
            other => panic!("{other:?}"),
        };
        assert_eq!(store.setting("half").unwrap(), None);
        assert!(
            !folder.path().join(DRAFT).exists() && database::length(&folder.path().join(FILE)).unwrap() > 0
        );
    }
}

#[test]
fn who_begins_anew_keeps_what_was_there_and_a_sound_history_is_not_put_aside() {
    let profile = Profile::filled();
    assert_eq!(state(&mut profile.open(Some(7))), (None, TEXTS));
    assert!(!profile.at("store.db.damaged-7.old").exists());
    // In a page that nobody looks at when it is opened.
    let flipped = flip(&profile.bytes(), 10 * PAGE * 8);
    fs::write(profile.at(FILE), &flipped).unwrap();
    assert_eq!(state(&mut profile.open(Some(8))), (None, 0));
    assert_eq!(fs::read(profile.at("store.db.damaged-8.old/store.db")).unwrap(), flipped);
    // A file that is gone, with its log left behind.
    fs::remove_file(profile.at(FILE)).unwrap();
    fs::write(profile.at("store.db-wal"), "log").unwrap();
    assert_eq!(state(&mut profile.open(Some(9))), (None, 0));
    assert_eq!(fs::read(profile.at("store.db.damaged-9.old/store.db-wal")).unwrap(), b"log");
    assert_eq!(state(&mut profile.open(None)), (None, 0), "the new one stays");
}

fn flip(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut flipped = bytes.to_vec();
    flipped[bit / 8] ^= 1 << (bit % 8);
    flipped
}

/// Opens what lies there and reads it all; says nothing but that it is whole or damaged.
fn is_whole_or_damaged(profile: &Profile, what: &str) -> u32 {
    let mut opened = profile.open(None);
    let (store, word) = match &mut opened {
        Opened::Whole(store) => (store, None),
        Opened::Reading(store, error) => (store, Some(error.closed())),
        Opened::Closed(error) => {
            assert_eq!(error.closed(), Closed::HistoryDamaged, "{what}");
            return 0;
        }
    };
    assert!(word.is_none_or(|word| word == Closed::HistoryDamaged), "{what}: {word:?}");
    let (whole, said) = read_all(store);
    for word in said {
        // A text whose index cannot be trusted may be missing, but then the file is known to be damaged.
        assert!(matches!(word, Closed::HistoryDamaged | Closed::HistoryLost), "{what}: {word:?}");
        assert!(word == Closed::HistoryDamaged || store.check().is_err(), "{what}: lost without damage");
    }
    whole
}

#[test]
fn one_wrong_bit_in_any_page_costs_that_page_and_is_called_damage() {
    let profile = Profile::filled();
    let bytes = profile.bytes();
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    let (mut damaged, pages) = (0, bytes.len() / PAGE);
    assert!(pages > 30, "{pages}");
    for page in 0..pages {
        let bit = page * PAGE * 8 + usize::try_from(rng.next_u32()).unwrap() % (PAGE * 8);
        fs::write(profile.at(FILE), flip(&bytes, bit)).unwrap();
        let whole = is_whole_or_damaged(&profile, &format!("page {page}, bit {bit}"));
        damaged += usize::from(whole < TEXTS);
    }
    // The others hold no text: indexes, of words too, and room that was freed.
    assert!(damaged > pages / 5, "{damaged} of {pages}");
}

#[test]
fn a_page_of_zeroes_is_damage_and_no_text_of_another_content() {
    let profile = Profile::filled();
    let bytes = profile.bytes();
    for page in 0..bytes.len() / PAGE {
        fs::write(profile.at(FILE), &bytes).unwrap();
        let file = File::options().write(true).open(profile.at(FILE)).unwrap();
        file.write_all_at(&[0; PAGE], (page * PAGE).try_into().unwrap()).unwrap();
        is_whole_or_damaged(&profile, &format!("page {page} zeroed"));
    }
}

/// A profile that was killed: what it wrote last lies in the log.
fn killed() -> Profile {
    let profile = Profile::filled();
    let store = Store::open(&profile.at(FILE), &key(1)).unwrap();
    for number in 0..3 {
        store.set_setting(&format!("late {number}"), &"x".repeat(3_000)).unwrap();
    }
    let copies: Vec<_> =
        ["", "-wal"].map(|suffix| fs::read(beside(&profile.at(FILE), suffix)).unwrap()).into();
    drop(store);
    for (suffix, copy) in ["", "-wal"].iter().zip(copies) {
        fs::write(beside(&profile.at(FILE), suffix), copy).unwrap();
    }
    profile
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_wrong_bit_or_a_cut_anywhere_is_healed_or_called_damage(
        log in any::<bool>(),
        cuts in any::<bool>(),
        place in any::<proptest::sample::Index>(),
    ) {
        let profile = killed();
        let path = beside(&profile.at(FILE), if log { "-wal" } else { "" });
        let bytes = fs::read(&path).unwrap();
        let harmed = if cuts { bytes[..1 + place.index(bytes.len() - 1)].to_vec() } else { flip(&bytes, place.index(bytes.len() * 8)) };
        fs::write(&path, harmed).unwrap();
        let whole = is_whole_or_damaged(&profile, "somewhere");
        // The log holds settings alone.
        prop_assert!(!log || whole == TEXTS, "{whole} texts");
    }
}
