//! Two people, each at a desktop of their own, meet and talk by hand: what came of it is asked of stored, by the command. With
//! `PRIVATUS_PICTURES` in the environment, a folder, what they saw is kept there (`make pictures`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use privatus_tests::{Area, By, Desktop, Picture, Standing, Suite, open_window, private_network, until};
use serde_json::Value;
use tempfile::TempDir;

const NETWORK: &str = "pair";
/// Of the light colours: what is chosen, and the border of what is not.
const CHOSEN: u32 = 0xD9_E6F1;
const EDGE: u32 = 0x7C_8A98;
/// What the button of a page is filled with that does what the page is for.
const FIRST: u32 = 0x17_588A;
/// Where the parts right of the list begin.
const PANE: i32 = 392;

/// Somebody at their window, and what they call the other.
struct Sitting {
    suite: Suite,
    desktop: Desktop,
    content: Area,
    other: &'static str,
    _dir: TempDir,
}

impl Sitting {
    /// A new profile; the own name is given by hand.
    fn down(addresses: &[String], own: &str, other: &'static str) -> Self {
        let (desktop, dir) = (Desktop::start(1280, 800), tempfile::tempdir().unwrap());
        let place = Area { x: 40, y: 50, w: 1180, h: 700 };
        Standing { theme: "light", percent: 100, place }.keep(dir.path());
        let suite = open_window(&desktop, dir.path(), NETWORK, addresses);
        let content = desktop.content().unwrap();
        let sitting = Self { suite, desktop, content, other, _dir: dir };
        sitting.still();
        sitting.click(36, 32);
        sitting.write(own);
        sitting.press(&["Return"]);
        sitting
    }

    fn still(&self) -> Picture {
        self.desktop.still(self.content)
    }

    fn click(&self, x: i32, y: i32) {
        self.desktop.click(self.content.x + x, self.content.y + y);
        self.still();
    }

    /// Presses keys one after the other, each once the picture stands still.
    fn press(&self, keys: &[&str]) {
        for key in keys {
            self.desktop.press(&[key]);
            self.still();
        }
    }

    fn write(&self, text: &str) {
        self.desktop.type_text(text);
        self.still();
    }

    /// Waits until the conversation is open: its button to send is seen.
    fn wait_open(&self) {
        until("a conversation is open", || {
            (self.still().at(self.content.w - 48, self.content.h - 32) == FIRST).then_some(())
        });
    }

    /// Writes that and sends it, once the conversation is open.
    fn send(&self, text: &str) {
        self.wait_open();
        self.write(text);
        self.press(&["Return"]);
    }

    /// The one contact, once it is as it should be.
    fn contact(&self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        until(what, || self.suite.ask(&["contacts", "--json"]).ok().rows().into_iter().find(&is))
    }

    /// The newest text, once it is as it should be.
    fn newest(&self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        until(what, || {
            let rows = self.suite.ask(&["messages", self.other, "--json"]).ok().rows();
            rows.into_iter().next_back().filter(|row| is(row))
        })
    }

    /// Opens the page that compares: *Not compared yet* or *Verified*, beside the name above the conversation.
    fn look_who(&self) {
        self.click(545, 28);
    }

    /// Presses what is so many stops from the end of the pane.
    fn press_from_the_end(&self, stops: usize) {
        self.press(&vec!["shift+Tab"; stops]);
        self.press(&["Return"]);
    }

    /// Presses the button that does what this page is for, or the one on its right.
    fn press_first(&self, other: bool) {
        let pane = Area { x: PANE, y: 64, w: self.content.w - PANE, h: self.content.h - 64 };
        let picture = self.still().part(pane);
        let (left, y) = picture.block(FIRST, 8).expect("a button that is filled");
        // Above its letters it is filled to its end; then there are eight pixels.
        let end = (left..pane.w).find(|x| picture.at(*x, y + 2) != FIRST).expect("an end of it");
        let x = if other { end + 40 } else { left + 4 };
        self.click(pane.x + x, pane.y + y + 4);
    }

