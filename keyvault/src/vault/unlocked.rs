//! The unlocked vault: its records, and what bounds how much is made and kept in it.

use ipc_schema::Timestamp;
use rand_core::CryptoRng;

use super::comparison_runs::ComparisonRuns;
use super::limits::{KEPT_MAX, NEW_CONTACTS_MAX, NEW_CONTACTS_WITHIN, VISITORS_MAX};
use super::record::Record;
use super::records::{MetaRecord, OpenedRecord, OutboxRecord};
use crate::error::{Thing, VaultError};
use crate::store::{Changes, Store};

pub(super) const META_ID: &[u8] = b"vault";

/// The unlocked vault.
pub struct Vault<S> {
    pub(super) store: S,
    pub(super) meta: MetaRecord,
    /// Un-forgotten answers in the store.
    pub(super) kept: usize,
    pub(super) comparisons: ComparisonRuns,
}

impl<S: Store> Vault<S> {
    /// The vault in an unlocked store.
    ///
    /// # Errors
    /// `Store`.
    pub fn open(store: S) -> Result<Self, VaultError> {
        let meta = store.read(MetaRecord::TABLE, META_ID)?;
        let meta = meta.map(|bytes| MetaRecord::decode(&bytes)).transpose()?.unwrap_or_default();
        let mut vault = Self { store, meta, kept: 0, comparisons: ComparisonRuns::default() };
        vault.kept = vault.count_kept()?;
        Ok(vault)
    }

    /// The store, to be asked for the passphrase anew.
    #[must_use]
    pub fn store(&self) -> &S {
        &self.store
    }

    /// The same, for what changes the file around the records.
    pub fn store_mut(&mut self) -> &mut S {
        &mut self.store
    }

    /// Makes all that was answered durable, for a store that defers it.
    ///
    /// # Errors
    /// `Store`: then what was changed since the last flush may not have happened, and the vault is what the store says.
    pub fn flush(&mut self) -> Result<(), VaultError> {
        let Err(error) = self.store.flush() else { return Ok(()) };
        self.store.reload()?;
        // Each was counted first, and that may be gone.
        self.comparisons.clear();
        let meta = self.store.read(MetaRecord::TABLE, META_ID)?;
        self.meta = meta.map(|bytes| MetaRecord::decode(&bytes)).transpose()?.unwrap_or_default();
        self.kept = self.count_kept()?;
        Err(error.into())
    }

    /// Gives the store back, dropping every key that is held beside it.
    #[must_use]
    pub fn into_store(self) -> S {
        self.store
    }

    /// Answers that the caller has not forgotten, at most [`KEPT_MAX`].
    #[must_use]
    pub fn kept(&self) -> usize {
        self.kept
    }

    /// Whether local programs may use the sockets of a desktop profile.
    #[must_use]
    pub fn scripts(&self) -> bool {
        self.meta.scripts
    }

    /// Sets [`Self::scripts`]. The caller has seen the passphrase. Idempotent.
    ///
    /// # Errors
    /// `Store`.
    pub fn set_scripts(&mut self, on: bool) -> Result<(), VaultError> {
        let meta = MetaRecord { scripts: on, ..self.meta.clone() };
        let mut changes = Changes::default();
        changes.put(MetaRecord::TABLE, META_ID, meta.encode()?);
        self.store.commit(&changes)?;
        self.meta = meta;
        Ok(())
    }

    pub(super) fn load<R: Record>(&self, id: &[u8]) -> Result<Option<R>, VaultError> {
        let bytes = self.store.read(R::TABLE, id)?;
        Ok(bytes.map(|bytes| R::decode(&bytes)).transpose()?)
    }

    pub(super) fn require<R: Record>(&self, id: &[u8], thing: Thing) -> Result<R, VaultError> {
        self.load(id)?.ok_or(VaultError::NoSuch(thing))
    }

    pub(super) fn count_kept(&self) -> Result<usize, VaultError> {
        let mut kept = self.store.all(OutboxRecord::TABLE)?.len();
        let mut after = None;
        loop {
            // Earlier versions left many that were forgotten.
            let rows = self.store.page(OpenedRecord::TABLE, after.as_deref(), KEPT_MAX)?;
            for (_, bytes) in &rows {
                kept += usize::from(matches!(OpenedRecord::decode(bytes)?, OpenedRecord::Kept(_)));
            }
            match rows.into_iter().last() {
                Some((id, _)) => after = Some(id),
                None => return Ok(kept),
            }
        }
    }

    pub(super) fn has_room_for_answer(&self) -> Result<(), VaultError> {
        if self.kept < KEPT_MAX { Ok(()) } else { Err(VaultError::TooManyKept) }
    }

    /// Notes one more new contact in `changes`; the caller keeps the returned record once it has committed.
    pub(super) fn count_contact(
        &self,
        now: Timestamp,
        changes: &mut Changes,
    ) -> Result<MetaRecord, VaultError> {
        let mut meta = self.meta.clone();
        count(&mut meta.contacts_made, NEW_CONTACTS_MAX, now)?;
        changes.put(MetaRecord::TABLE, META_ID, meta.encode()?);
        Ok(meta)
    }

    /// The same for somebody who came through an own address.
    pub(super) fn count_visitor(
        &self,
        now: Timestamp,
        changes: &mut Changes,
    ) -> Result<MetaRecord, VaultError> {
        let mut meta = self.meta.clone();
        count(&mut meta.visits, VISITORS_MAX, now)?;
        changes.put(MetaRecord::TABLE, META_ID, meta.encode()?);
        Ok(meta)
    }

    /// A fresh number that no record of the table has.
    pub(super) fn fresh_id<R: Record>(&self, rng: &mut impl CryptoRng) -> Result<u64, VaultError> {
        loop {
            let id = rng.next_u64();
            // 0 is what a record says where there is none.
            if id != 0 && self.store.read(R::TABLE, &id.to_be_bytes())?.is_none() {
                return Ok(id);
            }
        }
    }
}

/// Adds one to what happened within the last hour, or says when there is room.
fn count(moments: &mut Vec<Timestamp>, max: usize, now: Timestamp) -> Result<(), VaultError> {
    moments.retain(|at| at.is_recent(now, NEW_CONTACTS_WITHIN));
    if let (true, Some(oldest)) = (moments.len() >= max, moments.iter().min()) {
        return Err(VaultError::RateLimited {
            retry_after: NEW_CONTACTS_WITHIN.saturating_sub(now.since(*oldest)),
        });
    }
    moments.push(now);
    Ok(())
}

impl<S> std::fmt::Debug for Vault<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Vault(.., {} answers kept)", self.kept)
    }
}
