//! Opening a broken session anew (docs/protocol/pqxdh.md, "Repair: a session is opened anew"): each side has handed the other a
//! bundle for that, and both keep a secret of their first agreement. Who notices that something is wrong sends a first message
//! over the queues that there are.

use std::time::Duration;

use ipc_schema::Timestamp;
use rand_core::CryptoRng;

use super::limits::{REPAIR_EVERY, REPAIRS_A_KEY, REPAIRS_TAKEN, REPAIRS_WITHIN};
use super::marks::Mark;
use super::messages::{OutgoingEnvelope, SealEnvelope, SealedMessage, Sealing};
use super::moment::Moment;
use super::opened::{FirstEnvelope, NoMessage, Opened};
use super::read_message::ReadMessage;
use super::record::PutRecord;
use super::records::{ContactRecord, News, SessionRecord};
use super::repair_records::{Agreement, FormerRecord, Handshake, RepairMarks, RepairRecord, ReplayRecord};
use super::unlocked::Vault;
use crate::envelope::{FIRST_MESSAGE_BYTES, InnerBlock};
use crate::error::{Thing, VaultError};
use crate::frame::{Frame, REPAIR_CONTENT_MAX, RepairSection};
use crate::identity::DeviceList;
use crate::ids::{InnerHash, OutboxId, ReceiveQueueId, SessionId};
use crate::kdf;
use crate::memory::SecretBytes;
use crate::pqxdh::{self, Bundle, FirstPrefix, LastingKeys};
use crate::ratchet::Session;
use crate::store::{Changes, Store};

/// Attempts of the peer that could not be opened after it was told so: the second shows that it cannot open ours either.
const HOPELESS: u8 = 2;

/// A request to open a session anew.
#[derive(Clone, Copy)]
pub struct RepairSession<'a> {
    /// The one that is broken.
    pub session: SessionId,
    /// Names the first message.
    pub outbox: OutboxId,
    /// stored's content, at most `REPAIR_CONTENT_MAX` bytes.
    pub content: &'a [u8],
    /// Own receive queues to offer in it; at most two.
    pub offer: &'a [ReceiveQueueId],
}

impl<S: Store> Vault<S> {
    /// Agrees anew with the peer's repair bundle and seals the first message for each of the peer's queues. From now on this side
    /// seals under the new session; what is under way under the old one still opens. Idempotent by `outbox`: the same bytes until
    /// [`Self::forget`].
    ///
    /// # Errors
    /// `InviteAgain` if there is nothing (any more) to agree with; `RateLimited` within ten minutes of the last time, whichever side
    /// began it; `NoSuch(Session)`, `NoSuch(ReceiveQueue)`; `TooLong`; `TooManyKept`; `NoPeerQueue`; `Conflict(Outbox)`;
    /// `WrongPurpose(ReceiveQueue)`; `Store`.
    pub fn repair_session(
        &mut self,
        request: RepairSession<'_>,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<OutgoingEnvelope>, VaultError> {
        let hash = request.hash();
        let (mut record, queues) = match self.begin_sealing(request.message(), hash, REPAIR_CONTENT_MAX)? {
            Sealing::Answered(envelopes) => return Ok(envelopes),
            Sealing::New(record, queues) => (record, queues),
        };
        let contact: ContactRecord = self.require(&request.session.key(), Thing::Session)?;
        let mut repair: RepairRecord = self.require(&request.session.key(), Thing::Session)?;
        let bundle = repair.bundle_to_agree_with(&contact, &record.marks, now)?;
        let (prefix, agreed) = pqxdh::initiate(&bundle, &contact.own, &repair.secret, now, rng)
            .map_err(|_| VaultError::InviteAgain)?;
        let mut changes = Changes::default();
        let offers = self.offer_receive_queues(request.offer, request.session, &mut changes)?;
        let handshake = repair.begun(agreed.transcript, &record.marks, now);
        let frame = Frame {
            offers,
            devices: contact.own.devices().bytes().to_vec(),
            repair: RepairSection { unopened: handshake.told_unopened, ..RepairSection::default() },
            content: Some(SecretBytes::new(request.content.to_vec())),
        };
        let mut ratchet =
            Session::initiator(agreed, bundle.ratchet_key(), rng).map_err(|_| VaultError::InviteAgain)?;
        let message = ratchet
            .seal(&frame.encode()?, FIRST_MESSAGE_BYTES, rng)
            .map_err(|_| VaultError::Bug("first message does not fit"))?;
        let inner = InnerBlock::first(prefix.bytes(), &message)?;
        self.note_offered(&mut record, request.offer, &mut changes)?;
        replace_ratchet(request.session, &mut record, ratchet, now, &mut changes)?;
        record.marks.unconfirmed = true;
        let sealed = SealedMessage { session: request.session, inner: &inner };
        let kept = sealed.into_record(hash, &queues, rng);
        changes.put_record(&request.session.key(), &*record)?;
        changes.put_record(&request.session.key(), &repair)?;
        self.keep_sealed(request.outbox, &kept, changes)
    }

