//! No descriptor crosses an edge of a running suite, and the doors for local programs take bytes alone, and not too many at a time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::io::{IoSlice, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use ipc_schema::limits::OUTSIDE_CONNECTIONS_MAX;
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg, setsockopt, sockopt};
use nix::unistd::Pid;
use privatus_tests::{Person, Relay, Suite, until};
use serde_json::Value;

const DOORS: [(&str, &str); 3] =
    [("unlock.sock", "keyvault"), ("messenger.sock", "stored"), ("operator.sock", "onion")];

/// What a local program holds that does nothing but connect: more than any part may have open.
const IDLE_CONNECTIONS: usize = 400;

fn knock(person: &Person, door: &str) -> UnixStream {
    UnixStream::connect(person.dir.path().join("run").join(door)).unwrap()
}

/// A process's descriptors and what they are. Only root may look.
fn descriptors(pid: u32) -> Vec<(RawFd, String)> {
    let all = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("root may look");
    let number = |path: &Path| path.file_name()?.to_str()?.parse().ok();
    let described = all.filter_map(|entry| {
        let path = entry.ok()?.path();
        Some((number(&path)?, std::fs::read_link(&path).ok()?.to_str()?.to_string()))
    });
    described.collect()
}

/// Those of them that are Unix sockets, in whatever network namespace they were made.
fn unix_sockets(pid: u32) -> Vec<RawFd> {
    let tables = ["/proc/self/net/unix".to_string(), format!("/proc/{pid}/net/unix")];
    let tables = tables.map(|table| std::fs::read_to_string(table).unwrap_or_default());
    let is_unix = |inode: &str| {
        let mut lines = tables.iter().flat_map(|table| table.lines());
        lines.any(|line| line.split_whitespace().nth(6) == Some(inode))
    };
    let inode = |link: &str| Some(link.strip_prefix("socket:[")?.strip_suffix(']')?.to_string());
    let sockets = descriptors(pid).into_iter().filter(|(_, link)| inode(link).is_some_and(|i| is_unix(&i)));
    sockets.map(|(fd, _)| fd).collect()
}

fn assert_edges_are_pipes(suite: &Suite, names: &[&str]) {
    let pids = suite.pids();
    for name in names {
        // The connection of `status` may be there a moment longer.
        let what = format!("{name} holds no socket but its control socket");
        until(&what, || (unix_sockets(pids[*name]) == [sandbox::spawn::CONTROL_FD]).then_some(()));
    }
}

#[test]
fn between_running_parts_there_are_only_pipes() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let relay = Relay::start("walls", &[], None);
    assert_edges_are_pipes(&relay.suite, &["netd", "onion", "stored"]);
    let person = Person::start("walls", &[], None);
    assert_edges_are_pipes(&person.suite, &["keyvault", "netd", "onion", "stored", "mediad"]);
}

/// One byte with a descriptor.
fn send_with(connection: &UnixStream, rider: RawFd) -> Result<usize, Errno> {
    let riders = [rider];
    let messages = [ControlMessage::ScmRights(&riders)];
    sendmsg::<()>(connection.as_raw_fd(), &[IoSlice::new(b"x")], &messages, MsgFlags::MSG_NOSIGNAL, None)
}

fn refuses_riders() -> bool {
    sandbox::refuse_riders(UnixStream::pair().unwrap().0.as_fd()).unwrap()
}

/// A TCP socket with bytes that nobody reads, whose last holder waits an hour in `close`; and who does not read.
fn lingering() -> (TcpStream, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    stream.set_nonblocking(true).unwrap();
    while stream.write(&[0; 1 << 16]).is_ok() {}
    let linger = nix::libc::linger { l_onoff: 1, l_linger: 3600 };
    setsockopt(&stream, sockopt::Linger, &linger).unwrap();
    (stream, listener)
}

#[test]
fn no_door_takes_a_descriptor_and_none_freezes_behind_one() {
    let person = Person::start("walls", &[], None);
    let pids = person.suite.pids();
    for (door, name) in DOORS {
        let connection = knock(&person, door);
        if refuses_riders() {
            assert_eq!(send_with(&connection, 2), Err(Errno::EPERM), "{name}");
            let (stream, _unread) = lingering();
            assert_eq!(send_with(&connection, stream.as_raw_fd()), Err(Errno::EPERM), "{name}");
            // Ours is the last holder: it must not wait here either.
            setsockopt(&stream, sockopt::Linger, &nix::libc::linger { l_onoff: 0, l_linger: 0 }).unwrap();
        } else {
            // An older kernel lets it go on its way; what the callee reads without asking for it is closed by the kernel.
            send_with(&connection, std::io::stderr().as_raw_fd()).unwrap();
        }
    }
    let status = person.suite.status();
    assert_eq!(status["locked"], false, "{status}");
    assert!(status["network"].is_object() && status["queues"].is_object(), "{status}");
    assert_eq!(person.suite.pids(), pids);
}

fn restarts(status: &Value) -> u64 {
    status["processes"].as_array().unwrap().iter().filter_map(|row| row["restarts"].as_u64()).sum()
}

#[test]
fn four_hundred_idle_connections_to_each_door_end_no_part_and_keep_no_owner_out() {
    let person = Person::start("walls", &[], None);
    let held: Vec<UnixStream> = DOORS
        .iter()
        .flat_map(|(door, _)| (0..IDLE_CONNECTIONS).map(|_| knock(&person, door)).collect::<Vec<_>>())
        .collect();
    let status = person.suite.status();
    assert_eq!((status["locked"].as_bool(), restarts(&status)), (Some(false), 0), "{status}");
    assert!(status["network"].is_object() && status["queues"].is_object(), "{status}");
    if nix::unistd::geteuid().is_root() {
        let pids = person.suite.pids();
        for (_, name) in DOORS {
            let what = format!("{name} holds no more connections than it may");
            until(&what, || (unix_sockets(pids[name]).len() <= 1 + OUTSIDE_CONNECTIONS_MAX).then_some(()));
        }
    }
    let _ = person.suite.ask(&["lock"]).ok();
    person.unlock();
    person.wait_unlocked();
    drop(held);
}

/// A part that does not look at its control socket for a moment has its hands full of connections: what its neighbour's restart
/// brings it waits, and it is not ended for what strangers did.
#[test]
fn a_part_with_its_hands_full_of_connections_outlives_its_neighbours_restart() {
    let person = Person::start("walls", &[], None);
    let before = person.suite.pids();
    let pid = |name: &str| Pid::from_raw(before[name].cast_signed());
    kill(pid("stored"), Signal::SIGSTOP).unwrap();
    let held: Vec<_> = (0..IDLE_CONNECTIONS / 10).map(|_| knock(&person, "messenger.sock")).collect();
    kill(pid("onion"), Signal::SIGKILL).unwrap();
    let state = || std::fs::read_to_string(person.dir.path().join("run/state.json")).unwrap();
    until("onion is started again", || {
        let state: Value = serde_json::from_str(&state()).ok()?;
        let onion = state["processes"].as_array()?.iter().find(|row| row["name"] == "onion")?;
        onion["pid"].as_u64().filter(|pid| *pid != u64::from(before["onion"]))
    });
    kill(pid("stored"), Signal::SIGCONT).unwrap();
    until("both answer", || {
        let status = person.suite.status();
        (status["network"].is_object() && status["queues"].is_object()).then_some(())
    });
    let after = person.suite.pids();
    assert_eq!(after["stored"], before["stored"], "{}", person.suite.said());
    assert_ne!(after["onion"], before["onion"]);
    drop(held);
}
