//! Two people, five relays, real processes: texts arrive, each exactly once and in order, whatever falls on the way.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use privatus_tests::{Person, Relay, kill_9, private_network, until};

const NETWORK: &str = "conversation";

struct Talk {
    relays: Vec<Relay>,
    addresses: Vec<String>,
    alice: Person,
    bob: Person,
}

/// Alice and Bob, connected by an invite.
fn connected() -> Talk {
    let (relays, addresses) = private_network(NETWORK, 5);
    let alice = Person::start(NETWORK, &addresses, None);
    let bob = Person::start(NETWORK, &addresses, None);
    let invite = alice.suite.ask(&["invite", "--name", "Bob"]).ok();
    let link = invite.out.trim().to_string();
    assert!(link.lines().count() == 1 && !link.is_empty(), "the link alone: {invite:?}");
    let _ = bob.suite.ask(&["accept", &link, "--name", "Alice"]).ok();
    Talk { relays, addresses, alice, bob }
}

fn send(from: &Person, to: &str, text: &str) {
    let _ = from.suite.ask(&["send", to, text]).ok();
}

/// What `person` has from `who`, oldest first.
fn received(person: &Person, who: &str) -> Vec<String> {
    let rows = person.suite.ask(&["messages", who, "--limit", "1000", "--json"]).ok().rows();
    let theirs = rows.iter().filter(|row| row["from"] == "them" && row["note"].is_null());
    theirs.map(|row| row["body"].as_str().unwrap().to_string()).collect()
}

fn wait_received(person: &Person, who: &str, expected: &[String]) {
    until(&format!("{} texts", expected.len()), || {
        (received(person, who).len() >= expected.len()).then_some(())
    });
    // One more look: nothing comes twice.
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert_eq!(received(person, who), expected);
}

#[test]
fn a_text_each_way_is_delivered_and_told_on_both_sides() {
    let talk = connected();
    let there = talk.alice.suite.ask(&["send", "Bob", "Hello Bob", "--wait", "delivered", "--json"]).ok();
    assert_eq!(there.rows()[0]["state"], "delivered");
    assert_eq!(received(&talk.bob, "Alice"), ["Hello Bob"]);
    let _ = talk.bob.suite.ask(&["send", "Alice", "Hello Alice", "--wait", "delivered"]).ok();
    assert_eq!(received(&talk.alice, "Bob"), ["Hello Alice"]);
    let own = talk.alice.suite.ask(&["messages", "Bob", "--json"]).ok().rows();
    let own: Vec<_> = own.iter().filter(|row| row["from"] == "me").collect();
    assert_eq!((own.len(), &own[0]["state"], &own[0]["body"]), (1, &"delivered".into(), &"Hello Bob".into()));
    let contact = &talk.bob.suite.ask(&["contacts", "--json"]).ok().rows()[0];
    assert_eq!((&contact["name"], &contact["state"]), (&"Alice".into(), &"connected".into()));
    assert_eq!(talk.relays.len(), 5);
}

#[test]
fn both_see_the_same_safety_number_and_a_scanned_code_verifies() {
    let talk = connected();
    let _ = talk.alice.suite.ask(&["send", "Bob", "Hello Bob", "--wait", "delivered"]).ok();
    let shown = talk.alice.suite.ask(&["contact", "show", "Bob", "--json"]).ok().rows().remove(0);
    let scan = |code: &str| {
        talk.bob.suite.ask_with(&["contact", "verify", "Alice", "--scanned", "--json"], &format!("{code}\n"))
    };
    // What no code or link can be is refused, and locks nobody out.
    for long in ["A".repeat(4_000), "ü".repeat(340)] {
        let scanned = scan(&long);
        assert_eq!((scanned.code, scanned.err.contains("no verification code")), (5, true), "{scanned:?}");
        let accepted = talk.bob.suite.ask(&["accept", &format!("privatus:i#{long}"), "--name", "x"]);
        assert!(accepted.code != 0 && accepted.err.contains("not an invitation"), "{accepted:?}");
    }
    let long = format!("privatus:i#{}", "ü".repeat(320));
    assert!(talk.bob.suite.ask(&["accept", &long, "--name", "x"]).err.contains("not an invitation"));
    assert_eq!(talk.bob.suite.status()["locked"], false);
    assert_eq!(scan("privatus:v#AQ").code, 5);
    assert_eq!(talk.bob.suite.ask(&["contact", "show", "Alice", "--json"]).ok().rows()[0]["verified"], false);
    let scanned = scan(shown["code"].as_str().unwrap()).ok().rows().remove(0);
    assert_eq!((&scanned["digits"], &scanned["words"]), (&shown["digits"], &shown["words"]));
    assert_eq!(scanned["verified"], true);
    let own = scan(scanned["code"].as_str().unwrap());
    assert_eq!((own.code, own.err.lines().count()), (5, 1), "one's own screen: {own:?}");
}

