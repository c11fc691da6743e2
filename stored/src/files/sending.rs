//! A file on its way out: which chunks lie where, which are acked, and which go next (docs/protocol/content.md, "Files").

use std::collections::BTreeMap;
use std::time::Duration;

use ipc_schema::Timestamp;

use super::chunk::Round;
use super::cut::Cut;
use super::pace::{Pace, Progress};
use crate::content::{FileChunks, Range, Received};
use crate::ids::PeerQueueId;

/// Chunks that lie un-acked at one queue: with them there is room left in the 8 MiB that a relay gives it (docs/protocol/mailbox.md,
/// "What the commands do").
pub const UNACKED_MAX: usize = 96;
/// At all queues, of one file: the receiver waits for no more at a time.
pub const LAID_MAX: usize = 2 * UNACKED_MAX;
/// A relay keeps a chunk for 7 days; an hour less, for its clock and ours.
const KEPT: Duration = Duration::from_secs(7 * 86_400 - 3_600);
/// What lies at a relay for less is under way, whatever the receiver says of it.
const UNDER_WAY: Duration = Duration::from_secs(20);
/// So often all chunks are sent on average, and no more by themselves.
const ROUNDS_MAX: u64 = 16;

/// Of the encoded state.
const VERSION: u8 = 1;

/// Where a chunk can be left now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lane {
    /// The receiver's queue.
    pub queue: PeerQueueId,
    /// Chunks for which there is room on the way and at the relay, beside those of other files.
    pub room: usize,
}

/// A chunk that is to be left at a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Put {
    /// Which.
    pub number: u32,
    /// Under which name of it.
    pub round: Round,
    /// Where.
    pub queue: PeerQueueId,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Laid {
    queue: PeerQueueId,
    /// When the relay said that it has it; before that, when it was told to leave.
    at: Timestamp,
    there: bool,
}

/// The state of one file. Lost with the process at any time, it is the same again out of [`Sending::encode`]: what was on its way is sent
/// once more, under the same name.
#[derive(Debug, Clone)]
pub struct Sending {
    cut: Cut,
    acked: Received,
    laid: BTreeMap<u32, Laid>,
    /// Chunks that were missed, and the queue that they were missed at: they go to another where there is one.
    missed: BTreeMap<u32, PeerQueueId>,
    /// Chunks that were given to relays since a person had it go on.
    sent: u64,
    /// What the receiver called its last asking.
    round: Round,
    pace: Pace,
}

impl Sending {
    /// Nothing of it is sent.
    #[must_use]
    pub fn new(cut: Cut) -> Self {
        let (acked, laid, missed) = (Received::default(), BTreeMap::new(), BTreeMap::new());
        Self { cut, acked, laid, missed, sent: 0, round: Round(0), pace: Pace::default() }
    }

    /// What is to be left now, the lowest first, each at the queue that has the fewest of them. `heard`: when anything came from the
    /// receiver last, for what relays dropped is left anew only for somebody who is there.
    pub fn next(&mut self, now: Timestamp, heard: Timestamp, lanes: &[Lane]) -> Vec<Put> {
        self.forget_dropped(now, heard);
        let mut lanes: Vec<(Lane, usize)> =
            lanes.iter().map(|lane| (*lane, self.unacked_at(lane.queue))).collect();
        let mut puts = Vec::new();
        for number in self.waiting() {
            if self.is_spent() || self.laid.len() >= LAID_MAX {
                break;
            }
            let missed_at = self.missed.get(&number).copied();
            let free = lanes.iter_mut().filter(|(lane, unacked)| lane.room > 0 && *unacked < UNACKED_MAX);
            let Some((lane, unacked)) =
                free.min_by_key(|(lane, unacked)| (missed_at == Some(lane.queue), *unacked))
            else {
                break;
            };
            lane.room -= 1;
            *unacked += 1;
            self.missed.remove(&number);
            self.laid.insert(number, Laid { queue: lane.queue, at: now, there: false });
            self.sent += 1;
            puts.push(Put { number, round: self.round, queue: lane.queue });
        }
        puts
    }

    /// The lowest that are neither acked nor on their way: at most as many as may be.
    fn waiting(&self) -> Vec<u32> {
        // Each gap has one at least, and of those that are laid there are no more than this.
        let gaps = self.acked.missing(self.cut.chunks().into(), 2 * LAID_MAX);
        let numbers = gaps.into_iter().flat_map(|gap| gap.first..=gap.last);
        let numbers = numbers.filter_map(|number| u32::try_from(number).ok());
        numbers.filter(|number| !self.laid.contains_key(number)).take(LAID_MAX).collect()
    }

    fn forget_dropped(&mut self, now: Timestamp, heard: Timestamp) {
        self.laid.retain(|_, laid| {
            let dropped = laid.at.after(KEPT);
            !(laid.there && dropped <= now && dropped <= heard)
        });
    }

    /// The relay has it.
    pub fn there(&mut self, put: Put, now: Timestamp) {
        if let Some(laid) = self.laid.get_mut(&put.number).filter(|laid| laid.queue == put.queue) {
            *laid = Laid { at: now, there: true, ..*laid };
        }
    }

    /// The relay did not take it, or the circuit is gone: it waits again.
    pub fn back(&mut self, put: Put) {
        self.laid.retain(|number, laid| *number != put.number || laid.queue != put.queue || laid.there);
    }

    /// A queue is no more: what lay there is left elsewhere.
    pub fn queue_gone(&mut self, queue: PeerQueueId) {
        self.laid.retain(|_, laid| laid.queue != queue);
    }

