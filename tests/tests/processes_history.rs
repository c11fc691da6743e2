//! A history or mailboxes that were lost or damaged, and disks that take nothing: told as what they are, and nothing is begun anew in
//! silence.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use keyvault::sealed::Examined;
use nix::mount::{MsFlags, mount};
use privatus_tests::{PASSPHRASE, Person, Relay, Suite, folder, until};
use rand_core::SeedableRng;
use tempfile::TempDir;

const NETWORK: &str = "history";

fn store(person: &Person) -> PathBuf {
    person.dir.path().join("history/store.db")
}

/// A profile with something in its history, stopped.
fn stopped() -> Person {
    let mut person = Person::start(NETWORK, &[], None);
    person.wait_unlocked();
    let _ = person.suite.ask(&["profile", "name", "Alice"]).ok();
    assert_eq!(person.suite.stop(), 0);
    person
}

fn again(person: &Person) -> Person {
    let person = Person::again(person.dir.clone(), NETWORK, &[], None);
    person.wait_unlocked();
    person
}

/// Started by someone who wants a new history.
fn anew(person: &Person) -> Suite {
    let path = person.dir.path().to_str().unwrap();
    let arguments = ["run", "--headless", "--new-history", "--profile", path, "--passphrase-fd", "0"];
    let suite = Suite::start(person.dir.path(), &arguments, PASSPHRASE, None);
    assert_eq!(suite.line(), "ready", "{}", suite.said());
    until("the vault is open", || (suite.status()["locked"] == false).then_some(()));
    suite
}

fn history(suite: &Suite, expected: &str) {
    until(&format!("the history is {expected}"), || (suite.status()["history"] == expected).then_some(()));
}

fn warnings(suite: &Suite) -> String {
    suite.status()["warnings"].to_string()
}

fn restarts_of_stored(suite: &Suite) -> u64 {
    let status = suite.status();
    let rows = status["processes"].as_array().unwrap();
    rows.iter().find(|row| row["name"] == "stored").unwrap()["restarts"].as_u64().unwrap()
}

type Harm = fn(&Path);

#[test]
fn a_history_that_is_lost_or_damaged_is_told_and_begun_anew_only_for_who_asks() {
    let cases: [(&str, Harm, &str); 5] = [
        ("removed", |at| fs::remove_file(at).unwrap(), "lost"),
        ("emptied", |at| drop(File::create(at).unwrap()), "lost"),
        ("cut", |at| File::options().write(true).open(at).unwrap().set_len(9_000).unwrap(), "damaged"),
        (
            "one bit wrong",
            |at| {
                let mut bytes = fs::read(at).unwrap();
                bytes[500] ^= 1;
                fs::write(at, bytes).unwrap();
            },
            "damaged",
        ),
        ("zeroed", |at| fs::write(at, vec![0; 50_000]).unwrap(), "damaged"),
    ];
    for (what, harm, word) in cases {
        let person = stopped();
        harm(&store(&person));
        let lies = fs::read(store(&person)).ok();
        let mut person = again(&person);
        history(&person.suite, word);
        assert!(warnings(&person.suite).contains("--new-history"), "{what}: {}", warnings(&person.suite));
        for command in
            [&["invite"][..], &["profile", "name"], &["profile", "name", "Bob"], &["send", "x", "y"]]
        {
            let answer = person.suite.ask(command);
            assert!(answer.code == 1 && answer.err.contains("history/store.db"), "{what}: {answer:?}");
            assert!(!answer.err.contains("disk is full"), "{what}: {answer:?}");
            assert_eq!(answer.err.contains("is damaged"), word == "damaged", "{what}: {answer:?}");
        }
        assert_eq!(restarts_of_stored(&person.suite), 0, "{what}: {}", person.suite.said());
        assert_eq!(person.suite.stop(), 0);
        assert_eq!(fs::read(store(&person)).ok(), lies, "{what}: the file is left as it is");

        let mut suite = anew(&person);
        history(&suite, "ok");
        let _ = suite.ask(&["profile", "name", "Carol"]).ok();
        assert_eq!(suite.stop(), 0);
        if word == "damaged" {
            let folder = fs::read_dir(person.dir.path().join("history")).unwrap();
            let kept = folder
                .map(|entry| entry.unwrap().path())
                .find(|path| path.file_name().unwrap().to_str().unwrap().starts_with("store.db.damaged-"));
            assert_eq!(fs::read(kept.unwrap().join("store.db")).ok(), lies, "{what}: it is kept");
        }
        let person = again(&person);
        history(&person.suite, "ok");
        assert!(person.suite.ask(&["profile", "name"]).ok().out.contains("Carol"), "{what}");
    }
}

