//! The records of an unlocked vault file.

use rand_core::CryptoRng;
use redb::{Durability, ReadableDatabase, TableDefinition};

use super::{LockedVault, VaultFileError};
use crate::codec::{Reader, Writer};
use crate::kdf::{self, NONCE_BYTES, TAG_BYTES};
use crate::memory::{GuardedKeys, Secret, Secret32, SecretBytes};
use crate::store::{Changes, Row, Store, StoreError, Table};

/// table's pseudonym 16 ‖ record's pseudonym 32 → nonce 24 ‖ tag 16 ‖ {id length 2 ‖ id ‖ record}.
const RECORDS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("records");
const TABLE_BYTES: usize = 16;

/// An unlocked vault file: whoever has the file sees how many records there are and how large, not what of.
pub struct SealedStore<R> {
    vault: Box<LockedVault>,
    /// First: names records. Second: seals them.
    keys: GuardedKeys,
    rng: R,
    /// Commits wait for a flush, so that many share one.
    deferring: bool,
    /// Something waits for a flush.
    unflushed: bool,
}

impl<R: CryptoRng> SealedStore<R> {
    pub(super) fn new(
        vault: Box<LockedVault>,
        root: &Secret32,
        rng: R,
    ) -> Result<Self, (Box<LockedVault>, VaultFileError)> {
        let keys: Secret<64> = kdf::derive(&[], root.expose(), &[b"privatus/vault/records/v1"]);
        match GuardedKeys::new(&keys) {
            Ok(keys) => Ok(Self { vault, keys, rng, deferring: false, unflushed: false }),
            Err(error) => Err((vault, super::io("locking memory")(error))),
        }
    }

    /// Whether a slot opens with this passphrase: some calls ask for it anew.
    ///
    /// # Errors
    /// `WrongPassphrase`, `Cost`.
    pub fn verify(&self, passphrase: &[u8]) -> Result<(), VaultFileError> {
        self.vault.verify(passphrase)
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

    pub(super) fn name(&self, table: Table, id: &[u8]) -> [u8; TABLE_BYTES + 32] {
        let mut name = [0; TABLE_BYTES + 32];
        let (front, back) = name.split_at_mut(TABLE_BYTES);
        front.copy_from_slice(&self.table_name(table));
        back.copy_from_slice(&kdf::mac_under(self.keys.first(), &[b"record", &[table as u8], id]));
        name
    }

    fn table_name(&self, table: Table) -> [u8; TABLE_BYTES] {
        let mac = kdf::mac_under(self.keys.first(), &[b"table", &[table as u8]]);
        mac.first_chunk().copied().unwrap_or_default()
    }

    /// Each record has a key of its own: one cannot be moved to another's place.
    fn record_key(&self, name: &[u8]) -> Secret32 {
        Secret32::take(&mut kdf::mac_under(self.keys.second(), &[b"privatus/vault/record/v1", name]))
    }

    pub(super) fn seal(&mut self, name: &[u8], id: &[u8], record: &[u8]) -> Result<Vec<u8>, StoreError> {
        let mut plain = Writer::with_capacity(2 + id.len() + record.len());
        plain.short_bytes(id).map_err(|_| StoreError::Damaged)?.put(record);
        let mut nonce = [0; NONCE_BYTES];
        self.rng.fill_bytes(&mut nonce);
        let mut sealed = Vec::with_capacity(NONCE_BYTES + TAG_BYTES + plain.as_slice().len());
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&[0; TAG_BYTES]);
        sealed.extend_from_slice(plain.as_slice());
        if let Some((front, body)) = sealed.split_at_mut_checked(NONCE_BYTES + TAG_BYTES) {
            let tag = kdf::seal_random(&self.record_key(name), &nonce, name, body);
            if let Some(place) = front.last_chunk_mut() {
                *place = tag;
            }
        }
        Ok(sealed)
    }