#[test]
fn only_who_was_compared_with_what_the_other_side_has_is_verified() {
    let talk = connected();
    let _ = talk.alice.suite.ask(&["send", "Bob", "Hello Bob", "--wait", "delivered"]).ok();
    let shown = |person: &Person, who: &str| {
        person.suite.ask(&["contact", "show", who, "--json"]).ok().rows().remove(0)
    };
    let theirs = shown(&talk.bob, "Alice");
    let digits = theirs["digits"].as_str().unwrap();
    let verify =
        |with: &[&str]| talk.alice.suite.ask(&[&["contact", "verify", "Bob", "--json"][..], with].concat());
    let other = digits.replace(['0', '1', '2', '3', '4'], "9");
    let refused: [(&[&str], i32); 5] = [
        (&[], 2),
        (&["--digits", "12345"], 2),
        (&["--digits", digits, "--scanned"], 2),
        (&["--digits", &other], 5),
        (&["--words", "lusab babad gutih tugad zodug mahon pidok kavas"], 5),
    ];
    for (with, code) in refused {
        let refused = verify(with);
        assert_eq!((refused.code, refused.err.lines().count()), (code, 1), "{with:?}: {refused:?}");
        assert_eq!(shown(&talk.alice, "Bob")["verified"], false, "{with:?}");
    }
    assert_eq!(verify(&["--digits", digits]).ok().rows()[0]["verified"], true);
    assert_eq!(verify(&["--off"]).ok().rows()[0]["verified"], false);
    let words: Vec<_> =
        theirs["words"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
    assert_eq!(verify(&["--words", &words.join(" ")]).ok().rows()[0]["verified"], true);
}

#[test]
fn fifty_texts_to_somebody_offline_arrive_once_and_in_order() {
    let mut talk = connected();
    let _ = talk.alice.suite.ask(&["send", "Bob", "first", "--wait", "delivered"]).ok();
    assert_eq!(talk.bob.suite.stop(), 0);
    let texts: Vec<String> = (0..50).map(|number| format!("text {number}")).collect();
    texts.iter().for_each(|text| send(&talk.alice, "Bob", text));
    let bob = Person::again(talk.bob.dir.clone(), NETWORK, &talk.addresses, None);
    let expected: Vec<String> = ["first".to_string()].into_iter().chain(texts).collect();
    wait_received(&bob, "Alice", &expected);
}

#[test]
fn texts_survive_the_death_of_every_part_and_of_a_relay_on_their_way() {
    let mut talk = connected();
    let mut expected = Vec::new();
    for name in ["stored", "onion", "netd", "mediad", "keyvault"] {
        for side in [0, 1] {
            let person = if side == 0 { &talk.alice } else { &talk.bob };
            for number in 0..5 {
                let text = format!("{name} {side} {number}");
                send(&talk.alice, "Bob", &text);
                expected.push(text);
            }
            let pids = person.suite.pids();
            kill_9(pids[name]);
            person.suite.wait_restarted(name, pids[name]);
            if name == "keyvault" {
                person.unlock();
                person.wait_unlocked();
            }
        }
    }
    for number in 0..5 {
        let text = format!("relay {number}");
        send(&talk.alice, "Bob", &text);
        expected.push(text);
    }
    talk.relays[2].suite.kill();
    wait_received(&talk.bob, "Alice", &expected);
}

#[test]
fn who_is_unblocked_is_heard_at_once() {
    let talk = connected();
    let state = |wanted: &str| {
        let rows = talk.bob.suite.ask(&["contacts", "--json"]).ok().rows();
        assert_eq!(rows[0]["state"], wanted);
    };
    let _ = talk.alice.suite.ask(&["send", "Bob", "before", "--wait", "delivered"]).ok();
    let _ = talk.bob.suite.ask(&["contact", "block", "Alice"]).ok();
    state("blocked");
    let _ = talk.bob.suite.ask(&["contact", "unblock", "Alice"]).ok();
    state("connected");
    let _ = talk.alice.suite.ask(&["send", "Bob", "after", "--wait", "delivered"]).ok();
    assert_eq!(received(&talk.bob, "Alice"), ["before", "after"]);
}

/// A copy of a stopped person's folder, put in its place again.
fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    let done =
        std::process::Command::new("cp").args(["-a", "--"]).arg(from.join(".")).arg(to).status().unwrap();
    assert!(done.success());
}

