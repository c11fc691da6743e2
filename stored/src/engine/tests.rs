//! Conversations between people with real vaults over relays in memory.

use ipc_schema::edge::stored_keyvault::{
    Comparison, DIGITS_MAX_BYTES, InviteFailed, OpenInviteError, Told as VaultTold,
};
use ipc_schema::edge::ui_stored::{
    AcceptError, AcceptInvite, AskSafetyNumber, CancelInvite, ChangeContact, ChangeError, CompareCode,
    ContactAction, InviteError, MakeInvite, NumberError, SendError, SendText, SetProfileName,
};
use rand_core::Rng;

use super::world::World;
use super::*;
use crate::store::{ContactState, Delivery, Note, Notice, ReceiveQueueState};

fn numbered(from: u32, to: u32) -> Vec<String> {
    (from..to).map(|n| format!("text {n}")).collect()
}

fn all_delivered(world: &mut World, who: usize, whom: &str) -> bool {
    world
        .messages(who, whom)
        .iter()
        .filter(|message| message.mine)
        .all(|message| message.state == Delivery::Delivered)
}

#[test]
fn an_invite_connects_both_and_texts_go_both_ways() {
    let mut world = World::new(1, 2, 3);
    assert!(world.request(0, SetProfileName { name: "Ann".into() }).is_ok());
    world.introduce();
    world.send(0, "bob", "hello");
    world.send(1, "ann", "hi");
    world.until(|world| all_delivered(world, 0, "bob") && all_delivered(world, 1, "ann"));
    assert_eq!(world.bodies(1, "ann", false), ["hello"]);
    assert_eq!(world.bodies(0, "bob", false), ["hi"]);
    world.until(|world| world.contacts(1)[0].their_name == "Ann");
    let route = &world.messages(0, "bob").into_iter().find(|message| message.mine).unwrap().route;
    assert!(!route.is_empty(), "the route is told");
}

#[test]
fn the_queues_of_a_contact_lie_on_different_relays() {
    // Whoever accepts asks for both relays at once, and one of three would often be drawn twice.
    for seed in 100..116 {
        let mut world = World::new(seed, 2, 3);
        world.introduce();
        for who in 0..2 {
            let mut relays = Vec::new();
            world.until(|world| {
                let receive_queues = world.people[who].engine.turn.store.receive_queues().unwrap();
                relays = receive_queues.iter().filter_map(|queue| queue.relay).collect();
                relays.len() == 2
            });
            assert_ne!(relays[0], relays[1], "person {who} of world {seed}");
        }
    }
}

#[test]
fn texts_to_somebody_invited_wait_and_leave_by_themselves() {
    let mut world = World::new(2, 2, 3);
    let link = world.invite_link(0, "bob");
    for text in numbered(0, 5) {
        world.send(0, "bob", &text);
    }
    world.run_for(60_000);
    assert_eq!(world.contacts(0)[0].state, ContactState::Invited);
    assert!(world.request(1, AcceptInvite { link, name: "ann".into() }).is_ok());
    world.send(1, "ann", "early");
    world.until(|world| world.bodies(1, "ann", false).len() == 5 && world.bodies(0, "bob", false).len() == 1);
    assert_eq!(world.bodies(1, "ann", false), numbered(0, 5));
    world.until(|world| all_delivered(world, 0, "bob"));
}

#[test]
fn a_burst_to_somebody_offline_arrives_once_and_in_order_when_they_return() {
    let mut world = World::new(3, 2, 3);
    world.introduce();
    world.run_for(30_000);
    world.go_offline(1);
    for text in numbered(0, 50) {
        world.send(0, "bob", &text);
    }
    world.until(|world| world.messages(0, "bob").iter().all(|message| message.state == Delivery::Relayed));
    world.go_online(1);
    world.until(|world| all_delivered(world, 0, "bob"));
    assert_eq!(world.bodies(1, "ann", false), numbered(0, 50));
    world.run_for(60_000);
    assert_eq!(world.bodies(1, "ann", false).len(), 50, "the second copies bring nothing new");
}

