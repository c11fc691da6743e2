//! What every path keeps to, over many draws; and what failing relays change.
#![allow(clippy::cast_possible_truncation, reason = "numbers of test relays and envelopes wrap on purpose")]

use std::collections::BTreeSet;

use ipc_schema::Timestamp;
use ipc_schema::relay::FLAG_MAILBOX;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::MailboxesWanted;
use super::choose::{NoPath, Paths};
use super::draw;
use super::guards::{Guards, NEW_GUARD_EVERY, SavedGuards, VANGUARD_LIFE, VANGUARDS};
use crate::directory::rules::{NetworkRules, Width, blocks};
use crate::directory::tests::{NOW, descriptor, id, identity, view_of};
use crate::directory::view::{PROBATION, View};
use crate::event::{CircuitFailure, FailureReason};
use crate::id::RelayId;

fn rng(seed: u8) -> ChaCha20Rng {
    ChaCha20Rng::from_seed([seed; 32])
}

fn after(seconds: u64) -> Timestamp {
    Timestamp(NOW.0 + seconds * 1_000)
}

fn failure(blame: (usize, RelayId), reason: FailureReason) -> CircuitFailure {
    CircuitFailure { blame: Some(blame), reason, was_built: false, began: NOW }
}

fn route(
    paths: &mut Paths,
    now: Timestamp,
    rng: &mut ChaCha20Rng,
    view: &View,
    asked: RelayId,
) -> Result<Vec<RelayId>, NoPath> {
    paths.choose(now, rng, view, asked).map(|hops| hops.into_iter().map(|hop| hop.relay).collect())
}

/// Relays of the public network: `count` of them, aged and listed, four in each /16, two with each operator.
fn public_view(count: u32) -> View {
    let mut view = View::new(NetworkRules::public_without_work());
    for number in 1..=count {
        let mut descriptor = descriptor(number);
        descriptor.network_id = [0; 32];
        descriptor.operator_tag = [(number % (count / 2)) as u8 + 1; 16];
        let ip = std::net::Ipv4Addr::new(80, (number / 4) as u8, (number % 4) as u8, 1);
        descriptor.addresses[0].socket = (ip, 4_001).into();
        let first_seen = Timestamp(NOW.0 - PROBATION.as_millis() as u64);
        view.restore(NOW, first_seen, &descriptor.sign(&identity(number)));
        view.listed(id(number), id(5_000));
        view.listed(id(number), id(5_001));
    }
    assert_eq!(view.len(), count as usize);
    view
}

#[test]
fn a_thousand_paths_of_a_private_network_repeat_no_relay_and_keep_guard_and_vanguards() {
    for count in [5, 6, 9, 40] {
        let (view, mut rng, mut paths) = (view_of(count), rng(count as u8), Paths::default());
        let (mut firsts, mut seconds, mut middles) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for number in 0..1_000 {
            let asked = id(number % count + 1);
            let route = route(&mut paths, NOW, &mut rng, &view, asked).unwrap();
            assert_eq!(route.len(), 4);
            assert_eq!(route[3], asked);
            assert_eq!(route.iter().collect::<BTreeSet<_>>().len(), 4, "{route:?}");
            let guard = paths.guards().guard().unwrap();
            assert_eq!(route[0] == guard, asked != guard, "{route:?}");
            firsts.insert(route[0]);
            seconds.insert(route[1]);
            middles.insert(route[2]);
            paths.succeeded(&route);
        }
        assert_eq!(firsts.len(), 2, "guard and backup");
        let vanguards: BTreeSet<RelayId> = paths.guards().vanguards().collect();
        assert_eq!(vanguards.len(), VANGUARDS);
        // In larger networks a second hop is always a vanguard; in small ones all may be taken by the others.
        assert!(count < 40 || seconds.is_subset(&vanguards));
        assert!(middles.len() >= count as usize - 2);
    }
}

#[test]
fn small_private_networks_leave_out_the_middle_and_need_three_relays() {
    let (mut rng, mut paths) = (rng(1), Paths::default());
    assert_eq!(route(&mut paths, NOW, &mut rng, &view_of(0), id(1)), Err(NoPath::NoRelays));
    assert_eq!(route(&mut paths, NOW, &mut rng, &view_of(2), id(1)), Err(NoPath::TooFewRelays));
    assert!(!paths.enough(NOW, &view_of(2)));
    for count in [3, 4] {
        let (view, mut paths) = (view_of(count), Paths::default());
        for number in 0..200 {
            let asked = id(number % count + 1);
            let route = route(&mut paths, NOW, &mut rng, &view, asked).unwrap();
            assert_eq!((route.len(), route[2]), (3, asked));
            assert_eq!(route.iter().collect::<BTreeSet<_>>().len(), 3);
        }
        assert!(paths.enough(NOW, &view));
    }
    assert_eq!(route(&mut paths, NOW, &mut rng, &view_of(5), id(77)), Err(NoPath::UnknownRelay));
}

