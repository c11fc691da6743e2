//! Whose the next try is among local programs, which share one count. A caller that was told to wait has a place; a turn that is
//! free belongs to the first place whose time has come, and until one has, to whoever comes.
//!
//! So a loop of new connections gets no turn that somebody waits for, and many that wait get one each, in the order in which they
//! came. Without clock: `now` is the time since the process began.

use std::time::Duration;

use ipc_schema::limits::OUTSIDE_CONNECTIONS_MAX;

/// How long a turn is kept for who does not come: a command asks every second, and a person who was told whole seconds is not
/// late by more.
pub(super) const GRACE: Duration = Duration::from_secs(10);

/// Who waits, in the order in which they came.
#[derive(Clone, Debug, Default)]
pub(super) struct Turns {
    places: Vec<Waiting>,
}

#[derive(Clone, Debug)]
struct Waiting {
    caller: u64,
    /// When it was told to come, or might have come first.
    due: Duration,
}

impl Turns {
    /// How long `caller` must wait, which has a place from then on; zero: it may try. A try is free at `free`, and the `n`-th from
    /// now makes the next one wait for `pause(n)`.
    pub(super) fn ask(
        &mut self,
        caller: u64,
        now: Duration,
        free: Duration,
        pause: impl Fn(u32) -> Duration,
    ) -> Duration {
        self.places.retain(|place| now <= place.due.max(free) + GRACE);
        let at = self.places.iter().position(|place| place.caller == caller).unwrap_or(self.places.len());
        let before = self.places.iter().take(at);
        let mine = now >= free && before.clone().all(|place| place.due > now);
        let tries = (1..).zip(before).map(|(nth, _)| pause(nth));
        let due = if mine { now } else { tries.fold(free.max(now), |due, pause| due + pause) };
        match self.places.get_mut(at) {
            // Asking again holds a turn no longer that has come already.
            Some(place) if mine => place.due = place.due.min(now),
            Some(place) => place.due = due,
            None if at < OUTSIDE_CONNECTIONS_MAX => self.places.push(Waiting { caller, due }),
            None => {}
        }
        due.saturating_sub(now)
    }

    /// It has tried, or is gone.
    pub(super) fn leave(&mut self, caller: u64) {
        self.places.retain(|place| place.caller != caller);
    }

    /// How many have one.
    #[cfg(test)]
    pub(super) fn places(&self) -> usize {
        self.places.len()
    }

    /// Nobody must wait any more.
    pub(super) fn clear(&mut self) {
        self.places.clear();
    }
}
