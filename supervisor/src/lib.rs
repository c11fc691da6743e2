//! The supervisor: starts the processes of a suite, wires them, restarts them, and decodes nothing that any of them says.
//!
//! One event loop waits on pidfds, stderr pipes, local sockets and signals; one permanent thread forks. All that it knows of
//! a child are its exit status, its stderr as bytes, whether its report has its full size, and whether its start is complete.
//!
//! # Holds
//! The topology, the control sockets, the profile folder's lock, the vault's file to destroy it. A passphrase's descriptor for
//! as long as it takes to grant it.
//!
//! # Trusts
//! `privatus`, which started it with the same user's rights. No child.
//!
//! # Never sees
//! Any message, key or passphrase: descriptors pass through unread, and it keeps no end of an edge.
//!
//! # If it dies
//! The kernel kills all children (parent-death signal); nothing of it is on disk but `state.json`, which says how it was.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod burn;
mod children;
mod control;
pub mod ended;
mod error;
pub mod files;
pub mod folder;
pub mod lock;
pub mod log;
mod losses;
pub mod network;
pub mod options;
mod rate;
pub mod restart;
pub mod running;
mod sockets;
pub mod spawn;
mod start;
pub mod state;
mod suite;
pub mod why;
pub mod wire;

pub use error::StartError;
pub use start::run;
