//! How long something lasts, as a person types it and reads it: `30s`, `5m`, `8h`, `7d`, `4w`.

use std::time::Duration;

/// What each unit is called, and its seconds.
const UNITS: [(&str, u64); 5] = [("w", 7 * 86_400), ("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];

/// A whole number of one unit, not 0; `None` for all else.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let (count, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let (_, seconds) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
    // Also a sign would be parsed.
    let digits = count.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = count.parse::<u64>().ok().filter(|_| digits)?.checked_mul(seconds)?;
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

/// In the largest unit of which it is a whole number.
pub(super) fn words(seconds: u64) -> String {
    let whole = UNITS.into_iter().find(|(_, length)| seconds > 0 && seconds.is_multiple_of(*length));
    let (unit, length) = whole.unwrap_or(("s", 1));
    format!("{}{unit}", seconds / length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_number_and_a_unit_and_nothing_else() {
        for (text, seconds) in
            [("30s", 30), ("30m", 1_800), ("8h", 28_800), ("1d", 86_400), ("52w", 52 * 7 * 86_400)]
        {
            assert_eq!(parse(text), Some(Duration::from_secs(seconds)), "{text}");
            assert_eq!(parse(&words(seconds)), parse(text), "{text}");
        }
        for text in [
            "",
            "h",
            "8",
            "8 h",
            "8H",
            "-1h",
            "+1h",
            "0h",
            "0s",
            "1y",
            "8h ",
            "8ü",
            "1.5h",
            "99999999999999999999w",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn it_is_told_in_the_largest_unit_of_which_it_is_whole() {
        for (seconds, text) in [
            (0, "0s"),
            (30, "30s"),
            (90, "90s"),
            (300, "5m"),
            (86_400, "1d"),
            (604_800, "1w"),
            (691_200, "8d"),
        ] {
            assert_eq!(words(seconds), text);
        }
    }
}
