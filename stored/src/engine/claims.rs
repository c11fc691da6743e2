//! A link that may lead to somebody who is a contact already (docs/protocol/content.md, "Meeting again"): the user gave it under their
//! name, so their program is asked whether it is theirs, and answers as claimed.rs does.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ipc_schema::edge::stored_keyvault::{
    InviteFailed, OpenInvite, OpenInviteError, OpenedInvite, SafetyNumber, Session, SessionError,
};
use ipc_schema::edge::ui_stored::{AcceptError, AcceptInvite, Closed};

use super::claimed::{MOST, WITHIN};
use super::event::{AcceptEvent, Asked, ClaimEvent, OutboxEvent, Timer};
use super::meeting_steps::{self, Came, say};
use super::requests::Asker;
use super::turn::Turn;
use super::{accepts, claimed, names, places, twins};
use crate::content::{Meeting, MeetingStep, Proof, Proves, WireId, proof};
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
    /// Requests that wait for keyvault's word on a link.
    requests: BTreeMap<AcceptId, Asker<AcceptInvite>>,
}

impl Claims {
    pub(super) fn handle(&mut self, turn: &mut Turn, event: ClaimEvent) -> Result<(), StoreError> {
        match event {
            ClaimEvent::Resume => {
                for claim in turn.store.open_claims()? {
                    self.look_at(turn, &claim)?;
                }
                turn.store.twins()?.into_iter().try_for_each(|twins| ask_number(turn, twins.stays))
            }
            ClaimEvent::Begin { request, link, contact } => self.begin(turn, request, &link, contact),
            ClaimEvent::Opened(id, opened) => self.opened(turn, id, opened),
            ClaimEvent::LookAt(contact) => self.look_at_all_of(turn, contact),
            ClaimEvent::NumberTold(id, told) => self.number_told(turn, id, told),
            ClaimEvent::Crossed { contact, link } => self.crossed(turn, contact, link),
            ClaimEvent::Met { invited, accepted } => match twins::begin(turn, invited, accepted)? {
                Some(stays) => ask_number(turn, stays),
                None => Ok(()),
            },
            ClaimEvent::TwinsNumberTold(stays, told) => twins_number_told(turn, stays, told),
            ClaimEvent::Settled { goes } => twins::end(turn, goes),
            ClaimEvent::Unreachable(contact) => unreachable(turn, contact),
            ClaimEvent::Look => look(turn),
        }
    }

    /// Requests that nobody will answer now.
    pub(super) fn waiting(&self) -> impl Iterator<Item = super::requests::RequestId> {
        self.requests.values().map(|asker| asker.id)
    }

    /// The user gave a link under the name of somebody who is a contact already. keyvault looks at it first: a bad one is told as such.
    fn begin(
        &mut self,
        turn: &mut Turn,
        request: Asker<AcceptInvite>,
        link: &str,
        contact: ContactId,
    ) -> Result<(), StoreError> {
        if turn.store.claims_within(contact, true, (turn.now, WITHIN))? >= MOST {
            turn.answer(request, Err(AcceptError::RateLimited));
            return Ok(());
        }
        let claim = mine(turn, contact, link.to_owned(), ClaimState::Opening)?;
        self.requests.insert(claim.id, request);
        self.look_at(turn, &claim)
    }

    /// Somebody was connected by the user's own invite while a link was being accepted for the same place.
    fn crossed(&mut self, turn: &mut Turn, contact: ContactId, link: String) -> Result<(), StoreError> {
        if turn.store.claim_of_link(&link)?.is_some() {
            return Ok(());
        }
        let claim = mine(turn, contact, link, ClaimState::Waiting)?;
        self.look_at(turn, &claim)
    }

    fn look_at_all_of(&mut self, turn: &mut Turn, contact: ContactId) -> Result<(), StoreError> {
        let twins = turn.store.twins_of(contact)?;
        if twins.is_some_and(|twins| twins.stays == contact && twins.number.is_empty()) {
            ask_number(turn, contact)?;
        }
        let open = turn.store.open_claims()?.into_iter();
        open.filter(|claim| claim.contact == contact).try_for_each(|claim| self.look_at(turn, &claim))
    }

    /// The next step of a question, unless one is under way.
    fn look_at(&mut self, turn: &mut Turn, claim: &Claim) -> Result<(), StoreError> {
        let id = claim.id;
        match (claim.mine, claim.state) {
            (true, ClaimState::Opening) => {
                if self.busy.insert(id) {
                    let call = OpenInvite { accept: id.into(), link: claim.link.clone() };
                    turn.ask(call, move |opened| ClaimEvent::Opened(id, opened));
                }
                Ok(())
            }
            (true, ClaimState::Waiting) | (false, ClaimState::Asked) => {
                let contact = turn.store.contact(claim.contact)?;
                let met = contact.filter(|contact| contact.state == ContactState::Connected);
                if let Some(session) = met.and_then(|contact| contact.session)
                    && self.busy.insert(id)
                {
                    turn.ask(Session { session: session.into() }, move |told| {
                        ClaimEvent::NumberTold(id, told)
                    });
                }
                Ok(())
            }
            (_, ClaimState::Opening | ClaimState::Waiting | ClaimState::Asked | ClaimState::Answered) => {
                Ok(())
            }
        }
    }

