//! Where one writes: a field that grows with its text and then scrolls inside, and the button that sends.

use ipc_schema::edge::ui_stored::{Contact, ContactState};

use super::View;
use super::controls::{Button, Kind};
use crate::brief::brief_beginning;
use crate::edit::{Drawn, Lines, Room};
use crate::icon::Icon;
use crate::model::words;
use crate::model::{Act, Field, Focus, OverAct};
use crate::scene::{Border, Point, Rect, Role, Spoken, Style, Written};

/// Height of what stands for a text that is too long to be edited.
const FOLDED: i32 = 64;

/// Lines to which the field grows.
const LINES_MAX: usize = 6;

/// Above and below the lines, within the field.
const PADDING: i32 = 9;

/// Around the field.
const MARGIN: i32 = 12;

/// Of a line that is selected with its break, the break is seen so wide.
const BREAK_WIDTH: i32 = 6;

/// What the button for signs takes at the field's end.
const SIGNS: i32 = 48;

/// The room for lines beside what else stands in a pane: margins, padding and the buttons.
fn text_width(pane: i32) -> i32 {
    (pane - 24 - 60 - 12 - SIGNS).max(1)
}

fn pixels(lines: usize) -> i32 {
    i32::try_from(lines).unwrap_or(1).saturating_mul(Style::Body.line())
}

/// So many of `lines` are seen, in a window of that height: never more than a third of it.
fn lines_shown(lines: usize, height: i32) -> usize {
    let room = height / 3 - 2 * (MARGIN + PADDING);
    let most = usize::try_from(room / Style::Body.line()).unwrap_or(0).clamp(1, LINES_MAX);
    lines.clamp(1, most)
}

