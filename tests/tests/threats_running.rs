//! The filters of running processes, taken from the kernel as root: they are their tables, instruction by instruction, and a
//! process that is made to try what it may not ends in SIGSYS.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use privatus_tests::{Person, Relay, Suite, built_for, until};
use sandbox::inspect::{Held, Tried, differences};
use sandbox::profiles;

/// Only root may look at another process's filters.
fn may_look() -> bool {
    nix::unistd::geteuid().is_root()
}

fn assert_carries_its_tables(suite: &Suite, names: &[&str]) {
    let pids = suite.pids();
    for name in names {
        let profile = profiles::by_name(name).unwrap();
        assert_eq!(differences(pids[*name], profile, built_for()).unwrap(), [], "{name}");
    }
}

#[test]
fn every_running_process_carries_exactly_its_tables() {
    if !may_look() {
        return;
    }
    let person = Person::start("walls", &[], None);
    assert_carries_its_tables(
        &person.suite,
        &["supervisor", "keyvault", "netd", "onion", "stored", "mediad"],
    );
    let relay = Relay::start("walls", &[], None);
    assert_carries_its_tables(&relay.suite, &["supervisor", "netd", "onion", "stored"]);
}

/// Fewer than the deaths in a row after which the supervisor gives a part up.
const FORBIDDEN: [(&str, i64, [u64; 6]); 6] = [
    ("socket(AF_PACKET)", libc::SYS_socket, [libc::AF_PACKET as u64, libc::SOCK_RAW as u64, 0, 0, 0, 0]),
    ("execve", libc::SYS_execve, [0; 6]),
    ("ptrace", libc::SYS_ptrace, [0; 6]),
    ("mount", libc::SYS_mount, [0; 6]),
    ("kill", libc::SYS_kill, [1, 0, 0, 0, 0, 0]),
    ("a process by clone", libc::SYS_clone, [libc::SIGCHLD as u64, 0, 0, 0, 0, 0]),
];

/// Makes a process try a call once it is sealed: before that it still mounts and maps.
fn try_in(pid: u32, name: &str, number: i64, args: [u64; 6]) -> Tried {
    let profile = profiles::by_name(name).unwrap();
    until("it is sealed", || differences(pid, profile, built_for()).ok().filter(Vec::is_empty));
    // A process that computes just now is in no system call that could be turned into another.
    until("it waits", || Held::new(pid).and_then(|held| held.try_call(number, args)).ok())
}

/// Makes the process try each forbidden call, one life after the other.
fn assert_dies_of_each(suite: &Suite, name: &str) {
    let mut pid = suite.pids()[name];
    for (what, number, args) in FORBIDDEN {
        let tried = try_in(pid, name, number, args);
        assert_eq!(tried, Tried::Died(libc::SIGSYS), "{name}: {what}");
        pid = suite.wait_restarted(name, pid);
    }
}

#[test]
fn a_relays_processes_die_of_what_they_may_not() {
    if may_look() {
        let relay = Relay::start("walls", &[], None);
        ["netd", "onion", "stored"].into_iter().for_each(|name| assert_dies_of_each(&relay.suite, name));
    }
}

#[test]
fn a_persons_processes_die_of_what_they_may_not() {
    if may_look() {
        let person = Person::start("walls", &[], None);
        ["mediad", "keyvault"].into_iter().for_each(|name| assert_dies_of_each(&person.suite, name));
    }
}

/// What would reach a neighbour or a file that was not given: fewer than would have a part given up.
const BEYOND: [(&str, i64, [u64; 6]); 3] = [
    ("socket(AF_UNIX)", libc::SYS_socket, [libc::AF_UNIX as u64, libc::SOCK_STREAM as u64, 0, 0, 0, 0]),
    ("chmod", libc::SYS_chmod, [0, 0o4755, 0, 0, 0, 0]),
    ("a signal to another process", libc::SYS_tgkill, [1, 1, 9, 0, 0, 0]),
];

#[test]
fn no_running_process_signals_a_neighbour_changes_modes_or_makes_a_socket_to_connect_to_paths() {
    if !may_look() {
        return;
    }
    let person = Person::start("walls", &[], None);
    for name in ["mediad", "netd", "onion", "stored", "keyvault"] {
        let mut pid = person.suite.pids()[name];
        for (what, number, args) in BEYOND {
            assert_eq!(try_in(pid, name, number, args), Tried::Died(libc::SIGSYS), "{name}: {what}");
            pid = person.suite.wait_restarted(name, pid);
        }
    }
}

#[test]
fn the_running_stored_looks_at_and_opens_no_file_outside_its_folder() {
    if !may_look() {
        return;
    }
    let person = Person::start("walls", &[], None);
    let pid = person.suite.pids()["stored"];
    until("it is sealed", || differences(pid, &profiles::STORED, built_for()).ok().filter(Vec::is_empty));
    let here = u64::from(libc::AT_FDCWD.cast_unsigned());
    for number in [libc::SYS_newfstatat, libc::SYS_openat] {
        for path in [c"/etc/passwd", c"/proc/self/status", c"/tmp", c"/usr"] {
            let tried = until("it waits", || {
                let held = Held::new(pid).ok()?;
                let at = held.put(path.to_bytes_with_nul()).ok()?;
                let args = if number == libc::SYS_openat {
                    [here, at, 0, 0, 0, 0]
                } else {
                    [here, at, at + 1024, 0, 0, 0]
                };
                held.try_call(number, args).ok()
            });
            // The folders above its own stand in its root, empty, and Landlock lists none of them.
            let seen = matches!(tried, Tried::Returned(_) | Tried::Failed(libc::EACCES));
            let bare = seen && path == c"/tmp";
            assert!(bare || tried == Tried::Failed(libc::ENOENT), "{number} {path:?}: {tried:?}");
        }
    }
}

#[test]
fn of_the_running_processes_only_netd_gets_an_internet_socket() {
    if !may_look() {
        return;
    }
    for family in [libc::AF_INET, libc::AF_INET6] {
        let person = Person::start("walls", &[], None);
        let pids = person.suite.pids();
        let args = [u64::from(family.unsigned_abs()), libc::SOCK_DGRAM as u64, 0, 0, 0, 0];
        // netd first: what the others' deaths set off is not asked about here.
        for name in ["netd", "mediad", "onion", "stored", "keyvault"] {
            let tried = try_in(pids[name], name, libc::SYS_socket, args);
            match name {
                "netd" => assert!(matches!(tried, Tried::Returned(_)), "{tried:?}"),
                _ => assert_eq!(tried, Tried::Died(libc::SIGSYS), "{name}"),
            }
        }
    }
}
