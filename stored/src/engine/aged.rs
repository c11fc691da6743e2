//! Messages go because of their age, whichever flow says so: a few at a time.

use std::collections::BTreeSet;
use std::time::Duration;

use super::turn::Turn;
use crate::error::StoreError;
use crate::store::{Ended, EventKind};

/// Messages that go in one transaction: each text is taken out of the indexes of words.
pub(super) const AT_ONCE: u32 = 64;
/// Between two of these all else has its turn.
pub(super) const PAUSE: Duration = Duration::from_millis(50);

/// They are gone, and whoever follows the conversation is told so. What of an own one was sealed stays sealed until it is acked, for the
/// contents behind it name its hash.
pub(super) fn go(turn: &mut Turn, ended: &[Ended]) -> Result<(), StoreError> {
    let mut contacts = BTreeSet::new();
    for message in ended {
        turn.store.end_message(message, turn.now)?;
        turn.event(&EventKind::Gone { id: message.id.clone(), contact: message.contact })?;
        contacts.insert(message.contact);
    }
    for contact in contacts {
        turn.store.forget_oldest_names(contact)?;
        turn.store.refresh_contact(contact)?;
        turn.event(&EventKind::Contact { contact })?;
    }
    Ok(())
}
