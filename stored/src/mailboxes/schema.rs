//! Tables of the mailbox disk.

use rusqlite::Connection;

use crate::error::StoreError;

const VERSION: i64 = 1;

/// `totals` is kept by triggers, so that a count never walks a table of a million rows.
const TABLES: &str = "
CREATE TABLE queues (
    number          INTEGER PRIMARY KEY,
    receiver_queue  BLOB NOT NULL UNIQUE,
    sender_queue    BLOB NOT NULL UNIQUE,
    receiver_key    BLOB NOT NULL UNIQUE,
    sender_key      BLOB,
    used_at         INTEGER NOT NULL,
    waiting         INTEGER NOT NULL DEFAULT 0,
    blob_bytes      INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX queues_by_use ON queues (used_at);
CREATE TABLE messages (
    number    INTEGER PRIMARY KEY AUTOINCREMENT,
    queue     INTEGER NOT NULL,
    id        BLOB NOT NULL,
    at        INTEGER NOT NULL,
    envelope  BLOB NOT NULL,
    UNIQUE (queue, id)
) STRICT;
CREATE INDEX messages_by_queue ON messages (queue, number);
CREATE INDEX messages_by_age ON messages (at);
CREATE TABLE puts (
    queue  INTEGER NOT NULL,
    id     BLOB NOT NULL,
    at     INTEGER NOT NULL,
    PRIMARY KEY (queue, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX puts_by_age ON puts (at);
CREATE TABLE blobs (
    id        BLOB PRIMARY KEY,
    queue     INTEGER NOT NULL,
    read_key  BLOB NOT NULL,
    bound_to  BLOB,
    at        INTEGER NOT NULL,
    blob      BLOB NOT NULL
) STRICT;
CREATE INDEX blobs_by_queue ON blobs (queue);
CREATE INDEX blobs_by_age ON blobs (at);
CREATE TABLE totals (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO totals VALUES ('queues', 0), ('messages', 0);
CREATE TRIGGER queue_made AFTER INSERT ON queues BEGIN
    UPDATE totals SET value = value + 1 WHERE name = 'queues'; END;
CREATE TRIGGER queue_gone AFTER DELETE ON queues BEGIN
    UPDATE totals SET value = value - 1 WHERE name = 'queues';
    DELETE FROM messages WHERE queue = old.number;
    DELETE FROM puts WHERE queue = old.number;
    DELETE FROM blobs WHERE queue = old.number; END;
CREATE TRIGGER message_put AFTER INSERT ON messages BEGIN
    UPDATE queues SET waiting = waiting + 1 WHERE number = new.queue;
    UPDATE totals SET value = value + 1 WHERE name = 'messages'; END;
CREATE TRIGGER message_gone AFTER DELETE ON messages BEGIN
    UPDATE queues SET waiting = waiting - 1 WHERE number = old.queue;
    UPDATE totals SET value = value - 1 WHERE name = 'messages'; END;
CREATE TRIGGER blob_left AFTER INSERT ON blobs BEGIN
    UPDATE queues SET blob_bytes = blob_bytes + length(new.blob) WHERE number = new.queue; END;
CREATE TRIGGER blob_gone AFTER DELETE ON blobs BEGIN
    UPDATE queues SET blob_bytes = blob_bytes - length(old.blob) WHERE number = old.queue; END;
PRAGMA user_version = 1;
";

/// Makes the tables in a new file.
///
/// # Errors
/// [`StoreError::Newer`], or what the disk says.
pub(super) fn migrate(db: &Connection) -> Result<(), StoreError> {
    let version: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    match version {
        0 => Ok(db.execute_batch(&format!("BEGIN IMMEDIATE;{TABLES}COMMIT;"))?),
        VERSION => Ok(()),
        _ => Err(StoreError::Newer),
    }
}
