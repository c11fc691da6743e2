//! The doors for programs of the same user: a connection is accepted, its owner checked, and handed on unread.

use std::fs::Metadata;
use std::io::ErrorKind;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipc_schema::topology::{Caller, Edge, Topology};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::geteuid;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, socket_with};

use crate::error::{Doing, StartError};
use crate::files;
use crate::rate::Rate;

/// Connections at once, and then a second, on one socket. A script that runs a command for every text stays below; what is
/// above waits in the kernel's queue. How many may stay open is the callee's to bound (`OUTSIDE_CONNECTIONS_MAX`).
const CONNECTIONS_AT_ONCE: u32 = 64;
const CONNECTIONS_PER_SECOND: u32 = 256;

/// Connections that wait in the kernel; std's own number.
const BACKLOG: i32 = 128;

/// Longest path that fits a socket's address, without its closing zero (unix(7)).
const ADDRESS_MAX_BYTES: usize = 107;

/// How often it is looked whether the sockets are still there: who comes back after a logout that took them waits no longer.
pub const LOOK_EVERY: Duration = Duration::from_secs(2);

/// One local socket.
#[derive(Debug)]
pub struct Door {
    /// The edge that it stands for.
    pub edge: &'static Edge,
    listener: UnixListener,
    path: PathBuf,
    file: FileId,
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

/// Makes the sockets anew where they are gone: a logout empties the folder of a user's runtime files, and a login makes it again. The
/// folder is judged as at the start. Whether they were gone.
///
/// # Errors
/// They are gone, and cannot be made: their folder is not there, or not this user's alone.
pub fn reopen(
    topology: &'static Topology,
    runtime: &Path,
    doors: &mut Vec<Door>,
) -> Result<bool, StartError> {
    if doors.iter().all(Door::is_there) {
        return Ok(false);
    }
    files::make_our_folder(runtime).on("make", runtime)?;
    *doors = open(topology, runtime)?;
    Ok(true)
}

/// Which file a name means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileId {
    device: u64,
    inode: u64,
}

impl From<Metadata> for FileId {
    fn from(file: Metadata) -> Self {
        Self { device: file.dev(), inode: file.ino() }
    }
}

impl Door {
    /// Whether its name still means what it listens at.
    fn is_there(&self) -> bool {
        std::fs::symlink_metadata(&self.path).is_ok_and(|file| FileId::from(file) == self.file)
    }

    fn open(edge: &'static Edge, runtime: &Path, name: &str) -> Result<Self, StartError> {
        let path = runtime.join(name);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error).on("replace", &path),
            _ => {}
        }
        let listener = bind(runtime, name).on("listen at", &path)?;
        listener.set_nonblocking(true).on("listen at", &path)?;
        let file = std::fs::symlink_metadata(&path).on("look at", &path)?;
        // The process's umask sees to it (`start.rs`), also once it is sealed and can change no mode.
        if file.mode() & 0o077 != 0 {
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).on("close to others", &path)?;
        }
        let rate = Rate::new(CONNECTIONS_AT_ONCE, CONNECTIONS_PER_SECOND);
        Ok(Self { edge, listener, path, file: file.into(), rate })
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
    getsockopt(stream, PeerCredentials).is_ok_and(|peer| admits(owner, peer.uid()))
}

fn admits(owner: u32, peer: u32) -> bool {
    peer == owner || peer == 0
}

/// A path may be longer than an address: then the folder is opened and the socket made through its descriptor.
fn bind(runtime: &Path, name: &str) -> std::io::Result<UnixListener> {
    let path = runtime.join(name);
    if path.as_os_str().as_bytes().len() <= ADDRESS_MAX_BYTES {
        return listen_at(&path);
    }
    let folder = std::fs::File::open(runtime)?;
    listen_at(Path::new(&format!("/proc/self/fd/{}/{name}", folder.as_raw_fd())))
}