/// All that lies there now goes.
fn put_back(copy: &std::path::Path, folder: &std::path::Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            std::fs::remove_dir_all(path).unwrap();
        } else {
            std::fs::remove_file(path).unwrap();
        }
    }
    copy_folder(copy, folder);
}

#[test]
fn what_is_written_after_an_old_copy_of_the_folder_was_put_back_is_delivered_only_when_it_is_there() {
    let mut talk = connected();
    let text =
        |what: &str, count: u32| -> Vec<String> { (0..count).map(|n| format!("{what} {n}")).collect() };
    let say = |from: &Person, texts: &[String]| texts.iter().for_each(|text| send(from, "Bob", text));
    let before = text("before", 3);
    say(&talk.alice, &before);
    wait_received(&talk.bob, "Alice", &before);
    assert_eq!(talk.alice.suite.stop(), 0);
    let copy = tempfile::tempdir().unwrap();
    copy_folder(talk.alice.dir.path(), copy.path());

    let mut alice = Person::again(talk.alice.dir.clone(), NETWORK, &talk.addresses, None);
    let forgotten = text("forgotten", 3);
    say(&alice, &forgotten);
    wait_received(&talk.bob, "Alice", &[before.clone(), forgotten.clone()].concat());
    assert_eq!(alice.suite.stop(), 0);
    put_back(copy.path(), alice.dir.path());

    let alice = Person::again(alice.dir.clone(), NETWORK, &talk.addresses, None);
    let after = text("after", 6);
    say(&alice, &after);
    let rows = |person: &Person, who: &str| person.suite.ask(&["messages", who, "--json"]).ok().rows();
    let said = |rows: &[serde_json::Value]| -> Vec<String> {
        let texts = rows.iter().filter(|row| row["note"].is_null());
        texts.map(|row| row["body"].as_str().unwrap().to_string()).collect()
    };
    until("all that was written is delivered", || {
        let delivered: Vec<_> =
            rows(&alice, "Bob").into_iter().filter(|row| row["state"] == "delivered").collect();
        let there = said(&rows(&talk.bob, "Alice"));
        assert!(said(&delivered).iter().all(|body| there.contains(body)), "{delivered:?} and {there:?}");
        (delivered.len() == before.len() + after.len()).then_some(())
    });
    let all = [before, forgotten, after].concat();
    assert_eq!(said(&rows(&talk.bob, "Alice")), all);
    let notes = |rows: Vec<serde_json::Value>| -> Vec<serde_json::Value> {
        let notes = rows.into_iter().map(|mut row| row["note"].take());
        notes.filter(|note| note.as_str().is_some_and(|note| note.starts_with("older-copy"))).collect()
    };
    assert_eq!(notes(rows(&alice, "Bob")), ["older-copy-here"]);
    assert_eq!(notes(rows(&talk.bob, "Alice")), ["older-copy-there"]);
    let shown = talk.bob.suite.ask(&["messages", "Alice"]).ok().out;
    assert!(shown.contains("-- An older copy of their profile was used."), "{shown}");
}

