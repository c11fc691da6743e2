//! The safety number that two people compare (docs/protocol/identity.md, "Safety number"): the same at both, unchanged by a
//! re-handshake.

use super::PersonId;
use crate::kdf;

const LABEL: &[u8] = b"privatus/safety/v1";
/// Groups of five digits.
const GROUPS: usize = 12;
/// Words of 16 bits: 128 bits in all, out of reach of a second preimage.
const WORDS: usize = 8;

/// 60 digits and 8 words from `SHA-256("privatus/safety/v1" ‖ both ids, sorted)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SafetyNumber {
    /// 12 groups of 5 digits with a space between.
    pub digits: String,
    /// 8 pronounceable words of 5 letters.
    pub words: Vec<String>,
}

impl SafetyNumber {
    /// The number of two people.
    #[must_use]
    pub fn of(one: &PersonId, other: &PersonId) -> Self {
        let (low, high) = if one <= other { (one, other) } else { (other, one) };
        let hash = kdf::sha256(&[LABEL, low, high]);
        Self { digits: digits(hash), words: words(&hash) }
    }
}

/// The hash as a big-endian number modulo 10^60, most significant group first.
fn digits(mut number: [u8; 32]) -> String {
    let mut groups: Vec<String> =
        (0..GROUPS).map(|_| format!("{:05}", divide(&mut number, 100_000))).collect();
    groups.reverse();
    groups.join(" ")
}

/// Divides a big-endian number in place and returns the remainder.
fn divide(number: &mut [u8; 32], divisor: u32) -> u32 {
    number.iter_mut().fold(0_u32, |remainder, byte| {
        let value = (remainder << 8) | u32::from(*byte);
        // value < divisor * 256, so the quotient fits a byte.
        *byte = u8::try_from(value / divisor).unwrap_or(u8::MAX);
        value % divisor
    })
}

/// The last 16 bytes as proquints (consonant 4 bits, vowel 2, consonant 4, vowel 2, consonant 4), which survive being
/// read aloud in most languages and need no word list.
fn words(hash: &[u8; 32]) -> Vec<String> {
    let (_, pairs) = hash.split_at(32 - 2 * WORDS);
    pairs
        .chunks_exact(2)
        .map(|pair| proquint(pair.iter().fold(0, |bits, b| bits << 8 | u16::from(*b))))
        .collect()
}

pub(super) fn proquint(bits: u16) -> String {
    const CONSONANTS: &[u8; 16] = b"bdfghjklmnprstvz";
    const VOWELS: &[u8; 4] = b"aiou";
    let letter = |alphabet: &[u8], shift: u16| {
        let mask = alphabet.len() - 1;
        alphabet.get(usize::from(bits >> shift) & mask).map_or('?', |byte| char::from(*byte))
    };
    [(CONSONANTS.as_slice(), 12), (VOWELS, 10), (CONSONANTS, 6), (VOWELS, 4), (CONSONANTS, 0)]
        .iter()
        .map(|(alphabet, shift)| letter(alphabet, *shift))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_see_the_same_number() {
        assert_eq!(SafetyNumber::of(&[1; 32], &[2; 32]), SafetyNumber::of(&[2; 32], &[1; 32]));
        assert_ne!(SafetyNumber::of(&[1; 32], &[2; 32]), SafetyNumber::of(&[1; 32], &[3; 32]));
        assert_ne!(SafetyNumber::of(&[1; 32], &[3; 32]), SafetyNumber::of(&[2; 32], &[3; 32]));
    }

    #[test]
    fn digits_are_the_hash_modulo_ten_to_the_sixty() {
        let mut number = [0; 32];
        number[31] = 7;
        assert!(digits(number).ends_with("00000 00007"));
        // 2^64 = 18446744073709551616
        let mut number = [0; 32];
        number[23] = 1;
        assert!(digits(number).ends_with("00000 18446 74407 37095 51616"));
        assert_eq!(digits([0xff; 32]).len(), 71);
    }

    #[test]
    fn words_are_proquints() {
        // The published example: 127.0.0.1 is lusab-babad.
        assert_eq!(proquint(0x7f00), "lusab");
        assert_eq!(proquint(0x0001), "babad");
        assert_eq!(SafetyNumber::of(&[1; 32], &[2; 32]).words.len(), 8);
    }
}
