//! Queues and the envelopes in them.

use ipc_schema::Timestamp;

use super::{Answer, ENVELOPES_MAX, Mailboxes, length};
use crate::error::StoreError;

/// A queue's names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// By which its receiver knows it.
    pub receiver: Vec<u8>,
    /// By which its sender knows it.
    pub sender: Vec<u8>,
}

/// A queue as its receiver knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receiver {
    /// Authenticates the receiver.
    pub receiver_key: Vec<u8>,
    /// The other name.
    pub sender: Vec<u8>,
}

/// A queue as its sender knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// Authenticates the sender; empty before `secure`.
    pub sender_key: Vec<u8>,
    /// The other name.
    pub receiver: Vec<u8>,
}

/// An envelope that waits.
#[derive(Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Its name in this queue; names rise.
    pub id: [u8; 16],
    /// 4,096 B.
    pub envelope: Vec<u8>,
}

/// What became of a put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Put {
    /// Whether it is there.
    pub answer: Answer,
    /// Its name in the queue.
    pub id: [u8; 16],
    /// False: it had been put before.
    pub stored: bool,
}

/// Names are counted in each queue, so they tell nothing of other people's traffic.
fn name(number: i64) -> [u8; 16] {
    u128::from(number.cast_unsigned()).to_be_bytes()
}

fn number(name: &[u8]) -> Option<i64> {
    let wide = u128::from_be_bytes(name.try_into().ok()?);
    i64::try_from(wide).ok()
}

impl Mailboxes {
    /// A new queue, or the one that this key has.
    ///
    /// # Errors
    /// What the disk says.
    pub fn create(
        &self,
        receiver: &[u8],
        sender: &[u8],
        receiver_key: &[u8],
        now: Timestamp,
    ) -> Result<Result<Created, Answer>, StoreError> {
        let there =
            self.row("SELECT receiver, sender FROM queues WHERE receiver_key = ?1", [receiver_key], |row| {
                Ok(Created { receiver: row.get(0)?, sender: row.get(1)? })
            })?;
        if let Some(there) = there {
            return Ok(Ok(there));
        }
        if self.bounds.queues > 0 && self.totals()?.queues >= self.bounds.queues {
            return Ok(Err(Answer::Full));
        }
        let made = self.changed(
            "INSERT OR IGNORE INTO queues (receiver, sender, receiver_key, used_at) VALUES (?1, ?2, ?3, ?4)",
            (receiver, sender, receiver_key, now.0.cast_signed()),
        )?;
        if made == 0 {
            return Ok(Err(Answer::Taken));
        }
        self.count(1, 0, 0, 0)?;
        Ok(Ok(Created { receiver: receiver.to_vec(), sender: sender.to_vec() }))
    }

    /// A queue by its receiver's name.
    ///
    /// # Errors
    /// What the disk says.
    pub fn by_receiver(&self, receiver: &[u8]) -> Result<Option<Receiver>, StoreError> {
        self.row("SELECT receiver_key, sender FROM queues WHERE receiver = ?1", [receiver], |row| {
            Ok(Receiver { receiver_key: row.get(0)?, sender: row.get(1)? })
        })
    }

    /// A queue by its sender's name.
    ///
    /// # Errors
    /// What the disk says.
    pub fn by_sender(&self, sender: &[u8]) -> Result<Option<Sender>, StoreError> {
        self.row("SELECT ifnull(sender_key, x''), receiver FROM queues WHERE sender = ?1", [sender], |row| {
            Ok(Sender { sender_key: row.get(0)?, receiver: row.get(1)? })
        })
    }

    /// The receiver was there: the queue is not idle. Written once a day at most; true if it was.
    ///
    /// # Errors
    /// What the disk says.
    pub fn touch(&self, receiver: &[u8], now: Timestamp) -> Result<bool, StoreError> {
        let day = now.0.saturating_sub(24 * 3_600 * 1_000).cast_signed();
        let sql = "UPDATE queues SET used_at = ?2 WHERE receiver = ?1 AND used_at < ?3";
        Ok(self.changed(sql, (receiver, now.0.cast_signed(), day))? > 0)
    }

    /// Fixes the sender's key; the first wins.
    ///
    /// # Errors
    /// What the disk says.
    pub fn secure(&self, sender: &[u8], sender_key: &[u8]) -> Result<Answer, StoreError> {
        let Some(there) = self.by_sender(sender)? else { return Ok(Answer::NoQueue) };
        if there.sender_key.is_empty() {
            self.run("UPDATE queues SET sender_key = ?2 WHERE sender = ?1", (sender, sender_key))?;
            return Ok(Answer::Ok);
        }
        Ok(if there.sender_key == sender_key { Answer::Ok } else { Answer::Taken })
    }

