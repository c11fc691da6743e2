//! The texts of a conversation from the newest up, the day that sticks above them, and where in it the view stands.

use ipc_schema::edge::ui_stored::{Contact, Message};

use super::bubble::BUBBLE_MAX;
use super::controls::{Button, Kind};
use super::{Surroundings, View};
use crate::model::{Act, Chat, Field, Focus, Model, ReadAct, Wanted, words};
use crate::scene::{Border, Item, Point, Rect, Role, Scene, Span, Spoken, Style, TextRow};

/// Below the newest text, and above the oldest.
const EDGE: i32 = 12;

/// So far below the upper edge a view begins, so that the day does not cover it.
const BEGINS: i32 = 40;

/// What is brought into view has so much room below it.
const MARGIN: i32 = 8;

/// Height of a day's chip.
const CHIP: i32 = 24;

/// How wide a bubble may be.
fn widest(body: Rect) -> i32 {
    BUBBLE_MAX.min((body.w - 48) * 72 / 100)
}

/// About as high as a text will be, where nobody has measured it.
fn guessed(message: &Message, max: i32) -> i32 {
    let a_line = usize::try_from(max / 7).unwrap_or(1).max(1);
    let lines = message.body.len() / a_line + 1;
    36 + i32::try_from(lines).unwrap_or(i32::MAX / 2_000).min(i32::MAX / 2_000) * 22
}

