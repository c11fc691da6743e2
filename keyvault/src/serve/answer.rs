//! From domain types to generated types.

use ipc_schema::edges::stored_keyvault_capnp::{
    Comparison as ComparisonCode, InviteRefusal, VaultError as Code, accept_result, begin_result,
    code_result, comparison_result, done_result, envelope, finish_invite_result, open_invite_result,
    open_result, peer_queue, seal_result, session_result, sign_result,
};

use crate::error::{InviteError, VaultError};
use crate::identity::{Comparison, SafetyNumber};
use crate::mailbox::Authenticator;
use crate::store::StoreError;
use crate::vault::{
    AcceptedInvite, FinishedInvite, Opened, OpenedInvite, OutgoingEnvelope, PeerQueue, SessionInfo,
};

/// Tells the operator what stored is not told: why the file could not be written, and what should not have happened.
pub(super) fn report(error: &VaultError) {
    match error {
        VaultError::Store(error) => {
            let cause = match error {
                StoreError::Io { source, .. } => format!(": {source}"),
                StoreError::Damaged | StoreError::Closed | StoreError::ReadOnly => String::new(),
            };
            eprintln!("{error}{cause}");
        }
        VaultError::Bug(what) => eprintln!("bug: {what}"),
        _ => {}
    }
}

/// What the caller can do about it.
pub(super) fn code(error: &VaultError) -> Code {
    report(error);
    match error {
        VaultError::NoSuch(_) | VaultError::WrongPurpose(_) => Code::NoSuchId,
        VaultError::RateLimited { .. } => Code::RateLimited,
        VaultError::TooManyKept | VaultError::TooMany(_) => Code::TooManyOpen,
        VaultError::TooLong => Code::TooLong,
        VaultError::Conflict(_) => Code::BadContent,
        VaultError::RelayMismatch => Code::RelayMismatch,
        VaultError::NoPeerQueue => Code::NoQueue,
        VaultError::InviteAgain => Code::InviteAgain,
        VaultError::NumberChanged => Code::NumberChanged,
        VaultError::Store(_) => Code::Storage,
        VaultError::Bug(_) | VaultError::Invite(_) => Code::Bug,
    }
}

fn refusal(error: InviteError) -> InviteRefusal {
    match error {
        InviteError::NotALink => InviteRefusal::Malformed,
        InviteError::Truncated => InviteRefusal::Truncated,
        InviteError::Altered => InviteRefusal::Altered,
        InviteError::Expired => InviteRefusal::Expired,
        InviteError::NewerVersion => InviteRefusal::NewerVersion,
        InviteError::Own => InviteRefusal::Own,
        InviteError::Used => InviteRefusal::Used,
    }
}

pub(super) fn begin(mut out: begin_result::Builder<'_>, result: Result<[u8; 32], VaultError>) {
    match result {
        Ok(key) => out.set_auth_key(&key),
        Err(error) => out.set_error(code(&error)),
    }
}

pub(super) fn finish_invite(
    mut out: finish_invite_result::Builder<'_>,
    result: Result<FinishedInvite, VaultError>,
) {
    match result {
        Ok(invite) => {
            let mut out = out.init_invite();
            out.set_link(invite.link.as_str());
            out.set_blob_id(&invite.blob_id);
            out.set_read_key(invite.read_key.expose());
            out.set_blob(&invite.blob);
            out.set_expires(invite.expires.0);
        }
        Err(error) => out.set_error(code(&error)),
    }
}

pub(super) fn open_invite(
    mut out: open_invite_result::Builder<'_>,
    result: Result<OpenedInvite, VaultError>,
) -> capnp::Result<()> {
    match result {
        Ok(invite) => {
            let mut out = out.init_invite();
            out.set_relay(&invite.relay.0);
            out.set_blob_id(&invite.blob_id);
            out.set_sender_key(&invite.sender_key);
            out.set_expires(invite.expires.0);
            let mut hints = out.init_hints(length(invite.hints.len())?);
            for (at, hint) in (0..).zip(&invite.hints) {
                hints.set(at, &hint.pack());
            }
        }
        Err(VaultError::Invite(error)) => out.set_refused(refusal(error)),
        Err(error) => out.set_error(code(&error)),
    }
    Ok(())
}

pub(super) fn accept(
    mut out: accept_result::Builder<'_>,
    result: Result<AcceptedInvite, VaultError>,
) -> capnp::Result<()> {
    match result {
        Ok(accepted) => {
            let mut out = out.init_accepted();
            out.set_session(accepted.session.0);
            peer_queues(
                out.reborrow().init_peer_queues(length(accepted.peer_queues.len())?),
                &accepted.peer_queues,
            );
            envelopes(out.init_envelopes(length(accepted.envelopes.len())?), &accepted.envelopes);
        }
        Err(VaultError::Invite(error)) => out.set_refused(refusal(error)),
        Err(error) => out.set_error(code(&error)),
    }
    Ok(())
}