#[test]
fn once_all_is_delivered_the_two_fall_silent() {
    let mut world = World::new(4, 2, 3);
    world.introduce();
    world.send(0, "bob", "hello");
    world.until(|world| all_delivered(world, 0, "bob"));
    world.run_for(120_000);
    let before: u32 = world.people.iter().map(|person| person.deposits).sum();
    world.run_for(3_600_000);
    let after: u32 = world.people.iter().map(|person| person.deposits).sum();
    assert_eq!(before, after, "acks of acks would go on for ever");
}

#[test]
fn the_same_id_sends_once_and_other_words_under_it_are_refused() {
    let mut world = World::new(5, 2, 3);
    world.introduce();
    let send = |text: &str| SendText {
        who: "bob".into(),
        id: "my-1".into(),
        text: text.into(),
        reply_to: String::new(),
    };
    assert!(world.request(0, send("one")).is_ok());
    assert!(world.request(0, send("one")).is_ok());
    assert!(matches!(world.request(0, send("two")), Err(SendError::Conflict)));
    world.until(|world| all_delivered(world, 0, "bob"));
    assert_eq!(world.bodies(1, "ann", false), ["one"]);
}

#[test]
fn the_longest_text_arrives_whole() {
    let mut world = World::new(6, 2, 3);
    world.introduce();
    let text: String = (0..60_000_u32).map(|n| char::from_u32(0x4e00 + n % 500).unwrap()).collect();
    world.send(0, "bob", &text);
    world.until(|world| all_delivered(world, 0, "bob"));
    assert_eq!(world.bodies(1, "ann", false), [text]);
}

#[test]
fn one_contacts_long_text_leaves_places_for_the_others() {
    let mut world = World::new(60, 2, 3);
    world.introduce();
    let text = "x".repeat(200_000);
    world.send(0, "bob", &text);
    let mut most = 0;
    world.until(|world| {
        most = most.max(world.people[0].engine.flows.outbox.sealing());
        all_delivered(world, 0, "bob")
    });
    assert_eq!(most, outbox::SEALING_MAX, "as many as one contact may have, and no more");
    assert_eq!(world.bodies(1, "ann", false), [text]);
}

#[test]
fn a_link_that_was_used_own_or_damaged_is_refused_and_leaves_nothing_behind() {
    let mut world = World::new(7, 3, 3);
    let link = world.invite_link(0, "bob");
    assert!(matches!(
        world.request(0, AcceptInvite { link: link.clone(), name: String::new() }),
        Err(AcceptError::LinkOwn)
    ));
    for damaged in [&link[..link.len() / 2], "privatus:i#", "hello"] {
        let answer = world.request(2, AcceptInvite { link: damaged.into(), name: "x".into() });
        assert!(answer.is_err(), "{damaged}");
    }
    assert!(world.request(1, AcceptInvite { link: link.clone(), name: "ann".into() }).is_ok());
    world.until(|world| world.contacts(0)[0].state == ContactState::Connected);
    world.run_for(60_000);
    assert!(world.request(2, AcceptInvite { link: link.clone(), name: "ann".into() }).is_ok());
    world.until(|world| world.contacts(2).is_empty());
    // The same link again is the same contact.
    let again = world.request(1, AcceptInvite { link, name: "other".into() });
    assert!(again.is_ok_and(|contact| contact.name == "ann"));
    assert_eq!(world.contacts(1).len(), 1);
}

#[test]
fn names_are_unique_and_sane() {
    let mut world = World::new(8, 1, 3);
    world.invite_link(0, "bob");
    for (name, refusal) in [("bob", InviteError::NameTaken), ("a\nb", InviteError::NameBad)] {
        assert!(matches!(world.request(0, MakeInvite { name: name.into() }), Err(why) if why == refusal));
    }
    assert!(world.request(0, MakeInvite { name: String::new() }).is_ok());
    let rename = ChangeContact { who: "bob".into(), action: ContactAction::Rename("robert".into()) };
    assert!(world.request(0, rename).is_ok());
    assert!(world.contacts(0).iter().any(|contact| contact.name == "robert"));
}

