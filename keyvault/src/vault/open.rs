//! Opening envelopes: either copy gives the same answer, a forgotten one is a duplicate
//! (docs/architecture.md, "Crash rules").

use ipc_schema::Timestamp;
use rand_core::CryptoRng;

use super::invite_records::{InviteRecord, InviteState, OpenInvite};
use super::marks::Mark;
use super::moment::Moment;
use super::opened::{FirstEnvelope, Met, NewSession, NoMessage, Opened, Place, meet};
use super::read_message::ReadMessage;
use super::record::PutRecord;
use super::records::{News, OpenedRecord, ReceiveQueueRecord, SessionRecord, UsedRecord};
use super::repair_records::FormerRecord;
use super::unlocked::Vault;
use crate::agreement_key::AgreementKey;
use crate::envelope::{Inner, InnerBlock, OuterKey};
use crate::error::{Thing, VaultError};
use crate::frame::{Frame, RepairSection};
use crate::ids::{InnerHash, ReceiveQueueId, SessionId};
use crate::pqxdh::{self, FirstPrefix};
use crate::ratchet::RatchetError;
use crate::store::{Changes, Store};

/// An envelope as it came from a relay.
#[derive(Clone, Copy, Debug)]
pub struct IncomingEnvelope<'a> {
    /// The own receive queue that it lay in. An invite's queue has the invite's number.
    pub receive_queue: ReceiveQueueId,
    /// The sender's key as the relay tells it: half of the outer layer's key. A lie makes the envelope unreadable.
    pub untrusted_sender: [u8; 32],
    /// As the relay gave it out: 4,096 B, and unreadable where it is not.
    pub untrusted_envelope: &'a [u8],
}

impl<S: Store> Vault<S> {
    /// Opens one envelope. Idempotent by the hash of its inner block until that is forgotten.
    ///
    /// # Errors
    /// `NoSuch(ReceiveQueue)`; `TooManyKept`; `Store`. Whatever a relay or peer may send is an answer, not an error.
    pub fn open_envelope(
        &mut self,
        incoming: IncomingEnvelope<'_>,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Opened, VaultError> {
        let mut receive_queue: ReceiveQueueRecord =
            self.require(&incoming.receive_queue.key(), Thing::ReceiveQueue)?;
        let Ok(sender) = AgreementKey::parse(incoming.untrusted_sender) else {
            return Ok(Opened::Unreadable);
        };
        let Some((inner, is_new_sender)) = receive_queue.unwrap(&sender, incoming.untrusted_envelope) else {
            return Ok(Opened::Unreadable);
        };
        if is_new_sender {
            let mut changes = Changes::default();
            changes.put_record(&incoming.receive_queue.key(), &receive_queue)?;
            self.store.commit(&changes)?;
        }
        let hash = inner.hash();
        match self.load(&hash.0)? {
            Some(OpenedRecord::Forgotten(_)) => return Ok(Opened::Duplicate(hash)),
            Some(OpenedRecord::Kept(kept)) => return self.answer(hash, kept),
            None => {}
        }
        let place = Place { id: incoming.receive_queue, receive_queue, sender };
        // What came longer ago is looked for where no key opens it, which a new message does not pay for.
        if let Some(session) = self.speaker(&place)?
            && self.was_opened_lately(session, hash)?
        {
            return Ok(Opened::Duplicate(hash));
        }
        // Only now: what was answered before is answered again, however full it is.
        self.has_room_for_answer()?;
        let moment = &mut Moment { now, rng };
        let opened = match inner.content() {
            Ok(Inner::Message(message)) => self.open_message(&place, hash, message, moment),
            Ok(Inner::First { prefix, message }) => match FirstPrefix::parse(prefix) {
                Ok(prefix) => {
                    self.open_first(place, FirstEnvelope { hash, prefix: &prefix, message }, moment)
                }
                Err(_) => Ok(Opened::Unreadable),
            },
            Err(_) => Ok(Opened::Unreadable),
        };
        match opened {
            Ok(opened) => Ok(opened),
            Err(NoMessage::Told(told)) => Ok(*told),
            Err(NoMessage::Superseded) => Ok(Opened::Unreadable),
            Err(NoMessage::Failed(error)) => Err(error),
        }
    }

