//! The encrypted database: SQLCipher under the key that keyvault hands over after unlock.
//!
//! The engine groups its inputs into one transaction ([`Store::begin`], [`Store::commit`]), so that a burst costs one flush to disk.

mod altered;
mod attributes;
mod blobs;
mod changes;
mod claims;
mod contacts;
mod decoy;
mod early;
mod ends;
mod events;
mod files;
mod history;
mod incoming;
mod introductions;
mod links;
mod messages;
mod moments;
mod newer;
mod numbers;
mod outgoing;
mod places;
mod queues;
mod receipts;
mod retention;
mod said;
mod schema;
mod search;
mod twins;
mod unsaid;

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension};
use zeroize::Zeroizing;

pub use altered::Reactions;
pub(crate) use blobs::Upload;
pub(crate) use changes::Change;
pub(crate) use claims::{Claim, ClaimState};
pub(crate) use early::{Early, EarlyKind};
pub(crate) use ends::{Ended, UNREAD};
pub(crate) use introductions::{Introduction, IntroductionState};
pub(crate) use newer::Newer;
pub(crate) use said::Said;

pub use blobs::BlobCounts;
pub use contacts::{Contact, ContactState, Notice, ReceiveChain, SendChain};
pub use decoy::{Decoy, wipe};
pub use events::{Event, EventKind};
pub use files::{File, Trouble};
pub use history::{FILE, History, Opened};
pub use incoming::Numbered;
pub use messages::{Cursor, Delivery, Message, Note, Reason};
pub use moments::Moments;
pub use outgoing::{Deposit, Outgoing, OutgoingKind, OutgoingState};
pub use queues::{Accept, AcceptState, Invite, InviteState, PeerQueue, ReceiveQueue, ReceiveQueueState};
pub(crate) use receipts::{Courtesy, Owed};
pub(crate) use twins::Twins;

use crate::database::{self, SetUp};
use crate::error::StoreError;

/// The key of `store.db`, 32 B.
pub type StoreKey = Zeroizing<[u8; 32]>;

/// The open database.
pub struct Store {
    db: Connection,
    path: PathBuf,
    key: StoreKey,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store")
    }
}

/// The setting that holds the own name.
const PROFILE_NAME: &str = "profile-name";
/// Pages kept in memory, KiB: a few thousand messages.
const CACHE_KIB: i64 = 4_096;

impl Store {
    /// Opens or creates `path` under `key`.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when the key does not fit, [`StoreError::Newer`], [`StoreError::ReadOnly`] when it can only be read, or
    /// what the disk says.
    pub fn open(path: &Path, key: &StoreKey) -> Result<Self, StoreError> {
        let mut db = database::open(path, SetUp { key: &|db| unlock(db, key), settings: &logged })?;
        schema::migrate(&mut db)?;
        Ok(Self { db, path: path.into(), key: key.clone() })
    }

    /// Opens what an earlier version wrote where the disk has no room to bring it to this one: that is done in memory alone, to be read, and
    /// done again at each such opening. Every change fails with [`StoreError::ReadOnly`].
    ///
    /// # Errors
    /// As [`Store::open`]; [`StoreError::NoMemory`].
    pub fn read_earlier(path: &Path, key: &StoreKey) -> Result<Self, StoreError> {
        let db = database::open(path, SetUp { key: &|db| unlock(db, key), settings: &logged })?;
        schema::migrate_in_memory(&db)?;
        Ok(Self { db, path: path.into(), key: key.clone() })
    }

    /// Opens what can be read of `path`, and changes nothing: every change fails with [`StoreError::ReadOnly`]. Also a file that was cut
    /// or has pages that are not what was written; who reads one of those is told [`StoreError::Damaged`].
    ///
    /// # Errors
    /// As [`Store::open`]; [`StoreError::Damaged`] where nothing at all can be read.
    pub fn read(path: &Path, key: &StoreKey) -> Result<Self, StoreError> {
        let db = database::read(path, SetUp { key: &|db| unlock(db, key), settings: &settings })?;
        schema::expect_newest(&db)?;
        Ok(Self { db, path: path.into(), key: key.clone() })
    }

    /// What was answered, if every page that was read for it is what was written: SQLCipher takes a page whose seal is broken for one of
    /// zeroes, and a text that ends in it ends early, without a word. From then on the file is only read.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], or what was answered.
    pub(crate) fn trusted<T>(&mut self, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        if self.is_sound() {
            return answer;
        }
        // It never says otherwise on this connection again, whatever is read.
        if let Ok(again) = Self::read(&self.path, &self.key) {
            *self = again;
        }
        Err(StoreError::Damaged)
    }

