//! Files that were offered, by whom, and how far each has come. A row goes with its message, whichever way that goes (`schema.rs`, FILES).

use ipc_schema::Timestamp;
use ipc_schema::limits::FILE_MAX_BYTES;
use rusqlite::Row;

use super::Store;
use super::said::Said;
use crate::content::{FileKind, FileWord, Preview, WireId};
use crate::error::StoreError;
use crate::files::{By, Cut, Plan, Words};
use crate::ids::{BlobId, ContactId, FileId};
use crate::secret::Secret;

/// Offers of one contact whose message is not whole, that are kept: four messages full. The oldest go first.
const UNPLACED_MAX: u32 = 128;
/// How large offers of those may be, in bytes, who were compared, so that they come by themselves.
const FILES: &str = "files";

/// A file of a message.
#[derive(Clone, PartialEq, Eq)]
pub struct File {
    /// In the order in which they were offered; 0 until it is kept.
    pub id: FileId,
    /// With whom.
    pub contact: ContactId,
    /// The user offers it.
    pub mine: bool,
    /// What both sides call it.
    pub wire: WireId,
    /// What both sides call its message.
    pub message_wire: WireId,
    /// That message, once it is there.
    pub message: Option<String>,
    /// Its place among the message's parts.
    pub part: u16,
    /// As it may be shown and kept; theirs is untrusted.
    pub name: String,
    /// What it is.
    pub kind: FileKind,
    /// How it is cut, which follows from its length.
    pub cut: Cut,
    /// Its chunks are sealed under keys of this one.
    pub key: Secret,
    /// BLAKE3 of all of it.
    pub root: [u8; 32],
    /// Of a picture.
    pub preview: Option<Preview>,
    /// What the two said of it last.
    pub words: Words,
    /// Why it rests though both want it.
    pub trouble: Trouble,
    /// Where its bytes lie.
    pub blob: Option<BlobId>,
}

/// Why a file rests though both want it to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// It does not.
    None,
    /// There is no room on the disk.
    NoRoom,
    /// What lies here is damaged.
    Damaged,
    /// The receiver was sent it many times over, and misses it still.
    Spent,
    /// What came is not what was offered.
    NotOffered,
}

/// Without what it is called.
impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("File").field("id", &self.id).field("words", &self.words).finish_non_exhaustive()
    }
}

impl File {
    /// As far as its chunks depend on it.
    #[must_use]
    pub fn plan(&self) -> Plan {
        Plan { file: self.wire, key: self.key.clone(), root: self.root, cut: self.cut }
    }
}

const COLUMNS: &str = "id, contact, mine, wire, message_wire, message, part, name, kind, size, key, root, preview_width, preview,
    ours, theirs, trouble, blob";

fn read(row: &Row<'_>) -> rusqlite::Result<File> {
    // What is there is not what this program writes.
    let damaged = |column, size| rusqlite::Error::IntegralValueOutOfRange(column, size);
    let (size, width): (i64, u8) = (row.get(9)?, row.get(12)?);
    let preview = match width {
        0 => None,
        width => Some(Preview::new(width, row.get(13)?).ok_or_else(|| damaged(12, width.into()))?),
    };
    let mine = row.get(2)?;
    Ok(File {
        id: row.get(0)?,
        contact: row.get(1)?,
        mine,
        wire: WireId(row.get(3)?),
        message_wire: WireId(row.get(4)?),
        message: row.get(5)?,
        part: row.get(6)?,
        name: row.get(7)?,
        kind: row.get(8)?,
        cut: Cut::of(size.cast_unsigned()).ok_or_else(|| damaged(9, size))?,
        key: Secret::of(row.get(10)?),
        root: row.get(11)?,
        preview,
        words: Words { mine, ours: row.get(14)?, theirs: row.get(15)? },
        trouble: row.get(16)?,
        blob: row.get(17)?,
    })
}

