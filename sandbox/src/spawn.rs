//! Starting a child: fork, a handful of async-signal-safe calls, exec.
//!
//! Called from the supervisor's permanent spawner thread: the parent-death signal follows the thread that forked, not
//! the process. Everything that allocates happens before the fork.

use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use libc::{c_char, c_int};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::{Pid, pipe2};

use crate::image::Image;

/// The child's control socket (SOCK_SEQPACKET).
pub const CONTROL_FD: RawFd = 3;
/// Carries the errno of a failed exec to the parent; closed by a successful one.
const FAILURE_FD: RawFd = 4;
/// The program, where it is run from memory; closed by exec.
const IMAGE_FD: RawFd = 5;
/// The sources are moved here before the fork, so that no dup2 overwrites one that is still needed.
const OUT_OF_THE_WAY: RawFd = 16;

/// A child to be started.
#[derive(Clone, Debug)]
pub struct SpawnSpec<'a> {
    /// The binary, by absolute path.
    pub program: &'a Path,
    /// The whole command line, argv[0] included ([`crate::Args::to_argv`]).
    pub argv: Vec<OsString>,
    /// The whole environment: empty but for the window (DISPLAY and the like).
    pub environment: Vec<(OsString, OsString)>,
    /// The child's end of its control socket; becomes descriptor 3.
    pub control: BorrowedFd<'a>,
    /// Becomes descriptor 1.
    pub stdout: BorrowedFd<'a>,
    /// Becomes descriptor 2.
    pub stderr: BorrowedFd<'a>,
}

/// Starts the child and returns once it has become the program.
///
/// # Errors
/// No descriptor or process can be had, or exec failed (no such file, no permission). The child is reaped then.
pub fn spawn(spec: &SpawnSpec<'_>) -> io::Result<Pid> {
    spawn_image(&Image::load(spec.program), spec)
}

/// As [`spawn`], with a program that was loaded before: `spec.program` is not looked at.
///
/// # Errors
/// As [`spawn`].
pub fn spawn_image(image: &Image, spec: &SpawnSpec<'_>) -> io::Result<Pid> {
    let plan = Plan::new(image, spec)?;
    let (mut told, tell) = failure_pipe()?;
    let tell_fd = tell.as_raw_fd();
    // SAFETY: the child calls only what is async-signal-safe (see `become_program`) and never returns.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        // SAFETY: `plan` was built before the fork and `tell_fd` is open.
        0 => unsafe { become_program(&plan, tell_fd) },
        pid => {
            drop(tell);
            settle(Pid::from_raw(pid), &mut told)
        }
    }
}

/// A pipe whose writing end lies out of the way of the child's dup2 calls.
fn failure_pipe() -> io::Result<(File, OwnedFd)> {
    let (told, tell) = pipe2(OFlag::O_CLOEXEC)?;
    Ok((File::from(told), away(&tell)?))
}

/// Waits for the exec. An empty pipe is a success; four bytes are the errno.
fn settle(pid: Pid, told: &mut File) -> io::Result<Pid> {
    let mut errno = [0; 4];
    match told.read_exact(&mut errno) {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(pid),
        outcome => {
            // Reaped here, because nobody else learns its id.
            let _ = nix::sys::wait::waitpid(pid, None);
            Err(outcome.err().unwrap_or_else(|| io::Error::from_raw_os_error(i32::from_ne_bytes(errno))))
        }
    }
}

/// All that the child needs, allocated beforehand.
struct Plan {
    program: CString,
    argv: Vec<*const c_char>,
    environment: Vec<*const c_char>,
    descriptors: [RawFd; 4],
    /// What is run instead of `program`, or -1.
    image: RawFd,
    parent: libc::pid_t,
    /// Keeps alive what the pointers and numbers above mean.
    _strings: Vec<CString>,
    _sources: [OwnedFd; 4],
    _image: Option<OwnedFd>,
}

impl Plan {
    fn new(image: &Image, spec: &SpawnSpec<'_>) -> io::Result<Self> {
        let program = CString::new(image.path().as_os_str().as_bytes())?;
        let image = image.memory().map(away).transpose()?;
        let argv = spec.argv.iter().map(|arg| CString::new(arg.as_bytes())).collect::<Result<Vec<_>, _>>()?;
        let environment = spec
            .environment
            .iter()
            .map(|(name, value)| variable(name, value))
            .collect::<io::Result<Vec<_>>>()?;
        let nothing = File::open("/dev/null")?;
        let sources = [away(nothing)?, away(spec.stdout)?, away(spec.stderr)?, away(spec.control)?];
        let pointers = |strings: &[CString]| {
            strings.iter().map(|s| s.as_ptr()).chain([std::ptr::null()]).collect::<Vec<*const c_char>>()
        };
        Ok(Self {
            program,
            argv: pointers(&argv),
            environment: pointers(&environment),
            descriptors: sources.each_ref().map(AsRawFd::as_raw_fd),
            image: image.as_ref().map_or(-1, AsRawFd::as_raw_fd),
            parent: nix::unistd::getpid().as_raw(),
            _strings: argv.into_iter().chain(environment).collect(),
            _sources: sources,
            _image: image,
        })
    }
}

