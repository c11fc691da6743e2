//! keyvault as stored calls it (edges/stored-keyvault.capnp).

use futures::FutureExt;
use futures::future::LocalBoxFuture;
use ipc_schema::Timestamp;
use ipc_schema::edges::stored_keyvault_capnp::{
    self as edge, accept_result, begin_result, code_result, comparison_result, created, done_result,
    envelope, finish_invite_result, gate, open_invite_result, open_result, peer_queue, purpose, seal_result,
    session_result, sign_result, vault,
};
use ipc_schema::limits::{
    BLOB_MAX_BYTES, CONTENT_MAX_BYTES, ENVELOPE_BYTES, KEY_BYTES, LINK_MAX_CHARS, QUEUE_ID_BYTES,
};
use zeroize::Zeroizing;

use super::{Malformed, bounded, fixed};
use crate::engine::{
    Comparison, InviteRefusal, News, OfferedQueue, Opened, Purpose, SealedEnvelope, VaultAnswer, VaultCall,
    VaultError,
};
use crate::ids::{PeerQueueId, RelayId, SessionId};
use crate::store::{Created, StoreKey};

/// What an unlocked vault hands over.
pub(crate) struct Unlocked {
    pub(crate) vault: vault::Client,
    pub(crate) store_key: StoreKey,
    pub(crate) scripts: bool,
    /// The key of `decoy.db`.
    pub(crate) decoy_key: StoreKey,
    /// The decoy is to take the place of everything.
    pub(crate) wipe: bool,
}

/// Parks until the vault is unlocked. `None`: keyvault went, or answered nonsense.
pub(crate) async fn unlocked(gate: &gate::Client) -> Option<Unlocked> {
    let answer = gate.open_request().send().promise.await.ok()?;
    let unlocked = answer.get().ok()?.get_unlocked().ok()?;
    let store_key = Zeroizing::new(fixed(unlocked.get_store_key().ok()?).ok()?);
    let decoy_key = Zeroizing::new(fixed(unlocked.get_decoy_key().ok()?).ok()?);
    Some(Unlocked {
        vault: unlocked.get_vault().ok()?,
        store_key,
        scripts: unlocked.get_scripts(),
        decoy_key,
        wipe: unlocked.get_wipe(),
    })
}

/// How things stand beside what was handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    /// keyvault's number for it, to wait for another.
    pub(crate) number: u64,
    pub(crate) screen_locked: bool,
    /// Grows when another vault took the place of the one that was open.
    pub(crate) vault: u32,
}

/// Parks while things stand as in `seen`; 0 always answers. `None`: keyvault is gone.
pub(crate) async fn standing(gate: &gate::Client, seen: u64) -> Option<Standing> {
    let mut request = gate.standing_request();
    request.get().set_seen(seen);
    let answer = request.send().promise.await.ok()?;
    let answer = answer.get().ok()?;
    Some(Standing {
        number: answer.get_now(),
        screen_locked: answer.get_screen_locked(),
        vault: answer.get_vault(),
    })
}

/// The wipe is done. What gets lost here is ordered and told again.
pub(crate) async fn wiped(gate: &gate::Client) {
    let _ = gate.wiped_request().send().promise.await;
}

type Pending = LocalBoxFuture<'static, Result<VaultAnswer, capnp::Error>>;

/// Sends a call at once, so that calls keep their order, and gives its answer later. `None`: keyvault is gone.
pub(crate) fn call(vault: &vault::Client, call: VaultCall) -> LocalBoxFuture<'static, Option<VaultAnswer>> {
    let answer = send(vault, call);
    async move {
        match answer.await {
            Ok(answer) => Some(answer),
            Err(error) if error.kind == capnp::ErrorKind::Disconnected => None,
            Err(_) => Some(VaultAnswer::Failed(VaultError::Bug)),
        }
    }
    .boxed_local()
}

/// Sends `$request` and reads its answer, called `$answer` in `$read`.
macro_rules! answered {
    ($request:ident, $answer:ident => $read:expr) => {{
        let promise = $request.send().promise;
        async move {
            let response = promise.await?;
            let $answer = response.get()?;
            let read = || -> Result<VaultAnswer, Malformed> { $read };
            Ok(read().unwrap_or(VaultAnswer::Failed(VaultError::Bug)))
        }
        .boxed_local()
    }};
}

