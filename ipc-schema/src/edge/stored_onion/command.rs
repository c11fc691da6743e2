//! What a mailbox is told over a circuit to it.

use super::{Chunks, Key, MessageId, QueueId};
use crate::edge::{Part, Read, bounded, fixed, length, listed};
use crate::edges::stored_onion_capnp::{command, envelope_sink};
use crate::limits::{BLOB_MAX_BYTES, ENVELOPE_BYTES, IDS_PER_CALL_MAX};

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
        /// What takes its envelopes.
        sink: S,
    },
    /// Delete these.
    Acknowledge {
        /// The receiver's name.
        receiver_queue: QueueId,
        /// At most [`IDS_PER_CALL_MAX`]; none: only to see whether the circuit lives.
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
        /// At most [`BLOB_MAX_BYTES`].
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
    /// Something about the chunks of files in a queue.
    Chunks(Chunks<S>),
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
            Self::Chunks(chunks) => Command::Chunks(chunks.with_sink(change)),
        }
    }
}

impl Part for Command<envelope_sink::Client> {
    type Wire = command::Owned;

    fn write(&self, to: command::Builder<'_>) {
        match self {
            Self::Secure { sender_queue, sender_key } => {
                let mut to = to.init_secure();
                to.set_sender_queue(sender_queue);
                to.set_sender_key(sender_key);
            }
            Self::Deposit { sender_queue, put_id, envelope } => {
                let mut to = to.init_deposit();
                to.set_sender_queue(sender_queue);
                to.set_put_id(put_id);
                to.set_envelope(envelope);
            }
            Self::Subscribe { receiver_queue, sink } => {
                let mut to = to.init_subscribe();
                to.set_receiver_queue(receiver_queue);
                to.set_sink(sink.clone());
            }
            Self::Acknowledge { receiver_queue, messages } => {
                let mut to = to.init_acknowledge();
                to.set_receiver_queue(receiver_queue);
                let mut list = to.init_messages(length(messages.len()));
                for (at, id) in (0..).zip(messages) {
                    list.set(at, id);
                }
            }
            Self::Delete { receiver_queue } => to.init_delete().set_receiver_queue(receiver_queue),
            Self::LeaveBlob { receiver_queue, blob_id, read_key, blob } => {
                let mut to = to.init_leave_blob();
                to.set_receiver_queue(receiver_queue);
                to.set_blob_id(blob_id);
                to.set_read_key(read_key);
                to.set_blob(blob);
            }
            Self::SecureRead { blob_id, sender_key } => {
                let mut to = to.init_secure_read();
                to.set_blob_id(blob_id);
                to.set_sender_key(sender_key);
            }
            Self::DropBlob { receiver_queue, blob_id } => {
                let mut to = to.init_drop_blob();
                to.set_receiver_queue(receiver_queue);
                to.set_blob_id(blob_id);
            }
            Self::Chunks(chunks) => chunks.write(to),
        }
    }

    fn read(from: command::Reader<'_>) -> Read<Self> {
        Ok(match from.which()? {
            command::Secure(from) => Self::Secure {
                sender_queue: fixed(from.get_sender_queue()?)?,
                sender_key: fixed(from.get_sender_key()?)?,
            },
            command::Deposit(from) => Self::Deposit {
                sender_queue: fixed(from.get_sender_queue()?)?,
                put_id: fixed(from.get_put_id()?)?,
                envelope: fixed::<ENVELOPE_BYTES>(from.get_envelope()?)?.to_vec(),
            },
            command::Subscribe(from) => {
                Self::Subscribe { receiver_queue: fixed(from.get_receiver_queue()?)?, sink: from.get_sink()? }
            }
            command::Acknowledge(from) => Self::Acknowledge {
                receiver_queue: fixed(from.get_receiver_queue()?)?,
                messages: listed(from.get_messages()?.iter(), IDS_PER_CALL_MAX, |id| fixed(id?))?,
            },
            command::Delete(from) => Self::Delete { receiver_queue: fixed(from.get_receiver_queue()?)? },
            command::LeaveBlob(from) => Self::LeaveBlob {
                receiver_queue: fixed(from.get_receiver_queue()?)?,
                blob_id: fixed(from.get_blob_id()?)?,
                read_key: fixed(from.get_read_key()?)?,
                blob: bounded(from.get_blob()?, BLOB_MAX_BYTES)?,
            },
            command::SecureRead(from) => Self::SecureRead {
                blob_id: fixed(from.get_blob_id()?)?,
                sender_key: fixed(from.get_sender_key()?)?,
            },
            command::DropBlob(from) => Self::DropBlob {
                receiver_queue: fixed(from.get_receiver_queue()?)?,
                blob_id: fixed(from.get_blob_id()?)?,
            },
            command::PutChunk(from) => Self::Chunks(Chunks::read_put(from)?),
            command::SubscribeChunks(from) => Self::Chunks(Chunks::read_subscribe(from)?),
            command::FetchChunks(from) => Self::Chunks(Chunks::read_fetch(from)?),
            command::AcknowledgeChunks(from) => Self::Chunks(Chunks::read_acknowledge(from)?),
        })
    }
}
