//! The user's own name: under the picture in the rail, and on a card over the window where it is changed.

use super::controls::{Button, Kind};
use super::{NARROW, View};
use crate::icon::Icon;
use crate::model::{Act, Card, Field, Focus, words};
use crate::scene::{Border, Point, Rect, Role, Span, Spoken, Style};

/// Width of the card.
const CARD: i32 = 376;

impl View<'_> {
    /// The own picture with the name below it; pressing it goes to where the name is changed.
    pub(super) fn own_avatar(&mut self, rect: Rect) {
        if self.hover == Some(&Act::OwnName) {
            self.scene.round(rect, 8, self.colours.hover);
        }
        self.own_picture(Point::new(rect.x + (rect.w - 40) / 2, rect.y + 4), 40);
        let name = self.name(self.model.own_name());
        let name = self.cut(Style::Micro, &name, rect.w - 4);
        self.centred(Span::new(rect.x, rect.y + 44, rect.w), Style::Micro, self.colours.text, &name);
        let label = format!("Your name: {}", self.model.own_name());
        self.pressable(rect, Act::OwnName, Spoken::new(&label, Role::Row), 8);
    }

    fn own_picture(&mut self, at: Point, side: i32) {
        if self.model.me.is_empty() {
            self.icon_avatar(at, side, Icon::Person);
        } else {
            self.avatar(at, side, "me", &self.model.me);
        }
    }

    /// The card, as long as it is open: nothing else can be pressed, and a press beside it closes it.
    pub(super) fn own_card(&mut self, whole: Rect) {
        let Some(card) = self.model.card() else { return };
        self.cover();
        self.pointed(whole, Act::CloseCard, "Close", 0);
        let narrow = whole.w < NARROW;
        let w = CARD.min(whole.w - 32);
        let at = match (narrow, whole.h) {
            (false, _) => Point::new(80, 12),
            (true, 480..) => Point::new(16, 60),
            (true, _) => Point::new(16, 8),
        };
        let from = self.scene.items.len();
        let bottom = self.card_body(card, narrow, Span::new(at.x + 16, at.y + 16, w - 32)) + 16;
        let rect = Rect::new(at.x, at.y, w, bottom - at.y);
        let (border, ground) = (Border::new(self.colours.edge, self.colours.line_px), self.colours.bg);
        self.behind(from, |view| view.scene.bordered(rect, 12, border, ground));
    }

    fn card_body(&mut self, card: Card, narrow: bool, Span { x, mut y, w }: Span) -> i32 {
        let c = self.colours;
        self.own_picture(Point::new(x, y), 40);
        let name = self.name(self.model.own_name());
        let name = self.cut(Style::Heading, &name, w - 52);
        self.scene.text(Point::new(x + 52, y + 9), Style::Heading, c.text, name);
        y += 56;
        self.scene.text(Point::new(x, y), Style::Label, c.text, Field::OwnName.label());
        let below = match card.refused.map(words::refusal) {
            Some((title, next)) => format!("{title}. {next}"),
            None => "Everybody in your list sees this name, and whoever you invite.".to_owned(),
        };
        y = self.name_field(Field::OwnName, Rect::new(x, y + 24, w, 40), card.refused.is_some(), &below) + 12;
        let label = if card.busy { "Keeping…" } else { "Keep" };
        let resting = card.busy || !self.model.can_be_named();
        let keep = Button::new(Kind::Primary, label, Act::KeepOwnName).resting(resting).small();
        y = self.buttons(
            Span::new(x, y, w),
            &[keep, Button::new(Kind::Normal, "Not now", Act::CloseCard).small()],
        );
        if !narrow {
            return y;
        }
        y += 12;
        self.scene.fill(Rect::new(x, y, w, 1), c.line);
        y += 8;
        for (icon, label, act) in
            [(Icon::Palette, "Colours", Act::NextTheme), (Icon::Lock, "Lock", Act::Lock)]
        {
            let rect = Rect::new(x - 8, y, w + 16, 36);
            if self.hover == Some(&act) || *self.focus == Focus::Act(act.clone()) {
                self.scene.round(rect, 8, c.hover);
            }
            self.scene.icon(icon, Point::new(x, y + 8), 20, c.text2);
            self.scene.text(Point::new(x + 32, y + 7), Style::Body, c.text, label);
            self.pressable(rect, act, Spoken::new(label, Role::Row), 8);
            y += 40;
        }
        y
    }
}
