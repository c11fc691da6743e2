//! What can go wrong here, by what the other side can do about it.

/// Why there is no link. The same list as `ConnectError` of the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// Descriptor, hint or index does not verify. The fault lies with whoever made it.
    #[error("what names the relay does not verify")]
    Malformed,
    /// The descriptor is of another network.
    #[error("the relay is in another network")]
    OtherNetwork,
    /// Only loopback or private addresses, in the public network.
    #[error("the relay's addresses are not public")]
    AddressRefused,
    /// Nobody answers, or not in our protocol.
    #[error("nobody answers")]
    Unreachable,
    /// Someone answers with another link key.
    #[error("another relay answers")]
    WrongPeer,
    /// A limit of links, or of new destinations a day.
    #[error("too many links or new destinations")]
    TooMany,
    /// It failed a moment ago.
    #[error("tried too recently")]
    BackingOff,
}

/// Why a link ended. The same list as `CloseReason` of the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// The other side closed it.
    PeerClosed,
    /// Nothing was heard for too long.
    TimedOut,
    /// The other side sent what is no sequence of cells.
    Misbehaved,
    /// This process stops.
    ShuttingDown,
}

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
