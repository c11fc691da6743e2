//! A short string that two people read to each other (docs/protocol/identity.md, "Verification"): commit, answer, reveal, each step told
//! to the other program inside the session. keyvault makes and checks the steps; the word on the string is the person's. Nothing of it is
//! kept: it is for now, and a kill on either side ends it.

use std::collections::BTreeMap;
use std::time::Duration;

use ipc_schema::Timestamp;
use ipc_schema::edge::stored_keyvault::{
    self, AnswerComparison, BeginComparison, CheckComparison, CheckError, DIGITS_MAX_BYTES, Key,
    RevealComparison, RevealError, SessionError, Shown, VerifyString, VerifyStringError,
};
use ipc_schema::edge::ui_stored::{
    Closed, CompareShort, ShortAction, ShortComparison, ShortEnd, ShortError, ShortState,
};

use super::comparison_run::{AGAIN_AFTER, OPEN_FOR, Revealed, Run, Step};
use super::event::{Asked, ComparisonEvent, OutboxEvent, Timer};
use super::met::met;
use super::names::{Found, called};
use super::requests::Asker;
use super::turn::Turn;
use super::{hold, notes};
use crate::content::{Comparison, ComparisonEnd, ComparisonStep};
use crate::error::StoreError;
use crate::ids::{ContactId, SessionId};
use crate::store::{EventKind, Note, OutgoingKind, Store};

/// Who began so long ago waits no more, by whichever of the two clocks.
const TOO_OLD: Duration = Duration::from_secs(3_600);

/// What is under way, or was last: one for each contact with whom there was one since the start.
#[derive(Default)]
pub(super) struct Comparisons {
    runs: BTreeMap<ContactId, Run>,
    /// When a contact was told last that nothing is known here of what they speak of.
    denied: BTreeMap<ContactId, Timestamp>,
}

impl Comparisons {
    pub(super) fn handle(&mut self, turn: &mut Turn, event: ComparisonEvent) -> Result<(), StoreError> {
        match event {
            ComparisonEvent::Act(request, call) => self.act(turn, request, call),
            ComparisonEvent::Heard { contact, sent_at, said } => self.heard(turn, contact, sent_at, said),
            ComparisonEvent::Begun(contact, number, told) => self.begun(turn, (contact, number), told),
            ComparisonEvent::Answered(contact, number, told) => self.answered(turn, (contact, number), told),
            ComparisonEvent::Revealed { contact, number, theirs, told } => {
                self.revealed(turn, (contact, number), theirs, told)
            }
            ComparisonEvent::Checked(contact, number, told) => self.checked(turn, (contact, number), told),
            ComparisonEvent::Verified { request, contact, number, told } => {
                self.verified(turn, request, (contact, number), told)
            }
            ComparisonEvent::Due(contact) => self.due(turn, contact),
            ComparisonEvent::Gone(contact) => {
                self.runs.remove(&contact);
                self.denied.remove(&contact);
                Ok(())
            }
        }
    }

    /// The clock was set back: what is waited for ends as much sooner.
    pub(super) fn set_back(&mut self, sooner: impl Fn(Timestamp) -> Timestamp) {
        for run in self.runs.values_mut() {
            run.until = sooner(run.until);
            run.said_at = sooner(run.said_at);
        }
        self.denied.values_mut().for_each(|at| *at = sooner(*at));
    }

    /// How far it is with a contact.
    pub(super) fn state(&self, contact: ContactId) -> ShortState {
        self.runs.get(&contact).map_or(ShortState::None, Run::state)
    }

    /// How it is with whom the user means.
    pub(super) fn look(&self, store: &Store, who: &str) -> Found<ShortComparison, ShortError> {
        let Some(contact) = called(store, who)? else { return Ok(Err(ShortError::NoSuchContact)) };
        Ok(Ok(self.told(contact.id)))
    }

    fn told(&self, contact: ContactId) -> ShortComparison {
        self.runs.get(&contact).map_or_else(ShortComparison::none, Run::told)
    }

    // ---- what the user does

    fn act(
        &mut self,
        turn: &mut Turn,
        request: Asker<CompareShort>,
        call: CompareShort,
    ) -> Result<(), StoreError> {
        let Some((request, contact, session)) = met(turn, request, &call.who)? else { return Ok(()) };
        let blocked = turn.store.contact(contact)?.is_some_and(|contact| contact.blocked);
        match call.action {
            ShortAction::Look => {}
            _ if blocked => {
                turn.answer(request, Err(ShortError::Blocked));
                return Ok(());
            }
            ShortAction::Join => self.join(turn, contact, session)?,
            ShortAction::Stop => self.end(turn, contact, ShortEnd::Stopped)?,
            ShortAction::Same(string) => return self.same(turn, request, contact, string),
            ShortAction::Differ if self.state(contact) != ShortState::Shown => {
                turn.answer(request, Err(ShortError::NoComparison));
                return Ok(());
            }
            ShortAction::Differ => {
                self.end(turn, contact, ShortEnd::Different)?;
                notes::tell(turn, contact, Note::StringsDiffer)?;
            }
        }
        turn.answer(request, Ok(self.told(contact)));
        Ok(())
    }

