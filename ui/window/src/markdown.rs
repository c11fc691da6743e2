//! The light markdown of messages: **bold**, *italic* or _italic_, `code`, blocks of code, quotes and lists, and nothing else.
//!
//! It is read line by line, each once. Nothing nests deeper than bold in italic, and what is not well-formed stays as it was typed. What
//! is a mark is still there, in its own span: whoever copies gets it back.

use std::ops::Range;

use unicode_linebreak::{BreakClass, break_property};

use crate::links;

/// How a part of a line looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Look {
    /// Between `**`.
    pub strong: bool,
    /// Between `*` or `_`.
    pub italic: bool,
    /// Between backticks.
    pub code: bool,
    /// A link.
    pub link: bool,
    /// The mark itself, which is not shown.
    pub mark: bool,
}

/// A part of a line that looks the same from end to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Bytes of the whole text.
    pub range: Range<usize>,
    /// How it looks.
    pub look: Look,
}

/// What a line is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A line like any other.
    Plain,
    /// Behind `> `.
    Quote,
    /// Behind `- ` or `1. `; what is shown in its place.
    Item(String),
    /// Between lines of three backticks.
    Code,
}

/// One line as it was typed, without the marks at its beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// What it is.
    pub kind: Kind,
    /// Bytes of the whole text.
    pub range: Range<usize>,
    /// All of it in order, without a gap.
    pub spans: Vec<Span>,
}

/// The fence of a block of code.
const FENCE: &str = "```";

/// A number of more digits begins no item.
const DIGITS_MAX: usize = 3;

/// The lines of a text, read as far as they are asked for.
#[derive(Debug)]
pub struct Blocks<'a> {
    text: &'a str,
    /// Where the next line begins; past the end once there is none.
    at: usize,
    /// Where the block of code ends in which the next line lies.
    code_until: Option<usize>,
    /// No fence was found behind here.
    no_fence: bool,
    /// It goes on behind what is here.
    cut: bool,
}

/// Reads a text.
#[must_use]
pub fn blocks(text: &str) -> Blocks<'_> {
    Blocks { text, at: 0, code_until: None, no_fence: false, cut: false }
}

/// Reads the beginning of a text: what is open at its end is taken to be closed behind it.
#[must_use]
pub fn blocks_of_beginning(text: &str) -> Blocks<'_> {
    Blocks { cut: true, ..blocks(text) }
}

/// A text as it is: its lines, without looking for marks.
pub fn plain(text: &str) -> impl Iterator<Item = Block> {
    let mut at = 0;
    text.split('\n').map(move |line| {
        let range = at..at + line.len();
        at = range.end + 1;
        let spans = vec![Span { range: range.clone(), look: Look::default() }];
        Block { kind: Kind::Plain, range, spans }
    })
}

impl Iterator for Blocks<'_> {
    type Item = Block;

    fn next(&mut self) -> Option<Block> {
        let (mut start, mut line) = self.line()?;
        if self.code_until.is_none() && opens_fence(line) {
            self.code_until = self.closing_fence();
            if self.code_until.is_some() {
                (start, line) = self.line()?;
            }
        }
        if let Some(end) = self.code_until {
            let range = start..start + line.len();
            if self.at >= end {
                // The next line is the fence.
                self.line();
                self.code_until = None;
            }
            let look = Look { code: true, ..Look::default() };
            return Some(Block { kind: Kind::Code, spans: vec![Span { range: range.clone(), look }], range });
        }
        let (kind, marks) = kind(line);
        let range = start + marks..start + line.len();
        let cut = self.cut && range.end == self.text.len();
        let spans = spans(line.get(marks..).unwrap_or_default(), range.start, cut);
        Some(Block { kind, range, spans })
    }
}

impl<'a> Blocks<'a> {
    /// The next line and where it begins.
    fn line(&mut self) -> Option<(usize, &'a str)> {
        let start = self.at;
        let rest = self.text.get(start..)?;
        let line = rest.split('\n').next()?;
        self.at = start + line.len() + 1;
        Some((start, line))
    }

    /// Where the next line of nothing but a fence begins, with one line at least before it.
    fn closing_fence(&mut self) -> Option<usize> {
        if self.no_fence {
            return None;
        }
        let mut at = self.at;
        for (index, line) in self.text.get(at..)?.split('\n').enumerate() {
            if index > 0 && line.trim_end() == FENCE {
                return Some(at);
            }
            at += line.len() + 1;
        }
        if self.cut {
            return Some(at);
        }
        self.no_fence = true;
        None
    }
}

