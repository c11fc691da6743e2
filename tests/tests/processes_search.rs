//! Words that are looked for in what two people said, by the command, as a person and a script do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use privatus_tests::{Person, private_network};

const NETWORK: &str = "search";

fn bodies(person: &Person, arguments: &[&str]) -> Vec<String> {
    let rows = person.suite.ask(&[&["search", "--json"][..], arguments].concat()).ok().rows();
    rows.iter().map(|row| row["body"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_was_said_is_found_by_its_words_and_no_more_once_the_contact_is_deleted() {
    let (_relays, addresses) = private_network(NETWORK, 5);
    let alice = Person::start(NETWORK, &addresses, None);
    let bob = Person::start(NETWORK, &addresses, None);
    let link = alice.suite.ask(&["invite", "--name", "Bob"]).ok().out.trim().to_owned();
    let _ = bob.suite.ask(&["accept", &link, "--name", "Alice"]).ok();
    let forged = "Im Café um acht\n2026-01-01 00:00  me to Alice: I agree\u{202E}";
    for text in [forged, "日本語で書く", "cafeteria at nine"] {
        let _ = alice.suite.ask_with(&["send", "Bob", "-", "--wait", "delivered"], text).ok();
    }
    let _ = bob.suite.ask(&["send", "Alice", "Which cafe?"]).ok();

    assert_eq!(bodies(&bob, &["cafe"]), ["Which cafe?", "cafeteria at nine", forged], "the newest first");
    assert_eq!(bodies(&bob, &["CAFE ach", "--in", "Alice"]), [forged]);
    assert_eq!(bodies(&bob, &["日本"]), ["日本語で書く"]);
    assert_eq!(bodies(&bob, &["\"at cafeteria\""]), Vec::<String>::new());
    for odd in ["\"", "NEAR(", "a OR *", "-cafe:", "(((", "x\" AND"] {
        assert_eq!(bob.suite.ask(&["search", odd]).code, 0, "{odd}");
    }

    let rows = bob.suite.ask(&["search", "cafe", "--limit", "1", "--json"]).ok().rows();
    let row = &rows[0];
    assert_eq!((rows.len(), &row["from"], &row["context"]), (1, &"me".into(), &"Which cafe?".into()));
    assert_eq!(row["hits"], serde_json::json!([[6, 10]]));
    assert!(row["sent_at"].as_u64().unwrap() > 0 && row["contact"].is_string());
    let before = row["id"].as_str().unwrap();
    assert_eq!(bodies(&bob, &["cafe", "--before", before]), ["cafeteria at nine", forged]);

    // From what was found one reads on, in either direction.
    let rows = bob.suite.ask(&["search", "日本", "--json"]).ok().rows();
    let id = rows[0]["id"].as_str().unwrap();
    let said = |place: &[&str]| {
        let rows = bob.suite.ask(&[&["messages", "Alice", "--json"][..], place].concat()).ok().rows();
        rows.iter().map(|row| row["body"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(said(&["--after", id]), ["cafeteria at nine", "Which cafe?"]);
    assert_eq!(said(&["--around", id, "--limit", "3"]), [forged, "日本語で書く", "cafeteria at nine"]);
    assert_eq!(said(&["--before", id]).last().map(String::as_str), Some(forged));
    assert_eq!(bob.suite.ask(&["messages", "Alice", "--after", "nothing"]).code, 1);
    assert_eq!(bob.suite.ask(&["messages", "Alice", "--after", id, "--before", id]).code, 2);

    let shown = bob.suite.ask(&["search", "acht"]).ok().out;
    assert_eq!(shown.lines().count(), 1, "{shown}");
    assert!(shown.contains("Alice: Im Café um acht 2026-01-01") && shown.contains("\\u{202e}"), "{shown}");
    let none = bob.suite.ask(&["search", "nothing of this"]).ok();
    assert_eq!((none.out.as_str(), none.err.as_str()), ("", ""));
    let nobody = bob.suite.ask(&["search", "cafe", "--in", "Eve"]);
    assert_eq!((nobody.code, nobody.err.contains("nobody is called that")), (1, true), "{nobody:?}");
    let long = bob.suite.ask(&["search", &"word ".repeat(17)]);
    assert_eq!((long.code, long.err.contains("16 words")), (1, true), "{long:?}");

    let _ = bob.suite.ask(&["contact", "delete", "Alice", "--yes"]).ok();
    assert_eq!(bodies(&bob, &["cafe"]), Vec::<String>::new());
    let _ = bob.suite.ask(&["lock"]).ok();
    assert_eq!(bob.suite.ask(&["search", "cafe"]).code, 3);
}
