//! People: their names, and what the user does with them.

use ipc_schema::edge::stored_keyvault::{
    Ask, CompareCode, Comparison, DIGITS_MAX_BYTES, RemoveSession, SafetyNumber, Session, SessionError,
    SetVerified, SetVerifiedError, VerificationCode,
};
use ipc_schema::limits::{LINK_MAX_CHARS, NAME_MAX_BYTES};

use super::turn::Turn;
use super::{Action, ContactAction, Engine, Pending, Reply, RequestId};
use crate::error::{Refusal, StoreError};
use crate::ids::{ContactId, SessionId};
use crate::store::{Contact, ContactState, EventKind, InviteState, Notice, OutgoingKind};

/// The setting that holds the own name.
const PROFILE_NAME: &str = "profile-name";

impl Engine {
    /// A contact by the user's word for it, or by its id.
    pub(crate) fn contact_called(&self, who: &str) -> Result<Option<Contact>, StoreError> {
        if let Some(contact) = self.store.contact_named(who)? {
            return Ok(Some(contact));
        }
        match u64::from_str_radix(who, 16) {
            Ok(id) if who.len() == 16 => self.store.contact(ContactId(id)),
            _ => Ok(None),
        }
    }

    /// A name that may be given to a new contact: the one that is wanted, or one that is free when none is.
    pub(crate) fn free_name(&self, wanted: &str) -> Result<Result<String, Refusal>, StoreError> {
        let wanted = wanted.trim();
        if !wanted.is_empty() {
            return self.usable_name(wanted);
        }
        let taken = self.store.contacts()?.len();
        for number in taken + 1.. {
            let name = format!("contact-{number}");
            if self.store.contact_named(&name)?.is_none() {
                return Ok(Ok(name));
            }
        }
        Ok(Err(Refusal::NameTaken))
    }

    fn usable_name(&self, name: &str) -> Result<Result<String, Refusal>, StoreError> {
        if !is_name(name) {
            return Ok(Err(Refusal::NameBad));
        }
        let taken = self.store.contact_named(name)?.is_some();
        Ok(if taken { Err(Refusal::NameTaken) } else { Ok(name.to_owned()) })
    }

    pub(crate) fn change_contact(
        &mut self,
        who: &str,
        action: ContactAction,
    ) -> Result<Result<Reply, Refusal>, StoreError> {
        let Some(contact) = self.contact_called(who)? else { return Ok(Err(Refusal::NoSuchContact)) };
        let id = contact.id;
        match action {
            ContactAction::Show => {}
            ContactAction::Rename(name) => match self.usable_name(name.trim())? {
                Ok(name) => self.store.rename_contact(id, &name)?,
                Err(_) if name.trim() == contact.name => {}
                Err(refusal) => return Ok(Err(refusal)),
            },
            ContactAction::Block(blocked) => {
                self.store.set_blocked(id, blocked)?;
                self.memory.pump.insert(id);
            }
            // keyvault is asked first: `ask_verify`.
            ContactAction::Verify(_) => {}
            ContactAction::Delete => {
                self.delete_contact(&contact)?;
                return Ok(Ok(Reply::Contact(Box::new(contact))));
            }
            ContactAction::Decline => {
                if let Some(invite) = self.store.invite_of(id)?
                    && invite.state == InviteState::OpenedTwice
                {
                    self.store.set_invite_state(invite.id, InviteState::Accepted)?;
                }
            }
            // keyvault keeps a second acceptance closed: there is nothing to accept yet.
            ContactAction::Accept => return Ok(Err(Refusal::NotBuilt)),
        }
        self.event(&EventKind::Contact { contact: id })?;
        let changed = self.store.contact(id)?.unwrap_or(contact);
        Ok(Ok(Reply::Contact(Box::new(changed))))
    }

    fn delete_contact(&mut self, contact: &Contact) -> Result<(), StoreError> {
        let replicas = self.store.replicas_of(contact.id)?;
        let queues = self.store.peer_queues_of(contact.id)?;
        self.store.delete_replicas_of(contact.id, contact.session)?;
        self.store.delete_contact(contact.id)?;
        self.event(&EventKind::Contact { contact: contact.id })?;
        for queue in queues {
            self.advance_peer_queue(queue.number)?;
        }
        if let (true, Some(session)) = (replicas.is_empty(), contact.session) {
            self.call_vault(Pending::Nothing, RemoveSession { session: session.into() });
        }
        replicas.into_iter().try_for_each(|replica| self.advance_replica(replica.id))
    }

    pub(crate) fn profile_name(&self) -> Result<String, StoreError> {
        Ok(self.store.setting(PROFILE_NAME)?.unwrap_or_default())
    }

    pub(crate) fn set_profile_name(&mut self, name: &str) -> Result<Result<Reply, Refusal>, StoreError> {
        let name = name.trim();
        if !name.is_empty() && !is_name(name) {
            return Ok(Err(Refusal::NameBad));
        }
        self.store.set_setting(PROFILE_NAME, name)?;
        for contact in self.store.contacts()? {
            if contact.session.is_some() && !contact.blocked {
                self.introduce_self(contact.id)?;
            }
        }
        Ok(Ok(Reply::Done))
    }

    /// Tells a contact what the user calls themselves.
    pub(crate) fn introduce_self(&mut self, contact: ContactId) -> Result<(), StoreError> {
        self.store.add_outgoing(contact, OutgoingKind::Profile, None, None)?;
        self.memory.pump.insert(contact);
        Ok(())
    }

    pub(crate) fn ask_safety_number(&mut self, request: RequestId, who: &str) -> Result<(), StoreError> {
        self.ask_of_session(request, who, |contact, session| {
            let pending = Pending::SafetyNumber(request, contact, session);
            (pending, Session { session: session.into() }.into())
        })
    }

