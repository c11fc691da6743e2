//! What is typed to be looked for, and a stranger's text in which that is shown: SQLite never fails, and each hit is whole characters.
#![no_main]

use std::cell::RefCell;

use ipc_schema::Timestamp;
use ipc_schema::limits::{CONTEXT_MAX_CHARS, HITS_MAX};
use libfuzzer_sys::fuzz_target;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use stored::engine::{Action, Engine, FirstMatches, Input, Reply, RequestId};
use stored::search::{Context, Wanted};
use stored::store::{Store, StoreKey};

thread_local! {
    static ENGINE: RefCell<Engine> = RefCell::new(engine());
}

fn engine() -> Engine {
    let folder = std::env::temp_dir().join(format!("privatus-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let store = Store::open(&folder.join("store.db"), &StoreKey::new([7; 32])).unwrap();
    // The open file is all that is needed.
    std::fs::remove_dir_all(&folder).unwrap();
    Engine::new(store, Box::new(ChaCha20Rng::seed_from_u64(1)))
}

fuzz_target!(|untrusted: (&str, &str)| {
    let (typed, body) = untrusted;
    let ask = FirstMatches { text: typed.into(), who: String::new(), before: String::new(), limit: 50 };
    let asked = vec![Input::asked(RequestId(1), ask)];
    let actions = ENGINE.with_borrow_mut(|engine| engine.handle(Timestamp(1), asked));
    let Ok(wanted) = Wanted::parse(typed) else { return };
    assert!(matches!(actions.as_slice(), [Action::Answer(_, Ok(Reply::FirstMatches(Ok(_))))]));
    let Context { text, hits } = wanted.context(body);
    assert!(body.contains(&text) && text.chars().count() <= CONTEXT_MAX_CHARS && hits.len() <= HITS_MAX);
    assert!(hits.is_sorted_by(|one, next| one.end < next.start));
    assert!(hits.into_iter().all(|hit| text.get(hit).is_some_and(|hit| !hit.is_empty())));
});
