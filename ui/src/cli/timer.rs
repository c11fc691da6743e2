//! `privatus timer WHO [DURATION|off]`: how long texts live that either of the two writes from now on.

use clap::Args;
use ipc_schema::edge::ui_stored::{ChangeContact, ContactAction, TIMER_LONGEST_S};

use super::rows::ContactRow;
use super::{Context, Outcome, contact, duration, sockets, talk};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// With whom
    who: String,
    /// So long: 30s, 5m, 8h, 7d, 4w, or off; both of you see who set it. Without it the timer is printed
    #[arg(value_name = "DURATION|off", value_parser = seconds)]
    duration: Option<u32>,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    match arguments.duration {
        Some(seconds) => contact::change(&arguments.who, ContactAction::Timer(seconds), context),
        None => print(&arguments.who, context),
    }
}

fn print(who: &str, context: &Context) -> Outcome {
    let show = ChangeContact { who: who.into(), action: ContactAction::Show };
    let contact = sockets::block_on(talk::call(&context.profile, talk::SOON, show))?;
    context.output.row(&ContactRow::from(&contact), || words(contact.timer_s))
}

/// As it is typed.
fn words(seconds: u32) -> String {
    if seconds == 0 { "off".to_owned() } else { duration::words(seconds.into()) }
}

fn seconds(text: &str) -> Result<u32, String> {
    if text == "off" {
        return Ok(0);
    }
    let parsed = duration::parse(text).and_then(|long| u32::try_from(long.as_secs()).ok());
    parsed
        .filter(|seconds| *seconds <= TIMER_LONGEST_S)
        .ok_or_else(|| "say it as 30s, 5m, 8h, 7d or 4w, up to 52w; or off".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_is_a_duration_up_to_a_year_or_off_and_is_told_as_it_is_typed() {
        for (text, long) in [("off", 0), ("30s", 30), ("5m", 300), ("4w", 2_419_200), ("52w", 31_449_600)] {
            assert_eq!(seconds(text), Ok(long));
            assert_eq!(words(long), text);
        }
        for text in ["", "OFF", "0s", "5", "53w", "367d", "4294967297s"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