impl View<'_> {
    pub(super) fn bubbles(&mut self, contact: &Contact, chat: &Chat, body: Rect) {
        self.clip(body);
        if chat.messages.is_empty() {
            self.empty_chat(contact, chat, body);
        }
        let max = widest(body);
        let scroll = self.model.scroll;
        let mut bottom = body.bottom() - EDGE + scroll;
        let mut above = 0;
        let mut top_row = None;
        for index in (0..chat.messages.len()).rev() {
            let Some(bubble) = self.measured(contact, chat, index, max) else { break };
            let top = bottom - bubble.height();
            if top < body.bottom() && bottom > body.y {
                let slot = Rect::new(body.x + 24, top, body.w - 48, bottom - top);
                if let Some(message) = chat.messages.get(index) {
                    self.point_out(message, Rect::new(body.x, top, body.w, bottom - top));
                    self.scene.rows.push(TextRow { id: message.id.clone(), slot });
                }
                self.bubble(&bubble, slot, body);
                top_row = Some((index, top, bubble.day.is_some()));
            }
            bottom = top;
            // Far above what is seen nothing needs to be measured yet.
            if bottom < body.y - 4 * body.h {
                above = chat.messages.iter().take(index).map(|message| guessed(message, max)).sum();
                break;
            }
        }
        if let Some((index, top, has_day)) = top_row {
            self.sticking_day(chat, index, body, has_day && top + 14 >= body.y + 8);
        }
        self.unclip();
        // What lies above the upper edge can be scrolled to.
        let most = (scroll + (body.y - bottom) + EDGE).saturating_add(above).max(0);
        self.scene.scroll = Some((body, most));
        self.chat_thumb(body, most);
        self.down_button(contact, chat, body);
    }

    /// A band behind what was looked for.
    fn point_out(&mut self, message: &Message, row: Rect) {
        let pointed = self.model.reading.pointed.as_ref();
        if pointed.is_some_and(|(id, until)| *id == message.id && *until > self.now) {
            self.scene.fill(row, self.colours.warn_soft);
            self.scene.fill(Rect::new(row.x, row.y, 4, row.h), self.colours.warn);
        }
    }

    /// The day of what is at the top stays there.
    fn sticking_day(&mut self, chat: &Chat, index: usize, body: Rect, shown: bool) {
        let Some(message) = chat.messages.get(index).filter(|_| !shown) else { return };
        let day = self.zone.local_time(message.sent_at).date();
        let label = words::day(day, self.zone.local_time(self.now).date());
        // The next day's own pushes it away.
        let next = self
            .scene
            .hits
            .iter()
            .filter(|hit| hit.act == Act::Read(ReadAct::AskDate))
            .map(|hit| hit.rect.y)
            .min();
        let y = next.map_or(body.y + 8, |next| (body.y + 8).min(next - CHIP - 4));
        self.day_chip(Span::new(body.x + 24, y, body.w - 48), &label, body);
    }

    /// A day; pressing it asks for another one.
    pub(super) fn day_chip(&mut self, Span { x, y, w: room }: Span, day: &str, body: Rect) {
        let w = self.width(Style::MicroStrong, day) + 24;
        let chip = Rect::new(x + (room - w) / 2, y, w, CHIP);
        let fill = if self.hover == Some(&Act::Read(ReadAct::AskDate)) {
            self.colours.hover
        } else {
            self.colours.panel
        };
        self.block(chip, CHIP / 2, fill);
        self.scene.text(Point::new(chip.x + 12, chip.y + 4), Style::MicroStrong, self.colours.text2, day);
        if chip.y >= body.y && chip.bottom() <= body.bottom() {
            self.pointed(chip, Act::Read(ReadAct::AskDate), "Go to a day", CHIP / 2);
        }
    }

    fn down_button(&mut self, contact: &Contact, chat: &Chat, body: Rect) {
        if self.model.scroll <= 80 && !chat.newer {
            return;
        }
        let rect = Rect::new(body.right() - 64, body.bottom() - 52, 40, 40);
        if *self.focus == Focus::Act(Act::Read(ReadAct::ToEnd)) {
            self.scene.round(rect.inset(-4), 24, self.colours.focus);
            self.scene.round(rect.inset(-2), 22, self.colours.bg);
        }
        let over = self.hover == Some(&Act::Read(ReadAct::ToEnd));
        let ground = if over { self.colours.hover } else { self.colours.bg };
        self.scene.bordered(rect, 20, Border::new(self.colours.edge, self.colours.line_px), ground);
        let icon = Point::new(rect.x + 10, rect.y + 10);
        self.scene.icon(crate::icon::Icon::Down, icon, 20, self.colours.text);
        let spoken = match contact.unread {
            0 => "To the newest message".to_owned(),
            unread => format!(
                "To the newest message, {}",
                words::new_messages(unread.try_into().unwrap_or(usize::MAX))
            ),
        };
        if contact.unread > 0 {
            let label = if contact.unread > 99 { "99+".to_owned() } else { contact.unread.to_string() };
            let w = (self.width(Style::MicroStrong, &label) + 12).max(20);
            let pill = Rect::new(rect.x + (rect.w - w) / 2, rect.y - 12, w, 20);
            self.scene.items.push(Item::Round(pill, [10; 4], self.colours.accent));
            let middle = Span::new(pill.x, pill.y + 2, pill.w);
            self.centred(middle, Style::MicroStrong, self.colours.on_accent, &label);
        }
        self.pressable(rect, Act::Read(ReadAct::ToEnd), Spoken::new(&spoken, Role::Button), 20);
    }

    /// The card on which a day is chosen: nothing else can be pressed.
    pub(super) fn date_card(&mut self, whole: Rect) {
        let Some(card) = self.model.reading.date else { return };
        self.cover();
        let c = self.colours;
        let w = 376.min(whole.w - 32);
        let rect = Rect::new((whole.w - w) / 2, (whole.h - 252) / 2, w, 252);
        self.scene.bordered(rect, 12, Border::new(c.edge, c.line_px), c.bg);
        let (x, mut y) = (rect.x + 20, rect.y + 20);
        self.scene.text(Point::new(x, y), Style::Heading, c.text, "Go to a day");
        y += 34;
        self.field(Field::Date, Rect::new(x, y, w - 40, 40), Style::Body, card.wrong);
        let (ink, line) = if card.wrong {
            (c.danger, "That is not a day. Write it as 2026-06-24.")
        } else {
            (c.text2, "Year, month, day: 2026-06-24")
        };
        self.scene.text(Point::new(x, y + 46), Style::Small, ink, line);
        y += 74;
        let mut left = x;
        for (label, act) in crate::model::reading::DAYS_BACK {
            let choice = Button::new(Kind::Normal, label, act).small();
            if left + self.button_width(&choice) > rect.right() - 20 {
                (left, y) = (x, y + 40);
            }
            left = self.button(Point::new(left, y), &choice) + 8;
        }
        let y = rect.bottom() - 48;
        self.button(
            Point::new(x, y),
            &Button::new(Kind::Primary, "Go", Act::Read(ReadAct::GoToDate)).small(),
        );
        let leave = Button::new(Kind::Quiet, "Cancel", Act::Read(ReadAct::LeaveDate)).small();
        let right = rect.right() - 20 - self.button_width(&leave);
        self.button(Point::new(right, y), &leave);
    }
}

