//! How long a signed prekey may be used.

use ipc_schema::Timestamp;

/// From when to when a signed key may be used, seconds since 1970, both inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// First second.
    pub from: u32,
    /// Last second.
    pub until: u32,
}

impl Validity {
    /// From a day before `now`, because clocks differ, to `until`.
    #[must_use]
    pub fn until(now: Timestamp, until: Timestamp) -> Self {
        const SKEW_SECONDS: u32 = 24 * 60 * 60;
        Self { from: seconds(now).saturating_sub(SKEW_SECONDS), until: seconds(until) }
    }

    pub(super) fn holds(self, now: Timestamp) -> bool {
        (self.from..=self.until).contains(&seconds(now))
    }
}

/// Seconds since 1970 in four bytes, good until 2106.
pub(crate) fn seconds(time: Timestamp) -> u32 {
    u32::try_from(time.0 / 1_000).unwrap_or(u32::MAX)
}
