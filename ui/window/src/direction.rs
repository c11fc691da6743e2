//! Which way a text runs, and the parts of one line that run one way: the same where texts are read and where one writes.

use std::borrow::Cow;
use std::ops::Range;

use unicode_bidi::{Direction, Level, ParagraphBidiInfo, get_base_direction};

/// Whether a text begins in a script that is written from the right.
#[must_use]
pub fn from_the_right(text: &str) -> bool {
    !text.is_ascii()
        && text.split('\n').map(get_base_direction).find(|way| *way != Direction::Mixed)
            == Some(Direction::Rtl)
}

/// A part of a line that runs one way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Directed {
    /// Its bytes of the line.
    pub range: Range<usize>,
    /// It runs from the right.
    pub from_right: bool,
}

/// The parts of a line from left to right as they are seen; `from_right`: its paragraph begins at the right. Most lines have one.
pub(crate) fn directed(line: &str, from_right: bool) -> Vec<Directed> {
    let whole = 0..line.len();
    let plain = vec![Directed { range: whole.clone(), from_right: false }];
    if line.is_ascii() && !from_right {
        return plain;
    }
    let level = if from_right { Level::rtl() } else { Level::ltr() };
    let info = ParagraphBidiInfo::new(line, Some(level));
    if !from_right && !info.has_rtl() {
        return plain;
    }
    let (levels, runs) = info.visual_runs(whole);
    let directed = |range: Range<usize>| {
        let from_right = levels.get(range.start).is_some_and(Level::is_rtl);
        Directed { range, from_right }
    };
    runs.into_iter().map(directed).collect()
}

/// Such a part as the toolkit is to draw it: one that has no letter of its own to say so is told to run from the right.
pub(crate) fn drawn(part: Cow<'_, str>, from_right: bool) -> String {
    if from_right && get_base_direction(&*part) != Direction::Rtl {
        return format!("\u{200F}{part}");
    }
    part.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn direction_is_that_of_the_first_letter() {
        assert!(from_the_right("12 شكراً"));
        assert!(!from_the_right("hello شكراً"));
        assert!(!from_the_right("…"));
    }

    #[test]
    fn a_line_is_seen_in_parts_that_run_one_way() {
        let told = |line: &str, from_right| -> Vec<String> {
            let parts = directed(line, from_right).into_iter();
            parts
                .map(|part| format!("{}{}", if part.from_right { "<" } else { "" }, &line[part.range]))
                .collect()
        };
        assert_eq!(told("ab שלום cd", false), ["ab ", "<שלום", " cd"]);
        assert_eq!(told("ab שלום cd", true), ["cd", "< שלום ", "ab"]);
        assert_eq!(told("one", false), ["one"]);
        assert_eq!(drawn("!".into(), true), "\u{200F}!");
        assert_eq!(drawn("שלום!".into(), true), "שלום!");
    }
}
