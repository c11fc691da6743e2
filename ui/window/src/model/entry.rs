//! First run and lock: the two places where a passphrase is typed.

use std::time::Duration;

use ipc_schema::Timestamp;
use ipc_schema::edge::ui_keyvault::{CreateError, PassphraseError};
use privatus::peers::PeerError;

use super::action::SecretField;
use super::{Act, Command, Field, Focus, Model, Screen};
use crate::secret::Secret;

/// What was typed into the passphrase fields.
#[derive(Debug, Default)]
pub struct Entry {
    /// The passphrase.
    pub first: Secret,
    /// The same once more (first run).
    pub again: Secret,
    /// Where letters are shown: in the field that has the keyboard, and no longer than it has.
    pub shown: Option<SecretField>,
    /// keyvault is at work, about a second, on purpose.
    pub busy: bool,
    /// What went wrong.
    pub problem: Option<Problem>,
    /// Before this keyvault tries none.
    pub wait_until: Option<Timestamp>,
    /// What is typed was offered, and could not be.
    pub(super) offered: bool,
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
    /// The file could not be written.
    Disk,
    /// Too many were wrong: the next try must wait so many seconds, where keyvault says how many.
    Wait(Option<u16>),
    /// Too little memory to try it.
    Memory,
    /// A new one has a character that no keyboard of today should have.
    Unassigned,
    /// It is empty in keyvault's eyes.
    TooShort,
    /// A vault is there already.
    Exists,
    /// keyvault went away; it comes back.
    Again,
}

/// The longest that a try has to wait (`edges/ui-keyvault.capnp`).
const WAIT_MAX: Duration = Duration::from_secs(60);

impl From<PassphraseError> for Problem {
    fn from(error: PassphraseError) -> Self {
        match error {
            PassphraseError::WrongPassphrase => Self::Wrong,
            PassphraseError::Damaged => Self::Damaged,
            PassphraseError::Newer => Self::Newer,
            PassphraseError::Wait { seconds } => Self::Wait(Some(seconds)),
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
            CreateError::TooShort => Self::TooShort,
            CreateError::Unassigned => Self::Unassigned,
            CreateError::Storage => Self::Disk,
            CreateError::NoMemory => Self::Memory,
            CreateError::Exists => Self::Exists,
        }
    }
}

impl From<PeerError> for Problem {
    fn from(_: PeerError) -> Self {
        Self::Again
    }
}

/// What is wrong with a field before anybody is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slip {
    /// Nothing stands in it.
    Empty,
    /// No more goes in.
    Full,
    /// It is not the same once more.
    Differs,
}

/// Until a passphrase may be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// So long, in whole seconds upwards.
    pub left: Duration,
    /// keyvault said so; else it is the most that it can be, and a try may go well before.
    pub told: bool,
}

impl Entry {
    /// One of the two.
    pub fn field(&mut self, field: SecretField) -> &mut Secret {
        match field {
            SecretField::First => &mut self.first,
            SecretField::Again => &mut self.again,
        }
    }

    /// What is wrong with `field`; `typing` where it has the keyboard, and more of it may come.
    #[must_use]
    pub fn slip(&self, field: SecretField, typing: bool) -> Option<Slip> {
        match field {
            SecretField::First if self.first.is_full() => Some(Slip::Full),
            SecretField::First => (self.offered && self.first.is_empty()).then_some(Slip::Empty),
            SecretField::Again if self.again.is_full() => Some(Slip::Full),
            SecretField::Again => {
                let may_become_it = typing && !self.offered && self.first.begins_with(&self.again);
                let begun = self.offered && !self.first.is_empty() || !self.again.is_empty();
                (begun && !may_become_it && !self.first.same_as(&self.again)).then_some(Slip::Differs)
            }
        }
    }

    /// How long the next try must wait at `now`; `None`: it need not.
    #[must_use]
    pub fn wait(&self, now: Timestamp) -> Option<Wait> {
        let Some(Problem::Wait(seconds)) = self.problem else { return None };
        // A clock that was set back makes no wait longer than it was.
        let left = self.wait_until?.since(now).min(wait_of(seconds));
        let left = Duration::from_secs(left.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX));
        (!left.is_zero()).then_some(Wait { left, told: seconds.is_some() })
    }

    /// Takes keyvault's answer; true where it opened. What was typed stays unless it opened.
    pub fn answered(&mut self, now: Timestamp, answer: Result<(), Problem>) -> bool {
        self.busy = false;
        self.problem = answer.err();
        self.wait_until = match self.problem {
            Some(Problem::Wait(seconds)) => Some(now.after(wait_of(seconds))),
            _ => None,
        };
        if self.problem.is_none() {
            self.wipe();
        }
        self.problem.is_none()
    }

    /// Forgets what was typed.
    pub fn wipe(&mut self) {
        self.first.clear();
        self.again.clear();
        self.shown = None;
    }
}

