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

/// Breaks `text` into lines of at most `max` pixels. A word that is wider alone is broken inside.
pub fn break_lines(text: &str, max: i32, width: &dyn Fn(&str) -> i32) -> Vec<Line> {
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let mut line = String::new();
        for piece in pieces(paragraph) {
            if !line.is_empty() && width(format!("{line}{piece}").trim_end()) > max {
                push_line(&mut lines, &line, width);
                line.clear();
            }
            line.push_str(piece);
            while width(line.trim_end()) > max && line.chars().nth(1).is_some() {
                let at = longest_prefix(&line, max, width);
                let (head, rest) = line.split_at(at);
                push_line(&mut lines, head, width);
                line = rest.to_owned();
            }
        }
        push_line(&mut lines, &line, width);
    }
    lines
}

fn push_line(lines: &mut Vec<Line>, text: &str, width: &dyn Fn(&str) -> i32) {
    let text = text.trim_end_matches(' ').to_owned();
    let width = width(&text);
    lines.push(Line { text, width });
}

/// Length in bytes of the longest beginning that fits, at least one character.
fn longest_prefix(text: &str, max: i32, width: &dyn Fn(&str) -> i32) -> usize {
    let ends: Vec<usize> = text.char_indices().map(|(at, c)| at + c.len_utf8()).collect();
    let fitting = ends.partition_point(|end| width(text.get(..*end).unwrap_or_default()) <= max);
    ends.get(fitting.saturating_sub(1)).copied().unwrap_or(text.len())
}

/// `text` in one line of at most `max` pixels, cut with an ellipsis where it must be.
pub fn fit(text: &str, max: i32, width: &dyn Fn(&str) -> i32) -> String {
    if width(text) <= max {
        return text.to_owned();
    }
    let at = longest_prefix(text, max - width("…"), width);
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