/// A listener whose connections carry bytes and no descriptors, where the kernel can see to it: a connection has that from its
/// listener at the moment it is made, so it must be said before anybody can connect.
fn listen_at(path: &Path) -> std::io::Result<UnixListener> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    sandbox::refuse_riders(socket.as_fd())?;
    rustix::net::bind(&socket, &SocketAddrUnix::new(path)?)?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{IoSlice, Write};

    use ipc_schema::topology::{CLIENT, RELAY};
    use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};

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
    fn sockets_whose_folder_went_are_made_anew_where_it_comes_back_and_only_then() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().join("1000");
        let runtime = base.join("privatus/folder");
        std::fs::create_dir_all(&runtime).unwrap();
        std::fs::set_permissions(&runtime, PermissionsExt::from_mode(0o700)).unwrap();
        let mut doors = open(&CLIENT, &runtime).unwrap();
        assert!(!reopen(&CLIENT, &runtime, &mut doors).unwrap(), "they are there");
        std::fs::remove_dir_all(&base).unwrap();
        assert!(
            reopen(&CLIENT, &runtime, &mut doors).is_err() && !base.exists(),
            "the base is not ours to make"
        );
        std::fs::create_dir(&base).unwrap();
        assert!(reopen(&CLIENT, &runtime, &mut doors).unwrap());
        assert_eq!(std::fs::metadata(&runtime).unwrap().permissions().mode() & 0o777, 0o700);
        // One name that means something else is enough.
        std::fs::remove_file(runtime.join("unlock.sock")).unwrap();
        std::fs::write(runtime.join("unlock.sock"), "").unwrap();
        assert!(reopen(&CLIENT, &runtime, &mut doors).unwrap());
        let _client = UnixStream::connect(runtime.join("unlock.sock")).unwrap();
        assert!(doors.iter_mut().find_map(|door| door.accept(NOW)).is_some());
        // What came back is judged.
        std::fs::remove_dir_all(&runtime).unwrap();
        std::fs::create_dir(&runtime).unwrap();
        std::fs::set_permissions(&runtime, PermissionsExt::from_mode(0o755)).unwrap();
        assert!(reopen(&CLIENT, &runtime, &mut doors).is_err());
    }

    #[test]
    fn a_connection_carries_bytes_and_no_descriptor_where_the_kernel_can_see_to_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut doors = open(&RELAY, dir.path()).unwrap();
        let door = doors.first_mut().unwrap();
        let mut client = UnixStream::connect(dir.path().join("operator.sock")).unwrap();
        let accepted = door.accept(NOW).unwrap();
        let riders = [ControlMessage::ScmRights(&[2])];
        let flags = MsgFlags::MSG_NOSIGNAL;
        let sent = sendmsg::<()>(client.as_raw_fd(), &[IoSlice::new(b"x")], &riders, flags, None);
        if sandbox::refuse_riders(accepted.as_fd()).unwrap() {
            assert_eq!(sent, Err(nix::Error::EPERM));
        }
        client.write_all(b"bytes").unwrap();
        assert!(rustix::io::read(&accepted, &mut [0; 8]).unwrap() >= 5);
    }

    #[test]
    fn the_owner_and_root_are_admitted_and_nobody_else() {
        assert!(admits(1000, 1000) && admits(1000, 0) && !admits(1000, 1001) && !admits(0, 1000));
    }

    /// The socket's mode and its folder's keep others away already; who comes all the same is turned away by the kernel's word.
    #[test]
    fn another_user_who_got_to_a_socket_is_not_let_in() {
        if !geteuid().is_root() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let mut doors = open(&RELAY, dir.path()).unwrap();
        let door = doors.first_mut().unwrap();
        for open_to_all in [dir.path(), door.path.as_path()] {
            std::fs::set_permissions(open_to_all, PermissionsExt::from_mode(0o777)).unwrap();
        }
        let script = "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])";
        let mut stranger = std::process::Command::new("python3");
        stranger.args(["-c", script]).arg(&door.path);
        std::os::unix::process::CommandExt::uid(&mut stranger, 45_678);
        assert!(stranger.status().unwrap().success(), "it connects");
        assert!(door.accept(NOW).is_none());
        let _ours = UnixStream::connect(&door.path).unwrap();
        assert!(door.accept(NOW).is_some());
    }

    #[test]
    fn more_at_once_than_a_person_needs_wait() {
        let dir = tempfile::tempdir().unwrap();
        let mut doors = open(&RELAY, dir.path()).unwrap();
        let door = doors.first_mut().unwrap();
        assert_eq!(door.wait(NOW), Duration::ZERO);
        let taken = std::iter::repeat_with(|| {
            let _client = UnixStream::connect(&door.path).unwrap();
            door.accept(NOW)
        });
        assert!(taken.take(1000).take_while(Option::is_some).count() < 1000);
        assert!(door.wait(NOW) > Duration::ZERO);
    }

    #[test]
    fn what_cannot_be_replaced_by_a_socket_is_told() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("operator.sock")).unwrap();
        let error = open(&RELAY, dir.path()).unwrap_err();
        assert!(error.to_string().contains("replace"), "{error}");
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
