//! What the responder publishes: identity, signed prekey, one-time prekey, KEM key; labels and validity under the signatures.

use ipc_schema::Timestamp;

use super::kem::{self, EncapsulationKey, KEM_KEY_BYTES};
use super::prekeys::Validity;
use super::{PqxdhError, SESSION_VERSION, SUPPORTED_VERSIONS};
use crate::agreement_key::AgreementKey;
use crate::codec::{Reader, Writer};
use crate::identity::{IDENTITY_BYTES, Identity, PublicIdentity};

/// version 1 ‖ supported versions 4 ‖ identity 160 ‖ signed prekey {id 4 ‖ key 32 ‖ validity 8 ‖ signature 64} ‖
/// one-time prekey {present 1 ‖ id 4 ‖ key 32} ‖ KEM key {id 4 ‖ kind 1 ‖ ek 1,568 ‖ validity 8 ‖ signature 64}.
pub const BUNDLE_BYTES: usize = 1 + 4 + IDENTITY_BYTES + 108 + 37 + 77 + KEM_KEY_BYTES;

/// Signed: id 4 ‖ key 32 ‖ validity 8.
const SIGNED_PREKEY_LABEL: &[u8] = b"privatus/signed-prekey/v1/X25519";
/// Signed: id 4 ‖ kind 1 ‖ ek 1,568 ‖ validity 8. Another label, so that neither signature can stand for the other.
const KEM_KEY_LABEL: &[u8] = b"privatus/kem-prekey/v1/ML-KEM-1024";
/// The KEM key serves one first message; 1 will stand for a last-resort key.
const KIND_ONE_TIME: u8 = 0;

/// A parsed bundle, its signatures verified. Whether it is valid *now* is asked when it is used.
#[derive(Clone)]
pub struct Bundle {
    bytes: Box<[u8; BUNDLE_BYTES]>,
    supported: u32,
    identity: PublicIdentity,
    signed_prekey: (u32, AgreementKey, Validity),
    one_time: Option<(u32, AgreementKey)>,
    kem: (u32, EncapsulationKey, Validity),
}

/// The public keys of fresh prekeys.
pub(super) struct PublicKeys {
    pub(super) signed: AgreementKey,
    pub(super) one_time: AgreementKey,
    pub(super) kem: EncapsulationKey,
}

impl Bundle {
    pub(super) fn sign(identity: &Identity, ids: [u32; 3], keys: &PublicKeys, validity: Validity) -> Self {
        let [signed_id, one_time_id, kem_id] = ids;
        let mut writer = Writer::with_capacity(BUNDLE_BYTES);
        writer.u8(SESSION_VERSION).u32(SUPPORTED_VERSIONS).put(&identity.public().bytes());

        let mut signed = Writer::default();
        signed.u32(signed_id).put(keys.signed.bytes()).u32(validity.from).u32(validity.until);
        writer.put(signed.as_slice()).put(&identity.sign(SIGNED_PREKEY_LABEL, signed.as_slice()));

        writer.u8(1).u32(one_time_id).put(keys.one_time.bytes());

        let mut kem = Writer::with_capacity(KEM_KEY_BYTES + 13);
        kem.u32(kem_id).u8(KIND_ONE_TIME).put(keys.kem.bytes()).u32(validity.from).u32(validity.until);
        writer.put(kem.as_slice()).put(&identity.sign(KEM_KEY_LABEL, kem.as_slice()));

        Self {
            bytes: Box::new(writer.array().unwrap_or([0; BUNDLE_BYTES])),
            supported: SUPPORTED_VERSIONS,
            identity: identity.public(),
            signed_prekey: (signed_id, keys.signed, validity),
            one_time: Some((one_time_id, keys.one_time)),
            kem: (kem_id, keys.kem.clone(), validity),
        }
    }

