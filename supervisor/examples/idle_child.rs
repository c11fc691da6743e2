//! A child for the supervisor's tests: really confined under the profile of its name, holds what it is granted, and does what it
//! is told.
//!
//! A passphrase that is one digit, or a network that is called like `netd5`, is its exit status before its start is complete, and one
//! called like `netd+5` its exit status right after; 9 is a death by a signal. One byte on an outside connection: a digit as above;
//! `e` asks which edges it holds, `f` which files, `s` has it say more than anybody reads, `c` asks how many bytes of that were taken.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

use ipc_schema::child::{Child, Exit, run};

/// Bytes of the flood that stderr took.
static TAKEN: AtomicU64 = AtomicU64::new(0);

fn main() -> ExitCode {
    let name = std::env::args().next().unwrap_or_default();
    match sandbox::profiles::by_name(&name) {
        Some(profile) => run(profile, |child| serve(name, child)),
        None => ExitCode::FAILURE,
    }
}

async fn serve(name: String, mut child: Child) -> Exit {
    let network = child.settings.network_name.clone();
    let told = |when: &str| exit(network.strip_prefix(&format!("{name}{when}"))?.as_bytes());
    if let Some(exit) = told("").or_else(|| passphrase(&child.files)) {
        return exit;
    }
    child.started();
    if let Some(exit) = told("+") {
        return exit;
    }
    let mut edges = Vec::new();
    eprintln!("serving\x1b[2J");
    loop {
        match child.next_edge().await {
            Ok(Some(edge)) if edge.outside => {
                let mut order = [0];
                let mut peer = UnixStream::from(edge.socket);
                if peer.read_exact(&mut order).is_err() {
                    continue;
                }
                if let Some(exit) = exit(&order) {
                    return exit;
                }
                edges.retain(|(_, socket)| !hung_up(socket));
                let answer = match order[0] {
                    b'e' => edges
                        .iter()
                        .map(|(name, _): &(String, _)| name.as_str())
                        .collect::<Vec<_>>()
                        .join(" "),
                    b'f' => child.files.keys().map(String::as_str).collect::<Vec<_>>().join(" "),
                    b'c' => TAKEN.load(Ordering::Relaxed).to_string(),
                    b's' => {
                        std::thread::spawn(flood);
                        String::new()
                    }
                    // Not a test's: hung up on.
                    _ => continue,
                };
                let _ = peer.write_all(answer.as_bytes());
            }
            Ok(Some(edge)) => edges.push((edge.name, UnixStream::from(edge.socket))),
            Ok(None) => return Exit::Done,
            Err(_) => return Exit::Fault,
        }
    }
}

/// The end that a digit stands for.
fn exit(digit: &[u8]) -> Option<Exit> {
    match digit {
        b"9" => std::process::abort(),
        [digit] => Exit::of(i32::from(*digit) - i32::from(b'0')),
        _ => None,
    }
}

fn passphrase(files: &BTreeMap<String, OwnedFd>) -> Option<Exit> {
    let mut line = [0; 2];
    let file = files.get("passphrase")?.try_clone().ok()?;
    std::fs::File::from(file).read_exact(&mut line).ok()?;
    if line[1] == b'\n' { exit(&line[..1]) } else { None }
}

fn flood() {
    let line = "nobody wants to read this\n".repeat(100);
    while let Ok(taken @ 1..) = std::io::stderr().write(line.as_bytes()) {
        TAKEN.fetch_add(taken as u64, Ordering::Relaxed);
    }
}

/// The other side of the edge ended.
fn hung_up(socket: &UnixStream) -> bool {
    let _ = socket.set_nonblocking(true);
    matches!((&*socket).read(&mut [0]), Ok(0))
}
