//! A question before something is lost: a card over the window, and nothing else can be pressed.

use super::View;
use super::controls::{Button, Kind};
use crate::model::{Act, words};
use crate::scene::{Border, Point, Rect, Span, Style};

/// Width of the card.
const CARD: i32 = 376;

impl View<'_> {
    pub(super) fn question(&mut self, whole: Rect) {
        let Some(question) = self.model.question() else { return };
        let asked = words::question(question);
        self.cover();
        let w = CARD.min(whole.w - 32);
        let lines = self.broken(Style::Small, &asked.body, w - 40).len();
        let titles = self.broken(Style::Heading, &asked.title, w - 40).len();
        let h = 20
            + 22 * i32::try_from(titles).unwrap_or(1)
            + 8
            + 18 * i32::try_from(lines).unwrap_or(1)
            + 16
            + 32
            + 20
            + if asked.also.is_some() { 40 } else { 0 };
        let card = Rect::new((whole.w - w) / 2, (whole.h - h) / 2, w, h);
        let c = self.colours;
        self.scene.bordered(card, 12, Border::new(c.edge, c.line_px), c.bg);
        let (x, y) = (card.x + 20, card.y + 20);
        let y = self.paragraph(Span::new(x, y, w - 40), Style::Heading, c.text, &asked.title);
        let below = self.paragraph(Span::new(x, y + 8, w - 40), Style::Small, c.text, &asked.body);
        let keep = Button::new(Kind::Quiet, asked.keep, Act::Keep).small();
        let right = card.right() - 20 - self.button_width(&keep);
        self.button(Point::new(right, below + 16), &keep);
        self.button(Point::new(x, below + 16), &Button::new(Kind::Danger, asked.go_on, Act::GoOn).small());
        if let Some(also) = asked.also {
            let also = self.cut(Style::Label, &also, w - 40 - 24);
            let button = Button::new(Kind::Danger, &also, Act::GoOnForBoth).small();
            self.button_in(Rect::new(x, below + 56, w - 40, 32), &button);
        }
    }
}
