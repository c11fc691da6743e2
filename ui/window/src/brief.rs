//! A text in one line, as it reads: what its bubble shows, without the marks of its markdown and without what cannot be seen.

use std::ops::Range;

use crate::markdown::{self, Block, Kind};
use crate::text::visible;

/// What one line shows of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// These bytes of what can be seen of it.
    Of(Range<usize>),
    /// What stands before the text of an item.
    Label(String),
    /// The end of a line of its own.
    Break,
}

/// A stranger's text in one line.
#[must_use]
pub fn brief(untrusted: &str) -> String {
    let text = visible(untrusted).0;
    joined(&text, markdown::blocks(&text))
}

/// The same of the beginning of a longer one.
#[must_use]
pub fn brief_beginning(untrusted: &str) -> String {
    let text = visible(untrusted).0;
    joined(&text, markdown::blocks_of_beginning(&text))
}

/// The first line of a text that says something.
#[must_use]
pub fn first_line(untrusted: &str) -> String {
    let text = visible(untrusted).0;
    let mut lines = markdown::blocks(&text).map(|block| joined(&text, std::iter::once(block)));
    lines.find(|line| !line.is_empty()).unwrap_or_default()
}

/// What one line shows of `visible`, in order.
pub fn parts(visible: &str) -> impl Iterator<Item = Part> {
    parts_of(markdown::blocks(visible))
}

fn parts_of(blocks: impl Iterator<Item = Block>) -> impl Iterator<Item = Part> {
    blocks.enumerate().flat_map(|(at, block)| {
        let ended = (at > 0).then_some(Part::Break);
        let label = match block.kind {
            Kind::Item(label) => Some(Part::Label(label)),
            Kind::Plain | Kind::Quote | Kind::Code => None,
        };
        let shown = block.spans.into_iter().filter(|span| !span.look.mark).map(|span| Part::Of(span.range));
        ended.into_iter().chain(label).chain(shown)
    })
}

fn joined(text: &str, blocks: impl Iterator<Item = Block>) -> String {
    let mut line = String::new();
    for part in parts_of(blocks) {
        match part {
            Part::Of(range) => line.push_str(text.get(range).unwrap_or_default()),
            Part::Label(label) => line.extend([label.as_str(), " "]),
            // Of lines without a word nothing is left.
            Part::Break if line.is_empty() || line.ends_with(' ') => {}
            Part::Break => line.push(' '),
        }
    }
    line.replace('\t', " ").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_words_and_not_their_marks() {
        for (text, wanted) in [
            ("**Bring** the _blue_ cards and `ls -l`:", "Bring the blue cards and ls -l:"),
            ("> as you said\n- one\n- two\n1. three", "as you said • one • two 1. three"),
            ("```\nmake \\\n\tall\n```\nthen", "make \\  all then"),
            ("see **https://example.org/_a_**", "see https://example.org/_a_"),
            ("\n\n 2 * 3 *is* 6\u{202E} \n", "2 * 3 is 6"),
            ("***", "***"),
        ] {
            assert_eq!(brief(text), wanted, "{text:?}");
        }
    }

    #[test]
    fn what_is_open_where_a_text_was_cut_is_no_sign() {
        for (text, wanted) in [
            ("**all of it is bold and lo", "all of it is bold and lo"),
            ("so *this and **that", "so this and that"),
            ("run `ls -l and", "run ls -l and"),
            ("```\nfn main", "fn main"),
            ("2 * 3 and a_b **", "2 * 3 and a_b **"),
            ("**a** b `", "a b `"),
        ] {
            assert_eq!(brief_beginning(text), wanted, "{text:?}");
            assert!(wanted == text || brief(text) != wanted || !text.contains('\n'), "{text:?}");
        }
        assert_eq!(brief("**all of it"), "**all of it", "a whole text that opens nothing");
    }

    #[test]
    fn the_first_line_is_the_first_that_says_something() {
        assert_eq!(first_line("\n  \n> **first**\u{202E} line \nsecond"), "first line");
        assert_eq!(first_line("```\ncode\n```"), "code");
        assert_eq!(first_line(" \n"), "");
    }

    #[test]
    fn the_parts_are_bytes_of_the_text_in_order() {
        let text = "- **no** the\nentrance";
        let told: Vec<_> = parts(text)
            .map(|part| match part {
                Part::Of(range) => text[range].to_owned(),
                Part::Label(label) => format!("<{label}>"),
                Part::Break => "|".to_owned(),
            })
            .collect();
        assert_eq!(told.concat(), "<•>no the|entrance");
    }
}
