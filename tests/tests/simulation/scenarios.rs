//! What `make test` runs: each a whole life of some people and relays, in seconds.

use ipc_schema::clock::ClockOffset;
use ipc_schema::edge::ui_stored::Count;
use rand_core::Rng;
use stored::store::Delivery;

use crate::each;
use crate::user::Want;
use crate::wires::Lie;
use crate::world::{Chaos, Part, Weather, Who, World};

/// Two people who know each other, and relays.
pub fn two(seed: u64, relays: usize) -> (World, Who, Who) {
    let mut world = World::new(seed, 2, relays);
    let (ann, bob) = (relays, relays + 1);
    world.introduce(&[(ann, bob)]);
    (world, ann, bob)
}

/// So many texts each way, at random moments up to so many ms apart.
pub fn talk(world: &mut World, (ann, bob): (Who, Who), texts: u32, apart: u64) {
    let mut left = [texts; 2];
    while left != [0, 0] {
        let who = usize::try_from(world.below(2)).unwrap();
        if left[who] > 0 {
            left[who] -= 1;
            let (from, to) = if who == 0 { (ann, bob) } else { (bob, ann) };
            world.send(from, to);
        }
        let wait = world.below(apart);
        world.run_for(wait);
    }
}

#[test]
fn two_people_talk_in_fair_weather() {
    each(0..1, |seed| {
        let (mut world, ann, bob) = two(seed, 5);
        talk(&mut world, (ann, bob), 20, 500);
        world.ends_well(120);
        let route = world.messages(ann, bob).into_iter().find(|message| message.mine).unwrap().route;
        assert_eq!(route.len(), 4, "three hops and the mailbox");
    });
}

#[test]
fn the_same_seed_is_the_same_life() {
    each(1..2, |seed| {
        let life = || {
            let (mut world, ann, bob) = two(seed, 5);
            world.weather = Weather::FOUL;
            world.begin_chaos(Chaos { every: 4_000, left: 6, relays: true });
            talk(&mut world, (ann, bob), 8, 1_000);
            world.ends_well(900);
            (world.trace(), world.happened)
        };
        assert_eq!(life(), life());
    });
}

/// Two people and five relays while links are slow, lost and cut and processes die.
pub fn turmoil(seed: u64, texts: u32) {
    let mut world = World::new(seed, 2, 5);
    let (ann, bob) = (5, 6);
    world.weather = Weather::FOUL;
    world.begin_chaos(Chaos { every: 5_000, left: 40, relays: true });
    world.introduce(&[(ann, bob)]);
    talk(&mut world, (ann, bob), texts, 3_000);
    world.ends_well(3_600);
}

#[test]
fn two_people_and_five_relays_under_faults_lose_and_double_nothing() {
    each(10..14, |seed| turmoil(seed, 15));
}

#[test]
fn a_lying_relay_in_the_path_is_gone_round() {
    let lies = [
        Lie::Garbles(1_000),
        Lie::Garbles(100),
        Lie::Swallows,
        Lie::Closes,
        Lie::BadHandshake,
        Lie::Destroys,
    ];
    each(20..20 + lies.len() as u64, |seed| {
        let (mut world, ann, bob) = two(seed, 7);
        talk(&mut world, (ann, bob), 2, 500);
        world.ends_well(120);
        let route = world.messages(ann, bob).into_iter().find(|message| message.mine).unwrap().route;
        // The middle of the path of Ann's text.
        let liar = (0..7).find(|who| world.relay_id(*who) == route[2]).unwrap();
        let lie = lies[usize::try_from(seed - 20).unwrap()];
        world.lies(liar, lie);
        let blamed = |world: &World| world.avoids(ann, liar) || world.avoids(bob, liar);
        let mut seen = false;
        for _ in 0..5 {
            talk(&mut world, (ann, bob), 1, 2_000);
            world.until("the text goes another way", 300, |world| {
                seen |= blamed(world);
                world.all_delivered()
            });
        }
        // Circuits are built anew until one of them meets the liar, which is blamed then. One that lets most handshakes pass cannot be
        // told from the others.
        for _ in 0..10 {
            if seen || lie == Lie::Garbles(100) {
                break;
            }
            world.kill(ann, Part::Onion);
            world.kill(bob, Part::Onion);
            for _ in 0..60 {
                world.run_for(250);
                seen |= blamed(&world);
            }
        }
        assert!(seen || lie == Lie::Garbles(100), "{lie:?}");
        world.ends_well(300);
    });
}

