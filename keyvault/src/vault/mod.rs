//! The core: every call that stored or ui may make of the keys, on any store. No clock, no randomness of its own, no I/O
//! but the store's. Each call is bound to one session, queue and purpose, is idempotent by an id that the caller chose, and
//! is durable before it answers (docs/architecture.md, "Crash rules").

mod accept;
mod addresses;
mod ages;
mod comparison;
mod comparison_runs;
#[cfg(any(test, fuzzing))]
mod fuzz;
mod invite_records;
mod invites;
mod limits;
mod marks;
mod messages;
mod moment;
mod open;
mod opened;
mod read_message;
mod receive_queues;
mod record;
mod records;
mod repair;
mod repair_keys;
mod repair_records;
mod signing;
mod sweep;
mod unlocked;
mod verification;

pub use accept::{AcceptInvite, AcceptedInvite, OpenedInvite};
pub use addresses::{ContactAddress, PublishedAddress};
#[cfg(any(test, fuzzing))]
pub(crate) use fuzz::fuzz_record;
pub use invites::FinishedInvite;
pub use limits::{
    ACCEPTS_MAX, ADDRESS_RENEWED, ADDRESS_VALID, COMPARISONS_MAX, DUPLICATE_FOR, FORMER_KEPT, HELD_AT_RELAY,
    INVITE_GRACE, INVITE_LIFETIME, KEPT_MAX, MISTAKEN_MAX, NEW_CONTACTS_MAX, NEW_CONTACTS_WITHIN,
    PEER_QUEUES_MAX, RECEIVE_QUEUES_MAX, REPAIR_EVERY, REPAIR_KEPT, REPAIR_RENEWED, REPAIR_VALID,
    REPAIRS_A_KEY, REPAIRS_TAKEN, REPAIRS_WITHIN, UNOFFERED_MAX, VISITORS_KEPT_MAX, VISITORS_MAX,
};
pub use marks::{MARKS_A_RECORD, MARKS_RING};
pub use messages::{OutgoingEnvelope, PeerQueue, SealEnvelope};
pub use open::IncomingEnvelope;
pub use opened::Opened;
pub use records::{Created, News};
pub use repair::RepairSession;
pub use signing::{Purpose, Sign};
pub use sweep::Sweep;
pub use unlocked::Vault;

use crate::error::{Thing, VaultError};
use crate::identity::SafetyNumber;
use crate::ids::{PeerQueueId, ReceiveQueueId, SessionId};
use crate::store::{Changes, Store};
use record::Record;
use records::{ContactRecord, OpenedRecord, ReceiveQueueRecord, SessionRecord};
use repair_records::{FormerRecord, RepairRecord};

/// What there is to say about a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionInfo {
    /// Chosen by the vault, never 0.
    pub session: SessionId,
    /// Own receive queues.
    pub receive_queues: Vec<ReceiveQueueId>,
    /// Queues of the peer.
    pub peer_queues: Vec<PeerQueueId>,
}

impl<S: Store> Vault<S> {
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
                Ok(SessionInfo {
                    session,
                    receive_queues: record.receive_queues,
                    peer_queues: record.peer_queues,
                })
            })
            .collect()
    }

    /// Whether there are keys of contacts or queues. Where it cannot be read there were.
    #[must_use]
    pub fn is_in_use(&self) -> bool {
        let holds = |table| self.store.all(table).map_or(true, |rows| !rows.is_empty());
        holds(SessionRecord::TABLE) || holds(ReceiveQueueRecord::TABLE)
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
        let info =
            SessionInfo { session, receive_queues: record.receive_queues, peer_queues: record.peer_queues };
        Ok((info, contact.verified))
    }

    /// Drops all that is kept of a contact. Idempotent.
    ///
    /// # Errors
    /// `Store`.
    pub fn remove_session(&mut self, session: SessionId) -> Result<(), VaultError> {
        let Some(record) = self.load::<SessionRecord>(&session.key())? else { return Ok(()) };
        let mut changes = Changes::default();
        changes.delete(SessionRecord::TABLE, &session.key());
        changes.delete(ContactRecord::TABLE, &session.key());
        changes.delete(RepairRecord::TABLE, &session.key());
        changes.delete(records::ComparisonRecord::TABLE, &session.key());
        self.forget_visitor(session, &mut changes)?;
        changes.delete(FormerRecord::TABLE, &session.key());
        for queue in &record.peer_queues {
            changes.delete(records::PeerQueueRecord::TABLE, &queue.key());
        }
        for receive_queue in &record.receive_queues {
            self.drop_receive_queue(*receive_queue, &mut changes)?;
        }
        for (id, bytes) in self.store.all(records::OutboxRecord::TABLE)? {
            if records::OutboxRecord::decode(&bytes)?.session == session {
                changes.delete(records::OutboxRecord::TABLE, &id);
            }
        }
        for (id, bytes) in self.store.all(OpenedRecord::TABLE)? {
            let record = OpenedRecord::decode(&bytes)?;
            if matches!(record, OpenedRecord::Kept(kept) if kept.session == session) {
                changes.delete(OpenedRecord::TABLE, &id);
            }
        }
        self.drop_marks(session, &mut changes)?;
        self.store.commit(&changes)?;
        self.comparisons.drop(session);
        self.kept = self.count_kept()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod worlds;
