//! Inviting somebody, an invitation, accepting one.

use ipc_schema::edge::ui_stored::{Invite, InviteState, Refusal};

use super::View;
use super::controls::{Button, Kind};
use crate::icon::Icon;
use crate::model::pane::{Accepting, Inviting, Pasted, pasted};
use crate::model::words::{self, Told, Tone};
use crate::model::{Act, Field};
use crate::scene::{Point, Rect, Span, Style};

/// Side of the picture code with its frame.
const CODE: i32 = 376;

impl View<'_> {
    pub(super) fn inviting(&mut self, inviting: Inviting, pane: Rect) {
        self.page_header(pane, "Invite someone", "One link for one person");
        let (x, w) = (pane.x + 32, (pane.w - 64).min(520));
        self.scene.text(Point::new(x, 88), Style::Label, self.colours.text, "Who is it for?");
        let wrong = matches!(inviting.refused, Some(reason) if words::refusal(reason).0.contains("name"));
        let below = "What you call this person. Only you see this.";
        self.name_field(Field::InviteName, Rect::new(x, 112, w, 40), wrong, below);
        let mut y = 196;
        if let Some(reason) = inviting.refused {
            let (title, next) = words::refusal(reason);
            let told = Told { icon: Icon::Warn, tone: Tone::Weak, title: title.into(), reason: next.into() };
            y = self.note(Span::new(x, y, w), &told) + 16;
        }
        let named = !self.model.texts.of(Field::InviteName).trim().is_empty()
            && !self.model.is_too_long(Field::InviteName);
        let label = if inviting.busy { "Asking a relay…" } else { "Make the invitation" };
        let make = Button::new(Kind::Primary, label, Act::MakeInvite).resting(!named || inviting.busy);
        let right = self.button(Point::new(x, y), &make);
        if inviting.busy {
            let line = "The link is shown once a relay holds it.";
            self.scene.text(Point::new(right + 12, y + 11), Style::Small, self.colours.text2, line);
        } else {
            self.button(Point::new(right + 12, y), &Button::new(Kind::Normal, "Not now", Act::Close));
        }
    }

    pub(super) fn invitation(&mut self, id: &str, pane: Rect) {
        let Some(contact) = self.model.person(id) else { return self.start(pane) };
        let name = self.name(&contact.name);
        let title = format!("Invitation for {name}");
        let Some(invite) = self.model.invite_of(contact) else {
            self.page_header(pane, &title, "The relay is being asked");
            return;
        };
        let told = words::invitation(invite, self.now);
        self.page_header(pane, &title, &told.reason);
        self.pill(Point::new(pane.right() - 84, 20), &told);
        let narrow = pane.w < CODE + 32 + 32 + 280 + 32;
        let frame = Rect::new(pane.x + 32, 88, CODE.min(pane.w - 64), CODE.min(pane.w - 64));
        self.picture_code(&invite.link, frame);
        let column = if narrow {
            Rect::new(frame.x, frame.bottom() + 24, pane.w - 64, 0)
        } else {
            Rect::new(frame.right() + 32, 88, pane.right() - frame.right() - 64, 0)
        };
        self.link_column(invite, &name, column);
    }

    fn link_column(&mut self, invite: &Invite, name: &str, column: Rect) {
        let Rect { x, mut y, w, .. } = column;
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
        let ends = self.zone.local_time(invite.expires);
        let date = format!(
            "Expires on {} {} {} at {}",
            ends.weekday(),
            ends.day(),
            ends.month(),
            words::hour(&ends)
        );
        let left = format!("{} left", words::span(invite.expires.since(self.now)));
        let me = if self.model.me.is_empty() { "a person without a name" } else { self.model.me.as_str() };
        let seen = format!("{name} will see you as {me}");
        for (icon, line, below) in [
            (Icon::Check, "Works once".to_owned(), "For the first person who opens it".to_owned()),
            (Icon::Clock, date, left),
            (Icon::Person, seen, String::new()),
        ] {
            self.scene.icon(icon, Point::new(x, y + 3), 20, c.text2);
            let line = self.cut(Style::Body, &line, w - 32);
            self.scene.text(Point::new(x + 32, y), Style::Body, c.text, line);
            self.scene.text(Point::new(x + 32, y + 24), Style::Small, c.text2, below.as_str());
            y += if below.is_empty() { 34 } else { 50 };
        }
        let how = "Send it in a way that others cannot read, or show the code in person. If someone else uses it first, they see “already used” and can tell you.";
        let lines = self.broken(Style::Small, how, w - 32);
        let h = 24 + 18 * i32::try_from(lines.len()).unwrap_or(1);
        self.block(Rect::new(x, y, w, h), 8, c.panel);
        self.paragraph(Span::new(x + 16, y + 12, w - 32), Style::Small, c.text, how);
        y += h + 20;
        let open =
            matches!(invite.state, InviteState::Placing | InviteState::Waiting | InviteState::OpenedTwice);
        if open {
            let another = Button::new(Kind::Normal, "Make another", Act::Invite).icon(Icon::Plus).small();
            self.button(Point::new(x, y), &another);
            let cancel =
                Button::new(Kind::Danger, "Cancel invitation", Act::CancelInvite(invite.id.clone())).small();
            let width = self.button_width(&cancel);
            self.button(Point::new(x + w - width, y), &cancel);
        }
    }

    pub(super) fn accepting(&mut self, accepting: Accepting, pane: Rect) {
        self.page_header(pane, "Accept an invitation", "From a link");
        let (x, w) = (pane.x + 32, (pane.w - 64).min(744));
        let pasted = pasted(self.model.texts.of(Field::Link));
        self.scene.text(Point::new(x, 88), Style::Label, self.colours.text, "Link");
        let wrong = matches!(pasted, Pasted::Foreign | Pasted::Changed | Pasted::Several);
        self.field(Field::Link, Rect::new(x, 112, w, 40), Style::Mono, wrong);
        let mut y = 164;
        if let Some(told) = link_note(&pasted, accepting) {
            y = self.note(Span::new(x, y, w), &told) + 24;
        }
        self.scene.text(Point::new(x, y), Style::Label, self.colours.text, "What do you call this person?");
        let half = w.min(360);
        self.name_field(Field::AcceptName, Rect::new(x, y + 24, half, 40), false, "Only you see this.");
        y += 112;
        let named = !self.model.texts.of(Field::AcceptName).trim().is_empty()
            && !self.model.is_too_long(Field::AcceptName);
        let label = if accepting.busy { "Asking the relay…" } else { "Accept" };
        let resting = accepting.busy || !named || !matches!(pasted, Pasted::Complete(_));
        let right = self
            .button(Point::new(x, y), &Button::new(Kind::Primary, label, Act::AcceptLink).resting(resting));
        if !accepting.busy {
            self.button(Point::new(right + 12, y), &Button::new(Kind::Normal, "Not now", Act::Close));
        }
    }
}

fn link_note(pasted: &Pasted, accepting: Accepting) -> Option<Told> {
    let told = |icon, tone, title: &str, reason: &str| Told {
        icon,
        tone,
        title: title.into(),
        reason: reason.into(),
    };
    if let Some(reason) = accepting.refused {
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
