//! What a process gives up for good: limits, capabilities, the right to gain any, and being looked into.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout};
use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;

use crate::error::{Doing, Error};
use crate::profiles::Profile;
use crate::sys;

/// No dump of secrets, a bound on descriptors, and as much locked memory as the profile locks.
/// NPROC is left out: it counts all processes of the user.
pub(crate) fn limit(profile: &Profile) -> Result<(), Error> {
    forbid_core()?;
    lower(Resource::RLIMIT_NOFILE, profile.descriptors).doing("limit the descriptors")?;
    lower(Resource::RLIMIT_MEMLOCK, profile.locked_bytes).doing("limit the locked memory")
}

pub(crate) fn forbid_core() -> Result<(), Error> {
    lower(Resource::RLIMIT_CORE, 0).doing("forbid core dumps")
}

/// First line of every `main` that may hold a secret: from here on no program of the same user can read this process's memory,
/// and no dump of it is written. Everything that [`harden`] does for a sealed process besides comes later.
///
/// # Errors
/// The kernel refuses: the process must end.
pub fn close_to_others() -> Result<(), Error> {
    forbid_core()?;
    undumpable()
}

fn undumpable() -> Result<(), Error> {
    prctl::set_dumpable(false).map_err(io::Error::from).doing("become undumpable")
}

/// Sets both limits to `most`, or to what we are allowed where that is less.
fn lower(resource: Resource, most: u64) -> io::Result<()> {
    let (_, hard) = getrlimit(resource)?;
    let limit = most.min(hard);
    Ok(setrlimit(resource, limit, limit)?)
}

/// Drops the bounding, ambient and all other capability sets but what is in `keep`.
pub(crate) fn drop_capabilities(keep: u64) -> Result<(), Error> {
    sys::drop_bounding(keep).doing("empty the bounding set")?;
    sys::clear_ambient().doing("empty the ambient set")?;
    sys::set_capabilities(keep).doing("drop the capabilities")
}

/// No gain by exec, no dump and no ptrace by processes of the same user, no code that was written by ourselves.
/// Comes after the id maps, which a process that is not dumpable cannot write.
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
    let gone = PollFlags::POLLHUP | PollFlags::POLLERR | PollFlags::POLLNVAL;
    let [control] = waiting;
    match control.revents() {
        Some(events) if events.intersects(gone) => Err(Error::SupervisorGone),
        _ => Ok(()),
    }
}
