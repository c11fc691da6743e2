//! Groups of records: each record's key is wrapped under the key of the group that was being filled when it was written, and each group's
//! key under the epoch's. What is deleted or overwritten *marks* its group: a compaction moves what is left of the marked groups into new
//! ones, and costs what changed. What nobody touches lies in groups that are full and stay as they are.

use std::collections::{BTreeMap, BTreeSet};

use redb::TableDefinition;

use super::entry::Under;
use super::error::failed;
use crate::memory::Secret32;
use crate::store::StoreError;

/// Number of a group → [`GroupEntry`].
const GROUPS: TableDefinition<u64, &[u8]> = TableDefinition::new("groups");
/// The same entries in pages of their own: where one page is damaged, no group's records are lost with it.
const GROUPS_AGAIN: TableDefinition<u64, &[u8]> = TableDefinition::new("groups again");
/// Records of one group: so many at most are wrapped anew because one of them changed.
const RECORDS_A_GROUP: u32 = 256;

/// The groups in a transaction that writes.
pub(super) struct GroupTables<'a> {
    pub(super) first: redb::Table<'a, u64, &'static [u8]>,
    again: redb::Table<'a, u64, &'static [u8]>,
}

impl<'a> GroupTables<'a> {
    pub(super) fn open(transaction: &'a redb::WriteTransaction) -> Result<Self, StoreError> {
        let first = transaction.open_table(GROUPS).map_err(failed("writing"))?;
        let again = transaction.open_table(GROUPS_AGAIN).map_err(failed("writing"))?;
        Ok(Self { first, again })
    }

    /// As in a file of an earlier version.
    #[cfg(test)]
    pub(super) fn delete(transaction: &redb::WriteTransaction) -> Result<(), StoreError> {
        transaction.delete_table(GROUPS).map_err(failed("writing"))?;
        transaction.delete_table(GROUPS_AGAIN).map_err(failed("writing"))?;
        Ok(())
    }

    pub(super) fn insert(&mut self, group: u64, entry: &[u8]) -> Result<(), StoreError> {
        self.first.insert(group, entry).map_err(failed("writing"))?;
        self.again.insert(group, entry).map_err(failed("writing"))?;
        Ok(())
    }

    pub(super) fn remove(&mut self, group: u64) -> Result<(), StoreError> {
        self.first.remove(group).map_err(failed("writing"))?;
        self.again.remove(group).map_err(failed("writing"))?;
        Ok(())
    }
}

/// Which groups there are, as far as writing must know.
#[derive(Default)]
pub(super) struct Groups {
    filling: Option<Filling>,
    /// Of their records more may lie in the file than is still there.
    marked: BTreeSet<u64>,
    /// So may records whose keys are wrapped under an epoch's, as earlier versions did.
    is_rest_marked: bool,
}

/// The group that new keys go into.
struct Filling {
    group: u64,
    taken: u32,
}

impl Groups {
    /// Who held the file last may have been killed: anything may lie in it beyond what is there.
    pub(super) fn mark_all(&mut self, groups: BTreeSet<u64>) {
        (self.filling, self.marked, self.is_rest_marked) = (None, groups, true);
    }

    /// There is something to do for one more compaction, whatever is marked.
    pub(super) fn mark_rest(&mut self) {
        self.is_rest_marked = true;
    }

    /// A transaction did not happen, nor perhaps did the group that it began; what it wrote may lie in the file all the same.
    pub(super) fn failed(&mut self) {
        (self.filling, self.is_rest_marked) = (None, true);
    }

    /// A place in the group that is being filled; `None` where a new group is to begin.
    pub(super) fn take_place(&mut self) -> Option<u64> {
        let filling = self.filling.as_mut().filter(|filling| filling.taken < RECORDS_A_GROUP)?;
        filling.taken += 1;
        Some(filling.group)
    }

    /// The group that new keys go into.
    pub(super) fn filling(&self) -> Option<u64> {
        self.filling.as_ref().map(|filling| filling.group)
    }

    /// A new group, of which one place is taken.
    pub(super) fn fill(&mut self, group: u64) {
        self.filling = Some(Filling { group, taken: 1 });
    }

    /// A record whose key is wrapped so was deleted or overwritten.
    pub(super) fn mark(&mut self, under: Under) {
        match under {
            Under::Group(group) => {
                self.marked.insert(group);
            }
            Under::Epoch(_) => self.is_rest_marked = true,
        }
    }

    pub(super) fn is_any_marked(&self) -> bool {
        self.is_rest_marked || !self.marked.is_empty()
    }

    /// Takes the marks away, for a compaction that sees to them. Nothing goes into a marked group any more.
    pub(super) fn take_marked(&mut self) -> BTreeSet<u64> {
        self.filling = self.filling.take().filter(|filling| !self.marked.contains(&filling.group));
        self.is_rest_marked = false;
        std::mem::take(&mut self.marked)
    }
}

/// A compaction on its way.
pub(super) struct Leaving {
    /// What is left of them moves into new ones. Their keys are never wrapped under the new epoch's.
    pub(super) groups: BTreeSet<u64>,
    /// The first name that was not looked at yet.
    pub(super) from: Vec<u8>,
    /// It ends one that a kill or a failure had cut off, after which more was deleted.
    pub(super) is_second: bool,
}

/// A record's key as it was found.
pub(super) struct Unwrapped {
    pub(super) written: u64,
    pub(super) under: Under,
    pub(super) key: Secret32,
}

/// Groups' keys as a walk comes across them, wiped with it.
#[derive(Default)]
pub(super) struct KnownGroups(pub(super) BTreeMap<u64, Secret32>);

/// The groups as a transaction sees them; `None` in a file of an earlier version.
pub(super) fn table_of(
    transaction: &redb::ReadTransaction,
) -> Result<Option<redb::ReadOnlyTable<u64, &'static [u8]>>, StoreError> {
    match transaction.open_table(GROUPS) {
        Ok(groups) => Ok(Some(groups)),
        Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(failed("reading")(error)),
    }
}
