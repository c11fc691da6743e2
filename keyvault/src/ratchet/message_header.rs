//! The header of a message and the keys that hide it (docs/protocol/ratchet.md, "Message").

use rand_core::CryptoRng;

use super::RatchetError;
use super::header_slot::HeaderSlot;
use super::ratchet_key::RatchetKey;
use super::side::{Ours, SideSecret, Theirs};
use crate::codec::{Malformed, Reader, Writer};
use crate::fresh::Fresh;
use crate::kdf::{self, NONCE_BYTES, TAG_BYTES};

/// dh 32 ‖ pn 4 ‖ n 4 ‖ pq_epoch 4 ‖ pq_n 4 ‖ pq_pn 4 ‖ slot 1,216 ‖ version 1 ‖ zero reserve 35.
pub const HEADER_BYTES: usize = 1_304;
/// nonce 24 ‖ header ‖ tag 16.
pub const ENCRYPTED_HEADER_BYTES: usize = NONCE_BYTES + HEADER_BYTES + TAG_BYTES;

const LABEL: &[u8] = b"privatus/hdr/v1";
const NONCE: &[u8] = b"privatus/hdr-nonce/v1";
const VERSION: u8 = 1;
const RESERVE_BYTES: usize = 35;

/// HK and NHK of the specification, of the side `S`: ours only seals, theirs only opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HeaderKey<S>(SideSecret<S>);

/// What all headers of one sending chain have in common, beside their slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ChainHead<S> {
    /// The sender's ratchet key.
    pub(super) dh: RatchetKey<S>,
    /// pn: messages in the sender's previous chain.
    pub(super) previous: u32,
    /// The sender's epoch; its post-quantum chain is that of the epoch before.
    pub(super) pq_epoch: u32,
    /// pq_n of message 0: a post-quantum chain may span two chains, and each message is one step of both.
    pub(super) pq_base: u32,
    /// pq_pn: messages in the sender's previous post-quantum chain.
    pub(super) pq_previous: u32,
}

/// The header of a message of the side `S`. Theirs is authentic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header<S> {
    pub(super) head: ChainHead<S>,
    /// n: number of this message in its chain, from 0.
    pub(super) number: u32,
    pub(super) slot: HeaderSlot<S>,
}

impl Header<Ours> {
    /// `Malformed` for a message number that does not fit.
    fn encode(&self) -> Result<Writer, Malformed> {
        let head = &self.head;
        let pq_number = head.pq_base.checked_add(self.number).ok_or(Malformed)?;
        let mut writer = Writer::with_capacity(HEADER_BYTES);
        writer.put(head.dh.bytes()).u32(head.previous).u32(self.number);
        writer.u32(head.pq_epoch).u32(pq_number).u32(head.pq_previous);
        self.slot.encode(&mut writer);
        writer.u8(VERSION).pad_to(HEADER_BYTES);
        Ok(writer)
    }
}

impl Header<Theirs> {
    fn decode(bytes: &[u8; HEADER_BYTES]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let dh = RatchetKey::read(&mut reader)?;
        let (previous, number) = (reader.u32()?, reader.u32()?);
        let (pq_epoch, pq_number, pq_previous) = (reader.u32()?, reader.u32()?, reader.u32()?);
        let pq_base = pq_number.checked_sub(number).ok_or(Malformed)?;
        let slot = HeaderSlot::decode(&reader.array()?);
        if reader.u8()? != VERSION {
            return Err(Malformed);
        }
        reader.zeros(RESERVE_BYTES)?;
        reader.end()?;
        Ok(Self { head: ChainHead { dh, previous, pq_epoch, pq_base, pq_previous }, number, slot })
    }
}

impl<S> ChainHead<S> {
    pub(super) fn write(&self, writer: &mut Writer) {
        writer.put(self.dh.bytes()).u32(self.previous);
        writer.u32(self.pq_epoch).u32(self.pq_base).u32(self.pq_previous);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            dh: RatchetKey::read(reader)?,
            previous: reader.u32()?,
            pq_epoch: reader.u32()?,
            pq_base: reader.u32()?,
            pq_previous: reader.u32()?,
        })
    }
}

impl HeaderKey<Ours> {
    /// Adds the encrypted header to a message that begins. Draws 24 bytes.
    pub(super) fn seal(
        &self,
        transcript: &[u8; 32],
        header: &Header<Ours>,
        message: &mut Vec<u8>,
        fresh: &mut Fresh<'_, impl CryptoRng>,
    ) -> Result<(), Malformed> {
        let mut plain: [u8; HEADER_BYTES] = header.encode()?.array()?;
        let nonce: [u8; NONCE_BYTES] = fresh.value(self.0.secret(), NONCE, &[&plain]);
        let tag = kdf::seal_random(self.0.secret(), &nonce, &associated(transcript), &mut plain);
        for part in [nonce.as_slice(), &plain, &tag] {
            message.extend_from_slice(part);
        }
        Ok(())
    }
}

impl HeaderKey<Theirs> {
    /// `None` if this is not the key; an error if it is and the header is nonsense.
    pub(super) fn open(
        &self,
        transcript: &[u8; 32],
        encrypted: &[u8; ENCRYPTED_HEADER_BYTES],
    ) -> Option<Result<Header<Theirs>, RatchetError>> {
        let mut reader = Reader::new(encrypted);
        let nonce = reader.array().ok()?;
        let mut plain: [u8; HEADER_BYTES] = reader.array().ok()?;
        let tag = reader.array().ok()?;
        kdf::open_random(self.0.secret(), &nonce, &associated(transcript), &mut plain, &tag).ok()?;
        Some(Header::decode(&plain).map_err(|_| RatchetError::BadHeader))
    }
}

