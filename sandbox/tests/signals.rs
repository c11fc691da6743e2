//! What the supervisor is told by signals, and by nothing that only looks like it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
#![allow(unsafe_code, reason = "signals to ourselves")]

mod support;

use std::os::fd::{AsFd, FromRawFd, OwnedFd};

use sandbox::signals::{Asked, Signals, ask_to_destroy, destroy_signal};
use support::*;

fn queue(signal: i32, value: usize) {
    let value = libc::sigval { sival_ptr: std::ptr::without_provenance_mut(value) };
    // SAFETY: a signal to ourselves, which is blocked; the value is a number.
    assert_eq!(unsafe { libc::sigqueue(libc::getpid(), signal, value) }, 0);
}

fn own_pidfd() -> OwnedFd {
    // SAFETY: makes a descriptor of ourselves, which nobody else knows.
    unsafe {
        let fd = libc::syscall(libc::SYS_pidfd_open, libc::getpid(), 0);
        OwnedFd::from_raw_fd(i32::try_from(fd).unwrap())
    }
}

#[test]
fn keys_are_destroyed_on_the_queued_value_alone() {
    // In a process of one thread: a signal to a process goes to whichever thread does not block it.
    let end = in_child(|| {
        let mut signals = Signals::take().map_err(|e| e.to_string())?;
        assert_eq!(signals.asked(), None);
        // SAFETY: a signal to this process, which blocks it.
        unsafe { libc::kill(libc::getpid(), destroy_signal()) };
        assert_eq!(signals.asked(), None, "sent by number");
        queue(destroy_signal(), 1);
        assert_eq!(signals.asked(), None, "another value");
        queue(libc::SIGTERM, 0x6275_726e);
        assert_eq!(signals.asked(), Some(Asked::Stop));
        ask_to_destroy(own_pidfd().as_fd()).map_err(|e| e.to_string())?;
        assert_eq!(signals.asked(), Some(Asked::Destroy));
        holds(signals.asked().is_none(), "a signal too many")
    });
    assert_eq!(end, FINE);
}

#[test]
fn what_a_descriptor_was_left_open_for_ends_with_the_program() {
    let end = in_child(|| {
        let left: Vec<_> = (0..20).map(|_| std::fs::File::open("/dev/null").unwrap()).collect();
        let (theirs, _ours) = control_pair();
        let wanted = std::os::fd::AsRawFd::as_raw_fd(&theirs);
        let kept = sandbox::only_inherited(wanted).map_err(|e| e.to_string())?;
        let open = |fd: i32| raw(libc::SYS_fcntl, [fd as u64, libc::F_GETFD as u64, 0, 0, 0, 0]) >= 0;
        let kept = std::os::fd::AsRawFd::as_raw_fd(&kept);
        let others = (3..200).filter(|fd| *fd != kept && open(*fd)).count();
        // All of them are closed already.
        std::mem::forget((left, theirs, _ours));
        holds(open(kept) && others == 0 && open(2), "something else is open")
    });
    assert_eq!(end, FINE);
}