#[test]
fn a_sound_history_stays_for_who_asks_for_a_new_one() {
    let person = stopped();
    let suite = anew(&person);
    history(&suite, "ok");
    assert!(suite.ask(&["profile", "name"]).ok().out.contains("Alice"));
}

#[test]
fn a_relay_that_lost_its_mailboxes_says_so_and_goes_on() {
    let cases: [(&str, Harm); 3] = [
        ("removed", |at| fs::remove_file(at).unwrap()),
        ("emptied", |at| drop(File::create(at).unwrap())),
        ("zeroed", |at| fs::write(at, vec![0; 50_000]).unwrap()),
    ];
    for (what, harm) in cases {
        let mut relay = Relay::start(NETWORK, &[], None);
        assert_eq!(relay.suite.stop(), 0);
        harm(&relay.dir.path().join("mailboxes/mailboxes.db"));
        let mut relay = Relay::again(relay.dir.clone(), NETWORK, &[], None);
        until("the operator is told on stderr", || {
            relay.suite.said().contains("new mailboxes are begun").then_some(())
        });
        until("and in the status", || {
            warnings(&relay.suite).contains("the mailboxes were lost or damaged").then_some(())
        });
        assert_eq!(relay.suite.stop(), 0, "{what}");
        let relay = Relay::again(relay.dir.clone(), NETWORK, &[], None);
        assert!(!relay.suite.said().contains("new mailboxes"), "{what}: said on stderr once");
    }
}

/// A disk that only this test and what it starts can see.
struct Disk {
    dir: Arc<TempDir>,
}

impl Disk {
    /// `None` where this user cannot have one.
    fn new() -> Option<Self> {
        let dir = Arc::new(folder(None));
        let nothing = None::<&str>;
        let made = nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS)
            .and_then(|()| mount(nothing, "/", nothing, MsFlags::MS_PRIVATE | MsFlags::MS_REC, nothing))
            .and_then(|()| {
                let options = Some("size=40m,mode=700");
                mount(Some("tmpfs"), dir.path(), Some("tmpfs"), MsFlags::empty(), options)
            });
        match made {
            Ok(()) => Some(Self { dir }),
            Err(error) => {
                eprintln!("left out: this user cannot mount a disk ({error})");
                None
            }
        }
    }

    fn remount(&self, flags: MsFlags) -> nix::Result<()> {
        let nothing = None::<&str>;
        mount(nothing, self.dir.path(), nothing, MsFlags::MS_REMOUNT | flags, nothing)
    }

    fn start(&self) -> Person {
        let person = Person::again(self.dir.clone(), NETWORK, &[], None);
        person.wait_unlocked();
        person
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = nix::mount::umount2(self.dir.path(), nix::mount::MntFlags::MNT_DETACH);
    }
}

/// What is there can be read, nothing can be changed, and that is told in these words.
fn is_read_only(suite: &Suite, word: &str, words: &str) {
    history(suite, word);
    let name = suite.ask(&["profile", "name"]).ok();
    assert!(name.out.contains("Alice"), "it can be read: {name:?}");
    let _ = suite.ask(&["contacts"]).ok();
    // What was refused for want of room may be there after a kill all the same: SQLite had written it, and found none for its index.
    let refused = suite.ask(&["profile", "name", "Alice again"]);
    assert!(refused.code == 1 && refused.err.contains(words), "{refused:?}");
    assert!(!refused.err.contains("damaged") && !warnings(suite).contains("damaged"), "{refused:?}");
}

/// Another name each time: the same one changes no page.
fn until_refused(suite: &Suite) {
    let mut names = (0..).map(|number| format!("Alice {number}"));
    until("a change is refused", || {
        let name = names.next().unwrap();
        (suite.ask(&["profile", "name", &name]).code == 1).then_some(())
    });
}

#[test]
fn a_full_disk_is_read_also_at_a_start_and_written_once_there_is_room() {
    let Some(disk) = Disk::new() else { return };
    let mut person = disk.start();
    let _ = person.suite.ask(&["profile", "name", "Alice"]).ok();
    let filler = disk.dir.path().join("history/filler");
    let mut file = File::create(&filler).unwrap();
    while file.write(&[0; 4096]).is_ok_and(|written| written > 0) {}
    until_refused(&person.suite);
    is_read_only(&person.suite, "full", "the disk is full");
    person.suite.kill();
    let person = disk.start();
    // The room that the kill left is taken.
    while file.write(&[0; 512]).is_ok_and(|written| written > 0) {}
    until_refused(&person.suite);
    is_read_only(&person.suite, "full", "the disk is full");
    drop(file);
    fs::remove_file(&filler).unwrap();
    until("a change is kept", || (person.suite.ask(&["profile", "name", "Bob"]).code == 0).then_some(()));
    history(&person.suite, "ok");
    assert_eq!(restarts_of_stored(&person.suite), 0);
}

