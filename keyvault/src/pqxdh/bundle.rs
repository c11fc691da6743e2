//! What the responder gives out: identity, signed prekey, one-time prekey, KEM key; labels and validity under the signatures.

use ipc_schema::Timestamp;

use super::kem::{self, EncapsulationKey, KEM_KEY_BYTES};
use super::validity::Validity;
use super::{PqxdhError, SESSION_VERSION};
use crate::agreement_key::AgreementKey;
use crate::certain::certain;
use crate::codec::{Malformed, Reader, Writer};
use crate::identity::{IDENTITY_BYTES, Identity, PublicIdentity};

/// version 1 ‖ supported versions 4 ‖ identity 160 ‖ signed prekey {id 4 ‖ key 32 ‖ validity 8 ‖ signature 64} ‖
/// one-time prekey {present 1 ‖ id 4 ‖ key 32} ‖ KEM key {id 4 ‖ kind 1 ‖ ek 1,568 ‖ validity 8 ‖ signature 64}.
pub const BUNDLE_BYTES: usize = 1 + 4 + IDENTITY_BYTES + 108 + 37 + 77 + KEM_KEY_BYTES;

/// What a side hands the other inside a session: version 1 ‖ supported versions 4 ‖ signed prekey 108 ‖ KEM key 1,645. The rest of
/// the bundle is known there: the identity, and that there is no one-time prekey.
pub const REPAIR_BUNDLE_BYTES: usize = 1 + 4 + SIGNED_PREKEY_BYTES + KEM_PREKEY_BYTES;

const SIGNED_PREKEY_BYTES: usize = 108;
const ONE_TIME_BYTES: usize = 37;
const KEM_PREKEY_BYTES: usize = 77 + KEM_KEY_BYTES;

/// Signed: id 4 ‖ kind 1 ‖ ek 1,568 ‖ validity 8. Another label than the signed prekey's, so that neither signature can stand for
/// the other.
const KEM_KEY_LABEL: &[u8] = b"privatus/kem-prekey/v1/ML-KEM-1024";

/// What a bundle's keys serve. It stands under both signatures, so that keys given out for one use cannot be passed off for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyUse {
    /// One first message, which uses the keys up.
    Invite,
    /// First messages of anybody, for a week.
    Address,
    /// Opening one session anew.
    Repair,
}

impl KeyUse {
    /// Under the KEM key's signature. A key that serves more than one first message is a *last-resort* key.
    fn kind(self) -> u8 {
        match self {
            Self::Invite => 0,
            Self::Address => 1,
            Self::Repair => 2,
        }
    }

    fn of_kind(kind: u8) -> Result<Self, Malformed> {
        [Self::Invite, Self::Address, Self::Repair].into_iter().find(|of| of.kind() == kind).ok_or(Malformed)
    }

    /// Signed under it: id 4 ‖ key 32 ‖ validity 8.
    fn signed_prekey_label(self) -> &'static [u8] {
        match self {
            Self::Invite => b"privatus/signed-prekey/v1/X25519",
            Self::Address => b"privatus/address-prekey/v1/X25519",
            Self::Repair => b"privatus/repair-prekey/v1/X25519",
        }
    }
}

/// A parsed bundle, its signatures verified. Whether it is valid *now* is asked when it is used.
#[derive(Clone)]
pub struct Bundle {
    bytes: Box<[u8; BUNDLE_BYTES]>,
    key_use: KeyUse,
    supported: u32,
    identity: PublicIdentity,
    signed_prekey: (u32, AgreementKey, Validity),
    one_time: Option<(u32, AgreementKey)>,
    kem: (u32, EncapsulationKey, Validity),
}

/// The public keys of a bundle that is to be signed.
pub(super) struct PublicKeys {
    pub(super) key_use: KeyUse,
    pub(super) supported: u32,
    pub(super) validity: Validity,
    pub(super) signed: (u32, AgreementKey),
    pub(super) one_time: Option<(u32, AgreementKey)>,
    pub(super) kem: (u32, EncapsulationKey),
}

