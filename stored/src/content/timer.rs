//! How long texts live that are written from now on: one timer a conversation, set by either of the two
//! (docs/protocol/content.md, "Disappearing").

use std::cmp::Reverse;

use ipc_schema::edge::ui_stored::TIMER_LONGEST_S;

/// A conversation's timer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChatTimer {
    /// A text's life; 0: for ever. At most [`TIMER_LONGEST_S`].
    pub seconds: u32,
    /// One more than that of the timer in whose place it stands; 0: nobody ever set one.
    pub version: u64,
}

impl ChatTimer {
    /// Whether it holds where `other` is known as well. This orders all timers, so that whoever knows the same ones has the same.
    #[must_use]
    pub fn holds_over(self, other: Self) -> bool {
        let rank = |timer: Self| (timer.version, Reverse(timer.seconds.wrapping_sub(1)));
        rank(self) > rank(other)
    }
}

/// A life as it is taken: a longer one than can be is the longest.
#[must_use]
pub fn bounded_life(seconds: u32) -> u32 {
    seconds.min(TIMER_LONGEST_S)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_higher_version_holds_and_of_two_with_the_same_the_shorter() {
        let timer = |seconds, version| ChatTimer { seconds, version };
        let rising =
            [timer(0, 0), timer(0, 1), timer(TIMER_LONGEST_S, 1), timer(5, 1), timer(1, 1), timer(0, 2)];
        for (low, lower) in rising.iter().enumerate() {
            for (high, higher) in rising.iter().enumerate() {
                assert_eq!(higher.holds_over(*lower), high > low, "{higher:?} over {lower:?}");
            }
        }
    }
}
