//! The tables, and how an older file becomes a newer one.

use rusqlite::Connection;

use crate::error::StoreError;

/// Each entry brings a file from the version before it to its own; `user_version` counts them. Never edited, only appended.
const MIGRATIONS: &[&str] = &[
    FIRST,
    HASHES,
    GAPS,
    NO_NEW_IDENTITY,
    HOLD,
    CHANGES,
    ATTRIBUTES,
    SEARCH,
    LIFE,
    RECEIPTS,
    ENDS,
    INTRODUCTIONS,
    PLACES,
    DAYS,
    MEETINGS,
    FILES,
    RETENTION,
];

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
/// A character of `search::UNSPACED`, as GLOB says it.
macro_rules! unspaced {
    () => {
        "[\u{900}-\u{109F}\u{1100}-\u{11FF}\u{1780}-\u{17FF}\u{1950}-\u{1AAF}\u{2600}-\u{27BF}\u{2E80}-\u{2FFF}\u{3005}-\u{3007}\u{3041}-\u{9FFF}\u{A960}-\u{A97F}\u{AA60}-\u{AADF}\u{AC00}-\u{D7FF}\u{F900}-\u{FAFF}\u{FF66}-\u{FFDC}\u{1F000}-\u{1FAFF}\u{20000}-\u{3FFFF}]"
    };
}

/// The words of all texts, and every three characters of those that have letters of a script without spaces. What the program tells is
/// no text.
///
/// - The indexes hold no copy of a text, only what points to it by its rowid: that is the order in which texts came in or were written
///   here, and stays as long as nothing compacts the file (`VACUUM`), which nothing does.
/// - `remove_diacritics`: who looks for *cafe* finds *Café*. `prefix`: the beginnings of two and three characters, with which most of the
///   vocabulary would have to be read otherwise, are an index of their own; longer ones stand for little.
/// - `detail` stays *full*: words side by side are told by their places, and so is what is longer than three characters.
/// - `columnsize = 0`: results come by time and are not weighed, so nobody asks how long a text is; that is a row less for each.
/// - `pgsz`: a leaf and what SQLite keeps beside it fit the 4,016 B that SQLCipher leaves of a page. The default is 4,050 B, and each leaf
///   would take two pages.
/// - `secure-delete`: what goes is taken out of the leaves at once, and is not marked as gone until they are merged. The pages are then
///   overwritten as all are (`PRAGMA secure_delete`).
/// - Merging stays as it is (`automerge` 4, `crisismerge` 16): a text that comes in writes one short segment, and now and then merges a
///   few; never all at once.
/// - Only what has such letters is in the index of infixes, which costs as many entries as a text has characters. `GLOB` ends at a NUL:
///   letters behind one are in no such index, and are found where all texts are looked at.
const SEARCH: &str = concat!(
    "
CREATE VIEW texts AS SELECT rowid AS place, body FROM messages WHERE note = 0;
CREATE VIEW unspaced_texts AS SELECT place, body FROM texts WHERE body GLOB '*",
    unspaced!(),
    "*';

CREATE VIRTUAL TABLE messages_words USING fts5 (
    body, content = 'texts', content_rowid = 'place', columnsize = 0, prefix = '2 3',
    tokenize = 'unicode61 remove_diacritics 2'
);
CREATE VIRTUAL TABLE messages_infixes USING fts5 (
    body, content = 'unspaced_texts', content_rowid = 'place', columnsize = 0,
    tokenize = 'trigram remove_diacritics 1'
);
INSERT INTO messages_words (messages_words, rank) VALUES ('pgsz', 3970);
INSERT INTO messages_infixes (messages_infixes, rank) VALUES ('pgsz', 3970);
INSERT INTO messages_words (messages_words, rank) VALUES ('secure-delete', 1);
INSERT INTO messages_infixes (messages_infixes, rank) VALUES ('secure-delete', 1);
INSERT INTO messages_words (rowid, body) SELECT place, body FROM texts;
INSERT INTO messages_infixes (rowid, body) SELECT place, body FROM unspaced_texts;

CREATE TRIGGER messages_come AFTER INSERT ON messages WHEN new.note = 0 BEGIN
    INSERT INTO messages_words (rowid, body) VALUES (new.rowid, new.body);
    INSERT INTO messages_infixes (rowid, body) SELECT new.rowid, new.body WHERE new.body GLOB '*",
    unspaced!(),
    "*';
END;
CREATE TRIGGER messages_change AFTER UPDATE OF body ON messages
WHEN old.note = 0 AND old.body IS NOT new.body BEGIN
    INSERT INTO messages_words (messages_words, rowid, body) VALUES ('delete', old.rowid, old.body);
    INSERT INTO messages_words (rowid, body) VALUES (new.rowid, new.body);
    INSERT INTO messages_infixes (messages_infixes, rowid, body)
        SELECT 'delete', old.rowid, old.body WHERE old.body GLOB '*",
    unspaced!(),
    "*';
    INSERT INTO messages_infixes (rowid, body) SELECT new.rowid, new.body WHERE new.body GLOB '*",
    unspaced!(),
    "*';
END;
CREATE TRIGGER messages_go AFTER DELETE ON messages WHEN old.note = 0 BEGIN
    INSERT INTO messages_words (messages_words, rowid, body) VALUES ('delete', old.rowid, old.body);
    INSERT INTO messages_infixes (messages_infixes, rowid, body)
        SELECT 'delete', old.rowid, old.body WHERE old.body GLOB '*",
    unspaced!(),
    "*';
END;
"
);

