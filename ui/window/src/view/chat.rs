//! A conversation: header, bubbles from the newest up, composer.

use ipc_schema::edge::ui_stored::{Contact, ContactState};

use super::View;
use super::bubble::BUBBLE_MAX;
use super::controls::{Button, Kind};
use super::held::HELD_HEIGHT;
use crate::icon::Icon;
use crate::model::words;
use crate::model::{Act, Chat, Field, Focus, Listing, MenuOf, OverAct};
use crate::scene::{Border, Point, Rect, Role, Span, Spoken, Style};
use crate::text::{first_lines, one_line};

/// Height of what stands for a text that is too long to be edited.
const FOLDED: i32 = 64;

/// Lines to which the composer grows.
const COMPOSER_LINES_MAX: usize = 6;

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
        let bar = self.composing_height();
        let body = Rect::new(pane.x, 64, pane.w, pane.h - 64 - composer - held - bar);
        self.bubbles(contact, chat, body);
        self.chat_header(contact, pane);
        // The messages are one stop, behind the header.
        self.scene.stops.extend(chat.stop().map(|message| Focus::Message(message.id.clone())));
        if contact.held {
            self.held(contact, Rect::new(pane.x, body.bottom(), pane.w, held));
        }
        self.composing(Rect::new(pane.x, body.bottom() + held, pane.w, bar));
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
        let more = Rect::new(pane.right() - 52, 12, 40, 40);
        let name = self.cut(Style::Heading, &name, more.x - x - 140);
        let end = x + self.width(Style::Heading, &name);
        self.scene.text(Point::new(x, 12), Style::Heading, self.colours.text, name);
        self.verified_chip(Point::new(end + 8, 12), contact, more.x);
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
        let line = self.cut(Style::Small, &format!("{route}{state}"), more.x - x - 30);
        self.scene.text(Point::new(x + 22, 34), Style::Small, self.colours.text2, line);
        self.scene.fill(Rect::new(pane.x, 63, pane.w, 1), self.colours.line);
        let menu = Act::Over(OverAct::Menu(MenuOf::Chat(contact.id.clone())));
        self.icon_button(more, Icon::More, "More", menu);
    }

    /// Whether it was compared who this is; pressing it goes there. Its words stand where there is room up to `right`.
    fn verified_chip(&mut self, Point { x, y }: Point, contact: &Contact, right: i32) {
        if contact.state == ContactState::Oneself {
            return;
        }
        let (icon, tone, label) = words::verified(contact);
        let ink = self.tone(tone).0;
        let word = if x + 26 + self.width(Style::Label, label) <= right { label } else { "" };
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
        self.pressable(rect, act, Spoken::new(label, Role::Button), 8);
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
        let mut aim = self.model.aim().filter(|id| chat.message(id).is_some());
        for index in (0..chat.messages.len()).rev() {
            let Some(bubble) = self.measured(contact, chat, index, max) else { break };
            let top = bottom - bubble.height();
            let slot = Rect::new(body.x + 24, top, body.w - 48, bottom - top);
            if top < body.bottom() && bottom > body.y {
                self.bubble(&bubble, slot, body);
            }
            if aim == Some(bubble.message.id.as_str()) {
                self.scene.aim = Some((top, bottom));
                aim = None;
            }
            bottom = top;
            visible_top = top;
            // Far above what is seen nothing needs to be measured yet.
            if bottom < body.y - 4 * body.h && aim.is_none() {
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
        let beginning = one_line(text.get(..text.floor_char_boundary(200)).unwrap_or_default());
        let beginning = self.cut(Style::Small, &beginning, left - field.x - 24);
        self.scene.text(Point::new(field.x + 12, field.y + 12), Style::Label, ink, line);
        self.scene.text(Point::new(field.x + 12, field.y + 34), Style::Small, self.colours.text2, beginning);
        self.scene.stops.push(Focus::Field(Field::Composer));
        self.button(Point::new(left, field.y + 16), &take_out);
    }
}
