//! What joins the engine with cores of other processes where all run in one process under a seeded clock: for this crate's tests and for
//! those of the whole (feature `simulation`). What the edge stored-keyvault does with bytes is done here with types; no binary has it.

use ipc_schema::Timestamp;
use keyvault::error::{InviteError, VaultError as Real};
use keyvault::ids as vault_ids;
use keyvault::store::Store;
use keyvault::vault as real;
use rand_core::CryptoRng;

use crate::engine::{
    Comparison, InviteRefusal, News, OfferedQueue, Opened, Purpose, SealedEnvelope, VaultAnswer, VaultCall,
    VaultError,
};
use crate::ids::{PeerQueueId, RelayId, ReplicaId, SessionId};
use crate::store::Created;

/// Does a call of the engine on a real vault, as keyvault's shell would at that moment.
pub fn vault_call(
    vault: &mut real::Vault<impl Store>,
    call: VaultCall,
    (now, rng): (Timestamp, &mut impl CryptoRng),
) -> VaultAnswer {
    let answer = match call {
        VaultCall::AcceptInvite { .. }
        | VaultCall::Seal { .. }
        | VaultCall::Repair { .. }
        | VaultCall::Open { .. }
        | VaultCall::Forget { .. }
        | VaultCall::Sign { .. } => about_messages(vault, call, (now, rng)),
        VaultCall::Session(_)
        | VaultCall::SetVerified(..)
        | VaultCall::CompareCode(..)
        | VaultCall::RemoveSession(_) => about_sessions(vault, call, now),
        other => about_invites(vault, other, (now, rng)),
    };
    answer.unwrap_or_else(|error| failed(&error))
}

fn about_invites(
    vault: &mut real::Vault<impl Store>,
    call: VaultCall,
    (now, rng): (Timestamp, &mut impl CryptoRng),
) -> Result<VaultAnswer, Real> {
    Ok(match call {
        VaultCall::BeginInvite { invite, relay } => VaultAnswer::AuthKey(
            vault.begin_invite(vault_ids::InviteId(invite.0), relay_of(relay), now, rng)?.to_vec(),
        ),
        VaultCall::BeginReplica { replica, relay } => {
            VaultAnswer::AuthKey(vault.begin_replica(replica_of(replica), relay_of(relay), rng)?.to_vec())
        }
        VaultCall::FinishInvite { invite, created } => {
            let made = vault.finish_invite(vault_ids::InviteId(invite.0), created_of(&created)?, &[], rng)?;
            VaultAnswer::InviteFinished {
                link: made.link,
                blob_id: made.blob_id.to_vec(),
                read_key: made.read_key.expose().to_vec(),
                blob: made.blob,
                expires: made.expires,
            }
        }
        VaultCall::FinishReplica { replica, created } => {
            let finished =
                created_of(&created).and_then(|created| vault.finish_replica(replica_of(replica), created));
            match finished {
                Err(error @ (Real::Store(_) | Real::Bug(_))) => return Err(error),
                other => VaultAnswer::Finished(other.is_ok()),
            }
        }
        VaultCall::CancelInvite(invite) => {
            vault.cancel_invite(vault_ids::InviteId(invite.0))?;
            VaultAnswer::Done
        }
        VaultCall::OpenInvite { accept, link } => {
            let opened = vault.open_invite(vault_ids::AcceptId(accept.0), &link, now, rng)?;
            VaultAnswer::InviteOpened {
                relay: RelayId(opened.relay.0),
                blob_id: opened.blob_id.to_vec(),
                sender_key: opened.sender_key.to_vec(),
                hints: opened.hints.iter().map(|hint| hint.pack()).collect(),
            }
        }
        // `vault_call` has taken all others.
        _ => VaultAnswer::Failed(VaultError::Bug),
    })
}

