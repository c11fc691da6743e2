//! What the list of people says, and with it what stands beside it while nobody is chosen.

use super::{Field, Model};

/// What the list is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing {
    /// stored has not told since the last lock: who is there is not known, so nobody is said to be missing.
    Opening,
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
        match (self.told_people, self.people.is_empty()) {
            (false, true) => Listing::Opening,
            (true, true) => Listing::Nobody,
            (_, false) if self.texts.of(Field::Search).is_empty() || self.rows().next().is_some() => {
                Listing::Rows
            }
            (_, false) => Listing::NoMatch,
        }
    }
}
