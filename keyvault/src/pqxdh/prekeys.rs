//! The private side of a bundle.

use ipc_schema::Timestamp;
use rand_core::CryptoRng;

use super::bundle::{Bundle, KeyUse, PublicKeys};
use super::kem::KemSecret;
use super::validity::Validity;
use super::{PqxdhError, PrivateKeys, SUPPORTED_VERSIONS};
use crate::agreement_key::AgreementSecret;
use crate::codec::{Malformed, Reader, Writer};
use crate::identity::Identity;
use crate::kem::SEED_BYTES;
use crate::memory::{Secret, Secret32};

/// The private keys behind one bundle, with the bundle as it was given out.
#[derive(Clone)]
pub struct Prekeys {
    pub(super) signed: AgreementSecret,
    pub(super) one_time: AgreementSecret,
    pub(super) kem: KemSecret,
    pub(super) bundle: Bundle,
}

impl Prekeys {
    /// Fresh keys of `identity` for one invite: every one of them is used once.
    pub fn generate(identity: &Identity, validity: Validity, rng: &mut impl CryptoRng) -> Self {
        let signed = AgreementSecret::generate(rng);
        let one_time = AgreementSecret::generate(rng);
        let kem = KemSecret::generate(rng);
        let [signed_id, one_time_id, kem_id] = [(); 3].map(|()| nonzero(rng));
        let keys = PublicKeys {
            key_use: KeyUse::Invite,
            supported: SUPPORTED_VERSIONS,
            validity,
            signed: (signed_id, signed.public()),
            one_time: Some((one_time_id, one_time.public())),
            kem: (kem_id, kem.encapsulation_key()),
        };
        let bundle = Bundle::sign(identity, keys);
        Self { signed, one_time, kem, bundle }
    }

    /// What the other side is given.
    #[must_use]
    pub fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    pub(crate) fn write(&self, writer: &mut Writer) {
        self.signed.write(writer);
        self.one_time.write(writer);
        self.kem.write(writer);
        writer.put(self.bundle.bytes());
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let signed = AgreementSecret::read(reader)?;
        let one_time = AgreementSecret::read(reader)?;
        let kem = KemSecret::read(reader)?;
        let bundle = Bundle::parse(reader.take(super::BUNDLE_BYTES)?)
            .and_then(|bundle| bundle.serving(KeyUse::Invite))
            .map_err(|_| Malformed)?;
        Ok(Self { signed, one_time, kem, bundle })
    }

    /// The ratchet key that the initiator starts from.
    #[must_use]
    pub fn signed_prekey(&self) -> &AgreementSecret {
        &self.signed
    }
}

impl<'a> From<&'a Prekeys> for PrivateKeys<'a> {
    fn from(keys: &'a Prekeys) -> Self {
        Self { bundle: &keys.bundle, signed: &keys.signed, one_time: Some(&keys.one_time), kem: &keys.kem }
    }
}

/// A signed prekey and a last-resort KEM key that serve until they are replaced: an address's, or one contact's for repair. There
/// are many of them, so the KEM key is kept as its seed, and the bundle, which the identity can sign again to the byte, not at all.
#[derive(Clone)]
pub struct LastingKeys {
    key_use: KeyUse,
    /// The versions that were given out, whatever this program knows by now.
    supported: u32,
    validity: Validity,
    signed: (u32, AgreementSecret),
    kem: (u32, Secret<SEED_BYTES>),
}

impl LastingKeys {
    /// Fresh keys, for anything but an invite.
    pub fn generate(key_use: KeyUse, validity: Validity, rng: &mut impl CryptoRng) -> Self {
        Self {
            key_use,
            supported: SUPPORTED_VERSIONS,
            validity,
            signed: (nonzero(rng), AgreementSecret::generate(rng)),
            kem: (nonzero(rng), Secret::random(rng)),
        }
    }

    /// What the other side is given: the same bytes each time.
    #[must_use]
    pub fn bundle(&self, identity: &Identity) -> Bundle {
        self.bundle_with(&self.kem(), identity)
    }

    fn bundle_with(&self, kem: &KemSecret, identity: &Identity) -> Bundle {
        let keys = PublicKeys {
            key_use: self.key_use,
            supported: self.supported,
            validity: self.validity,
            signed: (self.signed.0, self.signed.1.public()),
            one_time: None,
            kem: (self.kem.0, kem.encapsulation_key()),
        };
        Bundle::sign(identity, keys)
    }

    /// The responder's side with these keys.
    ///
    /// # Errors
    /// As [`super::respond`].
    pub fn respond(
        &self,
        identity: &Identity,
        prefix: &super::FirstPrefix,
        psk: &Secret32,
    ) -> Result<super::Agreed, PqxdhError> {
        let kem = self.kem();
        let bundle = self.bundle_with(&kem, identity);
        let keys = PrivateKeys { bundle: &bundle, signed: &self.signed.1, one_time: None, kem: &kem };
        super::respond(keys, identity, prefix, psk)
    }

    fn kem(&self) -> KemSecret {
        KemSecret::from_seed(&self.kem.1)
    }

    /// Whether a first message names them.
    #[must_use]
    pub fn are_named_by(&self, prefix: &super::FirstPrefix) -> bool {
        prefix.key_ids() == [self.signed.0, 0, self.kem.0]
    }

    /// The KEM key's id names the whole.
    pub(crate) fn id(&self) -> u32 {
        self.kem.0
    }

    /// The last moment at which they may be agreed with.
    pub(crate) fn until(&self) -> Timestamp {
        Timestamp(u64::from(self.validity.until) * 1_000)
    }

    /// The ratchet key that the initiator starts from.
    pub(crate) fn signed_prekey(&self) -> &AgreementSecret {
        &self.signed.1
    }

    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.u32(self.supported).u32(self.validity.from).u32(self.validity.until);
        writer.u32(self.signed.0);
        self.signed.1.write(writer);
        writer.u32(self.kem.0).put(self.kem.1.expose());
    }

    /// What they serve is known by where they are kept.
    pub(crate) fn read(key_use: KeyUse, reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            key_use,
            supported: reader.u32()?,
            validity: Validity { from: reader.u32()?, until: reader.u32()? },
            signed: (reader.u32()?, AgreementSecret::read(reader)?),
            kem: (reader.u32()?, reader.secret()?),
        })
    }
}

impl std::fmt::Debug for LastingKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LastingKeys({:?}, ..)", self.key_use)
    }
}

impl std::fmt::Debug for Prekeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Prekeys(..)")
    }
}

/// A key id; 0 stands for *none* in a first message.
fn nonzero(rng: &mut impl CryptoRng) -> u32 {
    rng.next_u32().max(1)
}
