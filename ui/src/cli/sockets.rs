//! Connections to a running suite: `messenger.sock`, `unlock.sock`, `operator.sock`; and the one place where a command waits for a part
//! that is away.

use std::future::Future;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use capnp::capability::FromClientHook;
use ipc_schema::Timestamp;
use ipc_schema::edge::operator_onion::Network;
use ipc_schema::edge::{ui_keyvault, ui_stored};
use ipc_schema::edges::operator_onion_capnp::operator;
use ipc_schema::edges::{ui_keyvault_capnp::unlock, ui_stored_capnp::messenger};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::geteuid;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, socket_with};
use supervisor::running::Running;
use supervisor::state::{FILE, State};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::exit::{Doing, Failure, Outcome};
use super::paths::Profile;
use crate::peers::{self, PeerError};

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

    /// Who answers there.
    fn callee(self) -> &'static str {
        match self {
            Self::Messenger => "stored",
            Self::Unlock => "keyvault",
            Self::Operator => "onion",
        }
    }
}

/// How long a command waits for a part that is being restarted (command-line.md).
pub const RESTART_WAIT: Duration = Duration::from_secs(15);

/// Between two tries to reach a part that is being restarted.
const RETRY_EVERY: Duration = Duration::from_millis(100);

/// How often it is looked whether a part that does not answer stays down.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The supervisor makes its runtime folder anew within two seconds, where it can.
pub const FOLDER_WAIT: Duration = Duration::from_secs(3);

/// Longest path that fits a socket's address, without its closing zero (unix(7)).
const ADDRESS_MAX_BYTES: usize = 107;

/// How long a callee was away, counted from when it was first asked for, or last held a connection.
#[derive(Debug, Default)]
pub struct Away {
    since: Option<Instant>,
}

impl Away {
    fn since(&mut self) -> Instant {
        *self.since.get_or_insert_with(Instant::now)
    }

    /// When it is waited for no longer.
    fn until(&mut self) -> Instant {
        self.since() + RESTART_WAIT
    }

    /// After a call that was lost, `started` then: whether to try again, a moment later.
    pub async fn again(&mut self, started: Instant) -> bool {
        // A connection that held this long was served: what is counted is the time without one.
        if started.elapsed() > Duration::from_secs(1) {
            self.since = None;
        }
        let again = Instant::now() < self.until();
        if again {
            tokio::time::sleep(RETRY_EVERY).await;
        }
        again
    }
}

/// A callee that has answered. Hung up when it is dropped.
#[derive(Debug)]
pub struct Open<C> {
    /// Speaks to it.
    pub client: C,
    connection: JoinHandle<()>,
}

impl<C> Open<C> {
    /// Waits until the callee hangs up, [`RESTART_WAIT`] at most.
    pub async fn closed(mut self) {
        let _ = tokio::time::timeout(RESTART_WAIT, &mut self.connection).await;
    }
}

impl<C> Drop for Open<C> {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// What is called there.
pub trait Callee: FromClientHook + Clone {
    /// Asks what it answers at once, however it is.
    fn look(self) -> impl Future<Output = Result<(), PeerError>>;
}

impl Callee for messenger::Client {
    async fn look(self) -> Result<(), PeerError> {
        peers::ask(self, ui_stored::Count {}).await.map(drop)
    }
}

impl Callee for unlock::Client {
    async fn look(self) -> Result<(), PeerError> {
        peers::ask(self, ui_keyvault::LookState {}).await.map(drop)
    }
}

impl Callee for operator::Client {
    async fn look(self) -> Result<(), PeerError> {
        peers::ask(self, Network {}).await.map(drop)
    }
}

/// Connects, and waits until the callee answers. A part that is away is waited for, [`RESTART_WAIT`] at most in all: its socket takes
/// connections meanwhile, or none, or is not there yet. One that stays down is not waited for.
///
/// # Errors
/// [`Failure::NotRunning`] when no suite runs, or the part is not reachable.
pub async fn open<C: Callee>(profile: &Profile, socket: Socket, away: &mut Away) -> Outcome<Open<C>> {
    loop {
        let running = profile.running()?;
        match reach(&running, socket) {
            Ok(stream) => {
                let connected = ipc_schema::rpc::connect::<C>(stream.into());
                let (client, connection) = connected.doing("speak to the suite")?;
                let open = Open { client, connection };
                if answers(&open, &running, socket, away.until()).await? {
                    return Ok(open);
                }
            }
            Err(error) if !is_passing(&error) => {
                let path = running.runtime.join(socket.file());
                return Err(Failure::NotRunning(format!(
                    "cannot reach {}: {error}; try again",
                    path.display()
                )));
            }
            Err(_) if away.since().elapsed() >= FOLDER_WAIT => has_folder(&running)?,
            Err(_) => {}
        }
        stays(&running, socket, away.until())?;
        tokio::time::sleep(RETRY_EVERY).await;
    }
}

/// Whether the callee says something before it hangs up.
async fn answers<C: Callee>(
    open: &Open<C>,
    running: &Running,
    socket: Socket,
    until: Instant,
) -> Outcome<bool> {
    let mut look = Box::pin(open.client.clone().look());
    loop {
        match tokio::time::timeout(LOOK_EVERY, &mut look).await {
            Ok(answer) => return Ok(answer != Err(PeerError::Lost)),
            Err(_) => stays(running, socket, until)?,
        }
    }
}

/// Fails where the callee is not waited for any longer, and says what to do.
fn stays(running: &Running, socket: Socket, until: Instant) -> Outcome {
    let left = until.saturating_duration_since(Instant::now());
    let part = look(running)
        .ok()
        .and_then(|state| state.processes.into_iter().find(|part| part.name == socket.callee()));
    let next = part.as_ref().and_then(|part| part.next_start);
    let next = next.map(|at| Timestamp(at).since(Timestamp::now())).unwrap_or_default();
    match part {
        Some(part) if part.given_up => Err(Failure::NotRunning(part.warning().unwrap_or_default())),
        Some(part) if next > left => Err(Failure::NotRunning(format!(
            "{} fell too often and is started again in {} s: try again then, and see `privatus status`",
            part.name,
            next.as_secs()
        ))),
        _ if left.is_zero() => Err(Failure::NotRunning(format!(
            "{} does not answer: see `privatus status`, and try again",
            socket.callee()
        ))),
        _ => Ok(()),
    }
}

/// What the supervisor wrote of its parts.
///
/// # Errors
/// It has not yet, or its folder is not this user's alone.
pub fn look(running: &Running) -> std::io::Result<State> {
    running.file(FILE).and_then(|_| State::read(&running.runtime))
}

/// Fails where the folder of the sockets is gone while the suite runs.
///
/// # Errors
/// [`Failure::NotRunning`].
pub fn has_folder(running: &Running) -> Outcome {
    match std::fs::symlink_metadata(&running.runtime) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Failure::NotRunning(format!(
            "{} is gone, as after a logout, and the suite cannot be asked without it: log in again and it comes back by itself, or `privatus stop`",
            running.runtime.display()
        ))),
        _ => Ok(()),
    }
}

