//! How many local programs a process serves at a time, and who leaves when one more comes.
//!
//! Whoever runs as the owner may connect, also a program that does nothing but hold connections. The bound keeps it from
//! using up the process's descriptors; the rules below keep it from shutting the owner out with idle ones.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::task::Waker;
use std::time::Duration;

use tokio::time::Instant;

use crate::limits::OUTSIDE_CONNECTIONS_MAX;

/// Nothing moved for so long and nothing is asked: then it makes room for one more. A command asks within milliseconds; a
/// program that only follows events comes back with the number of the last one.
const IDLE: Duration = Duration::from_secs(10);

/// Nothing moved for so long though something is asked: no command waits longer for an answer (a passphrase is made slow on
/// purpose, 120 s at most).
const STUCK: Duration = Duration::from_secs(150);

/// The connections of local programs that one process serves.
#[derive(Debug, Default)]
pub(crate) struct Seats {
    taken: RefCell<Vec<Weak<Taken>>>,
}

/// One connection's place. It is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Seat(Rc<Taken>);

#[derive(Debug)]
struct Taken {
    since: Instant,
    called: Cell<bool>,
    /// Questions that wait for an answer.
    asked: Cell<u64>,
    moved: Cell<Instant>,
    vacated: Cell<bool>,
    /// Reader and writer, to be told when the place is vacated.
    wakers: RefCell<[Option<Waker>; 2]>,
}

/// Which half of a connection waits.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Half {
    Reader,
    Writer,
}

impl Seats {
    /// A place for one more. Where all are taken somebody leaves: who never made a call, the oldest first; else who is idle or
    /// stuck, the longest first. `None`: all are at work.
    pub(crate) fn take(&self, now: Instant) -> Option<Seat> {
        let mut taken = self.taken.borrow_mut();
        taken.retain(|seat| seat.strong_count() > 0);
        if taken.len() >= OUTSIDE_CONNECTIONS_MAX {
            let ranked = taken.iter().enumerate();
            let (_, leaves) = ranked.filter_map(|(at, seat)| Some((seat.upgrade()?.rank(now)?, at))).min()?;
            if let Some(seat) = taken.remove(leaves).upgrade() {
                seat.vacate();
            }
        }
        let seat = Rc::new(Taken {
            since: now,
            called: Cell::new(false),
            asked: Cell::new(0),
            moved: Cell::new(now),
            vacated: Cell::new(false),
            wakers: RefCell::default(),
        });
        taken.push(Rc::downgrade(&seat));
        Some(Seat(seat))
    }
}

impl Taken {
    /// Who leaves first, if it may be made to leave.
    fn rank(&self, now: Instant) -> Option<(bool, Instant)> {
        if !self.called.get() {
            return Some((false, self.since));
        }
        let longest = if self.asked.get() == 0 { IDLE } else { STUCK };
        (now - self.moved.get() >= longest).then_some((true, self.moved.get()))
    }

    fn vacate(&self) {
        self.vacated.set(true);
        self.wakers.borrow_mut().iter_mut().filter_map(Option::take).for_each(Waker::wake);
    }
}

impl Seat {
    /// Bytes went one way or the other; `asked` questions wait for an answer, and a call was made or not.
    pub(crate) fn moved(&self, asked: u64, called: bool) {
        self.0.asked.set(asked);
        self.0.called.set(self.0.called.get() || called);
        self.0.moved.set(Instant::now());
    }

    /// Whether another has the place now. If not, the waker is woken when that is so.
    pub(crate) fn is_vacated(&self, half: Half, waker: &Waker) -> bool {
        if self.0.vacated.get() {
            return true;
        }
        let mut wakers = self.0.wakers.borrow_mut();
        let [reader, writer] = &mut *wakers;
        let place = match half {
            Half::Reader => reader,
            Half::Writer => writer,
        };
        if !place.as_ref().is_some_and(|old| old.will_wake(waker)) {
            *place = Some(waker.clone());
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn full(seats: &Seats, start: Instant) -> Vec<Seat> {
        (0..OUTSIDE_CONNECTIONS_MAX).map(|_| seats.take(start).unwrap()).collect()
    }

    fn vacated(seats: &[Seat]) -> Vec<usize> {
        let gone = seats.iter().enumerate().filter(|(_, seat)| seat.0.vacated.get());
        gone.map(|(at, _)| at).collect()
    }

    #[test]
    fn while_all_are_at_work_one_more_is_refused_until_one_leaves() {
        let (seats, start) = (Seats::default(), Instant::now());
        let mut held = full(&seats, start);
        held.iter().for_each(|seat| seat.moved(0, true));
        assert!(seats.take(Instant::now()).is_none());
        assert_eq!(vacated(&held), []);
        held.pop();
        assert!(seats.take(Instant::now()).is_some());
    }

    #[test]
    fn who_never_called_makes_room_the_oldest_first() {
        let (seats, start) = (Seats::default(), Instant::now());
        let held = full(&seats, start);
        for at in [0, 1, 3] {
            held[at].moved(0, true);
        }
        let _two = [seats.take(start), seats.take(start)].map(Option::unwrap);
        assert_eq!(vacated(&held), [2, 4]);
    }

    #[test]
    fn who_is_idle_makes_room_before_who_waits_for_an_answer() {
        let (seats, start) = (Seats::default(), Instant::now());
        let held = full(&seats, start);
        for (at, seat) in held.iter().enumerate() {
            seat.moved(u64::from(at < 2), true);
            seat.0.moved.set(start + SECOND * u32::try_from(at).unwrap());
        }
        assert!(seats.take(start + IDLE).is_none());
        let third = seats.take(start + IDLE + SECOND * 2).unwrap();
        assert_eq!(vacated(&held), [2]);
        third.moved(0, true);
        third.0.moved.set(start + STUCK);
        let _first = seats.take(start + STUCK).unwrap();
        assert_eq!(vacated(&held), [0, 2]);
    }

    #[test]
    fn both_halves_hear_that_the_place_is_gone() {
        let seats = Seats::default();
        let held = full(&seats, Instant::now());
        let waker = Waker::noop();
        assert!(!held[0].is_vacated(Half::Reader, waker) && !held[0].is_vacated(Half::Writer, waker));
        let _new = seats.take(Instant::now()).unwrap();
        assert!(held[0].is_vacated(Half::Reader, waker) && held[0].is_vacated(Half::Writer, waker));
        assert!(!held[1].is_vacated(Half::Reader, waker));
    }
}
