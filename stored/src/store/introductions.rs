//! Introductions: those that a contact asks the user for, and both halves of those that the user asks two contacts for.

use ipc_schema::Timestamp;
use rusqlite::Row;

use super::{Message, Note, Store};
use crate::content::WireId;
use crate::error::StoreError;
use crate::ids::{ContactId, InviteId};

/// How far one has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IntroductionState {
    /// There is no answer.
    Asked,
    /// Who is asked said yes; the other one has not, as far as is known here.
    Agreed,
    /// Both did.
    Done,
    /// Nothing comes of it any more.
    Over,
}

/// What is between an introducer and one of the two. Its line tells the rest.
#[derive(Clone)]
pub(crate) struct Introduction {
    /// The line's id.
    pub message: String,
    /// Who introduces, or where the user does, who is asked.
    pub contact: ContactId,
    /// What both sides call it.
    pub wire: WireId,
    /// The user introduces.
    pub mine: bool,
    /// How far it is.
    pub state: IntroductionState,
    /// Who is asked makes the invite.
    pub makes_link: bool,
    /// What the user wants to call them. Not mine.
    pub called: String,
    /// The line of the other half. Mine.
    pub other: String,
    /// What came, until it is handed on; untrusted. Mine.
    pub link: String,
    /// Whom it connects the user with. Not mine.
    pub person: Option<ContactId>,
    /// When it was asked.
    pub at: Timestamp,
}

const COLUMNS: &str = "message, contact, wire, mine, state, makes_link, called, other, link, person, at";

fn read(row: &Row<'_>) -> rusqlite::Result<Introduction> {
    Ok(Introduction {
        message: row.get(0)?,
        contact: row.get(1)?,
        wire: WireId(row.get(2)?),
        mine: row.get(3)?,
        state: row.get(4)?,
        makes_link: row.get(5)?,
        called: row.get(6)?,
        other: row.get(7)?,
        link: row.get(8)?,
        person: row.get(9)?,
        at: Timestamp(row.get::<_, i64>(10)?.cast_unsigned()),
    })
}

impl Store {
    /// Adds one whose line is there.
    pub(crate) fn add_introduction(&self, introduction: &Introduction) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO introductions (message, contact, wire, mine, state, makes_link, called, other, link, person, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            (
                &introduction.message,
                introduction.contact,
                introduction.wire.0,
                introduction.mine,
                introduction.state,
                introduction.makes_link,
                &introduction.called,
                &introduction.other,
                &introduction.link,
                introduction.person,
                introduction.at.0.cast_signed(),
            ),
        )
    }

    /// Keeps what changes of one.
    pub(crate) fn set_introduction(&self, introduction: &Introduction) -> Result<(), StoreError> {
        self.run(
            "UPDATE introductions SET state = ?2, called = ?3, link = ?4, person = ?5 WHERE message = ?1",
            (
                &introduction.message,
                introduction.state,
                &introduction.called,
                &introduction.link,
                introduction.person,
            ),
        )
    }

    pub(crate) fn introduction(&self, message: &str) -> Result<Option<Introduction>, StoreError> {
        self.row(&format!("SELECT {COLUMNS} FROM introductions WHERE message = ?1"), [message], read)
    }

    /// By what both sides call it.
    pub(crate) fn introduction_called(
        &self,
        contact: ContactId,
        wire: WireId,
        mine: bool,
    ) -> Result<Option<Introduction>, StoreError> {
        let sql =
            format!("SELECT {COLUMNS} FROM introductions WHERE contact = ?1 AND wire = ?2 AND mine = ?3");
        self.row(&sql, (contact, wire.0, mine), read)
    }

    /// That which connects the user with somebody.
    pub(crate) fn introduction_to(&self, person: ContactId) -> Result<Option<Introduction>, StoreError> {
        self.row(&format!("SELECT {COLUMNS} FROM introductions WHERE person = ?1 LIMIT 1"), [person], read)
    }

    /// Those of which something may come yet, the oldest first.
    pub(crate) fn open_introductions(&self) -> Result<Vec<Introduction>, StoreError> {
        self.rows(
            &format!("SELECT {COLUMNS} FROM introductions WHERE state < 2 ORDER BY at, rowid"),
            [],
            read,
        )
    }

    /// A line is about somebody.
    pub(crate) fn set_introduces(&self, message: &str, name: &str) -> Result<(), StoreError> {
        self.run("UPDATE messages SET introduces = ?2 WHERE id = ?1", (message, name))
    }

    /// A line tells something else.
    pub(crate) fn tell_otherwise(&self, message: &str, note: Note, body: &str) -> Result<(), StoreError> {
        self.run("UPDATE messages SET note = ?2, body = ?3 WHERE id = ?1", (message, note, body))
    }

    /// Nobody but an introducer is given this invite.
    pub(crate) fn set_introduced(&self, invite: InviteId) -> Result<(), StoreError> {
        self.run("UPDATE invites SET introduced = 1 WHERE id = ?1", [invite])
    }

    pub(crate) fn is_introduced(&self, invite: InviteId) -> Result<bool, StoreError> {
        let sql = "SELECT introduced FROM invites WHERE id = ?1";
        Ok(self.row(sql, [invite], |row| row.get(0))?.unwrap_or(false))
    }

    /// What stands last in a conversation.
    pub(crate) fn last_message(&self, contact: ContactId) -> Result<Option<Message>, StoreError> {
        let sql = "SELECT id FROM messages WHERE contact = ?1 ORDER BY position DESC, rowid DESC LIMIT 1";
        match self.row(sql, [contact], |row| row.get::<_, String>(0))? {
            Some(id) => self.message(&id),
            None => Ok(None),
        }
    }
}
