//! What only a later version can show: a line says so, and it is kept as it came until there is one
//! (docs/protocol/content.md, "What a later version knows").

use ipc_schema::Timestamp;

use super::turn::Turn;
use super::{changes, received};
use crate::content::{self, Content, Kind, WireId};
use crate::error::StoreError;
use crate::ids::ContactId;
use crate::store::{Delivery, EventKind, Message, Newer, Note};

/// Read at a time.
const PAGE: u32 = 64;

/// A content that cannot be read.
pub(super) struct Came {
    /// Its own name.
    pub(super) id: WireId,
    /// The sender's clock.
    pub(super) sent_at: Timestamp,
    /// All of it.
    pub(super) bytes: Vec<u8>,
}

/// Keeps it, behind a line; one that stands last in the conversation and was not read yet counts it.
pub(super) fn keep(turn: &mut Turn, contact: ContactId, position: i64, came: Came) -> Result<(), StoreError> {
    if turn.store.is_wire_gone(contact, came.id)? || turn.store.message_by_wire(contact, came.id)?.is_some() {
        return Ok(());
    }
    let last = turn
        .store
        .last_message(contact)?
        .filter(|last| last.note == Note::Newer && last.state == Delivery::Delivered);
    let line = match last {
        Some(last) => {
            turn.store.renew_line(&last.id, turn.now)?;
            last.id
        }
        None => add_line(turn, contact, position, &came)?,
    };
    let contents = turn.store.count_newer(&line)?;
    turn.store.tell_otherwise(&line, Note::Newer, &sentence(contents))?;
    turn.store.keep_newer(&Newer { contact, message: line.clone(), content: came.bytes })?;
    turn.event(&EventKind::Message { id: line })?;
    turn.event(&EventKind::Contact { contact })
}

fn add_line(turn: &mut Turn, contact: ContactId, position: i64, came: &Came) -> Result<String, StoreError> {
    let id = received::message_id(contact, came.id);
    turn.store.add_message(&Message {
        position,
        sent_at: came.sent_at,
        received_at: turn.now,
        state: Delivery::Delivered,
        note: Note::Newer,
        ..Message::new(id.clone(), contact, came.id)
    })?;
    turn.store.touch_contact(contact, turn.now, Note::Newer.sentence(), 1)?;
    Ok(id)
}

fn sentence(contents: u32) -> String {
    match contents {
        1 => Note::Newer.sentence().to_owned(),
        many => format!("{} ({many} of them.)", Note::Newer.sentence()),
    }
}

/// Shows a content of a contact where a line stands.
type Show = fn(&mut Turn, ContactId, Content, i64) -> Result<(), StoreError>;

/// After a start, which may be that of a later version: what can be read by now is shown where its line stands.
pub(super) fn read_again(turn: &mut Turn, show: Show) -> Result<(), StoreError> {
    let mut last = 0;
    loop {
        let page = turn.store.newer_after(last, PAGE)?;
        let Some((end, _)) = page.last() else { return Ok(()) };
        last = *end;
        page.into_iter().try_for_each(|(id, newer)| read(turn, id, newer, show))?;
    }
}

fn read(turn: &mut Turn, id: i64, newer: Newer, show: Show) -> Result<(), StoreError> {
    let Newer { contact, message, content } = newer;
    let Ok(content) = content::decode(&content) else { return Ok(()) };
    let blocked = turn.store.contact(contact)?.is_none_or(|contact| contact.blocked);
    if blocked || matches!(content.kind, Kind::Later(_)) {
        return Ok(());
    }
    let Some(line) = turn.store.message(&message)? else { return Ok(()) };
    let left = turn.store.newer_read(id, &message)?;
    show(turn, contact, content, line.position)?;
    if left == 0 {
        return changes::remove(turn, &line);
    }
    turn.store.tell_otherwise(&message, Note::Newer, &sentence(left))?;
    turn.event(&EventKind::Message { id: message })
}
