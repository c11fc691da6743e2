//! Nonces and salts that differ where what is sealed differs, even if the random generator repeats itself: in two clones of a virtual
//! machine, or one that was put back (docs/protocol/ratchet.md, "Randomness").

use rand_core::CryptoRng;

use crate::certain::certain;
use crate::kdf;
use crate::memory::Secret32;

/// Where nonces and salts come from. Whoever opens takes them as they are.
pub(crate) struct Fresh<'a, R> {
    rng: &'a mut R,
    /// For vectors of somebody who does not know of this.
    #[cfg(test)]
    is_as_drawn: bool,
}

impl<'a, R: CryptoRng> Fresh<'a, R> {
    pub(crate) fn new(rng: &'a mut R) -> Self {
        Self {
            rng,
            #[cfg(test)]
            is_as_drawn: false,
        }
    }

    /// What is drawn, and nothing else.
    #[cfg(test)]
    pub(crate) fn as_drawn(rng: &'a mut R) -> Self {
        Self { rng, is_as_drawn: true }
    }

    /// The first `N` ≤ 32 bytes of `HMAC(key, label ‖ N random bytes ‖ sealed…)`, where `key` is secret and `sealed` is what the value
    /// is to be new for. Draws `N` bytes.
    pub(crate) fn value<const N: usize>(
        &mut self,
        key: &Secret32,
        label: &[u8],
        sealed: &[&[u8]],
    ) -> [u8; N] {
        const { assert!(N <= 32) };
        let mut random = [0; N];
        self.rng.fill_bytes(&mut random);
        #[cfg(test)]
        if self.is_as_drawn {
            return random;
        }
        let mac = kdf::mac(key, &[[label, random.as_slice()].as_slice(), sealed].concat());
        *certain(mac.first_chunk().ok_or(()))
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;

    /// The value that a generator in one and the same state gives.
    fn value(key: u8, label: &[u8], sealed: &[&[u8]]) -> [u8; 24] {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        Fresh::new(&mut rng).value(&Secret32::take(&mut [key; 32]), label, sealed)
    }

    #[test]
    fn a_generator_that_repeats_itself_gives_another_value_for_anything_else() {
        let first = value(1, b"label", &[b"one", b"text"]);
        assert_eq!(value(1, b"label", &[b"onetext"]), first);
        for other in [value(2, b"label", &[b"onetext"]), value(1, b"labels", &[b"onetext"])] {
            assert_ne!(other, first);
        }
        assert_ne!(value(1, b"label", &[b"one text"]), first);
    }

    #[test]
    fn the_same_is_sealed_under_another_value_each_time() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let mut fresh = Fresh::new(&mut rng);
        let [one, two]: [[u8; 16]; 2] =
            [(); 2].map(|()| fresh.value(&Secret32::zero(), b"label", &[b"same"]));
        assert_ne!(one, two);
    }
}
