//! The core: every call that stored or ui may make of the keys, on any store. No clock, no randomness of its own, no I/O
//! but the store's. Each call is bound to one session, queue and purpose, is idempotent by an id that the caller chose, and
//! is durable before it answers (docs/architecture.md, "Crash rules").

mod accept;
mod addresses;
#[cfg(any(test, fuzzing))]
mod fuzz;
mod invite_records;
mod invites;
mod limits;
mod messages;
mod moment;
mod open;
mod record;
mod records;
mod repair;
mod repair_records;
mod replicas;
mod signing;
mod verification;

use ipc_schema::Timestamp;
use rand_core::CryptoRng;

pub use accept::{AcceptInvite, AcceptedInvite, OpenedInvite};
pub use addresses::{ContactAddress, PublishedAddress};
#[cfg(any(test, fuzzing))]
pub(crate) use fuzz::fuzz_record;
pub use invites::FinishedInvite;
pub use limits::{
    ACCEPTS_MAX, ADDRESS_RENEWED, ADDRESS_VALID, DUPLICATE_FOR, FORMER_KEPT, HELD_AT_RELAY, INVITE_GRACE,
    INVITE_LIFETIME, KEPT_MAX, NEW_CONTACTS_MAX, NEW_CONTACTS_WITHIN, PEER_QUEUES_MAX, REPAIR_EVERY,
    REPAIR_KEPT, REPAIR_RENEWED, REPAIR_VALID, VISITORS_MAX,
};
pub use messages::{OutgoingEnvelope, PeerQueue, SealEnvelope};
pub use open::{IncomingEnvelope, Opened};
pub use records::{Created, News};
pub use repair::RepairSession;
pub use signing::{Purpose, Sign};
pub use verification::Shown;

use crate::error::{Thing, VaultError};
use crate::identity::SafetyNumber;
use crate::ids::{PeerQueueId, ReplicaId, SessionId};
use crate::ratchet::SKIPPED_KEPT;
use crate::store::{Changes, Store, Table};
use invite_records::InviteRecord;
use record::{PutRecord, Record};
use records::{ContactRecord, MetaRecord, OpenedRecord, SessionRecord, UsedRecord};
use repair_records::{FormerRecord, RepairRecord, ReplayRecord};

const META_ID: &[u8] = b"vault";

/// The unlocked vault.
pub struct Vault<S> {
    store: S,
    meta: MetaRecord,
    /// Un-forgotten answers in the store.
    kept: usize,
}

/// What there is to say about a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionInfo {
    /// Chosen by the vault, never 0.
    pub session: SessionId,
    /// Own receive queues.
    pub replicas: Vec<ReplicaId>,
    /// Queues of the peer.
    pub peer_queues: Vec<PeerQueueId>,
}

