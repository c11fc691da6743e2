//! Two people, five relays, real processes: files come over, each byte of them, whatever falls on the way; and what is not wanted does not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};

use privatus_tests::{Answer, Person, Relay, kill_9, private_network, until};
use serde_json::Value;
use tempfile::TempDir;

const NETWORK: &str = "files";

struct Two {
    _relays: Vec<Relay>,
    alice: Person,
    bob: Person,
    /// Where their own files lie.
    folder: TempDir,
}

impl Two {
    fn connected() -> Self {
        let (relays, addresses) = private_network(NETWORK, 5);
        let [alice, bob] = [0, 1].map(|_| Person::start(NETWORK, &addresses, None));
        let link = alice.suite.ask(&["invite", "--name", "Bob"]).ok().out.trim().to_string();
        let _ = bob.suite.ask(&["accept", &link, "--name", "Alice"]).ok();
        let _ = alice.suite.ask(&["send", "Bob", "Hello", "--wait", "delivered"]).ok();
        Self { _relays: relays, alice, bob, folder: tempfile::tempdir().unwrap() }
    }

    /// A file of Alice's that no two bytes of are alike by chance.
    fn file(&self, name: &str, length: usize) -> PathBuf {
        let path = self.folder.path().join(name);
        let mut state = 12_345_u32;
        let bytes: Vec<u8> = (0..length)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state.to_be_bytes()[0]
            })
            .collect();
        fs::write(&path, bytes).unwrap();
        path
    }

    /// Alice sends these, with what else is said.
    fn send(&self, paths: &[&Path], more: &[&str]) -> Answer {
        let mut arguments = vec!["file", "send", "Bob"];
        arguments.extend(paths.iter().map(|path| path.to_str().unwrap()));
        arguments.extend(more);
        self.alice.suite.ask(&arguments)
    }

    /// What Bob was offered, the newest first, once there are so many.
    fn offered(&self, count: usize) -> Vec<Value> {
        until(&format!("{count} files"), || Some(list(&self.bob)).filter(|files| files.len() >= count))
    }

    /// Bob's file has come: the bytes, once they are saved.
    fn saved(&self, id: &str) -> Vec<u8> {
        wait_state(&self.bob, id, "saved");
        let into = tempfile::tempdir().unwrap();
        let path = self.bob.suite.ask(&["file", "save", id, into.path().to_str().unwrap()]).ok().out;
        fs::read(path.trim()).unwrap()
    }
}

fn list(person: &Person) -> Vec<Value> {
    person.suite.ask(&["file", "list", "--json"]).ok().rows()
}

fn id(file: &Value) -> String {
    file["id"].as_str().unwrap().to_string()
}

fn act(person: &Person, action: &str, id: &str) -> Value {
    person.suite.ask(&["file", action, id, "--json"]).ok().rows().remove(0)
}

fn wait_state(person: &Person, id: &str, state: &str) -> Value {
    until(&format!("{id} is {state}"), || {
        let answer = person.suite.ask(&["file", "list", "--json"]);
        // A part may be away.
        let rows = if answer.code == 0 { answer.rows() } else { Vec::new() };
        rows.into_iter().find(|row| row["id"] == id && row["state"] == state)
    })
}