#[test]
fn a_mailbox_that_answers_noise_nothing_or_lies_does_not_stop_a_text() {
    let lies = [Lie::NoiseForAnswers, Lie::Silent, Lie::Forgets];
    each(30..30 + lies.len() as u64, |seed| {
        let (mut world, ann, bob) = two(seed, 6);
        world.send(ann, bob);
        world.ends_well(120);
        let route = world.messages(ann, bob).into_iter().find(|message| message.mine).unwrap().route;
        let liar = (0..6).find(|who| world.relay_id(*who) == *route.last().unwrap()).unwrap();
        world.lies(liar, lies[usize::try_from(seed - 30).unwrap()]);
        talk(&mut world, (ann, bob), 5, 2_000);
        world.until("the other replica delivers", 900, World::all_delivered);
        world.check();
    });
}

#[test]
fn every_process_dies_while_texts_are_under_way() {
    each(40..41, |seed| {
        let (mut world, ann, bob) = two(seed, 5);
        for part in [Part::Netd, Part::Onion, Part::Stored, Part::Keyvault] {
            for who in [ann, bob] {
                talk(&mut world, (ann, bob), 1, 20);
                world.kill(who, part);
                world.check();
                talk(&mut world, (ann, bob), 1, 20);
                let wait = world.below(3_000);
                world.run_for(wait);
            }
            for who in 0..5 {
                if part != Part::Keyvault {
                    world.send(ann, bob);
                    world.kill(who, part);
                    world.check();
                    let wait = world.below(1_000);
                    world.run_for(wait);
                }
            }
        }
        world.ends_well(900);
    });
}

#[test]
fn with_one_replica_gone_for_good_the_other_one_delivers() {
    each(50..51, |seed| {
        let (mut world, ann, bob) = two(seed, 6);
        world.send(ann, bob);
        world.ends_well(120);
        let route = world.messages(ann, bob).into_iter().find(|message| message.mine).unwrap().route;
        let gone = (0..6).find(|who| world.relay_id(*who) == *route.last().unwrap()).unwrap();
        for part in [Part::Netd, Part::Onion] {
            world.stop(gone, part);
        }
        let began = world.now;
        talk(&mut world, (ann, bob), 10, 2_000);
        world.until("the other replica delivers", 300, World::all_delivered);
        assert!(world.now - began < 120_000);
        world.check();
    });
}

#[test]
fn both_are_away_by_turns_and_never_there_together() {
    each(60..61, |seed| {
        let (mut world, ann, bob) = two(seed, 5);
        for turn in 0..6 {
            let (here, away) = if turn % 2 == 0 { (ann, bob) } else { (bob, ann) };
            world.set_online(away, false);
            world.set_online(here, true);
            for _ in 0..5 {
                world.send(here, away);
            }
            world.run_for(120_000);
        }
        assert_eq!(world.shown(bob, ann).len(), 15, "what was left while he was away");
        assert_eq!(world.shown(ann, bob).len(), 10, "of his last turn she knows nothing yet");
        world.set_online(ann, true);
        world.set_online(bob, true);
        world.ends_well(300);
    });
}

#[test]
fn somebody_comes_back_after_three_days() {
    each(65..66, |seed| {
        let (mut world, ann, bob) = two(seed, 5);
        world.power_off(bob, 3 * 86_400_000);
        for _ in 0..30 {
            world.send(ann, bob);
        }
        world.run_for(60_000);
        world.pulse = 600_000;
        world.run_for(3 * 86_400_000 - 100_000);
        world.pulse = 1_000;
        world.run_for(200_000);
        world.ends_well(900);
    });
}

