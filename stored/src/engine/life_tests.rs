//! The life of an own text, from its writing to its end (docs/delivery.md).

use std::time::Duration;

use ipc_schema::clock::ClockOffset;
use ipc_schema::edge::ui_stored::{
    AcceptInvite, AskInfo, CancelText, CancelTextError, ContactAction, ForwardText, RetryError, RetryText,
    SendError, SettleError,
};

use super::older_copies_tests::introduced;
use super::world::World;
use super::{Info, Input, Network};
use crate::ids::ReceiveQueueId;
use crate::store::{Delivery, Message, Moments, Notice, Reason};

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;

fn info(world: &mut World, id: &str) -> Info {
    world.request(0, AskInfo { id: id.into() }).unwrap()
}

fn text(world: &mut World, id: &str) -> Message {
    info(world, id).message
}

fn state(world: &mut World, id: &str) -> Delivery {
    text(world, id).state
}

fn retry(world: &mut World, id: &str) -> Result<Delivery, RetryError> {
    world.request(0, RetryText { id: id.into() }).map(|message| message.state)
}

fn cancel(world: &mut World, id: &str) -> Result<(), CancelTextError> {
    world.request(0, CancelText { id: id.into() })
}

fn forward(world: &mut World, id: &str, who: &str, new_id: &str) -> Result<Message, SendError> {
    world.request(0, ForwardText { id: id.into(), who: who.into(), new_id: new_id.into() })
}

fn until(world: &mut World, id: &str, wanted: Delivery) {
    world.until(|world| state(world, id) == wanted);
}

/// How often keyvault was asked to seal what person 0 wrote.
fn sealed(world: &World, body: &str) -> usize {
    world.people[0].sealed.iter().filter(|words| *words == body).count()
}

fn arrived(world: &mut World) -> Vec<String> {
    world.bodies(1, "ann", false)
}

/// A text that lies at a relay for somebody who is away.
fn away(seed: u64) -> (World, String) {
    let mut world = introduced(seed);
    world.go_offline(1);
    let id = world.send(0, "bob", "far").id;
    until(&mut world, &id, Delivery::Relayed);
    (world, id)
}

#[test]
fn a_text_to_somebody_who_is_away_for_fifty_days_expires_and_a_retry_delivers_it_once() {
    for is_back_before in [false, true] {
        let (mut world, id) = away(400);
        let relayed = info(&mut world, &id).moments.relayed.unwrap();
        let given_up = relayed.after(Duration::from_millis(42 * DAY_MS));
        assert_eq!(text(&mut world, &id).expires_at, Some(given_up));
        world.days(20);
        assert_eq!((sealed(&world, "far"), state(&mut world, &id)), (1, Delivery::Relayed));
        world.days(2);
        assert_eq!((sealed(&world, "far"), state(&mut world, &id)), (2, Delivery::Relayed), "a second life");
        world.days(19);
        assert_eq!(state(&mut world, &id), Delivery::Relayed);
        world.days(9);
        assert_eq!((sealed(&world, "far"), state(&mut world, &id)), (2, Delivery::Expired));
        let ended = info(&mut world, &id);
        assert!(ended.moments.expired.is_some() && ended.message.expires_at.is_none());
        if is_back_before {
            world.go_online(1);
            world.run_for(10_000);
        }
        assert_eq!(arrived(&mut world), [""; 0], "no relay has it any more");
        assert_eq!(retry(&mut world, &id), Ok(Delivery::Queued));
        assert_eq!(info(&mut world, &id).moments.expired, None, "these are of the new try");
        if !is_back_before {
            until(&mut world, &id, Delivery::Relayed);
            assert_eq!(retry(&mut world, &id), Ok(Delivery::Relayed), "it is under way, and stays as it is");
            assert_eq!(sealed(&world, "far"), 3);
            world.go_online(1);
        }
        until(&mut world, &id, Delivery::Delivered);
        world.run_for(2 * HOUR_MS);
        assert_eq!(arrived(&mut world), ["far"]);
    }
}

