use ipc_schema::Timestamp;
use ipc_schema::edge::Outcome;
use ipc_schema::edge::onion_stored::{
    AckChunks, AckError, Chunk, ChunkId, Create, Created, Delete, DiskCounts, LeaveBlob, LeaveBlobError,
    NamedChunks, Put, PutChunk, PutChunkError, ReadChunks,
};
use ipc_schema::limits::{CHUNK_BYTES, CHUNKS_PER_ANSWER_MAX, ENVELOPE_BYTES};

use super::*;

const NOW: Timestamp = Timestamp(1_700_000_000_000);
const DAY_MS: u64 = super::expire::DAY_MS;

/// As many as 8 MiB hold.
const MOST: u8 = 126;

struct Relay {
    folder: tempfile::TempDir,
    mailboxes: Mailboxes,
    queue: Created,
}

impl Relay {
    fn new() -> Self {
        Self::with(Bounds::default())
    }

    fn with(bounds: Bounds) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mailboxes = Mailboxes::open(&folder.path().join("mailboxes.db"), bounds).unwrap();
        let queue = queue(&mailboxes, 1);
        Self { folder, mailboxes, queue }
    }

    fn again(self) -> Self {
        let Self { folder, mailboxes, queue } = self;
        drop(mailboxes);
        let mailboxes = Mailboxes::open(&folder.path().join("mailboxes.db"), Bounds::default()).unwrap();
        Self { folder, mailboxes, queue }
    }

    fn put_at(&self, number: u8, byte: u8, at: Timestamp) -> Outcome<PutChunk> {
        let sender_queue = self.queue.sender_queue;
        let put = PutChunk { sender_queue, chunk_id: [number; 16], chunk: vec![byte; CHUNK_BYTES] };
        self.mailboxes.put_chunk(&put, at).unwrap()
    }

    fn put(&self, number: u8) -> Outcome<PutChunk> {
        self.put_at(number, number, NOW)
    }

    fn read(&self, after: Option<&Chunk>, max: u16) -> Vec<Chunk> {
        let (receiver_queue, after) = (self.queue.receiver_queue, after.map(|chunk| chunk.place));
        self.mailboxes.read_chunks(&ReadChunks { receiver_queue, after, max }).unwrap()
    }

    fn named(&self, numbers: &[u8]) -> Vec<Chunk> {
        let ids = numbers.iter().map(|number| [*number; 16]).collect();
        self.mailboxes.named_chunks(&NamedChunks { receiver_queue: self.queue.receiver_queue, ids }).unwrap()
    }

    fn ack(&self, numbers: impl IntoIterator<Item = u8>) -> Outcome<AckChunks> {
        let ids = numbers.into_iter().map(|number| [number; 16]).collect();
        let call = AckChunks { receiver_queue: self.queue.receiver_queue, ids };
        self.mailboxes.ack_chunks(&call, NOW).unwrap()
    }

    fn counts(&self) -> DiskCounts {
        self.mailboxes.totals().unwrap()
    }
}

fn queue(mailboxes: &Mailboxes, byte: u8) -> Created {
    let (receiver_queue, sender_queue) = ([byte; 24], [byte ^ 0x80; 24]);
    let call = Create { receiver_queue, sender_queue, receiver_key: [byte; 32] };
    mailboxes.create(&call, NOW).unwrap().unwrap()
}

fn ids(chunks: &[Chunk]) -> Vec<ChunkId> {
    chunks.iter().map(|chunk| chunk.id).collect()
}

fn later(days: u64) -> Timestamp {
    Timestamp(NOW.0 + days * DAY_MS)
}

#[test]
fn a_chunk_is_put_once_even_after_its_ack_and_a_restart() {
    let relay = Relay::new();
    assert_eq!(relay.put(7), Ok(true));
    assert_eq!(relay.put(7), Ok(false));
    assert_eq!(relay.put_at(7, 8, NOW), Err(PutChunkError::Taken), "other bytes");
    assert_eq!(relay.read(None, 4)[0].chunk, vec![7; CHUNK_BYTES]);
    assert_eq!((relay.ack([7]), relay.ack([7])), (Ok(()), Ok(())));
    let relay = relay.again();
    assert_eq!(relay.put(7), Ok(false));
    assert_eq!(relay.put_at(7, 8, NOW), Ok(false), "what it was is not known any more");
    assert!(relay.read(None, 4).is_empty());
    assert_eq!(relay.counts(), DiskCounts { queues: 1, ..DiskCounts::default() });
    let nobody = PutChunk { sender_queue: [9; 24], chunk_id: [1; 16], chunk: vec![0; CHUNK_BYTES] };
    assert_eq!(relay.mailboxes.put_chunk(&nobody, NOW).unwrap(), Err(PutChunkError::NoQueue));
}

#[test]
fn chunks_are_read_oldest_first_from_a_place_and_by_name() {
    let relay = Relay::new();
    for number in [5, 3, 9, 1, 7] {
        assert_eq!(relay.put(number), Ok(true));
    }
    let first = relay.read(None, 3);
    assert_eq!(ids(&first), [[5; 16], [3; 16], [9; 16]]);
    assert_eq!(ids(&relay.read(first.last(), 9)), [[1; 16], [7; 16]]);
    assert_eq!(relay.read(None, 99).len(), CHUNKS_PER_ANSWER_MAX);
    assert_eq!(ids(&relay.named(&[9, 2, 5])), [[9; 16], [5; 16]]);
    assert_eq!(relay.ack([3, 2, 9]), Ok(()));
    assert_eq!(ids(&relay.read(None, 4)), [[5; 16], [1; 16], [7; 16]]);
    assert!(relay.named(&[3, 9]).is_empty());
    let elsewhere = Relay { queue: Created { receiver_queue: [8; 24], ..relay.queue }, ..relay };
    assert!(elsewhere.read(None, 4).is_empty() && elsewhere.named(&[5]).is_empty());
    assert_eq!(elsewhere.ack([5]), Err(AckError::NoQueue));
}

