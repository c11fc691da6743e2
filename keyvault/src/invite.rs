//! The invite: a link that fits a QR code (docs/protocol/identity.md, "Invite link"), and the
//! encrypted bundle that it leads to (docs/protocol/identity.md, "Blob: 4,096 B").

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use ipc_schema::Timestamp;
use ipc_schema::bytes::Cursor;
use ipc_schema::limits::HINTS_MAX;
use ipc_schema::link::{CHECKSUM_BYTES, MAX_BYTES as LINK_MAX_BYTES, PREFIX as LINK_PREFIX, checksum};
use ipc_schema::relay::Hint;
use rand_core::CryptoRng;

use crate::agreement_key::AgreementKey;
use crate::codec::{Malformed, Reader, Writer};
use crate::error::InviteError;
use crate::fresh::Fresh;
use crate::identity::{DEVICE_LIST_BYTES, DeviceList};
use crate::ids::{QueueId, RelayId};
use crate::kdf::{self, NONCE_BYTES, TAG_BYTES};
use crate::memory::Secret32;
use crate::pqxdh::{BUNDLE_BYTES, Bundle, KeyUse, PqxdhError};

/// The encrypted bundle, bytes, always: one size for all.
pub const BLOB_BYTES: usize = 4_096;

const VERSION: u8 = 1;
const NONCE: &[u8] = b"privatus/invite/blob-nonce/v1";
/// One-time invite; other kinds will come (a contact address).
const KIND_ONE_TIME: u8 = 1;
const BLOB_PLAIN_BYTES: usize = BLOB_BYTES - 1 - NONCE_BYTES - TAG_BYTES;

/// Unpadded URL-safe base64. Stray bits at the end are let through here and refused by re-encoding, so that a link cut in
/// the middle of a character group is told as truncated.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

/// The one secret of an invite; everything else is derived from it by label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InviteSecret(Secret32);

/// What a link says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// From which blob id, keys and psk are derived.
    pub secret: InviteSecret,
    /// The mailbox relay that holds bundle and queue.
    pub relay: RelayId,
    /// End of the invite's life, seconds since 1970.
    pub expires_seconds: u32,
    /// Contact points for the directory only: the inviter chose them.
    pub hints: Vec<Hint>,
}

/// What lies encrypted at the relay.
#[derive(Clone, Debug)]
pub struct InviteBundle {
    /// The inviter's keys, verified.
    pub(crate) bundle: Bundle,
    /// Verified under the bundle's identity.
    pub(crate) devices: DeviceList,
    /// Where the first message goes.
    pub(crate) queue: QueueId,
    /// The key that the relay made for the queue.
    pub(crate) relay_key: AgreementKey,
    /// The inviter's replica key of the queue.
    pub(crate) receiver_key: AgreementKey,
}

impl InviteSecret {
    /// A fresh secret.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self(Secret32::random(rng))
    }

    /// Names the blob at the relay.
    #[must_use]
    pub fn blob_id(&self) -> [u8; 32] {
        *self.derive(b"privatus/invite/blob-id/v1").expose()
    }

    /// Left with the relay; authenticates `secure+read`.
    #[must_use]
    pub fn read_key(&self) -> Secret32 {
        self.derive(b"privatus/invite/read-key/v1")
    }

    /// Goes into the key agreement.
    #[must_use]
    pub(crate) fn psk(&self) -> Secret32 {
        self.derive(b"privatus/invite/psk/v1")
    }

    /// Replica secret of the invite's queue, derived from the psk
    /// (docs/protocol/identity.md, "Invite link").
    #[must_use]
    pub(crate) fn replica_secret(&self) -> Secret32 {
        kdf::label(&self.psk(), &[b"privatus/invite/replica-secret/v1"])
    }

    fn blob_key(&self) -> Secret32 {
        self.derive(b"privatus/invite/blob-key/v1")
    }

    fn derive(&self, label: &[u8]) -> Secret32 {
        kdf::label(&self.0, &[label])
    }

    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.put(self.0.expose());
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.secret().map(Self)
    }
}

