//! Inviting somebody, an invitation, accepting one.

use ipc_schema::edge::ui_stored::{Contact, Invite, InviteState, Refusal};

use super::View;
use super::controls::{Button, Kind};
use crate::icon::Icon;
use crate::model::pane::{Accepting, Inviting, Pasted, pasted};
use crate::model::words::{self, Told, Tone};
use crate::model::{Act, Field, Focus};
use crate::scene::{Point, Rect, Span, Style};

/// Side of the picture code with its frame.
const CODE: i32 = 376;

impl View<'_> {
    pub(super) fn inviting(&mut self, inviting: Inviting, pane: Rect) {
        self.page(pane, &|view, at| view.invite_form(inviting, Span::new(at.x, at.y, at.w.min(520))));
        self.page_header(pane, "Invite someone", "One link for one person", None);
    }

    fn invite_form(&mut self, inviting: Inviting, Span { x, y, w }: Span) -> i32 {
        self.scene.text(Point::new(x, y), Style::Label, self.colours.text, Field::InviteName.label());
        let wrong = inviting.refused.filter(|reason| words::is_of_name(*reason));
        let below = match wrong.map(words::refusal) {
            Some((title, next)) => format!("{title}. {next}"),
            None => "What you call this person. Only you see this.".to_owned(),
        };
        let field = Rect::new(x, y + 24, w, 40);
        let mut y = self.name_field(Field::InviteName, field, wrong.is_some(), &below) + 20;
        if let Some(reason) = inviting.refused.filter(|reason| !words::is_of_name(*reason)) {
            let (title, next) = words::refusal(reason);
            let told = Told { icon: Icon::Warn, tone: Tone::Weak, title: title.into(), reason: next.into() };
            y = self.note(Span::new(x, y, w), &told) + 16;
        }
        let named = !self.model.texts.of(Field::InviteName).trim().is_empty()
            && !self.model.is_too_long(Field::InviteName);
        let label = if inviting.busy { "Asking a relay…" } else { "Make the invitation" };
        let make = Button::new(Kind::Primary, label, Act::MakeInvite).resting(!named || inviting.busy);
        if inviting.busy {
            y = self.buttons(Span::new(x, y, w), &[make]) + 8;
            let line = "The link is shown once a relay holds it.";
            return self.paragraph(Span::new(x, y, w), Style::Small, self.colours.text2, line);
        }
        self.buttons(Span::new(x, y, w), &[make, Button::new(Kind::Normal, "Not now", Act::NotNow)])
    }

    pub(super) fn invitation(&mut self, id: &str, pane: Rect) {
        let Some(contact) = self.model.person(id) else { return self.start(pane) };
        let title = format!("Invitation for {}", self.name(&contact.name));
        let Some(invite) = self.model.invite_of(contact) else {
            self.page_header(pane, &title, "The relay is being asked", None);
            return;
        };
        self.page(pane, &|view, at| view.invited(contact, invite, at));
        let told = words::invitation(invite, self.now);
        self.page_header(pane, &title, &told.reason, Some(&told));
    }

    fn invited(&mut self, contact: &Contact, invite: &Invite, at: Rect) -> i32 {
        let side = CODE.min(at.w);
        let frame = Rect::new(at.x, at.y, side, side);
        self.picture_code(&invite.link, frame);
        let name = self.name(&contact.name);
        let beside = at.w - side - 32;
        if beside >= 280 {
            self.link_column(invite, &name, Span::new(frame.right() + 32, at.y, beside)).max(frame.bottom())
        } else {
            self.link_column(invite, &name, Span::new(at.x, frame.bottom() + 24, at.w))
        }
    }

    fn link_column(&mut self, invite: &Invite, name: &str, Span { x, mut y, w }: Span) -> i32 {
        let c = self.colours;
        self.scene.text(Point::new(x, y), Style::Label, c.text, "Link");
        y += 24;
        let copy = Button::new(Kind::Primary, "Copy", Act::CopyLink).icon(Icon::Copy);
        let copy_width = self.button_width(&copy);
        let field = Rect::new(x, y, w - copy_width - 8, 40);
        self.field_frame(field, false, false);
        let link = self.cut(Style::Mono, &invite.link, field.w - 24);
        self.scene.text(Point::new(field.x + 12, y + 11), Style::Mono, c.text, link);
        self.button(Point::new(field.right() + 8, y), &copy);
        y += 56;
        if self.model.copied() == Some(invite.link.as_str()) {
            y = self.paragraph(Span::new(x, y - 8, w), Style::Small, c.text2, words::COPIED) + 12;
        }
        y = self.terms(invite, name, Span::new(x, y, w));
        let how = "Send it in a way that others cannot read, or show the code in person. If someone else uses it first, they see “already used” and can tell you.";
        let lines = self.broken(Style::Small, how, w - 32);
        let h = 24 + 18 * i32::try_from(lines.len()).unwrap_or(1);
        self.block(Rect::new(x, y, w, h), 8, c.panel);
        self.paragraph(Span::new(x + 16, y + 12, w - 32), Style::Small, c.text, how);
        y += h + 20;
        if !matches!(invite.state, InviteState::Placing | InviteState::Waiting | InviteState::OpenedTwice) {
            return y;
        }
        let another = Button::new(Kind::Normal, "Make another", Act::Invite).icon(Icon::Plus).small();
        let cancel =
            Button::new(Kind::Danger, "Cancel invitation", Act::CancelInvite(invite.id.clone())).small();
        self.buttons(Span::new(x, y, w), &[another, cancel])
    }

    /// How often and how long it works, and what is told by it; gives the y below.
    fn terms(&mut self, invite: &Invite, name: &str, Span { x, mut y, w }: Span) -> i32 {
        let c = self.colours;
        let ends = self.zone.local_time(invite.expires);
        let date = format!(
            "Expires on {} {} {} at {}",
            ends.weekday(),
            ends.day(),
            ends.month(),
            words::hour(&ends)
        );
        let left = format!("{} left", words::span(invite.expires.since(self.now)));
        let seen = match self.model.me.as_str() {
            "" => format!("{name} will see you without a name: press your picture to choose one"),
            me => format!("{name} will see you as {}", self.name(me)),
        };
        for (icon, line, below) in [
            (Icon::Check, "Works once".to_owned(), "For the first person who opens it".to_owned()),
            (Icon::Clock, date, left),
            (Icon::Person, seen, String::new()),
        ] {
            self.scene.icon(icon, Point::new(x, y + 3), 20, c.text2);
            y = self.paragraph(Span::new(x + 32, y, w - 32), Style::Body, c.text, &line);
            if !below.is_empty() {
                y = self.paragraph(Span::new(x + 32, y, w - 32), Style::Small, c.text2, &below);
            }
            y += 10;
        }
        y
    }

    pub(super) fn accepting(&mut self, accepting: Accepting, pane: Rect) {
        self.page(pane, &|view, at| view.accept_form(accepting, Span::new(at.x, at.y, at.w.min(744))));
        self.page_header(pane, "Accept an invitation", "From a link", None);
    }

    fn accept_form(&mut self, accepting: Accepting, Span { x, mut y, w }: Span) -> i32 {
        let pasted = pasted(self.model.texts.of(Field::Link));
        self.scene.text(Point::new(x, y), Style::Label, self.colours.text, Field::Link.label());
        let wrong = matches!(pasted, Pasted::Foreign | Pasted::Changed | Pasted::Several);
        self.link_field(Rect::new(x, y + 24, w, 40), wrong);
        y += 76;
        if let Some(told) = link_note(&pasted, accepting) {
            y = self.note(Span::new(x, y, w), &told) + 24;
        }
        self.scene.text(Point::new(x, y), Style::Label, self.colours.text, Field::AcceptName.label());
        let wrong = accepting.refused.filter(|reason| words::is_of_name(*reason));
        let below = match wrong.map(words::refusal) {
            Some((title, next)) => format!("{title}. {next}"),
            None => "Only you see this.".to_owned(),
        };
        let field = Rect::new(x, y + 24, w.min(360), 40);
        y = self.name_field(Field::AcceptName, field, wrong.is_some(), &below) + 24;
        let named = !self.model.texts.of(Field::AcceptName).trim().is_empty()
            && !self.model.is_too_long(Field::AcceptName);
        let label = if accepting.busy { "Asking the relay…" } else { "Accept" };
        let resting = accepting.busy || !named || !matches!(pasted, Pasted::Complete(_));
        let accept = Button::new(Kind::Primary, label, Act::AcceptLink).resting(resting);
        match accepting.busy {
            true => self.buttons(Span::new(x, y, w), &[accept]),
            false => {
                self.buttons(Span::new(x, y, w), &[accept, Button::new(Kind::Normal, "Not now", Act::NotNow)])
            }
        }
    }

    /// The field for a link, with what empties it.
    fn link_field(&mut self, rect: Rect, wrong: bool) {
        if self.model.texts.of(Field::Link).is_empty() {
            self.field(Field::Link, rect, Style::Mono, wrong);
            return;
        }
        self.field_frame(rect, *self.focus == Focus::Field(Field::Link), wrong);
        let inner = Rect::new(rect.x + 12, rect.y + 3, rect.w - 24 - 36, rect.h - 6);
        self.field_box(Field::Link, inner, Style::Mono);
        let clear = Rect::new(rect.right() - 40, rect.y + 4, 32, 32);
        self.icon_button(clear, Icon::Close, "Empty the field", Act::Clear(Field::Link));
    }
}

