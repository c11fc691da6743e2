//! A message's text in lines of styled runs: broken once for a width, then drawn, pressed and selected by the same numbers.
//!
//! Offsets are bytes of what can be seen of the text ([`Laid::text`]), the marks of its markdown with them.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use crate::breaking::lines_of;
use crate::direction::{Directed, directed, drawn, from_the_right};
use crate::markdown::{self, Block, Kind, Look, Span};
use crate::style::Style;
use crate::text::{is_mark, visible};

/// Height of a line, pixels.
pub const LINE: i32 = 22;

/// A folded text shows so many lines.
pub const FOLDED_LINES: usize = 40;

/// And so much of it, bytes.
pub const FOLDED_BYTES: usize = 4 << 10;

/// Pixels by which a quote is indented.
const QUOTE_INDENT: i32 = 12;

/// Pixels between an item's mark and its text.
const ITEM_GAP: i32 = 8;

/// Pixels around a block of code.
const CODE_INDENT: i32 = 8;

/// Gives the width of a text in pixels.
pub type Width<'a> = &'a dyn Fn(Style, &str) -> i32;

/// A text, and how it is to be laid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask<'a> {
    /// A stranger's text.
    pub body: &'a str,
    /// The most that a line may be wide, pixels.
    pub max: i32,
    /// All of it, where it is long.
    pub whole: bool,
    /// Without looking for markdown and links.
    pub plain: bool,
}

/// What stands behind or beside a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ground {
    /// Nothing.
    Plain,
    /// The bar of a quote.
    Quote,
    /// The ground of code.
    Code,
}

/// A part of a line that is drawn at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its bytes of the text.
    pub range: Range<usize>,
    /// What is drawn.
    pub drawn: String,
    /// In which letters.
    pub style: Style,
    /// From the left end of the line, pixels.
    pub x: i32,
    /// Its width, pixels.
    pub w: i32,
    /// All bytes of the link that it belongs to.
    pub link: Option<Range<usize>>,
    /// It runs from the right.
    pub from_right: bool,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its bytes of the text, without the spaces at its end.
    pub range: Range<usize>,
    /// From left to right as they are seen.
    pub runs: Vec<Run>,
    /// What stands before the text of the first line of an item.
    pub label: Option<String>,
    /// Pixels kept free at the side where it begins.
    pub indent: i32,
    /// Width of all runs, pixels.
    pub width: i32,
    /// What stands behind it.
    pub ground: Ground,
    /// It begins at the right.
    pub from_right: bool,
    /// It has marks that could leave the line.
    pub marks: bool,
}

/// A text in lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Laid {
    /// What can be seen of it.
    pub text: String,
    /// So many characters cannot.
    pub hidden: usize,
    /// Its lines, or the first of them.
    pub rows: Vec<Row>,
    /// There is more of it than a folded text shows.
    pub long: bool,
}

impl Laid {
    /// Width of the widest line, pixels.
    #[must_use]
    pub fn width(&self) -> i32 {
        self.rows.iter().map(|row| row.indent + row.width).max().unwrap_or(0)
    }

    /// The address of a link.
    #[must_use]
    pub fn address(&self, link: &Range<usize>) -> &str {
        self.text.get(link.clone()).unwrap_or_default()
    }
}

/// Breaks a text into lines. The work grows with what is shown of it, and one look over all of it.
#[must_use]
pub fn lay(ask: &Ask<'_>, width: Width<'_>) -> Laid {
    let (text, hidden) = visible(ask.body);
    let most = if ask.whole { usize::MAX } else { FOLDED_LINES + 1 };
    let long = text.len() > FOLDED_BYTES;
    let mut laying = Laying { text: &text, max: ask.max, most, width, rows: Vec::new(), long };
    if ask.plain {
        laying.blocks(markdown::plain(&text));
    } else {
        laying.blocks(markdown::blocks(&text));
    }
    let Laying { rows, long, .. } = laying;
    Laid { text, hidden, rows, long }
}

