//! How far a text is: a card at its bubble, of which nothing has the keyboard.

use super::View;
use super::over::placed;
use crate::model::over::Details;
use crate::model::words::{self, Tone};
use crate::model::{Act, MessageAct};
use crate::scene::{Point, Rect, Span, Style};

/// Width of the card.
const CARD: i32 = 352;

impl View<'_> {
    pub(super) fn message_details(&mut self, details: &Details) {
        let model = self.model;
        let act = Act::Message(MessageAct::Focus(details.id.clone()));
        let bubble = self.scene.hits.iter().rfind(|hit| hit.act == act).map(|hit| hit.rect);
        let contact = model.open_chat().and_then(|id| model.person(id));
        // FLTK's fields lie outside of the conversation's own part.
        let (Some(bubble), Some((body, _)), Some(contact), Some(message)) =
            (bubble, self.scene.scroll, contact, model.message(&details.id))
        else {
            return;
        };
        let reader = words::Reader { now: self.now, zone: self.zone };
        let card = words::card(message, contact, details.told.as_ref(), reader);
        let w = CARD.min(body.w - 16);
        let room = w - 32;
        let count = |lines: usize| 18 * i32::try_from(lines).unwrap_or(1);
        let above = count(self.broken(Style::Small, &card.state.reason, room).len());
        let below = count(self.broken(Style::Small, &card.moments, room).len());
        let size = (w, 12 + 22 + 8 + above + 21 + below + 12);
        let anchor = if message.mine { Rect::new(bubble.right() - w, bubble.y, w, bubble.h) } else { bubble };
        let rect = placed(size, anchor.inset(-4), body.inset(8));
        self.over_ground(rect);
        let ink = match card.state.tone {
            Tone::Good => self.colours.accent,
            tone => self.tone(tone).0,
        };
        let (x, y) = (rect.x + 16, rect.y + 12);
        self.scene.icon(card.state.icon, Point::new(x, y + 2), 18, ink);
        let title = self.cut(Style::Heading, &card.state.title, room - 26);
        self.scene.text(Point::new(x + 26, y), Style::Heading, self.colours.text, title);
        let span = Span::new(x, y + 30, room);
        let y = self.paragraph(span, Style::Small, self.colours.text, &card.state.reason);
        self.scene.fill(Rect::new(x, y + 10, room, 1), self.colours.line);
        self.paragraph(Span::new(x, y + 21, room), Style::Small, self.colours.text2, &card.moments);
        // What lies below is not pressed through it.
        self.pointed(rect, act, &card.state.title, 8);
    }
}
