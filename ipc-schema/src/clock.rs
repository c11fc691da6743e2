//! How far this computer's clock is from what relays say, and what a person is told of it.

use std::time::Duration;

use crate::Timestamp;

/// What relays and clients bear: a descriptor may lie so far ahead of the clock (docs/protocol/directory.md,
/// "Descriptor: at most 512 B").
pub const TOLERANCE: Duration = Duration::from_secs(3_600);

const MINUTE: u64 = 60;
const HOUR: u64 = 3_600;
const DAY: u64 = 86_400;
const YEAR: u64 = 365 * DAY;

/// The median of what relays say, beside this computer's clock. Nothing is set by it: relays may lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockOffset {
    /// Seconds that this clock is ahead of theirs; below zero: behind.
    pub seconds: i64,
    /// Relays that said so.
    pub relays: u32,
}

impl ClockOffset {
    /// Whether it is more than relays bear.
    #[must_use]
    pub fn is_wrong(self) -> bool {
        self.seconds.unsigned_abs() > TOLERANCE.as_secs()
    }

    /// "1 h 30 min behind".
    #[must_use]
    pub fn words(self) -> String {
        let way = if self.seconds < 0 { "behind" } else { "ahead" };
        format!("{} {way}", span(self.seconds.unsigned_abs()))
    }

    /// "3 relays say".
    #[must_use]
    pub fn sources(self) -> String {
        if self.relays == 1 { "1 relay says".to_owned() } else { format!("{} relays say", self.relays) }
    }
}

/// What is wrong with a clock that tells `now`, and what to do, in one line; `None` while nothing speaks against it.
#[must_use]
pub fn warning(now: Timestamp, offset: Option<ClockOffset>) -> Option<String> {
    let how = match offset {
        Some(offset) if offset.is_wrong() => {
            let of = if offset.seconds < 0 { "" } else { " of" };
            format!("about {}{of} what {}", offset.words(), offset.sources())
        }
        None if is_long_past(now) => "years behind".to_owned(),
        Some(_) | None => return None,
    };
    Some(format!(
        "this computer's clock is {how}, and by a wrong clock relays and invites do not hold: compare it with one that you trust, and set date, time and time zone right; Privatus connects by itself then"
    ))
}

/// Whether that was before this program was written: a clock that says so is wrong, though nobody was heard, for links have dates too.
#[must_use]
pub fn is_long_past(now: Timestamp) -> bool {
    now < Timestamp(1_735_689_600_000) // 2025-01-01
}

/// In one unit or two, the smaller one rounded.
fn span(seconds: u64) -> String {
    let rounded = |unit: u64| seconds.saturating_add(unit / 2) / unit;
    match (rounded(MINUTE) / 60, rounded(MINUTE) % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) if hours < 48 => format!("{hours} h"),
        (hours, minutes) if hours < 48 => format!("{hours} h {minutes} min"),
        (hours, _) if hours < 2 * YEAR / HOUR => format!("{} days", rounded(DAY)),
        _ => format!("{} years", rounded(YEAR)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn off(seconds: i64) -> ClockOffset {
        ClockOffset { seconds, relays: 3 }
    }

    #[test]
    fn a_clock_is_wrong_beyond_what_relays_bear_either_way() {
        for (seconds, wrong) in [(0, false), (3_600, false), (-3_600, false), (3_601, true), (-3_601, true)] {
            assert_eq!(off(seconds).is_wrong(), wrong, "{seconds}");
            assert_eq!(warning(NOW, Some(off(seconds))).is_some(), wrong, "{seconds}");
        }
        assert!(off(i64::MIN).is_wrong());
        assert_eq!(warning(NOW, None), None);
        let past = Timestamp(0);
        assert!(warning(past, None).unwrap().starts_with("this computer's clock is years behind, "));
        assert_eq!(warning(past, Some(off(0))), None, "a world of its own");
    }

    #[test]
    fn how_far_it_is_off_is_told_in_units_that_a_person_reads() {
        for (seconds, words) in [
            (-5_400, "1 h 30 min behind"),
            (5_370, "1 h 30 min ahead"),
            (7_170, "2 h ahead"),
            (-86_399, "24 h behind"),
            (-3 * 86_400, "3 days behind"),
            (200 * 86_400, "200 days ahead"),
            (-56 * 365 * 86_400, "56 years behind"),
            (i64::MIN, "292471208678 years behind"),
        ] {
            assert_eq!(off(seconds).words(), words, "{seconds}");
        }
    }

    #[test]
    fn the_warning_says_what_is_wrong_who_says_so_and_what_to_do() {
        let slow = warning(NOW, Some(off(-5_400))).unwrap();
        assert!(
            slow.starts_with("this computer's clock is about 1 h 30 min behind what 3 relays say, "),
            "{slow}"
        );
        assert!(slow.contains("set date, time and time zone right"), "{slow}");
        let one = warning(NOW, Some(ClockOffset { seconds: 86_400, relays: 1 })).unwrap();
        assert!(one.contains("24 h ahead of what 1 relay says"), "{one}");
    }
}
