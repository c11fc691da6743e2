//! Two people, five relays, real processes: what one does to a text after it was sent is seen by the other.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use privatus_tests::{Person, private_network, until};
use serde_json::{Value, json};

const NETWORK: &str = "changes";

fn rows(person: &Person, who: &str) -> Vec<Value> {
    let rows = person.suite.ask(&["messages", who, "--json"]).ok().rows();
    rows.into_iter().filter(|row| row["note"].is_null()).collect()
}

/// Waits until one of the texts is as wanted, and gives that.
fn wait_for(person: &Person, who: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    until(what, || rows(person, who).into_iter().find(&wanted))
}

/// One writes, changes it, is reacted to, and deletes it for both.
fn write_and_regret((from, to): (&Person, &str), (other, back): (&Person, &str)) {
    let sent = from.suite.ask(&["send", to, "Helo", "--wait", "delivered", "--json"]).ok().rows().remove(0);
    let id = sent["id"].as_str().unwrap();
    let first = wait_for(other, back, "the text", |row| row["body"] == "Helo");
    let there = first["id"].as_str().unwrap();

    let edited = from.suite.ask_with(&["edit", id, "-", "--json"], "Hello\n").ok().rows().remove(0);
    assert_eq!((&edited["edited"], &edited["body"]), (&json!(true), &json!("Hello")));
    let row = wait_for(other, back, "the edit", |row| row["body"] == "Hello");
    assert_eq!(
        (&row["id"], &row["edited"], &row["sent_at"]),
        (&json!(there), &json!(true), &sent["sent_at"])
    );

    let reacted = other.suite.ask(&["react", there, "👍", "--json"]).ok().rows().remove(0);
    assert_eq!(reacted["reactions"], json!([{"from": "me", "emoji": "👍"}]));
    let reactions = json!([{"from": "them", "emoji": "👍"}]);
    let _ = wait_for(from, to, "the reaction", |row| row["id"] == id && row["reactions"] == reactions);
    let shown = from.suite.ask(&["messages", to]).ok().out;
    assert!(shown.contains(" (edited): Hello\n    + them: 👍"), "{shown}");

    for (arguments, code) in [
        (&["edit", there, "forged"][..], 5),
        (&["delete", there, "--both"][..], 5),
        (&["react", there, "two words"][..], 2),
        (&["edit", "nothing", "x"][..], 1),
        (&["delete", "nothing"][..], 1),
        (&["react", "nothing", "👍"][..], 1),
    ] {
        let refused = other.suite.ask(arguments);
        assert_eq!((refused.code, refused.err.lines().count()), (code, 1), "{arguments:?}: {refused:?}");
    }

    let deleted = from.suite.ask(&["delete", id, "--both", "--json"]).ok().rows().remove(0);
    assert_eq!(deleted, json!({"id": id, "deleted": true}));
    let row = wait_for(other, back, "the delete", |row| row["id"] == there && row["deleted"] == true);
    assert_eq!((&row["body"], &row["reactions"], &row["edited"]), (&json!(""), &json!([]), &json!(false)));
    let shown = other.suite.ask(&["messages", back]).ok().out;
    assert!(shown.contains("them (deleted): "), "{shown}");
    assert_eq!(from.suite.ask(&["edit", id, "more"]).code, 1, "there is nothing to change any more");

    // Here alone: the other one keeps what they have.
    let _ = other.suite.ask(&["delete", there]).ok();
    assert!(rows(other, back).iter().all(|row| row["id"] != there));
    assert!(rows(from, to).iter().any(|row| row["id"] == id && row["deleted"] == true));
}

#[test]
fn a_text_is_edited_reacted_to_and_deleted_both_ways() {
    let (_relays, addresses) = private_network(NETWORK, 5);
    let alice = Person::start(NETWORK, &addresses, None);
    let bob = Person::start(NETWORK, &addresses, None);
    let link = alice.suite.ask(&["invite", "--name", "Bob"]).ok().out.trim().to_string();
    let _ = bob.suite.ask(&["accept", &link, "--name", "Alice"]).ok();
    write_and_regret((&alice, "Bob"), (&bob, "Alice"));
    write_and_regret((&bob, "Alice"), (&alice, "Bob"));
}
