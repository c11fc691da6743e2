//! Signs to choose from: the common ones, then groups.

use super::View;
use super::over::{MARGIN, placed};
use crate::model::picker::{COLUMNS, COMMON, GROUPS, PickFor, Picker};
use crate::model::{Act, MessageAct, OverAct};
use crate::scene::{Point, Rect, Span, Style};

/// A sign's width and height.
const CELL: i32 = 36;

/// Height of a group's name.
const NAME: i32 = 20;

const PAD: i32 = 8;

impl View<'_> {
    pub(super) fn picker(&mut self, picker: &Picker, whole: Rect) {
        let columns = i32::try_from(COLUMNS).unwrap_or(8);
        let rows = 1 + GROUPS.iter().map(|(_, signs)| signs.len().div_ceil(COLUMNS)).sum::<usize>();
        let names = NAME * i32::try_from(GROUPS.len()).unwrap_or(0);
        let size = (2 * PAD + columns * CELL, 2 * PAD + names + CELL * i32::try_from(rows).unwrap_or(1));
        let rect = placed(size, self.picker_anchor(picker, whole), whole.inset(MARGIN));
        self.cover_until_pressed(whole);
        self.over_ground(rect);
        // Arrows go through it as it stands.
        self.scene.begin_whole(rect);
        let mut y = rect.y + PAD;
        let mut at = 0;
        self.sign_row((COMMON, at), picker.chosen, Point::new(rect.x + PAD, y));
        at += COMMON.len();
        y += CELL;
        for (name, signs) in GROUPS {
            self.scene.text(
                Point::new(rect.x + PAD + 4, y + 2),
                Style::MicroStrong,
                self.colours.text2,
                *name,
            );
            y += NAME;
            for row in signs.chunks(COLUMNS) {
                self.sign_row((row, at), picker.chosen, Point::new(rect.x + PAD, y));
                at += row.len();
                y += CELL;
            }
        }
        self.scene.end_whole();
    }

    fn sign_row(&mut self, (signs, first): (&[&'static str], usize), chosen: usize, at: Point) {
        for (column, (index, sign)) in (0..).zip(signs.iter().enumerate()) {
            let cell = Rect::new(at.x + column * CELL, at.y, CELL, CELL);
            if first + index == chosen {
                self.block(cell, 8, self.colours.select);
            }
            self.centred(Span::new(cell.x, cell.y + 5, CELL), Style::Title, self.colours.text, sign);
            self.pointed(cell, Act::Over(OverAct::Pick(sign)), sign, 8);
        }
    }

    /// At the message that is reacted to, or at the button where one writes.
    fn picker_anchor(&self, picker: &Picker, whole: Rect) -> Rect {
        let hit = |wanted: &Act| self.scene.hits.iter().rfind(|hit| hit.act == *wanted).map(|hit| hit.rect);
        let place = match &picker.wanted {
            PickFor::Reaction(id) => hit(&Act::Message(MessageAct::Focus(id.clone()))),
            PickFor::Composer => hit(&Act::Over(OverAct::Emoji)),
        };
        place.unwrap_or(whole)
    }
}
