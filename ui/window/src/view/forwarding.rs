//! To whom a text is handed on: a card over the window.

use super::View;
use super::controls::{Button, Kind};
use crate::icon::Icon;
use crate::model::{Act, Field, OverAct};
use crate::scene::{Point, Rect, Span, Style};

/// Height of a person's row.
const PERSON: i32 = 48;

impl View<'_> {
    /// A field, those whose names have what stands in it, and the one that is chosen confirmed.
    pub(super) fn forwarding(&mut self, whole: Rect) {
        self.cover_until_pressed(whole);
        let w = 376.min(whole.w - 32);
        let fixed = 20 + 22 + 12 + 40 + 8 + 16 + 32 + 20;
        let rows = ((whole.h - 32 - fixed) / PERSON).clamp(1, 5);
        let card =
            Rect::new((whole.w - w) / 2, (whole.h - fixed - rows * PERSON) / 2, w, fixed + rows * PERSON);
        self.over_ground(card);
        let (x, y, room) = (card.x + 20, card.y + 20, w - 40);
        self.scene.text(Point::new(x, y), Style::Heading, self.colours.text, "Forward to");
        let field = Rect::new(x, y + 34, room, 40);
        self.field(Field::Forward, field, Style::Body, false);
        let list = Rect::new(x, field.bottom() + 8, room, rows * PERSON);
        self.recipients(list, usize::try_from(rows).unwrap_or(1));
        let y = list.bottom() + 16;
        let cancel = Button::new(Kind::Quiet, "Cancel", Act::Over(OverAct::Close)).small();
        let left = card.right() - 20 - self.button_width(&cancel);
        let chosen = self.model.recipient().map(|(_, contact)| contact.name.as_str());
        let label = match chosen {
            Some(name) => format!("Forward to {}", self.name(name)),
            None => "Forward".to_owned(),
        };
        let label = self.cut(Style::Label, &label, left - x - 24 - 26 - 8);
        let go = Button::new(Kind::Primary, &label, Act::Over(OverAct::Forward)).icon(Icon::Forward).small();
        self.button(Point::new(x, y), &go.resting(chosen.is_none()));
        self.button(Point::new(left, y), &cancel);
    }

    fn recipients(&mut self, list: Rect, rows: usize) {
        let model = self.model;
        let Some((chosen, _)) = model.recipient() else {
            let line = "Nobody has that name";
            self.centred(Span::new(list.x, list.y + 16, list.w), Style::Small, self.colours.text2, line);
            return;
        };
        let first = (chosen + 1).saturating_sub(rows);
        for (row, (at, contact)) in (0..).zip(model.recipients().enumerate().skip(first).take(rows)) {
            let rect = Rect::new(list.x, list.y + row * PERSON, list.w, PERSON);
            let act = Act::Over(OverAct::Choose(at));
            if at == chosen {
                self.block(rect, 8, self.colours.select);
            } else if model.hover.as_ref() == Some(&act) {
                self.scene.round(rect, 8, self.colours.hover);
            }
            self.avatar(Point::new(rect.x + 8, rect.y + 8), 32, &contact.id, &contact.name);
            let name = self.cut(Style::Strong, &self.name(&contact.name), rect.w - 60);
            self.scene.text(
                Point::new(rect.x + 52, rect.y + 13),
                Style::Strong,
                self.colours.text,
                name.as_str(),
            );
            self.pointed(rect, act, &name, 8);
        }
    }
}
