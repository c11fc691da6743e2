//! The id maps of a new user namespace, written by a helper, so that the process itself need not be dumpable.
//!
//! The files of an undumpable process in /proc are root's, so an ordinary user's cannot write its own maps. Maps belong to the
//! namespace and not to a process: a child forked after the unshare is in it too, may write its own, and ends. It has to be
//! dumpable for that, so any program of this user can look into it and even make it act. Therefore it holds nothing: it
//! closes every descriptor first, nothing secret is in memory yet, and it does not share the mount namespace, which is
//! entered after it. What it wrote is looked at.

use std::ffi::CStr;
use std::io;

use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Pid, getegid, geteuid};

/// The id a process has inside. Not zero: as uid 0 SQLite would call fchown.
const INSIDE_ID: u32 = 1000;

/// Maps `uid` and `gid` to [`INSIDE_ID`] in the user namespace that the calling process has just made. One thread.
pub(crate) fn write(uid: u32, gid: u32) -> io::Result<()> {
    let (uid_map, gid_map) = (format!("{INSIDE_ID} {uid} 1\n"), format!("{INSIDE_ID} {gid} 1\n"));
    // In this order: without "deny" before it an ordinary user may not write gid_map (user_namespaces(7)).
    let files: [(&CStr, &[u8]); 3] = [
        (c"/proc/self/setgroups", b"deny"),
        (c"/proc/self/uid_map", uid_map.as_bytes()),
        (c"/proc/self/gid_map", gid_map.as_bytes()),
    ];
    // SAFETY: the child calls only what is async-signal-safe and never returns; `files` was built before.
    match unsafe { libc::fork() } {
        -1 => return Err(io::Error::last_os_error()),
        // SAFETY: a fresh fork.
        0 => unsafe { help(&files) },
        helper => reap(Pid::from_raw(helper))?,
    }
    if (geteuid().as_raw(), getegid().as_raw()) == (INSIDE_ID, INSIDE_ID) {
        Ok(())
    } else {
        Err(io::Error::from(io::ErrorKind::PermissionDenied))
    }
}

fn reap(helper: Pid) -> io::Result<()> {
    loop {
        match waitpid(helper, None) {
            Err(nix::errno::Errno::EINTR) => {}
            Ok(WaitStatus::Exited(_, 0)) => return Ok(()),
            Ok(WaitStatus::Exited(_, errno)) => return Err(io::Error::from_raw_os_error(errno)),
            Ok(_) => return Err(io::Error::from(io::ErrorKind::Interrupted)),
            Err(e) => return Err(e.into()),
        }
    }
}

/// The helper's whole life; its exit code is 0 or the errno.
///
/// # Safety
/// Only in a fresh fork.
unsafe fn help(files: &[(&CStr, &[u8])]) -> ! {
    // SAFETY: bare system calls with constants and with what lives in `files`; nothing is allocated or locked.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        if libc::syscall(libc::SYS_close_range, 0, u32::MAX, 0) == 0
            && libc::prctl(libc::PR_SET_DUMPABLE, 1) == 0
        {
            for (path, text) in files {
                let file = libc::open(path.as_ptr(), libc::O_WRONLY);
                if file < 0 || libc::write(file, text.as_ptr().cast(), text.len()) < 0 {
                    libc::_exit(*libc::__errno_location());
                }
                libc::close(file);
            }
            libc::_exit(0);
        }
        libc::_exit(*libc::__errno_location())
    }
}
