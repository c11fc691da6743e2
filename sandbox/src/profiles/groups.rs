//! Rows that several processes share, each group one ability.

use libc::{AT_EMPTY_PATH, O_CREAT};

use crate::call;
use crate::rule::{Row, allow, allow_if, bits, is, refuse};

/// What a call that makes a thread must have set, and what would make a process or leave a namespace, which must be clear.
const THREAD_FLAGS: i64 =
    (libc::CLONE_VM | libc::CLONE_FS | libc::CLONE_FILES | libc::CLONE_SIGHAND | libc::CLONE_THREAD) as i64;
/// Every flag that enters a namespace.
pub(super) const NAMESPACE_FLAGS: i64 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWCGROUP) as i64;

/// Threads of the same process: work that would hold up the event loop.
pub(super) const THREADS: &[Row] = &[
    refuse(call!(SYS_clone3), libc::ENOSYS, "its flags cannot be filtered; glibc falls back to clone"),
    allow_if(
        call!(SYS_clone),
        &[bits(0, THREAD_FLAGS | NAMESPACE_FLAGS, THREAD_FLAGS)],
        "tokio's spawn_blocking starts a thread",
    ),
    allow(call!(SYS_set_robust_list), "a new thread registers its locks"),
    allow(call!(SYS_rseq), "a new thread registers its restartable sequences"),
    allow_if(call!(SYS_prctl), &[is(0, libc::PR_SET_NAME as i64)], "std names a new thread"),
    allow(call!(SYS_sched_getaffinity), "pthread_getattr_np; the allocator counts processors for its arenas"),
];

/// A file that is open already: it was granted as a descriptor, or its folder may be opened.
pub(super) const OPEN_FILE: &[Row] = &[
    allow(call!(SYS_pread64), "redb and SQLite read a page"),
    allow(call!(SYS_pwrite64), "redb and SQLite write a page"),
    allow(call!(SYS_lseek), "std's read_to_end and stream_position"),
    allow(call!(SYS_fsync), "a state file is made durable"),
    allow(call!(SYS_fdatasync), "redb and SQLite make a transaction durable"),
    allow(call!(SYS_ftruncate), "a file is resized"),
    allow(call!(SYS_flock), "redb locks its file, in earlier versions"),
    allow_if(call!(SYS_fcntl), &[is(1, libc::F_OFD_SETLK as i64)], "redb locks ranges of its file"),
    allow_if(call!(SYS_fcntl), &[is(1, libc::F_OFD_SETLKW as i64)], "redb waits for such a lock"),
    allow_if(call!(SYS_fcntl), &[is(1, libc::F_OFD_GETLK as i64)], "redb asks about such a lock"),
    allow(call!(SYS_fstat), "file metadata, as other libc versions call it"),
    allow_if(
        call!(SYS_newfstatat),
        &[bits(3, AT_EMPTY_PATH as i64, AT_EMPTY_PATH as i64)],
        "fstat as glibc calls it",
    ),
    allow_if(
        call!(SYS_statx),
        &[bits(2, AT_EMPTY_PATH as i64, AT_EMPTY_PATH as i64)],
        "std's File::metadata",
    ),
];

/// Memory that never reaches the swap.
pub(super) const LOCKED_MEMORY: &[Row] = &[
    allow(call!(SYS_mlock), "keys are locked into memory"),
    allow(call!(SYS_munlock), "and let go after they were zeroed"),
];

/// Ways to open what the folder's right does not cover: a place without rights to it (O_PATH), and a file without a name,
/// which nothing counts or removes (the bit of O_TMPFILE that is not O_DIRECTORY; linux/fcntl.h: __O_TMPFILE).
pub(super) const NEVER_OPENED: i64 = (libc::O_PATH | (libc::O_TMPFILE & !libc::O_DIRECTORY)) as i64;

/// Set-uid, set-gid, sticky: no file is born with them.
const SPECIAL_BITS: i64 = 0o7000;

/// Files by name inside the view that the mounts and Landlock leave.
pub(super) const NAMED_FILES: &[Row] = &[
    allow_if(
        call!(SYS_openat),
        &[bits(2, NEVER_OPENED | O_CREAT as i64, 0)],
        "opens a file in its folder; elsewhere Landlock says no",
    ),
    allow_if(
        call!(SYS_openat),
        &[bits(2, NEVER_OPENED | O_CREAT as i64, O_CREAT as i64), bits(3, SPECIAL_BITS, 0)],
        "makes a file in its folder",
    ),
    allow(call!(SYS_newfstatat), "stat of a path"),
    allow(call!(SYS_statx), "std's metadata of a path"),
    #[cfg(target_arch = "x86_64")]
    allow(call!(SYS_access), "SQLite asks whether a file exists"),
    allow(call!(SYS_faccessat), "the same on other processors"),
    allow(call!(SYS_faccessat2), "the same with flags"),
    #[cfg(target_arch = "x86_64")]
    allow(call!(SYS_readlink), "SQLite resolves the path of its database"),
    allow(call!(SYS_readlinkat), "the same on other processors"),
    allow(call!(SYS_getcwd), "SQLite makes a path absolute"),
    allow(call!(SYS_getdents64), "a folder is listed"),
    #[cfg(target_arch = "x86_64")]
    allow(call!(SYS_unlink), "a file is removed: SQLite's -wal and -shm, a blob"),
    allow(call!(SYS_unlinkat), "the same on other processors; an empty folder"),
    #[cfg(target_arch = "x86_64")]
    allow(call!(SYS_rename), "a finished file takes its name"),
    allow(call!(SYS_renameat), "the same on other processors"),
    allow_if(call!(SYS_renameat2), &[is(4, 0)], "the same on processors that have no other"),
    #[cfg(target_arch = "x86_64")]
    allow_if(call!(SYS_mkdir), &[bits(1, SPECIAL_BITS, 0)], "a blob folder"),
    #[cfg(target_arch = "x86_64")]
    allow(call!(SYS_rmdir), "an empty blob folder"),
    allow_if(call!(SYS_mkdirat), &[bits(2, SPECIAL_BITS, 0)], "the same on other processors"),
];
