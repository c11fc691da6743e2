//! A text in lines as wide as a field: where each begins, and where in it the caret stands. Lines end where those of a message do
//! (`breaking`). Only lines that are looked at are measured exactly; where they end is reckoned from the widths of single characters, and
//! after an edit only around it.

use std::cell::{Ref, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use super::bounds::{after, before, paragraph, settled};
use crate::breaking::{is_settled, lines_from, piece_ends};
use crate::direction::{directed, drawn, from_the_right};

/// Of a character that is longer, with all its marks, only the beginning is measured.
const CHARACTER_MAX_BYTES: usize = 64;

/// Characters whose widths are kept before all are forgotten.
const WIDTHS_MAX: usize = 4_096;

/// A character is measured so often at once: its width has fractions of a pixel.
const TIMES: i32 = 8;

/// How wide lines may be, pixels, and how wide a text is.
#[derive(Clone, Copy)]
pub struct Room<'a> {
    /// The widest line.
    pub width: i32,
    /// The width of a text that stands in one line.
    pub measure: &'a dyn Fn(&str) -> i32,
}

impl fmt::Debug for Room<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Room").field("width", &self.width).finish_non_exhaustive()
    }
}

/// Where the lines of a text begin, as it was broken last.
#[derive(Default)]
pub(super) struct Layout {
    text: String,
    width: i32,
    starts: Vec<usize>,
    widths: RefCell<Widths>,
}

/// Not the text a second time.
impl fmt::Debug for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layout").field("lines", &self.starts.len()).finish_non_exhaustive()
    }
}

impl Layout {
    /// At least one.
    pub fn starts(&self) -> &[usize] {
        &self.starts
    }

    /// Breaks `text` into lines of that room. Where it differs from the last one only in a place, only that is broken anew.
    pub fn lay(&mut self, text: &str, room: &Room<'_>) {
        let anew = self.starts.is_empty() || self.width != room.width;
        if !anew && self.text == text {
            return;
        }
        let (old, same) = if anew {
            (std::mem::take(&mut self.starts), Same::default())
        } else {
            let same = Same::of(&self.text, text);
            // Where a line begins depends on the first piece of it, too: that has to end before anything changed.
            let changed = text.floor_char_boundary(same.before);
            let untouched = |start: &usize| piece_end(text, *start) < changed;
            let first = line_of(&self.starts, changed);
            let kept = self.starts.get(..=first).and_then(|starts| starts.iter().rposition(untouched));
            (self.starts.split_off(kept.unwrap_or(0)), same)
        };
        let shift = |start: usize| (start + text.len()).checked_sub(self.text.len());
        let kept = text.ceil_char_boundary(text.len() - same.behind);
        let first = old.first().copied().unwrap_or(0);
        self.starts.push(first);
        for next in starts_behind(text, first, room, &self.widths) {
            if next >= kept
                && let Ok(known) = old.binary_search_by_key(&Some(next), |start| shift(*start))
                && !anew
                && is_settled(text, kept, next)
            {
                self.starts.extend(old.iter().skip(known).filter_map(|start| shift(*start)));
                break;
            }
            self.starts.push(next);
        }
        self.width = room.width;
        text.clone_into(&mut self.text);
    }
}

/// Where the first piece of the line ends that begins at `start`.
fn piece_end(text: &str, start: usize) -> usize {
    let paragraph = paragraph(text, start);
    let line = text.get(paragraph.clone()).unwrap_or_default();
    piece_ends(line, start - paragraph.start).next().map_or(text.len(), |end| paragraph.start + end)
}

/// How many bytes of two texts are the same, from both ends.
#[derive(Default)]
struct Same {
    before: usize,
    behind: usize,
}

impl Same {
    fn of(old: &str, new: &str) -> Self {
        let before = old.bytes().zip(new.bytes()).take_while(|(a, b)| a == b).count();
        let most = old.len().min(new.len()) - before;
        let both = old.bytes().rev().zip(new.bytes().rev()).take(most);
        Self { before, behind: both.take_while(|(a, b)| a == b).count() }
    }
}

fn line_of(starts: &[usize], at: usize) -> usize {
    starts.partition_point(|start| *start <= at).saturating_sub(1)
}

/// Where the lines behind the one that begins at `from` begin.
fn starts_behind(
    text: &str,
    from: usize,
    room: &Room<'_>,
    widths: &RefCell<Widths>,
) -> impl Iterator<Item = usize> {
    let most = room.width.saturating_mul(TIMES);
    let mut next = Some(from);
    let paragraphs = std::iter::from_fn(move || {
        let from = next?;
        let range = paragraph(text, from);
        next = (range.end < text.len()).then_some(range.end + 1);
        Some((range, from))
    });
    paragraphs
        .flat_map(move |(range, from)| {
            let line = text.get(range.clone()).unwrap_or_default();
            let width =
                move |part: Range<usize>| widths.borrow_mut().of(line.get(part).unwrap_or_default(), room);
            lines_from(line, from - range.start, most, width).map(move |line| range.start + line.start)
        })
        .skip(1)
}

