//! Where the window stands on the screen, how much it is enlarged, and what the file says of both.

use std::time::Duration;

use fltk::app;
use fltk::prelude::{WidgetExt, WindowExt};
use tokio::time::Instant;

use super::{SIZE, Window};
use crate::kept::{Keeper, Kept, PERCENT};
use crate::place::{
    brought_back, covering, covering_distance, enlarged, enlarged_distance, fills, first, smallest,
};
use crate::scene::Rect;

/// Screens that are looked at.
const SCREENS_MAX: i32 = 16;

/// What is known of it.
pub(super) struct Standing {
    /// A compositor says nothing of where a window is, and takes no wish.
    wayland: bool,
    /// The screens' own factors before ours came on top, percent.
    own: Vec<i32>,
    /// Ours, percent.
    percent: i32,
    /// Where the content stood when it did not fill the screen, in the screen's own pixels.
    usual: Rect,
    keeper: Keeper,
    /// What the title bar says.
    title: String,
}

impl Standing {
    /// Of a display that is open, or is opened by this.
    pub(super) fn new(wayland: bool) -> Self {
        // The first question opens the display.
        let _ = app::screen_work_area(0);
        let own =
            (0..app::screen_count().clamp(1, SCREENS_MAX)).map(|screen| percent(app::screen_scale(screen)));
        Self {
            wayland,
            own: own.collect(),
            percent: 100,
            usual: Rect::default(),
            keeper: Keeper::default(),
            title: String::new(),
        }
    }

    pub(super) fn is_wayland(&self) -> bool {
        self.wayland
    }

    fn own(&self, screen: i32) -> i32 {
        usize::try_from(screen).ok().and_then(|screen| self.own.get(screen)).copied().unwrap_or(100)
    }

    /// Both factors of a screen.
    fn total(&self, screen: i32) -> i32 {
        enlarged(self.own(screen), self.percent)
    }

    /// The work area of a screen in its own pixels.
    fn area(&self, screen: i32) -> Rect {
        let (x, y, w, h) = app::screen_work_area(screen);
        let [x, y, w, h] = [x, y, w, h].map(|pixels| enlarged(pixels, self.total(screen)));
        Rect { x, y, w, h }
    }

    fn areas(&self) -> Vec<(Rect, i32)> {
        let screens = 0..app::screen_count().clamp(1, SCREENS_MAX);
        screens.map(|screen| (self.area(screen), self.own(screen))).collect()
    }

    /// Has FLTK draw at these factors from now on.
    fn enlarge(&self) {
        for screen in 0..app::screen_count().clamp(1, SCREENS_MAX) {
            let total = u16::try_from(self.total(screen)).unwrap_or(100);
            app::set_screen_scale(screen, f32::from(total) / 100.0);
        }
    }
}

fn percent(factor: f32) -> i32 {
    #[allow(clippy::cast_possible_truncation, reason = "a screen's factor is between 0.5 and 5")]
    let percent = (factor.clamp(0.5, 5.0) * 100.0).round() as i32;
    percent
}

impl Window {
    /// The window as it was left, in its colours from the first picture on.
    pub(super) fn appear(&mut self) {
        // A worker that is gone has no file, and ends the window with its news.
        let file = self.wires.kept.recv().ok().flatten();
        let (keeper, kept) = Keeper::open(file, Instant::now());
        self.standing.keeper = keeper;
        let areas = self.standing.areas();
        let place = match (kept, areas.first()) {
            (Some(kept), _) => brought_back(kept.place, &areas),
            (None, Some((area, own))) => first(*area, *own),
            (None, None) => self.stands(),
        };
        self.standing.usual = place;
        if let Some(kept) = kept {
            self.model.theme = kept.theme;
            self.standing.percent = kept.percent;
            self.standing.enlarge();
            self.fonts.forget();
        }
        // A compositor that gave another size than was asked for leaves no choice, and may end who takes one.
        if !self.standing.wayland || (self.window.w(), self.window.h()) == SIZE {
            self.stand(place);
        } else {
            self.limit(0);
        }
        self.refresh();
        if !self.window.shown() {
            self.window.force_position(true);
            self.window.show();
        }
        self.place_focus();
        if kept.is_some_and(|kept| kept.maximised) {
            self.window.maximize();
        }
    }

