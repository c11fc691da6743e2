//! What was begun to be written to somebody: it is kept over locks and restarts, and stays here
//! (docs/protocol/content.md, "What stays here").

use ipc_schema::edge::ui_stored::{Draft, DraftError};
use ipc_schema::limits::TEXT_MAX_BYTES;

use super::names::{self, Found};
use super::turn::Turn;
use crate::store::{EventKind, Store};

/// What was begun to be written to somebody; empty: nothing.
pub(super) fn draft(store: &Store, who: &str) -> Found<String, DraftError> {
    match names::called(store, who)? {
        Some(contact) => Ok(Ok(store.draft(contact.id)?)),
        None => Ok(Err(DraftError::NoSuchContact)),
    }
}

/// Keeps what was begun to be written, where that is asked for. Who is told of the conversation learns that there is a draft, or none any
/// more; not of each letter.
pub(super) fn keep(turn: &mut Turn, call: Draft) -> Found<String, DraftError> {
    let Draft { who, set, text } = call;
    if !set {
        return draft(&turn.store, &who);
    }
    if text.len() > TEXT_MAX_BYTES {
        return Ok(Err(DraftError::TooLong));
    }
    let Some(contact) = names::called_or_made(turn, &who)? else {
        return Ok(Err(DraftError::NoSuchContact));
    };
    turn.store.set_draft(contact.id, &text)?;
    if contact.has_draft == text.is_empty() {
        turn.event(&EventKind::Contact { contact: contact.id })?;
    }
    Ok(Ok(text))
}

#[cfg(test)]
mod tests {
    use super::super::requests::{DraftOf, EventsAfter, NewestEvent};
    use super::super::world::World;
    use super::*;

    /// One person who has invited bob.
    fn alone(seed: u64) -> World {
        let mut world = World::new(seed, 1, 3);
        world.invite_link(0, "bob");
        world
    }

    fn kept(world: &mut World, text: &str) -> Result<String, DraftError> {
        world.request(0, Draft { who: "bob".into(), set: true, text: text.into() })
    }

    fn draft_of(world: &mut World, who: &str) -> Result<String, DraftError> {
        world.request(0, DraftOf { who: who.into() })
    }

    #[test]
    fn a_draft_is_told_of_when_it_comes_and_goes_and_only_an_empty_one_clears_it() {
        let mut world = alone(303);
        let newest = |world: &mut World| world.request(0, NewestEvent {}).unwrap();
        let mut since = newest(&mut world);
        let mut told = |world: &mut World| {
            let events = world.request(0, EventsAfter { since }).unwrap();
            since = newest(world);
            events.into_iter().filter_map(|told| Some(told.contact?.has_draft)).collect::<Vec<_>>()
        };
        let each = [("h", vec![true]), ("ha", vec![]), ("half", vec![]), ("", vec![false]), ("", vec![])];
        for (text, tells) in each {
            assert_eq!(kept(&mut world, text), Ok(text.to_owned()));
            assert_eq!(draft_of(&mut world, "bob"), Ok(text.to_owned()));
            assert_eq!(told(&mut world), tells, "{text:?}");
        }
        assert!(kept(&mut world, "half").is_ok());
        world.send(0, "bob", "hello");
        assert_eq!(draft_of(&mut world, "bob"), Ok("half".to_owned()), "who sends it clears it");
        world.kill(0);
        let asked = Draft { who: "bob".into(), set: false, text: "other".into() };
        assert_eq!(world.request(0, asked), Ok("half".to_owned()));
    }

    #[test]
    fn what_is_too_long_and_who_is_nobody_are_told_as_such_and_change_nothing() {
        let mut world = alone(305);
        assert!(kept(&mut world, &"x".repeat(TEXT_MAX_BYTES)).is_ok());
        assert_eq!(kept(&mut world, &"x".repeat(TEXT_MAX_BYTES + 1)), Err(DraftError::TooLong));
        assert_eq!(draft_of(&mut world, "bob").unwrap().len(), TEXT_MAX_BYTES);
        assert_eq!(draft_of(&mut world, "carol"), Err(DraftError::NoSuchContact));
        let nobody = Draft { who: "carol".into(), set: true, text: "x".into() };
        assert_eq!(world.request(0, nobody), Err(DraftError::NoSuchContact));
    }
}