/// When an own text came how far, and why it ended; whether keyvault ever had a content, when a relay last took it, and when it was
/// sealed anew for its age. Of what was numbered anew before it is not known whether keyvault had it: it counts as if it had.
const LIFE: &str = "
CREATE TABLE message_states (
    message TEXT NOT NULL REFERENCES messages ON DELETE CASCADE,
    state INTEGER NOT NULL,              -- as of messages
    at INTEGER NOT NULL,
    PRIMARY KEY (message, state)
) STRICT, WITHOUT ROWID;
ALTER TABLE messages ADD COLUMN reason INTEGER NOT NULL DEFAULT 0; -- none 0, invite again 1, gone 3
CREATE INDEX messages_ended ON messages (contact, state) WHERE mine = 1 AND state > 3;
ALTER TABLE outgoing ADD COLUMN begun INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outgoing ADD COLUMN laid_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outgoing ADD COLUMN renewed_at INTEGER NOT NULL DEFAULT 0;
UPDATE outgoing SET begun = (state > 0 OR contact IN (SELECT id FROM contacts WHERE renumbered_at > 0));
UPDATE outgoing SET laid_at = sealed_at WHERE relayed = 1;
INSERT INTO message_states (message, state, at)
    SELECT m.id, 1, max(o.sealed_at) FROM messages m JOIN outgoing o ON o.message = m.id
    WHERE m.mine = 1 AND m.note = 0 AND m.state = 1 GROUP BY m.id;
";

/// What a contact is told of what was read and of the user's writing: NULL where what holds for all does (`settings`). Which text of theirs
/// was read last and whether that is to be told, and which of ours they say they read last, where that is not wholly noted yet.
const RECEIPTS: &str = "
ALTER TABLE contacts ADD COLUMN receipts INTEGER;
ALTER TABLE contacts ADD COLUMN typing INTEGER;
ALTER TABLE contacts ADD COLUMN read_wire BLOB NOT NULL DEFAULT x'';      -- of theirs
ALTER TABLE contacts ADD COLUMN receipt_owed INTEGER NOT NULL DEFAULT 0;  -- not 0, with acks 1, in a moment 2, now 3
ALTER TABLE contacts ADD COLUMN their_read_wire BLOB NOT NULL DEFAULT x'';
CREATE INDEX messages_not_read ON messages (contact, position) WHERE mine = 1 AND state = 2;
";

/// How long texts live, of a conversation and of each text, and when one ends. Whatever goes through the ends looks at the index alone.
/// Names of texts that were at their end go after a while, by that; 0: a person deleted it.
const ENDS: &str = "
ALTER TABLE contacts ADD COLUMN timer_s INTEGER NOT NULL DEFAULT 0;
ALTER TABLE contacts ADD COLUMN timer_version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN timer_s INTEGER NOT NULL DEFAULT 0;       -- 0: for ever
ALTER TABLE messages ADD COLUMN disappears_at INTEGER NOT NULL DEFAULT 0; -- 0: never, or its life has not begun
CREATE INDEX messages_ends ON messages (disappears_at, timer_s, mine, state) WHERE disappears_at > 0;
ALTER TABLE gone ADD COLUMN ended_at INTEGER NOT NULL DEFAULT 0;
CREATE INDEX gone_ends ON gone (contact, ended_at) WHERE ended_at > 0;
";

