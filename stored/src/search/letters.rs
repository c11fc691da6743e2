//! Letters as the indexes of the store take them: without case and accents, and which of them belong to no word between spaces.

use std::ops::RangeInclusive;

use unicode_normalization::char::{decompose_canonical, is_combining_mark};

/// What stands between words.
pub(super) const GAP: char = ' ';

/// Scripts that are written without spaces, or whose words the index of words would tear apart at their vowel signs (the scripts of India),
/// Hangul, whose words carry their endings, and pictures, which are no letters. What holds one of these is looked for as it stands, also
/// inside longer words.
///
/// The same ranges stand in the migration that made the indexes (`store/schema.rs`): another list is another migration.
pub(crate) const UNSPACED: &[RangeInclusive<char>] = &[
    '\u{900}'..='\u{109F}',    // Devanagari to Sinhala, Thai, Lao, Tibetan, Myanmar
    '\u{1100}'..='\u{11FF}',   // Hangul Jamo
    '\u{1780}'..='\u{17FF}',   // Khmer
    '\u{1950}'..='\u{1AAF}',   // Tai Le to Tai Tham
    '\u{2600}'..='\u{27BF}',   // pictures
    '\u{2E80}'..='\u{2FFF}',   // radicals
    '\u{3005}'..='\u{3007}',   // iteration marks; the signs around them part words
    '\u{3041}'..='\u{9FFF}',   // kana, Bopomofo, Han
    '\u{A960}'..='\u{A97F}',   // Hangul Jamo
    '\u{AA60}'..='\u{AADF}',   // Myanmar, Tai Viet
    '\u{AC00}'..='\u{D7FF}',   // Hangul
    '\u{F900}'..='\u{FAFF}',   // Han
    '\u{FF66}'..='\u{FFDC}',   // half-width kana and Hangul
    '\u{1F000}'..='\u{1FAFF}', // pictures
    '\u{20000}'..='\u{3FFFF}', // Han
];

/// Whether a letter is of such a script.
pub(super) fn is_unspaced(c: char) -> bool {
    c >= '\u{900}' && UNSPACED.iter().any(|range| range.contains(&c))
}

/// A letter without case and accents, or [`GAP`], and the bytes of the text that it stands for.
#[derive(Clone, Copy)]
pub(super) struct Letter {
    pub(super) is: char,
    pub(super) from: usize,
    pub(super) to: usize,
}

/// A text letter by letter. Accents belong to what they stand on.
pub(super) fn letters(text: &str) -> Vec<Letter> {
    let mut letters: Vec<Letter> = Vec::with_capacity(text.len());
    for (from, c) in text.char_indices() {
        let to = from + c.len_utf8();
        if is_combining_mark(c) {
            if let Some(last) = letters.last_mut() {
                last.to = to;
            }
        } else if is_unspaced(c) {
            letters.push(Letter { is: c, from, to });
        } else {
            decompose_canonical(c, |part| {
                let shown = Some(part).filter(|part| !is_combining_mark(*part));
                let plain = shown.into_iter().flat_map(char::to_lowercase);
                letters.extend(plain.map(|c| Letter {
                    is: if c.is_alphanumeric() { c } else { GAP },
                    from,
                    to,
                }));
            });
        }
    }
    letters
}
