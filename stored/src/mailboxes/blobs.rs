//! Write-once blobs beside a queue: an invite's bundle, later a file's chunks.

use ipc_schema::Timestamp;

use super::{Answer, BLOB_BYTES_MAX, Mailboxes, length};
use crate::error::StoreError;

/// A blob as onion needs it to decide who may read it.
#[derive(Clone, PartialEq, Eq)]
pub struct Blob {
    /// Authenticates `secure+read`.
    pub read_key: Vec<u8>,
    /// The sender key that read it first; empty: nobody did.
    pub bound_to: Vec<u8>,
    /// Its bytes.
    pub blob: Vec<u8>,
    /// The queue that it lies beside.
    pub receiver: Vec<u8>,
}

impl Mailboxes {
    /// Leaves a blob; the same bytes again are fine, others are not.
    ///
    /// # Errors
    /// What the disk says.
    pub fn leave_blob(
        &self,
        receiver: &[u8],
        (blob_id, read_key): (&[u8], &[u8]),
        blob: &[u8],
        now: Timestamp,
    ) -> Result<Answer, StoreError> {
        let queue = self.row("SELECT id, blob_bytes FROM queues WHERE receiver = ?1", [receiver], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
        })?;
        let Some((queue, used)) = queue else { return Ok(Answer::NoQueue) };
        let there = self.row(
            "SELECT queue = ?2 AND read_key = ?3 AND blob = ?4 FROM blobs WHERE blob_id = ?1",
            (blob_id, queue, read_key, blob),
            |row| row.get::<_, bool>(0),
        )?;
        if let Some(same) = there {
            return Ok(if same { Answer::Ok } else { Answer::Taken });
        }
        let used = used.saturating_add(length(blob));
        if u64::try_from(used).unwrap_or(u64::MAX) > BLOB_BYTES_MAX || !self.has_room_for(blob.len())? {
            return Ok(Answer::Full);
        }
        self.run(
            "INSERT INTO blobs (blob_id, queue, read_key, at, blob) VALUES (?1, ?2, ?3, ?4, ?5)",
            (blob_id, queue, read_key, now.0.cast_signed(), blob),
        )?;
        self.run("UPDATE queues SET blob_bytes = ?2 WHERE id = ?1", (queue, used))?;
        self.count(0, 0, 1, length(blob))?;
        Ok(Answer::Ok)
    }

    /// A blob with what guards it.
    ///
    /// # Errors
    /// What the disk says.
    pub fn blob(&self, blob_id: &[u8]) -> Result<Option<Blob>, StoreError> {
        self.row(
            "SELECT b.read_key, ifnull(b.bound_to, x''), b.blob, q.receiver FROM blobs b JOIN queues q ON q.id = b.queue
             WHERE b.blob_id = ?1",
            [blob_id],
            |row| {
                Ok(Blob { read_key: row.get(0)?, bound_to: row.get(1)?, blob: row.get(2)?, receiver: row.get(3)? })
            },
        )
    }

    /// Binds a blob to the first sender key.
    ///
    /// # Errors
    /// What the disk says.
    pub fn bind_blob(&self, blob_id: &[u8], sender_key: &[u8]) -> Result<Answer, StoreError> {
        let Some(there) = self.blob(blob_id)? else { return Ok(Answer::NoBlob) };
        if there.bound_to.is_empty() {
            self.run("UPDATE blobs SET bound_to = ?2 WHERE blob_id = ?1", (blob_id, sender_key))?;
            return Ok(Answer::Ok);
        }
        Ok(if there.bound_to == sender_key { Answer::Ok } else { Answer::Taken })
    }

    /// Drops a blob.
    ///
    /// # Errors
    /// What the disk says.
    pub fn drop_blob(&self, blob_id: &[u8]) -> Result<Answer, StoreError> {
        let removed = self.row(
            "DELETE FROM blobs WHERE blob_id = ?1 RETURNING queue, length(blob)",
            [blob_id],
            |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)),
        )?;
        let Some((queue, bytes)) = removed else { return Ok(Answer::NoBlob) };
        self.run("UPDATE queues SET blob_bytes = max(blob_bytes - ?2, 0) WHERE id = ?1", (queue, bytes))?;
        self.count(0, 0, -1, -bytes)?;
        Ok(Answer::Ok)
    }
}
