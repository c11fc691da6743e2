//! What only a later version can read: kept as it came, behind a line that says how much of it there is.

use ipc_schema::Timestamp;

use super::Store;
use crate::error::StoreError;
use crate::ids::ContactId;

/// Kept for one contact, bytes. The oldest goes first; its line stays.
const KEPT_MAX: i64 = 64 << 10;

/// One of them.
pub(crate) struct Newer {
    /// Whose.
    pub contact: ContactId,
    /// The line that stands for it.
    pub message: String,
    /// As it came; untrusted.
    pub content: Vec<u8>,
}

impl Store {
    /// A line stands for one more; how many that are now.
    pub(crate) fn count_newer(&self, message: &str) -> Result<u32, StoreError> {
        let sql = "INSERT INTO newer_lines (message, contents) VALUES (?1, 1)
                   ON CONFLICT (message) DO UPDATE SET contents = contents + 1 RETURNING contents";
        Ok(self.row(sql, [message], |row| row.get(0))?.unwrap_or(1))
    }

    /// A line stands for what came just now as well: what it holds goes with it, and is as old as the newest of that.
    pub(crate) fn renew_line(&self, message: &str, now: Timestamp) -> Result<(), StoreError> {
        self.run("UPDATE messages SET received_at = ?2 WHERE id = ?1", (message, now.0.cast_signed()))
    }

    /// Keeps one for a later version, behind a line that counts it.
    pub(crate) fn keep_newer(&self, newer: &Newer) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO newer (contact, message, content) VALUES (?1, ?2, ?3)",
            (newer.contact, &newer.message, &newer.content),
        )?;
        self.run(
            "DELETE FROM newer WHERE id IN
             (SELECT id FROM (SELECT id, sum(length(content)) OVER (ORDER BY id DESC) AS kept FROM newer WHERE contact = ?1)
              WHERE kept > ?2)",
            (newer.contact, KEPT_MAX),
        )
    }

    /// The first `limit` behind `id`, with their own.
    pub(crate) fn newer_after(&self, id: i64, limit: u32) -> Result<Vec<(i64, Newer)>, StoreError> {
        let sql = "SELECT id, contact, message, content FROM newer WHERE id > ?1 ORDER BY id LIMIT ?2";
        self.rows(sql, (id, limit), |row| {
            Ok((row.get(0)?, Newer { contact: row.get(1)?, message: row.get(2)?, content: row.get(3)? }))
        })
    }

    /// One was read; for how many its line stands still.
    pub(crate) fn newer_read(&self, id: i64, message: &str) -> Result<u32, StoreError> {
        self.run("DELETE FROM newer WHERE id = ?1", [id])?;
        let sql =
            "UPDATE newer_lines SET contents = max(contents - 1, 0) WHERE message = ?1 RETURNING contents";
        Ok(self.row(sql, [message], |row| row.get(0))?.unwrap_or(0))
    }

    /// So many bytes are kept for a contact.
    #[cfg(test)]
    pub(crate) fn bytes_of_newer(&self, contact: ContactId) -> Result<i64, StoreError> {
        let sql = "SELECT ifnull(sum(length(content)), 0) FROM newer WHERE contact = ?1";
        Ok(self.row(sql, [contact], |row| row.get(0))?.unwrap_or(0))
    }

    /// As if it had come so.
    #[cfg(test)]
    pub(crate) fn newer_rewritten(&self, id: i64, content: &[u8]) -> Result<(), StoreError> {
        self.run("UPDATE newer SET content = ?2 WHERE id = ?1", (id, content))
    }
}
