//! The doors for programs of the same user: a connection is accepted, its owner checked, and handed on unread.

use std::io::ErrorKind;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipc_schema::topology::{Caller, Edge, Topology};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::geteuid;

use crate::error::{Doing, StartError};
use crate::rate::Rate;

/// Connections at once, and then a second, on one socket. A script that runs a command for every text stays below; what is
/// above waits in the kernel's queue. How many may stay open is the callee's to bound (`OUTSIDE_CONNECTIONS_MAX`).
const CONNECTIONS_AT_ONCE: u32 = 64;
const CONNECTIONS_PER_SECOND: u32 = 256;

/// Longest path that fits a socket's address, without its closing zero (unix(7)).
const ADDRESS_MAX_BYTES: usize = 107;

/// One local socket.
#[derive(Debug)]
pub struct Door {
    /// The edge that it stands for.
    pub edge: &'static Edge,
    listener: UnixListener,
    path: PathBuf,
    rate: Rate,
}

/// Opens every local socket of the topology in `runtime`, which is ours and locked: what lies there is stale.
///
/// # Errors
/// A socket cannot be made.
pub fn open(topology: &'static Topology, runtime: &Path) -> Result<Vec<Door>, StartError> {
    let sockets = topology.edges.iter().filter_map(|edge| match edge.caller {
        Caller::Socket(name) => Some((edge, name)),
        Caller::Process(_) => None,
    });
    sockets.map(|(edge, name)| Door::open(edge, runtime, name)).collect()
}

impl Door {
    fn open(edge: &'static Edge, runtime: &Path, name: &str) -> Result<Self, StartError> {
        let path = runtime.join(name);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error).on("replace", &path),
            _ => {}
        }
        let listener = bind(runtime, name).on("listen at", &path)?;
        listener.set_nonblocking(true).on("listen at", &path)?;
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).on("close to others", &path)?;
        let rate = Rate::new(CONNECTIONS_AT_ONCE, CONNECTIONS_PER_SECOND);
        Ok(Self { edge, listener, path, rate })
    }

    /// The next connection of a program of the same user, or of root, who could read everything anyway.
    pub fn accept(&mut self, now: Duration) -> Option<OwnedFd> {
        while self.rate.take(now) {
            let (stream, _) = self.listener.accept().ok()?;
            if may_enter(&stream) {
                return Some(stream.into());
            }
        }
        None
    }

    /// How long nobody else is let in.
    pub fn wait(&mut self, now: Duration) -> Duration {
        self.rate.wait(now)
    }

    /// Removes the socket's file.
    pub fn remove(self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

impl AsFd for Door {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

fn may_enter(stream: &UnixStream) -> bool {
    let owner = geteuid().as_raw();
    getsockopt(stream, PeerCredentials).is_ok_and(|peer| peer.uid() == owner || peer.uid() == 0)
}

/// A path may be longer than an address: then the folder is opened and the socket made through its descriptor.
fn bind(runtime: &Path, name: &str) -> std::io::Result<UnixListener> {
    let path = runtime.join(name);
    if path.as_os_str().as_bytes().len() <= ADDRESS_MAX_BYTES {
        return UnixListener::bind(path);
    }
    let folder = std::fs::File::open(runtime)?;
    UnixListener::bind(format!("/proc/self/fd/{}/{name}", folder.as_raw_fd()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ipc_schema::topology::{CLIENT, RELAY};

    const NOW: Duration = Duration::from_secs(1);

    #[test]
    fn every_outside_edge_has_a_socket_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("operator.sock"), "stale").unwrap();
        let doors = open(&CLIENT, dir.path()).unwrap();
        assert_eq!(doors.len(), 3);
        for door in doors {
            let mode = std::fs::symlink_metadata(&door.path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{:?}", door.path);
            let path = door.path.clone();
            door.remove();
            assert!(!path.exists());
        }
    }

    #[test]
    fn a_connection_of_the_same_user_is_accepted_in_a_long_path_too() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("x".repeat(100)).join("y".repeat(100));
        std::fs::create_dir_all(&deep).unwrap();
        let mut doors = open(&RELAY, &deep).unwrap();
        let door = doors.first_mut().unwrap();
        assert!(door.accept(NOW).is_none(), "nobody is there yet");
        let folder = std::fs::File::open(&deep).unwrap();
        let _client =
            UnixStream::connect(format!("/proc/self/fd/{}/operator.sock", folder.as_raw_fd())).unwrap();
        assert!(door.accept(NOW).is_some());
    }
}