/// Introductions, each with its line in a conversation: those that a contact asks the user for, and both halves of those that the user
/// asks two contacts for. And what only a later version can read, until there is one: it was shown as texts before.
const INTRODUCTIONS: &str = "
CREATE TABLE introductions (
    message TEXT PRIMARY KEY REFERENCES messages ON DELETE CASCADE, -- the line
    contact INTEGER NOT NULL REFERENCES contacts ON DELETE CASCADE, -- who introduces, or is asked
    wire BLOB NOT NULL,                  -- what both sides call it
    mine INTEGER NOT NULL,               -- the user introduces
    state INTEGER NOT NULL,              -- asked 0, agreed 1, done 2, over 3
    makes_link INTEGER NOT NULL,         -- who is asked makes the invite
    called TEXT NOT NULL DEFAULT '',     -- not mine: what the user wants to call them
    other TEXT NOT NULL DEFAULT '',      -- mine: the line of the other half
    link TEXT NOT NULL DEFAULT '',       -- mine: what came, until it is handed on
    person INTEGER REFERENCES contacts ON DELETE SET NULL, -- not mine: whom it connects the user with
    at INTEGER NOT NULL                  -- when it was asked
) STRICT;
CREATE INDEX introductions_contact ON introductions (contact, wire);
CREATE INDEX introductions_person ON introductions (person) WHERE person IS NOT NULL;
CREATE INDEX introductions_open ON introductions (state) WHERE state < 2;
ALTER TABLE messages ADD COLUMN introduces TEXT NOT NULL DEFAULT '';   -- untrusted
ALTER TABLE invites ADD COLUMN introduced INTEGER NOT NULL DEFAULT 0;  -- nobody but an introducer was given it

CREATE TABLE newer_lines (
    message TEXT PRIMARY KEY REFERENCES messages ON DELETE CASCADE,
    contents INTEGER NOT NULL            -- how many it stands for
) STRICT, WITHOUT ROWID;
CREATE TABLE newer (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    contact INTEGER NOT NULL REFERENCES contacts ON DELETE CASCADE,
    message TEXT NOT NULL REFERENCES newer_lines ON DELETE CASCADE,
    content BLOB NOT NULL
) STRICT;
CREATE INDEX newer_contact ON newer (contact, id);
CREATE INDEX newer_message ON newer (message);
";
/// Whoever takes the place of a contact to whom nothing can be delivered any more.
const PLACES: &str = "
ALTER TABLE contacts ADD COLUMN replaces INTEGER REFERENCES contacts ON DELETE SET NULL;
";

/// Where the texts of a day begin.
const DAYS: &str = "CREATE INDEX messages_sent ON messages (contact, sent_at, position);";

