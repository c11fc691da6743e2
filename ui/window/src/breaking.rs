//! Where the lines of a text end: at the places that Unicode has for it (UAX 14), or inside a word that is wider than a line, and then
//! between what a reader takes for characters (UAX 29). How wide something is, is asked of whoever calls.

use std::ops::Range;

use unicode_linebreak::{BreakClass, break_property, linebreaks, split_at_safe};
use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation};

/// What is left of a word is measured whole once it has so few bytes; before, only as much of it as fits a line is.
const REST_MAX_BYTES: usize = 64;

/// A piece of more bytes fits no line, and is not measured to learn that.
pub(crate) const PIECE_MAX_BYTES: usize = 1_024;

/// A line has no more, also where that takes no room.
const LINE_MAX_BYTES: usize = 2 << 10;

/// Where the pieces end between which a line may end, in bytes; each piece keeps the spaces behind it. Those behind `from` are looked
/// for, as far as it is asked, and what stands before that no further back than it matters.
pub(crate) fn piece_ends(paragraph: &str, from: usize) -> impl Iterator<Item = usize> {
    let (known, _) = split_at_safe(paragraph.get(..from).unwrap_or_default());
    let base = known.len();
    let ends = linebreaks(paragraph.get(base..).unwrap_or_default()).map(move |(at, _)| base + at);
    let mut flags = Flags { at: 0, torn: false };
    ends.filter(move |at| *at > from && is_between_characters(paragraph, *at, &mut flags))
}

/// Whether a reader would take what stands on both sides for two characters: a mark belongs to what is before it, be that a space.
fn is_between_characters(text: &str, at: usize, flags: &mut Flags) -> bool {
    match text.get(at..).and_then(|rest| rest.chars().next()) {
        None => true,
        Some(next) if next.is_ascii() => true,
        Some(next) if is_of_a_flag(next) => !flags.torn_at(text, at),
        Some(_) => GraphemeCursor::new(at, text.len(), true).is_boundary(text, 0) != Ok(false),
    }
}

fn is_of_a_flag(c: char) -> bool {
    break_property(u32::from(c)) == BreakClass::RegionalIndicator
}

/// A place in a row of flags, each of two characters, that was looked at: nothing before it is looked at again.
struct Flags {
    at: usize,
    /// It stands within a flag.
    torn: bool,
}

impl Flags {
    /// Whether `at` stands within a flag; to be asked from left to right.
    fn torn_at(&mut self, text: &str, at: usize) -> bool {
        let (mut here, mut torn) = (at, false);
        let before = text.get(..at).unwrap_or_default();
        for c in before.chars().rev().take_while(|c| is_of_a_flag(*c)) {
            here -= c.len_utf8();
            torn = !torn;
            if here == self.at {
                torn ^= self.torn;
                break;
            }
        }
        *self = Self { at, torn };
        torn
    }
}

/// Whether the lines behind `at` are the same whatever stands before `from`, if one begins there.
pub(crate) fn is_settled(text: &str, from: usize, at: usize) -> bool {
    let between = text.get(from..at).unwrap_or_default();
    between.ends_with('\n') || !split_at_safe(between).0.is_empty()
}

/// The lines of one paragraph as ranges of its bytes, the spaces at their ends left out; at least one. `width` gives the pixels of a
/// range. What is measured grows with the text and not with its square, whatever it is made of, and what comes behind the last line
/// that is asked for is not looked at.
pub(crate) fn lines_of(
    paragraph: &str,
    max: i32,
    width: impl Fn(Range<usize>) -> i32,
) -> impl Iterator<Item = Range<usize>> {
    lines_from(paragraph, 0, max, width)
}

/// The same from the line on that begins at `from`.
pub(crate) fn lines_from(
    paragraph: &str,
    from: usize,
    max: i32,
    width: impl Fn(Range<usize>) -> i32,
) -> impl Iterator<Item = Range<usize>> {
    let pieces = piece_ends(paragraph, from);
    let (wide, over) = (false, false);
    Breaking { text: paragraph, pieces, max, width, start: from, end: from, sum: 0, wide, over, guess: 16 }
}

struct Breaking<'a, P, W> {
    text: &'a str,
    pieces: P,
    max: i32,
    width: W,
    /// The line so far.
    start: usize,
    end: usize,
    /// At least as wide as it is.
    sum: i32,
    /// It may be wider than a line.
    wide: bool,
    /// The last line was given.
    over: bool,
    /// So many characters fitted the last line of a long word.
    guess: usize,
}

impl<P: Iterator<Item = usize>, W: Fn(Range<usize>) -> i32> Iterator for Breaking<'_, P, W> {
    type Item = Range<usize>;

    /// Pieces are joined as long as the sum of their widths fits, for together they are no wider; only near a line's end all of it is
    /// measured.
    fn next(&mut self) -> Option<Range<usize>> {
        loop {
            if self.wide {
                if let Some(end) = self.inside() {
                    return Some(self.line_to(end));
                }
                self.wide = false;
                self.sum = (self.width)(self.start..self.end);
            }
            let Some(next) = self.pieces.next() else {
                let line = (!self.over).then(|| self.line_to(self.end));
                self.over = true;
                return line;
            };
            let (start, end) = (self.start, self.end);
            let long = next - end > PIECE_MAX_BYTES || next - start > LINE_MAX_BYTES;
            let added = if long { i32::MAX } else { (self.width)(end..next) };
            self.sum = self.sum.saturating_add(added);
            self.end = next;
            if self.sum <= self.max {
                continue;
            }
            if end > start && !long && self.trimmed(start..next) <= self.max {
                self.sum = (self.width)(start..next);
                continue;
            }
            self.wide = true;
            if end > start {
                return Some(self.line_to(end));
            }
        }
    }
}

