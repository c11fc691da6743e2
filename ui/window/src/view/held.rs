//! What one writes waits, and one press has it go on.

use ipc_schema::edge::ui_stored::Contact;

use super::View;
use super::controls::{Button, Kind};
use crate::icon::Icon;
use crate::model::Act;
use crate::scene::{Point, Rect, Style};

/// Of the strip above the composer, pixels.
pub(super) const HELD_HEIGHT: i32 = 76;

impl View<'_> {
    /// Above the composer, as long as it is so.
    pub(super) fn held(&mut self, contact: &Contact, rect: Rect) {
        self.scene.fill(rect, self.colours.bg);
        self.scene.fill(Rect::new(rect.x, rect.y, rect.w, 1), self.colours.line);
        let name = self.name(&contact.name);
        let (x, y) = (rect.x + 24, rect.y + 10);
        self.scene.icon(Icon::Warn, Point::new(x, y), 16, self.colours.warn);
        let line =
            format!("What you write waits. Ask {name} whether they put a backup back, or compare again.");
        let line = self.cut(Style::Small, &line, rect.w - 72);
        self.scene.text(Point::new(x + 24, y - 1), Style::Small, self.colours.text, line);
        let resume =
            Button::new(Kind::Normal, "Send it", Act::Resume(contact.id.clone())).icon(Icon::Send).small();
        self.button(Point::new(x, y + 26), &resume);
    }
}