impl<S> HeaderKey<S> {
    pub(super) fn new(key: SideSecret<S>) -> Self {
        Self(key)
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        self.0.write(writer);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        SideSecret::read(reader).map(Self)
    }
}

fn associated(transcript: &[u8; 32]) -> Vec<u8> {
    [LABEL, transcript].concat()
}

#[cfg(test)]
mod tests {
    use rand_core::SeedableRng;

    use super::*;
    use crate::memory::Secret32;
    use crate::ratchet::header_slot::{KEY_BYTES, MAC_BYTES};

    fn header<S>() -> Header<S> {
        let mut dh = [3; 32];
        dh[31] = 0x11;
        let head = ChainHead {
            dh: RatchetKey::read(&mut Reader::new(&dh)).unwrap(),
            previous: 7,
            pq_epoch: 0x0102_0304,
            pq_base: 5,
            pq_previous: 6,
        };
        Header { head, number: 1 << 20, slot: HeaderSlot::key(&[8; KEY_BYTES], &[9; MAC_BYTES]) }
    }

    #[test]
    fn a_header_has_exactly_its_size_and_comes_back() {
        let encoded: [u8; HEADER_BYTES] = header::<Ours>().encode().unwrap().array().unwrap();
        assert_eq!(encoded[28..40], [3, 3, 3, 0x11, 0, 0, 0, 7, 0, 0x10, 0, 0]);
        assert_eq!(encoded[40..52], [1, 2, 3, 4, 0, 0x10, 0, 5, 0, 0, 0, 6]);
        assert_eq!(encoded[52..1_236], [8; KEY_BYTES]);
        assert_eq!(encoded[1_236..1_268], [9; MAC_BYTES]);
        assert_eq!((encoded[1_268], &encoded[1_269..]), (1, [0; RESERVE_BYTES].as_slice()));
        assert_eq!(Header::decode(&encoded), Ok(header()));
    }

    #[test]
    fn another_version_a_used_reserve_and_a_number_beyond_its_own_chain_are_refused() {
        for at in [1_268, 1_269, 1_303] {
            let mut encoded: [u8; HEADER_BYTES] = header::<Ours>().encode().unwrap().array().unwrap();
            encoded[at] ^= 0x40;
            assert_eq!(Header::decode(&encoded), Err(Malformed), "byte {at}");
        }
        // pq_n < n: the post-quantum chain cannot be younger than the chain.
        let mut encoded: [u8; HEADER_BYTES] = header::<Ours>().encode().unwrap().array().unwrap();
        encoded[44..48].copy_from_slice(&((1_u32 << 20) - 1).to_be_bytes());
        assert_eq!(Header::decode(&encoded), Err(Malformed));
        encoded[44..48].copy_from_slice(&(1_u32 << 20).to_be_bytes());
        assert_eq!(Header::decode(&encoded).map(|header| header.head.pq_base), Ok(0));
    }

    #[test]
    fn a_number_that_does_not_fit_is_not_written() {
        let at = |pq_base, number| {
            let head: ChainHead<Ours> = ChainHead { pq_base, ..header().head };
            Header { head, number, slot: HeaderSlot::empty() }.encode().is_ok()
        };
        assert!(at(1, u32::MAX - 1));
        assert!(!at(1, u32::MAX));
    }

    #[test]
    fn a_generator_that_repeats_itself_repeats_no_nonce_under_another_header() {
        let key = HeaderKey::new(SideSecret::new(Secret32::take(&mut [7; 32])));
        let nonce = |number| {
            let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
            let (mut sealed, header) = (Vec::new(), Header { number, ..header::<Ours>() });
            key.seal(&[1; 32], &header, &mut sealed, &mut Fresh::new(&mut rng)).unwrap();
            sealed[..NONCE_BYTES].to_vec()
        };
        assert_eq!(nonce(0), nonce(0));
        assert_ne!(nonce(0), nonce(1));
    }

    #[test]
    fn a_header_opens_only_under_its_key_and_transcript() {
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
        let secret = Secret32::random(&mut rng);
        let (ours, theirs) =
            (HeaderKey::new(SideSecret::new(secret.clone())), HeaderKey::new(SideSecret::new(secret)));
        let mut sealed = Vec::new();
        ours.seal(&[1; 32], &header(), &mut sealed, &mut Fresh::new(&mut rng)).unwrap();
        let sealed: [u8; ENCRYPTED_HEADER_BYTES] = sealed.try_into().unwrap();
        assert_eq!(theirs.open(&[1; 32], &sealed), Some(Ok(header())));
        assert_eq!(theirs.open(&[2; 32], &sealed), None);
        let other = HeaderKey::new(SideSecret::new(Secret32::random(&mut rng)));
        assert_eq!(other.open(&[1; 32], &sealed), None);
        for at in (0..ENCRYPTED_HEADER_BYTES).step_by(13) {
            let mut altered = sealed;
            altered[at] ^= 1;
            assert_eq!(theirs.open(&[1; 32], &altered), None, "byte {at}");
        }
    }
}
