//! Both sides of the key agreement: from keys to a shared secret and what it expands to.

use ipc_schema::Timestamp;
use rand_core::CryptoRng;

use super::bundle::Bundle;
use super::kem::{self, KEM_CIPHERTEXT_BYTES, KemSecret};
use super::{PqxdhError, SUPPORTED_VERSIONS, common_version};
use crate::agreement_key::{AgreementKey, AgreementSecret};
use crate::codec::{Reader, Writer};
use crate::identity::{IDENTITY_BYTES, Identity, PublicIdentity};
use crate::kdf;
use crate::memory::Secret32;

/// version 1 ‖ supported versions 4 ‖ key ids 3 × 4 ‖ IKa 160 ‖ EKa 32 ‖ ct 1,568.
pub const FIRST_PREFIX_BYTES: usize = 1 + 4 + 12 + IDENTITY_BYTES + 32 + KEM_CIPHERTEXT_BYTES;

const KDF_INFO: &[u8] = b"privatus/pqxdh/v1/X25519/ML-KEM-1024/SHA-256";
const TRANSCRIPT_LABEL: &[u8] = b"privatus/T/v1";

/// What stands before the ratchet header of a first message.
#[derive(Clone, Debug)]
pub struct FirstPrefix {
    bytes: Box<[u8; FIRST_PREFIX_BYTES]>,
    version: u8,
    supported: u32,
    /// Signed prekey, one-time prekey (0: none), KEM key.
    key_ids: [u32; 3],
    identity: PublicIdentity,
    ephemeral: AgreementKey,
    ciphertext: Box<[u8; KEM_CIPHERTEXT_BYTES]>,
}

/// What both sides hold after the agreement: one labelled output of SK for each use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// T: hash of all that was said; associated data of the whole session.
    pub transcript: [u8; 32],
    /// The psk of any later agreement of these two, should they have to open their session anew.
    pub repair: Secret32,
    /// Where the Double Ratchet's root chain starts.
    pub root: Secret32,
    /// Header key of the initiator's first chain.
    pub initiator_header: Secret32,
    /// Header key of the responder's first chain.
    pub responder_header: Secret32,
    /// Where the post-quantum ratchet starts.
    pub post_quantum: Secret32,
}

impl FirstPrefix {
    /// Parses exactly `FIRST_PREFIX_BYTES` untrusted bytes and verifies the identity's binding.
    ///
    /// # Errors
    /// Malformed, an identity that is not bound, or a non-canonical ephemeral key.
    pub fn parse(untrusted_bytes: &[u8]) -> Result<Self, PqxdhError> {
        let bytes: [u8; FIRST_PREFIX_BYTES] =
            untrusted_bytes.try_into().map_err(|_| crate::codec::Malformed)?;
        let mut reader = Reader::new(&bytes);
        Ok(Self {
            version: reader.u8()?,
            supported: reader.u32()?,
            key_ids: [reader.u32()?, reader.u32()?, reader.u32()?],
            identity: PublicIdentity::read(&mut reader)?,
            ephemeral: AgreementKey::parse(reader.array()?)?,
            ciphertext: Box::new(reader.array()?),
            bytes: Box::new(bytes),
        })
    }

    /// As [`Self::parse`] would read it.
    fn own(
        version: u8,
        key_ids: [u32; 3],
        identity: &PublicIdentity,
        ephemeral: &AgreementKey,
        ciphertext: &[u8; KEM_CIPHERTEXT_BYTES],
    ) -> Result<Self, PqxdhError> {
        let mut writer = Writer::with_capacity(FIRST_PREFIX_BYTES);
        writer.u8(version).u32(SUPPORTED_VERSIONS);
        for id in key_ids {
            writer.u32(id);
        }
        writer.put(&identity.bytes()).put(ephemeral.bytes()).put(ciphertext);
        Ok(Self {
            bytes: Box::new(writer.array()?),
            version,
            supported: SUPPORTED_VERSIONS,
            key_ids,
            identity: identity.clone(),
            ephemeral: *ephemeral,
            ciphertext: Box::new(*ciphertext),
        })
    }

    /// The 1,777 bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8; FIRST_PREFIX_BYTES] {
        &self.bytes
    }

    /// The responder's keys that were used: signed prekey, one-time prekey (0: none), KEM key.
    #[must_use]
    pub(crate) fn key_ids(&self) -> [u32; 3] {
        self.key_ids
    }

    /// Names this agreement for the replay cache: `SHA-256("privatus/replay/v1" ‖ EKa ‖ ct)`.
    #[must_use]
    pub(crate) fn replay_id(&self) -> [u8; 32] {
        kdf::sha256(&[b"privatus/replay/v1", self.ephemeral.bytes(), self.ciphertext.as_slice()])
    }

    /// Who speaks first.
    #[must_use]
    pub fn identity(&self) -> &PublicIdentity {
        &self.identity
    }
}

