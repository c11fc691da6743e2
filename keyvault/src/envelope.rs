//! The stored envelope: always 4,096 B, its outer layer different for every replica
//! (docs/protocol/envelope.md, "Envelope, version 1").

use rand_core::CryptoRng;

use crate::agreement_key::{AgreementError, AgreementKey, AgreementSecret};
use crate::certain::certain;
use crate::codec::{Malformed, Reader, Writer};
use crate::fresh::Fresh;
use crate::ids::{InnerHash, PutId, QueueId};
use crate::kdf::{self, NONCE_BYTES, TAG_BYTES};
use crate::memory::Secret32;
use crate::pqxdh::FIRST_PREFIX_BYTES;
use crate::ratchet::MESSAGE_OVERHEAD_BYTES;

/// A stored envelope, bytes: version 1 ‖ nonce 24 ‖ tag 16 ‖ inner block.
pub const ENVELOPE_BYTES: usize = 4_096;
/// The inner block, bytes: the same for each replica.
pub const INNER_BYTES: usize = ENVELOPE_BYTES - 1 - NONCE_BYTES - TAG_BYTES;
/// The ratchet message of an inner block, bytes.
pub const MESSAGE_BYTES: usize = INNER_BYTES - 1;
/// The ratchet message of a first message's inner block, bytes.
pub const FIRST_MESSAGE_BYTES: usize = MESSAGE_BYTES - FIRST_PREFIX_BYTES;
/// What fits a ratchet message behind its two-byte length.
pub const FRAME_MAX_BYTES: usize = MESSAGE_BYTES - MESSAGE_OVERHEAD_BYTES - 2;
/// The same for a first message.
pub const FIRST_FRAME_MAX_BYTES: usize = FIRST_MESSAGE_BYTES - MESSAGE_OVERHEAD_BYTES - 2;

const VERSION: u8 = 1;
const INFO: &[u8] = b"privatus/outer/v1";
const NONCE: &[u8] = b"privatus/outer-nonce/v1";
const FLAG_MESSAGE: u8 = 0;
const FLAG_FIRST: u8 = 1;

/// What lies inside the outer layer, told apart by its first byte.
#[derive(Clone, PartialEq, Eq)]
pub struct InnerBlock(Box<[u8; INNER_BYTES]>);

/// An inner block's content.
#[derive(Debug, PartialEq, Eq)]
pub enum Inner<'a> {
    /// A ratchet message of a session.
    Message(&'a [u8]),
    /// A first message.
    First {
        /// What the key agreement needs.
        prefix: &'a [u8],
        /// The ratchet message.
        message: &'a [u8],
    },
}

/// The key of one queue's outer layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OuterKey(Secret32);

/// An envelope that this key and queue did not make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("envelope is not authentic")]
pub struct NotAnEnvelope;

impl InnerBlock {
    /// A session's ratchet message.
    pub(crate) fn message(message: &[u8]) -> Result<Self, Malformed> {
        Self::assemble(&[&[FLAG_MESSAGE], message])
    }

    /// A first message.
    pub(crate) fn first(prefix: &[u8; FIRST_PREFIX_BYTES], message: &[u8]) -> Result<Self, Malformed> {
        Self::assemble(&[&[FLAG_FIRST], prefix, message])
    }

    fn assemble(parts: &[&[u8]]) -> Result<Self, Malformed> {
        Self::parse(&parts.concat())
    }

    fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        Ok(Self(Box::new(bytes.try_into().map_err(|_| Malformed)?)))
    }

    /// By which an opened message is known, whichever replica it came through.
    #[must_use]
    pub fn hash(&self) -> InnerHash {
        InnerHash(kdf::sha256(&[self.0.as_slice()]))
    }

    /// Tells first messages from others.
    ///
    /// # Errors
    /// [`Malformed`] for an unknown flag.
    pub fn content(&self) -> Result<Inner<'_>, Malformed> {
        let mut reader = Reader::new(self.0.as_slice());
        match reader.u8()? {
            FLAG_MESSAGE => Ok(Inner::Message(reader.take(MESSAGE_BYTES)?)),
            FLAG_FIRST => Ok(Inner::First {
                prefix: reader.take(FIRST_PREFIX_BYTES)?,
                message: reader.take(FIRST_MESSAGE_BYTES)?,
            }),
            _ => Err(Malformed),
        }
    }
}

