//! The second form of the threat tests, on processes of this crate: as root, what a running process really carries.
#![cfg(feature = "inspect")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
#![allow(unsafe_code, reason = "forks")]

mod support;

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Pid, pipe};
use sandbox::Profile;
use sandbox::bpf::Otherwise;
use sandbox::inspect::{Held, Tried, difference, differences, expected_filters};
use sandbox::profiles::{self, KEYVAULT, MEDIAD, NETD};
use support::*;

struct Running {
    pid: u32,
    _hold: OwnedFd,
}

impl Running {
    fn end(self) -> WaitStatus {
        drop(self._hold);
        waitpid(Pid::from_raw(self.pid.cast_signed()), None).unwrap()
    }
}

/// A child as the supervisor has it: forked by a sealed spawner, then under its own walls, waiting in a system call.
fn running(profile: &'static Profile) -> Running {
    let (wait, hold) = pipe().unwrap();
    let (told, tell) = pipe().unwrap();
    let (supervisor, control) = control_pair();
    let (_keep, folder) = folder();
    // SAFETY: the child leaves by _exit.
    match unsafe { nix::unistd::fork() }.unwrap() {
        nix::unistd::ForkResult::Child => {
            drop(hold);
            keep_only(&[wait.as_raw_fd(), tell.as_raw_fd(), control.as_raw_fd(), supervisor.as_raw_fd()]);
            sandbox::supervisor::seal_spawner().unwrap();
            let jail = sandbox::enter(profile, control.as_fd(), folder_of(profile, &folder), false).unwrap();
            jail.seal().unwrap();
            nix::unistd::write(&tell, b"x").unwrap();
            nix::unistd::read(&wait, &mut [0]).unwrap();
            // SAFETY: ends the child.
            unsafe { libc::_exit(0) }
        }
        nix::unistd::ForkResult::Parent { child } => {
            nix::unistd::read(&told, &mut [0]).unwrap();
            let pid = child.as_raw().unsigned_abs();
            until_asleep(pid);
            Running { pid, _hold: hold }
        }
    }
}

/// It has told, and may still be on its way to where it waits.
fn until_asleep(pid: u32) {
    let asleep = || std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap().contains(") S ");
    while !asleep() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

fn root() -> bool {
    nix::unistd::geteuid().is_root()
}

#[test]
fn every_running_process_carries_its_tables_instruction_by_instruction() {
    if !root() {
        return;
    }
    for profile in profiles::children() {
        let child = running(profile);
        assert_eq!(
            differences(child.pid, profile, Otherwise::OF_THIS_BUILD).unwrap(),
            [],
            "{}",
            profile.name
        );
        let other = if *profile == NETD { &KEYVAULT } else { &NETD };
        assert_ne!(
            differences(child.pid, other, Otherwise::OF_THIS_BUILD).unwrap(),
            [],
            "{} passes for {}",
            profile.name,
            other.name
        );
        assert!(matches!(child.end(), WaitStatus::Exited(_, 0)), "{} did not survive the look", profile.name);
    }
}

#[test]
fn a_difference_is_found_wherever_it_lies() {
    let expected = expected_filters(&MEDIAD, 1, Otherwise::Kill).unwrap();
    assert_eq!(difference(1, &expected, &expected), None);
    assert_eq!(difference(1, &expected[1..], &expected).map(|d| d.filter), Some(0));
    let short = &expected[..expected.len() - 1];
    assert_eq!(difference(1, short, &expected).map(|d| (d.filter, d.instruction)), Some((short.len(), None)));
    let mut changed = expected.clone();
    changed[1][3].k ^= 1;
    assert_eq!(difference(1, &changed, &expected).map(|d| (d.filter, d.instruction)), Some((1, Some(3))));
}

#[test]
fn a_running_process_that_is_made_to_try_a_forbidden_call_dies_of_sigsys() {
    if !root() {
        return;
    }
    for (number, args) in
        [(libc::SYS_ptrace, [0; 6]), (libc::SYS_execve, [0; 6]), (libc::SYS_socket, [2, 1, 0, 0, 0, 0])]
    {
        let child = running(&KEYVAULT);
        assert_eq!(Held::new(child.pid).unwrap().try_call(number, args).unwrap(), Tried::Died(libc::SIGSYS));
        // This process is tracer and parent in one, so that wait has reaped it as well.
        assert!(sandbox::read_proc_status(child.pid).is_err());
    }
}

#[test]
fn a_refused_call_leaves_the_process_as_it_was() {
    if !root() {
        return;
    }
    let child = running(&NETD);
    let held = || Held::new(child.pid).unwrap();
    assert_eq!(held().try_call(libc::SYS_openat, [0; 6]).unwrap(), Tried::Failed(libc::EACCES));
    assert_eq!(held().try_call(libc::SYS_getpid, [0; 6]).unwrap(), Tried::Returned(child.pid.into()));
    let socket = held()
        .try_call(libc::SYS_socket, [libc::AF_INET as u64, libc::SOCK_DGRAM as u64, 0, 0, 0, 0])
        .unwrap();
    assert!(matches!(socket, Tried::Returned(fd) if fd > 2), "{socket:?}");
    assert!(matches!(child.end(), WaitStatus::Exited(_, 0)));
}

#[test]
fn a_process_that_was_let_go_of_a_moment_ago_can_be_held_again() {
    if !root() {
        return;
    }
    let child = running(&NETD);
    let done = AtomicBool::new(false);
    std::thread::scope(|threads| {
        // On busy cores it may have had no turn yet, and stand before its call instead of in it.
        for _ in 0..2 * std::thread::available_parallelism().unwrap().get() {
            threads.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let tried: Vec<_> =
            (0..30_000).map(|_| Held::new(child.pid).unwrap().try_call(libc::SYS_getpid, [0; 6])).collect();
        done.store(true, Ordering::Relaxed);
        for tried in tried {
            assert_eq!(tried.unwrap(), Tried::Returned(child.pid.into()));
        }
    });
    assert!(matches!(child.end(), WaitStatus::Exited(_, 0)));
}
