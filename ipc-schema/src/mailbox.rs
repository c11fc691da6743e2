//! Mailbox commands as keyvault authenticates them and a relay checks them (docs/protocol/mailbox.md, "Request").

use sha2::{Digest, Sha256};

use crate::relay::RelayId;

/// A command to one queue or blob, with all its arguments. `create` is not here: it needs no authentication, only work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Receiver: push what waits and what comes.
    Subscribe,
    /// Receiver: the oldest `max` envelopes.
    Collect {
        /// At most so many.
        max: u16,
    },
    /// Receiver: these are durable here; delete them.
    Acknowledge {
        /// Message ids of the mailbox, 16 B each.
        messages: Vec<[u8; 16]>,
    },
    /// Receiver: delete the queue.
    Delete,
    /// Receiver: leave a write-once blob beside the queue.
    LeaveBlob {
        /// Its id.
        blob_id: [u8; 32],
        /// What authenticates `secure+read`.
        read_key: [u8; 32],
        /// SHA-256 of the blob.
        blob_hash: [u8; 32],
    },
    /// Receiver: delete a blob.
    DropBlob {
        /// Its id.
        blob_id: [u8; 32],
    },
    /// Sender: this key alone may deposit from now on.
    Secure {
        /// X25519.
        sender_key: [u8; 32],
    },
    /// Sender: one envelope.
    Deposit {
        /// Chosen by the sender, remembered for the TTL.
        put_id: [u8; 16],
        /// SHA-256 of the envelope.
        envelope_hash: [u8; 32],
    },
    /// Invited person: bind the blob to this sender key and read it.
    SecureRead {
        /// Its id.
        blob_id: [u8; 32],
        /// X25519.
        sender_key: [u8; 32],
    },
    /// Sender: one chunk of a file.
    PutChunk {
        /// Chosen by the sender, remembered for the TTL.
        chunk_id: [u8; 16],
        /// SHA-256 of the chunk.
        chunk_hash: [u8; 32],
    },
    /// Receiver: push the chunks that wait and that come.
    SubscribeChunks,
    /// Receiver: those of these chunks that lie there.
    FetchChunks {
        /// Chunk ids.
        chunks: Vec<[u8; 16]>,
    },
    /// Receiver: these chunks are durable here; delete them.
    AcknowledgeChunks {
        /// Chunk ids.
        chunks: Vec<[u8; 16]>,
    },
}

impl Command {
    /// The command's number on the wire and under the authenticator.
    #[must_use]
    pub fn number(&self) -> u8 {
        match self {
            Self::Subscribe => 1,
            Self::Collect { .. } => 2,
            Self::Acknowledge { .. } => 3,
            Self::Delete => 4,
            Self::LeaveBlob { .. } => 5,
            Self::DropBlob { .. } => 6,
            Self::Secure { .. } => 7,
            Self::Deposit { .. } => 8,
            Self::SecureRead { .. } => 9,
            Self::PutChunk { .. } => 10,
            Self::SubscribeChunks => 11,
            Self::FetchChunks { .. } => 12,
            Self::AcknowledgeChunks { .. } => 13,
        }
    }

    /// SHA-256 over the arguments in order, each of fixed length but the last.
    #[must_use]
    pub fn arguments_hash(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        match self {
            Self::Subscribe | Self::Delete | Self::SubscribeChunks => {}
            Self::Collect { max } => hash.update(max.to_be_bytes()),
            Self::Acknowledge { messages: ids }
            | Self::FetchChunks { chunks: ids }
            | Self::AcknowledgeChunks { chunks: ids } => {
                for id in ids {
                    hash.update(id);
                }
            }
            Self::LeaveBlob { blob_id, read_key, blob_hash } => {
                hash.update(blob_id);
                hash.update(read_key);
                hash.update(blob_hash);
            }
            Self::DropBlob { blob_id } => hash.update(blob_id),
            Self::Secure { sender_key } => hash.update(sender_key),
            Self::Deposit { put_id, envelope_hash } => {
                hash.update(put_id);
                hash.update(envelope_hash);
            }
            Self::SecureRead { blob_id, sender_key } => {
                hash.update(blob_id);
                hash.update(sender_key);
            }
            Self::PutChunk { chunk_id, chunk_hash } => {
                hash.update(chunk_id);
                hash.update(chunk_hash);
            }
        }
        hash.finalize().into()
    }
}

/// Where a command is valid: one relay, one queue, one circuit, one place in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// The relay that is asked.
    pub relay: RelayId,
    /// Queue id that the command names: the receiver's or the sender's; for `SecureRead` the first 24 B of the blob id.
    pub queue: [u8; 24],
    /// From the circuit's handshake with that relay.
    pub binding: [u8; 32],
    /// Strictly rising on that circuit.
    pub counter: u64,
}

/// The bytes that are signed (receiver, Ed25519) or MACed (sender and `SecureRead`, HMAC-SHA256):
/// "privatus/mbx/v1" ‖ relay id ‖ queue id ‖ circuit binding ‖ counter ‖ command ‖ H(arguments).
#[must_use]
pub fn signing_input(context: &Context, command: &Command) -> Vec<u8> {
    let mut out = b"privatus/mbx/v1".to_vec();
    out.extend_from_slice(&context.relay.0);
    out.extend_from_slice(&context.queue);
    out.extend_from_slice(&context.binding);
    out.extend_from_slice(&context.counter.to_be_bytes());
    out.push(command.number());
    out.extend_from_slice(&command.arguments_hash());
    out
}

/// Label under which a sender's HMAC key is derived: `HKDF-SHA256(salt = none, ikm = X25519(sender's replica key, relay's queue key),
/// info = this ‖ sender queue id)`, 32 B.
pub const SENDER_KEY_LABEL: &[u8] = b"privatus/mbx/sender/v1";
