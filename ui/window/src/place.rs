//! Where the window may stand: pure sums in the screen's own pixels.

use crate::scene::Rect;

/// The content at the first start, at 100 %.
const FIRST: (i32, i32) = (1200, 800);

/// The smallest content, at any scale, where the screen has room for it.
pub const SMALLEST: (i32, i32) = (360, 480);

/// What a title bar and borders may take around the content, at 100 %: nobody says before the window is there.
const ABOVE: i32 = 40;
const BESIDE: i32 = 8;

/// Of a work area that some systems tell without their panels, so much may be missing at the window's height, at 100 %.
const PANELS: i32 = 80;

/// `pixels` enlarged by `percent`.
#[must_use]
pub fn enlarged(pixels: i32, percent: i32) -> i32 {
    pixels.saturating_mul(percent) / 100
}

/// How many pixels of `percent` cover so many of the screen's.
#[must_use]
pub fn covering(pixels: i32, percent: i32) -> i32 {
    let percent = percent.max(1);
    let whole = pixels.saturating_mul(100);
    whole.div_euclid(percent) + i32::from(whole.rem_euclid(percent) != 0)
}

/// As [`enlarged`], for a distance, to the nearest pixel.
#[must_use]
pub fn enlarged_distance(pixels: i32, percent: i32) -> i32 {
    (pixels.saturating_mul(percent).saturating_add(50)).div_euclid(100)
}

/// As [`covering`], for a distance, to the nearest pixel.
#[must_use]
pub fn covering_distance(pixels: i32, percent: i32) -> i32 {
    let percent = percent.max(1);
    (pixels.saturating_mul(100).saturating_add(percent / 2)).div_euclid(percent)
}

/// The place for the content in a work area at the first start; `own`: the screen's own factor, percent.
#[must_use]
pub fn first(area: Rect, own: i32) -> Rect {
    let room = room(area, own);
    let (w, h) = (enlarged(FIRST.0, own).min(room.w), enlarged(FIRST.1, own).min(room.h));
    Rect::new(room.x + (room.w - w) / 2, room.y + (room.h - h) / 2, w, h)
}

/// A remembered place as it is where it lies in one of the work areas, each with its screen's own factor; else it is brought into the one
/// of which it covers most, and into the first where it covers none.
#[must_use]
pub fn brought_back(kept: Rect, areas: &[(Rect, i32)]) -> Rect {
    let covered = |area: Rect| {
        let common = kept.within(area);
        if common.is_empty() { 0 } else { i64::from(common.w) * i64::from(common.h) }
    };
    let mut best: Option<(Rect, i32)> = None;
    for (area, own) in areas {
        if best.is_none_or(|(known, _)| covered(*area) > covered(known)) {
            best = Some((*area, *own));
        }
    }
    match best {
        Some((area, own)) if kept.within(area) != kept => inside(kept, room(area, own)),
        _ => kept,
    }
}

/// As much of `wanted` as `room` has, moved into it.
fn inside(wanted: Rect, room: Rect) -> Rect {
    let (w, h) = (wanted.w.min(room.w), wanted.h.min(room.h));
    let x = wanted.x.min(room.right() - w).max(room.x);
    let y = wanted.y.min(room.bottom() - h).max(room.y);
    Rect::new(x, y, w, h)
}

/// The room for a content whose title bar lies in the work area as well.
fn room(area: Rect, own: i32) -> Rect {
    let (above, beside) = (enlarged(ABOVE, own), enlarged(BESIDE, own));
    Rect::new(area.x + beside, area.y + above, (area.w - 2 * beside).max(1), (area.h - above - beside).max(1))
}

/// Whether the content fills the work area but for a title bar: X11 tells a program no more of that.
#[must_use]
pub fn fills(place: Rect, area: Rect, own: i32) -> bool {
    place.w >= area.w && place.h >= area.h - enlarged(PANELS, own)
}

