//! Who writes is shown for a moment, to who may know, and nothing of it is kept or piles up.

use std::time::Duration;

use ipc_schema::Timestamp;
use ipc_schema::edge::ui_stored::{ContactAction, TellTyping, TypingError};

use super::event::{Sign, TypingEvent};
use super::older_copies_tests::{WHOM, all_delivered, introduced};
use super::one_turn::{ANN, NOW, turn};
use super::requests::{EventsAfter, NewestEvent, Writing, WritingAfter};
use super::turn::Turn;
use super::typing::Typing;
use super::world::World;
use crate::store::OutgoingKind;

const MINUTE: u64 = 60_000;

fn writes(world: &mut World, who: usize, on: bool) {
    world.request(who, TellTyping { who: WHOM[who].into(), on }).unwrap();
}

fn is_typing(world: &mut World, whom: usize) -> bool {
    world.contacts(whom)[0].is_typing
}

fn changes(world: &mut World, who: usize, change: Option<u64>) -> Writing {
    world.request(who, WritingAfter { change }).unwrap()
}

/// Each step is looked at: what is shown for a moment is not stepped over.
fn until_typing_is(world: &mut World, whom: usize, on: bool) {
    for _ in 0..10_000 {
        if is_typing(world, whom) == on {
            return;
        }
        world.step();
    }
    panic!("it never was");
}

/// Two who spoke just now; person 1 may know when person 0 writes.
fn talking(seed: u64) -> World {
    let mut world = introduced(seed);
    world.change(0, "bob", ContactAction::Typing(true)).unwrap();
    world.run_for(3 * MINUTE);
    world.send(1, "ann", "hello");
    world.until(all_delivered);
    world.run_for(MINUTE);
    world
}

#[test]
fn who_writes_is_shown_for_ten_seconds_or_until_they_cease_and_no_event_is_kept_of_it() {
    let mut world = talking(520);
    let newest = |world: &mut World| world.request(1, NewestEvent {}).unwrap();
    let since = newest(&mut world);
    writes(&mut world, 0, true);
    until_typing_is(&mut world, 1, true);
    let shown_at = world.now;
    let now = changes(&mut world, 1, None);
    assert_eq!(now.changes.iter().map(|change| change.on).collect::<Vec<_>>(), [true]);
    assert!(changes(&mut world, 1, Some(now.newest)).changes.is_empty());
    until_typing_is(&mut world, 1, false);
    assert!(world.now.since(shown_at) >= Duration::from_millis(9_900));
    let then = changes(&mut world, 1, Some(now.newest));
    assert_eq!(then.changes.iter().map(|change| change.on).collect::<Vec<_>>(), [false]);
    assert!(changes(&mut world, 1, None).changes.is_empty(), "nobody writes");

    writes(&mut world, 0, true);
    until_typing_is(&mut world, 1, true);
    let shown_at = world.now;
    writes(&mut world, 0, false);
    until_typing_is(&mut world, 1, false);
    assert!(world.now.since(shown_at) < Duration::from_secs(8), "not before a sign may go, and then at once");
    assert_eq!(newest(&mut world), since);
    assert!(world.request(1, EventsAfter { since }).unwrap().is_empty());
}

#[test]
fn a_text_of_theirs_ends_it_and_one_of_ones_own_says_so_by_itself() {
    let mut world = talking(521);
    writes(&mut world, 0, true);
    until_typing_is(&mut world, 1, true);
    world.send(0, "bob", "here it is");
    while world.bodies(1, "ann", false).is_empty() {
        world.step();
    }
    assert!(!is_typing(&mut world, 1));
    world.until(all_delivered);
    world.run_for(3 * MINUTE);
    let before = world.people[0].deposits;
    writes(&mut world, 0, false);
    world.run_for(MINUTE);
    assert_eq!(world.people[0].deposits, before, "there is nothing to cease");
}

#[test]
fn nothing_is_told_to_who_is_not_to_know_is_blocked_or_was_not_heard_and_nobody_is_told_as_such() {
    let mut world = talking(522);
    let told = |world: &mut World| {
        let before = world.people[0].deposits;
        writes(world, 0, true);
        world.run_for(MINUTE);
        world.people[0].deposits - before
    };
    assert_eq!(told(&mut world), 1, "one way is enough");
    for (stop, go_on) in [
        (ContactAction::Typing(false), ContactAction::Typing(true)),
        (ContactAction::Block(true), ContactAction::Block(false)),
    ] {
        world.change(0, "bob", stop).unwrap();
        assert_eq!(told(&mut world), 0);
        world.change(0, "bob", go_on).unwrap();
    }
    let bob = world.contacts(0)[0].id;
    world.people[0].engine.turn.store.hold(bob).unwrap();
    assert_eq!(told(&mut world), 0, "a copy of their device may be what reads it");
    world.change(0, "bob", ContactAction::Resume).unwrap();
    world.run_for(10 * MINUTE);
    assert_eq!(told(&mut world), 0, "they may be away");
    let nobody = TellTyping { who: "carol".into(), on: true };
    assert_eq!(world.request(0, nobody), Err(TypingError::NoSuchContact));
}

