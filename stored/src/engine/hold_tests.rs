//! What was written to somebody who was compared, where a copy of a device may be what reads it.

use ipc_schema::edge::ui_stored::{ChangeError, ContactAction};

use super::older_copies_tests::{WHOM, all_delivered, delivered, introduced, numbered, say};
use super::world::World;
use crate::store::{Delivery, Message, Note};

const HOUR_MS: u64 = 3_600_000;

/// Two who compared, and spoke.
fn compared(seed: u64) -> World {
    let mut world = introduced(seed);
    (0..2).for_each(|who| world.verify(who, WHOM[who]));
    (0..2).for_each(|who| say(&mut world, who, &numbered("before", 0, 3)));
    world.until(all_delivered);
    world
}

fn held(world: &mut World, who: usize) -> bool {
    world.contacts(who)[0].held
}

fn resume(world: &mut World, who: usize) -> Result<bool, ChangeError> {
    Ok(world.change(who, WHOM[who], ContactAction::Resume)?.held)
}

fn texts(world: &mut World, who: usize) -> Vec<Message> {
    let messages = world.messages(who, WHOM[who]).into_iter();
    messages.filter(|message| message.mine && message.note == Note::None).collect()
}

fn lines(world: &mut World, who: usize) -> usize {
    let messages = world.messages(who, WHOM[who]).into_iter();
    messages.filter(|message| message.note == Note::TextsWait).count()
}

/// Each speaks in turn, until nothing of the ratchets is what it was.
fn converse(world: &mut World, who: usize) {
    for (from, what) in [(who, "forgotten"), (1 - who, "answered"), (who, "forgotten again")] {
        say(world, from, &numbered(what, 0, 2));
        world.until(all_delivered);
    }
}

/// An old copy of `who` is put back, the other one speaks, and both find out.
fn put_back(world: &mut World, who: usize) {
    let copy = world.copy_of(who);
    converse(world, who);
    world.restore(who, &copy);
    say(world, 1 - who, &numbered("open", 0, 2));
    world.until(|world| held(world, 0) && held(world, 1));
}

#[test]
fn what_was_written_to_who_was_compared_waits_for_a_word_after_an_old_copy_and_then_comes_in_order() {
    for (who, other) in [(0, 1), (1, 0)] {
        let mut world = compared(230);
        put_back(&mut world, who);
        let before = [0, 1].map(|who| world.people[who].sealed.len());
        (0..2).for_each(|who| say(&mut world, who, &numbered("meanwhile", 0, 3)));
        world.kill(other);
        world.run_for(2 * HOUR_MS);
        assert_eq!([0, 1].map(|who| world.people[who].sealed.len()), before, "nothing is sealed");
        let waiting = texts(&mut world, other).into_iter().filter(|text| text.held).collect::<Vec<_>>();
        assert!(waiting.iter().all(|text| text.state == Delivery::Queued));
        let bodies: Vec<_> = waiting.into_iter().map(|text| text.body).collect();
        assert!(bodies.ends_with(&numbered("meanwhile", 0, 3)), "{bodies:?}");
        assert_eq!([lines(&mut world, 0), lines(&mut world, 1)], [1, 1]);

        // Neither waits for the other.
        assert_eq!(resume(&mut world, who), Ok(false));
        world.until(|world| delivered(world, who).ends_with(&numbered("meanwhile", 0, 3)));
        assert!(held(&mut world, other), "what came in was shown and acked all the same");
        assert_eq!(world.people[other].sealed.len(), before[other]);
        assert_eq!(resume(&mut world, other), Ok(false));
        assert_eq!(resume(&mut world, other), Err(ChangeError::NothingWaits));
        world.until(all_delivered);
        let said = [numbered("before", 0, 3), numbered("open", 0, 2), numbered("meanwhile", 0, 3)].concat();
        assert_eq!(world.bodies(who, WHOM[who], false), said, "each once, and in order");
        let forgotten = [numbered("forgotten", 0, 2), numbered("forgotten again", 0, 2)].concat();
        let said = [numbered("before", 0, 3), forgotten, numbered("meanwhile", 0, 3)].concat();
        assert_eq!(world.bodies(other, WHOM[other], false), said);
        world.run_for(2 * HOUR_MS);
        assert!(!held(&mut world, 0) && !held(&mut world, 1), "the same copy is no second reason");
        say(&mut world, other, &numbered("later", 0, 3));
        world.until(all_delivered);
    }
}

