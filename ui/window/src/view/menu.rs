//! A menu: rows of 36 px, and for a message the signs with which people react most above them.

use super::View;
use super::over::{MARGIN, placed};
use crate::icon::Icon;
use crate::model::menu::{Item, Menu};
use crate::model::stroke::menu_of;
use crate::model::{Act, OverAct};
use crate::scene::{Point, Rect, Style};

/// Height of a row; less where the window has no room for all of them.
const ROW: i32 = 36;

/// Height of the signs, with their line.
const SIGNS: i32 = 45;

/// Height of the line above what cannot be undone.
const LINE: i32 = 9;

/// Above the first and below the last row.
const PAD: i32 = 4;

impl View<'_> {
    pub(super) fn menu(&mut self, menu: &Menu, whole: Rect) {
        let signs = self.model.menu_signs(&menu.of);
        let items = self.model.menu_items(&menu.of);
        let (rect, row_height) = self.menu_rect(menu, &items, whole);
        self.cover_until_pressed(whole);
        self.over_ground(rect);
        let mut y = rect.y + PAD;
        if !signs.is_empty() {
            self.menu_signs(&signs, menu.chosen, Rect::new(rect.x, rect.y, rect.w, SIGNS));
            y += SIGNS;
        }
        for (at, item) in items.iter().enumerate() {
            if divided(&items, at) {
                self.scene.fill(Rect::new(rect.x + 4, y + 4, rect.w - 8, 1), self.colours.line);
                y += LINE;
            }
            let row = Rect::new(rect.x + 5, y, rect.w - 10, row_height);
            if signs.len() + at == menu.chosen {
                self.block(row, 6, self.colours.select);
            }
            self.menu_row(item, row, signs.len() + at);
            y += row_height;
        }
    }

    /// Where it stands: where it was asked for, or at its thing; and how high its rows are.
    fn menu_rect(&self, menu: &Menu, items: &[Item], whole: Rect) -> (Rect, i32) {
        let signs = !self.model.menu_signs(&menu.of).is_empty();
        let row = |item: &Item| {
            self.width(Style::Body, item.label) + self.width(Style::Micro, item.keys) + 47 + 24 + 24
        };
        let w = items.iter().map(row).max().unwrap_or(0).clamp(240, 368).min(whole.w - 2 * MARGIN);
        let lines = (0..items.len()).filter(|at| divided(items, *at)).map(|_| LINE).sum::<i32>();
        let count = i32::try_from(items.len()).unwrap_or(1).max(1);
        let around = lines + 2 * PAD + if signs { SIGNS } else { 0 };
        let row_height = ROW.min((whole.h - 2 * MARGIN - around) / count);
        let h = row_height * count + around;
        let thing = self.scene.hits.iter().rfind(|hit| menu_of(&hit.act).as_ref() == Some(&menu.of));
        let anchor = match (menu.at, thing) {
            (Some((x, y)), _) => Rect::new(x, y, 0, 0),
            (None, Some(hit)) => hit.rect,
            (None, None) => whole,
        };
        (placed((w, h), anchor, whole.inset(MARGIN)), row_height)
    }

    fn menu_signs(&mut self, signs: &[(&'static str, Act)], chosen: usize, rect: Rect) {
        let count = i32::try_from(signs.len()).unwrap_or(1).max(1);
        let step = (rect.w - 10) / count;
        // Arrows go through them as they stand.
        self.scene.begin_whole(rect);
        for (index, (at, (sign, _))) in (0..).zip(signs.iter().enumerate()) {
            let cell = Rect::new(rect.x + 5 + index * step, rect.y + 4, step, ROW);
            if at == chosen {
                self.block(cell, 8, self.colours.select);
            }
            if sign.is_empty() {
                let at = Point::new(cell.x + (cell.w - 20) / 2, cell.y + 8);
                self.scene.icon(Icon::Plus, at, 20, self.colours.text2);
            } else {
                let span = crate::scene::Span::new(cell.x, cell.y + 5, cell.w);
                self.centred(span, Style::Title, self.colours.text, sign);
            }
            let label = if sign.is_empty() { "More signs".to_owned() } else { format!("React with {sign}") };
            self.pointed(cell, Act::Over(OverAct::Choose(at)), &label, 8);
        }
        self.scene.end_whole();
        self.scene.fill(Rect::new(rect.x + 4, rect.bottom() - 1, rect.w - 8, 1), self.colours.line);
    }

    fn menu_row(&mut self, item: &Item, row: Rect, at: usize) {
        let ink = if item.danger { self.colours.danger } else { self.colours.text };
        self.scene.icon(item.icon, Point::new(row.x + 12, row.y + (row.h - 18) / 2), 18, ink);
        let keys = self.ending(
            Point::new(row.right() - 12, row.y + (row.h - 16) / 2),
            Style::Micro,
            self.colours.text2,
            item.keys,
        );
        let label = self.cut(Style::Body, item.label, keys - 12 - row.x - 42);
        self.scene.text(Point::new(row.x + 42, row.y + (row.h - 22) / 2), Style::Body, ink, label);
        self.pointed(row, Act::Over(OverAct::Choose(at)), item.label, 8);
    }
}

/// Whether a line stands above that row: from there on nothing can be undone.
fn divided(items: &[Item], at: usize) -> bool {
    let danger = |at: usize| items.get(at).is_some_and(|item| item.danger);
    at > 0 && danger(at) && !danger(at - 1)
}
