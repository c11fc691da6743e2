//! Every process of a running suite is confined, whoever starts it and whatever the system offers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use privatus_tests::{Person, Relay, Suite, binaries, children_of, task_statuses, until};
use sandbox::Outside;
use sandbox::profiles;
use sandbox::resource::Resource;
use serde_json::Value;

/// A user that owns nothing.
const NOBODY: u32 = 45_678;

const CHILDREN: [&str; 5] = ["keyvault", "mediad", "netd", "onion", "stored"];

fn audit(suite: &Suite) -> BTreeMap<String, Value> {
    let rows = suite.ask(&["audit", "--json"]).ok().rows();
    rows.into_iter().map(|row| (row["name"].as_str().unwrap().to_string(), row)).collect()
}

/// By the kernel's word, thread by thread, and by what `audit` says.
fn assert_confined(suite: &Suite, names: &[&str]) {
    assert_confined_in(suite, names, namespaces_work());
}

/// As [`assert_confined`], with or without `namespaces`.
fn assert_confined_in(suite: &Suite, names: &[&str], namespaces: bool) {
    let rows = audit(suite);
    let pids = suite.pids();
    for name in names {
        let pid = pids[*name];
        for status in task_statuses(pid) {
            assert_eq!((status.seccomp, status.no_new_privs), (2, true), "{name}");
            let capabilities = status.effective | status.permitted | status.inheritable | status.ambient;
            assert_eq!(capabilities, 0, "{name}");
        }
        let row = &rows[*name];
        assert_eq!(row["weaker"], Value::Array(vec![]), "{row}");
        assert_eq!(row["inet_allowed"], *name == "netd", "{row}");
        assert!(row["landlock_abi"].as_u64().unwrap() > 0, "{row}");
    }
    for status in task_statuses(pids["supervisor"]) {
        assert_eq!((status.seccomp, status.no_new_privs), (2, true), "supervisor");
    }
    for name in names {
        assert_as_seen_from_outside(&rows[*name], name, pids[*name], namespaces);
    }
    let mut alive = children_of(pids["supervisor"]);
    let mut listed: Vec<u32> = names.iter().map(|name| pids[*name]).collect();
    alive.sort_unstable();
    listed.sort_unstable();
    assert_eq!(alive, listed, "no process but those of the topology");
}

/// By what the kernel shows of a process to anybody.
fn assert_as_seen_from_outside(row: &Value, name: &str, pid: u32, namespaces: bool) {
    let wanted: &[&str] = match name {
        _ if !namespaces => &[],
        "netd" => &["user", "mount", "ipc", "uts"],
        _ => &["user", "mount", "ipc", "uts", "network"],
    };
    assert_eq!(row["namespaces"], serde_json::json!(wanted), "{name}");
    let outside = Outside::look(pid).unwrap();
    let rows = profiles::by_name(name).unwrap().limits();
    for limit in rows.filter(|limit| limit.resource != Resource::Tasks || namespaces) {
        let hard = outside.hard(limit.resource);
        assert!(hard.is_some_and(|hard| hard <= limit.most), "{name}: {limit:?}: {hard:?}");
    }
    if namespaces {
        let mounts = std::fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap();
        let seen: Vec<_> = mounts.lines().map(|line| line.split(' ').nth(4).unwrap()).collect();
        let folders = usize::from(name == "stored");
        assert_eq!((seen[0], seen.len()), ("/", 1 + folders), "{name}: {mounts}");
    }
}

/// Whether this system has namespaces, by a program that tries.
fn namespaces_work() -> bool {
    Command::new("unshare").args(["--user", "--mount", "true"]).status().is_ok_and(|status| status.success())
}

#[test]
fn a_persons_suite_is_confined() {
    let person = Person::start("walls", &[], None);
    assert_confined(&person.suite, &CHILDREN);
}

