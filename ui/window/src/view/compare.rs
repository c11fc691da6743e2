//! Comparing who somebody is: eight words, sixty digits, the picture code, and what to do when they differ.

use ipc_schema::edge::ui_stored::{Contact, SafetyNumber};

use super::View;
use super::controls::{Button, Kind, margin};
use crate::icon::Icon;
use crate::model::action::ContactAct;
use crate::model::words::{self, Told, Tone};
use crate::model::{Act, Comparing, Field};
use crate::scene::{Border, Point, Rect, Span, Style};

/// Side of the picture code with its frame.
const CODE: i32 = 216;

/// Width of the picture code's block where it stands beside the others.
const BESIDE: i32 = 268;

/// Groups of digits in one line.
const GROUPS: usize = 4;

/// Height of a word's tile.
const TILE: i32 = 44;

impl View<'_> {
    pub(super) fn comparing(&mut self, comparing: &Comparing, pane: Rect) {
        let Some(contact) = self.model.person(&comparing.who) else { return self.start(pane) };
        self.page(pane, &|view, at| view.comparison(contact, comparing, at));
        self.compare_header(contact, pane);
    }

    fn compare_header(&mut self, contact: &Contact, pane: Rect) {
        self.scene.fill(Rect::new(pane.x, 0, pane.w, 63), self.colours.bg);
        let back = Rect::new(pane.x + if pane.x == 0 { 8 } else { 24 }, 12, 40, 40);
        self.icon_button(back, Icon::Back, "Back to the conversation", Act::Close);
        self.avatar(Point::new(back.right() + 12, 12), 40, &contact.id, &contact.name);
        let x = back.right() + 64;
        let (icon, tone, title) = words::verified(contact);
        let tone = if tone == Tone::Good { tone } else { Tone::Weak };
        let told = Told { icon, tone, title: title.into(), reason: String::new() };
        let chip = self.width(Style::MicroStrong, title) + 38 + 12;
        let chip = if pane.w - chip >= 420 { chip } else { 0 };
        let room = pane.right() - margin(pane.w) - chip - x;
        if chip > 0 {
            self.pill(Point::new(pane.right() - margin(pane.w), 20), &told);
        }
        let title = self.cut(Style::Heading, &format!("Verify {}", self.name(&contact.name)), room);
        self.scene.text(Point::new(x, 12), Style::Heading, self.colours.text, title);
        let below = self.cut(Style::Small, "Makes sure that nobody sits between you", room);
        self.scene.text(Point::new(x, 34), Style::Small, self.colours.text2, below);
        self.scene.fill(Rect::new(pane.x, 63, pane.w, 1), self.colours.line);
    }

    fn comparison(&mut self, contact: &Contact, comparing: &Comparing, at: Rect) -> i32 {
        let Rect { x, mut y, w, .. } = at;
        let Some(number) = &comparing.number else {
            let Some(reason) = comparing.refused else { return y };
            return self.note(Span::new(x, y, w.min(520)), &words::refused(reason));
        };
        y = self.intro(contact, comparing, Span::new(x, y, w)) + 24;
        if !comparing.differs {
            y = self.short_block(contact, comparing, Span::new(x, y, w)) + 16;
            // One string at a time.
            if comparing.shows_short() {
                let later = Button::new(Kind::Quiet, "Later", Act::NotNow);
                return self.buttons(Span::new(x, y + 8, w), &[later]);
            }
        }
        let left = w - BESIDE - 16;
        let bottom = if left >= 340 {
            let words = self.words_block(number, Span::new(x, y, left));
            let digits = self.digits_block(number, Span::new(x, words + 16, left));
            self.code_block(comparing, contact, number, Span::new(x + left + 16, y, BESIDE)).max(digits)
        } else {
            let words = self.words_block(number, Span::new(x, y, w));
            let digits = self.digits_block(number, Span::new(x, words + 16, w));
            self.code_block(comparing, contact, number, Span::new(x, digits + 16, w))
        };
        if comparing.differs {
            return bottom;
        }
        self.answers(contact, Span::new(x, bottom + 24, w))
    }

    /// What to do; once the two differ, what that means.
    fn intro(&mut self, contact: &Contact, comparing: &Comparing, span: Span) -> i32 {
        if comparing.differs {
            let below = self.note(Span { w: span.w.min(640), ..span }, &words::differs(contact)) + 12;
            let again = Button::new(Kind::Normal, "Compare once more", Act::Compare(contact.id.clone()));
            let block =
                Button::new(Kind::Danger, "Block", Act::Contact(contact.id.clone(), ContactAct::Block));
            let later = Button::new(Kind::Quiet, "Later", Act::NotNow);
            return self.buttons(Span { y: below, ..span }, &[again, block, later]);
        }
        let name = self.name(&contact.name);
        let how = format!(
            "Compare one of these with {name}, face to face or in a call where you know the voice. Do not compare inside this chat: somebody in between could change it."
        );
        self.paragraph(Span { w: span.w.min(744), ..span }, Style::Body, self.colours.text2, &how)
    }

    fn answers(&mut self, contact: &Contact, span: Span) -> i32 {
        let later = Button::new(Kind::Quiet, "Later", Act::NotNow);
        let differ = Button::new(Kind::Danger, "They are different", Act::Differ);
        // Where what one writes waits, it is compared once more.
        if contact.verified && !contact.held {
            let reason = format!("You said that you compared it with {}.", self.name(&contact.name));
            let told = Told { icon: Icon::Verified, tone: Tone::Good, title: "Verified".into(), reason };
            let below = self.note(Span { w: span.w.min(520), ..span }, &told) + 16;
            let back = Button::new(Kind::Danger, "Take it back", Act::Verify(false));
            return self.buttons(Span { y: below, ..span }, &[back, differ, later]);
        }
        let same = Button::new(Kind::Primary, "They are the same", Act::Verify(true)).icon(Icon::Verified);
        self.buttons(span, &[same, differ, later])
    }

    /// A block with a line around it; `draw` gives the y below its content.
    pub(super) fn framed(
        &mut self,
        Span { x, y, w }: Span,
        draw: impl FnOnce(&mut Self, Span) -> i32,
    ) -> i32 {
        let from = self.scene.items.len();
        let bottom = draw(self, Span::new(x + 20, y + 16, w - 40)) + 20;
        let (border, ground) = (Border::new(self.colours.line, self.colours.line_px), self.colours.bg);
        self.behind(from, |view| view.scene.bordered(Rect::new(x, y, w, bottom - y), 12, border, ground));
        bottom
    }

    pub(super) fn block_title(
        &mut self,
        Span { x, y, w }: Span,
        icon: Icon,
        title: &str,
        below: &str,
    ) -> i32 {
        self.scene.icon(icon, Point::new(x, y + 1), 20, self.colours.text);
        self.scene.text(Point::new(x + 28, y), Style::Strong, self.colours.text, title);
        let left = x + 28 + self.width(Style::Strong, title) + 8;
        if left + self.width(Style::Small, below) <= x + w {
            self.scene.text(Point::new(left, y + 2), Style::Small, self.colours.text2, below);
        }
        y + 36
    }

    fn words_block(&mut self, number: &SafetyNumber, span: Span) -> i32 {
        self.framed(span, |view, inner| {
            let y = view.block_title(inner, Icon::Speaker, "Eight words", "easiest aloud");
            let widest = number.words.iter().map(|word| view.width(Style::Strong, word)).max().unwrap_or(0);
            let fits = |columns: i32| (inner.w + 8) / columns - 8 >= 24 + widest + 10;
            let columns = [4, 2].into_iter().find(|columns| fits(*columns)).unwrap_or(1);
            let tile = (inner.w + 8) / columns - 8;
            for (index, word) in (0..).zip(&number.words) {
                let (column, row) = (index % columns, index / columns);
                let rect = Rect::new(inner.x + column * (tile + 8), y + row * (TILE + 8), tile, TILE);
                view.block(rect, 8, view.colours.panel);
                let place = (index + 1).to_string();
                view.scene.text(
                    Point::new(rect.x + 10, y + row * (TILE + 8) + 14),
                    Style::Micro,
                    view.colours.text2,
                    place,
                );
                let word = view.cut(Style::Strong, word, tile - 28);
                view.scene.text(Point::new(rect.x + 24, rect.y + 11), Style::Strong, view.colours.text, word);
            }
            let count = i32::try_from(number.words.len()).unwrap_or(0);
            let rows = (count + columns - 1) / columns;
            y + rows * (TILE + 8) - 8
        })
    }

    fn digits_block(&mut self, number: &SafetyNumber, span: Span) -> i32 {
        self.framed(span, |view, inner| {
            let mut y = view.block_title(inner, Icon::Keys, "Sixty digits", "same for both of you");
            let groups: Vec<&str> = number.digits.split_whitespace().collect();
            let widest = groups.iter().map(|group| view.width(Style::Digits, group)).max().unwrap_or(0);
            let fits = |count: usize| i32::try_from(count).is_ok_and(|count| inner.w / count >= widest + 8);
            let count = [GROUPS, GROUPS / 2].into_iter().find(|count| fits(*count)).unwrap_or(1);
            let column = inner.w / i32::try_from(count).unwrap_or(1);
            let lines = i32::try_from(groups.len().div_ceil(count)).unwrap_or(1);
            view.scene.begin_whole(Rect::new(inner.x, y, inner.w, 44 * lines));
            for line in groups.chunks(count) {
                for (index, group) in (0..).zip(line) {
                    let place = Span::new(inner.x + index * column, y, column);
                    view.centred(place, Style::Digits, view.colours.text, group);
                }
                y += 44;
            }
            view.scene.end_whole();
            y - 16
        })
    }

    fn code_block(
        &mut self,
        comparing: &Comparing,
        contact: &Contact,
        number: &SafetyNumber,
        span: Span,
    ) -> i32 {
        self.framed(span, |view, inner| {
            let mut y = view.block_title(inner, Icon::Qr, "Picture code", "");
            let side = CODE.min(inner.w);
            let frame = Rect::new(inner.x + (inner.w - side) / 2, y, side, side);
            view.picture_code(&number.code, frame);
            let name = view.name(&contact.name);
            let c = view.colours;
            let line = format!("{name} scans this from your screen. Or paste what you scanned from theirs:");
            y = view.paragraph(Span { y: frame.bottom() + 12, ..inner }, Style::Small, c.text2, &line) + 12;
            view.scene.text(Point::new(inner.x, y), Style::Label, c.text, Field::TheirCode.label());
            y += 24;
            view.field(Field::TheirCode, Rect::new(inner.x, y, inner.w, 40), Style::Mono, false);
            let compare = Button::new(Kind::Normal, "Compare", Act::CompareCode)
                .resting(view.model.texts.of(Field::TheirCode).trim().is_empty())
                .small();
            y = view.buttons(Span { y: y + 48, ..inner }, &[compare]);
            match comparing.told {
                Some(told) => view.note(Span { y: y + 12, ..inner }, &words::comparison(told, contact)),
                None => y,
            }
        })
    }
}