/// Widths of single characters, in parts of [`TIMES`].
#[derive(Default)]
struct Widths(HashMap<String, i32>);

impl Widths {
    /// The width of a part of a line, as the sum of those of its characters.
    fn of(&mut self, part: &str, room: &Room<'_>) -> i32 {
        let (mut at, mut sum) = (0, 0_i32);
        while at < part.len() {
            let end = character_end(part, at);
            sum = sum.saturating_add(self.of_character(part.get(at..end).unwrap_or_default(), room));
            at = end;
        }
        sum
    }

    fn of_character(&mut self, character: &str, room: &Room<'_>) -> i32 {
        if let Some(width) = self.0.get(character) {
            return *width;
        }
        let beginning = text_beginning(character);
        let shown = shown(beginning);
        // Scripts that join letters are widest where a letter stands alone; others are measured to a part of a pixel.
        let joins = character.chars().any(|c| matches!(c, '\u{0590}'..='\u{1AFF}' | '\u{200D}'));
        let times = usize::try_from(TIMES).unwrap_or(1);
        let width = if joins {
            (room.measure)(&shown).saturating_mul(TIMES)
        } else {
            (room.measure)(&shown.repeat(times))
        };
        if self.0.len() >= WIDTHS_MAX {
            self.0.clear();
        }
        if character.len() <= CHARACTER_MAX_BYTES {
            self.0.insert(character.to_owned(), width);
        }
        width
    }
}

/// Most characters are one byte, and need no table.
fn character_end(text: &str, at: usize) -> usize {
    let bytes = text.as_bytes();
    match (bytes.get(at), bytes.get(at + 1)) {
        (Some(..0x80), None | Some(..0x80)) => at + 1,
        _ => after(text, at),
    }
}

fn text_beginning(character: &str) -> &str {
    character.get(..character.floor_char_boundary(CHARACTER_MAX_BYTES)).unwrap_or(character)
}

/// A part of one line as it is drawn: a tab has a width, and what a terminal would obey can be seen.
pub(super) fn shown(part: &str) -> String {
    if !part.contains(char::is_control) {
        return part.to_owned();
    }
    let mut shown = String::with_capacity(part.len() + 3);
    for c in part.chars() {
        match c {
            '\t' => shown.push_str("    "),
            '\u{0}'..='\u{1F}' => {
                shown.push(char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{FFFD}'));
            }
            _ if c.is_control() => shown.push('\u{FFFD}'),
            _ => shown.push(c),
        }
    }
    shown
}

/// A part of a line that is written in one direction.
struct Run {
    range: Range<usize>,
    from_the_right: bool,
    x: i32,
    width: i32,
}

/// A part of a line as it is drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawn {
    /// Pixels from the left edge.
    pub x: i32,
    /// What is drawn there.
    pub text: String,
}

/// A place between two characters of a line, as it is seen.
struct Stop {
    at: usize,
    x: i32,
}

