//! What an envelope turned out to be, and how that is kept before it is told.

use rand_core::CryptoRng;

use super::marks::Mark;
use super::messages::PeerQueue;
use super::moment::Moment;
use super::read_message::ReadMessage;
use super::record::PutRecord;
use super::records::{ContactRecord, KeptMessage, News, OpenedRecord, ReceiveQueueRecord, SessionRecord};
use super::repair_records::RepairRecord;
use super::unlocked::Vault;
use crate::agreement_key::{AgreementKey, AgreementSecret};
use crate::error::{Thing, VaultError};
use crate::frame::Frame;
use crate::identity::{DeviceList, Identity};
use crate::ids::{AddressId, InnerHash, InviteId, ReceiveQueueId, SessionId};
use crate::memory::{Secret32, SecretBytes};
use crate::pqxdh::{Agreed, FirstPrefix};
use crate::ratchet::{Accepted, Session};
use crate::store::{Changes, Store};

/// What an envelope turned out to be.
#[allow(clippy::enum_variant_names, reason = "\"opened twice\" is what people are shown")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// A message, new or not forgotten yet.
    Message {
        /// The session with whoever sent it, new or known.
        session: SessionId,
        /// What the peer's stored gave to be sealed.
        content: SecretBytes,
        /// Names it in [`Vault::forget`].
        inner: InnerHash,
        /// All queues of the peer, if this message changed them.
        peer_queues: Vec<PeerQueue>,
        /// What else it means.
        news: News,
    },
    /// Opened and forgotten before. To be acked at the mailbox.
    Duplicate(InnerHash),
    /// No key fits. To be acked at the mailbox, never to the peer.
    Unreadable,
    /// A stranger at an own address, where too many came within the hour or are kept: nothing was written. To be acked at the mailbox.
    TurnedAway(AddressId),
    /// A second acceptance of a one-time invite; it stays unaccepted.
    OpenedTwice(InviteId),
    /// The peer restored an old state: the session is to be opened anew. To be acked at the mailbox, never to the peer.
    RolledBack(SessionId),
    /// The peer made it, but not with any key that is still here. If nothing of the peer can be read for a while, the session is to be
    /// opened anew. To be acked at the mailbox, never to the peer.
    OutOfStep(SessionId),
}

/// Why there is no message to answer with.
pub(super) enum NoMessage {
    Told(Box<Opened>),
    /// The peer's, but both began at once and this side's attempt goes on.
    Superseded,
    Failed(VaultError),
}

/// A first message that came. Nothing of it is authentic yet.
#[derive(Clone, Copy)]
pub(super) struct FirstEnvelope<'a> {
    pub(super) hash: InnerHash,
    pub(super) prefix: &'a FirstPrefix,
    pub(super) message: &'a [u8],
}

/// A session that a first message makes, before it is durable.
pub(super) struct NewSession {
    pub(super) session: SessionId,
    pub(super) met: Met,
    pub(super) news: News,
    /// The own queue that it came through.
    pub(super) receive_queue: ReceiveQueueId,
}

/// Where an envelope came from.
pub(super) struct Place {
    pub(super) id: ReceiveQueueId,
    pub(super) receive_queue: ReceiveQueueRecord,
    /// The sender's key with which the outer layer opened.
    pub(super) sender: AgreementKey,
}

impl Place {
    /// Whether only the session's peer can have made what opened here. An invite's queue can be written to by whoever had the link;
    /// any other was offered inside the session.
    pub(super) fn is_peers(&self) -> bool {
        self.receive_queue.invite.is_none() || self.receive_queue.accepted_by == Some(self.sender)
    }
}

/// What a first message of somebody new gave.
pub(super) struct Met {
    pub(super) accepted: Accepted,
    pub(super) frame: Frame,
    pub(super) contact: ContactRecord,
    /// The secret that a repair will prove.
    pub(super) repair: Secret32,
}

impl<S: Store> Vault<S> {
    /// Makes a session of a first message of somebody new.
    pub(super) fn keep_met(
        &mut self,
        new: NewSession,
        hash: InnerHash,
        mut changes: Changes,
        moment: &mut Moment<'_, impl CryptoRng>,
    ) -> Result<Opened, NoMessage> {
        let NewSession { session, met, news, receive_queue } = new;
        self.note_used(session, Mark::of(hash, &met.accepted), moment.now, &mut changes)?;
        let (repair, marks) = RepairRecord::begin(met.repair, &met.contact.own, moment);
        changes.put_record(&session.key(), &repair)?;
        changes.put_record(&session.key(), &met.contact)?;
        let record = SessionRecord {
            ratchet: met.accepted.session,
            peer_queues: Vec::new(),
            receive_queues: vec![receive_queue],
            marks,
        };
        self.keep_opened(ReadMessage { session, record, news, hash, frame: met.frame }, changes, moment)
    }

    /// Makes an opened message durable and answers with it.
    pub(super) fn keep_opened(
        &mut self,
        mut read: ReadMessage,
        mut changes: Changes,
        moment: &mut Moment<'_, impl CryptoRng>,
    ) -> Result<Opened, NoMessage> {
        let new_queues = self.take_offers(&mut read, &mut changes, moment.rng)?;
        // A session that this very message made or changed has nothing to read back yet.
        if read.news == News::default() {
            self.take_repair(&mut read, &mut changes, moment)?;
        }
        let ReadMessage { session, record, news, hash, frame } = read;
        let content = frame.content.unwrap_or_else(|| SecretBytes::new(Vec::new()));
        let kept = KeptMessage { session, news, content, new_queues };
        changes.put_record(&session.key(), &record)?;
        changes.put_record(&hash.0, &OpenedRecord::Kept(kept.clone()))?;
        self.store.commit(&changes).map_err(VaultError::from)?;
        self.kept += 1;
        Ok(self.answer(hash, kept)?)
    }

    pub(super) fn answer(&self, inner: InnerHash, kept: KeptMessage) -> Result<Opened, VaultError> {
        let KeptMessage { session, news, content, new_queues } = kept;
        let peer_queues = if new_queues {
            let record: SessionRecord = self.require(&session.key(), Thing::Session)?;
            self.peer_queues(&record.peer_queues)?
        } else {
            Vec::new()
        };
        Ok(Opened::Message { session, content, inner, peer_queues, news })
    }
}

/// Opens the first message of somebody new.
pub(super) fn meet(
    own: &Identity,
    agreed: Agreed,
    signed_prekey: &AgreementSecret,
    first: FirstEnvelope<'_>,
    moment: &mut Moment<'_, impl CryptoRng>,
) -> Option<Met> {
    let repair = agreed.repair.clone();
    let ratchet = Session::responder(agreed, signed_prekey.clone()).ok()?;
    let accepted = ratchet.open(first.message, moment.now, moment.rng).ok()?;
    let frame = Frame::decode(&accepted.content).ok()?;
    let peer = first.prefix.identity().clone();
    DeviceList::parse(&frame.devices, &peer).ok()?;
    let contact = ContactRecord { own: own.clone(), peer, verified: false };
    Some(Met { accepted, frame, contact, repair })
}

impl From<Opened> for NoMessage {
    fn from(told: Opened) -> Self {
        Self::Told(Box::new(told))
    }
}

impl<E: Into<VaultError>> From<E> for NoMessage {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}
