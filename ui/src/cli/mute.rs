//! `privatus mute WHO [DURATION]`: nothing of somebody is to draw attention, for a while or for ever.

use std::time::Duration;

use clap::Args;
use ipc_schema::Timestamp;
use ipc_schema::edge::ui_stored::{ContactAction, MUTE_LONGEST, MUTED_FOR_EVER};

use super::{Context, Outcome, contact, duration};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Who
    who: String,
    /// For so long: 30m, 8h, 1d, 1w; without it for ever
    #[arg(value_parser = how_long)]
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

fn how_long(text: &str) -> Result<Duration, String> {
    let parsed = duration::parse(text).filter(|long| *long <= MUTE_LONGEST);
    parsed.ok_or_else(|| "say it as 30m, 8h, 1d or 1w, up to 52w; for ever is without it".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mute_is_no_longer_than_a_year() {
        assert_eq!(how_long("52w"), Ok(Duration::from_secs(52 * 7 * 86_400)));
        assert!(how_long("53w").is_err() && how_long("soon").is_err());
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
