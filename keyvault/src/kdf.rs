//! HKDF-SHA256, HMAC-SHA256 and the two ciphers behind the shapes that the protocol uses.

use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{ChaCha20Poly1305, Key, KeyInit, Nonce, Tag, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::certain::certain;
use crate::memory::{Secret, Secret32};

/// A Poly1305 tag, bytes.
pub(crate) const TAG_BYTES: usize = 16;
/// An XChaCha20-Poly1305 nonce, bytes: large enough to be drawn at random.
pub(crate) const NONCE_BYTES: usize = 24;

/// A ciphertext that its key did not make: altered, or for somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotAuthentic;

/// `HKDF-SHA256(salt, ikm, info…)` of `N` ≤ 8,160 bytes.
pub(crate) fn derive<const N: usize>(salt: &[u8], ikm: &[u8], info: &[&[u8]]) -> Secret<N> {
    const { assert!(N <= 255 * 32) };
    let mut okm = Secret::zero();
    // The length is checked at compile time.
    certain(hkdf::Hkdf::<Sha256>::new(Some(salt), ikm).expand_multi_info(info, okm.expose_mut()));
    okm
}

/// The second half of [`derive`]: `HKDF-Expand(prk, info…)`.
pub(crate) fn expand<const N: usize>(prk: &Secret32, info: &[&[u8]]) -> Secret<N> {
    const { assert!(N <= 255 * 32) };
    let mut okm = Secret::zero();
    // A PRK has 32 bytes, and the length is checked at compile time.
    let hkdf = certain(hkdf::Hkdf::<Sha256>::from_prk(prk.expose()));
    certain(hkdf.expand_multi_info(info, okm.expose_mut()));
    okm
}

/// One labelled 32-byte output of a key that is uniform already.
pub(crate) fn label(key: &Secret32, info: &[&[u8]]) -> Secret32 {
    derive(&[], key.expose(), info)
}

/// `HMAC-SHA256(key, parts…)`.
pub(crate) fn mac(key: &Secret32, parts: &[&[u8]]) -> [u8; 32] {
    mac_under(key.expose(), parts)
}

/// The same under a key that lives elsewhere.
pub(crate) fn mac_under(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = keyed(key);
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

/// `HMAC-SHA256(key, message)` of two messages of one byte, with the key's own blocks hashed once.
pub(crate) fn mac_each(key: &Secret32, messages: [u8; 2]) -> [Secret32; 2] {
    let keyed = keyed(key.expose());
    messages.map(|message| {
        let mut mac = keyed.clone();
        mac.update(&[message]);
        Secret32::take(&mut mac.finalize().into_bytes().into())
    })
}

fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    // HMAC pads a key with zeroes to SHA-256's block of 64 bytes (RFC 2104): done here, it cannot fail.
    let block: Zeroizing<[u8; 64]> =
        Zeroizing::new(std::array::from_fn(|at| key.get(at).copied().unwrap_or(0)));
    <Hmac<Sha256> as hmac::KeyInit>::new(&(*block).into())
}

/// `SHA-256(parts…)`.
pub(crate) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

/// XChaCha20-Poly1305 in place; returns the tag.
pub(crate) fn seal_random(
    key: &Secret32,
    nonce: &[u8; NONCE_BYTES],
    associated: &[u8],
    buffer: &mut [u8],
) -> [u8; TAG_BYTES] {
    let cipher = XChaCha20Poly1305::new(&Key::from(*key.expose()));
    // Fails only over 256 GiB.
    certain(cipher.encrypt_inout_detached(&XNonce::from(*nonce), associated, buffer.into())).into()
}

/// The inverse of [`seal_random`]; on failure the buffer's content is of no use.
pub(crate) fn open_random(
    key: &Secret32,
    nonce: &[u8; NONCE_BYTES],
    associated: &[u8],
    buffer: &mut [u8],
    tag: &[u8; TAG_BYTES],
) -> Result<(), NotAuthentic> {
    let cipher = XChaCha20Poly1305::new(&Key::from(*key.expose()));
    cipher
        .decrypt_inout_detached(&XNonce::from(*nonce), associated, buffer.into(), &Tag::from(*tag))
        .map_err(|_| NotAuthentic)
}

/// ChaCha20-Poly1305 in place under a key and nonce that are used once; returns the tag.
pub(crate) fn seal_once(
    key: &[u8; 32],
    nonce: &[u8; 12],
    associated: &[u8],
    buffer: &mut [u8],
) -> [u8; TAG_BYTES] {
    let cipher = ChaCha20Poly1305::new(&Key::from(*key));
    // Fails only over 256 GiB.
    certain(cipher.encrypt_inout_detached(&Nonce::from(*nonce), associated, buffer.into())).into()
}

/// The inverse of [`seal_once`].
pub(crate) fn open_once(
    key: &[u8; 32],
    nonce: &[u8; 12],
    associated: &[u8],
    buffer: &mut [u8],
    tag: &[u8; TAG_BYTES],
) -> Result<(), NotAuthentic> {
    let cipher = ChaCha20Poly1305::new(&Key::from(*key));
    cipher
        .decrypt_inout_detached(&Nonce::from(*nonce), associated, buffer.into(), &Tag::from(*tag))
        .map_err(|_| NotAuthentic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hkdf_meets_the_first_vector_of_rfc_5869() {
        let salt = hex::decode("000102030405060708090a0b0c").unwrap();
        let info = hex::decode("f0f1f2f3f4f5f6f7f8f9").unwrap();
        let okm: Secret<42> = derive(&salt, &[0x0b; 22], &[&info[..4], &info[4..]]);
        assert_eq!(
            hex::encode(okm.expose()),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
        );
    }

    #[test]
    fn extract_and_expand_are_the_two_halves_of_hkdf() {
        let prk = Secret::take(&mut mac_under(&[3; 32], &[&[4; 32]]));
        let halves: Secret<76> = expand(&prk, &[b"a", b"b"]);
        assert_eq!(halves, derive(&[3; 32], &[4; 32], &[b"ab"]));
    }

    #[test]
    fn an_altered_ciphertext_tag_nonce_or_associated_byte_is_refused() {
        let key = Secret::take(&mut [9; 32]);
        let mut sealed = *b"a fixed plaintext";
        let tag = seal_random(&key, &[3; 24], b"ad", &mut sealed);
        let mut copy = sealed;
        assert!(open_random(&key, &[3; 24], b"ad", &mut copy, &tag).is_ok());
        assert_eq!(&copy, b"a fixed plaintext");
        copy = sealed;
        copy[0] ^= 1;
        assert!(open_random(&key, &[3; 24], b"ad", &mut copy, &tag).is_err());
        copy = sealed;
        assert!(open_random(&key, &[4; 24], b"ad", &mut copy, &tag).is_err());
        copy = sealed;
        assert!(open_random(&key, &[3; 24], b"aD", &mut copy, &tag).is_err());
        copy = sealed;
        let mut altered = tag;
        altered[15] ^= 0x80;
        assert!(open_random(&key, &[3; 24], b"ad", &mut copy, &altered).is_err());
    }
}