#[test]
fn a_thousand_paths_of_the_public_network_share_no_operator_and_no_provider() {
    let (view, mut rng, mut paths) = (public_view(60), rng(3), Paths::default());
    let mut built = 0;
    for number in 0..1_000 {
        let asked = id(number % 60 + 1);
        let Ok(route) = route(&mut paths, NOW, &mut rng, &view, asked) else { continue };
        built += 1;
        assert_eq!(route.len(), 4);
        let entries: Vec<_> =
            route.iter().map(|relay| view.entry(*relay).unwrap().descriptor().clone()).collect();
        let operators: BTreeSet<_> = entries.iter().map(|descriptor| descriptor.operator_tag).collect();
        let providers: BTreeSet<_> =
            entries.iter().flat_map(|descriptor| blocks(descriptor, Width::Provider)).collect();
        assert_eq!((operators.len(), providers.len()), (4, 4), "{route:?}");
    }
    assert!(built > 900, "{built}");
}

#[test]
fn a_guard_that_fails_gives_way_to_the_backup_after_bounded_tries() {
    let (view, mut rng, mut paths) = (view_of(6), rng(4), Paths::default());
    let asked = id(1);
    route(&mut paths, NOW, &mut rng, &view, asked).unwrap();
    let both: Vec<RelayId> = paths.guards().both().collect();
    let asked = (1..=6).map(id).find(|relay| !both.contains(relay)).unwrap();
    for second in 0..2 {
        let route = route(&mut paths, after(second), &mut rng, &view, asked).unwrap();
        assert_eq!(route[0], both[0]);
        // Circuits of one link that die together count once.
        for _ in 0..5 {
            let mut dead = failure((0, both[0]), FailureReason::Link);
            dead.was_built = true;
            paths.failed(after(second), asked, &dead);
        }
    }
    assert_eq!(route(&mut paths, after(2), &mut rng, &view, asked).unwrap()[0], both[1]);
    assert_eq!(paths.guards().guard(), Some(both[1]));
    // Once it answers again nothing swings back: the guard in use stays.
    paths.succeeded(&[both[0], id(1)]);
    assert_eq!(paths.guards().guard(), Some(both[1]));
}

#[test]
fn what_is_reported_past_the_first_hop_never_changes_the_guard() {
    let (view, mut rng, mut paths) = (view_of(12), rng(5), Paths::default());
    route(&mut paths, NOW, &mut rng, &view, id(1)).unwrap();
    let before = paths.guards().saved().clone();
    for second in 0..600 {
        let asked = id((second % 12) as u32 + 1);
        if let Ok(route) = route(&mut paths, after(second), &mut rng, &view, asked) {
            paths.failed(after(second), asked, &failure((1, route[1]), FailureReason::Unreachable));
        }
    }
    assert_eq!(paths.guards().guard(), before.guards.first().map(|kept| kept.relay));
    // Nor the vanguards: a guard could choose them by refusing to extend.
    assert_eq!(paths.guards().saved(), &before);
}

#[test]
fn a_second_hop_or_middle_that_failed_is_passed_over_for_a_while() {
    let (view, mut rng, mut paths) = (view_of(8), rng(6), Paths::default());
    let route_before = route(&mut paths, NOW, &mut rng, &view, id(1)).unwrap();
    for failed in [(1, route_before[1]), (2, route_before[2])] {
        paths.failed(NOW, id(1), &failure(failed, FailureReason::Timeout));
        for _ in 0..50 {
            let route = route(&mut paths, after(1), &mut rng, &view, id(1)).unwrap();
            assert!(!route.contains(&failed.1), "{route:?}");
        }
        paths.succeeded(&[failed.1, id(1)]);
    }
    assert_eq!(paths.usable(NOW, &view), 8);
}

#[test]
fn three_rebuilds_in_a_row_and_then_a_pause() {
    let (view, mut rng, mut paths) = (view_of(9), rng(7), Paths::default());
    for _ in 0..3 {
        let route = route(&mut paths, NOW, &mut rng, &view, id(1)).unwrap();
        paths.failed(NOW, id(1), &failure((3, route[3]), FailureReason::Timeout));
    }
    assert_eq!(route(&mut paths, NOW, &mut rng, &view, id(1)), Err(NoPath::BackOff(after(1))));
    assert!(route(&mut paths, NOW, &mut rng, &view, id(2)).is_ok());
    assert!(route(&mut paths, after(1), &mut rng, &view, id(1)).is_ok());
    // What we closed ourselves is no failure.
    for _ in 0..9 {
        let ours = CircuitFailure { blame: None, reason: FailureReason::Ours, was_built: false, began: NOW };
        paths.failed(after(1), id(2), &ours);
    }
    assert!(route(&mut paths, after(1), &mut rng, &view, id(2)).is_ok());
}

