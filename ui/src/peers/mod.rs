//! The callees of ui's edges, in our own types: the generated ones stop here. Used by the command line and by the window.

mod files;
pub mod messenger;

use std::convert::Infallible;
use std::fmt;

use ipc_schema::edge::ui_stored::Refusal;
use ipc_schema::edge::{self, Call, Failed};

/// Why a call gave nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerError {
    /// The callee said no, and why.
    Refused(Refusal),
    /// The callee went away before it answered; what was asked may or may not have happened.
    Lost,
    /// The callee answered what this version cannot read.
    Misbehaved,
}

impl fmt::Display for PeerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => write!(f, "refused: {refusal:?}"),
            Self::Lost => f.write_str("the other part went away"),
            Self::Misbehaved => f.write_str("the other part answered what cannot be read"),
        }
    }
}

impl std::error::Error for PeerError {}

impl From<Failed> for PeerError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Gone | Failed::Refused => Self::Lost,
            Failed::Unknown => Self::Refused(Refusal::NotBuilt),
            Failed::Malformed => Self::Misbehaved,
        }
    }
}

/// Makes a call, and says what came of it.
///
/// # Errors
/// [`PeerError`]: the callee went, or answered what cannot be read.
pub async fn send<C: Call>(client: C::Client, call: C) -> Result<edge::Outcome<C>, PeerError> {
    Ok(edge::send(&client, &call).await?)
}

/// Makes a call with which nothing can be wrong.
///
/// # Errors
/// [`PeerError`]: the callee went, or answered what cannot be read.
pub async fn ask<C: Call<Error = Infallible>>(client: C::Client, call: C) -> Result<C::Answer, PeerError> {
    Ok(edge::ask(&client, &call).await?)
}
