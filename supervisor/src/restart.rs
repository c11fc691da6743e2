//! When a part that ended starts again: the crash rules of architecture.md, without clock or process.

use std::fmt;
use std::time::Duration;

use ipc_schema::topology::Process;

/// A life shorter than this counts towards giving up. Long enough for a start on a slow machine to fail, short enough that a
/// part which works for a while and then falls is never given up.
pub const SHORT_LIFE: Duration = Duration::from_secs(2);

/// The wait after the second short life in a row; it doubles with each. The first restart never waits: a crash is seldom
/// the part's own start.
pub const BACK_OFF_FIRST: Duration = Duration::from_millis(200);

/// The longest wait: a person still sees that something is tried.
pub const BACK_OFF_MOST: Duration = Duration::from_secs(5);

/// After so many short lives in a row nothing more is tried, about 20 s after the first: what breaks at each start does not
/// heal by itself, and a loop of starts costs battery and hides the fault.
pub const GIVE_UP_AFTER: u32 = 8;

/// How a process ended, which is all that the supervisor reads of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this status.
    Exit(i32),
    /// By this signal.
    Signal(i32),
    /// It never became its program.
    NotStarted,
}

/// The exit statuses that mean something (`ipc_schema::child::Exit`).
const DONE: i32 = 0;
const LOCK: i32 = 2;
const WRONG_PASSPHRASE: i32 = 3;
const VAULT_UNREADABLE: i32 = 4;
const SETTING: i32 = 5;

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit(DONE) => f.write_str("done"),
            Self::Exit(LOCK) => f.write_str("lock"),
            Self::Exit(WRONG_PASSPHRASE) => f.write_str("wrong passphrase"),
            Self::Exit(VAULT_UNREADABLE) => f.write_str("vault unreadable"),
            Self::Exit(SETTING) => f.write_str("a setting cannot be had"),
            Self::Exit(code) => write!(f, "exit {code}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
            Self::NotStarted => f.write_str("not started"),
        }
    }
}

/// What follows from an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Start it again at this moment.
    Again {
        /// On the same clock as `now`.
        at: Duration,
    },
    /// It stays down; the rest of the suite stays up.
    GiveUp,
    /// The suite ends with this exit code.
    EndSuite {
        /// Of the command line's contract.
        code: u8,
    },
}

/// What is remembered of one part over its lives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct History {
    /// Starts after the first, those of jobs that were done left out.
    pub restarts: u32,
    /// Short lives in a row.
    short_lives: u32,
    /// When the present life began.
    started: Duration,
    /// It was killed because what it leaned on died; no fault of its own.
    taken_down: bool,
    /// How the last life ended.
    pub last: Option<Ended>,
    /// Nothing more is tried.
    pub given_up: bool,
}

impl History {
    /// A life begins.
    pub fn started(&mut self, now: Duration) {
        self.started = now;
        self.taken_down = false;
    }

    /// It will be killed because what it leaned on died.
    pub fn taken_down(&mut self) {
        self.taken_down = true;
    }

    /// A life ended. `now` is on the clock that [`History::started`] was told.
    pub fn ended(&mut self, process: &Process, how: Ended, now: Duration) -> Verdict {
        let first_life = self.restarts == 0;
        if process.disposable && how == Ended::Exit(DONE) {
            self.short_lives = 0;
            return Verdict::Again { at: now };
        }
        self.last = Some(how);
        if let Some(code) = ends_suite(process, how, first_life) {
            return Verdict::EndSuite { code };
        }
        self.restarts = self.restarts.saturating_add(1);
        if self.taken_down {
            return Verdict::Again { at: now };
        }
        if now.saturating_sub(self.started) >= SHORT_LIFE {
            self.short_lives = 0;
            return Verdict::Again { at: now };
        }
        self.short_lives = self.short_lives.saturating_add(1);
        self.given_up = self.short_lives >= GIVE_UP_AFTER;
        if self.given_up { Verdict::GiveUp } else { Verdict::Again { at: now + back_off(self.short_lives) } }
    }
}

/// The window was closed, or the start failed by what only a person can change. Later the same exits are faults like any
/// other: a part that was taken over shall not name the suite's end.
fn ends_suite(process: &Process, how: Ended, first_life: bool) -> Option<u8> {
    match how {
        Ended::Exit(DONE) if !process.headless => Some(0),
        Ended::Exit(WRONG_PASSPHRASE) if first_life => Some(3),
        Ended::Exit(VAULT_UNREADABLE | SETTING) | Ended::NotStarted if first_life => Some(1),
        _ => None,
    }
}

