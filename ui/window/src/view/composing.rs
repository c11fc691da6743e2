//! Above the composer: what is answered or changed, and the way out.

use super::View;
use crate::icon::Icon;
use crate::model::{Act, Composing, OverAct};
use crate::scene::{Point, Rect, Style};

/// Height of the bar.
const BAR: i32 = 52;

impl View<'_> {
    /// How high the bar is.
    pub(super) fn composing_height(&self) -> i32 {
        if *self.model.composing() == Composing::New { 0 } else { BAR }
    }

    /// The bar, while a text is answered or changed.
    pub(super) fn composing(&mut self, rect: Rect) {
        let Some((title, line)) = self.model.composing_words() else { return };
        self.scene.fill(rect, self.colours.bg);
        self.scene.fill(Rect::new(rect.x, rect.y, rect.w, 1), self.colours.line);
        let icon =
            if matches!(self.model.composing(), Composing::Edit(_)) { Icon::Edit } else { Icon::Reply };
        let (x, room) = (rect.x + 24, rect.w - 24 - 60 - 44);
        self.scene.icon(icon, Point::new(x, rect.y + 16), 20, self.colours.accent);
        self.scene.round(Rect::new(x + 32, rect.y + 8, 4, BAR - 14), 2, self.colours.accent);
        let title = self.cut(Style::Label, &title, room);
        self.scene.text(Point::new(x + 44, rect.y + 8), Style::Label, self.colours.text, title);
        let line = self.cut(Style::Small, &line, room);
        self.scene.text(Point::new(x + 44, rect.y + 27), Style::Small, self.colours.text2, line);
        let label = match self.model.composing() {
            Composing::Edit(_) => "Leave it as it was",
            Composing::Reply(_) | Composing::New => "Do not answer it",
        };
        let close = Rect::new(rect.right() - 52, rect.y + 6, 40, 40);
        self.icon_button(close, Icon::Close, label, Act::Over(OverAct::EndComposing));
    }
}
