//! Chunks of files beside the envelopes of a queue.

use capnp::struct_list;

use super::{AckError, Found, MessageId, QueueId, To, told, word};
use crate::edge::{Outcome, Read as Strict, call, fixed, length, listed, words};
use crate::edges::onion_stored_capnp::{DiskAnswer, chunk, mailbox_disk};
use crate::limits::{CHUNK_BYTES, CHUNKS_PER_ANSWER_MAX, CHUNKS_UNACKED_MAX, PUT_ID_BYTES};

/// A chunk's name, drawn by its sender.
pub type ChunkId = [u8; PUT_ID_BYTES];

call! {
    /// One chunk of a file, once.
    #[derive(Clone, PartialEq, Eq)]
    PutChunk of mailbox_disk: put_chunk_request, put_chunk_params, put_chunk_results;
    asks {
        /// The sender's name.
        sender_queue: QueueId => fixed get_sender_queue set_sender_queue,
        /// Idempotent by it.
        chunk_id: ChunkId => fixed get_chunk_id set_chunk_id,
        /// [`CHUNK_BYTES`].
        chunk: Vec<u8> => exactly(CHUNK_BYTES) get_chunk set_chunk,
    }
    answers bool, PutChunkError: by write_stored read_stored;
}

words! {
    /// Why a chunk is not there.
    PutChunkError of DiskAnswer {
        /// No such queue.
        NoQueue,
        /// A quota.
        Full,
        /// Other bytes lie there under that id.
        Taken,
        /// The disk is full or fails.
        DiskFull,
    }
}

/// Whether it was put now, and not before.
fn write_stored(outcome: &Outcome<PutChunk>, mut to: To<'_, PutChunk>) {
    match outcome {
        Ok(stored) => to.set_stored(*stored),
        Err(error) => to.set_answer((*error).into()),
    }
}

fn read_stored(from: Found<'_, PutChunk>) -> Strict<Outcome<PutChunk>> {
    Ok(told(from.get_answer()?)?.map(|()| from.get_stored()))
}

call! {
    /// Chunks, oldest first.
    #[derive(Clone, Copy, PartialEq, Eq)]
    ReadChunks of mailbox_disk: read_chunks_request, read_chunks_params, read_chunks_results;
    asks {
        /// The receiver's name.
        receiver_queue: QueueId => fixed get_receiver_queue set_receiver_queue,
        /// Those after that place; `None`: from the start.
        after: Option<MessageId> => optional get_after set_after,
        /// At most, and never more than [`CHUNKS_PER_ANSWER_MAX`].
        max: u16 => number get_max set_max,
    }
    answers Vec<Chunk>: by write_chunks_read read_chunks_read;
}

call! {
    /// Those of these chunks that lie there.
    #[derive(Clone, PartialEq, Eq)]
    NamedChunks of mailbox_disk: named_chunks_request, named_chunks_params, named_chunks_results;
    asks {
        /// The receiver's name.
        receiver_queue: QueueId => fixed get_receiver_queue set_receiver_queue,
        /// At most [`CHUNKS_PER_ANSWER_MAX`].
        ids: Vec<ChunkId> => list(CHUNKS_PER_ANSWER_MAX) get_ids init_ids,
    }
    answers Vec<Chunk>: by write_chunks_named read_chunks_named;
}

/// A chunk that waits.
#[derive(Clone, PartialEq, Eq)]
pub struct Chunk {
    /// The sender's name for it.
    pub id: ChunkId,
    /// Where it lies in the order of its queue.
    pub place: MessageId,
    /// [`CHUNK_BYTES`].
    pub chunk: Vec<u8>,
}

fn write_chunks_read(chunks: &Vec<Chunk>, to: To<'_, ReadChunks>) {
    let list = to.init_chunks(length(chunks.len()));
    write_chunks(chunks, list);
}

fn read_chunks_read(from: Found<'_, ReadChunks>) -> Strict<Vec<Chunk>> {
    read_chunks(from.get_chunks()?)
}

