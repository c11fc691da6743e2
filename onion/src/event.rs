//! What circuits and streams tell, to whoever asked for them: the words that every layer above cells shares.

use ipc_schema::Timestamp;

use crate::id::{CircuitHandle, RelayCircuit, RelayId, Service, StreamId};

/// The longest message that a stream carries: a blob of 64 KiB and its command around it.
pub const MESSAGE_MAX_BYTES: usize = 72 * 1024;

/// What a client learns of a circuit of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CircuitEvent {
    /// The last hop has answered; streams may be opened.
    Built {
        /// Which circuit.
        circuit: CircuitHandle,
        /// 32 B that both ends of the circuit share; commands are bound to it
        /// (docs/protocol/mailbox.md, "Request").
        binding: [u8; 32],
        /// The relays from the first hop to the asked one.
        route: Vec<RelayId>,
    },
    /// A whole message came on a stream.
    Message {
        /// Which circuit.
        circuit: CircuitHandle,
        /// Which stream.
        stream: StreamId,
        /// Its bytes, at most [`MESSAGE_MAX_BYTES`]; said by the relay and to be parsed as foreign.
        message: Vec<u8>,
    },
    /// A stream that refused a message as `QueueFull` takes messages again.
    Drained {
        /// Which circuit.
        circuit: CircuitHandle,
        /// Which stream.
        stream: StreamId,
    },
    /// The relay ended a stream (or has no such service). The circuit lives on.
    StreamEnded {
        /// Which circuit.
        circuit: CircuitHandle,
        /// Which stream.
        stream: StreamId,
    },
    /// The circuit is gone, with all its streams. Nothing more comes of it.
    Closed {
        /// Which circuit.
        circuit: CircuitHandle,
        /// Whose fault that seems to be, and what it was.
        failure: CircuitFailure,
    },
}

impl CircuitEvent {
    /// The circuit that it is about.
    #[must_use]
    pub fn circuit(&self) -> CircuitHandle {
        match self {
            Self::Built { circuit, .. }
            | Self::Message { circuit, .. }
            | Self::Drained { circuit, .. }
            | Self::StreamEnded { circuit, .. }
            | Self::Closed { circuit, .. } => *circuit,
        }
    }
}

/// Why a circuit ended, attributed to a hop as well as can be known (docs/protocol/circuits.md, "Who is blamed").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CircuitFailure {
    /// Index (0 = first hop) and relay that is blamed; `None` when it cannot be known, or nobody is to blame.
    pub blame: Option<(usize, RelayId)>,
    /// What was seen.
    pub reason: FailureReason,
    /// Whether all hops had been built before.
    pub was_built: bool,
    /// When it was begun.
    pub began: Timestamp,
}

/// What was seen when a circuit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureReason {
    /// We closed it ourselves.
    Ours,
    /// The link to the first hop cannot be had or was lost.
    Link,
    /// The hop did not answer in time.
    Timeout,
    /// The hop's answer to the handshake does not verify.
    Handshake,
    /// The hop refused to create, to extend, or to go on.
    Refused,
    /// The relay before it could not reach it.
    Unreachable,
    /// A cell that no hop made: noise, or an altered cell.
    Garbage,
    /// A message that is not legal now: wrong state, window, authentication of a SENDME, framing.
    Misbehaved,
}

/// One stream of somebody's circuit at this relay's services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamRef {
    /// Whose circuit.
    pub circuit: RelayCircuit,
    /// Which stream in it.
    pub stream: StreamId,
}

/// A whole message for a service of this relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceMessage {
    /// Where answers and pushes go.
    pub from: StreamRef,
    /// Which service the stream was opened for.
    pub service: Service,
    /// The circuit's binding, 32 B.
    pub binding: [u8; 32],
    /// Its bytes, at most [`MESSAGE_MAX_BYTES`]; a stranger's.
    pub message: Vec<u8>,
}

/// What a relay's services learn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceEvent {
    /// A message came.
    Message(ServiceMessage),
    /// A stream that refused a reply as `QueueFull` takes replies again.
    Drained(StreamRef),
    /// The stream is gone, alone or with its circuit. Its [`StreamRef`] never comes back.
    Ended(StreamRef),
}

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The circuit or the stream is gone.
    #[error("the circuit or stream is gone")]
    Gone,
    /// More than a window waits already; a `Drained` event follows.
    #[error("the stream's queue is full")]
    QueueFull,
    /// Longer than [`MESSAGE_MAX_BYTES`].
    #[error("the message is too long for a stream")]
    TooLong,
}