#[test]
fn one_sign_in_five_seconds_is_enough_and_for_who_went_away_few_lie_at_relays_and_none_is_shown_late() {
    let mut world = talking(523);
    let before = world.people[0].deposits;
    for _ in 0..20 {
        writes(&mut world, 0, true);
        world.wait(200);
    }
    assert!(world.people[0].deposits - before <= 1);
    world.go_offline(1);
    for _ in 0..200 {
        writes(&mut world, 0, true);
        world.wait(2_000);
    }
    let deposits = world.people[0].deposits - before;
    assert!((2..=12).contains(&deposits), "{deposits}");
    world.run_for(2 * 60 * MINUTE);
    let shown = changes(&mut world, 1, None).newest;
    world.go_online(1);
    world.run_for(2 * MINUTE);
    assert_eq!(changes(&mut world, 1, None).newest, shown, "it was hours ago");
}

#[test]
fn what_could_not_leave_in_a_moment_does_not_leave_and_nothing_of_it_is_left_also_after_a_kill() {
    let mut world = talking(524);
    let shown = changes(&mut world, 1, None).newest;
    for killed in [false, true] {
        world.go_offline(0);
        writes(&mut world, 0, true);
        if killed {
            (0..3).for_each(|_| world.step());
            world.kill(0);
        }
        world.run_for(25_000);
        let bob = world.contacts(0)[0].id;
        let store = &world.people[0].engine.turn.store;
        assert!(store.not_at_relay(bob, OutgoingKind::Typing).unwrap().is_empty(), "{killed}");
        world.go_online(0);
        world.run_for(MINUTE);
        assert_eq!(changes(&mut world, 1, None).newest, shown, "{killed}");
        let store = &world.people[0].engine.turn.store;
        assert!(store.outboxes_to_forget().unwrap().is_empty(), "keyvault has forgotten it, too: {killed}");
    }
}

// ---- what a contact may say

fn shown(typing: &Typing) -> bool {
    !typing.after(None).changes.is_empty()
}

fn seconds(at: Timestamp, ahead: i64) -> Timestamp {
    Timestamp(at.0.checked_add_signed(ahead * 1_000).unwrap())
}

#[test]
fn a_sign_that_lay_somewhere_or_comes_of_a_wrong_clock_or_in_another_order_is_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let mut turn = turn(&folder);
    let mut heard = |typing: &mut Typing, ahead, sign| {
        typing.handle(&mut turn, TypingEvent::Heard(ANN, seconds(NOW, ahead), sign)).unwrap();
        shown(typing)
    };
    for (ahead, is_shown) in [(0, true), (-29, true), (-31, false), (-86_400, false), (29, true), (31, false)]
    {
        assert_eq!(heard(&mut Typing::default(), ahead, Sign::Typing(true)), is_shown, "{ahead}");
    }
    let typing = &mut Typing::default();
    assert!(heard(typing, -5, Sign::Typing(true)));
    assert!(!heard(typing, -2, Sign::Text));
    assert!(!heard(typing, -3, Sign::Typing(true)), "the text was written after it");
    assert!(heard(typing, -1, Sign::Typing(true)));
    assert!(heard(typing, -4, Sign::Typing(false)), "it is older than that they do");
    assert!(heard(typing, 0, Sign::None));
    assert!(!heard(typing, 0, Sign::Typing(false)));
    // A text by a clock that is far ahead does not keep later signs from being shown.
    assert!(!heard(typing, 86_400, Sign::Text));
    assert!(heard(typing, 1, Sign::Typing(true)));
}

#[test]
fn signs_without_end_are_one_entry_and_one_change_and_end_as_the_last_says() {
    let folder = tempfile::tempdir().unwrap();
    let mut turn = turn(&folder);
    let mut typing = Typing::default();
    for millis in 0..1_000 {
        let at = Timestamp(NOW.0 + millis);
        turn.now = at;
        typing.handle(&mut turn, TypingEvent::Heard(ANN, at, Sign::Typing(true))).unwrap();
    }
    turn.now = NOW.after(Duration::from_secs(10));
    assert_eq!(turn.due().len(), 1);
    assert_eq!(turn.next_wake(), None, "one timer is enough");
    let writing = typing.after(Some(0));
    assert_eq!((writing.newest, writing.changes.len()), (1, 1));
    let over = |typing: &mut Typing, turn: &mut Turn, ahead| {
        turn.now = Timestamp(NOW.0 + ahead);
        typing.handle(turn, TypingEvent::Over(ANN)).unwrap();
        !shown(typing)
    };
    assert!(!over(&mut typing, &mut turn, 10_000) && over(&mut typing, &mut turn, 10_999));
    let mut ended = |sign| {
        let mut typing = Typing::default();
        turn.now = NOW;
        typing.handle(&mut turn, TypingEvent::Heard(ANN, NOW, Sign::Typing(true))).unwrap();
        match sign {
            Some(event) => typing.handle(&mut turn, event).unwrap(),
            None => typing = typing.ended(NOW),
        }
        !shown(&typing) && typing.after(Some(1)).changes.len() == 1
    };
    assert!(ended(Some(TypingEvent::Ended(ANN))), "they were blocked, or deleted");
    assert!(ended(None), "the disk failed");
}
