//! A link that may lead to somebody who is a contact already (docs/protocol/content.md, "Meeting again"): whoever was given it asks the one
//! under whose name that was, whose program answers in claimed.rs.

use std::collections::BTreeSet;
use std::time::Duration;

use ipc_schema::edge::stored_keyvault::{SafetyNumber, Session, SessionError};

use super::claimed;
use super::event::{Asked, ClaimEvent, Timer};
use super::turn::Turn;
use crate::content::{Meeting, MeetingStep};
use crate::error::StoreError;
use crate::ids::{AcceptId, ContactId};
use crate::store::{Claim, ClaimState, ContactState};

/// Nobody answers after that: the inviter's keys are gone.
const LIFE: Duration = Duration::from_secs(28 * 86_400);
/// keyvault could not: asked again then.
const RETRY: Duration = Duration::from_secs(5);

/// What is under way with links that may lead to a contact.
#[derive(Default)]
pub(super) struct Claims {
    /// keyvault is asked for these.
    busy: BTreeSet<AcceptId>,
}

impl Claims {
    pub(super) fn handle(&mut self, turn: &mut Turn, event: ClaimEvent) -> Result<(), StoreError> {
        match event {
            ClaimEvent::Resume => {
                let open = turn.store.open_claims()?;
                open.iter().try_for_each(|claim| self.look_at(turn, claim))
            }
            ClaimEvent::LookAt(contact) => self.look_at_all_of(turn, contact),
            ClaimEvent::NumberTold(id, told) => self.number_told(turn, id, told),
            ClaimEvent::Look => look(turn),
        }
    }

    fn look_at_all_of(&mut self, turn: &mut Turn, contact: ContactId) -> Result<(), StoreError> {
        let open = turn.store.open_claims()?.into_iter();
        open.filter(|claim| claim.contact == contact).try_for_each(|claim| self.look_at(turn, &claim))
    }

    /// The next step of a question, unless one is under way.
    fn look_at(&mut self, turn: &mut Turn, claim: &Claim) -> Result<(), StoreError> {
        let id = claim.id;
        let contact = turn.store.contact(claim.contact)?;
        let met = contact.filter(|contact| contact.state == ContactState::Connected);
        if let Some(session) = met.and_then(|contact| contact.session)
            && claim.state == ClaimState::Asked
            && self.busy.insert(id)
        {
            turn.ask(Session { session: session.into() }, move |told| ClaimEvent::NumberTold(id, told));
        }
        Ok(())
    }

    fn number_told(
        &mut self,
        turn: &mut Turn,
        id: AcceptId,
        told: Asked<SafetyNumber, SessionError>,
    ) -> Result<(), StoreError> {
        self.busy.remove(&id);
        let Some(claim) = turn.store.claim(id)?.filter(|claim| claim.state < ClaimState::Answered) else {
            return Ok(());
        };
        match told {
            Ok(Ok(number)) => claimed::answer(turn, claim, &number.digits),
            Ok(Err(SessionError::NoSuchId)) => Ok(()),
            Ok(Err(SessionError::Fault(_))) | Err(_) => {
                turn.after(RETRY, Timer::Claim(claim.contact));
                Ok(())
            }
        }
    }
}

/// What a contact says of a link.
pub(super) fn take(turn: &mut Turn, contact: ContactId, untrusted: &Meeting) -> Result<(), StoreError> {
    match untrusted.step {
        MeetingStep::IsItYours(proof) => claimed::asked(turn, contact, untrusted.id, proof),
        MeetingStep::ItIs(_) | MeetingStep::ItIsNot | MeetingStep::Here | MeetingStep::There(_) => Ok(()),
    }
}

/// Each hour: what nobody answers any more is over.
fn look(turn: &mut Turn) -> Result<(), StoreError> {
    turn.store.forget_answered(turn.now, claimed::WITHIN)?;
    for claim in turn.store.open_claims()? {
        if claim.at.age(turn.now).is_some_and(|age| age >= LIFE) {
            turn.store.drop_claim(claim.id)?;
        }
    }
    Ok(())
}
