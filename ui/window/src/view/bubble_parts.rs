//! What a bubble has beside its own text: what it answers, what the two think of it, that it was deleted, that it has the keyboard.

use ipc_schema::edge::ui_stored::{Contact, Message};

use super::View;
use super::controls::Button;
use crate::model::{Act, Chat, Focus, MessageAct, words};
use crate::scene::{Border, Point, Rect, Style};
use crate::text::{isolated, visible};
use crate::theme::Rgb;

/// Height of a quote with the gap below it.
const QUOTE: i32 = 48;

/// Height of the reactions with the gap above them.
const CHIPS: i32 = 28;

/// Pixels that a quote has beside its words: the bubble's edge, the mark, the padding.
const QUOTE_PADDING: i32 = 24 + 24;

/// A name in a reaction is cut there, pixels.
const CHIP_NAME_MAX: i32 = 120;

/// What a sign may take of it, pixels: a stranger's may be a row of them.
const SIGN_MAX: i32 = 64;

/// What a text answers.
struct Quote {
    id: String,
    who: String,
    line: String,
    width: i32,
}

/// What one of the two thinks of it.
struct Chip {
    mine: bool,
    emoji: String,
    sign: String,
    name: String,
    width: i32,
}

/// All of it, measured.
pub(super) struct Parts {
    quote: Option<Quote>,
    chips: Vec<Chip>,
}

impl Parts {
    /// Room above the text, inside the bubble.
    pub(super) fn above(&self) -> i32 {
        if self.quote.is_some() { QUOTE } else { 0 }
    }

    /// Room below the bubble.
    pub(super) fn below(&self) -> i32 {
        if self.chips.is_empty() { 0 } else { CHIPS }
    }

    /// The bubble is at least so wide.
    pub(super) fn width(&self) -> i32 {
        self.quote.as_ref().map_or(0, |quote| quote.width + QUOTE_PADDING)
    }
}

impl View<'_> {
    /// What a bubble of at most `max` pixels has beside its text.
    pub(super) fn parts(&self, contact: &Contact, chat: &Chat, message: &Message, max: i32) -> Parts {
        let answers = !message.reply_to.is_empty() && !message.deleted;
        let quote = answers.then(|| {
            let (who, line) = words::quote(chat.message(&message.reply_to), contact);
            let who = self.cut(Style::Label, &who, max - QUOTE_PADDING);
            let line = self.cut(Style::Small, &line, max - QUOTE_PADDING);
            let width = self.width(Style::Label, &who).max(self.width(Style::Small, &line));
            Quote { id: message.reply_to.clone(), who, line, width }
        });
        let chips = message.reactions.iter().map(|reaction| {
            let name = if reaction.mine { "You".to_owned() } else { isolated(&contact.name) };
            let name = self.cut(Style::MicroStrong, &name, CHIP_NAME_MAX);
            let sign = self.cut(Style::Micro, &visible(&reaction.emoji).0.replace('\n', ""), SIGN_MAX);
            let width = self.width(Style::Micro, &sign) + 4 + self.width(Style::MicroStrong, &name) + 20;
            Chip { mine: reaction.mine, emoji: reaction.emoji.clone(), sign, name, width }
        });
        Parts { quote, chips: chips.collect() }
    }

    /// In what colour.
    pub(super) fn shown_ink(&self, message: &Message) -> Rgb {
        if message.deleted { self.colours.text2 } else { self.colours.text }
    }

    /// Below a bubble: that it can be pressed, and its ring where the keyboard is.
    pub(super) fn bubble_place(&mut self, contact: &Contact, message: &Message, rect: Rect, body: Rect) {
        if *self.focus == Focus::Message(message.id.clone()) {
            let ring = Border::new(self.colours.focus, self.colours.line_px + 1);
            self.scene.bordered(rect.inset(-4), 14, ring, self.colours.bg);
        }
        let act = Act::Message(MessageAct::Focus(message.id.clone()));
        self.pointed_within(rect, body, act, &words::spoken(message, contact));
    }

    /// Upon it: what it answers, and what the two think of it.
    pub(super) fn draw_parts(&mut self, parts: &Parts, message: &Message, rect: Rect, body: Rect) {
        if let Some(quote) = &parts.quote {
            let block = Rect::new(rect.x + 12, rect.y + 7, rect.w - 24, QUOTE - 4);
            let fill = if message.mine { self.colours.quote_mine } else { self.colours.quote_theirs };
            self.block(block, 6, fill);
            self.scene.round(Rect::new(block.x, block.y, 4, block.h), 2, self.colours.accent);
            let (x, ink) = (block.x + 12, self.colours.text);
            self.scene.text(Point::new(x, block.y + 4), Style::Label, ink, quote.who.as_str());
            self.scene.text(Point::new(x, block.y + 22), Style::Small, ink, quote.line.as_str());
            let label = format!("To what it answers: {}", quote.line);
            self.pointed_within(block, body, Act::JumpTo(quote.id.clone()), &label);
        }
        let gaps = 4 * i32::try_from(parts.chips.len()).unwrap_or(0);
        let width = parts.chips.iter().map(|chip| chip.width).sum::<i32>() + gaps - 4;
        let mut x = if message.mine { rect.right() - width } else { rect.x };
        for chip in &parts.chips {
            self.reaction(chip, message, Rect::new(x, rect.bottom() + 4, chip.width, CHIPS - 4), body);
            x += chip.width + 4;
        }
    }

    fn reaction(&mut self, chip: &Chip, message: &Message, rect: Rect, body: Rect) {
        let c = self.colours;
        let (edge, fill) = if chip.mine { (c.accent, c.select) } else { (c.line, c.bg) };
        self.scene.bordered(rect, 12, Border::new(edge, c.line_px), fill);
        let (x, y) = (rect.x + 10, rect.y + 4);
        self.scene.text(Point::new(x, y), Style::Micro, c.text, chip.sign.as_str());
        let x = x + self.width(Style::Micro, &chip.sign) + 4;
        self.scene.text(Point::new(x, y), Style::MicroStrong, c.text, chip.name.as_str());
        if chip.mine {
            let act = Act::Message(MessageAct::React(message.id.clone(), chip.emoji.clone()));
            self.pointed_within(rect, body, act, "Take your reaction back");
        }
    }

    /// Something that can be pressed by the pointer where it is seen; the keyboard has the message.
    fn pointed_within(&mut self, rect: Rect, body: Rect, act: Act, label: &str) {
        let (top, bottom) = (rect.y.max(body.y), rect.bottom().min(body.bottom()));
        if bottom > top {
            self.pointed(Rect::new(rect.x, top, rect.w, bottom - top), act, label, 8);
        }
    }

    /// A button that the keyboard need not reach: what it does stands in the menu of its message, too.
    pub(super) fn button_of_message(&mut self, at: Point, button: &Button<'_>) {
        let stops = self.scene.stops.len();
        self.button(at, button);
        self.scene.stops.truncate(stops);
    }
}
