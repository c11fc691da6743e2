//! Sessions that broke and are opened anew (docs/protocol/pqxdh.md, "Repair: a session is opened anew"), and ratchets that are
//! kept turning. keyvault notices and does it; here is decided when.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ipc_schema::Timestamp;
use ipc_schema::edge::stored_keyvault::News;

use super::contacts;
use super::event::{LifeEvent, OutboxEvent, RepairEvent, RepairRefused, Timer};
use super::turn::Turn;
use super::{hold, notes};
use crate::error::StoreError;
use crate::ids::{ContactId, SessionId};
use crate::store::{Contact, ContactState, EventKind, Notice, Outgoing, OutgoingKind};

/// What cannot be read may only have overtaken the message that opened the session anew: so long nothing is begun.
const PATIENCE: Duration = Duration::from_secs(30);
/// keyvault opens a session anew once in this time (docs/protocol/pqxdh.md, "Repair: a session is opened anew"),
const REPAIR_EVERY: Duration = Duration::from_secs(600);
/// and this much later on average it is tried again, so that the two sides do not keep meeting in the middle.
const REPAIR_SPREAD: Duration = Duration::from_secs(60);
/// Mean time after which a side that was only spoken to says something.
const KEEP_ALIVE: Duration = Duration::from_secs(24 * 3_600);

/// Who cannot be read, and who waits for a word.
#[derive(Default)]
pub(super) struct Repair {
    /// Contacts whose messages cannot be read, until one can.
    out_of_step: BTreeSet<ContactId>,
    /// When the ratchet is to be turned with somebody who was heard and not answered since.
    keep_alive: BTreeMap<ContactId, Timestamp>,
}

impl Repair {
    pub(super) fn handle(&mut self, turn: &mut Turn, event: RepairEvent) -> Result<(), StoreError> {
        match event {
            RepairEvent::Resume => self.resume(turn),
            RepairEvent::Heard(contact, news) => self.heard(turn, &contact, news),
            RepairEvent::Spoke(id) => {
                self.keep_alive.remove(&id);
                Ok(())
            }
            RepairEvent::RolledBack(session) => self.rolled_back(turn, session),
            RepairEvent::OutOfStep(session) => self.peer_out_of_step(turn, session),
            RepairEvent::Begun(id) => self.begun(turn, id),
            RepairEvent::Refused(outgoing, why) => self.refused(turn, &outgoing, why),
            RepairEvent::Due(id) if self.out_of_step.contains(&id) => self.repair(turn, id),
            RepairEvent::Due(_) => Ok(()),
            RepairEvent::KeepAlive(id) => self.say_something(turn, id),
        }
    }

    /// The clock was set back: whoever waits for a word hears it as much sooner.
    pub(super) fn set_back(&mut self, sooner: impl Fn(Timestamp) -> Timestamp) {
        self.keep_alive.values_mut().for_each(|due| *due = sooner(*due));
    }

    /// Exponential waits have no memory: they begin anew.
    fn resume(&mut self, turn: &mut Turn) -> Result<(), StoreError> {
        for contact in turn.store.contacts()? {
            if contact.state == ContactState::Connected {
                self.await_own_turn(turn, contact.id);
            }
            if contact.notice == Notice::Repairing {
                self.out_of_step.insert(contact.id);
                retry(turn, contact.id);
            }
        }
        Ok(())
    }

    fn heard(&mut self, turn: &mut Turn, contact: &Contact, news: News) -> Result<(), StoreError> {
        let id = contact.id;
        self.out_of_step.remove(&id);
        let answered = matches!(contact.notice, Notice::Repairing | Notice::InviteAgain);
        if answered || news.repaired {
            notes::reopened(turn, id)?;
        }
        if answered {
            contacts::dismiss(turn, id, contact.notice)?;
            turn.wish(LifeEvent::LookAt(id));
            // What overtook the message that opened the session anew could not be read.
            turn.wish(OutboxEvent::SealAllAgain(id));
        }
        if news.repaired {
            // An answer tells the peer that it is understood, and hands it this side's keys for the next time.
            turn.store.set_ack_due(id, true)?;
            hold::new_session(turn, id)?;
            turn.wish(OutboxEvent::SealAllAgain(id));
        }
        if !self.keep_alive.contains_key(&id) {
            self.await_own_turn(turn, id);
        }
        if news.repair_wanted { self.unless_begun(turn, id) } else { Ok(()) }
    }

    /// The peer was restored from an old copy.
    fn rolled_back(&mut self, turn: &mut Turn, session: SessionId) -> Result<(), StoreError> {
        match turn.store.contact_of_session(session)? {
            Some(contact) => {
                hold::older_copy(turn, contact.id)?;
                self.unless_begun(turn, contact.id)
            }
            None => Ok(()),
        }
    }