#[test]
fn with_no_relay_a_text_stays_and_leaves_when_one_is_back() {
    let mut world = World::new(9, 2, 2);
    world.introduce();
    world.run_for(30_000);
    for id in [[1; 32], [2; 32]] {
        world.relay_down(id);
    }
    world.send(0, "bob", "later");
    world.run_for(300_000);
    assert_eq!(world.messages(0, "bob")[0].state, Delivery::Queued);
    world.relays.values_mut().for_each(|relay| relay.up = true);
    world.until(|world| all_delivered(world, 0, "bob"));
    assert_eq!(world.bodies(1, "ann", false), ["later"]);
}

#[test]
fn with_one_replica_gone_texts_go_the_other_way() {
    let mut world = World::new(10, 2, 4);
    world.introduce();
    world.run_for(60_000);
    world.relay_down([1; 32]);
    for text in numbered(0, 10) {
        world.send(0, "bob", &text);
        world.send(1, "ann", &text);
    }
    world.run_for(120_000);
    assert_eq!(world.bodies(1, "ann", false), numbered(0, 10));
    assert_eq!(world.bodies(0, "bob", false), numbered(0, 10));
}

#[test]
fn a_blocked_contact_is_heard_no_more() {
    let mut world = World::new(11, 2, 3);
    world.introduce();
    let block = |on| ChangeContact { who: "ann".into(), action: ContactAction::Block(on) };
    assert!(world.request(1, block(true)).is_ok());
    world.send(0, "bob", "unwanted");
    world.run_for(60_000);
    assert!(world.bodies(1, "ann", false).is_empty());
    assert_eq!(world.messages(0, "bob")[0].state, Delivery::Relayed);
    let send = SendText { who: "ann".into(), id: String::new(), text: "x".into(), reply_to: String::new() };
    assert!(matches!(world.request(1, send), Err(SendError::Blocked)));
}

#[test]
fn what_was_written_to_somebody_who_blocked_never_comes_in_and_keeps_nothing_back() {
    let mut world = World::new(16, 2, 3);
    world.introduce();
    world.run_for(60_000);
    world.send(0, "bob", "before");
    world.until(|world| all_delivered(world, 0, "bob"));
    let block = |on| ChangeContact { who: "ann".into(), action: ContactAction::Block(on) };
    assert!(world.request(1, block(true)).is_ok());
    for text in numbered(0, 3) {
        world.send(0, "bob", &text);
    }
    world.run_for(60_000);
    assert!(world.request(1, block(false)).is_ok());
    let after = world.send(0, "bob", "after").id;
    let state = |world: &mut World, id: &str| {
        world.messages(0, "bob").into_iter().find(|message| message.id == id).unwrap().state
    };
    let begun = world.now;
    world.until(|world| state(world, &after) == Delivery::Delivered);
    assert!(world.now.since(begun) < Duration::from_secs(20), "{:?}", world.now.since(begun));
    assert_eq!(world.bodies(1, "ann", false), ["before", "after"], "shown as soon as it is called delivered");
    // Answers carry acks, and each ack could have the others sealed again.
    for text in numbered(10, 30) {
        world.send(1, "ann", &text);
        world.run_for(30_000);
    }
    assert_eq!(world.bodies(1, "ann", false), ["before", "after"]);
    assert!(world.messages(1, "ann").iter().all(|message| !message.gap));
    let states: Vec<_> = world.messages(0, "bob").iter().filter(|m| m.mine).map(|m| m.state).collect();
    let relayed = [Delivery::Relayed; 3];
    assert_eq!(states, [&[Delivery::Delivered], relayed.as_slice(), &[Delivery::Delivered]].concat());
    assert!(world.people[0].deposits < 120, "{} envelopes", world.people[0].deposits);
}

