//! What a contact did to texts that have not come yet, and edits of which parts are missing.

use ipc_schema::Timestamp;

use super::Store;
use super::said::{Said, WholeEdit};
use crate::content::WireId;
use crate::error::StoreError;
use crate::ids::ContactId;

/// Kept for one contact; the oldest goes first. An edit takes a place for each of its parts, of which the longest has 160.
const EARLY_MAX: u32 = 1_000;

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EarlyKind {
    /// A part of an edit.
    Edit,
    /// The text is to be gone.
    Delete,
    /// What they think of it.
    Reaction,
}

/// What is kept of it.
pub(crate) struct Early {
    /// What was done.
    pub kind: EarlyKind,
    /// The edit's name; nothing else has one.
    pub name: Option<WireId>,
    /// Which part of it.
    pub part: u16,
    /// Of how many.
    pub parts: u16,
    /// Where they said it.
    pub said: Said,
    /// The words, or the reaction; untrusted.
    pub body: String,
}

struct EditRow {
    name: WireId,
    parts: u16,
    said: Said,
    body: String,
}

impl Store {
    /// Keeps it. What was said there before, or is the same, stays as it is.
    pub(crate) fn add_early(
        &self,
        contact: ContactId,
        wire: WireId,
        early: &Early,
    ) -> Result<(), StoreError> {
        let name: &[u8] = early.name.as_ref().map_or(&[], |name| name.0.as_slice());
        self.run(
            "INSERT INTO early (contact, wire, kind, name, part, parts, chain, sequence, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT (contact, wire, kind, name, part) DO UPDATE
             SET parts = excluded.parts, chain = excluded.chain, sequence = excluded.sequence, body = excluded.body
             WHERE (excluded.chain, excluded.sequence, excluded.body) > (chain, sequence, body)",
            rusqlite::params![
                contact,
                wire.0,
                early.kind,
                name,
                early.part,
                early.parts,
                early.said.chain.0.cast_signed(),
                early.said.sequence.cast_signed(),
                early.body,
            ],
        )?;
        self.run(
            "DELETE FROM early WHERE contact = ?1 AND id <=
             (SELECT id FROM early WHERE contact = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
            (contact, EARLY_MAX),
        )
    }

    /// Whether anything was done to a text.
    pub(crate) fn has_early(&self, contact: ContactId, wire: WireId) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM early WHERE contact = ?1 AND wire = ?2 LIMIT 1";
        Ok(self.row(sql, (contact, wire.0), |_| Ok(()))?.is_some())
    }

    /// Whether a text is to be gone as soon as it comes.
    pub(crate) fn is_deleted_early(&self, contact: ContactId, wire: WireId) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM early WHERE contact = ?1 AND wire = ?2 AND kind = ?3 LIMIT 1";
        Ok(self.row(sql, (contact, wire.0, EarlyKind::Delete), |_| Ok(()))?.is_some())
    }

    /// The parts of a text that came lose their words, and stay counted: the text is deleted as soon as it is whole.
    pub(crate) fn blank_parts(&self, contact: ContactId, wire: WireId) -> Result<(), StoreError> {
        self.run("UPDATE parts SET body = '' WHERE contact = ?1 AND wire = ?2", (contact, wire.0))
    }

    /// What they thought of a text before it came; it is kept no more.
    pub(crate) fn take_early_reaction(
        &self,
        contact: ContactId,
        wire: WireId,
    ) -> Result<Option<(Said, String)>, StoreError> {
        self.row(
            "DELETE FROM early WHERE contact = ?1 AND wire = ?2 AND kind = ?3 RETURNING chain, sequence, body",
            (contact, wire.0, EarlyKind::Reaction),
            |row| Ok((said(row.get(0)?, row.get(1)?), row.get(2)?)),
        )
    }

    /// The edits of a text of which all parts are there.
    pub(crate) fn whole_edits(&self, contact: ContactId, wire: WireId) -> Result<Vec<WholeEdit>, StoreError> {
        let rows = self.rows(
            "SELECT name, parts, chain, sequence, body FROM early WHERE contact = ?1 AND wire = ?2 AND kind = ?3
             ORDER BY name, part",
            (contact, wire.0, EarlyKind::Edit),
            |row| {
                let said = said(row.get(2)?, row.get(3)?);
                Ok(EditRow { name: WireId(row.get(0)?), parts: row.get(1)?, said, body: row.get(4)? })
            },
        )?;
        Ok(rows.chunk_by(|one, next| one.name == next.name).filter_map(whole).collect())
    }

    pub(crate) fn drop_edit(&self, contact: ContactId, wire: WireId, name: WireId) -> Result<(), StoreError> {
        self.run(
            "DELETE FROM early WHERE contact = ?1 AND wire = ?2 AND kind = ?3 AND name = ?4",
            (contact, wire.0, EarlyKind::Edit, name.0),
        )
    }

    /// Whatever was said before the edit that holds is not kept.
    pub(crate) fn drop_older_edits(&self, contact: ContactId, wire: WireId) -> Result<(), StoreError> {
        self.run(
            "DELETE FROM early WHERE contact = ?1 AND wire = ?2 AND kind = ?3 AND (chain, sequence) <
             (SELECT m.edit_chain, m.edit_sequence FROM messages m WHERE m.contact = ?1 AND m.mine = 0 AND m.wire = ?2)",
            (contact, wire.0, EarlyKind::Edit),
        )
    }

    pub(crate) fn drop_early(&self, contact: ContactId, wire: WireId) -> Result<(), StoreError> {
        self.run("DELETE FROM early WHERE contact = ?1 AND wire = ?2", (contact, wire.0))
    }

    /// So many are kept for a contact.
    #[cfg(test)]
    pub(crate) fn count_early(&self, contact: ContactId) -> Result<u32, StoreError> {
        let count = self.row("SELECT count(*) FROM early WHERE contact = ?1", [contact], |row| row.get(0))?;
        Ok(count.unwrap_or(0))
    }
}

fn said(chain: i64, sequence: i64) -> Said {
    Said { chain: Timestamp(chain.cast_unsigned()), sequence: sequence.cast_unsigned() }
}

/// No part has a number that its edit has not: they are all there where there are as many.
fn whole(rows: &[EditRow]) -> Option<WholeEdit> {
    let first = rows.first()?;
    let whole = rows.len() == usize::from(first.parts) && rows.iter().all(|row| row.parts == first.parts);
    let bodies = rows.iter().map(|row| row.body.as_str());
    whole.then(|| WholeEdit { name: first.name, said: first.said, body: bodies.collect() })
}
