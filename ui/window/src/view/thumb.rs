//! The bar at the side of a conversation.

use super::View;
use crate::model::{Act, ReadAct};
use crate::scene::{Rect, Scene, Thumb};

/// Its width, and its width under the pointer.
const THIN: i32 = 6;
const WIDE: i32 = 10;

/// It is never shorter.
const SHORTEST: i32 = 32;

impl View<'_> {
    pub(super) fn chat_thumb(&mut self, body: Rect, most: i32) {
        if most <= 0 || body.h <= 0 {
            return;
        }
        let track = Rect::new(body.right() - WIDE - 2, body.y, WIDE + 2, body.h);
        let h = length(body.h, most);
        let y = body.y + part(body.h - h, most - self.model.scroll.clamp(0, most), most);
        let w = if self.hover == Some(&Act::Read(ReadAct::Thumb)) { WIDE } else { THIN };
        let bar = Rect::new(body.right() - 2 - w, y, w, h);
        self.scene.round(bar, w / 2, self.colours.edge);
        self.pointed(track, Act::Read(ReadAct::Thumb), "Scroll", 0);
        self.scene.thumb = Some(Thumb { track, bar });
    }
}

/// How long the bar is where `most` pixels are out of sight.
fn length(body: i32, most: i32) -> i32 {
    part(body, body, body.saturating_add(most)).clamp(SHORTEST.min(body), body)
}

/// `of` times `a` by `b`.
fn part(of: i32, a: i32, b: i32) -> i32 {
    let part = i64::from(of) * i64::from(a) / i64::from(b.max(1));
    i32::try_from(part).unwrap_or(i32::MAX)
}

/// A press at height `y` of the track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pressed {
    /// On the bar: it follows the pointer, which is so far below its upper edge.
    Bar(i32),
    /// Above it.
    Above,
    /// Below it.
    Below,
}

/// What a press at height `y` does.
#[must_use]
pub fn pressed(scene: &Scene, y: i32) -> Option<Pressed> {
    let Thumb { bar, .. } = scene.thumb?;
    Some(match y {
        y if y < bar.y => Pressed::Above,
        y if y >= bar.bottom() => Pressed::Below,
        y => Pressed::Bar(y - bar.y),
    })
}

/// How far the view is scrolled up when the bar is drawn to height `y`, held so far below its upper edge.
#[must_use]
pub fn drawn_to(scene: &Scene, y: i32, held: i32) -> Option<i32> {
    let (Thumb { track, bar }, (_, most)) = (scene.thumb?, scene.scroll?);
    let room = track.h - bar.h;
    let down = (y - held - track.y).clamp(0, room.max(0));
    Some(if room <= 0 { 0 } else { most - part(most, down, room) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_is_as_long_as_the_part_that_is_seen_and_never_too_short_to_hold() {
        assert_eq!(length(600, 600), 300);
        assert_eq!(length(600, 1_000_000), SHORTEST);
        assert_eq!(length(20, 1_000_000), 20);
        assert_eq!(length(600, i32::MAX), SHORTEST);
    }

    #[test]
    fn drawn_all_the_way_the_bar_shows_an_end_and_a_press_beside_it_turns_a_page() {
        let body = Rect::new(0, 100, 400, 600);
        let bar = |y| Thumb { track: Rect::new(388, 100, 12, 600), bar: Rect::new(392, y, 6, 100) };
        let scene = Scene { scroll: Some((body, 3_000)), thumb: Some(bar(300)), ..Scene::default() };
        assert_eq!(pressed(&scene, 299), Some(Pressed::Above));
        assert_eq!(pressed(&scene, 310), Some(Pressed::Bar(10)));
        assert_eq!(pressed(&scene, 400), Some(Pressed::Below));
        assert_eq!(drawn_to(&scene, -50, 10), Some(3_000));
        assert_eq!(drawn_to(&scene, 5_000, 10), Some(0));
        assert_eq!(drawn_to(&scene, 100 + 250 + 10, 10), Some(1_500));
    }
}
