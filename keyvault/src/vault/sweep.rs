//! Dropping what has outlived its use, a slice at a time: a vault with many contacts answers in between.

use ipc_schema::Timestamp;

use super::ages::Ages;
use super::invite_records::{AcceptRecord, InviteRecord};
use super::limits::{DUPLICATE_FOR, FORMER_KEPT, INVITE_GRACE, INVITE_LIFETIME};
use super::marks::MarksRecord;
use super::record::{PutRecord, Record};
use super::records::{OpenedRecord, SessionRecord, UsedRecord};
use super::repair_records::{FormerRecord, ReplayRecord};
use super::unlocked::Vault;
use crate::error::VaultError;
use crate::ids::InviteId;
use crate::ratchet::SKIPPED_KEPT;
use crate::store::{Changes, Row, Store, Table};

/// Records that are looked at in one go: a few milliseconds.
const SLICE: usize = 200;

/// What has an end.
const SWEPT: [Table; 8] = [
    Table::Opened,
    Table::Used,
    Table::Marks,
    Table::Session,
    Table::Former,
    Table::Replay,
    Table::Invite,
    Table::Accept,
];

/// How far a sweep is.
pub struct Sweep {
    ages: Ages,
    /// Of [`SWEPT`].
    table: usize,
    /// The last record that was looked at.
    after: Option<Vec<u8>>,
}

impl std::fmt::Debug for Sweep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sweep({:?})", SWEPT.get(self.table))
    }
}

impl<S: Store> Vault<S> {
    /// Drops what has outlived its use, all at once. Nothing depends on when.
    ///
    /// # Errors
    /// `Store`.
    pub fn sweep(&mut self, now: Timestamp) -> Result<(), VaultError> {
        let mut sweep = self.begin_sweep(now)?;
        while !self.sweep_some(&mut sweep)? {}
        Ok(())
    }

    /// The same in slices, for [`Self::sweep_some`], by the clock as it is now. To be called at unlock and once an hour.
    ///
    /// # Errors
    /// `Store`.
    pub fn begin_sweep(&self, now: Timestamp) -> Result<Sweep, VaultError> {
        Ok(Sweep { ages: self.ages(now)?, table: 0, after: None })
    }

    /// Looks at the next records of a sweep; true once there are no more.
    ///
    /// # Errors
    /// `Store`; the sweep is to be begun anew.
    pub fn sweep_some(&mut self, sweep: &mut Sweep) -> Result<bool, VaultError> {
        let mut changes = Changes::default();
        let Some(table) = SWEPT.get(sweep.table) else {
            self.note_ages(&sweep.ages, &mut changes)?;
            self.commit_any(&changes)?;
            return Ok(true);
        };
        let rows = self.store.page(*table, sweep.after.as_deref(), SLICE)?;
        for row in &rows {
            self.sweep_record(*table, row, &mut sweep.ages, &mut changes)?;
        }
        self.commit_any(&changes)?;
        match rows.into_iter().last() {
            Some((id, _)) => sweep.after = Some(id),
            None => (sweep.table, sweep.after) = (sweep.table.saturating_add(1), None),
        }
        Ok(false)
    }

    fn commit_any(&mut self, changes: &Changes) -> Result<(), VaultError> {
        if changes.is_empty() { Ok(()) } else { Ok(self.store.commit(changes)?) }
    }

    fn sweep_record(
        &self,
        table: Table,
        (id, bytes): &Row,
        ages: &mut Ages,
        changes: &mut Changes,
    ) -> Result<(), VaultError> {
        let is_over = match table {
            Table::Opened => {
                matches!(OpenedRecord::decode(bytes)?, OpenedRecord::Forgotten(at) if ages.is_over(at, DUPLICATE_FOR))
            }
            Table::Used => ages.is_over(UsedRecord::decode(bytes)?.at, SKIPPED_KEPT),
            Table::Marks => ages.is_over(MarksRecord::decode(bytes)?.newest(), DUPLICATE_FOR),
            Table::Former => ages.is_over(FormerRecord::decode(bytes)?.since, FORMER_KEPT),
            Table::Replay => ages.now() > ReplayRecord::decode(bytes)?.until,
            Table::Accept => is_accept_over(&AcceptRecord::decode(bytes)?, ages),
            Table::Invite if is_invite_over(&InviteRecord::decode(bytes)?, ages) => {
                let invite = InviteId(u64::from_be_bytes(id.as_slice().try_into().unwrap_or_default()));
                return self.drop_invite(invite, changes);
            }
            // A session in which something is said does this by itself.
            Table::Session => {
                let mut record = SessionRecord::decode(bytes)?;
                if record.ratchet.forget_skipped(|at| ages.is_over(at, SKIPPED_KEPT)) {
                    changes.put_record(id, &record)?;
                }
                false
            }
            Table::Invite
            | Table::Meta
            | Table::ReceiveQueue
            | Table::PeerQueue
            | Table::Outbox
            | Table::Contact
            | Table::Repair
            | Table::Address
            | Table::Visitor
            | Table::Contacted
            | Table::Comparison => false,
        };
        if is_over {
            changes.delete(table, id);
        }
        Ok(())
    }
}

/// An invite's time and grace are over.
fn is_invite_over(record: &InviteRecord, ages: &mut Ages) -> bool {
    let life = u64::try_from(INVITE_LIFETIME.as_millis()).unwrap_or(u64::MAX);
    let made = Timestamp(end(record.expires_seconds).0.saturating_sub(life));
    ages.is_over(made, INVITE_LIFETIME + INVITE_GRACE)
}

/// The same of somebody else's, whose clock says nothing of this one.
fn is_accept_over(record: &AcceptRecord, ages: &Ages) -> bool {
    ages.now().since(end(record.link.expires_seconds)) > INVITE_GRACE
}

fn end(seconds: u32) -> Timestamp {
    Timestamp(u64::from(seconds) * 1_000)
}
