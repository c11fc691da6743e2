//! Controls: buttons, fields, chips, avatars, cards, notes.

use std::rc::Rc;

use super::View;
use crate::icon::Icon;
use crate::model::words::{self, Told, Tone};
use crate::model::{Act, Field, Focus, Part};
use crate::scene::{Border, Code, FieldBox, Item, Point, Rect, Role, Span, Spoken, Style};
use crate::text::{Line, fit, initial, isolated};
use crate::theme::{self, Rgb, Theme};

/// How a button looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The one that is meant.
    Primary,
    /// What else can be done.
    Normal,
    /// Cannot be undone.
    Danger,
    /// Words without ground or border.
    Quiet,
}

/// A button before it has a place.
#[derive(Debug, Clone)]
pub(super) struct Button<'a> {
    pub kind: Kind,
    pub icon: Option<Icon>,
    pub label: &'a str,
    pub act: Act,
    pub resting: bool,
    pub height: i32,
}

impl<'a> Button<'a> {
    pub fn new(kind: Kind, label: &'a str, act: Act) -> Self {
        Self { kind, icon: None, label, act, resting: false, height: 40 }
    }

    pub fn icon(self, icon: Icon) -> Self {
        Self { icon: Some(icon), ..self }
    }

    pub fn resting(self, resting: bool) -> Self {
        Self { resting, ..self }
    }

    pub fn small(self) -> Self {
        Self { height: 32, ..self }
    }

    fn style(&self) -> Style {
        if self.height < 40 { Style::Label } else { Style::Button }
    }
}

/// Space at both sides of a page, pixels.
pub(super) fn margin(pane: i32) -> i32 {
    if pane < 480 { 16 } else { 32 }
}

