//! Text as it is shown: broken into lines, cut with an ellipsis, freed of what cannot be seen.

/// One line of a broken text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What stands in it, without the spaces at its end.
    pub text: String,
    /// Its width in pixels.
    pub width: i32,
}

/// A stranger's text without control characters and direction overrides, and how many were left out.
#[must_use]
pub fn visible(untrusted: &str) -> (String, usize) {
    let mut hidden = 0;
    let text = untrusted
        .chars()
        .filter(|c| {
            let seen = *c == '\n' || !(c.is_control() || is_format(*c));
            hidden += usize::from(!seen);
            seen
        })
        .collect();
    (text, hidden)
}

/// Characters that change how others are shown and show nothing themselves. Joiners stay: scripts and emoji need them.
fn is_format(c: char) -> bool {
    matches!(c,
        '\u{00AD}' | '\u{061C}' | '\u{180E}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

/// A name or text inside a line or sentence of ours: one line, and its direction stays its own (FSI … PDI).
#[must_use]
pub fn isolated(untrusted: &str) -> String {
    let (text, _) = visible(untrusted);
    let line = text.replace('\n', " ");
    if line.is_ascii() { line } else { format!("\u{2068}{line}\u{2069}") }
}

/// Whether a text starts in a script that is written from the right.
#[must_use]
pub fn from_the_right(text: &str) -> bool {
    text.chars().find(|c| c.is_alphabetic()).is_some_and(
        |c| matches!(c, '\u{0590}'..='\u{08FF}' | '\u{FB1D}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFF}' | '\u{10800}'..='\u{10FFF}' | '\u{1E800}'..='\u{1EFFF}'),
    )
}

/// Scripts that break between any two characters.
fn breaks_anywhere(c: char) -> bool {
    matches!(c, '\u{2E80}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7AF}' | '\u{F900}'..='\u{FAFF}' | '\u{FF00}'..='\u{FFEF}' | '\u{20000}'..='\u{3FFFF}')
}

/// Pieces between which a line may end; each keeps the space behind it.
fn pieces(paragraph: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut last: Option<char> = None;
    for (at, c) in paragraph.char_indices() {
        let may_break = last.is_some_and(|before| {
            c != ' ' && (before == ' ' || breaks_anywhere(before) || breaks_anywhere(c))
        });
        if may_break && at > start {
            pieces.extend(paragraph.get(start..at));
            start = at;
        }
        last = Some(c);
    }
    pieces.extend(paragraph.get(start..).filter(|rest| !rest.is_empty()));
    pieces
}

/// What is left of a word is measured whole once it has so few bytes; before, only as much of it as fits a line is.
const REST_MAX_BYTES: usize = 64;
/// A piece of more bytes fits no line, and is not measured to learn that.
const PIECE_MAX_BYTES: usize = 1_024;

/// Breaks `text` into lines of at most `max` pixels. A word that is wider alone is broken inside. What is measured grows with the text
/// and not with its square, whatever it is made of.
pub fn break_lines(text: &str, max: i32, width: &dyn Fn(&str) -> i32) -> Vec<Line> {
    first_lines(text, max, usize::MAX, width)
}

/// The same, and no more than `most` lines of it: what comes behind them is not looked at.
pub fn first_lines(text: &str, max: i32, most: usize, width: &dyn Fn(&str) -> i32) -> Vec<Line> {
    let mut breaking = Breaking { lines: Vec::new(), max, most, width, guess: 16 };
    for paragraph in text.split('\n') {
        breaking.paragraph(paragraph);
        if breaking.is_done() {
            break;
        }
    }
    breaking.lines
}

struct Breaking<'a> {
    lines: Vec<Line>,
    max: i32,
    most: usize,
    width: &'a dyn Fn(&str) -> i32,
    /// So many characters fitted the last line of a long word.
    guess: usize,
}

impl Breaking<'_> {
    fn is_done(&self) -> bool {
        self.lines.len() >= self.most
    }

    fn push(&mut self, text: &str) {
        if !self.is_done() {
            push_line(&mut self.lines, text, self.width);
        }
    }

    /// Pieces are joined as long as the sum of their widths fits, for together they are no wider; only near a line's end all of it is
    /// measured.
    fn paragraph(&mut self, paragraph: &str) {
        let (mut start, mut end, mut sum) = (0, 0, 0_i32);
        for piece in pieces(paragraph) {
            if self.is_done() {
                return;
            }
            let next = end + piece.len();
            let long = piece.len() > PIECE_MAX_BYTES;
            sum = if long { i32::MAX } else { sum.saturating_add((self.width)(piece)) };
            if sum > self.max && end > start {
                if !long && self.exact(paragraph, start, next) <= self.max {
                    end = next;
                    sum = (self.width)(paragraph.get(start..end).unwrap_or_default());
                    continue;
                }
                self.push(paragraph.get(start..end).unwrap_or_default());
                start = end;
            }
            end = next;
            if sum > self.max {
                start = self.long_word(paragraph, start, end);
                sum = (self.width)(paragraph.get(start..end).unwrap_or_default());
            }
        }
        self.push(paragraph.get(start..end).unwrap_or_default());
    }

    fn exact(&self, paragraph: &str, start: usize, end: usize) -> i32 {
        (self.width)(paragraph.get(start..end).unwrap_or_default().trim_end())
    }

    /// Breaks what is wider than a line inside; gives where the rest begins, which fits.
    fn long_word(&mut self, paragraph: &str, mut start: usize, end: usize) -> usize {
        while let Some(rest) = paragraph.get(start..end).filter(|rest| rest.chars().nth(1).is_some()) {
            let trimmed = rest.trim_end();
            if trimmed.len() <= REST_MAX_BYTES && (self.width)(trimmed) <= self.max {
                break;
            }
            let at = longest_prefix(rest, self.max, self.width, self.guess);
            if at >= trimmed.len() || self.is_done() {
                break;
            }
            let head = rest.get(..at).unwrap_or_default();
            self.guess = head.chars().count();
            self.push(head);
            start += at;
        }
        start
    }
}

