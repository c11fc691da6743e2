//! Wrong passphrases since the last right one, counted in the clear, and how long the next try must wait.
//!
//! This slows who sits at the program; who has the file is slowed by Argon2id alone. The wait is counted from the process's
//! start or the last try, never by a clock on the wall, which could be turned. It never grows beyond a minute and a try
//! that came too early does not lengthen it, so that it cannot be used to lock the owner out.

use std::fs::File;
use std::time::Duration;

use super::disk;
use super::error::{VaultFileError, io};
use super::layout::{COPIES_BYTES, Twice, checked, with_checksum};
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

/// magic 16 ‖ count 4 ‖ zeroes ‖ SHA-256; twice.
#[derive(Clone, Debug)]
pub(super) struct Attempts {
    wrong: u32,
    /// When the last one was, since the process began; its start at first.
    last: Duration,
}

impl Attempts {
    pub(super) fn none() -> Self {
        Self { wrong: 0, last: Duration::ZERO }
    }

    /// What both copies say, and how they compare: the higher count holds; where neither is whole, the longest wait.
    pub(super) fn of(untrusted_blocks: &[u8]) -> (Self, Twice) {
        let length = usize::try_from(BLOCK_BYTES).unwrap_or(usize::MAX);
        let counts: Vec<_> = untrusted_blocks.chunks(length).map(Self::decode).collect();
        let wrong = counts.iter().flatten().max().copied();
        let twice = match wrong {
            Some(wrong) if counts.len() == 2 && counts.iter().all(|count| *count == Ok(wrong)) => {
                Twice::Alike
            }
            _ if counts.iter().any(Result::is_err) || counts.len() != 2 => Twice::Damaged,
            _ => Twice::Older,
        };
        (Self { wrong: wrong.unwrap_or(UNKNOWN), last: Duration::ZERO }, twice)
    }

    fn decode(untrusted_block: &[u8]) -> Result<u32, Malformed> {
        let mut reader = Reader::new(checked(untrusted_block)?);
        if reader.take(MAGIC.len())? != MAGIC {
            return Err(Malformed);
        }
        let count = reader.u32()?;
        reader.zeros(reader.rest())?;
        Ok(count)
    }

    /// How long a try must still wait.
    pub(super) fn wait(&self, now: Duration) -> Duration {
        let Some(over) = self.wrong.checked_sub(FREE) else { return Duration::ZERO };
        let wait = Duration::from_secs(1 << over.min(6)).min(WAIT_MAX);
        (self.last + wait).saturating_sub(now)
    }

    /// Counts a try before it is made.
    pub(super) fn count(&mut self, file: &File) -> Result<(), VaultFileError> {
        self.wrong = self.wrong.saturating_add(1);
        self.write(file)
    }

    /// It was a wrong one, and ended now.
    pub(super) fn failed(&mut self, now: Duration) {
        self.last = now;
    }

    /// It could not be made, for want of memory: it does not count.
    pub(super) fn forgive(&mut self, file: &File) -> Result<(), VaultFileError> {
        self.wrong = self.wrong.saturating_sub(1);
        self.write(file)
    }

    /// It was the right one.
    pub(super) fn forget(&mut self, file: &File) -> Result<(), VaultFileError> {
        self.wrong = 0;
        self.write(file)
    }

    pub(super) fn write(&self, file: &File) -> Result<(), VaultFileError> {
        // One sync for both, unlike the header's: a block is a sector, which a kill leaves whole.
        let mut writer = Writer::with_capacity(512);
        writer.put(MAGIC).u32(self.wrong).pad_to(512 - 32);
        let block = with_checksum(writer.as_slice());
        for at in [COPIES_BYTES, COPIES_BYTES + BLOCK_BYTES] {
            disk::write(file, &block, at).map_err(io("writing"))?;
        }
        disk::sync(file).map_err(io("syncing"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_slips_are_free_and_then_the_wait_doubles_up_to_a_minute() {
        let wait = |wrong| Attempts { wrong, last: Duration::from_secs(100) }.wait(Duration::from_secs(100));
        let seconds: Vec<_> = (0..14).map(|wrong| wait(wrong).as_secs()).collect();
        assert_eq!(seconds, [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(wait(u32::MAX).as_secs(), 60);
        let later = Attempts { wrong: 9, last: Duration::from_secs(100) };
        assert_eq!(later.wait(Duration::from_secs(110)).as_secs(), 6);
        assert_eq!(later.wait(Duration::from_secs(116)), Duration::ZERO);
    }
}
