//! Opening envelopes: either copy gives the same answer, a forgotten one is a duplicate (architecture.md, *Crash rules*).

use ipc_schema::Timestamp;
use rand_core::CryptoRng;

use super::records::{
    ContactRecord, InviteRecord, InviteState, OpenInvite, OpenedRecord, ReplicaRecord, SessionRecord,
    UsedRecord,
};
use super::{PeerQueue, PutRecord, Vault};
use crate::agreement_key::AgreementKey;
use crate::envelope::{Inner, InnerBlock, OuterKey};
use crate::error::{Thing, VaultError};
use crate::frame::Frame;
use crate::identity::DeviceList;
use crate::ids::{InnerHash, InviteId, ReplicaId, SessionId};
use crate::memory::SecretBytes;
use crate::pqxdh::{self, FirstPrefix};
use crate::ratchet::{Accepted, RatchetError, Session};
use crate::store::{Changes, Store};

/// An envelope as it came from a relay.
#[derive(Clone, Copy, Debug)]
pub struct IncomingEnvelope<'a> {
    /// The own receive queue that it lay in. An invite's queue has the invite's number.
    pub replica: ReplicaId,
    /// The sender's key as the relay tells it: half of the outer layer's key. A lie makes the envelope unreadable.
    pub untrusted_sender: [u8; 32],
    /// 4,096 B.
    pub untrusted_envelope: &'a [u8],
}

/// What an envelope turned out to be.
#[allow(clippy::enum_variant_names, reason = "\"opened twice\" is what people are shown")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// A message, new or not forgotten yet.
    Message {
        /// From whom.
        session: SessionId,
        /// What the peer's stored gave to be sealed.
        content: SecretBytes,
        /// Names it in [`Vault::forget`].
        inner: InnerHash,
        /// All queues of the peer, if this message changed them.
        peer_queues: Vec<PeerQueue>,
        /// The invite that this message accepted: the session is new.
        first: Option<InviteId>,
    },
    /// Opened and forgotten before. To be acked at the mailbox.
    Duplicate(InnerHash),
    /// No key fits. To be acked at the mailbox, never to the peer.
    Unreadable,
    /// A second acceptance of a one-time invite; it stays unaccepted.
    OpenedTwice(InviteId),
    /// The peer restored an old state. To be acked at the mailbox, never to the peer.
    RolledBack(SessionId),
}

/// Why there is no message to answer with.
enum NoMessage {
    Told(Opened),
    Failed(VaultError),
}

impl<S: Store> Vault<S> {
    /// Opens one envelope. Idempotent by the hash of its inner block until that is forgotten.
    ///
    /// # Errors
    /// `NoSuch(Replica)`; `TooManyKept`; `Store`. Whatever a relay or peer may send is an answer, not an error.
    pub fn open_envelope(
        &mut self,
        incoming: IncomingEnvelope<'_>,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Opened, VaultError> {
        let mut replica: ReplicaRecord = self.require(&incoming.replica.key(), Thing::Replica)?;
        let Some((inner, is_new_sender)) = replica.unwrap(&incoming) else { return Ok(Opened::Unreadable) };
        if is_new_sender {
            let mut changes = Changes::default();
            changes.put_record(&incoming.replica.key(), &replica)?;
            self.store.commit(&changes)?;
        }
        let hash = inner.hash();
        match self.load(&hash.0)? {
            Some(OpenedRecord::Forgotten(_)) => return Ok(Opened::Duplicate(hash)),
            Some(OpenedRecord::Kept { session, first, content, new_queues }) => {
                return self.answer(session, first, (content, hash), new_queues);
            }
            None => self.has_room_for_answer()?,
        }
        let opened = match inner.content() {
            Ok(Inner::Message(message)) => self.open_message(&replica, (hash, message), now, rng),
            Ok(Inner::First { prefix, message }) => {
                self.open_first(&incoming, replica, (hash, prefix, message), (now, rng))
            }
            Err(_) => Ok(Opened::Unreadable),
        };
        match opened {
            Err(NoMessage::Told(opened)) | Ok(opened) => Ok(opened),
            Err(NoMessage::Failed(error)) => Err(error),
        }
    }

