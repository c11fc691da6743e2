//! What may be higher than its room: all of it can be scrolled to, and nothing of it is drawn, pressed or typed into outside of that room.

use super::View;
use crate::model::{Focus, Part};
use crate::scene::{Item, Point, Rect, Scrolled};

impl View<'_> {
    /// Draws what `draw` puts into the room that it is given: its top is where the content begins, and what it returns is the y below.
    pub(super) fn scrolled(&mut self, place: Part, area: Rect, draw: &dyn Fn(&mut Self, Rect) -> i32) {
        let before = (self.scene.items.len(), self.scene.hits.len());
        let (stops, fields) = (self.scene.stops.len(), self.scene.fields.len());
        let wanted = self.model.scrolls.of(place);
        self.clip(area);
        let bottom = draw(self, Rect { y: area.y - wanted, ..area });
        let most = (bottom + wanted - area.bottom()).max(0);
        if wanted > most {
            // There is less than there was.
            self.scene.items.truncate(before.0);
            self.scene.hits.truncate(before.1);
            self.scene.stops.truncate(stops);
            self.scene.fields.truncate(fields);
            self.clip(area);
            draw(self, Rect { y: area.y - most, ..area });
        }
        let stops = self.stops_from(stops, before.1, fields);
        self.keep_inside(area, before.1, fields);
        self.unclip();
        self.thumb(area, most, wanted.min(most));
        self.scene.scrolled.push(Scrolled { place, area, most, stops });
    }

    /// Where the keyboard can go since then.
    fn stops_from(&self, stops: usize, hits: usize, fields: usize) -> Vec<(Focus, Rect)> {
        let place = |stop: &Focus| match stop {
            // Only a conversation has messages, and what lies over the window does not scroll.
            Focus::None | Focus::Message(_) | Focus::Over => None,
            Focus::Field(field) => {
                let shown = self.scene.fields.iter().skip(fields).find(|wanted| wanted.field == *field);
                shown.map(|wanted| wanted.rect)
            }
            Focus::Act(act) => {
                let hit = self.scene.hits.iter().skip(hits).find(|hit| hit.act == *act);
                hit.map(|hit| hit.rect)
            }
        };
        self.scene.stops.iter().skip(stops).filter_map(|stop| Some((stop.clone(), place(stop)?))).collect()
    }

    /// Outside of the room nothing is pressed. A field that is not wholly inside is a picture of itself: a widget would lie above its
    /// edge.
    pub(super) fn keep_inside(&mut self, area: Rect, hits: usize, fields: usize) {
        for mut hit in self.scene.hits.split_off(hits.min(self.scene.hits.len())) {
            hit.rect = hit.rect.within(area);
            if !hit.rect.is_empty() {
                self.scene.hits.push(hit);
            }
        }
        for field in self.scene.fields.split_off(fields.min(self.scene.fields.len())) {
            if field.rect.within(area) == field.rect {
                self.scene.fields.push(field);
                continue;
            }
            let text =
                self.cut(field.style, &self.model.texts.of(field.field).replace('\n', " "), field.rect.w);
            let y = field.rect.y + ((field.rect.h - field.style.line()) / 2).clamp(0, 8);
            self.scene.begin_whole(field.rect);
            self.scene.text(Point::new(field.rect.x + 3, y), field.style, field.ink, text);
            self.scene.end_whole();
        }
    }

    /// How far it is scrolled, where it can be.
    pub(super) fn thumb(&mut self, area: Rect, most: i32, down: i32) {
        if most <= 0 || area.h < 48 {
            return;
        }
        let h = (area.h * area.h / (area.h + most)).clamp(32, area.h);
        let y = area.y + (area.h - h) * down / most;
        self.scene.round(Rect::new(area.right() - 8, y, 6, h), 3, self.colours.edge);
    }

    /// Draws what lies behind all that was drawn since `from`: of a block the height is known last.
    pub(super) fn behind(&mut self, from: usize, draw: impl FnOnce(&mut Self)) {
        let above: Vec<Item> = self.scene.items.split_off(from.min(self.scene.items.len()));
        draw(self);
        self.scene.items.extend(above);
    }
}
