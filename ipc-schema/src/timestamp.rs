//! The one clock type that crosses edges and stands in files.

/// Milliseconds since 1970-01-01T00:00:00Z. Wall-clock time, so it may jump: nothing that must hold rests on it alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The system's clock now. Cores never call this: a shell has it as its [`Machine`](crate::Machine) and passes the value in.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "the one door to the wall clock")]
    pub fn now() -> Self {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    /// This moment plus `duration`, saturating.
    #[must_use]
    pub fn after(self, duration: std::time::Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }

    /// How long after `earlier` this moment is; zero when the clock went backwards.
    #[must_use]
    pub fn since(self, earlier: Self) -> std::time::Duration {
        std::time::Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// How long before `now` this moment was; `None` where it lies ahead of it: one of the two was told by a clock that was wrong.
    #[must_use]
    pub fn age(self, now: Self) -> Option<std::time::Duration> {
        (self <= now).then(|| now.since(self))
    }

    /// Whether this moment was less than `window` before `now`. One that lies ahead of `now` is never recent, or a clock that was
    /// wrong once would hold up for years what waits for the window to pass.
    #[must_use]
    pub fn is_recent(self, now: Self, window: std::time::Duration) -> bool {
        self.age(now).is_some_and(|age| age < window)
    }

    /// Whether what was put off to this moment is to be done at `now`. Nothing is put off for longer than `longest`: what lies further
    /// ahead was put off by a clock that was wrong, and is due.
    #[must_use]
    pub fn is_due(self, now: Self, longest: std::time::Duration) -> bool {
        self <= now || self > now.after(longest)
    }
}

impl From<u64> for Timestamp {
    fn from(milliseconds: u64) -> Self {
        Self(milliseconds)
    }
}

impl From<Timestamp> for u64 {
    fn from(moment: Timestamp) -> Self {
        moment.0
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);
    const HOUR: Duration = Duration::from_secs(3_600);

    #[test]
    fn a_moment_is_recent_within_its_window_and_never_ahead_of_now() {
        for (at, recent) in [
            (Timestamp(NOW.0 + 1), false),
            (Timestamp(u64::MAX), false),
            (NOW, true),
            (Timestamp(NOW.0 - 3_599_999), true),
            (Timestamp(NOW.0 - 3_600_000), false),
            (Timestamp(0), false),
        ] {
            assert_eq!(at.is_recent(NOW, HOUR), recent, "{at:?}");
        }
        assert_eq!(Timestamp(NOW.0 - 7).age(NOW), Some(Duration::from_millis(7)));
        assert_eq!(Timestamp(NOW.0 + 1).age(NOW), None);
    }

    #[test]
    fn what_was_put_off_is_due_when_its_moment_comes_or_lies_too_far_ahead() {
        for (at, due) in [
            (Timestamp(0), true),
            (NOW, true),
            (Timestamp(NOW.0 + 1), false),
            (NOW.after(HOUR), false),
            (Timestamp(NOW.0 + 3_600_001), true),
            (Timestamp(u64::MAX), true),
        ] {
            assert_eq!(at.is_due(NOW, HOUR), due, "{at:?}");
        }
    }
}