impl OuterKey {
    /// `HKDF(salt = replica secret, ikm = X25519(sender's replica key, receiver's replica key), "privatus/outer/v1" ‖ queue id)`.
    /// Either side calls it with its own private key; `queue` is the id by which the sender names the queue.
    ///
    /// # Errors
    /// A key that does not contribute.
    pub fn derive(
        own: &AgreementSecret,
        their: &AgreementKey,
        replica_secret: &Secret32,
        queue: &QueueId,
    ) -> Result<Self, AgreementError> {
        let shared = own.agree(their)?;
        Ok(Self(kdf::derive(replica_secret.expose(), shared.expose(), &[INFO, &queue.0])))
    }

    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.put(self.0.expose());
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.secret().map(Self)
    }

    /// A nonce for [`Self::seal`] of this inner block. Draws 24 bytes.
    pub(crate) fn nonce(&self, inner: InnerHash, fresh: &mut Fresh<'_, impl CryptoRng>) -> [u8; NONCE_BYTES] {
        fresh.value(&self.0, NONCE, &[&inner.0])
    }

    /// Wraps an inner block for one queue.
    pub(crate) fn seal(&self, queue: &QueueId, nonce: &[u8; NONCE_BYTES], inner: &InnerBlock) -> Vec<u8> {
        let mut block = inner.0.clone();
        let tag = kdf::seal_random(&self.0, nonce, &associated(queue), block.as_mut_slice());
        let mut writer = Writer::with_capacity(ENVELOPE_BYTES);
        writer.u8(VERSION).put(nonce).put(&tag).put(block.as_slice());
        writer.as_slice().to_vec()
    }

    /// Unwraps an untrusted envelope of one queue.
    ///
    /// # Errors
    /// [`NotAnEnvelope`], whatever is wrong with it.
    pub fn open(&self, queue: &QueueId, untrusted_envelope: &[u8]) -> Result<InnerBlock, NotAnEnvelope> {
        let mut reader = Reader::new(untrusted_envelope);
        let mut parse = || {
            let version = reader.u8()?;
            let (nonce, tag) = (reader.array()?, reader.array()?);
            let block: [u8; INNER_BYTES] = reader.array()?;
            reader.clone().end()?;
            Ok::<_, Malformed>((version, nonce, tag, block))
        };
        let (version, nonce, tag, mut block) = parse().map_err(|_| NotAnEnvelope)?;
        if version != VERSION {
            return Err(NotAnEnvelope);
        }
        kdf::open_random(&self.0, &nonce, &associated(queue), &mut block, &tag).map_err(|_| NotAnEnvelope)?;
        Ok(InnerBlock(Box::new(block)))
    }
}

impl std::fmt::Debug for InnerBlock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "InnerBlock({:?})", self.hash())
    }
}

/// Names the deposit of an inner block in a queue: the first 16 B of `HMAC(replica secret, "privatus/put/v1" ‖ hash of the inner block)`.
/// Repeating it is harmless. A counter would begin again in a vault that is restored from an old copy, and the relay would take all
/// that follows for repetitions.
pub(crate) fn put_id(replica_secret: &Secret32, inner: InnerHash) -> PutId {
    let mac = kdf::mac(replica_secret, &[b"privatus/put/v1", &inner.0]);
    PutId(*certain(mac.first_chunk().ok_or(())))
}

fn associated(queue: &QueueId) -> Vec<u8> {
    [[VERSION].as_slice(), &queue.0].concat()
}

