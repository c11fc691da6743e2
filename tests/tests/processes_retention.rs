//! What is older than it is kept goes on one side, as the command line tells it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use privatus_tests::{Person, private_network, until};
use serde_json::Value;

const NETWORK: &str = "retention";

fn bodies(person: &Person, who: &str) -> Vec<Value> {
    let rows = person.suite.ask(&["messages", who, "--json"]).ok().rows().into_iter();
    rows.filter(|row| row["note"].is_null()).map(|row| row["body"].clone()).collect()
}

fn kept(person: &Person, of: &[&str]) -> String {
    person.suite.ask(&[&["get"], of, &["retention"]].concat()).ok().out
}

#[test]
fn what_is_older_than_it_is_kept_is_gone_here_and_stays_over_there() {
    let (_relays, addresses) = private_network(NETWORK, 5);
    let alice = Person::start(NETWORK, &addresses, None);
    let bob = Person::start(NETWORK, &addresses, None);
    let link = alice.suite.ask(&["invite", "--name", "Bob"]).ok().out.trim().to_string();
    let _ = bob.suite.ask(&["accept", &link, "--name", "Alice"]).ok();
    let _ = alice.suite.ask(&["send", "Bob", "from Alice", "--wait", "delivered"]).ok();
    let _ = bob.suite.ask(&["send", "Alice", "from Bob", "--wait", "delivered"]).ok();
    let _ = alice.suite.ask(&["send", "self", "a note"]).ok();
    assert_eq!((kept(&alice, &[]), kept(&alice, &["Bob"])), ("forever\n".into(), "forever\n".into()));

    let _ = alice.suite.ask(&["set", "retention", "30d"]).ok();
    assert_eq!((kept(&alice, &[]), kept(&alice, &["Bob"])), ("30d\n".into(), "30d\n".into()));
    assert_eq!(kept(&alice, &["self"]), "forever\n");
    assert_eq!(bodies(&alice, "Bob").len(), 2, "they are of today");

    let _ = alice.suite.ask(&["set", "Bob", "retention", "2s"]).ok();
    until("both are gone at Alice's", || bodies(&alice, "Bob").is_empty().then_some(()));
    assert_eq!(alice.suite.ask(&["search", "Alice"]).ok().out, "");
    assert_eq!(bodies(&bob, "Alice").len(), 2);
    assert_eq!(bodies(&alice, "self"), ["a note"]);

    let _ = alice.suite.ask(&["set", "Bob", "retention", "forever"]).ok();
    let _ = bob.suite.ask(&["send", "Alice", "after", "--wait", "delivered"]).ok();
    assert_eq!(bodies(&alice, "Bob"), ["after"]);
    for wrong in ["soon", "521w", "0s"] {
        assert_eq!(alice.suite.ask(&["set", "retention", wrong]).code, 2, "{wrong}");
    }
}