impl Bundle {
    /// Deterministic: the same keys give the same bytes.
    pub(super) fn sign(identity: &Identity, keys: PublicKeys) -> Self {
        let PublicKeys { key_use, supported, validity, signed, one_time, kem } = keys;
        let mut writer = Writer::with_capacity(BUNDLE_BYTES);
        writer.u8(SESSION_VERSION).u32(supported).put(&identity.public().bytes());

        let mut row = Writer::default();
        row.u32(signed.0).put(signed.1.bytes()).u32(validity.from).u32(validity.until);
        let signature = identity.sign(key_use.signed_prekey_label(), row.as_slice());
        writer.put(row.as_slice()).put(&signature);

        match one_time {
            Some((id, key)) => writer.u8(1).u32(id).put(key.bytes()),
            None => writer.put(&[0; ONE_TIME_BYTES]),
        };

        let mut row = Writer::with_capacity(KEM_PREKEY_BYTES);
        row.u32(kem.0).u8(key_use.kind()).put(kem.1.bytes()).u32(validity.from).u32(validity.until);
        writer.put(row.as_slice()).put(&identity.sign(KEM_KEY_LABEL, row.as_slice()));

        Self {
            bytes: Box::new(certain(writer.array())),
            key_use,
            supported,
            identity: identity.public().clone(),
            signed_prekey: (signed.0, signed.1, validity),
            one_time,
            kem: (kem.0, kem.1, validity),
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
        let signed_row = reader.take(SIGNED_PREKEY_BYTES)?;
        let one_time = read_one_time(&mut reader)?;
        // Before the signed prekey's row: what the keys serve is said here, and is the label there.
        let (key_use, kem) = read_kem(&mut reader, &identity)?;
        let signed_prekey = read_signed_prekey(signed_row, key_use, &identity)?;
        reader.end()?;
        if version != SESSION_VERSION {
            return Err(PqxdhError::NoCommonVersion);
        }
        // One-time keys belong to one-time invites, and only they.
        if one_time.is_some() != (key_use == KeyUse::Invite) {
            return Err(Malformed.into());
        }
        let bytes: [u8; BUNDLE_BYTES] = untrusted_bytes.try_into().map_err(|_| Malformed)?;
        Ok(Self { bytes: Box::new(bytes), key_use, supported, identity, signed_prekey, one_time, kem })
    }

    /// The bundle that `identity` handed over inside a session: exactly [`REPAIR_BUNDLE_BYTES`] untrusted bytes.
    ///
    /// # Errors
    /// As [`Self::parse`]; `Malformed` also for keys of another use.
    pub fn parse_repair(identity: &PublicIdentity, untrusted_bytes: &[u8]) -> Result<Self, PqxdhError> {
        let (head, kem) = untrusted_bytes.split_at_checked(5 + SIGNED_PREKEY_BYTES).ok_or(Malformed)?;
        let (versions, signed) = head.split_at_checked(5).ok_or(Malformed)?;
        // As it would stand in full: one parser for both, and T is of these bytes.
        let whole = [versions, &identity.bytes(), signed, &[0; ONE_TIME_BYTES], kem].concat();
        Self::parse(&whole)?.serving(KeyUse::Repair)
    }

    /// What [`Self::parse_repair`] reads.
    #[must_use]
    pub fn repair_bytes(&self) -> Vec<u8> {
        let (versions, rest) = self.bytes.split_at(5);
        let (signed, rest) = rest.split_at(IDENTITY_BYTES).1.split_at(SIGNED_PREKEY_BYTES);
        [versions, signed, rest.split_at(ONE_TIME_BYTES).1].concat()
    }

    /// This bundle, if its keys were given out for that use.
    ///
    /// # Errors
    /// `Malformed` for keys of another use.
    pub fn serving(self, key_use: KeyUse) -> Result<Self, PqxdhError> {
        if self.key_use == key_use { Ok(self) } else { Err(Malformed.into()) }
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

    /// The KEM key's id names the whole.
    pub(crate) fn id(&self) -> u32 {
        self.kem.0
    }

    /// When it was made, more or less; tells which of two is the newer.
    pub(crate) fn valid_from(&self) -> u32 {
        self.kem.2.from
    }

    /// As first messages name the keys: signed prekey, one-time prekey or 0, KEM key.
    pub(super) fn key_ids(&self) -> [u32; 3] {
        [self.signed_prekey.0, self.one_time.as_ref().map_or(0, |(id, _)| *id), self.kem.0]
    }

    /// Whether its keys may be used now.
    ///
    /// # Errors
    /// `Expired`, also before its time.
    pub(crate) fn holds(&self, now: Timestamp) -> Result<(), PqxdhError> {
        let valid = self.signed_prekey.2.holds(now) && self.kem.2.holds(now);
        valid.then_some(()).ok_or(PqxdhError::Expired)
    }
}

impl std::fmt::Debug for Bundle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bundle({:?})", self.identity)
    }
}

