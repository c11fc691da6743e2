//! What takes minutes to hours.

use crate::each;
use crate::scenarios::{talk, turmoil, two};
use crate::world::{Chaos, Weather, Who, World};

#[test]
#[ignore = "long: 200 lives of two people in turmoil"]
fn two_hundred_seeds_of_two_people_in_turmoil() {
    each(1_000..1_200, |seed| turmoil(seed, 20));
}

#[test]
#[ignore = "long: 10,000 texts under 20 % loss and kills"]
fn of_ten_thousand_texts_under_loss_and_kills_none_is_lost_or_doubled() {
    each(2_000..2_001, |seed| {
        let (mut world, ann, bob) = two(seed, 5);
        world.weather = Weather { losses: 200, cuts: 300, ..Weather::FOUL };
        world.begin_chaos(Chaos { every: 20_000, left: 400, relays: true });
        talk(&mut world, (ann, bob), 5_000, 1_000);
        world.ends_well(4 * 3_600);
    });
}

#[test]
#[ignore = "long: 200 people and 40 relays"]
fn two_hundred_people_and_forty_relays_talk() {
    each(3_000..3_001, |seed| {
        let mut world = World::new(seed, 200, 40);
        let pairs: Vec<(Who, Who)> =
            (0..200).flat_map(|n| [1, 17].map(|step| (40 + n, 40 + (n + step) % 200))).collect();
        world.introduce(&pairs);
        world.begin_chaos(Chaos { every: 3_000, left: 60, relays: true });
        for _ in 0..5 {
            for (one, other) in &pairs {
                world.send(*one, *other);
                world.send(*other, *one);
                world.run_for(50);
            }
        }
        world.ends_well(3_600);
    });
}
