//! What is known of a contact, and what can be done with them: a column beside the conversation, or in its place.

use ipc_schema::edge::ui_stored::{Contact, ContactState, MUTED_FOR_EVER, ShortState, is_muted};

use super::View;
use super::controls::{Button, Kind};
use crate::icon::Icon;
use crate::model::action::{ContactAct, Muting};
use crate::model::words::{self, Told, Tone};
use crate::model::{Act, Details, Field, Part};
use crate::scene::{Border, Point, Rect, Region, Role, Span, Spoken, Style};
use crate::text::visible;

/// Width of the column.
pub(super) const COLUMN: i32 = 352;

/// Height of a row without what stands below its words.
const ROW: i32 = 48;

/// Height of the field for a note.
const NOTE: i32 = 112;

/// One thing that is known of a contact, or can be done with them.
struct Row {
    icon: Icon,
    title: String,
    below: String,
    /// What a press on it does.
    act: Option<Act>,
    danger: bool,
    /// What can be chosen below it, and what is chosen.
    choices: Vec<(&'static str, Act, bool)>,
}

impl Row {
    fn new(icon: Icon, title: impl Into<String>, below: impl Into<String>) -> Self {
        let (title, below) = (title.into(), below.into());
        Self { icon, title, below, act: None, danger: false, choices: Vec::new() }
    }

    fn pressed(self, act: Act) -> Self {
        Self { act: Some(act), ..self }
    }

    fn danger(self) -> Self {
        Self { danger: true, ..self }
    }
}

impl View<'_> {
    /// `in_place`: nothing of the conversation is seen beside it.
    pub(super) fn details(&mut self, details: &Details, pane: Rect, in_place: bool) {
        let Some(contact) = self.model.person(&details.who) else { return };
        self.scene.region(Region::Details);
        self.scene.fill(pane, self.colours.bg);
        let area = Rect::new(pane.x, 64, pane.w, pane.h - 64);
        self.scrolled(Part::Details, area, &|view, at| view.known(contact, details, at));
        let left = if in_place {
            let back = Rect::new(pane.x + 8, 12, 40, 40);
            self.icon_button(back, Icon::Back, "Back to the conversation", Act::CloseDetails);
            pane.x + 56
        } else {
            self.scene.fill(Rect::new(pane.x, 0, 1, pane.h), self.colours.line);
            let close = Rect::new(pane.right() - 52, 12, 40, 40);
            self.icon_button(close, Icon::Close, "Close the details", Act::CloseDetails);
            pane.x + 16
        };
        self.scene.text(Point::new(left, 21), Style::Heading, self.colours.text, "About this contact");
        self.scene.fill(Rect::new(pane.x, 63, pane.w, 1), self.colours.line);
    }

    fn known(&mut self, contact: &Contact, details: &Details, at: Rect) -> i32 {
        let (x, w) = (at.x + 16, (at.w - 32).min(520));
        let mut y = self.called(contact, details, Span::new(x, at.y + 16, w)) + 16;
        y = self.warnings(contact, Span::new(x, y, w));
        for row in self.rows_of(contact) {
            let is_note = row.act == Some(Act::Contact(contact.id.clone(), ContactAct::Note));
            y = if is_note && details.editing == Some(Field::ContactNote) {
                self.note_field(details, Span::new(x, y, w))
            } else {
                self.row_of(&row, Span::new(x, y, w))
            };
        }
        y + 16
    }

    /// Picture, name, and what they call themselves.
    fn called(&mut self, contact: &Contact, details: &Details, Span { x, y, w }: Span) -> i32 {
        self.avatar(Point::new(x, y), 56, &contact.id, &contact.name);
        let (left, room) = (x + 72, w - 72);
        let mut below = if details.editing == Some(Field::ContactName) {
            self.rename_field(details, Span::new(left, y, room))
        } else {
            let name = self.name(&contact.name);
            let below = self.paragraph(Span::new(left, y, room - 48), Style::Title, self.colours.text, &name);
            let edit = Rect::new(left + room - 40, y, 40, 40);
            self.icon_button(
                edit,
                Icon::Edit,
                "Rename",
                Act::Contact(contact.id.clone(), ContactAct::Rename),
            );
            below
        };
        if let Some(line) = words::their_name(contact) {
            below = self.paragraph(Span::new(left, below + 2, room), Style::Small, self.colours.text2, &line);
        }
        below.max(y + 56)
    }

    fn rename_field(&mut self, details: &Details, Span { x, y, w }: Span) -> i32 {
        let told = details.refused.map(words::refusal);
        let below = match told {
            Some((title, next)) => format!("{title}. {next}"),
            None => "Only you see this. Enter keeps it, Esc leaves it.".to_owned(),
        };
        let y = self.name_field(Field::ContactName, Rect::new(x, y, w, 40), told.is_some(), &below) + 8;
        let resting = self.model.is_too_long(Field::ContactName)
            || self.model.texts.of(Field::ContactName).trim().is_empty();
        self.buttons(Span::new(x, y, w), &keep_or_leave(resting))
    }