/// 0 stands for *none* in a first message, and is no key's.
fn read_id(reader: &mut Reader<'_>) -> Result<u32, Malformed> {
    match reader.u32()? {
        0 => Err(Malformed),
        id => Ok(id),
    }
}

fn read_signed_prekey(
    row: &[u8],
    key_use: KeyUse,
    identity: &PublicIdentity,
) -> Result<(u32, AgreementKey, Validity), PqxdhError> {
    let mut reader = Reader::new(row);
    let signed = reader.take(SIGNED_PREKEY_BYTES - 64)?;
    identity.verify(key_use.signed_prekey_label(), signed, &reader.array()?)?;
    let mut fields = Reader::new(signed);
    let id = read_id(&mut fields)?;
    let key = AgreementKey::parse(fields.array()?)?;
    Ok((id, key, Validity { from: fields.u32()?, until: fields.u32()? }))
}

fn read_one_time(reader: &mut Reader<'_>) -> Result<Option<(u32, AgreementKey)>, PqxdhError> {
    if !reader.flag()? {
        reader.zeros(ONE_TIME_BYTES - 1)?;
        return Ok(None);
    }
    let id = read_id(reader)?;
    Ok(Some((id, AgreementKey::parse(reader.array()?)?)))
}

fn read_kem(
    reader: &mut Reader<'_>,
    identity: &PublicIdentity,
) -> Result<(KeyUse, (u32, EncapsulationKey, Validity)), PqxdhError> {
    let signed = reader.take(KEM_PREKEY_BYTES - 64)?;
    identity.verify(KEM_KEY_LABEL, signed, &reader.array()?)?;
    let mut fields = Reader::new(signed);
    let id = read_id(&mut fields)?;
    let key_use = KeyUse::of_kind(fields.u8()?)?;
    let key = kem::check(&fields.array()?)?;
    Ok((key_use, (id, key, Validity { from: fields.u32()?, until: fields.u32()? })))
}

#[cfg(test)]
mod tests {
    use rand_core::SeedableRng;

    use super::super::Prekeys;
    use super::*;

    /// Each prekey has days of its own under its signature, though this program gives both the same.
    #[test]
    fn a_bundle_holds_only_while_both_its_prekeys_do() {
        const NOW: Timestamp = Timestamp(1_800_000_000_000);
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
        let identity = Identity::generate(NOW, &mut rng);
        let validity = Validity::until(NOW, NOW.after(std::time::Duration::from_secs(7 * 86_400)));
        let bundle = *Prekeys::generate(&identity, validity, &mut rng).bundle().bytes();
        let later = NOW.after(std::time::Duration::from_secs(86_400));
        assert_eq!(Bundle::parse(&bundle).unwrap().holds(later), Ok(()));

        let signed_prekey = 5 + IDENTITY_BYTES;
        let kem = signed_prekey + SIGNED_PREKEY_BYTES + ONE_TIME_BYTES;
        let rows = [
            (signed_prekey, SIGNED_PREKEY_BYTES, KeyUse::Invite.signed_prekey_label()),
            (kem, KEM_PREKEY_BYTES, KEM_KEY_LABEL),
        ];
        for (start, length, label) in rows {
            let mut bytes = bundle;
            let (signed, signature) = bytes[start..start + length].split_at_mut(length - 64);
            signed[length - 68..].copy_from_slice(&super::super::validity::seconds(NOW).to_be_bytes());
            signature.copy_from_slice(&identity.sign(label, signed));
            let bundle = Bundle::parse(&bytes).unwrap();
            assert_eq!(bundle.holds(NOW), Ok(()));
            assert_eq!(bundle.holds(later), Err(PqxdhError::Expired));
        }
    }
}
