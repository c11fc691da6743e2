//! The root chain: one step for every new Diffie-Hellman result.

use super::chain_key::{ChainKey, Ec};
use super::header::HeaderKey;
use crate::codec::{Malformed, Reader, Writer};
use crate::kdf;
use crate::memory::{Secret, Secret32};

const INFO: &[u8] = b"privatus/root/v1";

/// RK of the specification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RootKey(Secret32);

impl RootKey {
    pub(super) fn new(key: Secret32) -> Self {
        Self(key)
    }

    /// `KDF_RK_HE`: HKDF-SHA256(salt = RK, ikm = DH) → next root key, chain key, next header key.
    pub(super) fn step(&self, shared: &Secret32) -> Result<(Self, ChainKey<Ec>, HeaderKey), Malformed> {
        let okm: Secret<96> = kdf::derive(self.0.expose(), shared.expose(), &[INFO]);
        let mut reader = Reader::new(okm.expose());
        Ok((Self(reader.secret()?), ChainKey::new(reader.secret()?), HeaderKey::new(reader.secret()?)))
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        writer.put(self.0.expose());
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.secret().map(Self)
    }
}
