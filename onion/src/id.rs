//! The names of things inside this process: relays, links, circuits, streams, services.

pub use ipc_schema::relay::RelayId;

/// One link (a connection that netd holds). Given out by whoever feeds the core, never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

/// One circuit that this process built as a client. Counted up, never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CircuitHandle(pub u64);

/// One circuit of somebody else that ends at or passes this relay. Counted up, never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelayCircuit(pub u64);

/// One stream inside a circuit; chosen by the client, from 1 up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u16);

/// What a relay serves at the end of a circuit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// Queues and blobs (docs/protocol/mailbox.md, "Mailbox service, version 1").
    Mailbox,
    /// Descriptors (docs/protocol/directory.md, "Service").
    Directory,
}

impl Service {
    /// The byte that stands in an OPEN message.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Mailbox => 1,
            Self::Directory => 2,
        }
    }

    /// The service of a byte of an OPEN message; `None` for what this version does not know.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Mailbox),
            2 => Some(Self::Directory),
            _ => None,
        }
    }
}

/// What kind of traffic a circuit carries. Lanes never share a circuit
/// (docs/protocol/circuits.md, "Relay message: 493 B").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Envelopes and everything small.
    #[default]
    Text,
    /// Blobs.
    Bulk,
    /// One call.
    Call,
}

impl Lane {
    /// The byte that stands in an OPEN message, for the relay has to know the windows.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Text => 0,
            Self::Bulk => 1,
            Self::Call => 2,
        }
    }

    /// The lane of a byte of an OPEN message.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Text),
            1 => Some(Self::Bulk),
            2 => Some(Self::Call),
            _ => None,
        }
    }
}

/// One relay of a path, with what is needed to shake hands with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HopInfo {
    /// Who it is.
    pub relay: RelayId,
    /// Its X25519 onion key (`B` of the handshake) out of its descriptor.
    pub onion_key: [u8; 32],
}