#[test]
fn a_text_that_expired_is_sealed_once_more_when_who_was_away_asks_for_its_number() {
    let (mut world, id) = away(401);
    world.days(50);
    assert_eq!(state(&mut world, &id), Delivery::Expired);
    world.go_online(1);
    let later = world.send(0, "bob", "later").id;
    until(&mut world, &later, Delivery::Delivered);
    until(&mut world, &id, Delivery::Delivered);
    assert_eq!(arrived(&mut world), ["far", "later"]);
    assert!(world.messages(1, "ann").iter().all(|message| !message.gap), "nothing is asked for any more");
}

#[test]
fn an_ack_that_comes_after_a_text_expired_makes_it_delivered() {
    let mut world = introduced(402);
    let id = world.send(0, "bob", "far").id;
    while arrived(&mut world).is_empty() {
        world.step();
    }
    // Their ack is not sealed yet.
    world.go_offline(1);
    world.days(50);
    assert_eq!(state(&mut world, &id), Delivery::Expired);
    world.go_online(1);
    until(&mut world, &id, Delivery::Delivered);
    assert_eq!(arrived(&mut world), ["far"]);
    assert!(info(&mut world, &id).moments.delivered.is_some());
    assert_eq!(retry(&mut world, &id), Ok(Delivery::Delivered));
}

#[test]
fn a_text_that_was_not_sealed_is_taken_back_and_one_that_was_is_not() {
    let mut world = World::new(403, 2, 3);
    let link = world.invite_link(0, "bob");
    let kept = world.send(0, "bob", "kept").id;
    let id = world.send(0, "bob", "taken back").id;
    assert_eq!(cancel(&mut world, &id), Ok(()));
    assert_eq!(cancel(&mut world, &id), Err(CancelTextError::NoSuchMessage));
    assert_eq!(world.contacts(0)[0].last_text, "kept");
    assert!(world.request(1, AcceptInvite { link, name: "ann".into() }).is_ok());
    until(&mut world, &kept, Delivery::Delivered);

    world.go_offline(0);
    let begun = world.send(0, "bob", "sealed").id;
    assert_eq!(cancel(&mut world, &begun), Err(CancelTextError::UnderWay), "it has a number");
    assert_eq!(state(&mut world, &begun), Delivery::Queued);
    let contact = world.contacts(0)[0].id;
    world.people[0].engine.turn.store.hold(contact).unwrap();
    let held = world.send(0, "bob", "held");
    assert!(held.held);
    assert_eq!(cancel(&mut world, &held.id), Ok(()));
    assert!(!world.change(0, "bob", ContactAction::Resume).unwrap().held);
    world.go_online(0);
    until(&mut world, &begun, Delivery::Delivered);
    assert_eq!(cancel(&mut world, &begun), Err(CancelTextError::UnderWay));
    world.run_for(HOUR_MS);
    assert_eq!(arrived(&mut world), ["kept", "sealed"]);
    assert!(world.messages(1, "ann").iter().all(|message| !message.gap));
    let gone = world.request(0, AskInfo { id: held.id });
    assert!(matches!(gone, Err(SettleError::NoSuchMessage)));
}

#[test]
fn a_kill_at_any_step_of_its_life_loses_nothing_and_sends_nothing_twice() {
    let mut world = introduced(404);
    world.go_offline(1);
    let id = world.send(0, "bob", "far").id;
    world.kill(0);
    until(&mut world, &id, Delivery::Relayed);
    world.kill(0);
    world.days(22);
    world.kill(0);
    world.days(22);
    assert_eq!(state(&mut world, &id), Delivery::Expired);
    world.kill(0);
    world.run_for(2 * HOUR_MS);
    assert_eq!(state(&mut world, &id), Delivery::Expired);
    assert_eq!(retry(&mut world, &id), Ok(Delivery::Queued));
    world.kill(0);
    until(&mut world, &id, Delivery::Relayed);
    world.kill(0);
    world.go_online(1);
    until(&mut world, &id, Delivery::Delivered);
    world.kill(0);
    world.run_for(2 * HOUR_MS);
    assert_eq!(state(&mut world, &id), Delivery::Delivered);
    assert_eq!(arrived(&mut world), ["far"]);
}

/// Their computer's clock is so many days ahead from now on.
fn set_clock(world: &mut World, days: u64) {
    world.people[0].ahead = days * DAY_MS;
    world.input(0, Input::Tick);
    world.run_for(2 * HOUR_MS);
}

