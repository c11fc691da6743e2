//! The short authentication string: what two people read to each other when they cannot compare the whole safety number, made so
//! that whoever sits between them has one guess in 100 million and no second one that stays unseen.
//!
//! Commit, then reveal: A sends a commitment to its nonce, B answers with its own nonce, A reveals. Both read out the hash of both ids
//! and both nonces. Somebody between the two has to fix the nonces that it shows to either side before it learns the last one, so it
//! cannot choose any of them by what the strings will be. (After Vaudenay, "Secure communications over insecure channels based on
//! short authenticated strings", CRYPTO 2005.)

use rand_core::CryptoRng;
use subtle::ConstantTimeEq;

use super::PersonId;
use super::safety::proquint;
use crate::certain::certain;
use crate::kdf;
use crate::memory::Secret32;

const COMMITMENT_LABEL: &[u8] = b"privatus/sas/commitment/v1";
const STRING_LABEL: &[u8] = b"privatus/sas/string/v1";
/// Words of 16 bits: somewhat more than the digits have.
const WORDS: usize = 2;
/// Of the digits, in two groups.
const GROUP: u64 = 10_000;

/// What the two read to each other: one of the two is enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShortString {
    /// Two groups of 4 digits with a space between: a guess fits once in 100,000,000.
    pub digits: String,
    /// 2 pronounceable words of 5 letters: a guess fits once in 2^32.
    pub words: Vec<String>,
}

/// What was revealed is not what was committed to: somebody sits between, or the peer cheats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what was revealed is not what was committed to")]
pub struct NotCommittedTo;

/// The ids of the two, as one side believes them to be, in an order that is the same at both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    low: PersonId,
    high: PersonId,
}

impl Pair {
    /// Of the own id and the peer's.
    #[must_use]
    pub fn of(one: PersonId, other: PersonId) -> Self {
        if one <= other { Self { low: one, high: other } } else { Self { low: other, high: one } }
    }

    pub(crate) fn commitment(&self, nonce: &[u8; 32]) -> [u8; 32] {
        kdf::sha256(&[COMMITMENT_LABEL, &self.low, &self.high, nonce])
    }

    pub(crate) fn string(&self, initiators: &[u8; 32], responders: &[u8; 32]) -> ShortString {
        let hash = kdf::sha256(&[STRING_LABEL, &self.low, &self.high, initiators, responders]);
        let (number, rest) = certain(hash.split_first_chunk::<8>().ok_or(()));
        let number = u64::from_be_bytes(*number);
        let words = rest.chunks_exact(2).take(WORDS);
        ShortString {
            // 2^64 is no multiple of 10^8; the difference is one part in 10^11.
            digits: format!("{:04} {:04}", number / GROUP % GROUP, number % GROUP),
            words: words
                .map(|pair| proquint(pair.iter().fold(0, |bits, byte| bits << 8 | u16::from(*byte))))
                .collect(),
        }
    }
}

/// The side that began, before the other has answered.
#[derive(Clone, PartialEq, Eq)]
pub struct Initiator {
    pair: Pair,
    nonce: Secret32,
}

impl Initiator {
    /// Commits to a fresh nonce, which this draws: 32 bytes.
    pub fn begin(pair: Pair, rng: &mut impl CryptoRng) -> Self {
        Self { pair, nonce: Secret32::random(rng) }
    }

    /// The first message.
    #[must_use]
    pub fn commitment(&self) -> [u8; 32] {
        self.pair.commitment(self.nonce.expose())
    }

    /// Takes the second message; gives the third, and what to read out. The state is spent: a second answer is not taken.
    #[must_use]
    pub fn reveal(self, untrusted_nonce: &[u8; 32]) -> ([u8; 32], ShortString) {
        (*self.nonce.expose(), self.pair.string(self.nonce.expose(), untrusted_nonce))
    }

    /// The nonce, to be kept and resumed from.
    pub(crate) fn secret(&self) -> &Secret32 {
        &self.nonce
    }

    /// The same run after a restart.
    pub(crate) fn resume(pair: Pair, nonce: Secret32) -> Self {
        Self { pair, nonce }
    }
}

/// The other side, which has answered a commitment.
#[derive(Clone, PartialEq, Eq)]
pub struct Responder {
    pair: Pair,
    nonce: Secret32,
    commitment: [u8; 32],
}

impl Responder {
    /// Takes the first message.
    pub fn answer(pair: Pair, untrusted_commitment: [u8; 32], rng: &mut impl CryptoRng) -> Self {
        Self { pair, nonce: Secret32::random(rng), commitment: untrusted_commitment }
    }

    /// The second message.
    #[must_use]
    pub fn nonce(&self) -> [u8; 32] {
        *self.nonce.expose()
    }

    /// What it answered.
    #[must_use]
    pub fn commitment(&self) -> [u8; 32] {
        self.commitment
    }

