//! `state.json` in the runtime folder: how the suite is, for `privatus status` and `audit`. Written whole at each change.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::files;

/// Its name in the runtime folder.
pub const FILE: &str = "state.json";

/// How the suite is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// `client` or `relay`.
    pub topology: String,
    /// The supervisor's process id.
    pub pid: u32,
    /// When it started, milliseconds since 1970.
    pub started: u64,
    /// There is no window.
    pub headless: bool,
    /// What the window draws on: `x11` or `wayland`.
    #[serde(default)]
    pub display: Option<String>,
    /// The network's name, empty for the public one.
    pub network: String,
    /// It is a private network.
    pub private: bool,
    /// Each process of the topology that this suite runs.
    pub processes: Vec<Part>,
}

/// How one process is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its name in the topology.
    pub name: String,
    /// Its process id on the host; none while it does not run.
    pub pid: Option<u32>,
    /// When this life began, milliseconds since 1970.
    pub started: Option<u64>,
    /// Lives after the first.
    pub restarts: u32,
    /// How the last life ended.
    pub last: Option<String>,
    /// It fell too often and stays down.
    pub given_up: bool,
}

impl State {
    /// Replaces the file in `runtime`.
    ///
    /// # Errors
    /// As write(2).
    pub fn write(&self, runtime: &Path) -> io::Result<()> {
        files::write_whole(&runtime.join(FILE), serde_json::to_string(self)?.as_bytes())
    }

    /// Reads the file in `runtime`.
    ///
    /// # Errors
    /// It is not there or not one of ours.
    pub fn read(runtime: &Path) -> io::Result<Self> {
        let text = files::read_small(&runtime.join(FILE), 64 << 10)?.ok_or(io::ErrorKind::NotFound)?;
        Ok(serde_json::from_str(&text)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(State::read(dir.path()).unwrap_err().kind(), io::ErrorKind::NotFound);
        let part = Part {
            name: "onion".into(),
            pid: Some(7),
            started: Some(8),
            restarts: 9,
            last: Some("signal 9".into()),
            given_up: false,
        };
        let state = State {
            topology: "client".into(),
            pid: 1,
            started: 2,
            headless: true,
            display: Some("x11".into()),
            network: "test".into(),
            private: true,
            processes: vec![part],
        };
        state.write(dir.path()).unwrap();
        assert_eq!(State::read(dir.path()).unwrap(), state);
    }
}
