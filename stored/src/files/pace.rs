//! How far a file has come, how fast, and how long that leaves.

use std::collections::VecDeque;
use std::time::Duration;

use ipc_schema::Timestamp;

/// Over so long a time the rate is taken: a change shows, and chunks that come together do not jump.
const OVER: Duration = Duration::from_secs(30);
/// Between two samples.
const APART: Duration = Duration::from_secs(1);

/// As a person is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Of the file's.
    pub bytes: u64,
    /// All.
    pub of_bytes: u64,
    /// Over the last half minute; 0: it stands still, or has just begun.
    pub bytes_per_s: u64,
    /// At that rate; `None`: nobody knows.
    pub left: Option<Duration>,
}

/// What was there when, lately.
#[derive(Debug, Clone, Default)]
pub(super) struct Pace(VecDeque<(Timestamp, u64)>);

impl Pace {
    /// So much was there at that time.
    pub(super) fn note(&mut self, now: Timestamp, bytes: u64) {
        // After a clock that is set back nothing is known.
        if self.0.back().is_some_and(|(at, _)| *at > now) {
            self.0.clear();
        }
        self.0.retain(|(at, _)| at.after(OVER) > now);
        // The first of all stays as it was: the rate is counted from there.
        let is_first = self.0.len() < 2;
        match self.0.back_mut().filter(|(at, _)| !is_first && at.after(APART) > now) {
            Some((_, last)) => *last = bytes,
            None => self.0.push_back((now, bytes)),
        }
    }

    pub(super) fn progress(&self, now: Timestamp, bytes: u64, of_bytes: u64) -> Progress {
        let first = self.0.iter().find(|(at, _)| at.after(OVER) > now && *at < now);
        let bytes_per_s = first.map_or(0, |(at, before)| {
            let ms = now.0.saturating_sub(at.0).max(1);
            bytes.saturating_sub(*before).saturating_mul(1_000) / ms
        });
        let rest = of_bytes.saturating_sub(bytes);
        let left = rest.checked_div(bytes_per_s).map(Duration::from_secs);
        Progress { bytes, of_bytes, bytes_per_s, left }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_half_minute_and_says_what_is_left() {
        let mut pace = Pace::default();
        let at = |second: u64| Timestamp(1_000_000 + second * 1_000);
        pace.note(at(0), 0);
        assert_eq!(pace.progress(at(0), 0, 100_000).left, None);
        for second in 1..=100 {
            pace.note(at(second), second * 1_000);
        }
        let progress = pace.progress(at(100), 100_000, 200_000);
        assert_eq!((progress.bytes_per_s, progress.left), (1_000, Some(Duration::from_secs(100))));
        assert!(pace.0.len() <= 31, "{}", pace.0.len());
        assert_eq!(pace.progress(at(140), 100_000, 200_000).bytes_per_s, 0, "it stands still");
        pace.note(at(50), 100_000);
        assert_eq!(pace.progress(at(50), 100_000, 200_000).left, None, "the clock was set back");
    }

    #[test]
    fn many_at_once_take_no_more_room_than_one() {
        let mut pace = Pace::default();
        (0..100_000).for_each(|n| pace.note(Timestamp(5_000 + n / 100), n));
        assert!(pace.0.len() <= 3);
    }
}