    pub(super) fn open(&self, name: &[u8], sealed: &[u8]) -> Result<Row, StoreError> {
        let damaged = |_| StoreError::Damaged;
        let mut reader = Reader::new(sealed);
        let (nonce, tag) = (reader.array().map_err(damaged)?, reader.array().map_err(damaged)?);
        let body = reader.take(reader.rest()).map_err(damaged)?;
        let mut plain = zeroize::Zeroizing::new(body.to_vec());
        kdf::open_random(&self.record_key(name), &nonce, name, (&mut plain, &tag))
            .map_err(|_| StoreError::Damaged)?;
        let mut reader = Reader::new(&plain);
        let id = reader.short_bytes().map_err(damaged)?.to_vec();
        let record = reader.take(reader.rest()).map_err(damaged)?;
        Ok((id, SecretBytes::new(record.to_vec())))
    }

    fn write(&mut self, changes: &Changes) -> Result<(), StoreError> {
        let mut sealed = Vec::new();
        for (table, id, record) in changes.iter() {
            let name = self.name(table, id);
            let value = record.map(|record| self.seal(&name, id, record)).transpose()?;
            sealed.push((name, value));
        }
        let mut transaction = self.vault.database()?.begin_write().map_err(failed("beginning"))?;
        let durability = if self.deferring { Durability::None } else { Durability::Immediate };
        transaction.set_durability(durability).map_err(failed("beginning"))?;
        {
            let mut records = transaction.open_table(RECORDS).map_err(failed("writing"))?;
            for (name, value) in &sealed {
                match value {
                    Some(value) => {
                        records.insert(name.as_slice(), value.as_slice()).map_err(failed("writing"))?;
                    }
                    None => {
                        records.remove(name.as_slice()).map_err(failed("writing"))?;
                    }
                }
            }
        }
        transaction.commit().map_err(failed("committing"))
    }
}

impl<R: CryptoRng> Store for SealedStore<R> {
    fn read(&self, table: Table, id: &[u8]) -> Result<Option<SecretBytes>, StoreError> {
        let name = self.name(table, id);
        let transaction = self.vault.database()?.begin_read().map_err(failed("reading"))?;
        let records = match transaction.open_table(RECORDS) {
            Ok(records) => records,
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
            Err(error) => return Err(failed("reading")(error)),
        };
        let Some(value) = records.get(name.as_slice()).map_err(failed("reading"))? else {
            return Ok(None);
        };
        let (found, record) = self.open(&name, value.value())?;
        if found == id { Ok(Some(record)) } else { Err(StoreError::Damaged) }
    }

    fn all(&self, table: Table) -> Result<Vec<Row>, StoreError> {
        let front = self.table_name(table);
        let transaction = self.vault.database()?.begin_read().map_err(failed("reading"))?;
        let records = match transaction.open_table(RECORDS) {
            Ok(records) => records,
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
            Err(error) => return Err(failed("reading")(error)),
        };
        let mut rows = Vec::new();
        for row in records.range(front.as_slice()..).map_err(failed("reading"))? {
            let (name, value) = row.map_err(failed("reading"))?;
            if !name.value().starts_with(&front) {
                break;
            }
            rows.push(self.open(name.value(), value.value())?);
        }
        Ok(rows)
    }

    fn commit(&mut self, changes: &Changes) -> Result<(), StoreError> {
        self.write(changes)?;
        self.unflushed = self.deferring;
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        if self.unflushed {
            let mut transaction = self.vault.database()?.begin_write().map_err(failed("beginning"))?;
            transaction.set_durability(Durability::Immediate).map_err(failed("beginning"))?;
            transaction.commit().map_err(failed("committing"))?;
            self.unflushed = false;
        }
        Ok(())
    }

    fn reload(&mut self) -> Result<(), StoreError> {
        self.unflushed = false;
        self.vault.reopen()
    }
}

impl<R> std::fmt::Debug for SealedStore<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SealedStore({:?})", self.vault)
    }
}

/// A page whose checksum fails is damage; everything else is the system's fault.
fn failed<E: Into<redb::Error>>(doing: &'static str) -> impl Fn(E) -> StoreError {
    move |error| match error.into() {
        redb::Error::Corrupted(_) => StoreError::Damaged,
        error => StoreError::Io { doing, source: Box::new(error) },
    }
}