    fn opened(
        &mut self,
        turn: &mut Turn,
        id: AcceptId,
        opened: Asked<OpenedInvite, InviteFailed<OpenInviteError>>,
    ) -> Result<(), StoreError> {
        self.busy.remove(&id);
        let Some(claim) = turn.store.claim(id)? else { return Ok(()) };
        let request = self.requests.remove(&id);
        let why = match opened {
            Ok(Ok(_)) => {
                if let (Some(request), Some(contact)) = (request, turn.store.contact(claim.contact)?) {
                    turn.answer(request, Ok(contact));
                }
                let claim = Claim { state: ClaimState::Waiting, ..claim };
                turn.store.set_claim(&claim)?;
                return self.look_at(turn, &claim);
            }
            Ok(Err(why)) => accepts::not_opened(why),
            Err(_) => Closed::Storage.into(),
        };
        turn.store.drop_claim(id)?;
        match request {
            Some(request) => turn.answer(request, Err(why)),
            None => turn.wish(AcceptEvent::NotAccepted { link: claim.link, why }),
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
            Ok(Ok(number)) if claim.mine => ask(turn, claim, &number.digits),
            Ok(Ok(number)) => claimed::answer(turn, claim, &number.digits),
            Ok(Err(SessionError::NoSuchId)) => Ok(()),
            Ok(Err(SessionError::Fault(_))) | Err(_) => {
                turn.after(RETRY, Timer::Claim(claim.contact));
                Ok(())
            }
        }
    }
}

fn ask_number(turn: &mut Turn, stays: ContactId) -> Result<(), StoreError> {
    if let Some(session) = turn.store.contact(stays)?.and_then(|contact| contact.session) {
        let call = Session { session: session.into() };
        turn.ask(call, move |told| ClaimEvent::TwinsNumberTold(stays, told));
    }
    Ok(())
}

fn twins_number_told(
    turn: &mut Turn,
    stays: ContactId,
    told: Asked<SafetyNumber, SessionError>,
) -> Result<(), StoreError> {
    match told {
        Ok(Ok(number)) => twins::numbered(turn, stays, &number.digits),
        Ok(Err(SessionError::NoSuchId)) => Ok(()),
        Ok(Err(SessionError::Fault(_))) | Err(_) => {
            turn.after(RETRY, Timer::Claim(stays));
            Ok(())
        }
    }
}

/// A question of this side's that nobody was asked yet.
fn mine(turn: &mut Turn, contact: ContactId, link: String, state: ClaimState) -> Result<Claim, StoreError> {
    let claim = Claim {
        id: AcceptId(turn.random_id()),
        contact,
        mine: true,
        wire: WireId(turn.random()),
        state,
        link,
        proof: Proof::default(),
        at: turn.now,
    };
    turn.store.add_claim(&claim)?;
    Ok(claim)
}

fn ask(turn: &mut Turn, claim: Claim, digits: &str) -> Result<(), StoreError> {
    let said = |proves| proof(proves, claim.wire, digits, &claim.link);
    let (question, yes) = (said(Proves::Question), said(Proves::Answer));
    say(turn, claim.contact, &Meeting { id: claim.wire, step: MeetingStep::IsItYours(question) })?;
    turn.store.set_claim(&Claim { state: ClaimState::Asked, proof: yes, ..claim })
}

// ---- what a contact tells

/// A contact asks, answers, or speaks of two sessions.
pub(super) fn take(turn: &mut Turn, contact: ContactId, untrusted: &Meeting) -> Result<(), StoreError> {
    let wire = untrusted.id;
    match untrusted.step {
        MeetingStep::IsItYours(proof) => claimed::asked(turn, contact, wire, proof),
        MeetingStep::ItIs(proof) => {
            let claim = turn.store.claim_called(contact, true, wire)?;
            match claim.filter(|claim| claim.state == ClaimState::Asked && claim.proof == proof) {
                Some(claim) => is_theirs(turn, &claim),
                // Whoever does not have the link cannot say that it is theirs.
                None => Ok(()),
            }
        }
        MeetingStep::ItIsNot => match turn.store.claim_called(contact, true, wire)? {
            Some(claim) => over(turn, &claim, &Came::IsNotTheirs),
            None => Ok(()),
        },
        MeetingStep::Here => twins::here(turn, contact, wire),
        MeetingStep::There(proof) => twins::there(turn, contact, proof),
    }
}