pub(super) fn seal(
    mut out: seal_result::Builder<'_>,
    result: Result<Vec<OutgoingEnvelope>, VaultError>,
) -> capnp::Result<()> {
    match result {
        Ok(sealed) => envelopes(out.init_envelopes(length(sealed.len())?), &sealed),
        Err(error) => out.set_error(code(&error)),
    }
    Ok(())
}

pub(super) fn open(
    mut out: open_result::Builder<'_>,
    result: Result<Opened, VaultError>,
) -> capnp::Result<()> {
    match result {
        Ok(Opened::Message { session, content, inner, peer_queues: queues, news }) => {
            let mut out = out.init_message();
            out.set_session(session.0);
            out.set_content(&content);
            out.set_inner(&inner.0);
            out.set_first(news.first.is_some());
            out.set_repaired(news.repaired);
            out.set_repair_wanted(news.repair_wanted);
            out.set_identity_changed(news.identity_changed);
            peer_queues(out.init_peer_queues(length(queues.len())?), &queues);
        }
        Ok(Opened::Duplicate(inner)) => out.set_duplicate(&inner.0),
        Ok(Opened::Unreadable) => out.set_unreadable(()),
        Ok(Opened::OpenedTwice(_)) => out.set_opened_twice(()),
        Ok(Opened::RolledBack(session)) => out.set_peer_rolled_back(session.0),
        Ok(Opened::OutOfStep(session)) => out.set_out_of_step(session.0),
        Err(error) => out.set_error(code(&error)),
    }
    Ok(())
}

pub(super) fn sign(mut out: sign_result::Builder<'_>, result: Result<Authenticator, VaultError>) {
    match result {
        Ok(authenticator) => out.set_auth(authenticator.as_ref()),
        Err(error) => out.set_error(code(&error)),
    }
}

pub(super) fn session(
    mut out: session_result::Builder<'_>,
    result: Result<(SafetyNumber, SessionInfo, bool), VaultError>,
) -> capnp::Result<()> {
    match result {
        Ok((number, info, verified)) => {
            let mut out = out.init_session();
            out.set_digits(number.digits.as_str());
            out.set_verified(verified);
            let mut words = out.reborrow().init_words(length(number.words.len())?);
            for (at, word) in (0..).zip(&number.words) {
                words.set(at, word);
            }
            let mut replicas = out.init_replicas(length(info.replicas.len())?);
            for (at, replica) in (0..).zip(&info.replicas) {
                replicas.set(at, replica.0);
            }
        }
        Err(error) => out.set_error(code(&error)),
    }
    Ok(())
}

pub(super) fn done(mut out: done_result::Builder<'_>, result: Result<(), VaultError>) {
    match result {
        Ok(()) => out.set_done(()),
        Err(error) => out.set_error(code(&error)),
    }
}

pub(super) fn verification_code(mut out: code_result::Builder<'_>, result: Result<String, VaultError>) {
    match result {
        Ok(text) => out.set_code(text.as_str()),
        Err(error) => out.set_error(code(&error)),
    }
}

pub(super) fn comparison(mut out: comparison_result::Builder<'_>, result: Result<Comparison, VaultError>) {
    match result {
        Ok(told) => out.set_told(match told {
            Comparison::Match => ComparisonCode::Match,
            Comparison::OtherPerson => ComparisonCode::OtherPerson,
            Comparison::NotACode => ComparisonCode::NotACode,
            Comparison::NewerVersion => ComparisonCode::NewerVersion,
        }),
        Err(error) => out.set_error(code(&error)),
    }
}

fn peer_queues(mut out: capnp::struct_list::Builder<'_, peer_queue::Owned>, queues: &[PeerQueue]) {
    for (at, queue) in (0..).zip(queues) {
        let mut out = out.reborrow().get(at);
        out.set_relay(&queue.relay.0);
        out.set_queue(&queue.queue.0);
        out.set_number(queue.id.0);
        out.set_sender_key(&queue.sender_key);
    }
}

fn envelopes(mut out: capnp::struct_list::Builder<'_, envelope::Owned>, envelopes: &[OutgoingEnvelope]) {
    for (at, envelope) in (0..).zip(envelopes) {
        let mut out = out.reborrow().get(at);
        out.set_peer_queue(envelope.peer_queue.0);
        out.set_put_id(&envelope.put_id.0);
        out.set_bytes(&envelope.bytes);
    }
}

fn length(length: usize) -> capnp::Result<u32> {
    u32::try_from(length).map_err(|_| capnp::Error::failed("too long a list".to_owned()))
}
