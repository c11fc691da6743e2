//! What was read is told between two real profiles, where each wants it, and waited for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use privatus_tests::{Person, private_network, until};
use serde_json::{Value, json};

const NETWORK: &str = "receipts";

/// The one object that a command prints.
fn told(person: &Person, arguments: &[&str]) -> Value {
    person.suite.ask(&[arguments, &["--json"]].concat()).ok().rows().remove(0)
}

fn value(person: &Person, words: &[&str]) -> String {
    person.suite.ask(&[&["get"], words].concat()).ok().out.trim().to_owned()
}

fn set(person: &Person, words: &[&str]) {
    assert_eq!(person.suite.ask(&[&["set"], words].concat()).ok().out, "");
}

/// The texts with somebody, by which of the two wrote them.
fn texts(person: &Person, who: &str, from: &str) -> Vec<Value> {
    let rows = person.suite.ask(&["messages", who, "--json"]).ok().rows();
    rows.into_iter().filter(|row| row["note"].is_null() && row["from"] == from).collect()
}

fn state(person: &Person, id: &str) -> Value {
    told(person, &["info", id])["state"].clone()
}

#[test]
fn what_was_read_is_told_both_ways_where_it_is_on_and_can_be_waited_for() {
    let (_relays, addresses) = private_network(NETWORK, 5);
    let alice = Person::start(NETWORK, &addresses, None);
    let bob = Person::start(NETWORK, &addresses, None);
    let link = alice.suite.ask(&["invite", "--name", "Bob"]).ok().out.trim().to_string();
    let _ = bob.suite.ask(&["accept", &link, "--name", "Alice"]).ok();
    for id in ["m-1", "m-2"] {
        let _ = alice.suite.ask(&["send", "Bob", id, "--id", id, "--wait", "delivered"]).ok();
    }

    // Off by default: Bob reads, and nobody hears of it.
    assert_eq!(value(&bob, &["Alice", "receipts"]), "off");
    let first = texts(&bob, "Alice", "them")[0]["id"].as_str().unwrap().to_owned();
    let row = told(&bob, &["read", "Alice", &first]);
    assert_eq!((&row["unread"], &row["receipts"], &row["typing"]), (&json!(1), &json!(false), &json!(false)));
    let unknown = bob.suite.ask(&["read", "Alice", "m-none"]);
    assert_eq!((unknown.code, unknown.err.lines().count()), (1, 1), "{unknown:?}");
    let late = alice.suite.ask(&["send", "Bob", "m-3", "--id", "m-3", "--wait", "read", "--timeout", "1"]);
    assert_eq!(late.code, 6, "{late:?}");

    // On: all up to there is read, also what was read before, and no more.
    set(&bob, &["Alice", "receipts", "on"]);
    assert_eq!(told(&bob, &["contact", "show", "Alice"])["receipts"], true);
    let second = texts(&bob, "Alice", "them")[1]["id"].as_str().unwrap().to_owned();
    let _ = bob.suite.ask(&["read", "Alice", &second]).ok();
    until("both are read", || (state(&alice, "m-2") == "read").then_some(()));
    assert_eq!(state(&alice, "m-1"), "read");
    let info = told(&alice, &["info", "m-2"]);
    assert!(info["read_at"].as_u64() >= info["delivered_at"].as_u64(), "{info}");

    // Waited for, while Bob reads all.
    until("the third is there", || (state(&alice, "m-3") == "delivered").then_some(()));
    assert_eq!(told(&bob, &["read", "Alice"])["unread"], 0);
    let read = alice.suite.ask(&["send", "Bob", "m-3", "--id", "m-3", "--wait", "read", "--json"]).ok();
    assert_eq!(read.rows()[0]["state"], "read");

    // The other way, by what holds for all.
    assert_eq!(value(&alice, &["receipts"]), "off");
    set(&alice, &["receipts", "on"]);
    set(&alice, &["typing", "on"]);
    assert_eq!((value(&alice, &["receipts"]), value(&alice, &["Bob", "typing"])), ("on".into(), "on".into()));
    let _ = bob.suite.ask(&["send", "Alice", "b-1", "--id", "b-1", "--wait", "delivered"]).ok();
    let _ = alice.suite.ask(&["read", "Bob"]).ok();
    until("Alice's receipt came", || (state(&bob, "b-1") == "read").then_some(()));

    // Bob's own value counts more than what holds for all, and outlives a restart with it.
    set(&alice, &["Bob", "receipts", "off"]);
    let mut alice = alice;
    assert_eq!(alice.suite.stop(), 0);
    let alice = Person::again(alice.dir.clone(), NETWORK, &addresses, None);
    let kept = [value(&alice, &["receipts"]), value(&alice, &["Bob", "receipts"])];
    assert_eq!(kept, ["on", "off"]);
    for mistake in
        [&["set", "Bob", "receipts", "maybe"][..], &["set", "", "receipts", "on"], &["get", "", "typing"]]
    {
        assert_eq!(alice.suite.ask(mistake).code, 2, "{mistake:?}");
    }
    assert_eq!(alice.suite.ask(&["set", "Carol", "typing", "on"]).code, 1);
}
