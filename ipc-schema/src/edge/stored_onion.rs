//! stored (caller) → onion (callee): mailboxes on relays (`edges/stored-onion.capnp`). So far the words alone are said here;
//! circuits and mailboxes are still translated where they are used.

use super::{Malformed, Read, fixed, mirrored, optional};
use crate::edges::stored_onion_capnp::{self as wire, network_state, waiting};
use crate::limits::{ENVELOPE_BYTES, KEY_BYTES, NETWORK_NAME_MAX_BYTES, PUT_ID_BYTES, QUEUE_ID_BYTES};
use crate::relay::RelayId;

/// A queue's name, one for its receiver and another for its sender.
pub type QueueId = [u8; QUEUE_ID_BYTES];
/// An envelope's name in its queue, or a put's.
pub type MessageId = [u8; PUT_ID_BYTES];
/// Ed25519 or X25519, as the field says; also a blob's name.
pub type Key = [u8; KEY_BYTES];

/// A command, and where its envelopes go if it subscribes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command<S> {
    /// This key alone may deposit from now on.
    Secure {
        /// The sender's name.
        sender_queue: QueueId,
        /// X25519.
        sender_key: Key,
    },
    /// One envelope, once.
    Deposit {
        /// The sender's name.
        sender_queue: QueueId,
        /// Idempotent by it.
        put_id: MessageId,
        /// [`ENVELOPE_BYTES`].
        envelope: Vec<u8>,
    },
    /// Push what waits and what comes.
    Subscribe {
        /// The receiver's name.
        receiver_queue: QueueId,
        /// To whom.
        sink: S,
    },
    /// Delete these.
    Acknowledge {
        /// The receiver's name.
        receiver_queue: QueueId,
        /// At most `IDS_PER_CALL_MAX`; none: only to see whether the circuit lives.
        messages: Vec<MessageId>,
    },
    /// Delete the queue with all that lies there.
    Delete {
        /// The receiver's name.
        receiver_queue: QueueId,
    },
    /// Leave a write-once blob beside a queue.
    LeaveBlob {
        /// The receiver's name.
        receiver_queue: QueueId,
        /// Its id.
        blob_id: Key,
        /// Authenticates `SecureRead`.
        read_key: Key,
        /// At most `BLOB_MAX_BYTES`.
        blob: Vec<u8>,
    },
    /// Bind a blob to this key, secure its queue for it, and read it.
    SecureRead {
        /// Its id.
        blob_id: Key,
        /// X25519.
        sender_key: Key,
    },
    /// Delete a blob.
    DropBlob {
        /// The receiver's name of the queue that it lies beside.
        receiver_queue: QueueId,
        /// Its id.
        blob_id: Key,
    },
}

impl<S> Command<S> {
    /// The same with another sink.
    pub fn with_sink<T>(self, change: impl FnOnce(S) -> T) -> Command<T> {
        match self {
            Self::Secure { sender_queue, sender_key } => Command::Secure { sender_queue, sender_key },
            Self::Deposit { sender_queue, put_id, envelope } => {
                Command::Deposit { sender_queue, put_id, envelope }
            }
            Self::Subscribe { receiver_queue, sink } => {
                Command::Subscribe { receiver_queue, sink: change(sink) }
            }
            Self::Acknowledge { receiver_queue, messages } => {
                Command::Acknowledge { receiver_queue, messages }
            }
            Self::Delete { receiver_queue } => Command::Delete { receiver_queue },
            Self::LeaveBlob { receiver_queue, blob_id, read_key, blob } => {
                Command::LeaveBlob { receiver_queue, blob_id, read_key, blob }
            }
            Self::SecureRead { blob_id, sender_key } => Command::SecureRead { blob_id, sender_key },
            Self::DropBlob { receiver_queue, blob_id } => Command::DropBlob { receiver_queue, blob_id },
        }
    }
}