impl Link {
    /// End of the invite's life.
    #[must_use]
    pub fn expires(&self) -> Timestamp {
        Timestamp(u64::from(self.expires_seconds) * 1_000)
    }

    /// The text that is handed over. Hints beyond [`HINTS_MAX`] are left out.
    #[must_use]
    pub fn text(&self) -> String {
        let hints = self.hints.get(..HINTS_MAX).unwrap_or(&self.hints);
        let mut writer = Writer::with_capacity(LINK_MAX_BYTES);
        writer.u8(VERSION).u8(KIND_ONE_TIME);
        self.secret.write(&mut writer);
        writer.put(&self.relay.0).u32(self.expires_seconds);
        writer.u8(u8::try_from(hints.len()).unwrap_or(0));
        for hint in hints {
            writer.put(&hint.pack());
        }
        let sum = checksum(writer.as_slice());
        writer.put(&sum);
        format!("{LINK_PREFIX}{}", BASE64.encode(writer.as_slice()))
    }

    /// Parses a link; white space around it is fine. Whatever else stood around it ui has left out ([`ipc_schema::link::find`]):
    /// what holds the keys reads one form.
    ///
    /// # Errors
    /// `NotALink`, `Truncated`, `Altered` or `NewerVersion`. Whether it has expired is asked by who knows the time.
    pub fn parse(untrusted_text: &str) -> Result<Self, InviteError> {
        let text = untrusted_text.trim();
        let encoded = match text.strip_prefix(LINK_PREFIX) {
            Some(encoded) => encoded,
            None if LINK_PREFIX.starts_with(text) && !text.is_empty() => return Err(InviteError::Truncated),
            None => return Err(InviteError::NotALink),
        };
        if encoded.len() > LINK_MAX_BYTES / 3 * 4 {
            return Err(InviteError::Altered);
        }
        let bytes = zeroize::Zeroizing::new(decode(encoded)?);
        let (body, sum) =
            bytes.split_at_checked(bytes.len().saturating_sub(CHECKSUM_BYTES)).unwrap_or_default();
        if sum != checksum(body) {
            return Err(if is_cut_short(&bytes) { InviteError::Truncated } else { InviteError::Altered });
        }
        if BASE64.encode(bytes.as_slice()) != encoded {
            return Err(InviteError::Altered);
        }
        // Only now: the checksum stands last in every version, so this one is sound and later, not altered.
        if body.first() != Some(&VERSION) {
            return Err(InviteError::NewerVersion);
        }
        let mut cursor = Cursor::new(body);
        let link = Self::read(&mut cursor)?;
        cursor.end().map_err(|_| InviteError::Altered)?;
        Ok(link)
    }

    /// Reads all but the checksum. Running out of bytes means that the link was cut.
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, InviteError> {
        let short = |_| InviteError::Truncated;
        cursor.u8().map_err(short)?;
        if cursor.u8().map_err(short)? != KIND_ONE_TIME {
            return Err(InviteError::NewerVersion);
        }
        let secret = Secret32::copy_of(cursor.take(32).map_err(short)?).ok_or(InviteError::Truncated)?;
        let relay = RelayId(cursor.array().map_err(short)?);
        let expires_seconds = cursor.u32().map_err(short)?;
        let count = usize::from(cursor.u8().map_err(short)?);
        if count > HINTS_MAX {
            return Err(InviteError::Altered);
        }
        let hints = (0..count)
            .map(|_| Hint::read(cursor).map_err(|_| InviteError::Truncated))
            .collect::<Result<_, _>>()?;
        Ok(Self { secret: InviteSecret(secret), relay, expires_seconds, hints })
    }
}

/// A length of 1 modulo 4 is no base64 of anything: the last character stands alone because the rest is missing.
fn decode(encoded: &str) -> Result<Vec<u8>, InviteError> {
    BASE64.decode(encoded).map_err(|error| match error {
        base64::DecodeError::InvalidLength(_) => InviteError::Truncated,
        _ => InviteError::Altered,
    })
}

