//! The change stream: numbered, durable, so that a reader resumes where it was.

use ipc_schema::Timestamp;
use rusqlite::Row;

use super::{Delivery, Store};
use crate::error::StoreError;
use crate::ids::{ContactId, FileId};

/// Events that are kept for readers that were away; older ones are read from the tables themselves.
const KEPT: u64 = 100_000;

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its number.
    pub seq: u64,
    /// When it was noticed here.
    pub at: Timestamp,
    /// What changed.
    pub kind: EventKind,
}

/// What changed. The rest is looked up when it is told, so that a late reader sees what holds now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// A text came or was written here.
    Message {
        /// Its id.
        id: String,
    },
    /// A text of ours came further, or failed.
    Delivery {
        /// Its id.
        id: String,
        /// The other side of the conversation.
        contact: ContactId,
        /// As far as it has come now.
        state: Delivery,
    },
    /// A person came, went or changed.
    Contact {
        /// New, changed or gone.
        contact: ContactId,
    },
    /// The network's stage, one of the words of `status`.
    Network {
        /// The word.
        stage: String,
    },
    /// A file stands otherwise.
    File {
        /// Which.
        id: FileId,
    },
    /// A message is not there any more.
    Gone {
        /// Its id.
        id: String,
        /// The other side of the conversation.
        contact: ContactId,
    },
}

fn read(row: &Row<'_>) -> rusqlite::Result<Event> {
    let subject: String = row.get(3)?;
    let contact = row.get::<_, Option<ContactId>>(4)?.unwrap_or(ContactId(0));
    Ok(Event {
        seq: row.get::<_, i64>(0)?.cast_unsigned(),
        at: Timestamp(row.get::<_, i64>(1)?.cast_unsigned()),
        kind: match row.get::<_, u8>(2)? {
            0 => EventKind::Message { id: subject },
            1 => EventKind::Delivery { id: subject, contact, state: row.get(5)? },
            2 => EventKind::Contact { contact },
            3 => EventKind::Network { stage: subject },
            4 => EventKind::Gone { id: subject, contact },
            5 => EventKind::File { id: FileId(contact.0) },
            unknown => return Err(rusqlite::Error::IntegralValueOutOfRange(2, unknown.into())),
        },
    })
}

impl Store {
    pub(crate) fn add_event(&self, now: Timestamp, kind: &EventKind) -> Result<(), StoreError> {
        let (number, subject, contact, state) = match kind {
            EventKind::Message { id } => (0_u8, id.as_str(), None, None),
            EventKind::Delivery { id, contact, state } => (1, id.as_str(), Some(*contact), Some(*state)),
            EventKind::Contact { contact } => (2, "", Some(*contact), None),
            EventKind::Network { stage } => (3, stage.as_str(), None, None),
            EventKind::Gone { id, contact } => (4, id.as_str(), Some(*contact), None),
            // Its number stands where the others have a contact's.
            EventKind::File { id } => (5, "", Some(ContactId(id.0)), None),
        };
        self.run(
            "INSERT INTO events (at, type, subject, contact, state) VALUES (?1, ?2, ?3, ?4, ?5)",
            (now.0.cast_signed(), number, subject, contact, state),
        )
    }

    /// The number of the newest event.
    pub(crate) fn newest_event(&self) -> Result<u64, StoreError> {
        let newest = self.row("SELECT ifnull(max(seq), 0) FROM events", [], |row| row.get::<_, i64>(0))?;
        Ok(newest.unwrap_or(0).cast_unsigned())
    }

    /// The first `limit` events after `since`.
    pub(crate) fn events_after(&self, since: u64, limit: u32) -> Result<Vec<Event>, StoreError> {
        self.rows(
            "SELECT seq, at, type, subject, contact, state FROM events WHERE seq > ?1 ORDER BY seq LIMIT ?2",
            (i64::try_from(since).unwrap_or(i64::MAX), limit),
            read,
        )
    }

    /// Takes over what another store was told of the network since this one was.
    pub(super) fn follow_network(&self, other: &Self) -> Result<(), StoreError> {
        let known = self.row("SELECT ifnull(max(at), -1) FROM events", [], |row| row.get::<_, i64>(0))?;
        let news = other.rows(
            "SELECT seq, at, type, subject, contact, state FROM events WHERE type = 3 AND at > ?1 ORDER BY seq",
            [known.unwrap_or(-1)],
            read,
        )?;
        news.iter().try_for_each(|event| self.add_event(event.at, &event.kind))?;
        self.prune_events()
    }

    /// Drops events that are too old to be kept.
    pub(crate) fn prune_events(&self) -> Result<(), StoreError> {
        let below = self.newest_event()?.saturating_sub(KEPT);
        self.run("DELETE FROM events WHERE seq <= ?1", [below.cast_signed()])
    }
}
