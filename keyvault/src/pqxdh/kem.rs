//! ML-KEM-1024 behind fixed arrays.

use ml_kem::kem::{Decapsulate, Encapsulate};
use ml_kem::ml_kem_1024::{Ciphertext, DecapsulationKey, EncapsulationKey};
use rand_core::CryptoRng;

use super::PqxdhError;
use crate::memory::{Secret, Secret32};

/// An ML-KEM-1024 encapsulation key, bytes (FIPS 203, table 3).
pub const KEM_KEY_BYTES: usize = 1568;
/// An ML-KEM-1024 ciphertext, bytes.
pub const KEM_CIPHERTEXT_BYTES: usize = 1568;
/// The seed d ‖ z that a key pair is expanded from, bytes.
pub(super) const KEM_SEED_BYTES: usize = 64;

/// A decapsulation key, kept as its seed.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct KemSecret(Secret<KEM_SEED_BYTES>);

impl KemSecret {
    pub(super) fn generate(rng: &mut impl CryptoRng) -> Self {
        Self(Secret::random(rng))
    }

    pub(super) fn from_seed(seed: Secret<KEM_SEED_BYTES>) -> Self {
        Self(seed)
    }

    pub(super) fn seed(&self) -> &[u8; KEM_SEED_BYTES] {
        self.0.expose()
    }

    fn expanded(&self) -> DecapsulationKey {
        DecapsulationKey::from_seed((*self.0.expose()).into())
    }

    pub(super) fn encapsulation_key(&self) -> EncapsulationKey {
        self.expanded().encapsulation_key().clone()
    }

    /// Never fails: an altered ciphertext gives an unrelated secret (implicit rejection).
    pub(super) fn decapsulate(&self, ciphertext: &[u8; KEM_CIPHERTEXT_BYTES]) -> Secret32 {
        let mut shared: [u8; 32] = self.expanded().decapsulate(&Ciphertext::from(*ciphertext)).into();
        Secret32::take(&mut shared)
    }
}

/// Checks the modulus (FIPS 203 §7.2).
pub(super) fn check(untrusted_key: &[u8; KEM_KEY_BYTES]) -> Result<EncapsulationKey, PqxdhError> {
    EncapsulationKey::new(&(*untrusted_key).into()).map_err(|_| PqxdhError::BadKemKey)
}

/// A fresh secret for the holder of `key`.
pub(super) fn encapsulate(
    key: &EncapsulationKey,
    rng: &mut impl CryptoRng,
) -> ([u8; KEM_CIPHERTEXT_BYTES], Secret32) {
    let (ciphertext, shared) = key.encapsulate_with_rng(rng);
    let mut shared: [u8; 32] = shared.into();
    (ciphertext.into(), Secret32::take(&mut shared))
}

#[cfg(test)]
mod tests {
    use ml_kem::kem::KeyExport;
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
    }

    #[test]
    fn an_encapsulation_key_with_a_coefficient_of_q_or_more_is_refused() {
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(4);
        let mut key: [u8; KEM_KEY_BYTES] =
            KemSecret::generate(&mut rng).encapsulation_key().to_bytes().into();
        assert!(check(&key).is_ok());
        // The first 12-bit coefficient becomes 3329 = q.
        key[0] = 0x01;
        key[1] = (key[1] & 0xf0) | 0x0d;
        assert!(matches!(check(&key), Err(PqxdhError::BadKemKey)));
    }
}
