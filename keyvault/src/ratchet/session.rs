//! The state of one session, and the two things it does: seal the next message, open any message.

use std::collections::VecDeque;

use ipc_schema::Timestamp;
use rand_core::CryptoRng;
use subtle::ConstantTimeEq;

use super::chain_key::{ChainKey, ChainPair, MessageSecret, Pq};
use super::header_slot::HeaderSlot;
use super::message_header::{ENCRYPTED_HEADER_BYTES, Header, HeaderKey};
use super::message_key::MessageKey;
use super::post_quantum::{Begun, PqRatchet};
use super::ratchet_key::{RatchetKey, RatchetSecret};
use super::receiving_chain::{OLD_CHAINS_MAX, ReceivingChain, SKIPPED_MAX, is_over};
use super::root_key::{RootKey, RootStep};
use super::sending_chain::{EcStart, SendingChain};
use super::side::{Ours, Role, Theirs};
use super::{COMMITMENT_BYTES, MESSAGE_OVERHEAD_BYTES, RatchetError, SALT_BYTES};
use crate::agreement_key::{AgreementKey, AgreementSecret};
use crate::codec::{Malformed, Reader, Writer};
use crate::fresh::Fresh;
use crate::kdf::TAG_BYTES;
use crate::memory::SecretBytes;
use crate::pqxdh::Agreed;

const BODY_LABEL: &[u8] = b"privatus/body/v1";
/// What stands before the body.
const FRONT_BYTES: usize = ENCRYPTED_HEADER_BYTES + SALT_BYTES + COMMITMENT_BYTES;

/// Both directions of one conversation. Cloning is how receiving stays without effect until it has succeeded.
#[derive(Clone)]
pub struct Session {
    /// T of the key agreement; associated data of every header and body.
    transcript: [u8; 32],
    root: RootKey,
    /// DHs: the pair of the newest own chain.
    ours: RatchetSecret,
    sending: Option<SendingChain>,
    /// NHKs: header key of the own chain after this one.
    next_sending: HeaderKey<Ours>,
    receiving: Option<ReceivingChain>,
    /// NHKr: header key of the peer's chain after the one that is received.
    next_receiving: HeaderKey<Theirs>,
    /// Chains that the peer ended, newest first.
    old: VecDeque<ReceivingChain>,
    pq: PqRatchet,
}

/// A message that opened, and the session as it is after it. Keep both or neither.
pub struct Accepted {
    /// The state to store in place of the one that opened.
    pub session: Session,
    /// What the peer sealed.
    pub content: SecretBytes,
    /// The peer's ratchet key of the chain.
    pub chain: [u8; 32],
    /// The message's number in it.
    pub number: u32,
    /// A slot of the peer was not authentic, in this message or an earlier one: the post-quantum ratchet stands still, and the
    /// session has to be opened anew.
    pub needs_repair: bool,
}

/// Which of the peer's chains a header belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    /// The one that runs.
    Current,
    /// One that begins with this message.
    Next,
    /// An ended one, counted from the newest.
    Old(usize),
}

/// The parts of a message on the wire.
struct Parts<'a> {
    /// The three that follow, in one piece.
    front: &'a [u8],
    header: &'a [u8; ENCRYPTED_HEADER_BYTES],
    salt: &'a [u8; SALT_BYTES],
    commitment: &'a [u8; COMMITMENT_BYTES],
    body: &'a [u8],
    tag: &'a [u8; TAG_BYTES],
}

