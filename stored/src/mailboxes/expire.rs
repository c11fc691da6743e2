//! What has outlived its life goes, a little at a time.

use ipc_schema::Timestamp;
use ipc_schema::edge::onion_stored::{Delete, DropBlob};

use super::file::Mailboxes;
use crate::error::StoreError;

/// An envelope's life, and how long its put id is remembered (docs/protocol/mailbox.md, "What the commands do").
pub const ENVELOPE_LIFE_MS: u64 = 21 * DAY_MS;
/// The life of a blob and of a chunk, and how long a chunk's put is remembered (docs/protocol/mailbox.md, "What the commands do").
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
        let since = self.ahead_since(now)?;
        // Before when, and after when, what lives so long is over.
        let over = |life: u64| {
            let before = now.0.saturating_sub(life).cast_signed();
            (before, if since.is_some_and(|since| since < before) { now.0.cast_signed() } else { i64::MAX })
        };
        let (before, after) = over(ENVELOPE_LIFE_MS);
        let mut removed = self.expire_messages(before, after, EXPIRE_MAX)?;
        let puts = "DELETE FROM puts WHERE (queue, put_id) IN (SELECT queue, put_id FROM puts WHERE at < ?1 OR at > ?2 LIMIT ?3)";
        removed += self.changed(puts, (before, after, EXPIRE_MAX))?;
        let (before, after) = over(BLOB_LIFE_MS);
        let blobs: Vec<_> = self.rows(
            "SELECT blob_id FROM blobs WHERE at < ?1 OR at > ?2 LIMIT ?3",
            (before, after, EXPIRE_MAX),
            |row| row.get(0).map(|blob_id| DropBlob { blob_id }),
        )?;
        for blob in &blobs {
            let _ = self.drop_blob(blob)?;
        }
        removed += self.expire_chunks(before, after, EXPIRE_MAX)?;
        let (before, after) = over(QUEUE_IDLE_MS);
        // Nobody can say whether it is in use: it has another life.
        self.run("UPDATE queues SET used_at = ?2 WHERE used_at > ?1", (after, now.0.cast_signed()))?;
        let idle: Vec<_> = self.rows(
            "SELECT receiver FROM queues WHERE used_at < ?1 LIMIT ?2",
            (before, EXPIRE_MAX),
            |row| row.get(0).map(|receiver_queue| Delete { receiver_queue }),
        )?;
        for receiver in &idle {
            let _ = self.delete(receiver)?;
        }
        removed += blobs.len() + idle.len();
        Ok(u32::try_from(removed).unwrap_or(u32::MAX))
    }

    /// Since when, by the clock as it goes now, something lies ahead of it. A clock that was wrong kept it, or this one is wrong: so it
    /// goes, but not before it has lain ahead for as long as it lives.
    fn ahead_since(&self, now: Timestamp) -> Result<Option<i64>, StoreError> {
        let now = now.0.cast_signed();
        let ahead = self.row(
            "SELECT 1 WHERE EXISTS (SELECT 1 FROM messages WHERE at > ?1)
             OR EXISTS (SELECT 1 FROM puts WHERE at > ?1) OR EXISTS (SELECT 1 FROM blobs WHERE at > ?1)
             OR EXISTS (SELECT 1 FROM chunks WHERE at > ?1) OR EXISTS (SELECT 1 FROM chunk_puts WHERE at > ?1)
             OR EXISTS (SELECT 1 FROM queues WHERE used_at > ?1)",
            [now],
            |_| Ok(()),
        )?;
        if ahead.is_none() {
            self.run("DELETE FROM set_back", [])?;
            return Ok(None);
        }
        // Set back once more: the wait begins anew.
        let sql = "INSERT INTO set_back VALUES (1, ?1) ON CONFLICT (id) DO UPDATE SET since = min(since, ?1)";
        self.run(sql, [now])?;
        self.row("SELECT since FROM set_back", [], |row| row.get(0))
    }
}
