//! The state of one session, and the two things it does: seal the next message, open any message.

use std::collections::VecDeque;

use ipc_schema::Timestamp;
use rand_core::CryptoRng;
use subtle::ConstantTimeEq;

use super::chain_key::ChainKey;
use super::header::{ENCRYPTED_HEADER_BYTES, Header, HeaderKey};
use super::message_key::{EcKey, MessageKey, PqKey};
use super::root_key::RootKey;
use super::skipped::{OLD_CHAINS_MAX, ReceivingChain, SKIPPED_MAX};
use super::{COMMITMENT_BYTES, MESSAGE_OVERHEAD_BYTES, RatchetError, SALT_BYTES};
use crate::agreement_key::{AgreementKey, AgreementSecret};
use crate::codec::{Malformed, Reader, Writer};
use crate::kdf::TAG_BYTES;
use crate::memory::SecretBytes;
use crate::pqxdh::Agreed;

const BODY_LABEL: &[u8] = b"privatus/body/v1";

/// Both directions of one conversation. Cloning is how receiving stays without effect until it has succeeded.
#[derive(Clone)]
pub struct Session {
    /// T of the key agreement; associated data of every header and body.
    transcript: [u8; 32],
    root: RootKey,
    /// DHs.
    ours: AgreementSecret,
    sending: Option<SendingChain>,
    /// PN.
    previous: u32,
    /// NHKs.
    next_sending: HeaderKey,
    receiving: Option<ReceivingChain>,
    /// NHKr.
    next_receiving: HeaderKey,
    /// Chains that the peer ended, newest first.
    old: VecDeque<ReceivingChain>,
}

/// CKs, HKs, Ns.
#[derive(Clone)]
struct SendingChain {
    chain: ChainKey,
    header_key: HeaderKey,
    next: u32,
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
}

/// The parts of a message on the wire.
struct Parts<'a> {
    header: [u8; ENCRYPTED_HEADER_BYTES],
    salt: [u8; SALT_BYTES],
    commitment: [u8; COMMITMENT_BYTES],
    body: &'a [u8],
    tag: [u8; TAG_BYTES],
}

impl Session {
    /// The initiator's first state: it knows the responder's ratchet key (the signed prekey) and sends first.
    ///
    /// # Errors
    /// [`RatchetError::BadHeader`] if that key does not contribute.
    pub fn initiator(
        agreed: Agreed,
        their: &AgreementKey,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, RatchetError> {
        let ours = AgreementSecret::generate(rng);
        let shared = ours.agree(their).map_err(|_| RatchetError::BadHeader)?;
        let (root, chain, next_sending) = RootKey::new(agreed.root).step(&shared)?;
        Ok(Self {
            transcript: agreed.transcript,
            root,
            ours,
            sending: Some(SendingChain {
                chain,
                header_key: HeaderKey::new(agreed.initiator_header),
                next: 0,
            }),
            previous: 0,
            next_sending,
            receiving: None,
            next_receiving: HeaderKey::new(agreed.responder_header),
            old: VecDeque::new(),
        })
    }

    /// The responder's first state; `ours` is the signed prekey that the initiator used.
    #[must_use]
    pub fn responder(agreed: Agreed, ours: AgreementSecret) -> Self {
        Self {
            transcript: agreed.transcript,
            root: RootKey::new(agreed.root),
            ours,
            sending: None,
            previous: 0,
            next_sending: HeaderKey::new(agreed.responder_header),
            receiving: None,
            next_receiving: HeaderKey::new(agreed.initiator_header),
            old: VecDeque::new(),
        }
    }

    /// Seals `content` as the next message of exactly `length` bytes: length-prefixed and zero-padded inside.
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
        let body_length = length.checked_sub(MESSAGE_OVERHEAD_BYTES).ok_or(RatchetError::Malformed)?;
        let mut body = padded(content, body_length)?;
        let (dh, previous) = (self.ours.public(), self.previous);
        let sending = self.sending.as_mut().ok_or(RatchetError::CannotSend)?;
        let header = Header { dh, previous, number: sending.next };
        let encrypted_header = sending.header_key.seal(&self.transcript, &header, rng)?;
        sending.next = sending.next.checked_add(1).ok_or(RatchetError::CannotSend)?;
        let ec = sending.chain.step();

        let mut salt = [0; SALT_BYTES];
        rng.fill_bytes(&mut salt);
        let key = MessageKey::derive(&ec, &PqKey::absent(), &salt)?;
        let associated = associated(&self.transcript, &encrypted_header, &salt, key.commitment());
        let tag = key.seal(&associated, &mut body);
        Ok([encrypted_header.as_slice(), &salt, key.commitment(), &body, &tag].concat())
    }

