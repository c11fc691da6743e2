//! The rows of the list: one a contact, and one for a practice partner that was not met yet.

use ipc_schema::edge::ui_stored::{Contact, ContactState, is_muted};

use super::View;
use super::controls::{Button, Kind};
use crate::icon::Icon;
use crate::model::action::ContactAct;
use crate::model::words::{self, Preview, Tone};
use crate::model::{Act, Field, Focus, Part};
use crate::scene::{Point, Rect, Role, Scrolled, Span, Spoken, Style};

/// Height of a row.
pub(super) const ROW: i32 = 64;

/// What one in which something is asked has more.
const ASKED: i32 = 40;

/// The largest count that is shown as it is.
const COUNT_MAX: u32 = 99;

impl View<'_> {
    /// Those rows that are seen of all; gives whether the practice partner has one.
    pub(super) fn rows(&mut self, rows: Rect) -> bool {
        let people: Vec<(&Contact, i32)> =
            self.model.rows().map(|contact| (contact, self.row_height(contact))).collect();
        let offered = self.model.offered().is_some() && self.model.texts.of(Field::Search).is_empty();
        let all = 8 + people.iter().map(|(_, h)| h).sum::<i32>() + if offered { ROW } else { 0 };
        let most = (all - rows.h).max(0);
        let down = self.model.scrolls.of(Part::List).clamp(0, most);
        let (hits, fields) = (self.scene.hits.len(), self.scene.fields.len());
        let mut stops = Vec::new();
        let stop = self.model.list_stop();
        let mut y = rows.y + 4 - down;
        self.clip(rows);
        for (contact, h) in people {
            let rect = Rect::new(rows.x + 4, y, rows.w - 9, h);
            y += h;
            let seen = rect.bottom() > rows.y && rect.y < rows.bottom();
            let here = Focus::Act(Act::Open(contact.id.clone()));
            let is_stop = stop == Some(contact.id.as_str());
            if is_stop {
                // The rows are one stop: arrows go from one to the next.
                self.scene.stops.push(here.clone());
            }
            if seen {
                self.row(contact, rect);
            }
            if seen || is_stop || self.model.shown_person() == Some(contact.id.as_str()) {
                stops.push((here, rect));
            }
        }
        if offered {
            let rect = Rect::new(rows.x + 4, y, rows.w - 9, ROW);
            self.echo_row(rect);
            stops.push((Focus::Act(Act::AcceptOffer), rect));
        }
        self.keep_inside(rows, hits, fields);
        self.unclip();
        self.thumb(rows, most, down);
        self.scene.scrolled.push(Scrolled { place: Part::List, area: rows, most, stops });
        offered
    }

    fn row_height(&self, contact: &Contact) -> i32 {
        ROW + if self.model.opened_twice(contact).is_some() { ASKED } else { 0 }
    }

    fn row(&mut self, contact: &Contact, rect: Rect) {
        let act = Act::Open(contact.id.clone());
        let twice = self.model.opened_twice(contact).is_some();
        if self.model.shown_person() == Some(contact.id.as_str()) {
            self.block(rect, 8, self.colours.select);
            self.scene.round(Rect::new(rect.x - 4, rect.y + 12, 4, 40), 2, self.colours.accent);
        } else if twice {
            self.block(rect, 8, self.colours.warn_soft);
        } else if self.hover == Some(&act) {
            self.scene.round(rect, 8, self.colours.hover);
        }
        let name = self.name(&contact.name);
        let invited = contact.state == ContactState::Invited;
        let title = if invited { format!("Invitation for {name}") } else { name };
        let picture = Point::new(rect.x + 8, rect.y + 12);
        match contact.state {
            ContactState::Invited => self.icon_avatar(picture, 40, Icon::Hourglass),
            ContactState::Oneself => self.icon_avatar(picture, 40, Icon::Note),
            _ => self.avatar(picture, 40, &contact.id, &contact.name),
        }
        let (left, right) = (rect.x + 60, rect.right() - 12);
        let title = self.first_line(contact, &title, Point::new(left, rect.y + 10), right);
        if *self.focus == Focus::Act(act.clone()) {
            self.ring(rect.inset(2), 8);
        }
        self.scene.press(rect, act, Spoken::new(&title, Role::Row), 8);
        self.second_line(contact, Point::new(left, rect.y + 34), right);
        if twice {
            self.asked(contact, Point::new(left, rect.y + ROW - 4));
        }
    }

    /// The name, what is to be known of it, and the time; gives the name as it is shown.
    fn first_line(&mut self, contact: &Contact, title: &str, Point { x, y }: Point, right: i32) -> String {
        let when = words::when(contact.last_at, self.now, self.zone);
        let time_left = self.ending(Point::new(right, y + 4), Style::Micro, self.colours.text2, &when);
        let c = self.colours;
        let signs = [
            contact.verified.then_some((Icon::Verified, c.ok)),
            self.model.alike(&contact.id).map(|_| (Icon::Warn, c.warn)),
            is_muted(contact.muted_until, self.now).then_some((Icon::Mute, c.text2)),
            (contact.timer_s > 0).then_some((Icon::Timer, c.text2)),
        ];
        let signs: Vec<_> = signs.into_iter().flatten().collect();
        let room = signs.iter().map(|_| 20).sum::<i32>();
        let title = self.cut(Style::Strong, title, time_left - 12 - room - x);
        let mut end = x + self.width(Style::Strong, &title);
        self.scene.text(Point::new(x, y), Style::Strong, c.text, title.as_str());
        for (icon, ink) in signs {
            self.scene.icon(icon, Point::new(end + 6, y + 4), 14, ink);
            end += 20;
        }
        title
    }

    fn second_line(&mut self, contact: &Contact, Point { x: mut left, y }: Point, mut right: i32) {
        if contact.pinned {
            self.scene.icon(Icon::Pin, Point::new(right - 14, y + 2), 14, self.colours.text2);
            right -= 22;
        }
        if contact.unread > 0 {
            let muted = is_muted(contact.muted_until, self.now);
            right = self.badge(Point::new(right, y - 1), contact.unread, muted) - 8;
        }
        let Preview { icon, label, line, ours } = words::preview(self.model, contact, self.now);
        let mut ink = if contact.unread > 0 { self.colours.text } else { self.colours.text2 };
        if let Some((icon, tone)) = icon {
            let colour = match tone {
                Tone::Good => self.colours.accent,
                other => self.tone(other).0,
            };
            self.scene.icon(icon, Point::new(left, y + 1), 16, colour);
            left += 22;
            if !label.is_empty() {
                self.scene.text(Point::new(left, y), Style::Label, colour, label);
                left += self.width(Style::Label, label) + 4;
            }
            if ours {
                ink = colour;
            }
        }
        let line = self.cut(Style::Small, &line, right - left);
        self.scene.text(Point::new(left, y), Style::Small, ink, line);
    }

    /// What to do about an invitation that was opened twice.
    fn asked(&mut self, contact: &Contact, Point { x, y }: Point) {
        let act = |what| Act::Contact(contact.id.clone(), what);
        let decline = Button::new(Kind::Normal, "Decline", act(ContactAct::DeclineSecond)).small();
        self.button(Point::new(x, y), &decline);
    }

    fn echo_row(&mut self, rect: Rect) {
        if self.hover == Some(&Act::AcceptOffer) {
            self.scene.round(rect, 8, self.colours.hover);
        }
        self.icon_avatar(Point::new(rect.x + 8, rect.y + 12), 40, Icon::Chats);
        let (left, room) = (rect.x + 60, rect.w - 72);
        let title = self.cut(Style::Strong, "Echo, a practice partner", room);
        self.scene.text(Point::new(left, rect.y + 10), Style::Strong, self.colours.text, title);
        let line = self.cut(Style::Small, "Answers every text. Press to meet Echo", room);
        self.scene.text(Point::new(left, rect.y + 34), Style::Small, self.colours.text2, line);
        self.pressable(rect, Act::AcceptOffer, Spoken::new("Echo, a practice partner", Role::Row), 8);
    }

    /// A count in a pill that ends at `right`, grey where it is muted; gives its left edge.
    pub(super) fn badge(&mut self, Point { x: right, y }: Point, count: u32, muted: bool) -> i32 {
        let label = if count > COUNT_MAX { format!("{COUNT_MAX}+") } else { count.to_string() };
        let c = self.colours;
        let (ground, ink) = if muted { (c.badge_m, c.on_badge_m) } else { (c.accent, c.on_accent) };
        let w = (self.width(Style::MicroStrong, &label) + 12).max(20);
        let rect = Rect::new(right - w, y, w, 20);
        self.scene.round(rect, 10, ground);
        self.centred(Span::new(rect.x, y + 2, w), Style::MicroStrong, ink, &label);
        rect.x
    }
}