#[test]
fn a_clock_that_is_set_forward_and_back_takes_no_text() {
    let (mut world, id) = away(405);
    set_clock(&mut world, 60);
    assert_eq!(state(&mut world, &id), Delivery::Relayed, "a second life comes first");
    set_clock(&mut world, 90);
    assert_eq!(state(&mut world, &id), Delivery::Expired);
    set_clock(&mut world, 0);
    assert_eq!(state(&mut world, &id), Delivery::Relayed);
    assert_eq!(info(&mut world, &id).moments.expired, None);
    world.go_online(1);
    until(&mut world, &id, Delivery::Delivered);
    world.run_for(2 * HOUR_MS);
    assert_eq!(arrived(&mut world), ["far"]);
}

#[test]
fn by_a_clock_that_relays_call_wrong_nothing_is_old() {
    let (mut world, id) = away(406);
    let clock = |days: i64| {
        let seconds = days * 86_400;
        Input::Network(Network {
            stage: "connected",
            relays_usable: 3,
            clock: Some(ClockOffset { seconds, relays: 3 }),
        })
    };
    for days in [60, 90] {
        world.input(0, clock(days));
        set_clock(&mut world, days.unsigned_abs());
        assert_eq!((sealed(&world, "far"), state(&mut world, &id)), (1, Delivery::Relayed));
    }
    world.input(0, clock(0));
    set_clock(&mut world, 91);
    assert_eq!(sealed(&world, "far"), 2, "it was so many days after all");
}

#[test]
fn a_text_to_somebody_whose_queues_are_gone_fails_and_goes_on_by_itself_when_they_come_back() {
    let mut world = introduced(407);
    world.go_offline(1);
    world.lose_queues_of(1);
    let id = world.send(0, "bob", "far").id;
    until(&mut world, &id, Delivery::Failed);
    assert_eq!(text(&mut world, &id).reason, Reason::Gone);
    assert_eq!(retry(&mut world, &id), Ok(Delivery::Failed), "they are still gone");
    let next = world.send(0, "bob", "next").id;
    assert_eq!(state(&mut world, &next), Delivery::Failed);
    assert_eq!(cancel(&mut world, &id), Err(CancelTextError::UnderWay));
    world.go_online(1);
    until(&mut world, &id, Delivery::Delivered);
    until(&mut world, &next, Delivery::Delivered);
    assert_eq!(text(&mut world, &id).reason, Reason::None);
    world.run_for(2 * HOUR_MS);
    assert_eq!(arrived(&mut world), ["far", "next"]);
}

#[test]
fn own_queues_that_are_gone_are_noticed_while_their_circuits_stand_and_others_take_their_place() {
    let mut world = introduced(413);
    let before = queues(&world, 1);
    world.lose_queues_of(1);
    world.run_for(2 * HOUR_MS);
    let after = queues(&world, 1);
    assert_eq!(after.len(), before.len());
    assert!(after.iter().all(|id| !before.contains(id)), "nobody can write to those");
    let id = world.send(0, "bob", "here").id;
    until(&mut world, &id, Delivery::Delivered);
}

#[test]
fn what_is_owed_to_somebody_whose_queues_are_gone_is_told_once_they_have_others() {
    let mut world = introduced(414);
    world.lose_queues_of(1);
    world.send(1, "ann", "here");
    world.run_for(HOUR_MS / 60);
    assert_eq!(world.bodies(0, "bob", false), ["here"]);
    world.run_for(2 * HOUR_MS);
    let states: Vec<Delivery> = world.messages(1, "ann").into_iter().map(|message| message.state).collect();
    assert_eq!(states, [Delivery::Delivered], "its ack went to the queues that were gone");
}

fn queues(world: &World, who: usize) -> Vec<ReceiveQueueId> {
    let queues = world.people[who].engine.turn.store.receive_queues().unwrap();
    queues.into_iter().map(|queue| queue.id).collect()
}