/// A command was done, now or before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// There is no more to say.
    Plain,
    /// To `SecureRead`: at most `BLOB_MAX_BYTES`.
    Blob(Vec<u8>),
}

/// A relay's word for not doing something. It may lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The queue's quota is used up.
    Full,
    /// Too fast, or the relay's disk is away: later.
    Throttled,
    /// No such queue.
    NoQueue,
    /// Wrong key, replay, not secured, or secured for another sender.
    NotAuthorised,
    /// No such blob.
    NoBlob,
    /// The relay's policy, or it answered nonsense.
    Policy,
    /// The relay's disk is full.
    DiskFull,
}

/// An envelope that a subscription pushes.
#[derive(Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Names it in `Acknowledge`.
    pub id: MessageId,
    /// [`ENVELOPE_BYTES`].
    pub envelope: Vec<u8>,
    /// X25519 that `Secure` registered for this queue, as the relay tells it; zero before.
    pub sender_key: Key,
}

impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Waiting")
    }
}

impl Waiting {
    /// Writes it.
    pub fn write(&self, mut to: waiting::Builder<'_>) {
        to.set_id(&self.id);
        to.set_envelope(&self.envelope);
        to.set_sender_key(&self.sender_key);
    }

    /// Reads it.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn read(from: waiting::Reader<'_>) -> Read<Self> {
        Ok(Self {
            id: fixed(from.get_id()?)?,
            envelope: fixed::<ENVELOPE_BYTES>(from.get_envelope()?)?.to_vec(),
            sender_key: fixed(from.get_sender_key()?)?,
        })
    }
}

mirrored! {
    /// How far a client is, by the words of `status`.
    Stage = wire::Stage {
        /// Nothing has been tried yet.
        Starting => "starting",
        /// The directory is being asked.
        FindingRelays => "finding-relays",
        /// Enough relays are known; no circuit stands yet.
        BuildingRoute => "building-route",
        /// A circuit stands, or stood a moment ago.
        Connected => "connected",
        /// Circuits stand, and answer slowly.
        Slow => "slow",
        /// Fewer relays than a path takes.
        TooFewRelays => "too-few-relays",
        /// Nobody who was asked knows a relay, or nobody answers.
        NoRelays => "no-relays",
        /// Guard and backup do not answer.
        GuardsUnreachable => "guards-unreachable",
        /// netd is not there.
        Offline => "offline",
    }
}

/// What `status` and watchers are told of the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkState {
    /// How far this client is.
    pub stage: Stage,
    /// Relays in the directory.
    pub relays_known: u32,
    /// Those that can be used now.
    pub relays_usable: u32,
    /// Circuits of ours that stand.
    pub circuits: u32,
    /// The guard in use.
    pub guard: Option<RelayId>,
    /// It is a private network.
    pub private: bool,
    /// Its name, empty for the public one.
    pub network_name: String,
}

impl NetworkState {
    /// Writes it.
    pub fn write(&self, mut to: network_state::Builder<'_>) {
        to.set_stage(self.stage.into());
        to.set_relays_known(self.relays_known);
        to.set_relays_usable(self.relays_usable);
        to.set_circuits(self.circuits);
        to.set_guard(self.guard.as_ref().map_or(&[], |guard| &guard.0));
        to.set_private(self.private);
        to.set_network_name(&self.network_name);
    }

    /// Reads it.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn read(from: network_state::Reader<'_>) -> Read<Self> {
        let name = from.get_network_name()?.to_str()?;
        if name.len() > NETWORK_NAME_MAX_BYTES {
            return Err(Malformed);
        }
        Ok(Self {
            stage: from.get_stage()?.into(),
            relays_known: from.get_relays_known(),
            relays_usable: from.get_relays_usable(),
            circuits: from.get_circuits(),
            guard: optional(from.get_guard()?)?.map(RelayId),
            private: from.get_private(),
            network_name: name.to_owned(),
        })
    }
}