    /// Puts an envelope once.
    ///
    /// # Errors
    /// What the disk says.
    pub fn put(
        &self,
        sender: &[u8],
        put_id: &[u8],
        envelope: &[u8],
        now: Timestamp,
    ) -> Result<Put, StoreError> {
        let refused = |answer| Put { answer, id: [0; 16], stored: false };
        let queue =
            self.row("SELECT id, next_number, waiting FROM queues WHERE sender = ?1", [sender], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, u32>(2)?))
            })?;
        let Some((queue, next, waiting)) = queue else { return Ok(refused(Answer::NoQueue)) };
        let before =
            self.row("SELECT number FROM puts WHERE queue = ?1 AND put_id = ?2", (queue, put_id), |row| {
                row.get::<_, i64>(0)
            })?;
        if let Some(before) = before {
            return Ok(Put { answer: Answer::Ok, id: name(before), stored: false });
        }
        if waiting >= ENVELOPES_MAX || !self.has_room_for(envelope.len())? {
            return Ok(refused(Answer::Full));
        }
        let at = now.0.cast_signed();
        self.run(
            "INSERT INTO messages (queue, number, at, envelope) VALUES (?1, ?2, ?3, ?4)",
            (queue, next, at, envelope),
        )?;
        self.run(
            "INSERT INTO puts (queue, put_id, number, at) VALUES (?1, ?2, ?3, ?4)",
            (queue, put_id, next, at),
        )?;
        self.run(
            "UPDATE queues SET next_number = ?2 + 1, waiting = waiting + 1, used_at = ?3 WHERE id = ?1",
            (queue, next, at),
        )?;
        self.count(0, 1, 0, length(envelope))?;
        Ok(Put { answer: Answer::Ok, id: name(next), stored: true })
    }

    /// The oldest `max` after `after`.
    ///
    /// # Errors
    /// What the disk says.
    pub fn read(&self, receiver: &[u8], after: &[u8], max: u16) -> Result<Vec<Envelope>, StoreError> {
        let after = if after.is_empty() { 0 } else { number(after).unwrap_or(i64::MAX) };
        self.rows(
            "SELECT m.number, m.envelope FROM messages m JOIN queues q ON q.id = m.queue
             WHERE q.receiver = ?1 AND m.number > ?2 ORDER BY m.number LIMIT ?3",
            (receiver, after, max),
            |row| Ok(Envelope { id: name(row.get(0)?), envelope: row.get(1)? }),
        )
    }

    /// Deletes what the receiver has.
    ///
    /// # Errors
    /// What the disk says.
    pub fn ack(&self, receiver: &[u8], ids: &[Vec<u8>], now: Timestamp) -> Result<Answer, StoreError> {
        let queue =
            self.row("SELECT id FROM queues WHERE receiver = ?1", [receiver], |row| row.get::<_, i64>(0))?;
        let Some(queue) = queue else { return Ok(Answer::NoQueue) };
        for number in ids.iter().filter_map(|id| number(id)) {
            self.remove(queue, number)?;
        }
        self.run("UPDATE queues SET used_at = ?2 WHERE id = ?1", (queue, now.0.cast_signed()))?;
        Ok(Answer::Ok)
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
    pub fn delete(&self, receiver: &[u8]) -> Result<Answer, StoreError> {
        let queue =
            self.row("SELECT id FROM queues WHERE receiver = ?1", [receiver], |row| row.get::<_, i64>(0))?;
        let Some(queue) = queue else { return Ok(Answer::NoQueue) };
        let (messages, bytes) = self
            .row(
                "SELECT count(*), ifnull(sum(length(envelope)), 0) FROM messages WHERE queue = ?1",
                [queue],
                |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)),
            )?
            .unwrap_or_default();
        let (blobs, blob_bytes) = self
            .row(
                "SELECT count(*), ifnull(sum(length(blob)), 0) FROM blobs WHERE queue = ?1",
                [queue],
                |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)),
            )?
            .unwrap_or_default();
        for table in ["messages", "puts", "blobs"] {
            self.run(&format!("DELETE FROM {table} WHERE queue = ?1"), [queue])?;
        }
        self.run("DELETE FROM queues WHERE id = ?1", [queue])?;
        self.count(-1, -messages, -blobs, -(bytes + blob_bytes))?;
        Ok(Answer::Ok)
    }

    pub(super) fn expire_messages(&self, before: i64) -> Result<usize, StoreError> {
        let old: Vec<(i64, i64)> = self.rows(
            "SELECT queue, number FROM messages WHERE at < ?1 LIMIT ?2",
            (before, super::EXPIRE_MAX),
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        for (queue, number) in &old {
            self.remove(*queue, *number)?;
        }
        Ok(old.len())
    }
}
