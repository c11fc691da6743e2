//! Chunks of files beside the envelopes of a queue: written once under a name of the sender's, read oldest first or by name, and
//! overwritten when their receiver has them. They take of a queue's room for blobs, and none of that for envelopes.

use ipc_schema::Timestamp;
use ipc_schema::edge::Outcome;
use ipc_schema::edge::onion_stored::{
    AckChunks, AckError, Chunk, ChunkId, NamedChunks, PutChunk, PutChunkError, ReadChunks,
};
use ipc_schema::limits::CHUNKS_PER_ANSWER_MAX;

use super::file::{BLOB_BYTES_MAX, Mailboxes, length};
use super::names::{name, number};
use crate::error::StoreError;

/// Puts of one queue that are remembered: what a sender may still repeat is among its last 96. So what a queue leaves behind is bounded
/// however much goes through it: 65,536 chunks are 4 GiB, and 5 MB of names.
const PUTS_MAX: i64 = 65_536;

/// A queue, as a put needs it.
struct Queue {
    id: i64,
    next: i64,
    blob_bytes: i64,
}

impl Mailboxes {
    /// Puts a chunk once; whether it was put now.
    ///
    /// # Errors
    /// What the disk says.
    pub fn put_chunk(&self, call: &PutChunk, now: Timestamp) -> Result<Outcome<PutChunk>, StoreError> {
        let sql = "SELECT id, next_number, blob_bytes FROM queues WHERE sender = ?1";
        let queue = self.row(sql, [call.sender_queue], |row| {
            Ok(Queue { id: row.get(0)?, next: row.get(1)?, blob_bytes: row.get(2)? })
        })?;
        let Some(queue) = queue else { return Ok(Err(PutChunkError::NoQueue)) };
        if let Some(before) = self.put_before(queue.id, call)? {
            return Ok(before);
        }
        let used = queue.blob_bytes.saturating_add(length(&call.chunk));
        if u64::try_from(used).unwrap_or(u64::MAX) > BLOB_BYTES_MAX || !self.has_room_for(call.chunk.len())? {
            return Ok(Err(PutChunkError::Full));
        }
        let at = now.0.cast_signed();
        self.run(
            "INSERT INTO chunks (queue, number, chunk_id, at, chunk) VALUES (?1, ?2, ?3, ?4, ?5)",
            (queue.id, queue.next, call.chunk_id, at, &call.chunk),
        )?;
        self.run(
            "INSERT INTO chunk_puts (queue, chunk_id, number, at) VALUES (?1, ?2, ?3, ?4)",
            (queue.id, call.chunk_id, queue.next, at),
        )?;
        self.run(
            "DELETE FROM chunk_puts WHERE queue = ?1 AND number <= ?2",
            (queue.id, queue.next - PUTS_MAX),
        )?;
        self.run(
            "UPDATE queues SET next_number = ?2 + 1, blob_bytes = ?3, used_at = max(used_at, ?4) WHERE id = ?1",
            (queue.id, queue.next, used, at),
        )?;
        self.count(0, 0, 1, length(&call.chunk))?;
        Ok(Ok(true))
    }

    /// What a put is answered whose name was seen.
    fn put_before(&self, queue: i64, call: &PutChunk) -> Result<Option<Outcome<PutChunk>>, StoreError> {
        let sql = "SELECT chunk = ?3 FROM chunks WHERE queue = ?1 AND chunk_id = ?2";
        if let Some(same) = self.row(sql, (queue, call.chunk_id, &call.chunk), |row| row.get(0))? {
            return Ok(Some(if same { Ok(false) } else { Err(PutChunkError::Taken) }));
        }
        let sql = "SELECT 1 FROM chunk_puts WHERE queue = ?1 AND chunk_id = ?2";
        self.row(sql, (queue, call.chunk_id), |_| Ok(Ok(false)))
    }

    /// The oldest `max` after a place.
    ///
    /// # Errors
    /// What the disk says.
    pub fn read_chunks(&self, call: &ReadChunks) -> Result<Vec<Chunk>, StoreError> {
        let after = call.after.map_or(0, |after| number(after).unwrap_or(i64::MAX));
        let max = call.max.min(u16::try_from(CHUNKS_PER_ANSWER_MAX).unwrap_or(u16::MAX));
        self.rows(
            "SELECT c.chunk_id, c.number, c.chunk FROM chunks c JOIN queues q ON q.id = c.queue
             WHERE q.receiver = ?1 AND c.number > ?2 ORDER BY c.number LIMIT ?3",
            (call.receiver_queue, after, max),
            chunk,
        )
    }

    /// Those of the named that lie there.
    ///
    /// # Errors
    /// What the disk says.
    pub fn named_chunks(&self, call: &NamedChunks) -> Result<Vec<Chunk>, StoreError> {
        let mut found = Vec::new();
        for id in &call.ids {
            found.extend(self.row(
                "SELECT c.chunk_id, c.number, c.chunk FROM chunks c JOIN queues q ON q.id = c.queue
                 WHERE q.receiver = ?1 AND c.chunk_id = ?2",
                (call.receiver_queue, id),
                chunk,
            )?);
        }
        Ok(found)
    }

    /// Deletes chunks that the receiver has.
    ///
    /// # Errors
    /// What the disk says.
    pub fn ack_chunks(&self, call: &AckChunks, now: Timestamp) -> Result<Outcome<AckChunks>, StoreError> {
        let sql = "SELECT id FROM queues WHERE receiver = ?1";
        let queue = self.row(sql, [call.receiver_queue], |row| row.get::<_, i64>(0))?;
        let Some(queue) = queue else { return Ok(Err(AckError::NoQueue)) };
        for id in &call.ids {
            self.remove_chunk(queue, *id)?;
        }
        let sql = "UPDATE queues SET used_at = max(used_at, ?2) WHERE id = ?1";
        self.run(sql, (queue, now.0.cast_signed()))?;
        Ok(Ok(()))
    }

    fn remove_chunk(&self, queue: i64, chunk_id: ChunkId) -> Result<(), StoreError> {
        let removed = self.row(
            "DELETE FROM chunks WHERE queue = ?1 AND chunk_id = ?2 RETURNING length(chunk)",
            (queue, chunk_id),
            |row| row.get::<_, i64>(0),
        )?;
        let Some(bytes) = removed else { return Ok(()) };
        self.free_blob_bytes(queue, bytes)?;
        self.count(0, 0, -1, -bytes)
    }

    /// Drops chunks put before or after these moments, and forgets puts of then.
    pub(super) fn expire_chunks(&self, before: i64, after: i64, most: u32) -> Result<usize, StoreError> {
        let sql = "SELECT queue, chunk_id FROM chunks WHERE at < ?1 OR at > ?2 LIMIT ?3";
        let old: Vec<(i64, ChunkId)> =
            self.rows(sql, (before, after, most), |row| Ok((row.get(0)?, row.get(1)?)))?;
        for (queue, chunk_id) in &old {
            self.remove_chunk(*queue, *chunk_id)?;
        }
        let puts = "DELETE FROM chunk_puts WHERE (queue, chunk_id) IN
             (SELECT queue, chunk_id FROM chunk_puts WHERE at < ?1 OR at > ?2 LIMIT ?3)";
        Ok(old.len() + self.changed(puts, (before, after, most))?)
    }
}

fn chunk(row: &rusqlite::Row<'_>) -> rusqlite::Result<Chunk> {
    Ok(Chunk { id: row.get(0)?, place: name(row.get(1)?), chunk: row.get(2)? })
}
