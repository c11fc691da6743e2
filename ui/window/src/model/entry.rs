//! First run and lock: the two places where a passphrase is typed.

use ipc_schema::edge::ui_keyvault::{CreateError, PassphraseError};
use privatus::peers::PeerError;

use super::action::SecretField;
use crate::secret::Secret;

/// What was typed into the passphrase fields.
#[derive(Debug, Default)]
pub struct Entry {
    /// The passphrase.
    pub first: Secret,
    /// The same once more (first run).
    pub again: Secret,
    /// Its letters are shown.
    pub shown: bool,
    /// keyvault is at work, about a second, on purpose.
    pub busy: bool,
    /// What went wrong.
    pub problem: Option<Problem>,
}

/// Why a passphrase did not open, or a vault was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// That is not the passphrase.
    Wrong,
    /// The file is damaged.
    Damaged,
    /// A later version wrote it.
    Newer,
    /// The disk is full or fails.
    Disk,
    /// Too many were wrong: the next try must wait.
    Wait,
    /// Too little memory to try it.
    Memory,
    /// A new one has a character that no keyboard of today should have.
    Unassigned,
    /// keyvault went away; it comes back.
    Again,
}

impl From<PassphraseError> for Problem {
    fn from(error: PassphraseError) -> Self {
        match error {
            PassphraseError::WrongPassphrase => Self::Wrong,
            PassphraseError::Damaged => Self::Damaged,
            PassphraseError::Newer => Self::Newer,
            PassphraseError::Wait { .. } => Self::Wait,
            PassphraseError::Storage => Self::Disk,
            PassphraseError::NoMemory => Self::Memory,
            // The vault went meanwhile.
            PassphraseError::Missing => Self::Again,
        }
    }
}

impl From<CreateError> for Problem {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::TooShort => Self::Wrong,
            CreateError::Unassigned => Self::Unassigned,
            CreateError::Storage => Self::Disk,
            CreateError::NoMemory => Self::Memory,
            // A vault came meanwhile.
            CreateError::Exists => Self::Again,
        }
    }
}

impl From<PeerError> for Problem {
    fn from(_: PeerError) -> Self {
        Self::Again
    }
}

impl Entry {
    /// One of the two.
    pub fn field(&mut self, field: SecretField) -> &mut Secret {
        match field {
            SecretField::First => &mut self.first,
            SecretField::Again => &mut self.again,
        }
    }

    /// Takes keyvault's answer; true where it opened. What was typed stays unless it opened.
    pub fn answered(&mut self, answer: Result<(), Problem>) -> bool {
        self.busy = false;
        self.problem = answer.err();
        if self.problem.is_none() {
            self.wipe();
        }
        self.problem.is_none()
    }

    /// Forgets what was typed.
    pub fn wipe(&mut self) {
        self.first.clear();
        self.again.clear();
        self.shown = false;
    }
}

/// A new profile: first the passphrase, then the name.
#[derive(Debug, Default)]
pub struct FirstRun {
    /// The passphrase fields; `None` once the vault is made.
    pub entry: Option<Entry>,
}

/// The unlock screen.
#[derive(Debug, Default)]
pub struct Lock {
    /// The passphrase field.
    pub entry: Entry,
}

/// How good a new passphrase looks, 0 to 4 quarters of the meter. A rough count: length, and how many characters differ.
/// It never forbids: only an empty one is refused.
#[must_use]
pub fn strength(secret: &Secret) -> usize {
    let shown = secret.shown();
    let words = shown.split_whitespace().count();
    let mut letters: Vec<char> = shown.chars().collect();
    let length = letters.len();
    letters.sort_unstable();
    letters.dedup();
    let varied = letters.len();
    match (length, varied, words) {
        (0, ..) => 0,
        (..8, ..) | (_, ..5, _) => 1,
        (..14, ..) | (_, ..8, _) => 2,
        (24.., _, 5..) => 4,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> Secret {
        let mut secret = Secret::default();
        secret.push(text);
        secret
    }

    #[test]
    fn length_and_variety_make_the_meter() {
        let meter = |text: &str| strength(&typed(text));
        assert_eq!(meter(""), 0);
        assert_eq!(meter("hunter2"), 1);
        assert_eq!(meter("aaaaaaaaaaaaaaaaaaaaaaaa"), 1);
        assert_eq!(meter("correct horse"), 2);
        assert_eq!(meter("correct horse battery"), 3);
        assert_eq!(meter("seven quiet lamps under rivers"), 4);
    }

    #[test]
    fn what_must_wait_or_finds_no_memory_is_not_told_as_a_restart() {
        let told = |error: PassphraseError| {
            let mut entry = Entry { first: typed("x"), ..Entry::default() };
            assert!(!entry.answered(Err(error.into())) && !entry.first.is_empty());
            super::super::words::problem(entry.problem.unwrap(), false).title
        };
        let [wait, memory, again] =
            [PassphraseError::Wait { seconds: 9 }, PassphraseError::NoMemory, PassphraseError::Missing]
                .map(told);
        assert!(wait.contains("wrong") && memory.contains("memory"), "{wait} {memory}");
        assert!(again.contains("restarted") && wait != again && memory != again);
    }

    #[test]
    fn what_was_typed_stays_after_a_wrong_try_and_goes_after_a_right_one() {
        let mut entry = Entry { first: typed("x"), busy: true, ..Entry::default() };
        assert!(!entry.answered(Err(PassphraseError::WrongPassphrase.into())));
        assert_eq!((entry.problem, entry.busy, entry.first.is_empty()), (Some(Problem::Wrong), false, false));
        assert!(entry.answered(Ok(())));
        assert!(entry.first.is_empty());
    }
}
