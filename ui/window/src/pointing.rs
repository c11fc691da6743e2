//! Which character of which message lies under the pointer: looked up in the picture that is on the screen.

use std::ops::Range;

use crate::layout::Row;
use crate::model::Place;
use crate::scene::{Metrics, Rect, Scene, Style, TextLine};

impl Scene {
    /// The line of a message that has that point.
    #[must_use]
    pub fn line_at(&self, x: i32, y: i32) -> Option<&TextLine> {
        // What lies under the header or the composer is not seen.
        let seen = self.scroll.is_none_or(|(body, _)| body.contains(x, y));
        self.lines.iter().find(|line| seen && line.rect.contains(x, y))
    }

    /// The place between two characters that is next to a point, whichever message that is in.
    #[must_use]
    pub fn place_near(&self, x: i32, y: i32, metrics: &dyn Metrics) -> Option<Place> {
        let away = |line: &&TextLine| (line.rect.y - y).max(y - (line.rect.bottom() - 1)).max(0);
        let line = self.lines.iter().min_by_key(away)?;
        Some(line.place(x, metrics))
    }
}

impl TextLine {
    /// What is in it.
    #[must_use]
    pub fn line(&self) -> Option<&Row> {
        self.laid.rows.get(self.row)
    }

    /// The place in it that is next to `x`.
    #[must_use]
    pub fn place(&self, x: i32, metrics: &dyn Metrics) -> Place {
        let width = |style: Style, text: &str| metrics.width(style, text);
        let at = self.line().map_or(0, |row| row.offset_at(&self.laid.text, x - self.x, &width));
        Place { message: self.message.clone(), at }
    }

    /// The rectangles under what is selected of it.
    #[must_use]
    pub fn selected(&self, chosen: &Range<usize>, metrics: &dyn Metrics) -> Vec<Rect> {
        let Some(row) = self.line() else { return Vec::new() };
        let upright = |x: i32, w: i32| Rect::new(self.x + x, self.rect.y, w, self.rect.h);
        if row.range.is_empty() {
            let within = chosen.start <= row.range.start && chosen.end > row.range.end;
            return within.then(|| upright(0, EMPTY)).into_iter().collect();
        }
        let width = |style: Style, text: &str| metrics.width(style, text);
        let stretches = row.stretches(&self.laid.text, chosen, &width);
        stretches.into_iter().map(|(x, w)| upright(x, w)).collect()
    }
}

/// Width of what is selected of an empty line, pixels.
const EMPTY: i32 = 6;