/// There is no socket, or one of an earlier suite, or as many wait there as can.
fn is_passing(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionRefused, NotFound, WouldBlock};
    matches!(error.kind(), NotFound | ConnectionRefused | WouldBlock)
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
        return connect(&path);
    }
    let folder = std::fs::File::open(runtime)?;
    connect(Path::new(&format!("/proc/self/fd/{}/{file}", folder.as_raw_fd())))
}

/// Without waiting: where a part stays down and as many wait before it as the kernel holds, a blocking one never returns.
fn connect(path: &Path) -> std::io::Result<UnixStream> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket.into())
}

/// Runs a command's conversation with a suite on a runtime of its own.
///
/// # Errors
/// What `work` gives, or that no runtime can be had.
pub fn block_on<T>(work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().doing("start")?;
    tokio::task::LocalSet::new().block_on(&runtime, work)
}

/// Calls a callee, and again on a new connection while it is being restarted; an answer may take [`RESTART_WAIT`].
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
    C: Callee,
    F: Future<Output = Result<T, PeerError>>,
{
    let mut away = Away::default();
    loop {
        let open = open::<C>(profile, socket, &mut away).await?;
        let started = Instant::now();
        match tokio::time::timeout(RESTART_WAIT, call(open.client.clone())).await {
            Ok(Err(PeerError::Lost)) if away.again(started).await => {}
            Ok(Err(PeerError::Lost)) | Err(_) => return Err(self::away()),
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
    let until = Instant::now() + wait;
    let stream = in_line(until, || reach(running, socket)).await.ok()?;
    let (client, connection) = ipc_schema::rpc::connect::<C>(stream.into()).ok()?;
    let answer = tokio::time::timeout_at(until, call(client)).await;
    connection.abort();
    answer.ok()?.ok()
}

/// Dials again while as many wait before a callee as the kernel holds, which is no sign that it is away.
async fn in_line<T>(until: Instant, dial: impl Fn() -> std::io::Result<T>) -> std::io::Result<T> {
    loop {
        match dial() {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock && Instant::now() < until => {
                tokio::time::sleep(RETRY_EVERY).await;
            }
            said => return said,
        }
    }
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

    /// A callee before whom as many wait as can, who they are, and what the next is told.
    fn crowded(dir: &Path) -> (std::os::unix::net::UnixListener, Vec<UnixStream>, std::io::Error) {
        let listener =
            socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
        rustix::net::bind(&listener, &SocketAddrUnix::new(dir.join("unlock.sock")).unwrap()).unwrap();
        rustix::net::listen(&listener, 1).unwrap();
        let mut waiting = Vec::new();
        loop {
            match dial(dir, "unlock.sock") {
                Ok(stream) => waiting.push(stream),
                Err(error) => return (listener.into(), waiting, error),
            }
        }
    }

    #[test]
    fn where_as_many_wait_as_can_nobody_waits_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        let (_listener, waiting, error) = crowded(dir.path());
        assert!(is_passing(&error) && !waiting.is_empty(), "{error}");
    }

    #[tokio::test]
    async fn where_as_many_wait_as_can_the_next_is_let_in_when_there_is_room() {
        let dir = tempfile::tempdir().unwrap();
        let (listener, _waiting, _) = crowded(dir.path());
        let tries = std::cell::Cell::new(0);
        let dialled = in_line(Instant::now() + RESTART_WAIT, || {
            tries.set(tries.get() + 1);
            if tries.get() == 3 {
                drop(listener.accept().unwrap());
            }
            dial(dir.path(), "unlock.sock")
        });
        assert!(dialled.await.is_ok());
        assert_eq!(tries.get(), 3);
    }
}
