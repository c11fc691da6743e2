//! The header of a conversation: who it is with, whether that was compared, how they are reached.

use ipc_schema::edge::ui_stored::{Contact, ContactState, ShortState};

use super::View;
use crate::icon::Icon;
use crate::model::action::ContactAct;
use crate::model::words;
use crate::model::{Act, Focus, MenuOf, OverAct};
use crate::scene::{Point, Rect, Role, Spoken, Style};
use crate::theme::Rgb;

/// A button at the header's end.
struct Ending {
    icon: Icon,
    label: &'static str,
    act: Act,
}

impl View<'_> {
    pub(super) fn chat_header(&mut self, contact: &Contact, pane: Rect) {
        self.scene.fill(Rect::new(pane.x, 0, pane.w, 64), self.colours.bg);
        let mut left = pane.x + 24;
        if pane.x == 0 {
            self.icon_button(Rect::new(8, 12, 40, 40), Icon::Back, "Back to the list", Act::Close);
            left = 56;
        }
        let right = self.endings(contact, pane.right() - 12);
        let details = Act::Contact(contact.id.clone(), ContactAct::Details);
        self.avatar(Point::new(left, 12), 40, &contact.id, &contact.name);
        let x = left + 52;
        let name = self.name(&contact.name);
        let chip = self.chip_width(contact, right - x);
        let name = self.cut(Style::Heading, &name, right - x - chip - 12);
        let end = x + self.width(Style::Heading, &name);
        self.scene.text(Point::new(x, 12), Style::Heading, self.colours.text, name);
        let label = format!("Details of {}", self.name(&contact.name));
        // The keyboard has the button at the end.
        self.pointed(Rect::new(left, 8, end - left, 48), details, &label, 8);
        self.verified_chip(Rect::new(end + 8, 12, chip, 24), contact);
        let (icon, ink, line) = self.state_line(contact);
        self.scene.icon(icon, Point::new(x, 35), 16, ink);
        let line = self.cut(Style::Small, &line, right - x - 22);
        self.scene.text(Point::new(x + 22, 34), Style::Small, ink, line);
        self.scene.fill(Rect::new(pane.x, 63, pane.w, 1), self.colours.line);
    }

    /// Buttons from the right; gives where the room for all else ends.
    fn endings(&mut self, contact: &Contact, mut right: i32) -> i32 {
        let menu = Act::Over(OverAct::Menu(MenuOf::Chat(contact.id.clone())));
        let more = Ending { icon: Icon::More, label: "More", act: menu };
        let details = Act::Contact(contact.id.clone(), ContactAct::Details);
        let details = Ending { icon: Icon::Info, label: "Details", act: details };
        for Ending { icon, label, act } in [more, details] {
            right -= 40;
            self.icon_button(Rect::new(right, 12, 40, 40), icon, label, act);
            right -= 8;
        }
        right
    }

    /// How somebody is reached, and before that what is to be known of them.
    fn state_line(&self, contact: &Contact) -> (Icon, Rgb, String) {
        let c = &self.colours;
        let state = match contact.state {
            ContactState::Invited | ContactState::Pending => Some("Waiting for their first answer"),
            ContactState::Connected | ContactState::Oneself => None,
            ContactState::Blocked => Some("Blocked"),
        };
        if contact.comparing == ShortState::Asked {
            return (Icon::Unverified, c.warn, words::WAITS_TO_COMPARE.to_owned());
        }
        if contact.is_typing {
            return (Icon::Edit, c.accent, words::WRITING.to_owned());
        }
        let timer = words::timer(contact);
        let state = words::notice(contact).into_iter().chain(state).chain(timer.as_deref());
        if let Some(alike) = self.model.alike(&contact.id) {
            let line: Vec<&str> = [words::alike(alike)].into_iter().chain(state).collect();
            return (Icon::Warn, c.warn, line.join(" · "));
        }
        let line: Vec<&str> = [words::route(contact)].into_iter().chain(state).collect();
        (Icon::Route3, c.text2, line.join(" · "))
    }

    /// Width of the chip: with its words where they leave the name as much, else its shape alone.
    fn chip_width(&self, contact: &Contact, room: i32) -> i32 {
        if contact.state == ContactState::Oneself {
            return 0;
        }
        let (_, _, word) = words::verified(contact);
        let whole = 20 + self.width(Style::Label, word) + 12;
        let name = self.width(Style::Heading, &self.name(&contact.name));
        if whole + name.min(room / 2) + 12 <= room { whole } else { 28 }
    }

    /// Whether it was compared who this is; pressing it goes there.
    fn verified_chip(&mut self, rect: Rect, contact: &Contact) {
        if contact.state == ContactState::Oneself {
            return;
        }
        let Rect { x, y, w, .. } = rect;
        let (icon, tone, word) = words::verified(contact);
        let ink = self.tone(tone).0;
        let act = Act::Compare(contact.id.clone());
        // There is nothing to compare before both sides have met.
        let pressable = contact.state == ContactState::Connected;
        let ground = Rect::new(x - 6, y - 2, w, 26);
        let lit = self.hover == Some(&act) || *self.focus == Focus::Act(act.clone());
        if pressable && lit {
            self.scene.round(ground, 8, self.colours.hover);
        }
        if pressable && *self.focus == Focus::Act(act.clone()) {
            self.ring(ground, 8);
        }
        self.scene.icon(icon, Point::new(x, y + 3), 16, ink);
        if w > 28 {
            self.scene.text(Point::new(x + 20, y + 2), Style::Label, ink, word);
        }
        if pressable {
            self.pressable(ground, act, Spoken::new(word, Role::Button), 8);
        }
    }
}
