//! What failed lately (docs/protocol/paths.md, "Failures"). Nothing here is ever written to disk: no path is persisted as good or bad.

use std::collections::BTreeMap;
use std::time::Duration;

use ipc_schema::Timestamp;

use crate::id::RelayId;

/// How long a relay is avoided after its first failure in a row; doubles with each.
const AVOID_FIRST: Duration = Duration::from_secs(5);
/// The longest that it is avoided.
const AVOID_MAX: Duration = Duration::from_secs(300);
/// Rebuilds towards one asked relay before back-off begins.
pub const REBUILDS_IN_A_ROW: u32 = 3;
/// The first back-off; doubles.
const REBUILD_FIRST: Duration = Duration::from_secs(1);
/// The longest back-off.
const REBUILD_MAX: Duration = Duration::from_secs(60);
/// Relays remembered at most, twice a full directory; the longest quiet go first.
const REMEMBERED_MAX: usize = 8_192;

#[derive(Clone, Copy, Debug)]
struct Row {
    failures: u32,
    last: Timestamp,
}

impl Row {
    /// The moment until which a doubling pause lasts.
    fn until(self, first: Duration, most: Duration) -> Timestamp {
        let doublings = self.failures.saturating_sub(1).min(16);
        self.last.after(first.saturating_mul(1 << doublings).min(most))
    }
}

/// Failures in a row, per relay and per asked relay.
#[derive(Clone, Debug, Default)]
pub struct Health {
    relays: BTreeMap<RelayId, Row>,
    rebuilds: BTreeMap<RelayId, Row>,
}

fn count(rows: &mut BTreeMap<RelayId, Row>, now: Timestamp, relay: RelayId) {
    if rows.len() >= REMEMBERED_MAX
        && let Some(oldest) = rows.iter().min_by_key(|(_, row)| row.last).map(|(relay, _)| *relay)
    {
        rows.remove(&oldest);
    }
    let row = rows.entry(relay).or_insert(Row { failures: 0, last: now });
    row.failures = row.failures.saturating_add(1);
    row.last = now;
}

impl Health {
    /// A relay failed as a hop.
    pub fn relay_failed(&mut self, now: Timestamp, relay: RelayId) {
        count(&mut self.relays, now, relay);
    }

    /// A relay did its part.
    pub fn relay_worked(&mut self, relay: RelayId) {
        self.relays.remove(&relay);
    }

    /// Whether a relay is better avoided at `now`. After a set-back of the clock nothing is.
    #[must_use]
    pub fn is_down(&self, now: Timestamp, relay: RelayId) -> bool {
        self.relays.get(&relay).is_some_and(|row| row.last <= now && now < row.until(AVOID_FIRST, AVOID_MAX))
    }

    /// When the relay failed last, for choosing the longest quiet among the bad.
    #[must_use]
    pub fn last_failure(&self, relay: RelayId) -> Timestamp {
        self.relays.get(&relay).map_or(Timestamp(0), |row| row.last)
    }

    /// A path to `asked`, begun then, could not be built. Those that were under way together fail together, and count once: otherwise
    /// whoever has many circuits to a relay that was away for a moment would not go back to it for the longest of the pauses.
    pub fn build_failed(&mut self, now: Timestamp, asked: RelayId, began: Timestamp) {
        let known = self.rebuilds.get(&asked).is_some_and(|row| began < row.last && row.last <= now);
        if !known {
            count(&mut self.rebuilds, now, asked);
        }
    }

    /// A path to `asked` was built.
    pub fn build_worked(&mut self, asked: RelayId) {
        self.rebuilds.remove(&asked);
    }

    /// Until when no further path to `asked` is to be tried; `None`: now.
    #[must_use]
    pub fn rebuild_at(&self, now: Timestamp, asked: RelayId) -> Option<Timestamp> {
        let row = self.rebuilds.get(&asked)?;
        let beyond = row.failures.checked_sub(REBUILDS_IN_A_ROW)?;
        let until = Row { failures: beyond.saturating_add(1), ..*row }.until(REBUILD_FIRST, REBUILD_MAX);
        (row.last <= now && now < until).then_some(until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RELAY: RelayId = RelayId([1; 32]);

    fn at(seconds: u64) -> Timestamp {
        Timestamp(1_000_000 + seconds * 1_000)
    }

    #[test]
    fn after_three_failed_builds_in_a_row_comes_a_growing_pause() {
        let mut health = Health::default();
        for _ in 0..2 {
            health.build_failed(at(0), RELAY, at(0));
            assert_eq!(health.rebuild_at(at(0), RELAY), None);
        }
        let mut pauses = Vec::new();
        for _ in 0..8 {
            health.build_failed(at(0), RELAY, at(0));
            pauses.push(health.rebuild_at(at(0), RELAY).unwrap().since(at(0)).as_secs());
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(health.rebuild_at(at(60), RELAY), None);
        health.build_worked(RELAY);
        health.build_failed(at(0), RELAY, at(0));
        assert_eq!(health.rebuild_at(at(0), RELAY), None);
    }

    #[test]
    fn builds_that_were_under_way_together_count_once() {
        let mut health = Health::default();
        for second in [0, 10, 20] {
            for circuit in 0..12 {
                health.build_failed(at(second + 8 + circuit / 6), RELAY, at(second));
            }
        }
        assert_eq!(health.rebuild_at(at(28), RELAY), Some(at(29)), "three failed in a row");
    }

    #[test]
    fn a_relay_that_failed_is_avoided_for_a_while_and_never_after_a_clock_set_back() {
        let mut health = Health::default();
        health.relay_failed(at(100), RELAY);
        assert!(health.is_down(at(100), RELAY));
        assert!(!health.is_down(at(105), RELAY));
        assert!(!health.is_down(at(50), RELAY));
        health.relay_failed(at(105), RELAY);
        assert!(health.is_down(at(114), RELAY));
        health.relay_worked(RELAY);
        assert!(!health.is_down(at(114), RELAY));
    }
}
