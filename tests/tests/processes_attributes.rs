//! What one keeps about a conversation, in a suite that locks and is started again; and notes to oneself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use privatus_tests::{Person, private_network};
use serde_json::{Value, json};

const NETWORK: &str = "attributes";

/// The one object that a command prints.
fn told(person: &Person, arguments: &[&str]) -> Value {
    person.suite.ask(&[arguments, &["--json"]].concat()).ok().rows().remove(0)
}

/// What is kept about Bob.
fn kept(person: &Person) -> Value {
    let row = told(person, &["contact", "show", "Bob"]);
    json!([row["pinned"], row["muted"], row["muted_until"].is_u64(), row["note"], row["draft"]])
}

/// The texts with somebody.
fn texts(person: &Person, who: &str) -> Vec<Value> {
    let rows = person.suite.ask(&["messages", who, "--json"]).ok().rows();
    rows.into_iter().filter(|row| row["note"].is_null()).collect()
}

#[test]
fn what_one_keeps_about_a_conversation_outlives_a_lock_and_a_restart() {
    let (_relays, addresses) = private_network(NETWORK, 5);
    let mut alice = Person::start(NETWORK, &addresses, None);
    let bob = Person::start(NETWORK, &addresses, None);
    let link = alice.suite.ask(&["invite", "--name", "Bob"]).ok().out.trim().to_string();
    let _ = bob.suite.ask(&["accept", &link, "--name", "Alice"]).ok();
    for text in ["one", "two"] {
        let _ = bob.suite.ask(&["send", "Alice", text, "--wait", "delivered"]).ok();
    }
    let row = told(&alice, &["contact", "show", "Bob"]);
    assert_eq!((&row["unread"], &row["first_unread"]), (&json!(2), &texts(&alice, "Bob")[0]["id"]));
    let marked = told(&bob, &["unread", "Alice"]);
    assert_eq!((&marked["unread"], &marked["first_unread"]), (&json!(1), &Value::Null));

    assert_eq!(kept(&alice), json!([false, false, false, "", false]));
    assert_eq!(told(&alice, &["pin", "Bob"])["pinned"], true);
    assert_eq!(told(&alice, &["mute", "Bob", "8h"])["muted"], true);
    let _ = alice.suite.ask_with(&["note", "Bob", "-"], "met in Lyon\nlikes tea\n").ok();
    assert_eq!(told(&alice, &["draft", "Bob", "half a sent"])["draft"], true);
    let all = json!([true, true, true, "met in Lyon\nlikes tea", true]);
    assert_eq!(kept(&alice), all);
    let _ = alice.suite.ask(&["lock"]).ok();
    assert_eq!(alice.suite.ask(&["draft", "Bob"]).code, 3);
    alice.unlock();
    alice.wait_unlocked();
    assert_eq!(kept(&alice), all);
    assert_eq!(alice.suite.stop(), 0);
    let alice = Person::again(alice.dir.clone(), NETWORK, &addresses, None);
    assert_eq!(kept(&alice), all);
    assert_eq!(told(&alice, &["draft", "Bob"])["text"], "half a sent");
    let line = alice.suite.ask(&["contacts"]).ok().out;
    assert!(line.contains(", pinned") && line.contains(", muted"), "{line}");

    for off in
        [&["pin", "Bob", "--off"][..], &["mute", "Bob", "--off"], &["note", "Bob", ""], &["draft", "Bob", ""]]
    {
        let _ = alice.suite.ask(off).ok();
    }
    assert_eq!(kept(&alice), json!([false, false, false, "", false]));
    assert_eq!(alice.suite.ask(&["draft", "Bob"]).ok().out, "");
    let long = alice.suite.ask(&["note", "Bob", &"x".repeat(1_025)]);
    assert_eq!((long.code, long.err.contains("1,024")), (1, true), "{long:?}");
    assert_eq!(alice.suite.ask(&["mute", "Bob", "soon"]).code, 2);

    let sent = told(&alice, &["send", "self", "buy milk"]);
    assert_eq!(sent["state"], "delivered");
    assert_eq!(texts(&alice, "self")[0]["body"], "buy milk");
    let notes = told(&alice, &["contact", "show", "self"]);
    assert_eq!((&notes["name"], &notes["state"]), (&json!("Notes"), &json!("self")));
    assert_eq!(alice.suite.ask(&["contact", "block", "self"]).code, 5);
}