/// Whether bytes with a wrong checksum end before the layout of version 1 does.
fn is_cut_short(bytes: &[u8]) -> bool {
    if bytes.first().is_some_and(|version| *version != VERSION) {
        return false;
    }
    let mut cursor = Cursor::new(bytes);
    match Link::read(&mut cursor) {
        Ok(_) => cursor.rest().len() < CHECKSUM_BYTES,
        Err(error) => error == InviteError::Truncated,
    }
}

impl InviteBundle {
    /// The blob: version 1 ‖ nonce 24 ‖ tag 16 ‖ {bundle ‖ device list ‖ queue id ‖ relay key ‖ receiver key ‖ zeroes}.
    pub(crate) fn seal(&self, secret: &InviteSecret, rng: &mut impl CryptoRng) -> Result<Vec<u8>, Malformed> {
        let mut plain = Writer::with_capacity(BLOB_PLAIN_BYTES);
        plain.put(self.bundle.bytes()).put(self.devices.bytes()).put(&self.queue.0);
        plain.put(self.relay_key.bytes()).put(self.receiver_key.bytes());
        let mut plain: [u8; BLOB_PLAIN_BYTES] = plain.pad_to(BLOB_PLAIN_BYTES).array()?;
        let nonce: [u8; NONCE_BYTES] = Fresh::new(rng).value(&secret.blob_key(), NONCE, &[&plain]);
        let tag = kdf::seal_random(&secret.blob_key(), &nonce, &blob_associated(secret), &mut plain);
        Ok([[VERSION].as_slice(), &nonce, &tag, &plain].concat())
    }

    /// Opens and verifies an untrusted blob.
    ///
    /// # Errors
    /// `NewerVersion` or `Altered`.
    pub(crate) fn open(secret: &InviteSecret, untrusted_blob: &[u8]) -> Result<Self, InviteError> {
        let altered = |_| InviteError::Altered;
        let mut reader = Reader::new(untrusted_blob);
        match reader.u8().map_err(altered)? {
            VERSION => {}
            0 => return Err(InviteError::Altered),
            _ => return Err(InviteError::NewerVersion),
        }
        let nonce = reader.array().map_err(altered)?;
        let tag = reader.array().map_err(altered)?;
        let mut plain: [u8; BLOB_PLAIN_BYTES] = reader.array().map_err(altered)?;
        reader.end().map_err(altered)?;
        kdf::open_random(&secret.blob_key(), &nonce, &blob_associated(secret), &mut plain, &tag)
            .map_err(|_| InviteError::Altered)?;
        Self::parse(&plain).map_err(|error| match error {
            PqxdhError::NoCommonVersion => InviteError::NewerVersion,
            PqxdhError::Expired => InviteError::Expired,
            _ => InviteError::Altered,
        })
    }

    fn parse(plain: &[u8]) -> Result<Self, PqxdhError> {
        let mut reader = Reader::new(plain);
        let bundle = Bundle::parse(reader.take(BUNDLE_BYTES)?)?.serving(KeyUse::Invite)?;
        let devices = DeviceList::parse(reader.take(DEVICE_LIST_BYTES)?, bundle.identity())?;
        let queue = QueueId(reader.array()?);
        let relay_key = AgreementKey::parse(reader.array()?)?;
        let receiver_key = AgreementKey::parse(reader.array()?)?;
        reader.zeros(reader.rest())?;
        Ok(Self { bundle, devices, queue, relay_key, receiver_key })
    }
}

fn blob_associated(secret: &InviteSecret) -> Vec<u8> {
    [[VERSION].as_slice(), &secret.blob_id()].concat()
}

#[cfg(test)]
mod tests {
    use ipc_schema::link::{Found, find};
    use ipc_schema::relay::{Address, Transport};
    use rand_core::SeedableRng;

    use super::*;

