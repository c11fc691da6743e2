use std::path::Path;

use ipc_schema::Timestamp;
use proptest::prelude::*;
use rusqlite::{Connection, ToSql};

use super::*;
use crate::content::WireId;
use crate::store::{ContactState, Delivery, Message, Note, StoreKey, schema, settings};

const ANN: ContactId = ContactId(1);
const BOB: ContactId = ContactId(2);

fn store(folder: &tempfile::TempDir) -> Store {
    let store = Store::open(&folder.path().join("store.db"), &StoreKey::new([7; 32])).unwrap();
    with_people(store)
}

fn with_people(store: Store) -> Store {
    for (id, name) in [(ANN, "Ann"), (BOB, "Bob")] {
        store.add_contact(id, name, ContactState::Connected, Timestamp(1)).unwrap();
    }
    store
}

fn say(store: &Store, contact: ContactId, id: &str, body: &str) {
    tell(store, contact, id, (body, Note::None));
}

fn tell(store: &Store, contact: ContactId, id: &str, (body, note): (&str, Note)) {
    let mut wire = [0; 16];
    wire.iter_mut().zip(id.bytes()).for_each(|(to, from)| *to = from);
    let message = Message {
        position: store.last_position(contact).unwrap(),
        chain: Timestamp(1),
        sequence: 1,
        sent_at: Timestamp(2),
        received_at: Timestamp(3),
        body: body.into(),
        state: Delivery::Delivered,
        note,
        ..Message::new(id.into(), contact, WireId(wire))
    };
    store.add_message(&message).unwrap();
}

/// Where is to be looked before a place, at most so often.
fn places_before(store: &Store, before: i64, wanted: &Wanted, most: usize) -> Result<Vec<i64>, StoreError> {
    let mut places = Vec::new();
    let looked = store.look_before(before, wanted, |place| {
        if places.len() == most {
            return Ok(ControlFlow::Break(()));
        }
        places.push(place);
        Ok(ControlFlow::Continue(()))
    })?;
    assert!(looked.is_continue() || places.len() == most);
    Ok(places)
}

/// The ids of what is found, the newest first.
fn found(store: &Store, typed: &str) -> Vec<String> {
    let wanted = Wanted::parse(typed).unwrap();
    if wanted.is_empty() {
        return Vec::new();
    }
    let places = places_before(store, i64::MAX, &wanted, 10_000).unwrap();
    let texts = places.into_iter().map(|place| store.message_at(place).unwrap().unwrap());
    texts.filter(|text| wanted.is_held_by(&text.body)).map(|text| text.id).collect()
}

fn edit(store: &Store, id: &str, body: &str) {
    store.run("UPDATE messages SET body = ?2 WHERE id = ?1", (id, body)).unwrap();
}

/// That the indexes say what stands in the texts, and no more.
fn assert_sound(store: &Store) {
    for index in ["messages_words", "messages_infixes"] {
        let sql = format!("INSERT INTO {index} ({index}, rank) VALUES ('integrity-check', 1)");
        store.db.execute_batch(&sql).unwrap_or_else(|error| panic!("{index}: {error}"));
    }
}

#[test]
fn words_are_found_whatever_their_case_and_accents_the_newest_first() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    say(&store, ANN, "a", "Ein Café um acht");
    say(&store, BOB, "b", "the CAFE\u{301} is closed");
    say(&store, ANN, "c", "cafeteria, naïve");
    tell(&store, ANN, "d", ("told in the cafe", Note::Reopened));
    assert_eq!(found(&store, "cafe"), ["c", "b", "a"], "the last word may go on");
    assert_eq!(found(&store, "cafe "), ["c", "b", "a"]);
    assert_eq!(found(&store, "\"cafe\""), ["b", "a"]);
    assert_eq!(found(&store, "CAFÉ ach"), ["a"]);
    assert_eq!(found(&store, "ach cafe"), Vec::<String>::new(), "only the last");
    assert_eq!(found(&store, "naive"), ["c"]);
    assert_eq!(found(&store, "um cafe"), ["a"]);
    assert_eq!(found(&store, "\"um cafe\""), Vec::<String>::new());
    assert_eq!(found(&store, "\"cafe um\""), ["a"]);
    assert_sound(&store);
}

