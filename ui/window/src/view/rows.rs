//! The lines of a bubble: their grounds, what is selected of them, their words and links, and what is said of the rest.

use std::ops::Range;

use super::View;
use super::bubble::Bubble;
use crate::found;
use crate::layout::{Ground, LINE, Laid, Row, Run};
use crate::model::{Act, Focus, TextAct};
use crate::scene::{Point, Rect, Role, Spoken, Style, TextLine};
use crate::text::isolated;
use crate::theme::Theme;

/// What is said of characters that cannot be seen.
pub(super) struct Chip {
    words: String,
    /// On a line of its own.
    pub below: bool,
    /// Pixels from the left edge of the text.
    pub left: i32,
    /// With the room around its words.
    pub width: i32,
}

/// What shows all of a long text, or folds it.
pub(super) struct Fold {
    act: Act,
    label: &'static str,
    pub width: i32,
}

/// What was looked for in a text: where it stands in what can be seen of it.
struct Hits {
    places: Vec<Range<usize>>,
    /// It was gone to.
    chosen: bool,
}

impl View<'_> {
    pub(super) fn hidden_chip(&self, laid: &Laid, max: i32) -> Option<Chip> {
        let words = match laid.hidden {
            0 => return None,
            1 => "1 hidden character".to_owned(),
            hidden => format!("{hidden} hidden characters"),
        };
        let width = self.width(Style::MicroStrong, &words) + 20;
        let end = laid.rows.last().map_or(0, |row| row.indent + row.width);
        let left = if end == 0 { 0 } else { end + 6 };
        let turned = laid.rows.last().is_some_and(|row| row.from_right || row.ground == Ground::Code);
        let below = turned || laid.long || left + width > max;
        Some(Chip { words, below, left: if below { 0 } else { left }, width })
    }

    pub(super) fn chip_of(&mut self, chip: &Chip, at: Point) {
        let rect = Rect::new(at.x, at.y, chip.width, 20);
        self.block(rect, 10, self.colours.warn_soft);
        let at = Point::new(rect.x + 10, rect.y + 2);
        self.scene.text(at, Style::MicroStrong, self.colours.warn, chip.words.as_str());
    }

    pub(super) fn fold(&self, id: &str, whole: bool) -> Fold {
        let (act, label) = if whole {
            (Act::Text(TextAct::ShowLess(id.to_owned())), "Show less")
        } else {
            (Act::Text(TextAct::ShowAll(id.to_owned())), "Show all")
        };
        Fold { act, label, width: self.width(Style::Label, label) }
    }

    pub(super) fn fold_button(&mut self, fold: &Fold, at: Point) {
        let rect = Rect::new(at.x - 4, at.y, fold.width + 8, LINE);
        let over = self.hover == Some(&fold.act);
        let ink = if over { self.colours.accent_hover } else { self.colours.accent };
        self.scene.text(Point::new(at.x, at.y + 2), Style::Label, ink, fold.label);
        if *self.focus == Focus::Act(fold.act.clone()) {
            self.ring(rect, 4);
        }
        self.pressable(rect, fold.act.clone(), Spoken::new(fold.label, Role::Button), 4);
    }

    /// The lines that are seen.
    pub(super) fn text_rows(&mut self, bubble: &Bubble<'_>, rect: Rect, body: Rect) {
        let room = rect.w - 24;
        let hits = self.hits_in(bubble);
        let area = bubble.text_area(rect);
        for (index, row) in bubble.laid.rows.iter().enumerate() {
            let y = rect.y + bubble.text_top() + LINE * i32::try_from(index).unwrap_or(0);
            if y + LINE <= body.y {
                continue;
            }
            if y >= body.bottom() {
                break;
            }
            self.row_ground(row, Rect::new(rect.x + 12, y, room, LINE));
            let line = TextLine {
                message: bubble.message.id.clone(),
                rect: Rect::new(rect.x, y, rect.w, LINE),
                x: rect.x + 12 + row.left(room),
                area,
                laid: bubble.laid.clone(),
                row: index,
            };
            if let Some(hits) = &hits {
                let grounds = hits.places.iter().flat_map(|hit| line.selected(hit, self.metrics));
                for under in grounds.collect::<Vec<_>>() {
                    self.hit_ground(Rect { y: under.y + 2, h: under.h - 4, ..under }, hits.chosen);
                }
            }
            if let Some(chosen) = &bubble.chosen {
                for under in line.selected(chosen, self.metrics) {
                    self.selected(under);
                }
            }
            self.row_words(row, bubble, Point::new(line.x, y));
            // Words that stand for a text are not the text.
            if !bubble.message.deleted {
                self.scene.lines.push(line);
            }
        }
    }

    /// What was looked for in it.
    fn hits_in(&self, bubble: &Bubble<'_>) -> Option<Hits> {
        let (found, chosen) = self.model.found_in(bubble.message)?;
        Some(Hits { places: found::places(found), chosen })
    }

    /// In high contrast what is selected would not stand off from a bubble by its fill alone.
    fn selected(&mut self, under: Rect) {
        self.scene.fill(under, self.colours.selection);
        if self.model.theme == Theme::Contrast {
            self.scene.fill(Rect::new(under.x, under.bottom() - 2, under.w, 2), self.colours.edge);
        }
    }

    fn row_ground(&mut self, row: &Row, area: Rect) {
        match row.ground {
            Ground::Plain => {}
            Ground::Quote => {
                let x = if row.from_right { area.right() - 3 } else { area.x };
                self.scene.fill(Rect::new(x, area.y, 3, area.h), self.colours.accent);
            }
            Ground::Code => self.scene.fill(area, self.colours.panel),
        }
        if let Some(label) = &row.label {
            let x = if row.from_right { area.right() - self.width(Style::Body, label) } else { area.x };
            self.scene.text(Point::new(x, area.y), Style::Body, self.colours.text2, label.as_str());
        }
    }

    fn row_words(&mut self, row: &Row, bubble: &Bubble<'_>, at: Point) {
        let plain = self.shown_ink(bubble.message);
        if row.marks {
            // Marks that are piled up end where the line does.
            self.clip(Rect::new(at.x - 4, at.y, row.width + 8, LINE));
        }
        for run in &row.runs {
            let place = Point::new(at.x + run.x, at.y + (LINE - run.style.line()) / 2);
            let ink = if run.link.is_some() { self.colours.accent } else { plain };
            self.scene.text(place, run.style, ink, run.drawn.as_str());
            self.link(run, &bubble.laid, Rect::new(place.x, at.y, run.w, LINE));
        }
        if row.marks {
            self.unclip();
        }
    }

    fn link(&mut self, run: &Run, laid: &Laid, rect: Rect) {
        let Some(link) = &run.link else { return };
        self.scene.fill(Rect::new(rect.x, rect.bottom() - 4, rect.w, 1), self.colours.accent);
        let address = laid.address(link);
        let act = Act::Text(TextAct::Link(address.to_owned()));
        let label = format!("Link to {}", isolated(address));
        let stop = Focus::Act(act.clone());
        if *self.focus == stop {
            self.ring(rect.inset(-1), 4);
        }
        // One that goes over several lines, or stands there twice, is one stop of the keyboard.
        if self.scene.stops.contains(&stop) {
            self.pointed(rect, act, &label, 4);
        } else {
            self.pressable(rect, act, Spoken::new(&label, Role::Button), 4);
        }
    }
}