fn variable(name: &OsStr, value: &OsStr) -> io::Result<CString> {
    let mut bytes = name.as_bytes().to_vec();
    bytes.push(b'=');
    bytes.extend_from_slice(value.as_bytes());
    Ok(CString::new(bytes)?)
}

fn away(fd: impl std::os::fd::AsFd) -> io::Result<OwnedFd> {
    let copy = fcntl(fd, FcntlArg::F_DUPFD_CLOEXEC(OUT_OF_THE_WAY))?;
    // SAFETY: the kernel has just made this descriptor and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}

/// The child's side. Allocates nothing, takes no lock, drops nothing.
///
/// # Safety
/// Only in a fresh fork; `plan`'s pointers are valid and null-terminated, `tell` is open.
unsafe fn become_program(plan: &Plan, tell: RawFd) -> ! {
    // SAFETY: every call below is async-signal-safe (signal-safety(7), or a bare system call), and all pointers come
    // from `plan`.
    unsafe {
        let ready = before_exec(plan, tell);
        if ready {
            if plan.image >= 0 {
                let flags = libc::AT_EMPTY_PATH;
                let (argv, environment) = (plan.argv.as_ptr(), plan.environment.as_ptr());
                libc::syscall(libc::SYS_execveat, IMAGE_FD, c"".as_ptr(), argv, environment, flags);
            }
            // Also where the system runs nothing from memory.
            libc::execve(plan.program.as_ptr(), plan.argv.as_ptr(), plan.environment.as_ptr());
        }
        let errno: c_int = *libc::__errno_location();
        let out = if ready { FAILURE_FD } else { tell };
        libc::write(out, (&raw const errno).cast(), size_of::<c_int>());
        libc::_exit(127)
    }
}

/// Of the descriptors that a program starts with, the first that nothing lies at. `image`: as in [`Plan`].
fn first_unused(image: RawFd) -> RawFd {
    if image < 0 { FAILURE_FD + 1 } else { IMAGE_FD + 1 }
}

/// Sets signals, session and descriptors. False leaves errno at the first failure.
///
/// # Safety
/// As for [`become_program`].
unsafe fn before_exec(plan: &Plan, tell: RawFd) -> bool {
    // SAFETY: as for `become_program`; the signal set lives on this stack.
    unsafe {
        if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 {
            return false;
        }
        // The parent may have died before the signal was asked for.
        if libc::getppid() != plan.parent {
            libc::_exit(1);
        }
        // A mask and ignored signals outlive exec: the supervisor blocks those that it reads, and std ignores SIGPIPE.
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
        libc::umask(0o077);
        // Ctrl-C at the terminal is the supervisor's alone: it ends its children in order.
        if libc::setsid() < 0 {
            return false;
        }
        let [stdin, stdout, stderr, control] = plan.descriptors;
        libc::dup2(stdin, 0) >= 0
            && libc::dup2(stdout, 1) >= 0
            && libc::dup2(stderr, 2) >= 0
            && libc::dup2(control, CONTROL_FD) >= 0
            && libc::dup3(tell, FAILURE_FD, libc::O_CLOEXEC) >= 0
            && (plan.image < 0 || libc::dup3(plan.image, IMAGE_FD, libc::O_CLOEXEC) >= 0)
            && libc::syscall(libc::SYS_close_range, first_unused(plan.image), u32::MAX, 0) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_what_was_placed_stays_open_for_the_program() {
        assert_eq!(first_unused(-1), FAILURE_FD + 1);
        assert_eq!((first_unused(0), first_unused(77)), (IMAGE_FD + 1, IMAGE_FD + 1));
        assert_eq!(IMAGE_FD, FAILURE_FD + 1);
    }

    #[test]
    fn what_cannot_be_read_is_no_exec() {
        let mut unreadable = File::options().write(true).open("/dev/null").unwrap();
        let failed = settle(Pid::from_raw(i32::MAX), &mut unreadable).unwrap_err();
        assert_eq!(failed.raw_os_error(), Some(libc::EBADF));
    }
}
