//! Where a link goes: a card over the window. Nothing is opened from here, and nothing is fetched.

use super::View;
use super::controls::{Button, Kind};
use crate::icon::Icon;
use crate::links::{Oddity, told};
use crate::model::{Act, TextAct};
use crate::scene::{Border, Point, Rect, Span, Style};
use crate::text::first_lines;

/// Width of the card.
const CARD: i32 = 440;

/// Height of everything in it but the address and what is odd about it.
const AROUND: i32 = 20 + 22 + 8 + 18 + 12 + 16 + 32 + 20;

impl View<'_> {
    pub(super) fn link_card(&mut self, whole: Rect) {
        let Some(link) = self.model.link() else { return };
        let told = told(link);
        self.cover();
        let w = CARD.min(whole.w - 32);
        let notes: Vec<_> = told
            .oddities
            .iter()
            .map(|oddity| self.broken(Style::Small, Oddity::says(*oddity), w - 64))
            .collect();
        let noted: usize = notes.iter().map(|lines| lines.len()).sum();
        let noted = Style::Small.line() * i32::try_from(noted).unwrap_or(0)
            + 8 * i32::try_from(notes.len()).unwrap_or(0);
        // As much of the address as the window has room for; it is the last that may be cut, and is copied whole.
        let room = ((whole.h - 32 - AROUND - noted) / Style::Mono.line()).max(2);
        let measure = |text: &str| self.width(Style::Mono, text);
        let most = usize::try_from(room).unwrap_or(2);
        let mut lines = first_lines(&told.address, w - 40, most + 1, &measure);
        if lines.len() > most {
            lines.truncate(most);
            if let Some(last) = lines.last_mut() {
                last.text = self.cut(Style::Mono, &format!("{}…", last.text), w - 40);
            }
        }
        let h = AROUND + noted + Style::Mono.line() * i32::try_from(lines.len()).unwrap_or(1);
        let card = Rect::new((whole.w - w) / 2, (whole.h - h) / 2, w, h);
        let c = self.colours;
        self.scene.bordered(card, 12, Border::new(c.edge, c.line_px), c.bg);
        let (x, mut y) = (card.x + 20, card.y + 20);
        self.scene.text(Point::new(x, y), Style::Heading, c.text, "A link in a message");
        y += 30;
        let host = self.cut(Style::Small, &format!("It goes to {}", self.name(&told.host)), w - 40);
        self.scene.text(Point::new(x, y), Style::Small, c.text, host);
        y += 18 + 12;
        let high = Style::Mono.line() * i32::try_from(lines.len()).unwrap_or(1);
        self.scene.begin_whole(Rect::new(x, y, w - 40, high));
        for line in lines {
            self.scene.text(Point::new(x, y), Style::Mono, c.text, line.text);
            y += Style::Mono.line();
        }
        self.scene.end_whole();
        for oddity in &told.oddities {
            self.scene.icon(Icon::Warn, Point::new(x, y + 9), 16, c.warn);
            y = self.paragraph(Span::new(x + 24, y + 8, w - 64), Style::Small, c.text, oddity.says());
        }
        let copy =
            Button::new(Kind::Normal, "Copy", Act::Text(TextAct::CopyAddress)).icon(Icon::Copy).small();
        self.button(Point::new(x, y + 16), &copy);
        let close = Button::new(Kind::Quiet, "Close", Act::Text(TextAct::CloseLink)).small();
        let left = card.right() - 20 - self.button_width(&close);
        self.button(Point::new(left, y + 16), &close);
    }
}
