//! The sentences about a short string that two people read to each other.

use ipc_schema::edge::ui_stored::{Contact, Refusal, ShortComparison, ShortEnd};
use privatus::clock::Zone;

use super::{Told, Tone, differs, hour, refusal, told};
use crate::icon::Icon;
use crate::text::isolated;

/// They began, and their window waits.
pub const WAITS_TO_COMPARE: &str = "Waits to compare with you";

/// How it goes, where nothing is under way.
pub const SHORT_HOW: &str = "For a call, or side by side: both of you press Begin, then both windows show the same two words and eight digits.";

/// What to do with the string.
pub const READ_OUT: &str =
    "Read it to each other now, the words or the digits, with your own voice. Do not write it in this chat.";

/// Why stored said no, on the page itself.
#[must_use]
pub fn refused(reason: Refusal) -> Told {
    let (title, next) = refusal(reason);
    told(Icon::Warn, Tone::Weak, title, next)
}

/// They wait for the user.
#[must_use]
pub fn asked_to_compare(contact: &Contact) -> Told {
    let name = isolated(&contact.name);
    let reason = format!("Go on while you speak to each other. What {name} sees then, you see too.");
    told(Icon::Unverified, Tone::Weak, &format!("{name} waits to compare with you"), reason)
}

/// The user joined.
#[must_use]
pub fn waits_for_them(contact: &Contact, short: &ShortComparison, zone: &Zone) -> Told {
    let name = isolated(&contact.name);
    let until = hour(&zone.local_time(short.ends_at));
    let reason =
        format!("Ask them to open this page and to press Go on, or Begin. It is given up at {until}.");
    told(Icon::Clock, Tone::Plain, &format!("Waiting for {name}"), reason)
}

/// Why it is over; nothing where it is not.
#[must_use]
pub fn short_ended(end: ShortEnd, contact: &Contact) -> Option<Told> {
    let name = isolated(&contact.name);
    Some(match end {
        ShortEnd::None => return None,
        ShortEnd::Same => told(
            Icon::Verified,
            Tone::Good,
            "They are the same",
            format!("This is {name}, and nobody sits between you."),
        ),
        ShortEnd::Different => differs(contact),
        ShortEnd::Stopped => told(Icon::Info, Tone::Plain, "You gave it up", "Nothing was marked."),
        ShortEnd::TheyStopped => told(
            Icon::Warn,
            Tone::Weak,
            "It ended on their side",
            "Nothing was marked. Begin again while you speak to each other.",
        ),
        ShortEnd::TimedOut => told(
            Icon::Clock,
            Tone::Weak,
            "Nothing came in time",
            format!("Nothing was marked. Call {name}, and begin again."),
        ),
        ShortEnd::Cheated => told(
            Icon::Warn,
            Tone::Bad,
            "Not what was promised",
            "Their program first promised one thing and then showed another: somebody may sit between you and read along. Nothing was marked. Write nothing here that must stay between you; meet, or ask for a new invitation in another way.",
        ),
        ShortEnd::Failed => told(Icon::Warn, Tone::Weak, "It ended here", "Nothing was marked. Begin again."),
    })
}

/// What their program says of its user: their word.
#[must_use]
pub fn they_say(end: ShortEnd) -> Option<Told> {
    match end {
        ShortEnd::Different => Some(told(
            Icon::Warn,
            Tone::Bad,
            "They say that it differs",
            "It was pressed on their side. Compare once more, letter by letter, before you write anything that matters.",
        )),
        ShortEnd::TheyStopped => {
            Some(told(Icon::Info, Tone::Weak, "They gave it up", "It was pressed on their side."))
        }
        ShortEnd::Same => Some(told(
            Icon::Verified,
            Tone::Good,
            "They say so, too",
            "On their side it was said that the two are the same.",
        )),
        ShortEnd::None | ShortEnd::Stopped | ShortEnd::TimedOut | ShortEnd::Cheated | ShortEnd::Failed => {
            None
        }
    }
}

/// How often it was tried, where that is more than once.
#[must_use]
pub fn tries(short: &ShortComparison) -> Option<Told> {
    (short.runs > 1).then(|| {
        let reason = "Each is one more guess, of 100 million, for whoever may sit between you. Be wary where tries end and neither of you ended them.";
        told(Icon::Warn, Tone::Weak, &format!("Try {} since you compared last", short.runs), reason)
    })
}
