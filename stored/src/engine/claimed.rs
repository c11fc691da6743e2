//! A contact asks whether a link is the user's: it is closed then, and what was written to whom it was for goes to who asks
//! (docs/protocol/content.md, "Meeting again").

use std::time::Duration;

use super::event::ClaimEvent;
use super::meeting_steps::{self, Came, say};
use super::turn::Turn;
use super::{places, twins};
use crate::content::{Meeting, MeetingStep, Proof, Proves, WireId, proof};
use crate::error::StoreError;
use crate::ids::{AcceptId, ContactId};
use crate::store::{Claim, ClaimState, Contact, Invite, InviteState};

/// Questions of one contact that are looked at within [`WITHIN`], and as many as one is asked.
pub(super) const MOST: u32 = 8;
pub(super) const WITHIN: Duration = Duration::from_secs(3_600);

/// It is kept until keyvault told what the proof is of. Of those who ask without end no more is looked at.
pub(super) fn asked(
    turn: &mut Turn,
    contact: ContactId,
    wire: WireId,
    untrusted_proof: Proof,
) -> Result<(), StoreError> {
    turn.store.forget_answered(turn.now, WITHIN)?;
    let known = turn.store.claim_called(contact, false, wire)?.is_some();
    if known || turn.store.claims_within(contact, false, (turn.now, WITHIN))? >= MOST {
        return Ok(());
    }
    let id = AcceptId(turn.random_id());
    turn.store.add_claim(&Claim {
        id,
        contact,
        mine: false,
        wire,
        state: ClaimState::Asked,
        link: String::new(),
        proof: untrusted_proof,
        at: turn.now,
    })?;
    turn.wish(ClaimEvent::LookAt(contact));
    Ok(())
}

/// What this side knows of a link that is asked about.
enum Known {
    /// It leads to who asks.
    Theirs(String),
    /// It is for somebody who has not come by it yet.
    Open(String, Box<Contact>),
    /// It led to a session that may be with who asks: that is settled in both.
    Unsettled,
    /// Nothing that is for who asks.
    Nothing,
}

/// keyvault told the number of the session in which it was asked.
pub(super) fn answer(turn: &mut Turn, claim: Claim, digits: &str) -> Result<(), StoreError> {
    let contact = claim.contact;
    let yes = |link: &str| MeetingStep::ItIs(proof(Proves::Answer, claim.wire, digits, link));
    let is_it = |link: &str| proof(Proves::Question, claim.wire, digits, link) == claim.proof;
    let step = match known(turn, contact, is_it)? {
        Known::Unsettled => return Ok(()),
        Known::Nothing => MeetingStep::ItIsNot,
        Known::Theirs(link) => yes(&link),
        Known::Open(link, invited) => {
            // Whose place they were to take is not said of who asks.
            turn.store.set_replaces(invited.id, None)?;
            places::join(turn, &invited, contact)?;
            meeting_steps::tell(turn, contact, &Came::IsOwn(&invited.name))?;
            yes(&link)
        }
    };
    say(turn, contact, &Meeting { id: claim.wire, step })?;
    turn.store.set_claim(&Claim { state: ClaimState::Answered, ..claim })
}

fn known(turn: &Turn, contact: ContactId, is_it: impl Fn(&str) -> bool) -> Result<Known, StoreError> {
    if let Some(link) = turn.store.links_of(contact)?.into_iter().find(|link| is_it(link)) {
        return Ok(Known::Theirs(link));
    }
    let mut invites = turn.store.invites()?.into_iter().filter(|invite| !invite.link.is_empty());
    let Some(invite) = invites.find(|invite| is_it(&invite.link)) else { return Ok(Known::Nothing) };
    let Some(invited) = turn.store.contact(invite.contact)? else { return Ok(Known::Nothing) };
    if twins::are_twins(turn, contact, invited.id)? {
        return Ok(Known::Unsettled);
    }
    let is_open = waits(&invite) && invited.session.is_none() && !invited.blocked;
    // The user gave the link of an introduction to nobody.
    if is_open && !turn.store.is_introduced(invite.id)? {
        return Ok(Known::Open(invite.link, Box::new(invited)));
    }
    Ok(Known::Nothing)
}