    /// What the receiver says that it has. Whether anything changed.
    pub fn heard(&mut self, chunks: &FileChunks, now: Timestamp) -> bool {
        let before = (self.acked.count(u64::MAX), self.laid.len());
        let up_to = u64::from(chunks.up_to.min(self.cut.chunks()));
        // The same asking may come twice.
        if chunks.again != 0 && chunks.again != self.round.0 {
            self.round = Round(chunks.again);
            self.take_up_again(&chunks.missing, up_to, now);
        }
        self.acked.absorb(&Received::all_but(up_to, &chunks.missing));
        let acked = &self.acked;
        self.laid.retain(|number, _| !acked.contains((*number).into()));
        self.missed.retain(|number, _| !acked.contains((*number).into()));
        self.pace.note(now, self.bytes());
        before != (self.acked.count(u64::MAX), self.laid.len())
    }

    fn take_up_again(&mut self, missing: &[Range], up_to: u64, now: Timestamp) {
        let is_missing = |number: u32| {
            let number = u64::from(number);
            number <= up_to && missing.iter().any(|gap| (gap.first..=gap.last).contains(&number))
        };
        let missed = &mut self.missed;
        self.laid.retain(|number, laid| {
            let lost = is_missing(*number) && laid.there && laid.at.after(UNDER_WAY) <= now;
            if lost && missed.len() < LAID_MAX {
                missed.insert(*number, laid.queue);
            }
            !lost
        });
        for gap in missing {
            self.acked.take_out(Range { first: gap.first, last: gap.last.min(up_to) });
        }
    }

    /// The receiver says that it has all of it.
    pub fn done(&mut self) {
        self.acked = Received::all_but(self.cut.chunks().into(), &[]);
        self.laid.clear();
        self.missed.clear();
    }

    /// Whether all is acked.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.acked.complete_up_to() >= self.cut.chunks().into()
    }

    /// Whether more was sent than any loss explains: a person has to say that it goes on.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        self.sent >= ROUNDS_MAX * u64::from(self.cut.chunks()).max(16)
    }

    /// They did.
    pub fn go_on(&mut self) {
        self.sent = 0;
    }

    /// Chunks that a queue was given and the receiver has not acked.
    #[must_use]
    pub fn unacked_at(&self, queue: PeerQueueId) -> usize {
        self.laid.values().filter(|laid| laid.queue == queue).count()
    }

    /// When something here is to be looked at again though nothing happens: when relays drop the oldest.
    #[must_use]
    pub fn next_drop(&self) -> Option<Timestamp> {
        self.laid.values().filter(|laid| laid.there).map(|laid| laid.at.after(KEPT)).min()
    }

    /// The clock may have been set back: nothing was left after now.
    pub fn nothing_later_than(&mut self, now: Timestamp) {
        self.laid.values_mut().for_each(|laid| laid.at = laid.at.min(now));
    }

    /// As the sender is told.
    #[must_use]
    pub fn progress(&self, now: Timestamp) -> Progress {
        self.pace.progress(now, self.bytes(), self.cut.size_bytes())
    }

    fn bytes(&self) -> u64 {
        self.cut.bytes_in(&self.acked)
    }

    /// For the store: at most 21 KiB. What is on its way to a relay is not in it.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let laid: Vec<u8> = self
            .laid
            .iter()
            .filter(|(_, laid)| laid.there)
            .flat_map(|(number, laid)| {
                [&number.to_be_bytes()[..], &laid.queue.0.to_be_bytes(), &laid.at.0.to_be_bytes()].concat()
            })
            .collect();
        let head = [&[VERSION][..], &self.sent.to_be_bytes(), &self.round.0.to_be_bytes()].concat();
        let count = u16::try_from(laid.len() / LAID_BYTES).unwrap_or(0).to_be_bytes();
        [head, count.to_vec(), laid, self.acked.encode()].concat()
    }

    /// What [`Sending::encode`] wrote of a file that is cut so; `None`: damage.
    #[must_use]
    pub fn decode(cut: Cut, bytes: &[u8]) -> Option<Self> {
        let (head, rest) = bytes.split_first_chunk::<15>()?;
        let [VERSION, sent @ .., r0, r1, r2, r3, c0, c1] = *head else { return None };
        let count = usize::from(u16::from_be_bytes([c0, c1]));
        let (laid, acked) = rest.split_at_checked(count.checked_mul(LAID_BYTES)?)?;
        let acked = Received::decode(acked)?;
        let mut sending = Self {
            acked,
            sent: u64::from_be_bytes(sent),
            round: Round(u32::from_be_bytes([r0, r1, r2, r3])),
            ..Self::new(cut)
        };
        for entry in laid.as_chunks::<LAID_BYTES>().0 {
            let (number, rest) = entry.split_first_chunk::<4>()?;
            let (queue, at) = rest.split_first_chunk::<8>()?;
            let queue = PeerQueueId(u64::from_be_bytes(*queue));
            let at = Timestamp(u64::from_be_bytes(at.try_into().ok()?));
            sending.laid.insert(u32::from_be_bytes(*number), Laid { queue, at, there: true });
        }
        sending.is_possible().then_some(sending)
    }

    fn is_possible(&self) -> bool {
        let within = |number: u32| self.cut.has_chunk(number) && !self.acked.contains(number.into());
        self.laid.len() <= LAID_MAX
            && self.laid.keys().all(|number| within(*number))
            && self.acked.highest() <= self.cut.chunks().into()
    }
}

/// One that lies somewhere, encoded.
const LAID_BYTES: usize = 20;
