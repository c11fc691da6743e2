//! Rail, list and network chip.

use super::View;
use super::row::ROW;
use crate::icon::Icon;
use crate::model::words::{self, Told};
use crate::model::{Act, Field, Focus, ReadAct};
use crate::scene::{Border, Point, Rect, Region, Role, Span, Spoken, Style};

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
        self.own_avatar(Rect::new(rail.x + 4, 2, rail.w - 8, 66));
        let words = rail.w >= 72;
        let item = |y: i32| Rect::new(rail.x + 4, y, rail.w - 8, 56);
        let chats = item(68);
        self.block(chats, 8, self.colours.select);
        self.scene.round(Rect::new(0, 80, 4, 32), 2, self.colours.accent);
        self.rail_item(chats, Icon::Chats, words.then_some("Chats"), true);
        let unread = self.model.unread(self.now);
        if unread > 0 {
            self.badge(Point::new(chats.right() - 8, 71), unread, false);
        }
        for (y, icon, label, act) in [
            (rail.h - 64 - 60, Icon::Palette, "Colours", Act::NextTheme),
            (rail.h - 64, Icon::Lock, "Lock", Act::Lock),
        ] {
            let rect = item(y);
            if self.hover == Some(&act) {
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

    pub(super) fn list(&mut self, list: Rect) {
        self.scene.region(Region::List);
        self.scene.fill(list, self.colours.panel);
        // Without a rail its things stand behind a button.
        let narrow = list.x == 0;
        let menu = if narrow { 48 } else { 0 };
        if narrow {
            self.icon_button(Rect::new(12, 12, 40, 40), Icon::More, "Menu", Act::OwnName);
        }
        self.search(Rect::new(list.x + 12 + menu, 12, list.w - 25 - 48 - menu, 40));
        self.add_button(Rect::new(list.right() - 53, 12, 40, 40));
        self.scene.fill(Rect::new(list.x, HEAD - 1, list.w, 1), self.colours.line);
        let walls = self.model.without_walls.then(words::without_walls);
        let warnings: Vec<Told> =
            words::history(self.model.counts.history).into_iter().chain(walls).collect();
        let height = warnings.iter().map(|_| WARNING).sum::<i32>();
        let rows = Rect::new(list.x, HEAD, list.w, (list.h - HEAD - CHIP - height).max(0));
        if self.model.is_searching() {
            self.results(rows);
        } else {
            self.people(rows);
        }
        let mut below = rows.bottom();
        for told in &warnings {
            self.warning(told, Rect::new(list.x, below, list.w, WARNING));
            below += WARNING;
        }
        let lowest = Rect::new(list.x, list.bottom() - CHIP, list.w, CHIP);
        if self.model.is_searching() && *self.model.focus() == Focus::Field(Field::Search) {
            self.scene.fill(Rect::new(list.x, lowest.y, list.w, 1), self.colours.line);
            let line = self.cut(Style::Micro, "Up and down choose, Enter opens, Esc leaves", list.w - 32);
            let at = Point::new(list.x + 16, lowest.y + 20);
            self.scene.text(at, Style::Micro, self.colours.text2, line);
        } else {
            self.chip(lowest, narrow);
        }
    }

    fn people(&mut self, rows: Rect) {
        let offered = self.rows(rows);
        if let Some(line) = words::listing(self.model.listing()) {
            let y = rows.y + 24 + if offered { ROW } else { 0 };
            self.centred(Span::new(rows.x, y, rows.w), Style::Small, self.colours.text2, line);
        }
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
        self.field_frame(rect, *self.focus == Focus::Field(Field::Search), false);
        self.scene.icon(Icon::Search, Point::new(rect.x + 13, rect.y + 11), 18, self.colours.text2);
        let empty = self.model.texts.of(Field::Search).is_empty();
        let keys = Rect::new(rect.right() - 54, rect.y + 11, 42, 18);
        let told = empty && rect.w >= 180;
        if told {
            self.scene.bordered(keys, 4, Border::new(self.colours.edge, 1), self.colours.field);
            self.centred(Span::new(keys.x, keys.y + 1, keys.w), Style::Micro, self.colours.text2, "Ctrl K");
        }
        let clear = Rect::new(rect.right() - 38, rect.y + 2, 36, 36);
        let room = match (empty, told) {
            (true, true) => keys.x - 8,
            (true, false) => rect.right() - 12,
            (false, _) => clear.x - 4,
        };
        if !empty {
            self.icon_button(clear, Icon::Close, "Leave the search", Act::Read(ReadAct::LeaveSearch));
        }
        let inner = Rect::new(rect.x + 38, rect.y + 3, room - rect.x - 38, rect.h - 6);
        self.hinted_box(Field::Search, inner, "Search");
    }

    fn add_button(&mut self, rect: Rect) {
        let over = self.hover == Some(&Act::Add);
        let ground = if over { self.colours.accent_hover } else { self.colours.accent };
        if *self.focus == Focus::Act(Act::Add) {
            self.scene.bordered(rect.inset(-4), 12, Border::new(self.colours.focus, 2), self.colours.panel);
        }
        self.scene.round(rect, 8, ground);
        self.scene.icon(Icon::Plus, Point::new(rect.x + 10, rect.y + 10), 20, self.colours.on_accent);
        self.pressable(rect, Act::Add, Spoken::new("Invite or accept", Role::Button), 8);
    }

    /// `lock`: there is no rail that has it.
    fn chip(&mut self, rect: Rect, lock: bool) {
        self.scene.fill(Rect::new(rect.x, rect.y, rect.w, 1), self.colours.line);
        // What is wrong with a history that does not open stands above.
        let opens = self.model.history || words::history(self.model.counts.history).is_some();
        let told = words::network(&self.model.network, opens, self.now);
        let ink = self.tone(told.tone).0;
        self.scene.icon(told.icon, Point::new(rect.x + 16, rect.y + 18), 20, ink);
        let room = rect.w - 60 - if lock { 52 } else { 0 };
        let title = self.cut(Style::Label, &told.title, room);
        self.scene.text(Point::new(rect.x + 48, rect.y + 12), Style::Label, self.colours.text, title);
        let reason = self.cut(Style::Micro, &told.reason, room);
        self.scene.text(Point::new(rect.x + 48, rect.y + 30), Style::Micro, self.colours.text2, reason);
        if lock {
            self.icon_button(Rect::new(rect.right() - 52, rect.y + 8, 40, 40), Icon::Lock, "Lock", Act::Lock);
        }
    }
}
