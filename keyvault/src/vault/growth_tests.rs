//! What a contact can make the vault grow by, and how it is tidied up.

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
