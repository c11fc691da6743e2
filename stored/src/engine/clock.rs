//! A clock that is set back: what was to come in a moment must not wait for the hour to pass again.

use std::time::Duration;

use ipc_schema::Timestamp;

use super::Engine;
use crate::error::StoreError;

/// Less is no setting of a clock but its drift being corrected; waiting it out is cheaper.
const SET_BACK: Duration = Duration::from_secs(1);

/// No deposit waits longer by intent: eight means of the second replica's delay.
const LONGEST_WAIT: Duration = Duration::from_secs(40);

fn sooner(at: Timestamp, by: Duration) -> Timestamp {
    Timestamp(at.0.saturating_sub(u64::try_from(by.as_millis()).unwrap_or(u64::MAX)))
}

impl Engine {
    /// Takes the clock's time. Where it was set back, every wait in memory ends as much sooner.
    pub(super) fn set_now(&mut self, now: Timestamp) {
        let by = self.now.since(now);
        self.turn.now = now;
        if by < SET_BACK {
            return;
        }
        self.turn.set_back(|at| sooner(at, by));
        self.circuits.set_back(|at| sooner(at, by));
        let memory = &mut self.memory;
        memory.pacing.values_mut().for_each(|pacing| pacing.sooner(|at| sooner(at, by)));
        memory.clock_set_back = true;
        self.suspended_until = self.suspended_until.map(|until| sooner(until, by));
    }

    /// The same for the waits that stand in the store. Also at every start: the clock may have been set while nothing ran.
    pub(super) fn after_set_back(&mut self) -> Result<(), StoreError> {
        self.memory.clock_set_back = false;
        self.store.nothing_later_than(self.now, LONGEST_WAIT)
    }
}
