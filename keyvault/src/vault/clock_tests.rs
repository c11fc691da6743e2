//! Clocks that were wrong once: what they told does not count when they are right again.

use super::*;

const YEAR: Duration = Duration::from_secs(365 * 86_400);

#[test]
fn what_was_made_while_the_clock_was_ahead_holds_up_nothing_once_it_is_right() {
    let mut w = invited();
    let ahead = NOW.after(5 * YEAR);
    for invite in 100..110 {
        w.bob.begin_invite(InviteId(invite), RELAY, ahead, &mut w.rng).unwrap();
    }
    let refused = w.bob.begin_invite(InviteId(110), RELAY, ahead.after(HOUR / 2), &mut w.rng);
    assert!(matches!(refused, Err(VaultError::RateLimited { .. })), "as long as that clock goes on");
    w.bob = restarted(&w.bob);
    assert!(w.bob.accept_invite(acceptance(&w.blob, b"hi"), NOW, &mut w.rng).is_ok());
    for invite in 110..119 {
        w.bob.begin_invite(InviteId(invite), RELAY, NOW, &mut w.rng).unwrap();
    }
    match w.bob.begin_invite(InviteId(119), RELAY, NOW.after(HOUR / 2), &mut w.rng) {
        Err(VaultError::RateLimited { retry_after }) => assert_eq!(retry_after, HOUR / 2),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_repair_of_a_clock_that_was_ahead_holds_up_no_other() {
    let mut w = in_step();
    let ahead = NOW.after(200 * DAY);
    let first = w.bob_repairs(500, ahead).unwrap();
    w.alice_opens(&first[0]);
    exchange(&mut w, 2);
    let again = w.bob_repairs(501, NOW).unwrap();
    assert!(matches!(w.bob_repairs(502, NOW), Err(VaultError::RateLimited { retry_after: REPAIR_EVERY })));
    assert_eq!(news(&w.alice_opens(&again[0])), REPAIRED);
    exchange(&mut w, 2);
}

#[test]
fn a_repair_of_a_clock_that_was_ahead_makes_no_other_one_simultaneous() {
    for seed in 0..20 {
        let mut w = in_step();
        w.rng = ChaCha20Rng::seed_from_u64(2_000 + seed);
        let alices = w.alice_repairs(500, NOW.after(200 * DAY)).unwrap();
        assert_eq!(news(&w.bob_opens(&alices[0])), REPAIRED);
        exchange(&mut w, 2);
        let bobs = w.bob_repairs(501, NOW.after(REPAIR_EVERY)).unwrap();
        assert_eq!(news(&w.alice_opens(&bobs[0])), REPAIRED, "seed {seed}");
        exchange(&mut w, 1);
    }
}
