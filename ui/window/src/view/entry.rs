//! First run and lock.

use zeroize::Zeroizing;

use super::View;
use super::controls::{Button, Kind, margin};
use crate::icon::Icon;
use crate::model::action::SecretField;
use crate::model::entry::{Problem, Slip, strength};
use crate::model::words::{self, Tone};
use crate::model::{Act, Entry, Field, FirstRun, Focus, Lock, Part};
use crate::scene::{Border, Item, Point, Rect, Role, Span, Spoken, Style};
use crate::secret::Secret;

/// Width of the first run's left side.
const SIDE: i32 = 336;

/// Width of its column.
const COLUMN: i32 = 608;

/// One step of the first run.
struct Step {
    number: u8,
    done: bool,
    title: &'static str,
    below: &'static str,
}

/// A way to a first contact.
struct Card {
    icon: Icon,
    title: &'static str,
    body: &'static str,
    act: Act,
}

impl View<'_> {
    pub(super) fn lock(&mut self, lock: &Lock, whole: Rect) {
        self.scene.fill(whole, self.colours.panel);
        self.scrolled(Part::Page, whole, &|view, at| view.lock_column(lock, at));
    }

    fn lock_column(&mut self, lock: &Lock, at: Rect) -> i32 {
        let w = 400.min(at.w - 32);
        let x = (at.w - w) / 2;
        let top = at.y + ((at.h - 560) / 2).clamp(16, 96);
        self.app_icon(at.w / 2 - 36, top, 72);
        self.centred(Span::new(0, top + 96, at.w), Style::Display, self.colours.text, "Privatus is locked");
        let below = "Nothing can be read here until you unlock it.";
        for (index, line) in (0..).zip(self.broken(Style::Body, below, at.w - 32).iter()) {
            let span = Span::new(0, top + 132 + 22 * index, at.w);
            self.centred(span, Style::Body, self.colours.text2, &line.text);
        }
        let y = top + 194;
        self.scene.text(Point::new(x, y), Style::Label, self.colours.text, "Passphrase");
        self.secret_field(SecretField::First, &lock.entry, Rect::new(x, y + 24, w, 44));
        self.below_secret(SecretField::First, &lock.entry, Span::new(x, y + 76, w));
        let told = words::entry(&lock.entry, self.model.caps_lock, self.now);
        let waits = lock.entry.wait(self.now).is_some_and(|wait| wait.told);
        let label = if lock.entry.busy { "Opening…" } else { "Unlock" };
        let button = Button::new(Kind::Primary, label, Act::UsePassphrase)
            .icon(Icon::Unlock)
            .resting(lock.entry.busy || lock.entry.first.is_empty() || waits);
        self.button_in(Rect::new(x, y + 116, w, 44), &button);
        if lock.entry.busy {
            let line = "Takes about one second, on purpose.";
            self.centred(Span::new(0, y + 176, at.w), Style::Small, self.colours.text2, line);
        } else if let Some(told) = told {
            return self.note(Span::new(x, y + 176, w), &told) + 16;
        }
        y + 210
    }

    pub(super) fn first_run(&mut self, run: &FirstRun, whole: Rect) {
        self.scene.fill(whole, self.colours.bg);
        let side = if whole.w >= 900 { SIDE } else { 0 };
        if side > 0 {
            self.side(run, Rect::new(0, 0, side, whole.h));
        }
        let area = Rect::new(side, 0, whole.w - side, whole.h);
        self.scrolled(Part::Page, area, &|view, at| {
            let margin = margin(at.w);
            let w = COLUMN.min(at.w - 2 * margin);
            let x = at.x + ((at.w - w) / 2).min(96);
            let top = if at.w < 480 { 24 } else { 56 };
            let column = Rect::new(x, at.y + top, w, at.h - top);
            match &run.entry {
                Some(entry) => view.choose_passphrase(entry, column),
                None => view.choose_name(column),
            }
        });
    }

    fn side(&mut self, run: &FirstRun, side: Rect) {
        self.scene.fill(side, self.colours.rail);
        self.scene.fill(Rect::new(side.w - 1, 0, 1, side.h), self.colours.line);
        self.app_icon(32, 48, 40);
        self.scene.text(Point::new(84, 55), Style::Title, self.colours.text, "Privatus");
        let named = run.entry.is_none();
        let passphrase =
            Step { number: 1, done: named, title: "Passphrase", below: "Locks this computer’s copy" };
        self.step(Point::new(32, 144), &passphrase, !named);
        let name = Step { number: 2, done: false, title: "Your name", below: "And your first contact" };
        self.step(Point::new(32, 208), &name, named);
        let y = side.h - 96;
        if named {
            let told = words::network(&self.model.network, self.model.history, self.now);
            let ink = self.tone(told.tone).0;
            self.scene.icon(told.icon, Point::new(32, y), 18, ink);
            self.scene.text(Point::new(58, y), Style::Label, self.colours.text, told.title);
            self.paragraph(
                Span::new(32, y + 24, side.w - 64),
                Style::Micro,
                self.colours.text2,
                &told.reason,
            );
        } else {
            self.scene.text(
                Point::new(32, y),
                Style::Label,
                self.colours.text,
                "Getting ready in the background",
            );
            let line = "Relays are being looked for. You need not wait for this.";
            self.paragraph(Span::new(32, y + 24, side.w - 64), Style::Micro, self.colours.text2, line);
        }
    }

    fn step(&mut self, Point { x, y }: Point, step: &Step, active: bool) {
        let circle = Rect::new(x, y, 32, 32);
        let c = self.colours;
        if step.done {
            self.scene.bordered(circle, 16, Border::new(c.ok, c.line_px), c.ok_soft);
            self.scene.icon(Icon::Check, Point::new(x + 7, y + 7), 18, c.ok);
        } else {
            let (ground, ink) = if active { (c.accent, c.on_accent) } else { (c.bg, c.text2) };
            self.scene.bordered(
                circle,
                16,
                Border::new(if active { c.accent } else { c.edge }, c.line_px),
                ground,
            );
            self.centred(Span::new(x, y + 6, 32), Style::Button, ink, &step.number.to_string());
        }
        let style = if active { Style::Strong } else { Style::Body };
        self.scene.text(Point::new(x + 48, y - 2), style, c.text, step.title);
        self.scene.text(Point::new(x + 48, y + 20), Style::Micro, c.text2, step.below);
    }

    /// Gives the y below, as every column does.
    fn choose_passphrase(&mut self, entry: &Entry, column: Rect) -> i32 {
        let Rect { x, y, w, .. } = column;
        let c = self.colours;
        let mut top = self.paragraph(Span::new(x, y, w), Style::Display, c.text, "Choose a passphrase");
        let below = "It locks your keys and your messages on this computer. Nobody can reset it for you, so take one that you can remember.";
        top = self.paragraph(Span::new(x, top + 8, w), Style::Body, c.text2, below) + 32;
        self.scene.text(Point::new(x, top), Style::Label, c.text, "Passphrase");
        self.secret_field(SecretField::First, entry, Rect::new(x, top + 24, w, 44));
        top = match self.slip(SecretField::First, entry) {
            Some(slip) => self.slipped(Span::new(x, top + 76, w), slip),
            None => self.meter(Span::new(x, top + 80, w), &entry.first),
        };
        top += 24;
        self.scene.text(Point::new(x, top), Style::Label, c.text, "The same once more");
        self.secret_field(SecretField::Again, entry, Rect::new(x, top + 25, w, 44));
        top = self.below_secret(SecretField::Again, entry, Span::new(x, top + 77, w)) + 24;
        let slow =
            "Unlocking takes about one second. That is on purpose: it makes every wrong guess slow too.";
        top = self.paragraph(Span::new(x, top, w), Style::Small, c.text2, slow) + 12;
        if let Some(told) = words::entry(entry, self.model.caps_lock, self.now) {
            top = self.note(Span::new(x, top, w), &told) + 12;
        }
        let bottom = (y + column.h - 88).max(top + 12);
        let same = entry.first.same_as(&entry.again);
        let label = if entry.busy { "Opening…" } else { "Continue" };
        let button = Button::new(Kind::Primary, label, Act::UsePassphrase).resting(!same || entry.busy);
        let right = self.button(Point::new(x, bottom), &button);
        let reason = match (entry.busy, same) {
            (true, _) => "takes about one second, on purpose",
            (false, false) => "when both are the same",
            (false, true) => "",
        };
        let room = x + w - right - 12;
        self.paragraph(Span::new(right + 12, bottom + 11, room), Style::Small, c.text2, reason);
        bottom + 64
    }

    /// Room is kept for it also while there is nothing to measure.
    fn meter(&mut self, Span { x, y, w }: Span, secret: &Secret) -> i32 {
        let quarters = strength(secret);
        let (tone, word, line) = match quarters {
            0 => return y + 33,
            1 => (Tone::Weak, "Short.", "A few random words would be much harder to guess."),
            2 => (Tone::Weak, "Fair.", "One or two more words make it hard to guess."),
            3 => (Tone::Good, "Good.", "Hard to guess if the words do not belong together."),
            _ => (Tone::Good, "Strong.", "Very hard to guess if the words do not belong together."),
        };
        let ink = self.tone(tone).0;
        let part = (w - 9) / 4;
        for (index, left) in (0..4).zip((x..).step_by(usize::try_from(part + 3).unwrap_or(1))) {
            let colour = if index < quarters { ink } else { self.colours.track };
            self.scene.round(Rect::new(left, y, part, 6), 3, colour);
        }
        let icon = if tone == Tone::Good { Icon::Okc } else { Icon::Warn };
        self.scene.icon(icon, Point::new(x, y + 15), 18, ink);
        self.scene.text(Point::new(x + 26, y + 15), Style::Label, ink, word);
        let left = x + 26 + self.width(Style::Label, word) + 5;
        self.paragraph(Span::new(left, y + 15, x + w - left), Style::Small, self.colours.text, line)
    }

    /// A passphrase field: circles, and letters only for who asked.
    fn secret_field(&mut self, field: SecretField, entry: &Entry, rect: Rect) {
        let act = Act::Secret(field);
        let focused = *self.focus == Focus::Act(act.clone());
        let secret = match field {
            SecretField::First => &entry.first,
            SecretField::Again => &entry.again,
        };
        let wrong = entry.problem == Some(Problem::Wrong) || self.slip(field, entry).is_some();
        self.field_frame(rect, focused, wrong);
        let label = if field == SecretField::First { "Passphrase" } else { "The same passphrase once more" };
        self.pressable(rect, act, Spoken::new(label, Role::Passphrase), 8);
        let room = rect.w - 12 - if field == SecretField::First { 96 } else { 12 };
        let shown = entry.shown == Some(field);
        self.scene.begin_whole(Rect::new(rect.x + 12, rect.y, room, rect.h));
        let end = if shown { self.letters(secret, rect, room) } else { self.dots(secret, rect, room) };
        if focused && !entry.busy {
            self.scene.fill(Rect::new(end + 2, rect.y + 12, 2, rect.h - 24), self.colours.accent);
        }
        self.scene.end_whole();
        if field == SecretField::First {
            let (icon, word) = if shown { (Icon::EyeOff, "Hide") } else { (Icon::Eye, "Show") };
            let eye = Rect::new(rect.right() - 84, rect.y + 6, 76, rect.h - 12);
            let act = Act::ShowSecret(field);
            if self.hover == Some(&act) {
                self.scene.round(eye, 6, self.colours.hover);
            }
            self.scene.icon(icon, Point::new(eye.x + 10, eye.y + (eye.h - 20) / 2), 20, self.colours.text2);
            self.scene.text(
                Point::new(eye.x + 36, eye.y + (eye.h - 18) / 2),
                Style::Small,
                self.colours.text2,
                word,
            );
            // No stop of the keyboard: a space that is meant for the passphrase must not show it.
            self.pointed(eye, act, word, 6);
        }
    }

    fn slip(&self, field: SecretField, entry: &Entry) -> Option<Slip> {
        entry.slip(field, *self.focus == Focus::Act(Act::Secret(field)))
    }

    fn slipped(&mut self, span: Span, slip: Slip) -> i32 {
        self.told_line(span, (Icon::Warn, self.colours.danger), words::slip(slip))
    }

    /// What is wrong with the field; else the key that shows it, and how Caps Lock stands.
    fn below_secret(&mut self, field: SecretField, entry: &Entry, Span { x, y, w }: Span) -> i32 {
        if let Some(slip) = self.slip(field, entry) {
            return self.slipped(Span::new(x, y, w), slip);
        }
        let caps = if self.model.caps_lock { "Caps Lock is on" } else { "Caps Lock is off" };
        let ink = if self.model.caps_lock { self.colours.warn } else { self.colours.text2 };
        let right = self.ending(Point::new(x + w, y), Style::Small, ink, caps);
        let line = self.cut(Style::Small, "Ctrl R shows what you type", right - 12 - x);
        self.scene.text(Point::new(x, y), Style::Small, self.colours.text2, line);
        y + 18
    }

    fn dots(&mut self, secret: &Secret, rect: Rect, room: i32) -> i32 {
        let most = usize::try_from(room / 13).unwrap_or(0);
        let shown = secret.characters().min(most);
        let mut x = rect.x + 12;
        for _ in 0..shown {
            self.scene.round(Rect::new(x, rect.y + rect.h / 2 - 4, 8, 8), 4, self.colours.text);
            x += 13;
        }
        x
    }

    fn letters(&mut self, secret: &Secret, rect: Rect, room: i32) -> i32 {
        let whole = secret.shown();
        let mut from = whole.char_indices().map(|(at, _)| at);
        let mut text: Zeroizing<String> = Zeroizing::new(whole.to_string());
        while self.width(Style::Mono, &text) > room {
            let Some(at) = from.next() else { break };
            text = Zeroizing::new(whole.get(at..).unwrap_or_default().to_owned());
        }
        let end = rect.x + 12 + self.width(Style::Mono, &text);
        let y = rect.y + (rect.h - Style::Mono.line()) / 2;
        self.scene.items.push(Item::Secret { x: rect.x + 12, y, colour: self.colours.text, text });
        end
    }

    fn choose_name(&mut self, column: Rect) -> i32 {
        let Rect { x, y, w, .. } = column;
        let c = self.colours;
        let mut top =
            self.paragraph(Span::new(x, y, w), Style::Display, c.text, "What should people call you?");
        let below = "Only people that you connect with see this name.";
        top = self.paragraph(Span::new(x, top + 8, w), Style::Body, c.text2, below) + 24;
        self.scene.text(Point::new(x, top), Style::Label, c.text, Field::YourName.label());
        let hint = "Any name is fine. There is no phone number, no e-mail address and no account.";
        top = self.name_field(Field::YourName, Rect::new(x, top + 24, w, 44), false, hint) + 32;
        self.scene.text(Point::new(x, top), Style::Title, c.text, "Your first contact");
        let how = "People reach you only through an invitation. There is no directory to be found in.";
        top = self.paragraph(Span::new(x, top + 30, w), Style::Body, c.text2, how) + 12;
        top = self.ways(Span::new(x, top, w)) + 18;
        let kept = "Your history is kept on this computer only, locked with your passphrase.";
        top = self.told_line(Span::new(x, top, w), (Icon::Lock, c.text2), kept) + 12;
        if self.model.offered().is_some() {
            let echo = "Echo is a practice partner on this computer who answers every text.";
            top = self.told_line(Span::new(x, top, w), (Icon::Chats, c.text2), echo) + 12;
        }
        let bottom = self.first_steps(Span::new(x, (y + column.h - 88).max(top + 12), w));
        let later = "You can do this later.";
        self.paragraph(Span::new(x, bottom + 8, w), Style::Small, c.text2, later) + 16
    }

    /// Two ways to a first contact, beside each other where there is room.
    fn ways(&mut self, Span { x, y, w }: Span) -> i32 {
        let beside = w >= 440;
        let card = if beside { (w - 16) / 2 } else { w };
        let body = "Makes a link and a picture code. They work once and expire after 7 days.";
        let invite = Card { icon: Icon::Link, title: "Invite someone", body, act: Act::Invite };
        let body = "Paste the link that you were sent.";
        let accept = Card { icon: Icon::Qr, title: "I was invited", body, act: Act::Accept };
        let height = |view: &Self, card: &Card, w: i32| {
            let lines = view.broken(Style::Small, card.body, w - 36).len();
            102 + 18 * i32::try_from(lines).unwrap_or(1)
        };
        let first = height(self, &invite, card).max(if beside { height(self, &accept, card) } else { 0 });
        self.card(Rect::new(x, y, card, first), invite);
        if beside {
            self.card(Rect::new(x + card + 16, y, card, first), accept);
            return y + first;
        }
        let second = height(self, &accept, card);
        self.card(Rect::new(x, y + first + 12, card, second), accept);
        y + first + 12 + second
    }

    /// Where somebody waits to be met, that comes first.
    fn first_steps(&mut self, span: Span) -> i32 {
        let long = self.model.is_too_long(Field::YourName);
        let open = |kind| Button::new(kind, "Open Privatus", Act::Enter).resting(long);
        if self.model.offered().is_none() {
            return self.buttons(span, &[open(Kind::Primary)]);
        }
        let echo = Button::new(Kind::Primary, "Meet Echo", Act::AcceptOffer).icon(Icon::Chats).resting(long);
        self.buttons(span, &[echo, open(Kind::Normal)])
    }

    fn card(&mut self, rect: Rect, Card { icon, title, body, act }: Card) {
        let over = self.hover == Some(&act) || *self.focus == Focus::Act(act.clone());
        let border = if over {
            Border::new(self.colours.focus, 2)
        } else {
            Border::new(self.colours.edge, self.colours.line_px)
        };
        self.scene.bordered(rect, 12, border, self.colours.bg);
        self.scene.icon(icon, Point::new(rect.x + 20, rect.y + 20), 28, self.colours.accent);
        self.scene.text(Point::new(rect.x + 20, rect.y + 60), Style::Strong, self.colours.text, title);
        self.paragraph(
            Span::new(rect.x + 20, rect.y + 86, rect.w - 36),
            Style::Small,
            self.colours.text,
            body,
        );
        self.pressable(rect, act, Spoken::new(title, Role::Button), 12);
    }
}