#[test]
fn what_goes_to_who_was_not_compared_goes_on_by_itself() {
    let mut world = introduced(231);
    world.verify(1, WHOM[1]);
    let copy = world.copy_of(0);
    say(&mut world, 0, &numbered("forgotten", 0, 2));
    world.until(all_delivered);
    world.restore(0, &copy);
    say(&mut world, 0, &numbered("after", 0, 3));
    world.until(|world| held(world, 1) && delivered(world, 0).len() == 3);
    assert!(!held(&mut world, 0));
    assert_eq!(resume(&mut world, 0), Err(ChangeError::NothingWaits));
}

#[test]
fn where_both_went_back_each_has_their_own_texts_go_on() {
    for seed in 240..246 {
        let mut world = compared(seed);
        let copies = [0, 1].map(|who| {
            let copy = world.copy_of(who);
            converse(&mut world, who);
            copy
        });
        (0..2).for_each(|who| world.restore(who, &copies[who]));
        (0..2).for_each(|who| say(&mut world, who, &numbered("after", 0, 3)));
        world.until(|world| (0..2).filter(|who| held(world, *who)).count() > 0);
        world.until(|world| {
            for who in 0..2 {
                let _ = resume(world, who);
            }
            all_delivered(world)
        });
    }
}

#[test]
fn comparing_again_has_it_go_on_and_taking_the_comparison_back_does_not() {
    let mut world = compared(232);
    put_back(&mut world, 0);
    let sealed = world.people[1].sealed.len();
    assert!(!world.change(1, WHOM[1], ContactAction::Verify(None)).unwrap().verified);
    say(&mut world, 1, &numbered("meanwhile", 0, 2));
    world.change(1, WHOM[1], ContactAction::Block(true)).unwrap();
    world.change(1, WHOM[1], ContactAction::Block(false)).unwrap();
    world.run_for(HOUR_MS);
    assert!(held(&mut world, 1));
    assert_eq!(world.people[1].sealed.len(), sealed);
    world.verify(1, WHOM[1]);
    assert!(!held(&mut world, 1));
    world.verify(0, WHOM[0]);
    world.until(all_delivered);
}

#[test]
fn who_has_it_go_on_and_is_restored_again_is_asked_again() {
    let mut world = compared(233);
    for round in 1..3 {
        put_back(&mut world, 0);
        assert_eq!([lines(&mut world, 0), lines(&mut world, 1)], [round, round]);
        for who in 0..2 {
            assert_eq!(resume(&mut world, who), Ok(false));
        }
        world.until(all_delivered);
        world.run_for(HOUR_MS);
    }
}

#[test]
fn what_keyvault_seals_after_it_opened_the_session_anew_and_before_that_is_known_is_not_sent() {
    let mut world = compared(234);
    let contact = world.contacts(1)[0].clone();
    world.send(1, WHOM[1], "asked for");
    assert_eq!(world.people[1].sealed.last().unwrap(), "asked for", "keyvault's answer is on its way");
    world.people[1].engine.turn.store.hold(contact.id).unwrap();
    world.run_for(HOUR_MS);
    let text = texts(&mut world, 1).pop().unwrap();
    assert!(text.held && text.state == Delivery::Queued, "no relay gets it");
    assert_eq!(world.bodies(0, WHOM[0], false), numbered("before", 0, 3));
    assert_eq!(resume(&mut world, 1), Ok(false));
    world.until(all_delivered);
    assert_eq!(world.bodies(0, WHOM[0], false).last().unwrap(), "asked for");
}
