//! The mailbox disk of a relay (RELAY topology; docs/protocol/mailbox.md, "Mailbox service, version 1"): strangers' sealed
//! envelopes, on disk and not in memory, so that an idle queue costs nothing and a start does not depend on how many there are.
//!
//! The file is plain SQLite: nobody is there to type a passphrase, and a key beside the file would protect nothing. What lies in
//! it is sealed end to end.

mod blobs;
mod chunks;
#[cfg(test)]
mod chunks_tests;
mod expire;
mod file;
mod folder;
mod names;
mod queues;
#[cfg(test)]
mod tests;

pub use expire::{BLOB_LIFE_MS, ENVELOPE_LIFE_MS, QUEUE_IDLE_MS};
pub use file::{BLOB_BYTES_MAX, Bounds, ENVELOPES_MAX, Mailboxes};
pub use folder::{Before, FILE, note_damage, open_in};
