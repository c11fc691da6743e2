//! The key of one message: from both ratchets' keys and a random salt, with a commitment (protocol.md 3).

use super::{COMMITMENT_BYTES, RatchetError, SALT_BYTES};
use crate::codec::Reader;
use crate::kdf;
use crate::memory::{Secret, Secret32};

const INFO: &[u8] = b"privatus/msg/v1";
/// key 32 ‖ nonce 12 ‖ commitment 32.
const OKM_BYTES: usize = 76;

/// What the elliptic-curve chain gives for one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EcKey(Secret32);

/// What the post-quantum chain gives for one message; 32 zero bytes until that ratchet runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PqKey(Secret32);

impl EcKey {
    pub(super) fn new(key: Secret32) -> Self {
        Self(key)
    }

    pub(super) fn expose(&self) -> &[u8; 32] {
        self.0.expose()
    }
}

impl PqKey {
    pub(super) fn absent() -> Self {
        Self(Secret32::zero())
    }
}

/// Cipher key, nonce and commitment of one message under one salt.
pub(super) struct MessageKey {
    key: Secret32,
    nonce: [u8; 12],
    commitment: [u8; COMMITMENT_BYTES],
}

impl MessageKey {
    /// `HKDF(salt = pq key, ikm = ec key, info = "privatus/msg/v1" ‖ salt16)`.
    pub(super) fn derive(ec: &EcKey, pq: &PqKey, salt: &[u8; SALT_BYTES]) -> Result<Self, RatchetError> {
        let okm: Secret<OKM_BYTES> = kdf::derive(pq.0.expose(), ec.expose(), &[INFO, salt]);
        let mut reader = Reader::new(okm.expose());
        let mut read = || -> Result<Self, crate::codec::Malformed> {
            Ok(Self { key: reader.secret()?, nonce: reader.array()?, commitment: reader.array()? })
        };
        read().map_err(|_| RatchetError::Malformed)
    }

    pub(super) fn commitment(&self) -> &[u8; COMMITMENT_BYTES] {
        &self.commitment
    }

    pub(super) fn seal(&self, associated: &[u8], body: &mut [u8]) -> [u8; kdf::TAG_BYTES] {
        kdf::seal_once(self.key.expose(), &self.nonce, associated, body)
    }

    pub(super) fn open(
        &self,
        associated: &[u8],
        body: &mut [u8],
        tag: &[u8; kdf::TAG_BYTES],
    ) -> Result<(), RatchetError> {
        kdf::open_once(self.key.expose(), &self.nonce, associated, (body, tag))
            .map_err(|_| RatchetError::BadBody)
    }
}
