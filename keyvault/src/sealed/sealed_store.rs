//! The records of an unlocked vault file.

use std::collections::BTreeMap;

use rand_core::CryptoRng;
use redb::{ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition};

use super::digest::{self, Digest};
use super::entry::{self, Name, Version};
use super::error::{VaultFileError, damaged, failed};
use super::groups::{GroupTables, Groups, KnownGroups, Leaving, table_of};
use super::layout::AREA_BYTES;
use super::locked::{LockedVault, StateKeys, of_store};
use super::root::{decoy_store_key, digest_key, store_key};
use super::salvage::Salvage;
use super::state::{self, Epoch, State, StoreKeyAt, Wipe};
use crate::kdf;
use crate::memory::{GuardedKeys, Secret32, SecretBytes};
use crate::store::{Changes, Row, Store, StoreError, TABLES, Table};

/// Name → a record's wrapped key (`entry.rs`).
pub(super) const KEYS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("keys");
/// Name → a sealed record (`entry.rs`).
pub(super) const RECORDS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("records");
/// "digest" → [`Digest`], sealed.
pub(super) const WHOLE: TableDefinition<&str, &[u8]> = TableDefinition::new("whole");
pub(super) const DIGEST: &str = "digest";
const TABLE_BYTES: usize = 16;

/// An unlocked vault file: whoever has the file sees how many records there are and how large, not what of.
pub struct SealedStore<R> {
    pub(super) vault: Box<LockedVault>,
    pub(super) keys: GuardedKeys,
    /// Numbers of the epochs whose keys are held.
    pub(super) epoch: u64,
    pub(super) older: Option<u64>,
    pub(super) digest: Digest,
    pub(super) rng: R,
    /// Commits wait for a flush, so that many share one.
    deferring: bool,
    /// What waits for it: of each record the newest write, or that it is deleted. A record that many calls of one turn change is
    /// sealed once, and one that comes and goes between two flushes never reaches the disk.
    pending: Pending,
    pub(super) groups: Groups,
    /// What the names in each table begin with: asked with every record.
    fronts: BTreeMap<Table, [u8; TABLE_BYTES]>,
    /// A compaction that goes on.
    pub(super) leaving: Option<Leaving>,
    /// The file is damaged: this is what is left.
    pub(super) salvage: Option<Salvage>,
}

/// Places of [`GuardedKeys`].
const INDEX: usize = 0;
const DIGEST_KEY: usize = 1;
pub(super) const STATE: usize = 2;
pub(super) const STORE: usize = 3;
const DECOY_STORE: usize = 4;
pub(super) const EPOCH: usize = 5;
pub(super) const OLDER: usize = 6;
/// Of the group that is being filled; zeroes where there is none.
pub(super) const FILLING: usize = 7;

impl<R: CryptoRng> SealedStore<R> {
    /// Opens the records that `root` is the root of. What is damaged is read as far as it goes, and not written any more.
    pub(super) fn new(
        vault: Box<LockedVault>,
        root: &Secret32,
        rng: R,
    ) -> Result<Self, (Box<LockedVault>, VaultFileError)> {
        let state = State::open(&state::key(root), &vault.header.sealed_state).ok();
        let keys = match guarded(root, state.as_ref()) {
            Ok(keys) => keys,
            Err(_) => return Err((vault, VaultFileError::MemoryLock)),
        };
        let epoch = state.as_ref().map_or(0, |state| state.epoch.number);
        let older = state.as_ref().and_then(|state| Some(state.older.as_ref()?.number));
        let (digest, salvage) = (Digest::default(), None);
        let mut store = Self {
            vault,
            keys,
            epoch,
            older,
            digest,
            rng,
            deferring: false,
            pending: Pending::new(),
            groups: Groups::default(),
            fronts: BTreeMap::new(),
            leaving: None,
            salvage,
        };
        store.name_tables();
        let opened = match &state {
            Some(state) if state.wipe == Wipe::Records => store.begin_anew(state),
            Some(_) if store.vault.database.is_none() => Err(StoreError::Damaged),
            Some(state) => store.verify(state.commits),
            None => Err(StoreError::Damaged),
        };
        let opened = opened.and_then(|()| store.mark_all());
        let opened = opened.or_else(|error| store.read_only(error, state.is_some()));
        match opened.and_then(|()| store.find_store_key()) {
            Ok(()) => Ok(store),
            Err(error) => Err((store.vault, error.into())),
        }
    }