/// Links of which it is asked whether they lead to somebody whom the user has, and those of which that is known beside those of invites and
/// accepts. Two sessions with one person, of which one ends.
const MEETINGS: &str = "
CREATE TABLE claims (
    id INTEGER PRIMARY KEY,              -- mine: also keyvault's, of the link
    contact INTEGER NOT NULL REFERENCES contacts ON DELETE CASCADE, -- who is asked, or asks
    mine INTEGER NOT NULL,               -- asked here
    wire BLOB NOT NULL,                  -- what both sides call it
    state INTEGER NOT NULL,              -- opening 0, waiting 1, asked 2, answered 3
    link TEXT NOT NULL,                  -- mine
    proof BLOB NOT NULL,                 -- theirs: what they told; mine: what they tell if it is
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX claims_contact ON claims (contact, mine, at);
CREATE TABLE links (
    link TEXT PRIMARY KEY,
    contact INTEGER NOT NULL REFERENCES contacts ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX links_contact ON links (contact);
CREATE TABLE twins (
    goes INTEGER PRIMARY KEY REFERENCES contacts ON DELETE CASCADE,
    stays INTEGER NOT NULL REFERENCES contacts ON DELETE CASCADE,
    token BLOB NOT NULL,                 -- told in the session that goes
    number TEXT NOT NULL,                -- the safety number of the one that stays, once keyvault told it
    said INTEGER NOT NULL,               -- it was said there that theirs was heard
    came BLOB NOT NULL                   -- what they said there; untrusted
) STRICT;
CREATE INDEX twins_stays ON twins (stays);
ALTER TABLE contacts ADD COLUMN token BLOB NOT NULL DEFAULT x''; -- what they told to have it come back in another session
";

/// Files that were offered, and where their bytes lie. Whatever ends a message ends its files, in the same transaction: a row that goes, a
/// text that is deleted for both. With the last file that has it a blob's key goes, and what is left is to be removed. By triggers, so that
/// whoever ends a message, now or later, need not know of files.
const FILES: &str = "
CREATE TABLE blobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name BLOB NOT NULL UNIQUE,           -- of its file
    key BLOB NOT NULL,
    size INTEGER NOT NULL,               -- of what is in it
    at INTEGER NOT NULL                  -- when it was begun
) STRICT;
CREATE TABLE blobs_gone (name BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;

CREATE TABLE files (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    contact INTEGER NOT NULL REFERENCES contacts ON DELETE CASCADE,
    mine INTEGER NOT NULL,               -- the user offers it
    wire BLOB NOT NULL,                  -- what both sides call it
    message_wire BLOB NOT NULL,
    message TEXT REFERENCES messages ON DELETE CASCADE, -- NULL until all its parts are here
    part INTEGER NOT NULL,
    name TEXT NOT NULL,
    kind INTEGER NOT NULL,               -- file 0, picture 1, voice 2
    size INTEGER NOT NULL,
    key BLOB NOT NULL,                   -- of its chunks
    root BLOB NOT NULL,
    preview_width INTEGER NOT NULL,      -- 0: there is none
    preview BLOB NOT NULL,
    ours INTEGER,                        -- nothing yet NULL, go 0, pause 1, stop 2, done 3
    theirs INTEGER,
    their_chain INTEGER NOT NULL DEFAULT 0, -- where they said so
    their_sequence INTEGER NOT NULL DEFAULT 0,
    trouble INTEGER NOT NULL,            -- none 0, no room 1, damaged 2, spent 3, not offered 4
    progress BLOB NOT NULL DEFAULT x'',
    blob INTEGER REFERENCES blobs,
    UNIQUE (contact, mine, wire)
) STRICT;
-- What was handed in and is of no message yet. It goes with its blob, which nobody keeps long then.
CREATE TABLE uploads (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    blob INTEGER NOT NULL UNIQUE REFERENCES blobs ON DELETE CASCADE,
    name TEXT NOT NULL,
    kind INTEGER NOT NULL,
    root BLOB NOT NULL,
    carries INTEGER NOT NULL             -- it may say where and with what it was made
) STRICT;
ALTER TABLE contacts ADD COLUMN files INTEGER; -- offers up to so many bytes are taken by themselves; NULL: as is set for all
CREATE INDEX files_message ON files (message) WHERE message IS NOT NULL;
CREATE INDEX files_unplaced ON files (contact, id) WHERE message IS NULL;
CREATE INDEX files_blob ON files (blob) WHERE blob IS NOT NULL;
CREATE INDEX files_going ON files (ours, theirs);

CREATE TRIGGER files_deleted AFTER UPDATE OF deleted ON messages WHEN new.deleted = 1 AND old.deleted = 0 BEGIN
    DELETE FROM files WHERE message = new.id;
END;
CREATE TRIGGER files_go AFTER DELETE ON files WHEN old.blob IS NOT NULL BEGIN
    DELETE FROM blobs WHERE id = old.blob AND NOT EXISTS (SELECT 1 FROM files WHERE blob = old.blob);
END;
CREATE TRIGGER files_let_go AFTER UPDATE OF blob ON files WHEN old.blob IS NOT NULL AND old.blob IS NOT new.blob BEGIN
    DELETE FROM blobs WHERE id = old.blob AND NOT EXISTS (SELECT 1 FROM files WHERE blob = old.blob);
END;
CREATE TRIGGER blobs_go AFTER DELETE ON blobs BEGIN
    INSERT OR IGNORE INTO blobs_gone (name) VALUES (old.name);
END;
";

/// How long what is said with a contact is kept: NULL where what holds for all does (`settings`), 0 for ever. And all messages by when they
/// came in or were written, by this computer's clock: what is too old is found at the front.
const RETENTION: &str = "
ALTER TABLE contacts ADD COLUMN retention_s INTEGER;
CREATE INDEX messages_age ON messages (contact, iif(received_at > 0, received_at, sent_at));
";

/// The steps from the file's version to the newest.
fn missing(db: &Connection) -> Result<&'static [&'static str], StoreError> {
    let version: u32 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    usize::try_from(version).ok().and_then(|version| MIGRATIONS.get(version..)).ok_or(StoreError::Newer)
}

/// Brings the file to the newest version in one transaction.
pub(super) fn migrate(db: &mut Connection) -> Result<(), StoreError> {
    if missing(db)?.is_empty() {
        return Ok(());
    }
    let transaction = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    climb(&transaction)?;
    Ok(transaction.commit()?)
}

/// Brings what this connection sees of the file to the newest version, in a transaction that nobody ends: all of it lies in memory, and
/// is over with the connection. Nothing more can be written.
pub(super) fn migrate_in_memory(db: &Connection) -> Result<(), StoreError> {
    db.execute_batch("PRAGMA cache_spill = OFF; BEGIN IMMEDIATE")?;
    climb(db)?;
    Ok(db.execute_batch("PRAGMA query_only = ON")?)
}

fn climb(db: &Connection) -> Result<(), StoreError> {
    for step in missing(db)? {
        db.execute_batch(step)?;
    }
    let newest = u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX);
    Ok(db.pragma_update(None, "user_version", newest)?)
}