    fn open_message(
        &mut self,
        replica: &ReplicaRecord,
        (hash, message): (InnerHash, &[u8]),
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Opened, NoMessage> {
        let session = replica.session.ok_or(Opened::Unreadable)?;
        let mut record: SessionRecord = self.require(&session.key(), Thing::Session)?;
        let accepted = record.ratchet.open(message, now, rng);
        let accepted = accepted.or_else(|error| Err(self.not_opened(session, hash, error)?))?;
        let frame = Frame::decode(&accepted.content).map_err(|_| Opened::Unreadable)?;
        let mut changes = Changes::default();
        note_used(session, hash, (&accepted, now), &mut changes)?;
        record.ratchet = accepted.session;
        self.keep_opened((session, record, None), (hash, frame), (changes, rng))
    }

    /// Tells a peer that restored an old state from noise.
    fn not_opened(
        &self,
        session: SessionId,
        hash: InnerHash,
        error: RatchetError,
    ) -> Result<NoMessage, VaultError> {
        let told = match error {
            // Acked at the mailbox, never to the peer, who seals the content anew once the session is opened anew.
            RatchetError::RolledBack | RatchetError::Stalled => Opened::RolledBack(session),
            RatchetError::Used { chain, number } => {
                match self.load::<UsedRecord>(&used_id(session, &chain, number))? {
                    Some(used) if used.hash == cut(hash) => Opened::Duplicate(hash),
                    Some(_) => Opened::RolledBack(session),
                    None => Opened::Unreadable,
                }
            }
            _ => Opened::Unreadable,
        };
        Ok(NoMessage::Told(told))
    }

    fn open_first(
        &mut self,
        incoming: &IncomingEnvelope<'_>,
        mut replica: ReplicaRecord,
        (hash, prefix, message): (InnerHash, &[u8], &[u8]),
        (now, rng): (Timestamp, &mut impl CryptoRng),
    ) -> Result<Opened, NoMessage> {
        let invite = replica.invite.ok_or(Opened::Unreadable)?;
        let mut record: InviteRecord =
            self.load(&invite.key())?.ok_or(NoMessage::Told(Opened::Unreadable))?;
        let open = match &record.state {
            InviteState::Open(open) => open,
            // The outer layer opened, so whoever sealed this had the link.
            InviteState::Used(_) => return Err(Opened::OpenedTwice(invite).into()),
        };
        let (accepted, frame, contact) =
            open.respond((prefix, message), now, rng).ok_or(Opened::Unreadable)?;

        let session = SessionId(self.fresh_id::<SessionRecord>(rng)?);
        let mut changes = Changes::default();
        note_used(session, hash, (&accepted, now), &mut changes)?;
        replica.session = Some(session);
        record.state = InviteState::Used(session);
        changes.put_record(&incoming.replica.key(), &replica)?;
        changes.put_record(&invite.key(), &record)?;
        changes.put_record(&session.key(), &contact)?;
        let fresh = SessionRecord {
            ratchet: accepted.session,
            peer_queues: Vec::new(),
            replicas: vec![incoming.replica],
            sealed: 0,
        };
        self.keep_opened((session, fresh, Some(invite)), (hash, frame), (changes, rng))
    }

    /// Makes an opened message durable and answers with it.
    fn keep_opened(
        &mut self,
        (session, mut record, first): (SessionId, SessionRecord, Option<InviteId>),
        (hash, frame): (InnerHash, Frame),
        (mut changes, rng): (Changes, &mut impl CryptoRng),
    ) -> Result<Opened, NoMessage> {
        let new_queues = self.take_offers(session, (&mut record, &frame.offers), &mut changes, rng)?;
        let content = frame.content.unwrap_or_else(|| SecretBytes::new(Vec::new()));
        let kept = OpenedRecord::Kept { session, first, content: content.clone(), new_queues };
        changes.put_record(&session.key(), &record)?;
        changes.put_record(&hash.0, &kept)?;
        self.store.commit(&changes).map_err(VaultError::from)?;
        self.kept += 1;
        Ok(self.answer(session, first, (content, hash), new_queues)?)
    }

    fn answer(
        &self,
        session: SessionId,
        first: Option<InviteId>,
        (content, inner): (SecretBytes, InnerHash),
        new_queues: bool,
    ) -> Result<Opened, VaultError> {
        let peer_queues = if new_queues {
            let record: SessionRecord = self.require(&session.key(), Thing::Session)?;
            self.peer_queues(&record.peer_queues)?
        } else {
            Vec::new()
        };
        Ok(Opened::Message { session, content, inner, peer_queues, first })
    }
}

impl ReplicaRecord {
    /// Takes the outer layer off; true if it was the first time for this sender, whose key is kept from now on.
    fn unwrap(&mut self, incoming: &IncomingEnvelope<'_>) -> Option<(InnerBlock, bool)> {
        let queue = self.created.as_ref()?.sender_queue;
        let sender = AgreementKey::parse(incoming.untrusted_sender).ok()?;
        if let Some((_, key)) = self.outer.as_ref().filter(|(known, _)| *known == sender) {
            return Some((key.open(&queue, incoming.untrusted_envelope).ok()?, false));
        }
        let key = OuterKey::derive(&self.agreement, &sender, &self.secret, &queue).ok()?;
        let inner = key.open(&queue, incoming.untrusted_envelope).ok()?;
        self.outer = Some((sender, key));
        Some((inner, true))
    }
}

impl OpenInvite {
    /// The responder's side of the key agreement and the first message inside it.
    fn respond(
        &self,
        (prefix, message): (&[u8], &[u8]),
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Option<(Accepted, Frame, ContactRecord)> {
        let prefix = FirstPrefix::parse(prefix).ok()?;
        let agreed = pqxdh::respond(&self.prekeys, &self.identity, &prefix, &self.secret.psk()).ok()?;
        let ratchet = Session::responder(agreed, self.prekeys.signed_prekey().clone()).ok()?;
        let accepted = ratchet.open(message, now, rng).ok()?;
        let frame = Frame::decode(&accepted.content).ok()?;
        let peer = prefix.identity().clone();
        let devices = DeviceList::parse(&frame.devices, peer.signing()).ok()?;
        if devices.hash() != *peer.devices_hash() {
            return None;
        }
        Some((accepted, frame, ContactRecord { own: self.identity.clone(), peer, verified: false }))
    }
}

impl From<Opened> for NoMessage {
    fn from(told: Opened) -> Self {
        Self::Told(told)
    }
}

impl<E: Into<VaultError>> From<E> for NoMessage {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Remembers which inner block used a message number, so that other bytes under it later are told as a rollback.
fn note_used(
    session: SessionId,
    hash: InnerHash,
    (accepted, now): (&Accepted, Timestamp),
    changes: &mut Changes,
) -> Result<(), VaultError> {
    let id = used_id(session, &accepted.chain, accepted.number);
    changes.put_record(&id, &UsedRecord { hash: cut(hash), at: now })
}

fn used_id(session: SessionId, chain: &[u8; 32], number: u32) -> Vec<u8> {
    [session.key().as_slice(), chain, &number.to_be_bytes()].concat()
}

fn cut(hash: InnerHash) -> [u8; 16] {
    hash.0.first_chunk().copied().unwrap_or_default()
}