/// How long a wait of so many seconds is; the longest that there is where nobody says.
fn wait_of(seconds: Option<u16>) -> Duration {
    seconds.map_or(WAIT_MAX, |seconds| Duration::from_secs(seconds.into()))
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

impl Model {
    /// The passphrase fields that are shown.
    pub fn entry(&mut self) -> Option<&mut Entry> {
        match &mut self.screen {
            Screen::FirstRun(run) => run.entry.as_mut(),
            Screen::Locked(lock) => Some(&mut lock.entry),
            Screen::Opening | Screen::Inside => None,
        }
    }

    /// A number on the screen changes each second.
    #[must_use]
    pub fn counts_down(&self, now: Timestamp) -> bool {
        match &self.screen {
            Screen::FirstRun(FirstRun { entry: Some(entry) }) | Screen::Locked(Lock { entry }) => {
                entry.wait(now).is_some()
            }
            Screen::FirstRun(FirstRun { entry: None }) | Screen::Opening | Screen::Inside => false,
        }
    }

    /// A key gave `text` in a passphrase field.
    pub fn type_secret(&mut self, field: SecretField, text: &str) {
        if let Some(entry) = self.entry().filter(|entry| !entry.busy) {
            entry.offered = false;
            entry.field(field).push(text);
        }
    }

    /// A key took the last letter of a passphrase field away.
    pub fn untype_secret(&mut self, field: SecretField) {
        if let Some(entry) = self.entry().filter(|entry| !entry.busy) {
            entry.offered = false;
            entry.field(field).pop();
        }
    }

    /// Nobody looks at the passphrase any more, or somebody else may: it is dots again.
    pub fn cover_secret(&mut self) {
        if let Some(entry) = self.entry() {
            entry.shown = None;
        }
    }

    /// Letters instead of dots in `field`, or dots again.
    pub(super) fn show_secret(&mut self, field: SecretField) {
        let shown = self.entry().and_then(|entry| entry.shown) == Some(field);
        self.set_focus(Focus::Act(Act::Secret(field)));
        if let Some(entry) = self.entry().filter(|entry| !entry.busy) {
            entry.shown = (!shown).then_some(field);
        }
    }

    pub(super) fn use_passphrase(&mut self, now: Timestamp) -> Vec<Command> {
        self.cover_secret();
        let creating = matches!(self.screen, Screen::FirstRun(_));
        let vault = self.vault;
        let Some(entry) = self.entry() else { return Vec::new() };
        let ready = if creating { entry.first.same_as(&entry.again) } else { !entry.first.is_empty() };
        entry.offered = !ready;
        if entry.busy || !ready || entry.wait(now).is_some_and(|wait| wait.told) {
            return Vec::new();
        }
        if !vault {
            entry.problem = Some(Problem::Again);
            return Vec::new();
        }
        entry.busy = true;
        entry.problem = None;
        let passphrase = entry.first.to_bytes();
        vec![if creating { Command::Create(passphrase) } else { Command::Unlock(passphrase) }]
    }

    pub(super) fn passphrase_tried(&mut self, now: Timestamp, answer: Result<(), Problem>) {
        match &mut self.screen {
            Screen::FirstRun(run) => {
                if run.entry.as_mut().is_some_and(|entry| entry.answered(now, answer)) {
                    run.entry = None;
                    self.set_focus(Focus::Field(Field::YourName));
                }
            }
            Screen::Locked(lock) => {
                if lock.entry.answered(now, answer) {
                    self.enter();
                } else {
                    self.set_focus(Focus::Act(Act::Secret(SecretField::First)));
                }
            }
            Screen::Opening | Screen::Inside => {}
        }
    }
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
    use crate::model::words;

    const NOW: Timestamp = Timestamp(1_750_766_400_000);

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
            assert!(!entry.answered(NOW, Err(error.into())) && !entry.first.is_empty());
            let told = words::entry(&entry, false, NOW).unwrap();
            format!("{}. {}", told.title, told.reason)
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
        assert!(!entry.answered(NOW, Err(PassphraseError::WrongPassphrase.into())));
        assert_eq!((entry.problem, entry.busy, entry.first.is_empty()), (Some(Problem::Wrong), false, false));
        assert!(entry.answered(NOW, Ok(())));
        assert!(entry.first.is_empty());
    }

    #[test]
    fn a_wait_counts_down_by_the_second_and_ends() {
        let mut entry = Entry::default();
        entry.answered(NOW, Err(Problem::Wait(Some(30))));
        let left = |entry: &Entry, ms: u64| {
            entry.wait(Timestamp(NOW.0 + ms)).map(|wait| (wait.left.as_secs(), wait.told))
        };
        assert_eq!(left(&entry, 0), Some((30, true)));
        assert_eq!(left(&entry, 1), Some((30, true)), "the last second is one too");
        assert_eq!(left(&entry, 29_001), Some((1, true)));
        assert_eq!(left(&entry, 30_000), None);
        assert_eq!(
            entry.wait(Timestamp(NOW.0 - 3_600_000)).unwrap().left.as_secs(),
            30,
            "the clock was set back"
        );
        entry.answered(NOW, Err(Problem::Wait(None)));
        assert_eq!(left(&entry, 10_000), Some((50, false)), "at most a minute, where nobody says how long");
        entry.answered(NOW, Err(Problem::Wrong));
        assert_eq!(left(&entry, 0), None);
    }

    #[test]
    fn every_reason_has_a_sentence_of_its_own() {
        use Problem::{Again, Damaged, Disk, Exists, Memory, Newer, TooShort, Wait, Wrong};
        let all = [Wrong, Damaged, Newer, Disk, Wait(Some(3)), Memory, TooShort, Exists, Again];
        let told = all.map(|problem| {
            let mut entry = Entry::default();
            entry.answered(NOW, Err(problem));
            words::entry(&entry, false, NOW).unwrap()
        });
        for (at, one) in told.iter().enumerate() {
            assert!(!one.title.is_empty() && !one.reason.is_empty());
            assert!(
                told.iter().skip(at + 1).all(|other| other.title != one.title && other.reason != one.reason)
            );
        }
        let restarted = told.iter().filter(|told| told.title.contains("restarted")).count();
        assert_eq!(restarted, 1, "only a part that was restarted is one");
    }
}
