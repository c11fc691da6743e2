//! Which inner blocks of a session were opened, and which message numbers they used: what tells a duplicate, and a peer that was
//! restored from an old copy (docs/protocol/ratchet.md, "Receiving, on a copy of the state").
//!
//! A session has a *head*, which is written anew with each message until it is full, and a ring of full *segments*, which are only ever
//! written whole, over the oldest. So a message costs the writing of half a page, and a session has a bounded number of these records,
//! however much a peer sends.

use ipc_schema::Timestamp;

use super::record::{PutRecord, Record};
use super::unlocked::Vault;
use crate::codec::{Malformed, Reader, Writer};
use crate::error::VaultError;
use crate::ids::{InnerHash, SessionId};
use crate::ratchet::Accepted;
use crate::store::{Changes, Store, Table};

/// Marks of one record: as many as fit a page of the file with what is around them.
pub const MARKS_A_RECORD: usize = 128;
/// Full records that a session keeps beside the one that fills. Together they remember 16,384 messages at least: 780 a day for as long
/// as a relay may keep the other copy of one (docs/protocol/mailbox.md, "What the commands do").
pub const MARKS_RING: u64 = 128;
/// Of the peer's ratchet key of a chain so much tells it from a session's other chains.
const CHAIN_BYTES: usize = 4;

/// One message that was opened.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// Of the inner block's hash.
    hash: [u8; 16],
    chain: [u8; CHAIN_BYTES],
    number: u32,
}

impl Mark {
    pub(super) fn of(hash: InnerHash, accepted: &Accepted) -> Self {
        Self { hash: hash.cut(), chain: cut(&accepted.chain), number: accepted.number }
    }
}

/// A session's head, or a segment that is full.
#[derive(Default)]
pub(super) struct MarksRecord {
    /// Full ones before it.
    before: u64,
    /// When the last of them was opened, by whichever clock was ahead.
    newest: Timestamp,
    marks: Vec<Mark>,
}

impl MarksRecord {
    pub(super) fn newest(&self) -> Timestamp {
        self.newest
    }

    fn has(&self, hash: InnerHash) -> bool {
        self.marks.iter().any(|mark| mark.hash == hash.cut())
    }

    fn has_used(&self, chain: &[u8; 32], number: u32) -> bool {
        let chain = cut(chain);
        self.marks.iter().any(|mark| mark.number == number && mark.chain == chain)
    }
}

impl Record for MarksRecord {
    const TABLE: Table = Table::Marks;

    fn write(&self, writer: &mut Writer) -> Result<(), Malformed> {
        writer.u64(self.before).u64(self.newest.0);
        writer.u8(u8::try_from(self.marks.len()).map_err(|_| Malformed)?);
        for mark in &self.marks {
            writer.put(&mark.hash).put(&mark.chain).u32(mark.number);
        }
        Ok(())
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (before, newest) = (reader.u64()?, Timestamp(reader.u64()?));
        let marks = (0..reader.u8()?)
            .map(|_| Ok(Mark { hash: reader.array()?, chain: reader.array()?, number: reader.u32()? }))
            .collect::<Result<_, Malformed>>()?;
        Ok(Self { before, newest, marks })
    }
}

impl<S: Store> Vault<S> {
    /// Remembers which inner block used a message number, so that the same bytes are told as a duplicate later, and other bytes under it
    /// as a rollback.
    pub(super) fn note_used(
        &self,
        session: SessionId,
        mark: Mark,
        now: Timestamp,
        changes: &mut Changes,
    ) -> Result<(), VaultError> {
        let mut head = self.head(session)?;
        if head.marks.len() >= MARKS_A_RECORD {
            changes.put_record(&segment_id(session, head.before), &head)?;
            head = MarksRecord { before: head.before.saturating_add(1), ..MarksRecord::default() };
        }
        head.marks.push(mark);
        // A clock that was set back has nothing go early.
        head.newest = head.newest.max(now);
        changes.put_record(&session.key(), &head)
    }

    /// Whether this block was opened just now: nearly every second copy of a message is told by this.
    pub(super) fn was_opened_lately(&self, session: SessionId, hash: InnerHash) -> Result<bool, VaultError> {
        Ok(self.head(session)?.has(hash))
    }

    /// Whether this block is remembered at all.
    pub(super) fn was_opened(&self, session: SessionId, hash: InnerHash) -> Result<bool, VaultError> {
        self.any_marks(session, |marks| marks.has(hash))
    }

