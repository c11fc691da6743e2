//! What a stranger writes is shown by the real, sealed window and never more than shown: characters that cannot be seen change nothing that
//! can, marks stay in their line, and no text ends or stops the window.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use privatus_tests::{
    Area, Desktop, Person, Picture, Standing, Suite, Told, open_window, private_network, until,
};

const NETWORK: &str = "texts";
/// Their bubbles in the light colours, and what lies between.
const THEIRS: u32 = 0xED_F1F4;
const GROUND: u32 = 0xFF_FFFF;
/// Above and below the lines of a bubble, before and behind them, and the height of a line.
const ABOVE: i32 = 7;
const BESIDE: i32 = 12;
const LINE: i32 = 22;

/// Each with what it must look like.
const PAIRS: [(&str, &str); 5] = [
    ("an override: pay \u{202E}gnp.exe\u{202C} now", "an override: pay gnp.exe now"),
    ("widths\u{200B} of\u{2060} no\u{FEFF}thing\u{200E}", "widths of nothing"),
    ("controls \u{7}bell \u{1b}[2Jcleared \u{8}\u{7f}back", "controls bell [2Jcleared back"),
    ("isolates \u{2066}\u{2067}\u{2068}that never end", "isolates that never end"),
    ("tags \u{E0041}\u{E007F}and fillers \u{3164}\u{115F}here", "tags and fillers here"),
];

/// Letters with more marks than any script has.
fn zalgo() -> String {
    let marks: String = (0x300..0x36F).filter_map(char::from_u32).collect();
    "Zalgo".chars().map(|letter| format!("{letter}{marks}")).collect()
}

/// What may look like anything, as long as the window lives and all else is as it was.
fn others() -> Vec<String> {
    vec![
        "👩🏽‍💻 陽菜 ليلى שלום ไทย हिन्दी 🏳️‍🌈".into(),
        "\u{202E}".repeat(3_000),
        "*_~`>".repeat(3_000),
        format!("{} https://{}.example/{}", ">".repeat(900), "a.".repeat(900), "%".repeat(9_000)),
        "W".repeat(65_536),
        "\u{65E5}\u{300}\u{5D0}".repeat(8_000),
    ]
}

fn say(robin: &Person, text: &str) {
    let _ = robin.suite.ask_with(&["send", "Alice", "-", "--wait", "delivered"], text).ok();
}

/// Robin, and Alice's window open on what he writes.
fn open(desktop: &Desktop, addresses: &[String]) -> (Person, Suite, std::sync::Arc<tempfile::TempDir>) {
    let robin = Person::start(NETWORK, addresses, None);
    let mut alice = Person::start(NETWORK, addresses, None);
    let link = alice.suite.ask(&["invite", "--name", "Robin"]).ok().out.trim().to_owned();
    let _ = robin.suite.ask(&["accept", &link, "--name", "Alice"]).ok();
    say(&robin, "the first");
    assert_eq!(alice.suite.stop(), 0);
    let dir = alice.dir.clone();
    let place = Area { x: 40, y: 40, w: 1200, h: 900 };
    Standing { theme: "light", percent: 100, place }.keep(dir.path());
    let suite = open_window(desktop, dir.path(), NETWORK, addresses);
    (robin, suite, dir)
}

/// What is seen of the conversation: right of the list, between header and composer.
fn conversation(desktop: &Desktop) -> Picture {
    let content = desktop.content().expect("the window is there");
    desktop.see(Area { x: content.x + 400, y: content.y + 64, w: content.w - 400, h: content.h - 64 - 64 })
}

/// The bubbles on the left that are wholly seen, by their places in the picture, from above.
fn bubbles(picture: &Picture) -> Vec<Area> {
    let Some(all) = picture.bounds(|pixel| pixel == THEIRS) else { return Vec::new() };
    // Left of the letters, and below the corners.
    let edge = |y: i32| picture.at(all.x + BESIDE / 2, y) == THEIRS;
    // Below the letters, from behind the corner on.
    let width = |bottom: i32| {
        let row = (all.x + BESIDE..all.x + all.w).take_while(|x| picture.at(*x, bottom - 3) == THEIRS);
        BESIDE + i32::try_from(row.count()).unwrap()
    };
    let mut found = Vec::new();
    let mut top = None;
    for y in 1..picture.area.h {
        match (edge(y - 1), edge(y)) {
            (false, true) => top = Some(y),
            (true, false) => {
                found.extend(top.take().map(|top| Area { x: all.x, y: top, w: width(y), h: y - top }));
            }
            _ => {}
        }
    }
    found
}

/// The first line of a bubble from its first letter on: the columns, each from the top of the line to its end.
fn columns(picture: &Picture, bubble: Area) -> Vec<Vec<u32>> {
    let lines = (bubble.y + ABOVE - 4, bubble.y + ABOVE + LINE);
    let column = |x: i32| (lines.0..lines.1).map(|y| picture.at(x, y)).collect::<Vec<_>>();
    let all: Vec<Vec<u32>> = (bubble.x + BESIDE / 2..bubble.x + bubble.w - BESIDE).map(column).collect();
    all.into_iter().skip_while(|column| is_blank(column)).collect()
}

fn is_blank(column: &[u32]) -> bool {
    column.iter().all(|pixel| *pixel == THEIRS)
}

/// As many of them as belong to the words: the time stands apart.
fn words(columns: &[Vec<u32>]) -> &[Vec<u32>] {
    let apart = columns.windows(10).position(|gap| gap.iter().all(|column| is_blank(column)));
    &columns[..apart.expect("words end before their bubble")]
}