    /// Whether SQLCipher met no broken page yet.
    pub(crate) fn is_sound(&self) -> bool {
        // Never from the cache of statements: it is answered when it is prepared.
        self.db
            .query_row("PRAGMA cipher_status", [], |row| row.get::<_, String>(0))
            .is_ok_and(|status| status == "1")
    }

    /// Reads every page. Takes as long as the disk needs for the whole file.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], or what the disk says.
    pub fn check(&self) -> Result<(), StoreError> {
        // A row for each page whose seal is broken; and then what the pages say of each other.
        // Never from the cache of statements: it is carried out when it is prepared.
        let broken = self.db.query_row("PRAGMA cipher_integrity_check", [], |_| Ok(())).optional()?;
        let found = self.row("PRAGMA integrity_check(1)", [], |row| row.get::<_, String>(0))?;
        if broken.is_none() && found.as_deref() == Some("ok") { Ok(()) } else { Err(StoreError::Damaged) }
    }

    /// Begins the transaction of one batch of inputs.
    ///
    /// # Errors
    /// What the disk says.
    pub fn begin(&self) -> Result<(), StoreError> {
        Ok(self.db.prepare_cached("BEGIN IMMEDIATE")?.execute([]).map(drop)?)
    }

    /// Makes the batch durable. A batch that wrote nothing costs nothing.
    ///
    /// # Errors
    /// What the disk says; the transaction is undone then.
    pub fn commit(&self) -> Result<(), StoreError> {
        let done = self.db.prepare_cached("COMMIT")?.execute([]);
        if done.is_err() {
            self.rollback();
        }
        Ok(done.map(drop)?)
    }

    /// Undoes the batch.
    pub fn rollback(&self) {
        // SQLite may have rolled back by itself, and then says that there is nothing to undo.
        let _ = self.db.execute_batch("ROLLBACK");
    }

    /// A small value by name.
    ///
    /// # Errors
    /// What the disk says.
    pub fn setting(&self, key: &str) -> Result<Option<String>, StoreError> {
        let mut statement =
            self.db.prepare_cached("SELECT CAST(value AS TEXT) FROM settings WHERE key = ?1")?;
        Ok(statement.query_row([key], |row| row.get(0)).optional()?)
    }

    /// Keeps a small value by name.
    ///
    /// # Errors
    /// What the disk says.
    pub fn set_setting(&self, key: &str, value: &str) -> Result<(), StoreError> {
        self.run("INSERT OR REPLACE INTO settings (key, value) VALUES (?1, CAST(?2 AS BLOB))", (key, value))
    }

    /// What the user calls themselves, nothing where they never said.
    pub(crate) fn profile_name(&self) -> Result<String, StoreError> {
        Ok(self.setting(PROFILE_NAME)?.unwrap_or_default())
    }

    pub(crate) fn set_profile_name(&self, name: &str) -> Result<(), StoreError> {
        self.set_setting(PROFILE_NAME, name)
    }

    fn run(&self, sql: &str, parameters: impl rusqlite::Params) -> Result<(), StoreError> {
        self.changed(sql, parameters).map(drop)
    }

    fn changed(&self, sql: &str, parameters: impl rusqlite::Params) -> Result<usize, StoreError> {
        Ok(self.db.prepare_cached(sql)?.execute(parameters)?)
    }

