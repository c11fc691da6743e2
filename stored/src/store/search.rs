//! The indexes of words and infixes (`schema.rs`): which texts may hold what is looked for. A text's place is its rowid, which rises as texts
//! come in and are written here, and by which the indexes are read backwards without sorting.

use super::Store;
use crate::error::StoreError;
use crate::ids::ContactId;
use crate::search::{Source, Wanted};

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

    /// The places before `before` of texts to be looked at, the newest first, at most `most`.
    pub(crate) fn places_before(
        &self,
        before: i64,
        wanted: &Wanted,
        most: u32,
    ) -> Result<Vec<i64>, StoreError> {
        let (sql, matching) = match wanted.source() {
            Source::Words(matching) => (
                "SELECT rowid FROM messages_words WHERE messages_words MATCH ?3 AND rowid < ?1
                 ORDER BY rowid DESC LIMIT ?2",
                matching,
            ),
            Source::Infixes(matching) => (
                "SELECT rowid FROM messages_infixes WHERE messages_infixes MATCH ?3 AND rowid < ?1
                 ORDER BY rowid DESC LIMIT ?2",
                matching,
            ),
            Source::All => {
                let sql = "SELECT place FROM texts WHERE place < ?1 ORDER BY place DESC LIMIT ?2";
                return self.rows(sql, (before, most), |row| row.get(0));
            }
        };
        self.rows(sql, (before, most, matching), |row| row.get(0))
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
