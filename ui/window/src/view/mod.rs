//! The model as a picture: pure functions, one file a part of the window.

mod blocked;
mod bubble;
mod bubble_parts;
mod chat;
mod column;
mod compare;
mod composer;
mod composing;
mod controls;
mod details;
mod entry;
mod flow;
mod header;
mod held;
mod invitation;
mod keys;
mod link;
mod list;
mod menu;
mod message_details;
mod over;
mod picker;
mod profile;
mod question;
mod row;
mod rows;
mod scrolled;
mod search;
mod short;
mod thumb;
mod whom;

use details::COLUMN;
use ipc_schema::Timestamp;
use privatus::clock::Zone;

use crate::mirror::mirrored;
use crate::model::{Act, Chosen, Focus, Model, Pane, Screen};
use crate::scene::{Metrics, Rect, Region, Scene, Span, Style};
use crate::theme::{Tokens, tokens};

pub use column::{held_to, newest_seen, scroll_to, scroll_wanted};
pub use thumb::{Pressed, drawn_to, pressed};

/// Below this width one pane at a time is shown.
pub(crate) const NARROW: i32 = 720;

/// Below this width the rail and the list are slimmer.
const MIDDLE: i32 = 960;

/// From this width on what is known of a contact stands beside the conversation.
const WIDE: i32 = 1184;

/// What a view needs beside the model.
pub struct Surroundings<'a> {
    /// The window's width and height.
    pub size: (i32, i32),
    /// What ages and deadlines are counted from.
    pub now: Timestamp,
    /// The reader's time zone.
    pub zone: &'a Zone,
    /// How wide text is in the fonts that will draw it.
    pub metrics: &'a dyn Metrics,
    /// The reader reads from the right: the whole window is turned round.
    pub mirrored: bool,
}

/// A view at work: the model, its surroundings, and the picture so far.
struct View<'a> {
    model: &'a Model,
    /// What has the keyboard, and what the pointer is on: nothing of what is covered, whatever acts alike above it.
    focus: &'a Focus,
    hover: Option<&'a Act>,
    now: Timestamp,
    zone: &'a Zone,
    metrics: &'a dyn Metrics,
    mirrored: bool,
    colours: Tokens,
    /// What is selected.
    chosen: Option<Chosen>,
    scene: Scene,
}

/// The whole window.
#[must_use]
pub fn scene(model: &Model, around: &Surroundings<'_>) -> Scene {
    let mut view = View::new(model, around);
    let (w, h) = around.size;
    let whole = Rect::new(0, 0, w, h);
    match &model.screen {
        Screen::Opening => view.opening(whole),
        Screen::FirstRun(run) => view.first_run(run, whole),
        Screen::Locked(lock) => view.lock(lock, whole),
        Screen::Inside => {
            view.inside(whole);
            view.date_card(whole);
        }
    }
    view.over(whole);
    view.own_card(whole);
    view.notice(whole);
    view.link_card(whole);
    view.question(whole);
    view.keys_sheet(whole);
    if around.mirrored { mirrored(view.scene, w, around.metrics) } else { view.scene }
}

impl<'a> View<'a> {
    fn new(model: &'a Model, around: &Surroundings<'a>) -> Self {
        let covered = model.is_covered();
        Self {
            model,
            focus: if covered { &Focus::None } else { model.focus() },
            hover: model.hover.as_ref().filter(|_| !covered),
            now: around.now,
            zone: around.zone,
            metrics: around.metrics,
            mirrored: around.mirrored,
            colours: tokens(model.theme),
            chosen: model.chosen(),
            scene: Scene::default(),
        }
    }
}

impl View<'_> {
    fn inside(&mut self, whole: Rect) {
        let Rect { w, h, .. } = whole;
        self.scene.fill(whole, self.colours.bg);
        let details = self.model.details();
        let pane = if w < NARROW {
            if self.model.pane == Pane::Start {
                self.list(Rect::new(0, 0, w, h));
                return;
            }
            whole
        } else {
            let (rail, list) = match w {
                ..MIDDLE => (56, 264),
                // Four columns: the list makes room.
                WIDE.. if details.is_some() => (72, (w - 912).clamp(288, 320)),
                _ => (72, 320),
            };
            self.scene.region(Region::Rail);
            self.rail(Rect::new(0, 0, rail, h));
            self.list(Rect::new(rail, 0, list, h));
            let left = rail + list;
            self.scene.fill(Rect::new(left - 1, 0, 1, h), self.colours.line);
            Rect::new(left, 0, w - left, h)
        };
        match details {
            Some(details) if w >= WIDE => {
                let known = Rect::new(pane.right() - COLUMN, 0, COLUMN, h);
                self.pane(Rect { w: pane.w - COLUMN, ..pane });
                self.details(details, known, false);
            }
            Some(details) => self.details(details, pane, true),
            None => self.pane(pane),
        }
    }

    fn pane(&mut self, pane: Rect) {
        self.scene.region(Region::Page);
        match &self.model.pane {
            Pane::Start => self.start(pane),
            Pane::Add => self.adding(pane),
            Pane::Chat(id) => self.chat(id, pane),
            Pane::Invite(inviting) => self.inviting(*inviting, pane),
            Pane::Invitation(id) => self.invitation(id, pane),
            Pane::Accept(accepting) => self.accepting(*accepting, pane),
            Pane::Compare(comparing) => self.comparing(comparing, pane),
        }
    }

    fn opening(&mut self, whole: Rect) {
        self.scene.fill(whole, self.colours.panel);
        let y = whole.h / 2 - 80;
        self.app_icon(whole.w / 2 - 36, y, 72);
        self.centred(Span::new(0, y + 96, whole.w), Style::Small, self.colours.text2, "Opening");
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod walk;
