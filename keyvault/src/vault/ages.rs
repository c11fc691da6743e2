//! How old what is kept is, by a clock that may be wrong, or have been.
//!
//! What was kept while the clock was ahead would stay for years once it is right; and a clock that was set back for an hour must not have
//! all go that lies ahead of it then. Nobody can say which of two clocks is wrong. So what lies ahead goes once something has lain ahead
//! for as long as it is kept at all.

use std::time::Duration;

use ipc_schema::Timestamp;

use super::record::{PutRecord, Record};
use super::unlocked::Vault;
use crate::codec::{Malformed, Reader, Writer};
use crate::error::VaultError;
use crate::store::{Changes, Store, Table};

const SET_BACK_ID: &[u8] = b"set back";

/// Since when, by the clock as it goes now, what is kept lies ahead of it.
struct SetBackRecord(Timestamp);

impl Record for SetBackRecord {
    const TABLE: Table = Table::Meta;

    fn write(&self, writer: &mut Writer) -> Result<(), Malformed> {
        writer.u64(self.0.0);
        Ok(())
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self(Timestamp(reader.u64()?)))
    }
}

/// What one sweep judges by.
pub(super) struct Ages {
    now: Timestamp,
    set_back: Option<Timestamp>,
    /// Something that stays lies ahead.
    ahead: bool,
}

impl Ages {
    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    /// Whether what was kept at `at` is to go, if it is kept for `life`.
    pub(super) fn is_over(&mut self, at: Timestamp, life: Duration) -> bool {
        let since = if at <= self.now { Some(at) } else { self.set_back };
        let is_over = since.and_then(|since| since.age(self.now)).is_some_and(|age| age > life);
        self.ahead |= at > self.now && !is_over;
        is_over
    }
}

impl<S: Store> Vault<S> {
    pub(super) fn ages(&self, now: Timestamp) -> Result<Ages, VaultError> {
        let set_back = self.load::<SetBackRecord>(SET_BACK_ID)?.map(|record| record.0);
        // Set back once more: the wait begins anew.
        Ok(Ages { now, set_back: set_back.filter(|since| *since <= now), ahead: false })
    }

    /// Notes in `changes` what the next sweep has to know.
    pub(super) fn note_ages(&self, ages: &Ages, changes: &mut Changes) -> Result<(), VaultError> {
        let noted = self.load::<SetBackRecord>(SET_BACK_ID)?.map(|record| record.0);
        let since = ages.ahead.then(|| ages.set_back.unwrap_or(ages.now));
        match since {
            Some(since) if noted != Some(since) => changes.put_record(SET_BACK_ID, &SetBackRecord(since)),
            None if noted.is_some() => {
                changes.delete(SetBackRecord::TABLE, SET_BACK_ID);
                Ok(())
            }
            Some(_) | None => Ok(()),
        }
    }
}
