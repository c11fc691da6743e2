//! A child for the supervisor's tests: really confined under the profile of its name, holds what it is granted, and does
//! what one byte on an outside connection says: a digit is its exit status, `e` asks how many edges it holds, `p` panics.

use std::io::{Read, Write};
use std::process::ExitCode;

use ipc_schema::child::{Child, Exit, run};

fn main() -> ExitCode {
    let name = std::env::args().next().unwrap_or_default();
    match sandbox::profiles::by_name(&name) {
        Some(profile) => run(profile, serve),
        None => ExitCode::FAILURE,
    }
}

async fn serve(mut child: Child) -> Exit {
    drop(child.files.remove("settled"));
    let mut edges = Vec::new();
    eprintln!("serving\x1b[2J");
    loop {
        match child.next_edge().await {
            Ok(Some(edge)) if edge.outside => {
                let mut peer = std::os::unix::net::UnixStream::from(edge.socket);
                let mut order = [0];
                if peer.read_exact(&mut order).is_err() {
                    continue;
                }
                match order[0] {
                    b'0' => return Exit::Done,
                    b'1' => return Exit::Fault,
                    b'2' => return Exit::Lock,
                    b'3' => return Exit::WrongPassphrase,
                    b'4' => return Exit::VaultUnreadable,
                    b'5' => return Exit::Setting,
                    b'e' => {
                        edges.retain(|(_, socket)| !hung_up(socket));
                        let names: Vec<&str> =
                            edges.iter().map(|(name, _): &(String, _)| name.as_str()).collect();
                        let _ = peer.write_all(names.join(" ").as_bytes());
                    }
                    b'f' => {
                        let names: Vec<&str> = child.files.keys().map(String::as_str).collect();
                        let _ = peer.write_all(names.join(" ").as_bytes());
                    }
                    // Not a test's: hung up on.
                    _ => {}
                }
            }
            Ok(Some(edge)) => edges.push((edge.name, std::os::unix::net::UnixStream::from(edge.socket))),
            Ok(None) => return Exit::Done,
            Err(_) => return Exit::Fault,
        }
    }
}

/// The other side of the edge ended.
fn hung_up(socket: &std::os::unix::net::UnixStream) -> bool {
    let _ = socket.set_nonblocking(true);
    matches!((&*socket).read(&mut [0]), Ok(0))
}
