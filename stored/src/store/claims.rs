//! Links of which it is asked whether they lead to somebody whom the user has already.

use std::time::Duration;

use ipc_schema::Timestamp;
use rusqlite::Row;

use super::Store;
use crate::content::{Proof, WireId};
use crate::error::StoreError;
use crate::ids::{AcceptId, ContactId};

/// How far a question has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ClaimState {
    /// keyvault parses the link. Mine.
    Opening,
    /// Until they are connected, and keyvault told the safety number. Mine.
    Waiting,
    /// There is no answer.
    Asked,
    /// It was given. Theirs: what is answered here ends the question.
    Answered,
}

/// Whether a link is somebody's.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Claim {
    /// Chosen here. Of mine keyvault's number of the link, too.
    pub id: AcceptId,
    /// Who is asked, or asks.
    pub contact: ContactId,
    /// The user's program asks.
    pub mine: bool,
    /// What both sides call it.
    pub wire: WireId,
    /// The step that is to be made next.
    pub state: ClaimState,
    /// Mine.
    pub link: String,
    /// Theirs: what they told, untrusted. Mine: what they tell if it is; zeroes before it was asked.
    pub proof: Proof,
    /// When it was begun.
    pub at: Timestamp,
}

const COLUMNS: &str = "id, contact, mine, wire, state, link, proof, at";

fn read(row: &Row<'_>) -> rusqlite::Result<Claim> {
    Ok(Claim {
        id: row.get(0)?,
        contact: row.get(1)?,
        mine: row.get(2)?,
        wire: WireId(row.get(3)?),
        state: row.get(4)?,
        link: row.get(5)?,
        proof: row.get(6)?,
        at: Timestamp(row.get::<_, i64>(7)?.cast_unsigned()),
    })
}

impl Store {
    pub(crate) fn add_claim(&self, claim: &Claim) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO claims (id, contact, mine, wire, state, link, proof, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            (
                claim.id,
                claim.contact,
                claim.mine,
                claim.wire.0,
                claim.state,
                &claim.link,
                claim.proof,
                claim.at.0.cast_signed(),
            ),
        )
    }

    /// Keeps what changes of one.
    pub(crate) fn set_claim(&self, claim: &Claim) -> Result<(), StoreError> {
        let sql = "UPDATE claims SET state = ?2, proof = ?3 WHERE id = ?1";
        self.run(sql, (claim.id, claim.state, claim.proof))
    }

    pub(crate) fn claim(&self, id: AcceptId) -> Result<Option<Claim>, StoreError> {
        self.row(&format!("SELECT {COLUMNS} FROM claims WHERE id = ?1"), [id], read)
    }

    /// The one of the user's that is about a link.
    pub(crate) fn claim_of_link(&self, link: &str) -> Result<Option<Claim>, StoreError> {
        self.row(&format!("SELECT {COLUMNS} FROM claims WHERE mine = 1 AND link = ?1"), [link], read)
    }

    /// By what both sides call it.
    pub(crate) fn claim_called(
        &self,
        contact: ContactId,
        mine: bool,
        wire: WireId,
    ) -> Result<Option<Claim>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM claims WHERE contact = ?1 AND mine = ?2 AND wire = ?3");
        self.row(&sql, (contact, mine, wire.0), read)
    }

    /// Those of which something may come yet, the oldest first.
    pub(crate) fn open_claims(&self) -> Result<Vec<Claim>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM claims WHERE state < 3 ORDER BY at, id");
        self.rows(&sql, [], read)
    }

    /// So many were begun of a contact within this time.
    pub(crate) fn claims_within(
        &self,
        contact: ContactId,
        mine: bool,
        (now, time): (Timestamp, Duration),
    ) -> Result<u32, StoreError> {
        let since = now.0.saturating_sub(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        let sql = "SELECT count(*) FROM claims WHERE contact = ?1 AND mine = ?2 AND at > ?3 AND at <= ?4";
        let count =
            self.row(sql, (contact, mine, since.cast_signed(), now.0.cast_signed()), |row| row.get(0))?;
        Ok(count.unwrap_or(0))
    }

    /// Answers that were given longer ago are forgotten.
    pub(crate) fn forget_answered(&self, now: Timestamp, time: Duration) -> Result<(), StoreError> {
        let since = now.0.saturating_sub(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        let sql = "DELETE FROM claims WHERE state = 3 AND (at <= ?1 OR at > ?2)";
        self.run(sql, (since.cast_signed(), now.0.cast_signed()))
    }

    pub(crate) fn drop_claim(&self, id: AcceptId) -> Result<(), StoreError> {
        self.run("DELETE FROM claims WHERE id = ?1", [id])
    }

    /// What was asked of one contact is asked of another, anew; but what is known by now.
    pub(super) fn move_claims(&self, from: ContactId, to: ContactId) -> Result<(), StoreError> {
        self.run(
            "UPDATE claims SET contact = ?2, state = min(state, 1), proof = zeroblob(32)
             WHERE contact = ?1 AND mine = 1 AND state < 3",
            (from, to),
        )?;
        self.run("DELETE FROM claims WHERE mine = 1 AND link IN (SELECT link FROM links)", [])
    }
}
