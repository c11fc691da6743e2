//! What was looked for, in a text that was found: the line around it, and where it stands in its bubble. Which of it was looked for is
//! told by places alone: whatever stands in a text, it marks nothing.

use std::ops::Range;

use ipc_schema::edge::ui_stored::Match;

use crate::brief::{Part, brief, parts};
use crate::markdown::{Look, Span};
use crate::text::visible;

/// One line of a text; what was looked for is strong in it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct FoundLine {
    /// It.
    pub text: String,
    /// All of it in order, without a gap.
    pub spans: Vec<Span>,
}

impl FoundLine {
    fn push(&mut self, text: &str, strong: bool) {
        let start = self.text.len();
        self.text.push_str(&text.replace('\t', " "));
        let end = self.text.len();
        match self.spans.last_mut() {
            Some(last) if last.look.strong == strong => last.range.end = end,
            _ => self.spans.push(Span { range: start..end, look: Look { strong, ..Look::default() } }),
        }
    }
}

/// Where a text's context stands in it; `None`: it is another text by now.
fn context_of(found: &Match) -> Option<Range<usize>> {
    let from = found.body.find(&found.context)?;
    Some(from..from + found.context.len())
}

/// How much can be seen of what stands before `at`, bytes.
fn seen_before(body: &str, at: usize) -> usize {
    visible(body.get(..at).unwrap_or(body)).0.len()
}

/// Where what was looked for stands in what can be seen of the text: bytes, in order.
#[must_use]
pub fn places(found: &Match) -> Vec<Range<usize>> {
    let Some(context) = context_of(found) else { return Vec::new() };
    let seen = |at: usize| seen_before(&found.body, context.start + at);
    found.hits.iter().map(|hit| seen(hit.start)..seen(hit.end)).filter(|hit| !hit.is_empty()).collect()
}

/// The part of the text around what was found first, as it reads.
#[must_use]
pub fn line(found: &Match) -> FoundLine {
    let body = found.body.as_str();
    let mut line = FoundLine::default();
    let Some(context) = context_of(found) else {
        line.push(&brief(&found.context), false);
        return line;
    };
    let behind = body.get(context.end..).unwrap_or_default();
    // Its lines are read whole: a mark has its other end in the same one.
    let end = context.end + behind.find('\n').unwrap_or(behind.len());
    let text = visible(body.get(..end).unwrap_or(body)).0;
    let (from, to) = (seen_before(body, context.start), seen_before(body, context.end));
    let hits = places(found);
    let mut label = None;
    for part in parts(&text) {
        match part {
            Part::Of(range) if range.end <= from || range.is_empty() => label = None,
            Part::Of(range) if range.start >= to => break,
            Part::Of(range) => {
                if let Some(label) = label.take().filter(|_| range.start >= from) {
                    line.push(&format!("{label} "), false);
                }
                let shown = range.start.max(from)..range.end.min(to);
                cut(&shown, &hits, |part, hit| line.push(text.get(part).unwrap_or_default(), hit));
            }
            Part::Label(before) => label = Some(before),
            Part::Break if line.text.is_empty() || line.text.ends_with(' ') => {}
            Part::Break => line.push(" ", false),
        }
    }
    line
}

/// `whole` in parts that lie in one of `hits`, and parts that do not.
fn cut(whole: &Range<usize>, hits: &[Range<usize>], mut told: impl FnMut(Range<usize>, bool)) {
    let mut at = whole.start;
    for hit in hits {
        let (start, end) = (hit.start.clamp(at, whole.end), hit.end.clamp(at, whole.end));
        for (part, is_hit) in [(at..start, false), (start..end, true)] {
            if !part.is_empty() {
                told(part, is_hit);
            }
        }
        at = end;
    }
    if at < whole.end {
        told(at..whole.end, false);
    }
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init, reason = "a text may have one place")]
mod tests {
    use ipc_schema::Timestamp;

    use super::*;

    /// A text that was found by what stands at `hits`, with the context from `from` on.
    fn found(body: &str, from: usize, hits: &[Range<usize>]) -> Match {
        Match {
            id: "m".into(),
            contact: "c".into(),
            mine: false,
            sent_at: Timestamp(0),
            body: body.into(),
            context: body[from..].into(),
            hits: hits.iter().map(|hit| hit.start - from..hit.end - from).collect(),
        }
    }

    fn told(found: &Match) -> String {
        let FoundLine { text, spans } = line(found);
        let told = |span: &Span| {
            let part = &text[span.range.clone()];
            if span.look.strong { format!("[{part}]") } else { part.to_owned() }
        };
        assert_eq!(spans.iter().map(|span| span.range.len()).sum::<usize>(), text.len());
        spans.iter().map(told).collect()
    }

    #[test]
    fn what_was_looked_for_is_marked_by_its_place_and_by_nothing_in_the_text() {
        let body = "**no** the\nent\u{202E}rance is";
        let whole = found(body, 0, &[11..22]);
        assert_eq!(told(&whole), "no the [entrance] is");
        assert_eq!(places(&whole), [11..19], "in what can be seen");
        assert_eq!(told(&found(body, 7, &[11..22])), "the [entrance] is");
    }

    #[test]
    fn a_line_is_read_whole_though_only_a_part_of_it_is_shown() {
        let body = "- see **the [x] entrance** of `it`";
        let at = body.find("entrance").unwrap();
        assert_eq!(told(&found(body, at, &[at..at + 8])), "[entrance] of it");
        assert_eq!(told(&found(body, 0, &[at..at + 8])), "• see the [x] [entrance] of it");
        // A mark within what was looked for.
        assert_eq!(told(&found("ent**ran**ce", 0, &[0..12])), "[ent**ran**ce]");
        assert_eq!(told(&found("a **b** c", 0, &[2..7])), "a [b] c");
    }

    #[test]
    fn in_another_text_nothing_is_marked() {
        let other = Match { context: "**anot** her".into(), ..found("some text", 0, &[5..9]) };
        assert_eq!((told(&other), places(&other)), ("anot her".to_owned(), Vec::new()));
        assert!(places(&found("\u{202E}", 0, &[0..3])).is_empty());
    }
}