/// The same of one line of a text that can be seen as it is, in no more than `most` lines.
#[must_use]
pub fn lay_line(text: &str, spans: Vec<Span>, max: i32, most: usize, width: Width<'_>) -> Vec<Row> {
    let mut laying = Laying { text, max, most, width, rows: Vec::new(), long: false };
    laying.block(&Block { kind: Kind::Plain, range: 0..text.len(), spans });
    laying.rows
}

struct Laying<'a> {
    text: &'a str,
    /// The most that a line may be wide, pixels.
    max: i32,
    /// So many lines are wanted.
    most: usize,
    width: Width<'a>,
    rows: Vec<Row>,
    long: bool,
}

impl<'a> Laying<'a> {
    fn blocks(&mut self, blocks: impl Iterator<Item = Block>) {
        let end = self.text.floor_char_boundary(FOLDED_BYTES);
        let whole = self.most == usize::MAX;
        for mut block in blocks {
            if !whole {
                if self.rows.len() > FOLDED_LINES || (block.range.start >= end && self.long) {
                    break;
                }
                block.range.end = block.range.end.min(end.max(block.range.start));
            }
            self.block(&block);
        }
        self.long |= self.rows.len() > FOLDED_LINES;
        if !whole {
            self.rows.truncate(FOLDED_LINES);
        }
    }

    fn block(&mut self, block: &Block) {
        let (indent, ground, mut label) = match &block.kind {
            Kind::Plain => (0, Ground::Plain, None),
            Kind::Quote => (QUOTE_INDENT, Ground::Quote, None),
            Kind::Code => (CODE_INDENT, Ground::Code, None),
            Kind::Item(label) => {
                ((self.width)(Style::Body, label) + ITEM_GAP, Ground::Plain, Some(label.clone()))
            }
        };
        let line = self.part(&block.range);
        let from_right = ground != Ground::Code && from_the_right(line);
        let most = self.most - self.rows.len();
        let base = block.range.start;
        let width = |range: Range<usize>| -> i32 {
            let range = base + range.start..base + range.end;
            parts(&block.spans, &range).map(|(range, look)| self.measured(style(look), &range)).sum()
        };
        let right = if ground == Ground::Code { CODE_INDENT } else { 0 };
        let ranges: Vec<_> = lines_of(line, self.max - indent - right, width).take(most).collect();
        for range in ranges {
            let range = base + range.start..base + range.end;
            let runs = self.runs(block, &range, from_right);
            let width = runs.iter().map(|run| run.w).sum();
            let marks = self.part(&range).contains(is_mark);
            self.rows.push(Row {
                range,
                runs,
                label: label.take(),
                indent,
                width,
                ground,
                from_right,
                marks,
            });
        }
    }

    fn part(&self, range: &Range<usize>) -> &'a str {
        self.text.get(range.clone()).unwrap_or_default()
    }

    fn measured(&self, style: Style, range: &Range<usize>) -> i32 {
        (self.width)(style, &untabbed(self.part(range)))
    }

    /// The runs of one line from left to right.
    fn runs(&self, block: &Block, line: &Range<usize>, from_right: bool) -> Vec<Run> {
        let mut runs = Vec::new();
        let mut x = 0;
        for Directed { range, from_right } in directed(self.part(line), from_right) {
            let piece = line.start + range.start..line.start + range.end;
            let mut found: Vec<_> = parts(&block.spans, &piece).collect();
            if from_right {
                found.reverse();
            }
            for (range, look) in found {
                let style = style(look);
                let w = self.measured(style, &range);
                let link = look.link.then(|| whole_link(&block.spans, &range)).flatten();
                let drawn = drawn(untabbed(self.part(&range)), from_right);
                runs.push(Run { range, drawn, style, x, w, link, from_right });
                x += w;
            }
        }
        runs
    }
}

