//! Buttons in as many lines as they need.

use super::View;
use super::controls::Button;
use crate::icon::Icon;
use crate::scene::{Point, Rect, Span, Style};
use crate::theme::Rgb;

impl View<'_> {
    /// From left to right; gives the y below. One that is wider than the room alone fills it.
    pub(super) fn buttons(&mut self, Span { x, mut y, w }: Span, buttons: &[Button<'_>]) -> i32 {
        let (mut left, mut below) = (x, y);
        for button in buttons {
            let width = self.button_width(button).min(w);
            if left > x && left + width > x + w {
                (left, y) = (x, below + 8);
            }
            self.button_in(Rect::new(left, y, width, button.height), button);
            left += width + 12;
            below = below.max(y + button.height);
        }
        below
    }

    /// A line with a shape before it; gives the y below.
    pub(super) fn told_line(&mut self, Span { x, y, w }: Span, shape: (Icon, Rgb), line: &str) -> i32 {
        let (icon, ink) = shape;
        self.scene.icon(icon, Point::new(x, y + 1), 16, ink);
        self.paragraph(Span::new(x + 24, y, w - 24), Style::Small, ink, line)
    }
}
