//! A filter cannot answer with a number of its own, so a process beside does (seccomp_unotify(2)).

use std::io;
use std::os::fd::RawFd;

use libc::{sock_filter, sock_fprog};

/// `_IOWR('!', 0, struct seccomp_notif)` and `_IOWR('!', 1, struct seccomp_notif_resp)`. Source: linux/seccomp.h.
const RECEIVE: libc::c_ulong = 0xc050_2100;
const ANSWER: libc::c_ulong = 0xc018_2101;
/// Where the call's number and the low half of its third argument lie in `struct seccomp_data`.
const NUMBER: u32 = 0;
const THIRD: u32 = 32;
/// LANDLOCK_CREATE_RULESET_VERSION
const VERSION: u32 = 1;

/// From now on Landlock's ABI is said to be `abi`, here and in all that is started, while the calling thread lives.
pub(super) fn landlock_abi(abi: i64) -> io::Result<()> {
    let listener = install()?;
    let asker = std::process::id();
    // SAFETY: the child only makes bare system calls on its own stack and never returns.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        // SAFETY: a fresh fork, which owns its copy of the descriptor.
        0 => unsafe { answer_for_ever(listener, abi, asker) },
        _ => {
            // SAFETY: made above, and nobody else knows it.
            unsafe { libc::close(listener) };
            Ok(())
        }
    }
}

/// The filter that hands `landlock_create_ruleset(…, VERSION)` over; its listener.
fn install() -> io::Result<RawFd> {
    let step = |code, jt, jf, k| sock_filter { code, jt, jf, k };
    let number = u32::try_from(libc::SYS_landlock_create_ruleset).map_err(io::Error::other)?;
    let mut steps = [
        step(0x20, 0, 0, NUMBER),
        step(0x15, 0, 3, number),
        step(0x20, 0, 0, THIRD),
        step(0x15, 0, 1, VERSION),
        step(0x06, 0, 0, libc::SECCOMP_RET_USER_NOTIF),
        step(0x06, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = sock_fprog { len: 6, filter: steps.as_mut_ptr() };
    // SAFETY: `program` and its steps live through the call.
    let listener = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        let (mode, flags) = (libc::SECCOMP_SET_MODE_FILTER, libc::SECCOMP_FILTER_FLAG_NEW_LISTENER);
        libc::syscall(libc::SYS_seccomp, mode, flags, &raw const program)
    };
    RawFd::try_from(listener).ok().filter(|fd| *fd >= 0).ok_or_else(io::Error::last_os_error)
}

/// # Safety
/// Only in a fresh fork.
unsafe fn answer_for_ever(listener: RawFd, abi: i64, asker: u32) -> ! {
    // SAFETY: both structures are plain numbers, which the kernel wants zeroed and fills.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        // Who asked may have ended before that.
        if libc::getppid().unsigned_abs() != asker {
            libc::_exit(0);
        }
        let kept = 3;
        libc::dup2(listener, kept);
        libc::syscall(libc::SYS_close_range, 0, kept - 1, 0);
        libc::syscall(libc::SYS_close_range, kept + 1, u32::MAX, 0);
        loop {
            let mut asked: libc::seccomp_notif = std::mem::zeroed();
            if libc::ioctl(kept, RECEIVE as _, &raw mut asked) == 0 {
                let mut said: libc::seccomp_notif_resp = std::mem::zeroed();
                (said.id, said.val) = (asked.id, abi);
                libc::ioctl(kept, ANSWER as _, &raw mut said);
            }
        }
    }
}
