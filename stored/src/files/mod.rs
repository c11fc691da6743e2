//! Files: cut into pieces, sealed as chunks that are all of one size, and known to be what was offered piece by piece; how far each has
//! come; and how they are kept (docs/protocol/file.md; content.md, "Files").
//!
//! Nothing here knows of a circuit, a relay or a clock, and only `shelf.rs` and what stands on it does I/O, in `blobs/`. Rows are in
//! `store/files.rs` and `store/blobs.rs`.
//!
//! # For who sends
//! A [`Blob`] gets its row, then [`Shelf::make`], [`Import::push`] and [`Import::finish`], which gives the root for the offer and a
//! [`Source`]; after a start [`Source::open`]. [`Sending::next`] says which chunk goes to which queue, [`Source::chunk`] gives its bytes by
//! [`Plan::for_queue`], whose [`Sealing::id`] names it there. What the relay says is [`Sending::there`] or [`Sending::back`], what the
//! receiver says [`Sending::heard`], and [`Sending::done`] at its *done*.
//!
//! # For who receives
//! After the user's *go* a [`Blob`] with its row, [`Shelf::make`], and a [`Receiving`] that an [`Expected`] follows. What a relay pushes is
//! given to [`Expected::open`]; the queue is named by what the *sender* calls it. A piece is written ([`Kept::write`]), several are made
//! durable ([`Kept::sync`]), each is then taken ([`Receiving::took`]) and the row written; only behind that commit is the chunk acked at the
//! relay. [`Receiving::tell`] says what the sender is to be told, [`Receiving::is_done`] when *done* is.
//!
//! # For both
//! [`Words`] says how a file stands. `encode` of both states goes into the row whenever they changed; what is on its way to a relay is not in
//! it, and is sent again under the same name. After a commit that ended a file, what `Store::gone_blobs` names is removed
//! ([`Shelf::remove`]) and then forgotten; at a start that opened the whole history [`Shelf::sweep`] removes the rest.

mod chunk;
mod cipher;
mod cut;
mod expected;
mod pace;
mod receiving;
mod sending;
mod shelf;
mod source;
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
pub use source::{Hashing, Import, ImportError, Source};
pub use tree::{Hash, Tree, Way, hash_of_piece};
pub use words::{By, Standing, Words};

/// What both sides call a file; random, 16 B.
pub use crate::content::WireId as FileWire;
