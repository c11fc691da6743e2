//! Finding a link in a text: in a sentence, quoted, broken into lines, percent-encoded, with what mail and chat programs put in and take
//! for something else. A link's checksum decides, so nothing of this can make another link of it.

use std::fmt;

use super::{CHECKSUM_BYTES, MAX_BYTES, PREFIX, checksum};
use crate::limits::PASTED_MAX_BYTES;

/// Letters of the longest link behind its prefix.
const LETTERS_MAX: usize = MAX_BYTES / 3 * 4;

/// A link of any version has at least a secret of 32 bytes: fewer that fit their checksum do so by chance.
const LEAST_BYTES: usize = 32 + CHECKSUM_BYTES;

/// Places of one text that are tried: many times what a person pastes, and few enough to be done in a blink.
const PLACES_MAX: usize = 32;

/// How far the `#` may stand behind `privatus:i`, characters: programs put what follows people between the two.
const TRACKING_MAX: usize = 1_024;

/// A text may have been percent-encoded more than once, by one redirect after another.
const DECODINGS_MAX: usize = 3;

/// What a text holds. Links are secrets: they are not shown.
#[derive(Clone, PartialEq, Eq)]
pub enum Found {
    /// One link, or the same several times, as it was made.
    Link(String),
    /// What begins like a link and does not fit its checksum, at most [`LINK_MAX_CHARS`](crate::limits::LINK_MAX_CHARS): keyvault says
    /// what is wrong with it.
    Broken(String),
    /// More than one link.
    Several,
    /// No link.
    Nothing,
}

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Link(_) => "Link",
            Self::Broken(_) => "Broken",
            Self::Several => "Several",
            Self::Nothing => "Nothing",
        })
    }
}

/// Looks for a link in what a person pasted. In more than [`PASTED_MAX_BYTES`] none is found.
#[must_use]
pub fn find(untrusted_text: &str) -> Found {
    if untrusted_text.len() > PASTED_MAX_BYTES {
        return Found::Nothing;
    }
    let mut sound: Vec<String> = Vec::new();
    let mut broken = None;
    for text in readings(untrusted_text) {
        for place in places(&text) {
            let letters = Letters::read(text.get(place..).unwrap_or_default());
            match letters.sound() {
                Some(link) if sound.contains(&link) => {}
                Some(link) => sound.push(link),
                None => broken = broken.into_iter().chain(letters.broken()).max_by_key(String::len),
            }
        }
    }
    match (sound.pop(), sound.is_empty(), broken) {
        (Some(link), true, _) => Found::Link(link),
        (Some(_), false, _) => Found::Several,
        (None, _, Some(link)) => Found::Broken(link),
        (None, _, None) => beginning(untrusted_text.trim()),
    }
}

/// A link that was cut within its prefix.
fn beginning(text: &str) -> Found {
    let begins = !text.is_empty() && PREFIX.starts_with(&text.to_ascii_lowercase());
    if begins { Found::Broken(text.to_ascii_lowercase()) } else { Found::Nothing }
}

/// How a text may be meant, where there is more than one way.
#[derive(Clone, Copy)]
struct Meaning {
    /// So many hyphens became one dash of a middle length.
    hyphens: usize,
    /// And so many a long one.
    long: usize,
    /// `=` and two digits are a character, as in a mail's source (RFC 2045, 6.7).
    quoted: bool,
}

/// The text as it was before programs changed it, each way that it can be meant.
fn readings(untrusted_text: &str) -> Vec<Vec<char>> {
    let mut readings: Vec<Vec<char>> = Vec::new();
    for (hyphens, long) in [(1, 2), (1, 1), (2, 2)] {
        for quoted in [false, true] {
            let mut reading = straightened(untrusted_text, Meaning { hyphens, long, quoted });
            for _ in 0..DECODINGS_MAX {
                if !percent_decoded(&mut reading) {
                    break;
                }
            }
            if !readings.contains(&reading) {
                readings.push(reading);
            }
        }
    }
    readings
}

