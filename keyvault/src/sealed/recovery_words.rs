//! The recovery key: 256 random bits as 24 words of BIP-39's English list, the last 8 bits a checksum (BIP-39, *Generating
//! the mnemonic*). Only the writing is BIP-39's; the words open a key slot and make no seed.

use zeroize::Zeroizing;

use crate::kdf;
use crate::memory::Secret32;

/// The published list: 2,048 words, one a line, in alphabetical order (BIP-39; from trezor/python-mnemonic, MIT).
const LIST: &str = include_str!("bip39_english.txt");
const LIST_WORDS: usize = 2_048;
/// Words of a recovery key.
pub const RECOVERY_WORDS: usize = 24;
const BITS_PER_WORD: usize = 11;
/// 256 bits and their checksum, bytes.
const BYTES: usize = RECOVERY_WORDS * BITS_PER_WORD / 8;

/// The words of a recovery key with a space between.
pub(super) fn of(entropy: &Secret32) -> Zeroizing<String> {
    let bytes = with_checksum(entropy);
    // The longest word has 8 letters.
    let mut words = Zeroizing::new(String::with_capacity(RECOVERY_WORDS * 9));
    for place in 0..RECOVERY_WORDS {
        let index = (0..BITS_PER_WORD)
            .fold(0, |index, bit| index << 1 | usize::from(bit_of(&bytes, place * BITS_PER_WORD + bit)));
        if place > 0 {
            words.push(' ');
        }
        words.push_str(LIST.lines().nth(index).unwrap_or_default());
    }
    words
}

/// What a person typed, if it is a recovery key: whatever stands between the words, numbers and commas too, and any case; all 24
/// words of the list and the checksum right.
pub(super) fn read(untrusted_text: &[u8]) -> Option<Secret32> {
    let text = Zeroizing::new(std::str::from_utf8(untrusted_text).ok()?.to_ascii_lowercase());
    let mut bytes = Zeroizing::new([0_u8; BYTES]);
    let mut count = 0;
    for word in text.split(|letter: char| !letter.is_ascii_alphabetic()).filter(|word| !word.is_empty()) {
        let index = LIST.lines().position(|known| known == word)?;
        if count == RECOVERY_WORDS {
            return None;
        }
        for bit in 0..BITS_PER_WORD {
            let at = count * BITS_PER_WORD + bit;
            let value = u8::from(index >> (BITS_PER_WORD - 1 - bit) & 1 == 1);
            *bytes.get_mut(at / 8)? |= value << (7 - at % 8);
        }
        count += 1;
    }
    let entropy = Secret32::copy_of(bytes.get(..32)?)?;
    (count == RECOVERY_WORDS && *with_checksum(&entropy) == *bytes).then_some(entropy)
}

fn with_checksum(entropy: &Secret32) -> Zeroizing<[u8; BYTES]> {
    let mut bytes = Zeroizing::new([0; BYTES]);
    let [checksum, ..] = kdf::sha256(&[entropy.expose()]);
    let whole = entropy.expose().iter().chain([&checksum]);
    bytes.iter_mut().zip(whole).for_each(|(to, from)| *to = *from);
    bytes
}

fn bit_of(bytes: &[u8; BYTES], at: usize) -> bool {
    bytes.get(at / 8).is_some_and(|byte| byte >> (7 - at % 8) & 1 == 1)
}

const _: () = assert!(BYTES == 33 && 1 << BITS_PER_WORD == LIST_WORDS);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_the_published_one() {
        let hash = kdf::sha256(&[LIST.as_bytes()]);
        assert_eq!(hex::encode(hash), "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda");
        assert_eq!(LIST.lines().count(), LIST_WORDS);
    }

    /// The 256-bit vectors that BIP-39 points to (trezor/python-mnemonic, vectors.json).
    #[test]
    fn the_words_are_those_of_the_published_vectors() {
        let zero = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon \
                    abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon art";
        let ones = "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo vote";
        let sevens = "legal winner thank year wave sausage worth useful legal winner thank year wave sausage worth \
                      useful legal winner thank year wave sausage worth title";
        for (byte, words) in [(0, zero), (0xFF, ones), (0x7F, sevens)] {
            let entropy = Secret32::take(&mut [byte; 32]);
            assert_eq!(of(&entropy).as_str(), words);
            assert!(read(words.as_bytes()) == Some(entropy));
        }
    }

    #[test]
    fn spacing_and_case_do_not_matter_and_a_wrong_word_does() {
        let entropy = Secret32::take(&mut [0x5A; 32]);
        let words = of(&entropy);
        let typed = format!("  {} \n", words.to_uppercase().replace(' ', "\t  "));
        assert!(read(typed.as_bytes()) == Some(entropy));
        let mut list: Vec<_> = words.split(' ').collect();
        list.swap(0, 1);
        assert!(read(list.join(" ").as_bytes()).is_none(), "the checksum fails");
        assert!(read(list[..23].join(" ").as_bytes()).is_none());
        assert!(read(format!("{} zoo", words.as_str()).as_bytes()).is_none());
        assert!(read(b"correct horse battery staple").is_none());
        assert!(read(&[0xFF; 10]).is_none());
        assert!(read(b"").is_none());
    }
}
