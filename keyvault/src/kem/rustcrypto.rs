//! The back end that checks the shipped one: RustCrypto's.

use ml_kem::kem::{Decapsulate, KeyExport};
use ml_kem::{ml_kem_768, ml_kem_1024};

use super::{EncapsulationKey, Kem, RANDOMNESS_BYTES, SEED_BYTES};
use crate::memory::{Secret, Secret32};

macro_rules! parameter_set {
    ($name:ident, $module:ident, $ek:literal, $ct:literal) => {
        pub(super) enum $name {}

        impl Kem<$ek, $ct> for $name {
            type KeyPair = $module::DecapsulationKey;

            fn key_pair(seed: &Secret<SEED_BYTES>) -> Self::KeyPair {
                $module::DecapsulationKey::from_seed((*seed.expose()).into())
            }

            fn encapsulation_key(pair: &Self::KeyPair) -> [u8; $ek] {
                pair.encapsulation_key().to_bytes().into()
            }

            fn is_reduced(untrusted_key: &[u8; $ek]) -> bool {
                $module::EncapsulationKey::new(&(*untrusted_key).into()).is_ok()
            }

            fn encapsulate(
                key: &EncapsulationKey<$ek>,
                m: &Secret<RANDOMNESS_BYTES>,
            ) -> ([u8; $ct], Secret32) {
                let key = $module::EncapsulationKey::new(&(*key.bytes()).into()).unwrap();
                let (ciphertext, shared) = key.encapsulate_deterministic(&(*m.expose()).into());
                (ciphertext.into(), Secret::take(&mut shared.into()))
            }

            fn decapsulate(pair: &Self::KeyPair, ciphertext: &[u8; $ct]) -> Secret32 {
                Secret::take(&mut pair.decapsulate(&(*ciphertext).into()).into())
            }
        }
    };
}

parameter_set!(MlKem768, ml_kem_768, 1_184, 1_088);
parameter_set!(MlKem1024, ml_kem_1024, 1_568, 1_568);
