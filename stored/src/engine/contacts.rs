//! People: their names, and what the user does with them.

use ipc_schema::edge::stored_keyvault::{
    self, Comparison, DIGITS_MAX_BYTES, SafetyNumber, Session, SessionError, SetVerified, SetVerifiedError,
    VerificationCode,
};
use ipc_schema::edge::ui_stored::{
    self, AskSafetyNumber, ChangeContact, ChangeError, Closed, CompareCode, ContactAction, NumberError,
    ProfileNameError,
};
use ipc_schema::limits::{LINK_MAX_CHARS, NOTE_MAX_BYTES};

use super::event::{
    ArrivalEvent, Asked, ComparisonEvent, ContactEvent, FileSendEvent, OutboxEvent, TypingEvent,
};
use super::interface::Action;
use super::met::met;
use super::names::{Found, called_or_made, is_name, usable_name};
use super::requests::Asker;
use super::turn::Turn;
use super::{attributes, hold, oneself, receipts, removal, retention, timers};
use crate::error::StoreError;
use crate::ids::{ContactId, SessionId};
use crate::store::{Contact, ContactState, Courtesy, EventKind, InviteState, Notice, OutgoingKind};

pub(super) fn handle(turn: &mut Turn, event: ContactEvent) -> Result<(), StoreError> {
    match event {
        ContactEvent::Change { request, who, action: ContactAction::Verify(digits) } => {
            verify(turn, request, &who, digits)
        }
        ContactEvent::Change { request, who, action } => {
            let answer = change(turn, &who, action)?;
            turn.answer(request, answer);
            Ok(())
        }
        ContactEvent::SetProfileName(request, name) => {
            let answer = set_profile_name(turn, &name)?;
            turn.answer(request, answer);
            Ok(())
        }
        ContactEvent::SafetyNumber(request, who) => safety_number(turn, request, &who),
        ContactEvent::NumberTold { request, contact, session, number } => {
            number_told(turn, request, (contact, session), number)
        }
        ContactEvent::CodeTold(request, number, code) => {
            code_told(turn, request, *number, code);
            Ok(())
        }
        ContactEvent::Verified { request, contact, verified, set } => {
            verified_told(turn, request, (contact, verified), set)
        }
        ContactEvent::CompareCode { request, who, code } => compare(turn, request, &who, code),
        ContactEvent::Compared(request, contact, told) => compared(turn, request, contact, told),
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

// ---- what the user does

/// What holds for those that have nothing of their own, as a contact that is nobody.
fn change_for_all(turn: &mut Turn, action: &ContactAction) -> Found<Contact, ChangeError> {
    match *action {
        ContactAction::Show => {}
        ContactAction::Receipts(on) => receipts::set_for_all(turn, Courtesy::Receipts, on)?,
        ContactAction::Typing(on) => receipts::set_for_all(turn, Courtesy::Typing, on)?,
        ContactAction::Retention(seconds) => retention::set_for_all(turn, seconds)?,
        ContactAction::Files(most) => turn.store.set_files(most)?,
        _ => return Ok(Err(ChangeError::NoSuchContact)),
    }
    let [receipts, typing] = Courtesy::ALL.map(|which| turn.store.courtesy(which));
    let (retention_s, files) = (turn.store.retention()?, turn.store.files()?);
    Ok(Ok(Contact { receipts: receipts?, typing: typing?, retention_s, files, ..Contact::nobody() }))
}

fn change(turn: &mut Turn, who: &str, action: ContactAction) -> Found<Contact, ChangeError> {
    if who.is_empty() {
        return change_for_all(turn, &action);
    }
    let Some(contact) = called_or_made(turn, who)? else {
        return Ok(Err(ChangeError::NoSuchContact));
    };
    if contact.state == ContactState::Oneself && !oneself::takes(&action) {
        return Ok(Err(ChangeError::NotForSelf));
    }
    let id = contact.id;
    match action {
        // keyvault is asked first.
        ContactAction::Show | ContactAction::Verify(_) => {}
        ContactAction::Rename(name) => match usable_name(&turn.store, name.trim())? {
            Ok(name) => turn.store.rename_contact(id, &name)?,
            Err(_) if name.trim() == contact.name => {}
            Err(why) => return Ok(Err(why.into())),
        },
        ContactAction::Block(blocked) => {
            turn.store.set_blocked(id, blocked)?;
            turn.wish(OutboxEvent::Pump(id));
            turn.wish(TypingEvent::Ended(id));
            turn.wish(ComparisonEvent::Gone(id));
            turn.wish(FileSendEvent::LookAt(id));
            turn.wish(ArrivalEvent::LookAt(id));
        }
        ContactAction::Delete => {
            removal::remove(turn, &contact)?;
            return Ok(Ok(contact));
        }
        ContactAction::Decline => {
            if let Some(invite) = turn.store.invite_of(id)?
                && invite.state == InviteState::OpenedTwice
            {
                turn.store.set_invite_state(invite.id, InviteState::Accepted)?;
            }
        }
        ContactAction::Resume => {
            if !hold::resume(turn, &contact)? {
                return Ok(Err(ChangeError::NothingWaits));
            }
            turn.wish(FileSendEvent::LookAt(id));
        }
        // A relay gives an invite's blob to one reader alone: a second acceptance comes from a copy of the first one's folder, or by a relay
        // that lies. Taken in, it would be somebody of whom nothing is known; an invite of their own costs nothing.
        ContactAction::Accept => return Ok(Err(ChangeError::SecondOpener)),
        ContactAction::Pin(pinned) => turn.store.set_pinned(id, pinned)?,
        ContactAction::Mute(until) => attributes::mute(turn, id, until)?,
        ContactAction::Note(note) if note.len() > NOTE_MAX_BYTES => {
            return Ok(Err(ChangeError::NoteTooLong));
        }
        ContactAction::Note(note) => turn.store.set_note(id, &note)?,
        ContactAction::Unread => turn.store.mark_unread(id)?,
        ContactAction::Receipts(on) => receipts::set(turn, id, Courtesy::Receipts, on)?,
        ContactAction::Typing(on) => receipts::set(turn, id, Courtesy::Typing, on)?,
        ContactAction::Timer(seconds) => timers::set(turn, &contact, seconds)?,
        ContactAction::Retention(seconds) => retention::set(turn, id, seconds)?,
        ContactAction::Files(most) => turn.store.set_files_of(id, most)?,
    }
    turn.event(&EventKind::Contact { contact: id })?;
    Ok(Ok(turn.store.contact(id)?.unwrap_or(contact)))
}

fn set_profile_name(turn: &mut Turn, name: &str) -> Found<(), ProfileNameError> {
    let name = name.trim();
    if !name.is_empty() && !is_name(name) {
        return Ok(Err(ProfileNameError::NameBad));
    }
    turn.store.set_profile_name(name)?;
    turn.act(Action::NameChanged(name.to_owned()));
    for contact in turn.store.contacts()? {
        if contact.session.is_some() && !contact.blocked {
            turn.post(contact.id, OutgoingKind::Profile)?;
        }
    }
    Ok(Ok(()))
}

// ---- what keyvault knows of a contact

fn safety_number(turn: &mut Turn, request: Asker<AskSafetyNumber>, who: &str) -> Result<(), StoreError> {
    let Some((request, contact, session)) = met(turn, request, who)? else { return Ok(()) };
    turn.ask(Session { session: session.into() }, move |number| ContactEvent::NumberTold {
        request,
        contact,
        session,
        number,
    });
    Ok(())
}

fn number_told(
    turn: &mut Turn,
    request: Asker<AskSafetyNumber>,
    (contact, session): (ContactId, SessionId),
    told: Asked<SafetyNumber, SessionError>,
) -> Result<(), StoreError> {
    match settled(told) {
        Ok(number) => {
            // keyvault holds it; this is a copy for lists.
            turn.store.set_verified(contact, number.verified)?;
            let call = VerificationCode { session: session.into() };
            turn.ask(call, move |code| ContactEvent::CodeTold(request, Box::new(number), code));
        }
        Err(error) => turn.answer(request, Err(error)),
    }
    Ok(())
}

/// The last part of what is shown to be compared.
fn code_told(
    turn: &mut Turn,
    request: Asker<AskSafetyNumber>,
    number: SafetyNumber,
    code: Asked<String, SessionError>,
) {
    let SafetyNumber { digits, words, verified } = number;
    let number = |code| ui_stored::SafetyNumber { digits, words, verified, code };
    turn.answer(request, settled(code).map(number));
}

/// The user compared the safety number with these digits, or takes it back: keyvault keeps that.
fn verify(
    turn: &mut Turn,
    request: Asker<ChangeContact>,
    who: &str,
    digits: Option<String>,
) -> Result<(), StoreError> {
    if digits.as_ref().is_some_and(|digits| digits.len() > DIGITS_MAX_BYTES) {
        // Nobody's number; keyvault ends the connection of a caller that sends more.
        turn.answer(request, Err(ChangeError::NumberChanged));
        return Ok(());
    }
    let Some((request, contact, session)) = met(turn, request, who)? else { return Ok(()) };
    let verified = digits.is_some();
    let call = SetVerified { session: session.into(), digits: digits.unwrap_or_default() };
    turn.ask(call, move |set| ContactEvent::Verified { request, contact, verified, set });
    Ok(())
}

fn verified_told(
    turn: &mut Turn,
    request: Asker<ChangeContact>,
    (id, verified): (ContactId, bool),
    set: Asked<(), SetVerifiedError>,
) -> Result<(), StoreError> {
    let answer = match set {
        Ok(Ok(())) => {
            hold::compared(turn, id, verified)?;
            turn.store.contact(id)?.ok_or(ChangeError::NoSuchContact)
        }
        Ok(Err(SetVerifiedError::NoSuchId)) => Err(ChangeError::NoSuchContact),
        Ok(Err(SetVerifiedError::NumberChanged)) => Err(ChangeError::NumberChanged),
        Ok(Err(SetVerifiedError::Fault(_))) | Err(_) => Err(Closed::Storage.into()),
    };
    turn.answer(request, answer);
    Ok(())
}

/// A code was scanned: keyvault says whose it is, and verifies the contact if it is theirs.
fn compare(
    turn: &mut Turn,
    request: Asker<CompareCode>,
    who: &str,
    untrusted_code: String,
) -> Result<(), StoreError> {
    if untrusted_code.len() > LINK_MAX_CHARS {
        // keyvault ends the connection of a caller that sends more.
        turn.answer(request, Ok(Comparison::NotACode));
        return Ok(());
    }
    let Some((request, contact, session)) = met(turn, request, who)? else { return Ok(()) };
    let call = stored_keyvault::CompareCode { session: session.into(), code: untrusted_code };
    turn.ask(call, move |told| ContactEvent::Compared(request, contact, told));
    Ok(())
}

fn compared(
    turn: &mut Turn,
    request: Asker<CompareCode>,
    id: ContactId,
    told: Asked<Comparison, SessionError>,
) -> Result<(), StoreError> {
    let told = settled(told);
    if told == Ok(Comparison::Match) {
        hold::compared(turn, id, true)?;
    }
    turn.answer(request, told);
    Ok(())
}

fn settled<T>(told: Asked<T, SessionError>) -> Result<T, NumberError> {
    match told {
        Ok(told) => told.map_err(|error| match error {
            SessionError::NoSuchId => NumberError::NoSuchContact,
            SessionError::Fault(_) => Closed::Storage.into(),
        }),
        Err(_) => Err(Closed::Storage.into()),
    }
}
