//! A file that comes in: which chunks are here, what the sender is told of that, and what it is asked for again
//! (docs/protocol/content.md, "Files").

use std::time::Duration;

use ipc_schema::Timestamp;

use super::FileWire;
use super::chunk::Round;
use super::cut::Cut;
use super::pace::{Pace, Progress};
use super::sending::LAID_MAX;
use crate::content::{CHUNK_GAPS_MAX, FileChunks, Range, Received};

/// Chunks that may come now: those that a sender may have on its way, and some that it does not know yet to be here.
pub const WANTED_MAX: usize = LAID_MAX + 64;
/// After so many that are new the sender is told: it can have three times as many on their way.
const TOLD_EACH: u64 = 32;
/// However few, they are told so long after the first of them.
const TOLD_WITHIN: Duration = Duration::from_secs(10);
/// What is missing so long behind others that came is asked for: one queue is served faster than the other.
const LATE: Duration = Duration::from_secs(60);
/// Where nothing comes it is asked so long after, then after twice that time,
const QUIET: Duration = Duration::from_secs(60);
/// and so on up to this,
const QUIET_MAX: Duration = Duration::from_secs(4 * 3_600);
/// or once a day while the sender was not heard since: the last asking lies at their relays.
const UNHEARD: Duration = Duration::from_secs(86_400);
/// Askings whose chunks are known when they come.
const ROUNDS: usize = 4;
/// Of the encoded state.
const VERSION: u8 = 1;

/// The state of one file. Lost with the process at any time, it is the same again out of [`Receiving::encode`], but for when what is to be
/// asked for.
#[derive(Debug, Clone)]
pub struct Receiving {
    cut: Cut,
    /// Durable here.
    here: Received,
    /// Names of the last askings, the newest last; 0 is the first sending.
    rounds: Vec<Round>,
    /// Chunks that the sender was told of.
    told: u64,
    /// When the first came that it was not told of.
    untold: Option<Timestamp>,
    /// The highest chunk of all that had come at some time: what is missing below it then was late already.
    mark: (u64, Timestamp),
    /// When something new came last, or was asked for.
    quiet: Timestamp,
    /// Askings since.
    asked: u32,
    pace: Pace,
}

impl Receiving {
    /// Nothing of it is here; the user wants it from now on.
    #[must_use]
    pub fn new(cut: Cut, now: Timestamp) -> Self {
        Self {
            cut,
            here: Received::default(),
            rounds: vec![Round(0)],
            told: 0,
            untold: None,
            mark: (0, now),
            quiet: now,
            asked: 0,
            pace: Pace::default(),
        }
    }

    /// It goes on, after a pause or a start: what came before is told with the next, and nothing was quiet meanwhile.
    pub fn resume(&mut self, now: Timestamp) {
        self.mark = (self.here.highest(), now);
        (self.quiet, self.asked) = (now, 0);
        self.pace = Pace::default();
    }

    /// The chunks that may come now, the lowest first.
    #[must_use]
    pub fn wanted(&self) -> Vec<u32> {
        let gaps = self.here.missing(self.cut.chunks().into(), WANTED_MAX);
        let numbers = gaps.into_iter().flat_map(|gap| gap.first..=gap.last);
        numbers.filter_map(|number| u32::try_from(number).ok()).take(WANTED_MAX).collect()
    }

    /// Names under which they may come.
    #[must_use]
    pub fn rounds(&self) -> &[Round] {
        &self.rounds
    }

    /// A chunk is durable. Whether it was not before.
    pub fn took(&mut self, number: u32, now: Timestamp) -> bool {
        // Where something below the mark is late, that is asked for first.
        if self.here.complete_up_to() >= self.mark.0 {
            self.roll(now);
        }
        if !self.cut.has_chunk(number) || !self.here.insert(number.into()) {
            return false;
        }
        self.untold.get_or_insert(now);
        (self.quiet, self.asked) = (now, 0);
        self.pace.note(now, self.bytes());
        true
    }

    /// A chunk that was durable is not what it was: it is to come once more.
    pub fn lost(&mut self, number: u32) {
        self.here.take_out(Range { first: number.into(), last: number.into() });
        self.told = self.told.min(self.here.count(u64::MAX));
    }

