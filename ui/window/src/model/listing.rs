//! What the list of people says, and with it what stands beside it while nobody is chosen.

use super::{Field, Model};

/// What the list is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing {
    /// stored has not told since the last lock: who is there is not known, so nobody is said to be missing.
    Opening,
    /// The file of the conversations cannot be had, and [`super::words::history`] says why.
    Unreadable,
    /// It was told, and there are rows.
    Rows,
    /// It was told, and there is nobody.
    Nobody,
    /// Somebody is there, and nobody has the name that is searched for.
    NoMatch,
}

impl Model {
    /// What the list is now. Once it was told it stays, also while stored is being restarted.
    #[must_use]
    pub fn listing(&self) -> Listing {
        let has_trouble = super::words::history(self.counts.history).is_some();
        match (self.told_people, self.people.is_empty()) {
            (_, true) if has_trouble && !self.history => Listing::Unreadable,
            (false, true) => Listing::Opening,
            (true, true) => Listing::Nobody,
            (_, false) if self.texts.of(Field::Search).is_empty() || self.rows().next().is_some() => {
                Listing::Rows
            }
            (_, false) => Listing::NoMatch,
        }
    }
}
