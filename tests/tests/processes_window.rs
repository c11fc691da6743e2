//! The window stands where it stood, however its process ended.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use privatus_tests::{PASSPHRASE, Suite, XServer, privatus, until, window};

/// Left, top, width and height of a window's content.
type Place = [i32; 4];

/// Not where it first stands, and wholly on the screen of 1280 x 900.
const ELSEWHERE: Place = [120, 90, 900, 700];

fn variables(display: &XServer) -> Vec<(&'static str, PathBuf)> {
    vec![("DISPLAY", display.name.clone().into())]
}

fn xdotool(display: &XServer, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new("xdotool");
    command.args(arguments).env("DISPLAY", &display.name).stderr(Stdio::null());
    let output = command.output().expect("xdotool");
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
}

/// The one window that is seen: its id, and its place.
fn seen(display: &XServer) -> Option<(String, Place)> {
    let found = xdotool(display, &["search", "--onlyvisible", "--class", "privatus"])?;
    let mut ids = found.lines();
    let (id, None) = (ids.next()?.to_owned(), ids.next()) else { return None };
    let said = xdotool(display, &["getwindowgeometry", "--shell", &id])?;
    let number = |name: &str| {
        said.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')?.parse::<i32>().ok())
    };
    Some((id, [number("X")?, number("Y")?, number("WIDTH")?, number("HEIGHT")?]))
}

fn stands_at(display: &XServer, wanted: Place) {
    let mut last = None;
    until(&format!("the window stands at {wanted:?}"), || {
        last = seen(display);
        last.as_ref().is_some_and(|(_, place)| *place == wanted).then_some(())
    });
}

/// Moves it there, and waits until that is kept.
fn put(display: &XServer, folder: &Path, place: Place) {
    let (id, _) = until("the window is seen", || seen(display));
    let [x, y, w, h] = place.map(|number| number.to_string());
    xdotool(display, &["windowsize", &id, &w, &h, "windowmove", &id, &x, &y]).unwrap();
    is_kept(folder, &format!("100 {x} {y} {w} {h} 0"));
    stands_at(display, place);
}

/// Waits until the file says that.
fn is_kept(folder: &Path, words: &str) {
    until(&format!("ui.state says {words}"), || {
        let said = std::fs::read_to_string(folder.join("ui.state")).ok()?;
        said.contains(words).then_some(())
    });
}

fn kill_window(suite: &Suite) {
    let old = suite.pids()["ui"];
    kill(Pid::from_raw(i32::try_from(old).unwrap()), Signal::SIGKILL).unwrap();
    suite.wait_restarted("ui", old);
}

#[test]
fn a_window_that_is_killed_comes_back_where_it_stood_and_a_scale_does_not_move_it() {
    let (display, dir) = (XServer::start(&[]), tempfile::tempdir().unwrap());
    let folder = dir.path().join("profile");
    let suite = window(&folder, &variables(&display));
    put(&display, &folder, ELSEWHERE);
    kill_window(&suite);
    stands_at(&display, ELSEWHERE);

    xdotool(&display, &["mousemove", "600", "600", "key", "ctrl+plus"]).unwrap();
    is_kept(&folder, "light 110 120 90 900 700 0");
    stands_at(&display, ELSEWHERE);
    kill_window(&suite);
    stands_at(&display, ELSEWHERE);
    is_kept(&folder, "light 110 120 90 900 700 0");
}

#[test]
fn a_file_that_says_nonsense_is_as_good_as_none() {
    let (display, dir) = (XServer::start(&[]), tempfile::tempdir().unwrap());
    let folder = dir.path().join("profile");
    let suite = window(&folder, &variables(&display));
    let (_, first) = until("the window is seen", || seen(&display));
    is_kept(&folder, "privatus-window 1 light 100");
    for nonsense in [vec![0xFF_u8; 5_000], Vec::new(), b"privatus-window 1 dark".to_vec()] {
        // The window writes only what changed.
        std::fs::write(folder.join("ui.state"), nonsense).unwrap();
        kill_window(&suite);
        stands_at(&display, first);
        is_kept(&folder, "privatus-window 1 light 100");
    }
}

#[test]
fn a_full_lock_leaves_the_window_where_it_stands_and_is_no_fall() {
    let (display, dir) = (XServer::start(&[]), tempfile::tempdir().unwrap());
    let folder = dir.path().join("profile");
    let mut command = privatus(None);
    command.arg("--profile").arg(&folder);
    command.args(["run", "--headless", "--network", "windows", "--passphrase-fd", "0"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut made = Suite::spawn(&folder, command, PASSPHRASE, None);
    assert_eq!(made.line(), "ready", "{}", made.said());
    assert_eq!(made.stop(), 0);
    assert!(!folder.join("ui.state").exists(), "nobody had a window");

    let suite = window(&folder, &variables(&display));
    put(&display, &folder, ELSEWHERE);
    let unlock = ["unlock", "--passphrase-fd", "0"];
    until("it unlocks", || (suite.ask_with(&unlock, PASSPHRASE).code == 0).then_some(()));
    let old = suite.pids()["ui"];
    let _ = suite.ask(&["lock"]).ok();
    suite.wait_restarted("ui", old);
    stands_at(&display, ELSEWHERE);
    let warnings = suite.status()["warnings"].to_string();
    assert!(!warnings.contains("ui fell"), "{warnings}");
    let told = suite.ask(&["status"]).ok().out;
    let line = told.lines().find(|line| line.starts_with("ui ")).unwrap();
    assert!(!line.contains("signal"), "{line}");
}
