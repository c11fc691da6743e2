//! The outbox: contents until they are acked end to end, and their envelopes until a relay has them.

use std::time::Duration;

use ipc_schema::Timestamp;
use rusqlite::{Row, params};

use super::Store;
use crate::error::StoreError;
use crate::ids::{ChangeId, ContactId, DepositId, OutboxId, OutgoingId, PeerQueueId, ReceiveQueueId};

/// Where a content stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutgoingState {
    /// No session, or too many at once: not sealed yet.
    Waiting,
    /// Its bytes are fixed and keyvault was asked.
    Sealing,
    /// Its envelopes are durable.
    Sealed,
    /// The peer has it; the row waits only for keyvault's forgetting.
    Acked,
}

/// What is said, as far as the outbox has to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutgoingKind {
    /// A part of a text.
    Text,
    /// Acks, and what was read.
    Receipt,
    /// The own name.
    Profile,
    /// An offer of a queue.
    QueueChange,
    /// Asks for what is missing.
    GapRequest,
    /// Opens the session anew.
    Repair,
    /// Turns the ratchet.
    KeepAlive,
    /// A part of what a text says from now on.
    Edit,
    /// A text is gone.
    Delete,
    /// What a person here thinks of a text.
    Reaction,
    /// A person here is writing.
    Typing,
    /// They are no more.
    Paused,
    /// How long texts live from now on.
    Timer,
    /// Brings two people together.
    Introduction,
    /// A short string is compared.
    Comparison,
    /// Whether two who know each other meet once more.
    Meeting,
    /// What a person wants of a file from now on.
    FileAnswer,
    /// Which chunks of a file are here.
    FileChunks,
}

impl OutgoingKind {
    /// Those that [`OutgoingKind::is_words`].
    const WORDS: [Self; 9] = [
        Self::Text,
        Self::Profile,
        Self::Edit,
        Self::Delete,
        Self::Reaction,
        Self::Timer,
        Self::Introduction,
        Self::Meeting,
        Self::FileAnswer,
    ];

    /// Whether it takes a number and is kept until the peer has acked it.
    #[must_use]
    pub fn numbered(self) -> bool {
        !self.is_passing()
            && !matches!(
                self,
                Self::Receipt | Self::GapRequest | Self::Repair | Self::KeepAlive | Self::FileChunks
            )
    }

    /// Whether a person wrote it.
    #[must_use]
    pub fn is_words(self) -> bool {
        match self {
            Self::Text | Self::Profile | Self::Edit | Self::Delete | Self::Reaction => true,
            Self::Timer | Self::Introduction | Self::Meeting | Self::FileAnswer => true,
            Self::Receipt | Self::QueueChange | Self::GapRequest | Self::Repair | Self::KeepAlive => false,
            Self::FileChunks => false,
            // Nobody wrote it; who sends it asks what words wait for.
            Self::Typing | Self::Paused => false,
            // By it the words may go on.
            Self::Comparison => false,
        }
    }

    /// Those that [`OutgoingKind::is_passing`].
    pub(crate) const PASSING: [Self; 3] = [Self::Typing, Self::Paused, Self::Comparison];

    /// Whether it is worth nothing a moment later: it carries nothing else, and what did not leave by then, or by a start, is dropped.
    #[must_use]
    pub fn is_passing(self) -> bool {
        Self::PASSING.contains(&self)
    }

    /// Whether one relay is enough: by the time that it would go another way it is over.
    #[must_use]
    pub fn goes_one_way(self) -> bool {
        matches!(self, Self::Typing | Self::Paused)
    }
}

/// One content on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// In the order of sending.
    pub id: OutgoingId,
    /// Who is to have it.
    pub contact: ContactId,
    /// The step that is to be made next.
    pub state: OutgoingState,
    /// One relay has it.
    pub relayed: bool,
    /// What is said.
    pub kind: OutgoingKind,
    /// The text that it belongs to.
    pub message: Option<String>,
    /// Which part of it.
    pub part: u16,
    /// Of how many.
    pub parts: u16,
    /// An own receive queue to offer.
    pub offer: Option<ReceiveQueueId>,
    /// Its number once fixed.
    pub sequence: u64,
    /// Its bytes once fixed.
    pub content: Option<Vec<u8>>,
    /// By which keyvault knows it.
    pub outbox: Option<OutboxId>,
    /// When its envelopes were made.
    pub sealed_at: Timestamp,
    /// How often again because the peer missed it.
    pub reseals: u32,
    /// Where what it says of a text stands.
    pub change: Option<ChangeId>,
}