impl Session {
    /// The initiator's first state: it knows the responder's ratchet key (the signed prekey) and sends first. Draws 32, then
    /// 64 bytes.
    ///
    /// # Errors
    /// [`RatchetError::BadHeader`] if that key does not contribute.
    pub fn initiator(
        agreed: Agreed,
        their: &AgreementKey,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, RatchetError> {
        let ours = RatchetSecret::generate(rng);
        let shared = ours.agree(&RatchetKey::of_prekey(their)).map_err(|_| RatchetError::BadHeader)?;
        let RootStep { root, chain: ec, next_header } = RootKey::new(agreed.root).step(&shared)?;
        let (pq, begun) = PqRatchet::initiator(&agreed.post_quantum, rng)?;
        let (own, peers) = Role::Initiator.sides(agreed.initiator_header, agreed.responder_header);
        let start = EcStart { header_key: HeaderKey::new(own), dh: ours.public(), chain: ec };
        let sending = SendingChain::begin(None, start, pq.epoch(), begun)?;
        Ok(Self {
            transcript: agreed.transcript,
            root,
            ours,
            sending: Some(sending),
            next_sending: next_header,
            receiving: None,
            next_receiving: HeaderKey::new(peers),
            old: VecDeque::new(),
            pq,
        })
    }

    /// The responder's first state; `ours` is the signed prekey that the initiator used.
    ///
    /// # Errors
    /// None that can happen: [`RatchetError::Malformed`] would be a bug.
    pub fn responder(agreed: Agreed, ours: AgreementSecret) -> Result<Self, RatchetError> {
        let (own, peers) = Role::Responder.sides(agreed.initiator_header, agreed.responder_header);
        Ok(Self {
            transcript: agreed.transcript,
            root: RootKey::new(agreed.root),
            ours: RatchetSecret::of_prekey(ours),
            sending: None,
            next_sending: HeaderKey::new(own),
            receiving: None,
            next_receiving: HeaderKey::new(peers),
            old: VecDeque::new(),
            pq: PqRatchet::responder(&agreed.post_quantum)?,
        })
    }

    /// Seals `content` as the next message of exactly `length` bytes: length-prefixed and zero-padded inside. Draws 24, then
    /// 16 bytes.
    ///
    /// # Errors
    /// [`RatchetError::Malformed`] if the content does not fit; [`RatchetError::CannotSend`] for a responder that has not
    /// received yet.
    pub fn seal(
        &mut self,
        content: &[u8],
        length: usize,
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, RatchetError> {
        self.seal_fresh(content, length, &mut Fresh::new(rng))
    }

    /// The same, with nonce and salt from there.
    pub(crate) fn seal_fresh(
        &mut self,
        content: &[u8],
        length: usize,
        fresh: &mut Fresh<'_, impl CryptoRng>,
    ) -> Result<Vec<u8>, RatchetError> {
        let room = length.checked_sub(MESSAGE_OVERHEAD_BYTES + 2).ok_or(RatchetError::Malformed)?;
        let content_length = u16::try_from(content.len()).map_err(|_| RatchetError::Malformed)?;
        if content.len() > room {
            return Err(RatchetError::Malformed);
        }
        self.seal_body(&[&content_length.to_be_bytes(), content], length, fresh)
    }

    /// Seals `plain`, whose parts fit, and zeroes behind it.
    pub(super) fn seal_body(
        &mut self,
        plain: &[&[u8]],
        length: usize,
        fresh: &mut Fresh<'_, impl CryptoRng>,
    ) -> Result<Vec<u8>, RatchetError> {
        let sending = self.sending.as_mut().ok_or(RatchetError::CannotSend)?;
        let mut message = Vec::with_capacity(length);
        let secret = sending.next(&self.transcript, &mut message, fresh)?;
        let salt = MessageKey::salt(&secret, &message, plain, fresh);
        let key = MessageKey::derive(&secret, &salt)?;

        // The plaintext lies where its ciphertext will be: no copy of it is left.
        for part in [salt.as_slice(), key.commitment()].iter().chain(plain) {
            message.extend_from_slice(part);
        }
        message.resize(length - TAG_BYTES, 0);
        let (front, body) = message.split_at_mut(FRONT_BYTES);
        let tag = key.seal(&associated(&self.transcript, front), body);
        message.extend_from_slice(&tag);
        Ok(message)
    }

    /// Opens an untrusted message. `self` is untouched; store [`Accepted::session`] in its place. Draws nothing unless the
    /// message opens and begins a new chain of the peer: then 32 bytes, and what the post-quantum step draws.
    ///
    /// # Errors
    /// See [`RatchetError`].
    pub fn open(
        &self,
        untrusted_message: &[u8],
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Accepted, RatchetError> {
        let parts = Parts::parse(untrusted_message)?;
        let (header, whose) = self.header(parts.header)?;
        let mut session = self.clone();
        let secret = session.message_secret(&header, whose, now)?;
        let content = self.content(&parts, &secret)?;
        // Only after the body: a forged message has nothing drawn.
        if whose == Whose::Next {
            session.turn_sending(&header, rng)?;
        }
        session.forget_skipped(|at| is_over(at, now));
        let (chain, number, needs_repair) = (*header.head.dh.bytes(), header.number, session.needs_repair());
        Ok(Accepted { session, content, chain, number, needs_repair })
    }

    /// Finds the header key that fits.
    fn header(
        &self,
        encrypted: &[u8; ENCRYPTED_HEADER_BYTES],
    ) -> Result<(Header<Theirs>, Whose), RatchetError> {
        let candidates = (self.receiving.iter().map(|chain| (&chain.header_key, Whose::Current)))
            .chain([(&self.next_receiving, Whose::Next)])
            .chain((0..).zip(&self.old).map(|(at, chain)| (&chain.header_key, Whose::Old(at))));
        for (key, whose) in candidates {
            if let Some(header) = key.open(&self.transcript, encrypted) {
                return Ok((header?, whose));
            }
        }
        Err(RatchetError::NoHeaderKey)
    }

    /// Takes the message's secret out of this (cloned) state.
    fn message_secret(
        &mut self,
        header: &Header<Theirs>,
        whose: Whose,
        now: Timestamp,
    ) -> Result<MessageSecret, RatchetError> {
        let chain = match whose {
            Whose::Next => self.turn_receiving(header, now)?,
            Whose::Current => self.receiving.as_mut().ok_or(RatchetError::NoHeaderKey)?,
            Whose::Old(at) => self.old.get_mut(at).ok_or(RatchetError::NoHeaderKey)?,
        };
        chain.check(header)?;
        chain.take(header.number, now)
    }

    /// The first half of `DHRatchetHE`: the peer has a new ratchet key, so its chain begins anew.
    fn turn_receiving(
        &mut self,
        header: &Header<Theirs>,
        now: Timestamp,
    ) -> Result<&mut ReceivingChain, RatchetError> {
        let head = &header.head;
        // Both chains together, and before anything is derived: a header can name any number.
        let gap = self.receiving.as_ref().map_or(0, |chain| chain.gap(head.previous));
        if gap.saturating_add(header.number) > SKIPPED_MAX {
            return Err(RatchetError::TooManySkipped);
        }
        self.pq.check(header)?;
        let begun = self.pq.take_receiving();
        let ended = self.receiving.take();
        let before = ended.as_ref().map(|chain| chain.head);
        let continued = ended.map(|chain| self.end(chain, head.previous, now)).transpose()?;

        // What pn, pq_n and pq_pn have to be follows from the chains before.
        let base = before.map_or(0, |before| before.pq_base);
        let length = base.checked_add(head.previous).ok_or(RatchetError::BadHeader)?;
        let (pq_base, pq_previous) = match (&begun, before) {
            (None, Some(before)) => (length, before.pq_previous),
            _ => (0, length),
        };
        if (head.pq_base, head.pq_previous) != (pq_base, pq_previous) || before.is_none() && length != 0 {
            return Err(RatchetError::BadHeader);
        }

        let shared = self.ours.agree(&head.dh).map_err(|_| RatchetError::BadHeader)?;
        let RootStep { root, chain: ec, next_header } = self.root.step(&shared)?;
        self.root = root;
        let pq = begun.or(continued).ok_or(RatchetError::BadHeader)?;
        let header_key = std::mem::replace(&mut self.next_receiving, next_header);
        Ok(self.receiving.insert(ReceivingChain::new(header_key, header, ChainPair { ec, pq })))
    }

    /// Puts an ended chain with the old ones; gives back its post-quantum chain.
    fn end(
        &mut self,
        mut chain: ReceivingChain,
        length: u32,
        now: Timestamp,
    ) -> Result<ChainKey<Theirs, Pq>, RatchetError> {
        let continued = chain.end(length, now)?;
        self.old.push_front(chain);
        self.old.truncate(OLD_CHAINS_MAX);
        Ok(continued)
    }

    /// The second half of `DHRatchetHE`, and the post-quantum ratchet's step: this side's chain begins anew.
    fn turn_sending(
        &mut self,
        header: &Header<Theirs>,
        rng: &mut impl CryptoRng,
    ) -> Result<(), RatchetError> {
        self.ours = RatchetSecret::generate(rng);
        let shared = self.ours.agree(&header.head.dh).map_err(|_| RatchetError::BadHeader)?;
        let RootStep { root, chain: ec, next_header } = self.root.step(&shared)?;
        self.root = root;
        let riding = self.sending.as_ref().map_or_else(HeaderSlot::empty, |sending| sending.slot().clone());
        let begun: Begun = self.pq.step(&header.slot, riding, rng)?;
        let header_key = std::mem::replace(&mut self.next_sending, next_header);
        let start = EcStart { header_key, dh: self.ours.public(), chain: ec };
        self.sending = Some(SendingChain::begin(self.sending.take(), start, self.pq.epoch(), begun)?);
        Ok(())
    }

    /// Commitment in constant time, then the body, then its padding.
    fn content(&self, parts: &Parts<'_>, secret: &MessageSecret) -> Result<SecretBytes, RatchetError> {
        let key = MessageKey::derive(secret, parts.salt)?;
        // Poly1305 commits to no key: one ciphertext could open under two (docs/prior-attacks.md, "Ratchet and envelope").
        if !bool::from(key.commitment().ct_eq(parts.commitment)) {
            return Err(RatchetError::BadCommitment);
        }
        let mut body = SecretBytes::new(parts.body.to_vec());
        key.open(&associated(&self.transcript, parts.front), body.expose_mut(), parts.tag)?;
        Ok(unpadded(body)?)
    }

    /// Drops skipped keys of moments that are over, then those that are too many, oldest chains first. Whether there were any.
    pub(crate) fn forget_skipped(&mut self, mut is_over: impl FnMut(Timestamp) -> bool) -> bool {
        let mut chains: Vec<_> = self.old.iter_mut().rev().chain(self.receiving.iter_mut()).collect();
        let kept = |chains: &[&mut ReceivingChain]| chains.iter().map(|chain| chain.kept()).sum::<usize>();
        let before = kept(&chains);
        chains.iter_mut().for_each(|chain| chain.expire(&mut is_over));
        let mut surplus = kept(&chains).saturating_sub(SKIPPED_MAX as usize);
        for chain in &mut chains {
            surplus -= chain.drop_oldest(surplus);
        }
        kept(&chains) < before
    }

    /// Whether this side can send yet.
    #[must_use]
    pub fn can_send(&self) -> bool {
        self.sending.is_some()
    }

    /// Whether the post-quantum ratchet stands still because a slot of the peer was not authentic. For good: the session has
    /// to be opened anew.
    #[must_use]
    pub fn needs_repair(&self) -> bool {
        self.pq.is_stuck()
    }

    #[cfg(test)]
    pub(super) fn pq_epoch(&self) -> u32 {
        self.pq.epoch()
    }

    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.put(&self.transcript);
        self.root.write(writer);
        self.ours.write(writer);
        writer.flag(self.sending.is_some());
        if let Some(sending) = &self.sending {
            sending.write(writer);
        }
        self.next_sending.write(writer);
        self.next_receiving.write(writer);
        writer.flag(self.receiving.is_some());
        // At most OLD_CHAINS_MAX.
        writer.u8(u8::try_from(self.old.len()).unwrap_or(u8::MAX));
        for chain in self.receiving.iter().chain(&self.old) {
            chain.write(writer);
        }
        self.pq.write(writer);
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let transcript = reader.array()?;
        let root = RootKey::read(reader)?;
        let ours = RatchetSecret::read(reader)?;
        let sending = if reader.flag()? { Some(SendingChain::read(reader)?) } else { None };
        let next_sending = HeaderKey::read(reader)?;
        let next_receiving = HeaderKey::read(reader)?;
        let is_receiving = reader.flag()?;
        let old_count = reader.u8()?;
        let receiving = if is_receiving { Some(ReceivingChain::read(reader)?) } else { None };
        let old = (0..old_count).map(|_| ReceivingChain::read(reader)).collect::<Result<_, _>>()?;
        let pq = PqRatchet::read(reader)?;
        Ok(Self { transcript, root, ours, sending, next_sending, receiving, next_receiving, old, pq })
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Session(..)")
    }
}

impl std::fmt::Debug for Accepted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Accepted({:?})", self.content)
    }
}

