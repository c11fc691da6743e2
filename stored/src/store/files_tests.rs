use ipc_schema::Timestamp;

use super::super::{ContactState, Delivery, Message, StoreKey};
use super::*;
use crate::files::{Blob, BlobName};

const ANN: ContactId = ContactId(1);
const BOB: ContactId = ContactId(2);
const NOW: Timestamp = Timestamp(1_800_000_000_000);

fn store(folder: &tempfile::TempDir) -> Store {
    let store = Store::open(&folder.path().join("store.db"), &StoreKey::new([7; 32])).unwrap();
    store.add_contact(ANN, "ann", ContactState::Connected, NOW).unwrap();
    store.add_contact(BOB, "bob", ContactState::Connected, NOW).unwrap();
    store
}

fn message(store: &Store, number: u8, contact: ContactId) -> String {
    let id = format!("m{number}");
    let wire = WireId([number; 16]);
    let message = Message { mine: true, state: Delivery::Queued, ..Message::new(id.clone(), contact, wire) };
    store.add_message(&message).unwrap();
    id
}

/// The `part`th of message `number`.
fn file(number: u8, part: u16) -> File {
    File {
        id: FileId(0),
        contact: ANN,
        mine: false,
        wire: WireId([number ^ u8::try_from(part + 100).unwrap(); 16]),
        message_wire: WireId([number; 16]),
        message: None,
        part,
        name: "plan.txt".into(),
        kind: FileKind::Picture,
        cut: Cut::of(70_000).unwrap(),
        key: Secret::of([3; 32]),
        root: [4; 32],
        preview: Preview::new(2, vec![5; 12]),
        words: Words { mine: false, ours: None, theirs: Some(FileWord::Go) },
        trouble: Trouble::None,
        blob: None,
    }
}

fn blob(store: &Store, number: u8) -> BlobId {
    let blob =
        Blob { name: BlobName([number; 16]), key: Secret::of([number; 32]), cut: Cut::of(70_000).unwrap() };
    store.add_blob(&blob, NOW).unwrap()
}

fn said(chain: u64, sequence: u64) -> Said {
    Said { chain: Timestamp(chain), sequence }
}

fn gone(store: &Store) -> Vec<u8> {
    store.gone_blobs(99).unwrap().iter().map(|name| name.0[0]).collect()
}

#[test]
fn a_file_is_kept_as_it_was_offered_and_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let (one, two) = (file(1, 1), file(1, 0));
    let id = store.add_file(&one).unwrap().unwrap();
    assert_eq!(store.add_file(&one).unwrap(), None, "it is told again");
    store.add_file(&two).unwrap().unwrap();
    assert!(store.file(id).unwrap().unwrap() == File { id, ..one.clone() });
    assert!(store.file_called(ANN, one.wire, false).unwrap().is_some_and(|file| file.plan().cut == one.cut));
    assert!(store.file_called(ANN, one.wire, true).unwrap().is_none());
    assert_eq!(store.files_before(None, None, 9).unwrap().len(), 0, "its message is not whole");
    let shown = message(&store, 1, ANN);
    assert_eq!(store.place_files(ANN, WireId([1; 16]), false, &shown).unwrap(), 2);
    let parts: Vec<u16> = store.files_of(&shown).unwrap().iter().map(|file| file.part).collect();
    assert_eq!(parts, [0, 1]);
    let listed = store.files_before(Some(ANN), None, 9).unwrap();
    assert!(listed[0].id > listed[1].id);
    assert_eq!(store.files_before(None, Some(listed[0].id), 9).unwrap().len(), 1);
    assert!(store.files_before(Some(BOB), None, 9).unwrap().is_empty());
}

#[test]
fn a_row_that_nobody_wrote_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let id = store.add_file(&file(1, 0)).unwrap().unwrap();
    for wrong in [
        "size = -1",
        "size = 4294967297",
        "preview_width = 5",
        "preview_width = 300",
        "kind = 9",
        "ours = 4",
        "trouble = 9",
        "root = x'00'",
    ] {
        store.begin().unwrap();
        store.run(&format!("UPDATE files SET {wrong}"), []).unwrap();
        assert!(matches!(store.file(id), Err(StoreError::Damaged)), "{wrong}");
        store.rollback();
    }
    assert!(store.file(id).unwrap().is_some());
}

#[test]
fn of_their_words_the_later_holds_and_the_last_are_the_last() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let id = store.add_file(&file(1, 0)).unwrap().unwrap();
    let theirs = || store.file(id).unwrap().unwrap().words.theirs;
    assert!(store.hear_of_file(id, FileWord::Pause, said(1, 5)).unwrap());
    assert!(!store.hear_of_file(id, FileWord::Go, said(1, 4)).unwrap(), "it was said before");
    assert_eq!(theirs(), Some(FileWord::Pause));
    assert!(!store.hear_of_file(id, FileWord::Done, said(1, 9)).unwrap(), "they offer it");
    assert!(store.hear_of_file(id, FileWord::Go, said(2, 1)).unwrap(), "in a newer chain");
    assert!(store.hear_of_file(id, FileWord::Stop, said(1, 8)).unwrap(), "whenever it comes");
    assert!(!store.hear_of_file(id, FileWord::Go, said(3, 1)).unwrap());
    assert_eq!(theirs(), Some(FileWord::Stop));
    assert!(!store.hear_of_file(FileId(99), FileWord::Go, said(3, 1)).unwrap());
}