/// What of `range` is shown, span by span.
fn parts<'s>(
    spans: &'s [Span],
    range: &Range<usize>,
) -> impl Iterator<Item = (Range<usize>, Look)> + use<'s> {
    let Range { start, end } = range.clone();
    let first = spans.partition_point(|span| span.range.end <= start);
    spans
        .get(first..)
        .unwrap_or_default()
        .iter()
        .take_while(move |span| span.range.start < end)
        .filter(|span| !span.look.mark)
        .map(move |span| (span.range.start.max(start)..span.range.end.min(end), span.look))
}

fn whole_link(spans: &[Span], part: &Range<usize>) -> Option<Range<usize>> {
    let index = spans.partition_point(|span| span.range.end <= part.start);
    spans.get(index).map(|span| span.range.clone())
}

fn style(look: Look) -> Style {
    match (look.code, look.strong, look.italic) {
        (true, ..) => Style::Mono,
        (_, true, true) => Style::StrongItalic,
        (_, true, false) => Style::Strong,
        (_, false, true) => Style::Italic,
        (_, false, false) => Style::Body,
    }
}

/// A tab is drawn as so many spaces.
const TAB: &str = "    ";

fn untabbed(text: &str) -> std::borrow::Cow<'_, str> {
    if text.contains('\t') { text.replace('\t', TAB).into() } else { text.into() }
}

impl Row {
    /// Where its left end is, from the left edge of `room` pixels that it may fill.
    #[must_use]
    pub fn left(&self, room: i32) -> i32 {
        if self.from_right { room - self.indent - self.width } else { self.indent }
    }

    /// The offset between two characters that is next to `x` pixels from the line's left end.
    #[must_use]
    pub fn offset_at(&self, text: &str, x: i32, width: Width<'_>) -> usize {
        let (Some(first), Some(last)) = (self.runs.first(), self.runs.last()) else {
            return self.range.start;
        };
        if x < first.x {
            return if first.from_right { first.range.end } else { first.range.start };
        }
        let run = self.runs.iter().find(|run| x < run.x + run.w).unwrap_or(last);
        let inside = if run.from_right { run.x + run.w - x } else { x - run.x };
        run.range.start + run.nearest(text, inside, width)
    }

    /// What of the offsets of `chosen` is seen of this line: pixels from its left end, and widths.
    #[must_use]
    pub fn stretches(&self, text: &str, chosen: &Range<usize>, width: Width<'_>) -> Vec<(i32, i32)> {
        let mut found: Vec<(i32, i32)> = Vec::new();
        for run in &self.runs {
            let (from, to) = (chosen.start.max(run.range.start), chosen.end.min(run.range.end));
            if from >= to {
                continue;
            }
            let (near, far) = (run.before(text, from, width), run.before(text, to, width));
            let left = if run.from_right { run.x + run.w - far } else { run.x + near };
            match found.last_mut() {
                Some((x, w)) if *x + *w == left => *w += far - near,
                _ => found.push((left, far - near)),
            }
        }
        found
    }
}

impl Run {
    fn text<'t>(&self, text: &'t str) -> &'t str {
        text.get(self.range.clone()).unwrap_or_default()
    }

    /// Width of what stands before `offset`.
    fn before(&self, text: &str, offset: usize, width: Width<'_>) -> i32 {
        if offset >= self.range.end {
            return self.w;
        }
        let head = self.text(text).get(..offset.saturating_sub(self.range.start)).unwrap_or_default();
        width(self.style, &untabbed(head)).min(self.w)
    }

    /// The place between two characters that is next to so many pixels from where the run begins.
    fn nearest(&self, text: &str, pixels: i32, width: Width<'_>) -> usize {
        let part = self.text(text);
        let ends: Vec<usize> =
            std::iter::once(0).chain(part.grapheme_indices(true).map(|(at, c)| at + c.len())).collect();
        let at = |end: usize| self.before(text, self.range.start + end, width);
        let index = ends.partition_point(|end| at(*end) <= pixels);
        let low = ends.get(index.saturating_sub(1)).copied().unwrap_or(0);
        let high = ends.get(index).copied().unwrap_or(low);
        if pixels - at(low) <= at(high) - pixels { low } else { high }
    }
}

#[cfg(test)]
mod tests;
