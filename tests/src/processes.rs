//! Processes by their ids: who lives, who is whose child, and an end without warning.

use std::fs;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Whether that process runs; one that ended and was not reaped does not.
#[must_use]
pub fn alive(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// The processes whose parent is `pid`.
#[must_use]
pub fn children_of(pid: u32) -> Vec<u32> {
    let parent = |child: &u32| {
        let status = fs::read_to_string(format!("/proc/{child}/status")).unwrap_or_default();
        status.lines().any(|line| line.strip_prefix("PPid:").is_some_and(|p| p.trim() == pid.to_string()))
    };
    let all = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    all.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(parent).collect()
}

/// Ends it as a crash would.
///
/// # Panics
/// It cannot be signalled.
pub fn kill_9(pid: u32) {
    kill(Pid::from_raw(i32::try_from(pid).unwrap()), Signal::SIGKILL).unwrap();
}

/// What the kernel says about every thread of that process.
///
/// # Panics
/// The process is gone.
#[must_use]
pub fn task_statuses(pid: u32) -> Vec<sandbox::Status> {
    sandbox::read_task_statuses(pid).unwrap()
}