fn push_line(lines: &mut Vec<Line>, text: &str, width: &dyn Fn(&str) -> i32) {
    let text = text.trim_end_matches(' ').to_owned();
    let width = width(&text);
    lines.push(Line { text, width });
}

/// Length in bytes of the longest beginning that fits, at least one character. What lies far beyond it is never measured: the search
/// begins at `guess` characters and doubles its steps.
fn longest_prefix(text: &str, max: i32, width: &dyn Fn(&str) -> i32, guess: usize) -> usize {
    let mut ends: Vec<usize> = Vec::new();
    let mut characters = text.char_indices().map(|(at, c)| at + c.len_utf8());
    let fits = |end: Option<&usize>| end.is_none_or(|end| width(text.get(..*end).unwrap_or_default()) <= max);
    let (mut low, mut wanted) = (0, guess.max(1));
    loop {
        ends.extend(characters.by_ref().take(wanted - ends.len()));
        if ends.len() < wanted || !fits(ends.last()) {
            break;
        }
        (low, wanted) = (wanted, wanted + (wanted / 8).max(1) * (1 + wanted / guess.max(1)));
    }
    let fitting = low + ends.get(low..).unwrap_or_default().partition_point(|end| fits(Some(end)));
    ends.get(fitting.saturating_sub(1)).copied().unwrap_or(text.len())
}

/// `text` in one line of at most `max` pixels, cut with an ellipsis where it must be.
pub fn fit(text: &str, max: i32, width: &dyn Fn(&str) -> i32) -> String {
    if text.len() <= PIECE_MAX_BYTES && width(text) <= max {
        return text.to_owned();
    }
    let whole = longest_prefix(text, max, width, 16);
    if whole == text.len() && width(text) <= max {
        return text.to_owned();
    }
    let at = longest_prefix(text, max - width("…"), width, 16);
    format!("{}…", text.get(..at).unwrap_or_default().trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ten(text: &str) -> i32 {
        i32::try_from(text.chars().count()).unwrap() * 10
    }

    fn broken(text: &str, max: i32) -> Vec<String> {
        break_lines(text, max, &ten).into_iter().map(|line| line.text).collect()
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
            for piece in pieces(paragraph) {
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
        assert_eq!(visible("👩\u{200D}🔬\n"), ("👩\u{200D}🔬\n".to_owned(), 0));
        assert_eq!(isolated("ليلى"), "\u{2068}ليلى\u{2069}");
        assert_eq!(isolated("Robin"), "Robin");
    }

    #[test]
    fn direction_is_that_of_the_first_letter() {
        assert!(from_the_right("12 شكراً"));
        assert!(!from_the_right("hello شكراً"));
        assert!(!from_the_right("…"));
    }
}