#[test]
fn two_unreachable_guards_are_tried_with_pauses_and_one_new_one_is_drawn_in_thirty_days() {
    let (view, mut rng, mut paths) = (view_of(9), rng(8), Paths::default());
    route(&mut paths, NOW, &mut rng, &view, id(1)).unwrap();
    let both: Vec<RelayId> = paths.guards().both().collect();
    let asked: Vec<RelayId> = (1..=9).map(id).filter(|relay| !both.contains(relay)).collect();
    let mut tries = 0;
    // Two minutes: every try fails on the own link, each time towards another relay.
    for tenth in 0..1_190_u64 {
        let now = Timestamp(NOW.0 + tenth * 100);
        let to = asked[tries % asked.len()];
        match route(&mut paths, now, &mut rng, &view, to) {
            Ok(route) => {
                tries += 1;
                assert!(both.contains(&route[0]));
                let mut dead = failure((0, route[0]), FailureReason::Link);
                dead.was_built = true;
                paths.failed(now, to, &dead);
            }
            Err(NoPath::GuardsUnreachable(until)) => assert!(until > now),
            Err(other) => panic!("{other:?}"),
        }
    }
    assert!(paths.guards().are_unreachable());
    assert!(tries < 30, "{tries}");
    // From then on one of them may be replaced, once.
    let now = after(200);
    route(&mut paths, now, &mut rng, &view, asked[0]).unwrap();
    let fresh = paths.guards().guard().unwrap();
    assert!(!both.contains(&fresh));
    let other = asked.iter().find(|relay| **relay != fresh).unwrap();
    assert_eq!(route(&mut paths, now, &mut rng, &view, *other).unwrap()[0], fresh);
    let kept: Vec<RelayId> = paths.guards().both().collect();
    assert_eq!(kept.iter().filter(|guard| both.contains(guard)).count(), 1);
    let saved = paths.guards().saved().clone();
    assert_eq!(saved.replaced, now);
    let mut guards = Guards::new(saved);
    for guard in &kept {
        for second in 0..3 {
            guards.first_hop_failed(after(300 + second), *guard);
        }
    }
    let all: Vec<RelayId> = (1..=9).map(id).collect();
    guards.renew(after(86_400), &mut rng, &all, true);
    assert_eq!(guards.both().collect::<BTreeSet<_>>(), kept.iter().copied().collect());
    guards.renew(now.after(NEW_GUARD_EVERY), &mut rng, &all, true);
    assert_ne!(guards.both().collect::<BTreeSet<_>>(), kept.iter().copied().collect());
}

#[test]
fn when_the_asked_relay_is_the_guard_the_backup_serves_and_else_another() {
    let (view, mut rng, mut paths) = (view_of(7), rng(9), Paths::default());
    route(&mut paths, NOW, &mut rng, &view, id(1)).unwrap();
    let both: Vec<RelayId> = paths.guards().both().collect();
    assert_eq!(route(&mut paths, NOW, &mut rng, &view, both[0]).unwrap()[0], both[1]);
    for second in 0..2 {
        paths.failed(after(second), id(1), &failure((0, both[1]), FailureReason::Link));
    }
    let first = route(&mut paths, after(1), &mut rng, &view, both[0]).unwrap()[0];
    assert!(!both.contains(&first));
    assert_eq!(paths.guards().guard(), Some(both[0]));
}

#[test]
fn guards_are_kept_over_restarts_and_leave_with_the_directory_of_a_private_network() {
    let (view, mut rng, mut paths) = (view_of(9), rng(10), Paths::default());
    route(&mut paths, NOW, &mut rng, &view, id(1)).unwrap();
    assert!(paths.take_changed());
    assert!(!paths.take_changed());
    let saved = paths.guards().saved().clone();
    let mut again = Paths::new(saved.clone());
    route(&mut again, NOW, &mut rng, &view, id(1)).unwrap();
    assert_eq!(again.guards().saved(), &saved);
    assert!(!again.take_changed());
    let gone = saved.guards[0].relay;
    let mut smaller = View::new(view.rules());
    for (relay, entry) in view.entries().filter(|(relay, _)| *relay != gone) {
        assert_ne!(relay, gone);
        smaller.accept(NOW, entry.packed()).unwrap();
    }
    let asked = smaller.entries().next().unwrap().0;
    let first = route(&mut again, NOW, &mut rng, &smaller, asked).unwrap()[0];
    assert_ne!(first, gone);
    assert!(again.guards().both().all(|guard| guard != gone));
}

