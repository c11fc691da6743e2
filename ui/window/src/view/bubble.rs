//! One text of a conversation: its box, its words, what stands above and below it.

use std::borrow::Cow;
use std::ops::Range;
use std::rc::Rc;

use ipc_schema::edge::ui_stored::{Contact, Delivery, Message, Note};

use super::View;
use super::bubble_parts::Parts;
use super::controls::{Button, Kind};
use super::rows::{Chip, Fold};
use crate::icon::Icon;
use crate::layout::{Ask, Ground, LINE, Laid};
use crate::model::words::{self, Tone};
use crate::model::{Act, Chat, MessageAct};
use crate::scene::{Item, Point, Rect, Span, Style};
use crate::text::isolated;
use crate::theme::{Rgb, Theme};

/// Width of the widest bubble, pixels.
pub(super) const BUBBLE_MAX: i32 = 520;

/// Texts of one sender within this time are a group.
const GROUP_MS: u64 = 5 * 60 * 1000;

/// One text, measured.
pub(super) struct Bubble<'a> {
    contact: &'a Contact,
    pub(super) message: &'a Message,
    pub(super) laid: Rc<Laid>,
    /// What is selected of it.
    pub(super) chosen: Option<Range<usize>>,
    /// What is said of characters that cannot be seen.
    chip: Option<Chip>,
    /// What shows all of a long text, or folds it.
    fold: Option<Fold>,
    footer: String,
    footer_width: i32,
    /// Time and mark have a line of their own.
    footer_below: bool,
    sentence: String,
    retry: bool,
    /// It asks whether one wants to meet somebody.
    asks: bool,
    /// Belongs to the one above.
    joined: bool,
    /// The next belongs to this one.
    joins: bool,
    /// A day's chip stands above.
    pub(super) day: Option<String>,
    /// The line of so many unread texts stands above.
    unread: Option<usize>,
    /// So does one that something is missing.
    gap: bool,
    /// What it has beside its text.
    parts: Parts,
}

impl Bubble<'_> {
    fn text_lines(&self) -> i32 {
        let chip = self.chip.as_ref().is_some_and(|chip| chip.below);
        let lines = self.laid.rows.len() + usize::from(self.footer_below) + usize::from(chip);
        i32::try_from(lines).unwrap_or(1)
    }

    fn box_height(&self) -> i32 {
        14 + self.parts.above() + LINE * self.text_lines()
    }

    fn under_height(&self) -> i32 {
        let sentence = match (self.sentence.is_empty(), self.retry) {
            (true, _) => 0,
            (false, false) => 20,
            (false, true) => 36,
        };
        self.parts.below() + sentence + if self.asks { 40 } else { 0 }
    }

    /// From the upper edge of its box to that of its first line.
    pub(super) fn text_top(&self) -> i32 {
        7 + self.parts.above()
    }

    /// The room of its lines, where its box stands at `rect`.
    pub(super) fn text_area(&self, rect: Rect) -> Rect {
        let lines = i32::try_from(self.laid.rows.len()).unwrap_or(1);
        Rect::new(rect.x + 12, rect.y + self.text_top(), rect.w - 24, LINE.saturating_mul(lines))
    }

    /// With everything above and below that belongs to it.
    pub(super) fn height(&self) -> i32 {
        let gap = if self.joined { 4 } else { 10 };
        let above = if self.day.is_some() { 40 } else { 0 }
            + if self.unread.is_some() { 32 } else { 0 }
            + if self.gap { 32 } else { 0 };
        gap + above + self.box_height() + self.under_height()
    }

    fn width(&self) -> i32 {
        let last = self.laid.rows.last().map_or(0, |row| row.indent + row.width);
        let fold = self.fold.as_ref().map_or(0, |fold| fold.width + 12);
        let with_footer = if self.footer_below { fold } else { last + 12 } + self.footer_width;
        let with_chip = self.chip.as_ref().map_or(0, |chip| chip.left + chip.width);
        (24 + self.laid.width().max(with_footer).max(with_chip)).max(self.parts.width())
    }
}

