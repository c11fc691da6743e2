//! What can go wrong while the walls go up.

use std::io;
use std::path::PathBuf;

/// A wall could not be raised; the process must end, never serve without it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The kernel refused a step.
    #[error("cannot {doing}: {source}")]
    Io {
        /// The step, as "do something".
        doing: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// A table does not compile to a filter: a fault of ours, caught by the tests of this crate.
    #[error("the {profile} table does not compile: {why}")]
    Table {
        /// The profile's name.
        profile: &'static str,
        /// What the compiler said.
        why: String,
    },
    /// Landlock is there and refused the rules.
    #[error("cannot set the Landlock rules: {0}")]
    Landlock(String),
    /// The profile works on a folder and none was named, or one was named and the profile has no files.
    #[error("the {profile} profile {}", if *.wanted { "needs a folder" } else { "takes no folder" })]
    Folder {
        /// The profile's name.
        profile: &'static str,
        /// Whether it needs one.
        wanted: bool,
    },
    /// The table has calls that take a path, and neither a root of its own nor Landlock bounds them.
    #[error("neither user namespaces nor Landlock keep the {profile} process from the files of this user")]
    NoFileWall {
        /// The profile's name.
        profile: &'static str,
    },
    /// The folder's path is relative or holds a NUL, so it means nothing after the root has moved.
    #[error("not an absolute path: {0}")]
    Path(PathBuf),
    /// The control socket is hung up: the supervisor died while this process started.
    #[error("the supervisor is gone")]
    SupervisorGone,
    /// The process already has threads, which walls raised now would miss.
    #[error("{0} threads run already: the walls must go up before the first")]
    Threads(usize),
    /// A library opened more than the display, and would keep it behind the filter.
    #[error("{0} connections are open where only the display's may be")]
    Connected(usize),
    /// The kernel took the filter and does not report it: a fault of ours or of the kernel.
    #[error("the filter was set and is not in force")]
    NotInForce,
}

/// Adds the step to a system error.
pub(crate) trait Doing<T> {
    /// `doing` completes the sentence "cannot …".
    fn doing(self, doing: &'static str) -> Result<T, Error>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, doing: &'static str) -> Result<T, Error> {
        self.map_err(|source| Error::Io { doing, source })
    }
}
