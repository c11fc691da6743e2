//! Which circuit serves which calls: the same isolation key, lane and relay share one, and nothing else ever does
//! (docs/protocol/paths.md, "Circuits").

use std::collections::BTreeMap;
use std::time::Duration;

use ipc_schema::Timestamp;
use rand_core::CryptoRng;

use super::draw;
use crate::id::{CircuitHandle, Lane, RelayId};

/// How long a circuit is used before a fresh one takes its place.
pub const CIRCUIT_USE: Duration = Duration::from_secs(600);
/// How long one with a subscription lives: drawn between these, so that a person's do not end together.
pub const SUBSCRIPTION_LIFE: (Duration, Duration) =
    (Duration::from_secs(4 * 3_600), Duration::from_secs(12 * 3_600));
/// Circuits of one client at a time: 64 live queues' and as many for sending and fetching.
pub const CIRCUITS_MAX: usize = 160;

/// What calls have in common that may share a circuit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Isolation {
    /// The caller's key.
    pub key: [u8; 16],
    /// What kind of traffic.
    pub lane: Lane,
    /// The asked relay.
    pub relay: RelayId,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    isolation: Isolation,
    since: Timestamp,
    /// When it is to end.
    until: Timestamp,
}

/// The circuits of one client that stand or are being built.
#[derive(Clone, Debug, Default)]
pub struct Pool {
    rows: BTreeMap<CircuitHandle, Row>,
}

impl Pool {
    /// The circuit that such calls share now, if there is one that is not due to end.
    #[must_use]
    pub fn find(&self, now: Timestamp, isolation: &Isolation) -> Option<CircuitHandle> {
        let fits = |row: &Row| row.isolation == *isolation && row.since <= now && now < row.until;
        self.rows.iter().find(|(_, row)| fits(row)).map(|(circuit, _)| *circuit)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether another may be opened.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.rows.len() < CIRCUITS_MAX
    }

    /// A circuit is being built for such calls.
    pub fn opened(&mut self, now: Timestamp, circuit: CircuitHandle, isolation: Isolation) {
        self.rows.insert(circuit, Row { isolation, since: now, until: now.after(CIRCUIT_USE) });
    }

    /// It carries a subscription now, and lives longer.
    pub fn subscribed(&mut self, rng: &mut impl CryptoRng, circuit: CircuitHandle) {
        if let Some(row) = self.rows.get_mut(&circuit) {
            let life = draw::between(rng, SUBSCRIPTION_LIFE.0, SUBSCRIPTION_LIFE.1);
            row.until = row.until.max(row.since.after(life));
        }
    }

    /// It is gone. Answers what it was for.
    pub fn closed(&mut self, circuit: CircuitHandle) -> Option<Isolation> {
        self.rows.remove(&circuit).map(|row| row.isolation)
    }

    /// What it is for.
    #[must_use]
    pub fn isolation(&self, circuit: CircuitHandle) -> Option<Isolation> {
        self.rows.get(&circuit).map(|row| row.isolation)
    }

    /// Circuits whose time is over: close each as soon as no call waits on it. Callers then open anew.
    pub fn due(&self, now: Timestamp) -> impl Iterator<Item = CircuitHandle> {
        self.rows
            .iter()
            .filter(move |(_, row)| now >= row.until || now < row.since)
            .map(|(circuit, _)| *circuit)
    }

    /// When the next circuit's time is over.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        self.rows.values().map(|row| row.until).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    fn isolation(key: u8, lane: Lane, relay: u8) -> Isolation {
        Isolation { key: [key; 16], lane, relay: RelayId([relay; 32]) }
    }

    fn after(minutes: u64) -> Timestamp {
        Timestamp(5_000_000 + minutes * 60_000)
    }

    #[test]
    fn only_the_same_key_lane_and_relay_share_a_circuit() {
        let mut pool = Pool::default();
        let calls = isolation(1, Lane::Text, 1);
        pool.opened(after(0), CircuitHandle(9), calls);
        assert_eq!(pool.find(after(1), &calls), Some(CircuitHandle(9)));
        for other in [
            isolation(2, Lane::Text, 1),
            isolation(1, Lane::Bulk, 1),
            isolation(1, Lane::Call, 1),
            isolation(1, Lane::Text, 2),
        ] {
            assert_eq!(pool.find(after(1), &other), None);
        }
        assert_eq!(pool.closed(CircuitHandle(9)), Some(calls));
        assert_eq!(pool.find(after(1), &calls), None);
    }

    #[test]
    fn a_circuit_serves_ten_minutes_and_a_subscription_four_to_twelve_hours() {
        let mut rng = ChaCha20Rng::from_seed([1; 32]);
        let mut pool = Pool::default();
        let (sending, receiving) = (isolation(1, Lane::Text, 1), isolation(2, Lane::Text, 1));
        pool.opened(after(0), CircuitHandle(1), sending);
        pool.opened(after(0), CircuitHandle(2), receiving);
        pool.subscribed(&mut rng, CircuitHandle(2));
        assert_eq!(pool.due(after(9)).count(), 0);
        assert_eq!(pool.due(after(10)).collect::<Vec<_>>(), [CircuitHandle(1)]);
        assert_eq!(pool.find(after(10), &sending), None);
        assert_eq!(pool.find(after(239), &receiving), Some(CircuitHandle(2)));
        assert!(pool.due(after(720)).any(|circuit| circuit == CircuitHandle(2)));
    }
}
