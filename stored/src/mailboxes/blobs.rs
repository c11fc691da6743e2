//! Write-once blobs beside a queue: an invite's bundle today, file chunks later.

use ipc_schema::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::{Answer, BLOB_BYTES_PER_QUEUE_MAX, Disk, Key, QueueId, seconds};
use crate::error::StoreError;

/// One blob.
#[derive(Clone, PartialEq, Eq)]
pub struct Blob {
    /// What authenticates `secure+read`.
    pub read_key: Key,
    /// The sender key that it is bound to.
    pub bound_to: Option<Key>,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The queue that it lies beside.
    pub receiver_queue: QueueId,
}

impl std::fmt::Debug for Blob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Blob")
    }
}

impl Disk {
    /// Leaves a blob. The same again is fine, other bytes or another key under its id are [`Answer::Taken`].
    ///
    /// # Errors
    /// What the disk says.
    pub fn leave_blob(
        &self,
        receiver_queue: QueueId,
        id: Key,
        (read_key, bytes): (Key, &[u8]),
        now: Timestamp,
    ) -> Result<Answer, StoreError> {
        if let Some(blob) = self.blob(id)? {
            let same = blob.bytes == bytes && blob.read_key == read_key && blob.receiver_queue == receiver_queue;
            return Ok(if same { Answer::Ok } else { Answer::Taken });
        }
        let Some(queue) = self.queue_number(receiver_queue)? else { return Ok(Answer::NoQueue) };
        let used: i64 = self
            .db
            .prepare_cached("SELECT blob_bytes FROM queues WHERE number = ?1")?
            .query_row([queue], |row| row.get(0))?;
        let after = u64::try_from(used).unwrap_or(0).saturating_add(bytes.len() as u64);
        if after > BLOB_BYTES_PER_QUEUE_MAX {
            return Ok(Answer::Full);
        }
        self.db
            .prepare_cached("INSERT INTO blobs (id, queue, read_key, at, blob) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![id, queue, read_key, seconds(now), bytes])?;
        Ok(Answer::Ok)
    }

    /// The blob of that id.
    ///
    /// # Errors
    /// What the disk says.
    pub fn blob(&self, id: Key) -> Result<Option<Blob>, StoreError> {
        let mut select = self.db.prepare_cached(
            "SELECT read_key, bound_to, blob, receiver_queue FROM blobs JOIN queues ON queues.number = blobs.queue
             WHERE id = ?1",
        )?;
        let blob = select.query_row([id], |row| {
            Ok(Blob {
                read_key: row.get(0)?,
                bound_to: row.get(1)?,
                bytes: row.get(2)?,
                receiver_queue: row.get(3)?,
            })
        });
        Ok(blob.optional()?)
    }

    /// Binds a blob to the first sender key that reads it.
    ///
    /// # Errors
    /// What the disk says.
    pub fn bind_blob(&self, id: Key, sender_key: Key) -> Result<Answer, StoreError> {
        Ok(match self.blob(id)?.map(|blob| blob.bound_to) {
            None => Answer::NoBlob,
            Some(Some(key)) if key == sender_key => Answer::Ok,
            Some(Some(_)) => Answer::Taken,
            Some(None) => {
                self.db
                    .prepare_cached("UPDATE blobs SET bound_to = ?2 WHERE id = ?1")?
                    .execute(params![id, sender_key])?;
                Answer::Ok
            }
        })
    }

    /// Deletes a blob; one that is gone is fine.
    ///
    /// # Errors
    /// What the disk says.
    pub fn drop_blob(&self, id: Key) -> Result<Answer, StoreError> {
        self.db.prepare_cached("DELETE FROM blobs WHERE id = ?1")?.execute([id])?;
        Ok(Answer::Ok)
    }

    pub(super) fn blobs_older_than(&self, at: i64) -> Result<usize, StoreError> {
        Ok(self.db.prepare_cached("DELETE FROM blobs WHERE at < ?1")?.execute([at])?)
    }
}
