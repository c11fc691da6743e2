//! A child's life, the same for every process: undumpable, jail, loop, filter, grants, serve. A window's process opens its display
//! between jail and loop.
//!
//! The order is the security argument (docs/architecture.md, "A child's life"): everything that needs a system call which the
//! filter forbids happens before it, and the first byte from anyone but the display is read after it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;

use tokio::net::UnixDatagram;
use tokio::runtime::Runtime;
use tokio::task::LocalSet;

use crate::ends::EdgeEnds;
use crate::grant::{self, Grant, GrantError, Settings};
use crate::seats::Seats;

/// How a child ends, which is all that the supervisor reads of it. Which of these a process may use, and when, is in
/// `topology.rs`; any other use is a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Its work is done, or it was asked to stop.
    Done,
    /// Something broke; a fresh start may help.
    Fault,
    /// A full lock: this process and what depends on it start anew, locked.
    Lock,
    /// At the start: the granted passphrase is wrong.
    WrongPassphrase,
    /// At the start: nothing of the vault can be read.
    VaultDamaged,
    /// At the start: a setting cannot be had, such as a taken port.
    Setting,
    /// At the start: the vault was written by a later version.
    VaultNewer,
    /// At the start: another process holds the vault.
    VaultInUse,
    /// At the start: there is not enough memory to try the passphrase.
    NoMemory,
}

impl Exit {
    /// All of them, in the order of their codes.
    pub const ALL: [Self; 9] = [
        Self::Done,
        Self::Fault,
        Self::Lock,
        Self::WrongPassphrase,
        Self::VaultDamaged,
        Self::Setting,
        Self::VaultNewer,
        Self::VaultInUse,
        Self::NoMemory,
    ];

    /// The process exit code.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Fault => 1,
            Self::Lock => 2,
            Self::WrongPassphrase => 3,
            Self::VaultDamaged => 4,
            Self::Setting => 5,
            Self::VaultNewer => 6,
            Self::VaultInUse => 7,
            Self::NoMemory => 8,
        }
    }

    /// What a process exit code means, if anything.
    #[must_use]
    pub fn of(code: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|exit| i32::from(exit.code()) == code)
    }
}

/// The name of the pipe end in [`Child::files`] that tells of a complete start.
const SETTLED: &str = "settled";

/// Tells of a complete start, once; see [`Child::started`]. For a start that goes on after this is known.
#[derive(Debug)]
pub struct Settled(Option<OwnedFd>);

impl Settled {
    /// Takes it out of the granted files; without one, nobody waits.
    pub fn take(files: &mut BTreeMap<String, OwnedFd>) -> Self {
        Self(files.remove(SETTLED))
    }

    /// As [`Child::started`].
    pub fn tell(self) {
        if let Some(pipe) = self.0 {
            settle(pipe);
        }
    }
}

/// One byte, which outlives this process: a mere closing would look the same as its end.
fn settle(pipe: OwnedFd) {
    use std::io::Write;
    // A supervisor that is gone takes this process along.
    let _ = std::fs::File::from(pipe).write_all(&[1]);
}

/// An edge as it was granted.
#[derive(Debug)]
pub struct GrantedEdge {
    /// The edge, as in `topology.rs`.
    pub name: String,
    /// This child calls.
    pub caller: bool,
    /// What this child holds of it.
    pub ends: EdgeEnds,
}

impl GrantedEdge {
    /// Whether the other side is a local program.
    #[must_use]
    pub fn outside(&self) -> bool {
        self.ends.outside()
    }
}

/// A sealed child with its first grants.
pub struct Child {
    /// How the suite was started.
    pub settings: Settings,
    /// Granted files by name; take what is yours.
    pub files: BTreeMap<String, OwnedFd>,
    /// What is in force for this process.
    pub report: sandbox::Report,
    /// The one folder that it may use, for a profile that has one.
    pub folder: Option<PathBuf>,
    control: Rc<Control>,
    early_edges: RefCell<Vec<GrantedEdge>>,
    seats: Seats,
}

struct Control {
    /// `SOCK_SEQPACKET`: tokio has no name for it, and a datagram socket behaves the same for what is done here.
    socket: UnixDatagram,
}

