//! What a person does with a text, once by pointer and once by keyboard, in the real window under a window manager. What came of it is
//! asked of stored, by the command.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use privatus_tests::{Area, By, Desktop, Picture, Standing, Suite, open_window, until};
use serde_json::Value;

/// Of the light colours: an own bubble, the border of what lies over the window, and what loses something.
const MINE: u32 = 0xD8_E8F6;
const EDGE: u32 = 0x7C_8A98;
const DANGER: u32 = 0x98_201A;

/// The rows of an own text's menu, below its signs.
const ROWS: [&str; 6] = ["Reply", "Edit", "Copy text", "Forward", "Delivery details", "Delete"];

struct Person<'a> {
    desktop: &'a Desktop,
    suite: &'a Suite,
    content: Area,
    by: By,
}

impl Person<'_> {
    /// The newest text, once it is as it should be.
    fn newest(&self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        until(&format!("{what} by {:?}", self.by), || {
            let rows = self.suite.ask(&["messages", "self", "--json"]).ok().rows();
            rows.into_iter().next_back().filter(|row| is(row))
        })
    }

    fn click(&self, x: i32, y: i32) {
        self.desktop.click(self.content.x + x, self.content.y + y);
    }

    /// Writes what is to be sent, and sends it.
    fn send(&self, text: &str) {
        self.desktop.type_text(text);
        self.desktop.still(self.content);
        match self.by {
            By::Pointer => self.click(self.content.w - 32, self.content.h - 32),
            By::Keyboard => self.desktop.press(&["Return"]),
        }
    }

    /// The lowest own bubble is pressed with the right button; gives where its menu stands.
    fn menu(&self) -> Area {
        let before = self.desktop.still(self.content);
        let texts = Area { x: 460, y: 70, w: self.content.w - 470, h: self.content.h - 140 };
        let bubbles = before.part(texts).bounds(|pixel| pixel == MINE).expect("an own bubble");
        let [x, y] = [texts.x + bubbles.x + bubbles.w - 30, texts.y + bubbles.y + bubbles.h - 10];
        let [x, y] = [self.content.x + x, self.content.y + y].map(|place| place.to_string());
        self.desktop.hand(&["mousemove", &x, &y, "click", "3"]);
        // Where one writes the ring goes, too.
        let above = Area { x: 450, y: 0, w: self.content.w - 450, h: self.content.h - 66 };
        let before = before.part(above);
        until("a menu", || {
            let now = self.desktop.see(self.content).part(above);
            let differs = now.pixels.iter().zip(&before.pixels).map(|(now, before)| u32::from(now != before));
            let differs = Picture { area: now.area, pixels: differs.collect() };
            let menu = differs.bounds(|pixel| pixel == 1)?;
            let is_menu = menu.h > 200 && now.at(menu.x + menu.w / 2, menu.y) == EDGE;
            is_menu.then_some(Area { x: above.x + menu.x, y: above.y + menu.y, ..menu })
        })
    }

    /// Does that with the newest text: by its row, or with the keyboard on it by its key.
    fn does(&self, row: &str, key: &str) {
        match self.by {
            By::Pointer => {
                let menu = self.menu();
                let at = i32::try_from(ROWS.iter().position(|one| *one == row).unwrap()).unwrap();
                // Above what cannot be undone there is a line.
                let line = if row == "Delete" { 9 } else { 0 };
                self.click(menu.x + menu.w / 2, menu.y + 4 + 45 + line + 36 * at + 18);
            }
            By::Keyboard => {
                for key in ["shift+Tab", "End", key] {
                    self.desktop.still(self.content);
                    self.desktop.press(&[key]);
                }
            }
        }
        self.desktop.still(self.content);
    }

    /// From the composer, which has the keyboard, and back to it.
    fn talks(&self) {
        let text = format!("by {:?}", self.by);
        self.send(&text);
        let first = self.newest("sent", |row| row["body"] == text.as_str());
        self.does("Reply", "r");
        self.send("an answer");
        let answer = self.newest("answered", |row| row["body"] == "an answer");
        assert_eq!(answer["reply_to"], first["id"]);
        self.does("Edit", "e");
        self.send(", and more");
        let edited = self.newest("edited", |row| row["edited"] == true);
        assert_eq!((&edited["body"], &edited["id"]), (&"an answer, and more".into(), &answer["id"]));
        self.reacts();
        self.copies(edited["body"].as_str().unwrap());
        self.deletes(&edited["id"]);
    }

    fn reacts(&self) {
        match self.by {
            By::Pointer => {
                let menu = self.menu();
                self.click(menu.x + 25, menu.y + 22);
            }
            By::Keyboard => {
                self.does("", "plus");
                self.desktop.press(&["Return"]);
            }
        }
        let reacted = self.newest("reacted", |row| !row["reactions"].as_array().unwrap().is_empty());
        assert_eq!(reacted["reactions"][0]["from"], "me");
        self.write();
    }

    fn copies(&self, body: &str) {
        self.does("Copy text", "ctrl+c");
        self.write();
        self.desktop.press(&["ctrl+v"]);
        until("what was copied is a draft", || {
            (self.suite.ask(&["draft", "self", "--json"]).ok().rows()[0]["text"] == body).then_some(())
        });
        self.desktop.press(&["ctrl+a", "BackSpace"]);
    }

    fn deletes(&self, id: &Value) {
        self.does("Delete", "Delete");
        match self.by {
            By::Pointer => {
                let picture = self.desktop.see(self.content);
                let button = picture.bounds(|pixel| pixel == DANGER).expect("the button that deletes");
                self.click(button.x + button.w / 2, button.y + button.h / 2);
            }
            // The safe answer has the keyboard.
            By::Keyboard => self.desktop.press(&["Tab", "Return"]),
        }
        let is_gone = |row: &Value| row["id"] != *id || row["deleted"] == true;
        self.newest("deleted", is_gone);
        self.write();
    }

    /// The keyboard comes to where one writes.
    fn write(&self) {
        self.desktop.still(self.content);
        match self.by {
            By::Pointer => self.click(self.content.w - 300, self.content.h - 32),
            By::Keyboard => {
                for key in ["Escape", "ctrl+n", "alt+Down"] {
                    self.desktop.press(&[key]);
                    self.desktop.still(self.content);
                }
            }
        }
        self.desktop.still(self.content);
    }
}

#[test]
fn a_text_is_sent_answered_edited_reacted_to_copied_and_deleted_by_pointer_and_by_keyboard() {
    let (desktop, dir) = (Desktop::start(1366, 900), tempfile::tempdir().unwrap());
    let place = Area { x: 60, y: 60, w: 1200, h: 800 };
    Standing { theme: "light", percent: 100, place }.keep(dir.path());
    let suite = open_window(&desktop, dir.path(), "person", &[]);
    let content = desktop.content().unwrap();
    let before = desktop.still(content);
    let _ = suite.ask(&["send", "self", "first"]).ok();
    until("a row in the list", || (desktop.see(content) != before).then_some(()));
    for by in [By::Pointer, By::Keyboard] {
        let person = Person { desktop: &desktop, suite: &suite, content, by };
        desktop.still(content);
        match by {
            By::Pointer => person.click(300, 96),
            By::Keyboard => person.write(),
        }
        desktop.still(content);
        person.talks();
    }
}
