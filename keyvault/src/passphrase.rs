//! The one form of a passphrase: whichever keyboard, file or system it comes from, the same words are the same bytes.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_public_assigned;
use zeroize::Zeroizing;

/// What some programs write before a text's first letter.
const BYTE_ORDER_MARK: &str = "\u{FEFF}";
/// A letter becomes at most so many bytes for each of its own (the longest is U+FDFA, Unicode's annex 15, *Compatibility and Security
/// Issues*).
const LONGER_AT_MOST: usize = 11;

/// Why no passphrase can be made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// Nothing is left of it.
    Empty,
    /// It has a character that Unicode has not assigned yet.
    Unassigned,
}

/// The form of one that is being made. Unicode promises that what is assigned is composed alike for ever (annex 15, *Stability of
/// Normalized Forms*), and promises nothing of what is not: a later version could make other bytes of it.
///
/// # Errors
/// [`Unfit`].
pub fn fresh(given: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unfit> {
    let normal = normal(given);
    if normal.is_empty() {
        return Err(Unfit::Empty);
    }
    match std::str::from_utf8(&normal) {
        Ok(text) if !text.chars().all(is_settled) => Err(Unfit::Unassigned),
        _ => Ok(normal),
    }
}

/// Assigned, or of the ranges for private use, which are never composed.
fn is_settled(c: char) -> bool {
    is_public_assigned(c)
        || matches!(c, '\u{E000}'..='\u{F8FF}' | '\u{F0000}'..='\u{FFFFD}' | '\u{100000}'..='\u{10FFFD}')
}

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
    fn what_unicode_has_not_assigned_makes_no_passphrase() {
        for unassigned in ['\u{378}', '\u{1F8FF}', '\u{E0FFF}', '\u{FFFE}', '\u{10FFFF}'] {
            assert_eq!(
                fresh(format!("correct{unassigned}horse").as_bytes()),
                Err(Unfit::Unassigned),
                "{unassigned:?}"
            );
        }
        for settled in ["correct horse", "caf\u{e9}", "żółw 🐢", "\u{e000}\u{10fffd}", "\u{0}\u{7f}"] {
            assert_eq!(fresh(settled.as_bytes()), Ok(normal(settled.as_bytes())), "{settled:?}");
        }
        assert_eq!(fresh(b"\xff\xfe").unwrap().as_slice(), b"\xff\xfe", "what is no text is composed never");
        assert_eq!(fresh("\u{feff}\r\n".as_bytes()), Err(Unfit::Empty));
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