#[test]
fn letters_of_scripts_without_spaces_are_found_inside_words_however_few() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    say(&store, ANN, "a", "私は日本語を読む");
    say(&store, ANN, "b", "日本へ行く hello");
    say(&store, ANN, "c", "안녕하세요 여러분");
    say(&store, ANN, "d", "สวัสดีครับ");
    say(&store, ANN, "e", "turtle 🐢");
    say(&store, ANN, "f", "नमस्ते");
    assert_eq!(found(&store, "日本語"), ["a"]);
    assert_eq!(found(&store, "日本"), ["b", "a"]);
    assert_eq!(found(&store, "日"), ["b", "a"]);
    assert_eq!(found(&store, "日本 hello"), ["b"]);
    assert_eq!(found(&store, "하세요"), ["c"]);
    assert_eq!(found(&store, "여러"), ["c"]);
    assert_eq!(found(&store, "วัสดี"), ["d"]);
    assert_eq!(found(&store, "🐢"), ["e"]);
    assert_eq!(found(&store, "नमस्ते"), ["f"]);
    assert_sound(&store);
}

#[test]
fn pages_go_on_before_a_place() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    (0..10).for_each(|n| say(&store, ANN, &format!("m{n}"), &format!("text {n}")));
    let wanted = Wanted::parse("text").unwrap();
    let before = store.place_of("m4").unwrap().unwrap();
    let places = places_before(&store, before, &wanted, 3).unwrap();
    let ids: Vec<_> = places.iter().map(|place| store.message_at(*place).unwrap().unwrap().id).collect();
    assert_eq!(ids, ["m3", "m2", "m1"]);
    assert_eq!(store.place_of("none").unwrap(), None);
    for (sql, parameters) in
        [(WORDS_BEFORE, &[&1 as &dyn ToSql, &"x"][..]), (INFIXES_BEFORE, &[&1, &"x"]), (ALL_BEFORE, &[&1])]
    {
        let explained = format!("EXPLAIN QUERY PLAN {sql}");
        let plan: Vec<String> = store.rows(&explained, parameters, |row| row.get(3)).unwrap();
        assert!(!plan.iter().any(|step| step.contains("TEMP B-TREE")), "nothing is sorted: {plan:?}");
    }
}

#[test]
fn what_is_edited_or_deleted_is_not_found_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    say(&store, ANN, "a", "first words");
    say(&store, ANN, "b", "日本語の話");
    say(&store, BOB, "c", "other words 日本語");
    edit(&store, "a", "日本語になった");
    assert_eq!(
        (found(&store, "first"), found(&store, "日本語")),
        (vec![], ["c", "b", "a"].map(Into::into).to_vec())
    );
    edit(&store, "b", "plain text");
    edit(&store, "b", "plain text");
    assert_eq!(found(&store, "日本語"), ["c", "a"]);
    assert_eq!(found(&store, "plain"), ["b"]);
    assert_sound(&store);
    store.delete_contact(BOB).unwrap();
    assert_eq!(found(&store, "words"), Vec::<String>::new());
    assert_eq!(found(&store, "日本語"), ["a"]);
    assert_sound(&store);
    store.run("DELETE FROM messages WHERE id = 'a'", []).unwrap();
    assert_eq!(found(&store, "日本語"), Vec::<String>::new());
    // Its place is taken again.
    say(&store, ANN, "d", "a new 日本語");
    assert_eq!(found(&store, "日本語"), ["d"]);
    assert_sound(&store);
}