fn opens_fence(line: &str) -> bool {
    line.strip_prefix(FENCE).is_some_and(|info| !info.contains('`'))
}

/// What a line is, and how many bytes of marks say so.
fn kind(line: &str) -> (Kind, usize) {
    if line.starts_with("> ") {
        return (Kind::Quote, 2);
    }
    let says = |rest: &str| rest.starts_with(|c: char| !c.is_whitespace());
    if line.strip_prefix("- ").is_some_and(says) {
        return (Kind::Item("•".to_owned()), 2);
    }
    let digits = line.bytes().take_while(u8::is_ascii_digit).take(DIGITS_MAX + 1).count();
    let rest = line.get(digits..).and_then(|rest| rest.strip_prefix(". "));
    if (1..=DIGITS_MAX).contains(&digits) && rest.is_some_and(says) {
        return (Kind::Item(line.get(..=digits).unwrap_or_default().to_owned()), digits + 2);
    }
    (Kind::Plain, 0)
}

/// What can be opened and closed within a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Emphasis {
    Strong,
    Star,
    Under,
}

/// A part of a line while it is read.
struct Token {
    range: Range<usize>,
    look: Look,
    /// Emphasis that begins or ends here, once its other end was found.
    turns: Option<(Emphasis, bool)>,
}

/// The parts of one line, `base` bytes into the text; `cut`: it goes on behind what is here.
fn spans(line: &str, base: usize, cut: bool) -> Vec<Span> {
    let mut reading = Reading { line, tokens: Vec::new(), open: Vec::new(), no_code: [false; 3], cut };
    reading.read();
    if cut {
        reading.close();
    }
    let mut spans: Vec<Span> = Vec::new();
    let mut look = Look::default();
    for token in reading.tokens {
        if let Some((emphasis, on)) = token.turns {
            match emphasis {
                Emphasis::Strong => look.strong = on,
                Emphasis::Star | Emphasis::Under => look.italic = on,
            }
        }
        let mark = token.look.mark || token.turns.is_some();
        let here = Look { mark, code: token.look.code, link: token.look.link, ..look };
        let range = base + token.range.start..base + token.range.end;
        match spans.last_mut() {
            // Two links may touch, and are two.
            Some(last) if last.look == here && !here.link => last.range.end = range.end,
            _ => spans.push(Span { range, look: here }),
        }
    }
    spans
}

struct Reading<'a> {
    line: &'a str,
    tokens: Vec<Token>,
    /// What is open, and the token that opened it: each kind once at most.
    open: Vec<(Emphasis, usize)>,
    /// No run of so many backticks closes what is opened from here on, less one.
    no_code: [bool; 3],
    /// It goes on behind the line.
    cut: bool,
}

