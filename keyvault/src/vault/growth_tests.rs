//! What a contact, a stranger or a taken-over stored can make the vault grow by.

use super::*;
use crate::reopened::reopened;
use crate::sealed::{LockedVault, SealedStore};
use crate::store::TABLES;
use crate::unlock::Cost;

type OnDisk = Vault<SealedStore<ChaCha20Rng>>;

/// The same vault in a file.
fn on_disk(vault: &Vault<MemoryStore>) -> (tempfile::NamedTempFile, OnDisk) {
    let file = tempfile::NamedTempFile::new().unwrap();
    let (cost, rng) = (Cost::for_tests(), ChaCha20Rng::seed_from_u64(7));
    let mut store = LockedVault::create_with_floor(reopened(&file), b"pass", cost, cost, rng).unwrap();
    let mut changes = Changes::default();
    for table in TABLES {
        for (id, record) in vault.store.all(table).unwrap() {
            changes.put(table, &id, record);
        }
    }
    store.commit(&changes).unwrap();
    store.defer();
    (file, Vault::open(store).unwrap())
}

fn records(vault: &OnDisk) -> usize {
    TABLES.iter().map(|table| vault.store.all(*table).unwrap().len()).sum()
}

#[allow(clippy::disallowed_methods, reason = "a test that measures")]
fn timed(call: impl FnOnce()) -> Duration {
    let start = std::time::Instant::now();
    call();
    start.elapsed()
}

/// The longest call, compaction and sweep of a flood.
#[derive(Default, Debug)]
struct Longest {
    call: Duration,
    compaction: Duration,
    sweep: Duration,
}

/// Bob sends texts, and Alice receives, forgets, and gets the other copy of each.
fn flood(w: &mut World, alice: &mut OnDisk, texts: std::ops::Range<u64>) -> Longest {
    let mut longest = Longest::default();
    for text in texts {
        let envelopes = w.bob_seals(&text.to_be_bytes());
        w.bob.forget(&[OutboxId(w.next_outbox)], &[]).unwrap();
        let call = timed(|| {
            let first = w.incoming(&w.bob, &envelopes[0]);
            let opened = alice.open_envelope(first, NOW, &mut w.rng).unwrap();
            assert_eq!(content(&opened), text.to_be_bytes());
            alice.forget(&[], &[inner(&opened)]).unwrap();
            let second = w.incoming(&w.bob, &envelopes[1]);
            let again = alice.open_envelope(second, NOW, &mut w.rng).unwrap();
            assert_eq!(again, Opened::Duplicate(inner(&opened)));
        });
        longest.call = longest.call.max(call);
        if text % 32 == 0 {
            alice.flush().unwrap();
        }
        if text % 1_000 == 0 {
            longest.compaction = longest.compaction.max(timed(|| alice.store_mut().compact().unwrap()));
            longest.sweep = longest.sweep.max(timed(|| alice.sweep(NOW).unwrap()));
        }
    }
    longest
}

#[test]
fn a_contact_who_sends_without_end_does_not_make_the_vault_grow() {
    let mut w = in_step();
    let (file, mut alice) = on_disk(&w.alice);
    let length = || file.as_file().metadata().unwrap().len();
    flood(&mut w, &mut alice, 0..1_000);
    let (length_before, records_before) = (length(), records(&alice));
    flood(&mut w, &mut alice, 1_000..5_000);
    let (grown, more) = (length() - length_before, records(&alice) - records_before);
    assert!(grown < 4_000 * 250, "{} B a message", grown / 4_000);
    assert!(more <= 4_000 / MARKS_A_RECORD + 2, "{more} records");
    // And all of it goes with the contact.
    alice.remove_session(w.alice_session).unwrap();
    assert!(records(&alice) <= 3, "{} records", records(&alice));
}

#[test]
#[ignore = "long: half a million texts over a real file"]
fn half_a_million_texts_of_one_contact_fit_a_small_vault_and_stall_nothing() {
    let mut w = in_step();
    let (file, mut alice) = on_disk(&w.alice);
    let longest = flood(&mut w, &mut alice, 0..500_000);
    let (length, records) = (file.as_file().metadata().unwrap().len(), records(&alice));
    println!("figure: 500,000 texts of one contact: {length} B, {records} records, at most {longest:?}");
    assert!(length < 64 << 20 && records < 200, "{length} B, {records} records");
    assert!(cfg!(debug_assertions) || longest.call < Duration::from_millis(50), "{longest:?}");
}

