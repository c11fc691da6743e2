//! Clients whose clock is wrong, and relays that lie about the time.

use super::*;
use ipc_schema::clock::ClockOffset;

/// An hour and a half.
const SLOW: i64 = -5_400_000;
const YEARS: i64 = 5 * 365 * 86_400_000;

impl World {
    /// Three relays that know each other.
    fn of_three_relays() -> Self {
        let mut world = World::new(3, 0);
        world.seconds(10);
        world
    }

    /// A new client, whose clock is off by so many milliseconds and whose contact points are the first relays.
    fn joins(&mut self, bootstraps: u16, off: i64) -> usize {
        let at = self.nodes.len();
        let core = OnionCore::client(self.now, chance(&mut self.rng), NETWORK, &[]).unwrap();
        self.nodes.push(Node { off, ..Node::new(at, core) });
        self.bootstraps = bootstraps;
        self.netd_up(at);
        self.run();
        at
    }

    fn state(&self, at: usize) -> NetworkState {
        let node = &self.nodes[at];
        node.core.state(Timestamp(self.now.0.saturating_add_signed(node.off)))
    }
}

fn told(seconds: i64, relays: u32) -> Option<ClockOffset> {
    Some(ClockOffset { seconds, relays })
}

#[test]
fn a_slow_clock_is_told_with_what_all_relays_say_and_a_client_connects_when_it_is_put_right() {
    let mut world = World::of_three_relays();
    let ann = world.joins(3, SLOW);
    let state = world.state(ann);
    assert_eq!((state.stage, state.relays_usable), (Stage::NoRelays, 0));
    assert_eq!(state.clock, told(-5_400, 3));
    world.seconds(120);
    assert_eq!(world.state(ann).clock, told(-5_400, 3), "and nothing else changes it");

    world.nodes[ann].off = 0;
    world.seconds(1);
    let state = world.state(ann);
    assert_eq!((state.stage, state.relays_usable), (Stage::BuildingRoute, 3));
    assert_eq!(state.clock, told(0, 3));
}

#[test]
fn a_clock_that_is_years_ahead_or_in_1970_is_told_too() {
    for off in [YEARS, 1_234_567 - i64::try_from(START.0).unwrap()] {
        let mut world = World::of_three_relays();
        let ann = world.joins(3, off);
        assert_eq!(world.state(ann).clock, told((off + off.signum() * 500) / 1_000, 3));
        assert_eq!(world.state(ann).relays_usable, 0);
        world.nodes[ann].off = 0;
        world.seconds(1);
        assert_eq!(world.state(ann).relays_usable, 3);
    }
}

#[test]
fn one_relay_that_lies_about_the_time_neither_makes_a_clock_wrong_nor_right() {
    for lie in [YEARS, -YEARS] {
        let mut world = World::of_three_relays();
        world.nodes[1].off = lie;
        let (right, slow, of_two) = (world.joins(3, 0), world.joins(3, SLOW), world.joins(2, 0));
        assert_eq!(world.state(right).clock, told(0, 3));
        assert_eq!(world.state(slow).clock, told(-5_400, 3));
        assert_eq!(world.state(of_two).clock, told(0, 2));
    }
}

#[test]
fn too_few_words_or_that_of_somebody_whose_descriptor_names_another_key_say_nothing() {
    let mut world = World::of_three_relays();
    let sole = world.joins(1, SLOW);
    assert_eq!(world.state(sole).clock, told(-5_400, 1), "all that can be asked");
    world.kill(1);
    world.kill(2);
    let of_three = world.joins(3, SLOW);
    assert_eq!(world.state(of_three).clock, None, "one of three");
    world.nodes[0].key = [99; 32];
    let deceived = world.joins(1, SLOW);
    assert_eq!(world.state(deceived).clock, None, "not who it should be");
}