fn send(vault: &vault::Client, call: VaultCall) -> Pending {
    match call {
        VaultCall::BeginInvite { invite, relay } => {
            let mut request = vault.begin_invite_request();
            request.get().set_invite(invite.0);
            request.get().set_relay(&relay.0);
            answered!(request, answer => read_begun(answer.get_result()?))
        }
        VaultCall::BeginReplica { replica, relay } => {
            let mut request = vault.begin_replica_request();
            request.get().set_replica(replica.0);
            request.get().set_relay(&relay.0);
            answered!(request, answer => read_begun(answer.get_result()?))
        }
        VaultCall::FinishInvite { invite, created } => {
            let mut request = vault.finish_invite_request();
            request.get().set_invite(invite.0);
            write_created(request.get().init_created(), &created);
            answered!(request, answer => read_finished(answer.get_result()?))
        }
        VaultCall::FinishReplica { replica, created } => {
            let mut request = vault.finish_replica_request();
            request.get().set_replica(replica.0);
            write_created(request.get().init_created(), &created);
            answered!(request, answer => Ok(VaultAnswer::Finished(answer.get_ok())))
        }
        VaultCall::CancelInvite(invite) => {
            let mut request = vault.cancel_invite_request();
            request.get().set_invite(invite.0);
            answered!(request, _answer => Ok(VaultAnswer::Done))
        }
        VaultCall::OpenInvite { accept, link } => {
            let mut request = vault.open_invite_request();
            request.get().set_accept(accept.0);
            request.get().set_link(&link);
            answered!(request, answer => read_invite(answer.get_result()?))
        }
        other => send_session_call(vault, other),
    }
}

fn send_session_call(vault: &vault::Client, call: VaultCall) -> Pending {
    match call {
        VaultCall::RemoveSession(session) => {
            let mut request = vault.remove_session_request();
            request.get().set_session(session.0);
            answered!(request, _answer => Ok(VaultAnswer::Done))
        }
        VaultCall::SetVerified(session, digits) => {
            let mut request = vault.set_verified_request();
            request.get().set_session(session.0);
            request.get().set_digits(digits.as_deref().unwrap_or_default());
            answered!(request, answer => read_done(answer.get_result()?))
        }
        VaultCall::Session(session) => {
            let mut request = vault.session_request();
            request.get().set_session(session.0);
            let mut for_code = vault.verification_code_request();
            for_code.get().set_session(session.0);
            let (session, code) = (request.send().promise, for_code.send().promise);
            async move {
                let (session, code) = (session.await?, code.await?);
                let read = || read_session(session.get()?.get_result()?, code.get()?.get_result()?);
                Ok(read().unwrap_or(VaultAnswer::Failed(VaultError::Bug)))
            }
            .boxed_local()
        }
        VaultCall::CompareCode(session, code) => {
            let mut request = vault.compare_code_request();
            request.get().set_session(session.0);
            request.get().set_code(&code);
            answered!(request, answer => read_compared(answer.get_result()?))
        }
        VaultCall::Repair { session, outbox, content } => {
            let mut request = vault.repair_session_request();
            let mut fields = request.get();
            fields.set_session(session.0);
            fields.set_outbox(outbox.0);
            fields.set_content(&content);
            answered!(request, answer => read_sealed(answer.get_result()?))
        }
        VaultCall::Sign { relay, binding, counter, purpose } => {
            let mut request = vault.sign_request();
            let mut fields = request.get().init_purpose();
            fields.set_relay(&relay.0);
            fields.set_binding(&binding);
            fields.set_counter(counter);
            write_purpose(fields, &purpose);
            answered!(request, answer => read_signed(answer.get_result()?))
        }
        other => send_message_call(vault, other),
    }
}

