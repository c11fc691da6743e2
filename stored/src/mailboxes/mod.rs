//! The mailbox disk of a relay (protocol.md 8): strangers' queues on disk, never in memory.
//!
//! Plain SQLite: all that lies here is sealed by its senders. An idle queue costs no memory, and a start reads no queue.
//! [`Disk`] is the tables, [`serve`] the edge with its group commit: calls that come together share one flush.

mod blobs;
mod queues;
mod schema;
pub mod serve;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::Duration;

use ipc_schema::Timestamp;
use rusqlite::Connection;

use crate::error::StoreError;

/// How long an envelope and a put id are kept (protocol.md 8).
pub const MESSAGE_TTL: Duration = Duration::from_secs(21 * 24 * 3600);
/// How long a blob is kept (protocol.md 8).
pub const BLOB_TTL: Duration = Duration::from_secs(7 * 24 * 3600);
/// A queue that nobody used for so long is deleted (protocol.md 8).
pub const IDLE_TTL: Duration = Duration::from_secs(60 * 24 * 3600);
/// Most envelopes that wait in one queue (protocol.md 8).
pub const MESSAGES_PER_QUEUE_MAX: u32 = 512;
/// Most bytes of blobs beside one queue (protocol.md 8).
pub const BLOB_BYTES_PER_QUEUE_MAX: u64 = 8 << 20;

/// A queue id.
pub type QueueId = [u8; ipc_schema::limits::QUEUE_ID_BYTES];
/// A message's id in its queue: the sender's put id.
pub type MessageId = [u8; ipc_schema::limits::PUT_ID_BYTES];
/// A blob id or a key.
pub type Key = [u8; ipc_schema::limits::KEY_BYTES];

/// How a request ended; the words of `onion-stored.capnp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Done, now or before.
    Ok,
    /// The queue's quota.
    Full,
    /// No such queue.
    NoQueue,
    /// Another key or other bytes were first.
    Taken,
    /// No such blob.
    NoBlob,
}

/// How much a relay's operator lends.
#[derive(Debug, Clone, Copy)]
pub struct Quota {
    /// Most queues.
    pub queues: u64,
    /// Most bytes of the database file.
    pub bytes: u64,
}

/// What lies on the disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Queues.
    pub queues: u64,
    /// Envelopes that wait.
    pub messages: u64,
    /// Blobs.
    pub blobs: u64,
    /// Bytes of the database file.
    pub bytes: u64,
}

/// The open database. Writes become durable with [`Disk::commit`].
pub struct Disk {
    db: Connection,
    quota: Quota,
}

impl std::fmt::Debug for Disk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Disk")
    }
}

/// Pages kept in memory, KiB: a relay's whole budget is 64 MiB.
const CACHE_KIB: i64 = 2_048;
const PAGE_BYTES: u64 = 4_096;

impl Disk {
    /// Opens or creates `mailboxes.db` in `folder`.
    ///
    /// # Errors
    /// What the disk says; [`StoreError::Newer`] for a later version's file.
    pub fn open(folder: &Path, quota: Quota) -> Result<Self, StoreError> {
        let db = Connection::open(folder.join("mailboxes.db"))?;
        db.execute_batch(
            "PRAGMA journal_mode = WAL;
             PRAGMA synchronous = FULL;
             PRAGMA temp_store = MEMORY;
             PRAGMA secure_delete = ON;
             PRAGMA wal_autocheckpoint = 2000;",
        )?;
        db.pragma_update(None, "cache_size", -CACHE_KIB)?;
        let pages = i64::try_from(quota.bytes / PAGE_BYTES).unwrap_or(i64::MAX).max(64);
        // SQLite itself refuses to grow further: the same path as a full disk.
        db.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?;
        db.set_prepared_statement_cache_capacity(64);
        schema::migrate(&db)?;
        Ok(Self { db, quota })
    }

    /// Begins the transaction that the next calls share; nothing if one is open.
    ///
    /// # Errors
    /// What the disk says.
    pub fn begin(&self) -> Result<(), StoreError> {
        if self.db.is_autocommit() {
            self.db.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        }
        Ok(())
    }

    /// Makes everything since [`Disk::begin`] durable; nothing if nothing is open.
    ///
    /// # Errors
    /// What the disk says; then all of it is undone.
    pub fn commit(&self) -> Result<(), StoreError> {
        if self.db.is_autocommit() {
            return Ok(());
        }
        let committed = self.db.prepare_cached("COMMIT")?.execute([]);
        if committed.is_err() {
            self.undo();
        }
        committed.map(drop).map_err(StoreError::from)
    }

    /// Undoes everything since [`Disk::begin`].
    pub fn undo(&self) {
        if !self.db.is_autocommit() {
            // A failing ROLLBACK means that SQLite has rolled back already.
            let _ = self.db.execute_batch("ROLLBACK");
        }
    }

    /// Drops what is too old: envelopes, put ids, blobs and idle queues. Returns how many rows went.
    ///
    /// # Errors
    /// What the disk says.
    pub fn expire(&self, now: Timestamp) -> Result<u32, StoreError> {
        let before = |ttl: Duration| seconds(now).saturating_sub(i64::try_from(ttl.as_secs()).unwrap_or(i64::MAX));
        let mut gone = self.queues_idle_before(before(IDLE_TTL))?;
        gone += self.messages_older_than(before(MESSAGE_TTL))?;
        gone += self.blobs_older_than(before(BLOB_TTL))?;
        Ok(u32::try_from(gone).unwrap_or(u32::MAX))
    }

    /// What lies here.
    ///
    /// # Errors
    /// What the disk says.
    pub fn counts(&self) -> Result<Counts, StoreError> {
        let count = |sql: &str| -> Result<u64, StoreError> {
            let value: i64 = self.db.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
            Ok(u64::try_from(value).unwrap_or(0))
        };
        Ok(Counts {
            queues: count("SELECT value FROM totals WHERE name = 'queues'")?,
            messages: count("SELECT value FROM totals WHERE name = 'messages'")?,
            blobs: count("SELECT count(*) FROM blobs")?,
            bytes: count("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")?,
        })
    }
}

/// Times on disk are whole seconds: finer ones would only tell more.
fn seconds(now: Timestamp) -> i64 {
    i64::try_from(now.0 / 1000).unwrap_or(i64::MAX)
}
