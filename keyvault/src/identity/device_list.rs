//! The signed list of a person's devices: one entry today, so that more can come without a new format
//! (docs/protocol/identity.md, "Identity: 160 B").

use ed25519_dalek::{Signer, SigningKey};
use ipc_schema::Timestamp;

use super::{BadSignature, PublicIdentity};
use crate::agreement_key::AgreementKey;
use crate::certain::certain;
use crate::codec::{Malformed, Reader, Writer};
use crate::kdf;

/// version 1 ‖ issued 8 ‖ count 1 ‖ {number 1 ‖ IKd 32} ‖ signature 64.
pub const DEVICE_LIST_BYTES: usize = 107;

const LABEL: &[u8] = b"privatus/devices/v1";
const VERSION: u8 = 1;
/// The one device there is today, which is the identity itself.
const NUMBER: u8 = 0;
const SIGNED_BYTES: usize = DEVICE_LIST_BYTES - 64;

/// A device list that is the one its identity names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceList([u8; DEVICE_LIST_BYTES]);

impl DeviceList {
    pub(super) fn sign(signing: &SigningKey, agreement: &AgreementKey, issued: Timestamp) -> Self {
        let mut writer = Writer::with_capacity(DEVICE_LIST_BYTES);
        writer.u8(VERSION).u64(issued.0).u8(1).u8(NUMBER).put(agreement.bytes());
        let signature = signing.sign(&[LABEL, writer.as_slice()].concat()).to_bytes();
        writer.put(&signature);
        Self(certain(writer.array()))
    }

    /// Parses an untrusted list of `identity`: signed by it, hashed in it, and of its one device.
    ///
    /// # Errors
    /// [`BadSignature`], whatever is wrong with it.
    pub fn parse(untrusted_bytes: &[u8], identity: &PublicIdentity) -> Result<Self, BadSignature> {
        let bytes: [u8; DEVICE_LIST_BYTES] = untrusted_bytes.try_into().map_err(|_| BadSignature)?;
        let mut reader = Reader::new(&bytes);
        let signed = reader.take(SIGNED_BYTES).map_err(|_| BadSignature)?;
        let signature = reader.array().map_err(|_| BadSignature)?;
        identity.verify(LABEL, signed, &signature)?;
        let list = Self(bytes);
        // Signed is every list that the identity ever had; the hash says which one it came with.
        let is_named = list.hash() == *identity.devices_hash();
        (is_named && is_of(signed, identity).unwrap_or(false)).then_some(list).ok_or(BadSignature)
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

/// Whether what was signed lists the one device of `identity`, and nothing else.
fn is_of(signed: &[u8], identity: &PublicIdentity) -> Result<bool, Malformed> {
    let mut reader = Reader::new(signed);
    let version = reader.u8()?;
    // When it was issued: for whoever keeps lists, of two the later one counts.
    reader.u64()?;
    let (count, number) = (reader.u8()?, reader.u8()?);
    let key: [u8; 32] = reader.array()?;
    reader.end()?;
    Ok((version, count, number) == (VERSION, 1, NUMBER) && key == *identity.agreement().bytes())
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
        assert!(DeviceList::parse(&bytes, public).is_ok());
        for at in 0..bytes.len() {
            let mut altered = bytes;
            altered[at] ^= 1;
            assert!(DeviceList::parse(&altered, public).is_err(), "byte {at}");
        }
    }

    /// The owner of an identity signs whatever it likes, and names it as its list.
    #[test]
    fn a_list_that_is_named_is_refused_without_a_signature_and_for_another_device_number_count_or_version() {
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(3);
        let identity = Identity::generate(Timestamp(5), &mut rng);
        let signed = |change: &dyn Fn(&mut [u8])| {
            let mut signed = identity.devices().bytes()[..SIGNED_BYTES].to_vec();
            change(&mut signed);
            let signature = identity.sign(LABEL, &signed);
            [signed.as_slice(), &signature].concat()
        };
        let naming = |list: &[u8]| {
            let public = identity.public().bytes();
            PublicIdentity::parse(&[&public[..128], &kdf::sha256(&[list])].concat()).unwrap()
        };
        let other = AgreementKey::parse([9; 32]).unwrap();
        let later = signed(&|list| list[8] = 6);
        assert!(DeviceList::parse(&later, &naming(&later)).is_ok(), "issued at another time is another list");
        assert_eq!(
            DeviceList::parse(&later, identity.public()),
            Err(BadSignature),
            "and not the one it names"
        );
        let mut forged = later.clone();
        forged[DEVICE_LIST_BYTES - 1] ^= 1;
        for (what, list) in [
            ("signature", forged),
            ("version", signed(&|list| list[0] = 2)),
            ("count", signed(&|list| list[9] = 2)),
            ("number", signed(&|list| list[10] = 1)),
            ("key", signed(&|list| list[11..].copy_from_slice(other.bytes()))),
        ] {
            assert_eq!(DeviceList::parse(&list, &naming(&list)), Err(BadSignature), "{what}");
        }
    }
}
