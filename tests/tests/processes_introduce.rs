//! Three people, five relays, real processes: one brings the other two together.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use privatus_tests::{Person, private_network, until};
use serde_json::{Value, json};

const NETWORK: &str = "introduce";

fn meet(who: &Person, name: &str, other: &Person) {
    let link = who.suite.ask(&["invite", "--name", name]).ok().out.trim().to_string();
    let _ = other.suite.ask(&["accept", &link, "--name", "Ada"]).ok();
    let _ = other.suite.ask(&["send", "Ada", "hello", "--wait", "delivered"]).ok();
    let _ = who.suite.ask(&["send", name, "hello", "--wait", "delivered"]).ok();
}

/// The lines that the program tells in a conversation, of one kind.
fn lines(person: &Person, who: &str, note: &str) -> Vec<Value> {
    let rows = person.suite.ask(&["messages", who, "--json"]).ok().rows();
    rows.into_iter().filter(|row| row["note"] == note).collect()
}

fn asked(person: &Person) -> Value {
    until("the introduction", || lines(person, "Ada", "introduction").pop())
}

#[test]
fn two_contacts_are_introduced_both_agree_and_write_to_each_other() {
    let (_relays, addresses) = private_network(NETWORK, 5);
    let [ada, bob, cai] = [(); 3].map(|()| Person::start(NETWORK, &addresses, None));
    meet(&ada, "Bob", &bob);
    meet(&ada, "Cai", &cai);

    for (arguments, code) in [
        (&["introduce", "Bob"][..], 2),
        (&["introduce", "Bob", "Bob"], 2),
        (&["introduce", "Bob", "Dee"], 1),
        (&["introduce", "--accept", "nothing"], 1),
        (&["introduce", "--decline", "x", "--name", "y"], 2),
    ] {
        let refused = ada.suite.ask(arguments);
        assert_eq!((refused.code, refused.err.is_empty()), (code, false), "{arguments:?}: {refused:?}");
    }

    let told = ada.suite.ask(&["introduce", "Bob", "Cai", "--json"]).ok().rows().remove(0);
    assert_eq!(told, json!({"who": "Bob", "other": "Cai", "asked": true}));
    assert_eq!(ada.suite.ask(&["introduce", "Cai", "Bob"]).code, 5, "they were asked already");
    assert_eq!(lines(&ada, "Bob", "introduced")[0]["introduces"], "Cai");

    let (to_bob, to_cai) = (asked(&bob), asked(&cai));
    assert_eq!((&to_bob["introduces"], &to_cai["introduces"]), (&json!("Cai"), &json!("Bob")));
    let id = to_bob["id"].as_str().unwrap();
    let shown = bob.suite.ask(&["messages", "Ada"]).ok().out;
    assert!(shown.contains(&format!("    > Cai\n    > privatus introduce --accept {id}")), "{shown}");
    assert_eq!(bob.suite.ask(&["contacts", "--json"]).ok().rows().len(), 1, "nothing happens by itself");

    let yes = bob.suite.ask(&["introduce", "--accept", id, "--json"]).ok().rows().remove(0);
    assert_eq!(yes, json!({"id": id, "accepted": true}));
    let id = to_cai["id"].as_str().unwrap();
    let _ = cai.suite.ask(&["introduce", "--accept", id, "--name", "Robert"]).ok();
    let _ = cai.suite.ask(&["introduce", "--accept", id]).ok();
    until("both to know each other", || {
        let state = |person: &Person, who: &str| {
            person.suite.ask(&["contact", "show", who, "--json"]).rows().pop().map(|row| row["state"].clone())
        };
        (state(&bob, "Cai") == Some(json!("connected")) && state(&cai, "Robert") == Some(json!("connected")))
            .then_some(())
    });
    let _ = bob.suite.ask(&["send", "Cai", "good day", "--wait", "delivered"]).ok();
    let _ = cai.suite.ask(&["send", "Robert", "good day", "--wait", "delivered"]).ok();
    let by = &lines(&bob, "Cai", "introduced")[0];
    assert_eq!(by["introduces"], "Ada");
    assert!(by["body"].as_str().unwrap().contains("compare the safety number"), "{by}");
    assert_eq!(bob.suite.ask(&["contact", "show", "Cai", "--json"]).ok().rows()[0]["verified"], false);
    let _ = until("Ada to hear that both said yes", || {
        lines(&ada, "Cai", "introduced").pop().filter(|line| line["body"].as_str().unwrap().contains("both"))
    });
}
