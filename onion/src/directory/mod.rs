//! The relay directory: signed descriptors and how the full view of them is kept
//! (docs/protocol/directory.md, "Relay directory, version 1").
//!
//! - [`clocks`]: what the time is at the relays that are asked.
//! - [`rules`]: which network, which addresses.
//! - [`view`]: every descriptor known, and which relays may be used.
//! - [`own`]: this process's own relay: identity, onion keys, descriptor.
//! - [`proof_of_work`]: the proof of work in a descriptor of the public network.
//! - [`message`]: what a stream of the directory service carries; [`exchange`]: how both sides use it.
//! - [`schedule`]: whom to ask or tell, and when.

pub mod clocks;
pub mod exchange;
pub mod message;
pub mod own;
pub mod proof_of_work;
pub mod rules;
pub mod schedule;
#[cfg(test)]
pub(crate) mod tests;
pub mod view;

pub use clocks::Clocks;
pub use own::{Appearance, OwnRelay, RelayKeys, Tick};
pub use rules::NetworkRules;
pub use schedule::{Contact, Job, JobId, Schedule};
pub use view::{Entry, Learned, Refusal, View};