/// An envelope that a relay does not have yet.
#[derive(Clone, PartialEq, Eq)]
pub struct Deposit {
    /// Names it.
    pub id: DepositId,
    /// What it carries.
    pub outgoing: OutgoingId,
    /// Where it goes.
    pub peer_queue: PeerQueueId,
    /// Its name at the relay.
    pub put_id: [u8; 16],
    /// 4,096 B.
    pub envelope: Vec<u8>,
    /// Not before.
    pub due: Timestamp,
}

pub(super) const COLUMNS: &str = "id, contact, state, relayed, kind, message, part, parts, offer, sequence, content, outbox, sealed_at, reseals, change";

pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Outgoing> {
    Ok(Outgoing {
        id: row.get(0)?,
        contact: row.get(1)?,
        state: row.get(2)?,
        relayed: row.get(3)?,
        kind: row.get(4)?,
        message: row.get(5)?,
        part: row.get(6)?,
        parts: row.get(7)?,
        offer: row.get(8)?,
        sequence: row.get::<_, i64>(9)?.cast_unsigned(),
        content: row.get(10)?,
        outbox: row.get(11)?,
        sealed_at: Timestamp(row.get::<_, i64>(12)?.cast_unsigned()),
        reseals: row.get(13)?,
        change: row.get(14)?,
    })
}

fn read_deposit(row: &Row<'_>) -> rusqlite::Result<Deposit> {
    Ok(Deposit {
        id: row.get(0)?,
        outgoing: row.get(1)?,
        peer_queue: row.get(2)?,
        put_id: row.get(3)?,
        envelope: row.get(4)?,
        due: Timestamp(row.get::<_, i64>(5)?.cast_unsigned()),
    })
}

impl Store {
    /// Puts a content behind all others.
    pub(crate) fn add_outgoing(
        &self,
        contact: ContactId,
        kind: OutgoingKind,
        message: Option<(&str, u16, u16)>,
        offer: Option<ReceiveQueueId>,
    ) -> Result<OutgoingId, StoreError> {
        let (message, part, parts) =
            message.map_or((None, 0, 1), |(id, part, parts)| (Some(id), part, parts));
        self.run(
            "INSERT INTO outgoing (contact, state, kind, numbered, message, part, parts, offer)
             VALUES (?1, 0, ?2, ?3, ?4, ?5, ?6, ?7)",
            (contact, kind, kind.numbered(), message, part, parts, offer),
        )?;
        Ok(OutgoingId(self.db.last_insert_rowid().cast_unsigned()))
    }

    /// Of what several may be told at once each has a label, in the place of a part.
    pub(crate) fn label_outgoing(&self, id: OutgoingId, label: u16) -> Result<(), StoreError> {
        self.run("UPDATE outgoing SET part = ?2 WHERE id = ?1", (id, label))
    }

    pub(crate) fn outgoing(&self, id: OutgoingId) -> Result<Option<Outgoing>, StoreError> {
        self.row(&format!("SELECT {COLUMNS} FROM outgoing WHERE id = ?1"), [id], read)
    }

    /// The oldest `limit` of a contact in one state.
    pub(crate) fn outgoing_in_state(
        &self,
        contact: ContactId,
        state: OutgoingState,
        limit: u32,
    ) -> Result<Vec<Outgoing>, StoreError> {
        let sql =
            format!("SELECT {COLUMNS} FROM outgoing WHERE contact = ?1 AND state = ?2 ORDER BY id LIMIT ?3");
        self.rows(&sql, (contact, state, limit), read)
    }

