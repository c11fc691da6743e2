//! The user brings two contacts together: both are asked, and the invite that the one makes goes to the other
//! (docs/protocol/content.md, "Introductions"). What is asked of the user stands in introductions.rs.

use ipc_schema::edge::ui_stored::{Introduce, IntroduceError};

use super::introduction_steps::{self, say};
use super::names::{self, Found};
use super::turn::Turn;
use crate::content::{Step, WireId};
use crate::error::StoreError;
use crate::ids::{ContactId, hex};
use crate::store::{
    Contact, ContactState, Delivery, EventKind, Introduction, IntroductionState, Message, Note,
};

const ASKED: &str = "You asked them whether they want to meet somebody. You are not told of a no.";
const BOTH_AGREED: &str = "You introduced them to each other: both said yes.";

/// Asks two contacts whether they want to meet each other.
pub(super) fn introduce(turn: &mut Turn, call: Introduce) -> Found<(), IntroduceError> {
    let (one, other) = (names::called(&turn.store, &call.who)?, names::called(&turn.store, &call.other)?);
    let (Some(one), Some(other)) = (one, other) else { return Ok(Err(IntroduceError::NoSuchContact)) };
    if one.id == other.id {
        return Ok(Err(IntroduceError::NoSuchContact));
    }
    if let Some(why) = [&one, &other].into_iter().find_map(not_asked) {
        return Ok(Err(why));
    }
    if are_introduced(turn, one.id, other.id)? {
        return Ok(Err(IntroduceError::AlreadyOpen));
    }
    let wires = [WireId(turn.random()), WireId(turn.random())];
    let [first, second] = wires.map(|wire| hex(&wire.0));
    let [one_wire, other_wire] = wires;
    ask(turn, (&one, &other), Half { wire: one_wire, other: second, makes_link: true })?;
    ask(turn, (&other, &one), Half { wire: other_wire, other: first, makes_link: false })?;
    Ok(Ok(()))
}

fn not_asked(contact: &Contact) -> Option<IntroduceError> {
    match contact.state {
        ContactState::Oneself => Some(IntroduceError::NotForSelf),
        _ if contact.blocked => Some(IntroduceError::Blocked),
        ContactState::Connected => None,
        ContactState::Invited | ContactState::Pending => Some(IntroduceError::Waiting),
    }
}

fn are_introduced(turn: &Turn, one: ContactId, other: ContactId) -> Result<bool, StoreError> {
    for half in turn.store.open_introductions()? {
        if half.mine
            && half.contact == one
            && turn.store.introduction(&half.other)?.is_some_and(|half| half.contact == other)
        {
            return Ok(true);
        }
    }
    Ok(false)
}

struct Half {
    wire: WireId,
    other: String,
    makes_link: bool,
}

/// Asks the first of the two about the second, and says so in a line.
fn ask(turn: &mut Turn, (contact, about): (&Contact, &Contact), half: Half) -> Result<(), StoreError> {
    let Half { wire, other, makes_link } = half;
    let message = hex(&wire.0);
    let name = names::name_for_others(about);
    turn.store.add_message(&Message {
        mine: true,
        position: turn.store.last_position(contact.id)?,
        sent_at: turn.now,
        received_at: turn.now,
        body: ASKED.to_owned(),
        state: Delivery::Read,
        note: Note::Introduced,
        ..Message::new(message.clone(), contact.id, wire)
    })?;
    turn.store.set_introduces(&message, name)?;
    turn.store.add_introduction(&Introduction {
        message: message.clone(),
        contact: contact.id,
        wire,
        mine: true,
        state: IntroductionState::Asked,
        makes_link,
        called: String::new(),
        other,
        link: String::new(),
        person: None,
        at: turn.now,
    })?;
    say(turn, (contact.id, wire), if makes_link { Step::AskForLink } else { Step::Ask }, name.to_owned())?;
    turn.event(&EventKind::Message { id: message })
}

/// One of the two said yes.
pub(super) fn agreed(
    turn: &mut Turn,
    contact: ContactId,
    wire: WireId,
    untrusted_link: String,
) -> Result<(), StoreError> {
    let half = turn.store.introduction_called(contact, wire, true)?;
    let Some(mut half) = half.filter(|half| half.state == IntroductionState::Asked) else { return Ok(()) };
    if half.makes_link && untrusted_link.is_empty() {
        return Ok(());
    }
    let Some(other) = turn.store.introduction(&half.other)? else {
        return introduction_steps::end(turn, half);
    };
    half.state = IntroductionState::Agreed;
    half.link = if half.makes_link { untrusted_link } else { String::new() };
    turn.store.set_introduction(&half)?;
    if other.state == IntroductionState::Agreed { bring_together(turn, [half, other]) } else { Ok(()) }
}

/// Both said yes: the invite of the one goes to the other.
fn bring_together(turn: &mut Turn, halves: [Introduction; 2]) -> Result<(), StoreError> {
    let link = halves.iter().find(|half| half.makes_link).map(|half| half.link.clone()).unwrap_or_default();
    for mut half in halves {
        if !half.makes_link {
            say(turn, (half.contact, half.wire), Step::Link, link.clone())?;
        }
        half.state = IntroductionState::Done;
        half.link.clear();
        turn.store.set_introduction(&half)?;
        introduction_steps::tell(turn, &half, Note::Introduced, BOTH_AGREED)?;
    }
    Ok(())
}
