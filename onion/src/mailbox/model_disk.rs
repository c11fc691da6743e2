//! A mailbox disk in memory, with the same answers as stored's: for tests and the simulator, never in a relay.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ipc_schema::Timestamp;

use ipc_schema::edge::Outcome;
use ipc_schema::edge::onion_stored::DiskCounts;

use super::disk::{
    Ack, AckChunks, AckError, BindBlob, BindBlobError, BlobRow, Chunk, Create, Created, Delete, DiskReply,
    DiskRequest, DropBlob, LeaveBlob, LeaveBlobError, Message, NamedChunks, Placed, Put, PutChunk,
    PutChunkError, PutError, Read, ReadChunks, ReceiverRow, Secure, SecureError, SenderRow,
};
use super::message::QueueId;
use ipc_schema::limits::{CHUNK_BYTES, CHUNKS_PER_ANSWER_MAX};

/// Envelopes in one queue (docs/protocol/mailbox.md, "What the commands do").
pub const QUEUE_MAX: usize = 512;
/// Bytes of blobs beside one queue (docs/protocol/mailbox.md, "What the commands do").
pub const BLOBS_MAX_BYTES: usize = 8 << 20;
/// How long an envelope lies, and how long its put id is remembered (docs/protocol/mailbox.md, "What the commands do").
pub const TTL: Duration = Duration::from_secs(21 * 86_400);
/// How long a blob lies (docs/protocol/mailbox.md, "What the commands do").
pub const BLOB_TTL: Duration = Duration::from_secs(7 * 86_400);

struct Queue {
    sender_queue: QueueId,
    receiver_key: [u8; 32],
    sender_key: Option<[u8; 32]>,
    messages: BTreeMap<u64, (Timestamp, Vec<u8>)>,
    seen: BTreeMap<[u8; 16], (Timestamp, u64)>,
    chunks: BTreeMap<u64, (Timestamp, Chunk)>,
    chunks_seen: BTreeMap<[u8; 16], Timestamp>,
}

struct Blob {
    row: BlobRow,
    left: Timestamp,
}

/// The disk.
#[derive(Default)]
pub struct ModelDisk {
    queues: BTreeMap<QueueId, Queue>,
    by_sender: BTreeMap<QueueId, QueueId>,
    blobs: BTreeMap<[u8; 32], Blob>,
    last: u64,
    /// Requests that it carried out, by name.
    pub carried_out: Vec<String>,
}

fn id_of(number: u64) -> [u8; 16] {
    u128::from(number).to_be_bytes()
}

fn number_of(id: [u8; 16]) -> u64 {
    u64::try_from(u128::from_be_bytes(id)).unwrap_or(u64::MAX)
}

impl ModelDisk {
    /// Carries out one request.
    pub fn carry_out(&mut self, now: Timestamp, request: DiskRequest) -> DiskReply {
        self.carried_out.push(format!("{request:?}"));
        match request {
            DiskRequest::Create(call) => DiskReply::Create(Ok(self.create(call))),
            DiskRequest::ByReceiver(call) => {
                DiskReply::ByReceiver(Ok(self.queues.get(&call.receiver_queue).map(|queue| ReceiverRow {
                    receiver_key: queue.receiver_key,
                    sender_queue: queue.sender_queue,
                })))
            }
            DiskRequest::BySender(call) => DiskReply::BySender(Ok(self
                .by_sender
                .get(&call.sender_queue)
                .map(|receiver_queue| SenderRow {
                    sender_key: self.queues.get(receiver_queue).and_then(|queue| queue.sender_key),
                    receiver_queue: *receiver_queue,
                }))),
            DiskRequest::Secure(call) => DiskReply::Secure(self.secure(&call)),
            DiskRequest::Put(call) => DiskReply::Put(self.put(now, call)),
            DiskRequest::Read(call) => DiskReply::Read(Ok(self.read(&call))),
            DiskRequest::Ack(call) => DiskReply::Ack(self.ack(&call)),
            DiskRequest::Delete(call) => DiskReply::Delete(self.delete(&call)),
            DiskRequest::LeaveBlob(call) => DiskReply::LeaveBlob(self.leave_blob(now, call)),
            DiskRequest::Blob(call) => {
                DiskReply::Blob(Ok(self.blobs.get(&call.blob_id).map(|blob| blob.row.clone())))
            }
            DiskRequest::BindBlob(call) => DiskReply::BindBlob(self.bind(&call)),
            DiskRequest::DropBlob(DropBlob { blob_id }) => {
                self.blobs.remove(&blob_id);
                DiskReply::DropBlob(Ok(()))
            }
            DiskRequest::Expire(call) => {
                self.expire(call.now);
                DiskReply::Expire(Ok(0))
            }
            DiskRequest::Counts(_) => DiskReply::Counts(Ok(DiskCounts::default())),
            DiskRequest::PutChunk(call) => DiskReply::PutChunk(self.put_chunk(now, call)),
            DiskRequest::ReadChunks(call) => DiskReply::ReadChunks(Ok(self.read_chunks(&call))),
            DiskRequest::NamedChunks(call) => DiskReply::NamedChunks(Ok(self.named_chunks(&call))),
            DiskRequest::AckChunks(call) => DiskReply::AckChunks(self.ack_chunks(&call)),
        }
    }

