//! The keyboard goes through every pane of the real window: each Tab is seen, its ring is whole, and the walk comes back to where it began,
//! at the sizes and scales that people have.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::ops::RangeInclusive;
use std::path::Path;

use privatus_tests::{Area, Desktop, PASSPHRASE, Picture, Standing, Suite, open_window, until, window};

/// More stops than any pane has.
const STOPS_MAX: usize = 80;

/// Where the window stands on a desktop that has room for it.
fn standing(percent: i32, w: i32, h: i32) -> Standing {
    Standing { theme: "contrast", percent, place: Area { x: 60, y: 60, w, h } }
}

/// The ring of high contrast, or what is left of it where its line covers part of a pixel. No other colour of that table is like it.
fn is_ring(pixel: u32) -> bool {
    let [_, r, g, b] = pixel.to_be_bytes().map(u32::from);
    r > 0x70 && g > 0x60 && 8 * b < r.min(g)
}

/// The ring, where all four sides of it are there.
fn ring(picture: &Picture) -> Option<Area> {
    let all = picture.bounds(is_ring)?;
    let thick = 3.min(all.w).min(all.h);
    let row = |y: i32| (all.x..all.x + all.w).filter(|x| is_ring(picture.at(*x, y))).count();
    let column = |x: i32| (all.y..all.y + all.h).filter(|y| is_ring(picture.at(x, *y))).count();
    let longest = |lines: std::ops::Range<i32>, count: &dyn Fn(i32) -> usize| lines.map(count).max();
    let [w, h] = [all.w, all.h].map(|side| usize::try_from(side).unwrap());
    let bottom = longest(all.y + all.h - thick..all.y + all.h, &row)?;
    let right = longest(all.x + all.w - thick..all.x + all.w, &column)?;
    let top = longest(all.y..all.y + thick, &row)?;
    let left = longest(all.x..all.x + thick, &column)?;
    // An end that is a half circle is straight for less than half of its height.
    let whole = 2 * top.min(bottom) > w && 3 * left.min(right) > h;
    whole.then_some(all)
}

/// A window and the one who walks through it.
struct Walker<'a> {
    desktop: &'a Desktop,
    content: Area,
}

impl<'a> Walker<'a> {
    fn new(desktop: &'a Desktop) -> Self {
        Self { desktop, content: until("the window is seen", || desktop.content()) }
    }

    fn see(&self) -> Picture {
        self.desktop.see(self.content)
    }

    fn still(&self) -> Picture {
        self.desktop.still(self.content)
    }

    /// Presses it and waits until the picture is another one, and the same twice, in which the ring is whole: that one.
    fn step(&self, what: &str, key: &str, before: &Picture) -> Picture {
        self.desktop.press(&[key]);
        let mut last = None;
        until(&format!("{what}: {key} is seen in {:?}, at {:?}", self.content, ring(before)), || {
            let now = self.see();
            let seen = now != *before && ring(&now).is_some() && last.as_ref() == Some(&now);
            last = Some(now.clone());
            seen.then_some(now)
        })
    }

    /// From stop to stop until all is as it was before, and one back; gives how many stops there were.
    fn walk(&self, what: &str) -> usize {
        let mut last = self.still();
        let mut pictures: Vec<Picture> = Vec::new();
        let stops = loop {
            last = self.step(what, "Tab", &last);
            // What scrolls is elsewhere after the first round, and not after the second.
            if let Some(at) = pictures.iter().position(|picture| *picture == last) {
                break pictures.len() - at;
            }
            pictures.push(last.clone());
            assert!(pictures.len() < 2 * STOPS_MAX, "{what}: the walk has no end in {:?}", self.content);
        };
        let back = self.step(what, "shift+Tab", &last);
        self.step(what, "Tab", &back);
        stops
    }

    /// Presses keys one after the other, each once the picture stands still.
    fn press(&self, keys: &[&str]) {
        for key in keys {
            self.desktop.press(&[key]);
            self.still();
        }
    }

    /// Walks through every pane that is reached from a conversation.
    fn panes(&self) {
        for (what, keys, stops) in PANES {
            // Away with whatever lies over it, and from nobody's pane to the one conversation, where one writes.
            self.press(&["Escape", "Escape", "ctrl+n", "alt+Down"]);
            self.press(keys);
            let found = self.walk(what);
            assert!(stops.contains(&found), "{what}: {found} stops in {:?}", self.content);
        }
    }

    /// Has the window be so large; where its smallest is larger, that.
    fn resize(&mut self, w: i32, h: i32) {
        self.desktop.resize(w, h);
        self.content = until("the window has another size", || {
            self.still();
            self.desktop.content().filter(|now| now.w >= w && now.h >= h)
        });
        self.still();
    }
}

