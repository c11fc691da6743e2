//! Connections to a running suite: `messenger.sock`, `unlock.sock`, `operator.sock`.

use std::future::Future;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use capnp::capability::FromClientHook;
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::geteuid;
use supervisor::running::Running;

use super::exit::{Doing, Failure, Outcome};
use super::paths::Profile;
use crate::peers::PeerError;

/// Which callee.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Socket {
    /// stored (`ui-stored`).
    Messenger,
    /// keyvault (`ui-keyvault`).
    Unlock,
    /// onion (`operator-onion`).
    Operator,
}

impl Socket {
    /// Its file in the runtime folder.
    #[must_use]
    pub fn file(self) -> &'static str {
        match self {
            Self::Messenger => "messenger.sock",
            Self::Unlock => "unlock.sock",
            Self::Operator => "operator.sock",
        }
    }
}

/// How long a command waits for a part that is being restarted (command-line.md).
pub const RESTART_WAIT: Duration = Duration::from_secs(15);

/// Between two tries to reach a part that is being restarted.
const RETRY_EVERY: Duration = Duration::from_millis(100);

/// Longest path that fits a socket's address, without its closing zero (unix(7)).
const ADDRESS_MAX_BYTES: usize = 107;

/// Connects. A suite that holds its folder and has no sockets yet is starting: it is waited for, [`RESTART_WAIT`] at most.
///
/// # Errors
/// [`Failure::NotRunning`] when no suite runs, or it is not reachable.
pub fn connect(profile: &Profile, socket: Socket) -> Outcome<OwnedFd> {
    let mut waited = Duration::ZERO;
    loop {
        let running = profile.running()?;
        match reach(&running, socket) {
            Ok(stream) => return Ok(stream.into()),
            Err(error) if waited >= RESTART_WAIT || !is_starting(&error) => {
                let path = running.runtime.join(socket.file());
                return Err(Failure::NotRunning(format!(
                    "cannot reach {}: {error}; try again",
                    path.display()
                )));
            }
            Err(_) => {}
        }
        std::thread::sleep(RETRY_EVERY);
        waited += RETRY_EVERY;
    }
}

/// There is no socket, or one of an earlier suite.
fn is_starting(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused)
}

/// Connects to the suite and to nobody else: whoever listens there is asked of the kernel before a byte is sent.
fn reach(running: &Running, socket: Socket) -> std::io::Result<UnixStream> {
    let path = running.file(socket.file())?;
    let stream = dial(path.parent().unwrap_or(&path), socket.file())?;
    // The credentials are those of who called listen(2): the supervisor.
    let peer = getsockopt(&stream, PeerCredentials)?;
    if peer.pid() == running.pid && peer.uid() == geteuid().as_raw() {
        return Ok(stream);
    }
    Err(std::io::Error::new(
        std::io::ErrorKind::PermissionDenied,
        format!(
            "process {} of user {} listens there, which is not the suite; nothing was sent",
            peer.pid(),
            peer.uid()
        ),
    ))
}

/// A path may be longer than an address: then the folder is opened and the socket reached through its descriptor.
fn dial(runtime: &Path, file: &str) -> std::io::Result<UnixStream> {
    let path = runtime.join(file);
    if path.as_os_str().as_bytes().len() <= ADDRESS_MAX_BYTES {
        return UnixStream::connect(path);
    }
    let folder = std::fs::File::open(runtime)?;
    UnixStream::connect(format!("/proc/self/fd/{}/{file}", folder.as_raw_fd()))
}

/// Runs a command's conversation with a suite on a runtime of its own.
///
/// # Errors
/// What `work` gives, or that no runtime can be had.
pub fn block_on<T>(work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().doing("start")?;
    tokio::task::LocalSet::new().block_on(&runtime, work)
}

/// Calls a callee, and again on a new connection while it is being restarted, [`RESTART_WAIT`] at most.
/// `call` must be idempotent: it may have happened before the answer was lost.
///
/// # Errors
/// [`Failure::NotRunning`] when it stays away; else what `call` failed with.
pub async fn ask<C, T, F>(
    profile: &Profile,
    socket: Socket,
    call: impl Fn(C) -> F,
) -> Outcome<Result<T, PeerError>>
where
    C: FromClientHook,
    F: Future<Output = Result<T, PeerError>>,
{
    let deadline = tokio::time::Instant::now() + RESTART_WAIT;
    loop {
        let (client, _connection) =
            ipc_schema::rpc::connect::<C>(connect(profile, socket)?.into()).doing("speak to the suite")?;
        match tokio::time::timeout_at(deadline, call(client)).await {
            Ok(Err(PeerError::Lost)) if tokio::time::Instant::now() < deadline => {
                tokio::time::sleep(RETRY_EVERY).await;
            }
            Ok(Err(PeerError::Lost)) | Err(_) => return Err(away()),
            Ok(answer) => return Ok(answer),
        }
    }
}

/// Calls a callee once; `None` where it does not answer in time.
pub async fn once<C, T, F>(
    running: &Running,
    socket: Socket,
    wait: Duration,
    call: impl FnOnce(C) -> F,
) -> Option<T>
where
    C: FromClientHook,
    F: Future<Output = Result<T, PeerError>>,
{
    let stream = reach(running, socket).ok()?;
    let (client, connection) = ipc_schema::rpc::connect::<C>(stream.into()).ok()?;
    let answer = tokio::time::timeout(wait, call(client)).await;
    connection.abort();
    answer.ok()?.ok()
}

/// A part did not come back in time.
#[must_use]
pub fn away() -> Failure {
    Failure::NotRunning("a part of the suite does not answer: see `privatus status`".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_behind_a_long_path_is_reached() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("x".repeat(120)).join("y".repeat(120));
        std::fs::create_dir_all(&deep).unwrap();
        let folder = std::fs::File::open(&deep).unwrap();
        let address = format!("/proc/self/fd/{}/messenger.sock", folder.as_raw_fd());
        let listener = std::os::unix::net::UnixListener::bind(address).unwrap();
        assert!(dial(&deep, "messenger.sock").is_ok());
        assert!(listener.accept().is_ok());
    }
}