fn send_message_call(vault: &vault::Client, call: VaultCall) -> Pending {
    match call {
        VaultCall::AcceptInvite { accept, blob, replicas, outbox, content } => {
            let mut request = vault.accept_invite_request();
            let mut fields = request.get();
            fields.set_accept(accept.0);
            fields.set_blob(&blob);
            fields.set_outbox(outbox.0);
            fields.set_content(&content);
            let mut list = fields.init_replicas(u32::try_from(replicas.len()).unwrap_or(0));
            for (at, replica) in (0..list.len()).zip(&replicas) {
                list.set(at, replica.0);
            }
            answered!(request, answer => read_accepted(answer.get_result()?))
        }
        VaultCall::Seal { session, outbox, content, offer } => {
            let mut request = vault.seal_envelope_request();
            let mut fields = request.get();
            fields.set_session(session.0);
            fields.set_outbox(outbox.0);
            fields.set_content(&content);
            if let Some(replica) = offer {
                fields.init_offer(1).set(0, replica.0);
            }
            answered!(request, answer => read_sealed(answer.get_result()?))
        }
        VaultCall::Open { replica, envelope, sender_key } => {
            let mut request = vault.open_envelope_request();
            let mut fields = request.get();
            fields.set_replica(replica.0);
            fields.set_envelope(&envelope);
            fields.set_sender_key(&sender_key);
            answered!(request, answer => read_opened(answer.get_result()?))
        }
        VaultCall::Forget { outbox, opened } => {
            let mut request = vault.forget_request();
            let mut list = request.get().init_outbox(u32::try_from(outbox.len()).unwrap_or(0));
            for (at, id) in (0..list.len()).zip(&outbox) {
                list.set(at, id.0);
            }
            let mut list = request.get().init_opened(u32::try_from(opened.len()).unwrap_or(0));
            for (at, hash) in (0..list.len()).zip(&opened) {
                list.set(at, hash);
            }
            answered!(request, _answer => Ok(VaultAnswer::Done))
        }
        // The functions above have taken all others.
        _ => async { Ok(VaultAnswer::Failed(VaultError::Bug)) }.boxed_local(),
    }
}

fn write_created(mut fields: created::Builder<'_>, created: &Created) {
    fields.set_receiver_queue(&created.receiver_queue);
    fields.set_sender_queue(&created.sender_queue);
    fields.set_relay_key(&created.relay_key);
}

fn write_purpose(mut fields: purpose::Builder<'_>, purpose: &Purpose) {
    match purpose {
        Purpose::Subscribe(replica) => fields.set_subscribe(replica.0),
        Purpose::Acknowledge { replica, messages } => {
            let mut acknowledge = fields.init_acknowledge();
            acknowledge.set_replica(replica.0);
            let mut list = acknowledge.init_messages(u32::try_from(messages.len()).unwrap_or(0));
            for (at, id) in (0..list.len()).zip(messages) {
                list.set(at, id);
            }
        }
        Purpose::Delete(replica) => fields.set_delete(replica.0),
        Purpose::LeaveBlob(invite) => fields.init_leave_blob().set_invite(invite.0),
        Purpose::DropBlob(invite) => fields.set_drop_blob(invite.0),
        Purpose::Secure(queue) => fields.set_secure(queue.0),
        Purpose::Deposit { peer_queue, put_id, envelope_hash } => {
            let mut deposit = fields.init_deposit();
            deposit.set_peer_queue(peer_queue.0);
            deposit.set_put_id(put_id);
            deposit.set_envelope_hash(envelope_hash);
        }
        Purpose::SecureRead(accept) => fields.set_secure_read(accept.0),
    }
}

fn read_begun(result: begin_result::Reader<'_>) -> Result<VaultAnswer, Malformed> {
    Ok(match result.which()? {
        begin_result::Which::AuthKey(key) => VaultAnswer::AuthKey(fixed::<KEY_BYTES>(key?)?.to_vec()),
        begin_result::Which::Error(error) => failed(error?),
    })
}