#[test]
fn guards_and_vanguards_serve_as_long_as_they_should() {
    let (mut rng, all) = (rng(11), (1..=40).map(id).collect::<Vec<_>>());
    let (mut lives, mut guard_lives) = (Vec::new(), Vec::new());
    for _ in 0..200 {
        let mut guards = Guards::new(SavedGuards::default());
        guards.renew(NOW, &mut rng, &all, true);
        lives.extend(guards.saved().vanguards.iter().map(|kept| kept.until.since(NOW)));
        guard_lives.extend(guards.saved().guards.iter().map(|kept| kept.until.since(NOW).as_secs() / 86_400));
    }
    assert!(lives.iter().all(|life| *life >= VANGUARD_LIFE.0 && *life < VANGUARD_LIFE.1));
    // The longer of two draws: two thirds of the way, in the mean.
    let mean = lives.iter().map(|life| life.as_secs_f64()).sum::<f64>() / lives.len() as f64 / 86_400.0;
    assert!((7.9..8.8).contains(&mean), "{mean}");
    assert!(guard_lives.iter().all(|days| (90..150).contains(days)));
}

#[test]
fn mailboxes_are_different_not_avoided_and_not_the_own_guards_where_others_are() {
    let (view, mut rng, mut paths) = (view_of(8), rng(12), Paths::default());
    route(&mut paths, NOW, &mut rng, &view, id(1)).unwrap();
    let both: Vec<RelayId> = paths.guards().both().collect();
    let avoid = [(1..=8).map(id).find(|relay| !both.contains(relay)).unwrap()];
    for _ in 0..100 {
        let picked = paths.pick_mailboxes(NOW, &mut rng, &view, MailboxesWanted { count: 2, avoid: &avoid });
        assert_eq!(picked.len(), 2);
        assert!(picked[0] != picked[1] && !picked.contains(&avoid[0]));
        assert!(picked.iter().all(|relay| !both.contains(relay)));
    }
    let mut few = View::new(view.rules());
    for number in 1..=4 {
        let mut descriptor = descriptor(number);
        descriptor.flags = if number == 1 { FLAG_MAILBOX } else { 0 };
        few.accept(NOW, &descriptor.sign(&identity(number))).unwrap();
    }
    assert_eq!(paths.pick_mailboxes(NOW, &mut rng, &few, MailboxesWanted { count: 2, avoid: &[] }), [id(1)]);
    let public = public_view(60);
    for _ in 0..100 {
        let picked = paths.pick_mailboxes(NOW, &mut rng, &public, MailboxesWanted { count: 2, avoid: &[] });
        let [left, right] = picked.as_slice() else { panic!("{picked:?}") };
        let (left, right) =
            (public.entry(*left).unwrap().descriptor(), public.entry(*right).unwrap().descriptor());
        assert_ne!(left.operator_tag, right.operator_tag);
        assert_ne!(blocks(left, Width::Provider), blocks(right, Width::Provider));
    }
}

#[test]
fn middles_are_drawn_evenly() {
    let (view, mut rng, mut paths) = (view_of(12), rng(13), Paths::default());
    let mut seen = std::collections::BTreeMap::new();
    for _ in 0..2_000 {
        let route = route(&mut paths, NOW, &mut rng, &view, id(1)).unwrap();
        *seen.entry(route[2]).or_insert(0_u32) += 1;
    }
    let most = seen.values().max().unwrap();
    assert!(*most < 2_000 / 4, "{seen:?}");
    assert!(draw::one::<u8>(&mut rng, &[]).is_none());
}

#[test]
fn with_the_guard_asked_and_the_backup_gone_another_first_hop_is_found_each_time() {
    let (view, mut rng, mut paths) = (view_of(7), rng(9), Paths::default());
    route(&mut paths, NOW, &mut rng, &view, id(1)).unwrap();
    let guard = paths.guards().guard().unwrap();
    let backup = paths.guards().both().find(|kept| *kept != guard).unwrap();
    let mut seconds = 0;
    let fails = |paths: &mut Paths, seconds: &mut u64| {
        *seconds += 10;
        paths.failed(after(*seconds), guard, &failure((0, backup), FailureReason::Timeout));
    };
    // Two circuits that were begun side by side.
    (0..4).for_each(|_| fails(&mut paths, &mut seconds));
    for _ in 0..30 {
        seconds += 61;
        let found = (0..3).any(|_| match route(&mut paths, after(seconds), &mut rng, &view, guard) {
            Ok(route) if route[0] == backup => {
                fails(&mut paths, &mut seconds);
                false
            }
            other => other.is_ok(),
        });
        assert!(found, "after {seconds} s");
    }
}
