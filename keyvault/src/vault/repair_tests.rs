//! Sessions that break and are opened anew; contact addresses, whose keys serve more than once as well; comparing.

use super::*;
use crate::ids::AddressId;

/// Everything that both have said so far has arrived: each holds the other's repair bundle.
fn in_step() -> World {
    let mut w = connected();
    exchange(&mut w, 2);
    w
}

fn exchange(w: &mut World, rounds: u32) {
    for _ in 0..rounds {
        let envelope = w.bob_seals(b"ping").remove(0);
        content(&w.alice_opens(&envelope));
        let envelope = w.alice_seals(b"pong").remove(0);
        content(&w.bob_opens(&envelope));
    }
    forget_all(w);
}

fn forget_all(w: &mut World) {
    for vault in [&mut w.alice, &mut w.bob] {
        let outbox: Vec<_> = ids(vault, Table::Outbox).into_iter().map(OutboxId).collect();
        let opened = vault.store.all(Table::Opened).unwrap();
        let opened: Vec<_> =
            opened.into_iter().map(|(id, _)| InnerHash(id.as_slice().try_into().unwrap())).collect();
        vault.forget(&outbox, &opened).unwrap();
    }
}

fn ids(vault: &Vault<MemoryStore>, table: Table) -> Vec<u64> {
    let rows = vault.store.all(table).unwrap();
    rows.into_iter().map(|(id, _)| u64::from_be_bytes(id.as_slice().try_into().unwrap())).collect()
}

fn repair<'a>(session: SessionId, outbox: u64, content: &'a [u8]) -> RepairSession<'a> {
    RepairSession { session, outbox: OutboxId(outbox), content, offer: &[] }
}

impl World {
    fn alice_repairs(&mut self, outbox: u64, now: Timestamp) -> Result<Vec<OutgoingEnvelope>, VaultError> {
        self.alice.repair_session(repair(self.alice_session, outbox, b"anew, A"), now, &mut self.rng)
    }

    fn bob_repairs(&mut self, outbox: u64, now: Timestamp) -> Result<Vec<OutgoingEnvelope>, VaultError> {
        self.bob.repair_session(repair(self.bob_session, outbox, b"anew, B"), now, &mut self.rng)
    }

    fn alice_opens_at(&mut self, envelope: &OutgoingEnvelope, now: Timestamp) -> Opened {
        let incoming = self.incoming(&self.bob, envelope);
        self.alice.open_envelope(incoming, now, &mut self.rng).unwrap()
    }

    fn bob_opens_at(&mut self, envelope: &OutgoingEnvelope, now: Timestamp) -> Opened {
        let incoming = self.incoming(&self.alice, envelope);
        self.bob.open_envelope(incoming, now, &mut self.rng).unwrap()
    }
}

fn news(opened: &Opened) -> News {
    match opened {
        Opened::Message { news, .. } => *news,
        other => panic!("{other:?}"),
    }
}

const REPAIRED: News = News { repaired: true, ..NOTHING_NEW };

#[test]
fn each_side_is_handed_a_repair_bundle_and_stops_sending_it_once_it_is_known() {
    let w = in_step();
    let record = |vault: &Vault<MemoryStore>, session: SessionId| {
        let record: SessionRecord = vault.require(&session.key(), Thing::Session).unwrap();
        let repair: RepairRecord = vault.require(&session.key(), Thing::Session).unwrap();
        (record.marks, repair)
    };
    let (alices, alices_repair) = record(&w.alice, w.alice_session);
    let (bobs, bobs_repair) = record(&w.bob, w.bob_session);
    assert!(alices.acknowledged && bobs.acknowledged);
    assert_eq!((alices.theirs, bobs.theirs), (bobs.ours, alices.ours));
    assert_eq!(alices_repair.theirs.unwrap(), bobs_repair.given);
    assert_eq!(bobs_repair.theirs.unwrap(), alices_repair.given);
    assert_eq!(alices_repair.secret, bobs_repair.secret, "agreed at first contact");
}

