//! Where characters, words and paragraphs of a text begin and end.

use std::ops::Range;

use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation};

/// The first boundary between two characters at `at` or behind it.
pub(super) fn settled(text: &str, at: usize) -> usize {
    let at = text.ceil_char_boundary(at.min(text.len()));
    let mut cursor = GraphemeCursor::new(at, text.len(), true);
    if cursor.is_boundary(text, 0) == Ok(true) { at } else { after(text, at) }
}

/// The last one at `at` or before it.
fn settled_back(text: &str, at: usize) -> usize {
    let at = text.floor_char_boundary(at);
    let mut cursor = GraphemeCursor::new(at, text.len(), true);
    if cursor.is_boundary(text, 0) == Ok(true) { at } else { before(text, at) }
}

/// The boundary before the one at `at`; 0 where there is none.
pub(super) fn before(text: &str, at: usize) -> usize {
    GraphemeCursor::new(at, text.len(), true).prev_boundary(text, 0).ok().flatten().unwrap_or(0)
}

/// The boundary behind `at`; the end where there is none.
pub(super) fn after(text: &str, at: usize) -> usize {
    GraphemeCursor::new(at, text.len(), true).next_boundary(text, 0).ok().flatten().unwrap_or(text.len())
}

/// Whether what stands between two word boundaries is a word; blanks and marks are not, a picture is.
fn is_word(piece: &str) -> bool {
    piece.chars().any(|c| c.is_alphanumeric() || !(c.is_ascii() || c.is_whitespace()))
}

/// Where the word before `at` begins.
pub(super) fn word_before(text: &str, at: usize) -> usize {
    let head = text.get(..at).unwrap_or_default();
    let found = head.split_word_bound_indices().rev().find(|(_, piece)| is_word(piece));
    found.map_or(0, |(start, _)| settled_back(text, start))
}

/// Where the word behind `at` ends.
pub(super) fn word_after(text: &str, at: usize) -> usize {
    let tail = text.get(at..).unwrap_or_default();
    let found = tail.split_word_bound_indices().find(|(_, piece)| is_word(piece));
    found.map_or(text.len(), |(start, piece)| settled(text, at + start + piece.len()))
}

/// What stands between two line breaks around `at`.
pub(super) fn paragraph(text: &str, at: usize) -> Range<usize> {
    let (head, tail) = text.split_at_checked(at).unwrap_or((text, ""));
    let start = head.rfind('\n').map_or(0, |newline| newline + 1);
    start..tail.find('\n').map_or(text.len(), |newline| at + newline)
}

/// The word at `at`, or what stands between two words there.
pub(super) fn word(text: &str, at: usize) -> Range<usize> {
    let paragraph = paragraph(text, at);
    let within = text.get(paragraph.clone()).unwrap_or_default();
    let mut pieces = within.split_word_bound_indices().map(|(start, piece)| {
        let start = paragraph.start + start;
        start..start + piece.len()
    });
    match pieces.find(|piece| at < piece.end) {
        Some(piece) => settled_back(text, piece.start)..settled(text, piece.end),
        // Behind the last one.
        None => word_before(text, at).max(paragraph.start)..paragraph.end,
    }
}
