//! What the time is at relays that are asked who they are, beside this clock.
//!
//! One relay may lie, so the median of several counts, and with two of them what is nearer to this clock. It is told to a person and
//! nothing else rests on it.

use std::collections::VecDeque;

use ipc_schema::Timestamp;
use ipc_schema::clock::ClockOffset;

/// The key of a link's other side: whoever is reached there has one word, however many relays it claims to be.
type LinkKey = [u8; 32];

/// Words that are enough; where fewer can be asked, all of them.
const ENOUGH: usize = 3;
/// Words kept, the newest of each.
const KEPT_MAX: usize = 64;

/// What was told since the own clock last leapt.
#[derive(Clone, Debug, Default)]
pub struct Clocks {
    /// Milliseconds that the own clock is ahead, oldest first.
    told: VecDeque<(LinkKey, i64)>,
}

impl Clocks {
    /// At `now` somebody said that it is `theirs`.
    pub fn told(&mut self, now: Timestamp, who: LinkKey, theirs: Timestamp) {
        self.told.retain(|(other, _)| *other != who);
        if self.told.len() >= KEPT_MAX {
            self.told.pop_front();
        }
        let ahead = i128::from(now.0) - i128::from(theirs.0);
        let least = if ahead < 0 { i64::MIN } else { i64::MAX };
        self.told.push_back((who, i64::try_from(ahead).unwrap_or(least)));
    }

    /// What was told says nothing of the clock any more.
    pub fn forget(&mut self) {
        self.told.clear();
    }

    /// The median; `None` while fewer were heard than three, or than all of `contact_points`, which is how many can be asked.
    #[must_use]
    pub fn offset(&self, contact_points: usize) -> Option<ClockOffset> {
        let mut all: Vec<i64> = self.told.iter().map(|(_, ahead)| *ahead).collect();
        if all.len() < contact_points.clamp(1, ENOUGH) {
            return None;
        }
        all.sort_unstable();
        let middle = [all.get((all.len() - 1) / 2), all.get(all.len() / 2)];
        let ahead = middle.into_iter().flatten().min_by_key(|ahead| ahead.unsigned_abs())?;
        let seconds = ahead.saturating_add(ahead.signum() * 500) / 1_000;
        Some(ClockOffset { seconds, relays: u32::try_from(all.len()).unwrap_or(u32::MAX) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    /// What is made of it when relays' clocks are so many seconds ahead of this one.
    fn offset(ahead: &[i64], contact_points: usize) -> Option<(i64, u32)> {
        let mut clocks = Clocks::default();
        for (number, seconds) in (0..).zip(ahead) {
            clocks.told(NOW, [number; 32], Timestamp(NOW.0.saturating_add_signed(seconds * 1_000)));
        }
        clocks.offset(contact_points).map(|offset| (offset.seconds, offset.relays))
    }

    #[test]
    fn the_median_is_told_once_three_or_all_that_can_be_asked_were_heard() {
        assert_eq!(offset(&[], 0), None);
        assert_eq!(offset(&[5_400], 1), Some((-5_400, 1)));
        assert_eq!(offset(&[5_400], 2), None);
        assert_eq!(offset(&[5_400, 5_400], 2), Some((-5_400, 2)));
        assert_eq!(offset(&[5_400, 5_400], 9), None);
        assert_eq!(offset(&[5_398, 5_400, 5_403], 9), Some((-5_400, 3)));
        assert_eq!(offset(&[-7_200, -7_201, -7_199, -1, -9_000], 9), Some((7_200, 5)));
    }

    #[test]
    fn one_liar_among_two_or_more_makes_no_wrong_clock_of_a_right_one_and_no_right_of_a_wrong() {
        const YEARS: i64 = 5 * 365 * 86_400;
        for lie in [YEARS, -YEARS] {
            assert_eq!(offset(&[0, lie], 2), Some((0, 2)));
            assert_eq!(offset(&[0, lie, 0], 3), Some((0, 3)));
            assert_eq!(offset(&[5_400, lie, 5_400], 3), Some((-5_400, 3)));
            assert_eq!(offset(&[0, lie, 1, 0], 4), Some((0, 4)));
        }
    }

    #[test]
    fn the_newest_word_of_each_counts_and_memory_is_bounded() {
        let mut clocks = Clocks::default();
        for _ in 0..3 {
            clocks.told(NOW, [1; 32], Timestamp(0));
        }
        assert_eq!(clocks.offset(3), None, "one contact point has one word");
        clocks.told(NOW, [1; 32], NOW.after(std::time::Duration::from_millis(1_500)));
        assert_eq!(clocks.offset(1), Some(ClockOffset { seconds: -2, relays: 1 }));
        for number in 0..=200 {
            clocks.told(NOW, [number; 32], Timestamp(u64::MAX));
        }
        assert_eq!(clocks.told.len(), KEPT_MAX);
        assert_eq!(clocks.offset(9).unwrap().seconds, i64::MIN / 1_000);
        clocks.forget();
        assert_eq!(clocks.offset(0), None);
    }
}
