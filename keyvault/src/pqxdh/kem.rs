//! ML-KEM-1024 as the key agreement uses it.

use rand_core::CryptoRng;

use super::PqxdhError;
use crate::codec::{Malformed, Reader, Writer};
use crate::kem::{self, Kem, KeyPair1024, MlKem1024};
use crate::memory::{Secret, Secret32};

/// An ML-KEM-1024 encapsulation key, bytes (FIPS 203, table 3).
pub const KEM_KEY_BYTES: usize = 1568;
/// An ML-KEM-1024 ciphertext, bytes.
pub const KEM_CIPHERTEXT_BYTES: usize = 1568;
/// An encapsulation key that passed the modulus check.
pub(super) type EncapsulationKey = kem::EncapsulationKey<KEM_KEY_BYTES>;

/// A decapsulation key.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct KemSecret(KeyPair1024);

impl KemSecret {
    /// Draws 64 bytes.
    pub(super) fn generate(rng: &mut impl CryptoRng) -> Self {
        Self::from_seed(&Secret::random(rng))
    }

    pub(super) fn from_seed(seed: &Secret<{ kem::SEED_BYTES }>) -> Self {
        Self(MlKem1024::key_pair(seed))
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        self.0.write(writer);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        KeyPair1024::read(reader).map(Self)
    }

    pub(super) fn encapsulation_key(&self) -> EncapsulationKey {
        EncapsulationKey::of::<MlKem1024, KEM_CIPHERTEXT_BYTES>(&self.0)
    }

    /// Never fails: an altered ciphertext gives an unrelated secret (implicit rejection).
    pub(super) fn decapsulate(&self, ciphertext: &[u8; KEM_CIPHERTEXT_BYTES]) -> Secret32 {
        MlKem1024::decapsulate(&self.0, ciphertext)
    }
}

/// Checks the modulus (FIPS 203 §7.2).
pub(super) fn check(untrusted_key: &[u8; KEM_KEY_BYTES]) -> Result<EncapsulationKey, PqxdhError> {
    EncapsulationKey::parse::<MlKem1024, KEM_CIPHERTEXT_BYTES>(untrusted_key)
        .map_err(|_| PqxdhError::BadKemKey)
}

/// A fresh secret for the holder of `key`; draws 32 bytes.
pub(super) fn encapsulate(
    key: &EncapsulationKey,
    rng: &mut impl CryptoRng,
) -> ([u8; KEM_CIPHERTEXT_BYTES], Secret32) {
    MlKem1024::encapsulate(key, &Secret::random(rng))
}

#[cfg(test)]
mod tests {
    use rand_core::SeedableRng;

    use super::*;

    #[test]
    fn both_sides_of_the_kem_agree() {
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(3);
        let secret = KemSecret::generate(&mut rng);
        let (ciphertext, shared) = encapsulate(&secret.encapsulation_key(), &mut rng);
        assert_eq!(secret.decapsulate(&ciphertext), shared);
        let mut altered = ciphertext;
        altered[700] ^= 1;
        assert_ne!(secret.decapsulate(&altered), shared);
        let (again, _) = encapsulate(&secret.encapsulation_key(), &mut rng);
        assert_ne!(again, ciphertext, "each encapsulation draws randomness of its own");
    }

    #[test]
    fn an_encapsulation_key_with_a_coefficient_of_q_or_more_is_refused() {
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(4);
        let mut key = *KemSecret::generate(&mut rng).encapsulation_key().bytes();
        assert!(check(&key).is_ok());
        // The first 12-bit coefficient becomes 3329 = q.
        key[0] = 0x01;
        key[1] = (key[1] & 0xf0) | 0x0d;
        assert!(matches!(check(&key), Err(PqxdhError::BadKemKey)));
    }
}
