//! Text as it is shown: broken into lines, cut with an ellipsis, freed of what cannot be seen.

use std::ops::Range;

use unicode_bidi::{BidiClass, bidi_class};
use unicode_segmentation::UnicodeSegmentation;

use crate::breaking::{PIECE_MAX_BYTES, lines_of, longest_prefix};

/// One line of a broken text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What stands in it, without the spaces at its end.
    pub text: String,
    /// Its width in pixels.
    pub width: i32,
}

/// Marks that one character may carry: every living script needs fewer, and more of them only cover what stands above and below.
const MARKS_MAX: usize = 8;

/// Code points that one character may have: the largest emoji has ten.
const CHARACTER_MAX_CHARS: usize = 32;

/// A stranger's text without control characters, direction overrides and marks beyond measure, and how many were left out. New lines
/// and tabs stay.
#[must_use]
pub fn visible(untrusted: &str) -> (String, usize) {
    let mut hidden = 0;
    let mut text = String::with_capacity(untrusted.len());
    for character in untrusted.graphemes(true) {
        let (mut marks, mut chars) = (0, 0);
        for c in character.chars() {
            marks += usize::from(is_mark(c));
            chars += 1;
            if hides(c) || marks > MARKS_MAX || chars > CHARACTER_MAX_CHARS {
                hidden += 1;
            } else {
                text.push(c);
            }
        }
    }
    (text, hidden)
}

/// Characters that change how others are shown and show nothing themselves. Joiners stay: scripts and emoji need them.
fn hides(c: char) -> bool {
    match c {
        '\n' | '\t' | '\u{200C}' | '\u{200D}' => false,
        '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{2028}' | '\u{FFF9}'..='\u{FFFB}' => true,
        // Fillers of Hangul: letters that are blank.
        '\u{115F}' | '\u{1160}' | '\u{3164}' | '\u{FFA0}' => true,
        _ => {
            c.is_control()
                || matches!(
                    bidi_class(c),
                    BidiClass::B
                        | BidiClass::BN
                        | BidiClass::FSI
                        | BidiClass::LRE
                        | BidiClass::LRI
                        | BidiClass::LRO
                        | BidiClass::PDF
                        | BidiClass::PDI
                        | BidiClass::RLE
                        | BidiClass::RLI
                        | BidiClass::RLO
                )
        }
    }
}

/// A mark that is drawn over or under the letter before it.
pub(crate) fn is_mark(c: char) -> bool {
    !c.is_ascii() && bidi_class(c) == BidiClass::NSM
}

/// What can be seen of a stranger's text, in one line.
#[must_use]
pub fn one_line(untrusted: &str) -> String {
    visible(untrusted).0.replace(['\n', '\t'], " ")
}

/// A name or text inside a line or sentence of ours: one line, and its direction stays its own (FSI … PDI).
#[must_use]
pub fn isolated(untrusted: &str) -> String {
    let line = one_line(untrusted);
    if line.is_ascii() { line } else { format!("\u{2068}{line}\u{2069}") }
}

/// The first character of a name as a reader counts, large; empty where nothing of the name can be seen.
#[must_use]
pub fn initial(untrusted: &str) -> String {
    let name = visible(untrusted.get(..untrusted.floor_char_boundary(INITIAL_BYTES)).unwrap_or_default()).0;
    name.trim_start().graphemes(true).next().map(str::to_uppercase).unwrap_or_default()
}

/// A name's first character is looked for in so much of it.
const INITIAL_BYTES: usize = 512;

/// Breaks `text` into lines of at most `max` pixels. A word that is wider alone is broken inside. What is measured grows with the text
/// and not with its square, whatever it is made of.
pub fn break_lines(text: &str, max: i32, width: &dyn Fn(&str) -> i32) -> Vec<Line> {
    first_lines(text, max, usize::MAX, width)
}

