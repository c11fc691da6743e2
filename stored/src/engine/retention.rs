//! What is older than the user keeps it is deleted here, a little at a time (docs/protocol/content.md, "What stays here").

use std::time::Duration;

use ipc_schema::Timestamp;
use ipc_schema::clock::ClockOffset;
use ipc_schema::edge::ui_stored::RETENTION_LONGEST_S;

use super::aged::{self, AT_ONCE, PAUSE};
use super::circuits::Circuits;
use super::event::{RetentionEvent, Timer};
use super::turn::Turn;
use crate::error::StoreError;
use crate::ids::ContactId;
use crate::store::EventKind;

/// Between two looks. Where texts are kept for less, that is.
const EVERY: Duration = Duration::from_secs(60);
/// While it is not known that the clock is right.
const AGAIN: Duration = Duration::from_secs(10);
/// So long relays' word on the clock holds before anything goes by it. onion looks at the clock each second, and takes back what relays
/// said of one that has leapt.
const SURE: Duration = Duration::from_secs(5);
/// No two looks are so far apart, but where the clock has leapt or nothing ran.
const LEAP: Duration = Duration::from_secs(180);

/// Whether the clock is believed. Unlike a timer's texts, which were written to go, these are all that there is: without relays' word
/// nothing of them goes, however long that takes.
#[derive(Default)]
pub(super) struct Retention {
    /// When it was last looked.
    looked: Timestamp,
    /// A timer is set for then, unless that is over.
    next: Timestamp,
    /// Since then relays say that the clock is right, and it has not leapt.
    right_since: Option<Timestamp>,
}

impl Retention {
    pub(super) fn handle(
        &mut self,
        turn: &mut Turn,
        circuits: &Circuits,
        event: RetentionEvent,
    ) -> Result<(), StoreError> {
        match event {
            RetentionEvent::Look => self.look(turn, circuits.network().clock),
        }
    }

    fn look(&mut self, turn: &mut Turn, clock: Option<ClockOffset>) -> Result<(), StoreError> {
        let is_sure = self.is_sure(turn.now, clock);
        let Some(shortest) = turn.store.shortest_retention()? else { return Ok(()) };
        let wait = match self.right_since {
            None => AGAIN,
            Some(_) if !is_sure => SURE,
            Some(_) => {
                let old = turn.store.too_old(turn.now, AT_ONCE)?;
                aged::go(turn, &old)?;
                if old.is_empty() { EVERY.min(Duration::from_secs(shortest.into())) } else { PAUSE }
            }
        };
        let at = turn.now.after(wait);
        if self.next <= turn.now || at < self.next {
            self.next = at;
            turn.set_timer(at, Timer::Retention);
        }
        Ok(())
    }

    fn is_sure(&mut self, now: Timestamp, clock: Option<ClockOffset>) -> bool {
        let gap = self.looked.age(now);
        self.looked = now;
        if clock.is_none_or(ClockOffset::is_wrong) {
            self.right_since = None;
        } else if self.right_since.is_none() || gap.is_none_or(|gap| gap > LEAP) {
            self.right_since = Some(now);
        }
        self.right_since.is_some_and(|since| now.since(since) >= SURE)
    }
}

/// From now on what is said with a contact is kept for so long.
pub(super) fn set(turn: &mut Turn, contact: ContactId, seconds: u32) -> Result<(), StoreError> {
    turn.store.set_retention_of(contact, seconds.min(RETENTION_LONGEST_S))?;
    turn.wish(RetentionEvent::Look);
    Ok(())
}

/// The same for all that have nothing of their own.
pub(super) fn set_for_all(turn: &mut Turn, seconds: u32) -> Result<(), StoreError> {
    let seconds = seconds.min(RETENTION_LONGEST_S);
    if turn.store.retention()? == seconds {
        return Ok(());
    }
    turn.store.set_retention(seconds)?;
    for contact in turn.store.without_retention()? {
        turn.event(&EventKind::Contact { contact })?;
    }
    turn.wish(RetentionEvent::Look);
    Ok(())
}