    /// Forgets what is over.
    pub fn expire(&mut self, now: Timestamp) {
        for queue in self.queues.values_mut() {
            queue.messages.retain(|_, (put, _)| now.since(*put) < TTL);
            queue.seen.retain(|_, (put, _)| now.since(*put) < TTL);
            queue.chunks.retain(|_, (put, _)| now.since(*put) < BLOB_TTL);
            queue.chunks_seen.retain(|_, put| now.since(*put) < BLOB_TTL);
        }
        self.blobs.retain(|_, blob| now.since(blob.left) < BLOB_TTL);
    }

    /// Chunks that wait in all queues.
    #[must_use]
    pub fn chunks_waiting(&self) -> usize {
        self.queues.values().map(|queue| queue.chunks.len()).sum()
    }

    /// Envelopes that wait in all queues.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queues.values().map(|queue| queue.messages.len()).sum()
    }

    fn create(&mut self, call: Create) -> Created {
        let Create { receiver_queue, sender_queue, receiver_key } = call;
        if let Some((known, queue)) = self.queues.iter().find(|(_, queue)| queue.receiver_key == receiver_key)
        {
            return Created { receiver_queue: *known, sender_queue: queue.sender_queue };
        }
        let (messages, seen) = (BTreeMap::new(), BTreeMap::new());
        let (chunks, chunks_seen) = (BTreeMap::new(), BTreeMap::new());
        let queue =
            Queue { sender_queue, receiver_key, sender_key: None, messages, seen, chunks, chunks_seen };
        self.queues.insert(receiver_queue, queue);
        self.by_sender.insert(sender_queue, receiver_queue);
        Created { receiver_queue, sender_queue }
    }

    fn of_sender(&mut self, sender_queue: &QueueId) -> Option<&mut Queue> {
        self.queues.get_mut(self.by_sender.get(sender_queue)?)
    }

    fn secure(&mut self, call: &Secure) -> Outcome<Secure> {
        let queue = self.of_sender(&call.sender_queue).ok_or(SecureError::NoQueue)?;
        let first = *queue.sender_key.get_or_insert(call.sender_key);
        if first == call.sender_key { Ok(()) } else { Err(SecureError::Taken) }
    }

    fn put(&mut self, now: Timestamp, call: Put) -> Outcome<Put> {
        let number = self.last + 1;
        let queue = self.of_sender(&call.sender_queue).ok_or(PutError::NoQueue)?;
        if let Some((_, known)) = queue.seen.get(&call.put_id) {
            return Ok(Placed { id: id_of(*known), stored: false });
        }
        if queue.messages.len() >= QUEUE_MAX {
            return Err(PutError::Full);
        }
        queue.messages.insert(number, (now, call.envelope));
        queue.seen.insert(call.put_id, (now, number));
        self.last = number;
        Ok(Placed { id: id_of(number), stored: true })
    }

    fn read(&self, call: &Read) -> Vec<Message> {
        let after = call.after.map_or(0, number_of);
        let Some(queue) = self.queues.get(&call.receiver_queue) else { return Vec::new() };
        let later = queue.messages.iter().filter(|(number, _)| **number > after);
        let message = |(number, (_, envelope)): (&u64, &(Timestamp, Vec<u8>))| Message {
            id: id_of(*number),
            envelope: envelope.clone(),
        };
        later.take(usize::from(call.max)).map(message).collect()
    }

    fn ack(&mut self, call: &Ack) -> Outcome<Ack> {
        let queue = self.queues.get_mut(&call.receiver_queue).ok_or(AckError::NoQueue)?;
        let gone: BTreeSet<u64> = call.ids.iter().map(|id| number_of(*id)).collect();
        queue.messages.retain(|number, _| !gone.contains(number));
        Ok(())
    }

    fn delete(&mut self, Delete { receiver_queue: queue }: &Delete) -> Outcome<Delete> {
        if let Some(gone) = self.queues.remove(queue) {
            self.by_sender.remove(&gone.sender_queue);
            self.blobs.retain(|_, blob| blob.row.receiver_queue != *queue);
        }
        Ok(())
    }

    fn leave_blob(&mut self, now: Timestamp, call: LeaveBlob) -> Outcome<LeaveBlob> {
        let LeaveBlob { receiver_queue, blob_id, read_key, blob } = call;
        let row = BlobRow { read_key, bound_to: None, blob, receiver_queue };
        if !self.queues.contains_key(&receiver_queue) {
            return Err(LeaveBlobError::NoQueue);
        }
        if let Some(known) = self.blobs.get(&blob_id) {
            let same = known.row.blob == row.blob && known.row.read_key == row.read_key;
            return if same { Ok(()) } else { Err(LeaveBlobError::Taken) };
        }
        if self.blob_bytes(&receiver_queue) + row.blob.len() > BLOBS_MAX_BYTES {
            return Err(LeaveBlobError::Full);
        }
        self.blobs.insert(blob_id, Blob { row, left: now });
        Ok(())
    }

    /// Bytes of blobs and chunks beside a queue.
    fn blob_bytes(&self, queue: &QueueId) -> usize {
        let blobs = self.blobs.values().filter(|blob| blob.row.receiver_queue == *queue);
        let chunks = self.queues.get(queue).map_or(0, |queue| queue.chunks.len() * CHUNK_BYTES);
        blobs.map(|blob| blob.row.blob.len()).sum::<usize>() + chunks
    }

    fn put_chunk(&mut self, now: Timestamp, call: PutChunk) -> Outcome<PutChunk> {
        let PutChunk { sender_queue, chunk_id: id, chunk } = call;
        let receiver_queue = *self.by_sender.get(&sender_queue).ok_or(PutChunkError::NoQueue)?;
        let used = self.blob_bytes(&receiver_queue);
        let queue = self.queues.get_mut(&receiver_queue).ok_or(PutChunkError::NoQueue)?;
        if let Some((_, there)) = queue.chunks.values().find(|(_, there)| there.id == id) {
            return if there.chunk == chunk { Ok(false) } else { Err(PutChunkError::Taken) };
        }
        if queue.chunks_seen.contains_key(&id) {
            return Ok(false);
        }
        if used + chunk.len() > BLOBS_MAX_BYTES {
            return Err(PutChunkError::Full);
        }
        self.last += 1;
        queue.chunks.insert(self.last, (now, Chunk { id, place: id_of(self.last), chunk }));
        queue.chunks_seen.insert(id, now);
        Ok(true)
    }

    fn read_chunks(&self, call: &ReadChunks) -> Vec<Chunk> {
        let after = call.after.map_or(0, number_of);
        let Some(queue) = self.queues.get(&call.receiver_queue) else { return Vec::new() };
        let later = queue.chunks.iter().filter(|(number, _)| **number > after);
        let max = usize::from(call.max).min(CHUNKS_PER_ANSWER_MAX);
        later.take(max).map(|(_, (_, chunk))| chunk.clone()).collect()
    }

    fn named_chunks(&self, call: &NamedChunks) -> Vec<Chunk> {
        let Some(queue) = self.queues.get(&call.receiver_queue) else { return Vec::new() };
        let named = |id: &[u8; 16]| queue.chunks.values().find(|(_, chunk)| chunk.id == *id);
        call.ids.iter().filter_map(named).map(|(_, chunk)| chunk.clone()).collect()
    }

    fn ack_chunks(&mut self, call: &AckChunks) -> Outcome<AckChunks> {
        let queue = self.queues.get_mut(&call.receiver_queue).ok_or(AckError::NoQueue)?;
        queue.chunks.retain(|_, (_, chunk)| !call.ids.contains(&chunk.id));
        Ok(())
    }

    fn bind(&mut self, call: &BindBlob) -> Outcome<BindBlob> {
        let blob = self.blobs.get_mut(&call.blob_id).ok_or(BindBlobError::NoBlob)?;
        let first = *blob.row.bound_to.get_or_insert(call.sender_key);
        if first == call.sender_key { Ok(()) } else { Err(BindBlobError::Taken) }
    }
}
