//! Two sessions with one person, of which one is to end.

use rusqlite::Row;

use super::Store;
use crate::content::{Proof, WireId};
use crate::error::StoreError;
use crate::ids::ContactId;

/// How far it is.
pub(crate) struct Twins {
    /// Whose session ends.
    pub goes: ContactId,
    /// Whose stays.
    pub stays: ContactId,
    /// What was told in the one, and is to be proved in the other.
    pub token: WireId,
    /// The digits of the safety number of the one that stays; empty before keyvault told them.
    pub number: String,
    /// It was said there that theirs was heard.
    pub said: bool,
    /// What they said there; untrusted. Zeroes: nothing yet.
    pub came: Proof,
}

const COLUMNS: &str = "goes, stays, token, number, said, came";

fn read(row: &Row<'_>) -> rusqlite::Result<Twins> {
    Ok(Twins {
        goes: row.get(0)?,
        stays: row.get(1)?,
        token: WireId(row.get(2)?),
        number: row.get(3)?,
        said: row.get(4)?,
        came: row.get(5)?,
    })
}

impl Store {
    /// Keeps them as they are now.
    pub(crate) fn set_twins(&self, twins: &Twins) -> Result<(), StoreError> {
        let Twins { goes, stays, token, number, said, came } = twins;
        self.run(
            "INSERT OR REPLACE INTO twins (goes, stays, token, number, said, came) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            (goes, stays, token.0, number, said, came),
        )
    }

    pub(crate) fn twins(&self) -> Result<Vec<Twins>, StoreError> {
        self.rows(&format!("SELECT {COLUMNS} FROM twins"), [], read)
    }

    /// Those of whom one is this contact.
    pub(crate) fn twins_of(&self, contact: ContactId) -> Result<Option<Twins>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM twins WHERE goes = ?1 OR stays = ?1 LIMIT 1");
        self.row(&sql, [contact], read)
    }

    /// What a contact told, to have it proved in another session.
    pub(crate) fn set_token(&self, contact: ContactId, token: WireId) -> Result<(), StoreError> {
        self.run("UPDATE contacts SET token = ?2 WHERE id = ?1", (contact, token.0))
    }

    pub(crate) fn token(&self, contact: ContactId) -> Result<Option<WireId>, StoreError> {
        let sql = "SELECT token FROM contacts WHERE id = ?1 AND token <> x''";
        self.row(sql, [contact], |row| row.get(0).map(WireId))
    }
}