    fn rows<T>(
        &self,
        sql: &str,
        parameters: impl rusqlite::Params,
        read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let mut statement = self.db.prepare_cached(sql)?;
        let rows = statement.query_map(parameters, read)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn row<T>(
        &self,
        sql: &str,
        parameters: impl rusqlite::Params,
        read: impl FnOnce(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.db.prepare_cached(sql)?.query_row(parameters, read).optional()?)
    }
}

fn logged(db: &Connection) -> Result<(), StoreError> {
    settings(db)?;
    Ok(db.execute_batch(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA secure_delete = ON;
         PRAGMA wal_autocheckpoint = 2000;",
    )?)
}

fn settings(db: &Connection) -> Result<(), StoreError> {
    // The key is only tried at the first read.
    db.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    db.execute_batch(
        "PRAGMA cipher_memory_security = OFF;
         PRAGMA foreign_keys = ON;
         PRAGMA temp_store = MEMORY;",
    )?;
    db.pragma_update(None, "cache_size", -CACHE_KIB)?;
    db.set_prepared_statement_cache_capacity(128);
    Ok(())
}

/// Has SQLCipher say nothing: a page that the key does not open would be a line on stderr, with the day and the hour. It is one word for
/// the whole process, given where there is no file: what is asked of one before its key has SQLite read the first page without.
fn silence() -> Result<(), StoreError> {
    Ok(Connection::open_in_memory()?.execute_batch("PRAGMA cipher_log_level = NONE")?)
}

fn unlock(db: &Connection, key: &StoreKey) -> Result<(), StoreError> {
    use std::fmt::Write;
    silence()?;
    let mut pragma = Zeroizing::new(String::with_capacity(96));
    pragma.push_str("PRAGMA key = \"x'");
    for byte in key.iter() {
        // Writing to a String cannot fail.
        let _ = write!(pragma, "{byte:02x}");
    }
    pragma.push_str("'\"");
    Ok(db.execute_batch(&pragma)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> StoreKey {
        Zeroizing::new([byte; 32])
    }

    #[test]
    fn a_store_opens_again_under_its_key_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let store = Store::open(&path, &key(1)).unwrap();
        store.set_setting("name", "Ann").unwrap();
        drop(store);
        assert!(matches!(Store::open(&path, &key(2)), Err(StoreError::Damaged)));
        assert_eq!(Store::open(&path, &key(1)).unwrap().setting("name").unwrap().unwrap(), "Ann");
    }

    #[test]
    fn sqlcipher_says_nothing_on_stderr() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store.db"), &key(1)).unwrap();
        let level: String = store.db.query_row("PRAGMA cipher_log_level", [], |row| row.get(0)).unwrap();
        assert_eq!(level, "NONE");
    }

    #[test]
    fn what_lies_on_the_disk_shows_nothing_of_what_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let store = Store::open(&path, &key(1)).unwrap();
        store.set_setting("sentinel-key", "sentinel-value").unwrap();
        for name in ["store.db", "store.db-wal"] {
            let bytes = std::fs::read(folder.path().join(name)).unwrap();
            assert!(bytes.len() > 1_000);
            for needle in [&b"sentinel"[..], b"SQLite format"] {
                assert!(!bytes.windows(needle.len()).any(|window| window == needle), "{name}");
            }
        }
    }

    #[test]
    fn what_an_earlier_version_wrote_is_read_without_a_byte_of_it_being_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let earlier =
            database::open(&path, SetUp { key: &|db| unlock(db, &key(1)), settings: &logged }).unwrap();
        schema::begin_as(&earlier, 5);
        earlier
            .execute_batch(
                "INSERT INTO contacts (id, name, state, last_at, send_chain) VALUES (1, 'bob', 2, 1, 1);
                 INSERT INTO messages (id, contact, wire, mine, position, sent_at, body, state)
                    VALUES ('m', 1, zeroblob(16), 1, 1, 5, 'what was said', 2);",
            )
            .unwrap();
        drop(earlier);
        let lies = std::fs::read(&path).unwrap();
        for _ in 0..2 {
            let store = Store::read_earlier(&path, &key(1)).unwrap();
            assert_eq!(store.message("m").unwrap().unwrap().body, "what was said");
            assert_eq!(store.contacts().unwrap()[0].name, "bob");
            let found = "SELECT 1 FROM messages_words WHERE messages_words MATCH 'said'";
            assert_eq!(store.row(found, [], |_| Ok(())).unwrap(), Some(()));
            assert!(matches!(store.set_setting("name", "Ann"), Err(StoreError::ReadOnly)));
            let log = std::fs::read(folder.path().join("store.db-wal")).unwrap_or_default();
            assert!(log.is_empty() && std::fs::read(&path).unwrap() == lies);
        }
        let store = Store::open(&path, &key(1)).unwrap();
        assert_eq!(store.message("m").unwrap().unwrap().body, "what was said");
        store.set_setting("name", "Ann").unwrap();
    }

    #[test]
    fn a_store_of_a_newer_version_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let store = Store::open(&path, &key(1)).unwrap();
        store.db.pragma_update(None, "user_version", 999).unwrap();
        drop(store);
        assert!(matches!(Store::open(&path, &key(1)), Err(StoreError::Newer)));
    }

    #[test]
    fn a_full_disk_undoes_the_batch_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store.db"), &key(1)).unwrap();
        store.set_setting("kept", "1").unwrap();
        let pages: i64 = store.db.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
        store.db.pragma_update(None, "max_page_count", pages + 2).unwrap();
        store.begin().unwrap();
        let full = (0..1_000).find_map(|n| store.set_setting(&format!("k{n}"), &"x".repeat(1_000)).err());
        assert!(matches!(full, Some(StoreError::Full)));
        store.rollback();
        assert_eq!(store.setting("kept").unwrap().unwrap(), "1");
        assert_eq!(store.setting("k0").unwrap(), None);
    }
}