/// The initiator's side, against the responder's bundle.
///
/// # Errors
/// A bundle that is not valid at `now`, knows no common version, or holds keys that do not contribute.
pub fn initiate(
    bundle: &Bundle,
    identity: &Identity,
    psk: &Secret32,
    now: Timestamp,
    rng: &mut impl CryptoRng,
) -> Result<(FirstPrefix, Agreed), PqxdhError> {
    bundle.holds(now)?;
    let version = common_version(SUPPORTED_VERSIONS, bundle.supported())?;
    let ephemeral = AgreementSecret::generate(rng);
    let (signed_id, signed) = bundle.signed_prekey();
    let (kem_id, kem_key) = bundle.kem();
    let (ciphertext, shared) = kem::encapsulate(kem_key, rng);

    let mut secrets = vec![
        identity.agreement().agree(signed)?,
        ephemeral.agree(bundle.identity().agreement())?,
        ephemeral.agree(signed)?,
    ];
    if let Some((_, one_time)) = bundle.one_time() {
        secrets.push(ephemeral.agree(one_time)?);
    }
    secrets.push(shared);

    let key_ids = [signed_id, bundle.one_time().map_or(0, |(id, _)| id), kem_id];
    let prefix = FirstPrefix::own(version, key_ids, identity.public(), &ephemeral.public(), &ciphertext)?;
    let agreed = agree(bundle, &prefix, &secrets, psk);
    Ok((prefix, agreed))
}

/// The private keys behind a bundle, with the bundle as it was given out.
#[derive(Clone, Copy)]
pub struct PrivateKeys<'a> {
    pub(super) bundle: &'a Bundle,
    pub(super) signed: &'a AgreementSecret,
    pub(super) one_time: Option<&'a AgreementSecret>,
    pub(super) kem: &'a KemSecret,
}

impl std::fmt::Debug for PrivateKeys<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PrivateKeys({:?}, ..)", self.bundle)
    }
}

/// The responder's side, with the prekeys that the first message names.
///
/// # Errors
/// Unknown key ids, a version other than the highest common one, or keys that do not contribute.
pub fn respond<'a>(
    keys: impl Into<PrivateKeys<'a>>,
    identity: &Identity,
    prefix: &FirstPrefix,
    psk: &Secret32,
) -> Result<Agreed, PqxdhError> {
    let keys = keys.into();
    let bundle = keys.bundle;
    if prefix.key_ids != bundle.key_ids() {
        return Err(PqxdhError::UnknownKey);
    }
    // Another version than the highest common one means that somebody took a better one away.
    if prefix.version != common_version(bundle.supported(), prefix.supported)? {
        return Err(PqxdhError::NoCommonVersion);
    }
    let mut secrets = vec![
        keys.signed.agree(prefix.identity.agreement())?,
        identity.agreement().agree(&prefix.ephemeral)?,
        keys.signed.agree(&prefix.ephemeral)?,
    ];
    if let Some(one_time) = keys.one_time {
        secrets.push(one_time.agree(&prefix.ephemeral)?);
    }
    secrets.push(keys.kem.decapsulate(&prefix.ciphertext));
    Ok(agree(bundle, prefix, &secrets, psk))
}

/// `SK = HKDF(0, 0xFF × 32 ‖ DH1 ‖ DH2 ‖ DH3 ‖ [DH4] ‖ SS ‖ psk, info ‖ T)` and its labelled outputs.
fn agree(bundle: &Bundle, prefix: &FirstPrefix, secrets: &[Secret32], psk: &Secret32) -> Agreed {
    // The prefix holds, in order, exactly: version ‖ supported versions ‖ key ids ‖ IKa ‖ EKa ‖ ct.
    let transcript = kdf::sha256(&[TRANSCRIPT_LABEL, bundle.bytes(), prefix.bytes()]);
    let mut ikm = Writer::with_capacity(7 * 32);
    // F of the specification: it keeps this apart from XEdDSA, in which no key here signs.
    ikm.put(&[0xff; 32]);
    for secret in secrets {
        ikm.put(secret.expose());
    }
    ikm.put(psk.expose());
    let sk: Secret32 = kdf::derive(&[0; 32], ikm.as_slice(), &[KDF_INFO, &transcript]);
    Agreed {
        transcript,
        repair: kdf::label(&sk, &[b"privatus/sk/repair/v1"]),
        root: kdf::label(&sk, &[b"privatus/sk/root/v1"]),
        initiator_header: kdf::label(&sk, &[b"privatus/sk/header/initiator/v1"]),
        responder_header: kdf::label(&sk, &[b"privatus/sk/header/responder/v1"]),
        post_quantum: kdf::label(&sk, &[b"privatus/sk/pq/v1"]),
    }
}