/// Without the marks of a quoted mail and its soft line breaks; dashes and full-width characters are ASCII again.
fn straightened(text: &str, meaning: Meaning) -> Vec<char> {
    let mut straight = Vec::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\n' => {
                straight.push(c);
                rest = behind_marks(rest.as_str()).chars();
            }
            '=' => match quoted(rest.as_str(), meaning.quoted) {
                Some((character, behind)) => {
                    straight.extend(character);
                    rest = behind.chars();
                }
                None => straight.push(c),
            },
            '\u{2014}' | '\u{2015}' => straight.extend(std::iter::repeat_n('-', meaning.long)),
            '\u{2010}'..='\u{2013}' | '\u{2212}' | '\u{FE58}' | '\u{FE63}' => {
                straight.extend(std::iter::repeat_n('-', meaning.hyphens));
            }
            '\u{FF01}'..='\u{FF5E}' => {
                straight.extend(char::from_u32(u32::from(c) - 0xFF01 + u32::from('!')));
            }
            _ => straight.push(c),
        }
    }
    straight
}

/// What `=` and the text behind it stand for, if it is a soft line break or, where `decode` says so, an encoded character; and what
/// follows.
fn quoted(behind: &str, decode: bool) -> Option<(Option<char>, &str)> {
    if let Some(next) = behind.trim_start_matches(|c| is_gap(c) && c != '\n').strip_prefix('\n') {
        return Some((None, behind_marks(next)));
    }
    let (digits, rest) = behind.split_at_checked(2).filter(|_| decode)?;
    let byte = u8::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'))?;
    Some((Some(decoded(byte)), rest))
}

/// A line without the marks of a mail that quotes it.
fn behind_marks(line: &str) -> &str {
    line.trim_start_matches(|c| matches!(c, '>' | '|') || is_gap(c))
}

/// Bytes of other characters than ASCII's are no part of a link: which they were is all the same.
fn decoded(byte: u8) -> char {
    if byte.is_ascii() { char::from(byte) } else { char::REPLACEMENT_CHARACTER }
}

/// Decodes `%` and two digits, also where a line was broken between them; whether there were any.
fn percent_decoded(text: &mut Vec<char>) -> bool {
    let mut read = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(c) = text.get(at) {
        at += 1;
        if *c == '%'
            && let Some((byte, behind)) = two_digits(text, at)
        {
            read.push(decoded(byte));
            at = behind;
        } else {
            read.push(*c);
        }
    }
    let changed = read.len() != text.len();
    *text = read;
    changed
}

/// The byte that the next two digits give, and where the text goes on.
fn two_digits(text: &[char], at: usize) -> Option<(u8, usize)> {
    let mut digits = meaningful(text, at);
    let (_, high) = digits.next()?;
    let (last, low) = digits.next()?;
    let byte = (high.to_digit(16)? << 4) | low.to_digit(16)?;
    Some((u8::try_from(byte).ok()?, last + 1))
}

/// From `at` on, what is no gap.
fn meaningful(text: &[char], at: usize) -> impl Iterator<Item = (usize, char)> {
    (at..).zip(text.iter().skip(at).copied()).filter(|(_, c)| !is_gap(*c))
}

/// White space, what is not seen, and signs of no alphabet: they come between the letters of a link without a meaning.
fn is_gap(c: char) -> bool {
    let is_sign = !c.is_ascii() && !c.is_alphanumeric() && !stands_for_ascii(c);
    c.is_whitespace() || c.is_control() || is_sign
}

/// Dashes and full-width signs, until they are straightened.
fn stands_for_ascii(c: char) -> bool {
    matches!(c, '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{FE58}' | '\u{FE63}' | '\u{FF01}'..='\u{FF5E}')
}

/// Where letters of a link may begin, [`PLACES_MAX`] at most: behind a `#` that follows `privatus:i`.
fn places(text: &[char]) -> Vec<usize> {
    let begins = (0..).zip(text).filter(|(_, c)| c.eq_ignore_ascii_case(&'p')).map(|(at, _)| at);
    let marks = begins.filter_map(|at| behind_scheme(text, at)).flat_map(|at| {
        // What was put in between may have a # of its own.
        let most = if text.get(at) == Some(&'#') { 1 } else { 4 };
        let near = text.iter().skip(at).take(TRACKING_MAX);
        (at..).zip(near).filter(|(_, c)| **c == '#').map(|(at, _)| at + 1).take(most)
    });
    marks.take(PLACES_MAX).collect()
}

