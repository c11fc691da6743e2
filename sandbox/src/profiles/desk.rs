//! desk: the session bus, for the window, so that the window need not hold it.

use libc::{AF_UNIX, SOCK_STREAM};

use super::base::{BASE, NO_FILES};
use super::groups::THREADS;
use super::{CHILD, EVERY, FileAccess, Profile};
use crate::call;
use crate::resource::Resource::{Data, Descriptors, FileSize, LockedMemory, Tasks};
use crate::resource::{Limit, limit};
use crate::rule::{Row, allow, allow_if, bits, is};

/// Notification, tray, file chooser.
pub static DESK: Profile = Profile {
    name: "desk",
    id: 9,
    groups: &[BASE, NO_FILES, THREADS, BUS],
    files: FileAccess::SessionBus,
    limits: &[EVERY, LIMITS],
    ..CHILD
};

const LIMITS: &[Limit] = &[
    limit(Descriptors, 256, "one edge, the bus"),
    limit(LockedMemory, 0, "locks nothing"),
    limit(FileSize, 4096, "its report"),
    limit(Data, 256 << 20, "a library for the bus"),
    limit(Tasks, 16, "one thread, and a few that a library may start"),
];

const BUS: &[Row] = &[
    allow_if(
        call!(SYS_socket),
        &[is(0, AF_UNIX as i64), bits(1, 0xf, SOCK_STREAM as i64)],
        "the session bus",
    ),
    allow(call!(SYS_connect), "the session bus, the one socket in its view"),
    allow(call!(SYS_sendmsg), "D-Bus messages, which may come with descriptors"),
    allow(call!(SYS_recvmsg), "D-Bus messages, which may come with descriptors"),
    allow(call!(SYS_geteuid), "the bus's greeting names the user"),
    allow(call!(SYS_getuid), "the bus's greeting names the user"),
];