#[test]
fn a_conversation_heals_after_one_side_is_restored_from_an_old_copy() {
    let mut w = in_step();
    let number = w.alice.safety_number(w.alice_session).unwrap();
    let old = w.alice.store.clone();
    exchange(&mut w, 3);
    w.alice = Vault::open(old).unwrap();

    // Alice does not know it. Her first message uses a number that was used before, and Bob says what is wrong.
    let lost = w.alice_seals(b"never read").remove(0);
    let told = w.bob_opens(&lost);
    assert!(matches!(told, Opened::RolledBack(_) | Opened::OutOfStep(_)), "{told:?}");
    let lost = w.bob_seals(b"nor this").remove(0);
    assert_eq!(w.alice_opens(&lost), Opened::OutOfStep(w.alice_session));

    let first = w.bob_repairs(500, NOW).unwrap();
    assert_eq!(first.len(), 2, "one for each of the peer's queues");
    let opened = w.alice_opens(&first[1]);
    assert_eq!((content(&opened), news(&opened)), (b"anew, B".as_slice(), REPAIRED));
    assert_eq!(w.alice_opens(&first[0]), opened, "either copy gives the same answer");
    exchange(&mut w, 3);
    assert_eq!(w.alice.safety_number(w.alice_session).unwrap(), number, "nothing changed for the people");
    assert_eq!(w.bob.safety_number(w.bob_session).unwrap(), number);
}

#[test]
fn the_restored_side_can_begin_as_well() {
    let mut w = in_step();
    let old = w.alice.store.clone();
    exchange(&mut w, 3);
    w.alice = Vault::open(old).unwrap();
    let first = w.alice_repairs(500, NOW).unwrap();
    assert_eq!(news(&w.bob_opens(&first[0])), REPAIRED);
    exchange(&mut w, 2);
    // And once more, from a copy of before that.
    let old = w.alice.store.clone();
    exchange(&mut w, 8);
    w.alice = Vault::open(old).unwrap();
    let first = w.alice_repairs(501, NOW.after(REPAIR_EVERY)).unwrap();
    assert_eq!(news(&w.bob_opens(&first[0])), REPAIRED);
    exchange(&mut w, 2);
}

#[test]
fn deposits_of_a_restored_vault_are_not_taken_for_repetitions() {
    let mut w = in_step();
    let old = w.alice.store.clone();
    let before: Vec<_> = (0..3).map(|_| w.alice_seals(b"x").remove(0).put_id).collect();
    w.alice = Vault::open(old).unwrap();
    let after: Vec<_> = (0..3).map(|_| w.alice_seals(b"x").remove(0).put_id).collect();
    assert!(before.iter().all(|id| !after.contains(id)));
}

#[test]
fn repairing_again_gives_the_same_bytes_and_opens_once() {
    let mut w = in_step();
    let first = w.bob_repairs(500, NOW).unwrap();
    w.bob = restarted(&w.bob);
    assert_eq!(w.bob_repairs(500, NOW).unwrap(), first, "also though the next one has to wait");
    let other = repair(w.bob_session, 500, b"other words");
    assert!(matches!(w.bob.repair_session(other, NOW, &mut w.rng), Err(VaultError::Conflict(Thing::Outbox))));
    let opened = w.alice_opens(&first[0]);
    w.alice = restarted(&w.alice);
    assert_eq!(w.alice_opens(&first[0]), opened);
    w.alice.forget(&[], &[inner(&opened)]).unwrap();
    assert_eq!(w.alice_opens(&first[1]), Opened::Duplicate(inner(&opened)));
}

#[test]
fn a_first_message_is_refused_when_it_is_played_again_even_after_duplicates_are_forgotten() {
    let mut w = in_step();
    let first = w.bob_repairs(500, NOW).unwrap();
    let hash = inner(&w.alice_opens(&first[0]));
    exchange(&mut w, 2);
    let late = NOW.after(DUPLICATE_FOR + DAY);
    w.alice.sweep(late).unwrap();
    assert!(w.alice.load::<OpenedRecord>(&hash.0).unwrap().is_none());
    assert_eq!(w.alice_opens_at(&first[0], late), Opened::Duplicate(hash));
    exchange(&mut w, 1);
}

#[test]
fn a_session_is_opened_anew_once_in_ten_minutes_whoever_begins() {
    let mut w = in_step();
    let first = w.bob_repairs(500, NOW).unwrap();
    assert!(matches!(w.bob_repairs(501, NOW), Err(VaultError::RateLimited { .. })));
    w.alice_opens(&first[0]);
    match w.alice_repairs(502, NOW.after(REPAIR_EVERY / 2)) {
        Err(VaultError::RateLimited { retry_after }) => assert_eq!(retry_after, REPAIR_EVERY / 2),
        other => panic!("{other:?}"),
    }
    assert!(w.alice_repairs(502, NOW.after(REPAIR_EVERY)).is_ok());
    // Ten new contacts are still free.
    for invite in 100..109 {
        w.alice.begin_invite(InviteId(invite), RELAY, NOW, &mut w.rng).unwrap();
    }
}