    fn join(&mut self, turn: &mut Turn, contact: ContactId, session: SessionId) -> Result<(), StoreError> {
        match self.runs.get(&contact) {
            Some(&Run { step: Step::Asked, id: Some(id), .. }) => self.answer(turn, contact, id),
            Some(run) if !run.is_over() => Ok(()),
            before => {
                let heard_at = before.map_or(Timestamp(0), |run| run.heard_at);
                let run = Run { heard_at, ..Run::new(turn, None, session, Step::AtKeyvault) };
                let number = run.number;
                turn.ask(BeginComparison { session: session.into() }, move |told| {
                    ComparisonEvent::Begun(contact, number, told)
                });
                self.runs.insert(contact, run);
                changed(turn, contact)
            }
        }
    }

    /// The user joined what they began.
    fn answer(&mut self, turn: &mut Turn, contact: ContactId, id: Key) -> Result<(), StoreError> {
        let Some(run) = self.runs.get_mut(&contact) else { return Ok(()) };
        let number = turn.number();
        (run.number, run.id, run.step) = (number, Some(id), Step::AtKeyvault);
        run.until = turn.now.after(OPEN_FOR);
        let call = AnswerComparison { session: run.session.into(), commitment: id };
        turn.ask(call, move |told| ComparisonEvent::Answered(contact, number, told));
        changed(turn, contact)
    }

    /// The person says what the other side reads out: keyvault knows whether it is the same.
    fn same(
        &mut self,
        turn: &mut Turn,
        request: Asker<CompareShort>,
        contact: ContactId,
        string: String,
    ) -> Result<(), StoreError> {
        let run = self.runs.get(&contact).filter(|run| run.state() == ShortState::Shown);
        let why = match run {
            None => ShortError::NoComparison,
            // keyvault ends the connection of a caller that sends more.
            Some(_) if string.len() > DIGITS_MAX_BYTES => ShortError::OtherString,
            Some(run) => {
                let (number, session) = (run.number, run.session.into());
                turn.ask(VerifyString { session, told: string }, move |told| ComparisonEvent::Verified {
                    request,
                    contact,
                    number,
                    told,
                });
                return Ok(());
            }
        };
        turn.answer(request, Err(why));
        Ok(())
    }

    fn verified(
        &mut self,
        turn: &mut Turn,
        request: Asker<CompareShort>,
        (contact, number): (ContactId, u64),
        told: Asked<(), VerifyStringError>,
    ) -> Result<(), StoreError> {
        let is_this = self.runs.get(&contact).is_some_and(|run| run.number == number);
        let answer = match told {
            Ok(Ok(())) => {
                hold::compared(turn, contact, true)?;
                if is_this {
                    self.end(turn, contact, ShortEnd::Same)?;
                }
                Ok(self.told(contact))
            }
            Ok(Err(VerifyStringError::OtherString)) => Err(ShortError::OtherString),
            Ok(Err(VerifyStringError::NoComparison)) => {
                if is_this {
                    self.end(turn, contact, ShortEnd::Stopped)?;
                }
                Err(ShortError::NoComparison)
            }
            Ok(Err(VerifyStringError::NoSuchId)) => Err(ShortError::NoSuchContact),
            Ok(Err(VerifyStringError::Fault(_))) | Err(_) => Err(Closed::Storage.into()),
        };
        turn.answer(request, answer);
        Ok(())
    }

    // ---- what keyvault makes

    /// The run whose next step keyvault has made, unless something else happened meanwhile.
    fn at_keyvault(&mut self, (contact, number): (ContactId, u64)) -> Option<&mut Run> {
        let run = self.runs.get_mut(&contact)?;
        (run.number == number && matches!(run.step, Step::AtKeyvault)).then_some(run)
    }

    fn begun(
        &mut self,
        turn: &mut Turn,
        which: (ContactId, u64),
        told: Asked<stored_keyvault::ComparisonStep, SessionError>,
    ) -> Result<(), StoreError> {
        let Some(run) = self.at_keyvault(which) else { return Ok(()) };
        let Ok(Ok(step)) = told else { return self.end(turn, which.0, ShortEnd::Failed) };
        (run.id, run.runs, run.step) = (Some(step.told), step.runs, Step::Begun);
        self.go_on(turn, which.0)
    }