    fn open_message(
        &mut self,
        place: &Place,
        hash: InnerHash,
        message: &[u8],
        moment: &mut Moment<'_, impl CryptoRng>,
    ) -> Result<Opened, NoMessage> {
        let session = self.speaker(place)?.ok_or(Opened::Unreadable)?;
        let mut record: SessionRecord = self.require(&session.key(), Thing::Session)?;
        let mut changes = Changes::default();
        let (accepted, is_current) = match record.ratchet.open(message, moment.now, moment.rng) {
            Ok(accepted) => (accepted, true),
            Err(error) => {
                // Sealed before the session was opened anew, and under way since.
                let former =
                    self.load::<FormerRecord>(&session.key())?.filter(|_| error.is_of_another_session());
                let opened = former.and_then(|former| {
                    Some((former.ratchet.open(message, moment.now, moment.rng).ok()?, former.since))
                });
                match opened {
                    Some((accepted, since)) => {
                        let former = FormerRecord { ratchet: accepted.session.clone(), since };
                        changes.put_record(&session.key(), &former)?;
                        (accepted, false)
                    }
                    None => return Err(self.not_opened(session, hash, place, error)?),
                }
            }
        };
        let mut frame = Frame::decode(&accepted.content).map_err(|_| Opened::Unreadable)?;
        self.note_used(session, Mark::of(hash, &accepted), moment.now, &mut changes)?;
        let news = News { repair_wanted: is_current && accepted.needs_repair, ..News::default() };
        if is_current {
            record.ratchet = accepted.session;
            // Only who answered the own attempt can seal under its ratchet.
            record.marks.unconfirmed = false;
        } else {
            // What was said about repair before the session was opened anew is over.
            frame.repair = RepairSection::default();
        }
        self.keep_opened(ReadMessage { session, record, news, hash, frame }, changes, moment)
    }

    /// Whose envelopes come to this place.
    fn speaker(&self, place: &Place) -> Result<Option<SessionId>, VaultError> {
        match place.receive_queue.address {
            Some(_) => self.visitor(place.id, &place.sender),
            None => Ok(place.receive_queue.session),
        }
    }

    /// Tells a peer that restored an old state, and one that speaks of a session that is lost here, from noise.
    fn not_opened(
        &self,
        session: SessionId,
        hash: InnerHash,
        place: &Place,
        error: RatchetError,
    ) -> Result<NoMessage, VaultError> {
        if self.was_opened(session, hash)? {
            return Ok(Opened::Duplicate(hash).into());
        }
        let told = match error {
            // Acked at the mailbox, never to the peer, who seals the content anew once the session is opened anew.
            RatchetError::RolledBack | RatchetError::Stalled => Opened::RolledBack(session),
            RatchetError::Used { chain, number } if self.was_used(session, &chain, number)? => {
                Opened::RolledBack(session)
            }
            RatchetError::Used { chain, number } => {
                match self.load::<UsedRecord>(&used_id(session, &chain, number))? {
                    Some(used) if used.hash == hash.cut() => Opened::Duplicate(hash),
                    Some(_) => Opened::RolledBack(session),
                    // So long ago that it may be either: neither is said of the peer.
                    None => Opened::Unreadable,
                }
            }
            error if error.is_of_another_session() && place.is_peers() => Opened::OutOfStep(session),
            _ => Opened::Unreadable,
        };
        Ok(told.into())
    }

