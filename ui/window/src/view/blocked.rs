//! What stands where one would write to somebody who is blocked.

use ipc_schema::edge::ui_stored::Contact;

use super::View;
use super::controls::{Button, Kind, margin};
use crate::model::Act;
use crate::model::action::ContactAct;
use crate::scene::{Point, Rect, Style};

/// Its height, pixels.
pub(super) const BLOCKED_HEIGHT: i32 = 64;

impl View<'_> {
    pub(super) fn blocked(&mut self, contact: &Contact, rect: Rect) {
        self.scene.fill(rect, self.colours.bg);
        self.scene.fill(Rect::new(rect.x, rect.y, rect.w, 1), self.colours.line);
        let act = Act::Contact(contact.id.clone(), ContactAct::Unblock);
        let unblock = Button::new(Kind::Normal, "Unblock", act);
        let side = margin(rect.w);
        let left = rect.right() - side - self.button_width(&unblock);
        let room = left - 12 - rect.x - side;
        let title = self.cut(Style::Label, &format!("You blocked {}", self.name(&contact.name)), room);
        self.scene.text(Point::new(rect.x + side, rect.y + 12), Style::Label, self.colours.text, title);
        let line = self.cut(Style::Small, "Nothing is sent and nothing is taken.", room);
        self.scene.text(Point::new(rect.x + side, rect.y + 32), Style::Small, self.colours.text2, line);
        self.button(Point::new(left, rect.y + 12), &unblock);
    }
}
