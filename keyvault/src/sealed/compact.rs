//! Deletion that holds: redb leaves what was deleted or overwritten in pages that it may use again, much later. Each record's
//! key lies in the file only wrapped under its group's key, and that only under the epoch's. So a new epoch begins; what is left of the
//! groups of which something was deleted moves into new groups; the keys of the other groups are wrapped anew; and the old epoch's key is
//! overwritten in the header. What the old groups alone had wrapped opens no more, even for who has the root.

use std::collections::BTreeSet;

use rand_core::CryptoRng;
use redb::{Durability, ReadableTable};

use super::entry::{GroupEntry, GroupKey, KeyEntry, Name, Under, Version};
use super::error::{VaultFileError, damaged, failed, io};
use super::groups::{GroupTables, KnownGroups, Leaving};
use super::layout::AREA_BYTES;
use super::sealed_store::{KEYS, SealedStore, insert_digest};
use super::state::{Epoch, Wipe};
use crate::store::{Store, StoreError};

/// Keys that are looked at in one go: a few milliseconds.
const AT_A_TIME: usize = 1_000;
/// A smaller file is not worth the work.
const SHRINK_FROM_BYTES: u64 = 1 << 20;

impl<R: CryptoRng> SealedStore<R> {
    /// Makes unreadable what was deleted or overwritten so far. Nothing to do costs nothing. A kill in between leaves both epochs' keys;
    /// the next call goes on.
    ///
    /// # Errors
    /// `Io`, `Damaged`; nothing is lost then.
    pub fn compact(&mut self) -> Result<(), VaultFileError> {
        loop {
            while !self.compact_some()? {}
            // What was deleted while a compaction was on its way.
            if self.is_read_only() || !self.groups.is_any_marked() {
                return Ok(());
            }
        }
    }

    /// The next step of that, between which other calls may be made; true once all is unreadable that was deleted before the first.
    ///
    /// # Errors
    /// As [`Self::compact`].
    pub fn compact_some(&mut self) -> Result<bool, VaultFileError> {
        if self.is_read_only() {
            return Ok(true);
        }
        let done = match self.leaving.take() {
            None => self.begin_leaving(),
            Some(leaving) => self.leave(leaving),
        };
        if done.is_err() {
            self.groups.failed();
        }
        self.drop_filling_key();
        done
    }

    fn begin_leaving(&mut self) -> Result<bool, VaultFileError> {
        // What waits may mark groups; and the header will say how many commits there were: fewer on the disk would be told as a rollback.
        self.flush()?;
        if !self.groups.is_any_marked() {
            return Ok(true);
        }
        let mut state = self.state()?;
        // A kill came in between the last time: that epoch is still being left, and any group may have keys in the file that should not be.
        let is_second = state.older.is_some();
        if is_second {
            let groups = self.all_groups()?;
            self.groups.mark_all(groups);
        } else {
            let next = Epoch::new(state.epoch.number.saturating_add(1), &mut self.rng);
            state.older = Some(std::mem::replace(&mut state.epoch, next));
            // Before anything is wrapped under it: a kill leaves no key that nobody can unwrap.
            self.write_state(&state)?;
            self.take_epochs(&state)?;
        }
        self.leaving = Some(Leaving { groups: self.groups.take_marked(), from: Vec::new(), is_second });
        Ok(false)
    }

    fn leave(&mut self, mut leaving: Leaving) -> Result<bool, VaultFileError> {
        if self.move_some(&mut leaving)? {
            self.leaving = Some(leaving);
            return Ok(false);
        }
        self.wrap_groups_anew(&leaving.groups)?;
        self.write_store_key()?;
        // Only once nothing needs it: from here on what was deleted is out of reach.
        let mut state = self.state()?;
        state.older = None;
        self.write_state(&state)?;
        self.take_epochs(&state)?;
        if leaving.is_second {
            // What was deleted since the kill may have been wrapped under the epoch that goes on.
            self.groups.mark_rest();
        }
        Ok(!leaving.is_second)
    }

    /// The same whether there is anything to make unreadable or not: from then on an earlier header, put back, opens nothing.
    ///
    /// # Errors
    /// `Io`, `Damaged`; nothing is lost then.
    pub fn begin_epoch(&mut self) -> Result<(), VaultFileError> {
        if self.older.is_some() {
            // Begun before, and known to that header.
            self.groups.mark_rest();
            self.compact()?;
        }
        self.groups.mark_rest();
        self.compact()
    }

