//! What wraps which record's key, and the way back to it.

use std::collections::BTreeSet;

use rand_core::CryptoRng;
use redb::{ReadableDatabase, ReadableTable};

use super::entry::{EpochKey, GroupEntry, GroupKey, KeyEntry, Name, Under, Version};
use super::error::{damaged, failed};
use super::groups::{GroupTables, KnownGroups, Unwrapped, table_of};
use super::sealed_store::{EPOCH, FILLING, OLDER, SealedStore};
use crate::memory::Secret32;
use crate::store::StoreError;

impl<R: CryptoRng> SealedStore<R> {
    /// All groups that the file has.
    pub(super) fn all_groups(&self) -> Result<BTreeSet<u64>, StoreError> {
        let transaction = self.vault.database()?.begin_read().map_err(failed("reading"))?;
        let Some(groups) = table_of(&transaction)? else { return Ok(BTreeSet::new()) };
        let rows = groups.iter().map_err(failed("reading"))?;
        rows.map(|row| Ok(row.map_err(failed("reading"))?.0.value())).collect()
    }

    /// Wraps a record's key under that of the group that is being filled, or of a new one.
    pub(super) fn wrap(
        &mut self,
        version: Version<'_>,
        record_key: &Secret32,
        groups: &mut GroupTables<'_>,
    ) -> Result<Vec<u8>, StoreError> {
        let (group, key) = match self.groups.take_place() {
            Some(group) => (group, self.group_key(Some(&groups.first), group)?),
            None => self.begin_group(groups)?,
        };
        let under = GroupKey { group, key: &key };
        Ok(KeyEntry::wrap(version, record_key, under, &mut self.rng).encode())
    }

    fn begin_group(&mut self, groups: &mut GroupTables<'_>) -> Result<(u64, Secret32), StoreError> {
        let last = groups.first.last().map_err(failed("reading"))?.map_or(0, |(group, _)| group.value());
        let group = last.checked_add(1).ok_or(StoreError::Damaged)?;
        let key = Secret32::random(&mut self.rng);
        let entry = self.wrapped_group(GroupKey { group, key: &key });
        groups.insert(group, &entry)?;
        self.groups.fill(group);
        self.keys.set(FILLING, &key);
        Ok((group, key))
    }

    /// A group's entry under the epoch that runs.
    pub(super) fn wrapped_group(&mut self, group: GroupKey<'_>) -> Vec<u8> {
        let under = EpochKey { epoch: self.epoch, key: self.keys.key(EPOCH) };
        GroupEntry::wrap(group, under, &mut self.rng).encode()
    }

    /// Takes a record's key entry off the books: what it wraps may lie in the file for long. `None` where there was no record.
    pub(super) fn take_old(
        &mut self,
        name: &Name,
        keys: &mut redb::Table<'_, &'static [u8], &'static [u8]>,
        groups: &GroupTables<'_>,
    ) -> Result<Option<Unwrapped>, StoreError> {
        let Some(old) = keys.remove(name.as_slice()).map_err(failed("writing"))? else { return Ok(None) };
        let old = self.unwrap(name, old.value(), |group| self.group_key(Some(&groups.first), group))?;
        self.groups.mark(old.under);
        Ok(Some(old))
    }

    /// The record's key in an entry.
    pub(super) fn unwrap(
        &self,
        name: &Name,
        untrusted_entry: &[u8],
        group_key: impl FnOnce(u64) -> Result<Secret32, StoreError>,
    ) -> Result<Unwrapped, StoreError> {
        let entry = KeyEntry::decode(untrusted_entry).map_err(damaged)?;
        if entry.name != *name {
            return Err(StoreError::Damaged);
        }
        let key = match entry.under {
            Under::Epoch(epoch) => entry.unwrap(self.epoch_key(epoch)?),
            Under::Group(group) => entry.unwrap(group_key(group)?.expose()),
        };
        Ok(Unwrapped { written: entry.written, under: entry.under, key: key.map_err(damaged)? })
    }

    /// The same in a walk over many.
    pub(super) fn unwrap_among(
        &self,
        name: &Name,
        untrusted_entry: &[u8],
        groups: Option<&impl ReadableTable<u64, &'static [u8]>>,
        known: &mut KnownGroups,
    ) -> Result<Unwrapped, StoreError> {
        self.unwrap(name, untrusted_entry, |group| {
            if let Some(key) = known.0.get(&group) {
                return Ok(key.clone());
            }
            let key = self.group_key(groups, group)?;
            known.0.insert(group, key.clone());
            Ok(key)
        })
    }

    /// Where no group is being filled its key is not held: a compaction may make unreadable what it wraps.
    pub(super) fn drop_filling_key(&mut self) {
        if self.groups.filling().is_none() {
            self.keys.set(FILLING, &Secret32::zero());
        }
    }

    /// That of the group that is being filled is held: each text asks for it some ten times. `groups` is `None` in a file of an earlier
    /// version.
    pub(super) fn group_key(
        &self,
        groups: Option<&impl ReadableTable<u64, &'static [u8]>>,
        group: u64,
    ) -> Result<Secret32, StoreError> {
        if self.groups.filling() == Some(group) {
            return Ok(self.keys.copy(FILLING));
        }
        let groups = groups.ok_or(StoreError::Damaged)?;
        let entry = groups.get(group).map_err(failed("reading"))?.ok_or(StoreError::Damaged)?;
        self.unwrap_group(group, entry.value())
    }

    pub(super) fn unwrap_group(&self, group: u64, untrusted_entry: &[u8]) -> Result<Secret32, StoreError> {
        let entry = GroupEntry::decode(untrusted_entry).map_err(damaged)?;
        if entry.group != group {
            return Err(StoreError::Damaged);
        }
        entry.unwrap(self.epoch_key(entry.epoch)?).map_err(damaged)
    }

    /// The key of an epoch that is held.
    pub(super) fn epoch_key(&self, epoch: u64) -> Result<&[u8; 32], StoreError> {
        match Some(epoch) {
            epoch if epoch == Some(self.epoch) => Ok(self.keys.key(EPOCH)),
            epoch if epoch == self.older => Ok(self.keys.key(OLDER)),
            _ => Err(StoreError::Damaged),
        }
    }
}