#[test]
fn a_relay_is_confined() {
    let relay = Relay::start("walls", &[], None);
    assert_confined(&relay.suite, &["netd", "onion", "stored"]);
}

#[test]
fn an_ordinary_users_suite_is_confined() {
    if !nix::unistd::geteuid().is_root() {
        // Then every other test of this file says it.
        return;
    }
    let person = Person::start("walls", &[], Some(NOBODY));
    assert_confined(&person.suite, &CHILDREN);
    let supervisor = person.suite.pids()["supervisor"];
    assert!(task_statuses(supervisor).iter().all(|status| status.uid == NOBODY && status.effective == 0));
}

#[test]
fn a_suite_that_root_starts_in_a_users_folder_becomes_that_user() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (uid, gid) = (nix::unistd::Uid::from_raw(NOBODY), nix::unistd::Gid::from_raw(NOBODY));
    nix::unistd::chown(dir.path(), Some(uid), Some(gid)).unwrap();
    let folder = dir.path().to_str().unwrap();
    let arguments = ["run", "--headless", "--profile", folder, "--network", "walls", "--passphrase-fd", "0"];
    let suite = Suite::start(dir.path(), &arguments, "passphrase of root\n", None);
    assert_eq!(suite.line(), "ready");
    assert_confined(&suite, &CHILDREN);
    assert!(task_statuses(suite.pids()["supervisor"]).iter().all(|status| status.uid == NOBODY));
}

#[test]
fn without_user_namespaces_every_required_wall_stands() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new("unshare");
    // The sysctl counts for the new user namespace alone.
    let script = "echo 0 > /proc/sys/user/max_user_namespaces && exec \"$0\" \"$@\"";
    command
        .args(["--user", "--map-root-user", "sh", "-c", script])
        .arg(binaries().join("privatus"))
        .args(["run", "--headless", "--network", "walls", "--passphrase-fd", "0", "--profile"])
        .arg(dir.path())
        .env_remove("XDG_RUNTIME_DIR")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let suite = Suite::spawn(dir.path(), command, "a passphrase\n", None);
    assert_eq!(suite.line(), "ready");
    assert_confined_in(&suite, &CHILDREN, false);
    for name in CHILDREN {
        let row = audit(&suite).remove(name).unwrap();
        assert_eq!(row["namespaces"], Value::Array(vec![]), "{row}");
        assert!(row["notes"].as_array().unwrap().contains(&"no namespaces".into()), "{row}");
    }
}

#[test]
fn without_landlock_namespaces_are_enough_and_it_is_noted() {
    if !namespaces_work() {
        return;
    }
    // Inherited by what this thread starts, and by that alone.
    sandbox::simulate::no_landlock().unwrap();
    let mut person = Person::start("walls", &[], None);
    let rows = audit(&person.suite);
    for name in CHILDREN {
        assert_eq!(rows[name]["weaker"], Value::Array(vec![]), "{name}");
        assert!(rows[name]["notes"].as_array().unwrap().contains(&"no Landlock".into()), "{name}");
    }
    assert_eq!(person.suite.stop(), 0);
    let said = person.suite.end().1;
    assert_eq!(said.lines().filter(|line| line.contains("no Landlock")).count(), 1, "{said}");
}

