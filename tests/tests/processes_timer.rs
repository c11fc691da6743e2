//! Texts that disappear, on both sides, as the command line tells it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::os::unix::net::UnixStream;

use ipc_schema::edge::ui_stored::MarkRead;
use ipc_schema::edges::ui_stored_capnp::messenger;
use privatus_tests::{Person, private_network, until};
use serde_json::{Value, json};

const NETWORK: &str = "timer";

/// The one object that a command prints.
fn told(person: &Person, arguments: &[&str]) -> Value {
    person.suite.ask(&[arguments, &["--json"]].concat()).ok().rows().remove(0)
}

fn rows(person: &Person, who: &str) -> Vec<Value> {
    person.suite.ask(&["messages", who, "--json"]).ok().rows()
}

fn bodies(person: &Person, who: &str) -> Vec<Value> {
    let rows = rows(person, who).into_iter();
    rows.filter(|row| row["note"].is_null()).map(|row| row["body"].clone()).collect()
}

/// Who set the timer, and to what.
fn lines(person: &Person, who: &str) -> Vec<Value> {
    let lines = rows(person, who).into_iter().filter(|row| row["note"] == "timer-changed");
    lines.map(|row| json!([row["from"], row["timer_s"]])).collect()
}

/// All that somebody wrote is read, as the window would say it.
fn read_all(person: &Person, who: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let read = async {
        let socket = UnixStream::connect(person.dir.path().join("run").join("messenger.sock")).unwrap();
        socket.set_nonblocking(true).unwrap();
        let (client, _) = ipc_schema::rpc::connect::<messenger::Client>(socket.into()).unwrap();
        let call = MarkRead { who: who.into(), up_to: String::new() };
        ipc_schema::edge::send(&client, &call).await.unwrap().unwrap();
    };
    tokio::task::LocalSet::new().block_on(&runtime, read);
}

#[test]
fn a_text_is_gone_on_both_sides_some_seconds_after_it_was_sent_and_read() {
    let (_relays, addresses) = private_network(NETWORK, 5);
    let alice = Person::start(NETWORK, &addresses, None);
    let bob = Person::start(NETWORK, &addresses, None);
    let link = alice.suite.ask(&["invite", "--name", "Bob"]).ok().out.trim().to_string();
    let _ = bob.suite.ask(&["accept", &link, "--name", "Alice"]).ok();
    let _ = alice.suite.ask(&["send", "Bob", "stays", "--wait", "delivered"]).ok();
    assert_eq!(alice.suite.ask(&["timer", "Bob"]).ok().out, "off\n");

    assert_eq!(told(&alice, &["timer", "Bob", "4s"])["timer_s"], 4);
    until("Bob hears of the timer", || (told(&bob, &["timer", "Alice"])["timer_s"] == 4).then_some(()));
    assert_eq!(bob.suite.ask(&["timer", "Alice"]).ok().out, "4s\n");
    assert_eq!(
        (lines(&alice, "Bob"), lines(&bob, "Alice")),
        (vec![json!(["me", 4])], vec![json!(["them", 4])])
    );
    let line = alice.suite.ask(&["messages", "Bob"]).ok().out;
    assert!(
        line.contains("-- You set the timer: what is written from now on disappears after 4 seconds."),
        "{line}"
    );

    let id = alice.suite.ask(&["send", "Bob", "goes"]).ok().out.trim().to_string();
    let all = json!(["stays", "goes"]);
    until("it comes", || (json!(bodies(&bob, "Alice")) == all).then_some(()));
    until("it is gone at Alice's", || (bodies(&alice, "Bob") == ["stays"]).then_some(()));
    let gone = alice.suite.ask(&["info", &id]);
    assert_eq!((gone.code, gone.err.lines().count()), (1, 1), "{gone:?}");
    assert!(rows(&bob, "Alice").iter().any(|row| row["body"] == "goes" && row["disappears_at"].is_u64()));
    read_all(&bob, "Alice");
    until("it is gone at Bob's", || (bodies(&bob, "Alice") == ["stays"]).then_some(()));
    assert_eq!(bob.suite.ask(&["search", "goes"]).ok().out, "");

    assert_eq!(told(&bob, &["timer", "Alice", "off"])["timer_s"], 0);
    until("Alice hears of it", || (lines(&alice, "Bob").len() == 2).then_some(()));
    assert_eq!(lines(&alice, "Bob")[1], json!(["them", 0]));
    assert_eq!(alice.suite.ask(&["timer", "Bob"]).ok().out, "off\n");
    let row = told(&alice, &["timer", "self", "8h"]);
    assert_eq!((&row["timer_s"], &row["state"]), (&json!(28_800), &json!("self")));
    for wrong in ["soon", "53w", "0s"] {
        assert_eq!(alice.suite.ask(&["timer", "Bob", wrong]).code, 2, "{wrong}");
    }
}
