//! Systems that give less than this one, for tests: what is taken away here, every program that is started later lacks too.
//! Only behind the feature `inspect`, which no release turns on.

use std::collections::BTreeMap;
use std::io;

use nix::sched::{CloneFlags, unshare};
use nix::unistd::{getegid, geteuid};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch,
};

use crate::error::{Doing, Error};

mod notify;

/// A system where no further user namespace can be made: the calling process moves into one and sets its limit to none.
/// Its ids stay as they are. One thread.
///
/// # Errors
/// This system has no user namespaces either.
pub fn no_user_namespaces() -> Result<(), Error> {
    let (uid, gid) = (geteuid(), getegid());
    unshare(CloneFlags::CLONE_NEWUSER).map_err(io::Error::from).doing("unshare")?;
    std::fs::write("/proc/self/setgroups", "deny").doing("deny setgroups")?;
    std::fs::write("/proc/self/uid_map", format!("{uid} {uid} 1\n")).doing("map the user")?;
    std::fs::write("/proc/self/gid_map", format!("{gid} {gid} 1\n")).doing("map the group")?;
    std::fs::write("/proc/sys/user/max_user_namespaces", "0").doing("forbid more user namespaces")
}

/// Ubuntu 24.04's shape: a user namespace can be made, and nothing can be mounted in it.
///
/// # Errors
/// The kernel has no seccomp.
pub fn no_mounts() -> Result<(), Error> {
    fail_with(libc::EPERM, &[libc::SYS_mount, libc::SYS_pivot_root])
}

/// A kernel without Landlock.
///
/// # Errors
/// The kernel has no seccomp.
pub fn no_landlock() -> Result<(), Error> {
    fail_with(libc::ENOSYS, &[libc::SYS_landlock_create_ruleset])
}

/// A kernel without memfd_secret.
///
/// # Errors
/// The kernel has no seccomp.
pub fn no_memfd_secret() -> Result<(), Error> {
    fail_with(libc::ENOSYS, &[libc::SYS_memfd_secret])
}

/// A kernel without that call.
///
/// # Errors
/// The kernel has no seccomp.
pub fn without(call: i64) -> Result<(), Error> {
    fail_with(libc::ENOSYS, &[call])
}

/// Linux 6.1: Landlock's second ABI (no TCP ports, no scopes), no memory-deny-write-execute, no SO_PASSRIGHTS, no word for
/// memory files that may be run, and memfd_secret off. Lasts as long as the calling thread.
///
/// # Errors
/// The kernel has no seccomp, or no user notification.
pub fn older_kernel() -> Result<(), Error> {
    const SO_PASSRIGHTS: u64 = 83;
    fail_where(libc::EINVAL, libc::SYS_prctl, &[(0, u64::MAX, flag(libc::PR_SET_MDWE))])?;
    fail_where(libc::EINVAL, libc::SYS_prctl, &[(0, u64::MAX, flag(libc::PR_GET_MDWE))])?;
    let socket = (1, u64::MAX, flag(libc::SOL_SOCKET));
    fail_where(libc::ENOPROTOOPT, libc::SYS_setsockopt, &[socket, (2, u64::MAX, SO_PASSRIGHTS)])?;
    let exec = u64::from(libc::MFD_EXEC);
    fail_where(libc::EINVAL, libc::SYS_memfd_create, &[(1, exec, exec)])?;
    no_memfd_secret()?;
    notify::landlock_abi(2).doing("answer for an older Landlock")
}

fn flag(number: i32) -> u64 {
    u64::from(number.unsigned_abs())
}

/// From now on `call` fails with `errno` where each of the arguments (index, mask, value) is so.
fn fail_where(errno: i32, call: i64, arguments: &[(u8, u64, u64)]) -> Result<(), Error> {
    let condition = |(index, mask, value): &(u8, u64, u64)| {
        SeccompCondition::new(*index, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(*mask), *value)
    };
    let conditions = arguments.iter().map(condition).collect::<Result<Vec<_>, _>>();
    let rule = conditions.and_then(SeccompRule::new).map_err(io::Error::other).doing("compile a filter")?;
    fail(errno, BTreeMap::from([(call, vec![rule])]))
}

/// From now on each of `calls` fails with `errno`, here and in all that is started.
fn fail_with(errno: i32, calls: &[i64]) -> Result<(), Error> {
    fail(errno, calls.iter().map(|number| (*number, Vec::new())).collect())
}

fn fail(errno: i32, rules: BTreeMap<i64, Vec<SeccompRule>>) -> Result<(), Error> {
    let action = SeccompAction::Errno(errno.unsigned_abs());
    let program = TargetArch::try_from(std::env::consts::ARCH)
        .and_then(|arch| SeccompFilter::new(rules, SeccompAction::Allow, action, arch))
        .and_then(BpfProgram::try_from)
        .map_err(io::Error::other)
        .doing("compile a filter")?;
    seccompiler::apply_filter(&program).map_err(io::Error::other).doing("install the filter")
}
