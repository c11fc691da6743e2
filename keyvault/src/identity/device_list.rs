//! The signed list of a person's devices: one entry today, so that more can come without a new format
//! (docs/protocol/identity.md, "Identity: 160 B").

use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use ipc_schema::Timestamp;

use super::{BadSignature, verify_strict};
use crate::agreement_key::AgreementKey;
use crate::certain::certain;
use crate::codec::{Malformed, Reader, Writer};
use crate::kdf;

/// version 1 ‖ issued 8 ‖ count 1 ‖ {number 1 ‖ IKd 32} ‖ signature 64.
pub const DEVICE_LIST_BYTES: usize = 107;

const LABEL: &[u8] = b"privatus/devices/v1";
const VERSION: u8 = 1;
const SIGNED_BYTES: usize = DEVICE_LIST_BYTES - 64;

/// A device list whose signature held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceList([u8; DEVICE_LIST_BYTES]);

impl DeviceList {
    pub(super) fn sign(signing: &SigningKey, agreement: &AgreementKey, issued: Timestamp) -> Self {
        let mut writer = Writer::with_capacity(DEVICE_LIST_BYTES);
        writer.u8(VERSION).u64(issued.0).u8(1).u8(0).put(agreement.bytes());
        let signature = signing.sign(&[LABEL, writer.as_slice()].concat()).to_bytes();
        writer.put(&signature);
        Self(certain(writer.array()))
    }

    /// Parses an untrusted list and verifies it under the identity's signing key.
    ///
    /// # Errors
    /// [`BadSignature`] also for another length, version or number of devices.
    pub fn parse(untrusted_bytes: &[u8], signing: &VerifyingKey) -> Result<Self, BadSignature> {
        let bytes: [u8; DEVICE_LIST_BYTES] = untrusted_bytes.try_into().map_err(|_| BadSignature)?;
        let mut reader = Reader::new(&bytes);
        let signed = reader.take(SIGNED_BYTES).map_err(|_| BadSignature)?;
        let signature = reader.array().map_err(|_| BadSignature)?;
        verify_strict(signing, &[LABEL, signed].concat(), &signature)?;
        let one_device = signed.first() == Some(&VERSION) && signed.get(9) == Some(&1);
        one_device.then_some(Self(bytes)).ok_or(BadSignature)
    }

    /// Reads a stored list, whose signature was verified when it came, or is its owner's.
    pub(super) fn read_trusted(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.array().map(Self)
    }

    /// The encoded list.
    #[must_use]
    pub fn bytes(&self) -> &[u8; DEVICE_LIST_BYTES] {
        &self.0
    }

    pub(crate) fn hash(&self) -> [u8; 32] {
        kdf::sha256(&[&self.0])
    }
}

#[cfg(test)]
mod tests {
    use rand_core::SeedableRng;

    use super::*;
    use crate::identity::Identity;

    #[test]
    fn a_device_list_with_any_byte_altered_is_refused() {
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(2);
        let identity = Identity::generate(Timestamp(5), &mut rng);
        let public = identity.public();
        let bytes = *identity.devices().bytes();
        assert!(DeviceList::parse(&bytes, public.signing()).is_ok());
        for at in 0..bytes.len() {
            let mut altered = bytes;
            altered[at] ^= 1;
            assert!(DeviceList::parse(&altered, public.signing()).is_err(), "byte {at}");
        }
    }
}
