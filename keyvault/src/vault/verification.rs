//! Comparing who somebody is: the verified state, and the code for a camera.

use super::record::{PutRecord, Record};
use super::records::{ComparisonRecord, ContactRecord};
use super::unlocked::Vault;
use crate::error::{Thing, VaultError};
use crate::identity::{self, Comparison};
use crate::ids::SessionId;
use crate::store::{Changes, Store};

impl<S: Store> Vault<S> {
    /// Keeps that the user compared the safety number with these digits, or takes it back (`None`). Idempotent.
    ///
    /// # Errors
    /// `NoSuch(Session)`; `NumberChanged`: the digits that were seen are not the contact's, or no longer; `Store`.
    pub fn set_verified(&mut self, session: SessionId, digits: Option<&str>) -> Result<(), VaultError> {
        if let Some(digits) = digits
            && digits != self.safety_number(session)?.digits
        {
            return Err(VaultError::NumberChanged);
        }
        self.keep_verified(session, digits.is_some())
    }

    pub(super) fn keep_verified(&mut self, session: SessionId, verified: bool) -> Result<(), VaultError> {
        let mut contact: ContactRecord = self.require(&session.key(), Thing::Session)?;
        let mut changes = Changes::default();
        if contact.verified != verified {
            contact.verified = verified;
            changes.put_record(&session.key(), &contact)?;
        }
        // Runs are counted from here on: those before it led to this.
        if verified && self.load::<ComparisonRecord>(&session.key())?.is_some() {
            changes.delete(ComparisonRecord::TABLE, &session.key());
        }
        if changes.is_empty() { Ok(()) } else { Ok(self.store.commit(&changes)?) }
    }

    /// The text of the code that this side shows to the contact.
    ///
    /// # Errors
    /// `NoSuch(Session)`, `Store`.
    pub fn verification_code(&self, session: SessionId) -> Result<String, VaultError> {
        let contact: ContactRecord = self.require(&session.key(), Thing::Session)?;
        Ok(identity::code(&contact.own.public().id(), &contact.peer.id()))
    }

    /// Compares a code that the contact showed; a match verifies the contact. Idempotent.
    ///
    /// # Errors
    /// `NoSuch(Session)`, `Store`.
    pub fn compare_code(
        &mut self,
        session: SessionId,
        untrusted_text: &str,
    ) -> Result<Comparison, VaultError> {
        let contact: ContactRecord = self.require(&session.key(), Thing::Session)?;
        let told = identity::compare(&contact.own.public().id(), &contact.peer.id(), untrusted_text);
        if told == Comparison::Match {
            self.keep_verified(session, true)?;
        }
        Ok(told)
    }
}
