//! Queues and the envelopes in them.

use ipc_schema::Timestamp;
use ipc_schema::edge::Outcome;
use ipc_schema::edge::onion_stored::{
    Ack, AckError, Create, CreateError, Created, Delete, DeleteError, Message, Placed, Put, PutError,
    QueueId, Read, ReceiverRow, Secure, SecureError, SenderRow,
};

use ipc_schema::limits::ENVELOPES_PER_ANSWER_MAX;

use super::file::{ENVELOPES_MAX, Mailboxes, length};
use super::names::{name, number};
use crate::error::StoreError;

impl Mailboxes {
    /// A new queue, or the one that this key has.
    ///
    /// # Errors
    /// What the disk says.
    pub fn create(&self, call: &Create, now: Timestamp) -> Result<Outcome<Create>, StoreError> {
        let there = self.row(
            "SELECT receiver, sender FROM queues WHERE receiver_key = ?1",
            [call.receiver_key],
            |row| Ok(Created { receiver_queue: row.get(0)?, sender_queue: row.get(1)? }),
        )?;
        if let Some(there) = there {
            return Ok(Ok(there));
        }
        if self.bounds.queues > 0 && self.totals()?.queues >= self.bounds.queues {
            return Ok(Err(CreateError::Full));
        }
        let made = self.changed(
            "INSERT OR IGNORE INTO queues (receiver, sender, receiver_key, used_at) VALUES (?1, ?2, ?3, ?4)",
            (call.receiver_queue, call.sender_queue, call.receiver_key, now.0.cast_signed()),
        )?;
        if made == 0 {
            return Ok(Err(CreateError::Taken));
        }
        self.count(1, 0, 0, 0)?;
        Ok(Ok(Created { receiver_queue: call.receiver_queue, sender_queue: call.sender_queue }))
    }

    /// A queue by its receiver's name.
    ///
    /// # Errors
    /// What the disk says.
    pub fn by_receiver(&self, receiver: &QueueId) -> Result<Option<ReceiverRow>, StoreError> {
        self.row("SELECT receiver_key, sender FROM queues WHERE receiver = ?1", [receiver], |row| {
            Ok(ReceiverRow { receiver_key: row.get(0)?, sender_queue: row.get(1)? })
        })
    }

    /// A queue by its sender's name.
    ///
    /// # Errors
    /// What the disk says.
    pub fn by_sender(&self, sender: &QueueId) -> Result<Option<SenderRow>, StoreError> {
        self.row("SELECT sender_key, receiver FROM queues WHERE sender = ?1", [sender], |row| {
            Ok(SenderRow { sender_key: row.get(0)?, receiver_queue: row.get(1)? })
        })
    }

    /// The receiver was there: the queue is not idle. Written once a day at most; true if it was.
    ///
    /// # Errors
    /// What the disk says.
    pub fn touch(&self, receiver: &QueueId, now: Timestamp) -> Result<bool, StoreError> {
        let day = now.0.saturating_sub(24 * 3_600 * 1_000).cast_signed();
        let sql = "UPDATE queues SET used_at = ?2 WHERE receiver = ?1 AND used_at < ?3";
        Ok(self.changed(sql, (receiver, now.0.cast_signed(), day))? > 0)
    }

    /// Fixes the sender's key; the first wins.
    ///
    /// # Errors
    /// What the disk says.
    pub fn secure(&self, call: &Secure) -> Result<Outcome<Secure>, StoreError> {
        let Some(there) = self.by_sender(&call.sender_queue)? else { return Ok(Err(SecureError::NoQueue)) };
        match there.sender_key {
            None => {
                let sql = "UPDATE queues SET sender_key = ?2 WHERE sender = ?1";
                self.run(sql, (call.sender_queue, call.sender_key))?;
                Ok(Ok(()))
            }
            Some(key) if key == call.sender_key => Ok(Ok(())),
            Some(_) => Ok(Err(SecureError::Taken)),
        }
    }

