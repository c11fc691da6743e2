//! A mailbox disk in memory, with the same answers as stored's: for tests and the simulator, never in a relay.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ipc_schema::Timestamp;

use super::disk::{BlobRow, DiskAnswer, DiskReply, DiskRequest, ReceiverRow, SenderRow};
use super::message::QueueId;

/// Envelopes in one queue (protocol.md 8).
pub const QUEUE_MAX: usize = 512;
/// Bytes of blobs beside one queue (protocol.md 8).
pub const BLOBS_MAX_BYTES: usize = 8 << 20;
/// How long an envelope lies, and how long its put id is remembered (protocol.md 8).
pub const TTL: Duration = Duration::from_secs(21 * 86_400);
/// How long a blob lies (protocol.md 8).
pub const BLOB_TTL: Duration = Duration::from_secs(7 * 86_400);

#[derive(Debug)]
struct Queue {
    sender_queue: QueueId,
    receiver_key: [u8; 32],
    sender_key: Option<[u8; 32]>,
    messages: BTreeMap<u64, (Timestamp, Vec<u8>)>,
    seen: BTreeMap<[u8; 16], (Timestamp, u64)>,
}

#[derive(Debug)]
struct Blob {
    row: BlobRow,
    left: Timestamp,
}

/// The disk.
#[derive(Debug, Default)]
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
            DiskRequest::Create { receiver_queue, sender_queue, receiver_key } => {
                self.create(receiver_queue, sender_queue, receiver_key)
            }
            DiskRequest::ByReceiver(queue) => DiskReply::Receiver(self.queues.get(&queue).map(|queue| {
                ReceiverRow { receiver_key: queue.receiver_key, sender_queue: queue.sender_queue }
            })),
            DiskRequest::BySender(queue) => {
                DiskReply::Sender(self.by_sender.get(&queue).map(|receiver_queue| SenderRow {
                    sender_key: self.queues.get(receiver_queue).and_then(|queue| queue.sender_key),
                    receiver_queue: *receiver_queue,
                }))
            }
            DiskRequest::Secure { sender_queue, sender_key } => {
                DiskReply::Answer(self.secure(&sender_queue, sender_key))
            }
            DiskRequest::Put { sender_queue, put_id, envelope } => {
                self.put(now, &sender_queue, put_id, envelope)
            }
            DiskRequest::Read { receiver_queue, after, max } => {
                DiskReply::Messages(self.read(&receiver_queue, after, max))
            }
            DiskRequest::Ack { receiver_queue, ids } => DiskReply::Answer(self.ack(&receiver_queue, &ids)),
            DiskRequest::Delete(queue) => DiskReply::Answer(self.delete(&queue)),
            DiskRequest::LeaveBlob { receiver_queue, blob_id, read_key, blob } => {
                let row = BlobRow { read_key, bound_to: None, blob, receiver_queue };
                DiskReply::Answer(self.leave_blob(now, blob_id, row))
            }
            DiskRequest::Blob(blob_id) => {
                DiskReply::Blob(self.blobs.get(&blob_id).map(|blob| blob.row.clone()))
            }
            DiskRequest::BindBlob { blob_id, sender_key } => {
                DiskReply::Answer(self.bind(&blob_id, sender_key))
            }
            DiskRequest::DropBlob(blob_id) => {
                self.blobs.remove(&blob_id);
                DiskReply::Answer(DiskAnswer::Ok)
            }
        }
    }

    /// Forgets what is over.
    pub fn expire(&mut self, now: Timestamp) {
        for queue in self.queues.values_mut() {
            queue.messages.retain(|_, (put, _)| now.since(*put) < TTL);
            queue.seen.retain(|_, (put, _)| now.since(*put) < TTL);
        }
        self.blobs.retain(|_, blob| now.since(blob.left) < BLOB_TTL);
    }

    /// Envelopes that wait in all queues.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queues.values().map(|queue| queue.messages.len()).sum()
    }

    fn create(
        &mut self,
        receiver_queue: QueueId,
        sender_queue: QueueId,
        receiver_key: [u8; 32],
    ) -> DiskReply {
        if let Some((known, queue)) = self.queues.iter().find(|(_, queue)| queue.receiver_key == receiver_key)
        {
            return DiskReply::Created { receiver_queue: *known, sender_queue: queue.sender_queue };
        }
        let (messages, seen) = (BTreeMap::new(), BTreeMap::new());
        let queue = Queue { sender_queue, receiver_key, sender_key: None, messages, seen };
        self.queues.insert(receiver_queue, queue);
        self.by_sender.insert(sender_queue, receiver_queue);
        DiskReply::Created { receiver_queue, sender_queue }
    }

    fn of_sender(&mut self, sender_queue: &QueueId) -> Option<&mut Queue> {
        self.queues.get_mut(self.by_sender.get(sender_queue)?)
    }

    fn secure(&mut self, sender_queue: &QueueId, sender_key: [u8; 32]) -> DiskAnswer {
        let Some(queue) = self.of_sender(sender_queue) else { return DiskAnswer::NoQueue };
        if *queue.sender_key.get_or_insert(sender_key) == sender_key {
            DiskAnswer::Ok
        } else {
            DiskAnswer::Taken
        }
    }

    fn put(
        &mut self,
        now: Timestamp,
        sender_queue: &QueueId,
        put_id: [u8; 16],
        envelope: Vec<u8>,
    ) -> DiskReply {
        let number = self.last + 1;
        let none = |answer| DiskReply::Put { answer, id: [0; 16], stored: false };
        let Some(queue) = self.of_sender(sender_queue) else { return none(DiskAnswer::NoQueue) };
        if let Some((_, known)) = queue.seen.get(&put_id) {
            return DiskReply::Put { answer: DiskAnswer::Ok, id: id_of(*known), stored: false };
        }
        if queue.messages.len() >= QUEUE_MAX {
            return none(DiskAnswer::Full);
        }
        queue.messages.insert(number, (now, envelope));
        queue.seen.insert(put_id, (now, number));
        self.last = number;
        DiskReply::Put { answer: DiskAnswer::Ok, id: id_of(number), stored: true }
    }

    fn read(&self, queue: &QueueId, after: Option<[u8; 16]>, max: u16) -> Vec<([u8; 16], Vec<u8>)> {
        let after = after.map_or(0, number_of);
        let Some(queue) = self.queues.get(queue) else { return Vec::new() };
        let later = queue.messages.iter().filter(|(number, _)| **number > after);
        later
            .take(usize::from(max))
            .map(|(number, (_, envelope))| (id_of(*number), envelope.clone()))
            .collect()
    }

    fn ack(&mut self, queue: &QueueId, ids: &[[u8; 16]]) -> DiskAnswer {
        let Some(queue) = self.queues.get_mut(queue) else { return DiskAnswer::NoQueue };
        let gone: BTreeSet<u64> = ids.iter().map(|id| number_of(*id)).collect();
        queue.messages.retain(|number, _| !gone.contains(number));
        DiskAnswer::Ok
    }

    fn delete(&mut self, queue: &QueueId) -> DiskAnswer {
        if let Some(gone) = self.queues.remove(queue) {
            self.by_sender.remove(&gone.sender_queue);
            self.blobs.retain(|_, blob| blob.row.receiver_queue != *queue);
        }
        DiskAnswer::Ok
    }

    fn leave_blob(&mut self, now: Timestamp, blob_id: [u8; 32], row: BlobRow) -> DiskAnswer {
        if !self.queues.contains_key(&row.receiver_queue) {
            return DiskAnswer::NoQueue;
        }
        if let Some(known) = self.blobs.get(&blob_id) {
            let same = known.row.blob == row.blob && known.row.read_key == row.read_key;
            return if same { DiskAnswer::Ok } else { DiskAnswer::Taken };
        }
        let beside = self.blobs.values().filter(|blob| blob.row.receiver_queue == row.receiver_queue);
        if beside.map(|blob| blob.row.blob.len()).sum::<usize>() + row.blob.len() > BLOBS_MAX_BYTES {
            return DiskAnswer::Full;
        }
        self.blobs.insert(blob_id, Blob { row, left: now });
        DiskAnswer::Ok
    }

    fn bind(&mut self, blob_id: &[u8; 32], sender_key: [u8; 32]) -> DiskAnswer {
        let Some(blob) = self.blobs.get_mut(blob_id) else { return DiskAnswer::NoBlob };
        if *blob.row.bound_to.get_or_insert(sender_key) == sender_key {
            DiskAnswer::Ok
        } else {
            DiskAnswer::Taken
        }
    }
}
