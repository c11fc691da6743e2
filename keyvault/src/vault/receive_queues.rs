//! Own receive queues: keys before `create`, the relay's answer after it.

use ipc_schema::limits::OFFERS_MAX;
use rand_core::CryptoRng;

use super::limits::UNOFFERED_MAX;
use super::record::{PutRecord, Record};
use super::records::{Created, MetaRecord, ReceiveQueueRecord, SessionRecord};
use super::unlocked::{META_ID, Vault};
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
        let meta = self.count_unoffered(receive_queue, &mut changes)?;
        self.store.commit(&changes)?;
        self.meta = meta;
        Ok(record.receiver.public())
    }

    /// Notes one more that is offered to nobody; where there are too many, the oldest makes room.
    fn count_unoffered(
        &self,
        receive_queue: ReceiveQueueId,
        changes: &mut Changes,
    ) -> Result<MetaRecord, VaultError> {
        let mut meta = self.meta.clone();
        if meta.unoffered.len() >= UNOFFERED_MAX {
            let mut still = Vec::with_capacity(UNOFFERED_MAX);
            for id in meta.unoffered.drain(..) {
                if self.load::<ReceiveQueueRecord>(&id.key())?.is_some_and(|queue| queue.serves_nobody()) {
                    still.push(id);
                }
            }
            // A few at once, so that not each new one is paid for with a look at all.
            let surplus = still.len().saturating_sub(UNOFFERED_MAX * 3 / 4);
            for old in still.drain(..surplus) {
                changes.delete(ReceiveQueueRecord::TABLE, &old.key());
            }
            meta.unoffered = still;
        }
        meta.unoffered.push(receive_queue);
        changes.put_record(META_ID, &meta)?;
        Ok(meta)
    }

    /// The peer was offered these own queues; those of many rotations ago go.
    pub(super) fn note_offered(
        &self,
        session: &mut SessionRecord,
        receive_queues: &[ReceiveQueueId],
        changes: &mut Changes,
    ) -> Result<(), VaultError> {
        session.offered(receive_queues).into_iter().try_for_each(|old| self.drop_receive_queue(old, changes))
    }

    pub(super) fn drop_receive_queue(
        &self,
        receive_queue: ReceiveQueueId,
        changes: &mut Changes,
    ) -> Result<(), VaultError> {
        let kept = self.load::<ReceiveQueueRecord>(&receive_queue.key())?;
        // An address's queue serves others too.
        if kept.is_some_and(|kept| kept.address.is_none()) {
            changes.delete(ReceiveQueueRecord::TABLE, &receive_queue.key());
        }
        Ok(())
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
                let free = record.serves_nobody();
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
