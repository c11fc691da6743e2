//! Who is chosen, to hand a text on to them or to introduce somebody to them: a card over the window.

use super::View;
use super::controls::{Button, Kind};
use crate::icon::Icon;
use crate::model::words::INTRODUCING;
use crate::model::{Act, Field, OverAct, Purpose};
use crate::scene::{Point, Rect, Span, Style};

/// Height of a person's row.
const PERSON: i32 = 48;

/// What the card says for one purpose.
struct Words {
    title: String,
    /// What comes of it.
    note: Option<&'static str>,
    button: String,
    icon: Icon,
}

impl View<'_> {
    /// A field, those whose names have what stands in it, and the one that is chosen confirmed.
    pub(super) fn whom(&mut self, purpose: &Purpose, whole: Rect) {
        self.cover_until_pressed(whole);
        let words = self.words_for(purpose);
        let w = 376.min(whole.w - 32);
        let note = words.note.map_or(0, |note| {
            let lines = self.broken(Style::Small, note, w - 40).len();
            Style::Small.line() * i32::try_from(lines).unwrap_or(1) + 4
        });
        let fixed = 20 + 22 + note + 12 + 40 + 8 + 16 + 32 + 20;
        let rows = ((whole.h - 32 - fixed) / PERSON).clamp(1, 5);
        let card =
            Rect::new((whole.w - w) / 2, (whole.h - fixed - rows * PERSON) / 2, w, fixed + rows * PERSON);
        self.over_ground(card);
        let (x, y, room) = (card.x + 20, card.y + 20, w - 40);
        let title = self.cut(Style::Heading, &words.title, room);
        self.scene.text(Point::new(x, y), Style::Heading, self.colours.text, title);
        if let Some(line) = words.note {
            self.paragraph(Span::new(x, y + 26, room), Style::Small, self.colours.text2, line);
        }
        let field = Rect::new(x, y + 34 + note, room, 40);
        self.field(Field::Whom, field, Style::Body, false);
        let list = Rect::new(x, field.bottom() + 8, room, rows * PERSON);
        self.recipients(list, usize::try_from(rows).unwrap_or(1));
        let y = list.bottom() + 16;
        let cancel = Button::new(Kind::Quiet, "Cancel", Act::Over(OverAct::Close)).small();
        let left = card.right() - 20 - self.button_width(&cancel);
        let label = self.cut(Style::Label, &words.button, left - x - 24 - 26 - 8);
        let go = Button::new(Kind::Primary, &label, Act::Over(OverAct::Confirm)).icon(words.icon).small();
        self.button(Point::new(x, y), &go.resting(self.model.recipient().is_none()));
        self.button(Point::new(left, y), &cancel);
    }

    fn words_for(&self, purpose: &Purpose) -> Words {
        match purpose {
            Purpose::Forward(_) => Words {
                title: "Forward to".to_owned(),
                note: None,
                button: match self.model.recipient() {
                    Some((_, contact)) => format!("Forward to {}", self.name(&contact.name)),
                    None => "Forward".to_owned(),
                },
                icon: Icon::Forward,
            },
            Purpose::Introduce(who) => Words {
                title: match self.model.person(who) {
                    Some(contact) => format!("Introduce {} to", self.name(&contact.name)),
                    None => "Introduce to".to_owned(),
                },
                note: Some(INTRODUCING),
                button: "Introduce".to_owned(),
                icon: Icon::Person,
            },
        }
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
            } else if self.hover == Some(&act) {
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
