//! XChaCha20-Poly1305, for what travels and for what lies here.

use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{Key, KeyInit, Tag, XChaCha20Poly1305, XNonce};

use crate::secret::Secret;

/// A nonce, bytes: long enough to be drawn at random.
pub(super) const NONCE_BYTES: usize = 24;
/// What a seal adds, bytes.
pub(super) const TAG_BYTES: usize = 16;

/// Under what, and bound to what, something is sealed.
pub(super) struct Seal<'a> {
    pub(super) key: &'a Secret,
    pub(super) nonce: [u8; NONCE_BYTES],
    pub(super) associated: &'a [u8],
}

impl Seal<'_> {
    /// In place; the tag.
    pub(super) fn close(&self, bytes: &mut [u8]) -> [u8; TAG_BYTES] {
        let cipher = XChaCha20Poly1305::new(&Key::from(*self.key.expose()));
        match cipher.encrypt_inout_detached(&XNonce::from(self.nonce), self.associated, bytes.into()) {
            Ok(tag) => tag.into(),
            // Only over 256 GiB; and whoever went on would hand out what is not sealed.
            Err(_) => std::process::abort(),
        }
    }

    /// In place; false where it was not sealed so, and then the bytes are worth nothing.
    #[must_use]
    pub(super) fn open(&self, bytes: &mut [u8], tag: &[u8; TAG_BYTES]) -> bool {
        let cipher = XChaCha20Poly1305::new(&Key::from(*self.key.expose()));
        let (nonce, tag) = (XNonce::from(self.nonce), Tag::from(*tag));
        cipher.decrypt_inout_detached(&nonce, self.associated, bytes.into(), &tag).is_ok()
    }
}
