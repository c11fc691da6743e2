//! What a contact does to a text after it was sent. In whatever order that comes, before the text or behind it, and however often, the
//! conversation ends as the same one (docs/protocol/content.md, "Changes").

use super::turn::Turn;
use crate::content::{EditPart, Kind, Link, WireId};
use crate::error::StoreError;
use crate::ids::ContactId;
use crate::store::{Early, EarlyKind, EventKind, Message, Note, Said};

/// Takes an edit, a delete or a reaction of theirs.
pub(super) fn take(turn: &mut Turn, contact: ContactId, link: &Link, kind: Kind) -> Result<(), StoreError> {
    let wire = match &kind {
        Kind::Edit(edit) => edit.message,
        Kind::Delete(message) | Kind::Reaction { message, .. } => *message,
        _ => return Ok(()),
    };
    // Of a text that was deleted here nothing is heard any more.
    if turn.store.is_wire_gone(contact, wire)? {
        return Ok(());
    }
    let said = Said::from(link);
    match turn.store.message_by_wire(contact, wire)? {
        Some(text) if text.deleted || text.note != Note::None => Ok(()),
        Some(text) => alter(turn, &text, said, kind),
        None => keep(turn, contact, said, kind),
    }
}

/// A text of theirs has come: what they did to it before that is done now.
pub(super) fn catch_up(turn: &mut Turn, contact: ContactId, wire: WireId) -> Result<(), StoreError> {
    if !turn.store.has_early(contact, wire)? {
        return Ok(());
    }
    let Some(text) = turn.store.message_by_wire(contact, wire)? else { return Ok(()) };
    if turn.store.is_deleted_early(contact, wire)? {
        return delete(turn, &text);
    }
    let mut altered = apply_edits(turn, &text)?;
    if let Some((said, emoji)) = turn.store.take_early_reaction(contact, wire)? {
        altered |= turn.store.set_their_reaction(contact, wire, said, &emoji)?;
    }
    if altered { tell(turn, &text) } else { Ok(()) }
}

/// Only who wrote a text changes or deletes it; anybody reacts.
fn alter(turn: &mut Turn, text: &Message, said: Said, kind: Kind) -> Result<(), StoreError> {
    let altered = match kind {
        Kind::Edit(part) if !text.mine => edit(turn, text, said, part)?,
        Kind::Delete(_) if !text.mine => return delete(turn, text),
        Kind::Reaction { emoji, .. } => {
            turn.store.set_their_reaction(text.contact, text.wire, said, &emoji)?
        }
        _ => false,
    };
    if altered { tell(turn, text) } else { Ok(()) }
}

/// Whether the text says something else now.
fn edit(turn: &Turn, text: &Message, said: Said, part: EditPart) -> Result<bool, StoreError> {
    let again = (part.part == 0).then_some(said);
    if turn.store.holds_edit(&text.id, part.name, again)? {
        return Ok(false);
    }
    turn.store.add_early(text.contact, text.wire, &early_edit(said, part))?;
    apply_edits(turn, text)
}

fn apply_edits(turn: &Turn, text: &Message) -> Result<bool, StoreError> {
    let mut altered = false;
    for edit in turn.store.whole_edits(text.contact, text.wire)? {
        altered |= turn.store.apply_edit(&text.id, &edit)?;
        turn.store.drop_edit(text.contact, text.wire, edit.name)?;
    }
    turn.store.drop_older_edits(text.contact, text.wire)?;
    Ok(altered)
}

fn delete(turn: &mut Turn, text: &Message) -> Result<(), StoreError> {
    turn.store.blank_message(text)?;
    tell(turn, text)
}

/// The text has not come. That it is to be gone is all there is to know of it then.
fn keep(turn: &Turn, contact: ContactId, said: Said, kind: Kind) -> Result<(), StoreError> {
    let nameless = |kind, body| Early { kind, name: None, part: 0, parts: 1, said, body };
    let (wire, early) = match kind {
        Kind::Edit(part) => (part.message, early_edit(said, part)),
        Kind::Reaction { message, emoji } => (message, nameless(EarlyKind::Reaction, emoji)),
        Kind::Delete(message) => (message, nameless(EarlyKind::Delete, String::new())),
        _ => return Ok(()),
    };
    if turn.store.is_deleted_early(contact, wire)? {
        return Ok(());
    }
    if early.kind == EarlyKind::Delete {
        turn.store.drop_early(contact, wire)?;
        turn.store.blank_parts(contact, wire)?;
    }
    turn.store.add_early(contact, wire, &early)
}

fn early_edit(said: Said, edit: EditPart) -> Early {
    let EditPart { message: _, name, part, parts, body } = edit;
    Early { kind: EarlyKind::Edit, name: Some(name), part, parts, said, body }
}

/// Whoever takes it for a new text learns from the contact how things are.
fn tell(turn: &mut Turn, text: &Message) -> Result<(), StoreError> {
    turn.store.refresh_contact(text.contact)?;
    turn.event(&EventKind::Message { id: text.id.clone() })?;
    turn.event(&EventKind::Contact { contact: text.contact })
}