    fn note_field(&mut self, details: &Details, Span { x, y, w }: Span) -> i32 {
        self.scene.text(Point::new(x, y + 8), Style::Label, self.colours.text, Field::ContactNote.label());
        let over = self.model.note_over();
        let wrong = over > 0 || details.refused.is_some();
        self.field(Field::ContactNote, Rect::new(x, y + 32, w, NOTE), Style::Body, wrong);
        let (ink, line) = match (over, details.refused.map(words::refusal)) {
            (0, None) => {
                let line = "Seen by you alone. Enter keeps it, Shift Enter begins a line, Esc leaves it.";
                (self.colours.text2, line.to_owned())
            }
            (0, Some((title, next))) => (self.colours.danger, format!("{title}. {next}")),
            (over, _) => (self.colours.danger, format!("Too long by {over} bytes.")),
        };
        let y = self.paragraph(Span::new(x, y + 32 + NOTE + 6, w), Style::Small, ink, &line) + 8;
        self.buttons(Span::new(x, y, w), &keep_or_leave(over > 0)) + 8
    }

    /// What is to be known before anything else.
    fn warnings(&mut self, contact: &Contact, Span { x, mut y, w }: Span) -> i32 {
        let weak = |title: &str, reason: String| Told {
            icon: Icon::Warn,
            tone: Tone::Weak,
            title: title.into(),
            reason,
        };
        let name = self.name(&contact.name);
        if let Some(alike) = self.model.alike(&contact.id) {
            let reason = "Somebody may want to be taken for somebody else. Compare the safety number, and rename one of them.";
            y = self.note(Span::new(x, y, w), &weak(words::alike(alike), reason.into())) + 12;
        }
        if self.model.opened_twice(contact).is_some() {
            let reason = format!(
                "A second person has the link for {name}. Whoever came first is your contact: compare the safety number."
            );
            y = self.note(Span::new(x, y, w), &weak("Opened twice", reason)) + 8;
            y = self.second_person(contact, Span::new(x, y, w)) + 12;
        }
        if contact.held {
            let reason = format!(
                "A copy of their device or of yours may exist. Ask {name} whether they put a backup back, or compare again."
            );
            y = self.note(Span::new(x, y, w), &weak("What you write waits", reason)) + 8;
            let resume = Button::new(Kind::Normal, "Send it", Act::Resume(contact.id.clone()))
                .icon(Icon::Send)
                .small();
            y = self.buttons(Span::new(x, y, w), &[resume]) + 12;
        }
        if let Some(line) = words::notice(contact) {
            y = self.told_line(Span::new(x, y, w), (Icon::Retry, self.colours.warn), line) + 12;
        }
        y
    }

    /// What to do about an invitation that was opened twice.
    pub(super) fn second_person(&mut self, contact: &Contact, span: Span) -> i32 {
        let act = |what| Act::Contact(contact.id.clone(), what);
        let decline = Button::new(Kind::Normal, "Decline", act(ContactAct::DeclineSecond)).small();
        self.buttons(span, &[decline])
    }

    /// Every row, from what is known to what cannot be undone.
    fn rows_of(&self, contact: &Contact) -> Vec<Row> {
        let act = |what| Act::Contact(contact.id.clone(), what);
        let is_somebody = contact.state != ContactState::Oneself;
        let mut rows = Vec::new();
        if is_somebody {
            rows.push(compared(contact));
        }
        let route = match is_somebody {
            true => {
                Row::new(Icon::Route3, words::route(contact), "Neither of you learns where the other is.")
            }
            false => Row::new(Icon::Disk, words::route(contact), "Nobody else gets what you write here."),
        };
        rows.push(route);
        rows.push(self.timer_row(contact));
        if contact.state == ContactState::Connected {
            let title = "They see what you read";
            let below = "They are told when you have read what they wrote.";
            let told = |on| act(ContactAct::Receipts(on));
            rows.push(switched(Row::new(Icon::Eye, title, below), contact.receipts, told));
            let told = |on| act(ContactAct::Typing(on));
            let row = Row::new(Icon::Edit, "They see that you write", "While you write to them.");
            rows.push(switched(row, contact.typing, told));
        }
        if self.model.can_introduce(contact) {
            let below = "Both are asked whether they want to meet.";
            rows.push(Row::new(Icon::Person, "Introduce to …", below).pressed(act(ContactAct::Introduce)));
        }
        let (note, _) = visible(&contact.note);
        let note = if note.is_empty() { "Nothing noted. Seen by you alone.".to_owned() } else { note };
        rows.push(Row::new(Icon::Note, "Note", note).pressed(act(ContactAct::Note)));
        rows.push(self.mute_row(contact));
        rows.push(match contact.pinned {
            true => {
                Row::new(Icon::Pin, "Unpin", "Stands before the others.").pressed(act(ContactAct::Pin(false)))
            }
            false => {
                Row::new(Icon::Pin, "Pin", "To stand before the others.").pressed(act(ContactAct::Pin(true)))
            }
        });
        if contact.state != ContactState::Invited {
            let row = Row::new(Icon::Chats, "Mark unread", "Until you read in it again.");
            rows.push(row.pressed(act(ContactAct::Unread)));
        }
        if !is_somebody {
            return rows;
        }
        rows.push(match contact.state {
            ContactState::Blocked => Row::new(Icon::Okc, "Unblock", "Nothing is taken from them now.")
                .pressed(act(ContactAct::Unblock)),
            _ => Row::new(Icon::Offline, "Block", "Take nothing from them.")
                .pressed(act(ContactAct::Block))
                .danger(),
        });
        let delete = Row::new(Icon::Trash, "Delete", "The contact and the conversation, for good.");
        rows.push(delete.pressed(act(ContactAct::Delete)).danger());
        rows
    }