#[test]
fn what_both_want_is_found_and_what_the_user_said_last_stays() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let id = store.add_file(&file(1, 0)).unwrap().unwrap();
    assert!(store.files_going(ANN, false, (Trouble::NoRoom, 9)).unwrap().is_empty());
    assert!(store.say_of_file(id, FileWord::Go).unwrap());
    store.set_file_progress(id, b"state").unwrap();
    store.set_file_trouble(id, Trouble::NoRoom).unwrap();
    let going = store.files_going(ANN, false, (Trouble::NoRoom, 9)).unwrap();
    assert_eq!((going[0].id, going[0].trouble), (id, Trouble::NoRoom));
    assert_eq!(store.file_progress(id).unwrap(), b"state");
    assert!(store.say_of_file(id, FileWord::Done).unwrap() && store.say_of_file(id, FileWord::Done).unwrap());
    assert!(!store.say_of_file(id, FileWord::Go).unwrap());
    assert!(store.files_going(ANN, false, (Trouble::NoRoom, 9)).unwrap().is_empty());
    assert_eq!(store.file_progress(FileId(99)).unwrap(), b"");
}

/// A file of a message, with a blob, and what has it end.
fn ends(end: impl FnOnce(&Store, &Message)) {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let shown = message(&store, 1, ANN);
    let row = File { message: Some(shown.clone()), blob: Some(blob(&store, 9)), ..file(1, 0) };
    let id = store.add_file(&row).unwrap().unwrap();
    store.begin().unwrap();
    end(&store, &store.message(&shown).unwrap().unwrap());
    store.commit().unwrap();
    assert!(store.file(id).unwrap().is_none());
    assert_eq!(store.row("SELECT count(*) FROM blobs", [], |row| row.get(0)).unwrap(), Some(0));
    assert_eq!(gone(&store), [9]);
    store.forget_gone_blob(BlobName([9; 16])).unwrap();
    assert!(gone(&store).is_empty());
}

#[test]
fn a_file_goes_with_its_message_whichever_way_that_goes() {
    ends(|store, message| store.remove_message(message).unwrap());
    ends(|store, message| store.blank_message(message).unwrap());
    ends(|store, message| {
        store.run("UPDATE messages SET disappears_at = 5 WHERE id = ?1", [&message.id]).unwrap();
        store.ended(NOW, 9).unwrap().iter().for_each(|ended| store.end_message(ended, NOW).unwrap());
    });
    ends(|store, message| store.delete_contact(message.contact).unwrap());
}

#[test]
fn a_blob_that_two_files_have_goes_with_the_second() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let blob_id = blob(&store, 9);
    let [one, two] = [1, 2].map(|number| {
        let shown = message(&store, number, ANN);
        store
            .add_file(&File { message: Some(shown), blob: Some(blob_id), ..file(number, 0) })
            .unwrap()
            .unwrap()
    });
    store.remove_message(&store.message("m1").unwrap().unwrap()).unwrap();
    assert!(store.file(one).unwrap().is_none() && gone(&store).is_empty());
    assert!(store.blob(blob_id).unwrap().is_some() && store.knows_blob(BlobName([9; 16])).unwrap());
    assert_eq!(store.blob_counts().unwrap().bytes, 70_000);
    store.drop_loose_blob(blob_id).unwrap();
    assert!(store.blob(blob_id).unwrap().is_some(), "a file has it");
    store.set_file_blob(two, None).unwrap();
    assert_eq!(gone(&store), [9]);
    assert!(store.blob(blob_id).unwrap().is_none() && !store.knows_blob(BlobName([9; 16])).unwrap());
    assert_eq!(store.blob_counts().unwrap(), Default::default());
}

#[test]
fn what_was_handed_in_and_not_sent_goes_after_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let [loose, sent] = [8, 9].map(|number| blob(&store, number));
    store.add_file(&File { blob: Some(sent), ..file(1, 0) }).unwrap().unwrap();
    let before = Timestamp(NOW.0 - 1);
    assert_eq!(store.drop_loose_blobs(before, NOW).unwrap(), 0);
    assert_eq!(store.drop_loose_blobs(before, before).unwrap(), 1, "a clock that was ahead began it");
    assert!(store.blob(loose).unwrap().is_none() && store.blob(sent).unwrap().is_some());
    let again = blob(&store, 7);
    store.drop_loose_blob(again).unwrap();
    assert_eq!(gone(&store), [7, 8]);
}

#[test]
fn offers_whose_message_never_comes_are_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    store.begin().unwrap();
    for number in 0..UNPLACED_MAX + 20 {
        let wire = WireId(u128::from(number).to_be_bytes());
        store.add_file(&File { wire, message_wire: wire, ..file(1, 0) }).unwrap().unwrap();
    }
    store.commit().unwrap();
    let count = "SELECT count(*), min(id) FROM files";
    let kept: (u32, u32) = store.row(count, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().unwrap();
    assert_eq!(kept, (UNPLACED_MAX, 21), "the oldest went");
}

#[test]
fn files_move_with_a_conversation() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let shown = message(&store, 1, ANN);
    let id = store.add_file(&File { message: Some(shown), ..file(1, 0) }).unwrap().unwrap();
    store.move_conversation(ANN, BOB).unwrap();
    assert_eq!(store.file(id).unwrap().unwrap().contact, BOB);
}
