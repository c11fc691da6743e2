//! What is older than the user keeps it goes, here alone, by a clock that is known to be right and by no other.

use ipc_schema::clock::ClockOffset;
use ipc_schema::edge::ui_stored::{ChangeContact, ContactAction, RETENTION_LONGEST_S};

use super::older_copies_tests::{WHOM, all_delivered, introduced};
use super::world::World;
use super::*;
use crate::content::WireId;
use crate::store::{Contact, EventKind, Message, Note};

const DAY_S: u32 = 86_400;
const DAY_MS: u64 = 86_400_000;
const HOUR_MS: u64 = 3_600_000;

/// As relays call Ann's clock.
fn relays_say(world: &mut World, clock: Option<i64>) {
    let clock = clock.map(|seconds| ClockOffset { seconds, relays: 3 });
    world.input(0, Input::Network(Network { stage: "connected", relays_usable: 3, clock }));
}

/// Empty: all that have nothing of their own.
fn keep(world: &mut World, who: &str, seconds: u32) -> Contact {
    let action = ContactAction::Retention(seconds);
    world.request(0, ChangeContact { who: who.into(), action }).unwrap()
}

/// What each of the two has.
fn both(world: &mut World) -> [Vec<String>; 2] {
    [0, 1].map(|who| {
        let all = world.messages(who, WHOM[who]).into_iter();
        all.filter(|message| message.note == Note::None).map(|message| message.body).collect()
    })
}

fn said(world: &mut World, text: &str) {
    world.send(0, WHOM[0], text);
    world.send(1, WHOM[1], text);
    world.until(all_delivered);
    world.wait(60_000);
}

#[test]
fn what_is_older_than_it_is_kept_goes_here_alone_and_is_told() {
    let mut world = introduced(520);
    relays_say(&mut world, Some(0));
    said(&mut world, "old");
    world.days(10);
    said(&mut world, "new");
    assert_eq!(both(&mut world).map(|texts| texts.len()), [4, 4], "for ever");
    let since = world.request(0, NewestEvent {}).unwrap();
    assert_eq!(keep(&mut world, "", 7 * DAY_S).retention_s, 7 * DAY_S);
    assert_eq!(world.contacts(0)[0].retention_s, 7 * DAY_S);
    world.wait(60_000);
    let [here, there] = both(&mut world);
    assert_eq!((here, there.len()), (vec!["new".to_owned(); 2], 4));
    let told = world.request(0, EventsAfter { since }).unwrap();
    let gone = told.iter().filter(|told| matches!(told.event.kind, EventKind::Gone { .. }));
    assert!(gone.count() >= 2);
    assert!(world.contacts(1)[0].retention_s == 0, "nobody hears of it");

    // Nothing of it comes in again, and what is said goes on.
    world.kill(0);
    world.kill(1);
    said(&mut world, "newer");
    assert_eq!(both(&mut world)[0], ["new", "new", "newer", "newer"]);
    relays_say(&mut world, Some(0));
    world.days(8);
    relays_say(&mut world, Some(0));
    world.wait(60_000);
    assert_eq!(both(&mut world).map(|texts| texts.len()), [0, 6]);
    assert_eq!(world.contacts(0)[0].last_text, "");
}

#[test]
fn a_contact_that_was_given_one_keeps_it_and_notes_to_oneself_have_none_but_their_own() {
    let mut world = introduced(521);
    relays_say(&mut world, Some(0));
    said(&mut world, "old");
    world.send(0, "self", "note");
    assert_eq!(keep(&mut world, WHOM[0], 0).retention_s, 0);
    keep(&mut world, "", DAY_S);
    world.days(3);
    relays_say(&mut world, Some(0));
    world.wait(60_000);
    assert_eq!(both(&mut world)[0], ["old", "old"]);
    assert_eq!(world.bodies(0, "self", true), ["note"]);
    assert_eq!(keep(&mut world, "self", 2 * DAY_S).retention_s, 2 * DAY_S);
    world.wait(60_000);
    assert_eq!(world.messages(0, "self").len(), 0);
    assert_eq!(both(&mut world)[0], ["old", "old"]);
    assert_eq!(keep(&mut world, WHOM[0], u32::MAX).retention_s, RETENTION_LONGEST_S);
    world.kill(0);
    assert_eq!(keep(&mut world, WHOM[0], 60).retention_s, 60);
    relays_say(&mut world, Some(0));
    world.wait(60_000);
    assert_eq!(both(&mut world)[0].len(), 0, "also after a start");
}

