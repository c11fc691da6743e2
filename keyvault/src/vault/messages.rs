//! Sealing messages of a session, the peer's queues, and forgetting answers.

use rand_core::CryptoRng;

use super::limits::PEER_QUEUES_MAX;
use super::read_message::ReadMessage;
use super::record::{PutRecord, Record};
use super::records::{OpenedRecord, OutboxRecord, PeerQueueRecord, SessionRecord};
use super::unlocked::Vault;
use crate::agreement_key::{AgreementError, AgreementSecret};
use crate::envelope::{self, InnerBlock, MESSAGE_BYTES, OuterKey};
use crate::error::{Thing, VaultError};
use crate::frame::{CONTENT_MAX, Frame, Offer};
use crate::fresh::Fresh;
use crate::ids::{InnerHash, OutboxId, PeerQueueId, PutId, QueueId, ReceiveQueueId, RelayId, SessionId};
use crate::kdf;
use crate::mailbox;
use crate::memory::SecretBytes;
use crate::store::{Changes, Store};

/// A request to seal one message.
#[derive(Clone, Copy)]
pub struct SealEnvelope<'a> {
    /// The session whose peer is to read it.
    pub session: SessionId,
    /// Names the message.
    pub outbox: OutboxId,
    /// stored's content, at most `CONTENT_MAX` bytes.
    pub content: &'a [u8],
    /// Own receive queues to offer in it; at most two.
    pub offer: &'a [ReceiveQueueId],
}

/// One envelope for one queue of the peer.
#[derive(Clone, PartialEq, Eq)]
pub struct OutgoingEnvelope {
    /// Where it goes.
    pub peer_queue: PeerQueueId,
    /// Names the deposit.
    pub put_id: PutId,
    /// Exactly 4,096 B.
    pub bytes: Vec<u8>,
}

/// A queue of a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerQueue {
    /// The vault's name for it, used in [`super::Purpose`].
    pub id: PeerQueueId,
    /// The relay that it lies at.
    pub relay: RelayId,
    /// By which the sender names it there.
    pub queue: QueueId,
    /// X25519 key that `secure` registers.
    pub sender_key: [u8; 32],
}

/// A peer's queue with the number it is kept under.
pub(super) type NumberedQueue = (PeerQueueId, PeerQueueRecord);

/// A queue that the peer offered to a session, with this side's key for it.
#[derive(Clone, Copy)]
pub(super) struct NewQueue<'a> {
    pub(super) session: SessionId,
    pub(super) offer: &'a Offer,
    pub(super) sender: &'a AgreementSecret,
}

/// What there is to do for a request to seal.
pub(super) enum Sealing {
    /// Nothing: it was done before, and these are the same bytes.
    Answered(Vec<OutgoingEnvelope>),
    /// A message of this session, for each of these queues.
    New(Box<SessionRecord>, Vec<NumberedQueue>),
}

/// An inner block that is ready to be wrapped for every queue.
pub(super) struct SealedMessage<'a> {
    pub(super) session: SessionId,
    pub(super) inner: &'a InnerBlock,
}

