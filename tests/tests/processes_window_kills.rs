//! Each process is killed while somebody types: no letter is lost, and none comes twice.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::path::Path;

use privatus_tests::{Area, Desktop, PASSPHRASE, Standing, Suite, kill_9, open_window, until};

/// A window with an open conversation, and the keyboard where one writes.
fn writing(desktop: &Desktop, folder: &Path) -> Suite {
    let place = Area { x: 60, y: 60, w: 900, h: 700 };
    Standing { theme: "light", percent: 100, place }.keep(folder);
    let suite = open_window(desktop, folder, "typing", &[]);
    let content = desktop.content().unwrap();
    let before = desktop.still(content);
    let _ = suite.ask(&["send", "self", "first"]).ok();
    until("a row in the list", || (desktop.see(content) != before).then_some(()));
    conversation(desktop, content);
    suite
}

/// Waits until the one conversation is open: its button to send is seen.
fn conversation(desktop: &Desktop, content: Area) {
    until("a conversation is open", || {
        let picture = desktop.still(content);
        let open = picture.at(content.w - 48, content.h - 32) == 0x17_588A;
        if !open {
            desktop.press(&["alt+Down"]);
        }
        open.then_some(())
    });
}

fn draft(suite: &Suite) -> Option<String> {
    let answer = suite.ask(&["draft", "self", "--json"]);
    (answer.code == 0).then(|| answer.rows()[0]["text"].as_str().unwrap().to_owned())
}

/// The texts of the conversation, the oldest first.
fn texts(suite: &Suite) -> Option<Vec<String>> {
    let answer = suite.ask(&["messages", "self", "--json"]);
    let body = |row: &serde_json::Value| row["body"].as_str().unwrap().to_owned();
    (answer.code == 0).then(|| answer.rows().iter().map(body).collect())
}

/// Kills a part while this is typed. What the new window hears of it is told by the test.
fn kill_while_typing(desktop: &Desktop, suite: &Suite, part: &str, text: &str) {
    let old = suite.pids();
    let (half, rest) = text.split_at(text.len() / 2);
    desktop.type_text(half);
    // The letters of the second half and the kill meet somewhere.
    std::thread::scope(|scope| {
        let typing = scope.spawn(|| desktop.type_text(rest));
        kill_9(old[part]);
        typing.join().unwrap();
    });
    suite.wait_restarted(part, old[part]);
    if part == "keyvault" {
        // What it showed is not to be seen any more.
        suite.wait_restarted("ui", old["ui"]);
    }
    desktop.watch(suite);
}

#[test]
fn what_is_typed_while_parts_are_killed_is_sent_to_the_letter() {
    let (desktop, dir) = (Desktop::start(1100, 900), tempfile::tempdir().unwrap());
    let suite = writing(&desktop, dir.path());
    let mut expected = vec!["first".to_owned()];
    for part in ["netd", "onion", "mediad", "stored"] {
        let text =
            format!("the quick brown fox jumps over the lazy dog while {part} falls, 0123456789 and on");
        kill_while_typing(&desktop, &suite, part, &text);
        desktop.press(&["Return"]);
        expected.push(text);
        until("it is sent", || (texts(&suite)?.len() == expected.len()).then_some(()));
        assert_eq!(texts(&suite).unwrap(), expected, "{part}");
    }
    until("nothing is left of the drafts", || (draft(&suite)?.is_empty()).then_some(()));
}

#[test]
fn what_is_written_is_there_but_for_the_last_second_when_the_window_or_the_vault_fell() {
    let (desktop, dir) = (Desktop::start(1100, 900), tempfile::tempdir().unwrap());
    let suite = writing(&desktop, dir.path());
    let mut written = String::new();
    for part in ["ui", "keyvault"] {
        let more = format!("what was written before {part} fell. ");
        desktop.type_text(&more);
        written.push_str(&more);
        until("it is kept", || (draft(&suite)? == written).then_some(()));
        let last = "the last second of it";
        kill_while_typing(&desktop, &suite, part, last);
        let content = desktop.content().unwrap();
        desktop.still(content);
        if part == "keyvault" {
            // Some letters may have come to the lock screen.
            desktop.hand(&["key", "--repeat", "40", "--delay", "2", "BackSpace"]);
            desktop.type_text(PASSPHRASE.trim());
            desktop.press(&["Return"]);
        }
        until("the history is open", || draft(&suite));
        conversation(&desktop, content);
        let field = Area { x: content.x + 400, y: content.y + content.h - 60, w: content.w - 480, h: 60 };
        // What it says while it is empty is paler.
        until("the draft is shown", || desktop.see(field).bounds(|pixel| pixel >> 16 < 0x2C));
        desktop.press(&["ctrl+End"]);
        let on = "And on. ";
        desktop.type_text(on);
        let kept = until("one writes on", || draft(&suite).filter(|draft| draft.ends_with(on)));
        // Letters that came after the fall may be in it, and some before it may not.
        let newest = kept.strip_prefix(&written).and_then(|rest| rest.strip_suffix(on));
        let newest = newest.unwrap_or_else(|| panic!("{part}: {kept:?}"));
        assert!(newest.chars().all(|letter| last.contains(letter)), "{part}: {kept:?}");
        written = kept;
    }
    desktop.press(&["Return"]);
    until("it is sent", || (texts(&suite)?.len() == 2).then_some(()));
    assert_eq!(texts(&suite).unwrap()[1], written.trim());
}