    /// Begins to invite somebody, or to accept.
    fn add(&self, accept: bool, by: By) {
        match by {
            By::Pointer => {
                self.click(PANE - 33, 32);
                self.press_first(accept);
            }
            By::Keyboard => {
                self.press(&["ctrl+n"]);
                self.press(if accept { &["Tab", "Return"] } else { &["Return"] });
            }
        }
    }

    /// Does what the page is for, from the field that has the keyboard.
    fn confirm(&self, by: By) {
        match by {
            By::Pointer => self.press_first(false),
            By::Keyboard => self.press(&["Return"]),
        }
    }

    /// Chooses so many from the left of what can be chosen first in the details of the other: how long texts live.
    fn choose_life(&self, at: usize) {
        self.press(&["ctrl+shift+i"]);
        let pane = Area { x: PANE, y: 64, w: self.content.w - PANE, h: self.content.h - 64 };
        let picture = self.still().part(pane);
        let first = picture.bounds(|pixel| pixel == CHOSEN).expect("something is chosen");
        // Between a button's upper edge and its letters there are its sides alone.
        let row = first.y + 6;
        let sides: Vec<i32> =
            (first.x..pane.w).filter(|x| picture.at(*x, row) == EDGE).take(2 * at).collect();
        let [.., left, right] = *sides.as_slice() else { panic!("{at} more can be chosen: {sides:?}") };
        self.click(pane.x + (left + right) / 2, pane.y + row);
    }

    /// Keeps what is seen, where a folder for it was named.
    #[allow(clippy::disallowed_methods, reason = "a test's set-up, not the product's")]
    fn keep(&self, name: &str) {
        let picture = self.still();
        let Some(folder) = std::env::var_os("PRIVATUS_PICTURES").map(PathBuf::from) else { return };
        let Area { w, h, .. } = picture.area;
        let mut bytes = format!("P6 {w} {h} 255\n").into_bytes();
        bytes.extend(picture.pixels.iter().flat_map(|pixel| pixel.to_be_bytes().into_iter().skip(1)));
        let file = folder.join(format!("window-{name}.png"));
        // As few colours as one cannot see, and no date.
        let mut convert = Command::new("convert")
            .args(["ppm:-", "+dither", "-colors", "96", "-strip", "-define", "png:exclude-chunks=date,time"])
            .args(["-define", "png:compression-level=9"])
            .arg(format!("png8:{}", file.display()))
            .stdin(Stdio::piped())
            .spawn()
            .expect("convert");
        convert.stdin.take().unwrap().write_all(&bytes).unwrap();
        assert!(convert.wait().unwrap().success());
    }
}

/// One invites, the other accepts; the link goes from hand to hand.
fn meet(alex: &Sitting, robin: &Sitting, by: By) {
    alex.add(false, by);
    alex.write("Robin");
    alex.confirm(by);
    let link = until("an invitation", || {
        let row = alex.suite.ask(&["invite", "list", "--json"]).ok().rows().into_iter().next()?;
        (row["state"] == "waiting").then(|| row["link"].as_str().unwrap().to_owned())
    });
    alex.keep("invite");
    robin.add(true, by);
    robin.write(&link);
    match by {
        By::Pointer => robin.click(PANE + 100, 292),
        By::Keyboard => robin.press(&["Return"]),
    }
    robin.write("Alex");
    robin.keep("accept");
    robin.confirm(by);
    for (sitting, called) in [(alex, "Robin"), (robin, "Alex")] {
        let contact = sitting.contact("connected", |row| row["state"] == "connected");
        assert_eq!(contact["name"], called);
    }
}

fn talk(alex: &Sitting, robin: &Sitting) {
    let text = "The reading room opens at ten. Ask for the *blue* index cards.";
    robin.send(text);
    let first = robin.newest("it is on its way", |row| row["body"] == text);
    alex.newest("it comes", |row| row["body"] == text);
    alex.still();
    alex.press(&["shift+Tab", "End", "r"]);
    let words = "Then I will take the 9:40 bus.";
    alex.send(words);
    let answer = robin.newest("an answer", |row| row["body"] == words);
    assert_eq!(answer["reply_to"], first["id"]);
    // The second sign of those that are offered.
    robin.press(&["shift+Tab", "End", "plus", "Right", "Return"]);
    let reacted = alex.newest("a sign", |row| !row["reactions"].as_array().unwrap().is_empty());
    assert_eq!(reacted["reactions"][0]["emoji"], "❤\u{fe0f}");
    alex.press(&["Up"]);
    alex.send(" I bring the index, too.");
    let edited = robin.newest("other words", |row| row["edited"] == true);
    assert_eq!(edited["id"], answer["id"]);
    assert_eq!(edited["body"], "Then I will take the 9:40 bus. I bring the index, too.");
}

