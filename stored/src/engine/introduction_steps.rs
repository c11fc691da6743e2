//! What all sides of an introduction share: a step is told, the line says how it stands, and nothing may come of it
//! (docs/protocol/content.md, "Introductions").

use super::event::OutboxEvent;
use super::turn::Turn;
use crate::content::{self, Kind, Step, WireId};
use crate::error::StoreError;
use crate::ids::ContactId;
use crate::store::{Change, EventKind, Introduction, IntroductionState, Note, OutgoingKind};

/// Somebody is told a step; `said` is its name or link. What was told of it before and has no number yet is not.
pub(super) fn say(
    turn: &mut Turn,
    (contact, wire): (ContactId, WireId),
    step: Step,
    said: String,
) -> Result<(), StoreError> {
    let change = Change { wire, name: WireId([number(step); 16]), body: said };
    turn.store.add_change(contact, OutgoingKind::Introduction, &change, 1)?;
    turn.wish(OutboxEvent::Pump(contact));
    Ok(())
}

/// What [`say`] kept.
pub(super) fn said(kept: Change) -> Kind {
    let Change { wire: id, name: WireId([first, ..]), body } = kept;
    let steps = [Step::AskForLink, Step::Ask, Step::Yes, Step::Link];
    let Some(step) = steps.into_iter().find(|step| number(*step) == first) else { return Kind::QueueChange };
    let (name, link) = match step {
        Step::AskForLink | Step::Ask => (body, String::new()),
        Step::Yes | Step::Link => (String::new(), body),
    };
    Kind::Introduction(content::Introduction { id, step, name, link })
}

/// How a step lies in the store, in the place of an edit's name.
fn number(step: Step) -> u8 {
    match step {
        Step::AskForLink => 0,
        Step::Ask => 1,
        Step::Yes => 2,
        Step::Link => 3,
    }
}

/// Whom the user was to meet will not come: their contact goes.
pub(super) fn failed(turn: &mut Turn, person: ContactId) -> Result<(), StoreError> {
    match turn.store.introduction_to(person)? {
        Some(one) => end(turn, one),
        None => Ok(()),
    }
}

/// Nothing comes of it any more, and what was not said of it yet is not.
pub(super) fn end(turn: &mut Turn, mut one: Introduction) -> Result<(), StoreError> {
    turn.store.drop_changes(one.contact, one.wire, Some(OutgoingKind::Introduction))?;
    one.state = IntroductionState::Over;
    one.link.clear();
    turn.store.set_introduction(&one)?;
    tell(turn, &one, Note::IntroductionOver, Note::IntroductionOver.sentence())
}

/// Its line says something else.
pub(super) fn tell(turn: &mut Turn, one: &Introduction, note: Note, body: &str) -> Result<(), StoreError> {
    turn.store.tell_otherwise(&one.message, note, body)?;
    turn.event(&EventKind::Message { id: one.message.clone() })?;
    turn.event(&EventKind::Contact { contact: one.contact })
}