#[test]
fn chunks_and_envelopes_of_a_queue_have_room_apart() {
    let relay = Relay::new();
    let envelope = |number: u32| {
        let put = Put {
            sender_queue: relay.queue.sender_queue,
            put_id: u128::from(number).to_be_bytes(),
            envelope: vec![0; ENVELOPE_BYTES],
        };
        relay.mailboxes.put(&put, NOW).unwrap()
    };
    relay
        .mailboxes
        .together(|_| {
            assert!((1..=MOST).all(|number| relay.put(number) == Ok(true)));
            assert_eq!(relay.put(MOST + 1), Err(PutChunkError::Full));
            assert!((0..ENVELOPES_MAX).all(|number| envelope(number).is_ok_and(|placed| placed.stored)));
            Ok(())
        })
        .unwrap();
    assert!(envelope(ENVELOPES_MAX).is_err());
    assert_eq!(relay.put(1), Ok(false), "what lies there can be repeated");
    let blob = vec![0; 64 << 10];
    let leave = |blob_id| {
        let receiver_queue = relay.queue.receiver_queue;
        let call = LeaveBlob { receiver_queue, blob_id, read_key: [2; 32], blob: blob.clone() };
        relay.mailboxes.leave_blob(&call, NOW).unwrap()
    };
    assert_eq!(leave([1; 32]), Err(LeaveBlobError::Full), "blobs and chunks share theirs");
    relay.ack([1, 2]).unwrap();
    assert_eq!(leave([1; 32]), Ok(()));
    assert_eq!((relay.put(MOST + 1), relay.put(MOST + 2)), (Ok(true), Err(PutChunkError::Full)));
    let counts = relay.counts();
    assert_eq!((counts.messages, counts.blobs), (u64::from(ENVELOPES_MAX), u64::from(MOST)));
    let call = Delete { receiver_queue: relay.queue.receiver_queue };
    assert_eq!(relay.mailboxes.delete(&call).unwrap(), Ok(()));
    assert_eq!(relay.counts(), DiskCounts::default());
}

#[test]
fn the_operators_bound_counts_chunks() {
    let relay = Relay::with(Bounds { queues: 0, bytes: 2 * CHUNK_BYTES as u64 });
    assert_eq!((relay.put(1), relay.put(2), relay.put(3)), (Ok(true), Ok(true), Err(PutChunkError::Full)));
    relay.ack([1]).unwrap();
    assert_eq!(relay.put(3), Ok(true));
}

#[test]
fn a_chunk_and_the_memory_of_its_put_live_a_week() {
    let relay = Relay::new();
    assert_eq!((relay.put(1), relay.put_at(2, 2, later(3))), (Ok(true), Ok(true)));
    relay.ack([1]).unwrap();
    assert_eq!(relay.mailboxes.expire(later(6)).unwrap(), 0);
    assert_eq!(relay.mailboxes.expire(later(8)).unwrap(), 1, "the memory of the first");
    assert_eq!(relay.put_at(1, 1, later(8)), Ok(true));
    assert_eq!(relay.mailboxes.expire(later(11)).unwrap(), 2, "the second, and the memory of it");
    assert_eq!(ids(&relay.read(None, 4)), [[1; 16]]);
    assert_eq!(relay.counts().blobs, 1);
}

#[test]
fn a_clock_that_was_ahead_does_not_keep_a_chunk_for_ever() {
    let relay = Relay::new();
    relay.put_at(1, 1, later(400)).unwrap();
    assert_eq!(relay.mailboxes.expire(NOW).unwrap(), 0);
    assert_eq!(relay.mailboxes.expire(later(7)).unwrap(), 0, "as long as any");
    assert_eq!(relay.mailboxes.expire(later(8)).unwrap(), 2, "chunk and put");
}

#[test]
fn a_file_of_before_takes_chunks() {
    let relay = Relay::new();
    let path = relay.folder.path().join("mailboxes.db");
    let old = rusqlite::Connection::open(&path).unwrap();
    old.execute_batch("DROP TABLE chunks; DROP TABLE chunk_puts;").unwrap();
    drop(old);
    let relay = relay.again();
    assert_eq!(relay.put(1), Ok(true));
}

/// What was acked cannot be found in the file, nor in its log once that is written into the file.
#[test]
fn where_an_acked_chunk_lay_is_overwritten() {
    let mark = b"nobody shall find this line of the picture";
    let relay = Relay::new();
    let chunk: Vec<u8> = mark.iter().copied().cycle().take(CHUNK_BYTES).collect();
    let put = PutChunk { sender_queue: relay.queue.sender_queue, chunk_id: [1; 16], chunk };
    assert_eq!(relay.mailboxes.put_chunk(&put, NOW).unwrap(), Ok(true));
    let path = relay.folder.path().join("mailboxes.db");
    let written_down = || {
        let other = rusqlite::Connection::open(&path).unwrap();
        other.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        bytes.windows(mark.len()).any(|window| window == mark)
    };
    assert!(written_down(), "else this test sees nothing");
    relay.ack([1]).unwrap();
    assert!(!written_down());
}
