//! What has outlived its life goes, a little at a time.

use ipc_schema::Timestamp;
use ipc_schema::edge::onion_stored::{Delete, DropBlob};

use super::file::Mailboxes;
use crate::error::StoreError;

/// An envelope's life, and how long its put id is remembered (docs/protocol/mailbox.md, "What the commands do").
pub const ENVELOPE_LIFE_MS: u64 = 21 * DAY_MS;
/// A blob's life (docs/protocol/mailbox.md, "What the commands do").
pub const BLOB_LIFE_MS: u64 = 7 * DAY_MS;
/// A queue that nobody used so long is dropped (docs/protocol/mailbox.md, "What the commands do").
pub const QUEUE_IDLE_MS: u64 = 60 * DAY_MS;
pub(super) const DAY_MS: u64 = 24 * 3_600 * 1_000;
/// Rows of a kind that one `expire` removes, so that it never holds up deposits for long.
const EXPIRE_MAX: u32 = 4_096;

impl Mailboxes {
    /// Drops what has outlived its life, a bounded number of rows; how many.
    ///
    /// # Errors
    /// What the disk says.
    pub fn expire(&self, now: Timestamp) -> Result<u32, StoreError> {
        let before = |life: u64| now.0.saturating_sub(life).cast_signed();
        let mut removed = self.expire_messages(before(ENVELOPE_LIFE_MS), EXPIRE_MAX)?;
        let puts = "DELETE FROM puts WHERE (queue, put_id) IN (SELECT queue, put_id FROM puts WHERE at < ?1 LIMIT ?2)";
        removed += self.changed(puts, (before(ENVELOPE_LIFE_MS), EXPIRE_MAX))?;
        let blobs: Vec<_> = self.rows(
            "SELECT blob_id FROM blobs WHERE at < ?1 LIMIT ?2",
            (before(BLOB_LIFE_MS), EXPIRE_MAX),
            |row| row.get(0).map(|blob_id| DropBlob { blob_id }),
        )?;
        for blob in &blobs {
            let _ = self.drop_blob(blob)?;
        }
        let idle: Vec<_> = self.rows(
            "SELECT receiver FROM queues WHERE used_at < ?1 LIMIT ?2",
            (before(QUEUE_IDLE_MS), EXPIRE_MAX),
            |row| row.get(0).map(|receiver_queue| Delete { receiver_queue }),
        )?;
        for receiver in &idle {
            let _ = self.delete(receiver)?;
        }
        removed += blobs.len() + idle.len();
        Ok(u32::try_from(removed).unwrap_or(u32::MAX))
    }
}
