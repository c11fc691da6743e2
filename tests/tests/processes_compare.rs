//! Two people compare a short string, each at their own command line.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use privatus_tests::{Person, kill_9, private_network, until};
use serde_json::{Value, json};

const NETWORK: &str = "compare";

/// The one object that a command prints, and how it ended.
fn told(person: &Person, arguments: &[&str]) -> (Value, i32) {
    let answer = person.suite.ask(&[arguments, &["--json"]].concat());
    (answer.rows().remove(0), answer.code)
}

fn contact(person: &Person, who: &str) -> Value {
    told(person, &["contact", "show", who]).0
}

/// Both join, the first one first, and what each sees.
fn both_join(one: (&Person, &str), other: (&Person, &str)) -> [Value; 2] {
    let (began, code) = told(one.0, &["contact", "compare", one.1, "--timeout", "0"]);
    assert_eq!((&began["state"], code), (&json!("waiting"), 6), "{began}");
    until("the other side is asked", || (contact(other.0, other.1)["comparing"] == "asked").then_some(()));
    let at = |(person, who): (&Person, &str)| {
        let (shown, code) = told(person, &["contact", "compare", who]);
        assert_eq!((&shown["state"], code), (&json!("shown"), 0), "{shown}");
        shown
    };
    let there = at(other);
    [at(one), there]
}

#[test]
fn two_on_the_phone_see_one_string_and_each_says_that_it_is_the_same() {
    let (_relays, addresses) = private_network(NETWORK, 5);
    let alice = Person::start(NETWORK, &addresses, None);
    let bob = Person::start(NETWORK, &addresses, None);
    let none = alice.suite.ask(&["contact", "compare", "Bob"]);
    assert_eq!((none.code, none.err.lines().count()), (1, 1), "{none:?}");
    let link = alice.suite.ask(&["invite", "--name", "Bob"]).ok().out.trim().to_string();
    let early = alice.suite.ask(&["contact", "compare", "Bob"]);
    assert_eq!(early.code, 5, "nobody is there yet: {early:?}");
    let _ = bob.suite.ask(&["accept", &link, "--name", "Alice"]).ok();
    let _ = alice.suite.ask(&["send", "Bob", "hello", "--wait", "delivered"]).ok();
    let unseen = alice.suite.ask(&["contact", "verify", "Bob", "--short", "1234 5678"]);
    assert_eq!(unseen.code, 1, "no string is shown: {unseen:?}");

    let [at_alice, at_bob] = both_join((&alice, "Bob"), (&bob, "Alice"));
    assert_eq!((&at_alice["digits"], &at_alice["words"]), (&at_bob["digits"], &at_bob["words"]));
    assert_eq!((&at_alice["runs"], &at_bob["runs"]), (&json!(1), &json!(1)));
    let digits = at_bob["digits"].as_str().unwrap();
    let words = alice.suite.ask(&["contact", "compare", "Bob"]).ok().out;
    assert!(words.starts_with(&format!("{digits}\n")), "{words}");

    let other = |digit: char| if digit == '7' { '8' } else { '7' };
    let wrong: String = digits.chars().filter(char::is_ascii_digit).map(other).collect();
    let refused = alice.suite.ask(&["contact", "verify", "Bob", "--short", &wrong]);
    assert_eq!(refused.code, 5, "{refused:?}");
    assert_eq!(alice.suite.ask(&["contact", "verify", "Bob", "--short", "123"]).code, 2);
    assert_eq!(contact(&alice, "Bob")["verified"], false);

    let (verified, code) = told(&alice, &["contact", "verify", "Bob", "--short", digits]);
    assert_eq!((&verified["verified"], code), (&json!(true), 0), "{verified}");
    assert_eq!(contact(&bob, "Alice")["verified"], false, "that is Bob's to say");
    let spoken = at_alice["words"].as_array().unwrap().iter().map(|word| word.as_str().unwrap());
    let spoken = spoken.collect::<Vec<_>>().join(" ").to_uppercase();
    assert_eq!(told(&bob, &["contact", "verify", "Alice", "--short", &spoken]).0["verified"], true);

    // A program that dies in the middle: both begin anew, and it is told as the second try.
    let (began, _) = told(&bob, &["contact", "compare", "Alice", "--timeout", "0"]);
    assert_eq!(began["state"], "waiting");
    until("Alice is asked", || (contact(&alice, "Bob")["comparing"] == "asked").then_some(()));
    let stored = bob.suite.pids()["stored"];
    kill_9(stored);
    let _ = bob.suite.wait_restarted("stored", stored);
    let (over, code) = told(&alice, &["contact", "compare", "Bob"]);
    assert_eq!((&over["end"], code), (&json!("they-stopped"), 1), "{over}");
    let [at_bob, at_alice] = both_join((&bob, "Alice"), (&alice, "Bob"));
    assert_eq!(at_bob["digits"], at_alice["digits"]);
    assert_eq!((&at_bob["runs"], &at_alice["runs"]), (&json!(2), &json!(2)));
    let (different, code) = told(&alice, &["contact", "compare", "Bob", "--different"]);
    assert_eq!((&different["end"], code), (&json!("different"), 0), "{different}");
    until("Bob hears of it", || {
        let (shown, _) = told(&bob, &["contact", "compare", "Alice"]);
        (shown["theirs"] == "different").then_some(())
    });
    let lines = alice.suite.ask(&["messages", "Bob", "--json"]).ok().rows();
    assert!(lines.iter().any(|row| row["note"] == "strings-differ"), "{lines:?}");
}
