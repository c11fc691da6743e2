//! The one form of a passphrase: whichever keyboard, file or system it comes from, the same words are the same bytes.

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// What some programs write before a text's first letter.
const BYTE_ORDER_MARK: &str = "\u{FEFF}";
/// A letter becomes at most so many bytes for each of its own (the longest is U+FDFA, Unicode's annex 15, *Compatibility and Security
/// Issues*).
const LONGER_AT_MOST: usize = 11;

/// Without a byte order mark and the end of a line, composed as NFKC says. Bytes that are no text stay as they are.
#[must_use]
pub fn normal(given: &[u8]) -> Zeroizing<Vec<u8>> {
    let Ok(text) = std::str::from_utf8(given) else { return Zeroizing::new(given.to_vec()) };
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text).trim_end_matches(['\r', '\n']);
    // The full size at once, so that no copy is left behind by growing.
    let mut normal = Zeroizing::new(String::with_capacity(text.len() * LONGER_AT_MOST));
    normal.extend(text.nfkc());
    Zeroizing::new(std::mem::take(&mut *normal).into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_word_is_the_same_bytes_however_it_was_typed_or_written() {
        for written in [
            "caf\u{e9}",
            "cafe\u{301}",
            "\u{feff}caf\u{e9}",
            "caf\u{e9}\r",
            "cafe\u{301}\r\n",
            "\u{ff43}\u{ff41}\u{ff46}\u{e9}",
        ] {
            assert_eq!(normal(written.as_bytes()).as_slice(), "caf\u{e9}".as_bytes(), "{written:?}");
        }
        assert_eq!(normal(b" two  spaces ").as_slice(), b" two  spaces ", "spaces are the person's");
        assert_eq!(normal("a\u{a0}b".as_bytes()).as_slice(), b"a b");
        assert_eq!(normal(b"\xff\xfe\r").as_slice(), b"\xff\xfe\r", "what is no text stays");
        assert!(normal("\u{feff}\r\n".as_bytes()).is_empty());
    }

    #[test]
    fn no_letter_needs_more_room_than_is_made_at_once() {
        for letter in (0..=u32::from(char::MAX)).filter_map(char::from_u32) {
            let text = letter.to_string();
            let normal = normal(text.as_bytes());
            assert!(normal.len() <= text.len() * LONGER_AT_MOST, "{letter:?} becomes {} bytes", normal.len());
        }
    }
}
