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

/// A queued destroying signal that says it is from `uid`; only root may say so of another.
fn queue_as(uid: u32, to: i32) {
    let mut info = [0_i32; 32];
    (info[0], info[2]) = (destroy_signal(), libc::SI_QUEUE);
    (info[5], info[6]) = (uid.cast_signed(), 0x6275_726e);
    // SAFETY: the kernel reads 128 bytes of a live array.
    let sent = unsafe { libc::syscall(libc::SYS_rt_sigqueueinfo, to, destroy_signal(), info.as_ptr()) };
    assert_eq!(sent, 0, "{}", std::io::Error::last_os_error());
}

#[test]
fn only_the_same_user_and_root_ask_for_it() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    assert!(destroy_signal() > libc::SIGRTMIN() && destroy_signal() <= libc::SIGRTMAX());
    for (uid, expected) in [(0, true), (ORDINARY, true), (12_345, false)] {
        let (go, wait) = nix::unistd::pipe().map(|(wait, go)| (go, wait)).unwrap();
        let (told, tell) = nix::unistd::pipe().unwrap();
        // SAFETY: the child leaves by _exit.
        match unsafe { nix::unistd::fork() }.unwrap() {
            nix::unistd::ForkResult::Child => {
                become_ordinary();
                let mut signals = Signals::take().unwrap();
                nix::unistd::write(&tell, b"x").unwrap();
                nix::unistd::read(&wait, &mut [0]).unwrap();
                let meant = signals.asked() == Some(Asked::Destroy);
                // SAFETY: ends the child.
                unsafe { libc::_exit(i32::from(meant)) }
            }
            nix::unistd::ForkResult::Parent { child } => {
                nix::unistd::read(&told, &mut [0]).unwrap();
                queue_as(uid, child.as_raw());
                nix::unistd::write(&go, b"x").unwrap();
                let ended = nix::sys::wait::waitpid(child, None).unwrap();
                assert_eq!(ended, nix::sys::wait::WaitStatus::Exited(child, i32::from(expected)), "{uid}");
            }
        }
    }
}

#[test]
fn who_is_gone_cannot_be_asked_and_without_descriptors_nobody_hears() {
    let (pidfd, ended) = {
        // SAFETY: the child leaves at once.
        match unsafe { nix::unistd::fork() }.unwrap() {
            // SAFETY: ends the child.
            nix::unistd::ForkResult::Child => unsafe { libc::_exit(0) },
            nix::unistd::ForkResult::Parent { child } => {
                let fd = raw(libc::SYS_pidfd_open, [child.as_raw() as u64, 0, 0, 0, 0, 0]);
                // SAFETY: made just above.
                let pidfd = unsafe { OwnedFd::from_raw_fd(i32::try_from(fd).unwrap()) };
                (pidfd, nix::sys::wait::waitpid(child, None).unwrap())
            }
        }
    };
    assert!(ask_to_destroy(pidfd.as_fd()).is_err(), "{ended:?}");
    let end = in_child(|| {
        // SAFETY: the forked child reads nothing.
        unsafe { libc::close(0) };
        let lowest = Signals::take().is_ok();
        raw(libc::SYS_prlimit64, [0, libc::RLIMIT_NOFILE.into(), [0_u64, 0].as_ptr() as u64, 0, 0, 0]);
        holds(lowest && Signals::take().is_err(), "it hears on a descriptor that cannot be had")
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

#[test]
fn the_lowest_descriptor_of_all_can_be_the_one_that_is_kept() {
    let end = in_child(|| {
        let (theirs, _ours) = control_pair();
        let wanted = 90;
        // SAFETY: a copy out of the way; then whatever the test had open goes.
        unsafe {
            libc::dup2(std::os::fd::AsRawFd::as_raw_fd(&theirs), wanted);
            libc::syscall(libc::SYS_close_range, 3, 89, 0);
        }
        let kept = sandbox::only_inherited(wanted).map_err(|e| e.to_string())?;
        let open = |fd: i32| raw(libc::SYS_fcntl, [fd as u64, libc::F_GETFD as u64, 0, 0, 0, 0]) >= 0;
        let others = (3..200).filter(|fd| *fd != 3 && open(*fd)).count();
        let lowest = std::os::fd::AsRawFd::as_raw_fd(&kept) == 3;
        // Both are closed already.
        std::mem::forget((theirs, _ours));
        holds(lowest && open(3) && others == 0, "another one was kept")
    });
    assert_eq!(end, FINE);
}
