//! The header of a message and the keys that hide it (protocol.md 3).

use rand_core::CryptoRng;

use super::RatchetError;
use crate::agreement_key::AgreementKey;
use crate::codec::{Malformed, Reader, Writer};
use crate::kdf::{self, NONCE_BYTES, TAG_BYTES};
use crate::memory::Secret32;

/// dh 32 ‖ pn 4 ‖ n 4 ‖ pq_epoch 4 ‖ pq_n 4 ‖ pq_pn 4 ‖ slot 1,216 ‖ version 1 ‖ zero reserve 35.
pub const HEADER_BYTES: usize = 1_304;
/// An ML-KEM-768 encapsulation key and its MAC, or a ciphertext and its MAC, of the post-quantum ratchet.
pub const SLOT_BYTES: usize = 1_216;
/// nonce 24 ‖ header ‖ tag 16.
pub const ENCRYPTED_HEADER_BYTES: usize = NONCE_BYTES + HEADER_BYTES + TAG_BYTES;

const LABEL: &[u8] = b"privatus/hdr/v1";
const VERSION: u8 = 1;
/// pq_epoch, pq_n, pq_pn and slot: zero until the post-quantum ratchet fills them, and nothing else is accepted.
const PQ_BYTES: usize = 12 + SLOT_BYTES;
const RESERVE_BYTES: usize = 35;

/// HK and NHK of the specification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HeaderKey(Secret32);

/// An authentic header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// The sender's current ratchet key.
    pub(super) dh: AgreementKey,
    /// Messages in the sender's previous chain.
    pub(super) previous: u32,
    /// Number of this message in its chain, from 0.
    pub(super) number: u32,
}

impl Header {
    fn encode(&self) -> Writer {
        let mut writer = Writer::with_capacity(HEADER_BYTES);
        writer.put(self.dh.bytes()).u32(self.previous).u32(self.number);
        writer.pad_to(40 + PQ_BYTES).u8(VERSION).pad_to(HEADER_BYTES);
        writer
    }

    fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let dh = AgreementKey::read(&mut reader)?;
        let (previous, number) = (reader.u32()?, reader.u32()?);
        reader.zeros(PQ_BYTES)?;
        if reader.u8()? != VERSION {
            return Err(Malformed);
        }
        reader.zeros(RESERVE_BYTES)?;
        reader.end()?;
        Ok(Self { dh, previous, number })
    }
}

impl HeaderKey {
    pub(super) fn new(key: Secret32) -> Self {
        Self(key)
    }

    pub(super) fn seal(
        &self,
        transcript: &[u8; 32],
        header: &Header,
        rng: &mut impl CryptoRng,
    ) -> Result<[u8; ENCRYPTED_HEADER_BYTES], Malformed> {
        let mut nonce = [0; NONCE_BYTES];
        rng.fill_bytes(&mut nonce);
        let mut plain: [u8; HEADER_BYTES] = header.encode().array()?;
        let tag = kdf::seal_random(&self.0, &nonce, &associated(transcript), &mut plain);
        let mut writer = Writer::with_capacity(ENCRYPTED_HEADER_BYTES);
        writer.put(&nonce).put(&plain).put(&tag);
        writer.array()
    }

    /// `None` if this is not the key; an error if it is and the header is nonsense.
    pub(super) fn open(
        &self,
        transcript: &[u8; 32],
        encrypted: &[u8; ENCRYPTED_HEADER_BYTES],
    ) -> Option<Result<Header, RatchetError>> {
        let mut reader = Reader::new(encrypted);
        let nonce = reader.array().ok()?;
        let mut plain: [u8; HEADER_BYTES] = reader.array().ok()?;
        let tag = reader.array().ok()?;
        kdf::open_random(&self.0, &nonce, &associated(transcript), (&mut plain, &tag)).ok()?;
        Some(Header::decode(&plain).map_err(|_| RatchetError::BadHeader))
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        writer.put(self.0.expose());
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.secret().map(Self)
    }
}

fn associated(transcript: &[u8; 32]) -> Vec<u8> {
    [LABEL, transcript].concat()
}

#[cfg(test)]
mod tests {
    use rand_core::SeedableRng;

    use super::*;

    fn header() -> Header {
        let mut dh = [3; 32];
        dh[31] = 0x11;
        Header { dh: AgreementKey::parse(dh).unwrap(), previous: 7, number: 1 << 20 }
    }

    #[test]
    fn a_header_has_exactly_its_size_and_comes_back() {
        let encoded = header().encode().finish();
        assert_eq!(encoded.len(), HEADER_BYTES);
        assert_eq!(Header::decode(&encoded), Ok(header()));
    }

    #[test]
    fn a_used_slot_another_version_and_a_used_reserve_are_refused() {
        for at in [40, 51, 52, 1267, 1268, 1269, 1303] {
            let mut encoded = header().encode().array::<HEADER_BYTES>().unwrap();
            encoded[at] ^= 0x40;
            assert_eq!(Header::decode(&encoded), Err(Malformed), "byte {at}");
        }
    }

    #[test]
    fn a_header_opens_only_under_its_key_and_transcript() {
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
        let key = HeaderKey::new(Secret32::random(&mut rng));
        let sealed = key.seal(&[1; 32], &header(), &mut rng).unwrap();
        assert_eq!(key.open(&[1; 32], &sealed), Some(Ok(header())));
        assert_eq!(key.open(&[2; 32], &sealed), None);
        assert_eq!(HeaderKey::new(Secret32::random(&mut rng)).open(&[1; 32], &sealed), None);
        for at in (0..ENCRYPTED_HEADER_BYTES).step_by(13) {
            let mut altered = sealed;
            altered[at] ^= 1;
            assert_eq!(key.open(&[1; 32], &altered), None, "byte {at}");
        }
    }
}