/// Makes a file of an earlier version.
#[cfg(test)]
pub(super) fn begin_as(db: &Connection, version: usize) {
    MIGRATIONS[..version].iter().for_each(|step| db.execute_batch(step).unwrap());
    db.pragma_update(None, "user_version", u32::try_from(version).unwrap()).unwrap();
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
    use crate::search::UNSPACED;

    /// A file of an earlier version.
    fn of_version(version: usize) -> Connection {
        let db = Connection::open_in_memory().unwrap();
        begin_as(&db, version);
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

    #[test]
    fn a_store_from_before_receipts_opens_and_tells_nobody_anything() {
        let mut db = of_version(MIGRATIONS.iter().position(|step| *step == RECEIPTS).unwrap());
        db.execute_batch(
            "INSERT INTO contacts (id, name, state, last_at, send_chain) VALUES (1, 'bob', 2, 1, 1)",
        )
        .unwrap();
        migrate(&mut db).unwrap();
        let sql = "SELECT receipts, typing, read_wire, receipt_owed, their_read_wire FROM contacts";
        let kept: (Option<bool>, Option<bool>, Vec<u8>, u8, Vec<u8>) = db
            .query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)))
            .unwrap();
        assert_eq!(kept, (None, None, vec![], 0, vec![]));
    }

    #[test]
    fn texts_of_a_store_from_before_timers_live_for_ever() {
        let mut db = of_version(MIGRATIONS.iter().position(|step| *step == ENDS).unwrap());
        db.execute_batch(
            "INSERT INTO contacts (id, name, state, last_at, send_chain) VALUES (1, 'bob', 2, 1, 1);
             INSERT INTO messages (id, contact, wire, mine, position, sent_at, body, state)
                VALUES ('m', 1, x'01', 1, 1, 5, 'here', 2);
             INSERT INTO gone (id, contact, wire) VALUES ('n', 1, x'02');",
        )
        .unwrap();
        migrate(&mut db).unwrap();
        let sql = "SELECT c.timer_s, c.timer_version, m.timer_s, m.disappears_at, g.ended_at
                   FROM contacts c, messages m, gone g";
        let kept: [i64; 5] = db
            .query_row(sql, [], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?]))
            .unwrap();
        assert_eq!(kept, [0; 5]);
    }

    #[test]
    fn the_texts_of_a_store_from_before_are_found_and_what_the_program_told_is_not() {
        let mut db = of_version(MIGRATIONS.iter().position(|step| *step == SEARCH).unwrap());
        db.execute_batch(
            "INSERT INTO contacts (id, name, state, last_at, send_chain) VALUES (1, 'bob', 2, 1, 1);
             INSERT INTO messages (id, contact, wire, mine, position, sent_at, body, state, note) VALUES
                 ('a', 1, x'01', 0, 1, 1, 'Café um acht', 2, 0), ('b', 1, x'02', 1, 2, 2, 'acht Uhr', 2, 0),
                 ('c', 1, x'03', 0, 3, 3, 'told at acht', 3, 3), ('d', 1, x'04', 0, 4, 4, '日本語です', 2, 0)",
        )
        .unwrap();
        migrate(&mut db).unwrap();
        let found = |index: &str, wanted: &str| -> Vec<String> {
            let sql = format!(
                "SELECT m.id FROM {index} i JOIN messages m ON m.rowid = i.rowid WHERE {index} MATCH ?1 ORDER BY i.rowid"
            );
            let mut statement = db.prepare(&sql).unwrap();
            statement.query_map([wanted], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
        };
        assert_eq!(found("messages_words", "cafe"), ["a"]);
        assert_eq!(found("messages_words", "ac*"), ["a", "b"]);
        assert_eq!(found("messages_infixes", "本語で"), ["d"]);
        for index in ["messages_words", "messages_infixes"] {
            let sql = format!("INSERT INTO {index} ({index}, rank) VALUES ('integrity-check', 1)");
            db.execute_batch(&sql).unwrap();
            let sql = format!("SELECT v FROM {index}_config WHERE k = 'secure-delete'");
            assert_eq!(db.query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap(), 1);
        }
    }

    #[test]
    fn the_letters_of_the_index_of_infixes_are_those_that_a_search_takes_for_such() {
        let db = Connection::open_in_memory().unwrap();
        let is_glob = |c: char| -> bool {
            let sql = concat!("SELECT ?1 GLOB '*", unspaced!(), "*'");
            db.query_row(sql, [format!("a{c}b")], |row| row.get(0)).unwrap()
        };
        let edges = UNSPACED.iter().flat_map(|range| [*range.start(), *range.end()]);
        let around = edges.flat_map(|c| (u32::from(c) - 1..=u32::from(c) + 1).filter_map(char::from_u32));
        for c in around.chain(['a', 'é', '\u{301}', ' ', '。', '語', '🐢']) {
            assert_eq!(is_glob(c), UNSPACED.iter().any(|range| range.contains(&c)), "{:x}", u32::from(c));
        }
    }

    #[test]
    fn a_store_from_before_introductions_opens_with_none() {
        let mut db = of_version(MIGRATIONS.iter().position(|step| *step == INTRODUCTIONS).unwrap());
        db.execute_batch(
            "INSERT INTO contacts (id, name, state, last_at, send_chain) VALUES (1, 'bob', 2, 1, 1);
             INSERT INTO messages (id, contact, wire, mine, position, sent_at, body, state)
                VALUES ('a', 1, x'01', 0, 1, 1, 'there', 2);",
        )
        .unwrap();
        migrate(&mut db).unwrap();
        let introduces: String =
            db.query_row("SELECT introduces FROM messages", [], |row| row.get(0)).unwrap();
        assert_eq!(introduces, "");
        for table in ["introductions", "newer", "newer_lines"] {
            let rows: i64 =
                db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
            assert_eq!(rows, 0, "{table}");
        }
    }

    #[test]
    fn a_store_from_before_files_opens_with_none() {
        let mut db = of_version(MIGRATIONS.iter().position(|step| *step == FILES).unwrap());
        db.execute_batch(
            "INSERT INTO contacts (id, name, state, last_at, send_chain) VALUES (1, 'bob', 2, 1, 1);
             INSERT INTO messages (id, contact, wire, mine, position, sent_at, body, state)
                VALUES ('a', 1, x'01', 0, 1, 1, 'there', 2);",
        )
        .unwrap();
        migrate(&mut db).unwrap();
        db.execute_batch("UPDATE messages SET deleted = 1; DELETE FROM messages").unwrap();
        for table in ["files", "blobs", "blobs_gone"] {
            let rows: i64 =
                db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
            assert_eq!(rows, 0, "{table}");
        }
    }

    #[test]
    fn of_a_text_that_lay_at_a_relay_before_lives_were_counted_the_life_is_counted_from_when_it_was_sealed() {
        let mut db = of_version(5);
        db.execute_batch(
            "INSERT INTO contacts (id, name, state, last_at, send_chain) VALUES (1, 'bob', 2, 1, 1);
             INSERT INTO messages (id, contact, wire, mine, position, sent_at, body, state)
                VALUES ('m1', 1, x'01', 1, 1, 5, 'there', 1), ('m2', 1, x'02', 1, 2, 6, 'here', 0);
             INSERT INTO outgoing (contact, state, relayed, kind, numbered, message, sealed_at)
                VALUES (1, 2, 1, 0, 1, 'm1', 7), (1, 0, 0, 0, 1, 'm2', 0);",
        )
        .unwrap();
        migrate(&mut db).unwrap();
        let moments = "SELECT group_concat(message || ' ' || state || ' ' || at) FROM message_states";
        let moments: String = db.query_row(moments, [], |row| row.get(0)).unwrap();
        assert_eq!(moments, "m1 1 7");
        let begun = "SELECT group_concat(begun || ' ' || laid_at) FROM (SELECT * FROM outgoing ORDER BY id)";
        let begun: String = db.query_row(begun, [], |row| row.get(0)).unwrap();
        assert_eq!(begun, "1 7,0 0");
    }
}
