//! What ui asks: sending, reading, and what there is.

use std::time::Duration;

use ipc_schema::Timestamp;
use ipc_schema::edge::ui_stored::{Place, ReadError, SendError, SendText, SettleError};
use ipc_schema::limits::{MESSAGE_ID_MAX_CHARS, TEXT_MAX_BYTES};

use super::event::{EndEvent, LifeEvent, OutboxEvent, TypingEvent};
use super::names::{self, Found};
use super::requests::{FirstPage, NextPage, PAGE, PAGE_BYTES, Page, Told};
use super::turn::Turn;
use super::{file_rows, receipts};
use crate::content::{self, WireId};
use crate::error::StoreError;
use crate::ids::{ContactId, hex};
use crate::store::{Contact, ContactState, Cursor, Delivery, EventKind, Message, OutgoingKind, Store};

/// Messages of a conversation when no number is asked for.
const LIMIT: u32 = 50;

/// Whether a text is new.
pub(super) enum Placing {
    /// It was sent before, under the same id.
    Sent(Box<Message>),
    /// It can be, to this contact.
    New(Box<Contact>),
}

/// Puts a text into the outbox, once for each id.
pub(super) fn send(turn: &mut Turn, call: SendText) -> Found<Message, SendError> {
    match place(turn, &call, false)? {
        Ok(Placing::Sent(message)) => Ok(Ok(*message)),
        Ok(Placing::New(contact)) => new_message(turn, &contact, call, 0).map(Ok),
        Err(why) => Ok(Err(why)),
    }
}

