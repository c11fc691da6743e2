//! Somebody else's invite: opening the link, and accepting what it leads to.

use ipc_schema::Timestamp;
use ipc_schema::relay::Hint;
use rand_core::CryptoRng;

use super::invite_records::AcceptRecord;
use super::limits::ACCEPTS_MAX;
use super::messages::{NewQueue, OutgoingEnvelope, PeerQueue, SealedMessage};
use super::moment::Moment;
use super::record::{PutRecord, Record};
use super::records::{ContactRecord, MetaRecord, OutboxRecord, SessionRecord};
use super::repair_records::RepairRecord;
use super::unlocked::Vault;
use crate::agreement_key::AgreementSecret;
use crate::envelope::{FIRST_MESSAGE_BYTES, InnerBlock};
use crate::error::{InviteError, Thing, VaultError};
use crate::frame::{FIRST_CONTENT_MAX, Frame, Offer};
use crate::identity::Identity;
use crate::ids::{AcceptId, OutboxId, ReceiveQueueId, RelayId, SessionId};
use crate::invite::{InviteBundle, Link};
use crate::memory::{Secret32, SecretBytes};
use crate::pqxdh::{self, Bundle};
use crate::ratchet::Session;
use crate::store::{Changes, Store};

/// What `secure+read` needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenedInvite {
    /// The relay that holds the blob.
    pub relay: RelayId,
    /// Names the blob there.
    pub blob_id: [u8; 32],
    /// X25519 key that this side deposits with from now on.
    pub sender_key: [u8; 32],
    /// Contact points for the directory only.
    pub hints: Vec<Hint>,
    /// End of the invite's life.
    pub expires: Timestamp,
}

/// A request to accept an invite.
#[derive(Clone, Copy)]
pub struct AcceptInvite<'a> {
    /// The opened invite.
    pub accept: AcceptId,
    /// What the relay answered to `secure+read`.
    pub untrusted_blob: &'a [u8],
    /// Own receive queues to offer: finished, and not offered to anybody else. At most two.
    pub receive_queues: &'a [ReceiveQueueId],
    /// Names the first message.
    pub outbox: OutboxId,
    /// stored's content, at most `FIRST_CONTENT_MAX` bytes.
    pub content: &'a [u8],
}

/// The session that an acceptance opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptedInvite {
    /// Its id from now on.
    pub session: SessionId,
    /// The invite's queue: `secure+read` has secured it already.
    pub peer_queues: Vec<PeerQueue>,
    /// The first message; empty once it is forgotten.
    pub envelopes: Vec<OutgoingEnvelope>,
}

/// What the initiator of a session needs.
pub(super) struct FirstMessage<'a> {
    pub(super) bundle: &'a Bundle,
    pub(super) psk: Secret32,
    /// Where the first message goes, with the key that it is deposited under.
    pub(super) queue: &'a Offer,
    pub(super) sender: &'a AgreementSecret,
    /// Own receive queues to offer.
    pub(super) receive_queues: &'a [ReceiveQueueId],
    pub(super) outbox: OutboxId,
    pub(super) content: &'a [u8],
}

/// A session that is to be made durable.
pub(super) struct BegunSession {
    pub(super) accepted: AcceptedInvite,
    meta: MetaRecord,
}

