//! A child for the supervisor's tests: really confined under the profile of its name, holds what it is granted, and does what it
//! is told.
//!
//! A passphrase that is one digit, or a network that is called like `netd5`, is its exit status before its start is complete, and one
//! called like `netd+5` its exit status right after; 9 is a death by a signal. One byte on an outside connection or, to netd, on its
//! edge: a digit as above; `e` asks which edges it holds, `f` which files, `s` has it say more than anybody reads, `c` asks how many
//! bytes of that were taken, `r` makes it send descriptors wherever it can, `n` has onion give that order to netd.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

use ipc_schema::child::{Child, Exit, GrantedEdge, run};
use ipc_schema::ends::EdgeEnds;
use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};

/// Bytes of the flood that stderr took.
static TAKEN: AtomicU64 = AtomicU64::new(0);

fn main() -> ExitCode {
    let name = std::env::args().next().unwrap_or_default();
    match sandbox::profiles::by_name(&name) {
        Some(profile) => run(profile, |child| serve(name, child)),
        None => ExitCode::FAILURE,
    }
}

/// Both pipes of an edge.
struct Edge {
    name: String,
    read: OwnedFd,
    write: OwnedFd,
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
    let mut edges: Vec<Edge> = Vec::new();
    eprintln!("serving\x1b[2J");
    loop {
        match child.next_edge().await {
            Ok(Some(GrantedEdge { ends: EdgeEnds::Pipes { read, write }, name, caller })) => {
                if name == "onion-netd" && !caller {
                    tokio::task::spawn_local(obey_onion(read, write));
                } else {
                    // As every part does: an edge goes with its neighbour, or the descriptors run out.
                    edges.retain(still_there);
                    edges.push(Edge { name, read, write });
                }
            }
            Ok(Some(GrantedEdge { ends: EdgeEnds::Connection(connection), .. })) => {
                let mut peer = UnixStream::from(connection.into_socket());
                let mut order = [0];
                if peer.read_exact(&mut order).is_err() {
                    continue;
                }
                if let Some(exit) = exit(&order) {
                    return exit;
                }
                let [order] = order;
                let _ = peer.write_all(answer(order, &child, &mut edges).await.as_bytes());
            }
            // Nothing else is ever granted.
            Ok(Some(_)) => {}
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

fn still_there(edge: &Edge) -> bool {
    !matches!(rustix::io::read(&edge.read, &mut [0; 1]), Ok(0))
}

async fn answer(order: u8, child: &Child, edges: &mut Vec<Edge>) -> String {
    match order {
        b'e' => {
            edges.retain(still_there);
            edges.iter().map(|edge| edge.name.as_str()).collect::<Vec<_>>().join(" ")
        }
        b'f' => child.files.keys().map(String::as_str).collect::<Vec<_>>().join(" "),
        b'c' => TAKEN.load(Ordering::Relaxed).to_string(),
        b's' => {
            std::thread::spawn(flood);
            String::new()
        }
        b'r' => {
            let ends = edges.iter().flat_map(|edge| [edge.read.as_raw_fd(), edge.write.as_raw_fd()]);
            send_riders(ends.collect())
        }
        b'n' => match edges.iter().position(|edge| edge.name == "onion-netd") {
            Some(at) => ask_netd(edges.remove(at)).await.unwrap_or_else(|error| error.to_string()),
            None => "no netd".into(),
        },
        // Not a test's: hung up on.
        _ => String::new(),
    }
}

fn flood() {
    let line = "nobody wants to read this\n".repeat(100);
    while let Ok(taken @ 1..) = std::io::stderr().write(line.as_bytes()) {
        TAKEN.fetch_add(taken as u64, Ordering::Relaxed);
    }
}

/// Has netd send its riders, and gives its answer.
async fn ask_netd(edge: Edge) -> std::io::Result<String> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut read = tokio::net::unix::pipe::Receiver::from_owned_fd_unchecked(edge.read)?;
    let mut write = tokio::net::unix::pipe::Sender::from_owned_fd_unchecked(edge.write)?;
    write.write_all(b"r").await?;
    let mut answer = String::new();
    read.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// netd has no other door.
async fn obey_onion(read: OwnedFd, write: OwnedFd) -> std::io::Result<()> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let ends = vec![read.as_raw_fd(), write.as_raw_fd()];
    let mut read = tokio::net::unix::pipe::Receiver::from_owned_fd_unchecked(read)?;
    let mut write = tokio::net::unix::pipe::Sender::from_owned_fd_unchecked(write)?;
    if read.read_u8().await? == b'r' {
        write.write_all(send_riders(ends).as_bytes()).await?;
    }
    Ok(())
}

/// A hundred messages with 200 descriptors on the control socket and on each end of an edge: how many went, and the errors.
fn send_riders(ends: Vec<RawFd>) -> String {
    let riders = [2; 200];
    let messages = [ControlMessage::ScmRights(&riders)];
    let iov = [std::io::IoSlice::new(b"x")];
    let control = sandbox::spawn::CONTROL_FD;
    let (mut sent, mut errors) = (0, Vec::new());
    for fd in ends.into_iter().chain([control]) {
        for _ in 0..100 {
            match sendmsg::<()>(fd, &iov, &messages, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL, None) {
                Ok(_) => sent += 1,
                Err(error) if errors.contains(&error) => {}
                Err(error) => errors.push(error),
            }
        }
    }
    let errors: Vec<String> = errors.iter().map(|error: &Errno| format!("{error:?}")).collect();
    format!("sent {sent}, {}", errors.join(" "))
}