    /// Whether every piece of the file is here, though padding may be missing.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.here.complete_up_to() >= self.cut.pieces().into()
    }

    /// Whether every chunk is here: the sender is told *done*.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.here.complete_up_to() >= self.cut.chunks().into()
    }

    /// Whether nothing is here.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.here.highest() == 0
    }

    /// Whether a chunk is here.
    #[must_use]
    pub fn has(&self, number: u32) -> bool {
        self.here.contains(number.into())
    }

    /// What the sender is to be told now. `heard`: when anything came from them last; `fresh`: a number drawn for this call, which names the
    /// asking where one is in it.
    pub fn tell(
        &mut self,
        file: FileWire,
        now: Timestamp,
        heard: Timestamp,
        fresh: u32,
    ) -> Option<FileChunks> {
        if self.is_done() {
            return None;
        }
        let highest = self.here.highest();
        if self.quiet.after(self.patience(heard)) <= now {
            (self.quiet, self.asked) = (now, self.asked.saturating_add(1));
            let may_be_laid = highest.saturating_add(u64::try_from(LAID_MAX).unwrap_or(0));
            return Some(self.ask(file, may_be_laid.min(self.cut.chunks().into()), fresh));
        }
        let (marked, _) = self.mark;
        if self.roll(now) && self.here.complete_up_to() < marked {
            return Some(self.ask(file, marked, fresh));
        }
        let untold = self.here.count(u64::MAX).saturating_sub(self.told);
        let is_due = self.untold.is_some_and(|first| first.after(TOLD_WITHIN) <= now);
        (untold >= TOLD_EACH || untold > 0 && is_due).then(|| self.report(file, highest, 0))
    }

    /// When [`Receiving::tell`] may have something to say, if nothing happens before.
    #[must_use]
    pub fn next_telling(&self, heard: Timestamp) -> Option<Timestamp> {
        if self.is_done() {
            return None;
        }
        let late = (self.here.complete_up_to() < self.here.highest()).then(|| self.mark.1.after(LATE));
        let untold = self.untold.map(|first| first.after(TOLD_WITHIN));
        let quiet = self.quiet.after(self.patience(heard));
        Some([late, untold].into_iter().flatten().fold(quiet, Timestamp::min))
    }

    fn patience(&self, heard: Timestamp) -> Duration {
        if self.asked > 0 && heard <= self.quiet {
            return UNHEARD;
        }
        QUIET.saturating_mul(1 << self.asked.min(16)).min(QUIET_MAX)
    }

    /// Whether the mark was set anew.
    fn roll(&mut self, now: Timestamp) -> bool {
        let is_old = self.mark.1.after(LATE) <= now;
        if is_old {
            self.mark = (self.here.highest(), now);
        }
        is_old
    }

    fn ask(&mut self, file: FileWire, up_to: u64, fresh: u32) -> FileChunks {
        let round = Round(fresh.max(1));
        self.rounds.push(round);
        if self.rounds.len() > ROUNDS {
            self.rounds.remove(0);
        }
        self.report(file, up_to, round.0)
    }

    fn report(&mut self, file: FileWire, up_to: u64, again: u32) -> FileChunks {
        let mut up_to = up_to;
        let mut missing = self.here.missing(up_to, CHUNK_GAPS_MAX + 1);
        if let Some(untold) = missing.get(CHUNK_GAPS_MAX) {
            // There is room for so many gaps only: nothing is said of what lies beyond.
            up_to = untold.first - 1;
            missing.truncate(CHUNK_GAPS_MAX);
        }
        if up_to >= self.here.highest() {
            (self.told, self.untold) = (self.here.count(u64::MAX), None);
        }
        FileChunks { file, up_to: u32::try_from(up_to).unwrap_or(u32::MAX), missing, again }
    }

    /// The clock may have been set back: nothing happened after now.
    pub fn nothing_later_than(&mut self, now: Timestamp) {
        self.mark.1 = self.mark.1.min(now);
        self.quiet = self.quiet.min(now);
        self.untold = self.untold.map(|first| first.min(now));
    }

    fn bytes(&self) -> u64 {
        self.cut.bytes_in(&self.here)
    }

    /// As the receiver is told.
    #[must_use]
    pub fn progress(&self, now: Timestamp) -> Progress {
        self.pace.progress(now, self.bytes(), self.cut.size_bytes())
    }

    /// For the store: at most 17 KiB.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION, u8::try_from(self.rounds.len()).unwrap_or(0)];
        self.rounds.iter().for_each(|round| bytes.extend(round.0.to_be_bytes()));
        bytes.extend(self.here.encode());
        bytes
    }

    /// What [`Receiving::encode`] wrote of a file that is cut so; `None`: damage.
    #[must_use]
    pub fn decode(cut: Cut, bytes: &[u8], now: Timestamp) -> Option<Self> {
        let ([VERSION, count], rest) = bytes.split_first_chunk::<2>()? else { return None };
        let (rounds, here) = rest.split_at_checked(usize::from(*count) * 4)?;
        let rounds: Vec<Round> =
            rounds.as_chunks().0.iter().map(|round| Round(u32::from_be_bytes(*round))).collect();
        let here = Received::decode(here)?;
        let possible = (1..=ROUNDS).contains(&rounds.len()) && here.highest() <= cut.chunks().into();
        let mut receiving = Self { here, rounds, ..Self::new(cut, now) };
        receiving.resume(now);
        possible.then_some(receiving)
    }
}
