//! Wrong passphrases since the last right one, counted in the clear, and how long the next try must wait.
//!
//! This slows who sits at the program; who has the file is slowed by Argon2id alone. The wait is counted from the process's
//! start or the last try, never by a clock on the wall, which could be turned. It never grows beyond a minute, and a try
//! that came too early does not lengthen it. The window has a count and turns of its own, so that no local program can use
//! them up; local programs share one count, and take turns (`turns.rs`). So however many ask, at most two tries a minute are
//! made: one for them all, one at the window.

use std::fs::File;
use std::time::Duration;

use super::disk;
use super::error::{VaultFileError, io};
use super::layout::{COPIES_BYTES, Twice, checked, with_checksum};
use super::turns::Turns;
use crate::codec::{Malformed, Reader, Writer};

/// One copy, bytes: a disk's sector, so that a write is whole or not done.
pub(super) const BLOCK_BYTES: u64 = 512;
const MAGIC: &[u8; 16] = b"privatus tries\r\n";
/// Tries that never wait: fingers slip.
const FREE: u32 = 5;
/// A count that nobody knows any more: as many as make the longest wait.
const UNKNOWN: u32 = FREE + 6;
/// The longest wait: a nuisance for the owner, 1,440 guesses a day for who has nothing but the keyboard.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// Who tries a passphrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Who started the process with it: nobody else is served yet. Counts with the local programs.
    Start,
    /// The suite's own window.
    Window,
    /// A local program, by a number that no other connection ever has.
    Outside(u64),
}

/// Who tries a passphrase, and when.
#[derive(Clone, Copy, Debug)]
pub struct Attempt {
    /// Who.
    pub caller: Caller,
    /// Since the process began.
    pub now: Duration,
}

impl From<Duration> for Attempt {
    /// That with which the process was started.
    fn from(now: Duration) -> Self {
        Self { caller: Caller::Start, now }
    }
}

/// magic 16 ‖ local programs' count 4 ‖ the window's 4 ‖ zeroes ‖ SHA-256; twice.
#[derive(Clone, Debug)]
pub(super) struct Attempts {
    counts: Counts,
    /// When the last one of local programs was, since the process began; its start at first.
    outside_last: Duration,
    /// At the window.
    window_last: Duration,
    turns: Turns,
}

/// Wrong passphrases in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counts {
    outside: u32,
    window: u32,
}

impl Attempts {
    pub(super) fn none() -> Self {
        Self::counted(Counts { outside: 0, window: 0 })
    }

    fn counted(counts: Counts) -> Self {
        let (outside_last, window_last) = (Duration::ZERO, Duration::ZERO);
        Self { counts, outside_last, window_last, turns: Turns::default() }
    }

    /// What both copies say, and how they compare: the higher counts hold; where neither is whole, the longest wait.
    pub(super) fn of(untrusted_blocks: &[u8]) -> (Self, Twice) {
        let length = usize::try_from(BLOCK_BYTES).unwrap_or(usize::MAX);
        let counts: Vec<_> = untrusted_blocks.chunks(length).map(Self::decode).collect();
        let most = |of: fn(&Counts) -> u32| counts.iter().flatten().map(of).max();
        let most = most(|counts| counts.outside)
            .zip(most(|counts| counts.window))
            .map(|(outside, window)| Counts { outside, window });
        let twice = match most {
            Some(most) if counts.len() == 2 && counts.iter().all(|count| *count == Ok(most)) => Twice::Alike,
            _ if counts.iter().any(Result::is_err) || counts.len() != 2 => Twice::Damaged,
            _ => Twice::Older,
        };
        (Self::counted(most.unwrap_or(Counts { outside: UNKNOWN, window: UNKNOWN })), twice)
    }

    fn decode(untrusted_block: &[u8]) -> Result<Counts, Malformed> {
        let mut reader = Reader::new(checked(untrusted_block)?);
        if reader.take(MAGIC.len())? != MAGIC {
            return Err(Malformed);
        }
        let counts = Counts { outside: reader.u32()?, window: reader.u32()? };
        reader.zeros(reader.rest())?;
        Ok(counts)
    }

    /// How long this caller must still wait; zero: it may try. A local program that must wait has a place from then on.
    pub(super) fn wait(&mut self, attempt: Attempt) -> Duration {
        let Attempt { caller, now } = attempt;
        let outside_free = self.outside_last + pause(self.counts.outside);
        match caller {
            Caller::Window => (self.window_last + pause(self.counts.window)).saturating_sub(now),
            Caller::Start => outside_free.saturating_sub(now),
            Caller::Outside(number) => {
                let wrong = self.counts.outside;
                let after = |tries| pause(wrong.saturating_add(tries));
                self.turns.ask(number, now, outside_free, after)
            }
        }
    }

    /// That local program is gone, and its place with it.
    pub(super) fn left(&mut self, number: u64) {
        self.turns.leave(number);
    }

    /// Counts a try before it is made. Where the disk takes no writes it is counted here, and slows as much.
    pub(super) fn count(&mut self, caller: Caller, file: &File) {
        let wrong = self.wrong(caller);
        *wrong = wrong.saturating_add(1);
        if let Caller::Outside(number) = caller {
            self.turns.leave(number);
        }
        self.try_write(file);
    }

    /// It was a wrong one, and ended now.
    pub(super) fn failed(&mut self, attempt: Attempt) {
        match attempt.caller {
            Caller::Window => self.window_last = attempt.now,
            Caller::Start | Caller::Outside(_) => self.outside_last = attempt.now,
        }
    }

    /// It could not be made, for want of memory: it does not count.
    pub(super) fn forgive(&mut self, caller: Caller, file: &File) {
        let wrong = self.wrong(caller);
        *wrong = wrong.saturating_sub(1);
        self.try_write(file);
    }

    /// It was the right one.
    pub(super) fn forget(&mut self, file: &File) {
        self.counts = Counts { outside: 0, window: 0 };
        self.turns.clear();
        self.try_write(file);
    }

    fn wrong(&mut self, caller: Caller) -> &mut u32 {
        match caller {
            Caller::Window => &mut self.counts.window,
            Caller::Start | Caller::Outside(_) => &mut self.counts.outside,
        }
    }

    /// A disk that is full, fails or takes no writes must not keep the owner out.
    fn try_write(&self, file: &File) {
        let _ = self.write(file);
    }

    pub(super) fn write(&self, file: &File) -> Result<(), VaultFileError> {
        // One sync for both, unlike the header's: a block is a sector, which a kill leaves whole.
        let mut writer = Writer::with_capacity(512);
        writer.put(MAGIC).u32(self.counts.outside).u32(self.counts.window).pad_to(512 - 32);
        let block = with_checksum(writer.as_slice());
        for at in [COPIES_BYTES, COPIES_BYTES + BLOCK_BYTES] {
            disk::write(file, &block, at).map_err(io("writing"))?;
        }
        disk::sync(file).map_err(io("syncing"))
    }
}

/// What must pass after so many wrong ones before the next try.
fn pause(wrong: u32) -> Duration {
    let Some(over) = wrong.checked_sub(FREE) else { return Duration::ZERO };
    Duration::from_secs(1 << over.min(6)).min(WAIT_MAX)
}

#[cfg(test)]
mod tests;
