//! What is told in a conversation besides what the two say: it stands there with its day, as long as the conversation does.

use std::time::Duration;

use ipc_schema::Timestamp;

use super::turn::Turn;
use crate::content::WireId;
use crate::error::StoreError;
use crate::ids::{ContactId, hex};
use crate::store::{Delivery, EventKind, Message, Note};

/// The same is not told again within this time: it shows in many contents, and a peer could fill the conversation with it.
const ONCE_IN: Duration = Duration::from_secs(3_600);

/// Tells it in the conversation with `contact`.
pub(super) fn tell(turn: &mut Turn, contact: ContactId, note: Note) -> Result<(), StoreError> {
    let told = turn.store.last_note(contact, note)?;
    // A moment in the future is one of a clock that was wrong.
    if told.is_some_and(|told| told <= turn.now && turn.now.since(told) < ONCE_IN) {
        return Ok(());
    }
    let wire = WireId(turn.random());
    let id = hex(&wire.0);
    turn.store.add_message(&Message {
        id: id.clone(),
        contact,
        wire,
        mine: note == Note::OlderCopyHere,
        position: turn.store.last_position(contact)?,
        chain: Timestamp(0),
        sequence: 0,
        gap: false,
        sent_at: turn.now,
        received_at: turn.now,
        body: note.sentence().to_owned(),
        state: Delivery::Read,
        reply_to: String::new(),
        route: Vec::new(),
        note,
    })?;
    turn.event(&EventKind::Message { id })
}

impl Note {
    /// What stands there.
    pub(super) fn sentence(self) -> &'static str {
        match self {
            Self::None => "",
            Self::OlderCopyHere => {
                "An older copy of this profile was used. What came in after that copy is missing here; what you wrote since is \
                 sent again."
            }
            Self::OlderCopyThere => {
                "An older copy of their profile was used. What you wrote after that copy may be missing there. If they did not \
                 put one back, somebody else may have it: ask them, and compare the safety number."
            }
        }
    }
}