#[test]
fn when_both_begin_at_once_the_lower_transcript_wins_at_both() {
    let mut wins = [0, 0];
    for seed in 0..12 {
        let mut w = in_step();
        w.rng = ChaCha20Rng::seed_from_u64(1_000 + seed);
        let alices = w.alice_repairs(500, NOW).unwrap();
        let bobs = w.bob_repairs(501, NOW).unwrap();
        let (at_bob, at_alice) = (w.bob_opens(&alices[0]), w.alice_opens(&bobs[0]));
        let alice_won = matches!(at_bob, Opened::Message { .. });
        wins[usize::from(alice_won)] += 1;
        let (winner, loser) = if alice_won { (&at_bob, &at_alice) } else { (&at_alice, &at_bob) };
        assert_eq!(news(winner), REPAIRED, "which says: seal anew what is not acknowledged");
        assert_eq!(*loser, Opened::Unreadable);
        // The second copies change nothing.
        w.bob_opens(&alices[1]);
        w.alice_opens(&bobs[1]);
        exchange(&mut w, 2);
    }
    assert!(wins[0] > 0 && wins[1] > 0, "{wins:?}");
}

#[test]
fn what_was_under_way_before_a_repair_still_opens() {
    let mut w = in_step();
    let early = [w.alice_seals(b"early").remove(0), w.alice_seals(b"earlier").remove(0)];
    let from_bob = w.bob_seals(b"from Bob").remove(0);
    let first = w.bob_repairs(500, NOW).unwrap();
    assert_eq!(content(&w.bob_opens(&early[1])), b"earlier", "at who began");
    w.alice_opens(&first[0]);
    assert_eq!(content(&w.alice_opens(&from_bob)), b"from Bob", "at the other side");
    exchange(&mut w, 1);
    assert_eq!(content(&w.bob_opens(&early[0])), b"early");
    // As long as a relay keeps it, and no longer.
    w.bob.sweep(NOW.after(FORMER_KEPT)).unwrap();
    assert_eq!(ids(&w.bob, Table::Former).len(), 1);
    w.bob.sweep(NOW.after(FORMER_KEPT + HOUR)).unwrap();
    assert!(ids(&w.bob, Table::Former).is_empty());
}

#[test]
fn where_both_sides_were_restored_or_the_bundle_is_missing_or_too_old_it_says_invite_again() {
    // Nothing was ever handed over.
    let mut w = invited();
    let accepted = w.bob.accept_invite(acceptance(&w.blob, b"hi"), NOW, &mut w.rng).unwrap();
    w.bob_session = accepted.session;
    assert!(matches!(w.bob_repairs(500, NOW), Err(VaultError::InviteAgain)));

    // A year of silence.
    let mut w = in_step();
    let late = NOW.after(REPAIR_VALID + HOUR);
    assert!(w.bob_repairs(500, NOW.after(REPAIR_VALID)).is_ok());
    assert!(matches!(w.alice_repairs(500, late), Err(VaultError::InviteAgain)));
}

/// Both are restored from before the keys were made that the other side holds.
#[test]
fn two_sides_that_lost_their_keys_find_out_and_say_invite_again() {
    let mut w = in_step();
    for vault in [&mut w.alice, &mut w.bob] {
        for session in ids(vault, Table::Repair) {
            let key = session.to_be_bytes();
            let mut repair: RepairRecord = vault.require(&key, Thing::Session).unwrap();
            repair.own.clear();
            let mut changes = Changes::default();
            changes.put_record(&key, &repair).unwrap();
            vault.store.commit(&changes).unwrap();
        }
    }
    let mut now = NOW;
    let mut ended = None;
    for round in 0..6 {
        let (alices, bobs) = (w.alice_repairs(500 + round, now), w.bob_repairs(600 + round, now));
        match (alices, bobs) {
            (Ok(alices), Ok(bobs)) => {
                assert_eq!(w.bob_opens(&alices[0]), Opened::OutOfStep(w.bob_session));
                assert_eq!(w.bob_opens(&alices[1]), Opened::OutOfStep(w.bob_session));
                assert_eq!(w.alice_opens(&bobs[0]), Opened::OutOfStep(w.alice_session));
            }
            (Err(VaultError::InviteAgain), _) => {
                ended = Some(round);
                break;
            }
            other => panic!("{other:?}"),
        }
        now = now.after(REPAIR_EVERY);
    }
    assert_eq!(
        ended,
        Some(3),
        "the first says nothing, the second tells, the third shows that telling did not help"
    );
}

