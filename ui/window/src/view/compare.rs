//! Comparing who somebody is: the safety number, the picture code, and what to do when they differ.

use ipc_schema::edge::ui_stored::{Contact, SafetyNumber};

use super::View;
use super::controls::{Button, Kind};
use crate::icon::Icon;
use crate::model::words::{self, Told, Tone};
use crate::model::{Act, Comparing, Field};
use crate::scene::{Point, Rect, Span, Style};

/// Side of the picture code with its frame.
const CODE: i32 = 264;

/// Groups of digits in one line.
const GROUPS: usize = 4;

impl View<'_> {
    pub(super) fn comparing(&mut self, comparing: &Comparing, pane: Rect) {
        let Some(contact) = self.model.person(&comparing.who) else { return self.start(pane) };
        let name = self.name(&contact.name);
        self.page_header(pane, &format!("Compare with {name}"), "Is it them, and does nobody sit between?");
        let Some(number) = &comparing.number else {
            if let Some(reason) = comparing.refused {
                let (title, next) = words::refusal(reason);
                let told =
                    Told { icon: Icon::Warn, tone: Tone::Weak, title: title.into(), reason: next.into() };
                self.note(Span::new(pane.x + 32, 88, (pane.w - 64).min(520)), &told);
            }
            return;
        };
        let narrow = pane.w < 32 + 340 + 32 + CODE + 32;
        let w = if narrow { pane.w - 64 } else { (pane.w - 96 - CODE).min(440) };
        let column = Rect::new(pane.x + 32, 88, w, 0);
        let bottom = self.number_column(contact, number, column);
        let side = CODE.min(pane.w - 64);
        let frame = if narrow {
            Rect::new(column.x, bottom + 24, side, side)
        } else {
            Rect::new(column.right() + 32, 88, side, side)
        };
        self.code_column(comparing, contact, number, frame);
    }

    fn number_column(&mut self, contact: &Contact, number: &SafetyNumber, column: Rect) -> i32 {
        let Rect { x, mut y, w, .. } = column;
        let c = self.colours;
        let name = self.name(&contact.name);
        self.scene.text(Point::new(x, y), Style::Label, c.text, "Safety number");
        y += 24;
        let groups: Vec<&str> = number.digits.split_whitespace().collect();
        for line in groups.chunks(GROUPS) {
            self.scene.text(Point::new(x, y), Style::Mono, c.text, line.join("  "));
            y += 24;
        }
        y += 12;
        self.scene.text(Point::new(x, y), Style::Label, c.text, "The same in words");
        y = self.paragraph(Span::new(x, y + 24, w), Style::Mono, c.text, &number.words.join(" ")) + 12;
        let how = format!(
            "Read one of them to each other in person, or in a call where you know the voice. {name} sees the same, or somebody sits between you."
        );
        y = self.paragraph(Span::new(x, y, w), Style::Small, c.text2, &how) + 16;
        // Where what one writes waits, it is compared once more.
        if contact.verified && !contact.held {
            let told = Told {
                icon: Icon::Verified,
                tone: Tone::Good,
                title: "Verified".into(),
                reason: format!("You said that you compared it with {name}."),
            };
            y = self.note(Span::new(x, y, w), &told) + 16;
            let button = Button::new(Kind::Danger, "Take it back", Act::Verify(false)).small();
            self.button(Point::new(x, y), &button);
            return y + 32;
        }
        let button = Button::new(Kind::Primary, "We see the same", Act::Verify(true)).icon(Icon::Verified);
        let right = self.button(Point::new(x, y), &button);
        self.button(Point::new(right + 12, y), &Button::new(Kind::Normal, "Not now", Act::Close));
        y += 56;
        let differs = "If you see something else, do not verify. Tell each other nothing here that must stay between you, and meet.";
        self.paragraph(Span::new(x, y, w), Style::Small, c.text2, differs)
    }

    fn code_column(&mut self, comparing: &Comparing, contact: &Contact, number: &SafetyNumber, frame: Rect) {
        let c = self.colours;
        self.picture_code(&number.code, frame);
        let name = self.name(&contact.name);
        let Rect { x, w, .. } = frame;
        let mut y = frame.bottom() + 12;
        y = self.paragraph(Span::new(x, y, w), Style::Small, c.text2, &format!("{name} scans this.")) + 16;
        self.scene.text(Point::new(x, y), Style::Label, c.text, Field::TheirCode.label());
        y += 24;
        let button = Button::new(Kind::Normal, "Compare", Act::CompareCode)
            .resting(self.model.texts.of(Field::TheirCode).trim().is_empty());
        let room = w - self.button_width(&button) - 8;
        self.field(Field::TheirCode, Rect::new(x, y, room, 40), Style::Mono, false);
        self.button(Point::new(x + room + 8, y), &button);
        y += 52;
        if let Some(comparison) = comparing.told {
            self.note(Span::new(x, y, w), &words::comparison(comparison, contact));
        }
    }
}