/// How each is reached from a conversation, and how many stops it has.
const PANES: &[(&str, &[&str], RangeInclusive<usize>)] = &[
    ("a conversation", &[], 5..=STOPS_MAX),
    ("its details", &["ctrl+shift+i"], 5..=STOPS_MAX),
    ("words looked for in it", &["ctrl+f"], 5..=STOPS_MAX),
    ("a day of it", &["ctrl+g"], 3..=8),
    // Before it are the messages, and what can be pressed in them.
    ("a question", &["shift+Tab", "shift+Tab", "Delete"], 2..=3),
    ("people looked for", &["ctrl+k", "b"], 3..=STOPS_MAX),
    ("somebody to be added", &["ctrl+n"], 3..=STOPS_MAX),
    ("an invitation", &["ctrl+n", "Return"], 3..=STOPS_MAX),
    ("an invitation that came", &["ctrl+n", "Tab", "Return"], 4..=STOPS_MAX),
];

/// A profile with notes to oneself, its window in front.
fn noted(desktop: &Desktop, folder: &Path) -> Suite {
    let suite = open_window(desktop, folder, "walk", &[]);
    let walker = Walker::new(desktop);
    let before = walker.still();
    for text in ["Ask for the *blue* cards", "https://example.org/a?b=c", "the reading room opens at ten"] {
        let _ = suite.ask(&["send", "self", text]).ok();
    }
    until("a row in the list", || (walker.see() != before).then_some(()));
    suite
}

#[test]
fn every_tab_of_the_first_run_and_the_lock_is_seen() {
    let (desktop, dir) = (Desktop::start(1600, 1100), tempfile::tempdir().unwrap());
    standing(100, 1200, 800).keep(dir.path());
    let suite = window(dir.path(), &desktop.variables());
    desktop.watch(&suite);
    let mut walker = Walker::new(&desktop);
    let walk = |walker: &mut Walker<'_>, what: &str, least: usize| {
        for (w, h) in [(360, 480), (1200, 800)] {
            walker.resize(w, h);
            let stops = walker.walk(what);
            assert!(stops >= least, "{what}: {stops} stops");
        }
    };
    walk(&mut walker, "a passphrase", 2);
    // Into the field that has the keyboard by now, and into the other.
    for key in ["Tab", "Return"] {
        desktop.type_text(PASSPHRASE.trim());
        walker.still();
        desktop.press(&[key]);
    }
    until("the vault is made", || (suite.status()["locked"] == false).then_some(()));
    walk(&mut walker, "a name", 3);
    desktop.type_text("Alex");
    walker.press(&["Return"]);
    walk(&mut walker, "nobody yet", 4);
    let old = suite.pids()["ui"];
    desktop.press(&["ctrl+l"]);
    suite.wait_restarted("ui", old);
    desktop.watch(&suite);
    walker = Walker::new(&desktop);
    walker.still();
    // The button rests until something is typed.
    desktop.type_text("x");
    walk(&mut walker, "the lock", 2);
}

#[test]
fn every_tab_of_every_pane_is_seen() {
    let (desktop, dir) = (Desktop::start(1600, 1100), tempfile::tempdir().unwrap());
    standing(100, 1200, 800).keep(dir.path());
    let _suite = noted(&desktop, dir.path());
    Walker::new(&desktop).panes();
}

/// Where there is room for one part alone, the keys that go to the list show it.
#[test]
fn every_tab_of_every_pane_of_the_smallest_window_is_seen() {
    let (desktop, dir) = (Desktop::start(1600, 1100), tempfile::tempdir().unwrap());
    standing(100, 360, 480).keep(dir.path());
    let _suite = noted(&desktop, dir.path());
    let walker = Walker::new(&desktop);
    walker.panes();
    for key in ["ctrl+k", "ctrl+1"] {
        walker.press(&["Escape", "Escape", "ctrl+n", "alt+Down", key]);
        let ring = ring(&walker.see()).unwrap_or_else(|| panic!("{key} goes to nothing that is seen"));
        assert!(ring.y < 160, "{key}: {ring:?}");
    }
}

#[test]
#[ignore = "long: nine sizes and scales, some minutes"]
fn every_tab_of_every_pane_is_seen_at_the_sizes_and_scales_that_people_have() {
    for percent in [80, 150, 200] {
        let (desktop, dir) = (Desktop::start(1600, 1100), tempfile::tempdir().unwrap());
        standing(percent, 1200, 800).keep(dir.path());
        let _suite = noted(&desktop, dir.path());
        let mut walker = Walker::new(&desktop);
        for (w, h) in [(360, 480), (1200, 500), (1366, 768)] {
            walker.resize(w, h);
            walker.panes();
        }
    }
}