impl Control {
    async fn receive(&self) -> Result<Grant, GrantError> {
        loop {
            self.socket.readable().await?;
            let mut granted = Err(GrantError::Closed);
            let taken = self.socket.try_io(tokio::io::Interest::READABLE, || {
                granted = grant::receive(self.socket.as_fd());
                match &granted {
                    Err(GrantError::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {
                        Err(std::io::ErrorKind::WouldBlock.into())
                    }
                    _ => Ok(()),
                }
            });
            match taken {
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                _ => return granted,
            }
        }
    }
}

impl Child {
    /// Tells the supervisor that the start is complete: what can fail for a reason that only a person can change was tried. Call
    /// it before the first byte from outside is read: from here on no exit code of this life ends the suite.
    pub fn started(&mut self) {
        Settled::take(&mut self.files).tell();
    }

    /// The next edge that is granted, first those that came with the start, then each as a neighbour restarts or a local program
    /// connects. `None`: the supervisor asks this child to stop.
    ///
    /// Of local programs' connections at most `OUTSIDE_CONNECTIONS_MAX` are open at a time: one that never made a call, or is
    /// idle, makes room for a new one; where none is, the new one closes unread.
    ///
    /// # Errors
    /// When the control socket carries what is not a Grant: exit with [`Exit::Fault`].
    pub async fn next_edge(&self) -> Result<Option<GrantedEdge>, GrantError> {
        let early = self.early_edges.borrow_mut().pop();
        if early.is_some() {
            return Ok(early);
        }
        loop {
            // Who had to leave for the last one closes its descriptor first, however fast they come.
            tokio::task::yield_now().await;
            match self.control.receive().await {
                Ok(Grant::Edge { name, caller, ends }) => {
                    if let Some(ends) = self.seated(ends) {
                        return Ok(Some(GrantedEdge { name, caller, ends }));
                    }
                }
                // Files and settings come at the start only; a late one is not ours to judge. A lost connection is closed already.
                Ok(_) | Err(GrantError::ConnectionLost) => {}
                Err(GrantError::Closed) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    /// A connection with its place, or nothing where all are taken.
    fn seated(&self, ends: EdgeEnds) -> Option<EdgeEnds> {
        let EdgeEnds::Connection(mut connection) = ends else { return Some(ends) };
        connection.seat = Some(self.seats.take(tokio::time::Instant::now())?);
        Some(EdgeEnds::Connection(connection))
    }
}

/// Runs a child: confinement in its order, then `serve` with the first grants, on one thread.
///
/// Prints one line on stderr and ends the process when confinement or the start fails. Never logs what it was sent.
pub fn run<F, S>(profile: &'static sandbox::Profile, serve: S) -> ExitCode
where
    S: FnOnce(Child) -> F,
    F: Future<Output = Exit>,
{
    let exit = seal(profile, || Ok(())).and_then(|(sealed, ())| sealed.live(serve));
    ExitCode::from(said(exit).code())
}

/// As [`run`], for a process whose first thread belongs to something else, such as a window's toolkit.
///
/// `open` runs once every wall but the filter is up: what must connect does so there, with one thread, while no byte has come
/// from anyone but whom it connects to. After the seal `stay` keeps the first thread and `serve` gets one of its own. The
/// child ends when both have, as `serve` says; each has its own way to tell the other. An error of `open` is a line for
/// whoever started the suite.
pub fn run_beside<O, F, S>(
    profile: &'static sandbox::Profile,
    open: impl FnOnce() -> Result<O, String>,
    stay: impl FnOnce(O),
    serve: S,
) -> ExitCode
where
    S: FnOnce(Child) -> F + Send + 'static,
    F: Future<Output = Exit>,
{
    let (sealed, opened) = match seal(profile, open) {
        Ok(sealed) => sealed,
        Err(error) => return ExitCode::from(said(Err(error)).code()),
    };
    let edges = std::thread::Builder::new().name("edges".to_owned()).stack_size(EDGES_STACK_BYTES);
    let exit = match edges.spawn(move || said(sealed.live(serve))) {
        Ok(edges) => {
            stay(opened);
            edges.join().unwrap_or(Exit::Fault)
        }
        Err(error) => said(Err(error.into())),
    };
    ExitCode::from(exit.code())
}

/// As large as a first thread's usually is: edges are served with the same depth there.
const EDGES_STACK_BYTES: usize = 8 << 20;

/// Says why a start failed.
fn said(exit: Result<Exit, Box<dyn std::error::Error>>) -> Exit {
    exit.unwrap_or_else(|error| {
        eprintln!("{error}");
        if error.is::<NotOpened>() { Exit::Setting } else { Exit::Fault }
    })
}

/// A process that is wrong ends, also where a library would catch the panic. The message may hold secrets, so only the place is told.
fn abort_on_panic() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(String::new, ToString::to_string);
        eprintln!("panic at {place}");
        std::process::abort();
    }));
}

/// What is said where a library ended the process instead of saying that it cannot open something: its own line stands above.
const NOT_OPENED: &str =
    "the window cannot be opened on this display: start it inside a desktop session, or with --headless";

/// What had to be opened before the seal cannot be had: somebody must change a setting.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct NotOpened(String);

/// A child behind its walls that was told nothing yet.
struct Sealed {
    runtime: Runtime,
    control: UnixDatagram,
    report: sandbox::Report,
    folder: Option<PathBuf>,
}

fn seal<O>(
    profile: &'static sandbox::Profile,
    open: impl FnOnce() -> Result<O, String>,
) -> Result<(Sealed, O), Box<dyn std::error::Error>> {
    sandbox::first_line()?;
    abort_on_panic();
    let arguments = sandbox::Args::parse(std::env::args_os())?;
    let control = sandbox::take_control()?;
    let enter = if arguments.without_walls { sandbox::enter_without_walls } else { sandbox::enter };
    let jail = enter(profile, control.as_fd(), arguments.folder.as_deref(), arguments.namespaces)?;
    let opened = {
        let _attempt = sandbox::Attempt::begin(Exit::Setting.code(), NOT_OPENED);
        open().map_err(NotOpened)?
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let control = {
        let _runtime = runtime.enter();
        let control = std::os::unix::net::UnixDatagram::from(control);
        control.set_nonblocking(true)?;
        UnixDatagram::from_std(control)?
    };
    let report = jail.seal()?;
    Ok((Sealed { runtime, control, report, folder: arguments.folder }, opened))
}

impl Sealed {
    fn live<F, S>(self, serve: S) -> Result<Exit, Box<dyn std::error::Error>>
    where
        S: FnOnce(Child) -> F,
        F: Future<Output = Exit>,
    {
        let Self { runtime, control, report, folder } = self;
        LocalSet::new().block_on(&runtime, async move {
            let mut child = Child {
                settings: Settings::default(),
                files: BTreeMap::new(),
                report,
                folder,
                control: Rc::new(Control { socket: control }),
                early_edges: RefCell::new(Vec::new()),
                seats: Seats::default(),
            };
            if !first_grants(&mut child).await? {
                return Ok(Exit::Done);
            }
            write_report(&mut child)?;
            Ok(serve(child).await)
        })
    }
}

/// Takes grants until `Ready`; false when the supervisor went away before.
async fn first_grants(child: &mut Child) -> Result<bool, GrantError> {
    loop {
        match child.control.receive().await {
            Ok(Grant::Settings(settings)) => child.settings = settings,
            Ok(Grant::File { name, file }) => {
                child.files.insert(name, file);
            }
            Ok(Grant::Edge { name, caller, ends }) => {
                // Popped from the back later, so the first granted comes first.
                child.early_edges.borrow_mut().insert(0, GrantedEdge { name, caller, ends });
            }
            Ok(Grant::Ready) => return Ok(true),
            Err(GrantError::Closed) => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}

fn write_report(child: &mut Child) -> std::io::Result<()> {
    use std::io::Write;
    let Some(file) = child.files.remove("report") else { return Ok(()) };
    std::fs::File::from(file).write_all(&child.report.encode())
}

impl std::fmt::Debug for Child {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Child").field("control", &self.control.socket.as_raw_fd()).finish_non_exhaustive()
    }
}
