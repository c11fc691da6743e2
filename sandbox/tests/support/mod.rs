//! Forked children for tests about walls, which cannot be taken down again.
#![allow(dead_code, reason = "each test file uses its part")]

use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};
use sandbox::{Profile, Report};

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Exit(i32),
    Signal(i32),
}

pub const SIGSYS: End = End::Signal(libc::SIGSYS);
pub const FINE: End = End::Exit(0);
/// A child's own assertion failed; it said why on stderr.
const FAILED: i32 = 101;

/// Runs `body` in a forked child, which has one thread. `Err` is said on the real stderr.
pub fn in_child(body: impl FnOnce() -> Result<i32, String>) -> End {
    // SAFETY: glibc makes its allocator usable in the child of a process with threads; the child leaves by _exit.
    match unsafe { fork() }.unwrap() {
        ForkResult::Child => {
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
            let code = match outcome {
                Ok(Ok(code)) => code,
                Ok(Err(why)) => say(&why),
                Err(_) => say("the child panicked"),
            };
            // SAFETY: ends the child.
            unsafe { libc::_exit(code) }
        }
        ForkResult::Parent { child } => match waitpid(child, None).unwrap() {
            WaitStatus::Exited(_, code) => End::Exit(code),
            WaitStatus::Signaled(_, signal, _) => End::Signal(signal as i32),
            other => panic!("{other:?}"),
        },
    }
}

/// In a forked child that is to wait for the end of a pipe: closes what the tests beside this one have open, their ends of such pipes
/// among it. Two children that hold each other's would wait for ever.
pub fn keep_only(kept: &[RawFd]) {
    for fd in (3..1024).filter(|fd| !kept.contains(fd)) {
        // SAFETY: the child uses none of these, and leaves by _exit: nothing closes them again.
        unsafe { libc::close(fd) };
    }
}

fn say(why: &str) -> i32 {
    let line = format!("{why}\n");
    // SAFETY: writes bytes of a live string; libtest captures what goes through std.
    unsafe { libc::write(2, line.as_ptr().cast(), line.len()) };
    FAILED
}

pub fn control_pair() -> (OwnedFd, OwnedFd) {
    socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC).unwrap()
}

/// Runs `body` under all walls of `profile`.
pub fn confined(
    profile: &'static Profile,
    folder: Option<&Path>,
    namespaces: bool,
    body: impl FnOnce(Report) -> Result<i32, String>,
) -> End {
    let (_supervisor, control) = control_pair();
    in_child(|| {
        if *profile == sandbox::profiles::UI {
            // Its seal counts connections, and those of the tests beside this one are copied into the child.
            keep_only(&[control.as_raw_fd()]);
        }
        occupy_three(&control);
        let jail = sandbox::enter(profile, control.as_fd(), folder, namespaces).map_err(|e| e.to_string())?;
        let report = jail.seal().map_err(|e| e.to_string())?;
        body(report)
    })
}

/// In a part descriptor 3 is the control socket, with which its table allows less. Here a test beside this one may have let go of that
/// number just before the fork: what the child opens next would get it, and die as if it were the control socket.
pub fn occupy_three(control: &OwnedFd) {
    // SAFETY: a look at a number, and a copy to it where it is nobody's.
    unsafe {
        if libc::fcntl(3, libc::F_GETFD) == -1 {
            libc::dup2(control.as_raw_fd(), 3);
        }
    }
}

/// A user that owns nothing but what a test gives it.
pub const ORDINARY: u32 = 45_679;

/// Sheds root, for what root is not held to.
pub fn become_ordinary() {
    if nix::unistd::geteuid().is_root() {
        nix::unistd::setgroups(&[]).unwrap();
        let (uid, gid) = (nix::unistd::Uid::from_raw(ORDINARY), nix::unistd::Gid::from_raw(ORDINARY));
        nix::unistd::setresgid(gid, gid, gid).unwrap();
        nix::unistd::setresuid(uid, uid, uid).unwrap();
    }
}

/// As a child's exit code.
pub fn holds(what: bool, why: &str) -> Result<i32, String> {
    if what { Ok(0) } else { Err(why.to_owned()) }
}

/// The folder for those profiles that take one.
pub fn folder_of<'a>(profile: &Profile, folder: &'a Path) -> Option<&'a Path> {
    (profile.files == sandbox::profiles::FileAccess::OneFolder).then_some(folder)
}

/// Whether namespaces may be tried: both ways where the system has them, by a program that is not under test.
pub fn namespace_choices() -> Vec<bool> {
    let mut unshare = std::process::Command::new("unshare");
    let script = "mount --make-rprivate / && mount -t tmpfs none /tmp";
    let tried = unshare.args(["--user", "--map-root-user", "--mount", "sh", "-c", script]).output();
    if tried.is_ok_and(|output| output.status.success()) { vec![false, true] } else { vec![false] }
}

/// A temporary folder of this user, by its real path.
pub fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap();
    (folder, path)
}

/// A bare system call: the answer, or the error number negated.
pub fn raw(number: i64, args: [u64; 6]) -> i64 {
    let [a, b, c, d, e, f] = args;
    // SAFETY: the tests pass arguments that the kernel at worst refuses.
    let answer = unsafe { libc::syscall(number, a, b, c, d, e, f) };
    if answer < 0 { -i64::from(std::io::Error::last_os_error().raw_os_error().unwrap_or(0)) } else { answer }
}
