//! The window on a display in memory, drawn by software: from a key to its pixel while texts come in, how often a conversation is drawn while
//! it is scrolled, memory, and what it costs while nothing happens. Beside it an empty window of the same toolkit and size, which a key or a
//! step of the wheel fills with another colour: what the display, the toolkit and the looking cost here.

use std::path::Path;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fltk::app;
use fltk::enums::{Color, Event};
use fltk::prelude::{GroupExt, WidgetBase, WidgetExt, WindowExt};
use fltk::window::DoubleWindow;
use ipc_schema::edge::send;
use ipc_schema::edge::ui_stored::SendText;
use privatus_tests::{Area, Desktop, Picture, Standing, open_window, until};

use crate::report::{RUNS, Report, percentile};
use crate::suite::{messenger, on_runtime, pss};

/// Keys of a run, of which one in a hundred may be slow.
const KEYS: usize = 200;
/// Between two keys: a quick typist.
const BETWEEN: Duration = Duration::from_millis(30);
/// Texts a second that come into the open conversation.
const RATE: u32 = 60;
/// Steps of the wheel in a run, one way.
const STEPS: usize = 60;
/// Between two looks at the screen.
const LOOK: Duration = Duration::from_micros(500);
/// How long nothing happens.
const IDLE: Duration = Duration::from_secs(10);
/// Where the window stands.
const PLACE: Area = Area { x: 40, y: 40, w: 1200, h: 800 };

/// An own bubble in the light colours.
const MINE: u32 = 0xD8_E8F6;
const KEY_X: u32 = 0x78;
const KEY_BACKSPACE: u32 = 0xFF08;

pub fn measure(report: &mut Report) {
    let empty = Empty::open();
    let empty_keys = keys(&empty.desktop, empty.middle());
    let empty_steps = steps(&empty.desktop, empty.middle());
    drop(empty);

    let (desktop, dir) = (Desktop::start(1366, 1000), tempfile::tempdir().unwrap());
    Standing { theme: "light", percent: 100, place: PLACE }.keep(dir.path());
    let suite = open_window(&desktop, dir.path(), "bench", &[]);
    let ui = suite.pids()["ui"];
    let content = desktop.content().unwrap();
    let before = desktop.still(content);
    on_runtime(write(dir.path(), (0..200).map(note)));
    until("a row in the list", || (desktop.see(content) != before).then_some(()));
    desktop.press(&["alt+Down"]);
    desktop.still(content);
    let composer = Area { x: content.x + 420, y: content.y + content.h - 50, w: 200, h: 40 };
    let conversation = Area { x: content.x + 480, y: content.y + 200, w: content.w - 500, h: 200 };

    let quiet = keys(&desktop, composer);
    let before = desktop.see(conversation);
    let busy = while_texts_arrive(dir.path(), || keys(&desktop, composer));
    assert!(desktop.see(conversation) != before, "the texts are seen where one writes");
    let beside = || ("a key to an empty window", empty_keys.clone());
    report.against("window, key to pixel, p99 of 200", "ms", quiet, beside(), "< 33");
    report.against("the same while 60 texts/s come in", "ms", busy, beside(), "< 33");

    let beside = || ("an empty window, redrawn", empty_steps.clone());
    let scrolled = steps(&desktop, conversation);
    report.against("window, pictures a second while scrolling", "/s", scrolled, beside(), "≥ 60");
    on_runtime(write(dir.path(), std::iter::once(long())));
    desktop.still(content);
    open_all(&desktop, conversation);
    let scrolled = steps(&desktop, conversation);
    report.against("the same within a text of 64 KiB", "/s", scrolled, beside(), "≥ 60");

    desktop.still(content);
    let idle = (0..RUNS).map(|_| percent_of_a_core(ui)).collect();
    report.figure("window, idle, such a text in view", "% of a core", idle, "< 0.5");
    report.figure("window, memory after all that, PSS", "MiB", vec![pss(ui)], "< 60");
    assert_eq!(suite.pids()["ui"], ui, "the window lives");
}

/// Opens all of the long text that came last, and goes on in it: a run up and one down see nothing else.
fn open_all(desktop: &Desktop, conversation: Area) {
    // From where one writes back to what opens it.
    desktop.press(&["shift+Tab", "Return"]);
    let fills = || {
        let picture = desktop.still(conversation);
        let row = |y: i32| (0..picture.area.w).any(|x| picture.at(x, y) == MINE);
        (0..picture.area.h).all(row)
    };
    assert!(fills(), "the long text is seen, and nothing else");
    let [x, y] = [conversation.x + 50, conversation.y + 50].map(|at| at.to_string());
    desktop.hand(&["mousemove", &x, &y]);
    for _ in 0..STEPS {
        seen_after(desktop, conversation, || desktop.wheel(false));
    }
    assert!(fills(), "all of the long text is open");
}

