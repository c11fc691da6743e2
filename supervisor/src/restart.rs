//! When a part that ended starts again: the crash rules (docs/architecture.md, "Crash rules"), without clock or process.

use std::collections::VecDeque;
use std::time::Duration;

use ipc_schema::child::Exit;
use ipc_schema::topology::Process;

use crate::ended::Ended;
use crate::why::Why;

/// A life shorter than this counts towards giving up. Long enough for a start on a slow machine to fail, short enough that a
/// part which works for a while and then falls is never given up.
pub const SHORT_LIFE: Duration = Duration::from_secs(2);

/// The wait after the second short life in a row; it doubles with each. The first restart never waits: a crash is seldom
/// the part's own start.
pub const BACK_OFF_FIRST: Duration = Duration::from_millis(200);

/// The longest wait after short lives: a person still sees that something is tried.
pub const BACK_OFF_MOST: Duration = Duration::from_secs(5);

/// After so many short lives in a row nothing more is tried, about 20 s after the first: what breaks at each start does not
/// heal by itself, and a loop of starts costs battery and hides the fault.
pub const GIVE_UP_AFTER: u32 = 8;

/// Falls within this time count towards [`FALLS_FREE`], however long each life was.
pub const FALLS_WINDOW: Duration = Duration::from_secs(3600);

/// Falls within [`FALLS_WINDOW`] that cost no wait. Each life of a part that a stranger reaches is a try at breaking in, which
/// may need many; a part that falls by its own faults seldom falls ten times in an hour.
pub const FALLS_FREE: usize = 10;

/// The wait after the first fall beyond [`FALLS_FREE`]; it doubles with each, up to [`FALLS_WAIT_MOST`]. So no part gets more than
/// 25 lives in any hour, and none that lived is given up for good.
pub const FALLS_WAIT_FIRST: Duration = Duration::from_secs(1);

/// The longest wait: what was attacked an hour ago comes back by itself within a coffee break.
pub const FALLS_WAIT_MOST: Duration = Duration::from_secs(600);

/// A life of a disposable part that is over sooner may have done no job at all. A start with its walls takes 10 to 30 ms, a
/// photograph of a telephone more than 100 ms.
pub const SHORT_JOB: Duration = Duration::from_millis(100);

/// Short jobs in a row that cost no wait: the pictures of an album arrive together.
pub const SHORT_JOBS_FREE: u32 = 16;

/// The longest wait after short jobs; it is no fault to do many, so none is given up.
pub const SHORT_JOBS_WAIT_MOST: Duration = Duration::from_secs(1);

/// A locked part starts again no sooner than this after its last start: a loop of locks cannot keep the machine busy, and nobody
/// who locks and unlocks by hand notices.
pub const LOCKS_APART: Duration = Duration::from_millis(200);

/// What a life was when it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// How it ended.
    pub how: Ended,
    /// Whether it had told that its start is complete. Until then it has read nothing from outside.
    pub started: bool,
    /// Whether it had been given a passphrase, which is gone with it.
    pub passphrase: bool,
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
    /// The suite ends.
    EndSuite(Why),
}

/// What is remembered of one part over its lives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// Starts after the first, those of jobs that were done left out.
    pub restarts: u32,
    /// When each fall within [`FALLS_WINDOW`] was, the oldest first.
    falls: VecDeque<Fall>,
    /// Lives that ended.
    lives: u64,
    /// A life got its start complete.
    has_started: bool,
    /// Short lives in a row.
    short_lives: u32,
    /// Short jobs in a row.
    short_jobs: u32,
    /// When the present life began.
    began: Duration,
    /// It was killed because what it leaned on died; no fault of its own.
    taken_down: bool,
    /// How the last life ended that was not taken down.
    pub last: Option<Ended>,
    /// Nothing more is tried.
    pub given_up: bool,
}

/// An end that nobody wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fall {
    /// When it was, on the clock of [`History::started`].
    pub at: Duration,
    /// By a signal: a wall, a panic, or somebody's kill.
    pub by_signal: bool,
}