impl View<'_> {
    pub(super) fn measured<'m>(
        &self,
        contact: &'m Contact,
        chat: &'m Chat,
        index: usize,
        max: i32,
    ) -> Option<Bubble<'m>> {
        let message = chat.messages.get(index)?;
        let before = index.checked_sub(1).and_then(|before| chat.messages.get(before));
        let whole = chat.whole.contains(&message.id);
        let body = shown_text(contact, message);
        let plain = message.note != Note::None || message.deleted;
        let ask = Ask { body: &body, max: max - 24, whole, plain };
        let laid = self.metrics.laid(&message.id, &ask);
        let time = self.zone.local_time(message.sent_at);
        let edited = if message.edited && !message.deleted { "Edited · " } else { "" };
        let footer = format!("{edited}{}", words::hour(&time));
        let signs = if marked(message) { 22 } else { 0 } + if lasts(message) { 18 } else { 0 };
        let footer_width = self.width(Style::Micro, &footer) + signs;
        let chip = self.hidden_chip(&laid, max - 24);
        let fold = laid.long.then(|| self.fold(&message.id, whole));
        let beside = laid.rows.last().is_some_and(|row| {
            row.ground != Ground::Code
                && row.from_right == self.mirrored
                && row.indent + row.width + 12 + footer_width <= max - 24
        });
        let footer_below = chip.is_some() || fold.is_some() || !beside;
        let day = time.date();
        let new_day = before.is_none_or(|before| self.zone.local_time(before.sent_at).date() != day);
        let unread = (chat.first_unread() == Some(message.id.as_str())).then_some(chat.unread_at_opening);
        let says = chat.says_state(index) && !chat.unconfirmed.contains(&message.id) && !message.deleted;
        Some(Bubble {
            contact,
            message,
            chosen: self.chosen.as_ref().and_then(|chosen| chosen.of(index)),
            laid,
            chip,
            fold,
            footer,
            footer_width,
            footer_below,
            sentence: if says { words::under(message, contact, self.zone) } else { String::new() },
            retry: self.model.can(&MessageAct::Retry(message.id.clone())),
            asks: self.model.can(&MessageAct::Meet(message.id.clone(), true)),
            joined: !new_day && unread.is_none() && before.is_some_and(|before| in_group(before, message)),
            joins: chat.messages.get(index + 1).is_some_and(|next| in_group(message, next)),
            day: new_day.then(|| words::day(day, self.zone.local_time(self.now).date())),
            unread,
            gap: message.gap,
            parts: self.parts(contact, chat, message, max),
        })
    }

    pub(super) fn bubble(&mut self, bubble: &Bubble<'_>, slot: Rect, body: Rect) {
        let mut y = slot.y + if bubble.joined { 4 } else { 10 };
        if let Some(day) = &bubble.day {
            self.day_chip(Span::new(slot.x, y + 4, slot.w), day, body);
            y += 40;
        }
        if let Some(count) = bubble.unread {
            let line = words::new_messages(count);
            self.line_across(Rect::new(slot.x, y, slot.w, 24), &line, self.colours.accent);
            y += 32;
        }
        if bubble.gap {
            let ink = self.colours.warn;
            self.line_across(
                Rect::new(slot.x, y, slot.w, 24),
                "Something they wrote before this is missing",
                ink,
            );
            y += 32;
        }
        let mine = bubble.message.mine;
        let w = bubble.width();
        let x = match bubble.message.note {
            Note::None if mine => slot.right() - w,
            Note::None => slot.x,
            // Nobody wrote it.
            _ => slot.x + (slot.w - w) / 2,
        };
        let rect = Rect::new(x, y, w, bubble.box_height());
        self.bubble_place(bubble.contact, bubble.message, rect, body);
        self.bubble_ground(bubble, rect);
        self.bubble_text(bubble, rect, body);
        self.draw_parts(&bubble.parts, bubble.message, rect, body);
        if bubble.asks {
            self.meeting(&bubble.message.id, Span::new(slot.x, rect.bottom() + 8, slot.w));
        }
        if !bubble.sentence.is_empty() {
            self.sentence(bubble, Point::new(slot.right(), rect.bottom() + bubble.parts.below() + 2));
        }
    }

    /// Below a line that asks whether one wants to meet somebody.
    fn meeting(&mut self, id: &str, Span { x, y, w }: Span) {
        let act = |yes| Act::Message(MessageAct::Meet(id.to_owned(), yes));
        let yes = Button::new(Kind::Normal, "Meet them", act(true)).icon(Icon::Check).small();
        let no = Button::new(Kind::Normal, "Not now", act(false)).small();
        let widths = [self.button_width(&yes), self.button_width(&no)];
        let left = x + (w - widths[0] - widths[1] - 8) / 2;
        self.button_of_message(Point::new(left, y), &yes);
        self.button_of_message(Point::new(left + widths[0] + 8, y), &no);
    }

    fn bubble_ground(&mut self, bubble: &Bubble<'_>, rect: Rect) {
        let mine = bubble.message.mine;
        let fill = match bubble.message.note {
            Note::None if mine => self.colours.mine,
            Note::None => self.colours.theirs,
            _ => self.colours.panel,
        };
        let (upper, lower) = (if bubble.joined { 4 } else { 12 }, if bubble.joins { 4 } else { 12 });
        let radii = if mine { [12, upper, lower, 12] } else { [upper, 12, 12, lower] };
        if self.model.theme == Theme::Contrast {
            self.scene.items.push(Item::Round(rect, radii, self.colours.edge));
            self.scene.items.push(Item::Round(rect.inset(2), radii.map(|r| r - 2), fill));
        } else {
            self.scene.items.push(Item::Round(rect, radii, fill));
        }
    }

    /// Of a long text, what lies outside of `body` is no part of the picture.
    fn bubble_text(&mut self, bubble: &Bubble<'_>, rect: Rect, body: Rect) {
        self.scene.begin_whole(bubble.text_area(rect));
        self.text_rows(bubble, rect, body);
        if let Some(chip) = &bubble.chip {
            let lines = i32::try_from(bubble.laid.rows.len()).unwrap_or(1);
            let y = rect.y + bubble.text_top() + LINE * (if chip.below { lines } else { lines - 1 });
            self.chip_of(chip, Point::new(rect.x + 12 + chip.left, y + 1));
        }
        self.scene.end_whole();
        if let Some(fold) = &bubble.fold {
            let at = Point::new(rect.x + 12, rect.bottom() - 7 - LINE);
            if at.y + LINE > body.y && at.y < body.bottom() {
                self.fold_button(fold, at);
            }
        }
        let right = rect.right() - 12;
        let y = rect.bottom() - 7 - LINE + 4;
        let mark = if marked(bubble.message) { 22 } else { 0 };
        let left = self.ending(Point::new(right - mark, y), Style::Micro, self.colours.text2, &bubble.footer);
        if lasts(bubble.message) {
            self.scene.icon(Icon::Timer, Point::new(left - 18, y + 1), 14, self.colours.text2);
        }
        if marked(bubble.message) {
            let (icon, tone) = words::mark(bubble.message.state);
            let ink = match tone {
                Tone::Good => self.colours.accent,
                other => self.tone(other).0,
            };
            self.scene.icon(icon, Point::new(right - 16, y), 16, ink);
        }
    }

    fn sentence(&mut self, bubble: &Bubble<'_>, Point { x: mut right, y }: Point) {
        let ink = match bubble.message.state {
            Delivery::Failed => self.colours.danger,
            Delivery::Expired => self.colours.warn,
            _ => self.colours.text2,
        };
        let mut top = y + 1;
        if bubble.retry {
            let act = Act::Message(MessageAct::Retry(bubble.message.id.clone()));
            let again = Button::new(Kind::Normal, "Try again", act).icon(Icon::Retry).small();
            let w = self.button_width(&again);
            self.button_of_message(Point::new(right - w, y + 3), &Button { height: 28, ..again });
            right -= w + 12;
            top = y + 9;
        }
        self.ending(Point::new(right, top), Style::Micro, ink, &bubble.sentence);
    }

    fn line_across(&mut self, rect: Rect, label: &str, ink: Rgb) {
        let w = self.width(Style::MicroStrong, label);
        let left = rect.x + (rect.w - w) / 2;
        self.scene.fill(Rect::new(rect.x, rect.y + 12, left - rect.x - 12, 1), ink);
        self.scene.text(Point::new(left, rect.y + 4), Style::MicroStrong, ink, label);
        let from = left + w + 12;
        self.scene.fill(Rect::new(from, rect.y + 12, rect.right() - from, 1), ink);
    }
}

/// Whether it shows how far it is.
fn marked(message: &Message) -> bool {
    message.mine && message.note == Note::None && !message.deleted
}

/// Whether it is a text that disappears.
fn lasts(message: &Message) -> bool {
    message.timer_s > 0 && message.note == Note::None && !message.deleted
}

/// What stands in a bubble.
fn shown_text<'m>(contact: &Contact, message: &'m Message) -> Cow<'m, str> {
    if message.deleted {
        return words::deleted(message, contact).into();
    }
    if !message.introduces.is_empty() {
        return format!("{}\n{}", message.body, isolated(&message.introduces)).into();
    }
    message.body.as_str().into()
}

fn in_group(before: &Message, after: &Message) -> bool {
    before.mine == after.mine
        && !after.gap
        && [before, after].iter().all(|message| message.note == Note::None)
        && after.sent_at.0.saturating_sub(before.sent_at.0) < GROUP_MS
}