    fn name_tables(&mut self) {
        self.fronts = TABLES.into_iter().map(|table| (table, self.front_of(table))).collect();
    }

    /// Begins a new vault's records.
    pub(super) fn begin(
        vault: Box<LockedVault>,
        root: &Secret32,
        state: &State,
        rng: R,
    ) -> Result<Self, VaultFileError> {
        let keys = guarded(root, Some(state)).map_err(|_| VaultFileError::MemoryLock)?;
        let mut store = Self {
            vault,
            keys,
            epoch: state.epoch.number,
            older: None,
            digest: Digest::default(),
            rng,
            deferring: false,
            pending: Pending::new(),
            groups: Groups::default(),
            fronts: BTreeMap::new(),
            leaving: None,
            salvage: None,
        };
        store.name_tables();
        store.begin_records()?;
        store.keys.set(STORE, &Secret32::random(&mut store.rng));
        store.write_store_key()?;
        Ok(store)
    }

    /// A taken-over file's records: what was there before goes, whatever it is. Until the header says that they were begun nothing
    /// is written into them, so that this can be done again.
    fn begin_anew(&mut self, state: &State) -> Result<(), StoreError> {
        self.vault.begin_area().map_err(of_store)?;
        self.begin_records()?;
        if let StoreKeyAt::Here(key) = &state.store_key {
            self.keys.set(STORE, key);
        }
        self.write_store_key().map_err(of_store)?;
        let state = State { wipe: Wipe::History, store_key: StoreKeyAt::Apart, ..state.clone() };
        self.write_state(&state).map_err(of_store)
    }

    /// Says something in the header's secret part.
    pub(super) fn write_state(&mut self, state: &State) -> Result<(), VaultFileError> {
        let key = self.keys.copy(STATE);
        let keys = StateKeys { state: &key, digest: self.keys.key(DIGEST_KEY) };
        self.vault.write_state(state, &keys, None, &mut self.rng)
    }

    fn begin_records(&mut self) -> Result<(), StoreError> {
        self.digest = Digest::of_commits(1);
        let sealed = self.digest.seal(self.keys.key(DIGEST_KEY), &mut self.rng);
        let transaction = self.vault.database()?.begin_write().map_err(failed("beginning"))?;
        transaction.open_table(KEYS).map_err(failed("writing"))?;
        transaction.open_table(RECORDS).map_err(failed("writing"))?;
        drop(GroupTables::open(&transaction)?);
        {
            let mut whole = transaction.open_table(WHOLE).map_err(failed("writing"))?;
            whole.insert(DIGEST, sealed.as_slice()).map_err(failed("writing"))?;
        }
        transaction.commit().map_err(failed("committing"))
    }

    /// The digest that the file holds.
    fn whole(&self) -> Result<Digest, StoreError> {
        self.vault.digest(self.keys.key(DIGEST_KEY))
    }

    /// Adds up what is there and compares it with what should be.
    fn verify(&mut self, commits_at_least: u64) -> Result<(), StoreError> {
        let expected = self.whole()?;
        let transaction = self.vault.database()?.begin_read().map_err(failed("reading"))?;
        let keys = transaction.open_table(KEYS).map_err(gone)?;
        let records = transaction.open_table(RECORDS).map_err(gone)?;
        let (groups, mut known) = (table_of(&transaction)?, KnownGroups::default());
        let mut found = Digest::of_commits(expected.commits);
        for row in keys.iter().map_err(failed("reading"))? {
            let (name, value) = row.map_err(failed("reading"))?;
            let name = name.value().try_into().map_err(|_| StoreError::Damaged)?;
            let held = self.unwrap_among(&name, value.value(), groups.as_ref(), &mut known)?;
            found.add(&self.member(Version { name: &name, written: held.written }, &held.key));
        }
        // The sum is over the keys; that each opens a record, and nothing else lies there, is told by both counts.
        let held = records.len().map_err(failed("reading"))?;
        if found != expected || held != expected.count || expected.commits < commits_at_least {
            return Err(StoreError::Damaged);
        }
        self.digest = expected;
        Ok(())
    }