#[test]
fn a_side_whose_attempt_cannot_be_opened_gives_way_even_with_the_lower_transcript() {
    for seed in 0..6 {
        let mut w = in_step();
        w.rng = ChaCha20Rng::seed_from_u64(2_000 + seed);
        // Alice lost the keys that Bob holds a bundle of.
        let mut repair: RepairRecord = w.alice.require(&w.alice_session.key(), Thing::Session).unwrap();
        repair.own.clear();
        let mut changes = Changes::default();
        changes.put_record(&w.alice_session.key(), &repair).unwrap();
        w.alice.store.commit(&changes).unwrap();

        let bobs = w.bob_repairs(500, NOW).unwrap();
        assert_eq!(w.alice_opens(&bobs[0]), Opened::OutOfStep(w.alice_session));
        let alices = w.alice_repairs(501, NOW).unwrap();
        assert_eq!(news(&w.bob_opens(&alices[0])), REPAIRED);
        let envelope = w.bob_seals(b"here again").remove(0);
        assert_eq!(content(&w.alice_opens(&envelope)), b"here again");
    }
}

#[test]
fn keys_for_repair_are_renewed_weekly_and_kept_for_ninety_days_after_the_peer_has_newer_ones() {
    let mut w = in_step();
    let own = |w: &World| {
        let repair: RepairRecord = w.alice.require(&w.alice_session.key(), Thing::Session).unwrap();
        repair.own.iter().map(|own| own.keys.id()).collect::<Vec<_>>()
    };
    let first = own(&w);
    assert_eq!(first.len(), 1);
    let round = |w: &mut World, now: Timestamp| {
        for _ in 0..2 {
            let envelope = w.bob_seals(b"x").remove(0);
            w.alice_opens_at(&envelope, now);
            let envelope = w.alice_seals(b"y").remove(0);
            w.bob_opens(&envelope);
        }
        forget_all(w);
    };
    round(&mut w, NOW.after(REPAIR_RENEWED - HOUR));
    assert_eq!(own(&w), first);
    let mut now = NOW;
    for week in 1..=13_u32 {
        now = NOW.after(REPAIR_RENEWED * week + HOUR);
        round(&mut w, now);
        assert_eq!(own(&w).len(), 1 + usize::try_from(week).unwrap());
    }
    assert!(own(&w).contains(&first[0]), "91 days old, and 84 superseded");
    now = now.after(REPAIR_RENEWED + HOUR);
    round(&mut w, now);
    assert!(!own(&w).contains(&first[0]));
    // A peer that was restored from a copy of twelve weeks ago can still come back.
    assert_eq!(own(&w).len(), 14);
}

#[test]
fn a_message_that_comes_late_does_not_put_an_older_repair_bundle_back() {
    let mut w = connected();
    let marks: SessionRecord = w.alice.require(&w.alice_session.key(), Thing::Session).unwrap();
    assert!(!marks.marks.acknowledged, "so this message carries the first bundle");
    let late = w.alice_seals(b"late").remove(0);
    exchange(&mut w, 2);
    let given =
        |w: &World| -> RepairRecord { w.alice.require(&w.alice_session.key(), Thing::Session).unwrap() };
    let kept = |w: &World| -> RepairRecord { w.bob.require(&w.bob_session.key(), Thing::Session).unwrap() };
    let first = given(&w).given;
    let later = NOW.after(REPAIR_RENEWED + HOUR);
    for _ in 0..2 {
        let envelope = w.bob_seals(b"x").remove(0);
        w.alice_opens_at(&envelope, later);
        let envelope = w.alice_seals(b"y").remove(0);
        w.bob_opens_at(&envelope, later);
    }
    let newest = given(&w).given;
    assert!(newest != first && kept(&w).theirs.as_ref() == Some(&newest));
    assert_eq!(content(&w.bob_opens_at(&late, later)), b"late");
    assert_eq!(kept(&w).theirs.unwrap(), newest);
}