    /// Asks the vault about a contact's session. There is none before both sides have met.
    fn ask_of_session(
        &mut self,
        request: RequestId,
        who: &str,
        call: impl FnOnce(ContactId, SessionId) -> (Pending, Ask),
    ) -> Result<(), StoreError> {
        let contact = self.contact_called(who)?;
        match contact.map(|contact| (contact.id, contact.session, contact.state)) {
            Some((id, Some(session), _)) => {
                let (pending, call) = call(id, session);
                self.call_vault(pending, call);
            }
            Some((_, None, state)) if state != ContactState::Connected => {
                self.act(Action::Answer(request, Err(Refusal::Waiting)));
            }
            _ => self.act(Action::Answer(request, Err(Refusal::NoSuchContact))),
        }
        Ok(())
    }

    pub(crate) fn safety_number_told(
        &mut self,
        request: RequestId,
        (contact, session): (ContactId, SessionId),
        told: Result<SafetyNumber, SessionError>,
    ) -> Result<(), StoreError> {
        match told {
            Ok(number) => {
                // keyvault holds it; this is a copy for lists.
                self.store.set_verified(contact, number.verified)?;
                let pending = Pending::Code(request, Box::new(number));
                self.call_vault(pending, VerificationCode { session: session.into() });
            }
            Err(error) => self.act(Action::Answer(request, Err(refusal(error)))),
        }
        Ok(())
    }

    /// The last part of what is shown to be compared.
    pub(crate) fn code_told(
        &mut self,
        request: RequestId,
        number: SafetyNumber,
        code: Result<String, SessionError>,
    ) {
        let SafetyNumber { digits, words, verified } = number;
        let answer = code.map(|code| Reply::SafetyNumber { digits, words, verified, code });
        self.act(Action::Answer(request, answer.map_err(refusal)));
    }

    /// The user compared the safety number with these digits, or takes it back: keyvault keeps that.
    pub(crate) fn ask_verify(
        &mut self,
        request: RequestId,
        who: &str,
        digits: Option<String>,
    ) -> Result<(), StoreError> {
        if digits.as_ref().is_some_and(|digits| digits.len() > DIGITS_MAX_BYTES) {
            // Nobody's number; keyvault ends the connection of a caller that sends more.
            self.act(Action::Answer(request, Err(Refusal::NumberChanged)));
            return Ok(());
        }
        self.ask_of_session(request, who, |contact, session| {
            let pending = Pending::Verify(request, contact, digits.is_some());
            let digits = digits.unwrap_or_default();
            (pending, SetVerified { session: session.into(), digits }.into())
        })
    }

    pub(crate) fn verify_answered(
        &mut self,
        request: RequestId,
        (id, verified): (ContactId, bool),
        set: Result<(), SetVerifiedError>,
    ) -> Result<(), StoreError> {
        let answer = match set {
            Ok(()) => {
                self.note_verified(id, verified)?;
                let contact = self.store.contact(id)?;
                contact.map(|contact| Reply::Contact(Box::new(contact))).ok_or(Refusal::NoSuchContact)
            }
            Err(SetVerifiedError::NoSuchId) => Err(Refusal::NoSuchContact),
            Err(SetVerifiedError::NumberChanged) => Err(Refusal::NumberChanged),
            Err(SetVerifiedError::Fault(_)) => Err(Refusal::Storage),
        };
        self.act(Action::Answer(request, answer));
        Ok(())
    }

    /// A code was scanned: keyvault says whose it is, and verifies the contact if it is theirs.
    pub(crate) fn ask_compare(
        &mut self,
        request: RequestId,
        who: &str,
        untrusted_code: String,
    ) -> Result<(), StoreError> {
        if untrusted_code.len() > LINK_MAX_CHARS {
            // keyvault ends the connection of a caller that sends more.
            self.act(Action::Answer(request, Ok(Reply::Compared(Comparison::NotACode))));
            return Ok(());
        }
        self.ask_of_session(request, who, |contact, session| {
            let call = CompareCode { session: session.into(), code: untrusted_code };
            (Pending::Compare(request, contact), call.into())
        })
    }

    pub(crate) fn compared(
        &mut self,
        request: RequestId,
        id: ContactId,
        told: Result<Comparison, SessionError>,
    ) -> Result<(), StoreError> {
        if told == Ok(Comparison::Match) {
            self.note_verified(id, true)?;
        }
        self.act(Action::Answer(request, told.map(Reply::Compared).map_err(refusal)));
        Ok(())
    }

    /// keyvault holds it; this is the copy for lists.
    fn note_verified(&mut self, id: ContactId, verified: bool) -> Result<(), StoreError> {
        self.store.set_verified(id, verified)?;
        dismiss(&mut self.turn, id, Notice::NewIdentity)?;
        self.event(&EventKind::Contact { contact: id })
    }
}

/// Takes a notice back, if it is that one.
pub(super) fn dismiss(turn: &mut Turn, id: ContactId, notice: Notice) -> Result<(), StoreError> {
    if turn.store.contact(id)?.is_some_and(|contact| contact.notice == notice) {
        turn.store.set_notice(id, Notice::None)?;
        turn.event(&EventKind::Contact { contact: id })?;
    }
    Ok(())
}

fn refusal(error: SessionError) -> Refusal {
    match error {
        SessionError::NoSuchId => Refusal::NoSuchContact,
        SessionError::Fault(_) => Refusal::Storage,
    }
}

/// A name that can be shown on one line.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= NAME_MAX_BYTES && !name.chars().any(char::is_control)
}
