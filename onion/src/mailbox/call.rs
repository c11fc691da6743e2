//! What a mailbox is asked to do, with its arguments as they stand on the wire (docs/protocol/mailbox.md, "Request").

use ipc_schema::bytes::{Cursor, Short};
use ipc_schema::edge::stored_onion;
use ipc_schema::limits::{
    BLOB_MAX_BYTES, CHUNK_BYTES, CHUNKS_PER_ANSWER_MAX, CHUNKS_UNACKED_MAX, ENVELOPE_BYTES,
    ENVELOPES_PER_ANSWER_MAX, IDS_PER_CALL_MAX,
};
use ipc_schema::mailbox::Command;
use sha2::{Digest, Sha256};

/// The last of the commands that a sender gives.
pub(super) const PUT_CHUNK: u8 = 10;

/// A queue's name: the receiver's or the sender's, which nothing but the relay's disk joins.
pub type QueueId = [u8; 24];

/// Bytes that are no message of this service. The fault lies with whoever sent them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misbehaved {
    /// Too short, too long, or a number out of its range.
    #[error("malformed mailbox message")]
    Malformed,
    /// A version that this program does not know.
    #[error("mailbox message of another version")]
    Version,
    /// A well-formed answer to nothing that was asked, or of another kind.
    #[error("mailbox answer to another question")]
    NotAsked,
}

impl From<Short> for Misbehaved {
    fn from(_: Short) -> Self {
        Self::Malformed
    }
}

/// A command with all that travels with it.
#[derive(Clone, PartialEq, Eq)]
pub enum Call {
    /// Push what waits and what comes.
    Subscribe,
    /// The oldest `max` envelopes.
    Collect {
        /// At most so many; at most 128.
        max: u16,
    },
    /// Delete these.
    Acknowledge {
        /// Message ids, at most 512.
        messages: Vec<[u8; 16]>,
    },
    /// Delete the queue.
    Delete,
    /// Leave a write-once blob.
    LeaveBlob {
        /// Its id.
        blob_id: [u8; 32],
        /// What authenticates `secure+read`.
        read_key: [u8; 32],
        /// At most 64 KiB.
        blob: Vec<u8>,
    },
    /// Delete a blob.
    DropBlob {
        /// Its id.
        blob_id: [u8; 32],
    },
    /// This key alone may deposit from now on.
    Secure {
        /// X25519.
        sender_key: [u8; 32],
    },
    /// One envelope.
    Deposit {
        /// The sender's, remembered for the TTL.
        put_id: [u8; 16],
        /// 4,096 B.
        envelope: Vec<u8>,
    },
    /// Bind the blob to this key and read it.
    SecureRead {
        /// Its id.
        blob_id: [u8; 32],
        /// X25519.
        sender_key: [u8; 32],
    },
    /// One chunk of a file.
    PutChunk {
        /// The sender's, remembered for the TTL.
        chunk_id: [u8; 16],
        /// 66,065 B.
        chunk: Vec<u8>,
    },
    /// Push the chunks that wait and that come.
    SubscribeChunks,
    /// Those of these chunks that lie there.
    FetchChunks {
        /// Chunk ids, 1 to 4.
        chunks: Vec<[u8; 16]>,
    },
    /// Delete these chunks.
    AcknowledgeChunks {
        /// Chunk ids, at most 32.
        chunks: Vec<[u8; 16]>,
    },
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Call({})", self.command().number())
    }
}

