//! What can go wrong here, by what the other side can do about it.

pub use ipc_schema::edge::onion_netd::{CloseReason, ConnectError};

/// Why this process cannot start. Each is one line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address in the settings is not one that can be used.
    #[error("{address}: {why}")]
    Address {
        /// As it was given.
        address: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The address to listen on cannot be had.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// As it was given, with the real port.
        address: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The relay's state file.
    #[error(transparent)]
    State(#[from] crate::state::StateError),
    /// The transports cannot be made.
    #[error("cannot prepare the network: {0}")]
    Transport(String),
}
