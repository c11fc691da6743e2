//! The life of a text, as the command line tells it: queued, asked about, handed on, taken back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use privatus_tests::{Person, private_network};
use serde_json::Value;

fn row(person: &Person, command: &[&str]) -> Value {
    person.suite.ask(&[command, &["--json"]].concat()).ok().rows().remove(0)
}

fn bodies(person: &Person, who: &str) -> Vec<String> {
    let rows = person.suite.ask(&["messages", who, "--json"]).ok().rows();
    let texts = rows.iter().filter(|row| row["note"].is_null());
    texts.map(|row| row["body"].as_str().unwrap().to_string()).collect()
}

#[test]
fn a_text_to_somebody_who_is_only_invited_waits_and_is_handed_on_or_taken_back() {
    let (_relays, addresses) = private_network("life", 5);
    let alice = Person::start("life", &addresses, None);
    let invite = alice.suite.ask(&["invite", "--name", "Bob"]).ok();
    let _ = alice.suite.ask(&["invite", "--name", "Carol"]).ok();
    assert_eq!(row(&alice, &["send", "Bob", "for Bob", "--id", "m-1"])["state"], "queued");

    let info = row(&alice, &["info", "m-1"]);
    assert_eq!((&info["state"], &info["from"], &info["id"]), (&"queued".into(), &"me".into(), &"m-1".into()));
    assert_eq!((&info["parts"], &info["parts_relayed"]), (&1.into(), &0.into()));
    assert_eq!(info["queued_at"], info["sent_at"]);
    for nothing in
        ["reason", "relayed_at", "expires_at", "delivered_at", "read_at", "failed_at", "received_at"]
    {
        assert!(info[nothing].is_null(), "{nothing} in {info}");
    }
    let words = alice.suite.ask(&["info", "m-1"]).ok().out;
    assert!(words.starts_with("queued: no relay has all of it yet"), "{words}");
    assert_eq!(row(&alice, &["retry", "m-1"])["state"], "queued", "it has not ended");

    assert_eq!(alice.suite.ask(&["forward", "m-1", "Carol", "--id", "m-2"]).ok().out.trim(), "m-2");
    let _ = alice.suite.ask(&["forward", "m-1", "Carol", "--id", "m-2"]).ok();
    assert_eq!(bodies(&alice, "Carol"), ["for Bob"]);

    assert_eq!(row(&alice, &["cancel", "m-1"])["cancelled"], true);
    assert_eq!(bodies(&alice, "Bob"), [""; 0]);
    for command in ["info", "retry", "cancel"] {
        let unknown = alice.suite.ask(&[command, "m-1"]);
        assert_eq!((unknown.code, unknown.err.lines().count()), (1, 1), "{command}: {unknown:?}");
    }
    assert_eq!(alice.suite.ask(&["forward", "m-1", "Carol"]).code, 1);

    let bob = Person::start("life", &addresses, None);
    let _ = bob.suite.ask(&["accept", invite.out.trim(), "--name", "Alice"]).ok();
    let _ = alice.suite.ask(&["send", "Bob", "hello", "--id", "m-3", "--wait", "delivered"]).ok();
    assert_eq!(bodies(&bob, "Alice"), ["hello"], "what was taken back went nowhere");
    let late = alice.suite.ask(&["cancel", "m-3"]);
    assert_eq!((late.code, late.err.contains("already under way")), (5, true), "{late:?}");
    let info = row(&alice, &["info", "m-3"]);
    assert_eq!((&info["state"], &info["parts_relayed"]), (&"delivered".into(), &1.into()));
    assert!(info["delivered_at"].as_u64() >= info["queued_at"].as_u64(), "{info}");
    assert_eq!(info["route"].as_array().unwrap().first().unwrap().as_str().unwrap().len(), 64, "{info}");
}