#[test]
fn another_identity_opens_no_session_anew_and_the_same_one_stays_verified() {
    let mut w = in_step();
    let digits = w.alice.safety_number(w.alice_session).unwrap().digits;
    w.alice.set_verified(w.alice_session, Some(&digits)).unwrap();
    let first = w.bob_repairs(500, NOW).unwrap();
    assert_eq!(news(&w.alice_opens(&first[0])), REPAIRED);
    assert!(w.alice.session(w.alice_session).unwrap().1, "still verified");
    exchange(&mut w, 2);

    let number = w.alice.safety_number(w.alice_session).unwrap();
    let before = w.alice.store.read(Table::Session, &w.alice_session.key()).unwrap();
    let mut contact: ContactRecord = w.bob.require(&w.bob_session.key(), Thing::Session).unwrap();
    contact.own = crate::identity::Identity::generate(NOW, &mut w.rng);
    let mut changes = Changes::default();
    changes.put_record(&w.bob_session.key(), &contact).unwrap();
    w.bob.store.commit(&changes).unwrap();
    let later = NOW.after(REPAIR_EVERY);
    for envelope in w.bob_repairs(501, later).unwrap() {
        assert!(matches!(w.alice_opens_at(&envelope, later), Opened::Unreadable | Opened::OpenedTwice(_)));
    }
    assert_eq!(w.alice.safety_number(w.alice_session).unwrap(), number);
    assert!(w.alice.session(w.alice_session).unwrap().1, "still verified, and the same person");
    assert_eq!(w.alice.store.read(Table::Session, &w.alice_session.key()).unwrap(), before);
}

#[test]
fn without_the_secret_of_the_first_contact_nobody_opens_a_session_anew() {
    let mut w = in_step();
    let mut repair: RepairRecord = w.bob.require(&w.bob_session.key(), Thing::Session).unwrap();
    repair.secret = Secret32::random(&mut w.rng);
    let mut changes = Changes::default();
    changes.put_record(&w.bob_session.key(), &repair).unwrap();
    w.bob.store.commit(&changes).unwrap();
    let before = w.alice.store.read(Table::Session, &w.alice_session.key()).unwrap();
    let first = w.bob_repairs(500, NOW).unwrap();
    assert!(matches!(w.alice_opens(&first[0]), Opened::Unreadable | Opened::OpenedTwice(_)));
    assert!(matches!(w.alice_opens(&first[1]), Opened::Unreadable | Opened::OpenedTwice(_)));
    assert_eq!(w.alice.store.read(Table::Session, &w.alice_session.key()).unwrap(), before);
}

#[test]
fn removing_a_session_leaves_nothing_of_its_repairs() {
    let mut w = in_step();
    let first = w.bob_repairs(500, NOW).unwrap();
    w.alice_opens(&first[0]);
    w.alice.begin_comparison(w.alice_session, &mut w.rng).unwrap();
    w.alice.remove_session(w.alice_session).unwrap();
    for table in [Table::Session, Table::Contact, Table::Repair, Table::Former, Table::Comparison] {
        assert!(w.alice.store.all(table).unwrap().is_empty(), "{table:?}");
    }
}

// ---- contact addresses

const ADDRESS: AddressId = AddressId(5);

/// Alice has an address with its queue at a relay.
fn addressed() -> (World, PublishedAddress) {
    let mut w = invited();
    w.alice.begin_receive_queue(ReceiveQueueId(60), RELAY, &mut w.rng).unwrap();
    w.alice.finish_receive_queue(ReceiveQueueId(60), created(6).0).unwrap();
    w.receive_queues.insert(created(6).0.sender_queue, ReceiveQueueId(60));
    let id = w.alice.create_address(ADDRESS, ReceiveQueueId(60), NOW, &mut w.rng).unwrap();
    let published = w.alice.address_bundle(ADDRESS, NOW, &mut w.rng).unwrap();
    assert_eq!((published.id, published.record.len()), (id, crate::ADDRESS_RECORD_BYTES));
    (w, published)
}

fn contacting<'a>(published: &'a PublishedAddress, content: &'a [u8]) -> ContactAddress<'a> {
    ContactAddress {
        contact: AcceptId(7),
        id: published.id,
        untrusted_record: &published.record,
        receive_queues: &[],
        outbox: OutboxId(70),
        content,
    }
}

fn visit<'a>(accepted: &'a AcceptedInvite, envelope: &'a OutgoingEnvelope) -> IncomingEnvelope<'a> {
    IncomingEnvelope {
        receive_queue: ReceiveQueueId(60),
        untrusted_sender: accepted.peer_queues[0].sender_key,
        untrusted_envelope: &envelope.bytes,
    }
}

