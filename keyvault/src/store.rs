//! Where the vault keeps its records: tables of sealed values, changed in transactions that are durable before they return.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::memory::SecretBytes;

/// One kind of record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Table {
    /// Store key, flags, when contacts were made.
    Meta = 1,
    /// Own invites.
    Invite = 2,
    /// Opened invites of others.
    Accept = 3,
    /// Own receive queues.
    ReceiveQueue = 4,
    /// Sessions: what changes with every message.
    Session = 5,
    /// Queues of peers.
    PeerQueue = 6,
    /// Kept answers to `seal_envelope`.
    Outbox = 7,
    /// Kept answers to `open_envelope`; of earlier versions also what remains of forgotten ones.
    Opened = 8,
    /// Message numbers that were used, of earlier versions: they go within 30 days.
    Used = 9,
    /// Who the two sides of a session are: what stays.
    Contact = 10,
    /// What a session is opened anew with, should it break.
    Repair = 11,
    /// The ratchet of a session before it was opened anew: still opens what is under way.
    Former = 12,
    /// Own contact addresses.
    Address = 13,
    /// Who came through an own address.
    Visitor = 14,
    /// Other people's addresses that were contacted.
    Contacted = 15,
    /// Key agreements whose keys serve more than once.
    Replay = 16,
    /// Comparisons of a short authentication string.
    Comparison = 17,
    /// Which inner blocks of a session were opened, and under which numbers.
    Marks = 18,
}

/// Every table, for whoever walks them.
pub const TABLES: [Table; 18] = [
    Table::Meta,
    Table::Invite,
    Table::Accept,
    Table::ReceiveQueue,
    Table::Session,
    Table::PeerQueue,
    Table::Outbox,
    Table::Opened,
    Table::Used,
    Table::Contact,
    Table::Repair,
    Table::Former,
    Table::Address,
    Table::Visitor,
    Table::Contacted,
    Table::Replay,
    Table::Comparison,
    Table::Marks,
];

/// The store could not do it; nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file could not be read or written (full disk, revoked descriptor).
    #[error("vault file: {doing} failed")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The file failed before and could not be opened anew yet.
    #[error("vault file is closed after a failure")]
    Closed,
    /// A record is not what this vault wrote.
    #[error("vault file is damaged")]
    Damaged,
    /// The file is damaged, and is only read.
    #[error("vault file is damaged: it can be read and not written")]
    ReadOnly,
}

/// A record by its id, still to be decoded.
pub type Row = (Vec<u8>, SecretBytes);

/// Puts and deletions that happen together or not at all.
#[derive(Default)]
pub struct Changes {
    changes: Vec<(Table, Vec<u8>, Option<SecretBytes>)>,
}

impl Changes {
    /// Writes a record, in place of an older one with the same id.
    pub fn put(&mut self, table: Table, id: &[u8], record: SecretBytes) {
        self.changes.push((table, id.to_vec(), Some(record)));
    }

    /// Deletes a record; one that is not there is fine.
    pub fn delete(&mut self, table: Table, id: &[u8]) {
        self.changes.push((table, id.to_vec(), None));
    }

    /// In the order in which they were made: of two to one id the later holds.
    pub fn iter(&self) -> impl Iterator<Item = (Table, &[u8], Option<&SecretBytes>)> {
        self.changes.iter().map(|(table, id, record)| (*table, id.as_slice(), record.as_ref()))
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

/// Durable records. The sealed file is one, memory (for simulations and tests) another.
pub trait Store {
    /// The record of that id, `None` where there is none.
    ///
    /// # Errors
    /// See [`StoreError`].
    fn read(&self, table: Table, id: &[u8]) -> Result<Option<SecretBytes>, StoreError>;

    /// Every record of a table, in no particular order.
    ///
    /// # Errors
    /// See [`StoreError`].
    fn all(&self, table: Table) -> Result<Vec<Row>, StoreError> {
        self.page(table, None, usize::MAX)
    }

    /// The next records of a table, at most so many: those behind the one with the id `after`, whether that is still there or not, in an
    /// order of the store's own. What is put meanwhile may be met or not.
    ///
    /// # Errors
    /// See [`StoreError`].
    fn page(&self, table: Table, after: Option<&[u8]>, at_most: usize) -> Result<Vec<Row>, StoreError>;

    /// Makes all changes, or none. They are durable when this returns, unless the store defers that to [`Self::flush`].
    ///
    /// # Errors
    /// See [`StoreError`].
    fn commit(&mut self, changes: &Changes) -> Result<(), StoreError>;

    /// Makes all that was committed durable.
    ///
    /// # Errors
    /// See [`StoreError`]. What was committed since the last flush may be lost then; [`Self::reload`] tells.
    fn flush(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Begins anew from what is durable, after a failure.
    ///
    /// # Errors
    /// See [`StoreError`]; every call fails until this succeeds.
    fn reload(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Records in memory. A clone is what a crash at that moment would leave behind.
#[derive(Clone, Default)]
pub struct MemoryStore {
    records: BTreeMap<(Table, Vec<u8>), SecretBytes>,
}

impl Store for MemoryStore {
    fn read(&self, table: Table, id: &[u8]) -> Result<Option<SecretBytes>, StoreError> {
        Ok(self.records.get(&(table, id.to_vec())).cloned())
    }

    fn page(&self, table: Table, after: Option<&[u8]>, at_most: usize) -> Result<Vec<Row>, StoreError> {
        let front = (table, after.unwrap_or_default().to_vec());
        let behind = if after.is_some() { Bound::Excluded(front) } else { Bound::Included(front) };
        let rows = self.records.range((behind, Bound::Unbounded));
        let rows = rows.take_while(|((of, _), _)| *of == table).take(at_most);
        Ok(rows.map(|((_, id), record)| (id.clone(), record.clone())).collect())
    }

    fn commit(&mut self, changes: &Changes) -> Result<(), StoreError> {
        for (table, id, record) in changes.iter() {
            match record {
                Some(record) => self.records.insert((table, id.to_vec()), record.clone()),
                None => self.records.remove(&(table, id.to_vec())),
            };
        }
        Ok(())
    }
}
