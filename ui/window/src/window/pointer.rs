//! The pointer over texts: what it looks like there, and what it selects.

use fltk::enums::Cursor;
use fltk::prelude::WindowExt;

use super::Window;
use crate::happening::Click;
use crate::layout::LINE;
use crate::model::{Act, MessageAct, TextAct, Unit};

/// Pixels that the pointer may move before a press is no press any more.
const STILL: i32 = 3;

/// Pixels that are scrolled at once while the pointer pulls beyond an edge.
const PULL: i32 = 24;

/// The button is down over a text.
pub(super) struct Drag {
    from: (i32, i32),
    at: (i32, i32),
    moved: bool,
    /// What lies under it, and is done if it was only pressed.
    act: Option<Act>,
}

impl Window {
    /// The button went down where a text may be; `act` is what a press does there.
    pub(super) fn grip(&mut self, x: i32, y: i32, click: Click, act: Option<Act>) {
        // It does not rest there, it presses.
        self.resting.over(None);
        let place = {
            let scene = self.scene.borrow();
            scene.line_at(x, y).map(|line| line.place(x, &*self.fonts))
        };
        let Some(place) = place else {
            self.model.unselect();
            act.into_iter().for_each(|act| self.act(act));
            return;
        };
        if click.extends {
            self.model.select_to(place);
        } else {
            self.model.select(place, Unit::of(click.times));
        }
        let act = act.filter(|_| click.times == 1 && !click.extends);
        self.drag = Some(Drag { from: (x, y), at: (x, y), moved: false, act });
    }

    /// The pointer moved while the button is down.
    pub(super) fn drag(&mut self, x: i32, y: i32) {
        let Some(drag) = &mut self.drag else { return self.point(x, y) };
        drag.at = (x, y);
        let (from_x, from_y) = drag.from;
        drag.moved |= (x - from_x).abs() > STILL || (y - from_y).abs() > STILL;
        if drag.moved {
            self.extend(x, y);
        }
    }

    fn extend(&mut self, x: i32, y: i32) {
        let place = self.scene.borrow().place_near(x, y, &*self.fonts);
        if let Some(place) = place {
            self.model.select_to(place);
        }
    }

    /// The button was let go.
    pub(super) fn release(&mut self) {
        let Some(drag) = self.drag.take() else { return };
        if let Some(act) = drag.act.filter(|_| !drag.moved) {
            self.act(act);
        }
    }

    /// By how much what is seen has to move for a pointer that is held beyond an edge.
    pub(super) fn pulls(&self) -> Option<i32> {
        let (_, y) = self.drag.as_ref().filter(|drag| drag.moved)?.at;
        let (body, most) = self.scene.borrow().scroll?;
        match y {
            _ if y < body.y && self.model.scroll < most => Some(PULL),
            _ if y >= body.bottom() && self.model.scroll > 0 => Some(-PULL),
            _ => None,
        }
    }

    /// Scrolls for such a pointer, and selects what comes under it.
    pub(super) fn pull(&mut self) {
        let Some(by) = self.pulls() else { return };
        let Some((x, y)) = self.drag.as_ref().map(|drag| drag.at) else { return };
        self.scroll_by(by);
        self.refresh();
        self.extend(x, y);
    }

    /// The pointer moved with no button down.
    pub(super) fn point(&mut self, x: i32, y: i32) {
        let (act, text) = {
            let scene = self.scene.borrow();
            (scene.hit(x, y).map(|hit| hit.act.clone()), scene.line_at(x, y).is_some())
        };
        let cursor = match (&act, text) {
            (None | Some(Act::Message(MessageAct::Focus(_))), true) => Cursor::Insert,
            (None | Some(Act::Message(MessageAct::Focus(_))), false) => Cursor::Arrow,
            (Some(Act::Type(_)), _) => Cursor::Insert,
            (Some(_), _) => Cursor::Hand,
        };
        if cursor != self.cursor {
            self.window.set_cursor(cursor);
            self.cursor = cursor;
        }
        if self.resting.over(act.as_ref()) {
            self.model.end_glance();
        }
        if act != self.model.hover {
            self.model.hover = act;
            self.model.pointed();
        }
    }

    /// The message that an act unfolds, and how many lines of it are shown before.
    pub(super) fn unfolds(&self, act: &Act) -> Option<(String, usize)> {
        let Act::Text(TextAct::ShowAll(id)) = act else { return None };
        Some((id.clone(), self.lines_shown(id)?))
    }

    /// A text grows upwards, for a conversation is drawn from its end: what was seen of it stays where it is.
    pub(super) fn keep_beginning(&mut self, unfolds: Option<(String, usize)>) {
        let Some((id, before)) = unfolds else { return };
        self.refresh();
        let grown = self.lines_shown(&id).map_or(0, |after| after.saturating_sub(before));
        self.model.scroll += LINE * i32::try_from(grown).unwrap_or(0);
    }

    fn lines_shown(&self, id: &str) -> Option<usize> {
        let scene = self.scene.borrow();
        scene.lines.iter().find(|line| line.message == id).map(|line| line.laid.rows.len())
    }
}
