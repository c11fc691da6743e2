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

/// What Alice gave Bob to repair with, and what he keeps of it.
fn given_and_kept(w: &World) -> (Vec<u8>, Option<Vec<u8>>) {
    let alices: RepairRecord = w.alice.require(&w.alice_session.key(), Thing::Session).unwrap();
    let bobs: RepairRecord = w.bob.require(&w.bob_session.key(), Thing::Session).unwrap();
    (alices.given, bobs.theirs)
}

#[test]
fn a_repair_bundle_of_a_clock_that_was_ahead_is_renewed_and_gives_way_to_one_that_can_be_used() {
    let mut w = in_step();
    let round = |w: &mut World, alices_clock: Timestamp| {
        for _ in 0..2 {
            let envelope = w.bob_seals(b"x").remove(0);
            w.alice_opens_at(&envelope, alices_clock);
            let envelope = w.alice_seals(b"y").remove(0);
            w.bob_opens(&envelope);
        }
        forget_all(w);
    };
    round(&mut w, NOW.after(5 * YEAR));
    let (ahead, kept) = given_and_kept(&w);
    assert_eq!(kept.as_ref(), Some(&ahead));
    assert!(matches!(w.bob_repairs(500, NOW), Err(VaultError::InviteAgain)), "it holds in five years");
    round(&mut w, NOW);
    let (right, kept) = given_and_kept(&w);
    assert_ne!(right, ahead);
    assert_eq!(kept, Some(right));
    let first = w.bob_repairs(500, NOW).unwrap();
    assert_eq!(news(&w.alice_opens(&first[0])), REPAIRED);
}

#[test]
fn an_address_that_a_clock_published_that_was_ahead_is_published_anew_and_its_keys_are_bounded() {
    let (mut w, _) = addressed();
    let ahead = NOW.after(5 * YEAR);
    w.alice.address_bundle(ADDRESS, ahead, &mut w.rng).unwrap();
    let right = w.alice.address_bundle(ADDRESS, NOW, &mut w.rng).unwrap();
    assert_eq!(right.renew_at, NOW.after(ADDRESS_RENEWED));
    let (mut stranger, mut rng) = vault(77);
    stranger.contact_address(contacting(&right, b"hi"), NOW, &mut rng).unwrap();
    // More renewals than a record has room for.
    for _ in 0..260 {
        w.alice.address_bundle(ADDRESS, ahead, &mut w.rng).unwrap();
        w.alice.address_bundle(ADDRESS, NOW, &mut w.rng).unwrap();
    }
    w.alice = restarted(&w.alice);
    assert_eq!(w.alice.address_bundle(ADDRESS, NOW, &mut w.rng).unwrap().renew_at, right.renew_at);
}

/// How many records are left of what a sweep sees to: marks of what was opened, former ratchets, open invites.
fn swept(vault: &Vault<MemoryStore>) -> [usize; 3] {
    [Table::Marks, Table::Former, Table::Invite].map(|table| vault.store.all(table).unwrap().len())
}

/// Of each kind what Alice kept while her clock was so far ahead: marks of two messages, a repair, an invite.
fn kept_while_ahead_by(by: Duration) -> World {
    let mut w = connected();
    // Nothing of before.
    w.alice.sweep(NOW.after(YEAR)).unwrap();
    for _ in 0..2 {
        let envelope = w.bob_seals(b"x").remove(0);
        let opened = w.alice_opens_at(&envelope, NOW.after(by));
        w.alice.forget(&[], &[inner(&opened)]).unwrap();
        let envelope = w.alice_seals(b"y").remove(0);
        w.bob_opens(&envelope);
    }
    w.alice_repairs(500, NOW.after(by)).unwrap();
    w.alice.begin_invite(InviteId(100), RELAY, NOW.after(by), &mut w.rng).unwrap();
    assert_eq!(swept(&w.alice), [1, 1, 1]);
    w
}

#[test]
fn what_a_clock_kept_that_was_ahead_goes_after_as_long_as_if_it_had_been_right() {
    let mut w = kept_while_ahead_by(200 * DAY);
    w.alice.sweep(NOW).unwrap();
    for (after, left) in [
        (FORMER_KEPT, [1, 1, 1]),
        (FORMER_KEPT + HOUR, [1, 0, 1]),
        (INVITE_LIFETIME + INVITE_GRACE, [1, 0, 1]),
        (INVITE_LIFETIME + INVITE_GRACE + HOUR, [1, 0, 0]),
        (DUPLICATE_FOR, [1, 0, 0]),
        (DUPLICATE_FOR + HOUR, [0, 0, 0]),
    ] {
        w.alice = restarted(&w.alice);
        w.alice.sweep(NOW.after(after)).unwrap();
        assert_eq!(swept(&w.alice), left, "{after:?}");
    }
    assert_eq!(
        w.alice.store.all(Table::Meta).unwrap().len(),
        1,
        "and nothing is known of that clock any more"
    );
}

#[test]
fn a_clock_that_was_set_back_for_a_while_has_nothing_go() {
    let mut w = kept_while_ahead_by(Duration::ZERO);
    for set_back in
        [Timestamp(0), Timestamp(0).after(HOUR), NOW.after(DAY), Timestamp(0), NOW.after(20 * DAY)]
    {
        w.alice.sweep(set_back).unwrap();
        assert_eq!(swept(&w.alice), [1, 1, 1], "{set_back:?}");
    }
    // By then all is as old as it may become.
    w.alice.sweep(NOW.after(DUPLICATE_FOR + HOUR)).unwrap();
    assert_eq!(swept(&w.alice), [0, 0, 0]);
}

#[test]
fn a_skipped_key_of_a_clock_that_was_ahead_waits_thirty_days_more_and_no_longer() {
    let mut w = connected();
    let (lost, came) = (w.bob_seals(b"lost").remove(0), w.bob_seals(b"came").remove(0));
    w.alice_opens_at(&came, NOW.after(200 * DAY));
    w.alice.sweep(NOW).unwrap();
    w.alice.sweep(NOW.after(DUPLICATE_FOR)).unwrap();
    let incoming = w.incoming(&w.bob, &lost);
    let opened = restarted(&w.alice).open_envelope(incoming, NOW, &mut w.rng).unwrap();
    assert_eq!(content(&opened), b"lost");
    w.alice.sweep(NOW.after(DUPLICATE_FOR + HOUR)).unwrap();
    assert_eq!(w.alice_opens(&lost), Opened::Unreadable);
}