    /// After damage: from now on only what can still be read. Any other error stays one.
    fn read_only(&mut self, error: StoreError, has_state: bool) -> Result<(), StoreError> {
        if !matches!(error, StoreError::Damaged) {
            return Err(error);
        }
        let salvage = if has_state {
            Salvage::of(&self.vault.file, AREA_BYTES, |epoch| self.epoch_key(epoch).ok())
        } else {
            Ok(Salvage::none(&self.vault.file))
        };
        // The file itself could not be read: then nothing of it can.
        self.salvage = Some(salvage.unwrap_or_else(|_| Salvage::none(&self.vault.file)));
        self.vault.damaged = !self.vault.unwritable;
        Ok(())
    }

    /// Nothing is known of what lies in the file beyond what is there.
    fn mark_all(&mut self) -> Result<(), StoreError> {
        let groups = self.all_groups()?;
        self.groups.mark_all(groups);
        self.drop_filling_key();
        self.leaving = None;
        Ok(())
    }

    /// Whether the file is damaged, or on a disk that cannot be written, and only read.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.salvage.is_some()
    }

    /// Whether bytes of the file are not what was written: then it is only read.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        self.is_read_only() && self.vault.is_damaged()
    }

    /// Whether stored is to be told to wipe.
    #[must_use]
    pub fn is_to_wipe(&self) -> bool {
        self.state().is_ok_and(|state| state.wipe != Wipe::Nothing)
    }

    /// The key of stored's database.
    #[must_use]
    pub fn store_key(&self) -> &[u8; 32] {
        self.keys.key(STORE)
    }

    /// The key of the decoy's database.
    #[must_use]
    pub fn decoy_store_key(&self) -> &[u8; 32] {
        self.keys.key(DECOY_STORE)
    }

    /// The file under it, for what asks for the passphrase anew.
    pub fn file(&mut self) -> &mut LockedVault {
        &mut self.vault
    }

    /// From now on changes are durable only after a flush: who answers for them flushes before.
    pub fn defer(&mut self) {
        self.deferring = true;
    }

    /// Drops the keys.
    #[must_use]
    pub fn lock(self) -> Box<LockedVault> {
        self.vault
    }

    pub(super) fn name(&self, table: Table, id: &[u8]) -> Name {
        let mut name = [0; TABLE_BYTES + 32];
        let (front, back) = name.split_at_mut(TABLE_BYTES);
        front.copy_from_slice(&self.table_name(table));
        back.copy_from_slice(&kdf::mac_under(self.keys.key(INDEX), &[b"record", &[table as u8], id]));
        name
    }

    fn table_name(&self, table: Table) -> [u8; TABLE_BYTES] {
        self.fronts.get(&table).copied().unwrap_or_else(|| self.front_of(table))
    }

    fn front_of(&self, table: Table) -> [u8; TABLE_BYTES] {
        let mac = kdf::mac_under(self.keys.key(INDEX), &[b"table", &[table as u8]]);
        mac.first_chunk().copied().unwrap_or_default()
    }

    /// The header's secret part as it is in the file.
    pub(super) fn state(&self) -> Result<State, StoreError> {
        State::open(&self.keys.copy(STATE), &self.vault.header.sealed_state).map_err(damaged)
    }

    /// The digest's entry as it should stand in the file.
    pub(super) fn sealed_digest(&mut self, digest: Digest) -> Vec<u8> {
        digest.seal(self.keys.key(DIGEST_KEY), &mut self.rng)
    }

    /// Makes it durable, in one transaction.
    fn write(&mut self, pending: &Pending) -> Result<(), StoreError> {
        let mut digest = self.digest;
        let mut writes = Vec::with_capacity(pending.len());
        for ((table, id), record) in pending {
            digest.commits = digest.commits.saturating_add(1);
            let name = self.name(*table, id);
            let version = Version { name: &name, written: digest.commits };
            let new = record.as_ref().map(|record| self.sealed(version, id, record)).transpose()?;
            writes.push((name, new));
        }
        let transaction = self.transaction()?;
        self.write_entries(&transaction, &writes, &mut digest)?;
        insert_digest(&transaction, &self.sealed_digest(digest))?;
        transaction.commit().map_err(failed("committing"))?;
        self.digest = digest;
        Ok(())
    }

    fn write_entries(
        &mut self,
        transaction: &redb::WriteTransaction,
        writes: &[(Name, Option<Sealed>)],
        digest: &mut Digest,
    ) -> Result<(), StoreError> {
        let mut keys = transaction.open_table(KEYS).map_err(failed("writing"))?;
        let mut records = transaction.open_table(RECORDS).map_err(failed("writing"))?;
        let mut groups = GroupTables::open(transaction)?;
        for (name, new) in writes {
            if let Some(old) = self.take_old(name, &mut keys, &groups)? {
                digest.remove(&self.member(Version { name, written: old.written }, &old.key));
            }
            let Some(Sealed { written, key, record }) = new else {
                drop(records.remove(name.as_slice()).map_err(failed("writing"))?);
                continue;
            };
            let version = Version { name, written: *written };
            digest.add(&self.member(version, key));
            let wrapped = self.wrap(version, key, &mut groups)?;
            keys.insert(name.as_slice(), wrapped.as_slice()).map_err(failed("writing"))?;
            records.insert(name.as_slice(), record.as_slice()).map_err(failed("writing"))?;
        }
        Ok(())
    }

    fn member(&self, version: Version<'_>, key: &Secret32) -> [u8; 32] {
        digest::member(self.keys.key(DIGEST_KEY), version, key)
    }

    /// One write, sealed under a key of its own.
    fn sealed(&mut self, version: Version<'_>, id: &[u8], record: &[u8]) -> Result<Sealed, StoreError> {
        let key = Secret32::random(&mut self.rng);
        let record = entry::seal(version, &key, id, record).map_err(damaged)?;
        Ok(Sealed { written: version.written, key, record })
    }

    pub(super) fn transaction(&self) -> Result<redb::WriteTransaction, StoreError> {
        self.writable()?.begin_write().map_err(failed("beginning"))
    }

    fn writable(&self) -> Result<&redb::Database, StoreError> {
        if self.is_read_only() { Err(StoreError::ReadOnly) } else { self.vault.database() }
    }

    /// A new epoch's keys from a state that the header holds by now.
    pub(super) fn take_epochs(&mut self, state: &State) -> Result<(), StoreError> {
        self.keys.set(EPOCH, &state.epoch.key);
        self.keys.set(OLDER, &state.older.as_ref().map_or_else(Secret32::zero, |older| older.key.clone()));
        self.epoch = state.epoch.number;
        self.older = state.older.as_ref().map(|Epoch { number, .. }| *number);
        Ok(())
    }
}

