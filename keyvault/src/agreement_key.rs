//! X25519 keys that only agree, never sign: canonical public keys, contributory results (RFC 7748 §6.1;
//! docs/protocol/identity.md, "Identity: 160 B").

use rand_core::CryptoRng;
use x25519_dalek::{PublicKey, StaticSecret};

use crate::codec::{Malformed, Reader, Writer};
use crate::memory::Secret32;

/// A private X25519 key with its public half.
#[derive(Clone)]
pub struct AgreementSecret {
    secret: StaticSecret,
    public: AgreementKey,
}

/// A public X25519 key in its one canonical encoding (u < 2^255 − 19, top bit clear).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AgreementKey([u8; 32]);

/// A Diffie-Hellman result that does not depend on both sides, or a key not in canonical form: the peer misbehaved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AgreementError {
    /// The peer's public key has a small order, so the result is known to everybody.
    #[error("peer's public key does not contribute")]
    NonContributory,
    /// u is not reduced, or its top bit is set: a second encoding of one key would escape the transcript.
    #[error("public key is not in canonical form")]
    NonCanonical,
}

impl AgreementKey {
    /// Parses 32 untrusted bytes.
    ///
    /// # Errors
    /// [`AgreementError::NonCanonical`] if another encoding of the same key exists that is smaller.
    pub fn parse(untrusted_bytes: [u8; 32]) -> Result<Self, AgreementError> {
        let [first, middle @ .., last] = &untrusted_bytes;
        // p = 2^255 − 19 is ed ff … ff 7f in little-endian order: u ≥ p has all middle bytes ff and a first byte ≥ ed.
        let unreduced = *last == 0x7f && *first >= 0xed && middle.iter().all(|byte| *byte == 0xff);
        if *last > 0x7f || unreduced { Err(AgreementError::NonCanonical) } else { Ok(Self(untrusted_bytes)) }
    }

    /// The canonical 32 bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Self::parse(reader.array()?).map_err(|_| Malformed)
    }
}

impl std::fmt::Debug for AgreementKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [a, b, ..] = self.0;
        write!(f, "AgreementKey({a:02x}{b:02x}..)")
    }
}

impl AgreementSecret {
    /// A fresh key pair.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self::from_secret(&Secret32::random(rng))
    }

    /// The pair of stored private bytes.
    #[must_use]
    pub fn from_secret(secret: &Secret32) -> Self {
        let secret = StaticSecret::from(*secret.expose());
        let public = AgreementKey(PublicKey::from(&secret).to_bytes());
        Self { secret, public }
    }

    /// Private ‖ public, to be sealed: deriving the public half anew costs as much as an agreement.
    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.put(self.secret.as_bytes()).put(self.public.bytes());
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let secret = StaticSecret::from(*reader.secret::<32>()?.expose());
        Ok(Self { secret, public: AgreementKey::read(reader)? })
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> AgreementKey {
        self.public
    }

    /// X25519 with `their` key.
    ///
    /// # Errors
    /// [`AgreementError::NonContributory`] if the result is zero.
    pub fn agree(&self, their: &AgreementKey) -> Result<Secret32, AgreementError> {
        let shared = self.secret.diffie_hellman(&PublicKey::from(their.0));
        if !shared.was_contributory() {
            return Err(AgreementError::NonContributory);
        }
        Ok(Secret32::take(&mut shared.to_bytes()))
    }
}

impl std::fmt::Debug for AgreementSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AgreementSecret(.., {:?})", self.public)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn p_plus(offset: u8) -> [u8; 32] {
        let mut bytes = [0xff; 32];
        bytes[0] = 0xed + offset;
        bytes[31] = 0x7f;
        bytes
    }

    #[test]
    fn a_public_key_has_one_encoding() {
        for offset in 0..=18 {
            assert_eq!(AgreementKey::parse(p_plus(offset)), Err(AgreementError::NonCanonical));
        }
        let mut below = p_plus(0);
        below[0] -= 1;
        assert!(AgreementKey::parse(below).is_ok());
        let mut high = [9; 32];
        high[31] = 0x80;
        assert_eq!(AgreementKey::parse(high), Err(AgreementError::NonCanonical));
    }

    #[test]
    fn keys_of_small_order_are_refused() {
        let secret = AgreementSecret::from_secret(&Secret32::take(&mut [5; 32]));
        // The canonical u-coordinates of small order (Bernstein, "May the fourth be with you").
        let small = [
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0100000000000000000000000000000000000000000000000000000000000000",
            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
            "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        ];
        for encoding in small {
            let bytes: [u8; 32] = hex::decode(encoding).unwrap().try_into().unwrap();
            let key = AgreementKey::parse(bytes).unwrap();
            assert_eq!(secret.agree(&key), Err(AgreementError::NonContributory), "{encoding}");
        }
    }

    #[test]
    fn debug_of_a_private_key_shows_no_private_byte() {
        let secret = AgreementSecret::from_secret(&Secret32::take(&mut [0x5A; 32]));
        assert!(!format!("{secret:?}").contains("5a5a"));
    }
}