impl Store {
    /// Keeps one that is offered; `None`: one of that name is there.
    pub(crate) fn add_file(&self, file: &File) -> Result<Option<FileId>, StoreError> {
        let (width, rgb) = file.preview.as_ref().map_or((0, &[][..]), |p| (p.width(), p.rgb()));
        let id = self.row(
            "INSERT INTO files (contact, mine, wire, message_wire, message, part, name, kind, size, key, root, preview_width,
             preview, ours, theirs, trouble, blob)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)
             ON CONFLICT DO NOTHING RETURNING id",
            rusqlite::params![
                file.contact,
                file.mine,
                file.wire.0,
                file.message_wire.0,
                file.message,
                file.part,
                file.name,
                file.kind,
                file.cut.size_bytes().cast_signed(),
                file.key.expose(),
                file.root,
                width,
                rgb,
                file.words.ours,
                file.words.theirs,
                file.trouble,
                file.blob,
            ],
            |row| row.get(0),
        )?;
        self.run(
            "DELETE FROM files WHERE contact = ?1 AND message IS NULL AND id <=
             (SELECT id FROM files WHERE contact = ?1 AND message IS NULL ORDER BY id DESC LIMIT 1 OFFSET ?2)",
            (file.contact, UNPLACED_MAX),
        )?;
        Ok(id)
    }

    /// The message of these is whole, and there.
    pub(crate) fn place_files(
        &self,
        contact: ContactId,
        wire: WireId,
        mine: bool,
        message: &str,
    ) -> Result<usize, StoreError> {
        let sql = "UPDATE files SET message = ?4 WHERE contact = ?1 AND message_wire = ?2 AND mine = ?3 AND message IS NULL";
        self.changed(sql, (contact, wire.0, mine, message))
    }

    pub(crate) fn file(&self, id: FileId) -> Result<Option<File>, StoreError> {
        self.row(&format!("SELECT {COLUMNS} FROM files WHERE id = ?1"), [id], read)
    }

    /// By what both sides call it.
    pub(crate) fn file_called(
        &self,
        contact: ContactId,
        wire: WireId,
        mine: bool,
    ) -> Result<Option<File>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM files WHERE contact = ?1 AND wire = ?2 AND mine = ?3");
        self.row(&sql, (contact, wire.0, mine), read)
    }

    /// Of a message, in their order.
    pub(crate) fn files_of(&self, message: &str) -> Result<Vec<File>, StoreError> {
        self.rows(&format!("SELECT {COLUMNS} FROM files WHERE message = ?1 ORDER BY part"), [message], read)
    }

    pub(crate) fn count_files_of(&self, message: &str) -> Result<u16, StoreError> {
        let count = self.row("SELECT count(*) FROM files WHERE message = ?1", [message], |row| row.get(0))?;
        Ok(count.unwrap_or(0))
    }

    /// Of one contact or all, the newest first, below an id; those whose message is there.
    pub(crate) fn files_before(
        &self,
        contact: Option<ContactId>,
        before: Option<FileId>,
        limit: u32,
    ) -> Result<Vec<File>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM files WHERE (?1 IS NULL OR contact = ?1) AND (?2 IS NULL OR id < ?2)
             AND message IS NOT NULL ORDER BY id DESC LIMIT ?3"
        );
        self.rows(&sql, (contact, before, limit), read)
    }

    /// Both want these, of one contact, from here or to here: their chunks travel, or `trouble` is in the way. At most so many.
    pub(crate) fn files_going(
        &self,
        contact: ContactId,
        mine: bool,
        (trouble, limit): (Trouble, usize),
    ) -> Result<Vec<File>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM files WHERE ours = ?1 AND theirs = ?1 AND contact = ?2 AND mine = ?3 AND trouble = ?4
             ORDER BY id LIMIT ?5"
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.rows(&sql, (FileWord::Go, contact, mine, trouble, limit), read)
    }

    /// Whether anything of a contact is coming, or came since then.
    pub(crate) fn has_files_from(&self, contact: ContactId, since: Timestamp) -> Result<bool, StoreError> {
        let sql =
            "SELECT 1 FROM files f JOIN messages m ON m.id = f.message WHERE f.contact = ?1 AND f.mine = 0
             AND f.ours IS NOT NULL AND (f.theirs = 0 AND f.ours = 0 OR m.received_at > ?2) LIMIT 1";
        Ok(self.row(sql, (contact, since.0.cast_signed()), |_| Ok(()))?.is_some())
    }

    /// For a contact offers of theirs up to so many bytes are taken without asking; 0: none.
    pub(crate) fn set_files_of(&self, contact: ContactId, most_bytes: u64) -> Result<(), StoreError> {
        let most = most_bytes.min(FILE_MAX_BYTES).cast_signed();
        self.run("UPDATE contacts SET files = ?2 WHERE id = ?1", (contact, most))
    }

    /// The same for all that were compared and have nothing of their own.
    pub(crate) fn set_files(&self, most_bytes: u64) -> Result<(), StoreError> {
        self.set_setting(FILES, &most_bytes.min(FILE_MAX_BYTES).to_string())
    }

    pub(crate) fn files(&self) -> Result<u64, StoreError> {
        Ok(self.setting(FILES)?.and_then(|most| most.parse().ok()).unwrap_or(0))
    }

    /// The user says what they want of it; false where that was their last word before.
    pub(crate) fn say_of_file(&self, id: FileId, word: FileWord) -> Result<bool, StoreError> {
        let Some(file) = self.file(id)?.filter(|file| file.words.may_say(By::Us, word)) else {
            return Ok(false);
        };
        if file.words.ours != Some(word) {
            self.run("UPDATE files SET ours = ?2 WHERE id = ?1", (id, word))?;
        }
        Ok(true)
    }

    /// The contact does; false where it changes nothing: they said something later, or their last word.
    pub(crate) fn hear_of_file(&self, id: FileId, word: FileWord, said: Said) -> Result<bool, StoreError> {
        let Some(file) = self.file(id)?.filter(|file| file.words.may_say(By::Them, word)) else {
            return Ok(false);
        };
        let (chain, sequence) = (said.chain.0.cast_signed(), said.sequence.cast_signed());
        let is_last = matches!(word, FileWord::Stop | FileWord::Done);
        let changed = self.changed(
            "UPDATE files SET theirs = ?2, their_chain = ?3, their_sequence = ?4
             WHERE id = ?1 AND (?5 OR (their_chain, their_sequence) < (?3, ?4))",
            (id, word, chain, sequence, is_last),
        )?;
        Ok(changed > 0 && file.words.theirs != Some(word))
    }

    pub(crate) fn set_file_trouble(&self, id: FileId, trouble: Trouble) -> Result<(), StoreError> {
        self.run("UPDATE files SET trouble = ?2 WHERE id = ?1", (id, trouble))
    }

    /// Its bytes lie there from now on; `None`: nowhere, and those that no other file has are not to be read any more.
    pub(crate) fn set_file_blob(&self, id: FileId, blob: Option<BlobId>) -> Result<(), StoreError> {
        self.run("UPDATE files SET blob = ?2 WHERE id = ?1", (id, blob))
    }

    /// What `Sending` or `Receiving` encoded; nothing before that.
    pub(crate) fn file_progress(&self, id: FileId) -> Result<Vec<u8>, StoreError> {
        let progress = self.row("SELECT progress FROM files WHERE id = ?1", [id], |row| row.get(0))?;
        Ok(progress.unwrap_or_default())
    }

    pub(crate) fn set_file_progress(&self, id: FileId, progress: &[u8]) -> Result<(), StoreError> {
        self.run("UPDATE files SET progress = ?2 WHERE id = ?1", (id, progress))
    }
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
