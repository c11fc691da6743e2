//! A conversation: header, bubbles from the newest up, composer.

use std::rc::Rc;

use ipc_schema::edge::ui_stored::{Contact, ContactState, Delivery, Message, Note};

use super::View;
use super::controls::{Button, Kind};
use super::held::HELD_HEIGHT;
use crate::icon::Icon;
use crate::model::words::{self, Tone};
use crate::model::{Act, Chat, Field, Focus, Listing};
use crate::scene::{Border, Item, Point, Rect, Role, Span, Spoken, Style};
use crate::text::{Line, first_lines, from_the_right, visible};
use crate::theme::{Rgb, Theme};

/// Width of the widest bubble, pixels.
const BUBBLE_MAX: i32 = 520;

/// Texts of one sender within this time are a group.
const GROUP_MS: u64 = 5 * 60 * 1000;

/// Height of what stands for a text that is too long to be edited.
const FOLDED: i32 = 64;

/// Lines to which the composer grows.
const COMPOSER_LINES_MAX: usize = 6;

/// One text, measured.
struct Bubble<'a> {
    message: &'a Message,
    lines: Rc<[Line]>,
    hidden: usize,
    footer: String,
    footer_width: i32,
    /// Time and mark have a line of their own.
    footer_below: bool,
    sentence: String,
    retry: bool,
    /// Belongs to the one above.
    joined: bool,
    /// The next belongs to this one.
    joins: bool,
    /// A day's chip stands above.
    day: Option<String>,
    /// The line of unread texts stands above.
    unread: bool,
    /// So does one that something is missing.
    gap: bool,
}

impl Bubble<'_> {
    fn text_lines(&self) -> i32 {
        let lines = self.lines.len() + usize::from(self.footer_below) + usize::from(self.hidden > 0);
        i32::try_from(lines).unwrap_or(1)
    }

    fn box_height(&self) -> i32 {
        14 + 22 * self.text_lines()
    }

    fn under_height(&self) -> i32 {
        match (self.sentence.is_empty(), self.retry) {
            (true, _) => 0,
            (false, false) => 20,
            (false, true) => 36,
        }
    }

    /// With everything above and below that belongs to it.
    fn height(&self) -> i32 {
        let gap = if self.joined { 4 } else { 10 };
        let above = if self.day.is_some() { 40 } else { 0 }
            + if self.unread { 32 } else { 0 }
            + if self.gap { 32 } else { 0 };
        gap + above + self.box_height() + self.under_height()
    }

    fn width(&self) -> i32 {
        let text = self.lines.iter().map(|line| line.width).max().unwrap_or(0);
        let last = self.lines.last().map_or(0, |line| line.width);
        let with_footer = if self.footer_below { self.footer_width } else { last + 12 + self.footer_width };
        24 + text.max(with_footer)
    }
}