    /// Whether it is remembered that the number was used in this chain of the peer.
    pub(super) fn was_used(
        &self,
        session: SessionId,
        chain: &[u8; 32],
        number: u32,
    ) -> Result<bool, VaultError> {
        self.any_marks(session, |marks| marks.has_used(chain, number))
    }

    /// Notes in `changes` that nothing of a session is remembered any more.
    pub(super) fn drop_marks(&self, session: SessionId, changes: &mut Changes) -> Result<(), VaultError> {
        let before = self.head(session)?.before;
        changes.delete(MarksRecord::TABLE, &session.key());
        for at in before.saturating_sub(MARKS_RING)..before {
            changes.delete(MarksRecord::TABLE, &segment_id(session, at));
        }
        Ok(())
    }

    /// Newest first.
    fn any_marks(
        &self,
        session: SessionId,
        found: impl Fn(&MarksRecord) -> bool,
    ) -> Result<bool, VaultError> {
        let head = self.head(session)?;
        if found(&head) {
            return Ok(true);
        }
        for at in (head.before.saturating_sub(MARKS_RING)..head.before).rev() {
            if self.load::<MarksRecord>(&segment_id(session, at))?.is_some_and(|marks| found(&marks)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn head(&self, session: SessionId) -> Result<MarksRecord, VaultError> {
        Ok(self.load(&session.key())?.unwrap_or_default())
    }
}

/// The place in the ring of the segment that had so many before it.
fn segment_id(session: SessionId, before: u64) -> Vec<u8> {
    [session.key().as_slice(), &(before % MARKS_RING).to_be_bytes()].concat()
}

fn cut(chain: &[u8; 32]) -> [u8; CHAIN_BYTES] {
    chain.first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MemoryStore;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);
    const ANN: SessionId = SessionId(1);
    const BEN: SessionId = SessionId(2);

    fn hash(of: u64) -> InnerHash {
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&of.to_be_bytes());
        InnerHash(hash)
    }

    /// Chains of 1,000 messages.
    fn chain(of: u64) -> [u8; 32] {
        let mut chain = [0; 32];
        chain[..4].copy_from_slice(&u32::try_from(of / 1_000).unwrap().to_be_bytes());
        chain
    }

    fn number(of: u64) -> u32 {
        u32::try_from(of % 1_000).unwrap()
    }

    fn open(vault: &mut Vault<MemoryStore>, session: SessionId, messages: std::ops::Range<u64>) {
        for of in messages {
            let mark = Mark { hash: hash(of).cut(), chain: cut(&chain(of)), number: number(of) };
            let mut changes = Changes::default();
            vault.note_used(session, mark, NOW, &mut changes).unwrap();
            vault.store.commit(&changes).unwrap();
        }
    }

    fn records(vault: &Vault<MemoryStore>) -> usize {
        vault.store.all(Table::Marks).unwrap().len()
    }

    #[test]
    fn the_newest_messages_are_remembered_and_their_records_are_no_more_however_many_come() {
        let mut vault = Vault::open(MemoryStore::default()).unwrap();
        open(&mut vault, BEN, 0..3);
        open(&mut vault, ANN, 0..18_000);
        assert_eq!(records(&vault), 1 + 129);
        open(&mut vault, ANN, 18_000..20_000);
        assert_eq!(records(&vault), 1 + 129);
        assert!(vault.store.all(Table::Marks).unwrap().iter().all(|(_, record)| record.len() < 3_200));
        for of in [19_999, 19_900, 18_000, 3_616] {
            assert!(vault.was_opened(ANN, hash(of)).unwrap(), "{of}");
            assert!(vault.was_used(ANN, &chain(of), number(of)).unwrap(), "{of}");
            assert!(!vault.was_used(ANN, &chain(of + 20_000), number(of)).unwrap(), "{of}");
        }
        assert!(vault.was_opened_lately(ANN, hash(19_999)).unwrap());
        assert!(!vault.was_opened_lately(ANN, hash(18_000)).unwrap());
        assert!(!vault.was_opened(ANN, hash(0)).unwrap() && !vault.was_used(ANN, &chain(0), 0).unwrap());
        assert!(vault.was_opened(BEN, hash(0)).unwrap() && !vault.was_opened(BEN, hash(19_999)).unwrap());
        let mut changes = Changes::default();
        vault.drop_marks(ANN, &mut changes).unwrap();
        vault.store.commit(&changes).unwrap();
        assert_eq!(records(&vault), 1);
    }
}