    /// The oldest `limit` of a contact that wait for their number; with or without what a person wrote. Not what has expired.
    pub(crate) fn waiting(
        &self,
        contact: ContactId,
        words: bool,
        limit: u32,
    ) -> Result<Vec<Outgoing>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM outgoing WHERE contact = ?1 AND state = 0
             AND (?2 OR kind NOT IN (?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12))
             AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.id = outgoing.message AND m.state = 5)
             ORDER BY id LIMIT ?3"
        );
        let [text, profile, edit, delete, reaction, timer, introduction, meeting, file] = OutgoingKind::WORDS;
        let kinds = params![
            contact,
            words,
            limit,
            text,
            profile,
            edit,
            delete,
            reaction,
            timer,
            introduction,
            meeting,
            file
        ];
        self.rows(&sql, kinds, read)
    }

    /// Fixes the bytes: from now on it is this content, under this name at keyvault.
    pub(crate) fn fix_outgoing(
        &self,
        id: OutgoingId,
        sequence: u64,
        content: &[u8],
        outbox: OutboxId,
    ) -> Result<(), StoreError> {
        self.run(
            "UPDATE outgoing SET state = 1, begun = 1, sequence = ?2, content = ?3, outbox = ?4 WHERE id = ?1",
            (id, sequence.cast_signed(), content, outbox),
        )
    }

    /// The same content is to be sealed anew.
    pub(crate) fn reseal_outgoing(&self, id: OutgoingId, outbox: OutboxId) -> Result<(), StoreError> {
        self.run("UPDATE outgoing SET state = 1, outbox = ?2 WHERE id = ?1 AND state = 2", (id, outbox))
    }

    pub(crate) fn count_reseal(&self, id: OutgoingId) -> Result<(), StoreError> {
        self.run("UPDATE outgoing SET reseals = reseals + 1 WHERE id = ?1", [id])
    }

    pub(crate) fn outgoing_sealed(&self, id: OutgoingId, now: Timestamp) -> Result<(), StoreError> {
        self.run(
            "UPDATE outgoing SET state = 2, sealed_at = ?2 WHERE id = ?1 AND state = 1",
            (id, now.0.cast_signed()),
        )
    }

    pub(crate) fn outgoing_acked(&self, id: OutgoingId) -> Result<(), StoreError> {
        self.run("UPDATE outgoing SET state = 3, content = NULL WHERE id = ?1", [id])
    }

    pub(crate) fn drop_outgoing(&self, id: OutgoingId) -> Result<(), StoreError> {
        self.run("DELETE FROM outgoing WHERE id = ?1", [id])
    }

    /// Sealed, numbered contents up to a number.
    pub(crate) fn sealed_up_to(
        &self,
        contact: ContactId,
        sequence: u64,
    ) -> Result<Vec<Outgoing>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM outgoing WHERE contact = ?1 AND numbered = 1 AND sequence BETWEEN 1 AND ?2
             AND state IN (1, 2) ORDER BY sequence"
        );
        self.rows(&sql, (contact, i64::try_from(sequence).unwrap_or(i64::MAX)), read)
    }

    /// What was numbered and is not acked waits for another number; its envelopes go.
    pub(crate) fn unnumber_outgoing(&self, contact: ContactId) -> Result<(), StoreError> {
        self.run(
            "DELETE FROM deposits WHERE outgoing IN
             (SELECT id FROM outgoing WHERE contact = ?1 AND numbered = 1 AND state IN (1, 2))",
            [contact],
        )?;
        self.run(
            "UPDATE outgoing SET state = 0, sequence = 0, relayed = 0, content = NULL, outbox = NULL, reseals = 0,
             laid_at = 0, renewed_at = 0 WHERE contact = ?1 AND numbered = 1 AND state IN (1, 2)",
            [contact],
        )
    }

    /// A content of this kind that is not sealed yet.
    pub(crate) fn unsealed(
        &self,
        contact: ContactId,
        kind: OutgoingKind,
    ) -> Result<Option<Outgoing>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM outgoing WHERE contact = ?1 AND state < 2 AND kind = ?2 ORDER BY id LIMIT 1"
        );
        self.row(&sql, (contact, kind), read)
    }

    /// Whether a content of this kind is not at a relay yet.
    pub(crate) fn under_way(&self, contact: ContactId, kind: OutgoingKind) -> Result<bool, StoreError> {
        let sql =
            "SELECT 1 FROM outgoing WHERE contact = ?1 AND state < 3 AND relayed = 0 AND kind = ?2 LIMIT 1";
        Ok(self.row(sql, (contact, kind), |_| Ok(()))?.is_some())
    }

    /// Parts of a text that are not yet relayed, and not yet acked.
    pub(crate) fn parts_left(&self, message: &str) -> Result<(u32, u32), StoreError> {
        let left = self.row(
            "SELECT ifnull(sum(relayed = 0 AND state < 3), 0), ifnull(sum(state < 3), 0) FROM outgoing WHERE message = ?1",
            [message],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        Ok(left.unwrap_or((0, 0)))
    }

    /// Names at keyvault that may not have been forgotten.
    pub(crate) fn outboxes_to_forget(&self) -> Result<Vec<(OutgoingId, OutboxId)>, StoreError> {
        self.rows("SELECT id, outbox FROM outgoing WHERE state IN (2, 3) AND outbox IS NOT NULL", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
    }

    pub(crate) fn add_deposit(&self, deposit: &Deposit) -> Result<DepositId, StoreError> {
        self.run(
            "INSERT INTO deposits (outgoing, peer_queue, put_id, envelope, due) VALUES (?1, ?2, ?3, ?4, ?5)",
            (
                deposit.outgoing,
                deposit.peer_queue,
                deposit.put_id,
                &deposit.envelope,
                deposit.due.0.cast_signed(),
            ),
        )?;
        Ok(DepositId(self.db.last_insert_rowid().cast_unsigned()))
    }

    /// The first `limit` for a queue, in the order in which they fall due.
    pub(crate) fn deposits(
        &self,
        queue: PeerQueueId,
        limit: u32,
    ) -> Result<Vec<(DepositId, Timestamp)>, StoreError> {
        self.rows(
            "SELECT id, due FROM deposits WHERE peer_queue = ?1 ORDER BY due, id LIMIT ?2",
            (queue, limit),
            |row| Ok((row.get(0)?, Timestamp(row.get::<_, i64>(1)?.cast_unsigned()))),
        )
    }

    pub(crate) fn deposit(&self, id: DepositId) -> Result<Option<Deposit>, StoreError> {
        let sql = "SELECT id, outgoing, peer_queue, put_id, envelope, due FROM deposits WHERE id = ?1";
        self.row(sql, [id], read_deposit)
    }

    /// Whether an offer of this receive queue is on its way.
    pub(crate) fn offer_under_way(&self, receive_queue: ReceiveQueueId) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM outgoing WHERE offer = ?1 AND state < 3 LIMIT 1";
        Ok(self.row(sql, [receive_queue], |_| Ok(()))?.is_some())
    }

    pub(crate) fn drop_deposit(&self, id: DepositId) -> Result<(), StoreError> {
        self.run("DELETE FROM deposits WHERE id = ?1", [id])
    }

    /// Whether an envelope of this content still waits here.
    pub(crate) fn has_deposit(&self, outgoing: OutgoingId) -> Result<bool, StoreError> {
        Ok(self.row("SELECT 1 FROM deposits WHERE outgoing = ?1 LIMIT 1", [outgoing], |_| Ok(()))?.is_some())
    }

    /// What waits for `queue` goes its other way at once.
    pub(crate) fn hurry_other_replicas(
        &self,
        queue: PeerQueueId,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        self.changed(
            "UPDATE deposits SET due = ?2 WHERE peer_queue <> ?1 AND due > ?2 AND outgoing IN
             (SELECT d.outgoing FROM deposits d JOIN outgoing o ON o.id = d.outgoing
              WHERE d.peer_queue = ?1 AND d.due <= ?2 AND o.relayed = 0)",
            (queue, now.0.cast_signed()),
        )
    }

    /// All envelopes of a content go at once.
    pub(crate) fn hurry(&self, id: OutgoingId, now: Timestamp) -> Result<usize, StoreError> {
        let sql = "UPDATE deposits SET due = ?2 WHERE outgoing = ?1 AND due > ?2";
        self.changed(sql, (id, now.0.cast_signed()))
    }

    /// The clock may have been set back: nothing is due later than it would have been at `now`, and nothing was done after it.
    pub(crate) fn nothing_later_than(
        &self,
        now: Timestamp,
        longest_wait: Duration,
    ) -> Result<(), StoreError> {
        let (now, last) = (now.0.cast_signed(), now.after(longest_wait).0.cast_signed());
        self.run("UPDATE deposits SET due = ?1 WHERE due > ?2", (now, last))?;
        self.run("UPDATE outgoing SET sealed_at = ?1 WHERE sealed_at > ?1", [now])
    }

    pub(crate) fn drop_deposits_of(&self, queue: PeerQueueId) -> Result<(), StoreError> {
        self.run("DELETE FROM deposits WHERE peer_queue = ?1", [queue])
    }
}
