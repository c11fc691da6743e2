//! What a process gives up for good: limits, capabilities, the right to gain any, and being looked into.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout};
use nix::sys::prctl;
use nix::sys::signal::Signal;

use crate::error::{Doing, Error};
use crate::namespaces::Namespaces;
use crate::profiles::Profile;
use crate::resource::{self, Limit, Resource};
use crate::sys;

/// The profile's resources, as far as they count where `namespaces` were entered. What would make a file too long is an
/// error, not a signal that kills.
pub(crate) fn limit(profile: &Profile, namespaces: Namespaces) -> Result<(), Error> {
    forbid_core()?;
    // SAFETY: ignores a signal; no handler of ours runs.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    profile.limits().filter(|limit| limit.resource.counts_in(namespaces)).try_for_each(Limit::apply)
}

/// Whether the process was undumpable when its first line ran: no one of this user could have looked into it before.
static BORN_UNDUMPABLE: AtomicBool = AtomicBool::new(false);

/// The first line of every program's `main`: no dump, and no other process of this user looks in from here on.
///
/// # Errors
/// The kernel refuses, which it never does: the process must end.
pub fn first_line() -> Result<(), Error> {
    BORN_UNDUMPABLE.store(!sys::dumpable().doing("read dumpable")?, Ordering::Relaxed);
    undumpable()?;
    forbid_core()
}

/// What [`first_line`] found.
pub(crate) fn born_undumpable() -> bool {
    BORN_UNDUMPABLE.load(Ordering::Relaxed)
}

fn undumpable() -> Result<(), Error> {
    prctl::set_dumpable(false).map_err(io::Error::from).doing("become undumpable")
}

pub(crate) fn forbid_core() -> Result<(), Error> {
    resource::limit(Resource::Core, 0, "memory holds secrets").apply()
}

/// Drops the bounding, ambient and all other capability sets but what is in `keep`.
pub(crate) fn drop_capabilities(keep: u64) -> Result<(), Error> {
    sys::drop_bounding(keep);
    sys::clear_ambient().doing("empty the ambient set")?;
    sys::set_capabilities(keep).doing("drop the capabilities")
}

/// No gain by exec, no dump and no ptrace by processes of the same user (anew: a change of credentials may undo it), no code
/// that was written by ourselves.
pub(crate) fn harden(deny_write_execute: bool) -> Result<(), Error> {
    nnp()?;
    undumpable()?;
    if deny_write_execute {
        sys::deny_write_execute().doing("deny writable code")?;
    }
    Ok(())
}

pub(crate) fn nnp() -> Result<(), Error> {
    prctl::set_no_new_privs().map_err(io::Error::from).doing("set no_new_privs")
}

/// Dies with the supervisor. Asked anew here: a change of credentials clears what was set before exec. A supervisor that
/// died in between shows as a control socket that is hung up.
pub(crate) fn die_with(control: BorrowedFd<'_>) -> Result<(), Error> {
    prctl::set_pdeathsig(Signal::SIGKILL).map_err(io::Error::from).doing("set the parent-death signal")?;
    let mut waiting = [PollFd::new(control.as_fd(), PollFlags::POLLIN)];
    match nix::poll::poll(&mut waiting, PollTimeout::ZERO) {
        Ok(_) => {}
        Err(Errno::EINTR) => return die_with(control),
        Err(e) => return Err(e.into()).doing("look at the control socket"),
    }
    let [control] = waiting;
    match control.revents() {
        Some(events) if events.contains(PollFlags::POLLHUP) => Err(Error::SupervisorGone),
        _ => Ok(()),
    }
}
