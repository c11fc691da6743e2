//! The sheet with all keys, over the window.

use super::View;
use crate::icon::Icon;
use crate::model::keys::{Place, Row, TABLE};
use crate::model::{Act, Part};
use crate::scene::{Border, Point, Rect, Style};

/// Widest, pixels.
const SHEET: i32 = 712;

/// Narrower than this it has one column.
const TWO_COLUMNS: i32 = 600;

/// Height of its head.
const HEAD: i32 = 56;

/// Height of a row, and of a heading with the space above it.
const ROW: i32 = 30;
const HEADING: i32 = 34;

impl View<'_> {
    pub(super) fn keys_sheet(&mut self, whole: Rect) {
        if !self.model.shows_keys() {
            return;
        }
        self.cover();
        let w = SHEET.min(whole.w - 16);
        let columns = if w >= TWO_COLUMNS { 2 } else { 1 };
        let h = (HEAD + sheet_height(columns) + 20).min(whole.h - 16);
        let sheet = Rect::new((whole.w - w) / 2, (whole.h - h) / 2, w, h);
        let c = self.colours;
        self.scene.bordered(sheet, 12, Border::new(c.edge, c.line_px), c.bg);
        self.around(whole, sheet);
        let left = sheet.x + 24;
        self.scene.text(Point::new(left, sheet.y + 18), Style::Title, c.text, "Keys");
        let close = Rect::new(sheet.right() - 52, sheet.y + 10, 40, 40);
        if w >= TWO_COLUMNS {
            let x = self.ending(
                Point::new(close.x - 8, sheet.y + 22),
                Style::Small,
                c.text2,
                "anywhere to see this",
            );
            let x = self.cap("F1", x - 6, sheet.y + 21);
            self.ending(Point::new(x - 6, sheet.y + 22), Style::Small, c.text2, "Press");
        }
        self.icon_button(close, Icon::Close, "Close", Act::Keys);
        let area = Rect::new(sheet.x + 8, sheet.y + HEAD, w - 16, (h - HEAD - 8).max(1));
        self.scrolled(Part::Keys, area, &|view, at| view.columns(columns, at));
    }

    /// A press beside the sheet closes it.
    fn around(&mut self, whole: Rect, sheet: Rect) {
        for rect in [
            Rect::new(0, 0, whole.w, sheet.y),
            Rect::new(0, sheet.bottom(), whole.w, whole.h - sheet.bottom()),
            Rect::new(0, sheet.y, sheet.x, sheet.h),
            Rect::new(sheet.right(), sheet.y, whole.w - sheet.right(), sheet.h),
        ] {
            if !rect.is_empty() {
                self.pointed(rect, Act::Keys, "Close", 0);
            }
        }
    }

    fn columns(&mut self, columns: i32, at: Rect) -> i32 {
        let w = (at.w - 32 - 48 * (columns - 1)) / columns;
        let mut lowest = at.y;
        for (column, places) in (0..).zip(split(columns)) {
            let (x, mut y) = (at.x + 16 + column * (w + 48), at.y);
            for place in *places {
                let heading = self.cut(Style::Label, place.heading(), w);
                self.scene.text(Point::new(x, y + 8), Style::Label, self.colours.text, heading);
                y += HEADING;
                for row in of(*place) {
                    self.key_row(row, Rect::new(x, y, w, ROW));
                    y += ROW;
                }
            }
            lowest = lowest.max(y);
        }
        lowest + 12
    }

    fn key_row(&mut self, row: &Row, rect: Rect) {
        let mut right = rect.right();
        for cap in row.caps.iter().rev() {
            right = self.cap(cap, right, rect.y + 4) - 5;
        }
        let what = self.cut(Style::Small, row.what, right - 8 - rect.x);
        self.scene.text(Point::new(rect.x, rect.y + 5), Style::Small, self.colours.text, what);
    }

    /// A key that ends at `right`; gives its left edge.
    fn cap(&mut self, cap: &str, right: i32, y: i32) -> i32 {
        let w = (self.width(Style::Micro, cap) + 10).max(18);
        let c = self.colours;
        self.scene.bordered(Rect::new(right - w, y, w, 20), 4, Border::new(c.edge, c.line_px), c.bg);
        let left = right - w + (w - self.width(Style::Micro, cap)) / 2;
        self.scene.text(Point::new(left, y + 2), Style::Micro, c.text, cap);
        right - w
    }
}

fn of(place: Place) -> impl Iterator<Item = &'static Row> {
    TABLE.iter().filter(move |row| row.place == place)
}

/// Which places stand in which column.
fn split(columns: i32) -> &'static [&'static [Place]] {
    if columns == 2 {
        &[&[Place::Everywhere, Place::Chats], &[Place::Reading, Place::Writing, Place::Message]]
    } else {
        &[&Place::ALL]
    }
}

fn sheet_height(columns: i32) -> i32 {
    let height = |places: &[Place]| {
        let rows = places.iter().map(|place| of(*place).count()).sum::<usize>();
        let headings = HEADING * i32::try_from(places.len()).unwrap_or(0);
        ROW * i32::try_from(rows).unwrap_or(0) + headings
    };
    split(columns).iter().map(|places| height(places)).max().unwrap_or(0)
}

#[cfg(test)]
mod tests;
