//! An engine whose store cannot be written, or not be read in a place.

use ipc_schema::Timestamp;
use ipc_schema::edge::ui_stored::{Contacts, Place, SetProfileName};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use zeroize::Zeroizing;

use super::*;
use crate::content::WireId;
use crate::ids::ContactId;
use crate::store::{ContactState, Message, StoreKey};

const NOW: Timestamp = Timestamp(1_700_000_000_000);
const PAGE: usize = 4096;

fn key() -> StoreKey {
    Zeroizing::new([1; 32])
}

/// Far more texts than tables have pages.
fn fill(store: &Store) {
    store.begin().unwrap();
    store.add_contact(ContactId(1), "bob", ContactState::Connected, Timestamp(1)).unwrap();
    for number in 0..200_u64 {
        let message = Message {
            position: (i64::try_from(number).unwrap() + 1) << 20,
            chain: Timestamp(1),
            sequence: number,
            sent_at: Timestamp(5),
            received_at: Timestamp(6),
            body: "x".repeat(3_000),
            state: Delivery::Delivered,
            ..Message::new(format!("m{number}"), ContactId(1), WireId(u128::from(number).to_be_bytes()))
        };
        store.add_message(&message).unwrap();
    }
    store.commit().unwrap();
}

fn rng() -> Box<dyn CryptoRng> {
    Box::new(ChaCha20Rng::seed_from_u64(1))
}

/// What is answered; `None`: something that was asked for.
fn ask<C: Asks>(engine: &mut Engine, call: C) -> Option<Closed> {
    let id = RequestId(7);
    let actions = engine.handle(NOW, vec![Input::asked(id, call)]);
    let answer = actions.into_iter().find_map(|action| match action {
        Action::Answer(of, answer) if of == id => Some(answer),
        _ => None,
    });
    answer.expect("it is answered").err()
}

fn texts() -> FirstPage {
    FirstPage { who: "bob".into(), limit: 200, place: Place::Newest }
}

fn rename() -> SetProfileName {
    SetProfileName { name: "Ann".into() }
}

#[test]
fn damage_that_a_question_meets_is_told_as_damage_and_nothing_is_written_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = Store::open(&path, &key()).unwrap();
    fill(&store);
    drop(store);
    let mut bytes = std::fs::read(&path).unwrap();
    // Behind what tables begin with, where texts lie.
    for page in 110..120 {
        bytes[page * PAGE + 100] ^= 1;
    }
    std::fs::write(&path, &bytes).unwrap();

    let mut engine = Engine::new(Store::open(&path, &key()).unwrap(), rng());
    engine.start(NOW);
    assert_eq!((engine.trouble(), ask(&mut engine, rename())), (None, None), "nobody has looked there");
    assert_eq!(ask(&mut engine, texts()), Some(Closed::HistoryDamaged));
    assert_eq!(engine.trouble(), Some(Closed::HistoryDamaged));
    assert_eq!(ask(&mut engine, rename()), Some(Closed::HistoryDamaged));
    assert_eq!(engine.next_wake(), None, "it does not pass by itself");
    assert_eq!(ask(&mut engine, Contacts {}), None, "what can be read is");
}

#[test]
fn an_engine_on_a_store_that_can_only_be_read_answers_questions_and_refuses_changes_in_its_word() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = Store::open(&path, &key()).unwrap();
    fill(&store);
    drop(store);
    let before = std::fs::read(&path).unwrap();
    let mut engine = Engine::reading(Store::read(&path, &key()).unwrap(), rng(), Closed::ReadOnly);
    assert!(engine.start(NOW).is_empty());
    assert_eq!((ask(&mut engine, texts()), ask(&mut engine, Contacts {})), (None, None));
    assert_eq!(ask(&mut engine, rename()), Some(Closed::ReadOnly));
    drop(engine);
    assert_eq!(std::fs::read(&path).unwrap(), before);
}
