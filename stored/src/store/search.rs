//! The indexes of words and infixes (`schema.rs`): which texts may hold what is looked for. A text's place is its rowid, which rises as texts
//! come in and are written here, and by which the indexes are read backwards without sorting.

use std::ops::ControlFlow;

use super::Store;
use crate::error::StoreError;
use crate::ids::ContactId;
use crate::search::{Source, Wanted};

const WORDS_BEFORE: &str = "
SELECT rowid FROM messages_words WHERE messages_words MATCH ?2 AND rowid < ?1 ORDER BY rowid DESC";
const INFIXES_BEFORE: &str = "
SELECT rowid FROM messages_infixes WHERE messages_infixes MATCH ?2 AND rowid < ?1 ORDER BY rowid DESC";
const ALL_BEFORE: &str = "SELECT place FROM texts WHERE place < ?1 ORDER BY place DESC";

/// Taking one text out of the leaves costs about as much as merging this many: some thirty entries, each looked for in every segment.
const ONE_BY_ONE: i64 = 128;

/// What goes is only marked as gone. A merge that was on its way could keep marks, and with them words: none is.
const MARK: &str = "
INSERT INTO messages_words (messages_words) VALUES ('optimize');
INSERT INTO messages_infixes (messages_infixes) VALUES ('optimize');
INSERT INTO messages_words (messages_words, rank) VALUES ('automerge', 0);
INSERT INTO messages_infixes (messages_infixes, rank) VALUES ('automerge', 0);
INSERT INTO messages_words (messages_words, rank) VALUES ('secure-delete', 0);
INSERT INTO messages_infixes (messages_infixes, rank) VALUES ('secure-delete', 0);
";
/// What is marked goes, and from then on all that goes does so at once.
const MERGE: &str = "
INSERT INTO messages_words (messages_words) VALUES ('optimize');
INSERT INTO messages_infixes (messages_infixes) VALUES ('optimize');
INSERT INTO messages_words (messages_words, rank) VALUES ('automerge', 4);
INSERT INTO messages_infixes (messages_infixes, rank) VALUES ('automerge', 4);
INSERT INTO messages_words (messages_words, rank) VALUES ('secure-delete', 1);
INSERT INTO messages_infixes (messages_infixes, rank) VALUES ('secure-delete', 1);
";

impl Store {
    /// The place of a message.
    pub(crate) fn place_of(&self, id: &str) -> Result<Option<i64>, StoreError> {
        self.row("SELECT rowid FROM messages WHERE id = ?1", [id], |row| row.get(0))
    }

    /// Looks at the places before `before` of texts that may hold what is wanted, the newest first, until `look` breaks off. They are found
    /// one by one: of a rare word each costs more than the text that stands there. Broken off, there is another one.
    pub(crate) fn look_before(
        &self,
        before: i64,
        wanted: &Wanted,
        mut look: impl FnMut(i64) -> Result<ControlFlow<()>, StoreError>,
    ) -> Result<ControlFlow<()>, StoreError> {
        let (sql, matching) = match wanted.source() {
            Source::Words(matching) => (WORDS_BEFORE, Some(matching)),
            Source::Infixes(matching) => (INFIXES_BEFORE, Some(matching)),
            Source::All => (ALL_BEFORE, None),
        };
        let mut statement = self.db.prepare_cached(sql)?;
        let mut rows = match matching {
            Some(matching) => statement.query((before, matching))?,
            None => statement.query([before])?,
        };
        while let Some(row) = rows.next()? {
            if look(row.get(0)?)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Does what takes all texts of a contact away, in one transaction with what is around it.
    ///
    /// Many are cheaper taken out together: marked as gone, and the indexes merged as a whole, after which they hold no trace of them either.
    pub(super) fn forgetting_texts_of(
        &self,
        contact: ContactId,
        forget: impl FnOnce() -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let sql =
            "SELECT count(*), (SELECT ifnull(max(rowid), 0) FROM messages) FROM messages WHERE contact = ?1";
        let counted = self.row(sql, [contact], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?;
        let (texts, all) = counted.unwrap_or_default();
        if texts.saturating_mul(ONE_BY_ONE) <= all {
            return forget();
        }
        self.db.execute_batch(MARK)?;
        forget()?;
        Ok(self.db.execute_batch(MERGE)?)
    }
}

#[cfg(test)]
mod tests;