/// What SQLite keeps beside the file is of several pages: a disk that takes some of them and not all is as full as one that takes none.
#[test]
fn however_little_room_a_disk_has_at_a_start_what_is_there_is_read() {
    let Some(disk) = Disk::new() else { return };
    let mut person = disk.start();
    let _ = person.suite.ask(&["profile", "name", "Alice"]).ok();
    assert_eq!(person.suite.stop(), 0);
    let filler = disk.dir.path().join("history/filler");
    for pages in 0..8 {
        let mut file = File::create(&filler).unwrap();
        while file.write(&[0; 4096]).is_ok_and(|written| written > 0) {}
        file.set_len(file.metadata().unwrap().len() - 4096 * pages).unwrap();
        let mut person = disk.start();
        let _ = person.suite.ask(&["contacts"]).ok();
        assert!(person.suite.ask(&["profile", "name"]).ok().out.contains("Alice"), "{pages} pages of room");
        assert_eq!(person.suite.stop(), 0);
    }
}

#[test]
fn a_disk_that_cannot_be_written_is_read_also_at_a_start() {
    for killed in [false, true] {
        let Some(disk) = Disk::new() else { return };
        let mut person = disk.start();
        let _ = person.suite.ask(&["profile", "name", "Alice"]).ok();
        if killed {
            person.suite.kill();
        } else {
            assert_eq!(person.suite.stop(), 0);
        }
        until("nobody has a file open for writing", || disk.remount(MsFlags::MS_RDONLY).ok());
        let mut person = disk.start();
        is_read_only(&person.suite, "read-only", "the disk cannot be written");
        assert_eq!(person.suite.stop(), 0);
        disk.remount(MsFlags::empty()).unwrap();
        let person = disk.start();
        history(&person.suite, "ok");
        let _ = person.suite.ask(&["profile", "name", "Bob"]).ok();
    }
}

/// The history becomes one that the very first version began, under the profile's own key.
fn of_the_first_version(person: &Person) {
    let vault = File::options().read(true).write(true).open(person.dir.path().join("vault")).unwrap();
    let Examined::Locked(locked) = Examined::of(vault).unwrap() else { panic!("no vault") };
    let chance = rand_chacha::ChaCha20Rng::seed_from_u64(1);
    let vault =
        locked.unlock(PASSPHRASE.trim().as_bytes(), Duration::ZERO, chance).map_err(|(_, error)| error);
    let key = hex::encode(vault.unwrap().store_key());
    fs::remove_file(store(person)).unwrap();
    let db = rusqlite::Connection::open(store(person)).unwrap();
    db.execute_batch(&format!("PRAGMA key = \"x'{key}'\"")).unwrap();
    db.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (x); DROP TABLE t").unwrap();
}

/// An update brings a file to its own version first, for which this disk has no room.
#[test]
fn what_an_earlier_version_left_on_a_full_disk_is_read_and_brought_to_this_one_once_there_is_room() {
    let Some(disk) = Disk::new() else { return };
    let mut person = disk.start();
    assert_eq!(person.suite.stop(), 0);
    of_the_first_version(&person);
    let lies = fs::read(store(&person)).unwrap();
    let filler = disk.dir.path().join("history/filler");
    let mut file = File::create(&filler).unwrap();
    while file.write(&[0; 4096]).is_ok_and(|written| written > 0) {}
    let mut person = disk.start();
    history(&person.suite, "full");
    let _ = person.suite.ask(&["contacts"]).ok();
    let refused = person.suite.ask(&["profile", "name", "Alice"]);
    assert!(refused.code == 1 && refused.err.contains("the disk is full"), "{refused:?}");
    assert_eq!(fs::read(store(&person)).unwrap(), lies);
    assert_eq!(person.suite.stop(), 0);
    let person = disk.start();
    history(&person.suite, "full");
    drop(file);
    fs::remove_file(&filler).unwrap();
    history(&person.suite, "ok");
    let _ = person.suite.ask(&["profile", "name", "Alice"]).ok();
    assert_eq!(restarts_of_stored(&person.suite), 0);
}