/// What Bob's vault makes of one and the same state, each time another first message.
fn hostile_repair(w: &mut World, outbox: u64, now: Timestamp) -> Opened {
    let mut clone = Vault::open(w.bob.store.clone()).unwrap();
    let first = clone.repair_session(repair(w.bob_session, outbox, b"anew"), now, &mut w.rng).unwrap();
    let incoming = w.incoming(&clone, &first[0]);
    let opened = w.alice.open_envelope(incoming, now, &mut w.rng).unwrap();
    if let Opened::Message { inner, .. } = opened {
        w.alice.forget(&[], &[inner]).unwrap();
    }
    opened
}

#[test]
fn a_peers_repairs_are_taken_one_in_ten_minutes_and_a_few_more_at_once() {
    let mut w = in_step();
    let mut taken = 0;
    for outbox in 0..50 {
        let before = rows(&w.alice);
        match hostile_repair(&mut w, 500 + outbox, NOW) {
            Opened::Message { .. } => taken += 1,
            told => {
                assert_eq!(told, Opened::OutOfStep(w.alice_session), "so it heals, should it be honest");
                assert!(rows(&w.alice) == before, "without a write");
            }
        }
    }
    assert_eq!(taken, REPAIRS_TAKEN);
    let mut later = |minutes: u64| {
        let now = NOW.after(Duration::from_secs(60 * minutes));
        matches!(hostile_repair(&mut w, 600 + minutes, now), Opened::Message { .. })
    };
    assert!(!later(29) && later(30) && later(31) && later(32) && !later(33));
}

#[test]
fn what_is_remembered_of_a_peers_repairs_is_bounded_and_a_bundle_is_used_up() {
    let mut w = in_step();
    let of_repairs = |w: &World| {
        let bytes = w.alice.store.read(Table::Repair, &w.alice_session.key()).unwrap().unwrap();
        (bytes.len(), w.alice.store.all(Table::Replay).unwrap().len())
    };
    let mut taken = 0;
    for number in 0..60 {
        let now = NOW.after(Duration::from_secs(60 * 11 * number));
        taken += usize::from(matches!(hostile_repair(&mut w, 500 + number, now), Opened::Message { .. }));
    }
    assert_eq!(taken, REPAIRS_A_KEY, "then its keys are as if they were gone");
    let (length, replays) = of_repairs(&w);
    assert!(length < 6_000 && replays == 0, "{length} B, {replays} records");
}

#[test]
fn a_repair_that_is_played_again_is_told_as_a_duplicate_though_too_many_came() {
    let mut w = in_step();
    let first = w.bob_repairs(500, NOW).unwrap();
    let hash = inner(&w.alice_opens(&first[0]));
    w.alice.forget(&[], &[hash]).unwrap();
    for outbox in 0..5 {
        hostile_repair(&mut w, 600 + outbox, NOW.after(REPAIR_EVERY));
    }
    let mut changes = Changes::default();
    w.alice.drop_marks(w.alice_session, &mut changes).unwrap();
    w.alice.store.commit(&changes).unwrap();
    assert_eq!(w.alice_opens(&first[1]), Opened::Duplicate(hash));
}

#[test]
fn receive_queues_that_are_offered_to_nobody_are_bounded_and_the_oldest_make_room() {
    let mut w = connected();
    let before = w.alice.receive_queue_count();
    for number in 0..2_000 {
        w.alice.begin_receive_queue(ReceiveQueueId(10_000 + number), RELAY, &mut w.rng).unwrap();
    }
    let bound = before + UNOFFERED_MAX;
    assert!(w.alice.receive_queue_count() <= bound, "{}", w.alice.receive_queue_count());
    w.alice = restarted(&w.alice);
    w.alice.begin_receive_queue(ReceiveQueueId(20_000), RELAY, &mut w.rng).unwrap();
    assert!(w.alice.receive_queue_count() <= bound, "{}", w.alice.receive_queue_count());
    let is_there = |w: &World, id: u64| {
        w.alice.load::<records::ReceiveQueueRecord>(&ReceiveQueueId(id).key()).unwrap().is_some()
    };
    assert!(is_there(&w, 20_000) && is_there(&w, 11_999) && !is_there(&w, 10_000));
    assert!(is_there(&w, 1) && is_there(&w, 30), "what serves somebody stays");
}

#[test]
fn receive_queues_that_were_offered_to_one_peer_are_bounded_and_the_newest_stay() {
    let mut w = connected();
    for number in 0..40 {
        let id = ReceiveQueueId(100 + number);
        w.alice.begin_receive_queue(id, RELAY, &mut w.rng).unwrap();
        w.alice.finish_receive_queue(id, created(9).0).unwrap();
        let request = SealEnvelope {
            session: w.alice_session,
            outbox: OutboxId(500 + number),
            content: b"another queue",
            offer: &[id],
        };
        w.alice.seal_envelope(request, &mut w.rng).unwrap();
    }
    let (info, _) = w.alice.session(w.alice_session).unwrap();
    assert_eq!(info.receive_queues.len(), RECEIVE_QUEUES_MAX);
    assert_eq!(info.receive_queues.last(), Some(&ReceiveQueueId(139)));
    assert_eq!(w.alice.receive_queue_count(), RECEIVE_QUEUES_MAX);
}

