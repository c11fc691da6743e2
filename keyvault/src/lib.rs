//! keyvault: identity keys, ratchets and queue keys, behind calls that each serve one purpose.
//!
//! # Holds
//! Identity keys, ratchets, queue keys, the store key; its own sealed file, opened from a descriptor.
//!
//! # Trusts
//! Nobody. stored names sessions and queues and hands over bytes; each call is checked as if stored were taken over.
//! The passphrase comes from ui or from the descriptor that the command line granted.
//!
//! # Never sees
//! The network, the disk beyond its file, history, the screen.
//!
//! # If it dies
//! keyvault, stored and ui restart with the unlock screen. Nothing is lost: every answer was durable before it was given,
//! and the caller repeats what it did not hear back.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

#[cfg(test)]
extern crate self as keyvault;

mod address;
pub mod agreement_key;
pub mod calls;
mod certain;
mod codec;
#[cfg(test)]
mod debug;
pub mod envelope;
pub mod error;
mod frame;
mod fresh;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod identity;
pub mod ids;
pub mod invite;
mod kdf;
pub mod kem;
#[cfg(test)]
mod label_vectors;
pub mod mailbox;
pub mod memory;
pub mod passphrase;
pub mod pqxdh;
pub mod ratchet;
#[cfg(test)]
mod reopened;
pub mod sealed;
pub mod serve;
pub mod shell;
pub mod store;
pub mod unlock;
pub mod vault;
#[cfg(test)]
mod wycheproof;

pub use address::ADDRESS_RECORD_BYTES;
pub use codec::Malformed;
pub use frame::{CONTENT_MAX, FIRST_CONTENT_MAX, REPAIR_CONTENT_MAX};
