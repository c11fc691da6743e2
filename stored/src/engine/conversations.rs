//! What ui asks: sending, reading, and what there is.

use std::time::Duration;

use ipc_schema::edge::ui_stored::{ReadError, SendError, SendText, SettleError};
use ipc_schema::limits::{MESSAGE_ID_MAX_CHARS, TEXT_MAX_BYTES};

use super::contacts::{self, Found};
use super::event::{EndEvent, LifeEvent, OutboxEvent, TypingEvent};
use super::receipts;
use super::requests::{FirstPage, NextPage, PAGE, PAGE_BYTES, Page, Told};
use super::turn::Turn;
use crate::content::{self, WireId};
use crate::error::StoreError;
use crate::ids::{ContactId, hex};
use crate::store::{Contact, ContactState, Delivery, EventKind, Message, OutgoingKind, Store};

/// Messages of a conversation when no number is asked for.
const LIMIT: u32 = 50;

/// Puts a text into the outbox, once for each id.
pub(super) fn send(turn: &mut Turn, call: SendText) -> Found<Message, SendError> {
    let SendText { who, id, text, reply_to } = &call;
    let Some(contact) = contacts::called_or_made(turn, who)? else {
        return Ok(Err(SendError::NoSuchContact));
    };
    if text.len() > TEXT_MAX_BYTES || text.is_empty() {
        return Ok(Err(SendError::TooLong));
    }
    if !id.is_empty() && !is_message_id(id) {
        return Ok(Err(SendError::BadId));
    }
    if let Some(earlier) = turn.store.message(id)? {
        let same = earlier.mine && earlier.contact == contact.id && earlier.body == *text;
        return Ok(if same { Ok(earlier) } else { Err(SendError::Conflict) });
    }
    if turn.store.is_gone(id)? {
        return Ok(Err(SendError::Conflict));
    }
    if contact.blocked {
        return Ok(Err(SendError::Blocked));
    }
    if !reply_to.is_empty() && turn.store.message(reply_to)?.is_none_or(|to| to.contact != contact.id) {
        return Ok(Err(SendError::NoSuchMessage));
    }
    new_message(turn, &contact, call).map(Ok)
}

fn new_message(turn: &mut Turn, contact: &Contact, call: SendText) -> Result<Message, StoreError> {
    let wire = WireId(turn.random());
    // Where the user writes to nobody else it is there already.
    let arrived = contact.state == ContactState::Oneself;
    let life = contact.timer.seconds;
    let disappears_at = (arrived && life > 0).then(|| turn.now.after(Duration::from_secs(life.into())));
    disappears_at.into_iter().for_each(|at| turn.wish(EndEvent::Begun(at)));
    let message = Message {
        mine: true,
        position: turn.store.last_position(contact.id)?,
        sent_at: turn.now,
        body: call.text,
        state: if arrived { Delivery::Delivered } else { Delivery::Queued },
        reply_to: call.reply_to,
        held: contact.held,
        timer_s: life,
        disappears_at,
        ..Message::new(if call.id.is_empty() { hex(&wire.0) } else { call.id }, contact.id, wire)
    };
    turn.store.add_message(&message)?;
    let parts = if arrived { 0 } else { content::split(&message.body).len() };
    let parts = u16::try_from(parts).unwrap_or(u16::MAX);
    for part in 0..parts {
        let text = Some((message.id.as_str(), part, parts));
        turn.store.add_outgoing(contact.id, OutgoingKind::Text, text, None)?;
    }
    turn.store.touch_contact(contact.id, turn.now, &message.body, 0)?;
    turn.event(&EventKind::Message { id: message.id.clone() })?;
    turn.wish(OutboxEvent::Pump(contact.id));
    turn.wish(TypingEvent::Wrote(contact.id));
    turn.wish(LifeEvent::LookAt(contact.id));
    Ok(message)
}

/// Everything up to a message has been seen; empty: everything.
pub(super) fn mark_read(turn: &mut Turn, who: &str, up_to: &str) -> Found<(), ReadError> {
    let Some(contact) = contacts::called(&turn.store, who)? else { return Ok(Err(ReadError::NoSuchContact)) };
    let Some(position) = position(&turn.store, contact.id, up_to)? else {
        return Ok(Err(ReadError::NoSuchMessage));
    };
    for (id, end) in turn.store.begin_lives_of_read(contact.id, position, turn.now)? {
        turn.event(&EventKind::Message { id })?;
        turn.wish(EndEvent::Begun(end));
    }
    let left = turn.store.mark_read(contact.id, position)?;
    if left < contact.unread {
        receipts::read_here(turn, &contact, position)?;
    }
    if left != contact.unread || contact.marked_unread {
        turn.store.set_unread(contact.id, left)?;
        turn.event(&EventKind::Contact { contact: contact.id })?;
    }
    Ok(Ok(()))
}

/// Where a message of that contact stands; after all for no message. `None`: there is no such message.
fn position(store: &Store, contact: ContactId, id: &str) -> Result<Option<i64>, StoreError> {
    if id.is_empty() {
        return Ok(Some(i64::MAX));
    }
    let message = store.message(id)?.filter(|message| message.contact == contact);
    Ok(message.map(|message| message.position))
}

/// One message.
pub(super) fn message(store: &Store, id: &str) -> Found<Message, SettleError> {
    Ok(store.message(id)?.ok_or(SettleError::NoSuchMessage))
}

/// The last `limit` messages before another one.
pub(super) fn first_page(store: &Store, ask: &FirstPage) -> Found<Page, ReadError> {
    let FirstPage { who, limit, before } = ask;
    let Some(contact) = contacts::called(store, who)? else { return Ok(Err(ReadError::NoSuchContact)) };
    let Some(end) = position(store, contact.id, before)? else { return Ok(Err(ReadError::NoSuchMessage)) };
    let limit = if *limit == 0 { LIMIT } else { *limit };
    let from = store.page_start(contact.id, end, limit)?.unwrap_or(end);
    page(store, NextPage { contact: contact.id, from, end }).map(Ok)
}

/// Messages from one place in a conversation up to another, at most [`PAGE`].
pub(super) fn page(store: &Store, ask: NextPage) -> Result<Page, StoreError> {
    let NextPage { contact, from, end } = ask;
    let mut messages = store.messages_from(contact, from, PAGE)?;
    let whole = u32::try_from(messages.len()).is_ok_and(|length| length == PAGE);
    messages.retain(|message| message.position < end);
    let next = messages.last().filter(|_| whole).map(|last| last.position.saturating_add(1));
    Ok(Page { contact, messages, next, end })
}

/// What changed since, with what it is about as that is now: the first of it, at most [`PAGE`] and about [`PAGE_BYTES`], for whoever follows
/// may be slow to take it.
pub(super) fn told_after(store: &Store, since: u64) -> Result<Vec<Told>, StoreError> {
    let (mut told, mut bytes) = (Vec::new(), 0);
    for event in store.events_after(since, PAGE)? {
        if bytes > PAGE_BYTES {
            break;
        }
        let (message, contact) = match &event.kind {
            EventKind::Message { id } => (store.message(id)?, None),
            EventKind::Contact { contact } => (None, store.contact(*contact)?),
            EventKind::Delivery { .. } | EventKind::Network { .. } | EventKind::Gone { .. } => (None, None),
        };
        bytes += message.as_ref().map_or(0, |message| message.body.len());
        told.push(Told { event, message, contact });
    }
    Ok(told)
}

fn is_message_id(id: &str) -> bool {
    id.len() <= MESSAGE_ID_MAX_CHARS
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}