#[test]
fn strangers_who_were_not_removed_are_bounded() {
    let (mut w, published) = addressed();
    let mut changes = Changes::default();
    for number in 0..VISITORS_KEPT_MAX {
        let bytes = [[1].as_slice(), &7_u64.to_be_bytes()].concat();
        changes.put(Table::Visitor, &number.to_be_bytes(), crate::memory::SecretBytes::new(bytes));
    }
    w.alice.store.commit(&changes).unwrap();
    let (mut stranger, mut rng) = vault(100);
    let accepted = stranger.contact_address(contacting(&published, b"hi"), NOW, &mut rng).unwrap();
    let incoming = visit(&accepted, &accepted.envelopes[0]);
    let before = rows(&w.alice);
    assert_eq!(w.alice.open_envelope(incoming, NOW, &mut w.rng).unwrap(), Opened::TurnedAway(ADDRESS));
    assert!(rows(&w.alice) == before);
    let mut changes = Changes::default();
    changes.delete(Table::Visitor, &7_usize.to_be_bytes());
    w.alice.store.commit(&changes).unwrap();
    assert_eq!(content(&w.alice.open_envelope(incoming, NOW, &mut w.rng).unwrap()), b"hi");
}

/// As a vault of an earlier version lies in its store.
#[test]
fn what_an_earlier_version_kept_of_messages_and_repairs_is_understood_and_goes_in_time() {
    let mut w = in_step();
    let envelopes = w.bob_seals(b"old");
    let hash = inner(&w.alice_opens(&envelopes[0]));
    let mut changes = Changes::default();
    w.alice.drop_marks(w.alice_session, &mut changes).unwrap();
    changes.put_record(&hash.0, &OpenedRecord::Forgotten(NOW)).unwrap();
    let used = [w.alice_session.key().as_slice(), &[3; 32], &7_u32.to_be_bytes()].concat();
    changes.put_record(&used, &records::UsedRecord { hash: hash.cut(), at: NOW }).unwrap();
    for (table, key) in [(Table::Repair, w.alice_session.key().as_slice()), (Table::Meta, b"vault")] {
        let record = w.alice.store.read(table, key).unwrap().unwrap();
        // What they end with now: of its one key no agreement, and no moment; or the queues.
        let more = if table == Table::Repair { 1 + 2 } else { 2 + 8 * w.alice.meta.unoffered.len() };
        let older = crate::memory::SecretBytes::new(record[..record.len() - more].to_vec());
        changes.put(table, key, older);
    }
    w.alice.store.commit(&changes).unwrap();
    w.alice = restarted(&w.alice);
    assert_eq!(w.alice_opens(&envelopes[1]), Opened::Duplicate(hash));
    let first = w.bob_repairs(500, NOW).unwrap();
    assert_eq!(news(&w.alice_opens(&first[0])), REPAIRED);
    w.alice.begin_receive_queue(ReceiveQueueId(900), RELAY, &mut w.rng).unwrap();
    w.alice.sweep(NOW.after(DUPLICATE_FOR + HOUR)).unwrap();
    assert!(w.alice.load::<OpenedRecord>(&hash.0).unwrap().is_none());
    assert!(w.alice.store.all(Table::Used).unwrap().is_empty());
}

#[test]
fn a_sweep_goes_in_slices_and_calls_are_served_in_between() {
    let mut w = connected();
    let mut changes = Changes::default();
    for number in 0..1_000_u64 {
        let id = [[1; 24].as_slice(), &number.to_be_bytes()].concat();
        changes.put_record(&id, &OpenedRecord::Forgotten(NOW)).unwrap();
    }
    w.alice.store.commit(&changes).unwrap();
    let mut sweep = w.alice.begin_sweep(NOW.after(DUPLICATE_FOR + HOUR)).unwrap();
    let (mut slices, mut left) = (0, 1_000);
    while !w.alice.sweep_some(&mut sweep).unwrap() {
        let now = w.alice.store.all(Table::Opened).unwrap().len();
        assert!(left - now <= 200, "{left} to {now}");
        (slices, left) = (slices + 1, now);
        w.alice_seals(b"in between");
    }
    assert!(left == 0 && slices > 5, "{left} left after {slices}");
}