    /// Gives pages that nothing uses back to the system, where they are most of the file.
    ///
    /// # Errors
    /// `Io`, `Damaged`; nothing is lost then.
    pub fn shrink(&mut self) -> Result<(), VaultFileError> {
        let length = self.vault.file.metadata().map_err(io("measuring"))?.len() - AREA_BYTES;
        if self.is_read_only() || length < SHRINK_FROM_BYTES {
            return Ok(());
        }
        self.flush()?;
        let transaction = self.transaction()?;
        let stats = transaction.stats().map_err(failed("measuring"))?;
        let used = stats.allocated_pages().saturating_mul(u64::try_from(stats.page_size()).unwrap_or(4_096));
        transaction.abort().map_err(failed("measuring"))?;
        if used.saturating_mul(3) < length
            && let Some(database) = &mut self.vault.database
        {
            database
                .compact()
                .map_err(|error| VaultFileError::Io { doing: "shrinking", source: error.into() })?;
        }
        Ok(())
    }

    /// stored has wiped: the order is not given again.
    ///
    /// # Errors
    /// `Io`, `Damaged`.
    pub fn wiped(&mut self) -> Result<(), VaultFileError> {
        let mut state = self.state()?;
        if state.wipe != Wipe::Nothing && !self.is_read_only() {
            state.wipe = Wipe::Nothing;
            self.write_state(&state)?;
        }
        Ok(())
    }

    /// Moves the next records' keys out of groups that are left; false if there are no more.
    fn move_some(&mut self, leaving: &mut Leaving) -> Result<bool, StoreError> {
        let mut transaction = self.transaction()?;
        // With the last step, or with what is flushed meanwhile: what is there, and so the digest, stays the same.
        transaction.set_durability(Durability::None).map_err(failed("beginning"))?;
        {
            let mut keys = transaction.open_table(KEYS).map_err(failed("writing"))?;
            let mut groups = GroupTables::open(&transaction)?;
            let some = keys
                .range(leaving.from.as_slice()..)
                .map_err(failed("reading"))?
                .take(AT_A_TIME)
                .map(|row| row.map(|(name, entry)| (name.value().to_vec(), entry.value().to_vec())))
                .collect::<Result<Vec<_>, _>>()
                .map_err(failed("reading"))?;
            let Some((last, _)) = some.last() else { return Ok(false) };
            // The first name after the last one.
            leaving.from = [last.as_slice(), &[0]].concat();
            let mut known = KnownGroups::default();
            for (name, entry) in &some {
                let is_left = match KeyEntry::decode(entry).map_err(damaged)?.under {
                    Under::Group(group) => leaving.groups.contains(&group),
                    Under::Epoch(_) => true,
                };
                if is_left {
                    let name: Name = name.as_slice().try_into().map_err(|_| StoreError::Damaged)?;
                    let held = self.unwrap_among(&name, entry, Some(&groups.first), &mut known)?;
                    let version = Version { name: &name, written: held.written };
                    let anew = self.wrap(version, &held.key, &mut groups)?;
                    keys.insert(name.as_slice(), anew.as_slice()).map_err(failed("writing"))?;
                }
            }
        }
        transaction.commit().map_err(failed("committing"))?;
        Ok(true)
    }

    /// Wraps the keys of all groups but those that are left under the epoch that goes on. Durable, with all before it.
    fn wrap_groups_anew(&mut self, left: &BTreeSet<u64>) -> Result<(), StoreError> {
        let sealed = self.sealed_digest(self.digest);
        let transaction = self.transaction()?;
        {
            let mut groups = GroupTables::open(&transaction)?;
            let entries = groups
                .first
                .iter()
                .map_err(failed("reading"))?
                .map(|row| row.map(|(group, entry)| (group.value(), entry.value().to_vec())))
                .collect::<Result<Vec<_>, _>>()
                .map_err(failed("reading"))?;
            for (group, entry) in entries {
                if left.contains(&group) {
                    groups.remove(group)?;
                } else if GroupEntry::decode(&entry).map_err(damaged)?.epoch != self.epoch {
                    let key = self.unwrap_group(group, &entry)?;
                    let anew = self.wrapped_group(GroupKey { group, key: &key });
                    groups.insert(group, &anew)?;
                }
            }
        }
        insert_digest(&transaction, &sealed)?;
        transaction.commit().map_err(failed("committing"))
    }
}
