//! Who a person is to one contact: a signing key, an agreement key, the signature that binds them
//! (docs/protocol/identity.md, "Identity: 160 B").

mod code;
mod device_list;
mod safety;
pub mod sas;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use ipc_schema::Timestamp;
use rand_core::CryptoRng;

pub use code::{CODE_CHARS, CODE_PREFIX, Comparison, code, compare};
pub use device_list::{DEVICE_LIST_BYTES, DeviceList};
pub use safety::SafetyNumber;

use crate::agreement_key::{AgreementKey, AgreementSecret};
use crate::certain::certain;
use crate::codec::{Malformed, Reader, Writer};
use crate::kdf;
use crate::memory::Secret32;

/// IKs 32 ‖ IKd 32 ‖ binding signature 64 ‖ H(device list) 32.
pub const IDENTITY_BYTES: usize = 160;

const BINDING_LABEL: &[u8] = b"privatus/binding/v1";
const ID_LABEL: &[u8] = b"privatus/id/v1";

/// `SHA-256("privatus/id/v1" ‖ IKs ‖ IKd)`.
pub type PersonId = [u8; 32];

/// A signature that its key did not make: the peer, or who carried it, misbehaved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("signature does not hold")]
pub struct BadSignature;

/// The private side. Fresh for every contact (born inside a one-time invite or an acceptance).
#[derive(Clone)]
pub struct Identity {
    /// What IKs is expanded from, when there is something to sign.
    seed: Secret32,
    agreement: AgreementSecret,
    devices: DeviceList,
    public: PublicIdentity,
}

/// The public side, its binding signature verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicIdentity {
    /// IKs: signs only.
    signing: VerifyingKey,
    /// IKd: agrees only.
    agreement: AgreementKey,
    binding: [u8; 64],
    /// SHA-256 of the encoded device list, which travels beside.
    devices_hash: [u8; 32],
}

impl Identity {
    /// A fresh identity with one device.
    pub fn generate(now: Timestamp, rng: &mut impl CryptoRng) -> Self {
        let seed = Secret32::random(rng);
        let agreement = AgreementSecret::generate(rng);
        let key = SigningKey::from_bytes(seed.expose());
        let devices = DeviceList::sign(&key, &agreement.public(), now);
        let public = PublicIdentity {
            signing: key.verifying_key(),
            agreement: agreement.public(),
            binding: sign(&key, BINDING_LABEL, agreement.public().bytes()),
            devices_hash: devices.hash(),
        };
        Self { seed, agreement, devices, public }
    }

    /// What others are given.
    #[must_use]
    pub fn public(&self) -> &PublicIdentity {
        &self.public
    }

    pub(crate) fn agreement(&self) -> &AgreementSecret {
        &self.agreement
    }

    pub(crate) fn devices(&self) -> &DeviceList {
        &self.devices
    }

    /// Signs under a label that names the one purpose of this signature.
    pub(crate) fn sign(&self, label: &[u8], message: &[u8]) -> [u8; 64] {
        sign(&SigningKey::from_bytes(self.seed.expose()), label, message)
    }

    /// Private keys ‖ device list ‖ IKs ‖ binding: what was signed is not signed again for each use.
    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.put(self.seed.expose());
        self.agreement.write(writer);
        writer.put(self.devices.bytes()).put(self.public.signing.as_bytes()).put(&self.public.binding);
    }

    /// Reads a stored identity: its signatures are its own.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let seed = reader.secret()?;
        let agreement = AgreementSecret::read(reader)?;
        let devices = DeviceList::read_trusted(reader)?;
        let public = PublicIdentity {
            signing: VerifyingKey::from_bytes(&reader.array()?).map_err(|_| Malformed)?,
            agreement: agreement.public(),
            binding: reader.array()?,
            devices_hash: devices.hash(),
        };
        Ok(Self { seed, agreement, devices, public })
    }
}

fn sign(key: &SigningKey, label: &[u8], message: &[u8]) -> [u8; 64] {
    key.sign(&[label, message].concat()).to_bytes()
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity(..)")
    }
}

