//! `privatus mute WHO [DURATION]`: nothing of somebody is to draw attention, for a while or for ever.

use std::time::Duration;

use clap::Args;
use ipc_schema::Timestamp;
use ipc_schema::edge::ui_stored::{ContactAction, MUTE_LONGEST, MUTED_FOR_EVER};

use super::{Context, Outcome, contact};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Who
    who: String,
    /// For so long: 30m, 8h, 1d, 1w; without it for ever
    #[arg(value_parser = duration)]
    duration: Option<Duration>,
    /// Take it back
    #[arg(long, conflicts_with = "duration")]
    off: bool,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    let action = ContactAction::Mute(until(arguments, Timestamp::now()));
    contact::change(&arguments.who, action, context)
}

fn until(arguments: &Arguments, now: Timestamp) -> Timestamp {
    match arguments.duration {
        _ if arguments.off => Timestamp(0),
        Some(duration) => now.after(duration),
        None => MUTED_FOR_EVER,
    }
}

/// A whole number of minutes, hours, days or weeks.
fn duration(text: &str) -> Result<Duration, String> {
    let seconds_in = |unit| match unit {
        "m" => Some(60),
        "h" => Some(3_600),
        "d" => Some(86_400),
        "w" => Some(7 * 86_400),
        _ => None,
    };
    let parsed = || {
        let (count, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let seconds = count.parse::<u64>().ok()?.checked_mul(seconds_in(unit)?)?;
        Some(Duration::from_secs(seconds)).filter(|long| !long.is_zero() && *long <= MUTE_LONGEST)
    };
    parsed().ok_or_else(|| "say it as 30m, 8h, 1d or 1w, up to 52w; for ever is without it".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_number_and_a_unit_and_nothing_else() {
        for (text, seconds) in [("30m", 1_800), ("8h", 28_800), ("1d", 86_400), ("52w", 52 * 7 * 86_400)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in
            ["", "h", "8", "8 h", "8H", "-1h", "0h", "1y", "53w", "8h ", "8ü", "99999999999999999999w"]
        {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn without_a_duration_it_is_for_ever_and_off_is_none() {
        let now = Timestamp(1_800_000_000_000);
        let told = |duration, off| until(&Arguments { who: "bob".into(), duration, off }, now);
        assert_eq!(told(None, false), MUTED_FOR_EVER);
        assert_eq!(told(Some(Duration::from_secs(1)), false), Timestamp(now.0 + 1_000));
        assert_eq!(told(None, true), Timestamp(0));
    }
}
