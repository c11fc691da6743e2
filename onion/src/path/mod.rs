//! Which relays a circuit goes through: guard, vanguards, middles (docs/protocol/paths.md, "Guards").
//!
//! - [`guards`]: the one sticky first hop, its backup, and the four second hops.
//! - [`health`]: what failed lately, per relay and per asked relay.
//! - [`choose`]: a path to an asked relay; mailboxes for a new queue.
//! - [`pool`]: which circuit serves which calls, and when it is done.
//! - [`stage`]: what `status` says of it all.
//! - [`draw`]: fair draws.

pub mod choose;
pub mod draw;
pub mod guards;
pub mod health;
pub mod pool;
pub mod stage;
#[cfg(test)]
mod tests;

pub use choose::{MailboxesWanted, NoPath, Paths};
pub use guards::SavedGuards;
pub use pool::{Isolation, Pool};
pub use stage::StageFacts;
