//! `state.json` in the runtime folder: how the suite is, for `privatus status` and `audit`. Written whole after a change.

use std::io;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::files;
use crate::restart::FALLS_FREE;

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
    /// A required wall is missing, and the user insisted on the start.
    #[serde(default)]
    pub without_walls: bool,
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
    /// How the last life ended that was not taken down with another part.
    pub last: Option<String>,
    /// It fell too often and stays down.
    pub given_up: bool,
    /// Ends within the last hour that nobody wanted.
    #[serde(default)]
    pub falls: u32,
    /// Those of them that were by a signal.
    #[serde(default)]
    pub falls_by_signal: u32,
    /// When it starts next, milliseconds since 1970; none while it runs or stays down.
    #[serde(default)]
    pub next_start: Option<u64>,
}

impl Part {
    /// What a person should know of it and do, in one line.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let last = self.last.as_deref().unwrap_or("unknown");
        if self.given_up {
            return Some(format!(
                "{} fell too often and stays down (last end: {last}): `privatus stop`, then start again",
                self.name
            ));
        }
        if usize::try_from(self.falls).unwrap_or(usize::MAX) <= FALLS_FREE {
            return None;
        }
        Some(match self.falls_by_signal {
            0 => format!(
                "{} fell {} times in the last hour (last end: {last}) and is started ever more slowly: see its lines on stderr",
                self.name, self.falls
            ),
            signals => format!(
                "{} died {signals} times by a signal in the last hour (last end: {last}) and is started ever more slowly, for somebody may be trying to break in: update Privatus, and report this with its lines on stderr",
                self.name
            ),
        })
    }
}

/// At most four times a second, whatever the parts do: each write is a file and an fsync.
const APART: Duration = Duration::from_millis(250);

/// When the file is written: at once after a quiet time, and the last change always.
#[derive(Debug, Default)]
pub struct Pace {
    written: Option<Duration>,
    unchanged: bool,
}

impl Pace {
    /// There is something new to write.
    pub fn changed(&mut self) {
        self.unchanged = false;
    }

    /// Whether it is to be written now; then it counts as written.
    pub fn take(&mut self, now: Duration) -> bool {
        let due = self.wait(now).is_some_and(|wait| wait.is_zero());
        if due {
            (self.written, self.unchanged) = (Some(now), true);
        }
        due
    }

    /// How long until it is to be written; none where there is nothing new.
    #[must_use]
    pub fn wait(&self, now: Duration) -> Option<Duration> {
        let next = self.written.map_or(Duration::ZERO, |written| written + APART);
        (!self.unchanged).then(|| next.saturating_sub(now))
    }
}

/// As the file has it.
#[must_use]
pub fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// As the file has it.
#[must_use]
pub fn count<T>(of: impl Iterator<Item = T>) -> u32 {
    u32::try_from(of.count()).unwrap_or(u32::MAX)
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
        let bytes = files::read_small(&runtime.join(FILE), 64 << 10)?.ok_or(io::ErrorKind::NotFound)?;
        Ok(serde_json::from_slice(&bytes)?)
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
            falls: 3,
            falls_by_signal: 2,
            next_start: None,
        };
        let state = State {
            topology: "client".into(),
            pid: 1,
            started: 2,
            headless: true,
            display: Some("x11".into()),
            network: "test".into(),
            private: true,
            without_walls: true,
            processes: vec![part],
        };
        state.write(dir.path()).unwrap();
        assert_eq!(State::read(dir.path()).unwrap(), state);
    }

    #[test]
    fn numbers_are_those_of_the_file() {
        assert_eq!((millis(Duration::from_millis(1500)), count([7, 8, 9].iter())), (1500, 3));
    }

    #[test]
    fn changes_that_come_together_are_written_together_and_the_last_one_always() {
        let mut pace = Pace::default();
        let mut writes = Vec::new();
        for millis in 0..2000 {
            let now = Duration::from_millis(millis);
            if millis < 1100 {
                pace.changed();
            }
            if pace.take(now) {
                writes.push(millis);
            }
        }
        assert_eq!(writes, [0, 250, 500, 750, 1000, 1250]);
        assert_eq!(pace.wait(Duration::from_secs(9)), None);
        pace.changed();
        assert!(pace.take(Duration::from_secs(9)), "after a quiet time at once");
    }

    #[test]
    fn a_person_is_warned_of_what_falls_again_and_again_and_of_nothing_else() {
        let part = |falls, falls_by_signal, given_up| Part {
            name: "netd".into(),
            pid: None,
            started: None,
            restarts: falls,
            last: Some("signal 11".into()),
            given_up,
            falls,
            falls_by_signal,
            next_start: None,
        };
        assert_eq!(part(10, 10, false).warning(), None);
        let warning = part(12, 11, false).warning().unwrap();
        assert!(warning.starts_with("netd died 11 times by a signal in the last hour"), "{warning}");
        assert!(part(11, 0, false).warning().unwrap().starts_with("netd fell 11 times"));
        assert!(part(8, 0, true).warning().unwrap().contains("stays down"));
    }
}