    fn answered(
        &mut self,
        turn: &mut Turn,
        which: (ContactId, u64),
        told: Asked<stored_keyvault::ComparisonStep, SessionError>,
    ) -> Result<(), StoreError> {
        let Some(run) = self.at_keyvault(which) else { return Ok(()) };
        let Ok(Ok(step)) = told else { return self.end(turn, which.0, ShortEnd::Failed) };
        (run.runs, run.step) = (step.runs, Step::Answered(step.told));
        self.go_on(turn, which.0)
    }

    /// The other side is told, and then what it began meanwhile is looked at.
    fn go_on(&mut self, turn: &mut Turn, contact: ContactId) -> Result<(), StoreError> {
        let Some(run) = self.runs.get_mut(&contact) else { return Ok(()) };
        run.repeats = 0;
        run.say(turn, contact);
        let crossing = run.crossing.take();
        changed(turn, contact)?;
        match crossing {
            Some(id) => self.they_began(turn, contact, id),
            None => Ok(()),
        }
    }

    fn revealed(
        &mut self,
        turn: &mut Turn,
        which: (ContactId, u64),
        theirs: Key,
        told: Asked<Shown, RevealError>,
    ) -> Result<(), StoreError> {
        let Some(run) = self.at_keyvault(which) else { return Ok(()) };
        let Ok(Ok(shown)) = told else { return self.end(turn, which.0, ShortEnd::Failed) };
        run.revealed = Some(Revealed { theirs, own: shown.nonce });
        run.show(turn, shown);
        run.reveal(turn, which.0);
        changed(turn, which.0)
    }

    fn checked(
        &mut self,
        turn: &mut Turn,
        which: (ContactId, u64),
        told: Asked<Shown, CheckError>,
    ) -> Result<(), StoreError> {
        let Some(run) = self.at_keyvault(which) else { return Ok(()) };
        match told {
            Ok(Ok(shown)) => {
                run.show(turn, shown);
                changed(turn, which.0)
            }
            Ok(Err(CheckError::NotCommittedTo)) => {
                notes::tell(turn, which.0, Note::StringsDiffer)?;
                self.end(turn, which.0, ShortEnd::Cheated)
            }
            _ => self.end(turn, which.0, ShortEnd::Failed),
        }
    }

    // ---- what they say

    fn heard(
        &mut self,
        turn: &mut Turn,
        contact: ContactId,
        sent_at: Timestamp,
        said: Comparison,
    ) -> Result<(), StoreError> {
        if let Some(run) = self.runs.get_mut(&contact) {
            // What something newer of theirs has overtaken; unless their clock was set back.
            if sent_at < run.heard_at && run.heard_at.since(sent_at) < OPEN_FOR {
                return Ok(());
            }
            run.heard_at = sent_at;
        }
        let id = said.run;
        match said.step {
            ComparisonStep::Begin if turn.now.since(sent_at) > TOO_OLD => Ok(()),
            ComparisonStep::Begin => self.they_began(turn, contact, id),
            ComparisonStep::Answer(nonce) => self.they_answered(turn, contact, (id, nonce)),
            ComparisonStep::Reveal(nonce) => self.they_revealed(turn, contact, (id, nonce)),
            ComparisonStep::End(why) => self.they_ended(turn, contact, id, why),
        }
    }

    fn they_began(&mut self, turn: &mut Turn, contact: ContactId, id: Key) -> Result<(), StoreError> {
        let Some(run) = self.runs.get_mut(&contact) else {
            let Some(session) = turn.store.contact(contact)?.and_then(|contact| contact.session) else {
                return Ok(());
            };
            return self.asked(turn, contact, id, session);
        };
        let session = run.session;
        match (&run.step, run.is(&id)) {
            // Also the own one, come back.
            (Step::Begun | Step::Asked | Step::AtKeyvault | Step::Shown { .. }, true) => Ok(()),
            (Step::Answered(_) | Step::Over(_), true) => {
                run.say_again(turn, contact);
                Ok(())
            }
            (Step::AtKeyvault, false) => {
                run.crossing = Some(id);
                Ok(())
            }
            // Both began: the lower one goes on.
            (Step::Begun, false) if run.id < Some(id) => {
                run.say_again(turn, contact);
                Ok(())
            }
            (Step::Begun, false) => self.answer(turn, contact, id),
            (Step::Asked | Step::Answered(_) | Step::Shown { .. } | Step::Over(_), false) => {
                self.asked(turn, contact, id, session)
            }
        }
    }

    /// Whatever there was is over at theirs; the user has to join anew.
    fn asked(
        &mut self,
        turn: &mut Turn,
        contact: ContactId,
        id: Key,
        session: SessionId,
    ) -> Result<(), StoreError> {
        let (was, heard_at) = self
            .runs
            .get(&contact)
            .map_or((ShortState::None, Timestamp(0)), |run| (run.state(), run.heard_at));
        let run = Run { heard_at, ..Run::new(turn, Some(id), session, Step::Asked) };
        turn.set_timer(run.until, Timer::Comparison(contact));
        self.runs.insert(contact, run);
        if was == ShortState::Asked { Ok(()) } else { changed(turn, contact) }
    }

