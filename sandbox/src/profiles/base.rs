//! What a current-thread tokio runtime with capnp-rpc on its edges lives on. Seen under default kill with glibc 2.36;
//! rows beyond that say which other libc or event they are for.

use libc::{AT_EMPTY_PATH, FIONBIO, PROT_EXEC, SOL_SOCKET};
use libc::{MADV_DONTDUMP, MADV_DONTFORK, MADV_DONTNEED, MADV_FREE, MADV_WIPEONFORK};

use crate::call;
use crate::rule::{Arg, Row, allow, allow_if, bits, is, is_not, own_pid, refuse, refuse_if};
use crate::spawn::CONTROL_FD;

/// What F_SETFL may set: not O_ASYNC (signals), O_DIRECT, O_NOATIME. 0o100000 is the kernel's O_LARGEFILE, which F_GETFL
/// gives and glibc calls 0.
const STATUS_FLAGS: i64 = (libc::O_NONBLOCK | libc::O_APPEND | libc::O_ACCMODE | 0o100_000) as i64;

/// A futex operation with or without the flags that change only the clock and how the address is looked up.
const fn futex(operation: i32) -> Arg {
    const FLAGS: i64 = (libc::FUTEX_PRIVATE_FLAG | libc::FUTEX_CLOCK_REALTIME) as i64;
    bits(1, !FLAGS, operation as i64)
}

const fn futex_refused(operation: &'static [Arg], reason: &'static str) -> Row {
    refuse_if(call!(SYS_futex), operation, libc::ENOSYS, reason)
}

/// Every child has these.
pub(super) const BASE: &[Row] = &[
    // Edges and the control socket: descriptors that are open already.
    allow_if(
        call!(SYS_recvmsg),
        &[is(0, CONTROL_FD as i64)],
        "the control socket's Grants, with descriptors; nothing else brings any",
    ),
    allow(call!(SYS_recvfrom), "tokio reads a local program's connection"),
    allow(call!(SYS_sendto), "tokio writes a local program's connection"),
    allow(call!(SYS_read), "an edge's pipe, tokio's wake-up eventfd, bytes of a granted descriptor"),
    allow(call!(SYS_write), "an edge's pipe, stderr, wake-ups, the report"),
    allow(call!(SYS_writev), "vectored writes of an edge; std's line-buffered stderr"),
    allow(call!(SYS_close), "an edge ends"),
    allow(call!(SYS_shutdown), "a local program's connection is closed half by half"),
    allow(call!(SYS_epoll_ctl), "tokio watches a descriptor"),
    #[cfg(target_arch = "x86_64")]
    allow(call!(SYS_epoll_wait), "the event loop"),
    allow(call!(SYS_epoll_pwait), "the event loop, as other libc versions call it"),
    #[cfg(target_arch = "x86_64")]
    allow(call!(SYS_poll), "waiting for one descriptor"),
    allow(call!(SYS_ppoll), "waiting for one descriptor, as other libc versions call it"),
    allow_if(call!(SYS_ioctl), &[is(1, FIONBIO as i64)], "set_nonblocking on a granted socket"),
    refuse_if(
        call!(SYS_ioctl),
        &[is(1, libc::TCGETS as i64)],
        libc::ENOTTY,
        "std asks whether stderr is a terminal",
    ),
    allow_if(call!(SYS_fcntl), &[is(1, libc::F_GETFD as i64)], "std checks a descriptor in debug builds"),
    allow_if(call!(SYS_fcntl), &[is(1, libc::F_SETFD as i64)], "close-on-exec of a granted descriptor"),
    allow_if(call!(SYS_fcntl), &[is(1, libc::F_GETFL as i64)], "set_nonblocking by flags"),
    allow_if(
        call!(SYS_fcntl),
        &[is(1, libc::F_SETFL as i64), bits(2, !STATUS_FLAGS, 0)],
        "set_nonblocking by flags",
    ),
    allow_if(call!(SYS_fcntl), &[is(1, libc::F_DUPFD_CLOEXEC as i64)], "try_clone of a granted descriptor"),
    allow_if(call!(SYS_getsockopt), &[is(1, SOL_SOCKET as i64), is(2, libc::SO_ERROR as i64)], "take_error"),
    allow_if(
        call!(SYS_getsockopt),
        &[is(1, SOL_SOCKET as i64), is(2, libc::SO_PEERCRED as i64)],
        "peer credentials of a local program",
    ),
    allow(call!(SYS_getsockname), "std describes a socket that it was handed"),
    allow(call!(SYS_getpeername), "std describes a socket that it was handed"),
    // Memory. Nothing becomes executable after start-up, also where the kernel is too old to deny it by itself.
    allow_if(call!(SYS_mmap), &[bits(2, PROT_EXEC as i64, 0)], "the allocator; thread stacks"),
    allow_if(call!(SYS_mprotect), &[bits(2, PROT_EXEC as i64, 0)], "the allocator's arenas; guard pages"),
    allow(call!(SYS_munmap), "the allocator"),
    allow(call!(SYS_mremap), "the allocator grows a large block"),
    allow_if(call!(SYS_madvise), &[is(2, MADV_DONTNEED as i64)], "the allocator gives pages back"),
    allow_if(call!(SYS_madvise), &[is(2, MADV_FREE as i64)], "other allocators give pages back"),
    allow_if(call!(SYS_madvise), &[is(2, MADV_DONTFORK as i64)], "secrets stay out of a fork"),
    allow_if(call!(SYS_madvise), &[is(2, MADV_DONTDUMP as i64)], "secrets stay out of a core"),
    allow_if(call!(SYS_madvise), &[is(2, MADV_WIPEONFORK as i64)], "aws-lc would notice a fork"),
    refuse_if(
        call!(SYS_madvise),
        &[
            is_not(2, MADV_DONTNEED as i64),
            is_not(2, MADV_FREE as i64),
            is_not(2, MADV_DONTFORK as i64),
            is_not(2, MADV_DONTDUMP as i64),
            is_not(2, MADV_WIPEONFORK as i64),
        ],
        libc::EINVAL,
        "advice that an old kernel does not know either; aws-lc tries -1 and must see it fail",
    ),
    allow(call!(SYS_brk), "the allocator"),
    // Time, randomness, waiting.
    allow_if(call!(SYS_futex), &[futex(libc::FUTEX_WAIT)], "locks of C libraries"),
    allow_if(call!(SYS_futex), &[futex(libc::FUTEX_WAKE)], "locks"),
    allow_if(call!(SYS_futex), &[futex(libc::FUTEX_WAIT_BITSET)], "locks with a time limit"),
    allow_if(call!(SYS_futex), &[futex(libc::FUTEX_WAKE_BITSET)], "locks with a time limit"),
    futex_refused(&[futex(libc::FUTEX_REQUEUE)], "musl's condition variables; they wake all then"),
    futex_refused(&[futex(libc::FUTEX_CMP_REQUEUE)], "condition variables of old libc versions"),
    futex_refused(&[futex(libc::FUTEX_WAKE_OP)], "condition variables of old libc versions"),
    futex_refused(&[futex(libc::FUTEX_LOCK_PI)], "nobody here inherits a priority"),
    futex_refused(&[futex(libc::FUTEX_UNLOCK_PI)], "nobody here inherits a priority"),
    futex_refused(&[futex(libc::FUTEX_TRYLOCK_PI)], "nobody here inherits a priority"),
    futex_refused(&[futex(libc::FUTEX_LOCK_PI2)], "nobody here inherits a priority"),
    allow(call!(SYS_sched_yield), "a contended lock"),
    allow(call!(SYS_restart_syscall), "a wait goes on after a stop"),
    allow(call!(SYS_clock_gettime), "the clock, on machines whose clock source the vDSO cannot read"),
    allow(call!(SYS_gettimeofday), "the clock as C libraries read it, on the same machines"),
    #[cfg(target_arch = "x86_64")]
    allow(call!(SYS_time), "the clock as C libraries read it, on the same machines"),
    allow(call!(SYS_clock_nanosleep), "std::thread::sleep; a busy handler"),
    allow(call!(SYS_nanosleep), "a bounded sleep, as other libc versions call it"),
    allow(call!(SYS_getrandom), "keys, nonces, hash seeds"),
    // So that a panic or an abort is heard on stderr, and is not a silent SIGSYS.
    allow(call!(SYS_gettid), "abort names its thread"),
    allow(call!(SYS_getpid), "abort names its process"),
    allow_if(call!(SYS_tgkill), &[own_pid(0)], "abort; nobody else gets a signal"),
    allow(call!(SYS_rt_sigprocmask), "abort blocks signals around itself"),
    allow(call!(SYS_rt_sigaction), "abort restores the default action"),
    allow(call!(SYS_rt_sigreturn), "std's handler of stack overflow returns"),
    allow(call!(SYS_sigaltstack), "std removes a thread's signal stack"),
    allow(call!(SYS_exit), "a thread ends"),
    allow(call!(SYS_exit_group), "the process ends"),
    allow_if(
        call!(SYS_prctl),
        &[is(0, libc::PR_GET_SECCOMP as i64)],
        "the report shows that the filter is in force",
    ),
    refuse_if(
        call!(SYS_prctl),
        &[is(0, libc::PR_SET_VMA as i64)],
        libc::EINVAL,
        "newer glibc names its mappings where the kernel lets it",
    ),
];