impl Reading<'_> {
    fn read(&mut self) {
        let mut links = links::find(self.line).into_iter().peekable();
        let (mut at, mut plain) = (0, 0);
        while let Some(c) = self.line.get(at..).and_then(|rest| rest.chars().next()) {
            while links.next_if(|link| link.start < at).is_some() {}
            let end = match c {
                _ if links.peek().is_some_and(|link| link.start == at) => {
                    links.next().map_or(at, |link| link.end)
                }
                '`' | '*' | '_' => at + self.run(at, c),
                _ => {
                    at += c.len_utf8();
                    continue;
                }
            };
            self.text(plain..at);
            let end = match c {
                '`' => self.code(at, end),
                '*' | '_' => {
                    self.emphasis(at..end, c);
                    end
                }
                _ => {
                    self.token(at..end, Look { link: true, ..Look::default() });
                    end
                }
            };
            (at, plain) = (end, end);
        }
        self.text(plain..self.line.len());
    }

    /// Length of the run of `c` that begins here.
    fn run(&self, at: usize, c: char) -> usize {
        let rest = self.line.get(at..).unwrap_or_default();
        rest.len() - rest.trim_start_matches(c).len()
    }

    fn token(&mut self, range: Range<usize>, look: Look) {
        self.tokens.push(Token { range, look, turns: None });
    }

    fn text(&mut self, range: Range<usize>) {
        if !range.is_empty() {
            self.token(range, Look::default());
        }
    }

    /// Backticks, as many at both ends, and something between them; gives where reading goes on.
    fn code(&mut self, at: usize, inside: usize) -> usize {
        let closing = self
            .closing_backticks(inside, inside - at)
            .filter(|from| self.line.get(inside..*from).is_some_and(|code| !code.trim().is_empty()));
        let mark = Look { mark: true, ..Look::default() };
        let Some(from) = closing else {
            let opens = self.cut && inside - at <= self.no_code.len() && inside < self.line.len();
            self.token(at..inside, if opens { mark } else { Look::default() });
            return inside;
        };
        let end = from + (inside - at);
        self.token(at..inside, mark);
        self.token(inside..from, Look { code: true, ..Look::default() });
        self.token(from..end, mark);
        end
    }

    /// What is still open is emphasis to the end.
    fn close(&mut self) {
        for (emphasis, opened) in std::mem::take(&mut self.open) {
            if let Some(token) = self.tokens.get_mut(opened) {
                token.turns = Some((emphasis, true));
            }
        }
    }

    fn closing_backticks(&mut self, from: usize, length: usize) -> Option<usize> {
        let none = self.no_code.get_mut(length - 1)?;
        if *none {
            return None;
        }
        let mut at = from;
        while let Some(found) = self.line.get(at..).and_then(|rest| rest.find('`')) {
            at += found;
            let run = self.run(at, '`');
            if run == length {
                return Some(at);
            }
            at += run;
        }
        if let Some(none) = self.no_code.get_mut(length - 1) {
            *none = true;
        }
        None
    }

    /// A run of stars or underscores: it closes what is open, or opens something, or is text.
    fn emphasis(&mut self, run: Range<usize>, c: char) {
        let before = self.line.get(..run.start).and_then(|text| text.chars().next_back());
        let after = self.line.get(run.end..).and_then(|text| text.chars().next());
        let opens = after.is_some_and(|c| !c.is_whitespace()) && !before.is_some_and(is_word);
        let closes = before.is_some_and(|c| !c.is_whitespace()) && !after.is_some_and(is_word);
        let one = if c == '*' { Emphasis::Star } else { Emphasis::Under };
        let at = run.start;
        match (run.len(), c) {
            (1, _) => self.turn(run, one, opens, closes),
            (2, '*') => self.turn(run, Emphasis::Strong, opens, closes),
            (3, '*') => {
                let inner = self.open.last().map(|(emphasis, _)| *emphasis);
                if closes && inner == Some(Emphasis::Star) {
                    self.turn(at..at + 1, Emphasis::Star, false, true);
                    self.turn(at + 1..at + 3, Emphasis::Strong, false, true);
                } else {
                    self.turn(at..at + 2, Emphasis::Strong, opens, closes);
                    self.turn(at + 2..at + 3, Emphasis::Star, opens, closes);
                }
            }
            _ => self.text(run),
        }
    }

    fn turn(&mut self, mark: Range<usize>, emphasis: Emphasis, opens: bool, closes: bool) {
        let opened = self.open.iter().position(|(open, _)| *open == emphasis);
        let last = self.tokens.len();
        let inside = mark.start;
        self.text(mark);
        if let Some(index) = opened.filter(|_| closes) {
            let first = self.open.get(index).map_or(last, |(_, first)| *first);
            // What was opened within and is not closed is text.
            self.open.truncate(index);
            let from = self.tokens.get(first).map_or(inside, |token| token.range.end);
            // Between `*_*` there is nothing to emphasize.
            let says = |c: char| c.is_alphanumeric() || !c.is_ascii();
            if self.line.get(from..inside).is_some_and(|text| text.contains(says)) {
                for (token, on) in [(first, true), (last, false)] {
                    if let Some(token) = self.tokens.get_mut(token) {
                        token.turns = Some((emphasis, on));
                    }
                }
                return;
            }
        }
        if opens && !self.open.iter().any(|(open, _)| *open == emphasis) {
            self.open.push((emphasis, last));
        }
    }
}

/// A letter or digit of a script that puts spaces between words: a mark within such a word is no emphasis.
fn is_word(c: char) -> bool {
    let spaceless = matches!(
        break_property(u32::from(c)),
        BreakClass::Ideographic
            | BreakClass::ConditionalJapaneseStarter
            | BreakClass::HangulLvSyllable
            | BreakClass::HangulLvtSyllable
            | BreakClass::ComplexContext
    );
    c.is_alphanumeric() && !spaceless
}

#[cfg(test)]
mod tests;
