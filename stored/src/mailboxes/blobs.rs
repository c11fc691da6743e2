//! Write-once blobs beside a queue: an invite's bundle.

use ipc_schema::Timestamp;
use ipc_schema::edge::Outcome;
use ipc_schema::edge::onion_stored::{
    BindBlob, BindBlobError, Blob, BlobRow, DropBlob, DropBlobError, LeaveBlob, LeaveBlobError,
};

use super::file::{BLOB_BYTES_MAX, Mailboxes, length};
use crate::error::StoreError;

impl Mailboxes {
    /// Leaves a blob; the same bytes again are fine, others are not.
    ///
    /// # Errors
    /// What the disk says.
    pub fn leave_blob(&self, call: &LeaveBlob, now: Timestamp) -> Result<Outcome<LeaveBlob>, StoreError> {
        let LeaveBlob { receiver_queue, blob_id, read_key, blob } = call;
        let sql = "SELECT id, blob_bytes FROM queues WHERE receiver = ?1";
        let queue =
            self.row(sql, [receiver_queue], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?;
        let Some((queue, used)) = queue else { return Ok(Err(LeaveBlobError::NoQueue)) };
        let there = self.row(
            "SELECT queue = ?2 AND read_key = ?3 AND blob = ?4 FROM blobs WHERE blob_id = ?1",
            (blob_id, queue, read_key, blob),
            |row| row.get::<_, bool>(0),
        )?;
        if let Some(same) = there {
            return Ok(if same { Ok(()) } else { Err(LeaveBlobError::Taken) });
        }
        let used = used.saturating_add(length(blob));
        if u64::try_from(used).unwrap_or(u64::MAX) > BLOB_BYTES_MAX || !self.has_room_for(blob.len())? {
            return Ok(Err(LeaveBlobError::Full));
        }
        self.run(
            "INSERT INTO blobs (blob_id, queue, read_key, at, blob) VALUES (?1, ?2, ?3, ?4, ?5)",
            (blob_id, queue, read_key, now.0.cast_signed(), blob),
        )?;
        self.run("UPDATE queues SET blob_bytes = ?2 WHERE id = ?1", (queue, used))?;
        self.count(0, 0, 1, length(blob))?;
        Ok(Ok(()))
    }

    /// A blob with what guards it.
    ///
    /// # Errors
    /// What the disk says.
    pub fn blob(&self, call: &Blob) -> Result<Option<BlobRow>, StoreError> {
        self.row(
            "SELECT b.read_key, b.bound_to, b.blob, q.receiver FROM blobs b JOIN queues q ON q.id = b.queue
             WHERE b.blob_id = ?1",
            [call.blob_id],
            |row| {
                let (read_key, bound_to) = (row.get(0)?, row.get(1)?);
                Ok(BlobRow { read_key, bound_to, blob: row.get(2)?, receiver_queue: row.get(3)? })
            },
        )
    }

    /// Binds a blob to the first sender key.
    ///
    /// # Errors
    /// What the disk says.
    pub fn bind_blob(&self, call: &BindBlob) -> Result<Outcome<BindBlob>, StoreError> {
        let Some(there) = self.blob(&Blob { blob_id: call.blob_id })? else {
            return Ok(Err(BindBlobError::NoBlob));
        };
        match there.bound_to {
            None => {
                let sql = "UPDATE blobs SET bound_to = ?2 WHERE blob_id = ?1";
                self.run(sql, (call.blob_id, call.sender_key))?;
                Ok(Ok(()))
            }
            Some(key) if key == call.sender_key => Ok(Ok(())),
            Some(_) => Ok(Err(BindBlobError::Taken)),
        }
    }

    /// Drops a blob.
    ///
    /// # Errors
    /// What the disk says.
    pub fn drop_blob(&self, call: &DropBlob) -> Result<Outcome<DropBlob>, StoreError> {
        let removed = self.row(
            "DELETE FROM blobs WHERE blob_id = ?1 RETURNING queue, length(blob)",
            [call.blob_id],
            |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)),
        )?;
        let Some((queue, bytes)) = removed else { return Ok(Err(DropBlobError::NoBlob)) };
        self.free_blob_bytes(queue, bytes)?;
        self.count(0, 0, -1, -bytes)?;
        Ok(Ok(()))
    }

    /// A queue has so many bytes of blobs less.
    pub(super) fn free_blob_bytes(&self, queue: i64, bytes: i64) -> Result<(), StoreError> {
        self.run("UPDATE queues SET blob_bytes = max(blob_bytes - ?2, 0) WHERE id = ?1", (queue, bytes))
    }
}
