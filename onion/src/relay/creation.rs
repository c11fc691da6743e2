//! How fast circuits may be created over one link (docs/protocol/circuits.md, "Creation"): a handshake costs the relay about
//! a fifth of a millisecond, so that strangers get few and other relays enough.

use ipc_schema::Timestamp;

/// A token bucket: so many at once, so many a second.
#[derive(Clone, Copy, Debug)]
pub struct CreationBudget {
    milli: u64,
    burst: u64,
    per_second: u64,
    filled: Timestamp,
}

impl CreationBudget {
    /// For a link whose key stands in no descriptor: 4/s after a burst of 256.
    #[must_use]
    pub const fn stranger(now: Timestamp) -> Self {
        Self::new(256, 4, now)
    }

    /// For a link to another relay: 200/s.
    #[must_use]
    pub const fn relay(now: Timestamp) -> Self {
        Self::new(200, 200, now)
    }

    /// For all links together: about half a core of handshakes.
    #[must_use]
    pub const fn process(now: Timestamp) -> Self {
        Self::new(2_000, 2_000, now)
    }

    const fn new(burst: u64, per_second: u64, now: Timestamp) -> Self {
        Self { milli: burst * 1_000, burst, per_second, filled: now }
    }

    /// Takes one, if there is one.
    pub fn take(&mut self, now: Timestamp) -> bool {
        let passed = u64::try_from(now.since(self.filled).as_millis()).unwrap_or(u64::MAX);
        // Milliseconds times tokens a second are thousandths of a token.
        self.milli =
            self.milli.saturating_add(passed.saturating_mul(self.per_second)).min(self.burst * 1_000);
        self.filled = now;
        match self.milli.checked_sub(1_000) {
            Some(left) => {
                self.milli = left;
                true
            }
            None => false,
        }
    }
}

impl Default for CreationBudget {
    fn default() -> Self {
        Self::process(Timestamp(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(budget: &mut CreationBudget, now: u64) -> usize {
        std::iter::repeat(()).take_while(|()| budget.take(Timestamp(now))).count()
    }

    #[test]
    fn a_stranger_gets_256_and_then_4_a_second() {
        let mut budget = CreationBudget::stranger(Timestamp(0));
        assert_eq!(taken(&mut budget, 0), 256);
        assert_eq!(taken(&mut budget, 1_000), 4);
        assert_eq!(taken(&mut budget, 1_250), 1);
        assert_eq!(taken(&mut budget, 10_000_000), 256);
    }

    #[test]
    fn a_relay_gets_200_a_second_and_a_clock_that_goes_back_gives_nothing() {
        let mut budget = CreationBudget::relay(Timestamp(5_000));
        assert_eq!(taken(&mut budget, 5_000), 200);
        assert_eq!(taken(&mut budget, 4_000), 0);
        assert_eq!(taken(&mut budget, 4_500), 100);
    }
}