impl History {
    /// A life begins.
    pub fn started(&mut self, now: Duration) {
        self.began = now;
        self.taken_down = false;
    }

    /// It will be killed because what it leaned on died.
    pub fn taken_down(&mut self) {
        self.taken_down = true;
    }

    /// Whether a life that ended had its start complete.
    #[must_use]
    pub fn has_started(&self) -> bool {
        self.has_started
    }

    /// Its falls within [`FALLS_WINDOW`] as of the last [`History::forget`], the oldest first.
    pub fn falls(&self) -> impl Iterator<Item = Fall> {
        self.falls.iter().copied()
    }

    /// Forgets falls that are too old to count; whether there were some.
    pub fn forget(&mut self, now: Duration) -> bool {
        let before = self.falls.len();
        while self.falls.front().is_some_and(|fall| now.saturating_sub(fall.at) >= FALLS_WINDOW) {
            self.falls.pop_front();
        }
        self.falls.len() < before
    }

    /// When the oldest fall is to be forgotten.
    #[must_use]
    pub fn forget_at(&self) -> Option<Duration> {
        self.falls.front().map(|fall| fall.at + FALLS_WINDOW)
    }

    /// A life ended. `now` is on the clock that [`History::started`] was told.
    pub fn ended(&mut self, process: &Process, end: End, now: Duration) -> Verdict {
        let first_life = self.lives == 0;
        self.lives += 1;
        self.has_started |= end.started;
        if process.disposable && end.how == Ended::Exit(0) {
            return Verdict::Again { at: now + self.job_done(now) };
        }
        // Of a life that was ended for another's sake, how it ended says nothing of it.
        if !self.taken_down {
            self.last = Some(end.how);
        }
        if let Some(why) = ends_suite(process, end, first_life) {
            return Verdict::EndSuite(why);
        }
        self.restarts = self.restarts.saturating_add(1);
        if self.taken_down {
            return Verdict::Again { at: now };
        }
        if process.locks && end.how == Ended::Exit(Exit::Lock.code().into()) {
            return Verdict::Again { at: now.max(self.began + LOCKS_APART) };
        }
        self.fell(end.how, now)
    }

    /// How long a fresh one of a disposable part waits.
    fn job_done(&mut self, now: Duration) -> Duration {
        self.short_lives = 0;
        let short = now.saturating_sub(self.began) < SHORT_JOB;
        self.short_jobs = if short { self.short_jobs.saturating_add(1) } else { 0 };
        let beyond = self.short_jobs.saturating_sub(SHORT_JOBS_FREE);
        doubling(BACK_OFF_FIRST, beyond, SHORT_JOBS_WAIT_MOST)
    }

    fn fell(&mut self, how: Ended, now: Duration) -> Verdict {
        self.falls.push_back(Fall { at: now, by_signal: matches!(how, Ended::Signal(_)) });
        self.forget(now);
        let beyond = u32::try_from(self.falls.len().saturating_sub(FALLS_FREE)).unwrap_or(u32::MAX);
        let budget = doubling(FALLS_WAIT_FIRST, beyond, FALLS_WAIT_MOST);
        let short = how == Ended::NotStarted || now.saturating_sub(self.began) < SHORT_LIFE;
        self.short_lives = if short { self.short_lives.saturating_add(1) } else { 0 };
        self.given_up = self.short_lives >= GIVE_UP_AFTER;
        if !self.given_up {
            let wait = doubling(BACK_OFF_FIRST, self.short_lives.saturating_sub(1), BACK_OFF_MOST);
            return Verdict::Again { at: now + wait.max(budget) };
        }
        // What never got so far as to read a stranger's byte was not brought down by one: it cannot work here.
        if self.has_started { Verdict::GiveUp } else { Verdict::EndSuite(Why::CannotStart) }
    }
}