impl View<'_> {
    pub(super) fn start(&mut self, pane: Rect) {
        let listing = self.model.listing();
        let told = words::start(listing);
        let w = 376.min(pane.w - 32);
        let card = Rect::new(pane.x + (pane.w - w) / 2, pane.h / 2 - 110, w, 200);
        self.scene.bordered(card, 12, Border::new(self.colours.line, self.colours.line_px), self.colours.bg);
        self.block(Rect::new(card.x + 20, card.y + 16, 40, 40), 20, self.colours.select);
        self.scene.icon(told.icon, Point::new(card.x + 30, card.y + 26), 20, self.colours.accent);
        self.scene.text(Point::new(card.x + 72, card.y + 25), Style::Heading, self.colours.text, told.title);
        let body = Span::new(card.x + 20, card.y + 66, w - 40);
        self.paragraph(body, Style::Small, self.colours.text, &told.reason);
        if matches!(listing, Listing::Opening | Listing::Unreadable) {
            return;
        }
        let y = card.bottom() - 48;
        let invite = Button::new(Kind::Primary, "Invite someone", Act::Invite).icon(Icon::Link).small();
        let right = self.button(Point::new(card.x + 20, y), &invite);
        let accept = Button::new(Kind::Normal, "I was invited", Act::Accept).icon(Icon::Qr).small();
        let right = self.button(Point::new(right + 8, y), &accept);
        if self.model.offer.is_some() && right + 80 < card.right() {
            self.button(
                Point::new(right + 8, y),
                &Button::new(Kind::Quiet, "Echo", Act::AcceptOffer).small(),
            );
        }
    }

    pub(super) fn chat(&mut self, id: &str, pane: Rect) {
        let (Some(contact), Some(chat)) = (self.model.person(id), self.model.chats.get(id)) else {
            self.start(pane);
            return;
        };
        let composer = self.composer_height(pane.w);
        let held = if contact.held { HELD_HEIGHT } else { 0 };
        let body = Rect::new(pane.x, 64, pane.w, pane.h - 64 - composer - held);
        self.bubbles(contact, chat, body);
        self.chat_header(contact, pane);
        if contact.held {
            self.held(contact, Rect::new(pane.x, body.bottom(), pane.w, held));
        }
        self.composer(contact, Rect::new(pane.x, pane.h - composer, pane.w, composer));
    }

    fn chat_header(&mut self, contact: &Contact, pane: Rect) {
        self.scene.fill(Rect::new(pane.x, 0, pane.w, 64), self.colours.bg);
        let mut left = pane.x + 24;
        if pane.x == 0 {
            self.icon_button(Rect::new(8, 12, 40, 40), Icon::Back, "Back to the list", Act::Close);
            left = 56;
        }
        self.avatar(Point::new(left, 12), 40, &contact.id, &contact.name);
        let x = left + 52;
        let name = self.name(&contact.name);
        let name = self.cut(Style::Heading, &name, pane.right() - x - 140);
        let end = x + self.width(Style::Heading, &name);
        self.scene.text(Point::new(x, 12), Style::Heading, self.colours.text, name);
        self.verified_chip(Point::new(end + 8, 12), contact);
        self.scene.icon(Icon::Route3, Point::new(x, 35), 16, self.colours.text2);
        let route = match contact.state {
            ContactState::Oneself => "Kept here alone",
            _ if contact.route == "direct" => "Direct route",
            _ => "Private route",
        };
        let state = words::notice(contact).map(|line| format!(" · {line}")).unwrap_or_default();
        let state = state
            + match contact.state {
                ContactState::Invited | ContactState::Pending => " · Waiting for their first answer",
                ContactState::Connected | ContactState::Oneself => "",
                ContactState::Blocked => " · Blocked",
            };
        let line = self.cut(Style::Small, &format!("{route}{state}"), pane.right() - x - 40);
        self.scene.text(Point::new(x + 22, 34), Style::Small, self.colours.text2, line);
        self.scene.fill(Rect::new(pane.x, 63, pane.w, 1), self.colours.line);
    }

    /// Whether it was compared who this is; pressing it goes there.
    fn verified_chip(&mut self, Point { x, y }: Point, contact: &Contact) {
        if contact.state == ContactState::Oneself {
            return;
        }
        let (icon, tone, word) = words::verified(contact);
        let ink = self.tone(tone).0;
        if contact.state != ContactState::Connected {
            // There is nothing to compare before both sides have met.
            self.scene.icon(icon, Point::new(x, y + 3), 16, ink);
            self.scene.text(Point::new(x + 20, y + 2), Style::Label, ink, word);
            return;
        }
        let act = Act::Compare(contact.id.clone());
        let rect = Rect::new(x - 6, y - 2, self.width(Style::Label, word) + 32, 26);
        if self.model.hover.as_ref() == Some(&act) || *self.model.focus() == Focus::Act(act.clone()) {
            self.scene.round(rect, 8, self.colours.hover);
        }
        self.scene.icon(icon, Point::new(x, y + 3), 16, ink);
        self.scene.text(Point::new(x + 20, y + 2), Style::Label, ink, word);
        self.pressable(rect, act, Spoken::new(word, Role::Button), 8);
    }

    fn bubbles(&mut self, contact: &Contact, chat: &Chat, body: Rect) {
        self.clip(body);
        if chat.messages.is_empty() {
            self.empty_chat(contact, chat, body);
        }
        let max = BUBBLE_MAX.min((body.w - 48) * 72 / 100);
        let scroll = self.model.scroll;
        let mut bottom = body.bottom() - 12 + scroll;
        let mut visible_top = body.bottom();
        for index in (0..chat.messages.len()).rev() {
            let Some(bubble) = self.measured(contact, chat, index, max) else { break };
            let top = bottom - bubble.height();
            if top < body.bottom() && bottom > body.y {
                self.bubble(&bubble, Rect::new(body.x + 24, top, body.w - 48, bottom - top), body);
            }
            bottom = top;
            visible_top = top;
            // Far above what is seen nothing needs to be measured yet.
            if bottom < body.y - 4 * body.h {
                break;
            }
        }
        self.unclip();
        // What lies above the upper edge can be scrolled to.
        let most = (scroll + (body.y - visible_top) + 12).max(0);
        self.scene.scroll = Some((body, most));
        self.scroll_thumb(body, most);
    }

    fn empty_chat(&mut self, contact: &Contact, chat: &Chat, body: Rect) {
        if !chat.complete {
            return;
        }
        let name = self.name(&contact.name);
        let (title, line) = match contact.state {
            ContactState::Connected => (
                format!("You and {name} are connected"),
                "Say hello. They get it as soon as their computer is on.",
            ),
            ContactState::Oneself => {
                ("Notes to yourself".to_owned(), "What you write here stays on this computer.")
            }
            _ => (
                format!("Waiting for {name}"),
                "You can write at once. It leaves by itself when you are connected.",
            ),
        };
        let y = body.y + body.h / 2 - 30;
        self.centred(Span::new(body.x, y, body.w), Style::Heading, self.colours.text, &title);
        self.centred(Span::new(body.x, y + 28, body.w), Style::Small, self.colours.text2, line);
    }

    fn measured<'m>(&self, contact: &Contact, chat: &'m Chat, index: usize, max: i32) -> Option<Bubble<'m>> {
        let message = chat.messages.get(index)?;
        let before = index.checked_sub(1).and_then(|before| chat.messages.get(before));
        let (text, hidden) = visible(&message.body);
        let lines = self.broken(Style::Body, &text, max - 24);
        let time = self.zone.local_time(message.sent_at);
        let edited = if message.edited { "Edited · " } else { "" };
        let footer = format!("{edited}{}", words::hour(&time));
        let mark = if marked(message) { 22 } else { 0 };
        let footer_width = self.width(Style::Micro, &footer) + mark;
        let last = lines.last().map_or(0, |line| line.width);
        let footer_below = hidden > 0 || last + 12 + footer_width > max - 24 || from_the_right(&text);
        let day = time.date();
        let new_day = before.is_none_or(|before| self.zone.local_time(before.sent_at).date() != day);
        let unread = chat.first_unread() == Some(message.id.as_str());
        let says = chat.says_state(index) && !chat.unconfirmed.contains(&message.id);
        Some(Bubble {
            message,
            lines,
            hidden,
            footer,
            footer_width,
            footer_below,
            sentence: if says { words::under(message, contact, self.zone) } else { String::new() },
            retry: matches!(message.state, Delivery::Failed | Delivery::Expired),
            joined: !new_day && !unread && before.is_some_and(|before| in_group(before, message)),
            joins: chat.messages.get(index + 1).is_some_and(|next| in_group(message, next)),
            day: new_day.then(|| words::day(day, self.zone.local_time(self.now).date())),
            unread,
            gap: message.gap,
        })
    }

    fn bubble(&mut self, bubble: &Bubble<'_>, slot: Rect, body: Rect) {
        let mut y = slot.y + if bubble.joined { 4 } else { 10 };
        if let Some(day) = &bubble.day {
            let w = self.width(Style::MicroStrong, day) + 24;
            let chip = Rect::new(slot.x + (slot.w - w) / 2, y + 4, w, 24);
            self.block(chip, 12, self.colours.panel);
            self.scene.text(
                Point::new(chip.x + 12, chip.y + 4),
                Style::MicroStrong,
                self.colours.text2,
                day.as_str(),
            );
            y += 40;
        }
        if bubble.unread {
            self.line_across(Rect::new(slot.x, y, slot.w, 24), "New messages", self.colours.accent);
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
        self.bubble_ground(bubble, rect);
        self.bubble_text(bubble, rect, body);
        if !bubble.sentence.is_empty() {
            self.sentence(bubble, Point::new(slot.right(), rect.bottom() + 2));
        }
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
        let mut y = rect.y + 7;
        for line in bubble.lines.iter() {
            if y + 22 <= body.y || y >= body.bottom() {
                y += 22;
                continue;
            }
            let x = if from_the_right(&line.text) { rect.right() - 12 - line.width } else { rect.x + 12 };
            self.scene.text(Point::new(x, y), Style::Body, self.colours.text, line.text.as_str());
            y += 22;
        }
        if bubble.hidden > 0 {
            let words = format!("{} hidden characters", bubble.hidden);
            self.scene.text(Point::new(rect.x + 12, y + 3), Style::MicroStrong, self.colours.warn, words);
        }
        let right = rect.right() - 12;
        let y = rect.bottom() - 7 - 22 + 4;
        let mark = if marked(bubble.message) { 22 } else { 0 };
        self.ending(Point::new(right - mark, y), Style::Micro, self.colours.text2, &bubble.footer);
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
            let again = Button::new(Kind::Normal, "Send again", Act::SendAgain(bubble.message.id.clone()))
                .icon(Icon::Retry)
                .small();
            let w = self.button_width(&again);
            self.button(Point::new(right - w, y + 3), &Button { height: 28, ..again });
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

    fn scroll_thumb(&mut self, body: Rect, most: i32) {
        if most <= 0 {
            return;
        }
        let h = (body.h * body.h / (body.h + most)).clamp(32, body.h);
        let y = body.y + (body.h - h) * (most - self.model.scroll.min(most)) / most;
        self.scene.round(Rect::new(body.right() - 10, y, 6, h), 3, self.colours.edge);
        if self.model.scroll > 80 {
            let rect = Rect::new(body.right() - 64, body.bottom() - 52, 40, 40);
            self.scene.bordered(
                rect,
                20,
                Border::new(self.colours.edge, self.colours.line_px),
                self.colours.bg,
            );
            self.scene.icon(Icon::Down, Point::new(rect.x + 10, rect.y + 10), 20, self.colours.text);
            self.pressable(rect, Act::ToEnd, Spoken::new("To the newest message", Role::Button), 20);
        }
    }

    fn composer_height(&self, pane: i32) -> i32 {
        if self.model.is_folded() {
            return 24 + FOLDED;
        }
        let text = self.model.texts.of(Field::Composer);
        let width = |text: &str| self.width(Style::Body, text);
        let lines = first_lines(text, pane - 24 - 12 - 48 - 40, COMPOSER_LINES_MAX, &width).len().max(1);
        24 + 40 + 20 * (i32::try_from(lines).unwrap_or(1) - 1)
    }

    fn composer(&mut self, contact: &Contact, rect: Rect) {
        self.scene.fill(rect, self.colours.bg);
        self.scene.fill(Rect::new(rect.x, rect.y, rect.w, 1), self.colours.line);
        if contact.state == ContactState::Blocked {
            let line = "You blocked this contact. Nothing is sent and nothing is taken.";
            self.centred(Span::new(rect.x, rect.y + 22, rect.w), Style::Small, self.colours.text2, line);
            return;
        }
        let field = Rect::new(rect.x + 24, rect.y + 12, rect.w - 24 - 60, rect.h - 24);
        self.field_frame(field, *self.model.focus() == Focus::Field(Field::Composer), false);
        if self.model.is_folded() {
            self.folded(field);
        } else {
            let inner = Rect::new(field.x + 10, field.y + 9, field.w - 20, field.h - 12);
            let hint = format!("Write to {}", self.name(&contact.name));
            self.hinted_box(Field::Composer, inner, &hint);
        }
        let send = Rect::new(rect.right() - 52, rect.bottom() - 52, 40, 40);
        let over = self.model.hover == Some(Act::Send);
        if *self.model.focus() == Focus::Act(Act::Send) {
            self.scene.bordered(send.inset(-4), 12, Border::new(self.colours.focus, 2), self.colours.bg);
        }
        self.scene.round(send, 8, if over { self.colours.accent_hover } else { self.colours.accent });
        self.scene.icon(Icon::Send, Point::new(send.x + 10, send.y + 10), 20, self.colours.on_accent);
        self.pressable(send, Act::Send, Spoken::new("Send", Role::Button), 8);
    }
}

impl View<'_> {
    /// A text that is too long to be edited here: how long it is, whether it can be sent, and how it begins.
    fn folded(&mut self, field: Rect) {
        let text = self.model.texts.of(Field::Composer);
        let (fits, line) = words::folded(text);
        let take_out = Button::new(Kind::Normal, "Take it out", Act::TakeOut).small();
        let left = field.right() - 16 - self.button_width(&take_out);
        let ink = if fits { self.colours.text } else { self.colours.danger };
        let line = self.cut(Style::Label, &line, left - field.x - 24);
        let beginning: String = visible(text.get(..text.floor_char_boundary(200)).unwrap_or_default()).0;
        let beginning = self.cut(Style::Small, &beginning.replace('\n', " "), left - field.x - 24);
        self.scene.text(Point::new(field.x + 12, field.y + 12), Style::Label, ink, line);
        self.scene.text(Point::new(field.x + 12, field.y + 34), Style::Small, self.colours.text2, beginning);
        self.scene.stops.push(Focus::Field(Field::Composer));
        self.button(Point::new(left, field.y + 16), &take_out);
    }
}

/// Whether it shows how far it is.
fn marked(message: &Message) -> bool {
    message.mine && message.note == Note::None
}

fn in_group(before: &Message, after: &Message) -> bool {
    before.mine == after.mine
        && !after.gap
        && [before, after].iter().all(|message| message.note == Note::None)
        && after.sent_at.0.saturating_sub(before.sent_at.0) < GROUP_MS
}
