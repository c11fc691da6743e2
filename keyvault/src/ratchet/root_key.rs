//! The root chain: one step for every new Diffie-Hellman result.

use super::chain_key::{ChainKey, Ec};
use super::message_header::HeaderKey;
use crate::codec::{Malformed, Reader, Writer};
use crate::kdf;
use crate::memory::{Secret, Secret32};

const INFO: &[u8] = b"privatus/root/v1";

/// RK of the specification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RootKey(Secret32);

/// What a step of the root chain gives to the side `S`, whose new ratchet key it took in.
pub(super) struct RootStep<S> {
    pub(super) root: RootKey,
    pub(super) chain: ChainKey<S, Ec>,
    pub(super) next_header: HeaderKey<S>,
}

impl RootKey {
    pub(super) fn new(key: Secret32) -> Self {
        Self(key)
    }

    /// `KDF_RK_HE`: HKDF-SHA256(salt = RK, ikm = DH) → next root key, chain key, next header key.
    pub(super) fn step<S>(&self, shared: &Secret32) -> Result<RootStep<S>, Malformed> {
        let okm: Secret<96> = kdf::derive(self.0.expose(), shared.expose(), &[INFO]);
        let mut reader = Reader::new(okm.expose());
        Ok(RootStep {
            root: Self(reader.secret()?),
            chain: ChainKey::read(&mut reader)?,
            next_header: HeaderKey::read(&mut reader)?,
        })
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        writer.put(self.0.expose());
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.secret().map(Self)
    }
}
