//! Sessions that broke and are opened anew (docs/protocol/pqxdh.md, "Repair: a session is opened anew"), and ratchets that are
//! kept turning. keyvault notices and does it; here is decided when.

use std::time::Duration;

use ipc_schema::edge::stored_keyvault::News;

use super::outbox::RepairRefused;
use super::{Engine, Timer};
use crate::error::StoreError;
use crate::ids::{ContactId, OutboxId, SessionId};
use crate::store::{Contact, ContactState, EventKind, Notice, Outgoing, OutgoingKind};

/// What cannot be read may only have overtaken the message that opened the session anew: so long nothing is begun.
const PATIENCE: Duration = Duration::from_secs(30);
/// keyvault opens a session anew once in this time (docs/protocol/pqxdh.md, "Repair: a session is opened anew"),
const REPAIR_EVERY: Duration = Duration::from_secs(600);
/// and this much later on average it is tried again, so that the two sides do not keep meeting in the middle.
const REPAIR_SPREAD: Duration = Duration::from_secs(60);
/// Mean time after which a side that was only spoken to says something.
const KEEP_ALIVE: Duration = Duration::from_secs(24 * 3_600);

impl Engine {
    /// Something of a contact could be read.
    pub(crate) fn heard_from(&mut self, contact: &Contact, news: News) -> Result<(), StoreError> {
        let id = contact.id;
        self.memory.out_of_step.remove(&id);
        if matches!(contact.notice, Notice::Repairing | Notice::InviteAgain) {
            self.dismiss(id, contact.notice)?;
            // What overtook the message that opened the session anew could not be read.
            self.seal_all_again(id)?;
        }
        if news.identity_changed {
            self.store.set_verified(id, false)?;
            self.store.set_notice(id, Notice::NewIdentity)?;
            self.event(&EventKind::Contact { contact: id })?;
        }
        if news.repaired {
            // An answer tells the peer that it is understood, and hands it this side's keys for the next time.
            self.store.set_ack_due(id, true)?;
            self.seal_all_again(id)?;
        }
        if news.repair_wanted {
            self.begin_repair(id)?;
        }
        if !self.memory.keep_alive.contains_key(&id) {
            self.await_own_turn(id);
        }
        Ok(())
    }

    /// The peer uses numbers that it had used before: it was restored from an old copy.
    pub(crate) fn peer_rolled_back(&mut self, session: SessionId) -> Result<(), StoreError> {
        match self.store.contact_of_session(session)? {
            Some(contact) => self.begin_repair(contact.id),
            None => Ok(()),
        }
    }

    /// The peer speaks under keys that are not here. If that does not settle by itself, the session is opened anew.
    pub(crate) fn peer_out_of_step(&mut self, session: SessionId) -> Result<(), StoreError> {
        if let Some(contact) = self.store.contact_of_session(session)?
            && self.memory.out_of_step.insert(contact.id)
        {
            self.after(PATIENCE, Timer::Repair(contact.id));
        }
        Ok(())
    }

    pub(crate) fn repair_timer(&mut self, contact: ContactId) -> Result<(), StoreError> {
        if self.memory.out_of_step.contains(&contact) { self.repair(contact) } else { Ok(()) }
    }

    /// Unless it was begun already and is tried again by itself.
    fn begin_repair(&mut self, id: ContactId) -> Result<(), StoreError> {
        let is_begun = self.store.contact(id)?.is_some_and(|contact| contact.notice == Notice::Repairing);
        if is_begun { Ok(()) } else { self.repair(id) }
    }

    fn repair(&mut self, id: ContactId) -> Result<(), StoreError> {
        let Some(contact) = self.store.contact(id)? else { return Ok(()) };
        let Some(session) = contact.session.filter(|_| !contact.blocked) else { return Ok(()) };
        // Until something can be read again, it is tried again.
        self.memory.out_of_step.insert(id);
        if self.store.unsealed(id, OutgoingKind::Repair)?.is_some() {
            return Ok(());
        }
        let outgoing = self.store.add_outgoing(id, OutgoingKind::Repair, None, None)?;
        if let Some(outgoing) = self.store.outgoing(outgoing)? {
            self.fix(&outgoing)?;
            self.seal(outgoing.id, session)?;
        }
        Ok(())
    }

    /// keyvault has made the first message: it seals under the new session from now on.
    pub(crate) fn repair_begun(&mut self, id: ContactId) -> Result<(), StoreError> {
        if self.store.contact(id)?.is_some_and(|contact| contact.notice != Notice::NewIdentity) {
            self.store.set_notice(id, Notice::Repairing)?;
            self.event(&EventKind::Contact { contact: id })?;
        }
        self.retry_repair(id);
        self.seal_all_again(id)
    }

    pub(crate) fn repair_refused(
        &mut self,
        outgoing: &Outgoing,
        refused: RepairRefused,
    ) -> Result<(), StoreError> {
        let id = outgoing.contact;
        self.store.drop_outgoing(outgoing.id)?;
        if refused == RepairRefused::TooEarly {
            self.retry_repair(id);
            return Ok(());
        }
        // The peer may still find a way; whatever comes that cannot be read has it tried once more.
        self.memory.out_of_step.remove(&id);
        self.store.set_notice(id, Notice::InviteAgain)?;
        self.event(&EventKind::Contact { contact: id })
    }

    fn retry_repair(&mut self, id: ContactId) {
        let wait = REPAIR_EVERY + self.exponential(REPAIR_SPREAD);
        self.after(wait, Timer::Repair(id));
    }

    /// What the peer has not acked was sealed for a session that it may have lost.
    fn seal_all_again(&mut self, id: ContactId) -> Result<(), StoreError> {
        for outgoing in self.store.sealed_up_to(id, u64::MAX)? {
            let outbox = OutboxId(self.random_id());
            self.store.reseal_outgoing(outgoing.id, outbox)?;
            self.seal_again(outgoing.id)?;
        }
        Ok(())
    }

    /// Somebody spoke: if this side says nothing for long, it says so, and the ratchets turn.
    fn await_own_turn(&mut self, id: ContactId) {
        let due = self.now.after(self.exponential(KEEP_ALIVE));
        self.memory.keep_alive.insert(id, due);
        self.set_timer(due, Timer::KeepAlive(id));
    }

    pub(crate) fn keep_alive_timer(&mut self, id: ContactId) -> Result<(), StoreError> {
        // Something was said meanwhile, or it was and another wait has begun.
        let is_due = self.memory.keep_alive.get(&id).is_some_and(|due| *due <= self.now);
        let contact = self.store.contact(id)?.filter(|contact| !contact.blocked && contact.session.is_some());
        if is_due && contact.is_some() {
            self.memory.keep_alive.remove(&id);
            self.store.add_outgoing(id, OutgoingKind::KeepAlive, None, None)?;
            self.memory.pump.insert(id);
        }
        Ok(())
    }

    /// After a start. Exponential waits have no memory: they begin anew.
    pub(crate) fn resume_repair(&mut self) -> Result<(), StoreError> {
        for contact in self.store.contacts()? {
            if contact.state == ContactState::Connected {
                self.await_own_turn(contact.id);
            }
            if contact.notice == Notice::Repairing {
                self.memory.out_of_step.insert(contact.id);
                self.retry_repair(contact.id);
            }
        }
        Ok(())
    }
}