/// `person` compares with what the `other` reads out; each calls the other so.
fn compare(person: &Person, who: &str, other: &Person, whom: &str) {
    let theirs = other.suite.ask(&["contact", "show", whom, "--json"]).ok().rows().remove(0);
    let digits = theirs["digits"].as_str().unwrap();
    let _ = person.suite.ask(&["contact", "verify", who, "--digits", digits]).ok();
}

/// Whether what `person` writes to the one contact waits for a word.
fn holds(person: &Person) -> bool {
    person.suite.ask(&["contacts", "--json"]).ok().rows()[0]["held"] == true
}

#[test]
fn what_goes_to_who_was_compared_waits_after_an_old_copy_was_put_back_until_one_says_resume() {
    let mut talk = connected();
    send(&talk.alice, "Bob", "before");
    wait_received(&talk.bob, "Alice", &["before".into()]);
    let _ = talk.bob.suite.ask(&["send", "Alice", "hello", "--wait", "delivered"]).ok();
    compare(&talk.alice, "Bob", &talk.bob, "Alice");
    compare(&talk.bob, "Alice", &talk.alice, "Bob");
    let early = talk.bob.suite.ask(&["contact", "resume", "Alice"]);
    assert_eq!(early.code, 5, "{early:?}");
    assert!(early.err.contains("nothing waits"), "{early:?}");
    assert_eq!(talk.alice.suite.stop(), 0);
    let copy = tempfile::tempdir().unwrap();
    copy_folder(talk.alice.dir.path(), copy.path());
    let mut alice = Person::again(talk.alice.dir.clone(), NETWORK, &talk.addresses, None);
    send(&alice, "Bob", "forgotten");
    wait_received(&talk.bob, "Alice", &["before".into(), "forgotten".into()]);
    assert_eq!(alice.suite.stop(), 0);
    put_back(copy.path(), alice.dir.path());

    let alice = Person::again(alice.dir.clone(), NETWORK, &talk.addresses, None);
    send(&alice, "Bob", "after");
    until("both wait", || (holds(&alice) && holds(&talk.bob)).then_some(()));
    let waits = talk.bob.suite.ask(&["send", "Alice", "waits", "--wait", "relayed", "--timeout", "1"]);
    assert_eq!(waits.code, 6, "{waits:?}");
    assert!(waits.err.contains("privatus contact resume"), "{waits:?}");
    let last = |person: &Person, who: &str| {
        let rows = person.suite.ask(&["messages", who, "--json"]).ok().rows();
        rows.into_iter().rfind(|row| row["from"] == "me" && row["note"].is_null()).unwrap()
    };
    let row = last(&talk.bob, "Alice");
    assert_eq!((&row["state"], &row["held"]), (&"queued".into(), &true.into()), "{row}");

    // Each says it for what is theirs, and neither waits for the other.
    let _ = alice.suite.ask(&["contact", "resume", "Bob"]).ok();
    wait_received(&talk.bob, "Alice", &["before".into(), "forgotten".into(), "after".into()]);
    until("hers is delivered", || (last(&alice, "Bob")["state"] == "delivered").then_some(()));
    assert!(holds(&talk.bob) && received(&alice, "Bob") == ["hello"]);
    let _ = talk.bob.suite.ask(&["contact", "resume", "Alice"]).ok();
    wait_received(&alice, "Bob", &["hello".into(), "waits".into()]);
    until("his is delivered", || (last(&talk.bob, "Alice")["state"] == "delivered").then_some(()));
    assert_eq!(last(&talk.bob, "Alice")["held"], false);
    assert_eq!(talk.bob.suite.ask(&["contact", "resume", "Alice"]).code, 5);
    let shown = talk.bob.suite.ask(&["messages", "Alice"]).ok().out;
    assert!(shown.contains("-- What you write to them waits"), "{shown}");
}