/// By table and id; `None` where it is deleted.
type Pending = BTreeMap<(Table, Vec<u8>), Option<SecretBytes>>;

/// A record as it is written, and its key, which is not wrapped yet.
struct Sealed {
    written: u64,
    key: Secret32,
    record: Vec<u8>,
}

/// Everything that follows from a root, in memory of its own.
fn guarded(root: &Secret32, state: Option<&State>) -> std::io::Result<GuardedKeys> {
    let none = Secret32::zero();
    GuardedKeys::new(&[
        &kdf::label(root, &[b"privatus/vault/index/v1"]),
        &digest_key(root),
        &state::key(root),
        &store_key(root),
        &decoy_store_key(root),
        state.map_or(&none, |state| &state.epoch.key),
        state.and_then(|state| state.older.as_ref()).map_or(&none, |older| &older.key),
        &none,
    ])
}

pub(super) fn insert_digest(transaction: &redb::WriteTransaction, sealed: &[u8]) -> Result<(), StoreError> {
    let mut whole = transaction.open_table(WHOLE).map_err(failed("writing"))?;
    whole.insert(DIGEST, sealed).map_err(failed("writing"))?;
    Ok(())
}

impl<R: CryptoRng> Store for SealedStore<R> {
    fn read(&self, table: Table, id: &[u8]) -> Result<Option<SecretBytes>, StoreError> {
        if let Some(pending) = self.pending.get(&(table, id.to_vec())) {
            return Ok(pending.clone());
        }
        let name = self.name(table, id);
        if let Some(salvage) = &self.salvage {
            return Ok(salvage.read(&name).map(|(_, record)| record));
        }
        let transaction = self.vault.database()?.begin_read().map_err(failed("reading"))?;
        let keys = transaction.open_table(KEYS).map_err(gone)?;
        let records = transaction.open_table(RECORDS).map_err(gone)?;
        let Some(key) = keys.get(name.as_slice()).map_err(failed("reading"))? else { return Ok(None) };
        let groups = table_of(&transaction)?;
        let held = self.unwrap(&name, key.value(), |group| self.group_key(groups.as_ref(), group))?;
        let sealed = records.get(name.as_slice()).map_err(failed("reading"))?.ok_or(StoreError::Damaged)?;
        let version = Version { name: &name, written: held.written };
        let (found, record) = entry::open(version, &held.key, sealed.value()).map_err(damaged)?;
        if found == id { Ok(Some(record)) } else { Err(StoreError::Damaged) }
    }