    /// A first message over a session's own queue: the peer opens the session anew.
    pub(super) fn open_anew(
        &mut self,
        session: SessionId,
        first: FirstEnvelope<'_>,
        moment: &mut Moment<'_, impl CryptoRng>,
    ) -> Result<Opened, NoMessage> {
        let FirstEnvelope { hash, prefix, message } = first;
        self.refuse_replay(prefix, hash)?;
        let mut contact: ContactRecord = self.require(&session.key(), Thing::Session)?;
        let mut repair: RepairRecord = self.require(&session.key(), Thing::Session)?;
        repair.refuse_repeated(first)?;
        if repair.is_too_often(moment.now) {
            // Before anything is computed or written. It is the peer's: if nothing else of it comes, this side begins.
            return Err(Opened::OutOfStep(session).into());
        }
        let Some(keys) = repair.named_by(prefix, moment.now) else {
            return self.unopened(session, hash, repair, contact.peer == *prefix.identity());
        };
        let agreed = keys.respond(&contact.own, prefix, &repair.secret).map_err(|_| Opened::Unreadable)?;
        let transcript = agreed.transcript;
        let ratchet =
            Session::responder(agreed, keys.signed_prekey().clone()).map_err(|_| Opened::Unreadable)?;
        let accepted = ratchet.open(message, moment.now, moment.rng).map_err(|_| Opened::Unreadable)?;
        let frame = Frame::decode(&accepted.content).map_err(|_| Opened::Unreadable)?;
        DeviceList::parse(&frame.devices, prefix.identity()).map_err(|_| Opened::Unreadable)?;
        // Nobody but the two together changes who somebody is: that takes a new invite.
        if contact.peer.id() != prefix.identity().id() {
            return Err(Opened::Unreadable.into());
        }
        // Whoever made this knows the secret of the first agreement.
        let mut changes = Changes::default();
        // Also where the own attempt goes on: the keys that it was made with live on, and must not serve it later.
        repair.take(first, moment.now);
        let mut record: SessionRecord = self.require(&session.key(), Thing::Session)?;
        if !frame.repair.unopened && repair.own_attempt_wins(&transcript, &record.marks, moment.now) {
            changes.put_record(&session.key(), &repair)?;
            self.store.commit(&changes).map_err(VaultError::from)?;
            return Err(NoMessage::Superseded);
        }
        self.note_used(session, Mark::of(hash, &accepted), moment.now, &mut changes)?;
        if contact.peer != *prefix.identity() {
            contact.peer = prefix.identity().clone();
            changes.put_record(&session.key(), &contact)?;
        }
        replace_ratchet(session, &mut record, accepted.session, moment.now, &mut changes)?;
        record.marks.unconfirmed = false;
        repair.handshake = Some(Handshake { transcript, at: moment.now, ours: false, told_unopened: false });
        repair.unopened = 0;
        changes.put_record(&session.key(), &repair)?;
        let news = News { repaired: true, ..News::default() };
        self.keep_opened(ReadMessage { session, record, news, hash, frame }, changes, moment)
    }

    /// The peer used keys that this side does not have: it, too, may have lost what came after an old copy.
    fn unopened(
        &mut self,
        session: SessionId,
        hash: InnerHash,
        mut repair: RepairRecord,
        is_peer: bool,
    ) -> Result<Opened, NoMessage> {
        if !is_peer {
            return Err(Opened::Unreadable.into());
        }
        // One attempt comes through each queue, and again while it is not acked. More than show that it is hopeless say no more.
        if repair.last_unopened != hash.cut() && repair.unopened < HOPELESS {
            repair.unopened = repair.unopened.saturating_add(1);
            repair.last_unopened = hash.cut();
            let mut changes = Changes::default();
            changes.put_record(&session.key(), &repair)?;
            self.store.commit(&changes).map_err(VaultError::from)?;
        }
        Err(Opened::OutOfStep(session).into())
    }

    /// Refuses an agreement that is kept as a record of its own.
    pub(super) fn refuse_replay(&self, prefix: &FirstPrefix, hash: InnerHash) -> Result<(), NoMessage> {
        match self.load::<ReplayRecord>(&prefix.replay_id())? {
            Some(seen) if seen.inner == hash.cut() => Err(Opened::Duplicate(hash).into()),
            Some(_) => Err(Opened::Unreadable.into()),
            None => Ok(()),
        }
    }
}

impl RepairRecord {
    /// Own keys that a first message names and that are neither over nor used up.
    fn named_by(&self, prefix: &FirstPrefix, now: Timestamp) -> Option<&LastingKeys> {
        let named = self.own.iter().find(|own| own.keys.are_named_by(prefix))?;
        (now <= named.end() && named.agreed.len() < REPAIRS_A_KEY).then_some(&named.keys)
    }