impl<S: Store> Vault<S> {
    /// Parses a link and fixes, durably, the sender key that this side will use. Idempotent by `accept`.
    ///
    /// # Errors
    /// `Invite`; `Conflict(Accept)` if the id was used for another link; `TooMany(Accept)`; `Store`.
    pub fn open_invite(
        &mut self,
        accept: AcceptId,
        untrusted_link: &str,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<OpenedInvite, VaultError> {
        let link = Link::parse(untrusted_link)?;
        if let Some(record) = self.load::<AcceptRecord>(&accept.key())? {
            let same = record.link == link;
            return same.then(|| record.opened()).ok_or(VaultError::Conflict(Thing::Accept));
        }
        let blob_id = link.secret.blob_id();
        if self.invites()?.iter().any(|(_, own)| own.blob_id == blob_id) {
            return Err(InviteError::Own.into());
        }
        let earlier = self.store.all(AcceptRecord::TABLE)?;
        let earlier: Vec<_> =
            earlier.iter().map(|(_, bytes)| AcceptRecord::decode(bytes)).collect::<Result<_, _>>()?;
        let before = earlier.iter().find(|record| record.link.secret == link.secret);
        if before.is_some_and(|record| record.accepted.is_some()) {
            return Err(InviteError::Used.into());
        }
        if now > link.expires() {
            return Err(InviteError::Expired.into());
        }
        if earlier.iter().filter(|record| record.accepted.is_none()).count() >= ACCEPTS_MAX {
            return Err(VaultError::TooMany(Thing::Accept));
        }
        // The relay lets one sender key read: a second attempt at the same link must come with the same one.
        let sender = before.map_or_else(|| AgreementSecret::generate(rng), |record| record.sender.clone());
        let record = AcceptRecord { link, sender, accepted: None };
        let mut changes = Changes::default();
        changes.put_record(&accept.key(), &record)?;
        self.store.commit(&changes)?;
        Ok(record.opened())
    }

    /// Agrees on a session with the inviter's bundle and seals the first message. Counts as one new contact. Idempotent by
    /// `accept`: the same session, and the same bytes until they are forgotten.
    ///
    /// # Errors
    /// `Invite`; `RateLimited`; `TooManyKept`; `TooLong`; `NoSuch(Accept)`, `NoSuch(ReceiveQueue)`; `WrongPurpose(ReceiveQueue)`;
    /// `Conflict(Outbox)`; `Store`.
    pub fn accept_invite(
        &mut self,
        request: AcceptInvite<'_>,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<AcceptedInvite, VaultError> {
        let accept: AcceptRecord = self.require(&request.accept.key(), Thing::Accept)?;
        if let Some((session, outbox)) = accept.accepted {
            return self.accepted_before(session, outbox, request.outbox);
        }
        if request.content.len() > FIRST_CONTENT_MAX {
            return Err(VaultError::TooLong);
        }
        self.has_room_for_answer()?;
        if self.load::<OutboxRecord>(&request.outbox.key())?.is_some() {
            return Err(VaultError::Conflict(Thing::Outbox));
        }
        if now > accept.link.expires() {
            return Err(InviteError::Expired.into());
        }
        let invite = InviteBundle::open(&accept.link.secret, request.untrusted_blob)?;
        self.agree(accept, &invite, request, &mut Moment { now, rng })
    }

    fn agree(
        &mut self,
        mut accept: AcceptRecord,
        invite: &InviteBundle,
        request: AcceptInvite<'_>,
        moment: &mut Moment<'_, impl CryptoRng>,
    ) -> Result<AcceptedInvite, VaultError> {
        let queue = Offer {
            relay: accept.link.relay,
            queue: invite.queue,
            relay_key: invite.relay_key,
            receiver_key: invite.receiver_key,
            replica_secret: accept.link.secret.replica_secret(),
        };
        let first = FirstMessage {
            bundle: &invite.bundle,
            psk: accept.link.secret.psk(),
            queue: &queue,
            sender: &accept.sender,
            receive_queues: request.receive_queues,
            outbox: request.outbox,
            content: request.content,
        };
        let mut changes = Changes::default();
        let begun = self.begin_session(first, moment, &mut changes)?;
        accept.accepted = Some((begun.accepted.session, request.outbox));
        changes.put_record(&request.accept.key(), &accept)?;
        self.keep_begun(begun, &changes)
    }

    /// The initiator's side: a fresh identity, a session, and its first message. Counts as one new contact.
    pub(super) fn begin_session(
        &self,
        first: FirstMessage<'_>,
        moment: &mut Moment<'_, impl CryptoRng>,
        changes: &mut Changes,
    ) -> Result<BegunSession, VaultError> {
        let meta = self.count_contact(moment.now, changes)?;
        let session = SessionId(self.fresh_id::<SessionRecord>(moment.rng)?);
        let own = Identity::generate(moment.now, moment.rng);
        let (prefix, agreed) = pqxdh::initiate(first.bundle, &own, &first.psk, moment.now, moment.rng)
            .map_err(InviteError::from)?;
        let repair = agreed.repair.clone();
        let mut ratchet = Session::initiator(agreed, first.bundle.ratchet_key(), moment.rng)
            .map_err(|_| InviteError::Altered)?;

        let frame = Frame {
            offers: self.offer_receive_queues(first.receive_queues, session, changes)?,
            devices: own.devices().bytes().to_vec(),
            content: Some(SecretBytes::new(first.content.to_vec())),
            ..Frame::default()
        };
        let message = ratchet
            .seal(&frame.encode()?, FIRST_MESSAGE_BYTES, moment.rng)
            .map_err(|_| VaultError::Bug("first message does not fit"))?;
        let inner = InnerBlock::first(prefix.bytes(), &message)?;
        let peer_queue = self
            .add_peer_queue(
                NewQueue { session, offer: first.queue, sender: first.sender },
                changes,
                moment.rng,
            )
            .map_err(|_| InviteError::Altered)?;
        let (repair, marks) = RepairRecord::begin(repair, &own, moment);
        changes.put_record(&session.key(), &repair)?;
        let record = SessionRecord {
            ratchet,
            peer_queues: vec![peer_queue.0],
            receive_queues: first.receive_queues.to_vec(),
            marks,
        };
        let sealed = SealedMessage { session, inner: &inner };
        // No seal hashes to this, so none can ask for these bytes; the acceptance is known by its own id.
        let kept = sealed.into_record([0; 32], std::slice::from_ref(&peer_queue), moment.rng);
        let contact = ContactRecord { own, peer: first.bundle.identity().clone(), verified: false };
        changes.put_record(&session.key(), &record)?;
        changes.put_record(&session.key(), &contact)?;
        changes.put_record(&first.outbox.key(), &kept)?;
        let accepted =
            AcceptedInvite { session, peer_queues: vec![peer_queue.into()], envelopes: kept.answer() };
        Ok(BegunSession { accepted, meta })
    }

    /// Makes a session that was begun durable.
    pub(super) fn keep_begun(
        &mut self,
        begun: BegunSession,
        changes: &Changes,
    ) -> Result<AcceptedInvite, VaultError> {
        self.store.commit(changes)?;
        self.meta = begun.meta;
        self.kept += 1;
        Ok(begun.accepted)
    }

    /// The same answer as before, but for what was forgotten.
    pub(super) fn accepted_before(
        &self,
        session: SessionId,
        outbox: OutboxId,
        asked: OutboxId,
    ) -> Result<AcceptedInvite, VaultError> {
        if outbox != asked {
            return Err(VaultError::Conflict(Thing::Accept));
        }
        let record: SessionRecord = self.require(&session.key(), Thing::Session)?;
        let kept = self.load::<OutboxRecord>(&outbox.key())?.filter(|kept| kept.session == session);
        Ok(AcceptedInvite {
            session,
            peer_queues: self.peer_queues(&record.peer_queues)?,
            envelopes: kept.map(|kept| kept.answer()).unwrap_or_default(),
        })
    }
}

impl AcceptRecord {
    fn opened(&self) -> OpenedInvite {
        OpenedInvite {
            relay: self.link.relay,
            blob_id: self.link.secret.blob_id(),
            sender_key: *self.sender.public().bytes(),
            hints: self.link.hints.clone(),
            expires: self.link.expires(),
        }
    }
}

impl std::fmt::Debug for AcceptInvite<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AcceptInvite({:?}, {:?}, {} B)", self.accept, self.outbox, self.content.len())
    }
}
