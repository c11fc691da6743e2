//! Own receive queues: keys before `create`, the relay's answer after it.

use ipc_schema::limits::OFFERS_MAX;
use rand_core::CryptoRng;

use super::records::{Record, ReplicaRecord};
use super::{PutRecord, Vault};
use crate::agreement_key::{AgreementKey, AgreementSecret};
use crate::error::{Thing, VaultError};
use crate::frame::Offer;
use crate::ids::{QueueId, RelayId, ReplicaId, SessionId};
use crate::mailbox::ReceiverKey;
use crate::memory::Secret32;
use crate::store::{Changes, Store};

/// What a relay answered to `create`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Created {
    /// By which this side names the queue.
    pub receiver_queue: QueueId,
    /// By which the peer names it.
    pub sender_queue: QueueId,
    /// The key that the relay made for the queue; authenticates the sender's commands.
    pub relay_key: AgreementKey,
}

impl Created {
    /// Checks the relay's answer.
    ///
    /// # Errors
    /// `RelayMismatch` if one id serves both sides or the key is not canonical.
    pub fn parse(
        receiver_queue: QueueId,
        sender_queue: QueueId,
        untrusted_key: [u8; 32],
    ) -> Result<Self, VaultError> {
        let relay_key = AgreementKey::parse(untrusted_key).map_err(|_| VaultError::RelayMismatch)?;
        if receiver_queue == sender_queue {
            return Err(VaultError::RelayMismatch);
        }
        Ok(Self { receiver_queue, sender_queue, relay_key })
    }
}

impl<S: Store> Vault<S> {
    /// Makes the keys of a new receive queue on `relay`; returns the receiver key for `create`. Idempotent by `replica`.
    ///
    /// # Errors
    /// `Conflict(Replica)` if the id was used for another relay; `Store`.
    pub fn begin_replica(
        &mut self,
        replica: ReplicaId,
        relay: RelayId,
        rng: &mut impl CryptoRng,
    ) -> Result<[u8; 32], VaultError> {
        if let Some(record) = self.load::<ReplicaRecord>(&replica.key())? {
            // An invite's queue has the invite's number, and is none to be asked for here.
            let same = record.relay == relay && record.invite.is_none();
            return same.then(|| record.receiver.public()).ok_or(VaultError::Conflict(Thing::Replica));
        }
        let record = ReplicaRecord {
            relay,
            receiver: ReceiverKey::generate(rng),
            agreement: AgreementSecret::generate(rng),
            secret: Secret32::random(rng),
            created: None,
            invite: None,
            session: None,
            accepted_by: None,
            address: None,
            outer: None,
        };
        let mut changes = Changes::default();
        changes.put_record(&replica.key(), &record)?;
        self.store.commit(&changes)?;
        Ok(record.receiver.public())
    }

    /// Takes what the relay answered. Idempotent.
    ///
    /// # Errors
    /// `NoSuch(Replica)`; `Conflict(Replica)` for another answer than before; `RelayMismatch`; `Store`.
    pub fn finish_replica(&mut self, replica: ReplicaId, created: Created) -> Result<(), VaultError> {
        let mut changes = Changes::default();
        if self.create_replica(replica, created, &mut changes)? {
            self.store.commit(&changes)?;
        }
        Ok(())
    }

    /// Own receive queues, in whatever state.
    #[cfg(test)]
    pub(crate) fn replica_count(&self) -> usize {
        self.store.all(ReplicaRecord::TABLE).unwrap().len()
    }

    /// Notes the relay's answer in `changes`; false if it stood there already.
    pub(super) fn create_replica(
        &self,
        replica: ReplicaId,
        created: Created,
        changes: &mut Changes,
    ) -> Result<bool, VaultError> {
        let mut record: ReplicaRecord = self.require(&replica.key(), Thing::Replica)?;
        if let Some(before) = record.created {
            return if before == created { Ok(false) } else { Err(VaultError::Conflict(Thing::Replica)) };
        }
        // A relay key of small order would make every sender's HMAC key public.
        record.agreement.agree(&created.relay_key).map_err(|_| VaultError::RelayMismatch)?;
        record.created = Some(created);
        changes.put_record(&replica.key(), &record)?;
        Ok(true)
    }

    /// The offers of `replicas` to one session; notes in `changes` that they serve it and no other.
    pub(super) fn offer_replicas(
        &self,
        replicas: &[ReplicaId],
        session: SessionId,
        changes: &mut Changes,
    ) -> Result<Vec<Offer>, VaultError> {
        if replicas.len() > OFFERS_MAX {
            return Err(VaultError::TooLong);
        }
        replicas
            .iter()
            .map(|replica| {
                let mut record: ReplicaRecord = self.require(&replica.key(), Thing::Replica)?;
                let free = record.session.is_none() && record.invite.is_none() && record.address.is_none();
                let offer = record.offer().ok_or(VaultError::WrongPurpose(Thing::Replica))?;
                if !free && record.session != Some(session) {
                    return Err(VaultError::WrongPurpose(Thing::Replica));
                }
                if free {
                    record.session = Some(session);
                    changes.put(ReplicaRecord::TABLE, &replica.key(), record.encode()?);
                }
                Ok(offer)
            })
            .collect()
    }
}
