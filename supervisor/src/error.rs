//! Why a suite cannot start. Each is one line that says what to do next.

use std::path::PathBuf;

use nix::errno::Errno;

/// Why a suite cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Not started by `privatus`.
    #[error("this program is a part of Privatus and is started by `privatus run`, not by hand")]
    ByHand,
    /// What was asked for contradicts the folder or itself. The text says what to do.
    #[error("{0}")]
    Refused(String),
    /// A file that the folder had is lost. The text says which, and what to do.
    #[error("{0}")]
    Lost(String),
    /// Another suite holds the folder.
    #[error("{} is in use{}: stop it with `privatus stop`", folder.display(), holder(*pid))]
    InUse {
        /// The profile's folder.
        folder: PathBuf,
        /// Who holds it, if the lock says so.
        pid: Option<i32>,
    },
    /// A file or folder cannot be had.
    #[error("cannot {doing} {}: {source}", path.display())]
    File {
        /// Completes "cannot … PATH".
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A wall cannot be raised: nothing starts without it.
    #[error("cannot confine the supervisor: {0}")]
    Walls(#[from] sandbox::Error),
    /// A required wall is not to be had, and the user does not insist.
    #[error(
        "this system offers neither Landlock nor user namespaces, and without one of them {name} could read and change every file of this user: switch one on (lsm=landlock at boot, or the sysctl that forbids user namespaces), or start with --without-walls"
    )]
    NoWalls {
        /// The part that they are for.
        name: &'static str,
    },
    /// The system refuses something that the event loop needs.
    #[error("cannot {doing}: {source}{}", advice(source))]
    System {
        /// Completes "cannot …".
        doing: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
}

/// What to do about an error that has one cause here; empty for any other.
pub(crate) fn advice(error: &std::io::Error) -> &'static str {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EMFILE | Errno::ENFILE) => {
            ": raise the limit of open files (ulimit -n 256), then start again"
        }
        Some(Errno::ENOSYS) => {
            ": Privatus needs Linux 5.9 or later, with close_range and pidfd_open, also where a container filters calls"
        }
        _ => "",
    }
}

fn holder(pid: Option<i32>) -> String {
    pid.map(|pid| format!(" by process {pid}")).unwrap_or_default()
}

impl StartError {
    /// The exit code of the command line's contract.
    #[must_use]
    pub fn code(&self) -> u8 {
        match self {
            Self::ByHand | Self::Refused(_) => 2,
            Self::Lost(_)
            | Self::InUse { .. }
            | Self::File { .. }
            | Self::Walls(_)
            | Self::NoWalls { .. }
            | Self::System { .. } => 1,
        }
    }
}

/// Adds the path, or what was being done, to a system error.
pub(crate) trait Doing<T> {
    /// `doing` completes "cannot … PATH".
    fn on(self, doing: &'static str, path: &std::path::Path) -> Result<T, StartError>;
    /// `doing` completes "cannot …".
    fn doing(self, doing: &'static str) -> Result<T, StartError>;
}

impl<T, E: Into<std::io::Error>> Doing<T> for Result<T, E> {
    fn on(self, doing: &'static str, path: &std::path::Path) -> Result<T, StartError> {
        self.map_err(|error| StartError::File { doing, path: path.into(), source: error.into() })
    }

    fn doing(self, doing: &'static str) -> Result<T, StartError> {
        self.map_err(|error| StartError::System { doing, source: error.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Error, ErrorKind};

    #[test]
    fn what_was_asked_wrongly_is_2_and_what_this_machine_refuses_is_1() {
        let refused = || Err::<(), Error>(ErrorKind::PermissionDenied.into());
        let file = refused().on("open", std::path::Path::new("/x")).unwrap_err();
        let system = refused().doing("wait for signals").unwrap_err();
        assert_eq!(file.to_string(), "cannot open /x: permission denied");
        assert_eq!(system.to_string(), "cannot wait for signals: permission denied");
        let lost = StartError::Lost("put back a copy".into());
        for error in [file, system, lost, StartError::NoWalls { name: "stored" }] {
            assert_eq!(error.code(), 1, "{error}");
        }
        for error in [StartError::ByHand, StartError::Refused("choose another".into())] {
            assert_eq!(error.code(), 2, "{error}");
        }
    }

    #[test]
    fn an_error_with_one_cause_is_told_with_what_to_do_and_no_other() {
        for (errno, words) in
            [(Errno::EMFILE, "ulimit -n"), (Errno::ENFILE, "ulimit -n"), (Errno::ENOSYS, "Linux 5.9")]
        {
            let told = Err::<(), _>(errno).doing("close what was left open").unwrap_err().to_string();
            assert!(told.contains(words), "{told}");
        }
        assert_eq!(advice(&Error::from(ErrorKind::NotFound)), "");
    }

    #[test]
    fn who_holds_a_folder_is_named_where_it_is_known() {
        let text = |pid| StartError::InUse { folder: "/x".into(), pid }.to_string();
        assert_eq!(text(Some(7)), "/x is in use by process 7: stop it with `privatus stop`");
        assert_eq!(text(None), "/x is in use: stop it with `privatus stop`");
    }
}