fn read_finished(result: finish_invite_result::Reader<'_>) -> Result<VaultAnswer, Malformed> {
    Ok(match result.which()? {
        finish_invite_result::Which::Invite(invite) => {
            let link = invite.get_link()?.to_str()?;
            if link.len() > LINK_MAX_CHARS {
                return Err(Malformed);
            }
            VaultAnswer::InviteFinished {
                link: link.to_owned(),
                blob_id: fixed::<KEY_BYTES>(invite.get_blob_id()?)?.to_vec(),
                read_key: fixed::<KEY_BYTES>(invite.get_read_key()?)?.to_vec(),
                blob: bounded(invite.get_blob()?, BLOB_MAX_BYTES)?,
                expires: Timestamp(invite.get_expires()),
            }
        }
        finish_invite_result::Which::Error(error) => failed(error?),
    })
}

fn read_invite(result: open_invite_result::Reader<'_>) -> Result<VaultAnswer, Malformed> {
    Ok(match result.which()? {
        open_invite_result::Which::Invite(invite) => VaultAnswer::InviteOpened {
            relay: RelayId(fixed(invite.get_relay()?)?),
            blob_id: fixed::<KEY_BYTES>(invite.get_blob_id()?)?.to_vec(),
            sender_key: fixed::<KEY_BYTES>(invite.get_sender_key()?)?.to_vec(),
            hints: invite
                .get_hints()?
                .iter()
                .take(3)
                .map(|hint| bounded(hint?, 256))
                .collect::<Result<_, _>>()?,
        },
        open_invite_result::Which::Refused(why) => VaultAnswer::InviteRefused(refused(why?)),
        open_invite_result::Which::Error(error) => failed(error?),
    })
}

fn read_accepted(result: accept_result::Reader<'_>) -> Result<VaultAnswer, Malformed> {
    Ok(match result.which()? {
        accept_result::Which::Accepted(accepted) => VaultAnswer::Accepted {
            session: SessionId(accepted.get_session()),
            peer_queues: read_queues(accepted.get_peer_queues()?)?,
            envelopes: read_envelopes(accepted.get_envelopes()?)?,
        },
        accept_result::Which::Refused(why) => VaultAnswer::InviteRefused(refused(why?)),
        accept_result::Which::Error(error) => failed(error?),
    })
}

fn read_sealed(result: seal_result::Reader<'_>) -> Result<VaultAnswer, Malformed> {
    Ok(match result.which()? {
        seal_result::Which::Envelopes(envelopes) => VaultAnswer::Sealed(read_envelopes(envelopes?)?),
        seal_result::Which::Error(error) => failed(error?),
    })
}

fn read_opened(result: open_result::Reader<'_>) -> Result<VaultAnswer, Malformed> {
    Ok(VaultAnswer::Opened(match result.which()? {
        open_result::Which::Message(message) => Opened::Message {
            session: SessionId(message.get_session()),
            content: bounded(message.get_content()?, CONTENT_MAX_BYTES)?,
            inner: fixed(message.get_inner()?)?,
            peer_queues: read_queues(message.get_peer_queues()?)?,
            first: message.get_first(),
            news: News {
                repaired: message.get_repaired(),
                repair_wanted: message.get_repair_wanted(),
                identity_changed: message.get_identity_changed(),
            },
        },
        open_result::Which::Duplicate(inner) => Opened::Duplicate(fixed(inner?)?),
        open_result::Which::Unreadable(()) => Opened::Unreadable,
        open_result::Which::OpenedTwice(()) => Opened::OpenedTwice,
        open_result::Which::PeerRolledBack(session) => Opened::PeerRolledBack(SessionId(session)),
        open_result::Which::OutOfStep(session) => Opened::OutOfStep(SessionId(session)),
        open_result::Which::Error(error) => return Ok(failed(error?)),
    }))
}

fn read_done(result: done_result::Reader<'_>) -> Result<VaultAnswer, Malformed> {
    Ok(match result.which()? {
        done_result::Which::Done(()) => VaultAnswer::Done,
        done_result::Which::Error(error) => failed(error?),
    })
}

fn read_signed(result: sign_result::Reader<'_>) -> Result<VaultAnswer, Malformed> {
    Ok(match result.which()? {
        sign_result::Which::Auth(auth) => VaultAnswer::Auth(bounded(auth?, 64)?),
        sign_result::Which::Error(error) => failed(error?),
    })
}