#[test]
fn a_clock_that_is_set_back_and_forth_by_an_hour_delays_nothing() {
    each(70..71, |seed| {
        let (mut world, ann, bob) = two(seed, 5);
        let hour = 3_600_000;
        for who in [ann, bob, 0] {
            for set in [hour, -hour, -hour, hour] {
                talk(&mut world, (ann, bob), 2, 300);
                world.nodes[who].clock += set;
                talk(&mut world, (ann, bob), 2, 300);
                let began = world.now;
                world.until("every text is delivered", 600, World::all_delivered);
                let took = world.now - began;
                assert!(took < 120_000, "{took} ms after p{who} was set by {set}");
            }
        }
        world.ends_well(300);
    });
}

#[test]
fn a_clock_that_is_an_hour_and_a_half_slow_is_told_and_all_goes_on_when_it_is_put_right() {
    each(75..76, |seed| {
        let (mut world, ann, bob) = (World::new(seed, 2, 5), 5, 6);
        let slow = 5_400_000;
        world.nodes[ann].clock += -slow;
        world.power_off(ann, 1_000);
        world.until("she is told", 60, |world| {
            world.is_up(ann, Part::Stored) && world.query(ann, Count {}).clock.is_some()
        });
        let counts = world.query(ann, Count {});
        assert_eq!(counts.clock, Some(ClockOffset { seconds: -5_400, relays: 3 }));
        assert_eq!(counts.stage, "no-relays");
        assert!(world.query(bob, Count {}).clock.is_none_or(|clock| !clock.is_wrong()));
        world.nodes[ann].clock += slow;
        world.until("she has relays", 10, |world| {
            world.look(ann, |core, now| core.state(now).relays_usable) == Some(5)
        });
        world.introduce(&[(ann, bob)]);
        talk(&mut world, (ann, bob), 3, 500);
        world.ends_well(120);
    });
}

#[test]
fn what_goes_to_who_was_compared_waits_for_a_word_where_an_old_copy_of_a_vault_was_put_back() {
    each(90..92, |seed| {
        let (mut world, ann, bob) = two(seed, 5);
        world.compare(ann, bob);
        talk(&mut world, (ann, bob), 3, 500);
        world.until("every text is delivered", 300, World::all_delivered);
        let copy = world.person(bob).copy_of_vault();
        talk(&mut world, (ann, bob), 3, 500);
        world.until("every text is delivered", 300, World::all_delivered);
        world.kill(bob, Part::Keyvault);
        world.person(bob).put_back(copy);
        world.until("he is back", 60, |world| world.is_up(bob, Part::Stored));
        world.send(ann, bob);
        world.until("both wait", 900, |world| world.holds(ann, bob) && world.holds(bob, ann));
        let seen = (world.shown(bob, ann), world.shown(ann, bob));
        talk(&mut world, (ann, bob), 3, 500);
        world.kill(ann, Part::Keyvault);
        world.run_for(600_000);
        assert_eq!((world.shown(bob, ann), world.shown(ann, bob)), seen, "nothing goes by itself");

        world.wants(bob, Want::Resume(ann));
        world.until("she has what he wrote", 300, |world| world.shown(ann, bob).len() == 9);
        assert_eq!(world.shown(bob, ann), seen.0);
        assert!(world.holds(ann, bob), "and is asked for herself");
        world.wants(ann, Want::Resume(bob));
        world.ends_well(900);
    });
}

#[test]
fn ten_people_and_ten_relays_all_talk() {
    each(80..81, |seed| {
        let mut world = World::new(seed, 10, 10);
        let pairs: Vec<(Who, Who)> =
            (0..10).flat_map(|n| [1, 3].map(|step| (10 + n, 10 + (n + step) % 10))).collect();
        world.introduce(&pairs);
        for _ in 0..100 {
            let at = usize::try_from(world.below(pairs.len() as u64)).unwrap();
            let (one, other) = pairs[at];
            let (from, to) = if world.rng.next_u32().is_multiple_of(2) { (one, other) } else { (other, one) };
            world.send(from, to);
            let wait = world.below(300);
            world.run_for(wait);
        }
        world.ends_well(300);
        for (one, other) in pairs {
            let states = world.messages(one, other);
            assert!(states.iter().all(|message| message.state == Delivery::Delivered));
        }
    });
}
