//! Folders of any name, and a runtime folder that goes and comes back, on the real binaries.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use privatus_tests::{PASSPHRASE, Suite, kill_9, now, privatus, until};

/// Not UTF-8, with what shells, terminals and line-wise readers stumble over.
const NAMES: [&[u8]; 3] = [b"caf\xe9", b" two  spaces\tand\nlines ", b"\xff\xfe\"$(x)'\\%s"];

/// `privatus` in a session whose runtime folder is `base`, where there is one.
fn in_session(base: Option<&Path>) -> Command {
    let mut command = privatus(None);
    if let Some(base) = base {
        command.env("XDG_RUNTIME_DIR", base);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn person(folder: &Path, base: Option<&Path>) -> Suite {
    let mut command = in_session(base);
    command.arg("--profile").arg(folder);
    command.args(["run", "--headless", "--network", "folders", "--passphrase-fd", "0"]);
    let suite = Suite::spawn(folder, command, PASSPHRASE, None);
    assert_eq!(suite.line(), "ready", "{}", suite.said());
    suite
}

fn folder(at: PathBuf) -> PathBuf {
    fs::create_dir(&at).unwrap();
    fs::set_permissions(&at, PermissionsExt::from_mode(0o700)).unwrap();
    at
}

#[test]
fn a_suite_is_reached_whatever_bytes_its_folders_are_called() {
    for name in NAMES {
        let dir = tempfile::tempdir().unwrap();
        let profile = dir.path().join(OsStr::from_bytes(name));
        let base = folder(dir.path().join(OsStr::from_bytes(&[b"run ", name].concat())));
        for base in [None, Some(base.as_path())] {
            let mut suite = person(&profile, base);
            until("it is open", || (suite.status()["locked"] == false).then_some(()));
            let _ = suite.ask(&["contacts"]).ok();
            let _ = suite.ask(&["audit"]).ok();
            let _ = suite.ask(&["lock"]).ok();
            let _ = suite.ask_with(&["unlock", "--passphrase-fd", "0"], PASSPHRASE).ok();
            let _ = suite.ask(&["stop"]).ok();
            assert_eq!(suite.wait(), 0);
            assert_eq!(suite.ask(&["status"]).code, 4);
        }
    }
}

#[test]
fn a_relay_is_reached_whatever_bytes_its_folder_is_called() {
    let dir = tempfile::tempdir().unwrap();
    for name in NAMES {
        let relay = dir.path().join(OsStr::from_bytes(name));
        let mut command = in_session(None);
        command.arg("relay").arg("--dir").arg(&relay);
        command.args(["--network", "folders", "--listen", "/ip4/127.0.0.1/udp/0/quic-v1"]);
        let mut suite = Suite::spawn(&relay, command, "", None);
        assert!(suite.line().starts_with("relay ready "));
        for what in ["status", "metrics"] {
            let asked = in_session(None).args(["relay", what, "--dir"]).arg(&relay).output().unwrap();
            assert_eq!(asked.status.code(), Some(0), "{asked:?}");
        }
        let _ = suite.ask(&["stop"]).ok();
        assert_eq!(suite.wait(), 0);
    }
}

#[test]
fn sockets_that_a_logout_took_come_back_with_the_login_and_nothing_is_started_anew() {
    let dir = tempfile::tempdir().unwrap();
    let base = folder(dir.path().join("1000"));
    let suite = person(&dir.path().join("profile"), Some(&base));
    let before = until("it is open", || {
        let status = suite.status();
        (status["locked"] == false).then(|| suite.pids())
    });
    for logout in 0..2 {
        // The supervisor may put something there meanwhile.
        until("it is gone", || fs::remove_dir_all(&base).ok());
        for command in [&["status"][..], &["contacts"], &["audit"], &["lock"]] {
            let begun = now();
            let asked = suite.ask(command);
            assert_eq!((asked.code, asked.err.lines().count()), (4, 1), "{asked:?}");
            assert!(asked.err.contains("is gone"), "{asked:?}");
            assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
        }
        if logout == 1 {
            // A part that falls meanwhile comes back as well.
            kill_9(before["netd"]);
        }
        folder(base.clone());
        until("it can be asked again", || (suite.ask(&["status"]).code == 0).then_some(()));
        let _ = suite.ask(&["contacts"]).ok();
        if logout == 0 {
            let _ = suite.ask(&["audit"]).ok();
            assert_eq!(suite.pids(), before, "nothing was started anew");
        } else {
            suite.wait_restarted("netd", before["netd"]);
        }
    }
    assert_eq!(suite.ask(&["stop"]).ok().code, 0);
}

#[test]
fn a_runtime_folder_that_comes_back_open_to_others_is_not_used() {
    let dir = tempfile::tempdir().unwrap();
    let base = folder(dir.path().join("1000"));
    let suite = person(&dir.path().join("profile"), Some(&base));
    let runtime = fs::read_dir(base.join("privatus")).unwrap().next().unwrap().unwrap().path();
    fs::remove_dir_all(&runtime).unwrap();
    fs::create_dir(&runtime).unwrap();
    fs::set_permissions(&runtime, PermissionsExt::from_mode(0o777)).unwrap();
    until("it is told", || suite.said().contains("open to other users").then_some(()));
    assert_eq!(suite.ask(&["contacts"]).code, 4);
    assert_eq!(fs::read_dir(&runtime).unwrap().count(), 0, "nothing is put there");
    fs::remove_dir(&runtime).unwrap();
    until("it can be asked again", || (suite.ask(&["contacts"]).code == 0).then_some(()));
}