    /// Refuses an agreement that was made before, as long as its keys live.
    fn refuse_repeated(&self, first: FirstEnvelope<'_>) -> Result<(), NoMessage> {
        let asked = Agreement::of(first.prefix, first.hash);
        let mut agreed = self.own.iter().flat_map(|own| &own.agreed);
        match agreed.find(|agreed| agreed.is_same_agreement(&asked)) {
            Some(before) if *before == asked => Err(Opened::Duplicate(first.hash).into()),
            Some(_) => Err(Opened::Unreadable.into()),
            None => Ok(()),
        }
    }

    /// The peer has opened the session anew as often as it may for now.
    fn is_too_often(&self, now: Timestamp) -> bool {
        self.taken.iter().filter(|at| at.is_recent(now, REPAIRS_WITHIN)).count() >= REPAIRS_TAKEN
    }

    /// Notes that the peer's first message was agreed with.
    fn take(&mut self, first: FirstEnvelope<'_>, now: Timestamp) {
        self.taken.retain(|at| at.is_recent(now, REPAIRS_WITHIN));
        self.taken.push(now);
        if let Some(own) = self.own.iter_mut().find(|own| own.keys.are_named_by(first.prefix)) {
            own.agreed.push(Agreement::of(first.prefix, first.hash));
        }
    }

    /// How long nothing may be begun.
    fn wait(&self, now: Timestamp) -> Option<Duration> {
        let last = self.handshake?.at;
        last.is_recent(now, REPAIR_EVERY).then(|| REPAIR_EVERY.saturating_sub(now.since(last)))
    }

    fn bundle_to_agree_with(
        &self,
        contact: &ContactRecord,
        marks: &RepairMarks,
        now: Timestamp,
    ) -> Result<Bundle, VaultError> {
        if let Some(retry_after) = self.wait(now) {
            return Err(VaultError::RateLimited { retry_after });
        }
        let told = self.handshake.is_some_and(|last| last.ours && last.told_unopened);
        if marks.unconfirmed && told && self.unopened >= HOPELESS {
            return Err(VaultError::InviteAgain);
        }
        let bundle = self.theirs.as_ref().ok_or(VaultError::InviteAgain)?;
        let bundle = Bundle::parse_repair(&contact.peer, bundle).map_err(|_| VaultError::InviteAgain)?;
        bundle.holds(now).map_err(|_| VaultError::InviteAgain)?;
        Ok(bundle)
    }

    /// Notes that this side begins now.
    fn begun(&mut self, transcript: [u8; 32], marks: &RepairMarks, now: Timestamp) -> Handshake {
        let told = self.handshake.is_some_and(|last| last.ours && last.told_unopened) && marks.unconfirmed;
        let handshake =
            Handshake { transcript, at: now, ours: true, told_unopened: told || self.unopened > 0 };
        self.handshake = Some(handshake);
        // Counted from when the peer was told on.
        if !told {
            self.unopened = 0;
        }
        handshake
    }

    /// Both sides began at once: the lower T wins. Ten minutes after its own attempt was answered a side takes it that the peer's
    /// is a new one.
    fn own_attempt_wins(&self, theirs: &[u8; 32], marks: &RepairMarks, now: Timestamp) -> bool {
        let Some(own) = self.handshake.filter(|own| own.ours) else { return false };
        (marks.unconfirmed || own.at.is_recent(now, REPAIR_EVERY)) && own.transcript < *theirs
    }
}

impl RepairSession<'_> {
    /// What it asks for beside the new ratchet.
    fn message(&self) -> SealEnvelope<'_> {
        let Self { session, outbox, content, offer } = *self;
        SealEnvelope { session, outbox, content, offer }
    }

    fn hash(&self) -> [u8; 32] {
        let offers: Vec<u8> = self.offer.iter().flat_map(|receive_queue| receive_queue.key()).collect();
        let count = (offers.len() as u64).to_be_bytes();
        kdf::sha256(&[b"privatus/repair-outbox/v1", &count, &offers, self.content])
    }
}

impl std::fmt::Debug for RepairSession<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RepairSession({:?}, {:?}, {} B)", self.session, self.outbox, self.content.len())
    }
}

/// The session goes on under another ratchet, and both sides hand over their bundles again: one of them may have lost the other's.
fn replace_ratchet(
    session: SessionId,
    record: &mut SessionRecord,
    ratchet: Session,
    now: Timestamp,
    changes: &mut Changes,
) -> Result<(), VaultError> {
    let former = std::mem::replace(&mut record.ratchet, ratchet);
    // Nobody ever spoke in an own attempt that was not answered: what came before it is worth more.
    if !record.marks.unconfirmed {
        changes.put_record(&session.key(), &FormerRecord { ratchet: former, since: now })?;
    }
    record.marks.acknowledged = false;
    record.marks.theirs = 0;
    Ok(())
}
