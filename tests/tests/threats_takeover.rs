//! Code inside each part of an ordinary user's suite, with a second user on the machine: what it tries at neighbours, files,
//! sockets and users comes to nothing, with all that this system offers and with less.
//!
//! Each try is asked of the filters that the running process carries (as root, from the kernel); what they do not answer with
//! death is then made in the process itself, behind all its walls. That what they answer with death is death is seen in
//! `threats_running`.
#![cfg(target_arch = "x86_64")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod takeover;

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;

use privatus_tests::{PASSPHRASE, Person, Suite, XServer, binaries, folder, until, window};
use takeover::{MALLORY, VICTIM, World, assert_contained, assert_reaches_nobody};

const PARTS: [&str; 5] = ["mediad", "netd", "onion", "stored", "keyvault"];

fn may_look() -> bool {
    nix::unistd::geteuid().is_root()
}

/// The user's suite holds against each of its parts, goes on, and lets no other user in.
fn assert_holds(suite: &Suite, profile: &Path, parts: &[&str], own_root: bool) {
    let world = World::new(suite, profile);
    let before = suite.pids();
    for part in parts {
        assert_contained(&world, part, before[*part], own_root);
    }
    world.assert_untouched();
    assert_eq!(suite.pids(), before, "nobody ended");
    assert_reaches_nobody(profile, &before);
    // No neighbour is stuck: each answers what a person asks.
    let status = suite.status();
    assert!(status["network"].is_object() && status["queues"].is_object() || parts == ["ui"], "{status}");
    let _ = suite.ask(&["audit"]).ok();
}

#[test]
fn a_part_of_an_ordinary_users_suite_reaches_nothing_that_is_not_its_own() {
    if may_look() {
        let person = Person::start("walls", &[], Some(VICTIM));
        assert_holds(&person.suite, person.dir.path(), &PARTS, true);
    }
}

#[test]
fn without_user_namespaces_it_reaches_nothing_either() {
    if !may_look() {
        return;
    }
    let dir = folder(Some(VICTIM));
    let mut command = Command::new("unshare");
    // The sysctl counts for the new user namespace alone.
    let script = "echo 0 > /proc/sys/user/max_user_namespaces && exec \"$0\" \"$@\"";
    command.args(["--user", "--map-root-user", "sh", "-c", script]).arg(binaries().join("privatus"));
    command.args(["run", "--headless", "--network", "walls", "--passphrase-fd", "0", "--profile"]);
    command.arg(dir.path()).env_remove("XDG_RUNTIME_DIR");
    command.uid(VICTIM).gid(VICTIM);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let suite = Suite::spawn(dir.path(), command, PASSPHRASE, Some(VICTIM));
    assert_eq!(suite.line(), "ready", "{}", suite.said());
    assert_holds(&suite, dir.path(), &PARTS, false);
}

/// What this thread may no longer do, all that it starts may not; the others still look into processes.
#[test]
fn on_a_kernel_of_2022_it_reaches_nothing_either() {
    if !may_look() {
        return;
    }
    let (started, person) = channel();
    let (done, wait) = channel::<()>();
    let older = std::thread::spawn(move || {
        sandbox::simulate::older_kernel().unwrap();
        started.send(Person::start("walls", &[], Some(VICTIM))).unwrap();
        let _ = wait.recv();
    });
    let person = person.recv().unwrap();
    assert_holds(&person.suite, person.dir.path(), &PARTS, true);
    drop((person, done));
    older.join().unwrap();
}

#[test]
fn a_window_reaches_nothing_that_is_not_its_own() {
    if !may_look() {
        return;
    }
    let (display, dir) = (XServer::start(&[]), tempfile::tempdir().unwrap());
    let suite = window(dir.path(), &[("DISPLAY", display.name.clone().into())]);
    until("the window is sealed", || suite.pids().contains_key("ui").then_some(()));
    assert_holds(&suite, dir.path(), &["ui"], true);
}

/// The second user by himself, beside a running suite.
#[test]
fn another_user_neither_reads_a_profile_nor_talks_to_its_suite() {
    if may_look() {
        let person = Person::start("walls", &[], Some(VICTIM));
        assert_reaches_nobody(person.dir.path(), &person.suite.pids());
        let asked = privatus_tests::ask(person.dir.path(), &["status"], "", Some(MALLORY));
        assert!(asked.code != 0 && asked.out.is_empty(), "{asked:?}");
    }
}
