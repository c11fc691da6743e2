//! A file between two people over real processes: offered, wanted, killed on the way, and saved byte for byte.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::path::Path;

use privatus_tests::{Person, kill_9, private_network, until};
use serde_json::Value;

const NETWORK: &str = "file";

/// The only file that a person knows of.
fn file(person: &Person) -> Option<Value> {
    person.suite.ask(&["file", "list", "--json"]).ok().rows().into_iter().next()
}

fn state(person: &Person) -> String {
    file(person).map_or_else(String::new, |file| file["state"].as_str().unwrap().to_owned())
}

fn ask(person: &Person, arguments: &[&str]) -> Vec<Value> {
    person.suite.ask(&[arguments, &["--json"]].concat()).ok().rows()
}

#[test]
fn a_file_comes_byte_for_byte_though_both_who_keep_it_are_killed_on_the_way() {
    let (_relays, addresses) = private_network(NETWORK, 5);
    let alice = Person::start(NETWORK, &addresses, None);
    let bob = Person::start(NETWORK, &addresses, None);
    let link = alice.suite.ask(&["invite", "--name", "Bob"]).ok().out.trim().to_string();
    let _ = bob.suite.ask(&["accept", &link, "--name", "Alice"]).ok();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let words = (0..1_500_000_u32).map(|at| at.wrapping_mul(2_654_435_761).to_be_bytes());
    let bytes = words.collect::<Vec<_>>().concat();
    std::fs::write(path("plan.bin"), &bytes).unwrap();
    let _ = ask(&alice, &["file", "send", "Bob", &path("plan.bin"), "--caption", "the plan"]);
    // It was kept when it was taken: the source may go.
    std::fs::remove_file(path("plan.bin")).unwrap();
    until("the offer", || (state(&bob) == "offered").then_some(()));
    let id = file(&bob).unwrap()["id"].as_str().unwrap().to_owned();
    let early = bob.suite.ask(&["file", "save", &id, &path("early.bin")]);
    assert!(early.code != 0 && !Path::new(&path("early.bin")).exists(), "{early:?}");
    let _ = ask(&bob, &["file", "accept", &id]);
    until("some of it", || (file(&bob).unwrap()["done"].as_u64().unwrap() > 500_000).then_some(()));
    for person in [&alice, &bob] {
        kill_9(person.suite.pids()["stored"]);
    }
    until("all of it here", || (state(&bob) == "saved").then_some(()));
    until("all of it there", || (state(&alice) == "saved").then_some(()));
    let _ = bob.suite.ask(&["file", "save", &id, &path("copy.bin")]).ok();
    assert!(std::fs::read(path("copy.bin")).unwrap() == bytes);
    let again = bob.suite.ask(&["file", "save", &id, &path("copy.bin")]);
    assert!(again.code != 0, "never over what is there: {again:?}");
    let message = &ask(&bob, &["messages", "Alice"])[0];
    assert_eq!(message["body"], "the plan");
}
