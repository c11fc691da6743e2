//! Which contents nobody but this computer can have, so that they can be taken back with their numbers.

use super::outgoing::{COLUMNS, read};
use super::{Outgoing, Store};
use crate::error::StoreError;
use crate::ids::{ContactId, OutgoingId};

impl Store {
    /// An envelope of it is given to the network: from now on a relay may have it, whatever comes of that.
    pub(crate) fn note_tried(&self, id: OutgoingId) -> Result<(), StoreError> {
        self.run("UPDATE outgoing SET tried = 1 WHERE id = ?1 AND tried = 0", [id])
    }

    /// Something without a number of its own named this one as the last.
    pub(crate) fn note_told(&self, contact: ContactId, sequence: u64) -> Result<(), StoreError> {
        let sql = "UPDATE contacts SET send_told = ?2 WHERE id = ?1 AND send_told < ?2";
        self.run(sql, (contact, sequence.cast_signed()))
    }

    /// Whether nothing of a text was ever on its way to a relay.
    pub(crate) fn never_left(&self, message: &str) -> Result<bool, StoreError> {
        let sql = "SELECT count(*) = max(parts) AND max(tried) = 0 AND max(state) < 3 FROM outgoing WHERE message = ?1";
        let never = self.row(sql, [message], |row| row.get::<_, Option<bool>>(0))?;
        Ok(never.flatten().unwrap_or(false))
    }

    /// The lowest number that a text has taken.
    pub(crate) fn first_number(&self, message: &str) -> Result<Option<u64>, StoreError> {
        let sql = "SELECT min(sequence) FROM outgoing WHERE message = ?1 AND sequence > 0";
        let first = self.row(sql, [message], |row| row.get::<_, Option<i64>>(0))?;
        Ok(first.flatten().map(i64::cast_unsigned))
    }

    /// What has a number from `first` on that nobody was told of: nothing, where a single one of them may be known to anybody.
    pub(crate) fn untold_from(&self, contact: ContactId, first: u64) -> Result<Vec<Outgoing>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM outgoing WHERE contact = ?1 AND numbered = 1 AND sequence >= ?2 AND state IN (1, 2)
             AND tried = 0 AND (SELECT send_told FROM contacts WHERE id = ?1) < ?2 ORDER BY sequence"
        );
        self.rows(&sql, (contact, first.cast_signed()), read)
    }

    /// These wait for a number again; their envelopes go.
    pub(crate) fn unnumber_from(&self, contact: ContactId, first: u64) -> Result<(), StoreError> {
        self.run(
            "DELETE FROM deposits WHERE outgoing IN
             (SELECT id FROM outgoing WHERE contact = ?1 AND numbered = 1 AND sequence >= ?2 AND state IN (1, 2))",
            (contact, first.cast_signed()),
        )?;
        self.run(
            "UPDATE outgoing SET state = 0, sequence = 0, content = NULL, outbox = NULL, reseals = 0
             WHERE contact = ?1 AND numbered = 1 AND sequence >= ?2 AND state IN (1, 2)",
            (contact, first.cast_signed()),
        )
    }

    /// Nothing of a text is to be sent any more.
    pub(crate) fn drop_outgoing_of(&self, message: &str) -> Result<(), StoreError> {
        self.run("DELETE FROM outgoing WHERE message = ?1", [message])
    }
}