#[test]
fn without_relays_word_on_the_clock_and_by_one_that_leapt_nothing_goes() {
    let mut world = introduced(522);
    relays_say(&mut world, None);
    said(&mut world, "of today");
    keep(&mut world, "", 30 * DAY_S);
    let leap = |world: &mut World, days: u64| {
        world.people[0].ahead = days * DAY_MS;
        world.input(0, Input::Tick);
    };
    leap(&mut world, 400);
    world.wait(2 * HOUR_MS);
    assert_eq!(both(&mut world)[0].len(), 2, "nobody knows");
    leap(&mut world, 0);
    relays_say(&mut world, Some(0));
    world.wait(HOUR_MS);
    // What relays said was of another clock, and onion takes it back within a moment.
    leap(&mut world, 400);
    world.wait(2_000);
    assert_eq!(both(&mut world)[0].len(), 2, "it has leapt");
    relays_say(&mut world, None);
    world.wait(2 * HOUR_MS);
    relays_say(&mut world, Some(400 * i64::from(DAY_S)));
    world.wait(2 * HOUR_MS);
    world.kill(0);
    world.wait(2 * HOUR_MS);
    assert_eq!(both(&mut world)[0].len(), 2, "it is wrong");
    leap(&mut world, 0);
    relays_say(&mut world, Some(0));
    world.wait(HOUR_MS);
    assert_eq!(both(&mut world)[0].len(), 2, "it was right before");
    world.days(31);
    relays_say(&mut world, Some(0));
    world.wait(60_000);
    assert_eq!(both(&mut world)[0].len(), 0);
}

#[test]
fn what_has_not_left_stays_until_it_has_and_arrives_though_it_is_gone_here() {
    let mut world = introduced(523);
    relays_say(&mut world, Some(0));
    world.go_offline(1);
    world.send(0, WHOM[0], "at a relay");
    world.wait(60_000);
    world.go_offline(0);
    world.send(0, WHOM[0], "waits");
    keep(&mut world, WHOM[0], DAY_S);
    world.days(2);
    relays_say(&mut world, Some(0));
    world.wait(60_000);
    assert_eq!(world.bodies(0, WHOM[0], true), ["waits"]);
    world.go_online(0);
    world.wait(60_000);
    assert_eq!(world.bodies(0, WHOM[0], true), [""; 0]);
    world.go_online(1);
    world.until(|world| world.bodies(1, WHOM[1], false).len() == 2);
    assert_eq!(world.bodies(1, WHOM[1], false), ["at a relay", "waits"]);
    assert!(world.messages(1, WHOM[1]).iter().all(|message| !message.gap), "its number is there");
}

#[test]
fn many_that_are_too_old_go_a_few_at_a_time() {
    let mut world = introduced(524);
    relays_say(&mut world, Some(0));
    keep(&mut world, "", DAY_S);
    world.wait(60_000);
    let bob = world.contacts(0)[0].id;
    let store = &world.people[0].engine.turn.store;
    store.begin().unwrap();
    for number in 0..300_u32 {
        let text = Message {
            mine: true,
            position: number.into(),
            sent_at: Timestamp(5),
            body: format!("words {number}"),
            state: Delivery::Delivered,
            ..Message::new(format!("m{number}"), bob, WireId(u128::from(number).to_be_bytes()))
        };
        store.add_message(&text).unwrap();
    }
    store.commit().unwrap();
    let left = |world: &mut World| world.bodies(0, WHOM[0], true).len();
    let mut seen = vec![300];
    while *seen.last().unwrap() > 0 {
        world.step();
        let now = left(&mut world);
        if now != *seen.last().unwrap() {
            seen.push(now);
        }
    }
    assert_eq!(seen, [300, 236, 172, 108, 44, 0]);
    let words = FirstMatches { text: "words".into(), who: String::new(), before: String::new(), limit: 10 };
    assert!(world.request(0, words).unwrap().messages.is_empty());
}