    /// Its content in the screen's own pixels.
    fn stands(&self) -> Rect {
        let total = self.standing.total(self.window.screen_num().max(0));
        let [x, y] = [self.window.x(), self.window.y()].map(|distance| enlarged_distance(distance, total));
        let [w, h] = [self.window.w(), self.window.h()].map(|pixels| enlarged(pixels, total));
        Rect { x, y, w, h }
    }

    /// Puts its content there.
    fn stand(&mut self, place: Rect) {
        let screen = self.screen_of(place);
        let total = self.standing.total(screen);
        let (w, h) = self.limit(screen);
        if !self.window.shown() {
            self.window.set_screen_num(screen);
        }
        let [x, y] = if self.standing.wayland {
            [self.window.x(), self.window.y()]
        } else {
            [place.x, place.y].map(|distance| covering_distance(distance, total))
        };
        self.window.resize(x, y, covering(place.w, total).max(w), covering(place.h, total).max(h));
    }

    /// Makes it no smaller than its smallest on that screen; gives that.
    fn limit(&mut self, screen: i32) -> (i32, i32) {
        let standing = &self.standing;
        let (w, h) = smallest(standing.area(screen), standing.own(screen), standing.total(screen));
        self.window.size_range(w, h, 0, 0);
        (w, h)
    }

    /// The screen on which most of it lies.
    fn screen_of(&self, place: Rect) -> i32 {
        let areas = self.standing.areas();
        let common = |area: &Rect| {
            let common = place.within(*area);
            if common.is_empty() { 0 } else { i64::from(common.w) * i64::from(common.h) }
        };
        let best = (0..).zip(&areas).max_by_key(|(screen, (area, _))| (common(area), -*screen));
        best.map_or(0, |(screen, _)| screen)
    }

    /// All larger or smaller; the window stays as large as it is.
    pub(super) fn rescale(&mut self, to: i32) {
        let to = to.clamp(PERCENT.0, PERCENT.1);
        if to == self.standing.percent {
            return;
        }
        let (place, filled) = (self.stands(), self.fills_screen());
        self.standing.percent = to;
        self.standing.enlarge();
        // Letters have other widths at another size.
        self.fonts.forget();
        // FLTK made the window larger with its content. A compositor sees to what is maximised.
        if !(filled && self.standing.wayland) {
            self.stand(place);
        }
    }

    pub(super) fn rescale_by(&mut self, by: i32) {
        self.rescale(self.standing.percent + by);
    }

    fn fills_screen(&self) -> bool {
        let screen = self.window.screen_num().max(0);
        if self.standing.wayland {
            return self.window.maximize_active();
        }
        fills(self.stands(), self.standing.area(screen), self.standing.own(screen))
    }

    fn kept(&mut self) -> Kept {
        let maximised = self.fills_screen();
        if !maximised {
            self.standing.usual = self.stands();
        }
        Kept {
            theme: self.model.theme,
            percent: self.standing.percent,
            place: self.standing.usual,
            maximised,
        }
    }

    /// Has the file say how the window stands; gives when that is due, where it is not yet.
    pub(super) fn keep_standing(&mut self) -> Option<Duration> {
        let kept = self.kept();
        self.standing.keeper.keep(kept, Instant::now())
    }

    /// The same at the end.
    pub(super) fn end_standing(&mut self) {
        let kept = self.kept();
        self.standing.keeper.end(kept, Instant::now());
    }

    /// Says what is unread in the title bar.
    pub(super) fn entitle(&mut self, title: String) {
        if self.standing.title != title {
            self.window.set_label(&title);
            self.standing.title = title;
        }
    }
}
