//! The part of a text around what was found in it. Where that stands is told as places: a mark in the text could be forged by who wrote it.

use std::ops::Range;

use ipc_schema::limits::{CONTEXT_MAX_CHARS, HITS_MAX};

use super::letters::{GAP, Letter, letters};
use super::query::{Term, Wanted};

/// How far into a text what was found is looked for again, bytes. A peer may fill 294,400.
const LOOKED_AT_BYTES: usize = 64 << 10;
/// At most so much stands before what was found first, characters.
const BEFORE_CHARS: usize = 40;

/// A part of a text.
#[derive(Clone, PartialEq, Eq)]
pub struct Context {
    /// It, at most [`CONTEXT_MAX_CHARS`].
    pub text: String,
    /// Where in it what was looked for stands: bytes, in order and apart.
    pub hits: Vec<Range<usize>>,
}

impl Wanted {
    /// The part of `body` around what stands first in it of what is looked for; its beginning, without a hit, where that is not found again.
    #[must_use]
    pub fn context(&self, body: &str) -> Context {
        let looked_at = letters(body.get(..body.floor_char_boundary(LOOKED_AT_BYTES)).unwrap_or(body));
        let first = self.terms.iter().filter_map(|term| term.places(&looked_at).next()).map(|hit| hit.start);
        let Some(first) = first.min() else { return Context { text: shown(body), hits: Vec::new() } };
        let from = beginning(body, first);
        let text = shown(body.get(from..).unwrap_or_default());
        let to = from + text.len();
        let mut hits: Vec<Range<usize>> = Vec::new();
        for term in &self.terms {
            let inside = term.places(&looked_at).skip_while(|hit| hit.start < from);
            let inside = inside.take_while(|hit| hit.start < to);
            hits.extend(inside.map(|hit| hit.start - from..hit.end.min(to) - from));
        }
        Context { text, hits: apart(hits) }
    }
}

impl Term {
    /// Where it stands, in order.
    fn places<'a>(&'a self, letters: &'a [Letter]) -> impl Iterator<Item = Range<usize>> + 'a {
        (0..letters.len()).filter_map(move |at| {
            let begins =
                self.is_unspaced || at == 0 || letters.get(at - 1).is_some_and(|before| before.is == GAP);
            let rest = letters.get(at..).filter(|_| begins)?;
            let length = self.length_at(rest)?;
            let ends = self.is_unspaced || self.is_open || rest.get(length).is_none_or(|next| next.is == GAP);
            let last = rest.get(length.checked_sub(1)?).filter(|_| ends)?;
            Some(rest.first()?.from..last.to)
        })
    }

    /// How many letters of the text it takes, where it stands at their beginning. Its gap is any number of them.
    fn length_at(&self, letters: &[Letter]) -> Option<usize> {
        let mut length = 0;
        for wanted in &self.letters {
            let rest = letters.get(length..)?;
            let most = if *wanted == GAP { usize::MAX } else { 1 };
            let same = rest.iter().take(most).take_while(|letter| letter.is == *wanted).count();
            if same == 0 {
                return None;
            }
            length += same;
        }
        Some(length)
    }
}

/// As much of a text as is shown.
fn shown(text: &str) -> String {
    text.chars().take(CONTEXT_MAX_CHARS).collect()
}

/// Where a part begins that shows what stands at `hit`: at the beginning of a word, if there is one.
fn beginning(body: &str, hit: usize) -> usize {
    let before = body.get(..hit).unwrap_or_default();
    let Some((from, _)) = before.char_indices().rev().take(BEFORE_CHARS).last() else { return 0 };
    let cut = before.get(from..).unwrap_or_default();
    let word = cut.char_indices().find(|(_, c)| c.is_whitespace()).map(|(at, c)| from + at + c.len_utf8());
    if from == 0 { 0 } else { word.unwrap_or(from) }
}

/// In order; what overlaps or touches is one.
fn apart(mut hits: Vec<Range<usize>>) -> Vec<Range<usize>> {
    hits.sort_by_key(|hit| (hit.start, hit.end));
    let mut apart: Vec<Range<usize>> = Vec::new();
    for hit in hits {
        match apart.last_mut() {
            Some(last) if hit.start <= last.end => last.end = last.end.max(hit.end),
            _ => apart.push(hit),
        }
    }
    apart.truncate(HITS_MAX);
    apart
}
