//! The past of a text: steps that can be taken back and done again. What is typed makes one step a word.

use std::collections::VecDeque;

/// What is kept of the past, bytes; the oldest goes first. One step is at most two texts.
const KEPT_MAX_BYTES: usize = 4 * super::EDITED_MAX_BYTES;

/// Steps that are kept.
const STEPS_MAX: usize = 1_000;

/// One step: at `at`, `inserted` took the place of `removed`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    pub at: usize,
    pub removed: String,
    pub inserted: String,
    /// Where the caret stood before.
    pub caret: usize,
    /// And the selection's other end.
    pub anchor: usize,
}

impl Change {
    fn bytes(&self) -> usize {
        self.removed.len() + self.inserted.len()
    }
}

/// How a step came to be: the same ones in a row may be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Written by keys.
    Typed,
    /// An input method put something else in place of what it gave before.
    Retyped,
    /// The character before the caret went.
    TakenBefore,
    /// The one behind it went.
    TakenAfter,
    /// Stands alone.
    Whole,
}

/// Steps taken, and steps taken back.
#[derive(Debug, Default)]
pub(super) struct History {
    done: VecDeque<Change>,
    undone: Vec<Change>,
    bytes: usize,
    /// What the last step is, while the next may still be part of it.
    open: Option<Kind>,
}

impl History {
    /// Takes a step.
    pub fn record(&mut self, change: Change, kind: Kind) {
        self.bytes -= self.undone.drain(..).map(|change| change.bytes()).sum::<usize>();
        self.bytes += change.bytes();
        let last = self.open.zip(self.done.back_mut());
        let rest = match last {
            Some((open, last)) => join(last, change, open, kind, &mut self.bytes),
            None => Some(change),
        };
        self.done.extend(rest);
        // An input method took all of it back.
        self.done.pop_back_if(|last| last.bytes() == 0);
        self.open = match kind {
            Kind::Typed | Kind::Retyped => Some(Kind::Typed),
            other => Some(other),
        };
        while self.bytes > KEPT_MAX_BYTES || self.done.len() > STEPS_MAX {
            let Some(oldest) = self.done.pop_front() else { break };
            self.bytes -= oldest.bytes();
        }
    }

    /// The next step is one of its own.
    pub fn close(&mut self) {
        self.open = None;
    }

    /// The last step, to be taken back.
    pub fn take_back(&mut self) -> Option<Change> {
        let change = self.done.pop_back()?;
        self.undone.push(change.clone());
        self.open = None;
        Some(change)
    }

    /// The step that was taken back last, to be done again.
    pub fn do_again(&mut self) -> Option<Change> {
        let change = self.undone.pop()?;
        self.done.push_back(change.clone());
        self.open = None;
        Some(change)
    }

    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        let kept = self.done.iter().chain(&self.undone).map(Change::bytes).sum::<usize>();
        assert_eq!(kept, self.bytes);
        kept
    }
}

/// Joins `change` to the step before it where both are one; else gives it back.
fn join(last: &mut Change, change: Change, open: Kind, kind: Kind, bytes: &mut usize) -> Option<Change> {
    let ends_at = last.at + last.inserted.len();
    match (open, kind) {
        (Kind::Typed, Kind::Typed)
            if change.removed.is_empty()
                && change.at == ends_at
                && !word_begins(&last.inserted, &change.inserted) =>
        {
            last.inserted.push_str(&change.inserted);
        }
        (Kind::Typed, Kind::Retyped)
            if change.at + change.removed.len() == ends_at && last.inserted.ends_with(&change.removed) =>
        {
            last.inserted.truncate(last.inserted.len() - change.removed.len());
            last.inserted.push_str(&change.inserted);
            *bytes -= 2 * change.removed.len();
        }
        (Kind::TakenBefore, Kind::TakenBefore)
            if change.at + change.removed.len() == last.at
                && !word_begins(&change.removed, &last.removed) =>
        {
            last.removed.insert_str(0, &change.removed);
            last.at = change.at;
        }
        (Kind::TakenAfter, Kind::TakenAfter)
            if change.at == last.at && !word_begins(&last.removed, &change.removed) =>
        {
            last.removed.push_str(&change.removed);
        }
        _ => return Some(change),
    }
    None
}

fn word_begins(before: &str, after: &str) -> bool {
    before.ends_with(char::is_whitespace) && !after.starts_with(char::is_whitespace)
}
