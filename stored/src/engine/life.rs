//! The life of what was written: what lay at relays for its time is sealed anew once, a text that nobody acked is given up, and one that
//! cannot be delivered is told as failed for as long as that is so (docs/delivery.md).

use std::collections::BTreeMap;
use std::time::Duration;

use ipc_schema::Timestamp;
use ipc_schema::clock::ClockOffset;

use super::circuits::Circuits;
use super::event::{ClaimEvent, LifeEvent, OutboxEvent, Timer};
use super::hold::{self, Wait};
use super::turn::Turn;
use crate::error::StoreError;
use crate::ids::{ContactId, OutgoingId};
use crate::store::{Contact, Delivery, EventKind, InviteState, Notice, Outgoing, Reason};

/// After a start acks may lie at the own queues: they come first.
const FIRST_LOOK: Duration = Duration::from_secs(300);
/// Lives are counted in weeks.
const LOOK_EVERY: Duration = Duration::from_secs(3_600);
/// So many contents are sealed anew at one look: what was written in a day of work need not go out at one moment.
const RENEWED_AT_ONCE: u32 = 64;
/// Of somebody who is heard all the time it is not asked each time whether they were away.
const AWAY_AFTER: Duration = Duration::from_secs(3_600);

/// Who was heard lately.
#[derive(Default)]
pub(super) struct Life {
    heard: BTreeMap<ContactId, Timestamp>,
}

impl Life {
    pub(super) fn handle(
        &mut self,
        turn: &mut Turn,
        circuits: &Circuits,
        event: LifeEvent,
    ) -> Result<(), StoreError> {
        match event {
            LifeEvent::Resume => {
                turn.after(FIRST_LOOK, Timer::Life);
                Ok(())
            }
            LifeEvent::Look => {
                turn.after(LOOK_EVERY, Timer::Life);
                look(turn, circuits)
            }
            LifeEvent::LookAt(contact) => match turn.store.contact(contact)? {
                Some(contact) => look_at(turn, &contact),
                None => Ok(()),
            },
            LifeEvent::Heard(contact) => self.heard(turn, contact),
            LifeEvent::SetBack => set_back(turn),
        }
    }

    /// Somebody is there, perhaps again: what relays dropped while they were away is sealed anew, but for what was given up. Who misses
    /// more than that asks for it.
    fn heard(&mut self, turn: &mut Turn, contact: ContactId) -> Result<(), StoreError> {
        let last = self.heard.insert(contact, turn.now);
        if last.is_some_and(|last| last.is_recent(turn.now, AWAY_AFTER)) {
            return Ok(());
        }
        let outlived = turn.store.outlived_of(contact, turn.now, RENEWED_AT_ONCE)?;
        outlived.into_iter().try_for_each(|id| renew(turn, id))
    }
}

fn look(turn: &mut Turn, circuits: &Circuits) -> Result<(), StoreError> {
    for contact in turn.store.contacts()? {
        look_at(turn, &contact)?;
    }
    // By a clock of which relays say that it is wrong nothing is old.
    if circuits.network().clock.is_some_and(ClockOffset::is_wrong) {
        return Ok(());
    }
    for id in turn.store.outlived(turn.now, RENEWED_AT_ONCE)? {
        renew(turn, id)?;
    }
    for (id, contact) in turn.store.overdue(turn.now)? {
        turn.store.drop_deposits_of_text(&id)?;
        end(turn, (&id, contact), Delivery::Expired, Reason::None)?;
    }
    Ok(())
}

/// Whether what is written to a contact can be delivered may have changed.
fn look_at(turn: &mut Turn, contact: &Contact) -> Result<(), StoreError> {
    let id = contact.id;
    match stuck(turn, contact)? {
        Some(reason) => {
            turn.wish(ClaimEvent::Unreachable(id));
            let open = turn.store.open_texts(id)?;
            open.iter().try_for_each(|text| end(turn, (text, id), Delivery::Failed, reason))
        }
        None => {
            let failed = turn.store.failed_texts(id)?;
            failed.iter().try_for_each(|text| mend(turn, (text, id)))
        }
    }
}

/// Why nothing that is written to a contact can be delivered now, as far as that is known here. All of it may pass: whoever is heard
/// again, accepts after all or offers another queue has it go on.
pub(super) fn stuck(turn: &Turn, contact: &Contact) -> Result<Option<Reason>, StoreError> {
    if contact.notice == Notice::InviteAgain {
        return Ok(Some(Reason::InviteAgain));
    }
    if contact.session.is_none() {
        let invite = turn.store.invite_of(contact.id)?;
        let is_over = invite.is_some_and(|invite| invite.state == InviteState::Expired);
        return Ok(is_over.then_some(Reason::InviteAgain));
    }
    Ok(turn.store.is_cut_off(contact.id)?.then_some(Reason::Gone))
}

/// Whether a content belongs to a text that was given up: it keeps its number, and is sealed only when the peer asks for that, or the
/// person tries again.
pub(super) fn is_set_aside(turn: &Turn, outgoing: &Outgoing) -> Result<bool, StoreError> {
    match &outgoing.message {
        Some(message) => {
            Ok(turn.store.message(message)?.is_some_and(|message| message.state == Delivery::Expired))
        }
        None => Ok(false),
    }
}

fn renew(turn: &mut Turn, id: OutgoingId) -> Result<(), StoreError> {
    let Some(outgoing) = turn.store.outgoing(id)? else { return Ok(()) };
    // A repair is waited for: the next look finds it again.
    if hold::wait_of(turn, &outgoing)? == Wait::Nothing {
        turn.store.outgoing_renewed(id, turn.now)?;
        turn.wish(OutboxEvent::SealAnew(id));
    }
    Ok(())
}

fn end(
    turn: &mut Turn,
    (id, contact): (&str, ContactId),
    state: Delivery,
    reason: Reason,
) -> Result<(), StoreError> {
    if !turn.store.end_text(id, state, reason)? {
        return Ok(());
    }
    turn.store.add_moment(id, state, turn.now)?;
    turn.event(&EventKind::Delivery { id: id.to_owned(), contact, state })
}

/// What kept a text from being delivered has passed: it is as far as its parts are.
fn mend(turn: &mut Turn, (id, contact): (&str, ContactId)) -> Result<(), StoreError> {
    let at_relay = turn.store.parts_left(id)?.0 == 0;
    let state = if at_relay { Delivery::Relayed } else { Delivery::Queued };
    reopen(turn, (id, contact), Delivery::Failed, state)
}

/// The clock was set back, or may have been: what was given up ahead of it was not old, and all lives are counted from now on at most.
fn set_back(turn: &mut Turn) -> Result<(), StoreError> {
    for (id, contact) in turn.store.expired_ahead(turn.now)? {
        reopen(turn, (&id, contact), Delivery::Expired, Delivery::Relayed)?;
    }
    turn.store.no_life_later_than(turn.now)
}

fn reopen(
    turn: &mut Turn,
    (id, contact): (&str, ContactId),
    ended: Delivery,
    state: Delivery,
) -> Result<(), StoreError> {
    if !turn.store.reopen_text(id, ended, state)? {
        return Ok(());
    }
    turn.store.drop_moment(id, ended)?;
    turn.event(&EventKind::Delivery { id: id.to_owned(), contact, state })
}
