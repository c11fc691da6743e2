//! Deletion that holds: redb leaves what was deleted or overwritten in pages that it may use again, much later. Each record's
//! key lies in the file only wrapped under the epoch's key; so a new epoch begins, the keys of what is still there are wrapped
//! anew, and the old epoch's key is overwritten in the header. What it alone had wrapped opens no more, even for who has the
//! root.

use rand_core::CryptoRng;
use redb::ReadableTable;

use super::entry::{EpochKey, KeyEntry, Name, Version};
use super::error::{VaultFileError, io};
use super::layout::AREA_BYTES;
use super::sealed_store::{KEYS, SealedStore, damaged, failed, insert_digest};
use super::state::{Epoch, Wipe};
use crate::store::{Store, StoreError};

/// Keys wrapped anew at a time.
const AT_A_TIME: usize = 1_000;
/// A smaller file is not worth the work.
const SHRINK_FROM_BYTES: u64 = 1 << 20;

impl<R: CryptoRng> SealedStore<R> {
    /// Makes unreadable what was deleted or overwritten since the last time. Nothing to do costs nothing. A kill in between
    /// leaves both epochs' keys; the next call goes on.
    ///
    /// # Errors
    /// `Io`, `Damaged`; nothing is lost then.
    pub fn compact(&mut self) -> Result<(), VaultFileError> {
        if self.is_read_only() || !self.stale {
            return Ok(());
        }
        // The header will say how many commits there were: fewer on the disk would be told as a rollback.
        self.flush()?;
        let mut state = self.state()?;
        // Otherwise a kill came in between the last time, and that epoch is still being left.
        if state.older.is_none() {
            let next = Epoch::new(state.epoch.number.saturating_add(1), &mut self.rng);
            state.older = Some(std::mem::replace(&mut state.epoch, next));
            // Before anything is wrapped under it: a kill leaves no record whose key nobody holds.
            self.write_state(&state)?;
            self.take_epochs(&state)?;
        }
        self.wrap_anew()?;
        self.write_store_key()?;
        // Only once nothing needs it: from here on what was deleted is out of reach.
        state.older = None;
        self.write_state(&state)?;
        self.take_epochs(&state)?;
        self.stale = false;
        Ok(())
    }

    /// The same whether there is anything to make unreadable or not: from then on an earlier header, put back, opens nothing.
    ///
    /// # Errors
    /// `Io`, `Damaged`; nothing is lost then.
    pub fn begin_epoch(&mut self) -> Result<(), VaultFileError> {
        if self.older.is_some() {
            // Begun before, and known to that header.
            self.stale = true;
            self.compact()?;
        }
        self.stale = true;
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

    /// Wraps the key of every record under the epoch's key, in one transaction.
    fn wrap_anew(&mut self) -> Result<(), StoreError> {
        let sealed = self.sealed_digest(self.digest);
        let transaction = self.transaction()?;
        let mut from: Vec<u8> = Vec::new();
        loop {
            let mut keys = transaction.open_table(KEYS).map_err(failed("writing"))?;
            let some = keys
                .range(from.as_slice()..)
                .map_err(failed("reading"))?
                .take(AT_A_TIME)
                .map(|row| row.map(|(name, entry)| (name.value().to_vec(), entry.value().to_vec())))
                .collect::<Result<Vec<_>, _>>()
                .map_err(failed("reading"))?;
            let Some((last, _)) = some.last() else { break };
            // The first name after the last one.
            from = [last.as_slice(), &[0]].concat();
            for (name, entry) in &some {
                if let Some(anew) = self.wrapped_anew(name, entry)? {
                    keys.insert(name.as_slice(), anew.as_slice()).map_err(failed("writing"))?;
                }
            }
        }
        insert_digest(&transaction, &sealed)?;
        transaction.commit().map_err(failed("committing"))
    }

    fn wrapped_anew(&mut self, name: &[u8], entry: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let name: Name = name.try_into().map_err(|_| StoreError::Damaged)?;
        if KeyEntry::decode(entry).map_err(damaged)?.epoch == self.epoch {
            return Ok(None);
        }
        let (written, key) = self.unwrap(&name, entry)?;
        let version = Version { name: &name, written };
        let under = EpochKey { epoch: self.epoch, key: self.keys.key(super::sealed_store::EPOCH) };
        Ok(Some(KeyEntry::wrap(version, &key, under, &mut self.rng).encode()))
    }
}
