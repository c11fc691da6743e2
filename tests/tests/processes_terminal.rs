//! What a person pastes into a terminal and reads there: links that a mail broke, texts that would pass for others, answers that nobody
//! takes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::fs::OpenOptions;
use std::process::{Output, Stdio};

use privatus_tests::{Person, Relay, private_network, privatus, until};

const NETWORK: &str = "terminal";

struct Inviting {
    _relays: Vec<Relay>,
    addresses: Vec<String>,
    alice: Person,
    link: String,
}

/// Alice has invited Bob.
fn inviting() -> Inviting {
    let (relays, addresses) = private_network(NETWORK, 5);
    let alice = Person::start(NETWORK, &addresses, None);
    let invite = alice.suite.ask(&["invite", "--name", "Bob"]).ok();
    Inviting { _relays: relays, addresses, alice, link: invite.out.trim().to_owned() }
}

/// Runs a command whose answer goes to `stdout`.
fn telling(person: &Person, arguments: &[&str], stdout: impl Into<Stdio>) -> Output {
    let mut command = privatus(None);
    command.arg("--profile").arg(person.dir.path()).args(arguments);
    command.stdin(Stdio::null()).stdout(stdout).stderr(Stdio::piped()).output().unwrap()
}

/// A pipe that nobody reads.
fn unread() -> Stdio {
    std::io::pipe().unwrap().1.into()
}

fn full() -> Stdio {
    OpenOptions::new().write(true).open("/dev/full").unwrap().into()
}

fn said(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_link_out_of_a_mail_is_accepted_from_stdin() {
    let Inviting { addresses, link, .. } = &inviting();
    let bob = Person::start(NETWORK, addresses, None);
    let altered = bob.suite.ask_with(&["accept", "-"], &link.to_lowercase());
    assert_eq!((altered.code, altered.err.contains("changed on its way")), (1, true), "{altered:?}");
    let (head, tail) = link.split_at(76);
    let mail = format!("Hello Bob, here it is:\r\n> {head}\r\n> {tail}\r\n> Alice\r\n");
    let contact =
        bob.suite.ask_with(&["accept", "-", "--name", "Alice", "--json"], &mail).ok().rows().remove(0);
    assert_eq!(contact["name"], "Alice");
    // Whatever was done to it on another way, it is the same one.
    let pasted = format!("<{}>", link.replacen("privatus:i#", "Privatus:i%23", 1));
    let again = bob.suite.ask(&["accept", &pasted, "--json"]).ok().rows().remove(0);
    assert_eq!(again["id"], contact["id"]);
}

/// A script has nobody to ask; the question at a terminal is tried in `ui`.
#[test]
fn a_contact_is_not_deleted_without_a_yes() {
    let Inviting { alice, .. } = &inviting();
    for arguments in [&["contact", "delete", "Bob"][..], &["contact", "delete", "Bob", "--json"]] {
        let refused = alice.suite.ask(arguments);
        assert_eq!((refused.code, refused.err.contains("--yes")), (2, true), "{refused:?}");
        assert_eq!(alice.suite.ask(&["contact", "show", "Bob", "--json"]).ok().rows()[0]["name"], "Bob");
    }
    let _ = alice.suite.ask(&["contact", "delete", "Bob", "--yes"]).ok();
    assert_eq!(alice.suite.ask(&["contact", "show", "Bob"]).code, 1);
}

#[test]
fn a_text_neither_forges_a_line_nor_reaches_a_terminal_raw() {
    let Inviting { alice, .. } = &inviting();
    let forged = "x\n2026-01-01 00:00  me (read): I agree\u{202E}\u{200B}\u{2028}\u{9B}1m";
    let _ = alice.suite.ask_with(&["send", "Bob", "-"], forged).ok();
    let shown = alice.suite.ask(&["messages", "Bob"]).ok().out;
    let lines: Vec<_> = shown.split('\n').collect();
    assert_eq!(lines.len(), 3, "{shown:?}");
    assert!(lines[0].ends_with("): x"), "{shown:?}");
    assert_eq!(lines[1], "    | 2026-01-01 00:00  me (read): I agree\\u{202e}\\u{200b}\\u{2028}\\u{9b}1m");
    let told = alice.suite.ask(&["messages", "Bob", "--json"]).ok();
    assert!(told.out.contains(r"\u202e\u200b\u2028\u009b1m"), "{told:?}");
    assert_eq!(told.rows()[0]["body"], forged);
    let long = alice.suite.ask_with(&["send", "Bob", "-"], &"🐢".repeat(65_546));
    assert_eq!((long.code, long.err.contains("too long")), (1, true), "{long:?}");
}

#[test]
fn an_answer_that_nobody_takes_is_told_for_what_was_done_and_quiet_for_what_was_asked() {
    let Inviting { alice, .. } = &inviting();
    for (text, stdout) in [("one", unread()), ("two", full())] {
        let (code, said) = said(&telling(alice, &["send", "Bob", text], stdout));
        assert_eq!((code, said.lines().count(), said.contains("--id ")), (Some(6), 1, true), "{said}");
    }
    let sent = alice.suite.ask(&["messages", "Bob", "--json"]).ok().rows();
    let sent: Vec<_> = sent.iter().map(|row| row["body"].as_str().unwrap()).collect();
    assert_eq!(sent, ["one", "two"]);
    for asked in [&["messages", "Bob"][..], &["contacts", "--json"], &["status"], &["--help"]] {
        assert_eq!(said(&telling(alice, asked, unread())), (Some(0), String::new()), "{asked:?}");
    }
    let (code, words) = said(&telling(alice, &["messages", "Bob"], full()));
    assert_eq!((code, words.contains("No space left")), (Some(1), true), "{words}");
    // Whoever follows what changes ends with its reader, also while nothing changes.
    let (reader, writer) = std::io::pipe().unwrap();
    let mut command = privatus(None);
    command.arg("--profile").arg(alice.dir.path()).arg("events").stdin(Stdio::null()).stdout(writer);
    let mut events = command.spawn().unwrap();
    drop((command, reader));
    assert_eq!(until("the end of events", || events.try_wait().unwrap()).code(), Some(0));
}