impl<S: Store> Vault<S> {
    /// Seals one ratchet message and wraps it for each of the peer's queues. Idempotent by `outbox`: the same bytes until
    /// [`Self::forget`].
    ///
    /// # Errors
    /// `NoSuch(Session)`, `NoSuch(ReceiveQueue)`; `TooLong`; `TooManyKept`; `NoPeerQueue`; `Conflict(Outbox)` for the same id
    /// with another request; `WrongPurpose(ReceiveQueue)` for a queue that serves somebody else; `Store`.
    pub fn seal_envelope(
        &mut self,
        request: SealEnvelope<'_>,
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<OutgoingEnvelope>, VaultError> {
        let hash = request.hash();
        let (mut session, queues) = match self.begin_sealing(request, hash, CONTENT_MAX)? {
            Sealing::Answered(envelopes) => return Ok(envelopes),
            Sealing::New(session, queues) => (session, queues),
        };
        let mut changes = Changes::default();
        let mut frame = Frame {
            offers: self.offer_receive_queues(request.offer, request.session, &mut changes)?,
            content: Some(SecretBytes::new(request.content.to_vec())),
            ..Frame::default()
        };
        frame.repair = self.repair_section(request.session, &session.marks, &frame)?;
        self.note_offered(&mut session, request.offer, &mut changes)?;
        let message = session
            .ratchet
            .seal(&frame.encode()?, MESSAGE_BYTES, rng)
            .map_err(|_| VaultError::Bug("message does not fit"))?;
        let inner = InnerBlock::message(&message)?;
        let sealed = SealedMessage { session: request.session, inner: &inner };
        let kept = sealed.into_record(hash, &queues, rng);
        changes.put_record(&request.session.key(), &*session)?;
        self.keep_sealed(request.outbox, &kept, changes)
    }

    /// What sealing a message, of a running session or of one that is opened anew, begins with.
    pub(super) fn begin_sealing(
        &self,
        request: SealEnvelope<'_>,
        hash: [u8; 32],
        content_max: usize,
    ) -> Result<Sealing, VaultError> {
        if let Some(kept) = self.load::<OutboxRecord>(&request.outbox.key())? {
            let same = kept.session == request.session && kept.request == hash;
            return same.then(|| Sealing::Answered(kept.answer())).ok_or(VaultError::Conflict(Thing::Outbox));
        }
        if request.content.len() > content_max {
            return Err(VaultError::TooLong);
        }
        self.has_room_for_answer()?;
        let session: SessionRecord = self.require(&request.session.key(), Thing::Session)?;
        let queues = self.numbered_queues(&session.peer_queues)?;
        if queues.is_empty() {
            return Err(VaultError::NoPeerQueue);
        }
        Ok(Sealing::New(Box::new(session), queues))
    }

    /// And what it ends with: the answer is kept with all that changed.
    pub(super) fn keep_sealed(
        &mut self,
        outbox: OutboxId,
        kept: &OutboxRecord,
        mut changes: Changes,
    ) -> Result<Vec<OutgoingEnvelope>, VaultError> {
        changes.put_record(&outbox.key(), kept)?;
        self.store.commit(&changes)?;
        self.kept += 1;
        Ok(kept.answer())
    }

    /// Drops kept answers: the caller has them durably. Unknown ones are fine. Idempotent.
    ///
    /// # Errors
    /// `Store`.
    pub fn forget(&mut self, outbox: &[OutboxId], opened: &[InnerHash]) -> Result<(), VaultError> {
        let mut changes = Changes::default();
        let mut fewer = 0;
        for id in unique(outbox) {
            if self.load::<OutboxRecord>(&id.key())?.is_some() {
                changes.delete(OutboxRecord::TABLE, &id.key());
                fewer += 1;
            }
        }
        for hash in unique(opened) {
            // Its mark stays, for the same envelope may come once more: by the other queue, or from a relay that missed the ack.
            if matches!(self.load(&hash.0)?, Some(OpenedRecord::Kept(_))) {
                changes.delete(OpenedRecord::TABLE, &hash.0);
                fewer += 1;
            }
        }
        if !changes.is_empty() {
            self.store.commit(&changes)?;
            self.kept = self.kept.saturating_sub(fewer);
        }
        Ok(())
    }

    pub(super) fn numbered_queues(&self, ids: &[PeerQueueId]) -> Result<Vec<NumberedQueue>, VaultError> {
        ids.iter().map(|id| Ok((*id, self.require(&id.key(), Thing::PeerQueue)?))).collect()
    }

    pub(super) fn peer_queues(&self, ids: &[PeerQueueId]) -> Result<Vec<PeerQueue>, VaultError> {
        Ok(self.numbered_queues(ids)?.into_iter().map(PeerQueue::from).collect())
    }

    /// Notes it in `changes`.
    pub(super) fn add_peer_queue(
        &self,
        new: NewQueue<'_>,
        changes: &mut Changes,
        rng: &mut impl CryptoRng,
    ) -> Result<NumberedQueue, VaultError> {
        let id = PeerQueueId(self.fresh_id::<PeerQueueRecord>(rng)?);
        let record = PeerQueueRecord::derive(new)?;
        changes.put_record(&id.key(), &record)?;
        Ok((id, record))
    }

    /// Takes the peer's offers into a session; true if they changed its queues. Offers that cannot be used are left out:
    /// the peer harms only its own mail.
    pub(super) fn take_offers(
        &self,
        read: &mut ReadMessage,
        changes: &mut Changes,
        rng: &mut impl CryptoRng,
    ) -> Result<bool, VaultError> {
        let ReadMessage { session, record, frame, .. } = read;
        let known = self.numbered_queues(&record.peer_queues)?;
        let is_known = |offer: &Offer| {
            known.iter().any(|(_, queue)| queue.relay == offer.relay && queue.queue == offer.queue)
        };
        let mut changed = false;
        for offer in frame.offers.iter().filter(|offer| !is_known(offer)) {
            let sender = AgreementSecret::generate(rng);
            let new = NewQueue { session: *session, offer, sender: &sender };
            if let Ok((id, _)) = self.add_peer_queue(new, changes, rng) {
                record.peer_queues.push(id);
                changed = true;
            }
        }
        let surplus = record.peer_queues.len().saturating_sub(PEER_QUEUES_MAX);
        for old in record.peer_queues.drain(..surplus) {
            changes.delete(PeerQueueRecord::TABLE, &old.key());
        }
        Ok(changed)
    }
}

impl SealEnvelope<'_> {
    fn hash(&self) -> [u8; 32] {
        // Their length goes first: no other offers and content make the same bytes.
        let offers: Vec<u8> = self.offer.iter().flat_map(|receive_queue| receive_queue.key()).collect();
        kdf::sha256(&[b"privatus/outbox/v1", &(offers.len() as u64).to_be_bytes(), &offers, self.content])
    }
}