fn about_sessions(
    vault: &mut real::Vault<impl Store>,
    call: VaultCall,
    now: Timestamp,
) -> Result<VaultAnswer, Real> {
    Ok(match call {
        VaultCall::Session(session) => {
            let session = vault_ids::SessionId(session.0);
            let number = vault.safety_number(session)?;
            let verified = vault.session(session)?.1;
            let code = vault.verification_code(session)?;
            VaultAnswer::Session { digits: number.digits, words: number.words, verified, code }
        }
        VaultCall::CompareCode(session, code) => {
            use keyvault::identity::Comparison as Told;
            let told = vault.compare_code(vault_ids::SessionId(session.0), &code)?;
            VaultAnswer::Compared(match told {
                Told::Match => Comparison::Match,
                Told::OtherPerson => Comparison::OtherPerson,
                Told::NotACode => Comparison::NotACode,
                Told::NewerVersion => Comparison::NewerVersion,
            })
        }
        VaultCall::SetVerified(session, digits) => {
            vault.set_verified(vault_ids::SessionId(session.0), digits.as_deref())?;
            VaultAnswer::Done
        }
        VaultCall::RemoveSession(session) => {
            vault.remove_session(vault_ids::SessionId(session.0), now)?;
            VaultAnswer::Done
        }
        // `vault_call` has taken all others.
        _ => VaultAnswer::Failed(VaultError::Bug),
    })
}

fn about_messages(
    vault: &mut real::Vault<impl Store>,
    call: VaultCall,
    (now, rng): (Timestamp, &mut impl CryptoRng),
) -> Result<VaultAnswer, Real> {
    Ok(match call {
        VaultCall::AcceptInvite { accept, blob, replicas, outbox, content } => {
            let replicas: Vec<_> = replicas.into_iter().map(replica_of).collect();
            let request = real::AcceptInvite {
                accept: vault_ids::AcceptId(accept.0),
                untrusted_blob: &blob,
                replicas: &replicas,
                outbox: vault_ids::OutboxId(outbox.0),
                content: &content,
            };
            let accepted = vault.accept_invite(request, now, rng)?;
            VaultAnswer::Accepted {
                session: SessionId(accepted.session.0),
                peer_queues: queues_of(&accepted.peer_queues),
                envelopes: envelopes_of(accepted.envelopes),
            }
        }
        VaultCall::Seal { session, outbox, content, offer } => {
            let offer: Vec<_> = offer.into_iter().map(replica_of).collect();
            let request = real::SealEnvelope {
                session: vault_ids::SessionId(session.0),
                outbox: vault_ids::OutboxId(outbox.0),
                content: &content,
                offer: &offer,
            };
            VaultAnswer::Sealed(envelopes_of(vault.seal_envelope(request, rng)?))
        }
        VaultCall::Repair { session, outbox, content } => {
            let request = real::RepairSession {
                session: vault_ids::SessionId(session.0),
                outbox: vault_ids::OutboxId(outbox.0),
                content: &content,
                offer: &[],
            };
            VaultAnswer::Sealed(envelopes_of(vault.repair_session(request, now, rng)?))
        }
        VaultCall::Open { replica, envelope, sender_key } => {
            let incoming = real::IncomingEnvelope {
                replica: replica_of(replica),
                untrusted_sender: sender_key.try_into().unwrap_or_default(),
                untrusted_envelope: &envelope,
            };
            VaultAnswer::Opened(opened_of(vault.open_envelope(incoming, now, rng)?))
        }
        VaultCall::Forget { outbox, opened } => {
            let outbox: Vec<_> = outbox.iter().map(|id| vault_ids::OutboxId(id.0)).collect();
            let opened: Vec<_> = opened.iter().map(|hash| vault_ids::InnerHash(*hash)).collect();
            vault.forget(&outbox, &opened, now)?;
            VaultAnswer::Done
        }
        VaultCall::Sign { relay, binding, counter, purpose } => {
            let sign = real::Sign { relay: relay_of(relay), binding, counter, purpose: purpose_of(purpose) };
            VaultAnswer::Auth(vault.sign(&sign)?.as_ref().to_vec())
        }
        // `vault_call` has taken all others.
        _ => VaultAnswer::Failed(VaultError::Bug),
    })
}

fn relay_of(relay: RelayId) -> vault_ids::RelayId {
    vault_ids::RelayId(relay.0)
}

fn replica_of(replica: ReplicaId) -> vault_ids::ReplicaId {
    vault_ids::ReplicaId(replica.0)
}

