//! Texts that are at their end go, a few at a time, whoever wrote them (docs/protocol/content.md, "Disappearing").

use std::time::Duration;

use ipc_schema::Timestamp;
use ipc_schema::clock::ClockOffset;

use super::aged::{self, AT_ONCE, PAUSE};
use super::circuits::Circuits;
use super::event::{EndEvent, Timer};
use super::turn::Turn;
use crate::error::StoreError;

/// So long after a start, or after the clock was set back, nothing goes unless relays have said how the clock is: that may be wrong by
/// years, and what goes does not come back.
const SETTLE: Duration = Duration::from_secs(60);
/// While relays call the clock wrong it is asked so often whether they still do.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// When the next goes.
#[derive(Default)]
pub(super) struct Ends {
    /// A timer is set for then, and for nothing earlier.
    next: Option<Timestamp>,
    /// Until then only a clock that relays know is believed.
    settled: Timestamp,
}

impl Ends {
    pub(super) fn handle(
        &mut self,
        turn: &mut Turn,
        circuits: &Circuits,
        event: EndEvent,
    ) -> Result<(), StoreError> {
        match event {
            EndEvent::SetBack => self.set_back(turn),
            EndEvent::Begun(at) => {
                self.look_at(turn, at);
                Ok(())
            }
            EndEvent::Look => self.look(turn, circuits.network().clock),
        }
    }

    fn set_back(&mut self, turn: &mut Turn) -> Result<(), StoreError> {
        turn.store.no_end_later_than(turn.now)?;
        self.settled = turn.now.after(SETTLE);
        self.next = None;
        if let Some(at) = turn.store.next_end()? {
            self.look_at(turn, at);
        }
        Ok(())
    }

    fn look_at(&mut self, turn: &mut Turn, at: Timestamp) {
        if self.next.is_none_or(|next| at < next) {
            self.next = Some(at);
            turn.set_timer(at, Timer::Ends);
        }
    }

    fn look(&mut self, turn: &mut Turn, clock: Option<ClockOffset>) -> Result<(), StoreError> {
        self.next = None;
        let not_before = match clock {
            Some(clock) if clock.is_wrong() => turn.now.after(LOOK_AGAIN),
            None if turn.now < self.settled => self.settled,
            Some(_) | None => {
                let ended = turn.store.ended(turn.now, AT_ONCE)?;
                aged::go(turn, &ended)?;
                turn.now.after(PAUSE)
            }
        };
        if let Some(at) = turn.store.next_end()? {
            self.look_at(turn, at.max(not_before));
        }
        Ok(())
    }
}