/// What is to become of a text, which may have no words where something else is in it.
pub(super) fn place(turn: &mut Turn, call: &SendText, may_be_empty: bool) -> Found<Placing, SendError> {
    let SendText { who, id, text, reply_to } = call;
    let Some(contact) = names::called_or_made(turn, who)? else {
        return Ok(Err(SendError::NoSuchContact));
    };
    if text.len() > TEXT_MAX_BYTES || text.is_empty() && !may_be_empty {
        return Ok(Err(SendError::TooLong));
    }
    if !id.is_empty() && !is_message_id(id) {
        return Ok(Err(SendError::BadId));
    }
    if let Some(earlier) = turn.store.message(id)? {
        let same = earlier.mine && earlier.contact == contact.id && earlier.body == *text;
        return Ok(if same { Ok(Placing::Sent(Box::new(earlier))) } else { Err(SendError::Conflict) });
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
    Ok(Ok(Placing::New(Box::new(contact))))
}

/// It is on its way, with so many files as its first parts.
pub(super) fn new_message(
    turn: &mut Turn,
    contact: &Contact,
    call: SendText,
    files: usize,
) -> Result<Message, StoreError> {
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
    let parts = if arrived { 0 } else { parts(&message.body, files) };
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

/// In how many parts a text travels, those first that are files.
pub(super) fn parts(body: &str, files: usize) -> u16 {
    let words = if body.is_empty() && files > 0 { 0 } else { content::split(body).len() };
    u16::try_from(words.saturating_add(files)).unwrap_or(u16::MAX)
}

/// Everything up to a message has been seen; empty: everything.
pub(super) fn mark_read(turn: &mut Turn, who: &str, up_to: &str) -> Found<(), ReadError> {
    let Some(contact) = names::called(&turn.store, who)? else { return Ok(Err(ReadError::NoSuchContact)) };
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

/// At most `limit` messages at a place.
pub(super) fn first_page(store: &Store, ask: &FirstPage) -> Found<Page, ReadError> {
    let FirstPage { who, limit, place } = ask;
    let Some(contact) = names::called(store, who)? else { return Ok(Err(ReadError::NoSuchContact)) };
    let limit = if *limit == 0 { LIMIT } else { *limit };
    let Some(turned) = turning(store, contact.id, place)? else { return Ok(Err(ReadError::NoSuchMessage)) };
    let (older, newer) = match place {
        Place::Newest | Place::Before(_) => (limit, 0),
        Place::After(_) => (0, limit),
        Place::At(_) if turned == i64::MAX => (limit, 0),
        Place::Around(_) | Place::At(_) => (limit / 2, limit - limit / 2),
    };
    let from = store.page_start(contact.id, turned, older)?.unwrap_or(turned);
    let end = store.page_end(contact.id, turned, newer)?.map_or(turned, |last| last.saturating_add(1));
    page(store, NextPage { contact: contact.id, from: Cursor::at(from), end }).map(Ok)
}

/// The place that older messages lie before and newer ones at or behind. `None`: there is no such message.
fn turning(store: &Store, contact: ContactId, place: &Place) -> Result<Option<i64>, StoreError> {
    match place {
        Place::Newest => Ok(Some(i64::MAX)),
        Place::Before(id) | Place::Around(id) => position(store, contact, id),
        Place::After(id) => Ok(position(store, contact, id)?.map(|at| at.saturating_add(1))),
        Place::At(Timestamp(0 | 1)) => Ok(Some(i64::MIN)),
        Place::At(moment) => Ok(Some(store.first_since(contact, *moment)?.unwrap_or(i64::MAX))),
    }
}

/// Messages from one place in a conversation up to another, at most [`PAGE`] and about [`PAGE_BYTES`].
pub(super) fn page(store: &Store, ask: NextPage) -> Result<Page, StoreError> {
    let NextPage { contact, from, end } = ask;
    let (mut messages, cut) = store.messages_from(contact, from, (PAGE, PAGE_BYTES))?;
    let read = messages.len();
    messages.retain(|message| message.position < end);
    let next = cut.filter(|_| read == messages.len());
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
        let (mut message, mut contact, mut file) = (None, None, None);
        match &event.kind {
            EventKind::Message { id } => message = store.message(id)?,
            EventKind::Contact { contact: who } => contact = store.contact(*who)?,
            EventKind::File { id } => {
                file = store.file(*id)?.map(|file| file_rows::row(store, &file)).transpose()?.flatten();
            }
            EventKind::Delivery { .. } | EventKind::Network { .. } | EventKind::Gone { .. } => {}
        }
        bytes += message.as_ref().map_or(0, |message: &Message| message.body.len());
        told.push(Told { event, message, contact, file });
    }
    Ok(told)
}

fn is_message_id(id: &str) -> bool {
    id.len() <= MESSAGE_ID_MAX_CHARS
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreKey;

    const ANN: ContactId = ContactId(1);
    const BOB: ContactId = ContactId(2);

    /// Ann's are `a0` to `a9`, a minute apart, and Bob has one.
    fn store(folder: &tempfile::TempDir) -> Store {
        let store = Store::open(&folder.path().join("store.db"), &StoreKey::new([7; 32])).unwrap();
        for (contact, name, texts) in [(ANN, "Ann", 10), (BOB, "Bob", 1)] {
            store.add_contact(contact, name, ContactState::Connected, Timestamp(1)).unwrap();
            let letter = name.to_lowercase().remove(0);
            for number in 0..texts {
                let message = Message {
                    position: i64::from(number) * 10,
                    sent_at: Timestamp(60_000 * u64::from(number + 1)),
                    ..Message::new(format!("{letter}{number}"), contact, WireId([number; 16]))
                };
                store.add_message(&message).unwrap();
            }
        }
        store
    }

    fn told(store: &Store, limit: u32, place: Place) -> Result<String, ReadError> {
        let ask = FirstPage { who: "Ann".into(), limit, place };
        let page = first_page(store, &ask).unwrap()?;
        assert_eq!(page.next, None);
        Ok(page.messages.into_iter().map(|message| message.id).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn a_page_lies_before_a_message_or_after_it_or_around_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        let told = |limit, place| told(&store, limit, place).unwrap();
        let id = |number: u32| format!("a{number}");
        assert_eq!(told(3, Place::Newest), "a7 a8 a9");
        assert_eq!(told(3, Place::Before(id(4))), "a1 a2 a3");
        assert_eq!(told(3, Place::After(id(4))), "a5 a6 a7");
        assert_eq!(told(3, Place::After(id(9))), "");
        assert_eq!(told(3, Place::Before(id(0))), "");
        assert_eq!(told(4, Place::Around(id(4))), "a2 a3 a4 a5");
        assert_eq!(told(1, Place::Around(id(4))), "a4");
        assert_eq!(told(6, Place::Around(id(0))), "a0 a1 a2", "half of a page is missing");
        assert_eq!(told(6, Place::Around(id(9))), "a6 a7 a8 a9");
        assert_eq!(told(u32::MAX, Place::Around(id(3))).split(' ').count(), 10);
    }

    #[test]
    fn a_page_is_told_around_the_first_text_of_a_moment() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        let told = |limit, at| told(&store, limit, Place::At(Timestamp(at))).unwrap();
        assert_eq!(told(4, 60_000 * 5), "a2 a3 a4 a5");
        assert_eq!(told(4, 60_000 * 4 + 1), "a2 a3 a4 a5");
        assert_eq!(told(4, 2), "a0 a1");
        assert_eq!(told(4, 60_000 * 11), "a6 a7 a8 a9", "nothing is so late: the last ones");
        // Whoever says that he wrote before all others does not become the beginning.
        let early = Message {
            position: 95,
            sent_at: Timestamp(3),
            ..Message::new("early".into(), ANN, WireId([77; 16]))
        };
        store.add_message(&early).unwrap();
        assert_eq!(told(4, 1), "a0 a1");
    }

    #[test]
    fn long_texts_come_in_more_pages_and_none_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        for number in 10..16 {
            let message = Message {
                position: i64::from(number) * 10,
                body: "x".repeat(PAGE_BYTES / 2),
                ..Message::new(format!("a{number}"), ANN, WireId([number; 16]))
            };
            store.add_message(&message).unwrap();
        }
        let ask = FirstPage { who: "Ann".into(), limit: 15, place: Place::Newest };
        let mut told = first_page(&store, &ask).unwrap().unwrap();
        let mut pages = Vec::new();
        loop {
            let ids: Vec<_> = told.messages.iter().map(|message| message.id.clone()).collect();
            pages.push(ids.join(" "));
            let Some(from) = told.next else { break };
            told = page(&store, NextPage { contact: told.contact, from, end: told.end }).unwrap();
        }
        assert_eq!(pages, ["a1 a2 a3 a4 a5 a6 a7 a8 a9 a10 a11 a12", "a13 a14 a15", ""]);
    }

    /// Where there is no room between two texts, those that come late stand at one place.
    #[test]
    fn of_more_texts_at_one_place_than_a_page_holds_each_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        for number in 0..200_u128 {
            let wire = WireId((1_000 + number).to_be_bytes());
            let message = Message { position: 45, ..Message::new(format!("late{number}"), ANN, wire) };
            store.add_message(&message).unwrap();
        }
        let ask = FirstPage { who: "Ann".into(), limit: 1_000, place: Place::Newest };
        let mut told = first_page(&store, &ask).unwrap().unwrap();
        let mut ids = Vec::new();
        loop {
            ids.extend(told.messages.iter().map(|message| message.id.clone()));
            let Some(from) = told.next else { break };
            told = page(&store, NextPage { contact: told.contact, from, end: told.end }).unwrap();
        }
        let late: Vec<_> = (0..200).map(|number| format!("late{number}")).collect();
        assert_eq!(ids[5..205], late);
        assert_eq!(ids.len(), 210);
    }

    #[test]
    fn a_place_that_is_not_there_or_is_somebody_elses_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        for id in ["a10", "b0"] {
            for place in [Place::Before, Place::After, Place::Around] {
                assert_eq!(told(&store, 3, place(id.into())), Err(ReadError::NoSuchMessage));
            }
        }
    }
}
