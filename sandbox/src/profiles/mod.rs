//! Every process's authority over the kernel, side by side: one file per process, one row per system call.
//!
//! A profile is a list of groups of rows. A call that no row matches kills the process. To grant one more thing, add a row
//! to the narrowest table and name the code path that needs it.

mod base;
mod desk;
mod groups;
mod keyvault;
mod mediad;
mod netd;
mod onion;
mod stored;
mod supervisor;
mod ui;

pub use desk::DESK;
pub use keyvault::KEYVAULT;
pub use mediad::MEDIAD;
pub use netd::NETD;
pub use onion::ONION;
pub use stored::STORED;
pub use supervisor::{SPAWNER, SUPERVISOR};
pub use ui::UI;

use crate::rule::{Row, Verdict, decide};

/// Which files a process may open by name. Descriptors that it was granted are not files in this sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileAccess {
    /// None at all.
    None,
    /// One folder, to read and write; its path comes in argv.
    OneFolder,
    /// The system's libraries and fonts, to read, and the display's socket.
    Window,
    /// The session bus's socket.
    SessionBus,
}

/// TCP ports that Landlock leaves open. UDP (QUIC) is the filter's to decide: no `socket(AF_INET*)`, no UDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ports {
    /// None.
    None,
    /// Just these.
    Only(&'static [u16]),
    /// Whatever the address book says.
    Any,
}

/// What one kind of process may do.
#[derive(Debug)]
pub struct Profile {
    /// The process's name in the topology.
    pub name: &'static str,
    /// Its number in a [`crate::Report`]; never reused.
    pub id: u8,
    /// Its rows, in groups.
    pub groups: &'static [&'static [Row]],
    /// Files it may open.
    pub files: FileAccess,
    /// Whether it may make Internet sockets. The tables are tested to say the same.
    pub inet: bool,
    /// Ports it may listen on.
    pub tcp_bind: Ports,
    /// Ports it may connect to.
    pub tcp_connect: Ports,
    /// Whether memory that was written may never become code. Every child's: FLTK and cairo compile nothing.
    pub mdwe: bool,
    /// The most descriptors it may hold.
    pub descriptors: u64,
    /// The most memory it may lock, in bytes.
    pub locked_bytes: u64,
    /// Whether it must be under Landlock.
    pub landlock: bool,
    /// Whether it enters namespaces where the system has them.
    pub namespaces: bool,
}

/// Two profiles are the same where their numbers are.
impl PartialEq for Profile {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Profile {}

/// What most children share; the profiles say only what differs.
const CHILD: Profile = Profile {
    name: "",
    id: 0,
    groups: &[],
    files: FileAccess::None,
    inet: false,
    tcp_bind: Ports::None,
    tcp_connect: Ports::None,
    mdwe: true,
    // Edges, epoll, wake-ups, a file or two, and local programs' connections.
    descriptors: 256,
    locked_bytes: 0,
    landlock: true,
    namespaces: true,
};

static ALL: [&Profile; 9] = [&SUPERVISOR, &SPAWNER, &KEYVAULT, &NETD, &ONION, &STORED, &MEDIAD, &UI, &DESK];

/// Every profile: the supervisor's two, then the children's.
pub fn all() -> impl Iterator<Item = &'static Profile> {
    ALL.into_iter()
}

/// The profiles of the processes that the supervisor execs.
pub fn children() -> impl Iterator<Item = &'static Profile> {
    all().filter(|profile| **profile != SUPERVISOR && **profile != SPAWNER)
}

/// The profile of the process of that name.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static Profile> {
    all().find(|profile| profile.name == name)
}

impl Profile {
    /// All rows of the table. The spawner's is computed: what any child may do, and the start-up calls.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        let own = self.groups.iter().copied().flatten().copied();
        if self.id == SPAWNER.id { supervisor::with_every_child(own) } else { own.collect() }
    }

    /// Whether the table lets `socket(AF_INET)` or `socket(AF_INET6)` of any kind through.
    #[must_use]
    pub fn allows_inet(&self) -> bool {
        let rows = self.rows();
        let kinds = [libc::SOCK_STREAM, libc::SOCK_DGRAM, libc::SOCK_RAW, libc::SOCK_SEQPACKET];
        [libc::AF_INET, libc::AF_INET6].into_iter().any(|family| {
            kinds.into_iter().any(|kind| {
                let args = [family, kind, 0].map(|arg| u64::from(arg.unsigned_abs()));
                let [family, kind, protocol] = args;
                decide(&rows, libc::SYS_socket, &[family, kind, protocol, 0, 0, 0], 0) == Some(Verdict::Allow)
            })
        })
    }
}
