//! stored: SQLCipher in one folder, in WAL mode; in the RELAY topology the mailboxes' files.

use libc::{F_GETLK, F_SETLK, F_SETLKW};

use super::base::BASE;
use super::groups::{LOCKED_MEMORY, NAMED_FILES, OPEN_FILE, THREADS};
use super::{CHILD, EVERY, FileAccess, Profile};
use crate::call;
use crate::resource::Resource::{Data, Descriptors, FileSize, LockedMemory, Tasks};
use crate::resource::{Limit, limit};
use crate::rule::{Row, allow, allow_if, is, refuse};

/// History, or a relay's mailbox disk.
pub static STORED: Profile = Profile {
    name: "stored",
    id: 6,
    groups: &[BASE, OPEN_FILE, NAMED_FILES, THREADS, LOCKED_MEMORY, OWN],
    files: FileAccess::OneFolder,
    limits: &[EVERY, LIMITS],
    ..CHILD
};

const LIMITS: &[Limit] = &[
    limit(Descriptors, 1024, "databases, blobs on their way, and bots' connections"),
    limit(LockedMemory, 8 << 20, "SQLCipher locks its keys"),
    limit(FileSize, 256 << 30, "a relay's mailbox disk is one file; a person's history is far smaller"),
    limit(Data, 1 << 30, "page caches, messages of 1 MiB on many edges"),
    limit(Tasks, 16, "one thread, and a few that a library may start"),
];

const OWN: &[Row] = &[
    allow_if(call!(SYS_fcntl), &[is(1, F_SETLK as i64)], "SQLite locks ranges of its files"),
    allow_if(call!(SYS_fcntl), &[is(1, F_SETLKW as i64)], "SQLite waits for a lock"),
    allow_if(call!(SYS_fcntl), &[is(1, F_GETLK as i64)], "SQLite asks who holds a lock"),
    allow(call!(SYS_geteuid), "SQLite asks whether it is root before it would chown"),
    allow(call!(SYS_getuid), "OpenSSL asks whether it runs set-uid"),
    allow(call!(SYS_getgid), "OpenSSL asks whether it runs set-gid"),
    allow(call!(SYS_getegid), "OpenSSL asks whether it runs set-gid"),
    allow_if(call!(SYS_fallocate), &[is(1, 0)], "SQLite reserves space"),
    refuse(
        call!(SYS_fchmod),
        libc::EPERM,
        "SQLite gives -wal and -shm the mode of the database, which they are born with",
    ),
    refuse(
        call!(SYS_fchown),
        libc::EPERM,
        "SQLite gives them its owner where it runs as root without namespaces",
    ),
    allow(call!(SYS_fadvise64), "std copies a file"),
    allow(call!(SYS_fstatfs), "the free space of the folder's disk, by descriptor"),
    allow(call!(SYS_statfs), "the free space of the folder's disk"),
    allow(call!(SYS_sysinfo), "OpenSSL's and SQLCipher's seeding look at the machine"),
    allow(call!(SYS_uname), "OpenSSL's start looks at the kernel's version"),
];