/// A file without a key, set up like the others: what is left in it can be read.
fn in_the_open(path: &Path) -> Store {
    let mut db = Connection::open(path).unwrap();
    settings(&db).unwrap();
    db.execute_batch("PRAGMA journal_mode = WAL; PRAGMA secure_delete = ON;").unwrap();
    schema::migrate(&mut db).unwrap();
    with_people(Store { db, path: path.into(), key: StoreKey::new([0; 32]) })
}

/// Whether any of `marks` lies in the file once all that was written is in it.
fn lies_there(store: &Store, marks: &[&str]) -> bool {
    store.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    let bytes = std::fs::read(&store.path).unwrap();
    assert!(bytes.starts_with(b"SQLite format"));
    let lies = |mark: &&str| bytes.windows(mark.len()).any(|window| window == mark.as_bytes());
    marks.iter().any(lies)
}

#[test]
fn no_page_of_the_file_holds_a_word_that_was_edited_or_deleted() {
    // What of each word no neighbour in the index begins with, and a mark of the infixes.
    let marks = ["qzxvjk", "wqzjvx", "鑫鑽鑿"];
    type Forgets = fn(&Store);
    let ways: [(&str, Forgets); 5] = [
        ("edited", |store| edit(store, "mark", "nothing")),
        ("deleted", |store| store.run("DELETE FROM messages WHERE id = 'mark'", []).unwrap()),
        ("disappeared", |store| {
            store.run("UPDATE messages SET disappears_at = 7 WHERE id IN ('mark', 'm77')", []).unwrap();
            store.run("UPDATE messages SET disappears_at = 8 WHERE id = 'm78'", []).unwrap();
            for ended in store.ended(Timestamp(7), 10).unwrap() {
                store.end_message(&ended, Timestamp(7)).unwrap();
            }
            say(store, ANN, "instead", "text number 77 日本語");
        }),
        ("deleted with few others", |store| {
            for n in 0..400 {
                say(store, ANN, &format!("more{n}"), &format!("some more {n}"));
            }
            store.delete_contact(BOB).unwrap();
        }),
        ("deleted with many others", |store| {
            for n in 0..400 {
                say(store, BOB, &format!("more{n}"), &format!("qzxvjk {n} 鑫鑽鑿"));
            }
            store.delete_contact(BOB).unwrap();
        }),
    ];
    for (how, forget) in ways {
        let folder = tempfile::tempdir().unwrap();
        let store = in_the_open(&folder.path().join("open.db"));
        for n in 0..200 {
            say(&store, ANN, &format!("m{n}"), &format!("text number {n} 日本語"));
        }
        say(&store, BOB, "mark", "qzxvjk and wqzjvx 鑫鑽鑿");
        for n in 200..400 {
            say(&store, ANN, &format!("m{n}"), &format!("text number {n} 日本語"));
        }
        assert!(lies_there(&store, &marks), "{how}: it was there");
        // As the engine does, in one transaction.
        store.begin().unwrap();
        forget(&store);
        store.commit().unwrap();
        assert_eq!(found(&store, "qzxvjk"), Vec::<String>::new(), "{how}");
        assert_eq!(found(&store, "\"number 3\""), ["m3"], "{how}: the others are found");
        assert_eq!(found(&store, "number 日本語").len(), 400, "{how}");
        for mark in marks {
            assert!(!lies_there(&store, &[mark]), "{how}: {mark} is left");
        }
        assert_sound(&store);
        for index in ["messages_words", "messages_infixes"] {
            let sql = format!("SELECT v FROM {index}_config WHERE k = 'secure-delete'");
            assert_eq!(store.row(&sql, [], |row| row.get::<_, i64>(0)).unwrap(), Some(1), "{how}");
        }
    }
}