impl View<'_> {
    pub(super) fn width(&self, style: Style, text: &str) -> i32 {
        self.metrics.width(style, text)
    }

    /// One line, cut at `max`.
    pub(super) fn cut(&self, style: Style, text: &str, max: i32) -> String {
        fit(text, max.max(0), &|text| self.metrics.width(style, text))
    }

    /// Lines of at most `max` pixels.
    pub(super) fn broken(&self, style: Style, text: &str, max: i32) -> Rc<[Line]> {
        self.metrics.lines(style, text, max)
    }

    /// A paragraph; gives the y below it.
    pub(super) fn paragraph(
        &mut self,
        Span { x, mut y, w }: Span,
        style: Style,
        colour: Rgb,
        text: &str,
    ) -> i32 {
        for line in self.broken(style, text, w).iter() {
            self.scene.text(Point::new(x, y), style, colour, line.text.as_str());
            y += style.line();
        }
        y
    }

    /// One line in the middle.
    pub(super) fn centred(&mut self, Span { x, y, w }: Span, style: Style, colour: Rgb, text: &str) {
        let left = x + (w - self.width(style, text)) / 2;
        self.scene.text(Point::new(left, y), style, colour, text);
    }

    /// One line that ends at `right`.
    pub(super) fn ending(
        &mut self,
        Point { x: right, y }: Point,
        style: Style,
        colour: Rgb,
        text: &str,
    ) -> i32 {
        let left = right - self.width(style, text);
        self.scene.text(Point::new(left, y), style, colour, text);
        left
    }

    pub(super) fn tone(&self, tone: Tone) -> (Rgb, Rgb) {
        let c = &self.colours;
        match tone {
            Tone::Good => (c.ok, c.ok_soft),
            Tone::Weak => (c.warn, c.warn_soft),
            Tone::Bad => (c.danger, c.danger_soft),
            Tone::Plain => (c.text2, c.panel),
        }
    }

    /// A block that other themes mark by its fill alone gets a line in high contrast.
    pub(super) fn block(&mut self, rect: Rect, radius: i32, fill: Rgb) {
        if self.model.theme == Theme::Contrast {
            self.scene.bordered(rect, radius, Border::new(self.colours.edge, 2), fill);
        } else {
            self.scene.round(rect, radius, fill);
        }
    }

    /// Something that can be pressed, with its ring where the keyboard is.
    pub(super) fn pressable(&mut self, rect: Rect, act: Act, spoken: Spoken<'_>, radius: i32) {
        if spoken.role == Role::Row && *self.focus == Focus::Act(act.clone()) {
            self.ring(rect.inset(2), radius);
        }
        self.scene.stops.push(Focus::Act(act.clone()));
        self.scene.press(rect, act, spoken, radius);
    }

    /// Something that can be pressed by the pointer; the keyboard has another way.
    pub(super) fn pointed(&mut self, rect: Rect, act: Act, label: &str, radius: i32) {
        self.scene.press(rect, act, Spoken::new(label, Role::Button), radius);
    }

    pub(super) fn ring(&mut self, rect: Rect, radius: i32) {
        // Only a line: the ground shows through, so it is drawn as four sides with corners cut short.
        let colour = self.colours.focus;
        let Rect { x, y, w, h } = rect;
        let r = radius / 2;
        self.scene.fill(Rect::new(x + r, y, w - 2 * r, 2), colour);
        self.scene.fill(Rect::new(x + r, y + h - 2, w - 2 * r, 2), colour);
        self.scene.fill(Rect::new(x, y + r, 2, h - 2 * r), colour);
        self.scene.fill(Rect::new(x + w - 2, y + r, 2, h - 2 * r), colour);
        let (left, top, right, bottom) = (x + 1, y + 1, x + w - 1, y + h - 1);
        for (from, to) in [
            ((left, y + r), (x + r, top)),
            ((x + w - r, top), (right, y + r)),
            ((right, y + h - r), (x + w - r, bottom)),
            ((x + r, bottom), (left, y + h - r)),
        ] {
            self.scene.items.push(Item::Line { from, to, px: 2, colour });
        }
    }

    /// Width that a button takes.
    pub(super) fn button_width(&self, button: &Button<'_>) -> i32 {
        let padding = match (button.kind, button.height) {
            (_, ..40) => 12,
            _ => 16,
        };
        let icon = if button.icon.is_some() { 26 } else { 0 };
        self.width(button.style(), button.label) + 2 * padding + icon
    }

    /// A button with its left upper corner at `x`, `y`; gives its right edge.
    pub(super) fn button(&mut self, Point { x, y }: Point, button: &Button<'_>) -> i32 {
        let rect = Rect::new(x, y, self.button_width(button), button.height);
        self.button_in(rect, button)
    }

    /// A button that fills `rect`.
    pub(super) fn button_in(&mut self, rect: Rect, button: &Button<'_>) -> i32 {
        let c = self.colours;
        let over = self.hover == Some(&button.act);
        if *self.focus == Focus::Act(button.act.clone()) && !button.resting {
            let ground =
                if matches!(self.model.screen, crate::model::Screen::Locked(_)) { c.panel } else { c.bg };
            self.scene.bordered(rect.inset(-4), 12, Border::new(c.focus, 2), ground);
        }
        let ink = match (button.resting, button.kind) {
            (true, _) => {
                self.scene.bordered(rect, 8, Border::new(c.line, c.line_px), c.panel);
                c.dis
            }
            (_, Kind::Primary) => {
                self.scene.round(rect, 8, if over { c.accent_hover } else { c.accent });
                c.on_accent
            }
            (_, Kind::Normal | Kind::Danger) => {
                let ink = if button.kind == Kind::Danger { c.danger } else { c.text };
                let edge = if button.kind == Kind::Danger { c.danger } else { c.edge };
                self.scene.bordered(rect, 8, Border::new(edge, c.line_px), if over { c.hover } else { c.bg });
                ink
            }
            (_, Kind::Quiet) => c.accent,
        };
        let style = button.style();
        let icon = if button.icon.is_some() { 26 } else { 0 };
        let mut left = rect.x + (rect.w - self.width(style, button.label) - icon) / 2;
        if let Some(icon) = button.icon {
            self.scene.icon(icon, Point::new(left, rect.y + (rect.h - 18) / 2), 18, ink);
            left += 26;
        }
        self.scene.text(Point::new(left, rect.y + (rect.h - style.line()) / 2), style, ink, button.label);
        if !button.resting {
            self.pressable(rect, button.act.clone(), Spoken::new(button.label, Role::Button), 8);
        }
        rect.right()
    }

    /// The border of a field; gives the room inside.
    pub(super) fn field_frame(&mut self, rect: Rect, focused: bool, wrong: bool) -> Rect {
        let c = self.colours;
        let border = match (wrong, focused) {
            (true, _) => Border::new(c.danger, 2),
            (false, true) => Border::new(c.focus, if self.model.theme == Theme::Contrast { 3 } else { 2 }),
            (false, false) => Border::new(c.edge, c.line_px),
        };
        self.scene.bordered(rect, 8, border, c.field);
        rect.inset(border.px)
    }

    /// A text field with its border.
    pub(super) fn field(&mut self, field: Field, rect: Rect, style: Style, wrong: bool) {
        self.field_frame(rect, *self.focus == Focus::Field(field), wrong);
        let inner = Rect::new(rect.x + 12, rect.y + 3, rect.w - 24, rect.h - 6);
        self.field_box(field, inner, style);
    }

    /// A field for a name, with what is said below it; gives the y below that.
    pub(super) fn name_field(&mut self, field: Field, rect: Rect, wrong: bool, below: &str) -> i32 {
        let long = self.model.is_too_long(field);
        self.field(field, rect, Style::Body, wrong || long);
        let ink = if long || wrong { self.colours.danger } else { self.colours.text2 };
        let line = if long { words::NAME_TOO_LONG } else { below };
        self.paragraph(Span::new(rect.x, rect.bottom() + 6, rect.w), Style::Small, ink, line)
    }

    pub(super) fn field_box(&mut self, field: Field, rect: Rect, style: Style) {
        let (ground, ink, selection) = (self.colours.field, self.colours.text, self.colours.select);
        self.scene.fields.push(FieldBox { field, rect, style, ground, ink, selection });
        self.scene.stops.push(Focus::Field(field));
    }

    /// A text field that says what it is for while nothing stands in it and the keyboard is elsewhere.
    pub(super) fn hinted_box(&mut self, field: Field, rect: Rect, hint: &str) {
        if *self.focus == Focus::Field(field) || !self.model.texts.of(field).is_empty() {
            self.field_box(field, rect, Style::Body);
            return;
        }
        let hint = self.cut(Style::Body, hint, rect.w);
        let y = rect.y + (rect.h - Style::Body.line()) / 2;
        // FLTK's fields begin at the left, and so does what stands for one.
        self.scene.begin_whole(rect);
        self.scene.text(Point::new(rect.x + 3, y), Style::Body, self.colours.text2, hint);
        self.scene.end_whole();
        self.scene.stops.push(Focus::Field(field));
        self.scene.press(rect, Act::Type(field), Spoken::new(field.label(), Role::Text), 8);
    }

    /// A round picture with the first letter of a name.
    pub(super) fn avatar(&mut self, Point { x, y }: Point, side: i32, id: &str, name: &str) {
        let rect = Rect::new(x, y, side, side);
        self.avatar_ground(rect, theme::avatar(id));
        let style = if side >= 36 { Style::Strong } else { Style::MicroStrong };
        self.centred(Span::new(x, y + (side - style.line()) / 2, side), style, 0xFF_FFFF, &initial(name));
    }

    fn avatar_ground(&mut self, rect: Rect, ground: Rgb) {
        if self.model.theme == Theme::Contrast {
            self.scene.bordered(rect, rect.w / 2, Border::new(0xFF_FFFF, 2), 0x00_0000);
        } else {
            self.scene.round(rect, rect.w / 2, ground);
        }
    }

    /// A round picture with an icon.
    pub(super) fn icon_avatar(&mut self, Point { x, y }: Point, side: i32, icon: Icon) {
        self.avatar_ground(Rect::new(x, y, side, side), 0x3A_535F);
        self.scene.icon(icon, Point::new(x + (side - 20) / 2, y + (side - 20) / 2), 20, 0xFF_FFFF);
    }

    /// The app's own icon: a keyhole.
    pub(super) fn app_icon(&mut self, x: i32, y: i32, side: i32) {
        self.scene.round(Rect::new(x, y, side, side), side / 4, self.colours.accent);
        self.scene.icon(Icon::Keyhole, Point::new(x, y), side, self.colours.on_accent);
    }

    /// A soft block with a state and its reason; gives the y below.
    pub(super) fn note(&mut self, Span { x, y, w }: Span, told: &Told) -> i32 {
        let (ink, soft) = self.tone(told.tone);
        let (from, room) = (self.scene.items.len(), w - 50 - 16);
        let text = self.colours.text;
        self.scene.icon(told.icon, Point::new(x + 17, y + 13), 20, ink);
        let below = self.paragraph(Span::new(x + 50, y + 12, room), Style::Strong, text, &told.title);
        let below = self.paragraph(Span::new(x + 50, below, room), Style::Small, text, &told.reason) + 12;
        self.behind(from, |view| view.block(Rect::new(x, y, w, below - y), 8, soft));
        below
    }

    /// A state in a pill that ends at `right`.
    pub(super) fn pill(&mut self, Point { x: right, y }: Point, told: &Told) {
        let (ink, soft) = self.tone(told.tone);
        let w = self.width(Style::MicroStrong, &told.title) + 38;
        let fill = if told.tone == Tone::Plain { self.colours.select } else { soft };
        let ink = if told.tone == Tone::Plain { self.colours.accent } else { ink };
        let rect = Rect::new(right - w, y, w, 24);
        self.block(rect, 12, fill);
        self.scene.icon(told.icon, Point::new(rect.x + 9, y + 5), 14, ink);
        self.scene.text(Point::new(rect.x + 28, y + 4), Style::MicroStrong, ink, told.title.as_str());
    }

    /// The header of what stands beside the list, with a state where there is room for it.
    pub(super) fn page_header(&mut self, pane: Rect, title: &str, below: &str, state: Option<&Told>) {
        let left = pane.x + margin(pane.w);
        let close = Rect::new(pane.right() - 52, 12, 40, 40);
        let state = state.map(|told| (told, self.width(Style::MicroStrong, &told.title) + 38));
        let state = state.filter(|(_, w)| pane.w - w >= 420);
        let room = close.x - 12 - left - state.map_or(0, |(_, w)| w + 12);
        let title = self.cut(Style::Heading, title, room);
        self.scene.text(Point::new(left, 12), Style::Heading, self.colours.text, title);
        let below = self.cut(Style::Small, below, room);
        self.scene.text(Point::new(left, 34), Style::Small, self.colours.text2, below);
        if let Some((told, _)) = state {
            self.pill(Point::new(close.x - 12, 20), told);
        }
        self.scene.fill(Rect::new(pane.x, 63, pane.w, 1), self.colours.line);
        self.icon_button(close, Icon::Close, "Close", Act::Close);
    }

    /// What stands below a header of so wide a pane: the room for it, and the margins in it.
    pub(super) fn page(&mut self, pane: Rect, draw: &dyn Fn(&mut Self, Rect) -> i32) {
        let area = Rect::new(pane.x, 64, pane.w, (pane.h - 64).max(0));
        let side = margin(pane.w);
        self.scrolled(Part::Page, area, &|view, at| {
            draw(view, Rect::new(at.x + side, at.y + 24, at.w - 2 * side, at.h)) + 24
        });
    }

    /// An icon that can be pressed, 40 by 40.
    pub(super) fn icon_button(&mut self, rect: Rect, icon: Icon, label: &str, act: Act) {
        if self.hover == Some(&act) {
            self.scene.round(rect, 8, self.colours.hover);
        }
        if *self.focus == Focus::Act(act.clone()) {
            self.ring(rect, 8);
        }
        let at = Point::new(rect.x + (rect.w - 20) / 2, rect.y + (rect.h - 20) / 2);
        self.scene.icon(icon, at, 20, self.colours.text2);
        self.pressable(rect, act, Spoken::new(label, Role::Button), 8);
    }

    /// A short line at the lower left.
    pub(super) fn notice(&mut self, whole: Rect) {
        let Some((line, until)) = &self.model.notice else { return };
        if *until <= self.now {
            return;
        }
        let max = (whole.w - 32 - 32).min(560);
        let lines = self.broken(Style::Small, line, max);
        let w = lines.iter().map(|line| line.width).max().unwrap_or(0) + 32;
        let h = 18 * i32::try_from(lines.len()).unwrap_or(1) + 20;
        let rect = Rect::new(16, whole.h - h - 16, w, h);
        self.scene.bordered(rect, 8, Border::new(self.colours.edge, 1), self.colours.text);
        for (index, line) in (0..).zip(lines.iter()) {
            self.scene.text(
                Point::new(rect.x + 16, rect.y + 10 + 18 * index),
                Style::Small,
                self.colours.bg,
                line.text.as_str(),
            );
        }
    }

    /// A text as a picture code in a white frame.
    pub(super) fn picture_code(&mut self, text: &str, frame: Rect) {
        self.scene.bordered(frame, 12, Border::new(self.colours.edge, self.colours.line_px), 0xFF_FFFF);
        let Ok(code) = qrcode::QrCode::with_error_correction_level(text, qrcode::EcLevel::L) else { return };
        let side = code.width();
        let dark = code.to_colors().into_iter().map(|colour| colour == qrcode::Color::Dark).collect();
        self.scene.items.push(Item::Code(frame.inset(8), Rc::new(Code { side, dark })));
    }

    /// A name as it stands in our own line.
    pub(super) fn name(&self, untrusted: &str) -> String {
        isolated(untrusted)
    }

    pub(super) fn clip(&mut self, rect: Rect) {
        self.scene.items.push(Item::Clip(rect));
    }

    pub(super) fn unclip(&mut self) {
        self.scene.items.push(Item::Unclip);
    }
}
