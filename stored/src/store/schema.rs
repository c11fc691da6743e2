//! The tables, and how an older file becomes a newer one.

use rusqlite::Connection;

use crate::error::StoreError;

/// Each entry brings a file from the version before it to its own; `user_version` counts them. Never edited, only appended.
const MIGRATIONS: &[&str] = &[FIRST, HASHES, GAPS, NO_NEW_IDENTITY, HOLD, CHANGES, ATTRIBUTES];

const FIRST: &str = "
CREATE TABLE settings (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;

CREATE TABLE contacts (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,           -- the user's own word for them
    their_name TEXT NOT NULL DEFAULT '', -- untrusted
    state INTEGER NOT NULL,              -- invited 0, pending 1, connected 2
    blocked INTEGER NOT NULL DEFAULT 0,
    verified INTEGER NOT NULL DEFAULT 0,
    notice INTEGER NOT NULL DEFAULT 0,   -- none 0, repairing 1, invite again 2, new identity 3
    session INTEGER UNIQUE,
    unread INTEGER NOT NULL DEFAULT 0,
    last_at INTEGER NOT NULL,
    last_text TEXT NOT NULL DEFAULT '',
    send_chain INTEGER NOT NULL,
    send_sequence INTEGER NOT NULL DEFAULT 0,
    send_hash BLOB,
    recv_chain INTEGER NOT NULL DEFAULT 0,
    recv_numbers BLOB NOT NULL DEFAULT x'',
    recv_shown INTEGER NOT NULL DEFAULT 0, -- numbers up to this one were shown or given up waiting for
    recv_highest INTEGER NOT NULL DEFAULT 0, -- what the peer says it has used
    ack_due INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE invites (
    id INTEGER PRIMARY KEY,              -- also its queue's
    contact INTEGER NOT NULL REFERENCES contacts ON DELETE CASCADE,
    state INTEGER NOT NULL,              -- as in ui-stored
    link TEXT NOT NULL DEFAULT '',
    blob_id BLOB, read_key BLOB, blob BLOB,
    expires INTEGER NOT NULL DEFAULT 0,
    dropped INTEGER NOT NULL DEFAULT 0   -- the relay has no blob of it any more
) STRICT;
CREATE INDEX invites_contact ON invites (contact);

CREATE TABLE accepts (
    id INTEGER PRIMARY KEY,
    contact INTEGER NOT NULL REFERENCES contacts ON DELETE CASCADE,
    link TEXT NOT NULL UNIQUE,
    state INTEGER NOT NULL,
    relay BLOB, blob_id BLOB, sender_key BLOB, blob BLOB,
    isolation BLOB NOT NULL,
    refusal INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX accepts_contact ON accepts (contact);

CREATE TABLE replicas (
    id INTEGER PRIMARY KEY,
    contact INTEGER REFERENCES contacts ON DELETE SET NULL,
    invite INTEGER NOT NULL,
    state INTEGER NOT NULL,
    relay BLOB,
    isolation BLOB NOT NULL,
    auth_key BLOB,
    receiver_queue BLOB, sender_queue BLOB, relay_key BLOB,
    offered INTEGER NOT NULL DEFAULT 0,
    removal INTEGER                      -- the session that ends with it
) STRICT;
CREATE INDEX replicas_contact ON replicas (contact);

CREATE TABLE peer_queues (
    number INTEGER PRIMARY KEY,
    contact INTEGER NOT NULL REFERENCES contacts ON DELETE CASCADE,
    relay BLOB NOT NULL,
    queue BLOB NOT NULL,
    sender_key BLOB NOT NULL,
    isolation BLOB NOT NULL,
    secured INTEGER NOT NULL DEFAULT 0,
    is_full INTEGER NOT NULL DEFAULT 0,
    dead INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX peer_queues_contact ON peer_queues (contact);

CREATE TABLE messages (
    id TEXT PRIMARY KEY,
    contact INTEGER NOT NULL REFERENCES contacts ON DELETE CASCADE,
    wire BLOB NOT NULL,
    mine INTEGER NOT NULL,
    position INTEGER NOT NULL,
    sequence INTEGER NOT NULL DEFAULT 0, -- of the first part, in the sender's chain
    sent_at INTEGER NOT NULL,
    received_at INTEGER NOT NULL DEFAULT 0,
    body TEXT NOT NULL,
    state INTEGER NOT NULL,
    reply_to TEXT NOT NULL DEFAULT '',
    route BLOB NOT NULL DEFAULT x''
) STRICT;
CREATE INDEX messages_position ON messages (contact, position);
CREATE UNIQUE INDEX messages_wire ON messages (contact, mine, wire);
CREATE INDEX messages_state ON messages (state) WHERE mine = 1 AND state < 2;

CREATE TABLE outgoing (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    contact INTEGER NOT NULL REFERENCES contacts ON DELETE CASCADE,
    state INTEGER NOT NULL,              -- waiting 0, sealing 1, sealed 2, acked 3
    relayed INTEGER NOT NULL DEFAULT 0,
    kind INTEGER NOT NULL,
    numbered INTEGER NOT NULL,
    message TEXT,
    part INTEGER NOT NULL DEFAULT 0,
    parts INTEGER NOT NULL DEFAULT 1,
    offer INTEGER,                       -- an own replica to offer with it
    sequence INTEGER NOT NULL DEFAULT 0,
    content BLOB,
    outbox INTEGER UNIQUE,
    sealed_at INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX outgoing_contact ON outgoing (contact, state, id);
CREATE INDEX outgoing_sequence ON outgoing (contact, numbered, sequence);
CREATE INDEX outgoing_message ON outgoing (message) WHERE message IS NOT NULL;

CREATE TABLE deposits (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    outgoing INTEGER NOT NULL,
    peer_queue INTEGER NOT NULL REFERENCES peer_queues ON DELETE CASCADE,
    put_id BLOB NOT NULL,
    envelope BLOB NOT NULL,
    due INTEGER NOT NULL
) STRICT;
CREATE INDEX deposits_queue ON deposits (peer_queue, due, id);
CREATE INDEX deposits_outgoing ON deposits (outgoing);

CREATE TABLE received (
    contact INTEGER NOT NULL REFERENCES contacts ON DELETE CASCADE,
    content BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (contact, content)
) STRICT, WITHOUT ROWID;
CREATE INDEX received_sequence ON received (contact, sequence);

CREATE TABLE held (
    contact INTEGER NOT NULL REFERENCES contacts ON DELETE CASCADE,
    sequence INTEGER NOT NULL,
    content BLOB NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (contact, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE parts (
    contact INTEGER NOT NULL REFERENCES contacts ON DELETE CASCADE,
    wire BLOB NOT NULL,
    part INTEGER NOT NULL,
    parts INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (contact, wire, part)
) STRICT, WITHOUT ROWID;

CREATE TABLE intents (
    replica INTEGER NOT NULL,
    mailbox BLOB NOT NULL,
    inner_hash BLOB NOT NULL,
    PRIMARY KEY (replica, mailbox)
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    type INTEGER NOT NULL,
    subject TEXT NOT NULL,
    contact INTEGER,
    state INTEGER
) STRICT;
";

/// Under which number of which chain a content came and what it said came before it; when a chain was begun since somebody went
/// back in time; and what is told in a conversation besides texts. Of what came before, chain 0, no number was kept.
const HASHES: &str = "
ALTER TABLE received ADD COLUMN chain INTEGER NOT NULL DEFAULT 0;
ALTER TABLE received ADD COLUMN previous BLOB;
DROP INDEX received_sequence;
CREATE INDEX received_number ON received (contact, chain, sequence);
ALTER TABLE contacts ADD COLUMN recv_conflict INTEGER NOT NULL DEFAULT 0;
ALTER TABLE contacts ADD COLUMN renumbered_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE contacts ADD COLUMN renumber_behind INTEGER NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN note INTEGER NOT NULL DEFAULT 0;
";

/// Texts that came from somebody who is blocked, which never come in; what is missing before a text; and how often a content was
/// sealed for a peer that missed it. A text knows its chain: numbers of different chains do not compare.
const GAPS: &str = "
CREATE TABLE refused (
    contact INTEGER NOT NULL REFERENCES contacts ON DELETE CASCADE,
    wire BLOB NOT NULL,
    PRIMARY KEY (contact, wire)
) STRICT, WITHOUT ROWID;
ALTER TABLE contacts ADD COLUMN recv_refused BLOB NOT NULL DEFAULT x'';
ALTER TABLE messages ADD COLUMN chain INTEGER NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN gap INTEGER NOT NULL DEFAULT 0;
CREATE INDEX messages_gap ON messages (contact, chain, sequence) WHERE gap = 1;
ALTER TABLE outgoing ADD COLUMN reseals INTEGER NOT NULL DEFAULT 0;
";

/// Once a contact could come with another identity; nothing brings one any more.
const NO_NEW_IDENTITY: &str = "UPDATE contacts SET notice = 0 WHERE notice = 3;";

/// Whether what is written to a contact waits for the person, and when they last had it go on.
const HOLD: &str = "
ALTER TABLE contacts ADD COLUMN held INTEGER NOT NULL DEFAULT 0;
ALTER TABLE contacts ADD COLUMN resumed_at INTEGER NOT NULL DEFAULT 0;
";

/// What is done to a text after it was sent: what of ours is on its way, what of theirs came before its text, reactions, and texts that
/// were deleted here alone. And what may have left of a content, of which nothing is known for those that were there before.
const CHANGES: &str = "
ALTER TABLE messages ADD COLUMN edited INTEGER NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN edit_chain INTEGER NOT NULL DEFAULT 0; -- of the edit that holds: where the sender said it,
ALTER TABLE messages ADD COLUMN edit_sequence INTEGER NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN edit_name BLOB NOT NULL DEFAULT x'';   -- and its name

CREATE TABLE reactions (
    contact INTEGER NOT NULL REFERENCES contacts ON DELETE CASCADE,
    wire BLOB NOT NULL,                  -- of the text
    mine INTEGER NOT NULL,
    chain INTEGER NOT NULL,              -- where they said it; 0 for an own one
    sequence INTEGER NOT NULL,
    emoji TEXT NOT NULL,                 -- empty: taken back
    PRIMARY KEY (contact, wire, mine)
) STRICT, WITHOUT ROWID;

CREATE TABLE changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    contact INTEGER NOT NULL REFERENCES contacts ON DELETE CASCADE,
    wire BLOB NOT NULL,                  -- of the text
    kind INTEGER NOT NULL,               -- as in outgoing
    name BLOB NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (contact, wire, kind)
) STRICT;

CREATE TABLE early (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    contact INTEGER NOT NULL REFERENCES contacts ON DELETE CASCADE,
    wire BLOB NOT NULL,                  -- of the text
    kind INTEGER NOT NULL,               -- edit 0, delete 1, reaction 2
    name BLOB NOT NULL,                  -- of the edit
    part INTEGER NOT NULL,
    parts INTEGER NOT NULL,
    chain INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (contact, wire, kind, name, part)
) STRICT;
CREATE INDEX early_contact ON early (contact);

CREATE TABLE gone (
    id TEXT PRIMARY KEY,
    contact INTEGER NOT NULL REFERENCES contacts ON DELETE CASCADE,
    wire BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX gone_wire ON gone (contact, wire);

ALTER TABLE outgoing ADD COLUMN change INTEGER;
ALTER TABLE outgoing ADD COLUMN tried INTEGER NOT NULL DEFAULT 0;      -- an envelope of it was on its way to a relay
UPDATE outgoing SET tried = 1;
CREATE INDEX outgoing_change ON outgoing (change) WHERE change IS NOT NULL;
ALTER TABLE contacts ADD COLUMN send_told INTEGER NOT NULL DEFAULT 0;  -- the last number that was named without being taken
UPDATE contacts SET send_told = send_sequence;
";

/// What the user keeps about a conversation, and where what is unread begins. A contact's row is written anew with each text, and told with
/// every list: drafts, which may be long, lie apart.
const ATTRIBUTES: &str = "
ALTER TABLE contacts ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0;
ALTER TABLE contacts ADD COLUMN muted_until INTEGER NOT NULL DEFAULT 0; -- not 0, for ever -1
ALTER TABLE contacts ADD COLUMN note TEXT NOT NULL DEFAULT '';
ALTER TABLE contacts ADD COLUMN marked_unread INTEGER NOT NULL DEFAULT 0;
CREATE TABLE drafts (
    contact INTEGER PRIMARY KEY REFERENCES contacts ON DELETE CASCADE,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX messages_unread ON messages (contact, position, id) WHERE mine = 0 AND state = 2;
";

/// The steps from the file's version to the newest.
fn missing(db: &Connection) -> Result<&'static [&'static str], StoreError> {
    let version: u32 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    usize::try_from(version).ok().and_then(|version| MIGRATIONS.get(version..)).ok_or(StoreError::Newer)
}

/// Brings the file to the newest version in one transaction.
pub(super) fn migrate(db: &mut Connection) -> Result<(), StoreError> {
    let missing = missing(db)?;
    if missing.is_empty() {
        return Ok(());
    }
    let newest = u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX);
    let transaction = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    for step in missing {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", newest)?;
    transaction.commit()?;
    Ok(())
}

/// A file that is only read must be of the newest version already.
///
/// # Errors
/// [`StoreError::ReadOnly`]: it would have to be changed first; [`StoreError::Newer`], or what the disk says.
pub(super) fn expect_newest(db: &Connection) -> Result<(), StoreError> {
    if missing(db)?.is_empty() { Ok(()) } else { Err(StoreError::ReadOnly) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of an earlier version.
    fn of_version(version: usize) -> Connection {
        let db = Connection::open_in_memory().unwrap();
        MIGRATIONS[..version].iter().for_each(|step| db.execute_batch(step).unwrap());
        db.pragma_update(None, "user_version", u32::try_from(version).unwrap()).unwrap();
        db
    }

    #[test]
    fn a_store_that_told_of_a_new_identity_opens_and_tells_of_none() {
        let mut db = of_version(3);
        db.execute_batch(
            "INSERT INTO contacts (id, name, state, notice, last_at, send_chain) VALUES (1, 'bob', 2, 3, 1, 1)",
        )
        .unwrap();
        migrate(&mut db).unwrap();
        let notice: i64 = db.query_row("SELECT notice FROM contacts", [], |row| row.get(0)).unwrap();
        assert_eq!(notice, 0);
    }

    #[test]
    fn a_store_from_before_pins_and_drafts_opens_with_none() {
        let mut db = of_version(5);
        db.execute_batch(
            "INSERT INTO contacts (id, name, state, unread, last_at, send_chain) VALUES (1, 'bob', 2, 4, 1, 1)",
        )
        .unwrap();
        migrate(&mut db).unwrap();
        let kept: (bool, i64, String, bool, u32) = db
            .query_row("SELECT pinned, muted_until, note, marked_unread, unread FROM contacts", [], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
            })
            .unwrap();
        assert_eq!(kept, (false, 0, String::new(), false, 4));
        let drafts: i64 = db.query_row("SELECT count(*) FROM drafts", [], |row| row.get(0)).unwrap();
        assert_eq!(drafts, 0);
    }
}