/// The newest text of which the last line is to be seen: what one has read up to, if one looks.
#[must_use]
pub fn newest_seen(scene: &Scene) -> Option<&str> {
    let (body, _) = scene.scroll?;
    let seen = |row: &&TextRow| row.slot.bottom() <= body.bottom() && row.slot.bottom() > body.y;
    scene.rows.iter().find(seen).map(|row| row.id.as_str())
}

/// What is read just now: the newest text that is seen, and how far its end lies above the lower edge of the conversation.
#[must_use]
pub fn held_to(scene: &Scene) -> Option<(String, i32)> {
    let (body, _) = scene.scroll?;
    // One that is higher than the view ends outside of it.
    let newest = newest_seen(scene).or_else(|| scene.rows.first().map(|row| row.id.as_str()))?;
    let row = scene.rows.iter().find(|row| row.id == newest)?;
    Some((row.id.clone(), body.bottom() - row.slot.bottom()))
}

/// How far to scroll so that a text's end lies so far above the lower edge of `body`; `None`: it is not held.
#[must_use]
pub fn scroll_to(
    model: &Model,
    around: &Surroundings<'_>,
    body: Rect,
    (id, above): &(String, i32),
) -> Option<i32> {
    let (below, _) = stands(model, around, body, id)?;
    Some((below + EDGE - above).max(0))
}

/// How far to scroll to where the view is to be; `None`: that is not held.
#[must_use]
pub fn scroll_wanted(model: &Model, around: &Surroundings<'_>, body: Rect) -> Option<i32> {
    let scroll = match model.reading.wanted.as_ref()? {
        Wanted::From(id) => {
            let (below, height) = stands(model, around, body, id)?;
            below + height + EDGE + BEGINS - body.h
        }
        Wanted::Middle(id) => {
            let (below, height) = stands(model, around, body, id)?;
            // Of one that is higher than the view its beginning.
            if height + BEGINS > body.h {
                below + height + EDGE + BEGINS - body.h
            } else {
                below + EDGE + height / 2 - body.h / 2
            }
        }
        Wanted::Seen(id) => {
            let (below, height) = stands(model, around, body, id)?;
            let ends = below + EDGE - MARGIN;
            let begins = below + height + EDGE + BEGINS - body.h;
            // Of one that is higher than the view its beginning.
            model.scroll.min(ends).max(begins)
        }
        Wanted::Beginning => {
            let chat = model.chats.get(model.open_chat()?)?;
            let (below, height) = stands(model, around, body, &chat.messages.first()?.id)?;
            below + height + 2 * EDGE - body.h
        }
    };
    Some(scroll.max(0))
}

/// How high all is that stands below a text, and how high it is itself.
fn stands(model: &Model, around: &Surroundings<'_>, body: Rect, id: &str) -> Option<(i32, i32)> {
    let who = model.open_chat()?;
    let (contact, chat) = (model.person(who)?, model.chats.get(who)?);
    let at = chat.messages.iter().position(|message| message.id == id)?;
    let view = View::new(model, around);
    let height =
        |index| view.measured(contact, chat, index, widest(body)).map_or(0, |bubble| bubble.height());
    let below = (at.saturating_add(1)..chat.messages.len()).map(height).sum();
    Some((below, height(at)))
}