/// The place of what follows `privatus:i`, if that begins at `at` and this may follow it.
fn behind_scheme(text: &[char], at: usize) -> Option<usize> {
    let mut rest = meaningful(text, at);
    for wanted in "privatus:".chars() {
        rest.next().filter(|(_, c)| c.eq_ignore_ascii_case(&wanted))?;
    }
    // Some write every scheme as if a host followed.
    rest.find(|(_, c)| *c != '/').filter(|(_, c)| c.eq_ignore_ascii_case(&'i'))?;
    rest.next().filter(|(_, c)| matches!(c, '#' | '?' | '&' | '/' | '\\')).map(|(at, _)| at)
}

/// What may be a link's letters, with whatever else follows them.
#[derive(Default)]
struct Letters {
    text: String,
    /// A sign that stands between two letters and that nobody puts there, or a letter of another alphabet: one was changed into it.
    odd: Option<(usize, char)>,
    /// There are none, or more in one piece than a link has.
    of_no_link: bool,
}

impl Letters {
    /// Reads on over everything that is no letter or digit.
    fn read(untrusted: &[char]) -> Self {
        let mut letters = Self::default();
        let mut piece = 0;
        for (c, behind) in untrusted.iter().zip(untrusted.iter().skip(1).map(Some).chain([None])) {
            if six_bits(*c).is_some() {
                if letters.text.len() == LETTERS_MAX {
                    letters.of_no_link = piece == LETTERS_MAX;
                    break;
                }
                letters.text.push(*c);
                piece += 1;
                continue;
            }
            let foreign = c.is_alphanumeric();
            let between = behind.is_some_and(|c| six_bits(*c).is_some()) && c.is_ascii_punctuation();
            // Tracking follows ? and &, and = ends a mail's line.
            let put_in = matches!(c, '?' | '&' | '=');
            if letters.odd.is_none() && piece > 0 && (foreign || between && !put_in) {
                letters.odd = Some((letters.text.len(), *c));
            }
            if foreign {
                letters.of_no_link = letters.text.is_empty();
                break;
            }
            piece = 0;
        }
        letters
    }

    /// The link, if so many of the letters as fit their checksum are one.
    fn sound(&self) -> Option<String> {
        let mut bytes = Vec::with_capacity(MAX_BYTES);
        let (mut bits, mut held) = (0_u32, 0_u32);
        for (at, letter) in self.text.char_indices() {
            bits = ((bits << 6) | six_bits(letter)?) & 0xFFFF;
            held += 6;
            if held < 8 {
                continue;
            }
            held -= 8;
            bytes.push(u8::try_from((bits >> held) & 0xFF).ok()?);
            // No stray bits are left of the last letter.
            let ends = bits & ((1 << held) - 1) == 0;
            if ends && bytes.len() >= LEAST_BYTES && is_sound(&bytes) {
                return self.text.get(..=at).map(|letters| format!("{PREFIX}{letters}"));
            }
        }
        None
    }

    /// What there is of a link, if this was to be one.
    fn broken(&self) -> Option<String> {
        if self.of_no_link {
            return None;
        }
        let (length, odd) = match self.odd {
            Some((at, odd)) => (at, Some(odd)),
            // One letter of four stands for nothing.
            None => (self.text.len() - usize::from(self.text.len() % 4 == 1), None),
        };
        let letters = self.text.get(..length)?;
        Some(PREFIX.chars().chain(letters.chars()).chain(odd).collect())
    }
}

fn is_sound(bytes: &[u8]) -> bool {
    bytes.split_last_chunk::<CHECKSUM_BYTES>().is_some_and(|(body, sum)| checksum(body) == *sum)
}

/// What a letter of URL-safe base64 stands for (RFC 4648, 5).
fn six_bits(letter: char) -> Option<u32> {
    let letter = u8::try_from(letter).ok()?;
    let value = match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'-' => 62,
        b'_' => 63,
        _ => return None,
    };
    Some(value.into())
}
