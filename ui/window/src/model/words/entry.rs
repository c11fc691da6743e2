//! The sentences around a passphrase.

use ipc_schema::Timestamp;

use super::{Told, Tone, told};
use crate::icon::Icon;
use crate::model::entry::{Entry, Problem, Slip, Wait};

/// What is to be said below a passphrase, if anything.
#[must_use]
pub fn entry(entry: &Entry, caps_lock: bool, now: Timestamp) -> Option<Told> {
    let problem = entry.problem?;
    Some(match (problem, entry.wait(now)) {
        (Problem::Wait(_), Some(wait)) => must_wait(wait),
        (Problem::Wait(_), None) => {
            told(Icon::Clock, Tone::Plain, "You can try again", "Too many were wrong. The wait is over.")
        }
        (problem, _) => not_taken(problem, caps_lock),
    })
}

fn must_wait(Wait { left, told: is_told }: Wait) -> Told {
    let (title, when) = match is_told {
        true => (format!("Please wait {} s", left.as_secs()), "the next try is possible then".to_owned()),
        false => {
            ("Please wait".to_owned(), format!("the next try is possible in {} s at most", left.as_secs()))
        }
    };
    let reason = format!("Too many wrong passphrases: {when}. This slows down guessing.");
    told(Icon::Hourglass, Tone::Weak, &title, reason)
}

/// What is wrong with a passphrase field, in one line below it.
#[must_use]
pub fn slip(slip: Slip) -> &'static str {
    match slip {
        Slip::Empty => "Nothing stands here yet. Type it first.",
        Slip::Full => "It is as long as it can be: what you typed last was not taken.",
        Slip::Differs => "The two differ. Type the same once more.",
    }
}

fn wrong(caps_lock: bool) -> &'static str {
    match caps_lock {
        true => "That is not the passphrase. Nothing was changed. Caps Lock is on.",
        false => "That is not the passphrase. Nothing was changed. Check Caps Lock and the keyboard.",
    }
}

/// Why a passphrase did not open, or a vault was not made.
fn not_taken(problem: Problem, caps_lock: bool) -> Told {
    let (icon, tone, title, reason) = match problem {
        Problem::Wrong => (Icon::Close, Tone::Bad, "Wrong passphrase.", wrong(caps_lock)),
        Problem::Damaged => (
            Icon::Warn,
            Tone::Weak,
            "The file is damaged.",
            "Your passphrase may be right. The file is kept as it is: restore a copy of it.",
        ),
        Problem::Newer => {
            (Icon::Warn, Tone::Weak, "The file is newer.", "A later version wrote it. Install that one.")
        }
        Problem::Disk => (
            Icon::Disk,
            Tone::Weak,
            "The disk did not take it.",
            "Nothing was changed. See that it has room and can be written, then try again.",
        ),
        Problem::Wait(_) => (
            Icon::Hourglass,
            Tone::Weak,
            "Please wait",
            "Too many wrong passphrases. This slows down guessing.",
        ),
        Problem::Memory => (
            Icon::Warn,
            Tone::Weak,
            "Too little memory.",
            "It was not tried: that takes 256 MiB. Close other programs and try again.",
        ),
        Problem::Unassigned => (
            Icon::Warn,
            Tone::Weak,
            "Take other characters.",
            "One of these is not in Unicode yet, and may be written otherwise one day.",
        ),
        Problem::TooShort => (
            Icon::Warn,
            Tone::Weak,
            "Too short.",
            "Spaces alone lock nothing. Nothing was made yet: take some words.",
        ),
        Problem::Exists => (
            Icon::Lock,
            Tone::Plain,
            "There is a profile already.",
            "It was made meanwhile and nothing was changed. Close this window and start it again.",
        ),
        Problem::Again => {
            (Icon::Retry, Tone::Plain, "A part was restarted.", "Nothing was lost. Try once more.")
        }
    };
    told(icon, tone, title, reason)
}
