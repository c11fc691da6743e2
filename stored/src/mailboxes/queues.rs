//! Queues and the envelopes that wait in them.

use ipc_schema::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::{Answer, Disk, Key, MESSAGES_PER_QUEUE_MAX, MessageId, QueueId, seconds};
use crate::error::StoreError;

/// What `put` did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Put {
    /// How it ended.
    pub answer: Answer,
    /// Whether the envelope is new here.
    pub stored: bool,
}

/// A queue as its row.
struct Queue {
    number: i64,
    waiting: u32,
    used_at: i64,
}

impl Disk {
    /// A new queue under these ids, or the ids of the one that this receiver has. `None`: the operator's quota is reached.
    ///
    /// # Errors
    /// What the disk says.
    pub fn create(
        &self,
        (receiver_queue, sender_queue): (QueueId, QueueId),
        receiver_key: Key,
        now: Timestamp,
    ) -> Result<Option<(QueueId, QueueId)>, StoreError> {
        let existing = self
            .db
            .prepare_cached("SELECT receiver_queue, sender_queue FROM queues WHERE receiver_key = ?1")?
            .query_row([receiver_key], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        if existing.is_some() {
            return Ok(existing);
        }
        if self.counts()?.queues >= self.quota.queues {
            return Ok(None);
        }
        self.db
            .prepare_cached(
                "INSERT INTO queues (receiver_queue, sender_queue, receiver_key, used_at) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![receiver_queue, sender_queue, receiver_key, seconds(now)])?;
        Ok(Some((receiver_queue, sender_queue)))
    }

    /// The receiver's key and the sender's name of a queue.
    ///
    /// # Errors
    /// What the disk says.
    pub fn by_receiver(&self, receiver_queue: QueueId) -> Result<Option<(Key, QueueId)>, StoreError> {
        let mut select =
            self.db.prepare_cached("SELECT receiver_key, sender_queue FROM queues WHERE receiver_queue = ?1")?;
        Ok(select.query_row([receiver_queue], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
    }

    /// The sender's key, if secured, and the receiver's name of a queue.
    ///
    /// # Errors
    /// What the disk says.
    pub fn by_sender(&self, sender_queue: QueueId) -> Result<Option<(Option<Key>, QueueId)>, StoreError> {
        let mut select =
            self.db.prepare_cached("SELECT sender_key, receiver_queue FROM queues WHERE sender_queue = ?1")?;
        Ok(select.query_row([sender_queue], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
    }

    /// Registers the sender's key: the first one wins.
    ///
    /// # Errors
    /// What the disk says.
    pub fn secure(&self, sender_queue: QueueId, sender_key: Key) -> Result<Answer, StoreError> {
        Ok(match self.by_sender(sender_queue)? {
            None => Answer::NoQueue,
            Some((Some(key), _)) if key == sender_key => Answer::Ok,
            Some((Some(_), _)) => Answer::Taken,
            Some((None, _)) => {
                self.db
                    .prepare_cached("UPDATE queues SET sender_key = ?2 WHERE sender_queue = ?1")?
                    .execute(params![sender_queue, sender_key])?;
                Answer::Ok
            }
        })
    }

    /// One envelope. A put id that was seen before, acked or not, changes nothing.
    ///
    /// # Errors
    /// What the disk says.
    pub fn put(
        &self,
        sender_queue: QueueId,
        id: MessageId,
        envelope: &[u8],
        now: Timestamp,
    ) -> Result<Put, StoreError> {
        let Some(queue) = self.queue("sender_queue", sender_queue)? else {
            return Ok(Put { answer: Answer::NoQueue, stored: false });
        };
        let seen = self
            .db
            .prepare_cached("SELECT 1 FROM puts WHERE queue = ?1 AND id = ?2")?
            .exists(params![queue.number, id])?;
        if seen {
            return Ok(Put { answer: Answer::Ok, stored: false });
        }
        if queue.waiting >= MESSAGES_PER_QUEUE_MAX {
            return Ok(Put { answer: Answer::Full, stored: false });
        }
        let at = seconds(now);
        self.db
            .prepare_cached("INSERT INTO messages (queue, id, at, envelope) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![queue.number, id, at, envelope])?;
        self.db
            .prepare_cached("INSERT INTO puts (queue, id, at) VALUES (?1, ?2, ?3)")?
            .execute(params![queue.number, id, at])?;
        self.used(&queue, at)?;
        Ok(Put { answer: Answer::Ok, stored: true })
    }

    /// The oldest envelopes after `after`, at most `max`. An `after` that is gone counts as the start.
    ///
    /// # Errors
    /// What the disk says.
    pub fn read(
        &self,
        receiver_queue: QueueId,
        after: Option<MessageId>,
        max: u16,
        now: Timestamp,
    ) -> Result<Vec<(MessageId, Vec<u8>)>, StoreError> {
        let Some(queue) = self.queue("receiver_queue", receiver_queue)? else { return Ok(Vec::new()) };
        let from: i64 = match after {
            None => 0,
            Some(id) => self
                .db
                .prepare_cached("SELECT number FROM messages WHERE queue = ?1 AND id = ?2")?
                .query_row(params![queue.number, id], |row| row.get(0))
                .optional()?
                .unwrap_or(0),
        };
        let messages = self
            .db
            .prepare_cached(
                "SELECT id, envelope FROM messages WHERE queue = ?1 AND number > ?2 ORDER BY number LIMIT ?3",
            )?
            .query_map(params![queue.number, from, max], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        self.used(&queue, seconds(now))?;
        Ok(messages)
    }

    /// Deletes these envelopes; their put ids stay known.
    ///
    /// # Errors
    /// What the disk says.
    pub fn ack(&self, receiver_queue: QueueId, ids: &[MessageId], now: Timestamp) -> Result<Answer, StoreError> {
        let Some(queue) = self.queue("receiver_queue", receiver_queue)? else { return Ok(Answer::NoQueue) };
        let mut delete = self.db.prepare_cached("DELETE FROM messages WHERE queue = ?1 AND id = ?2")?;
        for id in ids {
            delete.execute(params![queue.number, id])?;
        }
        self.used(&queue, seconds(now))?;
        Ok(Answer::Ok)
    }

    /// Deletes a queue with all that lies in it and beside it.
    ///
    /// # Errors
    /// What the disk says.
    pub fn delete(&self, receiver_queue: QueueId) -> Result<Answer, StoreError> {
        self.db.prepare_cached("DELETE FROM queues WHERE receiver_queue = ?1")?.execute([receiver_queue])?;
        Ok(Answer::Ok)
    }

    pub(super) fn queue_number(&self, receiver_queue: QueueId) -> Result<Option<i64>, StoreError> {
        Ok(self.queue("receiver_queue", receiver_queue)?.map(|queue| queue.number))
    }

    /// `column` is one of ours, never foreign.
    fn queue(&self, column: &'static str, id: QueueId) -> Result<Option<Queue>, StoreError> {
        let sql = format!("SELECT number, waiting, used_at FROM queues WHERE {column} = ?1");
        let mut select = self.db.prepare_cached(&sql)?;
        let queue = select.query_row([id], |row| {
            Ok(Queue { number: row.get(0)?, waiting: row.get(1)?, used_at: row.get(2)? })
        });
        Ok(queue.optional()?)
    }

    /// Notes the day of use, once a day: more would be a write for each read.
    fn used(&self, queue: &Queue, at: i64) -> Result<(), StoreError> {
        const DAY: i64 = 24 * 3600;
        if at.saturating_sub(queue.used_at) >= DAY {
            self.db
                .prepare_cached("UPDATE queues SET used_at = ?2 WHERE number = ?1")?
                .execute(params![queue.number, at])?;
        }
        Ok(())
    }

    pub(super) fn queues_idle_before(&self, at: i64) -> Result<usize, StoreError> {
        Ok(self.db.prepare_cached("DELETE FROM queues WHERE used_at < ?1")?.execute([at])?)
    }

    pub(super) fn messages_older_than(&self, at: i64) -> Result<usize, StoreError> {
        let gone = self.db.prepare_cached("DELETE FROM messages WHERE at < ?1")?.execute([at])?;
        self.db.prepare_cached("DELETE FROM puts WHERE at < ?1")?.execute([at])?;
        Ok(gone)
    }
}