fn link_note(pasted: &Pasted, accepting: Accepting) -> Option<Told> {
    let told = |icon, tone, title: &str, reason: &str| Told {
        icon,
        tone,
        title: title.into(),
        reason: reason.into(),
    };
    if let Some(reason) = accepting.refused.filter(|reason| !words::is_of_name(*reason)) {
        let (title, next) = words::refusal(reason);
        return Some(told(Icon::Warn, Tone::Bad, title, next));
    }
    match pasted {
        Pasted::Nothing => None,
        Pasted::Foreign => Some(told(
            Icon::Warn,
            Tone::Bad,
            "Not an invitation",
            "A link starts with privatus:i#. Copy all of it.",
        )),
        Pasted::CutShort => Some(told(
            Icon::Link,
            Tone::Weak,
            "Cut short",
            "The end of the link is missing. Copy all of it, from privatus: to the last letter.",
        )),
        Pasted::Changed => {
            let (title, next) = words::refusal(Refusal::LinkAltered);
            Some(told(Icon::Warn, Tone::Bad, title, next))
        }
        Pasted::Several => {
            Some(told(Icon::Warn, Tone::Bad, "More than one invitation", "Leave only the one that you mean."))
        }
        Pasted::Complete(_) => Some(told(
            Icon::Okc,
            Tone::Good,
            "This invitation is complete.",
            "“Accept” asks a relay; then you know whether it is still free.",
        )),
    }
}
