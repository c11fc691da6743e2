//! The supervisor's own walls. It decodes nothing that a child says, and still holds no right that it does not use.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::unistd::{Gid, Uid, geteuid, setgroups, setresgid, setresuid};

use crate::audit::Report;
use crate::bpf;
use crate::error::{Doing, Error};
use crate::landlock::{Domain, Enforced};
use crate::namespaces::Namespaces;
use crate::privileges;
use crate::profiles::{self, Profile};

/// Setting file capabilities. A root supervisor's spawner keeps it, and it alone: without it the kernel lets no child map
/// the user 0 into a user namespace (user_namespaces(7), since 5.12). A process of user 0 can write root's files anyway.
const CAP_SETFCAP: u64 = 1 << 31;

/// Seals the calling thread as the permanent spawner: the union of all tables and the start-up calls, since children
/// inherit it. No Landlock: it would forbid their mounts. Before the first [`crate::spawn::spawn`].
///
/// # Errors
/// A wall cannot be raised; the suite must not start.
pub fn seal_spawner() -> Result<Report, Error> {
    let keep = if geteuid().is_root() { CAP_SETFCAP } else { 0 };
    seal(&profiles::SPAWNER, keep)
}

/// Seals the calling thread, any but the spawner, under the narrow table. Threads that it starts inherit it.
///
/// # Errors
/// As [`seal_spawner`].
pub fn seal_thread() -> Result<Report, Error> {
    seal(&profiles::SUPERVISOR, 0)
}

fn seal(profile: &'static Profile, keep: u64) -> Result<Report, Error> {
    #[cfg(debug_assertions)]
    crate::sigsys::name_the_call().doing("name the call that a process dies of")?;
    privileges::forbid_core()?;
    privileges::drop_capabilities(keep)?;
    privileges::harden(false)?;
    let nothing = Domain { abi: 0, enforced: Enforced::Nothing };
    let report = Report::measure(profile, nothing, Namespaces::NONE)?;
    let filters = bpf::compile(profile.name, &profile.rows(), std::process::id())?;
    filters.install_on_this_thread()?;
    report.sealed(&filters)
}

/// What became of root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shed {
    /// The process was an ordinary user's.
    NotRoot,
    /// It now is the folder owner's.
    Became {
        /// The owner, whom the process is for good.
        uid: u32,
    },
    /// The folder is root's own: it runs on as root, and says so to the user.
    StillRoot,
}

/// Where the process is root's, becomes the owner of `folder` for good; all groups go. One thread, first thing in `main`.
///
/// # Errors
/// The folder cannot be looked at, or the kernel keeps us from leaving root.
pub fn shed_root(folder: &Path) -> Result<Shed, Error> {
    if !geteuid().is_root() {
        return Ok(Shed::NotRoot);
    }
    let owner = std::fs::metadata(folder).doing("look at the folder's owner")?;
    if owner.uid() == 0 {
        return Ok(Shed::StillRoot);
    }
    let (uid, gid) = (Uid::from_raw(owner.uid()), Gid::from_raw(owner.gid()));
    // The user last: nobody but root may change groups.
    setgroups(&[]).map_err(io::Error::from).doing("leave root's groups")?;
    setresgid(gid, gid, gid).map_err(io::Error::from).doing("leave root's group")?;
    setresuid(uid, uid, uid).map_err(io::Error::from).doing("leave root")?;
    if setresuid(Uid::from_raw(0), Uid::from_raw(0), Uid::from_raw(0)).is_ok() {
        return Err(io::Error::from(io::ErrorKind::PermissionDenied)).doing("leave root for good");
    }
    Ok(Shed::Became { uid: owner.uid() })
}