impl Call {
    /// The command that stored gives, with the queue that it is for and the sink of a subscription.
    #[must_use]
    pub fn of<S>(command: stored_onion::Command<S>) -> (QueueId, Self, Option<S>) {
        use stored_onion::Command as Given;
        let mut sink = None;
        let (queue, call) = match command {
            Given::Secure { sender_queue, sender_key } => (sender_queue, Self::Secure { sender_key }),
            Given::Deposit { sender_queue, put_id, envelope } => {
                (sender_queue, Self::Deposit { put_id, envelope })
            }
            Given::Subscribe { receiver_queue, sink: to } => {
                sink = Some(to);
                (receiver_queue, Self::Subscribe)
            }
            Given::Acknowledge { receiver_queue, messages } => {
                (receiver_queue, Self::Acknowledge { messages })
            }
            Given::Delete { receiver_queue } => (receiver_queue, Self::Delete),
            Given::LeaveBlob { receiver_queue, blob_id, read_key, blob } => {
                (receiver_queue, Self::LeaveBlob { blob_id, read_key, blob })
            }
            Given::SecureRead { blob_id, sender_key } => {
                // Whoever reads knows no queue: the blob's name stands for one (docs/protocol/mailbox.md, "What the commands do").
                let queue = std::array::from_fn(|at| blob_id.get(at).copied().unwrap_or_default());
                (queue, Self::SecureRead { blob_id, sender_key })
            }
            Given::DropBlob { receiver_queue, blob_id } => (receiver_queue, Self::DropBlob { blob_id }),
            Given::Chunks(given) => return Self::of_chunks(given),
        };
        (queue, call, sink)
    }

    fn of_chunks<S>(given: stored_onion::Chunks<S>) -> (QueueId, Self, Option<S>) {
        use stored_onion::Chunks as Given;
        match given {
            Given::Put { sender_queue, chunk_id, chunk } => {
                (sender_queue, Self::PutChunk { chunk_id, chunk }, None)
            }
            Given::Subscribe { receiver_queue, sink } => (receiver_queue, Self::SubscribeChunks, Some(sink)),
            Given::Fetch { receiver_queue, chunks, sink } => {
                (receiver_queue, Self::FetchChunks { chunks }, Some(sink))
            }
            Given::Acknowledge { receiver_queue, chunks } => {
                (receiver_queue, Self::AcknowledgeChunks { chunks }, None)
            }
        }
    }

    /// What is authenticated: the same with hashes in place of long arguments.
    #[must_use]
    pub fn command(&self) -> Command {
        match self {
            Self::Subscribe => Command::Subscribe,
            Self::Collect { max } => Command::Collect { max: *max },
            Self::Acknowledge { messages } => Command::Acknowledge { messages: messages.clone() },
            Self::Delete => Command::Delete,
            Self::LeaveBlob { blob_id, read_key, blob } => Command::LeaveBlob {
                blob_id: *blob_id,
                read_key: *read_key,
                blob_hash: Sha256::digest(blob).into(),
            },
            Self::DropBlob { blob_id } => Command::DropBlob { blob_id: *blob_id },
            Self::Secure { sender_key } => Command::Secure { sender_key: *sender_key },
            Self::Deposit { put_id, envelope } => {
                Command::Deposit { put_id: *put_id, envelope_hash: Sha256::digest(envelope).into() }
            }
            Self::SecureRead { blob_id, sender_key } => {
                Command::SecureRead { blob_id: *blob_id, sender_key: *sender_key }
            }
            Self::PutChunk { chunk_id, chunk } => {
                Command::PutChunk { chunk_id: *chunk_id, chunk_hash: Sha256::digest(chunk).into() }
            }
            Self::SubscribeChunks => Command::SubscribeChunks,
            Self::FetchChunks { chunks } => Command::FetchChunks { chunks: chunks.clone() },
            Self::AcknowledgeChunks { chunks } => Command::AcknowledgeChunks { chunks: chunks.clone() },
        }
    }

    /// Whether the sizes are those that the service takes.
    #[must_use]
    pub fn fits(&self) -> bool {
        match self {
            Self::Collect { max } => (1..=ENVELOPES_PER_ANSWER_MAX).contains(&usize::from(*max)),
            Self::Acknowledge { messages } => messages.len() <= IDS_PER_CALL_MAX,
            Self::AcknowledgeChunks { chunks } => chunks.len() <= CHUNKS_UNACKED_MAX,
            Self::FetchChunks { chunks } => (1..=CHUNKS_PER_ANSWER_MAX).contains(&chunks.len()),
            Self::PutChunk { chunk, .. } => chunk.len() == CHUNK_BYTES,
            Self::LeaveBlob { blob, .. } => blob.len() <= BLOB_MAX_BYTES,
            Self::Deposit { envelope, .. } => envelope.len() == ENVELOPE_BYTES,
            _ => true,
        }
    }

