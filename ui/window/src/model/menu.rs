//! The menu of a thing: what can be done with it, chosen by pointer, arrows or first letters.

use super::message::MessageAct;
use super::over::{Over, OverAct};
use super::people::contact_items;
use super::picker::COMMON;
use super::stroke::Stroke;
use super::{Act, Focus, Model};
use crate::icon::Icon;

/// Whose menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MenuOf {
    /// A message's, by its id.
    Message(String),
    /// A row's of the list, by the contact's id.
    Contact(String),
    /// The open conversation's, by the contact's id.
    Chat(String),
}

/// A menu that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Menu {
    /// Whose.
    pub of: MenuOf,
    /// Where it was asked for, pixels; `None`: at the thing itself.
    pub at: Option<(i32, i32)>,
    /// Which is chosen: first the signs beside each other, then the rows.
    pub chosen: usize,
}

/// A row of a menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What it does, in a word or two.
    pub label: &'static str,
    /// Its shape.
    pub icon: Icon,
    /// The key that does the same, or nothing.
    pub keys: &'static str,
    /// What it does.
    pub act: Act,
    /// It cannot be undone: it stands last, behind a line.
    pub danger: bool,
}

impl Item {
    /// A row without a key.
    #[must_use]
    pub fn new(label: &'static str, icon: Icon, act: Act) -> Self {
        Self { label, icon, keys: "", act, danger: false }
    }

    /// That has a key.
    #[must_use]
    pub fn keys(self, keys: &'static str) -> Self {
        Self { keys, ..self }
    }

    /// That cannot be undone.
    #[must_use]
    pub fn danger(self) -> Self {
        Self { danger: true, ..self }
    }
}

impl Model {
    /// The signs at the top of a menu, each with what it does; the last one, without a sign, leads to more.
    #[must_use]
    pub fn menu_signs(&self, of: &MenuOf) -> Vec<(&'static str, Act)> {
        let MenuOf::Message(id) = of else { return Vec::new() };
        if !self.can(&MessageAct::Reactions(id.clone())) {
            return Vec::new();
        }
        let react =
            |sign: &&'static str| (*sign, Act::Message(MessageAct::React(id.clone(), (*sign).to_owned())));
        let more = ("", Act::Message(MessageAct::Reactions(id.clone())));
        COMMON.iter().map(react).chain([more]).collect()
    }

    /// The rows of a menu.
    #[must_use]
    pub fn menu_items(&self, of: &MenuOf) -> Vec<Item> {
        match of {
            MenuOf::Message(id) => self.message_items(id),
            MenuOf::Contact(who) | MenuOf::Chat(who) => contact_items(self, who),
        }
    }

    fn message_items(&self, id: &str) -> Vec<Item> {
        let id = id.to_owned();
        let rows = [
            ("Try again", Icon::Retry, "", MessageAct::Retry(id.clone())),
            ("Reply", Icon::Reply, "R", MessageAct::Reply(id.clone())),
            ("Edit", Icon::Edit, "E", MessageAct::Edit(id.clone())),
            ("Copy text", Icon::Copy, "Ctrl C", MessageAct::Copy(id.clone())),
            ("Forward", Icon::Forward, "F", MessageAct::Forward(id.clone())),
            ("Delivery details", Icon::Info, "I", MessageAct::Details(id.clone())),
            ("Take back", Icon::Back, "", MessageAct::TakeBack(id.clone())),
            ("Meet them", Icon::Check, "", MessageAct::Meet(id.clone(), true)),
            ("Not now", Icon::Close, "", MessageAct::Meet(id.clone(), false)),
        ];
        let possible = rows.into_iter().filter(|(.., act)| self.can(act));
        let mut items: Vec<Item> = possible
            .map(|(label, icon, keys, act)| Item::new(label, icon, Act::Message(act)).keys(keys))
            .collect();
        let delete = MessageAct::Delete(id);
        if self.can(&delete) {
            items.push(Item::new("Delete", Icon::Trash, Act::Message(delete)).keys("Del").danger());
        }
        items
    }

    /// Opens a menu at a place, pixels, or at its thing; does nothing where nothing can be done with that.
    pub fn open_menu(&mut self, of: MenuOf, at: Option<(i32, i32)>) {
        if self.is_covered() || self.menu_items(&of).is_empty() {
            return;
        }
        if let MenuOf::Message(id) = &of {
            self.close_over();
            self.set_focus(Focus::Message(id.clone()));
        }
        let chosen = self.menu_signs(&of).len();
        self.put_over(Over::Menu(Menu { of, at, chosen }));
    }

    /// What is chosen in the menu when that key is struck.
    pub(super) fn menu_stroke(&mut self, menu: &Menu, stroke: Stroke) -> Option<Act> {
        let signs = self.menu_signs(&menu.of);
        let items = self.menu_items(&menu.of);
        let (first, last) = (signs.len(), (signs.len() + items.len()).saturating_sub(1));
        let among_signs = menu.chosen < first;
        let chosen = match stroke {
            Stroke::Enter | Stroke::Letter(' ') => return Some(Act::Over(OverAct::Choose(menu.chosen))),
            Stroke::Escape => return Some(Act::Over(OverAct::Close)),
            Stroke::Down if among_signs => first,
            Stroke::Down if menu.chosen >= last => 0,
            Stroke::Down => menu.chosen + 1,
            Stroke::Up if among_signs => last,
            Stroke::Up if menu.chosen == first => {
                if signs.is_empty() {
                    last
                } else {
                    0
                }
            }
            Stroke::Up => menu.chosen.saturating_sub(1),
            Stroke::Left if among_signs => menu.chosen.saturating_sub(1),
            Stroke::Right if among_signs => (menu.chosen + 1).min(first.saturating_sub(1)),
            Stroke::Home => first,
            Stroke::End => last,
            Stroke::Letter(letter) => first + first_letter(&items, menu.chosen.checked_sub(first), letter)?,
            _ => return None,
        };
        if let Some(Over::Menu(menu)) = &mut self.over {
            menu.chosen = chosen;
        }
        None
    }

    /// What the chosen one does.
    pub(super) fn menu_act(&self, menu: &Menu, chosen: usize) -> Option<Act> {
        let signs = self.menu_signs(&menu.of);
        let row = chosen.checked_sub(signs.len());
        match row {
            None => signs.into_iter().nth(chosen).map(|(_, act)| act),
            Some(row) => self.menu_items(&menu.of).into_iter().nth(row).map(|item| item.act),
        }
    }
}

/// The next row after `from`, round and round, that begins with a letter.
fn first_letter(items: &[Item], from: Option<usize>, letter: char) -> Option<usize> {
    let wanted = letter.to_lowercase().next();
    let begins = |item: &Item| item.label.chars().next().and_then(|c| c.to_lowercase().next()) == wanted;
    let start = from.map_or(0, |from| from + 1);
    let order = (start..items.len()).chain(0..start.min(items.len()));
    order.into_iter().find(|at| items.get(*at).is_some_and(begins))
}