    /// Opens an untrusted message. `self` is untouched; store [`Accepted::session`] in its place.
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
        let mut session = self.clone();
        let (header, ec) = session.message_key(&parts.header, now, rng)?;
        let key = MessageKey::derive(&ec, &PqKey::absent(), &parts.salt)?;
        if !bool::from(key.commitment().ct_eq(&parts.commitment)) {
            return Err(RatchetError::BadCommitment);
        }
        let associated = associated(&self.transcript, &parts.header, &parts.salt, &parts.commitment);
        let mut body = zeroize::Zeroizing::new(parts.body.to_vec());
        key.open(&associated, &mut body, &parts.tag)?;
        let content = unpadded(&body)?;
        session.forget_old(now);
        Ok(Accepted { session, content, chain: *header.dh.bytes(), number: header.number })
    }

    /// Finds the header key that fits and takes the message's key out of this (cloned) state.
    fn message_key(
        &mut self,
        encrypted: &[u8; ENCRYPTED_HEADER_BYTES],
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(Header, EcKey), RatchetError> {
        let transcript = self.transcript;
        for chain in self.receiving.iter_mut().chain(self.old.iter_mut()) {
            if let Some(header) = chain.header_key.open(&transcript, encrypted) {
                let header = header?;
                if header.dh != chain.dh {
                    return Err(RatchetError::BadHeader);
                }
                within_limit(chain.gap(header.number))?;
                let key = chain.take(header.number, now)?;
                return Ok((header, key));
            }
        }
        let header = self.next_receiving.open(&transcript, encrypted).ok_or(RatchetError::NoHeaderKey)??;
        let ended = self.receiving.as_ref().map_or(0, |chain| chain.gap(header.previous));
        within_limit(ended.saturating_add(header.number))?;
        self.turn(&header, now, rng)?;
        let key = self.receiving.as_mut().ok_or(RatchetError::BadHeader)?.take(header.number, now)?;
        Ok((header, key))
    }

    /// `DHRatchetHE`: the peer has a new ratchet key, so both chains begin anew.
    fn turn(
        &mut self,
        header: &Header,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), RatchetError> {
        if let Some(mut ended) = self.receiving.take() {
            ended.end(header.previous, now);
            self.old.push_front(ended);
            self.old.truncate(OLD_CHAINS_MAX);
        }
        self.previous = self.sending.as_ref().map_or(0, |sending| sending.next);

        let shared = self.ours.agree(&header.dh).map_err(|_| RatchetError::BadHeader)?;
        let (root, chain, next_receiving) = self.root.step(&shared)?;
        let header_key = std::mem::replace(&mut self.next_receiving, next_receiving);
        self.receiving = Some(ReceivingChain::new(header_key, header.dh, chain));

        self.ours = AgreementSecret::generate(rng);
        let shared = self.ours.agree(&header.dh).map_err(|_| RatchetError::BadHeader)?;
        let (root, chain, next_sending) = root.step(&shared)?;
        let header_key = std::mem::replace(&mut self.next_sending, next_sending);
        self.sending = Some(SendingChain { chain, header_key, next: 0 });
        self.root = root;
        Ok(())
    }

    /// Drops skipped keys that are too old or too many, oldest chains first.
    fn forget_old(&mut self, now: Timestamp) {
        let kept: usize = self.receiving.iter().chain(&self.old).map(ReceivingChain::kept).sum();
        let mut surplus = kept.saturating_sub(SKIPPED_MAX as usize);
        for chain in self.old.iter_mut().rev().chain(self.receiving.iter_mut()) {
            if chain.is_expired(now) {
                chain.expire(now);
            }
            surplus -= chain.drop_oldest(surplus);
        }
    }

    /// Whether this side can send yet.
    #[must_use]
    pub fn can_send(&self) -> bool {
        self.sending.is_some()
    }

    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.put(&self.transcript);
        self.root.write(writer);
        self.ours.write(writer);
        writer.flag(self.sending.is_some());
        if let Some(sending) = &self.sending {
            sending.chain.write(writer);
            sending.header_key.write(writer);
            writer.u32(sending.next);
        }
        writer.u32(self.previous);
        self.next_sending.write(writer);
        self.next_receiving.write(writer);
        writer.flag(self.receiving.is_some());
        // At most 1 + OLD_CHAINS_MAX.
        writer.u8(u8::try_from(self.old.len()).unwrap_or(u8::MAX));
        for chain in self.receiving.iter().chain(&self.old) {
            chain.write(writer);
        }
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let transcript = reader.array()?;
        let root = RootKey::read(reader)?;
        let ours = AgreementSecret::read(reader)?;
        let sending = if reader.flag()? { Some(SendingChain::read(reader)?) } else { None };
        let previous = reader.u32()?;
        let next_sending = HeaderKey::read(reader)?;
        let next_receiving = HeaderKey::read(reader)?;
        let is_receiving = reader.flag()?;
        let old_count = reader.u8()?;
        let receiving = if is_receiving { Some(ReceivingChain::read(reader)?) } else { None };
        let old = (0..old_count).map(|_| ReceivingChain::read(reader)).collect::<Result<_, _>>()?;
        Ok(Self { transcript, root, ours, sending, previous, next_sending, receiving, next_receiving, old })
    }
}

