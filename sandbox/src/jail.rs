//! A child's way in, in the one order that works.

use std::ffi::CString;
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::path::Path;

use crate::audit::Report;
use crate::bpf::{self, Filters};
use crate::error::{Doing, Error};
use crate::namespaces::{self, Namespaces};
use crate::profiles::{FileAccess, Profile};
use crate::spawn::CONTROL_FD;
use crate::view::View;
use crate::{connections, landlock, privileges, sys};

/// A process that has entered everything but its filter.
#[derive(Debug)]
pub struct Jail {
    report: Report,
    filters: Filters,
    /// Of whoever draws: its display is opened between `enter` and `seal`.
    opens_display: bool,
    leaves_abstract_sockets: bool,
    /// Stays on the thread that entered: Landlock holds per thread.
    thread: PhantomData<*const ()>,
}

/// Takes the control socket, descriptor 3, which the supervisor put there. Once per process.
///
/// # Errors
/// There is none: the program was started by hand. Or it was taken already.
pub fn take_control() -> Result<OwnedFd, Error> {
    use std::sync::atomic::{AtomicBool, Ordering};
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if TAKEN.swap(true, Ordering::SeqCst) || !sys::is_open(CONTROL_FD) {
        return Err(Error::SupervisorGone);
    }
    // SAFETY: it is open, nobody in this process opened it, and the flag above makes this the only owner.
    Ok(unsafe { OwnedFd::from_raw_fd(CONTROL_FD) })
}

/// Raises every wall but the filter, around the calling process, for good. It must have one thread.
///
/// `folder` is the profile's one folder (absolute), from [`crate::Args`]; inside it lies at the same path.
/// `namespaces_allowed` is what the supervisor's probe found.
///
/// # Errors
/// Any wall that cannot be raised. Of namespaces and Landlock each may be missing, but not both where the table has calls that
/// take a path: [`Error::NoFileWall`]. The process must end then.
pub fn enter(
    profile: &'static Profile,
    control: BorrowedFd<'_>,
    folder: Option<&Path>,
    namespaces_allowed: bool,
) -> Result<Jail, Error> {
    let jail = enter_without_walls(profile, control, folder, namespaces_allowed)?;
    if jail.report.lacks_file_wall() { Err(Error::NoFileWall { profile: profile.name }) } else { Ok(jail) }
}

/// As [`enter`], also where nothing but modes keeps files of the user from the process: for `--without-walls`.
///
/// # Errors
/// As [`enter`], but for that one.
pub fn enter_without_walls(
    profile: &'static Profile,
    control: BorrowedFd<'_>,
    folder: Option<&Path>,
    namespaces_allowed: bool,
) -> Result<Jail, Error> {
    alone()?;
    #[cfg(debug_assertions)]
    crate::sigsys::name_the_call().doing("name the call that a process dies of")?;
    let view = View::new(profile, folder)?;
    if control.as_raw_fd() == CONTROL_FD {
        // SAFETY: at this point the process has opened nothing of its own; what lies above was left open by mistake.
        unsafe { sys::close_from(CONTROL_FD + 1) }.doing("close inherited descriptors")?;
    }
    name_process(profile.name)?;
    let namespaces = if namespaces_allowed { own_namespaces(profile, &view)? } else { Namespaces::NONE };
    // Not before: whether threads can be bounded depends on the namespaces that were had.
    privileges::limit(profile, namespaces)?;
    // Not before: the mounts took the capabilities that come with a user namespace.
    privileges::drop_capabilities(0)?;
    privileges::harden(profile.mdwe)?;
    privileges::die_with(control)?;
    let domain = landlock::restrict(profile, &view, namespaces)?;
    let report = Report::measure(profile, domain, namespaces)?;
    let filters = bpf::compile(profile.name, &profile.rows(), std::process::id())?;
    Ok(Jail {
        report,
        filters,
        opens_display: profile.files == FileAccess::Window,
        leaves_abstract_sockets: landlock::leaves_abstract_sockets(&view, namespaces),
        thread: PhantomData,
    })
}

/// What is run from memory has no name of its own for ps(1).
fn name_process(name: &str) -> Result<(), Error> {
    let name = CString::new(name).map_err(io::Error::from).doing("name the process")?;
    nix::sys::prctl::set_name(&name).map_err(io::Error::from).doing("name the process")
}

/// Fails where a thread exists that the walls would miss. Without /proc nothing can be said; then the callers' order
/// alone holds, and the filter is set on all threads anyway.
fn alone() -> Result<(), Error> {
    match std::fs::read_dir("/proc/self/task").map(Iterator::count) {
        Ok(threads) if threads > 1 => Err(Error::Threads(threads)),
        _ => Ok(()),
    }
}

/// A refusal before the old root was touched leaves the process where the other walls hold as well.
fn own_namespaces(profile: &Profile, view: &View) -> Result<Namespaces, Error> {
    namespaces::enter(view, profile.inet).or_else(|failure| {
        if failure.broken { Err(failure.source).doing(failure.step) } else { Ok(failure.entered) }
    })
}

impl Jail {
    /// Installs the filter, on all threads, and measures what is in force. The last thing before the loop.
    ///
    /// # Errors
    /// The kernel does not take the filter, or a window's libraries connected to more than its display. The process must end.
    pub fn seal(self) -> Result<Report, Error> {
        if self.opens_display {
            connections::one_display_at_most(self.report.descriptors)?;
        }
        if self.leaves_abstract_sockets {
            landlock::close_abstract_sockets()?;
        }
        self.filters.install_on_all_threads()?;
        self.report.sealed(&self.filters)
    }
}
