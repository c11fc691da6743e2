//! Secrets in memory: zeroed when dropped, silent in Debug, compared in constant time.

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::certain::certain;

/// `N` secret bytes on the heap, so that moving the value leaves no copy on the stack.
#[derive(Clone)]
pub struct Secret<const N: usize>(Box<[u8; N]>);

/// The usual size of a key.
pub type Secret32 = Secret<32>;

impl<const N: usize> Secret<N> {
    /// Takes over `bytes` and wipes the caller's copy.
    #[must_use]
    pub fn take(bytes: &mut [u8; N]) -> Self {
        let secret = Self(Box::new(*bytes));
        bytes.as_mut_slice().zeroize();
        secret
    }

    /// All zero; a place to derive into.
    #[must_use]
    pub fn zero() -> Self {
        Self(Box::new([0; N]))
    }

    /// Fresh random bytes.
    pub fn random(rng: &mut impl rand_core::CryptoRng) -> Self {
        let mut secret = Self::zero();
        rng.fill_bytes(secret.0.as_mut_slice());
        secret
    }

    /// Copies a slice of exactly `N` bytes; `None` for any other length.
    #[must_use]
    pub fn copy_of(bytes: &[u8]) -> Option<Self> {
        let mut secret = Self::zero();
        (bytes.len() == N).then(|| secret.0.copy_from_slice(bytes))?;
        Some(secret)
    }

    /// The bytes, for the primitive that needs them.
    #[must_use]
    pub fn expose(&self) -> &[u8; N] {
        &self.0
    }

    /// The bytes, to derive into.
    pub(crate) fn expose_mut(&mut self) -> &mut [u8; N] {
        &mut self.0
    }
}

impl<const N: usize> Drop for Secret<N> {
    fn drop(&mut self) {
        // As a slice: an array is wiped byte by byte.
        self.0.as_mut_slice().zeroize();
    }
}

impl<const N: usize> ZeroizeOnDrop for Secret<N> {}

impl<const N: usize> PartialEq for Secret<N> {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_slice().ct_eq(other.0.as_slice()).into()
    }
}

impl<const N: usize> Eq for Secret<N> {}

impl<const N: usize> std::fmt::Debug for Secret<N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Secret bytes of a length known at run time: plaintext, an unsealed record.
#[derive(Clone, Default)]
pub struct SecretBytes(Vec<u8>);

impl SecretBytes {
    /// Takes over `bytes`.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// None, with room for `capacity` bytes.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    /// Adds bytes, and where they do not fit, moves: `Vec` would free the old place with its bytes in it.
    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        self.reserve(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    /// Adds `count` zeroes, and moves as [`Self::extend`] does.
    pub(crate) fn extend_zeroes(&mut self, count: usize) {
        self.reserve(count);
        self.0.resize(self.0.len() + count, 0);
    }

    fn reserve(&mut self, more: usize) {
        let needed = self.0.len().saturating_add(more);
        if needed > self.0.capacity() {
            let mut larger = Self::with_capacity(needed.saturating_mul(2));
            larger.0.extend_from_slice(&self.0);
            *self = larger;
        }
    }

    /// The bytes, to work on in place.
    pub(crate) fn expose_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }

    /// Keeps only the bytes in `range`, which may be any; where they come to lie, and what lay there, is wiped in the end.
    pub(crate) fn keep(&mut self, range: std::ops::Range<usize>) {
        self.0.truncate(range.end);
        self.0.drain(..range.start.min(self.0.len()));
    }
}

/// Tells their length, and nothing else of them.
impl PartialEq for SecretBytes {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for SecretBytes {}

impl Drop for SecretBytes {
    fn drop(&mut self) {
        // As spare room: the elements of a `Vec` are wiped byte by byte.
        self.0.clear();
        self.0.spare_capacity_mut().zeroize();
    }
}

impl ZeroizeOnDrop for SecretBytes {}

impl std::ops::Deref for SecretBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SecretBytes({} B)", self.0.len())
    }
}

/// Keys in a page of their own that is never swapped and, where the kernel can, not even mapped by it.
pub(crate) struct GuardedKeys(sandbox::SecretMemory);

impl GuardedKeys {
    /// Copies `keys`; their places are their numbers.
    pub(crate) fn new(keys: &[&Secret32]) -> std::io::Result<Self> {
        let mut guarded = Self(sandbox::SecretMemory::new(keys.len() * 32)?);
        for (at, key) in keys.iter().enumerate() {
            guarded.set(at, key);
        }
        Ok(guarded)
    }

    /// Puts a key in the place of another.
    pub(crate) fn set(&mut self, at: usize, key: &Secret32) {
        if let Some(place) = self.0.as_chunks_mut::<32>().0.get_mut(at) {
            *place = *key.expose();
        }
    }

    /// The key in a place that one was given for.
    pub(crate) fn key(&self, at: usize) -> &[u8; 32] {
        certain(self.0.as_chunks::<32>().0.get(at).ok_or(()))
    }

    /// A copy for a moment.
    pub(crate) fn copy(&self, at: usize) -> Secret32 {
        Secret32::take(&mut self.key(at).clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_of_a_secret_shows_no_byte_of_it() {
        let secret = Secret::take(&mut [0xAB_u8; 32]);
        assert_eq!(format!("{secret:?}"), "Secret(..)");
        let bytes = SecretBytes::new(b"meet me at noon".to_vec());
        assert_eq!(format!("{bytes:?}"), "SecretBytes(15 B)");
    }

    #[test]
    fn taking_a_secret_wipes_the_place_it_came_from() {
        let mut bytes = [7_u8; 32];
        let secret = Secret::take(&mut bytes);
        assert_eq!(bytes, [0; 32]);
        assert_eq!(secret.expose(), &[7; 32]);
    }

    #[test]
    fn a_secret_is_copied_only_from_its_exact_length() {
        assert!(Secret::<32>::copy_of(&[0; 31]).is_none());
        assert!(Secret::<32>::copy_of(&[0; 33]).is_none());
        assert!(Secret::<32>::copy_of(&[0; 32]).is_some());
    }

    #[test]
    fn secret_bytes_are_equal_to_the_same_bytes_only() {
        let of = |bytes: &[u8]| SecretBytes::new(bytes.to_vec());
        assert_eq!(of(b"noon"), of(b"noon"));
        for other in [b"moon".as_slice(), b"noot", b"noo", b"noon ", b""] {
            assert_ne!(of(b"noon"), of(other));
        }
    }
}