    /// Parses exactly `BUNDLE_BYTES` untrusted bytes and verifies every signature and key in them.
    ///
    /// # Errors
    /// Everything of [`PqxdhError`] but `Expired` and `UnknownKey`.
    pub fn parse(untrusted_bytes: &[u8]) -> Result<Self, PqxdhError> {
        let mut reader = Reader::new(untrusted_bytes);
        let version = reader.u8()?;
        let supported = reader.u32()?;
        let identity = PublicIdentity::read(&mut reader)?;
        let signed_prekey = read_signed_prekey(&mut reader, &identity)?;
        let one_time = read_one_time(&mut reader)?;
        let kem = read_kem(&mut reader, &identity)?;
        reader.end()?;
        if version != SESSION_VERSION {
            return Err(PqxdhError::NoCommonVersion);
        }
        let bytes: [u8; BUNDLE_BYTES] = untrusted_bytes.try_into().map_err(|_| crate::codec::Malformed)?;
        Ok(Self { bytes: Box::new(bytes), supported, identity, signed_prekey, one_time, kem })
    }

    /// `canonical(bundle)`: exactly what was given out.
    #[must_use]
    pub fn bytes(&self) -> &[u8; BUNDLE_BYTES] {
        &self.bytes
    }

    /// Whose bundle it is.
    #[must_use]
    pub fn identity(&self) -> &PublicIdentity {
        &self.identity
    }

    pub(super) fn supported(&self) -> u32 {
        self.supported
    }

    pub(super) fn signed_prekey(&self) -> (u32, &AgreementKey) {
        (self.signed_prekey.0, &self.signed_prekey.1)
    }

    /// Where the initiator's ratchet starts.
    pub(crate) fn ratchet_key(&self) -> &AgreementKey {
        &self.signed_prekey.1
    }

    pub(super) fn one_time(&self) -> Option<(u32, &AgreementKey)> {
        self.one_time.as_ref().map(|(id, key)| (*id, key))
    }

    pub(super) fn kem(&self) -> (u32, &EncapsulationKey) {
        (self.kem.0, &self.kem.1)
    }

    pub(super) fn holds(&self, now: Timestamp) -> Result<(), PqxdhError> {
        let valid = self.signed_prekey.2.holds(now) && self.kem.2.holds(now);
        valid.then_some(()).ok_or(PqxdhError::Expired)
    }
}

impl std::fmt::Debug for Bundle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bundle({:?})", self.identity)
    }
}

fn read_signed_prekey(
    reader: &mut Reader<'_>,
    identity: &PublicIdentity,
) -> Result<(u32, AgreementKey, Validity), PqxdhError> {
    let signed = reader.take(44)?;
    identity.verify(SIGNED_PREKEY_LABEL, signed, &reader.array()?)?;
    let mut fields = Reader::new(signed);
    let id = fields.u32()?;
    let key = AgreementKey::parse(fields.array()?)?;
    Ok((id, key, Validity { from: fields.u32()?, until: fields.u32()? }))
}

fn read_one_time(reader: &mut Reader<'_>) -> Result<Option<(u32, AgreementKey)>, PqxdhError> {
    if !reader.flag()? {
        reader.zeros(36)?;
        return Ok(None);
    }
    let id = reader.u32()?;
    Ok(Some((id, AgreementKey::parse(reader.array()?)?)))
}

fn read_kem(
    reader: &mut Reader<'_>,
    identity: &PublicIdentity,
) -> Result<(u32, EncapsulationKey, Validity), PqxdhError> {
    let signed = reader.take(KEM_KEY_BYTES + 13)?;
    identity.verify(KEM_KEY_LABEL, signed, &reader.array()?)?;
    let mut fields = Reader::new(signed);
    let id = fields.u32()?;
    if fields.u8()? != KIND_ONE_TIME {
        return Err(crate::codec::Malformed.into());
    }
    let key = kem::check(&fields.array()?)?;
    Ok((id, key, Validity { from: fields.u32()?, until: fields.u32()? }))
}
