//! What the supervisor is told by signals: stop, or destroy the keys.
//!
//! The second is a real-time signal queued with a fixed value, so that no stray signal and no `kill` by number means it. A
//! sealed part cannot send it: its filter has no such call and its Landlock domain lets no signal out.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use libc::c_int;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// End, in order.
    Stop,
    /// Kill everything and destroy the vault's keys.
    Destroy,
}

/// The value that rides on the signal: "burn" in ASCII.
const DESTROY_VALUE: c_int = 0x6275_726e;

/// A real-time signal that no library of ours uses. glibc keeps the first two for itself; `SIGRTMIN` counts from there.
#[must_use]
pub fn destroy_signal() -> c_int {
    libc::SIGRTMIN() + 6
}

/// The process's signals, as a descriptor that is readable when one came.
#[derive(Debug)]
pub struct Signals(OwnedFd);

impl Signals {
    /// Blocks them for the calling thread and those that it will start; children start with an empty mask.
    ///
    /// # Errors
    /// No descriptor is left.
    pub fn take() -> io::Result<Self> {
        // SAFETY: the set lives on this stack and is initialised by sigemptyset; each call only reads or fills it.
        let descriptor = unsafe {
            let mut set: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut set);
            // SIGHUP: the terminal closed, which is no reason to be cut off.
            for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, destroy_signal()] {
                libc::sigaddset(&raw mut set, signal);
            }
            if libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) != 0 {
                return Err(io::Error::last_os_error());
            }
            libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK)
        };
        if descriptor < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just made this descriptor and nobody else knows it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(descriptor) }))
    }

    /// What came, if anything did. The destroying signal without its value, or from another user, means nothing.
    pub fn asked(&mut self) -> Option<Asked> {
        // SAFETY: all bytes of the struct may be zero; the kernel fills it whole or not at all.
        let (length, told) = unsafe {
            let mut told: libc::signalfd_siginfo = std::mem::zeroed();
            let size = size_of::<libc::signalfd_siginfo>();
            let length = libc::read(self.0.as_raw_fd(), (&raw mut told).cast(), size);
            (length, told)
        };
        if length <= 0 {
            return None;
        }
        if told.ssi_signo.cast_signed() != destroy_signal() {
            return Some(Asked::Stop);
        }
        let own = nix::unistd::geteuid().as_raw();
        let meant = told.ssi_code == libc::SI_QUEUE
            && told.ssi_int == DESTROY_VALUE
            && (told.ssi_uid == own || told.ssi_uid == 0);
        meant.then_some(Asked::Destroy)
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Asks the supervisor behind `pidfd` to destroy the vault's keys.
///
/// # Errors
/// It is gone, or belongs to another user.
pub fn ask_to_destroy(pidfd: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: all bytes of a siginfo may be zero. Its layout for a queued signal is that of `Queued` below, which is no
    // longer than it; the kernel reads it and keeps nothing.
    let sent = unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let queued: *mut Queued = (&raw mut info).cast();
        (*queued).signal = destroy_signal();
        (*queued).code = libc::SI_QUEUE;
        (*queued).pid = nix::unistd::getpid().as_raw();
        (*queued).uid = nix::unistd::geteuid().as_raw();
        (*queued).value =
            libc::sigval { sival_ptr: std::ptr::without_provenance_mut(DESTROY_VALUE as usize) };
        libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), destroy_signal(), &raw const info, 0)
    };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The head of a `siginfo_t` for SI_QUEUE on 64-bit Linux. Source: asm-generic/siginfo.h.
#[repr(C)]
struct Queued {
    signal: c_int,
    errno: c_int,
    code: c_int,
    _pad: c_int,
    pid: libc::pid_t,
    uid: libc::uid_t,
    value: libc::sigval,
}

const _: () = assert!(size_of::<Queued>() <= size_of::<libc::siginfo_t>());
