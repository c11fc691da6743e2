//! Files: cut into pieces, sealed as chunks that are all of one size, and known to be what was offered piece by piece
//! (docs/protocol/file.md).
//!
//! Nothing here knows of a circuit, a queue's relay or a clock.
//!
//! # For who sends
//! [`Tree`] is made of [`hash_of_piece`] of each piece, once; its root goes into the offer. [`Plan::for_queue`] a queue of the receiver
//! gives the [`Sealing`] by which each chunk has its [`Sealing::id`] there and its bytes: [`Sealing::seal`] for the pieces, [`Sealing::padding`] for
//! the numbers behind them, up to [`Cut::chunks`].
//!
//! # For who receives
//! [`Sealing::open`] says of each chunk whether it is what was offered, in any order. The queue is named by what the *sender* calls it.

mod chunk;
mod cipher;
mod cut;
mod expected;
mod pace;
mod receiving;
mod sending;
mod shelf;
#[cfg(test)]
mod transfer_tests;
mod tree;
#[cfg(test)]
mod vector_tests;
mod words;

pub use chunk::{ChunkId, NotAChunk, Opened, Plan, Round, Sealing};
pub use cut::Cut;
pub use expected::{Came, Expected};
pub use pace::Progress;
pub use receiving::{Receiving, WANTED_MAX};
pub use sending::{LAID_MAX, Lane, Put, Sending, UNACKED_MAX};
pub use shelf::{Blob, BlobError, BlobName, Kept, Shelf};
pub use tree::{Hash, Tree, Way, hash_of_piece};
pub use words::{By, Standing, Words};

/// What both sides call a file; random, 16 B.
pub use crate::content::WireId as FileWire;