#[test]
fn a_deleted_contact_and_a_cancelled_invite_leave_nothing_at_relay_or_vault() {
    let mut world = World::new(12, 2, 3);
    world.introduce();
    world.run_for(60_000);
    let delete = ChangeContact { who: "bob".into(), action: ContactAction::Delete };
    assert!(world.request(0, delete).is_ok());
    world.until(|world| world.people[0].engine.turn.store.receive_queues().unwrap().is_empty());
    assert!(world.people[0].vault.sessions().unwrap().is_empty());
    assert!(world.contacts(0).is_empty());
    world.invite_link(0, "carol");
    assert!(world.request(0, CancelInvite { id: "carol".into() }).is_ok());
    world.until(|world| world.people[0].engine.turn.store.receive_queues().unwrap().is_empty());
    assert!(world.contacts(0).is_empty());
}

#[test]
fn keys_that_keyvault_cannot_drop_just_then_are_dropped_later() {
    let mut world = World::new(14, 2, 3);
    world.introduce();
    world.run_for(60_000);
    world.people[0].vault_fails = true;
    let delete = ChangeContact { who: "bob".into(), action: ContactAction::Delete };
    assert!(world.request(0, delete).is_ok());
    world.run_for(60_000);
    assert!(
        !world.people[0].engine.turn.store.receive_queues().unwrap().is_empty(),
        "their keys are still there"
    );
    world.people[0].vault_fails = false;
    world.until(|world| world.people[0].engine.turn.store.receive_queues().unwrap().is_empty());
    assert!(world.people[0].vault.sessions().unwrap().is_empty());
}

#[test]
fn whatever_keyvault_cannot_serve_for_a_while_goes_on_when_it_can() {
    let mut world = World::new(15, 2, 3);
    let link = world.invite_link(0, "bob");
    assert!(world.request(1, AcceptInvite { link, name: "ann".into() }).is_ok());
    // In the middle of the accept, of the texts, and of what they are answered with.
    for round in 0..6 {
        for who in 0..2 {
            world.people[who].vault_fails = true;
            world.run_for(1_000);
            world.people[who].vault_fails = false;
            world.run_for(3_000);
        }
        world.send(0, "bob", &format!("text {round}"));
    }
    world.until(|world| all_delivered(world, 0, "bob"));
    assert_eq!(world.bodies(1, "ann", false), numbered(0, 6));
    for who in 0..2 {
        let all_live = |world: &mut World| {
            let receive_queues = world.people[who].engine.turn.store.receive_queues().unwrap();
            receive_queues.len() == 2
                && receive_queues.iter().all(|queue| queue.state == ReceiveQueueState::Live)
        };
        world.until(all_live);
    }
}

#[test]
fn deposits_that_keyvault_would_not_sign_leave_room_for_others() {
    let mut world = World::new(18, 2, 3);
    world.introduce();
    world.until(|world| all_delivered(world, 0, "bob"));
    world.go_offline(0);
    for text in numbered(0, 80) {
        world.send(0, "bob", &text);
    }
    world.run_for(5_000);
    // More than may be on their way at a time, to both queues.
    world.people[0].vault_fails = true;
    world.go_online(0);
    world.run_for(40_000);
    world.people[0].vault_fails = false;
    world.until(|world| all_delivered(world, 0, "bob"));
}

#[test]
fn a_link_for_which_too_many_are_open_is_not_called_malformed() {
    let mut world = World::new(16, 1, 3);
    let now = world.now;
    let engine = &mut world.people[0].engine;
    let request = AcceptInvite { link: "privatus:i#x".into(), name: "ann".into() };
    let actions = engine.handle(now, vec![Input::asked(RequestId(1), request)]);
    let asked = actions.into_iter().find_map(|action| match action {
        Action::Vault(ticket, _) => Some(ticket),
        _ => None,
    });
    let full = VaultTold::OpenInvite(Err(InviteFailed::Failed(OpenInviteError::TooManyOpen)));
    let actions = engine.handle(now, vec![Input::Vault(asked.unwrap(), Box::new(full))]);
    assert!(actions.contains(&Action::Answer(
        RequestId(1),
        Ok(Box::new(AcceptInvite::reply(Err(AcceptError::RateLimited))))
    )));
}

