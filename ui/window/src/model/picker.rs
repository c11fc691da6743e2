//! Choosing one sign: for a reaction, or into what is being written.

use ipc_schema::Timestamp;

use super::message::MessageAct;
use super::over::{Over, OverAct};
use super::stroke::Stroke;
use super::{Act, Field, Focus, Model};

/// Signs beside each other.
pub const COLUMNS: usize = 8;

/// What people react with most.
pub const COMMON: &[&str] = &["👍", "❤️", "😄", "😮", "😢", "🙏"];

/// All others, in groups of whole rows.
pub const GROUPS: &[(&str, &[&str])] = &[
    (
        "Faces",
        &["🙂", "😀", "😂", "😉", "😊", "😍", "😘", "🤔", "😐", "😕", "😟", "😭", "😡", "😴", "🤒", "🤗"],
    ),
    (
        "Hands and hearts",
        &["👎", "👌", "✌️", "🤞", "👏", "🙌", "💪", "👋", "🤝", "🤷", "🙈", "👀", "💙", "💚", "🖤", "💔"],
    ),
    (
        "Out and about",
        &["🌿", "🌸", "🌲", "☀️", "🌧️", "❄️", "🌙", "⭐", "🐈", "🐕", "🚲", "🚆", "✈️", "🏠", "🏖️", "🌍"],
    ),
    (
        "Things and signs",
        &["☕", "🍎", "🍞", "🎂", "🎉", "🎁", "📚", "🎵", "💡", "🔑", "🔥", "✅", "❌", "❓", "❗", "💯"],
    ),
];

/// For what a sign is chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PickFor {
    /// As a reaction to that message.
    Reaction(String),
    /// Into the composer.
    Composer,
}

/// The signs, while one is chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picker {
    /// For what.
    pub wanted: PickFor,
    /// Which is chosen, in the order of [`signs`].
    pub chosen: usize,
}

/// Every sign: the common ones, then group by group.
pub fn signs() -> impl Iterator<Item = &'static str> {
    COMMON.iter().chain(GROUPS.iter().flat_map(|(_, signs)| signs.iter())).copied()
}

impl Model {
    pub(super) fn pick_reaction(&mut self, id: String) {
        self.put_over(Over::Picker(Picker { wanted: PickFor::Reaction(id), chosen: 0 }));
    }

    /// Signs for what is being written, where something can be.
    pub(super) fn pick_for_composer(&mut self) {
        let blocked = ipc_schema::edge::ui_stored::ContactState::Blocked;
        let contact = self.open_chat().and_then(|id| self.person(id));
        if self.question().is_none() && !self.is_folded() && contact.is_some_and(|who| who.state != blocked) {
            self.close_over();
            self.set_focus(Focus::Field(Field::Composer));
            self.put_over(Over::Picker(Picker { wanted: PickFor::Composer, chosen: 0 }));
        }
    }

    /// A sign was chosen: what is done with it, if more is to be done than to write it.
    pub(super) fn picked(&mut self, now: Timestamp, sign: &str) -> Option<Act> {
        let Some(Over::Picker(Picker { wanted, .. })) = &self.over else { return None };
        let wanted = wanted.clone();
        self.close_over();
        match wanted {
            PickFor::Reaction(id) => Some(Act::Message(MessageAct::React(id, sign.to_owned()))),
            PickFor::Composer => {
                self.insert_into_composer(now, sign);
                None
            }
        }
    }

    pub(super) fn picker_stroke(&mut self, picker: &Picker, stroke: Stroke) -> Option<Act> {
        let chosen = match stroke {
            Stroke::Enter | Stroke::Letter(' ') => {
                return Some(Act::Over(OverAct::Pick(signs().nth(picker.chosen)?)));
            }
            Stroke::Escape => return Some(Act::Over(OverAct::Close)),
            _ => moved(picker.chosen, stroke)?,
        };
        if let Some(Over::Picker(picker)) = &mut self.over {
            picker.chosen = chosen;
        }
        None
    }
}

/// Where an arrow leads.
fn moved(from: usize, stroke: Stroke) -> Option<usize> {
    let last = signs().count().saturating_sub(1);
    let place = |at: usize| match at.checked_sub(COMMON.len()) {
        None => (0, at),
        Some(at) => (1 + at / COLUMNS, at % COLUMNS),
    };
    let at = |row: usize, column: usize| match row.checked_sub(1) {
        None => column.min(COMMON.len().saturating_sub(1)),
        Some(row) => (COMMON.len() + row * COLUMNS + column).min(last),
    };
    let (row, column) = place(from);
    Some(match stroke {
        Stroke::Left => from.saturating_sub(1),
        Stroke::Right => (from + 1).min(last),
        Stroke::Up => at(row.saturating_sub(1), column),
        Stroke::Down if row < place(last).0 => at(row + 1, column),
        Stroke::Down => from,
        Stroke::Home => 0,
        Stroke::End => last,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_whole_rows_and_no_sign_stands_twice() {
        assert!(GROUPS.iter().all(|(_, signs)| signs.len() % COLUMNS == 0));
        let all: std::collections::BTreeSet<_> = signs().collect();
        assert_eq!(all.len(), signs().count());
        assert!(all.len() >= 60);
        assert!(signs().all(|sign| sign.len() <= ipc_schema::limits::EMOJI_MAX_BYTES));
    }

    #[test]
    fn arrows_stay_in_their_column_and_reach_every_sign() {
        let below = COMMON.len();
        assert_eq!(moved(2, Stroke::Down), Some(below + 2));
        assert_eq!(moved(below + 7, Stroke::Up), Some(COMMON.len() - 1), "the first row is shorter");
        assert_eq!(moved(below + 3, Stroke::Down), Some(below + COLUMNS + 3));
        let last = signs().count() - 1;
        assert_eq!((moved(last, Stroke::Down), moved(last, Stroke::Right)), (Some(last), Some(last)));
        let mut at = 0;
        for _ in 0..last {
            at = moved(at, Stroke::Right).unwrap();
        }
        assert_eq!(at, last);
    }
}
