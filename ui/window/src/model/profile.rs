//! What people call the user, and the card over the window where it is changed.

use ipc_schema::Timestamp;
use ipc_schema::edge::ui_stored::Refusal;
use privatus::peers::PeerError;

use super::learn::refusal_of;
use super::{Act, Command, Field, Focus, Model, words};

/// The card. On a narrow window it has what stands in the rail elsewhere.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Card {
    /// stored is asked.
    pub busy: bool,
    /// Why the name was not taken.
    pub refused: Option<Refusal>,
}

impl Model {
    /// The card over the window.
    #[must_use]
    pub fn card(&self) -> Option<Card> {
        self.card
    }

    /// What stands for the user's name where there is none.
    #[must_use]
    pub fn own_name(&self) -> &str {
        if self.me.is_empty() { "Name?" } else { &self.me }
    }

    pub(super) fn open_card(&mut self) {
        self.texts.set(Field::OwnName, self.me.clone());
        self.card = Some(Card::default());
        self.set_focus(Focus::Field(Field::OwnName));
    }

    pub(super) fn close_card(&mut self) {
        if self.card.take().is_some() {
            self.texts.set(Field::OwnName, "");
            self.set_focus(Focus::Act(Act::OwnName));
        }
    }

    /// Whether what stands in the card's field can be a name.
    #[must_use]
    pub fn can_be_named(&self) -> bool {
        !self.texts.of(Field::OwnName).trim().is_empty() && !self.is_too_long(Field::OwnName)
    }

    pub(super) fn keep_own_name(&mut self) -> Vec<Command> {
        let ready = self.can_be_named();
        let name = self.texts.of(Field::OwnName).trim().to_owned();
        let Some(card) = self.card.as_mut().filter(|card| ready && !card.busy) else { return Vec::new() };
        if name == self.me {
            self.close_card();
            return Vec::new();
        }
        *card = Card { busy: true, refused: None };
        vec![Command::SetName(name)]
    }

    pub(super) fn named(&mut self, now: Timestamp, name: String, result: Result<(), PeerError>) {
        match (result, &mut self.card) {
            (Ok(()), _) => {
                self.me = name;
                self.close_card();
            }
            (Err(error), Some(card)) => *card = Card { busy: false, refused: Some(refusal_of(&error)) },
            (Err(error), None) => {
                // It was shown before it was kept.
                if self.me == name {
                    self.me.clear();
                }
                self.notify(now, words::failure(&error));
            }
        }
    }
}