#[test]
fn a_number_longer_than_any_is_refused_before_keyvault_would_end_the_edge() {
    let mut world = World::new(17, 2, 3);
    world.introduce();
    let verify = |digits: usize| {
        let action = ContactAction::Verify(Some("1".repeat(digits)));
        Input::asked(RequestId(1_000), ChangeContact { who: "bob".into(), action })
    };
    let now = world.now;
    let engine = &mut world.people[0].engine;
    let refused =
        Action::Answer(RequestId(1_000), Ok(Box::new(ChangeContact::reply(Err(ChangeError::NumberChanged)))));
    assert!(engine.handle(now, vec![verify(DIGITS_MAX_BYTES + 1)]) == [refused]);
    let asked = engine.handle(now, vec![verify(DIGITS_MAX_BYTES)]);
    assert!(matches!(asked.as_slice(), [Action::Vault(..)]), "keyvault says whether it is theirs");
}

#[test]
fn events_are_told_once_each_in_order_and_again_from_where_a_reader_was() {
    let mut world = World::new(13, 2, 3);
    world.introduce();
    world.send(0, "bob", "hello");
    world.until(|world| all_delivered(world, 0, "bob"));
    let mut told = |since| {
        let events = world.request(0, EventsAfter { since }).unwrap();
        events.into_iter().map(|told| told.event).collect::<Vec<_>>()
    };
    let all = told(0);
    assert!(all.windows(2).all(|pair| pair[0].seq < pair[1].seq));
    let states: Vec<_> = all
        .iter()
        .filter_map(|event| match event.kind {
            crate::store::EventKind::Delivery { state, .. } => Some(state),
            _ => None,
        })
        .collect();
    assert_eq!(states, [Delivery::Relayed, Delivery::Delivered]);
    assert_eq!(told(all[3].seq), all[4..]);
}

/// One run of two people who talk while everything is delayed, reordered, repeated, lost and killed.
fn turmoil(seed: u64) {
    let mut world = World::new(seed, 2, 3);
    world.delay = 400;
    world.losses = 40;
    let link = world.invite_link(0, "bob");
    let accept = world.ask(1, AcceptInvite { link: link.clone(), name: "ann".into() });
    let (mut sent, mut steps) = ([0_u32; 2], 0_u32);
    while sent != [20, 20] {
        steps += 1;
        world.step();
        let who = usize::from(world.rng.next_u32() % 2 == 1);
        match world.rng.next_u32() % 60 {
            0 => world.kill(who),
            1 if steps % 7 == 0 => {
                world.go_offline(who);
                world.run_for(3_000);
                world.go_online(who);
            }
            2..=6 if sent[who] < 20 => {
                let whom = ["bob", "ann"][who];
                if world.contacts(who).iter().any(|contact| contact.name == whom) {
                    let text = format!("text {}", sent[who]);
                    world.send(who, whom, &text);
                    sent[who] += 1;
                } else {
                    // The kill came before keyvault had looked at the link.
                    world.ask(1, AcceptInvite { link: link.clone(), name: "ann".into() });
                }
            }
            _ => {}
        }
    }
    let _ = accept;
    world.until(|world| all_delivered(world, 0, "bob") && all_delivered(world, 1, "ann"));
    assert_eq!(world.bodies(1, "ann", false), numbered(0, 20), "seed {seed}");
    assert_eq!(world.bodies(0, "bob", false), numbered(0, 20), "seed {seed}");
    for (who, whom) in [(0, "bob"), (1, "ann")] {
        assert_eq!(world.bodies(who, whom, true), numbered(0, 20), "seed {seed}");
    }
}