#[test]
fn strangers_come_through_an_address_one_after_another_and_each_has_a_session() {
    let (mut w, published) = addressed();
    let mut sessions = Vec::new();
    for seed in 0..3 {
        let (mut stranger, mut rng) = vault(100 + seed);
        let text = [b'a' + u8::try_from(seed).unwrap()];
        let accepted = stranger.contact_address(contacting(&published, &text), NOW, &mut rng).unwrap();
        let opened =
            w.alice.open_envelope(visit(&accepted, &accepted.envelopes[0]), NOW, &mut w.rng).unwrap();
        assert_eq!(content(&opened), text);
        assert_eq!(news(&opened), News { visitor_of: Some(ADDRESS), ..NOTHING_NEW });
        let Opened::Message { session, .. } = opened else { panic!() };
        let number = stranger.safety_number(accepted.session).unwrap();
        assert_eq!(w.alice.safety_number(session).unwrap(), number);

        // And what follows in that session comes the same way.
        let request = SealEnvelope {
            session: accepted.session,
            outbox: OutboxId(71),
            content: b"and more",
            offer: &[],
        };
        let more = stranger.seal_envelope(request, &mut rng).unwrap();
        let opened = w.alice.open_envelope(visit(&accepted, &more[0]), NOW, &mut w.rng).unwrap();
        assert!(matches!(opened, Opened::Message { session: of, .. } if of == session));
        sessions.push(session);
    }
    sessions.sort();
    sessions.dedup();
    assert_eq!(sessions.len(), 3);
    // Forgetting one leaves the address to the others.
    w.alice.remove_session(sessions[0]).unwrap();
    assert!(w.alice.load::<records::ReceiveQueueRecord>(&ReceiveQueueId(60).key()).unwrap().is_some());
    assert_eq!(w.alice.store.all(Table::Visitor).unwrap().len(), 2);
}

#[test]
fn contacting_again_gives_the_same_session_and_bytes() {
    let (_, published) = addressed();
    let (mut stranger, mut rng) = vault(100);
    let first = stranger.contact_address(contacting(&published, b"hi"), NOW, &mut rng).unwrap();
    let mut stranger = restarted(&stranger);
    assert_eq!(stranger.contact_address(contacting(&published, b"hi"), NOW, &mut rng).unwrap(), first);
    let other = ContactAddress { id: [1; 32], ..contacting(&published, b"hi") };
    assert!(matches!(
        stranger.contact_address(other, NOW, &mut rng),
        Err(VaultError::Conflict(Thing::Accept))
    ));
}

#[test]
fn an_addresss_keys_change_weekly_and_old_ones_open_first_messages_for_three_weeks_more() {
    let (mut w, published) = addressed();
    let same = w.alice.address_bundle(ADDRESS, NOW.after(ADDRESS_RENEWED - HOUR), &mut w.rng).unwrap();
    assert_eq!(same, published, "the same bytes for a week");
    let (mut stranger, mut rng) = vault(100);
    let last_moment = NOW.after(ADDRESS_VALID - HOUR);
    let accepted = stranger.contact_address(contacting(&published, b"hi"), last_moment, &mut rng).unwrap();
    for week in 1..=4_u32 {
        let renewed = w.alice.address_bundle(ADDRESS, NOW.after(ADDRESS_RENEWED * week), &mut w.rng).unwrap();
        assert_ne!(renewed.record, published.record);
        assert_eq!(renewed.id, published.id, "the same person");
    }
    let incoming = visit(&accepted, &accepted.envelopes[0]);
    let end = NOW.after(ADDRESS_VALID + HELD_AT_RELAY);
    let mut too_late = restarted(&w.alice);
    assert!(matches!(
        too_late.open_envelope(incoming, end.after(HOUR), &mut w.rng).unwrap(),
        Opened::Unreadable
    ));
    assert_eq!(content(&w.alice.open_envelope(incoming, end, &mut w.rng).unwrap()), b"hi");
    // In the sixth week the first week's keys are gone.
    w.alice.address_bundle(ADDRESS, NOW.after(ADDRESS_RENEWED * 5), &mut w.rng).unwrap();
    let bytes = w.alice.store.read(Table::Address, &ADDRESS.key()).unwrap().unwrap();
    assert!(bytes.len() < crate::ADDRESS_RECORD_BYTES + 300 + 5 * 160, "{} B", bytes.len());
}