// ---- what comes of a question of this side's

fn is_theirs(turn: &mut Turn, claim: &Claim) -> Result<(), StoreError> {
    let contact = claim.contact;
    let accept = turn.store.accept_by_link(&claim.link)?;
    let Some(accept) = accept.filter(|accept| accept.contact != contact) else {
        turn.store.drop_claim(claim.id)?;
        turn.store.know_link(&claim.link, contact)?;
        return meeting_steps::tell(turn, contact, &Came::IsTheirs);
    };
    turn.store.drop_claim(claim.id)?;
    match turn.store.contact(accept.contact)? {
        // It was being accepted for the place of who says that it is theirs, and nobody reads what was said there.
        Some(pending) if pending.state == ContactState::Pending => places::join(turn, &pending, contact),
        // Two sessions: that is settled in both.
        Some(_) | None => Ok(()),
    }
}

/// Nothing came of it. Of a link that is being accepted for a contact's place nothing is told: it goes on.
fn over(turn: &mut Turn, claim: &Claim, came: &Came<'_>) -> Result<(), StoreError> {
    turn.store.drop_changes(claim.contact, claim.wire, None)?;
    turn.store.drop_claim(claim.id)?;
    if turn.store.accept_by_link(&claim.link)?.is_some() {
        return Ok(());
    }
    turn.wish(AcceptEvent::NotAccepted { link: claim.link.clone(), why: AcceptError::LinkNotTheirs });
    meeting_steps::tell(turn, claim.contact, came)
}

/// Whom the user takes the link for cannot be asked any more: whoever made it takes their place.
fn unreachable(turn: &mut Turn, contact: ContactId) -> Result<(), StoreError> {
    let Some(gone) = turn.store.contact(contact)? else { return Ok(()) };
    for claim in turn.store.open_claims()?.into_iter().filter(|claim| claim.contact == contact) {
        if !claim.mine || claim.state == ClaimState::Opening {
            continue;
        }
        turn.store.drop_changes(contact, claim.wire, None)?;
        turn.store.drop_claim(claim.id)?;
        if turn.store.accept_by_link(&claim.link)?.is_none()
            && let Ok(name) = names::told_name(&turn.store, "", &gone.name)?
        {
            let (_, new) = accepts::begin(turn, &claim.link, &name)?;
            turn.store.set_replaces(new, Some(contact))?;
        }
    }
    Ok(())
}

/// Each hour: what nobody answers any more is over, and what may have been lost with a queue is told once more, ever more seldom.
fn look(turn: &mut Turn) -> Result<(), StoreError> {
    turn.store.forget_answered(turn.now, WITHIN)?;
    for claim in turn.store.open_claims()? {
        match claim.at.age(turn.now) {
            Some(age) if age >= LIFE && claim.mine => over(turn, &claim, &Came::Nothing)?,
            Some(age) if age >= LIFE => turn.store.drop_claim(claim.id)?,
            Some(age) if claim.state == ClaimState::Asked && claim.mine => tell_again(turn, &claim, age)?,
            Some(_) | None => {}
        }
    }
    Ok(())
}

fn tell_again(turn: &mut Turn, claim: &Claim, age: Duration) -> Result<(), StoreError> {
    if (age.as_secs() / WITHIN.as_secs()).is_power_of_two() {
        for id in turn.store.outgoing_of_change(claim.contact, claim.wire)? {
            turn.wish(OutboxEvent::SealAnew(id));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::one_turn::{ANN, turn};
    use super::*;

    fn open(turn: &Turn) -> usize {
        turn.store.open_claims().unwrap().len()
    }

    #[test]
    fn who_does_not_have_the_link_cannot_say_that_it_is_theirs() {
        let folder = tempfile::tempdir().unwrap();
        let mut turn = turn(&folder);
        let claim = mine(&mut turn, ANN, "link".into(), ClaimState::Waiting).unwrap();
        let wire = claim.wire;
        ask(&mut turn, claim, "12345").unwrap();
        let question = proof(Proves::Question, wire, "12345", "link");
        for lie in [[0; 32], question, proof(Proves::Answer, wire, "54321", "link")] {
            take(&mut turn, ANN, &Meeting { id: wire, step: MeetingStep::ItIs(lie) }).unwrap();
        }
        assert_eq!((open(&turn), turn.store.contact_of_link("link").unwrap()), (1, None));
        let yes = proof(Proves::Answer, wire, "12345", "link");
        take(&mut turn, ANN, &Meeting { id: wire, step: MeetingStep::ItIs(yes) }).unwrap();
        assert_eq!((open(&turn), turn.store.contact_of_link("link").unwrap()), (0, Some(ANN)));
    }
}