#[test]
fn killed_delayed_shuffled_and_repeated_every_text_is_there_once_and_in_order() {
    for seed in 100..106 {
        turmoil(seed);
    }
}

#[test]
fn a_clock_that_is_set_back_delays_neither_timers_nor_deposits() {
    let mut world = World::new(14, 2, 3);
    world.introduce();
    world.run_for(60_000);
    for id in [[1; 32], [2; 32], [3; 32]] {
        world.relay_down(id);
    }
    world.send(0, "bob", "later");
    world.run_for(1_000);
    let back = Timestamp(world.now.0 - 3_600_000);
    let engine = &mut world.people[0].engine;
    let wait = engine.next_wake().unwrap().since(world.now);
    assert_eq!(engine.circuits.proof_at(), None, "no relay answers");
    engine.circuits.handle(&mut engine.turn, event::CircuitEvent::Heard).unwrap();
    let proved = engine.turn.now;
    let by = u64::try_from(proved.since(back).as_millis()).unwrap();
    engine.handle(back, vec![Input::Tick]);
    let sooner = Some(Timestamp(proved.0 - by));
    assert_eq!(engine.circuits.proof_at(), sooner, "or it would be new for an hour");
    assert!(engine.next_wake().unwrap().since(back) <= wait.max(Duration::from_secs(30)));
    let mut deposits = 0;
    for queue in engine.turn.store.peer_queues().unwrap() {
        for (_, due) in engine.turn.store.deposits(queue.number, 64).unwrap() {
            assert!(due <= back.after(Duration::from_secs(40)));
            deposits += 1;
        }
    }
    assert_eq!(deposits, 2, "one envelope for each replica");
}

#[test]
fn a_subscription_that_is_swallowed_on_the_way_is_noticed_and_replaced_within_the_hour() {
    let mut world = World::new(15, 2, 3);
    world.introduce();
    world.run_for(60_000);
    world.swallow(1);
    world.send(0, "bob", "pushed into nothing");
    world.run_for(3_600_000);
    assert_eq!(world.bodies(1, "ann", false), ["pushed into nothing"]);
    assert_eq!(world.messages(0, "bob")[0].state, Delivery::Delivered);
}

/// Texts both ways, until all have arrived.
fn talk(world: &mut World, from: u32, to: u32) {
    for text in numbered(from, to) {
        world.send(0, "bob", &text);
        world.send(1, "ann", &text);
        world.run_for(2_000);
    }
    world.until(|world| all_delivered(world, 0, "bob") && all_delivered(world, 1, "ann"));
}

#[test]
fn a_conversation_heals_after_one_sides_vault_is_restored_from_an_old_copy() {
    for seed in 0..6 {
        let mut world = World::new(100 + seed, 2, 4);
        world.introduce();
        talk(&mut world, 0, 5);
        let number = world.safety_number(0, "bob");
        let who = usize::try_from(seed % 2).unwrap();
        let copy = world.copy_of_vault(who);
        talk(&mut world, 5, 10 + u32::try_from(seed).unwrap());
        world.restore_vault(who, copy);

        for text in numbered(50, 55) {
            world.send(0, "bob", &text);
            world.send(1, "ann", &text);
        }
        world.until(|world| all_delivered(world, 0, "bob") && all_delivered(world, 1, "ann"));
        let said = world.bodies(0, "bob", true);
        assert_eq!(world.bodies(1, "ann", false), said, "seed {seed}: every text once, in order");
        assert_eq!(world.bodies(0, "bob", false), world.bodies(1, "ann", true), "seed {seed}");
        assert_eq!(world.safety_number(0, "bob"), number, "nothing changed for the people");
        world.run_for(60_000);
        for (who, whom) in [(0, "bob"), (1, "ann")] {
            assert_eq!(world.contacts(who)[0].notice, Notice::None, "seed {seed}");
            let messages = world.messages(who, whom).into_iter();
            let reopened = messages.filter(|message| message.note == Note::Reopened);
            assert_eq!(reopened.count(), 1, "seed {seed}: it is told once");
        }
    }
}

