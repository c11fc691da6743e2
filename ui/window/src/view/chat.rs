//! A conversation: header, bubbles from the newest up; below them one writes (`composer`).

use ipc_schema::edge::ui_stored::{Contact, ContactState};

use super::View;
use super::blocked::BLOCKED_HEIGHT;
use super::controls::{Button, Kind};
use super::held::HELD_HEIGHT;
use super::search::FIND_HEIGHT;
use crate::icon::Icon;
use crate::model::words::{self, Told};
use crate::model::{Act, Chat, Focus, Listing, Part};
use crate::scene::{Border, Point, Rect, Region, Span, Style};

impl View<'_> {
    pub(super) fn start(&mut self, pane: Rect) {
        let listing = self.model.listing();
        let told = words::start(listing);
        let area = Rect { y: 0, ..pane };
        self.scrolled(Part::Page, area, &|view, at| view.start_card(listing, &told, at));
    }

    /// Where it stands alone there is a way back to the list.
    pub(super) fn adding(&mut self, pane: Rect) {
        if pane.x > 0 {
            return self.start(pane);
        }
        self.page_header(pane, "Invite or accept", "", None);
        let listing = self.model.listing();
        let told = words::start(listing);
        self.page(pane, &|view, at| view.start_card(listing, &told, at));
    }

    fn start_card(&mut self, listing: Listing, told: &Told, at: Rect) -> i32 {
        let w = 376.min(at.w - 32);
        let (x, y) = (at.x + (at.w - w) / 2, at.y + (at.h / 2 - 110).max(16));
        let from = self.scene.items.len();
        self.block(Rect::new(x + 20, y + 16, 40, 40), 20, self.colours.select);
        self.scene.icon(told.icon, Point::new(x + 30, y + 26), 20, self.colours.accent);
        let title = self.cut(Style::Heading, &told.title, w - 92);
        self.scene.text(Point::new(x + 72, y + 25), Style::Heading, self.colours.text, title);
        let body = Span::new(x + 20, y + 66, w - 40);
        let mut bottom = self.paragraph(body, Style::Small, self.colours.text, &told.reason) + 20;
        if !matches!(listing, Listing::Opening | Listing::Unreadable) {
            let invite = Button::new(Kind::Primary, "Invite someone", Act::Invite).icon(Icon::Link).small();
            let accept = Button::new(Kind::Normal, "I was invited", Act::Accept).icon(Icon::Qr).small();
            bottom = self.buttons(Span { y: bottom + 16, ..body }, &[invite, accept]) + 16;
        }
        let (border, ground) = (Border::new(self.colours.line, self.colours.line_px), self.colours.bg);
        let card = Rect::new(x, y, w, bottom - y);
        self.behind(from, |view| view.scene.bordered(card, 12, border, ground));
        bottom + 16
    }

    pub(super) fn chat(&mut self, id: &str, pane: Rect) {
        let (Some(contact), Some(chat)) = (self.model.person(id), self.model.chats.get(id)) else {
            self.start(pane);
            return;
        };
        let blocked = contact.state == ContactState::Blocked;
        let composer = if blocked { BLOCKED_HEIGHT } else { self.composer_height(pane) };
        let held = if contact.held { HELD_HEIGHT } else { 0 };
        let find = if self.model.find.is_some() { FIND_HEIGHT } else { 0 };
        let bar = if blocked { 0 } else { self.composing_height() };
        let body = Rect::new(pane.x, 64 + find, pane.w, pane.h - 64 - find - composer - held - bar);
        let stops = self.scene.stops.len();
        self.bubbles(contact, chat, body);
        let in_texts = self.scene.stops.split_off(stops);
        self.scene.region(Region::Header);
        self.chat_header(contact, pane);
        self.scene.region(Region::Find);
        self.find_bar(Rect::new(pane.x, 64, pane.w, find));
        // The messages are one stop, behind the header, and what can be pressed in them comes next.
        self.scene.region(Region::Messages);
        self.scene.stops.extend(chat.stop().map(|message| Focus::Message(message.id.clone())));
        self.scene.stops.extend(in_texts);
        if contact.held {
            self.held(contact, Rect::new(pane.x, body.bottom(), pane.w, held));
        }
        self.scene.region(Region::Composer);
        let below = Rect::new(pane.x, pane.h - composer, pane.w, composer);
        if blocked {
            self.blocked(contact, below);
        } else {
            self.composing(Rect::new(pane.x, body.bottom() + held, pane.w, bar));
            self.composer(contact, below);
        }
    }

    pub(super) fn empty_chat(&mut self, contact: &Contact, chat: &Chat, body: Rect) {
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
}
