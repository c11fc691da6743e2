//! What was done here to texts after they were sent, until the peer has heard of it.

use super::{OutgoingKind, Store};
use crate::content::WireId;
use crate::error::StoreError;
use crate::ids::{ChangeId, ContactId, OutgoingId};

/// What the peer is to hear.
pub(crate) struct Change {
    /// Of which text.
    pub wire: WireId,
    /// An edit's name.
    pub name: WireId,
    /// The words, or the reaction; empty for a text that is gone.
    pub body: String,
}

impl Store {
    /// Puts a change behind all that is to be sent, in so many parts. An earlier one of its kind is kept no more, and what has no number
    /// of it yet is not sent.
    pub(crate) fn add_change(
        &self,
        contact: ContactId,
        kind: OutgoingKind,
        change: &Change,
        parts: u16,
    ) -> Result<(), StoreError> {
        self.drop_changes(contact, change.wire, Some(kind))?;
        self.run(
            "INSERT INTO changes (contact, wire, kind, name, body) VALUES (?1, ?2, ?3, ?4, ?5)",
            (contact, change.wire.0, kind, change.name.0, &change.body),
        )?;
        let id = ChangeId(self.db.last_insert_rowid().cast_unsigned());
        for part in 0..parts {
            self.run(
                "INSERT INTO outgoing (contact, state, kind, numbered, part, parts, change)
                 VALUES (?1, 0, ?2, ?3, ?4, ?5, ?6)",
                (contact, kind, kind.numbered(), part, parts, id),
            )?;
        }
        Ok(())
    }

    /// Drops what was done to a text, of one kind or all. Contents that have a number are told without words if they are made anew.
    pub(crate) fn drop_changes(
        &self,
        contact: ContactId,
        wire: WireId,
        kind: Option<OutgoingKind>,
    ) -> Result<(), StoreError> {
        self.run(
            "DELETE FROM outgoing WHERE state = 0 AND change IN
             (SELECT id FROM changes WHERE contact = ?1 AND wire = ?2 AND (?3 IS NULL OR kind = ?3))",
            (contact, wire.0, kind),
        )?;
        self.run(
            "DELETE FROM changes WHERE contact = ?1 AND wire = ?2 AND (?3 IS NULL OR kind = ?3)",
            (contact, wire.0, kind),
        )
    }

    /// Contents that say what was done under this name.
    pub(crate) fn outgoing_of_change(
        &self,
        contact: ContactId,
        wire: WireId,
    ) -> Result<Vec<OutgoingId>, StoreError> {
        let sql = "SELECT o.id FROM changes c JOIN outgoing o ON o.change = c.id WHERE c.contact = ?1 AND c.wire = ?2";
        self.rows(sql, (contact, wire.0), |row| row.get(0))
    }

    /// `None`: it was dropped, or another one took its place.
    pub(crate) fn change(&self, id: ChangeId) -> Result<Option<Change>, StoreError> {
        self.row("SELECT wire, name, body FROM changes WHERE id = ?1", [id], |row| {
            Ok(Change { wire: WireId(row.get(0)?), name: WireId(row.get(1)?), body: row.get(2)? })
        })
    }

    /// Once all of its parts are acked it is kept no more.
    pub(crate) fn change_acked(&self, id: ChangeId) -> Result<(), StoreError> {
        self.run(
            "DELETE FROM changes WHERE id = ?1
             AND NOT EXISTS (SELECT 1 FROM outgoing WHERE change = ?1 AND state < 3)",
            [id],
        )
    }
}