    /// Takes the third message; gives what to read out. The state is spent either way.
    ///
    /// # Errors
    /// [`NotCommittedTo`], to be told to the user.
    pub fn check(self, untrusted_nonce: &[u8; 32]) -> Result<ShortString, NotCommittedTo> {
        let is_committed: bool =
            self.pair.commitment(untrusted_nonce).as_slice().ct_eq(self.commitment.as_slice()).into();
        is_committed.then(|| self.pair.string(untrusted_nonce, self.nonce.expose())).ok_or(NotCommittedTo)
    }

    /// The same run after a restart.
    pub(crate) fn resume(pair: Pair, nonce: Secret32, commitment: [u8; 32]) -> Self {
        Self { pair, nonce, commitment }
    }
}

impl std::fmt::Debug for Initiator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Initiator(..)")
    }
}

impl std::fmt::Debug for Responder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Responder(..)")
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;

    const ALICE: PersonId = [1; 32];
    const BOB: PersonId = [2; 32];
    const MALLORY: PersonId = [3; 32];

    #[test]
    fn without_anybody_between_both_read_the_same() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let alice = Initiator::begin(Pair::of(ALICE, BOB), &mut rng);
        let bob = Responder::answer(Pair::of(BOB, ALICE), alice.commitment(), &mut rng);
        let (revealed, at_alice) = alice.reveal(&bob.nonce());
        let at_bob = bob.check(&revealed).unwrap();
        assert_eq!(at_alice, at_bob);
        assert_eq!((at_bob.digits.len(), at_bob.words.len()), (9, 2));
    }

    /// Mallory between the two, with the two runs in the order that leaves her most: she knows Alice's commitment and Bob's nonce
    /// when she chooses what Alice is shown, and has to have committed to Bob before.
    fn between(rng: &mut ChaCha20Rng) -> (ShortString, ShortString) {
        let alice = Initiator::begin(Pair::of(ALICE, MALLORY), rng);
        let as_alice = Initiator::begin(Pair::of(MALLORY, BOB), rng);
        let bob = Responder::answer(Pair::of(BOB, MALLORY), as_alice.commitment(), rng);
        let as_bob = Responder::answer(Pair::of(MALLORY, ALICE), alice.commitment(), rng);
        let (_, at_alice) = alice.reveal(&as_bob.nonce());
        let (revealed, _) = as_alice.reveal(&bob.nonce());
        (at_alice, bob.check(&revealed).unwrap())
    }

    #[test]
    fn somebody_between_is_right_as_often_as_a_guess() {
        // Strings cut to their last two digits, so that it can be counted: one in a hundred.
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let tries = 20_000;
        let hits = (0..tries)
            .filter(|_| {
                let (at_alice, at_bob) = between(&mut rng);
                at_alice.digits[7..] == at_bob.digits[7..]
            })
            .count();
        // 200 are expected, with a deviation of 14.
        assert!((130..270).contains(&hits), "{hits} of {tries}");
    }

    #[test]
    fn somebody_between_cannot_choose_again_after_learning_the_other_nonce() {
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let as_alice = Initiator::begin(Pair::of(MALLORY, BOB), &mut rng);
        let bob = Responder::answer(Pair::of(BOB, MALLORY), as_alice.commitment(), &mut rng);
        // What she would want Bob to read; she may now search for a nonce that gives it.
        let wanted = Pair::of(ALICE, MALLORY).string(&[7; 32], &[8; 32]).digits;
        let found = (0_u32..)
            .map(|n| kdf::sha256(&[&n.to_be_bytes()]))
            .find(|nonce| Pair::of(MALLORY, BOB).string(nonce, &bob.nonce()).digits[5..] == wanted[5..]);
        assert_eq!(bob.check(&found.unwrap()), Err(NotCommittedTo), "it is found at once, and of no use");
    }

    #[test]
    fn each_run_has_fresh_nonces_and_another_string() {
        let mut rng = ChaCha20Rng::seed_from_u64(4);
        let mut run = || {
            let alice = Initiator::begin(Pair::of(ALICE, BOB), &mut rng);
            let bob = Responder::answer(Pair::of(BOB, ALICE), alice.commitment(), &mut rng);
            (alice.commitment(), alice.reveal(&bob.nonce()).1)
        };
        let (first, second) = (run(), run());
        assert!(first.0 != second.0 && first.1 != second.1);
    }

    #[test]
    fn the_commitment_and_the_string_bind_both_ids() {
        let (alice_bob, alice_mallory) = (Pair::of(ALICE, BOB), Pair::of(ALICE, MALLORY));
        assert_ne!(alice_bob.commitment(&[5; 32]), alice_mallory.commitment(&[5; 32]));
        assert_ne!(alice_bob.string(&[5; 32], &[6; 32]), alice_mallory.string(&[5; 32], &[6; 32]));
        assert_ne!(alice_bob.string(&[5; 32], &[6; 32]), alice_bob.string(&[6; 32], &[5; 32]));
    }
}