fn note(number: usize) -> String {
    let more = "and some words of the length that people write to each other, ".repeat(1 + number % 4);
    format!("note number {number}, {more}*with* a `sign` or two")
}

/// Lines that differ.
fn long() -> String {
    let mut text = String::new();
    for number in 0.. {
        text.push_str(&format!("word{number} "));
        if text.len() > 65_000 {
            break;
        }
    }
    text
}

async fn write(folder: &Path, texts: impl Iterator<Item = String>) {
    let messenger = messenger(folder);
    for text in texts {
        let call = SendText { who: "self".into(), id: String::new(), text, reply_to: String::new() };
        send(&messenger, &call).await.unwrap().unwrap();
    }
}

/// What `work` gives while so many notes a second come into the conversation; they take the way of all texts from stored to the window.
fn while_texts_arrive<T>(folder: &Path, work: impl FnOnce() -> T) -> T {
    let enough = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let start = Instant::now();
            let mut written = 0;
            while !enough.load(Ordering::Relaxed) {
                let due = u32::try_from(start.elapsed().as_millis()).unwrap() * RATE / 1_000;
                on_runtime(write(folder, (written..due).map(|number| note(number as usize))));
                written = due.max(written);
                std::thread::sleep(Duration::from_millis(5));
            }
            written
        });
        let done = work();
        enough.store(true, Ordering::Relaxed);
        assert!(writing.join().unwrap() > RATE, "texts came in");
        done
    })
}

/// The 99th of each hundred keys of a run, in milliseconds: a letter, and its end, each until `area` looks otherwise.
fn keys(desktop: &Desktop, area: Area) -> Vec<f64> {
    let run = || {
        let mut took: Vec<f64> = (0..KEYS)
            .map(|number| {
                std::thread::sleep(BETWEEN);
                let key = if number % 2 == 0 { KEY_X } else { KEY_BACKSPACE };
                seen_after(desktop, area, || desktop.strike(key)).as_secs_f64() * 1_000.0
            })
            .collect();
        percentile(&mut took, 99)
    };
    (0..RUNS).map(|_| run()).collect()
}

/// Pictures a second of a run: each step of the wheel comes once the one before is seen.
fn steps(desktop: &Desktop, area: Area) -> Vec<f64> {
    let (x, y) = ((area.x + 50).to_string(), (area.y + 50).to_string());
    desktop.hand(&["mousemove", &x, &y]);
    let run = || {
        let start = Instant::now();
        for up in [true, false] {
            for _ in 0..STEPS {
                seen_after(desktop, area, || desktop.wheel(up));
            }
        }
        2.0 * STEPS as f64 / start.elapsed().as_secs_f64()
    };
    (0..RUNS).map(|_| run()).collect()
}

/// How long after `done` began the area looks otherwise.
fn seen_after(desktop: &Desktop, area: Area, done: impl FnOnce()) -> Duration {
    let before: Picture = desktop.see(area);
    let start = Instant::now();
    done();
    while desktop.see(area) == before {
        assert!(start.elapsed() < Duration::from_secs(10), "nothing is seen of it");
        std::thread::sleep(LOOK);
    }
    start.elapsed()
}

/// How much of a core a process and all its threads take while nothing happens.
fn percent_of_a_core(pid: u32) -> f64 {
    let nanoseconds = || -> u64 {
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().map(|task| task.unwrap().path());
        let ran = tasks.map(|task| std::fs::read_to_string(task.join("schedstat")).unwrap());
        ran.map(|line| line.split(' ').next().unwrap().parse::<u64>().unwrap()).sum()
    };
    let before = nanoseconds();
    std::thread::sleep(IDLE);
    Duration::from_nanos(nanoseconds() - before).as_secs_f64() / IDLE.as_secs_f64() * 100.0
}

/// The empty window, in a process of its own.
struct Empty {
    desktop: Desktop,
    process: Child,
}

impl Empty {
    fn open() -> Self {
        let desktop = Desktop::start(1366, 1000);
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg("--redraw").envs(desktop.variables()).env("FLTK_BACKEND", "x11");
        let process = command.spawn().unwrap();
        until("the empty window is there", || desktop.content());
        Self { desktop, process }
    }

    fn middle(&self) -> Area {
        let content = self.desktop.content().unwrap();
        Area { x: content.x + 480, y: content.y + 200, w: 200, h: 200 }
    }
}

impl Drop for Empty {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What that process is.
pub fn redraw() {
    let _app = app::App::default();
    let mut window = DoubleWindow::new(PLACE.x, PLACE.y, PLACE.w, PLACE.h, "empty");
    window.end();
    window.show();
    let mut light = true;
    window.handle(move |window, event| {
        if !matches!(event, Event::KeyDown | Event::MouseWheel) {
            return matches!(event, Event::Focus);
        }
        light = !light;
        window.set_color(if light { Color::White } else { Color::Blue });
        window.redraw();
        true
    });
    while window.shown() {
        let _ = app::wait_for(5.0);
    }
}