impl<P, W: Fn(Range<usize>) -> i32> Breaking<'_, P, W> {
    fn part(&self, range: Range<usize>) -> &str {
        self.text.get(range).unwrap_or_default()
    }

    /// Ends the line there; the next begins behind it.
    fn line_to(&mut self, end: usize) -> Range<usize> {
        let start = std::mem::replace(&mut self.start, end);
        start..start + self.part(start..end).trim_end_matches(' ').len()
    }

    fn trimmed(&self, range: Range<usize>) -> i32 {
        let length = self.part(range.clone()).trim_end().len();
        (self.width)(range.start..range.start + length)
    }

    /// Where a line ends inside of what is wider than one; `None`: all that is left fits.
    fn inside(&mut self) -> Option<usize> {
        let start = self.start;
        let rest = self.text.get(start..self.end)?;
        rest.graphemes(true).nth(1)?;
        let trimmed = rest.trim_end();
        // Spaces hang over the edge, but not without end.
        let fits = || (rest.len() > LINE_MAX_BYTES).then(|| start + rest.floor_char_boundary(LINE_MAX_BYTES));
        if trimmed.len() <= REST_MAX_BYTES && (self.width)(start..start + trimmed.len()) <= self.max {
            return fits();
        }
        let width =
            |end: usize| if end > LINE_MAX_BYTES { i32::MAX } else { (self.width)(start..start + end) };
        let prefix = longest_prefix(rest, self.max, &width, self.guess);
        if prefix.bytes >= trimmed.len() {
            return fits();
        }
        self.guess = prefix.characters;
        Some(start + prefix.bytes)
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
        piece_ends(text, 0).map(|end| &text[std::mem::replace(&mut start, end)..end]).collect()
    }

    #[test]
    fn a_line_may_end_behind_spaces_hyphens_and_between_ideographs() {
        assert_eq!(pieces("one  two-three"), ["one  ", "two-", "three"]);
        assert_eq!(pieces("明日の、午後"), ["明", "日", "の、", "午", "後"]);
        assert_eq!(pieces("(so) it is!"), ["(so) ", "it ", "is!"]);
        assert!(pieces("").is_empty());
    }

    #[test]
    fn a_flag_is_never_torn_apart() {
        assert_eq!(pieces("🇩🇪🇫🇷🇩"), ["🇩🇪", "🇫🇷", "🇩"]);
        assert_eq!(pieces("🇩\u{202E}🇩🇪🇫🇷").len(), 1, "the two annexes pair them otherwise here");
        let many = "🇩🇪".repeat(20_000);
        assert_eq!(pieces(&many).len(), 20_000, "looked at once");
    }

    #[test]
    fn no_line_begins_with_a_mark() {
        assert_eq!(pieces("a \u{301}b"), ["a \u{301}b"]);
        assert_eq!(pieces("x🏽 x"), ["x🏽 ", "x"], "nor with the colour of a skin");
        let text = "e\u{301}".repeat(40);
        let ten = |range: Range<usize>| i32::try_from(text[range].chars().count()).unwrap() * 10;
        for line in lines_of(&text, 70, ten) {
            assert!(text[line.clone()].starts_with('e') && text[line].ends_with('\u{301}'));
        }
    }

    #[test]
    fn a_line_that_takes_no_room_ends_all_the_same() {
        let text = "\u{200B}".repeat(4_000) + &" ".repeat(9_000) + "x";
        let lines: Vec<_> = lines_of(&text, 70, |_| 0).collect();
        assert!(lines.len() > 8 && lines.iter().all(|line| line.len() <= LINE_MAX_BYTES));
        assert!(lines.windows(2).all(|pair| pair[0].end <= pair[1].start));
    }

    #[test]
    fn lines_from_any_of_them_on_are_the_same() {
        let texts =
            ["one two-three (four) five“six” ".repeat(4), "🇩🇪🇫🇷 א-ב 1,5 - ".repeat(6), "x".repeat(90)];
        for text in texts {
            let seven = |range: Range<usize>| i32::try_from(text[range].chars().count()).unwrap() * 7;
            let all: Vec<_> = lines_of(&text, 50, seven).collect();
            for (at, line) in all.iter().enumerate() {
                assert!(
                    lines_from(&text, line.start, 50, seven).eq(all[at..].iter().cloned()),
                    "{text} {at}"
                );
            }
        }
    }

    #[test]
    fn a_family_is_never_torn_apart() {
        let family = "👩🏽\u{200D}👩🏽\u{200D}👧🏽";
        let text = family.repeat(9);
        let ten = |range: Range<usize>| i32::try_from(text[range].graphemes(true).count()).unwrap() * 10;
        let lines: Vec<_> = lines_of(&text, 40, ten).collect();
        assert_eq!(lines.len(), 3);
        assert!(lines.into_iter().all(|line| line.len() % family.len() == 0));
    }
}
