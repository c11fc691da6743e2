//! A child for the supervisor's tests: really confined under the profile of its name, holds what it is granted, and does
//! what one byte says, on an outside connection or, to netd, on its edge: a digit is its exit status, `e` asks how many edges
//! it holds, `r` makes it send descriptors wherever it can, `n` has onion give that order to netd.

use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::process::ExitCode;

use ipc_schema::child::{Child, Exit, GrantedEdge, run};
use ipc_schema::ends::EdgeEnds;
use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};

fn main() -> ExitCode {
    let name = std::env::args().next().unwrap_or_default();
    match sandbox::profiles::by_name(&name) {
        Some(profile) => run(profile, serve),
        None => ExitCode::FAILURE,
    }
}

/// Both pipes of an edge.
struct Edge {
    name: String,
    read: OwnedFd,
    write: OwnedFd,
}

async fn serve(mut child: Child) -> Exit {
    drop(child.files.remove("settled"));
    let mut edges: Vec<Edge> = Vec::new();
    eprintln!("serving\x1b[2J");
    loop {
        match child.next_edge().await {
            Ok(Some(GrantedEdge { ends: EdgeEnds::Pipes { read, write }, name, caller })) => {
                if name == "onion-netd" && !caller {
                    tokio::task::spawn_local(obey_onion(read, write));
                } else {
                    edges.push(Edge { name, read, write });
                }
            }
            Ok(Some(GrantedEdge { ends: EdgeEnds::Connection(connection), .. })) => {
                let mut peer = std::os::unix::net::UnixStream::from(connection.into_socket());
                let mut order = [0];
                if peer.read_exact(&mut order).is_err() {
                    continue;
                }
                let [order] = order;
                if let Some(exit) = exit(order) {
                    return exit;
                }
                let _ = peer.write_all(answer(order, &child, &mut edges).await.as_bytes());
            }
            Ok(None) => return Exit::Done,
            Err(_) => return Exit::Fault,
        }
    }
}

fn exit(order: u8) -> Option<Exit> {
    Some(match order {
        b'0' => Exit::Done,
        b'1' => Exit::Fault,
        b'2' => Exit::Lock,
        b'3' => Exit::WrongPassphrase,
        b'4' => Exit::VaultUnreadable,
        b'5' => Exit::Setting,
        _ => return None,
    })
}

async fn answer(order: u8, child: &Child, edges: &mut Vec<Edge>) -> String {
    match order {
        b'e' => {
            edges.retain(|edge| !matches!(rustix::io::read(&edge.read, &mut [0; 1]), Ok(0)));
            edges.iter().map(|edge| edge.name.as_str()).collect::<Vec<_>>().join(" ")
        }
        b'f' => child.files.keys().map(String::as_str).collect::<Vec<_>>().join(" "),
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