/// The lines of a text, in one room.
pub struct Lines<'a> {
    text: &'a str,
    starts: Ref<'a, [usize]>,
    room: Room<'a>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str, starts: Ref<'a, [usize]>, room: Room<'a>) -> Self {
        Self { text, starts, room }
    }

    /// How many; at least one.
    #[must_use]
    pub fn count(&self) -> usize {
        self.starts.len()
    }

    /// The line in which the caret stands when it is at `at`.
    #[must_use]
    pub fn line(&self, at: usize) -> usize {
        line_of(&self.starts, at)
    }

    /// What stands in a line, without the line break that ends it.
    #[must_use]
    pub fn range(&self, line: usize) -> Range<usize> {
        let start = self.starts.get(line).copied().unwrap_or(self.text.len());
        let end = self.starts.get(line + 1).copied().unwrap_or(self.text.len());
        start..if self.is_hard(line) { end.saturating_sub(1).max(start) } else { end }
    }

    /// A line break of the writer ends it.
    fn is_hard(&self, line: usize) -> bool {
        let next = self.starts.get(line + 1);
        next.is_some_and(|next| self.text.as_bytes().get(next.wrapping_sub(1)) == Some(&b'\n'))
    }

    /// The last place in a line where the caret can stand: the end of one that was broken is the beginning of the next.
    #[must_use]
    pub fn last_of(&self, line: usize) -> usize {
        let range = self.range(line);
        let broken = line + 1 < self.count() && !self.is_hard(line);
        if broken { before(self.text, range.end).max(range.start) } else { range.end }
    }

    /// What is drawn of a line, from left to right.
    #[must_use]
    pub fn drawn(&self, line: usize) -> Vec<Drawn> {
        let part = |run: &Run| shown(self.text.get(run.range.clone()).unwrap_or_default());
        let runs = self.runs(line).into_iter().filter(|run| !run.range.is_empty());
        runs.map(|run| Drawn { x: run.x, text: drawn(part(&run).into(), run.from_the_right) }).collect()
    }

    /// Whether a line begins at the right: all of a paragraph's do, or none.
    #[must_use]
    pub fn is_from_the_right(&self, line: usize) -> bool {
        let start = self.range(line).start;
        from_the_right(self.text.get(paragraph(self.text, start)).unwrap_or_default())
    }

    /// The place that is seen next to the one at `at`, on the right or on the left; `None`: it is the last in its line there.
    #[must_use]
    pub fn beside(&self, at: usize, right: bool) -> Option<usize> {
        let here = self.x(at);
        let line = self.line(at);
        let away = |stop: &Stop| if right { stop.x - here } else { here - stop.x };
        let stops = self.runs(line).into_iter().flat_map(|run| self.stops(&run));
        let last = self.last_of(line);
        let beyond = stops.filter(|stop| away(stop) > 0 && stop.at <= last);
        // Where two runs meet, two places are seen at one: the one that goes on with what was gone over.
        beyond.min_by_key(|stop| (away(stop), stop.at.abs_diff(at))).map(|stop| stop.at)
    }

    /// The places of a run: behind each of its characters, and before the first of the line.
    fn stops(&self, run: &Run) -> Vec<Stop> {
        let begins = self.line(run.range.start);
        let first = (self.range(begins).start == run.range.start).then_some(run.range.start);
        let mut stops: Vec<usize> = first.into_iter().collect();
        let mut at = run.range.start;
        while at < run.range.end {
            at = after(self.text, at).min(run.range.end);
            stops.push(at);
        }
        stops.into_iter().map(|at| Stop { at, x: self.x_in(run, at) }).collect()
    }

    fn x_in(&self, run: &Run, at: usize) -> i32 {
        let before = self.measured(run.range.start..at);
        let x = if run.from_the_right { run.x + run.width - before } else { run.x + before };
        x.clamp(0, self.room.width.max(0))
    }

    /// Where the caret stands in its line, pixels from the left edge.
    #[must_use]
    pub fn x(&self, at: usize) -> i32 {
        let line = self.line(at);
        let runs = self.runs(line);
        // The caret goes on with what stands before it.
        let run = runs.iter().find(|run| run.range.start < at && at <= run.range.end);
        let run = run.or_else(|| runs.iter().find(|run| run.range.contains(&at)));
        run.map_or(0, |run| self.x_in(run, at))
    }

    /// The place in a line that is nearest to `x`.
    #[must_use]
    pub fn at(&self, line: usize, x: i32) -> usize {
        let range = self.range(line);
        let runs = self.runs(line);
        let Some(run) = runs.iter().rev().find(|run| x >= run.x).or_else(|| runs.first()) else {
            return range.start;
        };
        let wanted = if run.from_the_right { run.x + run.width - x } else { x - run.x };
        let mut stops = vec![run.range.start];
        while let Some(last) = stops.last().copied().filter(|last| *last < run.range.end) {
            stops.push(after(self.text, last).min(run.range.end));
        }
        let far = |stop: usize| self.measured(run.range.start..stop);
        let over = stops.partition_point(|stop| far(*stop) < wanted);
        let right = stops.get(over).or_else(|| stops.last()).copied().unwrap_or(range.start);
        let left = over.checked_sub(1).and_then(|at| stops.get(at)).copied().unwrap_or(right);
        let nearest = if wanted - far(left) <= far(right) - wanted { left } else { right };
        settled(self.text, nearest).clamp(range.start, self.last_of(line))
    }

    /// From where to where a part of the text is seen in a line: pixels from the left edge, and a width.
    #[must_use]
    pub fn spans(&self, line: usize, part: &Range<usize>) -> Vec<(i32, i32)> {
        let mut spans = Vec::new();
        for run in self.runs(line) {
            let from = part.start.max(run.range.start);
            let to = part.end.min(run.range.end);
            if from >= to {
                continue;
            }
            let (near, far) = (self.measured(run.range.start..from), self.measured(run.range.start..to));
            let left = if run.from_the_right { run.x + run.width - far } else { run.x + near };
            spans.push((left, far - near));
        }
        spans
    }

    fn measured(&self, range: Range<usize>) -> i32 {
        match self.text.get(range) {
            None | Some("") => 0,
            Some(part) => (self.room.measure)(&shown(part)),
        }
    }

    /// From the left.
    fn runs(&self, line: usize) -> Vec<Run> {
        let range = self.range(line);
        let text = self.text.get(range.clone()).unwrap_or_default();
        let turned = self.is_from_the_right(line);
        let parts = directed(text, turned).into_iter();
        let mut runs: Vec<Run> = parts
            .map(|part| {
                let range = range.start + part.range.start..range.start + part.range.end;
                let width = self.measured(range.clone());
                Run { range, from_the_right: part.from_right, x: 0, width }
            })
            .collect();
        let all = runs.iter().map(|run| run.width).fold(0, i32::saturating_add);
        let mut x = if turned { self.room.width - all } else { 0 };
        for run in &mut runs {
            run.x = x;
            x += run.width;
        }
        runs
    }
}

impl fmt::Debug for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").field("count", &self.count()).finish_non_exhaustive()
    }
}