impl<S: Store> Vault<S> {
    /// The vault in an unlocked store.
    ///
    /// # Errors
    /// `Store`.
    pub fn open(store: S) -> Result<Self, VaultError> {
        let meta = store.read(MetaRecord::TABLE, META_ID)?;
        let meta = meta.map(|bytes| MetaRecord::decode(&bytes)).transpose()?.unwrap_or_default();
        let mut vault = Self { store, meta, kept: 0 };
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

    /// All sessions, in no particular order.
    ///
    /// # Errors
    /// `Store`.
    pub fn sessions(&self) -> Result<Vec<SessionInfo>, VaultError> {
        let rows = self.store.all(SessionRecord::TABLE)?;
        rows.iter()
            .map(|(id, bytes)| {
                let record = SessionRecord::decode(bytes)?;
                let session = SessionId(u64::from_be_bytes(id.as_slice().try_into().unwrap_or_default()));
                Ok(SessionInfo { session, replicas: record.replicas, peer_queues: record.peer_queues })
            })
            .collect()
    }

    /// What two people compare.
    ///
    /// # Errors
    /// `NoSuch(Session)`, `Store`.
    pub fn safety_number(&self, session: SessionId) -> Result<SafetyNumber, VaultError> {
        let contact: ContactRecord = self.require(&session.key(), Thing::Session)?;
        Ok(SafetyNumber::of(&contact.own.public().id(), &contact.peer.id()))
    }

    /// Queues and verification of one session.
    ///
    /// # Errors
    /// `NoSuch(Session)`, `Store`.
    pub fn session(&self, session: SessionId) -> Result<(SessionInfo, bool), VaultError> {
        let record: SessionRecord = self.require(&session.key(), Thing::Session)?;
        let contact: ContactRecord = self.require(&session.key(), Thing::Session)?;
        let info = SessionInfo { session, replicas: record.replicas, peer_queues: record.peer_queues };
        Ok((info, contact.verified))
    }

    /// Drops every key of a contact, and the plaintext of kept answers. Idempotent.
    ///
    /// # Errors
    /// `Store`.
    pub fn remove_session(&mut self, session: SessionId, now: Timestamp) -> Result<(), VaultError> {
        let Some(record) = self.load::<SessionRecord>(&session.key())? else { return Ok(()) };
        let mut changes = Changes::default();
        changes.delete(SessionRecord::TABLE, &session.key());
        changes.delete(ContactRecord::TABLE, &session.key());
        changes.delete(RepairRecord::TABLE, &session.key());
        changes.delete(Table::Comparison, &session.key());
        self.forget_visitor(session, &mut changes)?;
        changes.delete(FormerRecord::TABLE, &session.key());
        for queue in &record.peer_queues {
            changes.delete(records::PeerQueueRecord::TABLE, &queue.key());
        }
        for replica in &record.replicas {
            // An address's queue serves others too.
            let kept = self.load::<records::ReplicaRecord>(&replica.key())?;
            if kept.is_some_and(|kept| kept.address.is_none()) {
                changes.delete(records::ReplicaRecord::TABLE, &replica.key());
            }
        }
        for (id, bytes) in self.store.all(records::OutboxRecord::TABLE)? {
            if records::OutboxRecord::decode(&bytes)?.session == session {
                changes.delete(records::OutboxRecord::TABLE, &id);
            }
        }
        for (id, bytes) in self.store.all(OpenedRecord::TABLE)? {
            let record = OpenedRecord::decode(&bytes)?;
            // The plaintext goes; the hash still tells a duplicate.
            if matches!(record, OpenedRecord::Kept(kept) if kept.session == session) {
                changes.put(OpenedRecord::TABLE, &id, OpenedRecord::Forgotten(now).encode()?);
            }
        }
        self.store.commit(&changes)?;
        self.kept = self.count_kept()?;
        Ok(())
    }

    /// Drops what has outlived its use. To be called at unlock and once an hour; nothing depends on when.
    ///
    /// # Errors
    /// `Store`.
    pub fn sweep(&mut self, now: Timestamp) -> Result<(), VaultError> {
        let mut changes = Changes::default();
        for (id, bytes) in self.store.all(OpenedRecord::TABLE)? {
            if matches!(OpenedRecord::decode(&bytes)?, OpenedRecord::Forgotten(at) if now.since(at) > DUPLICATE_FOR)
            {
                changes.delete(OpenedRecord::TABLE, &id);
            }
        }
        for (id, bytes) in self.store.all(UsedRecord::TABLE)? {
            if now.since(UsedRecord::decode(&bytes)?.at) > SKIPPED_KEPT {
                changes.delete(UsedRecord::TABLE, &id);
            }
        }
        // A session in which something is said does this by itself.
        for (id, bytes) in self.store.all(SessionRecord::TABLE)? {
            let mut record = SessionRecord::decode(&bytes)?;
            if record.ratchet.forget_skipped(now) {
                changes.put_record(&id, &record)?;
            }
        }
        for (id, bytes) in self.store.all(FormerRecord::TABLE)? {
            if now.since(FormerRecord::decode(&bytes)?.since) > FORMER_KEPT {
                changes.delete(FormerRecord::TABLE, &id);
            }
        }
        for (id, bytes) in self.store.all(ReplayRecord::TABLE)? {
            if now > ReplayRecord::decode(&bytes)?.until {
                changes.delete(ReplayRecord::TABLE, &id);
            }
        }
        self.sweep_invites(now, &mut changes)?;
        if changes.is_empty() { Ok(()) } else { Ok(self.store.commit(&changes)?) }
    }

    fn load<R: Record>(&self, id: &[u8]) -> Result<Option<R>, VaultError> {
        let bytes = self.store.read(R::TABLE, id)?;
        Ok(bytes.map(|bytes| R::decode(&bytes)).transpose()?)
    }

    fn require<R: Record>(&self, id: &[u8], thing: Thing) -> Result<R, VaultError> {
        self.load(id)?.ok_or(VaultError::NoSuch(thing))
    }

    fn count_kept(&self) -> Result<usize, VaultError> {
        let mut kept = self.store.all(records::OutboxRecord::TABLE)?.len();
        for (_, bytes) in self.store.all(OpenedRecord::TABLE)? {
            kept += usize::from(matches!(OpenedRecord::decode(&bytes)?, OpenedRecord::Kept(_)));
        }
        Ok(kept)
    }

    fn has_room_for_answer(&self) -> Result<(), VaultError> {
        if self.kept < KEPT_MAX { Ok(()) } else { Err(VaultError::TooManyKept) }
    }

    /// Notes one more new contact in `changes`; the caller keeps the returned record once it has committed.
    fn count_contact(&self, now: Timestamp, changes: &mut Changes) -> Result<MetaRecord, VaultError> {
        let mut meta = self.meta.clone();
        count(&mut meta.contacts_made, NEW_CONTACTS_MAX, now)?;
        changes.put(MetaRecord::TABLE, META_ID, meta.encode()?);
        Ok(meta)
    }

    /// The same for somebody who came through an own address.
    fn count_visitor(&self, now: Timestamp, changes: &mut Changes) -> Result<MetaRecord, VaultError> {
        let mut meta = self.meta.clone();
        count(&mut meta.visits, VISITORS_MAX, now)?;
        changes.put(MetaRecord::TABLE, META_ID, meta.encode()?);
        Ok(meta)
    }

    /// A fresh number that no record of the table has.
    fn fresh_id<R: Record>(&self, rng: &mut impl CryptoRng) -> Result<u64, VaultError> {
        loop {
            let id = rng.next_u64();
            // 0 is what a record says where there is none.
            if id != 0 && self.store.read(R::TABLE, &id.to_be_bytes())?.is_none() {
                return Ok(id);
            }
        }
    }

    fn invites(&self) -> Result<Vec<(Vec<u8>, InviteRecord)>, VaultError> {
        let rows = self.store.all(InviteRecord::TABLE)?;
        rows.into_iter().map(|(id, bytes)| Ok((id, InviteRecord::decode(&bytes)?))).collect()
    }
}

/// Adds one to what happened within the last hour, or says when there is room.
fn count(moments: &mut Vec<Timestamp>, max: usize, now: Timestamp) -> Result<(), VaultError> {
    // A moment ahead of a clock that was set back counts as recent: `since` is zero then.
    moments.retain(|at| now.since(*at) < NEW_CONTACTS_WITHIN);
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

#[cfg(test)]
mod tests;
#[cfg(test)]
mod worlds;