    fn page(&self, table: Table, after: Option<&[u8]>, at_most: usize) -> Result<Vec<Row>, StoreError> {
        let front = self.table_name(table);
        // The first name after that of `after`.
        let from =
            after.map_or_else(|| front.to_vec(), |id| [self.name(table, id).as_slice(), &[0]].concat());
        if let Some(salvage) = &self.salvage {
            return Ok(salvage.page(&front, &from, at_most));
        }
        let transaction = self.vault.database()?.begin_read().map_err(failed("reading"))?;
        let keys = transaction.open_table(KEYS).map_err(gone)?;
        let records = transaction.open_table(RECORDS).map_err(gone)?;
        let (groups, mut known) = (table_of(&transaction)?, KnownGroups::default());
        let mut rows = Vec::new();
        let mut sealed = records.range(from.as_slice()..).map_err(failed("reading"))?;
        for row in keys.range(from.as_slice()..).map_err(failed("reading"))?.take(at_most) {
            let (name, key) = row.map_err(failed("reading"))?;
            if !name.value().starts_with(&front) {
                break;
            }
            // Both tables hold the same names, in the same order.
            let (same_name, sealed) = sealed.next().ok_or(StoreError::Damaged)?.map_err(failed("reading"))?;
            let name: Name = name.value().try_into().map_err(|_| StoreError::Damaged)?;
            if same_name.value() != name {
                return Err(StoreError::Damaged);
            }
            let held = self.unwrap_among(&name, key.value(), groups.as_ref(), &mut known)?;
            let version = Version { name: &name, written: held.written };
            rows.push(entry::open(version, &held.key, sealed.value()).map_err(damaged)?);
        }
        rows.retain(|(id, _)| !self.pending.contains_key(&(table, id.clone())));
        let pending = self.pending.range((table, Vec::new())..).take_while(|((of, _), _)| *of == table);
        rows.extend(pending.filter_map(|((_, id), record)| Some((id.clone(), record.clone()?))));
        Ok(rows)
    }

    fn commit(&mut self, changes: &Changes) -> Result<(), StoreError> {
        self.writable()?;
        // Told to whoever wrote it: at the flush it would take what others wrote with it.
        if !changes.iter().all(|(_, id, record)| record.is_none_or(|record| entry::fits(id, record))) {
            return Err(StoreError::Damaged);
        }
        for (table, id, record) in changes.iter() {
            self.pending.insert((table, id.to_vec()), record.cloned());
        }
        if self.deferring { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        let pending = std::mem::take(&mut self.pending);
        if pending.is_empty() {
            return Ok(());
        }
        let written = self.write(&pending);
        if written.is_err() {
            self.groups.failed();
            self.drop_filling_key();
        }
        written
    }

    fn reload(&mut self) -> Result<(), StoreError> {
        if self.is_read_only() {
            return Ok(());
        }
        self.pending.clear();
        self.vault.reopen()?;
        self.digest = self.whole()?;
        self.mark_all()
    }
}

impl<R> std::fmt::Debug for SealedStore<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SealedStore({:?})", self.vault)
    }
}

/// A table that this vault always has.
pub(super) fn gone(error: redb::TableError) -> StoreError {
    match error {
        redb::TableError::Storage(error) => failed("reading")(error),
        _ => StoreError::Damaged,
    }
}