    fn link(hints: usize) -> Link {
        let hint = |n: usize| Hint {
            link_key: [u8::try_from(n).unwrap(); 32],
            address: Address { transport: Transport::Quic, socket: "[2001:db8::1]:4433".parse().unwrap() },
        };
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
        Link {
            secret: InviteSecret::generate(&mut rng),
            relay: RelayId([6; 32]),
            expires_seconds: 1_800_000_000,
            hints: (0..hints).map(hint).collect(),
        }
    }

    #[test]
    fn a_link_comes_back_and_stays_within_its_size() {
        for hints in 0..=3 {
            let text = link(hints).text();
            assert!(text.len() <= LINK_PREFIX.len() + 320);
            assert!(text.len() <= ipc_schema::limits::LINK_MAX_CHARS);
            assert_eq!(Link::parse(&text), Ok(link(hints)));
            assert_eq!(Link::parse(&format!("  {text}\n")), Ok(link(hints)));
        }
    }

    #[test]
    fn a_link_cut_anywhere_is_told_as_truncated() {
        let text = link(2).text();
        for length in 1..text.len() {
            assert_eq!(Link::parse(&text[..length]), Err(InviteError::Truncated), "{length} characters");
        }
    }

    /// ui looks for the link in what a person pastes; this is what it is given then.
    #[test]
    fn a_link_that_is_found_in_a_text_is_read_and_a_broken_one_is_told_as_what_it_is() {
        for hints in 0..=3 {
            let text = link(hints).text();
            assert_eq!(find(&format!("Here it is: <{text}>, Kim")), Found::Link(text.clone()));
            for length in 1..text.len() {
                let Found::Broken(cut) = find(&text[..length]) else { panic!("{length} characters") };
                assert_eq!(Link::parse(&cut), Err(InviteError::Truncated), "{length} characters");
            }
            // Of the secret and the relay's id every letter is as good as another.
            for at in LINK_PREFIX.len() + 2..LINK_PREFIX.len() + 88 {
                let mut altered = text.clone().into_bytes();
                altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
                let mail = format!("> {}\n> Kim", String::from_utf8(altered).unwrap());
                let Found::Broken(altered) = find(&mail) else { panic!("character {at}") };
                assert_eq!(Link::parse(&altered), Err(InviteError::Altered), "character {at}");
            }
        }
    }

    #[test]
    fn a_link_with_any_character_changed_is_refused() {
        let text = link(1).text();
        for at in LINK_PREFIX.len()..text.len() {
            let mut altered = text.clone().into_bytes();
            altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).unwrap();
            assert!(Link::parse(&altered).is_err(), "character {at}");
        }
        assert_eq!(Link::parse(&format!("{text}A")), Err(InviteError::Altered));
        assert_eq!(Link::parse(&format!("{text}AAAA")), Err(InviteError::Altered));
        assert_eq!(Link::parse(&text.replacen('B', "!", 1)), Err(InviteError::Altered));
        assert_eq!(Link::parse("https://example.org"), Err(InviteError::NotALink));
        assert_eq!(Link::parse(""), Err(InviteError::NotALink));
    }

    #[test]
    fn a_sound_link_of_a_later_version_says_so() {
        let mut body = vec![2; 100];
        let sum = checksum(&body);
        body.extend_from_slice(&sum);
        let text = format!("{LINK_PREFIX}{}", BASE64.encode(&body));
        assert_eq!(Link::parse(&text), Err(InviteError::NewerVersion));
    }

    #[test]
    fn every_use_of_the_secret_has_a_key_of_its_own() {
        let secret = link(0).secret;
        let keys = [
            secret.blob_id(),
            *secret.read_key().expose(),
            *secret.psk().expose(),
            *secret.blob_key().expose(),
            *secret.replica_secret().expose(),
        ];
        for (at, key) in keys.iter().enumerate() {
            assert!(!keys[at + 1..].contains(key));
        }
        assert!(!format!("{:?}", link(0)).contains("secret: InviteSecret(["));
    }
}