/// For a process that opens no file by name. Refused, not killed: libc and std look for optional files and go on.
pub(super) const NO_FILES: &[Row] = &[
    refuse(
        call!(SYS_openat),
        libc::EACCES,
        "optional files: /proc/self/maps, the number of processors, locales",
    ),
    #[cfg(target_arch = "x86_64")]
    refuse(call!(SYS_open), libc::EACCES, "the same by its old call"),
    refuse_if(
        call!(SYS_newfstatat),
        &[bits(3, AT_EMPTY_PATH as i64, 0)],
        libc::EACCES,
        "aws-lc asks whether the machine was cloned (/dev/sysgenid)",
    ),
    refuse_if(
        call!(SYS_statx),
        &[bits(2, AT_EMPTY_PATH as i64, 0)],
        libc::EACCES,
        "std looks at optional files",
    ),
    #[cfg(target_arch = "x86_64")]
    refuse(call!(SYS_stat), libc::EACCES, "older libc looks at optional files"),
    #[cfg(target_arch = "x86_64")]
    refuse(call!(SYS_access), libc::EACCES, "libc looks for optional files"),
    refuse(call!(SYS_faccessat), libc::EACCES, "the same by its newer call"),
    refuse(call!(SYS_faccessat2), libc::EACCES, "the same with flags"),
    #[cfg(target_arch = "x86_64")]
    refuse(call!(SYS_readlink), libc::EACCES, "std::env::current_exe for a backtrace"),
    refuse(call!(SYS_readlinkat), libc::EACCES, "the same by its newer call"),
    refuse(call!(SYS_getcwd), libc::ENOENT, "std's backtrace shortens paths"),
];
