//! A contact wants the user to meet somebody: nothing is done before the user says yes (docs/protocol/content.md, "Introductions").
//! What the user asks of others stands in introducing.rs.

use std::time::Duration;

use ipc_schema::Timestamp;
use ipc_schema::edge::ui_stored::{AnswerError, AnswerIntroduction};

use super::introducing::agreed;
use super::introduction_steps::{end, say, tell};
use super::names::{self, Found};
use super::turn::Turn;
use super::{accepts, invites, notes, received};
use crate::content::{self, Step, WireId};
use crate::error::StoreError;
use crate::ids::ContactId;
use crate::store::{Delivery, EventKind, Introduction, IntroductionState, Message, Note, Store};

/// Of one contact so many wait for the user's answer; the oldest goes first.
const OPEN_MAX: usize = 8;
/// After that nothing comes of one any more: as long as an invite lives.
const LIFE: Duration = Duration::from_secs(7 * 24 * 3_600);

const SAID_YES: &str = "You said yes. Once the other one does, too, you are connected.";
const SAID_NO: &str = "You said no. Nobody is told.";
const MET: &str = "Both of you said yes: you are connected. They could have put another one in between: compare the safety number.";

/// What an introducer, or one of two whom the user introduces, tells.
pub(super) fn take(
    turn: &mut Turn,
    contact: ContactId,
    place: (i64, Timestamp),
    untrusted: content::Introduction,
) -> Result<(), StoreError> {
    match untrusted.step {
        Step::AskForLink | Step::Ask => asked(turn, contact, place, &untrusted),
        Step::Yes => agreed(turn, contact, untrusted.id, untrusted.link),
        Step::Link => link_came(turn, contact, untrusted.id, &untrusted.link),
    }
}

/// It stands in the conversation, and waits for the user.
fn asked(
    turn: &mut Turn,
    contact: ContactId,
    (position, sent_at): (i64, Timestamp),
    untrusted: &content::Introduction,
) -> Result<(), StoreError> {
    let wire = untrusted.id;
    if turn.store.is_wire_gone(contact, wire)? || turn.store.message_by_wire(contact, wire)?.is_some() {
        return Ok(());
    }
    make_room(turn, contact)?;
    let message = received::message_id(contact, wire);
    let body = Note::Introduction.sentence();
    turn.store.add_message(&Message {
        position,
        sent_at,
        received_at: turn.now,
        body: body.to_owned(),
        state: Delivery::Delivered,
        note: Note::Introduction,
        ..Message::new(message.clone(), contact, wire)
    })?;
    turn.store.set_introduces(&message, &untrusted.name)?;
    turn.store.add_introduction(&Introduction {
        message: message.clone(),
        contact,
        wire,
        mine: false,
        state: IntroductionState::Asked,
        makes_link: untrusted.step == Step::AskForLink,
        called: String::new(),
        other: String::new(),
        link: String::new(),
        person: None,
        at: turn.now,
    })?;
    turn.store.touch_contact(contact, turn.now, body, 1)?;
    turn.event(&EventKind::Message { id: message })
}

fn make_room(turn: &mut Turn, contact: ContactId) -> Result<(), StoreError> {
    let open = turn.store.open_introductions()?.into_iter();
    let waiting: Vec<Introduction> = open
        .filter(|one| !one.mine && one.contact == contact && one.state == IntroductionState::Asked)
        .collect();
    let over = waiting.len().saturating_sub(OPEN_MAX - 1);
    waiting.into_iter().take(over).try_for_each(|oldest| end(turn, oldest))
}

/// The user says whether they want to.
pub(super) fn answer(turn: &mut Turn, call: AnswerIntroduction) -> Found<(), AnswerError> {
    let AnswerIntroduction { id, yes, name } = call;
    let Some(asked) = turn.store.introduction(&id)?.filter(|asked| !asked.mine) else {
        return Ok(Err(AnswerError::NoIntroduction));
    };
    match (asked.state, yes) {
        (IntroductionState::Asked, false) => {
            end(turn, asked.clone())?;
            tell(turn, &asked, Note::IntroductionOver, SAID_NO)?;
            Ok(Ok(()))
        }
        (IntroductionState::Asked, true) if is_over(&asked, turn.now) => {
            end(turn, asked)?;
            Ok(Err(AnswerError::NoIntroduction))
        }
        (IntroductionState::Asked, true) => say_yes(turn, asked, &name),
        (IntroductionState::Agreed | IntroductionState::Done, true) | (IntroductionState::Over, false) => {
            Ok(Ok(()))
        }
        (IntroductionState::Agreed | IntroductionState::Done, false) | (IntroductionState::Over, true) => {
            Ok(Err(AnswerError::NoIntroduction))
        }
    }
}