/// The same, and no more than `most` lines of it: what comes behind them is not looked at.
pub fn first_lines(text: &str, max: i32, most: usize, width: &dyn Fn(&str) -> i32) -> Vec<Line> {
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let measured = |range: Range<usize>| width(paragraph.get(range).unwrap_or_default());
        let ranges = lines_of(paragraph, max, measured).take(most - lines.len());
        lines.extend(ranges.map(|range| {
            let text = paragraph.get(range).unwrap_or_default().to_owned();
            let width = width(&text);
            Line { text, width }
        }));
        if lines.len() >= most {
            break;
        }
    }
    lines
}

/// `text` in one line of at most `max` pixels, cut with an ellipsis where it must be.
pub fn fit(text: &str, max: i32, width: &dyn Fn(&str) -> i32) -> String {
    if text.len() <= PIECE_MAX_BYTES && width(text) <= max {
        return text.to_owned();
    }
    let measured = |end: usize| width(text.get(..end).unwrap_or_default());
    let whole = longest_prefix(text, max, &measured, 16).bytes;
    if whole == text.len() && width(text) <= max {
        return text.to_owned();
    }
    let at = longest_prefix(text, max - width("…"), &measured, 16).bytes;
    format!("{}…", text.get(..at).unwrap_or_default().trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::breaking::piece_ends;

    fn ten(text: &str) -> i32 {
        i32::try_from(text.chars().count()).unwrap() * 10
    }

    fn broken(text: &str, max: i32) -> Vec<String> {
        break_lines(text, max, &ten).into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn the_first_letter_of_a_name_has_all_that_belongs_to_it() {
        assert_eq!(initial("robin"), "R");
        assert_eq!(initial("👩🏽\u{200D}💻 陽菜"), "👩🏽\u{200D}💻");
        assert_eq!(initial("e\u{301}mile"), "E\u{301}");
        assert_eq!(initial("🇫🇷🇩🇪"), "🇫🇷");
        assert_eq!(initial(" "), "");
        assert!(initial(&format!("a{}", "\u{301}".repeat(900))).chars().count() <= 12);
    }

    #[test]
    fn lines_end_between_words_and_at_newlines() {
        assert_eq!(broken("one two three", 80), ["one two", "three"]);
        assert_eq!(broken("one\n\ntwo", 80), ["one", "", "two"]);
        assert_eq!(broken("", 80), [""]);
    }

    #[test]
    fn a_word_that_is_too_wide_breaks_inside_and_nothing_is_lost() {
        assert_eq!(broken("abcdefghij", 30), ["abc", "def", "ghi", "j"]);
        assert_eq!(broken("x", 1), ["x"]);
    }

    /// What was measured in all, in characters.
    fn measured(text: &str, max: i32) -> usize {
        let seen = std::cell::Cell::new(0);
        break_lines(text, max, &|text| {
            seen.set(seen.get() + text.chars().count());
            ten(text)
        });
        seen.get()
    }

    #[test]
    fn a_text_twice_as_long_takes_twice_the_work_whatever_it_is_made_of() {
        for unit in ["x", "x ", "陽", "ab cd, ", "wordswithoutanyspacebetweenthem "] {
            let (short, long) = (unit.repeat(4_000 / unit.len()), unit.repeat(64_000 / unit.len()));
            let (less, more) = (measured(&short, 500), measured(&long, 500));
            assert!(more < 20 * less, "{unit:?}: {less} {more}");
            assert!(more < 30 * long.chars().count(), "{unit:?}: {more}");
        }
    }

    #[test]
    fn lines_that_are_not_shown_are_not_measured() {
        let text = "word ".repeat(50_000);
        let seen = std::cell::Cell::new(0);
        let lines = first_lines(&text, 500, 6, &|text| {
            seen.set(seen.get() + 1);
            ten(text)
        });
        assert_eq!(lines.len(), 6);
        assert!(seen.get() < 200, "{}", seen.get());
        assert_eq!(lines[..], break_lines(&text, 500, &ten)[..6]);
    }

    /// As it was broken when every line was measured whole after every word.
    fn slowly(text: &str, max: i32) -> Vec<String> {
        let mut lines = Vec::new();
        for paragraph in text.split('\n') {
            let mut line = String::new();
            let mut start = 0;
            for end in piece_ends(paragraph, 0) {
                let piece = &paragraph[std::mem::replace(&mut start, end)..end];
                if !line.is_empty() && ten(format!("{line}{piece}").trim_end()) > max {
                    lines.push(line.trim_end_matches(' ').to_owned());
                    line.clear();
                }
                line.push_str(piece);
                while ten(line.trim_end()) > max && line.trim_end().chars().nth(1).is_some() {
                    let most = usize::try_from(max / 10).unwrap().max(1);
                    let at = line.char_indices().nth(most).map_or(line.len(), |(at, _)| at);
                    lines.push(line[..at].trim_end_matches(' ').to_owned());
                    line.drain(..at);
                }
            }
            lines.push(line.trim_end_matches(' ').to_owned());
        }
        lines
    }

    #[test]
    fn lines_are_what_measuring_all_of_them_would_give() {
        let long = "w".repeat(333);
        let texts = [
            "one two three four five six seven".to_owned(),
            format!("before {long} after {long}\n\nend"),
            "陽菜明日の午後でいいですか".repeat(9) + " and words  with   spaces      ",
            " leading, and trailing   ".repeat(7),
            "é".repeat(100),
        ];
        for text in texts {
            for max in [1, 10, 35, 80, 125, 500, 5_000] {
                assert_eq!(broken(&text, max), slowly(&text, max), "{max}: {text}");
            }
        }
    }

    #[test]
    fn chinese_breaks_between_characters() {
        assert_eq!(broken("明日の午後で", 30), ["明日の", "午後で"]);
    }

    #[test]
    fn cutting_leaves_an_ellipsis_within_the_width() {
        assert_eq!(fit("abcdefgh", 50, &ten), "abcd…");
        assert_eq!(fit("abc", 50, &ten), "abc");
        assert_eq!(fit("ééééééé", 30, &ten), "éé…");
    }

    #[test]
    fn what_hides_or_turns_text_is_left_out_and_counted() {
        assert_eq!(visible("a\u{202E}b\u{200B}c\u{7}"), ("abc".to_owned(), 3));
        assert_eq!(visible("👩\u{200D}🔬\n\t."), ("👩\u{200D}🔬\n\t.".to_owned(), 0));
        // Soft hyphen, word joiner, a filler, a tag, a musical control, next line.
        assert_eq!(visible("a\u{AD}\u{2060}\u{3164}\u{E0041}\u{1D173}\u{85}b"), ("ab".to_owned(), 6));
        assert_eq!(isolated("ليلى"), "\u{2068}ليلى\u{2069}");
        assert_eq!(isolated("Robin"), "Robin");
    }

    #[test]
    fn marks_beyond_measure_are_left_out_and_counted() {
        let (text, hidden) = visible(&format!("Z{}algo", "\u{0316}".repeat(50)));
        assert_eq!((text.as_str(), hidden), (format!("Z{}algo", "\u{0316}".repeat(8)).as_str(), 42));
        let joiners = format!("a{}b", "\u{200D}".repeat(100));
        assert_eq!(visible(&joiners).1, 69, "joiners are no marks, and bounded too");
        for whole in ["กิ่งไม้", "क्ष्म्य", "שָׁלוֹם", "👩🏽\u{200D}❤\u{FE0F}\u{200D}💋\u{200D}👨🏿"]
        {
            assert_eq!(visible(whole), (whole.to_owned(), 0));
        }
    }

    #[test]
    fn an_initial_is_what_a_reader_takes_for_the_first_character() {
        assert_eq!(initial("👩🏽\u{200D}💻 陽菜"), "👩🏽\u{200D}💻");
        assert_eq!(initial("e\u{301}lan"), "E\u{301}");
        assert_eq!(initial(" \u{202E}robin"), "R");
        assert_eq!(initial("\u{200B}"), "");
    }
}
