//! The supervisor's two tables: a narrow one for all its threads but one, and the spawner's, which every child inherits.

use libc::{AF_UNIX, PROT_EXEC, SOCK_STREAM};

use super::base::BASE;
use super::groups::{NAMED_FILES, NAMESPACE_FLAGS, OPEN_FILE, THREADS};
use super::{CHILD, Profile, children};
use crate::call;
use crate::riders::SO_PASSRIGHTS;
use crate::rule::{Row, Verdict, allow, allow_if, bits, is, refuse};

/// The event loop and all that it starts. It wires, watches and writes down.
pub static SUPERVISOR: Profile = Profile {
    name: "supervisor",
    id: 1,
    groups: &[BASE, OPEN_FILE, NAMED_FILES, THREADS, WIRING],
    mdwe: false,
    landlock: false,
    namespaces: false,
    ..CHILD
};

/// The one thread that forks. It parses nothing.
pub static SPAWNER: Profile = Profile {
    name: "spawner",
    id: 2,
    groups: &[FORK, START, OPEN_DISPLAY],
    // Inherited, for netd; the spawner itself never makes a socket.
    inet: true,
    mdwe: false,
    landlock: false,
    namespaces: false,
    ..CHILD
};

/// Under it the second argument of socket(2) says the kind, without flags (socket.h).
const SOCK_TYPE: i64 = 0xf;

const WIRING: &[Row] = &[
    allow_if(call!(SYS_socketpair), &[is(0, AF_UNIX as i64)], "a control socket"),
    allow(call!(SYS_sendmsg), "Grants, with the descriptors of edges and files"),
    allow_if(
        call!(SYS_socket),
        &[is(0, AF_UNIX as i64), bits(1, SOCK_TYPE, SOCK_STREAM as i64)],
        "a local socket is made anew where a logout took its folder; nothing is connected to",
    ),
    allow(call!(SYS_bind), "the same"),
    allow(call!(SYS_listen), "the same"),
    allow(call!(SYS_accept4), "an outside program connects; its descriptor is passed on unread"),
    allow_if(
        call!(SYS_setsockopt),
        &[is(1, libc::SOL_SOCKET as i64), is(2, SO_PASSRIGHTS as i64)],
        "our end of a control socket takes no descriptors",
    ),
    allow(call!(SYS_pipe2), "an edge, a child's stderr"),
    allow(call!(SYS_readv), "a child's stderr"),
    allow(call!(SYS_waitid), "a child's exit status"),
    allow(call!(SYS_pidfd_open), "a child's end is an event"),
    allow(call!(SYS_pidfd_send_signal), "a child that does not stop is killed"),
    allow(call!(SYS_getuid), "the peer of a local socket must be of the same user"),
    allow(call!(SYS_geteuid), "the peer of a local socket must be of the same user"),
];

/// What the spawner itself does.
const FORK: &[Row] = &[
    refuse(call!(SYS_clone3), libc::ENOSYS, "its flags cannot be filtered; glibc falls back to clone"),
    allow_if(
        call!(SYS_clone),
        &[bits(0, NAMESPACE_FLAGS, 0)],
        "forks, without namespaces; children's threads",
    ),
    #[cfg(target_arch = "x86_64")]
    allow(call!(SYS_fork), "forks, as other libc versions call it"),
    #[cfg(target_arch = "x86_64")]
    allow(call!(SYS_vfork), "std's own exec path, as other libc versions call it"),
    allow(call!(SYS_pipe2), "learns whether exec worked"),
    allow(
        call!(SYS_wait4),
        "reaps a child whose exec failed; a child reaps the helper that wrote its id maps",
    ),
    allow(call!(SYS_waitid), "reaps"),
    allow(call!(SYS_tgkill), "abort"),
    allow(call!(SYS_openat), "/dev/null for a child's stdin; a child's libraries"),
    allow(call!(SYS_set_tid_address), "a fork registers its thread"),
];

