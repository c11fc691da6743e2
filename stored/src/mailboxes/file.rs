//! The file: its tables, its transactions, and what is counted over all of them.

use std::path::Path;

use ipc_schema::Timestamp;
use ipc_schema::edge::onion_stored::DiskCounts;
use rusqlite::{Connection, OptionalExtension};

use crate::database::{self, SetUp};
use crate::error::StoreError;

/// Un-acked envelopes in one queue (docs/protocol/mailbox.md, "What the commands do").
pub const ENVELOPES_MAX: u32 = 512;
/// Blobs and chunks beside one queue, bytes (docs/protocol/mailbox.md, "What the commands do").
pub const BLOB_BYTES_MAX: u64 = 8 << 20;

/// What the relay's operator allows in all; 0: no bound of its own.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bounds {
    /// Queues.
    pub queues: u64,
    /// Envelopes and blobs, bytes.
    pub bytes: u64,
}

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS queues (
    id INTEGER PRIMARY KEY,
    receiver BLOB NOT NULL UNIQUE,
    sender BLOB NOT NULL UNIQUE,
    receiver_key BLOB NOT NULL UNIQUE,
    sender_key BLOB,
    used_at INTEGER NOT NULL,
    next_number INTEGER NOT NULL DEFAULT 1,
    waiting INTEGER NOT NULL DEFAULT 0,
    blob_bytes INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX IF NOT EXISTS queues_used ON queues (used_at);
CREATE TABLE IF NOT EXISTS messages (
    queue INTEGER NOT NULL,
    number INTEGER NOT NULL,
    at INTEGER NOT NULL,
    envelope BLOB NOT NULL,
    PRIMARY KEY (queue, number)
) STRICT;
CREATE INDEX IF NOT EXISTS messages_at ON messages (at);
CREATE TABLE IF NOT EXISTS puts (
    queue INTEGER NOT NULL,
    put_id BLOB NOT NULL,
    number INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (queue, put_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS puts_at ON puts (at);
CREATE TABLE IF NOT EXISTS blobs (
    blob_id BLOB PRIMARY KEY,
    queue INTEGER NOT NULL,
    read_key BLOB NOT NULL,
    bound_to BLOB,
    at INTEGER NOT NULL,
    blob BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS blobs_at ON blobs (at);
CREATE INDEX IF NOT EXISTS blobs_queue ON blobs (queue);
CREATE TABLE IF NOT EXISTS totals (id INTEGER PRIMARY KEY CHECK (id = 1), queues INTEGER NOT NULL, messages INTEGER NOT NULL,
    blobs INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT;
INSERT OR IGNORE INTO totals VALUES (1, 0, 0, 0, 0);
PRAGMA user_version = 1;
";

/// Since when rows lie ahead of the clock; a file of before has none.
const SET_BACK: &str = "CREATE TABLE IF NOT EXISTS set_back (id INTEGER PRIMARY KEY CHECK (id = 1), since INTEGER NOT NULL) STRICT;";

/// When these mailboxes took the place of others that were lost.
const BEGUN_ANEW: &str = "CREATE TABLE IF NOT EXISTS begun_anew (id INTEGER PRIMARY KEY CHECK (id = 1), at INTEGER NOT NULL) STRICT;";

/// Chunks of files; a file of before has none.
const CHUNKS: &str = "
CREATE TABLE IF NOT EXISTS chunks (
    queue INTEGER NOT NULL,
    number INTEGER NOT NULL,
    chunk_id BLOB NOT NULL,
    at INTEGER NOT NULL,
    chunk BLOB NOT NULL,
    PRIMARY KEY (queue, number)
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS chunks_id ON chunks (queue, chunk_id);
CREATE INDEX IF NOT EXISTS chunks_at ON chunks (at);
CREATE TABLE IF NOT EXISTS chunk_puts (
    queue INTEGER NOT NULL,
    chunk_id BLOB NOT NULL,
    number INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (queue, chunk_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS chunk_puts_number ON chunk_puts (queue, number);
CREATE INDEX IF NOT EXISTS chunk_puts_at ON chunk_puts (at);
";

/// The open mailbox disk.
pub struct Mailboxes {
    db: Connection,
    pub(super) bounds: Bounds,
}

impl Mailboxes {
    /// Opens or creates the file.
    ///
    /// # Errors
    /// What the disk says; [`StoreError::Newer`] for a later version's file.
    pub fn open(path: &Path, bounds: Bounds) -> Result<Self, StoreError> {
        let settings = |db: &Connection| -> Result<(), StoreError> {
            Ok(db.execute_batch(
                "PRAGMA journal_mode = WAL;
                 PRAGMA synchronous = FULL;
                 PRAGMA secure_delete = ON;
                 PRAGMA temp_store = MEMORY;
                 PRAGMA wal_autocheckpoint = 1000;
                 PRAGMA cache_size = -2048;",
            )?)
        };
        let db = database::open(path, SetUp { key: &|_| Ok(()), settings: &settings })?;
        db.set_prepared_statement_cache_capacity(64);
        let version: u32 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        match version {
            0 => db.execute_batch(&format!("BEGIN; {SCHEMA} COMMIT;"))?,
            1 => {}
            _ => return Err(StoreError::Newer),
        }
        db.execute_batch(SET_BACK)?;
        db.execute_batch(BEGUN_ANEW)?;
        db.execute_batch(CHUNKS)?;
        Ok(Self { db, bounds })
    }

    /// Notes that these mailboxes took the place of others.
    pub(super) fn note_begun_anew(&self, at: Timestamp) -> Result<(), StoreError> {
        self.run("INSERT OR REPLACE INTO begun_anew VALUES (1, ?1)", [at.0.cast_signed()])
    }

    /// The file as it is, for who has no more to do with what is in it.
    pub(super) fn close(self) -> Connection {
        self.db
    }

    /// Reads all of the file's inner order. Takes as long as the disk needs for it.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        let found = self.row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0))?;
        if found.as_deref() == Some("ok") { Ok(()) } else { Err(StoreError::Damaged) }
    }

    /// Does a group of changes as one transaction: one flush to disk for all of them.
    ///
    /// # Errors
    /// What the disk says; nothing is changed then.
    pub fn together(&self, work: impl FnOnce(&Self) -> Result<(), StoreError>) -> Result<(), StoreError> {
        self.run("BEGIN IMMEDIATE", [])?;
        let done = work(self).and_then(|()| self.run("COMMIT", []));
        if done.is_err() {
            // SQLite may have rolled back by itself, and then says that there is nothing to undo.
            let _ = self.db.execute_batch("ROLLBACK");
        }
        done
    }

    /// What lies here.
    ///
    /// # Errors
    /// What the disk says.
    pub fn totals(&self) -> Result<DiskCounts, StoreError> {
        let totals = self.row("SELECT queues, messages, blobs, bytes FROM totals", [], |row| {
            let figure = |at| row.get::<_, i64>(at).map(|figure| u64::try_from(figure).unwrap_or(0));
            let (queues, messages, blobs, bytes) = (figure(0)?, figure(1)?, figure(2)?, figure(3)?);
            Ok(DiskCounts { queues, messages, blobs, bytes, begun_anew: None })
        })?;
        let at = self.row("SELECT at FROM begun_anew", [], |row| row.get::<_, i64>(0))?;
        let begun_anew = at.map(|at| Timestamp(at.cast_unsigned()));
        Ok(DiskCounts { begun_anew, ..totals.unwrap_or_default() })
    }

    pub(super) fn has_room_for(&self, bytes: usize) -> Result<bool, StoreError> {
        let more = u64::try_from(bytes).unwrap_or(u64::MAX);
        Ok(self.bounds.bytes == 0 || self.totals()?.bytes.saturating_add(more) <= self.bounds.bytes)
    }

    pub(super) fn count(&self, queues: i64, messages: i64, blobs: i64, bytes: i64) -> Result<(), StoreError> {
        self.run(
            "UPDATE totals SET queues = queues + ?1, messages = messages + ?2, blobs = blobs + ?3, bytes = bytes + ?4",
            (queues, messages, blobs, bytes),
        )
    }

    pub(super) fn run(&self, sql: &str, parameters: impl rusqlite::Params) -> Result<(), StoreError> {
        self.changed(sql, parameters).map(drop)
    }

    pub(super) fn changed(&self, sql: &str, parameters: impl rusqlite::Params) -> Result<usize, StoreError> {
        Ok(self.db.prepare_cached(sql)?.execute(parameters)?)
    }

    pub(super) fn row<T>(
        &self,
        sql: &str,
        parameters: impl rusqlite::Params,
        read: impl FnOnce(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.db.prepare_cached(sql)?.query_row(parameters, read).optional()?)
    }

    pub(super) fn rows<T>(
        &self,
        sql: &str,
        parameters: impl rusqlite::Params,
        read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let mut statement = self.db.prepare_cached(sql)?;
        let rows = statement.query_map(parameters, read)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

pub(super) fn length(bytes: &[u8]) -> i64 {
    i64::try_from(bytes.len()).unwrap_or(i64::MAX)
}