impl SealedMessage<'_> {
    pub(super) fn into_record(
        self,
        request: [u8; 32],
        queues: &[NumberedQueue],
        rng: &mut impl CryptoRng,
    ) -> OutboxRecord {
        let hash = self.inner.hash();
        let envelopes = queues
            .iter()
            .map(|(id, queue)| {
                let nonce = queue.outer.nonce(hash, &mut Fresh::new(rng));
                let bytes = queue.outer.seal(&queue.queue, &nonce, self.inner);
                (*id, envelope::put_id(&queue.replica_secret, hash), bytes)
            })
            .collect();
        OutboxRecord { session: self.session, request, envelopes }
    }
}

impl PeerQueueRecord {
    fn derive(new: NewQueue<'_>) -> Result<Self, AgreementError> {
        let NewQueue { session, offer, sender } = new;
        Ok(Self {
            session,
            relay: offer.relay,
            queue: offer.queue,
            sender_public: sender.public(),
            outer: OuterKey::derive(sender, &offer.receiver_key, &offer.replica_secret, &offer.queue)?,
            command_key: mailbox::sender_key(sender, &offer.relay_key, &offer.queue)?,
            replica_secret: offer.replica_secret.clone(),
        })
    }
}

impl OutboxRecord {
    pub(super) fn answer(&self) -> Vec<OutgoingEnvelope> {
        let envelope = |(queue, put, bytes): &(PeerQueueId, PutId, Vec<u8>)| OutgoingEnvelope {
            peer_queue: *queue,
            put_id: *put,
            bytes: bytes.clone(),
        };
        self.envelopes.iter().map(envelope).collect()
    }
}

impl From<NumberedQueue> for PeerQueue {
    fn from((id, record): NumberedQueue) -> Self {
        Self { id, relay: record.relay, queue: record.queue, sender_key: *record.sender_public.bytes() }
    }
}

impl std::fmt::Debug for SealEnvelope<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SealEnvelope({:?}, {:?}, {} B)", self.session, self.outbox, self.content.len())
    }
}

impl std::fmt::Debug for OutgoingEnvelope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OutgoingEnvelope({:?}, {:?}, {} B)", self.peer_queue, self.put_id, self.bytes.len())
    }
}

fn unique<T: Copy + Ord>(ids: &[T]) -> std::collections::BTreeSet<T> {
    ids.iter().copied().collect()
}