#[cfg(test)]
mod tests {
    use rand_core::SeedableRng;

    use super::*;

    #[test]
    fn the_sizes_fit_together() {
        assert_eq!(INNER_BYTES, 4_055);
        assert_eq!(MESSAGE_OVERHEAD_BYTES, 24 + 1_304 + 16 + 16 + 32 + 16);
        assert_eq!(FRAME_MAX_BYTES, 2_644);
        assert_eq!(FIRST_FRAME_MAX_BYTES, 867);
        assert_eq!(ENVELOPE_BYTES, ipc_schema::limits::ENVELOPE_BYTES);
    }

    #[test]
    fn an_envelope_with_any_region_altered_or_for_another_queue_is_refused() {
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
        let (sender, receiver) = (AgreementSecret::generate(&mut rng), AgreementSecret::generate(&mut rng));
        let secret = Secret32::random(&mut rng);
        let queue = QueueId([4; 24]);
        let ours = OuterKey::derive(&sender, &receiver.public(), &secret, &queue).unwrap();
        let theirs = OuterKey::derive(&receiver, &sender.public(), &secret, &queue).unwrap();
        let inner = InnerBlock::message(&[7; MESSAGE_BYTES]).unwrap();
        let envelope = ours.seal(&queue, &[9; 24], &inner);
        assert_eq!(envelope.len(), ENVELOPE_BYTES);
        assert_eq!(theirs.open(&queue, &envelope), Ok(inner));
        for at in (0..41).chain((41..ENVELOPE_BYTES).step_by(97)) {
            let mut altered = envelope.clone();
            altered[at] ^= 1;
            assert_eq!(theirs.open(&queue, &altered), Err(NotAnEnvelope), "byte {at}");
        }
        assert_eq!(theirs.open(&QueueId([5; 24]), &envelope), Err(NotAnEnvelope));
        assert_eq!(theirs.open(&queue, &envelope[..4_095]), Err(NotAnEnvelope));
        assert_eq!(theirs.open(&queue, &[envelope.as_slice(), &[0]].concat()), Err(NotAnEnvelope));
    }

    /// The queue's id stands in the key as well as in the associated data: either is enough.
    #[test]
    fn another_queue_has_another_key_though_all_secrets_are_the_same() {
        let (one, other) = (QueueId([4; 24]), QueueId([5; 24]));
        let secret = Secret32::take(&mut [3; 32]);
        let own = AgreementSecret::from_secret(&secret);
        let key = |queue: &QueueId| OuterKey::derive(&own, &own.public(), &secret, queue).unwrap();
        let inner = InnerBlock::message(&[7; MESSAGE_BYTES]).unwrap();
        let misdirected = key(&one).seal(&other, &[9; 24], &inner);
        assert_eq!(key(&other).open(&other, &misdirected), Err(NotAnEnvelope));
        let relabelled = key(&other).seal(&one, &[9; 24], &inner);
        assert_eq!(key(&other).open(&other, &relabelled), Err(NotAnEnvelope));
        let honest = key(&other).seal(&other, &[9; 24], &inner);
        assert_eq!(key(&other).open(&other, &honest), Ok(inner));
    }

    #[test]
    fn a_generator_that_repeats_itself_repeats_no_nonce_under_another_inner_block() {
        let key = OuterKey(Secret32::take(&mut [3; 32]));
        let nonce = |inner| {
            let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
            key.nonce(InnerHash([inner; 32]), &mut Fresh::new(&mut rng))
        };
        assert_eq!(nonce(1), nonce(1));
        assert_ne!(nonce(1), nonce(2));
    }

    #[test]
    fn an_unknown_flag_is_refused() {
        let mut bytes = [0; INNER_BYTES];
        bytes[0] = 2;
        assert!(InnerBlock::parse(&bytes).unwrap().content().is_err());
    }
}