    fn open_first(
        &mut self,
        mut place: Place,
        first: FirstEnvelope<'_>,
        moment: &mut Moment<'_, impl CryptoRng>,
    ) -> Result<Opened, NoMessage> {
        if let Some(session) = self.speaker(&place)?
            && self.was_opened(session, first.hash)?
        {
            return Err(Opened::Duplicate(first.hash).into());
        }
        if let Some(address) = place.receive_queue.address {
            return self.open_at_address(address, place, first, moment);
        }
        let speaker = self.speaker(&place)?.filter(|_| place.is_peers());
        if let Some(session) = speaker {
            let opened = self.open_anew(session, first, moment);
            match (opened, place.receive_queue.invite) {
                // Not of this session: somebody with the link, though with the key of whom it connected.
                (Err(NoMessage::Told(told)), Some(_)) if *told == Opened::Unreadable => {}
                (opened, _) => return opened,
            }
        }
        let invite = place.receive_queue.invite.ok_or(Opened::Unreadable)?;
        let mut record: InviteRecord =
            self.load(&invite.key())?.ok_or(NoMessage::from(Opened::Unreadable))?;
        let open = match &record.state {
            InviteState::Open(open) => open,
            // The outer layer opened, so whoever sealed this had the link.
            InviteState::Used(_) => return Err(Opened::OpenedTwice(invite).into()),
        };
        let met = open.respond(first, moment).ok_or(Opened::Unreadable)?;

        let session = SessionId(self.fresh_id::<SessionRecord>(moment.rng)?);
        let mut changes = Changes::default();
        place.receive_queue.session = Some(session);
        place.receive_queue.accepted_by = Some(place.sender);
        // The prekeys go in the transaction that makes the session: nobody else can ever agree with them.
        record.state = InviteState::Used(session);
        changes.put_record(&place.id.key(), &place.receive_queue)?;
        changes.put_record(&invite.key(), &record)?;
        let news = News { first: Some(invite), ..News::default() };
        let new = NewSession { session, met, news, receive_queue: place.id };
        self.keep_met(new, first.hash, changes, moment)
    }
}

impl RatchetError {
    /// No key of the session fits, or the peer is too far ahead of it to follow.
    fn is_of_another_session(&self) -> bool {
        matches!(self, Self::NoHeaderKey | Self::TooManySkipped)
    }
}

/// By which earlier versions kept what used a number.
fn used_id(session: SessionId, chain: &[u8; 32], number: u32) -> Vec<u8> {
    [session.key().as_slice(), chain, &number.to_be_bytes()].concat()
}

impl ReceiveQueueRecord {
    /// Takes the outer layer off; true if its key is one to be kept: the first envelope of this sender.
    fn unwrap(&mut self, sender: &AgreementKey, untrusted_envelope: &[u8]) -> Option<(InnerBlock, bool)> {
        let queue = self.created.as_ref()?.sender_queue;
        if let Some((_, key)) = self.outer.as_ref().filter(|(known, _)| known == sender) {
            return Some((key.open(&queue, untrusted_envelope).ok()?, false));
        }
        let key = OuterKey::derive(&self.agreement, sender, &self.secret, &queue).ok()?;
        let inner = key.open(&queue, untrusted_envelope).ok()?;
        // An address is written to by many, and an invite's queue by whoever has or had the link: they make nothing be written.
        let is_kept = match self.invite {
            Some(_) => self.accepted_by == Some(*sender),
            None => self.address.is_none(),
        };
        if is_kept {
            self.outer = Some((*sender, key));
        }
        Some((inner, is_kept))
    }
}

impl OpenInvite {
    /// The responder's side of the key agreement and the first message inside it.
    fn respond(&self, first: FirstEnvelope<'_>, moment: &mut Moment<'_, impl CryptoRng>) -> Option<Met> {
        let agreed = pqxdh::respond(&self.prekeys, &self.identity, first.prefix, &self.secret.psk()).ok()?;
        meet(&self.identity, agreed, self.prekeys.signed_prekey(), first, moment)
    }
}
