//! What the processes of Privatus agree on: who may speak to whom, what may be said, and how large it may be.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod timestamp;

pub use timestamp::Timestamp;