    /// Puts an envelope once.
    ///
    /// # Errors
    /// What the disk says.
    pub fn put(&self, call: &Put, now: Timestamp) -> Result<Outcome<Put>, StoreError> {
        let queue = self.row(
            "SELECT id, next_number, waiting FROM queues WHERE sender = ?1",
            [call.sender_queue],
            |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, u32>(2)?)),
        )?;
        let Some((queue, next, waiting)) = queue else { return Ok(Err(PutError::NoQueue)) };
        let before = self.row(
            "SELECT number FROM puts WHERE queue = ?1 AND put_id = ?2",
            (queue, call.put_id),
            |row| row.get::<_, i64>(0),
        )?;
        if let Some(before) = before {
            return Ok(Ok(Placed { id: name(before), stored: false }));
        }
        if waiting >= ENVELOPES_MAX || !self.has_room_for(call.envelope.len())? {
            return Ok(Err(PutError::Full));
        }
        let at = now.0.cast_signed();
        self.run(
            "INSERT INTO messages (queue, number, at, envelope) VALUES (?1, ?2, ?3, ?4)",
            (queue, next, at, &call.envelope),
        )?;
        self.run(
            "INSERT INTO puts (queue, put_id, number, at) VALUES (?1, ?2, ?3, ?4)",
            (queue, call.put_id, next, at),
        )?;
        self.run(
            "UPDATE queues SET next_number = ?2 + 1, waiting = waiting + 1, used_at = max(used_at, ?3) WHERE id = ?1",
            (queue, next, at),
        )?;
        self.count(0, 1, 0, length(&call.envelope))?;
        Ok(Ok(Placed { id: name(next), stored: true }))
    }

    /// The oldest `max` after `after`.
    ///
    /// # Errors
    /// What the disk says.
    pub fn read(&self, call: &Read) -> Result<Vec<Message>, StoreError> {
        let after = call.after.map_or(0, |after| number(after).unwrap_or(i64::MAX));
        let max = call.max.min(u16::try_from(ENVELOPES_PER_ANSWER_MAX).unwrap_or(u16::MAX));
        self.rows(
            "SELECT m.number, m.envelope FROM messages m JOIN queues q ON q.id = m.queue
             WHERE q.receiver = ?1 AND m.number > ?2 ORDER BY m.number LIMIT ?3",
            (call.receiver_queue, after, max),
            |row| Ok(Message { id: name(row.get(0)?), envelope: row.get(1)? }),
        )
    }

    /// Deletes what the receiver has.
    ///
    /// # Errors
    /// What the disk says.
    pub fn ack(&self, call: &Ack, now: Timestamp) -> Result<Outcome<Ack>, StoreError> {
        let sql = "SELECT id FROM queues WHERE receiver = ?1";
        let queue = self.row(sql, [call.receiver_queue], |row| row.get::<_, i64>(0))?;
        let Some(queue) = queue else { return Ok(Err(AckError::NoQueue)) };
        for number in call.ids.iter().filter_map(|id| number(*id)) {
            self.remove(queue, number)?;
        }
        let sql = "UPDATE queues SET used_at = max(used_at, ?2) WHERE id = ?1";
        self.run(sql, (queue, now.0.cast_signed()))?;
        Ok(Ok(()))
    }

    fn remove(&self, queue: i64, number: i64) -> Result<(), StoreError> {
        let removed = self.row(
            "DELETE FROM messages WHERE queue = ?1 AND number = ?2 RETURNING length(envelope)",
            (queue, number),
            |row| row.get::<_, i64>(0),
        )?;
        if let Some(bytes) = removed {
            self.run("UPDATE queues SET waiting = max(waiting - 1, 0) WHERE id = ?1", [queue])?;
            self.count(0, -1, 0, -bytes)?;
        }
        Ok(())
    }

    /// Drops a queue with all that lies there.
    ///
    /// # Errors
    /// What the disk says.
    pub fn delete(&self, call: &Delete) -> Result<Outcome<Delete>, StoreError> {
        let sql = "SELECT id FROM queues WHERE receiver = ?1";
        let queue = self.row(sql, [call.receiver_queue], |row| row.get::<_, i64>(0))?;
        let Some(queue) = queue else { return Ok(Err(DeleteError::NoQueue)) };
        let (messages, bytes) = self
            .row(
                "SELECT count(*), ifnull(sum(length(envelope)), 0) FROM messages WHERE queue = ?1",
                [queue],
                |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)),
            )?
            .unwrap_or_default();
        let (blobs, blob_bytes) = self
            .row(
                "SELECT count(*), ifnull(sum(bytes), 0) FROM (
                     SELECT length(blob) AS bytes FROM blobs WHERE queue = ?1
                     UNION ALL SELECT length(chunk) FROM chunks WHERE queue = ?1)",
                [queue],
                |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)),
            )?
            .unwrap_or_default();
        for table in ["messages", "puts", "blobs", "chunks", "chunk_puts"] {
            self.run(&format!("DELETE FROM {table} WHERE queue = ?1"), [queue])?;
        }
        self.run("DELETE FROM queues WHERE id = ?1", [queue])?;
        self.count(-1, -messages, -blobs, -(bytes + blob_bytes))?;
        Ok(Ok(()))
    }

    /// Drops envelopes put before or after these moments.
    pub(super) fn expire_messages(&self, before: i64, after: i64, most: u32) -> Result<usize, StoreError> {
        let sql = "SELECT queue, number FROM messages WHERE at < ?1 OR at > ?2 LIMIT ?3";
        let old: Vec<(i64, i64)> =
            self.rows(sql, (before, after, most), |row| Ok((row.get(0)?, row.get(1)?)))?;
        for (queue, number) in &old {
            self.remove(*queue, *number)?;
        }
        Ok(old.len())
    }
}