    /// If that does not settle by itself, the session is opened anew.
    fn peer_out_of_step(&mut self, turn: &mut Turn, session: SessionId) -> Result<(), StoreError> {
        if let Some(contact) = turn.store.contact_of_session(session)?
            && self.out_of_step.insert(contact.id)
        {
            turn.after(PATIENCE, Timer::Repair(contact.id));
        }
        Ok(())
    }

    /// What was begun is tried again by itself.
    fn unless_begun(&mut self, turn: &mut Turn, id: ContactId) -> Result<(), StoreError> {
        let is_begun = turn.store.contact(id)?.is_some_and(|contact| contact.notice == Notice::Repairing);
        if is_begun { Ok(()) } else { self.repair(turn, id) }
    }

    fn repair(&mut self, turn: &mut Turn, id: ContactId) -> Result<(), StoreError> {
        let contact = turn.store.contact(id)?.filter(|contact| !contact.blocked);
        if let Some(session) = contact.and_then(|contact| contact.session) {
            // Until something can be read again, it is tried again.
            self.out_of_step.insert(id);
            turn.wish(OutboxEvent::Repair(id, session));
        }
        Ok(())
    }

    fn begun(&mut self, turn: &mut Turn, id: ContactId) -> Result<(), StoreError> {
        turn.store.set_notice(id, Notice::Repairing)?;
        turn.wish(LifeEvent::LookAt(id));
        turn.event(&EventKind::Contact { contact: id })?;
        retry(turn, id);
        hold::new_session(turn, id)?;
        turn.wish(OutboxEvent::SealAllAgain(id));
        Ok(())
    }

    fn refused(
        &mut self,
        turn: &mut Turn,
        outgoing: &Outgoing,
        why: RepairRefused,
    ) -> Result<(), StoreError> {
        let id = outgoing.contact;
        turn.store.drop_outgoing(outgoing.id)?;
        match why {
            RepairRefused::TooEarly => {
                retry(turn, id);
                Ok(())
            }
            RepairRefused::InviteAgain => {
                // The peer may still find a way; whatever comes that cannot be read has it tried once more.
                self.out_of_step.remove(&id);
                turn.store.set_notice(id, Notice::InviteAgain)?;
                turn.wish(LifeEvent::LookAt(id));
                turn.event(&EventKind::Contact { contact: id })
            }
        }
    }

    /// Somebody spoke: if this side says nothing for long, it says so, and the ratchets turn.
    fn await_own_turn(&mut self, turn: &mut Turn, id: ContactId) {
        let due = turn.now.after(turn.exponential(KEEP_ALIVE));
        self.keep_alive.insert(id, due);
        turn.set_timer(due, Timer::KeepAlive(id));
    }

    fn say_something(&mut self, turn: &mut Turn, id: ContactId) -> Result<(), StoreError> {
        // Something was said meanwhile, or it was and another wait has begun.
        let is_due = self.keep_alive.get(&id).is_some_and(|due| *due <= turn.now);
        let contact = turn.store.contact(id)?.filter(|contact| !contact.blocked && contact.session.is_some());
        if is_due && contact.is_some() {
            self.keep_alive.remove(&id);
            turn.post(id, OutgoingKind::KeepAlive)?;
        }
        Ok(())
    }
}

fn retry(turn: &mut Turn, id: ContactId) {
    let wait = REPAIR_EVERY + turn.exponential(REPAIR_SPREAD);
    turn.after(wait, Timer::Repair(id));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Store, StoreKey};
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    const ANN: ContactId = ContactId(1);
    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn years_sooner(at: Timestamp) -> Timestamp {
        Timestamp(at.0 - 5 * 365 * 86_400_000)
    }

    #[test]
    fn who_was_only_heard_is_answered_in_time_though_the_clock_was_set_back_by_years() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store.db"), &StoreKey::new([7; 32])).unwrap();
        store.add_contact(ANN, "Ann", ContactState::Connected, NOW).unwrap();
        store.set_session(ANN, SessionId(1)).unwrap();
        let mut turn = Turn::new(store, Box::new(ChaCha20Rng::seed_from_u64(1)));
        turn.now = NOW;
        let mut repair = Repair::default();
        repair.await_own_turn(&mut turn, ANN);
        let wait = turn.next_wake().unwrap().since(NOW);

        turn.now = years_sooner(NOW);
        turn.set_back(years_sooner);
        repair.set_back(years_sooner);
        assert_eq!(turn.next_wake().unwrap().since(turn.now), wait);
        turn.now = turn.next_wake().unwrap();
        assert_eq!(turn.due(), [Timer::KeepAlive(ANN)]);
        repair.say_something(&mut turn, ANN).unwrap();
        assert!(turn.store.under_way(ANN, OutgoingKind::KeepAlive).unwrap());
    }
}
