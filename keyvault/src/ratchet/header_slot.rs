//! What the post-quantum ratchet says in a header: nothing, an encapsulation key, or a ciphertext.

use std::marker::PhantomData;
use std::sync::Arc;

use crate::codec::{Malformed, Reader, Writer};

/// An ML-KEM-768 encapsulation key (FIPS 203, table 3), bytes.
pub(super) const KEY_BYTES: usize = 1_184;
/// An ML-KEM-768 ciphertext, bytes.
pub(super) const CIPHERTEXT_BYTES: usize = 1_088;
/// HMAC-SHA256 of the authenticator, bytes.
pub(super) const MAC_BYTES: usize = 32;

/// An encapsulation key and its MAC fill the slot; a ciphertext, its MAC and 96 zeroes do; or zeroes alone.
pub const SLOT_BYTES: usize = KEY_BYTES + MAC_BYTES;

/// The slot of a chain's headers, of the side `S`. Shared, for it rides in every message of the chain and in every copy of the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HeaderSlot<S>(Option<Arc<[u8; SLOT_BYTES]>>, PhantomData<S>);

impl<S> HeaderSlot<S> {
    /// 1,216 zeroes.
    pub(super) fn empty() -> Self {
        Self(None, PhantomData)
    }

    pub(super) fn key(key: &[u8; KEY_BYTES], mac: &[u8; MAC_BYTES]) -> Self {
        Self::filled(&[key, mac])
    }

    pub(super) fn ciphertext(ciphertext: &[u8; CIPHERTEXT_BYTES], mac: &[u8; MAC_BYTES]) -> Self {
        Self::filled(&[ciphertext, mac])
    }

    fn filled(parts: &[&[u8]]) -> Self {
        let mut bytes = parts.iter().copied().flatten();
        let filled = std::array::from_fn(|_| bytes.next().copied().unwrap_or(0));
        Self(Some(Arc::new(filled)), PhantomData)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// `None` if the slot is empty.
    pub(super) fn as_key(&self) -> Option<(&[u8; KEY_BYTES], &[u8; MAC_BYTES])> {
        let (key, rest) = self.0.as_ref()?.split_first_chunk()?;
        Some((key, rest.first_chunk()?))
    }

    /// `None` if the slot is empty, or something stands where a ciphertext is followed by zeroes.
    pub(super) fn as_ciphertext(&self) -> Option<(&[u8; CIPHERTEXT_BYTES], &[u8; MAC_BYTES])> {
        let (ciphertext, rest) = self.0.as_ref()?.split_first_chunk()?;
        let (mac, padding) = rest.split_first_chunk()?;
        padding.iter().all(|byte| *byte == 0).then_some((ciphertext, mac))
    }

    /// As it stands in a header.
    pub(super) fn encode(&self, writer: &mut Writer) {
        writer.put(self.0.as_deref().unwrap_or(&[0; SLOT_BYTES]));
    }

    pub(super) fn decode(untrusted: &[u8; SLOT_BYTES]) -> Self {
        let is_empty = untrusted.iter().all(|byte| *byte == 0);
        Self((!is_empty).then(|| Arc::new(*untrusted)), PhantomData)
    }

    /// As it stands in a record: one byte where it is empty.
    pub(super) fn write(&self, writer: &mut Writer) {
        writer.flag(!self.is_empty());
        if let Some(bytes) = &self.0 {
            writer.put(bytes.as_slice());
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        if reader.flag()? { Ok(Self::decode(&reader.array()?)) } else { Ok(Self::empty()) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::side::Ours;
    use super::*;

    type Slot = HeaderSlot<Ours>;

    #[test]
    fn a_key_fills_the_slot_and_a_ciphertext_leaves_ninety_six_zeroes() {
        let slot = Slot::key(&[1; KEY_BYTES], &[2; MAC_BYTES]);
        assert_eq!(slot.as_key(), Some((&[1; KEY_BYTES], &[2; MAC_BYTES])));
        assert_eq!(slot.as_ciphertext(), None, "what follows a ciphertext is zero");

        let slot = Slot::ciphertext(&[3; CIPHERTEXT_BYTES], &[4; MAC_BYTES]);
        assert_eq!(slot.as_ciphertext(), Some((&[3; CIPHERTEXT_BYTES], &[4; MAC_BYTES])));
        let mut writer = Writer::default();
        slot.encode(&mut writer);
        assert_eq!(writer.as_slice()[1_087..1_089], [3, 4]);
        assert_eq!(writer.as_slice()[1_119..1_121], [4, 0]);
        assert_eq!(writer.as_slice()[1_120..], [0; 96]);
        for at in [1_120, 1_215] {
            let mut bytes: [u8; SLOT_BYTES] = writer.array().unwrap();
            bytes[at] = 1;
            assert_eq!(Slot::decode(&bytes).as_ciphertext(), None, "byte {at}");
        }
    }

    #[test]
    fn zeroes_are_the_empty_slot_and_nothing_else_is() {
        let mut writer = Writer::default();
        Slot::empty().encode(&mut writer);
        assert_eq!(writer.as_slice(), [0; SLOT_BYTES]);
        assert!(Slot::decode(&[0; SLOT_BYTES]).is_empty());
        assert_eq!((Slot::empty().as_key(), Slot::empty().as_ciphertext()), (None, None));
        for at in [0, SLOT_BYTES - 1] {
            let mut bytes = [0; SLOT_BYTES];
            bytes[at] = 1;
            assert!(!Slot::decode(&bytes).is_empty(), "byte {at}");
        }
    }

    #[test]
    fn a_stored_slot_comes_back_and_an_empty_one_takes_one_byte() {
        for (slot, length) in [(Slot::empty(), 1), (Slot::key(&[1; KEY_BYTES], &[2; MAC_BYTES]), 1_217)] {
            let mut writer = Writer::default();
            slot.write(&mut writer);
            assert_eq!(writer.as_slice().len(), length);
            assert_eq!(Slot::read(&mut Reader::new(writer.as_slice())), Ok(slot));
        }
    }
}