/// Without the blank rows above and below: where the first of several bubbles has other corners, its edge is seen a pixel later.
fn ink(columns: &[Vec<u32>]) -> Vec<Vec<u32>> {
    let rows = 0..columns[0].len();
    let rows = rows.map(|y| columns.iter().map(|column| column[y]).collect::<Vec<u32>>());
    let mut rows: Vec<Vec<u32>> = rows.skip_while(|row| is_blank(row)).collect();
    while rows.last().is_some_and(|row| is_blank(row)) {
        rows.pop();
    }
    rows
}

/// Nothing is drawn above the first line of a bubble, nor between it and the next.
fn stays_in_its_bubble(picture: &Picture, bubble: Area, next: Area) {
    let row = |y: i32| (bubble.x + BESIDE..bubble.x + bubble.w - BESIDE).map(move |x| picture.at(x, y));
    assert!((bubble.y + 1..bubble.y + ABOVE).flat_map(row).all(|pixel| pixel == THEIRS), "over its line");
    let between = bubble.y + bubble.h + 1..next.y - 1;
    assert!(between.flat_map(row).all(|pixel| pixel == GROUND), "out of its bubble");
}

/// The window is the same process, takes keys, and shows them.
fn lives(desktop: &Desktop, alice: &Suite, window: u32) {
    let content = desktop.content().expect("the window is there");
    let composer = Area { x: content.x + 420, y: content.y + content.h - 60, w: content.w - 500, h: 50 };
    let before = desktop.see(composer);
    desktop.type_text("x");
    until("what is typed is seen", || (desktop.see(composer) != before).then_some(()));
    desktop.press(&["BackSpace"]);
    until("and taken back", || (desktop.see(composer) == before).then_some(()));
    assert_eq!(alice.pids()["ui"], window);
}

fn all_is_read(alice: &Suite) {
    until("all of it is read", || {
        let rows = alice.ask(&["contacts", "--json"]).ok().rows();
        rows.iter().all(|row| row["unread"] == 0).then_some(())
    });
}

#[test]
fn what_a_stranger_writes_is_shown_and_does_nothing_else() {
    let (_relays, addresses) = private_network(NETWORK, 5);
    let desktop = Desktop::start(1366, 1000);
    let (robin, alice, _dir) = open(&desktop, &addresses);
    let window = alice.pids()["ui"];
    until("a conversation is open", || (!bubbles(&conversation(&desktop)).is_empty()).then_some(()));
    for (hostile, plain) in PAIRS {
        say(&robin, hostile);
        say(&robin, plain);
    }
    say(&robin, &zalgo());
    say(&robin, "below it");
    // All of them, and the first.
    let count = 1 + 2 * PAIRS.len() + 2;
    let mut all = Vec::new();
    let picture = until("all are shown", || {
        let picture = conversation(&desktop);
        all = bubbles(&picture);
        (all.len() == count).then_some(picture)
    });
    for ((hostile, plain), both) in PAIRS.iter().zip(all[1..].chunks(2)) {
        let [shown, wanted] = [both[0], both[1]].map(|bubble| columns(&picture, bubble));
        let wanted = words(&wanted);
        assert!(wanted.len() > 50, "{plain:?} is {} wide", wanted.len());
        assert!(ink(&shown[..wanted.len()]) == ink(wanted), "{hostile:?} does not look like {plain:?}");
        assert!(
            shown[wanted.len()..][..4].iter().all(|column| is_blank(column)),
            "{hostile:?} has more letters"
        );
    }
    stays_in_its_bubble(&picture, all[count - 2], all[count - 1]);
    lives(&desktop, &alice, window);

    let content = desktop.content().unwrap();
    all_is_read(&alice);
    desktop.still(content);
    // Beside the conversation only the list says how a text begins.
    let rail = Area { w: 72, ..content };
    let header = Area { x: content.x + 400, w: content.w - 400, h: 60, ..content };
    let (rail_before, header_before) = (desktop.see(rail), desktop.see(header));
    for text in others() {
        let before = conversation(&desktop);
        say(&robin, &text);
        until("it is shown", || (conversation(&desktop) != before).then_some(()));
        lives(&desktop, &alice, window);
        let untouched = || desktop.see(rail) == rail_before && desktop.see(header) == header_before;
        let begins: String = text.chars().take(9).collect();
        until(&format!("all around {begins:?} is as it was"), || untouched().then_some(()));
    }
    let status = alice.status();
    let ui = status["processes"].as_array().unwrap().iter().find(|row| row["name"] == "ui").unwrap();
    assert_eq!(ui["restarts"], 0);
}

#[test]
fn who_writes_while_nobody_looks_calls_and_is_not_named() {
    let (_relays, addresses) = private_network(NETWORK, 5);
    let desktop = Desktop::start(1366, 1000);
    let (robin, alice, _dir) = open(&desktop, &addresses);
    until("a conversation is open", || (!bubbles(&conversation(&desktop)).is_empty()).then_some(()));
    say(&robin, "seen as it comes");
    all_is_read(&alice);
    let tells = |title: &str, calls: bool| {
        let wanted = |told: Told| (told.title == title && told.calls == calls).then_some(told.window);
        until(&format!("{title:?}, calls: {calls}"), || desktop.told().and_then(wanted))
    };
    let window = tells("Privatus", false).to_string();
    desktop.hand(&["windowminimize", "--sync", &window]);
    tells("Privatus", false);
    say(&robin, "unseen");
    tells("(1) Privatus", true);
    say(&robin, "and more");
    tells("(2) Privatus", true);
    desktop.hand(&["windowactivate", "--sync", &window]);
    tells("Privatus", false);
}
