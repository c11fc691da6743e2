//! The sentences about one contact.

use ipc_schema::Timestamp;
use ipc_schema::edge::ui_stored::{Contact, ContactState, MUTED_FOR_EVER, Refusal, is_muted, lasting};
use privatus::clock::Zone;
use privatus::peers::PeerError;

use super::{Asked, Told, Tone, failure, hour, told, when};
use crate::icon::Icon;
use crate::model::action::Muting;
use crate::model::lookalike::Alike;
use crate::text::isolated;

/// Why nothing can be written to somebody.
#[must_use]
pub fn cannot_write(contact: &Contact) -> String {
    format!("You blocked {}, so nothing can be written. Unblock them first.", isolated(&contact.name))
}

/// In what somebody can be taken for another.
#[must_use]
pub fn alike(alike: Alike) -> &'static str {
    match alike {
        Alike::Name => "Looks like another contact’s name",
        Alike::TheirName => "Calls themselves like another contact",
    }
}

/// What somebody calls themselves, where they do.
#[must_use]
pub fn their_name(contact: &Contact) -> Option<String> {
    (!contact.their_name.is_empty()).then(|| format!("Their own name: {}", isolated(&contact.their_name)))
}

/// How somebody is reached.
#[must_use]
pub fn route(contact: &Contact) -> &'static str {
    match contact.state {
        ContactState::Oneself => "Kept here alone",
        _ if contact.route == "direct" => "Direct route",
        _ => "Private route",
    }
}

/// Whether somebody is muted, and until when.
#[must_use]
pub fn muted(contact: &Contact, now: Timestamp, zone: &Zone) -> String {
    match contact.muted_until {
        until if !is_muted(until, now) => "Not muted".to_owned(),
        MUTED_FOR_EVER => "Muted for ever".to_owned(),
        until => {
            let time = zone.local_time(until);
            match when(until, now, zone) {
                today if today == hour(&time) && time.date() == zone.local_time(now).date() => {
                    format!("Muted until {today}")
                }
                _ => format!("Muted until {} {} {}", time.day(), time.month(), hour(&time)),
            }
        }
    }
}

/// How long texts may be chosen to live, seconds, with the word on each choice; 0: for ever.
pub const LIVES: [(u32, &str); 5] =
    [(0, "Off"), (3_600, "1 hour"), (86_400, "1 day"), (7 * 86_400, "1 week"), (28 * 86_400, "4 weeks")];

/// How long texts live that are written from now on; nothing where it is for ever.
#[must_use]
pub fn timer(contact: &Contact) -> Option<String> {
    (contact.timer_s > 0).then(|| format!("Texts disappear after {}", lasting(contact.timer_s)))
}

/// The word on a choice of how long.
#[must_use]
pub fn muting(muting: Muting) -> &'static str {
    match muting {
        Muting::Off => "Off",
        Muting::Hour => "1 hour",
        Muting::EightHours => "8 hours",
        Muting::ForEver => "For ever",
    }
}

/// What is said once two people see different numbers.
#[must_use]
pub fn differs(contact: &Contact) -> Told {
    let name = isolated(&contact.name);
    told(
        Icon::Warn,
        Tone::Bad,
        "They are different",
        format!(
            "Look once more that both of you have the other’s number open. If it still differs, somebody may sit between you and read along. {name} stays not compared. Write nothing here that must stay between you; meet, or ask for a new invitation in another way. You can block this contact until you know."
        ),
    )
}

/// What comes of introducing two people.
pub const INTRODUCING: &str = "Each is told the other’s name. Nothing else is told before both say yes.";

/// That both were asked, or why nobody was.
#[must_use]
pub fn introduced(result: &Result<(), PeerError>) -> String {
    match result {
        Ok(()) => "Both were asked".to_owned(),
        Err(PeerError::Refused(Refusal::Waiting)) => {
            "One of them is not connected yet. Nobody was asked.".to_owned()
        }
        Err(PeerError::Refused(Refusal::Blocked)) => "One of them is blocked. Nobody was asked.".to_owned(),
        Err(PeerError::Refused(Refusal::NoSuchContact)) => {
            "One of them was deleted. Nobody was asked.".to_owned()
        }
        Err(error) => failure(error),
    }
}

/// Whether a refusal is about a name, and so stands at its field.
#[must_use]
pub fn is_of_name(refusal: Refusal) -> bool {
    matches!(refusal, Refusal::NameTaken | Refusal::NameBad)
}

pub(super) fn block(name: &str) -> Asked {
    let name = isolated(name);
    Asked {
        title: format!("Block {name}?"),
        body: format!(
            "Nothing that {name} writes is taken any more, and what you wrote that has not left yet stays here. They are not told. The conversation stays, and you can unblock them; what they wrote meanwhile does not come."
        ),
        go_on: "Block",
        keep: "Keep",
        also: None,
    }
}

pub(super) fn delete(name: &str) -> Asked {
    let name = isolated(name);
    Asked {
        title: format!("Delete {name}?"),
        body: format!(
            "The contact, its keys and the whole conversation go from this computer, for good. What {name} has stays with them, and they are not told. To write again you need a new invitation."
        ),
        go_on: "Delete",
        keep: "Keep",
        also: None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::people::tests::called;
    use super::*;

    const NOON: Timestamp = Timestamp(1_750_766_400_000); // 2025-06-24 12:00 UTC

    #[test]
    fn a_mute_says_when_it_ends() {
        let said = |until| {
            let contact = Contact { muted_until: Timestamp(until), ..called("c1", "Robin", "") };
            muted(&contact, NOON, &Zone::default())
        };
        assert_eq!(said(0), "Not muted");
        assert_eq!(said(NOON.0 - 1), "Not muted");
        assert_eq!(said(NOON.0 + 3_600_000), "Muted until 13:00");
        assert_eq!(said(NOON.0 + 26 * 3_600_000), "Muted until 25 June 14:00");
        assert_eq!(said(MUTED_FOR_EVER.0), "Muted for ever");
    }

    #[test]
    fn a_timer_is_told_in_the_largest_unit() {
        let told = |timer_s| timer(&Contact { timer_s, ..called("c1", "Robin", "") });
        assert_eq!(told(0), None);
        assert_eq!(told(90), Some("Texts disappear after 90 seconds".into()));
        for (seconds, word) in &LIVES[1..] {
            assert_eq!(lasting(*seconds), *word);
        }
    }

    #[test]
    fn a_strangers_name_stays_apart_from_our_words() {
        let contact = called("c1", "Robin", "\u{202E}nibor\nYou are safe");
        let line = their_name(&contact).unwrap();
        assert!(!line.contains('\n') && !line.contains('\u{202E}'), "{line:?}");
        assert_eq!(their_name(&called("c1", "Robin", "")), None);
    }
}
