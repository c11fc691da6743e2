//! netd: the only process with Internet sockets. It turns relays' addresses into links, and links into batches of cells.
//!
//! # Holds
//! Internet sockets; on a relay also the link key, which is another than the relay's identity. Addresses of the relays that it
//! has links to, and when cells went.
//!
//! # Trusts
//! The Grant: network, bootstraps, addresses to listen on. Onion is believed nothing: what it wants dialled is checked here
//! (`dial.rs`). The network is believed nothing: a link's other end is whoever holds the link key, and its bytes are counted, not
//! read.
//!
//! # Never sees
//! Queue ids, plaintext, identity keys, what is inside a cell, who is whose contact.
//!
//! # If it dies
//! Links end, circuits with them. It is started again, onion's edge is granted anew, and onion dials. A relay comes back under the
//! same link key and port.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod address;
pub mod cells;
mod destinations;
pub mod dial;
pub mod drive;
pub mod error;
pub mod limits;
pub mod links;
pub mod listen;
pub mod node;
pub mod serve;
pub mod state;
pub mod swarm;
