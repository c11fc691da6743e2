//! What lies over the window for a moment: drawn last, inside the window, with an edge and no shadow.

use super::View;
use crate::model::{Act, Over, OverAct};
use crate::scene::{Border, Point, Rect};
use crate::text::first_lines;

/// To the window's edge, pixels.
pub(super) const MARGIN: i32 = 8;

impl View<'_> {
    pub(super) fn over(&mut self, whole: Rect) {
        let model = self.model;
        match model.over() {
            Some(Over::Menu(menu)) => self.menu(menu, whole),
            Some(Over::Picker(picker)) => self.picker(picker, whole),
            Some(Over::Whom(whom)) => self.whom(&whom.purpose, whole),
            Some(Over::Details(details)) => self.message_details(details),
            None => {}
        }
    }

    /// Nothing below can be pressed, selected or typed into any more.
    pub(super) fn cover(&mut self) {
        (self.focus, self.hover) = (self.model.focus(), self.model.hover.as_ref());
        self.scene.hits.clear();
        self.scene.stops.clear();
        self.scene.regions.clear();
        self.scene.lines.clear();
        self.scene.scrolled.clear();
        self.scene.written = None;
        (self.scene.thumb, self.scene.results) = (None, None);
        // FLTK's fields would lie above it. What stands in them is seen on.
        for field in std::mem::take(&mut self.scene.fields) {
            let (style, rect) = (field.style, field.rect);
            let most = usize::try_from(rect.h / style.line() + 1).unwrap_or(1);
            let step = usize::try_from(style.line()).unwrap_or(1).max(1);
            let width = |text: &str| self.metrics.width(style, text);
            let lines = first_lines(self.model.texts.of(field.field), rect.w, most, &width);
            self.scene.begin_whole(rect);
            self.clip(rect);
            for (line, y) in lines.into_iter().zip((rect.y..rect.bottom()).step_by(step)) {
                self.scene.text(Point::new(rect.x + 3, y), style, field.ink, line.text);
            }
            self.unclip();
            self.scene.end_whole();
        }
    }

    /// The same, and a press beside what lies over the window closes it.
    pub(super) fn cover_until_pressed(&mut self, whole: Rect) {
        self.cover();
        self.pointed(whole, Act::Over(OverAct::Close), "Close", 0);
    }

    /// The ground of it.
    pub(super) fn over_ground(&mut self, rect: Rect) {
        let c = self.colours;
        self.scene.bordered(rect, 8, Border::new(c.edge, c.line_px), c.bg);
    }
}

/// A rectangle of that size below what it belongs to, or above where there is no room, and always inside `within`.
pub(super) fn placed((w, h): (i32, i32), anchor: Rect, within: Rect) -> Rect {
    let below = anchor.bottom();
    let y = if below + h <= within.bottom() { below } else { anchor.y - h };
    let x = anchor.x.min(within.right() - w).max(within.x);
    Rect::new(x, y.min(within.bottom() - h).max(within.y), w, h)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_over_the_window_stays_inside_it() {
        let within = Rect::new(8, 8, 344, 464);
        for (x, y) in [(0, 0), (359, 479), (180, 240), (10, 470), (-50, 900)] {
            let rect = placed((240, 353), Rect::new(x, y, 0, 0), within);
            assert!(rect.x >= 8 && rect.right() <= 352 && rect.y >= 8 && rect.bottom() <= 472, "{rect:?}");
        }
        let under = placed((100, 50), Rect::new(20, 20, 40, 40), within);
        assert_eq!((under.x, under.y), (20, 60));
        assert_eq!(placed((100, 50), Rect::new(20, 440, 40, 30), within).bottom(), 440, "above it");
    }
}
