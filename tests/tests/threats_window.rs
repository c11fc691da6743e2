//! A window's process connects to nothing once it is sealed, whatever the system offers, and still draws and takes keys.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use privatus_tests::{
    Compositor, Suite, XServer, alive, built_for, colours, until, window, window_run, window_with_fonts,
    window_without_namespaces,
};
use sandbox::inspect::{Held, Tried, differences};
use sandbox::profiles::UI;
use serde_json::Value;

/// Only root may look at another process's filters.
fn may_look() -> bool {
    nix::unistd::geteuid().is_root()
}

/// The window's process, once it is sealed.
fn sealed(suite: &Suite) -> u32 {
    until("the window is sealed", || {
        let pid = suite.pids().get("ui").copied()?;
        differences(pid, &UI, built_for()).is_ok_and(|differences| differences.is_empty()).then_some(pid)
    })
}

/// Waits for a picture with text on it.
fn drawn(display: &XServer) -> Vec<u8> {
    until("the window is drawn", || Some(display.picture()).filter(|picture| colours(picture) > 50))
}

fn x11(display: &XServer) -> Vec<(&'static str, PathBuf)> {
    vec![("DISPLAY", display.name.clone().into())]
}

/// Makes the window's first thread try a call.
fn try_in(pid: u32, number: i64, args: [u64; 6]) -> Tried {
    until("it waits", || Held::new(pid).and_then(|held| held.try_call(number, args)).ok())
}

fn assert_connects_to_nothing(pid: u32) {
    let stream = [libc::AF_UNIX as u64, libc::SOCK_STREAM as u64, 0, 0, 0, 0];
    let datagram = [libc::AF_UNIX as u64, libc::SOCK_DGRAM as u64, 0, 0, 0, 0];
    for (what, number, args) in [
        ("a stream socket", libc::SYS_socket, stream),
        ("a datagram socket", libc::SYS_socket, datagram),
        ("connect", libc::SYS_connect, [3, 0, 0, 0, 0, 0]),
    ] {
        assert_eq!(try_in(pid, number, args), Tried::Failed(libc::EACCES), "{what}");
    }
}

/// Types into the passphrase field of the first run, which has the focus.
fn assert_takes_keys(display: &XServer) {
    display.type_text("correct horse");
    let before = drawn(display);
    display.type_text(" battery");
    until("what is typed is seen", || (display.picture() != before).then_some(()));
}

fn assert_holds(display: &XServer, suite: &Suite) {
    drawn(display);
    let pid = sealed(suite);
    assert_connects_to_nothing(pid);
    assert_takes_keys(display);
    assert_eq!(suite.pids()["ui"], pid, "the window lives");
}

#[test]
fn a_sealed_window_on_x11_connects_to_nothing_and_still_takes_keys() {
    if !may_look() {
        return;
    }
    let (display, dir) = (XServer::start(&[]), tempfile::tempdir().unwrap());
    let suite = window(dir.path(), &x11(&display));
    assert_holds(&display, &suite);
}

/// Where no mount hides the session's sockets, the table alone holds: no file right covers them.
#[test]
fn without_user_namespaces_a_window_connects_to_nothing_either() {
    if !may_look() {
        return;
    }
    let (display, dir) = (XServer::start(&[]), tempfile::tempdir().unwrap());
    let suite = window_without_namespaces(dir.path(), &x11(&display));
    assert_holds(&display, &suite);
    let rows = suite.ask(&["audit", "--json"]).rows();
    let ui = rows.iter().find(|row| row["name"] == "ui").unwrap();
    assert_eq!(ui["namespaces"], Value::Array(vec![]), "{ui}");
}

/// A session's folder with a bus that counts who comes.
fn bus(runtime: &Path) -> UnixListener {
    let bus = UnixListener::bind(runtime.join("bus")).unwrap();
    bus.set_nonblocking(true).unwrap();
    bus
}

#[test]
fn a_window_on_wayland_opens_its_compositor_and_never_the_session_bus() {
    if !may_look() {
        return;
    }
    for start in [window, window_without_namespaces] {
        let (screen, dir) = (XServer::start(&[]), tempfile::tempdir().unwrap());
        let compositor = Compositor::start(&screen);
        let bus = bus(compositor.runtime.path());
        let suite = start(dir.path(), &compositor.variables());
        assert_holds(&screen, &suite);
        assert!(bus.accept().is_err(), "somebody came to the bus");
    }
}

