//! How a command ends: the exit codes of the contract, each with the one line that says what to do next.

use std::process::ExitCode;

/// Why a command did not do what was asked. The text is one line and says what to do next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It went wrong. Exit 1.
    #[error("{0}")]
    Failed(String),
    /// The command line makes no sense. Exit 2.
    #[error("{0}")]
    Usage(String),
    /// The vault is locked, or the passphrase wrong. Exit 3.
    #[error("{0}")]
    Locked(String),
    /// No suite runs for this profile, or a part did not come back in time. Exit 4.
    #[error("{0}")]
    NotRunning(String),
    /// The suite said no, or this is not built yet. Exit 5.
    #[error("{0}")]
    Refused(String),
    /// Accepted, but not settled in time: it goes on by itself. Exit 6.
    #[error("{0}")]
    NotSettled(String),
    /// Ends with this code and says nothing more: whoever failed has spoken already, or nobody reads any more.
    #[error("")]
    Silent(u8),
}

/// What a command gives.
pub type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    /// A command of the contract that no code stands behind yet.
    #[must_use]
    pub fn not_built(what: &str) -> Self {
        Self::Refused(format!("{what}: not built yet"))
    }

    /// The exit code of the contract.
    #[must_use]
    pub fn code(&self) -> u8 {
        match self {
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
            Self::Locked(_) => 3,
            Self::NotRunning(_) => 4,
            Self::Refused(_) => 5,
            Self::NotSettled(_) => 6,
            Self::Silent(code) => *code,
        }
    }
}

/// Adds what was being done, and turns any error into exit 1.
pub trait Doing<T> {
    /// `doing` completes "cannot …".
    ///
    /// # Errors
    /// [`Failure::Failed`].
    fn doing(self, doing: impl std::fmt::Display) -> Outcome<T>;
}

impl<T, E: std::fmt::Display> Doing<T> for Result<T, E> {
    fn doing(self, doing: impl std::fmt::Display) -> Outcome<T> {
        self.map_err(|error| Failure::Failed(format!("cannot {doing}: {error}")))
    }
}

/// Says on stderr, in one line, why; and gives the exit code.
pub(super) fn report(outcome: &Outcome) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let line = failure.to_string();
            if !line.is_empty() {
                eprintln!("privatus: {}", super::output::one_line(&line));
            }
            ExitCode::from(failure.code())
        }
    }
}