#[test]
fn a_record_that_is_altered_expired_or_somebody_elses_is_refused() {
    let (mut w, published) = addressed();
    let (mut stranger, mut rng) = vault(100);
    let mut refusal = |request: ContactAddress<'_>, now| match stranger
        .contact_address(request, now, &mut rng)
        .unwrap_err()
    {
        VaultError::Invite(error) => error,
        other => panic!("{other}"),
    };
    let request = contacting(&published, b"hi");
    assert_eq!(refusal(request, NOW.after(ADDRESS_VALID + HOUR)), InviteError::Expired);
    assert_eq!(refusal(ContactAddress { id: [9; 32], ..request }, NOW), InviteError::Altered);
    for at in (0..published.record.len()).step_by(53) {
        let mut altered = published.record.clone();
        altered[at] ^= 1;
        let altered = refusal(ContactAddress { untrusted_record: &altered, ..request }, NOW);
        assert!(matches!(altered, InviteError::Altered | InviteError::NewerVersion), "byte {at}");
    }
    let longer = [published.record.as_slice(), &[0]].concat();
    assert_eq!(refusal(ContactAddress { untrusted_record: &longer, ..request }, NOW), InviteError::Altered);
    assert!(matches!(
        w.alice.contact_address(request, NOW, &mut w.rng),
        Err(VaultError::Invite(InviteError::Own))
    ));
}

#[test]
fn a_first_message_to_an_address_makes_one_session_however_often_it_is_played() {
    let (mut w, published) = addressed();
    let (mut stranger, mut rng) = vault(100);
    let accepted = stranger.contact_address(contacting(&published, b"hi"), NOW, &mut rng).unwrap();
    let incoming = visit(&accepted, &accepted.envelopes[0]);
    let hash = inner(&w.alice.open_envelope(incoming, NOW, &mut w.rng).unwrap());
    w.alice.forget(&[], &[hash]).unwrap();
    assert_eq!(w.alice.open_envelope(incoming, NOW, &mut w.rng).unwrap(), Opened::Duplicate(hash));
    // Past the memory of duplicates, and yet before the keys are gone.
    let mut changes = Changes::default();
    for (id, _) in w.alice.store.all(Table::Marks).unwrap() {
        changes.delete(Table::Marks, &id);
    }
    w.alice.store.commit(&changes).unwrap();
    let late = NOW.after(ADDRESS_VALID + HELD_AT_RELAY - HOUR);
    w.alice.sweep(late).unwrap();
    assert_eq!(w.alice.open_envelope(incoming, late, &mut w.rng).unwrap(), Opened::Duplicate(hash));
    assert_eq!(w.alice.sessions().unwrap().len(), 1);
    w.alice.sweep(late.after(DAY)).unwrap();
    assert!(w.alice.store.all(Table::Replay).unwrap().is_empty(), "as long as the keys, and no longer");
}

#[test]
fn strangers_are_limited_and_do_not_use_up_the_users_own_new_contacts() {
    let (mut w, published) = addressed();
    let mut turned_away = Vec::new();
    for seed in 0..=VISITORS_MAX {
        let (mut stranger, mut rng) = vault(200 + u64::try_from(seed).unwrap());
        let accepted = stranger.contact_address(contacting(&published, b"hi"), NOW, &mut rng).unwrap();
        let before = rows(&w.alice);
        let opened =
            w.alice.open_envelope(visit(&accepted, &accepted.envelopes[0]), NOW, &mut w.rng).unwrap();
        if opened == Opened::TurnedAway(ADDRESS) {
            assert!(rows(&w.alice) == before, "without a write");
            turned_away.push(seed);
        }
    }
    assert_eq!(turned_away, [VISITORS_MAX], "the last one, told as an answer: an error is asked about again");
    assert!(w.alice.begin_invite(InviteId(90), RELAY, NOW, &mut w.rng).is_ok());
}

#[test]
fn an_address_takes_a_queue_of_its_own_and_counts_as_an_identity() {
    let (mut w, _) = addressed();
    let (rng, alice) = (&mut w.rng, &mut w.alice);
    assert!(alice.create_address(ADDRESS, ReceiveQueueId(60), NOW, rng).is_ok(), "the same again");
    let conflict = alice.create_address(ADDRESS, ReceiveQueueId(1), NOW, rng);
    assert!(matches!(conflict, Err(VaultError::Conflict(Thing::Address))));
    for taken in [60, 1] {
        let refused = alice.create_address(AddressId(6), ReceiveQueueId(taken), NOW, rng);
        assert!(matches!(refused, Err(VaultError::WrongPurpose(Thing::ReceiveQueue))), "{taken}");
    }
    for more in 0..8 {
        alice.begin_receive_queue(ReceiveQueueId(70 + more), RELAY, rng).unwrap();
        alice.finish_receive_queue(ReceiveQueueId(70 + more), created(9).0).unwrap();
        alice.create_address(AddressId(70 + more), ReceiveQueueId(70 + more), NOW, rng).unwrap();
    }
    let refused = alice.begin_invite(InviteId(99), RELAY, NOW, rng);
    assert!(matches!(refused, Err(VaultError::RateLimited { .. })), "an invite, and nine addresses");
    alice.remove_address(ADDRESS).unwrap();
    alice.remove_address(ADDRESS).unwrap();
    assert!(matches!(alice.address_bundle(ADDRESS, NOW, rng), Err(VaultError::NoSuch(Thing::Address))));
}

