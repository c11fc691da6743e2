//! How long texts live that are written from now on: set by either of the two, told to the other, and the same on both sides in the end
//! (docs/protocol/content.md, "Disappearing").

use ipc_schema::Timestamp;
use ipc_schema::edge::ui_stored::lasting;

use super::received::Place;
use super::turn::Turn;
use crate::content::{ChatTimer, WireId, bounded_life};
use crate::error::StoreError;
use crate::ids::{ContactId, hex};
use crate::store::{Contact, ContactState, Delivery, EventKind, Message, Note, OutgoingKind};

/// So many changes behind the other side nobody is. A peer that claims it would have no later change hold.
const LEAP_MAX: u64 = 1 << 20;

/// The user sets it. What it is already changes nothing.
pub(super) fn set(turn: &mut Turn, contact: &Contact, seconds: u32) -> Result<(), StoreError> {
    let seconds = bounded_life(seconds);
    if seconds == contact.timer.seconds {
        return Ok(());
    }
    let version = contact.timer.version.saturating_add(1);
    turn.store.set_timer(contact.id, ChatTimer { seconds, version })?;
    let position = turn.store.last_position(contact.id)?;
    let place = Place { chain: Timestamp(0), sequence: 0, position, gap: false };
    tell(turn, contact.id, place, Line { mine: true, seconds, sent_at: turn.now })?;
    if contact.state == ContactState::Oneself { Ok(()) } else { say(turn, contact.id) }
}

/// The contact says which one holds there. One that does not hold here is answered with the one that does.
pub(super) fn take(
    turn: &mut Turn,
    id: ContactId,
    (theirs, sent_at): (ChatTimer, Timestamp),
    place: Place,
) -> Result<(), StoreError> {
    let Some(here) = turn.store.contact(id)?.map(|contact| contact.timer) else { return Ok(()) };
    if theirs == here || theirs.version > here.version.saturating_add(LEAP_MAX) {
        return Ok(());
    }
    if here.holds_over(theirs) {
        // They may have gone back in time, or have refused it. It ends with that: they know no later one, or say so.
        return say(turn, id);
    }
    turn.store.set_timer(id, theirs)?;
    if theirs.seconds == here.seconds {
        return Ok(());
    }
    tell(turn, id, place, Line { mine: false, seconds: theirs.seconds, sent_at })?;
    turn.event(&EventKind::Contact { contact: id })
}

/// What holds when the content gets its number is told, behind all that was written before.
fn say(turn: &mut Turn, id: ContactId) -> Result<(), StoreError> {
    turn.store.drop_waiting_timers(id)?;
    turn.post(id, OutgoingKind::Timer)
}

/// What stands in the conversation.
struct Line {
    mine: bool,
    seconds: u32,
    sent_at: Timestamp,
}

/// It stands where whoever set it said so.
fn tell(turn: &mut Turn, contact: ContactId, place: Place, line: Line) -> Result<(), StoreError> {
    let Place { chain, sequence, position, gap } = place;
    let Line { mine, seconds, sent_at } = line;
    let wire = WireId(turn.random());
    let id = hex(&wire.0);
    turn.store.add_message(&Message {
        mine,
        position,
        chain,
        sequence,
        gap,
        sent_at,
        received_at: turn.now,
        body: sentence(mine, seconds),
        state: Delivery::Read,
        note: Note::TimerChanged,
        timer_s: seconds,
        ..Message::new(id.clone(), contact, wire)
    })?;
    turn.event(&EventKind::Message { id })
}

fn sentence(mine: bool, seconds: u32) -> String {
    let who = if mine { "You" } else { "They" };
    match seconds {
        0 => format!("{who} turned the timer off: what is written from now on stays."),
        seconds => {
            format!("{who} set the timer: what is written from now on disappears after {}.", lasting(seconds))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_who_set_it_and_to_what() {
        for (seconds, words) in [
            (1, "1 second"),
            (90, "90 seconds"),
            (300, "5 minutes"),
            (86_400, "1 day"),
            (4 * 604_800, "4 weeks"),
        ] {
            let said = sentence(true, seconds);
            assert_eq!(
                said,
                format!("You set the timer: what is written from now on disappears after {words}.")
            );
        }
        assert!(sentence(false, 0).starts_with("They turned the timer off"));
    }
}
