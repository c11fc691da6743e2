//! What a mailbox is told of the chunks of files in a queue, and what it brings.

use super::{MessageId, QueueId};
use crate::edge::{Read, fixed, length, listed, streamed};
use crate::edges::stored_onion_capnp::{command, envelope_sink};
use crate::limits::{CHUNK_BYTES, CHUNKS_PER_ANSWER_MAX, CHUNKS_UNACKED_MAX};

/// A command about chunks, and where they go if it brings some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chunks<S> {
    /// One chunk, once.
    Put {
        /// The sender's name.
        sender_queue: QueueId,
        /// Idempotent by it.
        chunk_id: MessageId,
        /// [`CHUNK_BYTES`].
        chunk: Vec<u8>,
    },
    /// Push those that wait and that come.
    Subscribe {
        /// The receiver's name.
        receiver_queue: QueueId,
        /// What takes them.
        sink: S,
    },
    /// Those of these that lie there.
    Fetch {
        /// The receiver's name.
        receiver_queue: QueueId,
        /// At most [`CHUNKS_PER_ANSWER_MAX`].
        chunks: Vec<MessageId>,
        /// What takes them.
        sink: S,
    },
    /// Delete these.
    Acknowledge {
        /// The receiver's name.
        receiver_queue: QueueId,
        /// At most [`CHUNKS_UNACKED_MAX`]; none: only to see whether the circuit lives.
        chunks: Vec<MessageId>,
    },
}

impl<S> Chunks<S> {
    /// The same with another sink.
    pub(super) fn with_sink<T>(self, change: impl FnOnce(S) -> T) -> Chunks<T> {
        match self {
            Self::Put { sender_queue, chunk_id, chunk } => Chunks::Put { sender_queue, chunk_id, chunk },
            Self::Subscribe { receiver_queue, sink } => {
                Chunks::Subscribe { receiver_queue, sink: change(sink) }
            }
            Self::Fetch { receiver_queue, chunks, sink } => {
                Chunks::Fetch { receiver_queue, chunks, sink: change(sink) }
            }
            Self::Acknowledge { receiver_queue, chunks } => Chunks::Acknowledge { receiver_queue, chunks },
        }
    }
}

impl Chunks<envelope_sink::Client> {
    pub(super) fn write(&self, to: command::Builder<'_>) {
        match self {
            Self::Put { sender_queue, chunk_id, chunk } => {
                let mut to = to.init_put_chunk();
                to.set_sender_queue(sender_queue);
                to.set_chunk_id(chunk_id);
                to.set_chunk(chunk);
            }
            Self::Subscribe { receiver_queue, sink } => {
                let mut to = to.init_subscribe_chunks();
                to.set_receiver_queue(receiver_queue);
                to.set_sink(sink.clone());
            }
            Self::Fetch { receiver_queue, chunks, sink } => {
                let mut to = to.init_fetch_chunks();
                to.set_receiver_queue(receiver_queue);
                to.set_sink(sink.clone());
                write_ids(chunks, to.init_chunks(length(chunks.len())));
            }
            Self::Acknowledge { receiver_queue, chunks } => {
                let mut to = to.init_acknowledge_chunks();
                to.set_receiver_queue(receiver_queue);
                write_ids(chunks, to.init_chunks(length(chunks.len())));
            }
        }
    }

    pub(super) fn read_put(from: command::put_chunk::Reader<'_>) -> Read<Self> {
        Ok(Self::Put {
            sender_queue: fixed(from.get_sender_queue()?)?,
            chunk_id: fixed(from.get_chunk_id()?)?,
            chunk: fixed::<CHUNK_BYTES>(from.get_chunk()?)?.to_vec(),
        })
    }

    pub(super) fn read_subscribe(from: command::subscribe_chunks::Reader<'_>) -> Read<Self> {
        Ok(Self::Subscribe { receiver_queue: fixed(from.get_receiver_queue()?)?, sink: from.get_sink()? })
    }

    pub(super) fn read_fetch(from: command::fetch_chunks::Reader<'_>) -> Read<Self> {
        Ok(Self::Fetch {
            receiver_queue: fixed(from.get_receiver_queue()?)?,
            chunks: listed(from.get_chunks()?.iter(), CHUNKS_PER_ANSWER_MAX, |id| fixed(id?))?,
            sink: from.get_sink()?,
        })
    }

    pub(super) fn read_acknowledge(from: command::acknowledge_chunks::Reader<'_>) -> Read<Self> {
        Ok(Self::Acknowledge {
            receiver_queue: fixed(from.get_receiver_queue()?)?,
            chunks: listed(from.get_chunks()?.iter(), CHUNKS_UNACKED_MAX, |id| fixed(id?))?,
        })
    }
}

fn write_ids(ids: &[MessageId], mut list: capnp::data_list::Builder<'_>) {
    for (at, id) in (0..).zip(ids) {
        list.set(at, id);
    }
}

streamed! {
    /// A chunk that is pushed, or was fetched.
    #[derive(Clone, PartialEq, Eq)]
    ChunkWaiting of envelope_sink: chunk_request, chunk_params;
    holds {
        /// The sender's name for it; names it in [`Chunks::Acknowledge`].
        id: MessageId => fixed get_id set_id,
        /// [`CHUNK_BYTES`].
        chunk: Vec<u8> => exactly(CHUNK_BYTES) get_chunk set_chunk,
    }
}

impl std::fmt::Debug for ChunkWaiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ChunkWaiting")
    }
}