#[test]
fn a_deletion_that_is_undone_leaves_all_to_be_found_and_the_next_goes_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = in_the_open(&folder.path().join("open.db"));
    (0..50).for_each(|n| say(&store, BOB, &format!("m{n}"), &format!("{n} of Bob")));
    say(&store, BOB, "mark", "wqzjvx");
    store.begin().unwrap();
    store.delete_contact(BOB).unwrap();
    store.rollback();
    assert_eq!(found(&store, "bob").len(), 50);
    store.run("DELETE FROM messages WHERE id = 'mark'", []).unwrap();
    assert!(!lies_there(&store, &["wqzjvx"]));
    assert_eq!(found(&store, "bob").len(), 50);
    assert_sound(&store);
}

#[test]
fn hostile_texts_are_kept_and_found_and_go_without_a_trace() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let bodies = [
        "x".repeat(64 << 10),
        format!("{} end", "語".repeat(40_000)),
        "a\0needle 日本語".to_owned(),
        "\u{301}\u{302}".repeat(1_000),
        "\u{301}needle".to_owned(),
        "\u{FFFE}\u{FFFF}\u{10FFFF}\u{E000} needle".to_owned(),
        " ".repeat(64 << 10),
        "a ".repeat(32 << 10),
        String::new(),
    ];
    for (n, body) in bodies.iter().enumerate() {
        say(&store, ANN, &format!("m{n}"), body);
        assert_eq!(store.message(&format!("m{n}")).unwrap().unwrap().body, *body);
    }
    assert_sound(&store);
    assert_eq!(found(&store, "xxxx"), ["m0"]);
    assert_eq!(found(&store, "needle"), ["m5", "m4", "m2"]);
    assert_eq!(found(&store, "日本"), ["m2"], "where all is looked at, also behind a NUL");
    (0..bodies.len()).for_each(|n| edit(&store, &format!("m{n}"), "short"));
    assert_sound(&store);
    assert_eq!(found(&store, "short").len(), bodies.len());
    assert_eq!(found(&store, "needle"), Vec::<String>::new());
}

/// A rowid of a table without a number of its own may change when the file is compacted, and the indexes know a text by nothing else.
#[test]
fn nothing_compacts_the_file() {
    fn sources(folder: &Path, each: &mut impl FnMut(&Path, &str)) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, each);
            } else {
                each(&path, &std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    let (mut read, word) = (0, ["vac", "uum"].concat());
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut |path, source| {
        read += 1;
        let code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
        assert!(!code.map(str::to_lowercase).any(|line| line.contains(&word)), "{}", path.display());
    });
    assert!(read > 50, "{read}");
}

fn typed() -> impl Strategy<Value = String> {
    let odd = prop::sample::select(vec![
        "a",
        "bc",
        " ",
        "\"",
        "'",
        "*",
        "^",
        ":",
        "-",
        "+",
        "(",
        ")",
        "{",
        "}",
        ",",
        "\0",
        "\\",
        "%",
        "_",
        "[",
        "NEAR",
        "NEAR(",
        "AND",
        "OR",
        "NOT",
        "body:",
        "rank",
        "語",
        "日本語",
        "한국어",
        "🐢",
        "\u{301}",
        "\u{FFFE}",
        "é",
        "\u{201C}",
        ";",
        "--",
    ]);
    prop_oneof![any::<String>(), prop::collection::vec(odd, 0..40).prop_map(|parts| parts.concat())]
}

thread_local! {
    /// One file for all tries.
    static TRIED: (tempfile::TempDir, Store) = {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        say(&store, ANN, "a", "a bc NEAR body: 日本語 한국어 🐢 é");
        (folder, store)
    };
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// To the engine a statement that SQLite does not understand would be damage, and halt it.
    #[test]
    fn whatever_is_typed_sqlite_never_fails(typed in typed()) {
        let Ok(wanted) = Wanted::parse(&typed) else { return Ok(()) };
        if wanted.is_empty() {
            return Ok(());
        }
        TRIED.with(|(_, store)| {
            let places = places_before(store, i64::MAX, &wanted, 10);
            prop_assert!(places.is_ok(), "{typed:?}: {}", places.unwrap_err());
            Ok(())
        })?;
    }
}
