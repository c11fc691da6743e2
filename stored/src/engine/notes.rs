//! What is told in a conversation besides what the two say: it stands there with its day, as long as the conversation does.

use std::time::Duration;

use super::turn::Turn;
use crate::content::WireId;
use crate::error::StoreError;
use crate::ids::{ContactId, hex};
use crate::store::{Delivery, EventKind, Message, Note};

/// What is told again within this time is the same: it shows in many contents, and a peer could fill the conversation with it.
const ONCE_IN: Duration = Duration::from_secs(3_600);
/// Sessions break once in a while.
const A_DAY: Duration = Duration::from_secs(24 * 3_600);

const MET_AGAIN: &str = "You are connected anew, by another invitation. What had not arrived is sent again. Compare the safety number: it is another one.";

/// Tells that the session was opened anew, and warns where that was so within a day: the copy of a device would have it so.
pub(super) fn reopened(turn: &mut Turn, contact: ContactId) -> Result<(), StoreError> {
    let first = turn.store.last_note(contact, Note::Reopened)?;
    let again = turn.store.last_note(contact, Note::ReopenedAgain)?;
    match first.max(again).and_then(|told| told.age(turn.now)) {
        Some(age) if age < ONCE_IN => Ok(()),
        Some(age) if age < A_DAY => write(turn, contact, Note::ReopenedAgain),
        Some(_) | None => write(turn, contact, Note::Reopened),
    }
}

/// Tells that what is written to `contact` waits: once for each time that it begins to.
pub(super) fn texts_wait(turn: &mut Turn, contact: ContactId) -> Result<(), StoreError> {
    write(turn, contact, Note::TextsWait)
}

/// Tells it in the conversation with `contact`.
pub(super) fn tell(turn: &mut Turn, contact: ContactId, note: Note) -> Result<(), StoreError> {
    let last = turn.store.last_note(contact, note)?;
    let told = last.is_some_and(|last| last.is_recent(turn.now, ONCE_IN));
    if told { Ok(()) } else { write(turn, contact, note) }
}

/// Tells in the conversation with somebody new who introduced them.
pub(super) fn introduced(turn: &mut Turn, contact: ContactId, by: &str) -> Result<(), StoreError> {
    let id = add(turn, contact, Note::Introduced)?;
    turn.store.set_introduces(&id, by)?;
    turn.event(&EventKind::Message { id })
}

/// Tells that somebody took the place of who was there before.
pub(super) fn met_again(turn: &mut Turn, contact: ContactId) -> Result<(), StoreError> {
    let id = add(turn, contact, Note::Reopened)?;
    turn.store.tell_otherwise(&id, Note::Reopened, MET_AGAIN)?;
    turn.event(&EventKind::Message { id })
}

/// Tells what came of a link that may lead to this contact.
pub(super) fn one_person(turn: &mut Turn, contact: ContactId, body: &str) -> Result<(), StoreError> {
    let id = add(turn, contact, Note::OnePerson)?;
    turn.store.tell_otherwise(&id, Note::OnePerson, body)?;
    turn.event(&EventKind::Message { id })
}

fn write(turn: &mut Turn, contact: ContactId, note: Note) -> Result<(), StoreError> {
    let id = add(turn, contact, note)?;
    turn.event(&EventKind::Message { id })
}

fn add(turn: &mut Turn, contact: ContactId, note: Note) -> Result<String, StoreError> {
    let wire = WireId(turn.random());
    let id = hex(&wire.0);
    turn.store.add_message(&Message {
        mine: note == Note::OlderCopyHere,
        position: turn.store.last_position(contact)?,
        sent_at: turn.now,
        received_at: turn.now,
        body: note.sentence().to_owned(),
        state: Delivery::Read,
        note,
        ..Message::new(id.clone(), contact, wire)
    })?;
    Ok(id)
}

impl Note {
    /// What stands there.
    pub(super) fn sentence(self) -> &'static str {
        match self {
            // What it was set to, and what came of it, is said where it is.
            Self::None | Self::TimerChanged | Self::OnePerson => "",
            Self::OlderCopyHere => {
                "An older copy of this profile was used. What came in after that copy is missing here; what you wrote since is \
                 sent again."
            }
            Self::Reopened => {
                "The encryption with them got out of step and was opened anew. What had not arrived is sent again."
            }
            Self::ReopenedAgain => {
                "The encryption with them was opened anew again within a day. If neither of you put a backup back, somebody may have \
                 a copy of one of your devices: ask them, and compare the safety number."
            }
            Self::TextsWait => {
                "What you write to them waits, so that a copy of their device does not get it. Ask them whether they put a backup \
                 back; then compare the safety number again, or resume sending."
            }
            Self::Introduction => {
                "They want you to meet somebody, whom they ask as well. Say yes or no: nobody is told of a no."
            }
            Self::Introduced => {
                "Somebody you both know introduced you, and could have put another one in between. Nothing was compared yet: compare \
                 the safety number."
            }
            Self::IntroductionOver => "Nothing came of this introduction.",
            Self::Newer => {
                "What they sent here needs a newer version of Privatus. It is kept, and shown once that is installed."
            }
            Self::StringsDiffer => {
                "A short string was compared and was not the same on both sides, or was made in another way than their program \
                 promised. Somebody may sit between the two of you: write nothing here that matters, and meet anew, best in person."
            }
            Self::OlderCopyThere => {
                "An older copy of their profile was used. What you wrote after that copy may be missing there. If they did not \
                 put one back, somebody else may have it: ask them, and compare the safety number."
            }
        }
    }
}