#[test]
fn a_contact_whose_session_cannot_be_opened_anew_is_told_as_such() {
    let mut world = World::new(120, 2, 4);
    world.introduce();
    // Both copies are from before either had the other's keys: these ride in the first messages after the introduction.
    let copies = [world.copy_of_vault(0), world.copy_of_vault(1)];
    talk(&mut world, 0, 20);
    for (who, copy) in copies.into_iter().enumerate() {
        world.restore_vault(who, copy);
    }
    world.send(0, "bob", "lost");
    world.send(1, "ann", "lost too");
    // They either find a way or say that there is none; nobody is left waiting without a word.
    world.until(|world| {
        let told = |contact: &crate::store::Contact| contact.notice == Notice::InviteAgain;
        let all_told = [0, 1].iter().any(|who| world.contacts(*who).iter().any(told));
        all_told || all_delivered(world, 0, "bob") && all_delivered(world, 1, "ann")
    });
}

#[test]
fn verification_is_kept_in_the_vault_and_told_from_there() {
    let mut world = World::new(121, 2, 3);
    let verify = |digits: &str| ChangeContact {
        who: "bob".into(),
        action: ContactAction::Verify(Some(digits.into())),
    };
    assert!(matches!(world.request(0, verify("12345")), Err(ChangeError::NoSuchContact)));
    world.introduce();
    let before = world.copy_of_vault(0);
    assert!(!world.safety_number(0, "bob").1);
    assert!(matches!(world.request(0, verify("12345")), Err(ChangeError::NumberChanged)));
    assert!(!world.safety_number(0, "bob").1);
    let (digits, _) = world.safety_number(0, "bob");
    let contact = world.request(0, verify(&digits)).unwrap();
    assert!(contact.verified && world.safety_number(0, "bob").1);
    world.restore_vault(0, before);
    assert!(!world.safety_number(0, "bob").1, "the vault does not know of it");
    assert!(!world.contacts(0)[0].verified);
}

#[test]
fn a_code_that_was_scanned_verifies_whose_it_is_and_nobody_else() {
    let mut world = World::new(122, 2, 3);
    world.introduce();
    let code_of = |world: &mut World, who: usize, whom: &str| {
        world.request(who, AskSafetyNumber { who: whom.into() }).unwrap().code
    };
    let (anns, bobs) = (code_of(&mut world, 0, "bob"), code_of(&mut world, 1, "ann"));
    let scan = |world: &mut World, code: &str| {
        let request = CompareCode { who: "bob".into(), code: code.into() };
        world.request(0, request).unwrap()
    };
    assert_eq!(scan(&mut world, "nonsense"), Comparison::NotACode);
    assert_eq!(scan(&mut world, &anns), Comparison::OtherPerson, "one's own screen");
    assert!(!world.contacts(0)[0].verified);
    assert_eq!(scan(&mut world, &bobs), Comparison::Match);
    assert!(world.contacts(0)[0].verified && world.safety_number(0, "bob").1);
    assert_eq!(scan(&mut world, "nonsense"), Comparison::NotACode);
    assert!(world.contacts(0)[0].verified, "what was compared stays so");
    let request = CompareCode { who: "carol".into(), code: bobs };
    assert!(matches!(world.request(0, request), Err(NumberError::NoSuchContact)));
}

#[test]
fn a_side_that_is_only_listened_to_hears_something_within_days() {
    let mut world = World::new(122, 2, 3);
    world.introduce();
    talk(&mut world, 0, 1);
    world.run_for(120_000);
    let deposits = |world: &World| world.people.iter().map(|person| person.deposits).sum::<u32>();
    let before = deposits(&world);
    world.run_for(20 * 24 * 3_600_000);
    let kept_alive = deposits(&world) - before;
    // One a day on average, to two replicas.
    assert!((10..80).contains(&kept_alive), "{kept_alive} deposits in 20 days");
}
