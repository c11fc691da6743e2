//! Texts that are at their end go, a few at a time, whoever wrote them (docs/protocol/content.md, "Disappearing").

use std::collections::BTreeSet;
use std::time::Duration;

use ipc_schema::Timestamp;
use ipc_schema::clock::ClockOffset;

use super::circuits::Circuits;
use super::event::{EndEvent, Timer};
use super::turn::Turn;
use crate::error::StoreError;
use crate::store::EventKind;

/// Texts that go in one transaction: each is taken out of the indexes of words.
const AT_ONCE: u32 = 64;
/// Between two of these all else has its turn.
const PAUSE: Duration = Duration::from_millis(50);
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
                end(turn)?;
                turn.now.after(PAUSE)
            }
        };
        if let Some(at) = turn.store.next_end()? {
            self.look_at(turn, at.max(not_before));
        }
        Ok(())
    }
}

/// Takes the first of those that are at their end. What of an own one was sealed stays sealed until it is acked, for the contents behind it
/// name its hash.
fn end(turn: &mut Turn) -> Result<(), StoreError> {
    let ended = turn.store.ended(turn.now, AT_ONCE)?;
    let mut contacts = BTreeSet::new();
    for text in &ended {
        turn.store.end_message(text, turn.now)?;
        turn.event(&EventKind::Gone { id: text.id.clone(), contact: text.contact })?;
        contacts.insert(text.contact);
    }
    for contact in contacts {
        turn.store.forget_oldest_names(contact)?;
        turn.store.refresh_contact(contact)?;
        turn.event(&EventKind::Contact { contact })?;
    }
    Ok(())
}