#[test]
fn without_landlock_and_namespaces_nothing_starts_unless_one_insists() {
    sandbox::simulate::no_landlock().unwrap();
    sandbox::simulate::no_mounts().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().to_str().unwrap();
    let run = ["run", "--headless", "--profile", folder, "--network", "walls", "--passphrase-fd", "0"];
    let mut refused = Suite::start(dir.path(), &run, "a passphrase\n", None);
    let (code, said) = refused.end();
    let lines: Vec<_> = said.lines().filter(|line| line.contains("--without-walls")).collect();
    assert_eq!((code, lines.len()), (1, 1), "{said}");
    assert!(!dir.path().join("vault").exists(), "nothing was started");

    let mut suite =
        Suite::start(dir.path(), &[&run[..], &["--without-walls"]].concat(), "a passphrase\n", None);
    assert_eq!(suite.line(), "ready", "{}", suite.said());
    let audit = suite.ask(&["audit"]);
    assert_eq!((audit.code, audit.err.lines().count()), (1, 1), "{audit:?}");
    assert!(audit.err.contains("stored") && audit.err.contains("landlock"), "{audit:?}");
    let warnings = suite.status()["warnings"].clone();
    assert!(warnings[0].as_str().unwrap().contains("--without-walls"), "{warnings}");
    assert_eq!(suite.stop(), 0);
    let said = suite.end().1;
    assert_eq!(said.lines().filter(|line| line.contains("without walls")).count(), 1, "{said}");
}

#[test]
fn on_a_kernel_of_2022_a_suite_runs_and_audit_finds_no_required_wall_missing() {
    sandbox::simulate::older_kernel().unwrap();
    let person = Person::start("walls", &[], None);
    assert_confined(&person.suite, &CHILDREN);
    let row = audit(&person.suite).remove("stored").unwrap();
    assert_eq!(row["landlock_abi"], 2, "{row}");
    assert!(row["notes"].as_array().unwrap().contains(&"older Landlock".into()), "{row}");
}

#[test]
fn on_a_kernel_that_is_too_old_the_version_is_told_that_is_needed() {
    for call in [libc::SYS_close_range, libc::SYS_pidfd_open] {
        // A thread of its own: what it lacks is lacking in what it starts, and nowhere else.
        let starts = std::thread::spawn(move || {
            sandbox::simulate::without(call).unwrap();
            let dir = tempfile::tempdir().unwrap();
            let folder = dir.path().to_str().unwrap();
            let run =
                ["run", "--headless", "--profile", folder, "--network", "walls", "--passphrase-fd", "0"];
            Suite::start(dir.path(), &run, "a passphrase\n", None).end()
        });
        let (code, said) = starts.join().unwrap();
        assert_eq!(code, 1, "{call}: {said}");
        assert!(said.contains("Linux 5.9") && said.contains("close_range"), "{call}: {said}");
    }
}

#[test]
fn an_ordinary_user_audits_seven_processes_in_a_tenth_of_a_second() {
    let person = Person::start("walls", &[], nix::unistd::geteuid().is_root().then_some(NOBODY));
    let fastest = (0..10).map(|_| {
        let before = privatus_tests::now();
        let _ = person.suite.ask(&["audit"]).ok();
        before.elapsed()
    });
    // Of ten: a busy machine takes the others' time.
    let fastest = fastest.min().unwrap();
    assert!(fastest < std::time::Duration::from_millis(100), "{fastest:?}");
}

#[test]
fn only_netd_holds_an_internet_socket() {
    let relay = Relay::start("walls", &[], None);
    let person = Person::start("walls", std::slice::from_ref(&relay.address), None);
    for suite in [&relay.suite, &person.suite] {
        let pids = suite.pids();
        until("netd has its socket", || holds_internet_socket(pids["netd"]).then_some(()));
        for (name, pid) in pids.iter().filter(|(name, _)| *name != "netd") {
            assert!(!holds_internet_socket(*pid), "{name}");
        }
    }
}

/// Whether one of its descriptors is a socket that /proc/net lists as UDP or TCP. As root, who may look.
fn holds_internet_socket(pid: u32) -> bool {
    let mut inodes = Vec::new();
    for table in ["udp", "udp6", "tcp", "tcp6"] {
        // A process in a network namespace of its own has tables of its own.
        let text = std::fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
        inodes.extend(
            text.lines().skip(1).filter_map(|line| line.split_whitespace().nth(9).map(str::to_string)),
        );
    }
    let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("root may look");
    let links = descriptors.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    let sockets = links
        .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_string()));
    sockets.into_iter().any(|inode| inodes.contains(&inode))
}