fn read_session(
    result: session_result::Reader<'_>,
    code: code_result::Reader<'_>,
) -> Result<VaultAnswer, Malformed> {
    let code = match code.which()? {
        code_result::Which::Code(code) => code?.to_str()?.to_owned(),
        code_result::Which::Error(error) => return Ok(failed(error?)),
    };
    Ok(match result.which()? {
        session_result::Which::Session(session) => VaultAnswer::Session {
            digits: session.get_digits()?.to_str()?.to_owned(),
            words: session
                .get_words()?
                .iter()
                .map(|word| Ok::<_, Malformed>(word?.to_str()?.to_owned()))
                .collect::<Result<_, _>>()?,
            verified: session.get_verified(),
            code,
        },
        session_result::Which::Error(error) => failed(error?),
    })
}

fn read_compared(result: comparison_result::Reader<'_>) -> Result<VaultAnswer, Malformed> {
    Ok(match result.which()? {
        comparison_result::Which::Told(told) => VaultAnswer::Compared(match told? {
            edge::Comparison::Match => Comparison::Match,
            edge::Comparison::OtherPerson => Comparison::OtherPerson,
            edge::Comparison::NotACode => Comparison::NotACode,
            edge::Comparison::NewerVersion => Comparison::NewerVersion,
        }),
        comparison_result::Which::Error(error) => failed(error?),
    })
}

/// Queues of one peer that keyvault keeps at most.
const QUEUES_MAX: u32 = 16;

fn read_queues(
    queues: capnp::struct_list::Reader<'_, peer_queue::Owned>,
) -> Result<Vec<OfferedQueue>, Malformed> {
    if queues.len() > QUEUES_MAX {
        return Err(Malformed);
    }
    queues
        .iter()
        .map(|queue| {
            Ok(OfferedQueue {
                number: PeerQueueId(queue.get_number()),
                relay: RelayId(fixed(queue.get_relay()?)?),
                queue: fixed::<QUEUE_ID_BYTES>(queue.get_queue()?)?.to_vec(),
                sender_key: fixed::<KEY_BYTES>(queue.get_sender_key()?)?.to_vec(),
            })
        })
        .collect()
}

fn read_envelopes(
    envelopes: capnp::struct_list::Reader<'_, envelope::Owned>,
) -> Result<Vec<SealedEnvelope>, Malformed> {
    if envelopes.len() > QUEUES_MAX {
        return Err(Malformed);
    }
    envelopes
        .iter()
        .map(|envelope| {
            Ok(SealedEnvelope {
                peer_queue: PeerQueueId(envelope.get_peer_queue()),
                put_id: fixed(envelope.get_put_id()?)?,
                bytes: fixed::<ENVELOPE_BYTES>(envelope.get_bytes()?)?.to_vec(),
            })
        })
        .collect()
}

fn failed(error: edge::VaultError) -> VaultAnswer {
    VaultAnswer::Failed(match error {
        edge::VaultError::NoSuchId => VaultError::NoSuchId,
        edge::VaultError::RateLimited => VaultError::RateLimited,
        edge::VaultError::TooManyOpen => VaultError::TooManyOpen,
        edge::VaultError::TooLong => VaultError::TooLong,
        edge::VaultError::BadContent => VaultError::BadContent,
        edge::VaultError::Storage => VaultError::Storage,
        edge::VaultError::RelayMismatch => VaultError::RelayMismatch,
        edge::VaultError::NoQueue => VaultError::NoQueue,
        edge::VaultError::InviteAgain => VaultError::InviteAgain,
        edge::VaultError::NumberChanged => VaultError::NumberChanged,
        edge::VaultError::Bug => VaultError::Bug,
    })
}

fn refused(why: edge::InviteRefusal) -> InviteRefusal {
    match why {
        edge::InviteRefusal::Malformed => InviteRefusal::Malformed,
        edge::InviteRefusal::Truncated => InviteRefusal::Truncated,
        edge::InviteRefusal::Altered => InviteRefusal::Altered,
        edge::InviteRefusal::Expired => InviteRefusal::Expired,
        edge::InviteRefusal::NewerVersion => InviteRefusal::NewerVersion,
        edge::InviteRefusal::Own => InviteRefusal::Own,
        edge::InviteRefusal::Used => InviteRefusal::Used,
    }
}
