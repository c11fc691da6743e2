//! Finding the suite that runs for a folder, by the kernel's word alone: who holds the lock (`F_GETLK`), whose process that is,
//! and what its command line says. No file decides who is signalled or where a passphrase goes.

use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::options::Options;
use crate::{files, lock};

/// Longest command line that is looked at: two paths.
const COMMAND_LINE_MAX_BYTES: u64 = 64 << 10;

/// A running suite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// The profile's folder.
    pub folder: PathBuf,
    /// The supervisor's process id.
    pub pid: i32,
    /// Where its sockets, reports and `state.json` are. Look at it through [`Running::file`].
    pub runtime: PathBuf,
}

/// The suite that holds `folder`; where its lock was removed by hand, the one that says that it serves it.
#[must_use]
pub fn find(folder: &Path) -> Option<Running> {
    let holder = lock::holder(folder).and_then(|pid| supervisor_of(folder, pid));
    holder.or_else(|| all(folder).into_iter().next())
}

/// Every supervisor of this user that serves `folder`: one, or more where the lock was removed while one ran.
#[must_use]
pub fn all(folder: &Path) -> Vec<Running> {
    let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid| supervisor_of(folder, pid)).collect()
}

/// The processes that `parent` started and that live.
#[must_use]
pub fn children_of(parent: i32) -> Vec<OwnedFd> {
    let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    let of_parent =
        |pid: &i32| sandbox::read_proc_status(pid.unsigned_abs()).is_ok_and(|s| s.parent == parent);
    pids.filter(of_parent).filter_map(|pid| pidfd(pid).ok()).collect()
}

/// That process, if it is a supervisor of this user for `folder`.
fn supervisor_of(folder: &Path, pid: i32) -> Option<Running> {
    let status = sandbox::read_proc_status(pid.unsigned_abs()).ok()?;
    if status.uid != geteuid().as_raw() {
        return None;
    }
    let mut bytes = Vec::new();
    File::open(format!("/proc/{pid}/cmdline"))
        .ok()?
        .take(COMMAND_LINE_MAX_BYTES)
        .read_to_end(&mut bytes)
        .ok()?;
    let mut argv: Vec<_> =
        bytes.split(|byte| *byte == 0).map(|word| OsStringExt::from_vec(word.into())).collect();
    // Each argument ends with a zero: nothing follows the last.
    argv.pop();
    let program: &std::ffi::OsString = argv.first()?;
    if Path::new(program).file_name()? != "supervisor" {
        return None;
    }
    let options = Options::parse(argv).ok().filter(|options| options.folder == folder)?;
    Some(Running { folder: folder.into(), pid, runtime: options.runtime })
}

fn pidfd(pid: i32) -> Result<OwnedFd> {
    let pid = Pid::from_raw(pid).ok_or(ErrorKind::NotFound)?;
    Ok(pidfd_open(pid, PidfdFlags::empty())?)
}

impl Running {
    /// A handle on the supervisor that never means another process, for signals and to wait for its end.
    ///
    /// # Errors
    /// `NotFound`: it has ended.
    pub fn handle(&self) -> Result<OwnedFd> {
        let handle = pidfd(self.pid)?;
        // Between the look and the handle the number may have gone to another process.
        match supervisor_of(&self.folder, self.pid) {
            Some(_) => Ok(handle),
            None => Err(ErrorKind::NotFound.into()),
        }
    }

    /// The path of a file in the runtime folder, which is this user's alone.
    ///
    /// # Errors
    /// There is no such folder, or it is not this user's alone.
    pub fn file(&self, name: &str) -> Result<PathBuf> {
        let looked = std::fs::symlink_metadata(&self.runtime)?;
        files::look_at_our_folder(&self.runtime)?;
        if looked.mode() & 0o077 != 0 {
            return Err(Error::new(ErrorKind::PermissionDenied, "the folder is open to other users"));
        }
        Ok(self.runtime.join(name))
    }
}
