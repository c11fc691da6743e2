//! stored: the conversation engine and its encrypted database; in the RELAY topology the mailbox disk.
//!
//! # Holds
//! History, contacts, queue ids, the outbox: SQLCipher under a key that keyvault hands over after each unlock. On a relay:
//! strangers' sealed envelopes and blobs.
//!
//! # Trusts
//! keyvault's answers. The peer about itself alone, a relay about nothing: only the peer's encrypted ack says that something
//! arrived. ui acts as the user.
//!
//! # Never sees
//! A private key, the passphrase, a network address, a socket to anywhere.
//!
//! # If it dies
//! It is started again, asks keyvault for the store key, and repeats what was not finished: every effect goes by an id that
//! stands in the database. ui asks again for its view.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod content;
mod database;
pub mod engine;
pub mod error;
pub mod files;
pub mod ids;
pub mod mailboxes;
pub mod search;
pub mod secret;
pub mod serve;
pub mod store;