fn write_chunks_named(chunks: &Vec<Chunk>, to: To<'_, NamedChunks>) {
    let list = to.init_chunks(length(chunks.len()));
    write_chunks(chunks, list);
}

fn read_chunks_named(from: Found<'_, NamedChunks>) -> Strict<Vec<Chunk>> {
    read_chunks(from.get_chunks()?)
}

fn write_chunks<'a>(
    chunks: impl IntoIterator<Item = &'a Chunk>,
    mut list: struct_list::Builder<'_, chunk::Owned>,
) {
    for (at, chunk) in (0..).zip(chunks) {
        let mut to = list.reborrow().get(at);
        to.set_id(&chunk.id);
        to.set_place(&chunk.place);
        to.set_chunk(&chunk.chunk);
    }
}

fn read_chunks(list: struct_list::Reader<'_, chunk::Owned>) -> Strict<Vec<Chunk>> {
    listed(list.iter(), CHUNKS_PER_ANSWER_MAX, |chunk| {
        let (id, place) = (fixed(chunk.get_id()?)?, fixed(chunk.get_place()?)?);
        Ok(Chunk { id, place, chunk: fixed::<CHUNK_BYTES>(chunk.get_chunk()?)?.to_vec() })
    })
}

call! {
    /// Deletes chunks that the receiver has.
    #[derive(Clone, PartialEq, Eq)]
    AckChunks of mailbox_disk: ack_chunks_request, ack_chunks_params, ack_chunks_results;
    asks {
        /// The receiver's name.
        receiver_queue: QueueId => fixed get_receiver_queue set_receiver_queue,
        /// At most [`CHUNKS_UNACKED_MAX`].
        ids: Vec<ChunkId> => list(CHUNKS_UNACKED_MAX) get_ids init_ids,
    }
    answers word AckError: get_answer set_answer;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::trial::{read_back, told_back};

    #[test]
    fn chunks_are_of_one_length_and_few_at_a_time() {
        let put = |length| PutChunk { sender_queue: [1; 24], chunk_id: [2; 16], chunk: vec![3; length] };
        assert!(read_back(&put(CHUNK_BYTES)) == Ok(put(CHUNK_BYTES)));
        let chunks =
            |count, length| vec![Chunk { id: [1; 16], place: [2; 16], chunk: vec![3; length] }; count];
        for length in [0, CHUNK_BYTES - 1, CHUNK_BYTES + 1] {
            assert!(read_back(&put(length)).is_err(), "{length}");
            assert!(told_back::<ReadChunks>(&Ok(chunks(1, length))).is_err(), "{length}");
        }
        for stored in [Ok(true), Ok(false), Err(PutChunkError::Taken), Err(PutChunkError::Full)] {
            assert_eq!(told_back::<PutChunk>(&stored), Ok(stored));
        }
        let most = chunks(CHUNKS_PER_ANSWER_MAX, CHUNK_BYTES);
        assert!(told_back::<ReadChunks>(&Ok(most.clone())) == Ok(Ok(most.clone())));
        assert!(told_back::<NamedChunks>(&Ok(most.clone())) == Ok(Ok(most)));
        assert!(told_back::<NamedChunks>(&Ok(chunks(CHUNKS_PER_ANSWER_MAX + 1, CHUNK_BYTES))).is_err());
        let named = |count| NamedChunks { receiver_queue: [1; 24], ids: vec![[2; 16]; count] };
        assert!(read_back(&named(CHUNKS_PER_ANSWER_MAX)).is_ok());
        assert!(read_back(&named(CHUNKS_PER_ANSWER_MAX + 1)).is_err());
        let ack = |count| AckChunks { receiver_queue: [1; 24], ids: vec![[2; 16]; count] };
        assert!(read_back(&ack(CHUNKS_UNACKED_MAX)).is_ok());
        assert!(read_back(&ack(CHUNKS_UNACKED_MAX + 1)).is_err());
    }
}
