//! The simulated world: people and relays in one thread under one seeded clock, with what ships: stored's driver with engine and
//! SQLCipher store, onion's shell with its servers, a relay's mailbox service and its disk, and the RPC of the edges between them. By hand
//! are netd (`wires.rs`, `onions.rs`) and keyvault's servers (`vaults.rs`). A seed is a whole life of it.
//!
//! A run that fails says its seed: set [`ONLY`] to it and run that test alone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod five;
mod kills;
mod long;
mod onions;
mod person;
mod pipes;
mod process;
mod relay;
mod scenarios;
mod user;
mod vaults;
mod wires;
mod world;

/// The one seed that tests of many run; `None`: all of theirs.
const ONLY: Option<u64> = None;

/// Says on the way out of a panic which seed it was.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "it was seed {}: set ONLY in tests/tests/simulation/main.rs to Some({0}) and run this test alone",
                self.0
            );
        }
    }
}

/// Runs a scenario for each of these seeds.
fn each(seeds: std::ops::Range<u64>, scenario: impl Fn(u64)) {
    for seed in seeds.filter(|seed| ONLY.is_none_or(|only| only == *seed)) {
        let _says = Seed(seed);
        scenario(seed);
    }
}
