//! The block of the page on who somebody is where both windows show one short string.

use ipc_schema::edge::ui_stored::{Contact, ShortComparison, ShortState};
use privatus::clock::Zone;

use super::View;
use super::controls::{Button, Kind};
use crate::icon::Icon;
use crate::model::words::{self, Told};
use crate::model::{Act, Comparing, ShortAct};
use crate::scene::{Point, Rect, Span, Style};

impl View<'_> {
    /// How far it is, and what can be done about it; gives the y below.
    pub(super) fn short_block(&mut self, contact: &Contact, comparing: &Comparing, span: Span) -> i32 {
        let none = ShortComparison::none();
        let short = comparing.short.as_ref().unwrap_or(&none);
        self.framed(span, |view, inner| {
            let mut y = view.block_title(inner, Icon::Person, "Short string", "for a call, both at once");
            if short.state == ShortState::Shown {
                y = view.string(short, Span { y, ..inner });
            }
            for note in notes(contact, comparing, short, view.zone) {
                y = view.note(Span { y, w: inner.w.min(640), ..inner }, &note) + 12;
            }
            let at = Span { y, ..inner };
            let buttons = match short.state {
                ShortState::None => return view.beginning("Begin", at),
                ShortState::Over => return view.beginning("Begin again", at),
                ShortState::Asked => vec![
                    Button::new(Kind::Primary, "Go on", Act::Short(ShortAct::Join)),
                    Button::new(Kind::Quiet, "Not now", Act::Short(ShortAct::Stop)),
                ],
                ShortState::Waiting => vec![Button::new(Kind::Normal, "Stop", Act::Short(ShortAct::Stop))],
                ShortState::Shown => {
                    y = view.paragraph(at, Style::Small, view.colours.text2, words::READ_OUT) + 12;
                    answers()
                }
            };
            view.buttons(Span { y, ..inner }, &buttons)
        })
    }

    /// How it goes, and beside it, where there is room, what begins it.
    fn beginning(&mut self, label: &str, Span { x, y, w }: Span) -> i32 {
        let begin = Button::new(Kind::Normal, label, Act::Short(ShortAct::Join)).small();
        let wide = self.button_width(&begin);
        let room = if w >= 440 { w - wide - 16 } else { w };
        let how = Span::new(x, y + 7, room);
        let below = self.paragraph(how, Style::Small, self.colours.text2, words::SHORT_HOW);
        if room == w {
            return self.buttons(Span::new(x, below + 12, w), &[begin]);
        }
        self.button(Point::new(x + w - wide, y), &begin);
        below.max(y + 32)
    }

    /// What is read out. It reads from the left in every window.
    fn string(&mut self, short: &ShortComparison, Span { x, y, w }: Span) -> i32 {
        let rows = [(Style::Display, short.words.join(" ")), (Style::Digits, short.digits.clone())];
        let high = rows.iter().map(|(style, _)| style.line() + 8).sum();
        self.block(Rect::new(x, y, w, high + 8), 8, self.colours.panel);
        self.scene.begin_whole(Rect::new(x, y, w, high));
        let mut at = y + 8;
        for (style, text) in &rows {
            let text = self.cut(*style, text, w);
            self.centred(Span::new(x, at, w), *style, self.colours.text, &text);
            at += style.line() + 8;
        }
        self.scene.end_whole();
        at + 12
    }
}

/// What is to be told of it, the newest first.
fn notes(contact: &Contact, comparing: &Comparing, short: &ShortComparison, zone: &Zone) -> Vec<Told> {
    let refused = comparing.short_refused.map(words::refused);
    let state = match short.state {
        ShortState::None => None,
        ShortState::Asked => Some(words::asked_to_compare(contact)),
        ShortState::Waiting => Some(words::waits_for_them(contact, short, zone)),
        ShortState::Shown => words::tries(short),
        ShortState::Over => words::short_ended(short.end, contact),
    };
    refused.into_iter().chain(state).chain(words::they_say(short.theirs)).collect()
}

/// The person's word on what was read out.
fn answers() -> Vec<Button<'static>> {
    vec![
        Button::new(Kind::Primary, "They are the same", Act::Short(ShortAct::Same)).icon(Icon::Verified),
        Button::new(Kind::Danger, "They are different", Act::Short(ShortAct::Differ)),
        Button::new(Kind::Quiet, "Stop", Act::Short(ShortAct::Stop)),
    ]
}