/// The window was closed, or the start failed by what only a person can change. What may be said so, by whom and when, is the
/// topology's: a part that was taken over shall not name the suite's end.
fn ends_suite(process: &Process, end: End, first_life: bool) -> Option<Why> {
    match end.how {
        Ended::Exit(0) if !process.headless => return Some(Why::Closed),
        Ended::NotStarted if first_life => return Some(Why::CannotStart),
        _ if end.started || !first_life => return None,
        _ => {}
    }
    let said = match end.how {
        Ended::Exit(code) => Exit::of(code).filter(|exit| process.ends.contains(exit)),
        Ended::Signal(_) | Ended::NotStarted => None,
    };
    said.map(Why::Said).or(end.passphrase.then_some(Why::PassphraseLost))
}

/// Nothing for 0, then `first`, doubled with each more, at most `most`.
fn doubling(first: Duration, times: u32, most: Duration) -> Duration {
    match times {
        0 => Duration::ZERO,
        times => first.saturating_mul(1 << (times - 1).min(16)).min(most),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ipc_schema::topology::{CLIENT, RELAY};

    const AT: Duration = Duration::from_secs(100);
    const FAULT: Ended = Ended::Exit(1);
    const SEGV: Ended = Ended::Signal(11);

    fn process(name: &str) -> &'static Process {
        CLIENT.process(name).unwrap()
    }

    /// An end after a complete start.
    fn late(how: Ended) -> End {
        End { how, started: true, passphrase: false }
    }

    /// An end before it.
    fn early(how: Ended, passphrase: bool) -> End {
        End { how, started: false, passphrase }
    }

    /// Lives of the same length with the same end, until it is given up: the waits between them.
    fn waits(process: &Process, how: Ended, alive: Duration, lives: u32) -> Vec<Duration> {
        let mut history = History::default();
        let mut waits = Vec::new();
        let mut now = AT;
        for _ in 0..lives {
            history.started(now);
            now += alive;
            match history.ended(process, late(how), now) {
                Verdict::Again { at } => {
                    waits.push(at - now);
                    now = at;
                }
                Verdict::GiveUp => return waits,
                Verdict::EndSuite(why) => panic!("the suite must stay up: {why:?}"),
            }
        }
        waits
    }

    fn millis(waits: &[Duration]) -> Vec<u128> {
        waits.iter().map(Duration::as_millis).collect()
    }

    #[test]
    fn the_first_restart_is_at_once_then_the_wait_doubles_and_the_eighth_short_life_is_the_last() {
        let short = waits(process("onion"), FAULT, Duration::ZERO, 20);
        assert_eq!(millis(&short), [0, 200, 400, 800, 1600, 3200, 5000]);
        assert_eq!(waits(process("netd"), SEGV, Duration::from_millis(1999), 20).len(), 7);
    }

    #[test]
    fn a_part_that_lived_longer_starts_with_a_clean_count_of_short_lives() {
        let mut history = History::default();
        for _ in 0..7 {
            history.started(AT);
            history.ended(process("onion"), late(FAULT), AT);
        }
        history.started(AT);
        history.ended(process("onion"), late(FAULT), AT + SHORT_LIFE);
        history.started(AT);
        assert_eq!(history.ended(process("onion"), late(FAULT), AT), Verdict::Again { at: AT });
    }

    #[test]
    fn a_slow_loop_of_falls_waits_longer_and_longer_after_the_tenth_in_an_hour() {
        for how in [SEGV, FAULT] {
            let alive = Duration::from_millis(2100);
            let slow: Vec<u64> =
                waits(process("netd"), how, alive, 22).iter().map(Duration::as_secs).collect();
            assert_eq!(slow[..10], [0; 10], "{how:?}");
            assert_eq!(slow[10..], [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600], "{how:?}");
        }
    }

    #[test]
    fn no_part_gets_more_than_25_lives_in_any_hour_however_it_falls_and_none_is_given_up_that_lived() {
        for alive in [2, 10, 60, 299] {
            let alive = Duration::from_secs(alive);
            let lives = 200;
            let mut now = Duration::ZERO;
            let mut falls = Vec::new();
            for wait in waits(process("netd"), SEGV, alive, lives) {
                now += alive;
                falls.push(now);
                now += wait;
            }
            assert_eq!(falls.len(), 200);
            let most = falls.iter().map(|begin| {
                falls.iter().filter(|at| **at >= *begin && **at < *begin + FALLS_WINDOW).count()
            });
            assert!(most.max() <= Some(25), "{alive:?}");
        }
    }

    #[test]
    fn falls_are_forgotten_after_an_hour() {
        let mut history = History::default();
        let mut now = AT;
        for _ in 0..50 {
            history.started(now);
            now += FALLS_WINDOW / 9;
            assert_eq!(history.ended(process("netd"), late(SEGV), now), Verdict::Again { at: now });
        }
        assert_eq!(history.falls().count(), 9);
        assert!(history.falls().all(|fall| fall.by_signal));
        let at = history.forget_at().unwrap();
        assert!(!history.forget(at - Duration::from_millis(1)) && history.forget(at));
        assert_eq!(history.falls().count(), 8);
    }

    #[test]
    fn a_job_that_is_done_is_no_restart_but_a_job_that_fell_is() {
        let mut history = History::default();
        let mut now = AT;
        for _ in 0..100 {
            history.started(now);
            now += SHORT_JOB;
            let done = history.ended(process("mediad"), late(Ended::Exit(0)), now);
            assert_eq!(done, Verdict::Again { at: now });
        }
        assert_eq!((history.restarts, history.last), (0, None));
        history.ended(process("mediad"), late(Ended::Signal(31)), now);
        assert_eq!((history.restarts, history.last), (1, Some(Ended::Signal(31))));
        assert_eq!(history.falls().count(), 1);
    }

    #[test]
    fn a_mediad_that_is_done_at_once_again_and_again_is_started_once_a_second() {
        let quick = waits(process("mediad"), Ended::Exit(0), Duration::from_millis(1), 40);
        assert_eq!(millis(&quick[..16]), [0; 16], "an album's pictures do not wait");
        assert_eq!(millis(&quick[16..20]), [200, 400, 800, 1000]);
        assert_eq!(millis(&quick[20..]), [1000; 20], "and it is never given up");
    }

    #[test]
    fn what_was_taken_down_with_keyvault_is_not_blamed() {
        let mut history = History::default();
        for _ in 0..20 {
            history.started(AT);
            history.taken_down();
            assert_eq!(
                history.ended(process("stored"), late(Ended::Signal(9)), AT),
                Verdict::Again { at: AT }
            );
            assert_eq!(history.last, None);
        }
        assert_eq!((history.restarts, history.falls().count()), (20, 0));
    }

    #[test]
    fn a_lock_is_no_fall_however_often_it_comes_and_a_loop_of_locks_does_not_spin() {
        let lock = Ended::Exit(2);
        let by_hand = waits(process("keyvault"), lock, LOCKS_APART, 100);
        assert_eq!(by_hand, [Duration::ZERO; 100]);
        let loops = waits(process("keyvault"), lock, Duration::from_millis(1), 100);
        assert_eq!(millis(&loops), [199; 100]);
        // What falls between locks is still counted.
        let mut history = History::default();
        let verdicts: Vec<Verdict> = (0..8)
            .map(|_| {
                history.started(AT);
                history.ended(process("keyvault"), late(lock), AT);
                history.started(AT);
                history.ended(process("keyvault"), late(FAULT), AT)
            })
            .collect();
        assert_eq!(verdicts.last(), Some(&Verdict::GiveUp));
    }

    #[test]
    fn a_lock_of_any_other_part_is_a_fall() {
        for name in ["netd", "onion", "stored", "mediad", "ui"] {
            assert_eq!(waits(process(name), Ended::Exit(2), Duration::ZERO, 20).len(), 7, "{name}");
        }
    }

    #[test]
    fn what_a_person_must_change_ends_the_suite_by_who_may_say_it_and_only_before_the_start_is_complete() {
        for process in CLIENT.processes.iter().chain(RELAY.processes) {
            for code in 1..=255 {
                let how = Ended::Exit(code);
                let may = Exit::of(code).filter(|exit| process.ends.contains(exit));
                let verdict = History::default().ended(process, early(how, false), AT);
                let ends = matches!(verdict, Verdict::EndSuite(Why::Said(said)) if Some(said) == may);
                assert_eq!(ends, may.is_some(), "{} {code}: {verdict:?}", process.name);
                let verdict = History::default().ended(process, late(how), AT);
                assert!(
                    matches!(verdict, Verdict::Again { .. }),
                    "{} {code} late: {verdict:?}",
                    process.name
                );
                let mut second = History::default();
                second.ended(process, late(FAULT), AT);
                let verdict = second.ended(process, early(how, false), AT);
                assert!(
                    matches!(verdict, Verdict::Again { .. }),
                    "{} {code} again: {verdict:?}",
                    process.name
                );
            }
        }
        assert_eq!(process("keyvault").ends.len(), 5);
    }

    #[test]
    fn jobs_that_were_done_do_not_keep_a_part_in_its_first_life() {
        let mut history = History::default();
        history.ended(process("mediad"), late(Ended::Exit(0)), AT);
        let verdict = history.ended(process("mediad"), early(Ended::NotStarted, false), AT);
        assert!(matches!(verdict, Verdict::Again { .. }), "{verdict:?}");
    }

    #[test]
    fn a_part_that_cannot_be_made_again_is_not_tried_without_a_pause() {
        let mut history = History::default();
        history.started(AT);
        let late_end = AT + Duration::from_secs(500);
        history.ended(process("netd"), late(FAULT), late_end);
        let mut now = late_end;
        let mut tries = 0;
        while let Verdict::Again { at } = history.ended(process("netd"), early(Ended::NotStarted, false), now)
        {
            (now, tries) = (at, tries + 1);
        }
        assert!(tries < 8 && now > late_end + Duration::from_secs(5), "{tries} {now:?}");
    }

    #[test]
    fn a_passphrase_that_is_lost_with_its_process_ends_the_suite() {
        for how in [FAULT, SEGV, Ended::Exit(0), Ended::Exit(5)] {
            let verdict = History::default().ended(process("keyvault"), early(how, true), AT);
            assert_eq!(verdict, Verdict::EndSuite(Why::PassphraseLost), "{how:?}");
            let later = End { how, started: true, passphrase: true };
            let verdict = History::default().ended(process("keyvault"), later, AT);
            assert!(matches!(verdict, Verdict::Again { .. }), "{how:?}");
        }
    }

    #[test]
    fn what_never_got_started_ends_the_suite_instead_of_staying_down_in_silence() {
        for started in [false, true] {
            let mut history = History::default();
            history.started(AT);
            history.ended(process("onion"), End { how: FAULT, started, passphrase: false }, AT);
            assert_eq!(history.has_started(), started);
            let mut verdict = Verdict::GiveUp;
            for _ in 0..7 {
                verdict = history.ended(process("onion"), early(FAULT, false), AT);
            }
            let ends = Verdict::EndSuite(Why::CannotStart);
            assert_eq!(verdict, if started { Verdict::GiveUp } else { ends });
        }
    }

    #[test]
    fn what_cannot_be_made_at_all_ends_the_suite_at_once() {
        for process in CLIENT.processes {
            let verdict = History::default().ended(process, early(Ended::NotStarted, false), AT);
            assert_eq!(verdict, Verdict::EndSuite(Why::CannotStart), "{}", process.name);
        }
    }

    #[test]
    fn closing_the_window_ends_the_suite_and_no_other_exit_0_does() {
        let mut history = History::default();
        history.ended(process("ui"), late(FAULT), AT);
        assert_eq!(history.ended(process("ui"), late(Ended::Exit(0)), AT), Verdict::EndSuite(Why::Closed));
        for name in ["keyvault", "netd", "onion", "stored"] {
            let verdict = History::default().ended(process(name), late(Ended::Exit(0)), AT);
            assert!(matches!(verdict, Verdict::Again { .. }), "{name}");
        }
    }
}
