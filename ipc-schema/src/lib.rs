//! What the processes of Privatus agree on: who may speak to whom, what may be said, and how large it may be.
//!
//! - [`topology`]: the processes and the edges between them, as data.
//! - `edges/*.capnp`, compiled into [`edges`]: what may be said, one file an edge.
//! - [`limits`]: every bound, named.
//! - [`grant`], [`child`], [`ends`], [`rpc`]: how a child starts, and how an edge is served and called.
//! - [`unseen`]: what of strangers' texts reaches no terminal as it is.
//! - [`file_name`]: what of a stranger's name for a file can be one.
//! - [`clock`]: how wrong this computer's clock is, and the words for it.
//! - [`loss`]: what is told where a file that a suite cannot do without is lost.
//! - [`relay`], [`mailbox`], [`link`]: the wire formats that stand between processes, and what people hand over.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod bytes;
pub mod child;
pub mod clock;
pub mod edge;
pub mod edges {
    //! The generated types, one module an edge. Used in `serve.rs` and `peers/` only; elsewhere stand domain types.
    pub use crate::generated::{
        onion_netd_capnp, onion_stored_capnp, operator_onion_capnp, stored_keyvault_capnp,
        stored_mediad_capnp, stored_onion_capnp, ui_keyvault_capnp, ui_stored_capnp,
    };
}
pub mod ends;
pub mod file_name;
mod generated;
pub mod grant;
pub mod limits;
pub mod link;
pub mod loss;
mod machine;
pub mod mailbox;
pub mod relay;
pub mod rpc;
mod seats;
mod timestamp;
pub mod topology;
pub mod unseen;

pub use machine::Machine;
pub use timestamp::Timestamp;
