//! The back end that is shipped: libcrux.

use libcrux_ml_kem::{mlkem768, mlkem1024};
use zeroize::Zeroize;

use super::{EncapsulationKey, Kem, RANDOMNESS_BYTES, SEED_BYTES};
use crate::codec::{Malformed, Reader, Writer};
use crate::memory::{Secret, Secret32};

macro_rules! parameter_set {
    ($name:ident, $pair:ident, $module:ident, $set:literal, $ek:literal, $dk:literal, $ct:literal) => {
        #[doc = concat!($set, ": encapsulation key ", stringify!($ek), " B, ciphertext ", stringify!($ct), " B.")]
        #[derive(Clone, Copy, Debug)]
        pub enum $name {}

        #[doc = concat!("A key pair of ", $set, ".")]
        #[derive(Clone, PartialEq, Eq)]
        pub struct $pair {
            private: Secret<$dk>,
            public: Box<[u8; $ek]>,
        }

        impl Kem<$ek, $ct> for $name {
            type KeyPair = $pair;

            fn key_pair(seed: &Secret<SEED_BYTES>) -> $pair {
                let (private, public) = $module::generate_key_pair(*seed.expose()).into_parts();
                // libcrux does not wipe its own keys: this copy is taken over and wiped.
                let mut private: [u8; $dk] = private.into();
                $pair { private: Secret::take(&mut private), public: Box::new(public.into()) }
            }

            fn encapsulation_key(pair: &$pair) -> [u8; $ek] {
                *pair.public
            }

            fn is_reduced(untrusted_key: &[u8; $ek]) -> bool {
                $module::validate_public_key(&untrusted_key.into())
            }

            fn encapsulate(
                key: &EncapsulationKey<$ek>,
                m: &Secret<RANDOMNESS_BYTES>,
            ) -> ([u8; $ct], Secret32) {
                let (ciphertext, mut shared) = $module::encapsulate(&key.bytes().into(), *m.expose());
                (ciphertext.into(), Secret::take(&mut shared))
            }

            fn decapsulate(pair: &$pair, ciphertext: &[u8; $ct]) -> Secret32 {
                let private = pair.private.expose().into();
                let mut shared = $module::decapsulate(&private, &ciphertext.into());
                // Nor this copy, which is of its own type.
                let mut private: [u8; $dk] = private.into();
                private.zeroize();
                Secret::take(&mut shared)
            }
        }
    };
}

parameter_set!(MlKem768, KeyPair768, mlkem768, "ML-KEM-768", 1_184, 2_400, 1_088);
parameter_set!(MlKem1024, KeyPair1024, mlkem1024, "ML-KEM-1024", 1_568, 3_168, 1_568);

impl KeyPair1024 {
    /// The standard's decapsulation key, which holds the encapsulation key: stored, it need not be expanded again.
    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.put(self.private.expose());
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let private: Secret<3_168> = reader.secret()?;
        // dk 1,536 ‖ ek ‖ H(ek) 32 ‖ z 32 (FIPS 203, algorithm 16).
        let mut fields = Reader::new(private.expose());
        fields.take(1_536)?;
        let public = Box::new(fields.array()?);
        Ok(Self { private, public })
    }
}