/// Both have the page open. One begins, the other goes on; each sees the same string, and says so.
fn read_aloud(alex: &Sitting, robin: &Sitting) {
    // Below the two that come before what they can answer: the field for a code, and *Begin*.
    alex.press_from_the_end(6);
    robin.contact("asked", |row| row["comparing"] == "asked");
    // *Not now* stands between.
    robin.press_from_the_end(7);
    for sitting in [alex, robin] {
        sitting.contact("shown", |row| row["comparing"] == "shown");
    }
    robin.keep("short");
    let shown = |sitting: &Sitting| {
        let row = sitting.suite.ask(&["contact", "compare", sitting.other, "--json"]).ok().rows().remove(0);
        row["digits"].as_str().unwrap().to_owned()
    };
    assert_eq!(shown(alex), shown(robin));
    for sitting in [alex, robin] {
        sitting.still();
        // The keyboard is at *Stop*; before it stand the two answers.
        sitting.press(&["shift+Tab", "shift+Tab", "Return"]);
        sitting.contact("compared", |row| row["verified"] == true);
    }
}

#[test]
fn two_people_meet_talk_have_texts_disappear_and_compare_by_hand() {
    let (_relays, addresses) = private_network(NETWORK, 5);
    let alex = Sitting::down(&addresses, "Alex", "Robin");
    let robin = Sitting::down(&addresses, "Robin", "Alex");
    meet(&alex, &robin, By::Keyboard);
    talk(&alex, &robin);

    robin.choose_life(2);
    robin.contact("a timer of a day", |row| row["timer_s"] == 86_400);
    alex.contact("it is told", |row| row["timer_s"] == 86_400);
    robin.keep("details");
    robin.press(&["Escape"]);
    alex.send("This one is gone by the day after tomorrow.");
    robin.newest("a text that disappears", |row| !row["disappears_at"].is_null());
    alex.keep("conversation");

    let number = |sitting: &Sitting| {
        sitting.suite.ask(&["contact", "show", sitting.other, "--json"]).ok().rows()[0]["digits"].clone()
    };
    assert!(number(&alex).is_string() && number(&alex) == number(&robin));
    for sitting in [&alex, &robin] {
        sitting.look_who();
    }
    alex.keep("compare");
    read_aloud(&alex, &robin);
    for sitting in [&alex, &robin] {
        // Now *Take it back* stands where *They are the same* did.
        sitting.press(&["Escape"]);
        sitting.look_who();
        sitting.press_from_the_end(4);
        sitting.contact("taken back", |row| row["verified"] == false);
        sitting.press(&["Escape"]);
        sitting.look_who();
    }
    for sitting in [&alex, &robin] {
        // *Back*, *Later*, *They are different*, *They are the same*.
        sitting.press_from_the_end(4);
        let contact = sitting.contact("compared", |row| row["verified"] == true);
        assert_eq!(contact["their_name"], sitting.other);
    }
    robin.keep("compared");
}

#[test]
fn two_people_meet_and_compare_by_pointer() {
    let (_relays, addresses) = private_network(NETWORK, 5);
    let alex = Sitting::down(&addresses, "Alex", "Robin");
    let robin = Sitting::down(&addresses, "Robin", "Alex");
    meet(&alex, &robin, By::Pointer);
    for sitting in [&alex, &robin] {
        sitting.wait_open();
        sitting.look_who();
        let [x, y] = [sitting.content.x + 700, sitting.content.y + 400].map(|at| at.to_string());
        // The answers stand at the end of the page.
        sitting.desktop.hand(&["mousemove", &x, &y, "click", "--repeat", "20", "--delay", "5", "5"]);
        sitting.press_first(false);
        sitting.contact("compared", |row| row["verified"] == true);
    }
}
