//! Own receive queues: keys before `create`, the relay's answer after it.

use ipc_schema::limits::OFFERS_MAX;
use rand_core::CryptoRng;

use super::record::{PutRecord, Record};
use super::records::{Created, ReceiveQueueRecord};
use super::unlocked::Vault;
use crate::agreement_key::AgreementSecret;
use crate::error::{Thing, VaultError};
use crate::frame::Offer;
use crate::ids::{ReceiveQueueId, RelayId, SessionId};
use crate::mailbox::ReceiverKey;
use crate::memory::Secret32;
use crate::store::{Changes, Store};

impl<S: Store> Vault<S> {
    /// Makes the keys of a new receive queue on `relay`; returns the receiver key for `create`. Idempotent by `receive_queue`.
    ///
    /// # Errors
    /// `Conflict(ReceiveQueue)` if the id was used for another relay; `Store`.
    pub fn begin_receive_queue(
        &mut self,
        receive_queue: ReceiveQueueId,
        relay: RelayId,
        rng: &mut impl CryptoRng,
    ) -> Result<[u8; 32], VaultError> {
        if let Some(record) = self.load::<ReceiveQueueRecord>(&receive_queue.key())? {
            // An invite's queue has the invite's number, and is none to be asked for here.
            let same = record.relay == relay && record.invite.is_none();
            return same.then(|| record.receiver.public()).ok_or(VaultError::Conflict(Thing::ReceiveQueue));
        }
        let record = ReceiveQueueRecord {
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
        changes.put_record(&receive_queue.key(), &record)?;
        self.store.commit(&changes)?;
        Ok(record.receiver.public())
    }

    /// Takes what the relay answered. Idempotent.
    ///
    /// # Errors
    /// `NoSuch(ReceiveQueue)`; `Conflict(ReceiveQueue)` for another answer than before; `RelayMismatch`; `Store`.
    pub fn finish_receive_queue(
        &mut self,
        receive_queue: ReceiveQueueId,
        created: Created,
    ) -> Result<(), VaultError> {
        let mut changes = Changes::default();
        if self.create_receive_queue(receive_queue, created, &mut changes)? {
            self.store.commit(&changes)?;
        }
        Ok(())
    }

    /// Own receive queues, in whatever state.
    #[cfg(test)]
    pub(crate) fn receive_queue_count(&self) -> usize {
        self.store.all(ReceiveQueueRecord::TABLE).unwrap().len()
    }

    /// Notes the relay's answer in `changes`; false if it stood there already.
    pub(super) fn create_receive_queue(
        &self,
        receive_queue: ReceiveQueueId,
        created: Created,
        changes: &mut Changes,
    ) -> Result<bool, VaultError> {
        let mut record: ReceiveQueueRecord = self.require(&receive_queue.key(), Thing::ReceiveQueue)?;
        if let Some(before) = record.created {
            return if before == created {
                Ok(false)
            } else {
                Err(VaultError::Conflict(Thing::ReceiveQueue))
            };
        }
        // A relay key of small order would make every sender's HMAC key public.
        record.agreement.agree(&created.relay_key).map_err(|_| VaultError::RelayMismatch)?;
        record.created = Some(created);
        changes.put_record(&receive_queue.key(), &record)?;
        Ok(true)
    }

    /// The offers of `receive_queues` to one session; notes in `changes` that they serve it and no other.
    pub(super) fn offer_receive_queues(
        &self,
        receive_queues: &[ReceiveQueueId],
        session: SessionId,
        changes: &mut Changes,
    ) -> Result<Vec<Offer>, VaultError> {
        if receive_queues.len() > OFFERS_MAX {
            return Err(VaultError::TooLong);
        }
        receive_queues
            .iter()
            .map(|receive_queue| {
                let mut record: ReceiveQueueRecord =
                    self.require(&receive_queue.key(), Thing::ReceiveQueue)?;
                let free = record.session.is_none() && record.invite.is_none() && record.address.is_none();
                let offer = record.offer().ok_or(VaultError::WrongPurpose(Thing::ReceiveQueue))?;
                if !free && record.session != Some(session) {
                    return Err(VaultError::WrongPurpose(Thing::ReceiveQueue));
                }
                if free {
                    record.session = Some(session);
                    changes.put(ReceiveQueueRecord::TABLE, &receive_queue.key(), record.encode()?);
                }
                Ok(offer)
            })
            .collect()
    }
}
