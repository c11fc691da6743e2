//! The onion process: circuits, the relay directory and mailboxes, for a person's client and for a relay alike.
//!
//! # Holds
//! Circuits and their keys, guards, the relay directory, queue ids, sealed envelopes in passing; a relay's identity key and onion keys.
//!
//! # Trusts
//! Nobody's bytes. Cells from netd are authenticated hop by hop; a relay is believed only about itself; stored and
//! netd may each be taken over, so that what they say is checked and bounded.
//!
//! # Never sees
//! Names, plaintext, identity keys, queue keys, a socket, any disk beyond its state file.
//!
//! # If it dies
//! It is started again, keeps its guards from the state file and builds its circuits anew; callers repeat what they
//! had open, for every effect is idempotent. People see "connecting".
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod callers;
pub mod cell;
pub mod circuit;
pub mod core;
pub mod directory;
pub mod event;
pub mod flow;
pub mod handshake;
pub mod id;
pub mod mailbox;
pub mod network;
pub mod path;
pub mod peers;
pub mod relay;
pub mod serve;
pub mod shell;
pub mod state;