fn say_yes(turn: &mut Turn, mut asked: Introduction, name: &str) -> Found<(), AnswerError> {
    let Some(message) = turn.store.message(&asked.message)? else {
        return Ok(Err(AnswerError::NoIntroduction));
    };
    if turn.store.contact(asked.contact)?.is_none_or(|contact| contact.blocked) {
        return Ok(Err(AnswerError::Blocked));
    }
    let called = match names::told_name(&turn.store, name, &message.introduces)? {
        Ok(called) => called,
        Err(why) => return Ok(Err(why.into())),
    };
    if asked.makes_link {
        // The answer goes once a relay holds the invite.
        let invite = invites::begin(turn, &called)?;
        turn.store.set_introduced(invite)?;
        asked.person = turn.store.invite(invite)?.map(|invite| invite.contact);
    } else {
        say(turn, (asked.contact, asked.wire), Step::Yes, String::new())?;
    }
    asked.called = called;
    asked.state = IntroductionState::Agreed;
    turn.store.set_introduction(&asked)?;
    tell(turn, &asked, Note::Introduced, SAID_YES)?;
    Ok(Ok(()))
}

/// An invite lies at a relay: where it was made for somebody whom the user is to meet, the introducer gets its link.
pub(super) fn invite_waits(turn: &mut Turn, person: ContactId) -> Result<(), StoreError> {
    let Some(agreed) = agreed_to(&turn.store, person)? else { return Ok(()) };
    match turn.store.invite_of(person)? {
        Some(invite) => say(turn, (agreed.contact, agreed.wire), Step::Yes, invite.link),
        None => Ok(()),
    }
}

fn agreed_to(store: &Store, person: ContactId) -> Result<Option<Introduction>, StoreError> {
    Ok(store.introduction_to(person)?.filter(|one| one.state == IntroductionState::Agreed))
}

/// Both said yes, and the other one's invite is here: it is accepted, once, where the user had said yes to that.
fn link_came(
    turn: &mut Turn,
    contact: ContactId,
    wire: WireId,
    untrusted_link: &str,
) -> Result<(), StoreError> {
    let waiting = turn.store.introduction_called(contact, wire, false)?;
    let waits = |one: &Introduction| one.state == IntroductionState::Agreed && !one.makes_link;
    let Some(mut one) = waiting.filter(waits) else { return Ok(()) };
    let link = untrusted_link.trim();
    if link.is_empty() || turn.store.accept_by_link(link)?.is_some() {
        return end(turn, one);
    }
    // Somebody may be called so since.
    let Ok(name) = names::told_name(&turn.store, "", &one.called)? else { return end(turn, one) };
    let (_, person) = accepts::begin(turn, link, &name)?;
    one.person = Some(person);
    turn.store.set_introduction(&one)?;
    met(turn, person)
}

/// Whom the user was to meet is there.
pub(super) fn met(turn: &mut Turn, person: ContactId) -> Result<(), StoreError> {
    let Some(mut one) = turn.store.introduction_to(person)? else { return Ok(()) };
    if one.state == IntroductionState::Done {
        return Ok(());
    }
    one.state = IntroductionState::Done;
    turn.store.set_introduction(&one)?;
    tell(turn, &one, Note::Introduced, MET)?;
    match turn.store.contact(one.contact)? {
        Some(introducer) => notes::introduced(turn, person, &introducer.name),
        None => Ok(()),
    }
}

/// Those that are too old, or of which a half is gone, are over.
pub(super) fn expire(turn: &mut Turn) -> Result<(), StoreError> {
    for one in turn.store.open_introductions()? {
        let is_alone = one.mine && turn.store.introduction(&one.other)?.is_none();
        if is_alone || is_over(&one, turn.now) {
            end(turn, one)?;
        }
    }
    Ok(())
}

fn is_over(one: &Introduction, now: Timestamp) -> bool {
    !one.at.is_recent(now, LIFE)
}