impl From<Malformed> for RatchetError {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl<'a> Parts<'a> {
    fn parse(untrusted_message: &'a [u8]) -> Result<Self, Malformed> {
        let (front, rest) = untrusted_message.split_at_checked(FRONT_BYTES).ok_or(Malformed)?;
        let (body, tag) = rest.split_last_chunk().ok_or(Malformed)?;
        let (header, after) = front.split_first_chunk().ok_or(Malformed)?;
        let (salt, commitment) = after.split_first_chunk().ok_or(Malformed)?;
        Ok(Self { front, header, salt, commitment: commitment.first_chunk().ok_or(Malformed)?, body, tag })
    }
}

/// What the body's tag covers beside the body; `front` is encrypted header ‖ salt ‖ commitment.
fn associated(transcript: &[u8; 32], front: &[u8]) -> Vec<u8> {
    [BODY_LABEL, transcript, front].concat()
}

/// length 2 ‖ content ‖ zeroes.
fn unpadded(mut body: SecretBytes) -> Result<SecretBytes, Malformed> {
    let mut reader = Reader::new(&body);
    let length = reader.short_bytes()?.len();
    reader.zeros(reader.rest())?;
    body.keep(2..2 + length);
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{NOW, Pair, pair};
    use super::*;

    #[test]
    fn a_body_opens_under_its_own_transcript_only() {
        let Pair { mut alice, bob, mut rng } = pair(1);
        let message = alice.seal(b"text", MESSAGE_OVERHEAD_BYTES + 20, &mut rng).unwrap();
        let parts = Parts::parse(&message).unwrap();
        let (header, whose) = bob.header(parts.header).unwrap();
        let secret = bob.clone().message_secret(&header, whose, NOW).unwrap();
        assert_eq!(bob.content(&parts, &secret).as_deref(), Ok(b"text".as_slice()));
        // The header holds under the transcript as well; here it was opened before.
        let other = Session { transcript: [6; 32], ..bob };
        assert_eq!(other.content(&parts, &secret), Err(RatchetError::BadBody));
    }

    /// Whoever has the key makes a tag that holds, whatever stands before the body.
    #[test]
    fn a_body_behind_a_commitment_to_another_key_is_refused_though_its_tag_holds() {
        let Pair { mut alice, bob, mut rng } = pair(2);
        let (mut header, salt) = (Vec::new(), [7; SALT_BYTES]);
        let sending = alice.sending.as_mut().unwrap();
        let secret = sending.next(&alice.transcript, &mut header, &mut Fresh::new(&mut rng)).unwrap();
        let key = MessageKey::derive(&secret, &salt).unwrap();
        let mut opened = |commitment: [u8; COMMITMENT_BYTES]| {
            let front = [header.as_slice(), &salt, &commitment].concat();
            let mut body = [0, 1, b'x'];
            let tag = key.seal(&associated(&alice.transcript, &front), &mut body);
            let message = [front.as_slice(), &body, &tag].concat();
            bob.open(&message, NOW, &mut rng).map(|accepted| accepted.content.to_vec())
        };
        assert_eq!(opened(*key.commitment()), Ok(b"x".to_vec()));
        assert_eq!(opened([9; COMMITMENT_BYTES]), Err(RatchetError::BadCommitment));
    }
}