fn waits(invite: &Invite) -> bool {
    matches!(invite.state, InviteState::Placing | InviteState::Waiting | InviteState::Expired)
}

#[cfg(test)]
mod tests {
    use ipc_schema::Timestamp;

    use super::super::one_turn::{ANN, NOW, turn};
    use super::*;
    use crate::ids::InviteId;
    use crate::store::{ContactState, Store};

    const BEA: ContactId = ContactId(2);
    const HOUR_MS: u64 = 3_600_000;
    const DIGITS: &str = "12345 67890";

    fn open(turn: &Turn) -> usize {
        turn.store.open_claims().unwrap().len()
    }

    fn answer_all(turn: &mut Turn) {
        turn.store.open_claims().unwrap().into_iter().for_each(|claim| answer(turn, claim, DIGITS).unwrap());
    }

    /// An answer that waits for its number is a yes or a no.
    fn is_yes(turn: &Turn, number: u8) -> bool {
        let link = proof(Proves::Answer, WireId([number; 16]), DIGITS, "link");
        let waiting = turn.store.waiting(ANN, true, 99).unwrap().into_iter();
        let mut said = waiting.map(|outgoing| turn.store.change(outgoing.change.unwrap()).unwrap().unwrap());
        let said = said.find(|said| said.wire == WireId([number; 16])).unwrap();
        matches!(meeting_steps::said(said), crate::content::Kind::Meeting(Meeting { step, .. }) if step == MeetingStep::ItIs(link))
    }

    #[test]
    fn a_contact_who_asks_without_end_is_answered_eight_times_an_hour() {
        let folder = tempfile::tempdir().unwrap();
        let mut turn = turn(&folder);
        let ask = |turn: &mut Turn, number: u8| asked(turn, ANN, WireId([number; 16]), [number; 32]).unwrap();
        (0..100).for_each(|number| ask(&mut turn, number));
        assert_eq!(open(&turn), 8);
        answer_all(&mut turn);
        assert_eq!((open(&turn), turn.store.waiting(ANN, true, 99).unwrap().len()), (0, 8));
        ask(&mut turn, 200);
        assert_eq!(open(&turn), 0);
        turn.now = Timestamp(NOW.0 + HOUR_MS);
        ask(&mut turn, 201);
        // Under a name that was answered long ago.
        ask(&mut turn, 0);
        assert_eq!(open(&turn), 2);
    }

    #[test]
    fn a_link_is_closed_for_who_has_it_while_nobody_came_by_it_and_only_then() {
        type Prepare = fn(&Store);
        let cases: [(&str, InviteState, Prepare, bool); 6] = [
            ("link", InviteState::Waiting, |_| {}, true),
            ("link", InviteState::Expired, |_| {}, true),
            ("another link", InviteState::Waiting, |_| {}, false),
            (
                "link",
                InviteState::Accepted,
                |store| store.set_session(BEA, crate::ids::SessionId(5)).unwrap(),
                false,
            ),
            ("link", InviteState::Waiting, |store| store.set_blocked(BEA, true).unwrap(), false),
            ("link", InviteState::Waiting, |store| store.set_introduced(InviteId(9)).unwrap(), false),
        ];
        for (at, (link, state, prepare, closes)) in cases.into_iter().enumerate() {
            let folder = tempfile::tempdir().unwrap();
            let mut turn = turn(&folder);
            turn.store.add_contact(BEA, "bea", ContactState::Invited, NOW).unwrap();
            turn.store.add_invite(InviteId(9), BEA).unwrap();
            let invite = turn.store.invite(InviteId(9)).unwrap().unwrap();
            turn.store.fill_invite(&Invite { link: "link".into(), ..invite }).unwrap();
            turn.store.set_invite_state(InviteId(9), state).unwrap();
            prepare(&turn.store);
            // Twice, as after a kill.
            for number in [1, 2] {
                let question = proof(Proves::Question, WireId([number; 16]), DIGITS, link);
                asked(&mut turn, ANN, WireId([number; 16]), question).unwrap();
                answer_all(&mut turn);
                assert_eq!(is_yes(&turn, number), closes, "{at}");
            }
            assert_eq!(turn.store.contact(BEA).unwrap().is_none(), closes, "{at}");
        }
    }
}
