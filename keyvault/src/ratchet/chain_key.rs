//! A sending or receiving chain: each step gives one message key and forgets what it came from.

use super::message_key::EcKey;
use crate::codec::{Malformed, Reader, Writer};
use crate::kdf;
use crate::memory::Secret32;

/// CK of the specification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ChainKey(Secret32);

impl ChainKey {
    pub(super) fn new(key: Secret32) -> Self {
        Self(key)
    }

    /// `KDF_CK`: HMAC-SHA256 under the chain key of 0x01 (message key) and 0x02 (next chain key).
    pub(super) fn step(&mut self) -> EcKey {
        let message = Secret32::take(&mut kdf::mac(&self.0, &[&[1]]));
        self.0 = Secret32::take(&mut kdf::mac(&self.0, &[&[2]]));
        EcKey::new(message)
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        writer.put(self.0.expose());
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.secret().map(Self)
    }
}
