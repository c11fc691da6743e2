//! A contact who takes the place of another one: all that was said moves, and what had not arrived waits for its new session.

use super::Store;
use crate::error::StoreError;
use crate::ids::{ContactId, OutboxId, OutgoingId};

impl Store {
    pub(crate) fn set_replaces(&self, id: ContactId, older: Option<ContactId>) -> Result<(), StoreError> {
        self.run("UPDATE contacts SET replaces = ?2 WHERE id = ?1", (id, older))
    }

    /// Whose place a contact is to take.
    pub(crate) fn replaces(&self, id: ContactId) -> Result<Option<ContactId>, StoreError> {
        let older = self.row("SELECT replaces FROM contacts WHERE id = ?1", [id], |row| row.get(0))?;
        Ok(older.flatten())
    }

    /// Moves what was said with one contact, and what the user keeps about it, to another one. Texts that are not acked, and what was done
    /// to texts, wait for a number of the other's: these, with the names under which keyvault was asked to seal them.
    pub(crate) fn move_conversation(
        &self,
        from: ContactId,
        to: ContactId,
    ) -> Result<Vec<(OutgoingId, Option<OutboxId>)>, StoreError> {
        self.run(
            "UPDATE messages SET position = position + (SELECT ifnull(max(position), 0) FROM messages WHERE contact = ?1)
             WHERE contact = ?2",
            (from, to),
        )?;
        for table in [
            "messages",
            "reactions",
            "parts",
            "early",
            "gone",
            "refused",
            "changes",
            "drafts",
            "introductions",
            "newer",
        ] {
            self.run(&format!("UPDATE OR IGNORE {table} SET contact = ?2 WHERE contact = ?1"), (from, to))?;
        }
        self.run("UPDATE introductions SET person = ?2 WHERE person = ?1", (from, to))?;
        self.run(
            "UPDATE contacts SET (pinned, muted_until, note, marked_unread) =
             (SELECT pinned, muted_until, note, marked_unread FROM contacts WHERE id = ?1),
             last_at = max(last_at, (SELECT last_at FROM contacts WHERE id = ?1)) WHERE id = ?2",
            (from, to),
        )?;
        self.refresh_contact(to)?;
        self.move_texts_under_way(from, to)
    }

    fn move_texts_under_way(
        &self,
        from: ContactId,
        to: ContactId,
    ) -> Result<Vec<(OutgoingId, Option<OutboxId>)>, StoreError> {
        self.run(
            "DELETE FROM deposits WHERE outgoing IN (SELECT id FROM outgoing WHERE contact = ?1)",
            [from],
        )?;
        let names = self.rows("SELECT id, outbox FROM outgoing WHERE contact = ?1", [from], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
        self.run(
            "DELETE FROM outgoing WHERE contact = ?1 AND (state = 3 OR message IS NULL AND change IS NULL)",
            [from],
        )?;
        self.run(
            "UPDATE outgoing SET contact = ?2, state = 0, sequence = 0, relayed = 0, content = NULL, outbox = NULL,
             reseals = 0, laid_at = 0, renewed_at = 0 WHERE contact = ?1",
            (from, to),
        )?;
        // What lay at a relay lies there for nobody.
        self.run(
            "DELETE FROM message_states WHERE state = 1 AND message IN
             (SELECT id FROM messages WHERE contact = ?1 AND mine = 1 AND note = 0 AND state = 1)",
            [to],
        )?;
        self.run(
            "UPDATE messages SET state = 0 WHERE contact = ?1 AND mine = 1 AND note = 0 AND state = 1",
            [to],
        )?;
        Ok(names)
    }
}