#[test]
fn a_visitors_session_heals_like_any_other() {
    let (mut w, published) = addressed();
    let (mut stranger, mut rng) = vault(100);
    let accepted = stranger.contact_address(contacting(&published, b"hi"), NOW, &mut rng).unwrap();
    let opened = w.alice.open_envelope(visit(&accepted, &accepted.envelopes[0]), NOW, &mut w.rng).unwrap();
    let Opened::Message { session, .. } = opened else { panic!() };
    // Alice answers over a queue that the stranger offers, and so hands over her bundle.
    stranger.begin_receive_queue(ReceiveQueueId(80), OTHER_RELAY, &mut rng).unwrap();
    stranger.finish_receive_queue(ReceiveQueueId(80), created(8).0).unwrap();
    let request = SealEnvelope {
        session: accepted.session,
        outbox: OutboxId(71),
        content: b"here I am",
        offer: &[ReceiveQueueId(80)],
    };
    let more = stranger.seal_envelope(request, &mut rng).unwrap();
    let opened = w.alice.open_envelope(visit(&accepted, &more[0]), NOW, &mut w.rng).unwrap();
    let Opened::Message { peer_queues, .. } = opened else { panic!() };
    let request = SealEnvelope { session, outbox: OutboxId(72), content: b"welcome", offer: &[] };
    let answer = w.alice.seal_envelope(request, &mut w.rng).unwrap();
    let incoming = IncomingEnvelope {
        receive_queue: ReceiveQueueId(80),
        untrusted_sender: peer_queues[0].sender_key,
        untrusted_envelope: &answer[0].bytes,
    };
    assert_eq!(content(&stranger.open_envelope(incoming, NOW, &mut rng).unwrap()), b"welcome");
    let first = stranger.repair_session(repair(accepted.session, 73, b"anew"), NOW, &mut rng).unwrap();
    let opened = w.alice.open_envelope(visit(&accepted, &first[0]), NOW, &mut w.rng).unwrap();
    assert_eq!((content(&opened), news(&opened)), (b"anew".as_slice(), REPAIRED));
}

// ---- comparing

#[test]
fn a_code_that_matches_verifies_and_any_other_does_not() {
    let mut w = in_step();
    let (a, b) = (w.alice_session, w.bob_session);
    let shown = w.bob.verification_code(b).unwrap();
    let own = w.alice.verification_code(a).unwrap();
    assert_eq!(w.alice.compare_code(a, &own).unwrap(), crate::identity::Comparison::OtherPerson);
    assert_eq!(w.alice.compare_code(a, "x").unwrap(), crate::identity::Comparison::NotACode);
    assert!(!w.alice.session(a).unwrap().1);
    assert_eq!(w.alice.compare_code(a, &shown).unwrap(), crate::identity::Comparison::Match);
    assert!(restarted(&w.alice).session(a).unwrap().1, "kept");
    w.alice.set_verified(a, None).unwrap();
    w.alice.set_verified(a, None).unwrap();
    assert!(!w.alice.session(a).unwrap().1);
    let others = w.alice.set_verified(a, Some("12345"));
    assert!(matches!(others, Err(VaultError::NumberChanged)), "somebody else's number");
    assert!(!w.alice.session(a).unwrap().1);
    for digits in [None, Some("12345")] {
        let nobody = w.alice.set_verified(SessionId(9), digits);
        assert!(matches!(nobody, Err(VaultError::NoSuch(Thing::Session))));
    }
}

#[path = "comparison_tests.rs"]
mod comparing;

#[path = "clock_tests.rs"]
mod clocks;

#[path = "growth_tests.rs"]
mod growth;

#[path = "hostile_tests.rs"]
mod hostile;