#[test]
fn a_window_is_told_of_its_display_and_of_no_other_socket() {
    if !may_look() {
        return;
    }
    let (display, dir, runtime) =
        (XServer::start(&[]), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let bus = bus(runtime.path());
    let mut variables = x11(&display);
    // Set and empty is how a window is forced onto X11.
    variables.extend([("XDG_RUNTIME_DIR", runtime.path().into()), ("WAYLAND_DISPLAY", "".into())]);
    let suite = window(dir.path(), &variables);
    let pid = sealed(&suite);
    let mounts = std::fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap();
    let of_session = mounts.lines().filter(|line| line.contains(runtime.path().to_str().unwrap()));
    assert_eq!(of_session.count(), 0, "{mounts}");
    let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap();
    let text = String::from_utf8_lossy(&environment);
    assert!(text.contains("DISPLAY=") && !text.contains("XDG_RUNTIME_DIR"), "{text}");
    assert!(bus.accept().is_err(), "somebody came to the bus");
}

#[test]
fn audit_says_what_the_running_window_draws_on_wherever_it_is_asked_from() {
    let (display, dir) = (XServer::start(&[]), tempfile::tempdir().unwrap());
    let suite = window(dir.path(), &x11(&display));
    drawn(&display);
    // `ask` has no DISPLAY of this test.
    let row = until("the window's report", || {
        suite.ask(&["audit", "--json"]).rows().into_iter().find(|row| row["name"] == "ui")
    });
    let notes = row["notes"].to_string();
    assert!(notes.contains("on X11 any window can watch and type into others"), "{row}");
    assert_eq!(row["weaker"], Value::Array(vec![]), "{row}");
}

/// Runs a suite with a window that cannot be had; gives its exit code and what it said.
fn without_window(folder: &Path, variables: &[(&str, PathBuf)]) -> (Option<i32>, String) {
    let mut child = window_run(folder, variables).spawn().unwrap();
    drop(child.stdin.take());
    // A suite that stays up is the failure: it must not become a test that hangs.
    let pid = child.id();
    until("the suite ends by itself", || (!alive(pid)).then_some(()));
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

fn assert_told_once(told: &(Option<i32>, String), words: &str) {
    let (code, said) = told;
    assert_eq!(*code, Some(1), "{said}");
    assert_eq!(said.matches(words).count(), 1, "{said}");
    assert!(said.contains("--headless") && !said.contains("signal"), "{said}");
}

#[test]
fn a_display_that_cannot_be_had_is_told_in_a_line_and_ends_the_suite() {
    let dir = tempfile::tempdir().unwrap();
    let run = |variables: &[(&str, PathBuf)]| without_window(&dir.path().join("profile"), variables);
    for name in [":60000", "localhost:10.0", "nonsense"] {
        assert_told_once(&run(&[("DISPLAY", name.into())]), "no display");
    }
    // What a server leaves that was killed: a socket that nobody serves.
    let number = 40_000 + std::process::id() % 10_000;
    let socket = PathBuf::from(format!("/tmp/.X11-unix/X{number}"));
    std::fs::create_dir_all("/tmp/.X11-unix").unwrap();
    drop(UnixListener::bind(&socket).unwrap());
    let told = run(&[("DISPLAY", format!(":{number}").into())]);
    std::fs::remove_file(&socket).unwrap();
    assert_told_once(&told, &format!("the display :{number} does not answer"));
    let runtime = tempfile::tempdir().unwrap();
    drop(UnixListener::bind(runtime.path().join("dead")).unwrap());
    let told = run(&[("XDG_RUNTIME_DIR", runtime.path().into()), ("WAYLAND_DISPLAY", "dead".into())]);
    assert_told_once(&told, "does not answer");
}

/// The toolkit ends the process there, with a code and words of its own.
#[test]
fn a_display_that_lets_nobody_in_is_told_in_a_line_and_ends_the_suite() {
    let dir = tempfile::tempdir().unwrap();
    let (theirs, ours) = (dir.path().join("theirs"), dir.path().join("ours"));
    for (file, cookie) in
        [(&theirs, "00112233445566778899aabbccddeeff"), (&ours, "ffeeddccbbaa99887766554433221100")]
    {
        std::fs::write(file, "").unwrap();
        let added =
            std::process::Command::new("xauth").arg("-f").arg(file).args(["add", ":0", ".", cookie]).status();
        assert!(added.unwrap().success());
    }
    let display = XServer::start(&["-auth", theirs.to_str().unwrap()]);
    let mut variables = x11(&display);
    variables.push(("XAUTHORITY", ours));
    let told = without_window(&dir.path().join("profile"), &variables);
    assert_told_once(&told, "the window cannot be opened on this display");
}

/// Somebody installed a font and no cache was made since: fontconfig wants to write one, and may not.
#[test]
fn a_font_that_is_newer_than_its_cache_is_not_the_end_of_the_window() {
    // Only root may have a view of the files of its own.
    if !may_look() {
        return;
    }
    let (display, dir) = (XServer::start(&[]), tempfile::tempdir().unwrap());
    let fonts = dir.path().join("fonts");
    let copied =
        std::process::Command::new("cp").args(["-r", "/usr/share/fonts"]).arg(&fonts).status().unwrap();
    assert!(copied.success());
    let suite = window_with_fonts(&dir.path().join("profile"), &fonts, &x11(&display));
    assert_holds(&display, &suite);
}

/// The server trusts such a cookie less: it lets nobody watch or type into other windows.
#[test]
fn a_window_lives_with_a_cookie_that_the_x_server_does_not_trust() {
    let (display, dir) = (XServer::start(&["+extension", "SECURITY"]), tempfile::tempdir().unwrap());
    let cookie = dir.path().join("cookie");
    std::fs::write(&cookie, "").unwrap();
    let arguments = ["generate", &display.name, ".", "untrusted", "timeout", "0"];
    let made = std::process::Command::new("xauth").arg("-f").arg(&cookie).args(arguments).status().unwrap();
    assert!(made.success() && cookie.metadata().unwrap().len() > 0);
    let mut variables = x11(&display);
    variables.push(("XAUTHORITY", cookie));
    let suite = window(&dir.path().join("profile"), &variables);
    assert_takes_keys(&display);
    assert_eq!(
        suite.status()["processes"].as_array().unwrap().iter().find(|row| row["name"] == "ui").unwrap()["restarts"],
        0
    );
}