    /// Of the command, without hashing what it carries.
    pub(super) fn number(&self) -> u8 {
        match self {
            Self::PutChunk { .. } => PUT_CHUNK,
            other => other.command().number(),
        }
    }

    /// The receiver signs, the sender and who reads an invite's blob MAC.
    #[must_use]
    pub const fn is_senders(&self) -> bool {
        matches!(
            self,
            Self::Secure { .. } | Self::Deposit { .. } | Self::SecureRead { .. } | Self::PutChunk { .. }
        )
    }

    /// Whether its answer brings chunks.
    #[must_use]
    pub const fn fetches(&self) -> bool {
        matches!(self, Self::FetchChunks { .. })
    }

    pub(super) fn pack(&self, out: &mut Vec<u8>) {
        match self {
            Self::Subscribe | Self::Delete | Self::SubscribeChunks => {}
            Self::Collect { max } => out.extend_from_slice(&max.to_be_bytes()),
            Self::Acknowledge { messages: ids }
            | Self::FetchChunks { chunks: ids }
            | Self::AcknowledgeChunks { chunks: ids } => ids.iter().for_each(|id| out.extend_from_slice(id)),
            Self::LeaveBlob { blob_id, read_key, blob } => {
                out.extend_from_slice(blob_id);
                out.extend_from_slice(read_key);
                out.extend_from_slice(blob);
            }
            Self::DropBlob { blob_id } => out.extend_from_slice(blob_id),
            Self::Secure { sender_key } => out.extend_from_slice(sender_key),
            Self::Deposit { put_id, envelope } => {
                out.extend_from_slice(put_id);
                out.extend_from_slice(envelope);
            }
            Self::SecureRead { blob_id, sender_key } => {
                out.extend_from_slice(blob_id);
                out.extend_from_slice(sender_key);
            }
            Self::PutChunk { chunk_id, chunk } => {
                out.extend_from_slice(chunk_id);
                out.extend_from_slice(chunk);
            }
        }
    }

    pub(super) fn read(number: u8, cursor: &mut Cursor<'_>) -> Result<Self, Misbehaved> {
        Ok(match number {
            1 => Self::Subscribe,
            2 => Self::Collect { max: cursor.u16()? },
            3 => Self::Acknowledge { messages: read_ids(cursor)? },
            4 => Self::Delete,
            5 => Self::LeaveBlob {
                blob_id: cursor.array()?,
                read_key: cursor.array()?,
                blob: take_rest(cursor)?,
            },
            6 => Self::DropBlob { blob_id: cursor.array()? },
            7 => Self::Secure { sender_key: cursor.array()? },
            8 => Self::Deposit { put_id: cursor.array()?, envelope: take_rest(cursor)? },
            9 => Self::SecureRead { blob_id: cursor.array()?, sender_key: cursor.array()? },
            PUT_CHUNK => {
                Self::PutChunk { chunk_id: cursor.array()?, chunk: cursor.take(CHUNK_BYTES)?.to_vec() }
            }
            11 => Self::SubscribeChunks,
            12 => Self::FetchChunks { chunks: read_ids(cursor)? },
            13 => Self::AcknowledgeChunks { chunks: read_ids(cursor)? },
            _ => return Err(Misbehaved::Malformed),
        })
    }
}

pub(super) fn take_rest(cursor: &mut Cursor<'_>) -> Result<Vec<u8>, Short> {
    let length = cursor.rest().len();
    Ok(cursor.take(length)?.to_vec())
}

fn read_ids(cursor: &mut Cursor<'_>) -> Result<Vec<[u8; 16]>, Misbehaved> {
    let (ids, rest) = cursor.rest().as_chunks::<16>();
    if !rest.is_empty() || ids.len() > IDS_PER_CALL_MAX {
        return Err(Misbehaved::Malformed);
    }
    let ids = ids.to_vec();
    take_rest(cursor)?;
    Ok(ids)
}