#[test]
fn files_of_one_message_come_over_are_saved_beside_each_other_and_leave_nothing_at_relays() {
    let two = Two::connected();
    let (small, large) = (two.file("a.txt", 5), two.file("large.bin", 3_000_000));
    let empty = two.file("empty", 0);
    let sent = two.send(&[&small, &large, &empty], &["--caption", "three of them", "--json"]).ok().rows();
    assert_eq!(sent[0]["files"].as_array().unwrap().len(), 3, "{sent:?}");
    let offered = two.offered(3);
    assert!(offered.iter().all(|file| file["state"] == "offered" && file["from"] == "them"), "{offered:?}");
    let messages = two.bob.suite.ask(&["messages", "Alice", "--json"]).ok().rows();
    assert!(messages.iter().any(|message| message["body"] == "three of them"), "{messages:?}");
    let into = tempfile::tempdir().unwrap();
    for file in &offered {
        let _ = act(&two.bob, "accept", &id(file));
    }
    for (path, name) in [(&small, "a.txt"), (&large, "large.bin"), (&empty, "empty")] {
        let file = offered.iter().find(|file| file["name"] == name).unwrap();
        wait_state(&two.bob, &id(file), "saved");
        // Twice: the second lies beside the first.
        for expected in [name.to_string(), name.replacen('.', " (2).", 1)] {
            let answer =
                two.bob.suite.ask(&["file", "save", &id(file), into.path().to_str().unwrap()]).ok().out;
            if name != "empty" {
                assert_eq!(Path::new(answer.trim()).file_name().unwrap().to_str(), Some(expected.as_str()));
            }
            assert!(fs::read(answer.trim()).unwrap() == fs::read(path).unwrap(), "{name}");
        }
    }
    for own in list(&two.alice) {
        wait_state(&two.alice, &id(&own), "saved");
    }
}

#[test]
fn what_is_not_wanted_does_not_come_and_both_are_told() {
    let two = Two::connected();
    let file = two.file("a.bin", 200_000);
    let _ = two.send(&[&file], &[]).ok();
    let refused = id(&two.offered(1)[0]);
    let _ = act(&two.bob, "refuse", &refused);
    wait_state(&two.bob, &refused, "refused");
    wait_state(&two.alice, &id(&list(&two.alice)[0]), "refused");
    let answer = two.bob.suite.ask(&["file", "save", &refused, two.folder.path().to_str().unwrap()]);
    assert_eq!((answer.code, answer.out.as_str()), (1, ""), "{answer:?}");
    let _ = two.send(&[&file], &[]).ok();
    let taken_back = id(&two.offered(2)[0]);
    let own = id(&list(&two.alice)[0]);
    let _ = act(&two.alice, "cancel", &own);
    wait_state(&two.alice, &own, "cancelled");
    wait_state(&two.bob, &taken_back, "cancelled");
    assert_eq!(two.bob.suite.ask(&["file", "accept", &taken_back]).code, 5);
}

#[test]
fn what_cannot_be_sent_or_done_is_told_and_nothing_is_sent() {
    let two = Two::connected();
    let file = two.file("a.bin", 10);
    for (arguments, code) in [
        (&["file", "send", "Bob", "/missing"][..], 1),
        (&["file", "send", "Bob", "/dev/zero"], 1),
        (&["file", "send", "Bob", two.folder.path().to_str().unwrap()], 1),
        (&["file", "send", "Nobody", file.to_str().unwrap()], 1),
        (&["file", "send", "Bob", file.to_str().unwrap(), "--id", "not an id"], 2),
        (&["file", "send", "Bob"], 2),
        (&["file", "accept", "nothing"], 1),
        (&["file", "save", "nothing", "/tmp"], 1),
        (&["file", "list", "Nobody"], 1),
    ] {
        let answer = two.alice.suite.ask(arguments);
        assert_eq!(answer.code, code, "{arguments:?}: {answer:?}");
        assert_eq!(answer.err.lines().count().min(1), 1, "{arguments:?}: {answer:?}");
    }
    assert_eq!(list(&two.alice), Vec::<Value>::new());
    // The same id again sends nothing twice.
    for _ in 0..2 {
        assert_eq!(two.send(&[&file], &["--id", "once"]).ok().out.trim(), "once");
    }
    assert_eq!((list(&two.alice).len(), two.offered(1).len()), (1, 1));
}

