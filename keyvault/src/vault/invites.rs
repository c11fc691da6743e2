//! Own one-time invites: a fresh identity and queue each.

use ipc_schema::Timestamp;
use ipc_schema::limits::HINTS_MAX;
use ipc_schema::relay::Hint;
use rand_core::CryptoRng;

use super::invite_records::{InviteRecord, InviteState, OpenInvite};
use super::limits::INVITE_LIFETIME;
use super::record::{PutRecord, Record};
use super::records::{Created, ReceiveQueueRecord};
use super::unlocked::Vault;
use crate::agreement_key::AgreementSecret;
use crate::error::{Thing, VaultError};
use crate::identity::Identity;
use crate::ids::{InviteId, ReceiveQueueId, RelayId};
use crate::invite::{InviteBundle, InviteSecret};
use crate::mailbox::ReceiverKey;
use crate::memory::Secret32;
use crate::pqxdh::{Prekeys, Validity, seconds};
use crate::store::{Changes, Store};

/// An invite that is ready to be left at its relay and handed over.
#[derive(Clone, PartialEq, Eq)]
pub struct FinishedInvite {
    /// The text to hand over. Whoever has it can accept.
    pub link: String,
    /// Names the blob at the relay.
    pub blob_id: [u8; 32],
    /// To be left with the blob; authenticates `secure+read`.
    pub read_key: Secret32,
    /// The encrypted bundle, `BLOB_BYTES`.
    pub blob: Vec<u8>,
    /// End of its life.
    pub expires: Timestamp,
}

impl std::fmt::Debug for FinishedInvite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FinishedInvite(.., until {:?})", self.expires)
    }
}

impl<S: Store> Vault<S> {
    /// Makes a fresh identity and the keys of a receive queue on `relay`; returns the receiver key for `create`. Counts as
    /// one new contact. Idempotent by `invite`.
    ///
    /// # Errors
    /// `RateLimited`; `Conflict(Invite)` if the number was used for another relay or for a receive queue; `Store`.
    pub fn begin_invite(
        &mut self,
        invite: InviteId,
        relay: RelayId,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<[u8; 32], VaultError> {
        if let Some(receive_queue) = self.load::<ReceiveQueueRecord>(&invite.key())? {
            let same = receive_queue.relay == relay && receive_queue.invite == Some(invite);
            return same.then(|| receive_queue.receiver.public()).ok_or(VaultError::Conflict(Thing::Invite));
        }
        let mut changes = Changes::default();
        let meta = self.count_contact(now, &mut changes)?;
        let expires = now.after(INVITE_LIFETIME);
        let secret = InviteSecret::generate(rng);
        let identity = Identity::generate(now, rng);
        let prekeys = Prekeys::generate(&identity, Validity::until(now, expires), rng);
        let receive_queue = ReceiveQueueRecord {
            relay,
            receiver: ReceiverKey::generate(rng),
            agreement: AgreementSecret::generate(rng),
            secret: secret.replica_secret(),
            created: None,
            invite: Some(invite),
            session: None,
            accepted_by: None,
            address: None,
            outer: None,
        };
        let record = InviteRecord {
            relay,
            blob_id: secret.blob_id(),
            expires_seconds: seconds(expires),
            state: InviteState::Open(Box::new(OpenInvite { secret, identity, prekeys, left: None })),
        };
        changes.put_record(&invite.key(), &record)?;
        changes.put_record(&invite.key(), &receive_queue)?;
        self.store.commit(&changes)?;
        self.meta = meta;
        Ok(receive_queue.receiver.public())
    }

    /// Takes what the relay answered and makes link and blob. At most three hints are kept. Idempotent: the same again.
    ///
    /// # Errors
    /// `NoSuch(Invite)`; `Conflict(Invite)` if it was accepted already or the relay's answer is another one; `Store`.
    pub fn finish_invite(
        &mut self,
        invite: InviteId,
        created: Created,
        hints: &[Hint],
        rng: &mut impl CryptoRng,
    ) -> Result<FinishedInvite, VaultError> {
        let mut record: InviteRecord = self.require(&invite.key(), Thing::Invite)?;
        let (relay, expires_seconds) = (record.relay, record.expires_seconds);
        let InviteState::Open(open) = &mut record.state else {
            return Err(VaultError::Conflict(Thing::Invite));
        };
        let mut changes = Changes::default();
        let receive_queue = ReceiveQueueId::from(invite);
        self.create_receive_queue(receive_queue, created, &mut changes)?;
        let (hints, blob) = match open.left.take() {
            // Sealed once: the relay may hold it by now, and what is signed for it names its hash.
            Some(left) => left,
            None => {
                let receiver: ReceiveQueueRecord = self.require(&receive_queue.key(), Thing::Invite)?;
                let blob = InviteBundle {
                    bundle: open.prekeys.bundle().clone(),
                    devices: open.identity.devices().clone(),
                    queue: created.sender_queue,
                    relay_key: created.relay_key,
                    receiver_key: receiver.agreement.public(),
                }
                .seal(&open.secret, rng)?;
                (hints.iter().take(HINTS_MAX).copied().collect(), blob)
            }
        };
        let link = open.link(relay, expires_seconds, &hints);
        let finished = FinishedInvite {
            link: link.text(),
            blob_id: open.secret.blob_id(),
            read_key: open.secret.read_key(),
            blob: blob.clone(),
            expires: link.expires(),
        };
        open.left = Some((hints, blob));
        changes.put_record(&invite.key(), &record)?;
        self.store.commit(&changes)?;
        Ok(finished)
    }

    /// Drops the keys of an invite. What it opened already is a session and stays. Idempotent.
    ///
    /// # Errors
    /// `Store`.
    pub fn cancel_invite(&mut self, invite: InviteId) -> Result<(), VaultError> {
        let mut changes = Changes::default();
        self.drop_invite(invite, &mut changes)?;
        if changes.is_empty() { Ok(()) } else { Ok(self.store.commit(&changes)?) }
    }

    pub(super) fn drop_invite(&self, invite: InviteId, changes: &mut Changes) -> Result<(), VaultError> {
        if self.load::<InviteRecord>(&invite.key())?.is_some() {
            changes.delete(InviteRecord::TABLE, &invite.key());
        }
        let receive_queue = self.load::<ReceiveQueueRecord>(&invite.key())?;
        // Once it was accepted the queue is the session's.
        if receive_queue.is_some_and(|receive_queue| {
            receive_queue.invite == Some(invite) && receive_queue.session.is_none()
        }) {
            changes.delete(ReceiveQueueRecord::TABLE, &invite.key());
        }
        Ok(())
    }

    /// Own invites, by their numbers.
    pub(super) fn invites(&self) -> Result<Vec<(Vec<u8>, InviteRecord)>, VaultError> {
        let rows = self.store.all(InviteRecord::TABLE)?;
        rows.into_iter().map(|(id, bytes)| Ok((id, InviteRecord::decode(&bytes)?))).collect()
    }
}
