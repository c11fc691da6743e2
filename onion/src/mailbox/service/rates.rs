//! How fast a queue may be written to, and queues be made (docs/protocol/mailbox.md, "What the commands do").
//! Only what is active stands here; an idle queue costs nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use ipc_schema::Timestamp;

use crate::mailbox::message::QueueId;

/// Writes at once.
pub const BURST: u64 = 256;
/// Writes a second.
const REFILL: u64 = 60;
/// Writes a second while more than [`UNACKED_SLOW`] lie un-acked.
const REFILL_SLOW: u64 = 2;
/// From so many un-acked on writing is slow: what lies un-acked is the real bound.
pub const UNACKED_SLOW: u32 = 256;
/// Queues with a bucket at a time, some 100 B each. Beyond, the longest quiet is forgotten, which fills its bucket.
const ROWS_MAX: usize = 16_384;
/// Queues that one relay makes at once, for all its clients.
const CREATIONS_BURST: u64 = 512;
/// Queues that one relay makes a second.
const CREATIONS_REFILL: u64 = 8;
/// A second in the unit of [`Bucket`].
const WHOLE: u64 = 1_000;

/// Tokens that come back with time, in thousandths.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    thousandths: u64,
    last: Timestamp,
}

impl Bucket {
    const fn full(now: Timestamp, burst: u64) -> Self {
        Self { thousandths: burst * WHOLE, last: now }
    }

    fn refill(&mut self, now: Timestamp, burst: u64, per_second: u64) {
        let millis = u64::try_from(now.since(self.last).as_millis()).unwrap_or(u64::MAX);
        self.thousandths =
            self.thousandths.saturating_add(millis.saturating_mul(per_second)).min(burst * WHOLE);
        self.last = now;
    }

    fn take(&mut self) -> bool {
        self.thousandths.checked_sub(WHOLE).is_some_and(|left| {
            self.thousandths = left;
            true
        })
    }
}

#[derive(Clone, Copy, Debug)]
struct Row {
    bucket: Bucket,
    unacked: u32,
}

/// The buckets of one relay.
#[derive(Debug)]
pub struct Rates {
    writes: BTreeMap<QueueId, Row>,
    creations: Option<Bucket>,
}

impl Rates {
    /// All full.
    #[must_use]
    pub const fn new() -> Self {
        Self { writes: BTreeMap::new(), creations: None }
    }

    /// Whether a write to that queue (receiver's name) may go on now.
    pub fn write(&mut self, now: Timestamp, queue: &QueueId) -> bool {
        if self.writes.len() >= ROWS_MAX && !self.writes.contains_key(queue) {
            self.forget_some(now);
        }
        let row = self.writes.entry(*queue).or_insert(Row { bucket: Bucket::full(now, BURST), unacked: 0 });
        let refill = if row.unacked > UNACKED_SLOW { REFILL_SLOW } else { REFILL };
        row.bucket.refill(now, BURST, refill);
        row.bucket.take()
    }

    /// A new envelope lies in that queue.
    pub fn stored(&mut self, queue: &QueueId) {
        if let Some(row) = self.writes.get_mut(queue) {
            row.unacked = row.unacked.saturating_add(1);
        }
    }

    /// So many of it were acked.
    pub fn acked(&mut self, queue: &QueueId, count: usize) {
        if let Some(row) = self.writes.get_mut(queue) {
            row.unacked = row.unacked.saturating_sub(u32::try_from(count).unwrap_or(u32::MAX));
        }
    }

    /// The queue is gone.
    pub fn deleted(&mut self, queue: &QueueId) {
        self.writes.remove(queue);
    }

    /// Whether a queue may be made now.
    pub fn create(&mut self, now: Timestamp) -> bool {
        let bucket = self.creations.get_or_insert(Bucket::full(now, CREATIONS_BURST));
        bucket.refill(now, CREATIONS_BURST, CREATIONS_REFILL);
        bucket.take()
    }

    /// Whether queues are made faster than they should for long.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.creations.is_some_and(|bucket| bucket.thousandths < CREATIONS_BURST * WHOLE / 2)
    }

    fn forget_some(&mut self, now: Timestamp) {
        let quiet = Duration::from_secs(60);
        self.writes.retain(|_, row| row.unacked > 0 || row.bucket.last.is_recent(now, quiet));
        while self.writes.len() >= ROWS_MAX {
            let oldest = self.writes.iter().min_by_key(|(_, row)| row.bucket.last).map(|(queue, _)| *queue);
            let Some(oldest) = oldest else { return };
            self.writes.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUEUE: QueueId = [1; 24];

    fn at(millis: u64) -> Timestamp {
        Timestamp(1_000_000 + millis)
    }

    fn writes(rates: &mut Rates, now: Timestamp) -> usize {
        std::iter::from_fn(|| rates.write(now, &QUEUE).then_some(())).count()
    }

    #[test]
    fn a_queue_takes_a_burst_then_sixty_a_second() {
        let mut rates = Rates::new();
        assert_eq!(writes(&mut rates, at(0)), 256);
        assert_eq!(writes(&mut rates, at(1_000)), 60);
        assert_eq!(writes(&mut rates, at(900)), 0);
    }

    #[test]
    fn while_much_lies_unacked_a_queue_takes_two_a_second() {
        let mut rates = Rates::new();
        writes(&mut rates, at(0));
        (0..257).for_each(|_| rates.stored(&QUEUE));
        assert_eq!(writes(&mut rates, at(10_000)), 20);
        rates.acked(&QUEUE, 100);
        assert_eq!(writes(&mut rates, at(11_000)), 60);
    }

    #[test]
    fn memory_for_rates_is_bounded() {
        let mut rates = Rates::new();
        for number in 0..ROWS_MAX as u64 + 100 {
            let mut queue = [0; 24];
            queue[..8].copy_from_slice(&number.to_be_bytes());
            assert!(rates.write(at(number), &queue));
            rates.stored(&queue);
        }
        assert!(rates.writes.len() <= ROWS_MAX);
    }
}