/// What a child does between fork and its own filter.
const START: &[Row] = &[
    // Before exec.
    allow(call!(SYS_getppid), "did the parent die before the parent-death signal was set"),
    allow(call!(SYS_setsid), "a session of its own, without the terminal"),
    allow(call!(SYS_umask), "files are made 0600"),
    #[cfg(target_arch = "x86_64")]
    allow(call!(SYS_dup2), "descriptors 0 to 3"),
    allow(call!(SYS_dup3), "descriptors 0 to 4"),
    allow(call!(SYS_close_range), "everything else is closed"),
    allow(call!(SYS_execveat), "becomes the child's program, which lies in memory that nobody can read"),
    allow(call!(SYS_execve), "becomes the child's program; no child's own table has it"),
    // The loader and std's start.
    allow(call!(SYS_mmap), "the loader maps code"),
    allow(call!(SYS_mprotect), "the loader protects what it relocated"),
    #[cfg(target_arch = "x86_64")]
    allow(call!(SYS_arch_prctl), "the loader sets the thread pointer"),
    #[cfg(target_arch = "x86_64")]
    allow(call!(SYS_access), "the loader looks for a preload list"),
    allow(call!(SYS_faccessat), "the loader looks for a preload list"),
    allow(call!(SYS_faccessat2), "the loader looks for a preload list"),
    allow(call!(SYS_prlimit64), "std looks at the stack; step 3 sets limits"),
    allow(call!(SYS_set_robust_list), "the loader registers the first thread"),
    allow(call!(SYS_rseq), "the loader registers the first thread"),
    allow(call!(SYS_newfstatat), "the loader looks at a library"),
    allow(call!(SYS_fstat), "the loader looks at a library"),
    allow(call!(SYS_uname), "the loader checks the kernel's version"),
    allow(call!(SYS_sched_getaffinity), "std looks at its first thread"),
    allow(call!(SYS_prctl), "names, bounding set, no_new_privs, dumpable, parent-death signal"),
    allow(call!(SYS_fcntl), "std checks descriptors 0 to 2"),
    allow(call!(SYS_getuid), "the loader asks whether it runs set-uid"),
    allow(call!(SYS_geteuid), "the id maps"),
    allow(call!(SYS_getgid), "the loader asks whether it runs set-gid"),
    allow(call!(SYS_getegid), "the id maps"),
    // Steps 4 to 10.
    allow(call!(SYS_unshare), "step 4: namespaces"),
    allow(call!(SYS_mount), "step 5: the new root"),
    allow(call!(SYS_umount2), "step 5: the old root goes"),
    allow(call!(SYS_pivot_root), "step 5: the new root"),
    allow(call!(SYS_chdir), "step 5: the new root"),
    allow(call!(SYS_mkdirat), "step 5: mount points"),
    #[cfg(target_arch = "x86_64")]
    allow(call!(SYS_mkdir), "step 5: mount points"),
    allow(call!(SYS_symlinkat), "step 5: /lib of a merged system"),
    #[cfg(target_arch = "x86_64")]
    allow(call!(SYS_symlink), "step 5: /lib of a merged system"),
    #[cfg(target_arch = "x86_64")]
    allow(call!(SYS_readlink), "step 5: /lib of a merged system"),
    allow(call!(SYS_readlinkat), "step 5: /lib of a merged system"),
    allow(call!(SYS_statx), "step 5: file or folder"),
    allow(call!(SYS_statfs), "step 5: flags that a bind mount has"),
    allow(call!(SYS_fstatfs), "step 5: flags that a bind mount has"),
    allow(call!(SYS_getdents64), "is there one thread"),
    allow(call!(SYS_capget), "step 6, and the report"),
    allow(call!(SYS_capset), "step 6"),
    allow(call!(SYS_memfd_secret), "the report says whether it works"),
    allow(call!(SYS_mlock), "the report says whether it works"),
    allow(call!(SYS_landlock_create_ruleset), "step 8"),
    allow(call!(SYS_landlock_add_rule), "step 8"),
    allow(call!(SYS_landlock_restrict_self), "step 8"),
    allow(call!(SYS_epoll_create1), "step 9: the runtime"),
    allow(call!(SYS_eventfd2), "step 9: the runtime"),
    allow(call!(SYS_socketpair), "step 9: the runtime's signal pipe"),
    allow(call!(SYS_seccomp), "step 10"),
    allow_if(call!(SYS_mmap), &[bits(2, PROT_EXEC as i64, 0)], "the allocator"),
];

/// What ui does between the walls and its own filter, and never after. (`socket` and `connect` pass as what it is refused later.)
const OPEN_DISPLAY: &[Row] = &[
    allow_if(
        call!(SYS_getsockopt),
        &[is(1, libc::SOL_SOCKET as i64), is(2, libc::SO_SNDBUF as i64)],
        "xcb looks at the buffers of the display's socket",
    ),
    allow_if(
        call!(SYS_setsockopt),
        &[is(1, libc::SOL_SOCKET as i64), is(2, libc::SO_SNDBUF as i64)],
        "xcb makes them larger where the system's are under 64 KiB",
    ),
    // Before its own filter too: with no root of its own these would be done.
    #[cfg(target_arch = "x86_64")]
    refuse(call!(SYS_chmod), libc::EPERM, "fontconfig makes the folder of its cache writable"),
    refuse(call!(SYS_fchmodat), libc::EPERM, "the same on other processors"),
    #[cfg(target_arch = "x86_64")]
    refuse(call!(SYS_link), libc::EPERM, "fontconfig locks its cache by a second name"),
    refuse(call!(SYS_linkat), libc::EPERM, "the same on other processors"),
];

/// `own`, and whatever some child's table lets through or refuses by itself: a refusal needs the call to reach the child's
/// filter alive. What a child may do about its own process id, `own` allows for any: here no child has one yet.
pub(super) fn with_every_child(own: impl Iterator<Item = Row>) -> Vec<Row> {
    let mut rows: Vec<Row> = own.collect();
    let refused: Vec<i64> =
        rows.iter().filter(|row| row.verdict != Verdict::Allow).map(|row| row.syscall.number()).collect();
    let every = children().flat_map(Profile::rows).filter(|row| !refused.contains(&row.syscall.number()));
    for row in every {
        let row = Row { verdict: Verdict::Allow, ..row };
        let known = rows
            .iter()
            .any(|old| old.syscall == row.syscall && (old.args.is_empty() || old.args == row.args));
        if !known {
            rows.push(row);
        }
    }
    rows
}
