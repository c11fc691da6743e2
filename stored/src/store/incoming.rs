//! What came in: deduplication, what waits for its predecessor, parts of long texts, and acks owed to mailboxes.

use ipc_schema::Timestamp;

use super::Store;
use crate::content::{Link, WireId};
use crate::error::StoreError;
use crate::ids::{ContactId, MailboxId, ReceiveQueueId};

/// What lies under one number of a peer's chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbered {
    /// SHA-256 of its bytes.
    pub hash: [u8; 32],
    /// What it said was the hash of the one before.
    pub previous: Option<[u8; 32]>,
}

impl Store {
    /// Notes a content as received; false when it was before. One that is told again under a number of a newer chain is known under that
    /// from then on: else what an older copy of the peer says under the same number passes for it.
    pub(crate) fn note_received(
        &self,
        contact: ContactId,
        content: WireId,
        link: &Link,
        hash: &[u8; 32],
    ) -> Result<bool, StoreError> {
        let known = "SELECT 1 FROM received WHERE contact = ?1 AND content = ?2";
        let is_new = self.row(known, (contact, content.0), |_| Ok(()))?.is_none();
        let sql = "INSERT INTO received (contact, content, sequence, hash, chain, previous)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                   ON CONFLICT (contact, content) DO UPDATE SET sequence = excluded.sequence, hash = excluded.hash,
                   chain = excluded.chain, previous = excluded.previous WHERE excluded.chain > chain";
        let (sequence, chain) = (link.sequence.cast_signed(), link.chain.0.cast_signed());
        self.run(sql, (contact, content.0, sequence, hash, chain, link.previous))?;
        Ok(is_new)
    }

    /// What came under a number of a peer's chain; `None`: nothing, or it is not known any more.
    pub(crate) fn received_under(
        &self,
        contact: ContactId,
        chain: Timestamp,
        sequence: u64,
    ) -> Result<Option<Numbered>, StoreError> {
        // SQLite would rather read all that ever came from the contact.
        self.row(
            "SELECT hash, previous FROM received INDEXED BY received_number
             WHERE contact = ?1 AND chain = ?2 AND sequence = ?3 LIMIT 1",
            (contact, chain.0.cast_signed(), sequence.cast_signed()),
            |row| Ok(Numbered { hash: row.get(0)?, previous: row.get(1)? }),
        )
    }

    /// A text of somebody who is blocked: it never comes in, under whichever number it is sent again.
    pub(crate) fn refuse(&self, contact: ContactId, wire: WireId) -> Result<(), StoreError> {
        self.run("INSERT OR IGNORE INTO refused (contact, wire) VALUES (?1, ?2)", (contact, wire.0))
    }

    pub(crate) fn is_refused(&self, contact: ContactId, wire: WireId) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM refused WHERE contact = ?1 AND wire = ?2";
        Ok(self.row(sql, (contact, wire.0), |_| Ok(()))?.is_some())
    }

    /// Contents that earlier versions held until what came before them was there, the lowest number first; they are held no more.
    pub(crate) fn take_held(&self, contact: ContactId) -> Result<Vec<Vec<u8>>, StoreError> {
        let sql = "SELECT content FROM held WHERE contact = ?1 ORDER BY sequence";
        let held = self.rows(sql, [contact], |row| row.get(0))?;
        self.run("DELETE FROM held WHERE contact = ?1", [contact])?;
        Ok(held)
    }

    /// Keeps one part of a long text; all parts in order once the last is there.
    pub(crate) fn add_part(
        &self,
        contact: ContactId,
        wire: WireId,
        (part, parts): (u16, u16),
        body: &str,
    ) -> Result<Option<String>, StoreError> {
        self.run(
            "INSERT OR IGNORE INTO parts (contact, wire, part, parts, body) VALUES (?1, ?2, ?3, ?4, ?5)",
            (contact, wire.0, part, parts, body),
        )?;
        let bodies: Vec<String> = self.rows(
            "SELECT body FROM parts WHERE contact = ?1 AND wire = ?2 AND parts = ?3 ORDER BY part",
            (contact, wire.0, parts),
            |row| row.get(0),
        )?;
        if bodies.len() < usize::from(parts) {
            return Ok(None);
        }
        self.run("DELETE FROM parts WHERE contact = ?1 AND wire = ?2", (contact, wire.0))?;
        Ok(Some(bodies.concat()))
    }

    /// Notes that the mailbox is owed an ack and keyvault a `forget`.
    pub(crate) fn add_intent(
        &self,
        receive_queue: ReceiveQueueId,
        mailbox: MailboxId,
        inner: &[u8; 32],
    ) -> Result<(), StoreError> {
        self.run(
            "INSERT OR REPLACE INTO intents (replica, mailbox, inner_hash) VALUES (?1, ?2, ?3)",
            (receive_queue, mailbox, inner),
        )
    }

    pub(crate) fn intents(&self) -> Result<Vec<(ReceiveQueueId, MailboxId, [u8; 32])>, StoreError> {
        self.rows("SELECT replica, mailbox, inner_hash FROM intents", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
    }

    pub(crate) fn drop_intent(
        &self,
        receive_queue: ReceiveQueueId,
        mailbox: MailboxId,
    ) -> Result<(), StoreError> {
        self.run("DELETE FROM intents WHERE replica = ?1 AND mailbox = ?2", (receive_queue, mailbox))
    }

    pub(crate) fn drop_intents_of(&self, receive_queue: ReceiveQueueId) -> Result<(), StoreError> {
        self.run("DELETE FROM intents WHERE replica = ?1", [receive_queue])
    }
}
