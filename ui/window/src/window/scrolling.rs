//! What scrolls from its top on: by the wheel, by pages, and by the keyboard going out of sight.

use fltk::app;
use fltk::enums::Key;

use super::{WHEEL, Window};
use crate::model::scrolls::until_seen;
use crate::model::{Focus, Part};
use crate::scene::Scrolled;

/// Pixels of a page beside the list that a key scrolls.
const PAGE: i32 = 400;

impl Window {
    /// Scrolls what lies under the pointer: what was found, or another part; where nothing does, the conversation.
    pub(super) fn wheel(&mut self, steps: i32) {
        let (x, y) = (app::event_x(), app::event_y());
        let under = |part: &&Scrolled| part.area.contains(x, y);
        let results = self.scene.borrow().results.filter(|results| results.rect.contains(x, y));
        let part = self.scene.borrow().scrolled.iter().rfind(under).map(|part| (part.place, part.most));
        match (results, part) {
            (Some(results), _) => {
                self.model.search.scroll = (results.scroll + steps * WHEEL).clamp(0, results.most);
                self.model.search.follow = false;
            }
            (None, Some((place, most))) => self.model.scrolls.by(place, steps * WHEEL, most),
            (None, None) => self.scroll_by(-steps * WHEEL),
        }
    }

    /// A page up or down: what stands alone beside the list, else the conversation.
    pub(super) fn page(&mut self, up: bool) {
        let page = self
            .scene
            .borrow()
            .scrolled
            .iter()
            .rfind(|part| part.place != Part::List)
            .map(|part| (part.place, part.most));
        match page {
            Some((place, most)) if self.scene.borrow().scroll.is_none() => {
                self.model.scrolls.by(place, if up { -PAGE } else { PAGE }, most);
            }
            _ => self.turn_page(up),
        }
    }

    /// Scrolls the sheet with the keys; whether the key does that.
    pub(super) fn scroll_keys(&mut self, key: Key) -> bool {
        let pixels = match key {
            Key::Up => -WHEEL,
            Key::Down => WHEEL,
            Key::PageUp => -400,
            Key::PageDown => 400,
            _ => return false,
        };
        let most =
            self.scene.borrow().scrolled.iter().find(|part| part.place == Part::Keys).map(|part| part.most);
        self.model.scrolls.by(Part::Keys, pixels, most.unwrap_or(0));
        true
    }

    /// Moves what the keyboard can be at into sight.
    pub(super) fn reveal(&mut self, wanted: &Focus) {
        let moved = self.scene.borrow().scrolled.iter().find_map(|part| {
            let (_, rect) = part.stops.iter().find(|(stop, _)| stop == wanted)?;
            let by = until_seen((rect.y - 8, rect.bottom() + 8), (part.area.y, part.area.bottom()));
            Some((part.place, by, part.most))
        });
        if let Some((place, by, most)) = moved.filter(|(_, by, _)| *by != 0) {
            self.model.scrolls.by(place, by, most);
        }
    }
}