/// The smallest content in a work area, in pixels of `percent`: what the screen has no room for is not insisted on.
#[must_use]
pub fn smallest(area: Rect, own: i32, percent: i32) -> (i32, i32) {
    let room = room(area, own);
    let fit = |least: i32, room: i32| least.min(room.saturating_mul(100) / percent.max(1)).max(1);
    (fit(SMALLEST.0, room.w), fit(SMALLEST.1, room.h))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1366 x 768 with a panel at the top.
    const LAPTOP: Rect = Rect { x: 0, y: 28, w: 1366, h: 740 };

    #[test]
    fn the_first_start_leaves_room_for_a_title_bar_in_the_work_area() {
        let place = first(LAPTOP, 100);
        assert_eq!((place.w, place.h), (1200, 692));
        assert!(place.y - ABOVE >= LAPTOP.y && place.bottom() <= LAPTOP.bottom());
        let place = first(Rect::new(0, 0, 1280, 900), 100);
        assert_eq!((place.w, place.h, place.x), (1200, 800, 40));
        let place = first(Rect::new(1920, 0, 3840, 2160), 200);
        assert_eq!((place.w, place.h), (2400, 1600));
        assert!(place.x > 1920);
        let tiny = first(Rect::new(0, 0, 10, 10), 100);
        assert!(tiny.w >= 1 && tiny.h >= 1);
    }

    #[test]
    fn a_place_that_is_seen_stays_to_the_pixel_and_one_that_is_not_is_brought_back() {
        let areas = [(LAPTOP, 100), (Rect::new(1366, 0, 1920, 1080), 100)];
        for seen in [Rect::new(0, 28, 700, 740), Rect::new(1400, 100, 900, 700), Rect::new(0, 28, 1366, 740)]
        {
            assert_eq!(brought_back(seen, &areas), seen);
        }
        let unplugged = Rect::new(1400, 100, 900, 700);
        let back = brought_back(unplugged, &areas[..1]);
        assert_eq!((back.w, back.h), (900, 692));
        assert!(back.within(LAPTOP) == back && back.y >= LAPTOP.y + ABOVE, "{back:?}");
        let half = brought_back(Rect::new(-300, 200, 600, 400), &areas);
        assert_eq!((half.x, half.w, half.h), (8, 600, 400));
        let between = brought_back(Rect::new(1300, 200, 600, 400), &areas);
        assert!(between.x >= 1366, "where most of it is: {between:?}");
        let far = brought_back(Rect::new(-100_000, 100_000, 100_000, 100_000), &areas);
        assert!(far.within(LAPTOP) == far);
        assert_eq!(brought_back(unplugged, &[]), unplugged);
    }

    #[test]
    fn a_scale_changes_what_a_place_holds_and_not_the_place() {
        for percent in (80..=200).step_by(10) {
            for pixels in [360, 700, 901, 1200] {
                let there = covering(pixels, percent);
                let back = enlarged(there, percent);
                assert!((pixels..pixels + 2).contains(&back), "{pixels} {percent}: {back}");
            }
        }
        assert_eq!((covering(-7, 100), covering(-7, 200)), (-7, -3));
        for percent in (80..=200).step_by(10) {
            let mut at = 121;
            for _ in 0..9 {
                at = enlarged_distance(covering_distance(at, percent), percent);
            }
            assert!((120..=122).contains(&at), "{percent}: it wandered to {at}");
        }
        assert_eq!((covering_distance(120, 110), enlarged_distance(109, 110)), (109, 120));
    }

    #[test]
    fn the_smallest_window_is_no_larger_than_the_screen() {
        assert_eq!(smallest(LAPTOP, 100, 100), SMALLEST);
        let (w, h) = smallest(LAPTOP, 100, 200);
        assert!(w == 360 && enlarged(h, 200) <= LAPTOP.h - ABOVE, "{h}");
    }

    #[test]
    fn a_window_that_fills_the_screen_counts_as_maximised() {
        assert!(fills(Rect::new(0, 28, 1366, 740), LAPTOP, 100));
        assert!(fills(Rect::new(0, 55, 1366, 713), LAPTOP, 100), "with a title bar");
        assert!(!fills(first(LAPTOP, 100), LAPTOP, 100));
        assert!(!fills(Rect::new(0, 28, 1366, 500), LAPTOP, 100));
    }
}
