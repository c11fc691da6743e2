//! How far the parts of the window are scrolled that begin at their top. A conversation is scrolled from its end, and by itself.

use std::collections::BTreeMap;

/// A part that scrolls from its top on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The list of people.
    List,
    /// What stands beside it, or takes the whole window.
    Page,
    /// What is known of a contact.
    Details,
    /// The keys.
    Keys,
}

/// Pixels scrolled down from the top. It may be more than there is, once there is less: what is drawn keeps to what there is.
#[derive(Debug, Default)]
pub struct Scrolls {
    down: BTreeMap<Part, i32>,
}

impl Scrolls {
    /// How far down `place` is.
    #[must_use]
    pub fn of(&self, place: Part) -> i32 {
        self.down.get(&place).copied().unwrap_or(0)
    }

    /// Moves it by so many pixels, downwards where they are more than 0; `most`: so far it goes.
    pub fn by(&mut self, place: Part, pixels: i32, most: i32) {
        let down = self.of(place).clamp(0, most.max(0)).saturating_add(pixels);
        self.down.insert(place, down.clamp(0, most.max(0)));
    }

    /// Another thing is shown there: it begins at its top.
    pub fn begin(&mut self, place: Part) {
        self.down.remove(&place);
    }
}

/// How far something from `top` to `bottom` must be moved to be seen between `from` and `to`: downwards where it is more than 0. What is
/// higher than that shows its top.
#[must_use]
pub fn until_seen((top, bottom): (i32, i32), (from, to): (i32, i32)) -> i32 {
    match (top < from, bottom > to) {
        (true, _) => top - from,
        (false, true) => (bottom - to).min(top - from),
        (false, false) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_scrolled_beyond_its_ends() {
        let mut scrolls = Scrolls::default();
        scrolls.by(Part::List, 90, 200);
        scrolls.by(Part::List, 500, 200);
        assert_eq!((scrolls.of(Part::List), scrolls.of(Part::Page)), (200, 0));
        scrolls.by(Part::List, -30, 100);
        assert_eq!(scrolls.of(Part::List), 70, "there is less by now");
        scrolls.by(Part::List, -500, -5);
        assert_eq!(scrolls.of(Part::List), 0);
    }

    #[test]
    fn what_has_the_keyboard_is_moved_into_sight_and_no_further() {
        assert_eq!(until_seen((100, 140), (64, 480)), 0);
        assert_eq!(until_seen((40, 80), (64, 480)), -24);
        assert_eq!(until_seen((460, 500), (64, 480)), 20);
        assert_eq!(until_seen((200, 900), (64, 480)), 136, "its top");
    }
}
