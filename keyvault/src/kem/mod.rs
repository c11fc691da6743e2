//! ML-KEM (FIPS 203) behind one trait, with every random byte passed in.
//!
//! Two independent implementations stand behind it and are checked against each other: libcrux, which is shipped, and
//! RustCrypto's, which only the tests link. libcrux has machine-checked proofs of its arithmetic and of the absence of panics,
//! carries Signal's ratchet and Firefox's TLS, and uses AVX2 or NEON where the processor has them: three to six times faster,
//! and the post-quantum ratchet does one of these operations for every turn of a conversation.

mod libcrux;
#[cfg(test)]
mod rustcrypto;
#[cfg(test)]
mod tests;

pub use libcrux::{KeyPair1024, MlKem768, MlKem1024};

use crate::memory::{Secret, Secret32};

/// The seed d ‖ z that a key pair is expanded from, bytes (FIPS 203, algorithm 16).
pub const SEED_BYTES: usize = 64;
/// The randomness m of one encapsulation, bytes (FIPS 203, algorithm 17).
pub const RANDOMNESS_BYTES: usize = 32;

/// An encapsulation key that fails FIPS 203's modulus check: whoever made it misbehaved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("encapsulation key fails the modulus check")]
pub struct BadModulus;

/// One parameter set of ML-KEM, with encapsulation keys of `EK` and ciphertexts of `CT` bytes.
pub trait Kem<const EK: usize, const CT: usize> {
    /// A key pair in the form that the implementation works with. Its private half is wiped when dropped.
    type KeyPair;

    /// Expands a key pair from its seed (ML-KEM.KeyGen_internal).
    fn key_pair(seed: &Secret<SEED_BYTES>) -> Self::KeyPair;

    /// The public half.
    fn encapsulation_key(pair: &Self::KeyPair) -> [u8; EK];

    /// Whether every coefficient is below q (FIPS 203 §7.2).
    fn is_reduced(untrusted_key: &[u8; EK]) -> bool;

    /// A ciphertext for the holder of `key`, and the secret in it (ML-KEM.Encaps_internal).
    fn encapsulate(key: &EncapsulationKey<EK>, m: &Secret<RANDOMNESS_BYTES>) -> ([u8; CT], Secret32);

    /// The secret in `ciphertext`. Never fails: an altered ciphertext gives an unrelated secret (implicit rejection).
    fn decapsulate(pair: &Self::KeyPair, ciphertext: &[u8; CT]) -> Secret32;
}

/// An encapsulation key whose modulus was checked.
#[derive(Clone, PartialEq, Eq)]
pub struct EncapsulationKey<const EK: usize>(Box<[u8; EK]>);

impl<const EK: usize> EncapsulationKey<EK> {
    /// Checks an untrusted key under the parameter set `K`.
    ///
    /// # Errors
    /// [`BadModulus`].
    pub fn parse<K: Kem<EK, CT>, const CT: usize>(untrusted_key: &[u8; EK]) -> Result<Self, BadModulus> {
        K::is_reduced(untrusted_key).then(|| Self(Box::new(*untrusted_key))).ok_or(BadModulus)
    }

    /// The public half of an own key pair.
    pub fn of<K: Kem<EK, CT>, const CT: usize>(pair: &K::KeyPair) -> Self {
        Self(Box::new(K::encapsulation_key(pair)))
    }

    /// As it travels.
    #[must_use]
    pub fn bytes(&self) -> &[u8; EK] {
        &self.0
    }
}

impl<const EK: usize> std::fmt::Debug for EncapsulationKey<EK> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EncapsulationKey({EK} B)")
    }
}