impl PublicIdentity {
    /// Parses 160 untrusted bytes and verifies the binding.
    ///
    /// # Errors
    /// [`BadSignature`] for a wrong length, a weak or non-canonical key, or a binding that does not hold.
    pub fn parse(untrusted_bytes: &[u8]) -> Result<Self, BadSignature> {
        let mut reader = Reader::new(untrusted_bytes);
        let identity = Self::read(&mut reader)?;
        reader.end().map_err(|_| BadSignature)?;
        Ok(identity)
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, BadSignature> {
        let malformed = |_| BadSignature;
        let signing =
            VerifyingKey::from_bytes(&reader.array().map_err(malformed)?).map_err(|_| BadSignature)?;
        let agreement = AgreementKey::read(reader).map_err(malformed)?;
        let binding = reader.array().map_err(malformed)?;
        let devices_hash = reader.array().map_err(malformed)?;
        let identity = Self { signing, agreement, binding, devices_hash };
        identity.verify(BINDING_LABEL, identity.agreement.bytes(), &binding)?;
        Ok(identity)
    }

    /// Reads a stored identity, whose binding was verified when it came. Verifying costs more than a whole message does.
    pub(crate) fn read_trusted(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            signing: VerifyingKey::from_bytes(&reader.array()?).map_err(|_| Malformed)?,
            agreement: AgreementKey::read(reader)?,
            binding: reader.array()?,
            devices_hash: reader.array()?,
        })
    }

    /// The 160 bytes that stand in bundle and first message.
    #[must_use]
    pub fn bytes(&self) -> [u8; IDENTITY_BYTES] {
        let mut writer = Writer::with_capacity(IDENTITY_BYTES);
        writer.put(self.signing.as_bytes()).put(self.agreement.bytes());
        writer.put(&self.binding).put(&self.devices_hash);
        certain(writer.array())
    }

    /// The identity's id (docs/protocol/identity.md, "Identity: 160 B").
    #[must_use]
    pub fn id(&self) -> PersonId {
        kdf::sha256(&[ID_LABEL, self.signing.as_bytes(), self.agreement.bytes()])
    }

    pub(crate) fn agreement(&self) -> &AgreementKey {
        &self.agreement
    }

    pub(crate) fn devices_hash(&self) -> &[u8; 32] {
        &self.devices_hash
    }

    /// Verifies strictly (no weak key, one encoding) what [`Identity::sign`] made under the same label.
    pub(crate) fn verify(
        &self,
        label: &[u8],
        message: &[u8],
        signature: &[u8; 64],
    ) -> Result<(), BadSignature> {
        let signature = Signature::from_bytes(signature);
        self.signing.verify_strict(&[label, message].concat(), &signature).map_err(|_| BadSignature)
    }
}

#[cfg(test)]
mod tests {
    use rand_core::SeedableRng;

    use super::*;

    fn identity() -> Identity {
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
        Identity::generate(Timestamp(1_000), &mut rng)
    }

    #[test]
    fn an_identity_with_any_byte_of_its_binding_altered_is_refused() {
        let bytes = identity().public().bytes();
        assert!(PublicIdentity::parse(&bytes).is_ok());
        for at in 0..128 {
            let mut altered = bytes;
            altered[at] ^= 1;
            assert!(PublicIdentity::parse(&altered).is_err(), "byte {at}");
        }
        assert!(PublicIdentity::parse(&[bytes.as_slice(), &[0]].concat()).is_err());
        assert!(PublicIdentity::parse(&bytes[..159]).is_err());
    }

    /// Under the neutral element as a key, the neutral element and 0 are a signature of anything: R = sB − kA whatever k is.
    #[test]
    fn an_identity_with_a_weak_signing_key_is_refused_though_its_signature_holds_for_lax_verifiers() {
        use ed25519_dalek::Verifier;

        let (mut neutral, mut binding) = ([0; 32], [0; 64]);
        (neutral[0], binding[0]) = (1, 1);
        let weak = VerifyingKey::from_bytes(&neutral).unwrap();
        assert!(
            weak.verify(b"whatever", &Signature::from_bytes(&binding)).is_ok(),
            "a lax verifier takes it"
        );

        let agreement = AgreementKey::parse([9; 32]).unwrap();
        let bytes = [neutral.as_slice(), agreement.bytes(), &binding, &[0; 32]].concat();
        assert_eq!(PublicIdentity::parse(&bytes), Err(BadSignature));
        let weak = PublicIdentity::read_trusted(&mut Reader::new(&bytes)).unwrap();
        assert_eq!(weak.verify(b"label", b"message", &binding), Err(BadSignature));
    }

    #[test]
    fn a_stored_identity_comes_back_the_same() {
        let identity = identity();
        let mut writer = Writer::default();
        identity.write(&mut writer);
        let bytes = writer.finish();
        let again = Identity::read(&mut Reader::new(&bytes)).unwrap();
        assert_eq!(again.public(), identity.public());
        assert_eq!(format!("{again:?}"), "Identity(..)");
    }

    #[test]
    fn a_signature_holds_only_under_its_label() {
        let identity = identity();
        let signature = identity.sign(b"one", b"message");
        assert!(identity.public().verify(b"one", b"message", &signature).is_ok());
        assert!(identity.public().verify(b"two", b"message", &signature).is_err());
    }
}