fn failed(error: &Real) -> VaultAnswer {
    VaultAnswer::Failed(match error {
        Real::NoSuch(_) | Real::WrongPurpose(_) => VaultError::NoSuchId,
        Real::RateLimited { .. } => VaultError::RateLimited,
        Real::TooManyKept | Real::TooMany(_) => VaultError::TooManyOpen,
        Real::TooLong => VaultError::TooLong,
        Real::Conflict(_) => VaultError::BadContent,
        Real::RelayMismatch => VaultError::RelayMismatch,
        Real::NoPeerQueue => VaultError::NoQueue,
        Real::InviteAgain => VaultError::InviteAgain,
        Real::NumberChanged => VaultError::NumberChanged,
        Real::Store(_) => VaultError::Storage,
        Real::Bug(_) => VaultError::Bug,
        Real::Invite(error) => return VaultAnswer::InviteRefused(refusal(*error)),
    })
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

fn created_of(created: &Created) -> Result<real::Created, Real> {
    let queue = |bytes: &[u8]| bytes.try_into().map(vault_ids::QueueId).map_err(|_| Real::RelayMismatch);
    let relay_key = created.relay_key.as_slice().try_into().map_err(|_| Real::RelayMismatch)?;
    real::Created::parse(queue(&created.receiver_queue)?, queue(&created.sender_queue)?, relay_key)
}

fn queues_of(queues: &[real::PeerQueue]) -> Vec<OfferedQueue> {
    queues
        .iter()
        .map(|queue| OfferedQueue {
            number: PeerQueueId(queue.id.0),
            relay: RelayId(queue.relay.0),
            queue: queue.queue.0.to_vec(),
            sender_key: queue.sender_key.to_vec(),
        })
        .collect()
}

fn envelopes_of(envelopes: Vec<real::OutgoingEnvelope>) -> Vec<SealedEnvelope> {
    envelopes
        .into_iter()
        .map(|envelope| SealedEnvelope {
            peer_queue: PeerQueueId(envelope.peer_queue.0),
            put_id: envelope.put_id.0,
            bytes: envelope.bytes,
        })
        .collect()
}

fn opened_of(opened: real::Opened) -> Opened {
    match opened {
        real::Opened::Message { session, content, inner, peer_queues, news } => Opened::Message {
            session: SessionId(session.0),
            content: content.to_vec(),
            inner: inner.0,
            peer_queues: queues_of(&peer_queues),
            first: news.first.is_some(),
            news: News {
                repaired: news.repaired,
                repair_wanted: news.repair_wanted,
                identity_changed: news.identity_changed,
            },
        },
        real::Opened::Duplicate(inner) => Opened::Duplicate(inner.0),
        real::Opened::Unreadable => Opened::Unreadable,
        real::Opened::OpenedTwice(_) => Opened::OpenedTwice,
        real::Opened::RolledBack(session) => Opened::PeerRolledBack(SessionId(session.0)),
        real::Opened::OutOfStep(session) => Opened::OutOfStep(SessionId(session.0)),
    }
}

fn purpose_of(purpose: Purpose) -> real::Purpose {
    match purpose {
        Purpose::Subscribe(replica) => real::Purpose::Subscribe(vault_ids::ReplicaId(replica.0)),
        Purpose::Acknowledge { replica, messages } => {
            real::Purpose::Acknowledge { replica: vault_ids::ReplicaId(replica.0), messages }
        }
        Purpose::Delete(replica) => real::Purpose::Delete(vault_ids::ReplicaId(replica.0)),
        Purpose::LeaveBlob(invite) => real::Purpose::LeaveBlob(vault_ids::InviteId(invite.0)),
        Purpose::DropBlob(invite) => real::Purpose::DropBlob(vault_ids::InviteId(invite.0)),
        Purpose::Secure(queue) => real::Purpose::Secure(vault_ids::PeerQueueId(queue.0)),
        Purpose::Deposit { peer_queue, put_id, envelope_hash } => real::Purpose::Deposit {
            peer_queue: vault_ids::PeerQueueId(peer_queue.0),
            put_id: vault_ids::PutId(put_id),
            envelope_hash,
        },
        Purpose::SecureRead(accept) => real::Purpose::SecureRead(vault_ids::AcceptId(accept.0)),
    }
}
