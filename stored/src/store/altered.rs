//! What becomes of a text after it was sent: other words, no words, reactions; and texts that were deleted here alone.

use super::contacts::beginning;
use super::said::{Said, WholeEdit};
use super::{Delivery, Message, Store};
use crate::content::WireId;
use crate::error::StoreError;
use crate::ids::ContactId;

/// What the two think of a text; empty: nothing.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Reactions {
    /// The user.
    pub mine: String,
    /// The contact; untrusted.
    pub theirs: String,
}

/// Without what was said.
impl std::fmt::Debug for Reactions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reactions")
    }
}

impl Store {
    /// An own text says this from now on, and nothing of what it said is left.
    pub(crate) fn reword(&self, id: &str, body: &str) -> Result<(), StoreError> {
        self.run("UPDATE messages SET body = ?2, edited = 1 WHERE id = ?1 AND deleted = 0", (id, body))
    }

    /// A text of theirs says what an edit says; false where a later one holds.
    pub(crate) fn apply_edit(&self, id: &str, edit: &WholeEdit) -> Result<bool, StoreError> {
        let (chain, sequence) = (edit.said.chain.0.cast_signed(), edit.said.sequence.cast_signed());
        let changed = self.changed(
            "UPDATE messages SET body = ?2, edited = 1, edit_chain = ?3, edit_sequence = ?4, edit_name = ?5
             WHERE id = ?1 AND mine = 0 AND deleted = 0 AND (edit_chain, edit_sequence, edit_name) < (?3, ?4, ?5)",
            (id, &edit.body, chain, sequence, edit.name.0),
        )?;
        Ok(changed > 0)
    }

    /// Whether an edit is the one that holds. Where it was said once more, later, it holds from there.
    pub(crate) fn holds_edit(&self, id: &str, name: WireId, again: Option<Said>) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM messages WHERE id = ?1 AND edit_name = ?2";
        let holds = self.row(sql, (id, name.0), |_| Ok(()))?.is_some();
        if let Some(said) = again.filter(|_| holds) {
            let (chain, sequence) = (said.chain.0.cast_signed(), said.sequence.cast_signed());
            self.run(
                "UPDATE messages SET edit_chain = ?2, edit_sequence = ?3
                 WHERE id = ?1 AND (edit_chain, edit_sequence) < (?2, ?3)",
                (id, chain, sequence),
            )?;
        }
        Ok(holds)
    }

    /// What the user thinks of a text.
    pub(crate) fn set_own_reaction(
        &self,
        contact: ContactId,
        wire: WireId,
        emoji: &str,
    ) -> Result<(), StoreError> {
        self.run(
            "INSERT OR REPLACE INTO reactions (contact, wire, mine, chain, sequence, emoji)
             VALUES (?1, ?2, 1, 0, 0, ?3)",
            (contact, wire.0, emoji),
        )
    }

    /// What the contact thinks of a text; false where they said so, or something else, later.
    pub(crate) fn set_their_reaction(
        &self,
        contact: ContactId,
        wire: WireId,
        said: Said,
        emoji: &str,
    ) -> Result<bool, StoreError> {
        let (chain, sequence) = (said.chain.0.cast_signed(), said.sequence.cast_signed());
        let changed = self.changed(
            "INSERT INTO reactions (contact, wire, mine, chain, sequence, emoji) VALUES (?1, ?2, 0, ?3, ?4, ?5)
             ON CONFLICT (contact, wire, mine) DO UPDATE
             SET chain = excluded.chain, sequence = excluded.sequence, emoji = excluded.emoji
             WHERE (excluded.chain, excluded.sequence, excluded.emoji) > (chain, sequence, emoji)",
            (contact, wire.0, chain, sequence, emoji),
        )?;
        Ok(changed > 0)
    }

    /// Whoever wrote it has deleted it for both: nothing of what it said is left, and nobody has to read it any more.
    pub(crate) fn blank_message(&self, message: &Message) -> Result<(), StoreError> {
        self.run(
            "UPDATE messages SET body = '', deleted = 1, edited = 0, edit_chain = 0, edit_sequence = 0, edit_name = x'',
             state = CASE WHEN mine = 1 THEN state ELSE ?2 END WHERE id = ?1",
            (&message.id, Delivery::Read),
        )?;
        self.forget_about(message.contact, message.wire)
    }

    /// The message is gone; what names it stays known, so that it does not come in again.
    pub(crate) fn remove_message(&self, message: &Message) -> Result<(), StoreError> {
        self.run("DELETE FROM messages WHERE id = ?1", [&message.id])?;
        self.run(
            "INSERT OR IGNORE INTO gone (id, contact, wire) VALUES (?1, ?2, ?3)",
            (&message.id, message.contact, message.wire.0),
        )?;
        self.forget_about(message.contact, message.wire)
    }

    pub(super) fn forget_about(&self, contact: ContactId, wire: WireId) -> Result<(), StoreError> {
        self.run("DELETE FROM reactions WHERE contact = ?1 AND wire = ?2", (contact, wire.0))?;
        self.run("DELETE FROM parts WHERE contact = ?1 AND wire = ?2", (contact, wire.0))?;
        self.drop_early(contact, wire)
    }

    /// Whether a message of that id was deleted here.
    pub(crate) fn is_gone(&self, id: &str) -> Result<bool, StoreError> {
        Ok(self.row("SELECT 1 FROM gone WHERE id = ?1", [id], |_| Ok(()))?.is_some())
    }

    /// Whether a text was deleted here: nothing of it comes in any more.
    pub(crate) fn is_wire_gone(&self, contact: ContactId, wire: WireId) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM gone WHERE contact = ?1 AND wire = ?2 LIMIT 1";
        Ok(self.row(sql, (contact, wire.0), |_| Ok(()))?.is_some())
    }

    /// What the list shows of a contact follows from the texts that are there.
    pub(crate) fn refresh_contact(&self, id: ContactId) -> Result<(), StoreError> {
        let last = self.row(
            "SELECT body FROM messages WHERE contact = ?1 AND note = 0 AND deleted = 0
             ORDER BY position DESC, rowid DESC LIMIT 1",
            [id],
            |row| row.get::<_, String>(0),
        )?;
        self.run(
            "UPDATE contacts SET last_text = ?2, unread =
             (SELECT count(*) FROM messages m WHERE m.contact = ?1 AND m.mine = 0 AND m.state = 2) WHERE id = ?1",
            (id, beginning(&last.unwrap_or_default())),
        )
    }
}
