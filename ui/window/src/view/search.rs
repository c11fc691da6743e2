//! What was found: names and texts below the search field, and the bar of a search in one conversation.

use ipc_schema::edge::ui_stored::{Contact, Match};

use super::View;
use super::controls::{Button, Kind};
use crate::found::{self, FoundLine};
use crate::icon::Icon;
use crate::layout::lay_line;
use crate::model::{Act, Field, Focus, Listing, ReadAct, words};
use crate::scene::{Border, Point, Rect, Results, Role, Span, Spoken, Style};
use crate::theme::Theme;

/// Height of the bar below a conversation's header.
pub(super) const FIND_HEIGHT: i32 = 56;

/// Height of a heading.
const HEADING: i32 = 32;

/// Height of a name's row, and of a text's.
const NAME: i32 = 48;
const TEXT: i32 = 76;

/// Height of the choice above them: in all conversations, or in the open one.
const SCOPES: i32 = 48;

/// Lines that are shown of a text.
const LINES: usize = 2;

/// In what letters a part of it is shown.
fn small(style: Style) -> Style {
    if style == Style::Strong { Style::Label } else { Style::Small }
}

impl View<'_> {
    /// In place of the list, as long as something is looked for.
    pub(super) fn results(&mut self, whole: Rect) {
        let names: Vec<&Contact> = self.model.found_people().collect();
        let search = &self.model.search;
        let scopes = self.scopes(whole);
        let rect = Rect { y: whole.y + scopes, h: (whole.h - scopes).max(0), ..whole };
        let height = self.results_height(names.len());
        let most = (height - rect.h).max(0);
        let scroll = self.results_scroll(names.len(), rect.h).clamp(0, most);
        self.scene.results = Some(Results { rect, scroll, most });
        self.clip(rect);
        let mut y = rect.y + 4 - scroll;
        if !names.is_empty() {
            y = self.heading(rect, y, "People", "");
        }
        for (index, contact) in names.iter().enumerate() {
            let row = Rect::new(rect.x + 4, y, rect.w - 9, NAME);
            if row.bottom() > rect.y && row.y < rect.bottom() {
                self.name_row(contact, row, index == search.chosen);
            }
            y += NAME;
        }
        if !search.found.is_empty() {
            let more = if search.next.is_empty() { "" } else { "+" };
            let chosen = search.chosen.checked_sub(names.len()).map(|at| format!("{} of ", at + 1));
            let count = format!("{}{}{more}", chosen.unwrap_or_default(), search.found.len());
            y = self.heading(rect, y, "Messages", &count);
        }
        for (index, found) in (names.len()..).zip(&search.found) {
            let row = Rect::new(rect.x + 4, y, rect.w - 9, TEXT);
            if row.bottom() > rect.y && row.y < rect.bottom() {
                self.text_row(found, row, index == search.chosen);
            }
            y += TEXT;
        }
        self.after_results(rect, y, names.is_empty());
        self.unclip();
    }

    /// Where is looked, while a conversation is open; gives the height of that.
    fn scopes(&mut self, rect: Rect) -> i32 {
        if self.model.open_chat().is_none() {
            return 0;
        }
        let mut x = rect.x + 12;
        for (label, here) in [("All chats", false), ("This chat", true)] {
            let w = self.width(Style::MicroStrong, label) + 24;
            let act = Act::Read(ReadAct::SearchIn(here));
            self.choice(Rect::new(x, rect.y + 12, w, 24), label, act, self.model.search.here == here);
            x += w + 6;
        }
        SCOPES
    }

    /// One of several of which one is chosen.
    fn choice(&mut self, rect: Rect, label: &str, act: Act, chosen: bool) {
        let c = self.colours;
        let over = self.model.hover.as_ref() == Some(&act);
        if *self.model.focus() == Focus::Act(act.clone()) {
            let ring = Border::new(c.focus, c.line_px + 1);
            self.scene.bordered(rect.inset(-4), 16, ring, c.panel);
        }
        let (fill, ink) = match (chosen, over) {
            (true, _) => (c.select, c.accent),
            (false, true) => (c.rail, c.text),
            (false, false) => (c.hover, c.text),
        };
        self.block(rect, 12, fill);
        if chosen && self.model.theme == Theme::Contrast {
            self.scene.bordered(rect, 12, Border::new(c.accent, 2), fill);
        }
        self.centred(Span::new(rect.x, rect.y + 4, rect.w), Style::MicroStrong, ink, label);
        self.pressable(rect, act, Spoken::new(label, Role::Button), 12);
    }

    /// The list is as long as this.
    fn results_height(&self, names: usize) -> i32 {
        let search = &self.model.search;
        let heading = |rows: usize| if rows > 0 { HEADING } else { 0 };
        let rows =
            |rows: usize, high: i32| i32::try_from(rows).unwrap_or(i32::MAX / 100).saturating_mul(high);
        let end = if search.is_over() && search.failed.is_none() { 8 } else { 56 };
        8 + heading(names)
            + rows(names, NAME)
            + heading(search.found.len())
            + rows(search.found.len(), TEXT)
            + end
    }

    /// So far down that what is chosen is to be seen, where the keys chose it.
    fn results_scroll(&self, names: usize, room: i32) -> i32 {
        let search = &self.model.search;
        if !search.follow {
            return search.scroll;
        }
        let chosen = i32::try_from(search.chosen).unwrap_or(0);
        let before = i32::try_from(names).unwrap_or(0);
        let (top, high) = if search.chosen < names {
            (4 + HEADING + chosen * NAME, NAME)
        } else {
            let heading = if names > 0 { 2 * HEADING } else { HEADING };
            (4 + heading + before * NAME + (chosen - before) * TEXT, TEXT)
        };
        // The headings above the first row come with it.
        if search.chosen == 0 {
            0
        } else {
            search.scroll.clamp((top + high + 8 - room).min(top - HEADING), top - HEADING)
        }
    }

    fn heading(&mut self, rect: Rect, y: i32, label: &str, count: &str) -> i32 {
        let ink = self.colours.text2;
        self.scene.text(Point::new(rect.x + 16, y + 9), Style::MicroStrong, ink, label);
        self.ending(Point::new(rect.right() - 16, y + 9), Style::Micro, ink, count);
        y + HEADING
    }

    /// What stands behind what was found: that more is there, that it is being looked for, or why nothing is told.
    fn after_results(&mut self, rect: Rect, y: i32, nobody: bool) {
        let search = &self.model.search;
        let listing = self.model.listing();
        let nothing = matches!(listing, Listing::Opening | Listing::Unreadable | Listing::Nobody);
        let line = if nothing {
            words::listing(listing).unwrap_or_default().to_owned()
        } else if let Some(failed) = &search.failed {
            failed.clone()
        } else if search.busy {
            "Looking…".to_owned()
        } else if !search.next.is_empty() {
            let more = Button::new(Kind::Normal, "More", Act::Read(ReadAct::SearchMore)).small();
            let left = rect.x + (rect.w - self.button_width(&more)) / 2;
            if y + 12 >= rect.y && y + 44 <= rect.bottom() {
                self.button(Point::new(left, y + 12), &more);
            }
            return;
        } else if nobody && search.found.is_empty() {
            let nothing = if search.here {
                "Nothing in this chat has these words."
            } else {
                "Nobody has that name, and no message has these words."
            };
            nothing.to_owned()
        } else {
            return;
        };
        self.paragraph(Span::new(rect.x + 16, y + 12, rect.w - 32), Style::Small, self.colours.text2, &line);
    }

    fn result_ground(&mut self, rect: Rect, act: &Act, chosen: bool) {
        if chosen {
            self.block(rect, 8, self.colours.select);
            self.scene.round(Rect::new(rect.x - 4, rect.y + 8, 4, rect.h - 16), 2, self.colours.accent);
        } else if self.hover == Some(act) {
            self.scene.round(rect, 8, self.colours.hover);
        }
    }

    fn name_row(&mut self, contact: &Contact, rect: Rect, chosen: bool) {
        let act = Act::Open(contact.id.clone());
        self.result_ground(rect, &act, chosen);
        self.avatar(Point::new(rect.x + 8, rect.y + 8), 32, &contact.id, &contact.name);
        let name = self.name(&contact.name);
        let name = self.cut(Style::Strong, &name, rect.w - 64);
        self.scene.text(
            Point::new(rect.x + 52, rect.y + 13),
            Style::Strong,
            self.colours.text,
            name.as_str(),
        );
        self.found_pressable(rect, act, &name);
    }

    fn text_row(&mut self, found: &Match, rect: Rect, chosen: bool) {
        let act = Act::Read(ReadAct::OpenFound { who: found.contact.clone(), id: found.id.clone() });
        self.result_ground(rect, &act, chosen);
        let who = self.model.person(&found.contact);
        let plain = who.map_or("", |contact| contact.name.as_str());
        self.avatar(Point::new(rect.x + 8, rect.y + 10), 32, &found.contact, plain);
        let (left, right) = (rect.x + 52, rect.right() - 12);
        let when = words::when(found.sent_at, self.now, self.zone);
        let time = self.ending(Point::new(right, rect.y + 11), Style::Micro, self.colours.text2, &when);
        let mut name = self.name(plain);
        if found.mine {
            name = format!("You to {name}");
        }
        let name = self.cut(Style::Strong, &name, time - 12 - left);
        self.scene.text(Point::new(left, rect.y + 8), Style::Strong, self.colours.text, name.as_str());
        self.context(found, Span::new(left, rect.y + 32, right - left));
        self.found_pressable(rect, act, &name);
    }

    /// A row that the arrows reach, and Tab does not.
    fn found_pressable(&mut self, rect: Rect, act: Act, label: &str) {
        // What is out of sight is no place to press.
        let list = self.scene.results.map_or(rect, |results| results.rect);
        let (top, bottom) = (rect.y.max(list.y), rect.bottom().min(list.bottom()));
        self.pointed(Rect::new(rect.x, top, rect.w, bottom - top), act, label, 8);
        if let Some(hit) = self.scene.hits.last_mut() {
            hit.role = Role::Row;
        }
    }

    /// The words around what was found, that marked.
    fn context(&mut self, found: &Match, Span { x, y, w }: Span) {
        let FoundLine { text, spans } = found::line(found);
        let width = |style: Style, text: &str| self.metrics.width(small(style), text);
        let rows = lay_line(&text, spans, w, LINES, &width);
        let line = Style::Small.line();
        let lines = i32::try_from(rows.len()).unwrap_or(1);
        self.scene.begin_whole(Rect::new(x, y, w, line * lines));
        for (row, y) in rows.iter().zip((y..).step_by(usize::try_from(line).unwrap_or(1))) {
            let left = x + row.left(w);
            for run in &row.runs {
                let (at, hit) = (Point::new(left + run.x, y), run.style == Style::Strong);
                if hit {
                    self.hit_ground(Rect::new(at.x, y, run.w, line), false);
                }
                let ink = if hit { self.colours.warn } else { self.colours.text2 };
                self.scene.text(at, small(run.style), ink, run.drawn.as_str());
            }
        }
        self.scene.end_whole();
    }

    /// Below what was looked for, as wide as it; with a line where it was gone to, and in high contrast.
    pub(super) fn hit_ground(&mut self, under: Rect, chosen: bool) {
        let ground = Rect::new(under.x - 1, under.y, under.w + 2, under.h);
        self.scene.round(ground, 2, self.colours.warn_soft);
        if chosen || self.model.theme == Theme::Contrast {
            self.scene.fill(Rect::new(ground.x, ground.bottom() - 2, ground.w, 2), self.colours.warn);
        }
    }

    /// Below a conversation's header: what is looked for in it, and which of how many is shown.
    pub(super) fn find_bar(&mut self, bar: Rect) {
        let Some(find) = &self.model.find else { return };
        self.scene.fill(bar, self.colours.panel);
        self.scene.fill(Rect::new(bar.x, bar.bottom() - 1, bar.w, 1), self.colours.line);
        let close = Rect::new(bar.right() - 52, bar.y + 8, 40, 40);
        let newer = Rect::new(close.x - 40, bar.y + 8, 40, 40);
        let older = Rect::new(newer.x - 40, bar.y + 8, 40, 40);
        let told = match (&find.failed, find.found.len()) {
            (Some(failed), _) => failed.clone(),
            _ if self.model.texts.of(Field::Find).trim().is_empty() => String::new(),
            _ if !self.model.history => "Your history is still opening".to_owned(),
            (None, 0) if find.busy => "Looking…".to_owned(),
            (None, 0) if find.next.is_empty() => "Nothing found".to_owned(),
            (None, 0) => "Nothing found yet: look further back".to_owned(),
            (None, found) => {
                let more = if find.next.is_empty() { "" } else { "+" };
                format!("{} of {found}{more}", find.chosen + 1)
            }
        };
        let told = self.cut(Style::Small, &told, (bar.w / 2).max(80));
        let right = older.x - 8;
        let left = self.ending(Point::new(right, bar.y + 19), Style::Small, self.colours.text2, &told);
        let field = Rect::new(bar.x + 24, bar.y + 8, left - bar.x - 36, 40);
        self.field_frame(field, *self.focus == Focus::Field(Field::Find), false);
        self.scene.icon(Icon::Search, Point::new(field.x + 11, field.y + 11), 18, self.colours.text2);
        self.hinted_box(
            Field::Find,
            Rect::new(field.x + 36, field.y + 3, (field.w - 44).max(0), field.h - 6),
            "Search in this chat",
        );
        self.icon_button(older, Icon::Up, "The one before", Act::Read(ReadAct::FindStep(true)));
        self.icon_button(newer, Icon::Down, "The one after", Act::Read(ReadAct::FindStep(false)));
        self.icon_button(close, Icon::Close, "Leave the search", Act::Read(ReadAct::LeaveFind));
    }
}