#[test]
fn names_are_made_harmless_before_anybody_sees_them() {
    let two = Two::connected();
    let names = ["CON", "\u{202E}gpj.exe", "a\nb", "-rf", &"😀".repeat(63)];
    let paths: Vec<PathBuf> = names.iter().map(|name| two.file(name, 3)).collect();
    let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
    let _ = two.send(&paths, &[]).ok();
    let into = tempfile::tempdir().unwrap();
    for file in two.offered(names.len()) {
        let name = file["name"].as_str().unwrap();
        assert!(!name.contains(['\u{202E}', '\n']) && !name.starts_with('-') && name != "CON", "{name:?}");
        let _ = act(&two.bob, "accept", &id(&file));
        wait_state(&two.bob, &id(&file), "saved");
        let _ = two.bob.suite.ask(&["file", "save", &id(&file), into.path().to_str().unwrap()]).ok();
    }
    assert_eq!(fs::read_dir(into.path()).unwrap().count(), names.len());
}

#[test]
fn a_file_comes_whole_whichever_part_falls_on_either_side() {
    let two = Two::connected();
    let path = two.file("large.bin", 12_000_000);
    let _ = two.send(&[&path], &[]).ok();
    let bytes = fs::read(&path).unwrap();
    // It was kept when it was taken: the source may go.
    fs::remove_file(&path).unwrap();
    let file = id(&two.offered(1)[0]);
    let _ = act(&two.bob, "accept", &file);
    until("some of it", || {
        list(&two.bob).first().filter(|row| row["done"].as_u64() > Some(100_000)).map(drop)
    });
    let early = two.folder.path().join("early");
    assert_ne!(two.bob.suite.ask(&["file", "save", &file, early.to_str().unwrap()]).code, 0);
    assert!(!early.exists());
    for part in ["stored", "onion", "netd", "keyvault"] {
        for person in [&two.alice, &two.bob] {
            let Some(old) = person.suite.pids().get(part).copied() else { continue };
            kill_9(old);
            person.suite.wait_restarted(part, old);
            if part == "keyvault" {
                person.unlock();
            }
        }
    }
    assert!(two.saved(&file) == bytes);
    wait_state(&two.alice, &id(&list(&two.alice)[0]), "saved");
}

#[test]
fn a_file_rests_as_long_as_one_of_them_wants_and_through_a_lock() {
    let two = Two::connected();
    let path = two.file("large.bin", 12_000_000);
    let _ = two.send(&[&path], &[]).ok();
    let file = id(&two.offered(1)[0]);
    let _ = act(&two.bob, "accept", &file);
    let _ = act(&two.bob, "pause", &file);
    let paused = wait_state(&two.bob, &file, "paused");
    assert_eq!(paused["reason"], "user");
    let _ = two.bob.suite.ask(&["lock"]).ok();
    assert_eq!(two.bob.suite.ask(&["file", "list"]).code, 3);
    two.bob.unlock();
    assert_eq!(wait_state(&two.bob, &file, "paused")["reason"], "user");
    let _ = act(&two.bob, "resume", &file);
    assert!(two.saved(&file) == fs::read(&path).unwrap());
}

#[test]
fn what_was_deleted_for_both_is_nowhere_any_more() {
    let two = Two::connected();
    let path = two.file("a.bin", 100_000);
    let sent = two.send(&[&path], &["--json"]).ok().rows();
    let file = id(&two.offered(1)[0]);
    let _ = act(&two.bob, "accept", &file);
    wait_state(&two.bob, &file, "saved");
    let blobs = |person: &Person| {
        let folder = person.dir.path().join("history/blobs");
        fs::read_dir(folder).map_or(0, |entries| entries.count())
    };
    assert!(blobs(&two.alice) > 0 && blobs(&two.bob) > 0);
    let message = sent[0]["id"].as_str().unwrap();
    let _ = two.alice.suite.ask(&["delete", message, "--both"]).ok();
    for person in [&two.alice, &two.bob] {
        until("no file is left", || list(person).is_empty().then_some(()));
        until("no byte of it either", || (blobs(person) == 0).then_some(()));
    }
}