#[test]
fn a_text_to_somebody_who_has_to_be_invited_again_is_told_as_failed_until_they_are_heard() {
    let mut world = introduced(408);
    world.go_offline(1);
    let contact = world.contacts(0)[0].id;
    world.people[0].engine.turn.store.set_notice(contact, Notice::InviteAgain).unwrap();
    let id = world.send(0, "bob", "far").id;
    let failed = info(&mut world, &id);
    assert_eq!((failed.message.state, failed.message.reason), (Delivery::Failed, Reason::InviteAgain));
    assert!(failed.moments.failed.is_some());
    assert_eq!(retry(&mut world, &id), Ok(Delivery::Failed));
    world.kill(0);
    assert_eq!(state(&mut world, &id), Delivery::Failed);
    world.go_online(1);
    world.send(1, "ann", "here");
    until(&mut world, &id, Delivery::Delivered);
    assert_eq!(text(&mut world, &id).reason, Reason::None);
    assert_eq!(arrived(&mut world), ["far"]);
}

#[test]
fn a_text_to_somebody_whose_invitation_expired_fails_and_can_be_taken_back() {
    let mut world = World::new(409, 1, 3);
    world.invite_link(0, "bob");
    let id = world.send(0, "bob", "too late").id;
    world.days(5);
    assert_eq!(state(&mut world, &id), Delivery::Queued);
    world.days(4);
    let failed = text(&mut world, &id);
    assert_eq!((failed.state, failed.reason), (Delivery::Failed, Reason::InviteAgain));
    assert_eq!(retry(&mut world, &id), Ok(Delivery::Failed));
    assert_eq!(cancel(&mut world, &id), Ok(()));
}

#[test]
fn a_text_that_is_handed_on_is_a_text_of_ones_own_once_for_each_id() {
    let mut world = introduced(410);
    let theirs = world.send(1, "ann", "their words").id;
    world.until(|world| !world.bodies(0, "bob", false).is_empty());
    let messages = world.messages(0, "bob");
    let id = messages.into_iter().find(|message| !message.mine).unwrap().id;
    assert_ne!(id, theirs, "each side has its own name for it");
    world.invite_link(0, "carol");
    let sent = forward(&mut world, &id, "carol", "on-1").unwrap();
    assert_eq!((sent.id.as_str(), sent.body.as_str(), sent.state), ("on-1", "their words", Delivery::Queued));
    assert!(sent.mine && sent.reply_to.is_empty());
    assert_eq!(forward(&mut world, &id, "carol", "on-1").unwrap().position, sent.position);
    assert!(matches!(forward(&mut world, &id, "bob", "on-1"), Err(SendError::Conflict)));
    assert!(matches!(forward(&mut world, "nothing", "bob", ""), Err(SendError::NoSuchMessage)));
    assert!(matches!(forward(&mut world, &id, "nobody", ""), Err(SendError::NoSuchContact)));
    assert!(forward(&mut world, &id, "bob", "on-2").is_ok());
    until(&mut world, "on-2", Delivery::Delivered);
    assert_eq!(arrived(&mut world), ["their words"]);
}

#[test]
fn what_is_known_of_a_text_are_its_parts_and_the_moments_in_their_order() {
    let mut world = introduced(411);
    world.go_offline(1);
    world.go_offline(0);
    let id = world.send(0, "bob", &"x".repeat(5_000)).id;
    let queued = info(&mut world, &id);
    assert_eq!((queued.parts, queued.parts_relayed), (3, 0));
    assert_eq!(queued.moments, Moments::default());
    world.go_online(0);
    until(&mut world, &id, Delivery::Relayed);
    assert_eq!(info(&mut world, &id).parts_relayed, 3);
    world.go_online(1);
    until(&mut world, &id, Delivery::Delivered);
    let there = info(&mut world, &id);
    assert_eq!((there.parts, there.parts_relayed), (3, 3));
    let Moments { relayed, delivered, .. } = there.moments;
    assert!(there.message.sent_at <= relayed.unwrap() && relayed.unwrap() < delivered.unwrap());
    let theirs = world.send(1, "ann", "hello");
    world.until(|world| !world.bodies(0, "bob", false).is_empty());
    let unknown = world.request(0, AskInfo { id: theirs.id });
    assert!(matches!(unknown, Err(SettleError::NoSuchMessage)), "their own name for it");
}
