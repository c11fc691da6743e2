//! Where the lines of a text end: at the places that Unicode has for it (UAX 14), or inside a word that is wider than a line, and then
//! between what a reader takes for characters (UAX 29). How wide something is, is asked of whoever calls.

use std::ops::Range;

use unicode_linebreak::linebreaks;
use unicode_segmentation::UnicodeSegmentation;

use crate::text::is_joined;

/// What is left of a word is measured whole once it has so few bytes; before, only as much of it as fits a line is.
const REST_MAX_BYTES: usize = 64;

/// A piece of more bytes fits no line, and is not measured to learn that.
pub(crate) const PIECE_MAX_BYTES: usize = 1_024;

/// Where the pieces end between which a line may end, in bytes; each piece keeps the spaces behind it. Looked for as far as it is asked.
pub(crate) fn piece_ends(paragraph: &str) -> impl Iterator<Item = usize> {
    let splits = |at: usize| {
        let next = paragraph.get(at..).and_then(|rest| rest.chars().next());
        // A mark without a letter belongs to the space before it.
        !next.is_some_and(is_joined)
    };
    linebreaks(paragraph).map(|(at, _)| at).filter(move |at| *at > 0 && splits(*at))
}

/// The lines of one paragraph as ranges of its bytes, the spaces at their ends left out; at least one, and no more than `most`: what
/// comes behind them is not looked at. `width` gives the pixels of a range. What is measured grows with the text and not with its
/// square, whatever it is made of.
pub(crate) fn lines_of(
    paragraph: &str,
    max: i32,
    most: usize,
    width: &dyn Fn(Range<usize>) -> i32,
) -> Vec<Range<usize>> {
    let mut breaking = Breaking { text: paragraph, lines: Vec::new(), max, most, width, guess: 16 };
    breaking.run();
    breaking.lines
}

struct Breaking<'a> {
    text: &'a str,
    lines: Vec<Range<usize>>,
    max: i32,
    most: usize,
    width: &'a dyn Fn(Range<usize>) -> i32,
    /// So many characters fitted the last line of a long word.
    guess: usize,
}

impl Breaking<'_> {
    fn is_done(&self) -> bool {
        self.lines.len() >= self.most
    }

    fn part(&self, range: Range<usize>) -> &str {
        self.text.get(range).unwrap_or_default()
    }

    fn push(&mut self, range: Range<usize>) {
        if !self.is_done() {
            let length = self.part(range.clone()).trim_end_matches(' ').len();
            self.lines.push(range.start..range.start + length);
        }
    }

    /// Pieces are joined as long as the sum of their widths fits, for together they are no wider; only near a line's end all of it is
    /// measured.
    fn run(&mut self) {
        let (mut start, mut end, mut sum) = (0, 0, 0_i32);
        for next in piece_ends(self.text) {
            if self.is_done() {
                return;
            }
            let long = next - end > PIECE_MAX_BYTES;
            sum = if long { i32::MAX } else { sum.saturating_add((self.width)(end..next)) };
            if sum > self.max && end > start {
                if !long && self.trimmed(start..next) <= self.max {
                    end = next;
                    sum = (self.width)(start..end);
                    continue;
                }
                self.push(start..end);
                start = end;
            }
            end = next;
            if sum > self.max {
                start = self.long_word(start..end);
                sum = (self.width)(start..end);
            }
        }
        self.push(start..end);
    }

    fn trimmed(&self, range: Range<usize>) -> i32 {
        let length = self.part(range.clone()).trim_end().len();
        (self.width)(range.start..range.start + length)
    }

    /// Breaks what is wider than a line inside; gives where the rest begins, which fits.
    fn long_word(&mut self, word: Range<usize>) -> usize {
        let (text, mut start) = (self.text, word.start);
        while let Some(rest) = text.get(start..word.end).filter(|rest| rest.graphemes(true).nth(1).is_some())
        {
            let trimmed = rest.trim_end();
            if trimmed.len() <= REST_MAX_BYTES && (self.width)(start..start + trimmed.len()) <= self.max {
                break;
            }
            let width = |end: usize| (self.width)(start..start + end);
            let prefix = longest_prefix(rest, self.max, &width, self.guess);
            if prefix.bytes >= trimmed.len() || self.is_done() {
                break;
            }
            self.guess = prefix.characters;
            self.push(start..start + prefix.bytes);
            start += prefix.bytes;
        }
        start
    }
}

/// A beginning of a text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Prefix {
    /// Its length in bytes.
    pub bytes: usize,
    /// As a reader counts.
    pub characters: usize,
}

/// The longest beginning that fits, at least one character; `width` gives the pixels of the first so many bytes. What lies far beyond
/// it is never measured: the search begins at `guess` characters and doubles its steps.
pub(crate) fn longest_prefix(text: &str, max: i32, width: &dyn Fn(usize) -> i32, guess: usize) -> Prefix {
    let mut ends: Vec<usize> = Vec::new();
    let mut characters = text.grapheme_indices(true).map(|(at, character)| at + character.len());
    let fits = |end: Option<&usize>| end.is_none_or(|end| width(*end) <= max);
    let (mut low, mut wanted) = (0, guess.max(1));
    loop {
        ends.extend(characters.by_ref().take(wanted - ends.len()));
        if ends.len() < wanted || !fits(ends.last()) {
            break;
        }
        (low, wanted) = (wanted, wanted + (wanted / 8).max(1) * (1 + wanted / guess.max(1)));
    }
    let fitting = low + ends.get(low..).unwrap_or_default().partition_point(|end| fits(Some(end)));
    let index = fitting.saturating_sub(1);
    Prefix { bytes: ends.get(index).copied().unwrap_or(text.len()), characters: index + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Vec<&str> {
        let mut start = 0;
        piece_ends(text).map(|end| &text[std::mem::replace(&mut start, end)..end]).collect()
    }

    #[test]
    fn a_line_may_end_behind_spaces_hyphens_and_between_ideographs() {
        assert_eq!(pieces("one  two-three"), ["one  ", "two-", "three"]);
        assert_eq!(pieces("明日の、午後"), ["明", "日", "の、", "午", "後"]);
        assert_eq!(pieces("(so) it is!"), ["(so) ", "it ", "is!"]);
        assert!(pieces("").is_empty());
    }

    #[test]
    fn no_line_begins_with_a_mark() {
        assert_eq!(pieces("a \u{301}b"), ["a \u{301}b"]);
        let text = "e\u{301}".repeat(40);
        let ten = |range: Range<usize>| i32::try_from(text[range].chars().count()).unwrap() * 10;
        for line in lines_of(&text, 70, usize::MAX, &ten) {
            assert!(text[line.clone()].starts_with('e') && text[line].ends_with('\u{301}'));
        }
    }

    #[test]
    fn a_family_is_never_torn_apart() {
        let family = "👩🏽\u{200D}👩🏽\u{200D}👧🏽";
        let text = family.repeat(9);
        let ten = |range: Range<usize>| i32::try_from(text[range].graphemes(true).count()).unwrap() * 10;
        let lines = lines_of(&text, 40, usize::MAX, &ten);
        assert_eq!(lines.len(), 3);
        assert!(lines.into_iter().all(|line| line.len() % family.len() == 0));
    }
}
