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

use crate::resource::{Limit, Resource, limit};
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
    /// No port.
    None,
    /// These ports alone.
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
    /// What it may take of the machine, in groups.
    pub limits: &'static [&'static [Limit]],
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
    limits: &[EVERY],
    landlock: true,
    namespaces: true,
};

const EVERY: &[Limit] = &[limit(Resource::Core, 0, "memory holds secrets")];

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

/// Calls that name a file, and with all arguments 0 mean a path and not a descriptor.
const PATH_CALLS: &[i64] = &[
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_readlinkat,
    libc::SYS_unlinkat,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_mkdirat,
    libc::SYS_mknodat,
    libc::SYS_linkat,
    libc::SYS_symlinkat,
    libc::SYS_fchmodat,
    libc::SYS_fchownat,
    libc::SYS_truncate,
    libc::SYS_statfs,
    libc::SYS_execve,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_open,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_stat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_access,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_unlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rename,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
];
/// Calls that name a file where the socket is of this machine.
const PATH_SOCKET_CALLS: &[i64] = &[libc::SYS_connect, libc::SYS_bind];

impl Profile {
    /// What it may take of the machine.
    pub fn limits(&self) -> impl Iterator<Item = &'static Limit> {
        self.limits.iter().copied().flatten()
    }

    /// The most of one resource; `None` where only the system bounds it.
    #[must_use]
    pub fn most(&self, resource: Resource) -> Option<u64> {
        self.limits().find(|limit| limit.resource == resource).map(|limit| limit.most)
    }

    /// All rows of the table. The spawner's is computed: what any child may do, and the start-up calls.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        let own = self.groups.iter().copied().flatten().copied();
        if self.id == SPAWNER.id { supervisor::with_every_child(own) } else { own.collect() }
    }

    /// Whether some call of the table takes a path, or connects to one: then modes alone would bound it, and Landlock or a root
    /// of its own is required.
    #[must_use]
    pub fn has_path_calls(&self) -> bool {
        let rows = self.rows();
        let allows = |number: i64, args: [u64; 6]| decide(&rows, number, &args, 0) == Some(Verdict::Allow);
        let unix = |kind: i32| {
            let [family, kind] = [libc::AF_UNIX, kind].map(|arg| u64::from(arg.unsigned_abs()));
            allows(libc::SYS_socket, [family, kind, 0, 0, 0, 0])
        };
        let reaches_sockets = unix(libc::SOCK_STREAM) || unix(libc::SOCK_DGRAM) || unix(libc::SOCK_SEQPACKET);
        PATH_CALLS.iter().any(|number| allows(*number, [0; 6]))
            || reaches_sockets && PATH_SOCKET_CALLS.iter().any(|number| allows(*number, [0; 6]))
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