impl View<'_> {
    /// Of all of it, in a pane as high as the window.
    pub(super) fn composer_height(&self, pane: Rect) -> i32 {
        if self.model.is_folded() {
            return 2 * MARGIN + FOLDED;
        }
        let measure = |text: &str| self.width(Style::Body, text);
        let room = Room { width: text_width(pane.w), measure: &measure };
        let lines = self.model.texts.writing().lines(&room).count();
        2 * (MARGIN + PADDING) + pixels(lines_shown(lines, pane.h))
    }

    pub(super) fn composer(&mut self, contact: &Contact, rect: Rect) {
        self.scene.fill(rect, self.colours.bg);
        self.scene.fill(Rect::new(rect.x, rect.y, rect.w, 1), self.colours.line);
        let field = Rect::new(rect.x + 24, rect.y + MARGIN, rect.w - 24 - 60, rect.h - 2 * MARGIN);
        self.field_frame(field, *self.focus == Focus::Field(Field::Composer), false);
        self.scene.stops.push(Focus::Field(Field::Composer));
        if self.model.is_folded() {
            self.folded(field);
        } else {
            self.written(contact, field, text_width(rect.w));
            let signs = Rect::new(field.right() + 2 - SIGNS, field.bottom() - 36, 36, 32);
            self.icon_button(signs, Icon::Smile, "Emoji", Act::Over(OverAct::Emoji));
        }
        self.send_button(Rect::new(rect.right() - 52, rect.bottom() - 52, 40, 40));
    }

    fn send_button(&mut self, send: Rect) {
        let over = self.hover == Some(&Act::Send);
        if *self.focus == Focus::Act(Act::Send) {
            self.scene.bordered(send.inset(-4), 12, Border::new(self.colours.focus, 2), self.colours.bg);
        }
        self.scene.round(send, 8, if over { self.colours.accent_hover } else { self.colours.accent });
        self.scene.icon(Icon::Send, Point::new(send.x + 10, send.y + 10), 20, self.colours.on_accent);
        self.pressable(send, Act::Send, Spoken::new("Send", Role::Button), 8);
    }

    /// The lines that are seen, what is selected of them, and the caret.
    fn written(&mut self, contact: &Contact, field: Rect, width: i32) {
        let model = self.model;
        let editor = model.texts.writing();
        let metrics = self.metrics;
        let measure = |text: &str| metrics.width(Style::Body, text);
        let room = Room { width, measure: &measure };
        let lines = editor.lines(&room);
        let line = Style::Body.line();
        let text = Rect::new(field.x + 12, field.y + PADDING, width, field.h - 2 * PADDING);
        let shown = usize::try_from(text.h / line).unwrap_or(1).max(1);
        let top = editor.top(&lines, shown);
        self.scene.begin_whole(text);
        // Letters lean over their widths, and the caret stands behind the last.
        self.clip(Rect::new(text.x - 2, text.y, text.w + 6, text.h));
        let seen = top..(top + shown).min(lines.count());
        for (y, at) in (text.y..).step_by(usize::try_from(line).unwrap_or(1)).zip(seen) {
            self.line(&lines, at, Point::new(text.x, y));
        }
        let caret = lines.line(editor.caret());
        let below = caret.checked_sub(top).map_or(-line, pixels);
        let caret = Rect::new(text.x + lines.x(editor.caret()), text.y + below + 1, 2, line - 2);
        if editor.text().is_empty() {
            let hint = self.cut(Style::Body, &self.hint(contact), text.w);
            self.scene.text(Point::new(text.x + 1, text.y), Style::Body, self.colours.text2, hint);
        }
        if *self.focus == Focus::Field(Field::Composer) {
            self.scene.fill(caret, self.colours.accent);
        }
        self.unclip();
        self.scene.end_whole();
        let written = Written { rect: text, top, shown, lines: lines.count(), caret };
        self.written_thumb(field, &written);
        let spoken = Spoken::new(Field::Composer.label(), Role::Text);
        self.scene.press(field, Act::Type(Field::Composer), spoken, 8);
        self.scene.written = Some(written);
    }

    fn hint(&self, contact: &Contact) -> String {
        match contact.state {
            ContactState::Oneself => "Message to yourself".to_owned(),
            _ => format!("Message to {}", self.name(&contact.name)),
        }
    }

    fn line(&mut self, lines: &Lines<'_>, at: usize, Point { x, y }: Point) {
        let editor = self.model.texts.writing();
        let (selection, range) = (editor.selection(), lines.range(at));
        let high = Style::Body.line();
        for (left, width) in lines.spans(at, &selection) {
            self.scene.fill(Rect::new(x + left, y, width, high), self.colours.select);
        }
        if selection.contains(&range.end) && selection.end > range.end && lines.last_of(at) == range.end {
            let end = lines.x(range.end);
            let left = if lines.is_from_the_right(at) { end - BREAK_WIDTH } else { end };
            self.scene.fill(Rect::new(x + left, y, BREAK_WIDTH, high), self.colours.select);
        }
        for Drawn { x: left, text } in lines.drawn(at) {
            self.scene.text(Point::new(x + left, y), Style::Body, self.colours.text, text);
        }
        for (left, width) in lines.spans(at, &editor.marked()) {
            self.scene.fill(Rect::new(x + left, y + high - 2, width, 1), self.colours.text);
        }
    }

    fn written_thumb(&mut self, field: Rect, written: &Written) {
        if written.lines <= written.shown {
            return;
        }
        let (shown, all, top) = (pixels(written.shown), pixels(written.lines), pixels(written.top));
        let track = field.h - 8;
        let part = |px: i32| i32::try_from(i64::from(track) * i64::from(px) / i64::from(all)).unwrap_or(0);
        let high = part(shown).clamp(16, track);
        let free = i64::from(track - high) * i64::from(top) / i64::from((all - shown).max(1));
        let y = field.y + 4 + i32::try_from(free).unwrap_or(0).clamp(0, track - high);
        self.scene.round(Rect::new(field.right() - 10, y, 6, high), 3, self.colours.edge);
    }

    /// A text that is too long to be edited here: how long it is, whether it can be sent, and how it begins.
    fn folded(&mut self, field: Rect) {
        let text = self.model.texts.of(Field::Composer);
        let (fits, line) = words::folded(text);
        let take_out = Button::new(Kind::Normal, "Take it out", Act::TakeOut).small();
        let left = field.right() - 16 - self.button_width(&take_out);
        let ink = if fits { self.colours.text } else { self.colours.danger };
        let line = self.cut(Style::Label, &line, left - field.x - 24);
        let beginning = brief_beginning(text.get(..text.floor_char_boundary(200)).unwrap_or_default());
        let beginning = self.cut(Style::Small, &beginning, left - field.x - 24);
        self.scene.text(Point::new(field.x + 12, field.y + 12), Style::Label, ink, line);
        self.scene.text(Point::new(field.x + 12, field.y + 34), Style::Small, self.colours.text2, beginning);
        self.button(Point::new(left, field.y + 16), &take_out);
    }
}