impl SendingChain {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self { chain: ChainKey::read(reader)?, header_key: HeaderKey::read(reader)?, next: reader.u32()? })
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
        let mut reader = Reader::new(untrusted_message);
        let (header, salt, commitment) = (reader.array()?, reader.array()?, reader.array()?);
        let body = reader.take(reader.rest().checked_sub(TAG_BYTES).ok_or(Malformed)?)?;
        Ok(Self { header, salt, commitment, body, tag: reader.array()? })
    }
}

fn within_limit(skipped: u32) -> Result<(), RatchetError> {
    if skipped > SKIPPED_MAX { Err(RatchetError::TooManySkipped) } else { Ok(()) }
}

fn associated(
    transcript: &[u8; 32],
    encrypted_header: &[u8; ENCRYPTED_HEADER_BYTES],
    salt: &[u8; SALT_BYTES],
    commitment: &[u8; COMMITMENT_BYTES],
) -> Vec<u8> {
    [BODY_LABEL, transcript, encrypted_header, salt, commitment].concat()
}

/// length 2 ‖ content ‖ zeroes.
fn padded(content: &[u8], length: usize) -> Result<zeroize::Zeroizing<Vec<u8>>, Malformed> {
    let mut writer = Writer::with_capacity(length);
    writer.short_bytes(content)?.pad_to(length);
    let body = writer.finish();
    if body.len() == length { Ok(zeroize::Zeroizing::new(body.to_vec())) } else { Err(Malformed) }
}

fn unpadded(body: &[u8]) -> Result<SecretBytes, Malformed> {
    let mut reader = Reader::new(body);
    let content = SecretBytes::new(reader.short_bytes()?.to_vec());
    reader.zeros(reader.rest())?;
    Ok(content)
}
