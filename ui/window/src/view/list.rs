//! Rail, list and network chip.

use ipc_schema::edge::ui_stored::{Contact, ContactState};

use super::View;
use crate::icon::Icon;
use crate::model::words::{self, Told, Tone};
use crate::model::{Act, Field, Focus, Pane};
use crate::scene::{Border, Point, Rect, Role, Span, Spoken, Style};

/// Height of a row.
const ROW: i32 = 64;

/// Height of the search field's part, and of every header.
const HEAD: i32 = 64;

/// Height of the network chip.
const CHIP: i32 = 56;

/// Height of a warning above it.
const WARNING: i32 = 56;

impl View<'_> {
    pub(super) fn rail(&mut self, rail: Rect) {
        self.scene.fill(rail, self.colours.rail);
        self.scene.fill(Rect::new(rail.right() - 1, 0, 1, rail.h), self.colours.line);
        let me = if self.model.me.is_empty() { "?" } else { self.model.me.as_str() };
        self.avatar(Point::new(rail.x + (rail.w - 40) / 2, 12), 40, "me", me);
        let words = rail.w >= 72;
        let item = |y: i32| Rect::new(rail.x + 4, y, rail.w - 8, 56);
        let chats = item(68);
        self.block(chats, 8, self.colours.select);
        self.scene.round(Rect::new(0, 80, 4, 32), 2, self.colours.accent);
        self.rail_item(chats, Icon::Chats, words.then_some("Chats"), true);
        let unread = self.model.unread();
        if unread > 0 {
            self.badge(Point::new(chats.right() - 8, 71), unread);
        }
        for (y, icon, label, act) in [
            (rail.h - 64 - 60, Icon::Palette, "Colours", Act::NextTheme),
            (rail.h - 64, Icon::Lock, "Lock", Act::Lock),
        ] {
            let rect = item(y);
            if self.model.hover.as_ref() == Some(&act) {
                self.scene.round(rect, 8, self.colours.hover);
            }
            self.rail_item(rect, icon, words.then_some(label), false);
            self.pressable(rect, act, Spoken::new(label, Role::Row), 8);
        }
    }

    fn rail_item(&mut self, rect: Rect, icon: Icon, label: Option<&str>, active: bool) {
        let ink = if active { self.colours.accent } else { self.colours.text2 };
        let top = rect.y + if label.is_some() { 6 } else { 16 };
        self.scene.icon(icon, Point::new(rect.x + (rect.w - 24) / 2, top), 24, ink);
        if let Some(label) = label {
            let style = if active { Style::MicroStrong } else { Style::Micro };
            self.centred(Span::new(rect.x, rect.y + 34, rect.w), style, ink, label);
        }
    }

    /// A count in a pill that ends at `right`; gives its left edge.
    fn badge(&mut self, Point { x: right, y }: Point, count: u32) -> i32 {
        let label = if count > 99 { "99+".to_owned() } else { count.to_string() };
        let w = (self.width(Style::MicroStrong, &label) + 12).max(20);
        let rect = Rect::new(right - w, y, w, 20);
        self.scene.round(rect, 10, self.colours.accent);
        self.centred(Span::new(rect.x, y + 2, w), Style::MicroStrong, self.colours.on_accent, &label);
        rect.x
    }

    pub(super) fn list(&mut self, list: Rect) {
        self.scene.fill(list, self.colours.panel);
        self.search(Rect::new(list.x + 12, 12, list.w - 25 - 48, 40));
        self.add_button(Rect::new(list.right() - 53, 12, 40, 40));
        self.scene.fill(Rect::new(list.x, HEAD - 1, list.w, 1), self.colours.line);
        let walls = self.model.without_walls.then(words::without_walls);
        let warnings: Vec<Told> =
            words::history(self.model.counts.history).into_iter().chain(walls).collect();
        let height = warnings.iter().map(|_| WARNING).sum::<i32>();
        let rows = Rect::new(list.x, HEAD, list.w, list.h - HEAD - CHIP - height);
        self.clip(rows);
        let people: Vec<&Contact> = self.model.rows().collect();
        for (contact, y) in people.iter().zip((rows.y + 4..rows.bottom()).step_by(64)) {
            self.row(contact, Rect::new(rows.x + 4, y, rows.w - 9, ROW));
        }
        self.unclip();
        if let Some(line) = words::listing(self.model.listing()) {
            self.centred(Span::new(rows.x, rows.y + 24, rows.w), Style::Small, self.colours.text2, line);
        }
        let mut below = rows.bottom();
        for told in &warnings {
            self.warning(told, Rect::new(list.x, below, list.w, WARNING));
            below += WARNING;
        }
        self.chip(Rect::new(list.x, list.bottom() - CHIP, list.w, CHIP));
    }

    fn warning(&mut self, told: &Told, rect: Rect) {
        self.scene.fill(Rect::new(rect.x, rect.y, rect.w, 1), self.colours.line);
        let ink = self.tone(told.tone).0;
        self.scene.icon(told.icon, Point::new(rect.x + 16, rect.y + 18), 20, ink);
        self.scene.text(Point::new(rect.x + 48, rect.y + 12), Style::Label, ink, told.title.clone());
        let reason = self.cut(Style::Micro, &told.reason, rect.w - 60);
        self.scene.text(Point::new(rect.x + 48, rect.y + 30), Style::Micro, self.colours.text2, reason);
    }

    fn search(&mut self, rect: Rect) {
        self.field_frame(rect, *self.model.focus() == Focus::Field(Field::Search), false);
        self.scene.icon(Icon::Search, Point::new(rect.x + 13, rect.y + 11), 18, self.colours.text2);
        let empty = self.model.texts.of(Field::Search).is_empty();
        let keys = Rect::new(rect.right() - 54, rect.y + 11, 42, 18);
        if empty {
            self.scene.bordered(keys, 4, Border::new(self.colours.edge, 1), self.colours.field);
            self.centred(Span::new(keys.x, keys.y + 1, keys.w), Style::Micro, self.colours.text2, "Ctrl K");
        }
        let room = if empty { keys.x - 8 } else { rect.right() - 12 };
        let inner = Rect::new(rect.x + 38, rect.y + 3, room - rect.x - 38, rect.h - 6);
        self.hinted_box(Field::Search, inner, "Search");
    }

    fn add_button(&mut self, rect: Rect) {
        let over = self.model.hover == Some(Act::Add);
        let ground = if over { self.colours.accent_hover } else { self.colours.accent };
        if *self.model.focus() == Focus::Act(Act::Add) {
            self.scene.bordered(rect.inset(-4), 12, Border::new(self.colours.focus, 2), self.colours.panel);
        }
        self.scene.round(rect, 8, ground);
        self.scene.icon(Icon::Plus, Point::new(rect.x + 10, rect.y + 10), 20, self.colours.on_accent);
        self.pressable(rect, Act::Add, Spoken::new("Invite or accept", Role::Button), 8);
    }

    fn row(&mut self, contact: &Contact, rect: Rect) {
        let act = Act::Open(contact.id.clone());
        let open = matches!(&self.model.pane, Pane::Chat(id) | Pane::Invitation(id) if *id == contact.id);
        if open {
            self.block(rect, 8, self.colours.select);
            self.scene.round(Rect::new(rect.x - 4, rect.y + 12, 4, 40), 2, self.colours.accent);
        } else if self.model.hover.as_ref() == Some(&act) {
            self.scene.round(rect, 8, self.colours.hover);
        }
        let invited = contact.state == ContactState::Invited;
        let name = self.name(&contact.name);
        let title = if invited { format!("Invitation for {name}") } else { name };
        if invited {
            self.icon_avatar(Point::new(rect.x + 8, rect.y + 12), 40, Icon::Hourglass);
        } else {
            self.avatar(Point::new(rect.x + 8, rect.y + 12), 40, &contact.id, &contact.name);
        }
        let (left, right) = (rect.x + 60, rect.right() - 12);
        let when = words::when(contact.last_at, self.now, self.zone);
        let time_left = self.ending(Point::new(right, rect.y + 14), Style::Micro, self.colours.text2, &when);
        let shield = if contact.verified { 24 } else { 0 };
        let title = self.cut(Style::Strong, &title, time_left - 12 - shield - left);
        let end = left + self.width(Style::Strong, &title);
        self.scene.text(Point::new(left, rect.y + 10), Style::Strong, self.colours.text, title.as_str());
        if contact.verified {
            self.scene.icon(Icon::Verified, Point::new(end + 6, rect.y + 14), 14, self.colours.ok);
        }
        self.second_line(contact, Point::new(left, rect.y + 34), right);
        self.pressable(rect, act, Spoken::new(&title, Role::Row), 8);
    }

    fn second_line(&mut self, contact: &Contact, Point { x: mut left, y }: Point, mut right: i32) {
        if contact.unread > 0 {
            right = self.badge(Point::new(right, y - 1), contact.unread) - 8;
        }
        let (icon, line) = words::preview(self.model, contact, self.now);
        let mut ink = if contact.unread > 0 { self.colours.text } else { self.colours.text2 };
        if let Some((icon, tone)) = icon {
            let colour = match tone {
                Tone::Good => self.colours.accent,
                other => self.tone(other).0,
            };
            self.scene.icon(icon, Point::new(left, y + 1), 16, colour);
            left += 22;
            if icon == Icon::Edit {
                ink = colour;
            }
        }
        let line = self.cut(Style::Small, &line, right - left);
        self.scene.text(Point::new(left, y), Style::Small, ink, line);
    }

    fn chip(&mut self, rect: Rect) {
        self.scene.fill(Rect::new(rect.x, rect.y, rect.w, 1), self.colours.line);
        // What is wrong with a history that does not open stands above.
        let opens = self.model.history || words::history(self.model.counts.history).is_some();
        let told = words::network(&self.model.network, opens, self.now);
        let ink = self.tone(told.tone).0;
        self.scene.icon(told.icon, Point::new(rect.x + 16, rect.y + 18), 20, ink);
        self.scene.text(Point::new(rect.x + 48, rect.y + 12), Style::Label, self.colours.text, told.title);
        let reason = self.cut(Style::Micro, &told.reason, rect.w - 60);
        self.scene.text(Point::new(rect.x + 48, rect.y + 30), Style::Micro, self.colours.text2, reason);
    }
}