    fn they_answered(
        &mut self,
        turn: &mut Turn,
        contact: ContactId,
        (id, nonce): (Key, Key),
    ) -> Result<(), StoreError> {
        let Some(run) = self.runs.get_mut(&contact).filter(|run| run.is(&id)) else {
            return self.deny(turn, contact, id);
        };
        match run.step {
            Step::Begun => {
                run.step = Step::AtKeyvault;
                let (number, call) = (run.number, RevealComparison { session: run.session.into(), nonce });
                turn.ask(call, move |told| ComparisonEvent::Revealed {
                    contact,
                    number,
                    theirs: nonce,
                    told,
                });
                Ok(())
            }
            Step::Shown { .. } | Step::Over(ShortEnd::Same) => {
                run.reveal_again(turn, contact, nonce);
                Ok(())
            }
            Step::Over(_) => {
                run.say_again(turn, contact);
                Ok(())
            }
            Step::Asked | Step::AtKeyvault | Step::Answered(_) => Ok(()),
        }
    }

    fn they_revealed(
        &mut self,
        turn: &mut Turn,
        contact: ContactId,
        (id, nonce): (Key, Key),
    ) -> Result<(), StoreError> {
        let Some(run) = self.runs.get_mut(&contact).filter(|run| run.is(&id)) else {
            return self.deny(turn, contact, id);
        };
        if let Step::Answered(_) = run.step {
            run.step = Step::AtKeyvault;
            let (number, call) = (run.number, CheckComparison { session: run.session.into(), nonce });
            turn.ask(call, move |told| ComparisonEvent::Checked(contact, number, told));
        }
        Ok(())
    }

    fn they_ended(
        &mut self,
        turn: &mut Turn,
        contact: ContactId,
        id: Key,
        why: ComparisonEnd,
    ) -> Result<(), StoreError> {
        let Some(run) = self.runs.get_mut(&contact).filter(|run| run.is(&id)) else { return Ok(()) };
        if run.theirs == Some(why) {
            return Ok(());
        }
        run.theirs = Some(why);
        match run.step {
            Step::Shown { .. } | Step::Over(_) => {}
            // They see no string either.
            _ => run.step = Step::Over(ShortEnd::TheyStopped),
        }
        changed(turn, contact)
    }

    /// Nothing is known here of that one: its program died, or this one did. Not said while another one is under way, which tells as much.
    fn deny(&mut self, turn: &mut Turn, contact: ContactId, id: Key) -> Result<(), StoreError> {
        let is_busy = self.runs.get(&contact).is_some_and(|run| !run.is_over());
        let before = self.denied.get(&contact);
        if is_busy || before.is_some_and(|before| before.is_recent(turn.now, AGAIN_AFTER)) {
            return Ok(());
        }
        self.denied.insert(contact, turn.now);
        let step = ComparisonStep::End(ComparisonEnd::Stopped);
        turn.wish(OutboxEvent::Compare(contact, Comparison { run: id, step }));
        Ok(())
    }

    // ---- as time passes

    fn due(&mut self, turn: &mut Turn, contact: ContactId) -> Result<(), StoreError> {
        let Some(run) = self.runs.get_mut(&contact).filter(|run| !run.is_over()) else { return Ok(()) };
        if run.until <= turn.now {
            return self.end(turn, contact, ShortEnd::TimedOut);
        }
        let mut next = run.until;
        if run.says().is_some() {
            if run.repeat_at() <= turn.now {
                run.repeats += 1;
                // What no relay has yet is on its way.
                if turn.store.under_way(contact, OutgoingKind::Comparison)? {
                    run.said_at = turn.now;
                } else {
                    run.say(turn, contact);
                }
            }
            next = next.min(run.repeat_at());
        }
        turn.set_timer(next, Timer::Comparison(contact));
        Ok(())
    }

    /// It is over here, and the other side is told unless it only asked in vain.
    fn end(&mut self, turn: &mut Turn, contact: ContactId, why: ShortEnd) -> Result<(), StoreError> {
        let Some(run) = self.runs.get_mut(&contact).filter(|run| !run.is_over()) else { return Ok(()) };
        let is_unheard = matches!(run.step, Step::Asked) && why == ShortEnd::TimedOut;
        run.step = Step::Over(why);
        if why == ShortEnd::Same {
            run.tell(turn, contact, ComparisonStep::End(ComparisonEnd::Same));
        } else if !is_unheard {
            run.say(turn, contact);
        }
        changed(turn, contact)
    }
}

/// Whoever follows the contact is told.
fn changed(turn: &mut Turn, contact: ContactId) -> Result<(), StoreError> {
    turn.event(&EventKind::Contact { contact })
}