    fn timer_row(&self, contact: &Contact) -> Row {
        let choice = |(seconds, word)| {
            let act = Act::Contact(contact.id.clone(), ContactAct::Timer(seconds));
            (word, act, contact.timer_s == seconds)
        };
        let below = words::timer(contact).unwrap_or_else(|| "What is written stays.".into());
        let row = Row::new(Icon::Timer, "Disappearing texts", below);
        Row { choices: words::LIVES.map(choice).into(), ..row }
    }

    fn mute_row(&self, contact: &Contact) -> Row {
        let muted = is_muted(contact.muted_until, self.now);
        let is_chosen = |muting| match muting {
            Muting::Off => !muted,
            Muting::ForEver => contact.muted_until == MUTED_FOR_EVER,
            // By when it ends one does not know from where it began.
            Muting::Hour | Muting::EightHours => false,
        };
        let choice = |muting| {
            (
                words::muting(muting),
                Act::Contact(contact.id.clone(), ContactAct::Mute(muting)),
                is_chosen(muting),
            )
        };
        let icon = if muted { Icon::Mute } else { Icon::Bell };
        let below = words::muted(contact, self.now, self.zone);
        Row { choices: Muting::ALL.map(choice).into(), ..Row::new(icon, "Mute", below) }
    }

    fn row_of(&mut self, row: &Row, Span { x, y, w }: Span) -> i32 {
        let (ink, from) =
            (if row.danger { self.colours.danger } else { self.colours.text }, self.scene.items.len());
        let room = w - 36 - if row.act.is_some() { 28 } else { 0 };
        let shape = if row.danger { ink } else { self.colours.text2 };
        self.scene.icon(row.icon, Point::new(x, y + 8), 20, shape);
        let mut below = self.paragraph(Span::new(x + 36, y + 4, room), Style::Body, ink, &row.title);
        if !row.below.is_empty() {
            below =
                self.paragraph(Span::new(x + 36, below, room), Style::Small, self.colours.text2, &row.below);
        }
        let bottom = (below + 6).max(y + ROW);
        if let Some(act) = &row.act {
            let rect = Rect::new(x - 8, y, w + 16, bottom - y);
            if self.hover == Some(act) {
                let hover = self.colours.hover;
                self.behind(from, |view| view.scene.round(rect, 8, hover));
            }
            self.scene.icon(Icon::Right, Point::new(x + w - 16, y + 10), 16, self.colours.text2);
            self.pressable(rect, act.clone(), Spoken::new(&row.title, Role::Row), 8);
        }
        self.choices(&row.choices, Span::new(x + 36, bottom, w - 36))
    }

    fn choices(&mut self, choices: &[(&'static str, Act, bool)], Span { x, y, w }: Span) -> i32 {
        let (mut left, mut top) = (x, y);
        for (label, act, chosen) in choices {
            let button = Button::new(Kind::Normal, label, act.clone()).small();
            let width = self.button_width(&button);
            if left > x && left + width > x + w {
                (left, top) = (x, top + 40);
            }
            let rect = Rect::new(left, top, width, 32);
            if *chosen {
                let c = self.colours;
                self.scene.bordered(rect, 8, Border::new(c.accent, 2), c.select);
                self.centred(Span::new(left, top + 7, width), Style::Label, c.accent, label);
                self.pressable(rect, act.clone(), Spoken::new(label, Role::Row), 8);
            } else {
                self.button_in(rect, &button);
            }
            left += width + 8;
        }
        if choices.is_empty() { y } else { top + 40 }
    }
}

fn keep_or_leave(resting: bool) -> [Button<'static>; 2] {
    [
        Button::new(Kind::Primary, "Keep", Act::KeepEdit).resting(resting).small(),
        Button::new(Kind::Normal, "Leave it", Act::LeaveEdit).small(),
    ]
}

/// A row for what is on or off.
fn switched(row: Row, is_on: bool, act: impl Fn(bool) -> Act) -> Row {
    Row { choices: vec![("Off", act(false), !is_on), ("On", act(true), is_on)], ..row }
}

fn compared(contact: &Contact) -> Row {
    let (icon, _, word) = words::verified(contact);
    match contact.state {
        ContactState::Connected => {
            let waits = contact.comparing == ShortState::Asked;
            let line = if waits { words::WAITS_TO_COMPARE } else { "Compare the safety number." };
            Row::new(icon, word, line).pressed(Act::Compare(contact.id.clone()))
        }
        _ => Row::new(icon, word, "There is nothing to compare before both of you have met."),
    }
}
