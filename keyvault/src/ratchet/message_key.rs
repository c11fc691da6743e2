//! The key of one message: from both ratchets' keys and a random salt, with a commitment
//! (docs/protocol/ratchet.md, "Keys").

use rand_core::CryptoRng;

use super::chain_key::MessageSecret;
use super::{COMMITMENT_BYTES, RatchetError, SALT_BYTES};
use crate::codec::{Malformed, Reader};
use crate::fresh::Fresh;
use crate::kdf;
use crate::memory::{Secret, Secret32};

const INFO: &[u8] = b"privatus/msg/v1";
const SALT: &[u8] = b"privatus/salt/v1";
/// key 32 ‖ nonce 12 ‖ commitment 32.
const OKM_BYTES: usize = 76;

/// Cipher key, nonce and commitment of one message under one salt.
pub(super) struct MessageKey {
    key: Secret32,
    nonce: [u8; 12],
    commitment: [u8; COMMITMENT_BYTES],
}

impl MessageKey {
    /// A salt for what is to be sealed: no other header or plaintext is ever sealed under the same key. Draws 16 bytes.
    pub(super) fn salt(
        secret: &MessageSecret,
        encrypted_header: &[u8],
        plain: &[&[u8]],
        fresh: &mut Fresh<'_, impl CryptoRng>,
    ) -> [u8; SALT_BYTES] {
        fresh.value(secret.extract(), SALT, &[[encrypted_header].as_slice(), plain].concat())
    }

    /// `HKDF(salt = pq key, ikm = ec key, info = "privatus/msg/v1" ‖ salt16)`, from the extract on.
    pub(super) fn derive(secret: &MessageSecret, salt: &[u8; SALT_BYTES]) -> Result<Self, Malformed> {
        let okm: Secret<OKM_BYTES> = kdf::expand(secret.extract(), &[INFO, salt]);
        let mut reader = Reader::new(okm.expose());
        Ok(Self { key: reader.secret()?, nonce: reader.array()?, commitment: reader.array()? })
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
        kdf::open_once(self.key.expose(), &self.nonce, associated, body, tag)
            .map_err(|_| RatchetError::BadBody)
    }
}