fn back_off(short_lives: u32) -> Duration {
    match short_lives {
        0 | 1 => Duration::ZERO,
        more => BACK_OFF_FIRST.saturating_mul(1 << (more - 2).min(16)).min(BACK_OFF_MOST),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ipc_schema::topology::CLIENT;

    const AT: Duration = Duration::from_secs(100);
    const FAULT: Ended = Ended::Exit(1);

    fn process(name: &str) -> &'static Process {
        CLIENT.process(name).unwrap()
    }

    /// Waits between short lives, until it is given up.
    fn waits(process: &Process, how: Ended, alive: Duration) -> Vec<u128> {
        let mut history = History { restarts: 1, ..History::default() };
        let mut waits = Vec::new();
        let mut now = AT;
        for _ in 0..20 {
            history.started(now);
            now += alive;
            match history.ended(process, how, now) {
                Verdict::Again { at } => {
                    waits.push((at - now).as_millis());
                    now = at;
                }
                Verdict::GiveUp => return waits,
                Verdict::EndSuite { .. } => panic!("the suite must stay up"),
            }
        }
        waits
    }

    #[test]
    fn the_first_restart_is_at_once_then_the_wait_doubles_and_the_eighth_short_life_is_the_last() {
        assert_eq!(waits(process("onion"), FAULT, Duration::ZERO), [0, 200, 400, 800, 1600, 3200, 5000]);
        assert_eq!(waits(process("netd"), Ended::Signal(9), Duration::from_millis(1999)).len(), 7);
    }

    #[test]
    fn a_part_that_lived_longer_starts_with_a_clean_count() {
        assert_eq!(waits(process("onion"), FAULT, SHORT_LIFE), [0; 20]);
        let mut history = History::default();
        for _ in 0..7 {
            history.started(AT);
            history.ended(process("onion"), FAULT, AT);
        }
        history.started(AT);
        history.ended(process("onion"), FAULT, AT + SHORT_LIFE);
        history.started(AT);
        assert_eq!(history.ended(process("onion"), FAULT, AT), Verdict::Again { at: AT });
    }

    #[test]
    fn a_job_that_is_done_is_no_restart_but_a_job_that_fell_is() {
        let mut history = History::default();
        for _ in 0..100 {
            history.started(AT);
            assert_eq!(history.ended(process("mediad"), Ended::Exit(0), AT), Verdict::Again { at: AT });
        }
        assert_eq!((history.restarts, history.last), (0, None));
        history.ended(process("mediad"), Ended::Signal(31), AT);
        assert_eq!((history.restarts, history.last), (1, Some(Ended::Signal(31))));
    }

    #[test]
    fn what_was_taken_down_with_keyvault_is_not_blamed() {
        let mut history = History::default();
        for _ in 0..20 {
            history.started(AT);
            history.taken_down();
            assert_eq!(history.ended(process("stored"), Ended::Signal(9), AT), Verdict::Again { at: AT });
        }
        assert_eq!(history.restarts, 20);
    }

    #[test]
    fn a_lock_starts_keyvault_again_and_never_ends_the_suite() {
        let mut history = History::default();
        history.started(AT);
        let later = AT + Duration::from_secs(60);
        assert_eq!(history.ended(process("keyvault"), Ended::Exit(2), later), Verdict::Again { at: later });
    }

    #[test]
    fn what_a_person_must_change_ends_the_suite_at_the_start_only() {
        for (status, code) in [(3, 3), (4, 1), (5, 1)] {
            let mut history = History::default();
            history.started(AT);
            assert_eq!(
                history.ended(process("keyvault"), Ended::Exit(status), AT),
                Verdict::EndSuite { code }
            );
            let mut later = History { restarts: 1, ..History::default() };
            later.started(AT);
            assert_eq!(later.ended(process("netd"), Ended::Exit(status), AT), Verdict::Again { at: AT });
        }
    }

    #[test]
    fn closing_the_window_ends_the_suite_and_no_other_exit_0_does() {
        let mut history = History { restarts: 3, ..History::default() };
        assert_eq!(history.ended(process("ui"), Ended::Exit(0), AT), Verdict::EndSuite { code: 0 });
        for name in ["keyvault", "netd", "onion", "stored"] {
            let verdict = History::default().ended(process(name), Ended::Exit(0), AT);
            assert!(matches!(verdict, Verdict::Again { .. }), "{name}");
        }
    }
}
