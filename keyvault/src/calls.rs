//! What stored may ask of a vault (`ipc_schema::edge::stored_keyvault`), call by call. No I/O: the process serves this, and so does the
//! simulated world.

use ipc_schema::Timestamp;
use ipc_schema::edge::stored_keyvault::{
    AcceptInvite, AcceptInviteError, AcceptedInvite, AnswerComparison, Ask, BeginComparison, BeginInvite,
    BeginInviteError, BeginReceiveQueue, BeginReceiveQueueError, CancelInvite, CheckComparison, CheckError,
    Command, CompareCode, Created, Envelope, FinishInvite, FinishInviteError, FinishReceiveQueue,
    FinishedInvite, Forget, InviteFailed, InviteRefusal, OpenEnvelope, OpenError, OpenInvite,
    OpenInviteError, Opened, OpenedInvite, OpenedMessage, PeerQueue, Purpose, RemoveSession, RepairError,
    RepairSession, RevealComparison, RevealError, SafetyNumber, SealEnvelope, SealError, Session,
    SessionError, SetVerified, SetVerifiedError, Sign, SignError, Told, VerificationCode, VerifyString,
    VerifyStringError,
};
use ipc_schema::edge::{Call, Failed, Outcome};
use ipc_schema::edges::stored_keyvault_capnp::VaultError as Word;
use rand_core::CryptoRng;

use crate::error::{InviteError, Thing, VaultError};
use crate::ids::{InnerHash, PutId, QueueId};
use crate::store::Store;
use crate::vault::{self, Vault};

/// A call on a vault.
pub trait Serve: Call<Error: Refused> {
    /// Makes the call on `vault`, and gives what its caller is answered.
    ///
    /// # Errors
    /// [`VaultError`]: then nothing changed.
    fn serve(
        self,
        vault: &mut Vault<impl Store>,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Self::Answer, VaultError>;
}

/// What the method of a call tells of an error.
pub trait Refused: Sized {
    /// Its word for it.
    ///
    /// # Errors
    /// The error back: that method has no word for it.
    fn of(error: VaultError) -> Result<Self, VaultError>;
}

/// What came of a call, as its caller is told.
///
/// # Errors
/// [`VaultError`]: the call itself fails, for its method has no word for that.
pub fn told<C: Serve>(served: Result<C::Answer, VaultError>) -> Result<Outcome<C>, VaultError> {
    served.map_or_else(|error| C::Error::of(error).map(Err), |answer| Ok(Ok(answer)))
}

/// Any call, as the process does it.
pub fn answer(vault: &mut Vault<impl Store>, ask: Ask, now: Timestamp, rng: &mut impl CryptoRng) -> Told {
    macro_rules! answered {
        ($($call:ident)*) => {
            match ask {
                $(Ask::$call(call) => {
                    told::<$call>(call.serve(vault, now, rng)).map_or(Told::Lost(Failed::Refused), Told::$call)
                })*
            }
        };
    }
    answered!(BeginInvite FinishInvite CancelInvite OpenInvite AcceptInvite BeginReceiveQueue FinishReceiveQueue SealEnvelope
        OpenEnvelope Forget Sign Session RemoveSession RepairSession SetVerified VerificationCode CompareCode
        BeginComparison AnswerComparison RevealComparison CheckComparison VerifyString)
}

/// What the caller can do about it.
fn word(error: &VaultError) -> Word {
    match error {
        VaultError::WrongPurpose(Thing::Comparison) => Word::NoComparison,
        VaultError::NoSuch(_) | VaultError::WrongPurpose(_) => Word::NoSuchId,
        VaultError::RateLimited { .. } => Word::RateLimited,
        VaultError::TooManyKept | VaultError::TooMany(_) => Word::TooManyOpen,
        VaultError::TooLong => Word::TooLong,
        VaultError::Conflict(_) => Word::BadContent,
        VaultError::RelayMismatch => Word::RelayMismatch,
        VaultError::NoPeerQueue => Word::NoQueue,
        VaultError::InviteAgain => Word::InviteAgain,
        VaultError::NumberChanged => Word::NumberChanged,
        VaultError::Mistaken => Word::OtherString,
        VaultError::NotCommittedTo => Word::NotCommittedTo,
        VaultError::Store(_) => Word::Storage,
        VaultError::Bug(_) | VaultError::Invite(_) => Word::Bug,
    }
}

macro_rules! refused {
    ($($error:ident)*) => {
        $(impl Refused for $error {
            fn of(error: VaultError) -> Result<Self, VaultError> {
                word(&error).try_into().map_err(|_| error)
            }
        })*
    };
}

refused!(BeginInviteError FinishInviteError OpenInviteError AcceptInviteError BeginReceiveQueueError SealError OpenError
    SignError RepairError SessionError SetVerifiedError RevealError CheckError VerifyStringError);

impl Refused for std::convert::Infallible {
    fn of(error: VaultError) -> Result<Self, VaultError> {
        Err(error)
    }
}

impl<E: Refused> Refused for InviteFailed<E> {
    fn of(error: VaultError) -> Result<Self, VaultError> {
        match error {
            VaultError::Invite(why) => Ok(Self::Refused(refusal(why))),
            error => E::of(error).map(Self::Failed),
        }
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

macro_rules! serve {
    ($($call:ident($asked:ident, $vault:ident, $now:ident, $rng:ident) => $does:expr;)*) => {
        $(impl Serve for $call {
            #[allow(unused_variables, reason = "not every call needs the time or randomness")]
            fn serve(
                self,
                $vault: &mut Vault<impl Store>,
                $now: Timestamp,
                $rng: &mut impl CryptoRng,
            ) -> Result<Self::Answer, VaultError> {
                let $asked = self;
                $does
            }
        })*
    };
}

serve! {
    BeginInvite(asked, vault, now, rng) => vault.begin_invite(asked.invite, asked.relay, now, rng);
    FinishInvite(asked, vault, now, rng) => {
        vault.finish_invite(asked.invite, created(&asked.created)?, &asked.hints, rng).map(finished)
    };
    CancelInvite(asked, vault, now, rng) => vault.cancel_invite(asked.invite);
    OpenInvite(asked, vault, now, rng) => {
        vault.open_invite(asked.accept, &asked.link, now, rng).map(|invite| OpenedInvite {
            relay: invite.relay,
            blob_id: invite.blob_id,
            sender_key: invite.sender_key,
            hints: invite.hints,
            expires: invite.expires,
        })
    };
    AcceptInvite(asked, vault, now, rng) => {
        let request = vault::AcceptInvite {
            accept: asked.accept,
            untrusted_blob: &asked.blob,
            receive_queues: &asked.receive_queues,
            outbox: asked.outbox,
            content: &asked.content,
        };
        vault.accept_invite(request, now, rng).map(|accepted| AcceptedInvite {
            session: accepted.session,
            peer_queues: accepted.peer_queues.iter().map(queue).collect(),
            envelopes: envelopes(accepted.envelopes),
        })
    };
    BeginReceiveQueue(asked, vault, now, rng) => vault.begin_receive_queue(asked.receive_queue, asked.relay, rng);
    FinishReceiveQueue(asked, vault, now, rng) => {
        let created = created(&asked.created);
        match created.and_then(|created| vault.finish_receive_queue(asked.receive_queue, created)) {
            // The method has no words for why: what is not the caller's or the relay's fault fails the call.
            Err(error @ (VaultError::Store(_) | VaultError::Bug(_))) => Err(error),
            finished => Ok(finished.is_ok()),
        }
    };
    SealEnvelope(asked, vault, now, rng) => {
        let request = vault::SealEnvelope {
            session: asked.session,
            outbox: asked.outbox,
            content: &asked.content,
            offer: &asked.offer,
        };
        vault.seal_envelope(request, rng).map(envelopes)
    };
    RepairSession(asked, vault, now, rng) => {
        let request = vault::RepairSession {
            session: asked.session,
            outbox: asked.outbox,
            content: &asked.content,
            offer: &asked.offer,
        };
        vault.repair_session(request, now, rng).map(envelopes)
    };
    OpenEnvelope(asked, vault, now, rng) => {
        let incoming = vault::IncomingEnvelope {
            receive_queue: asked.receive_queue,
            untrusted_sender: asked.sender_key,
            untrusted_envelope: &asked.envelope,
        };
        vault.open_envelope(incoming, now, rng).map(opened)
    };
    Forget(asked, vault, now, rng) => {
        let opened: Vec<InnerHash> = asked.opened.into_iter().map(InnerHash).collect();
        vault.forget(&asked.outbox, &opened)
    };
    Sign(asked, vault, now, rng) => vault.sign(&command(asked.command)).map(|auth| auth.as_ref().to_vec());
    Session(asked, vault, now, rng) => {
        let (_, verified) = vault.session(asked.session)?;
        let number = vault.safety_number(asked.session)?;
        Ok(SafetyNumber { digits: number.digits, words: number.words, verified })
    };
    RemoveSession(asked, vault, now, rng) => vault.remove_session(asked.session);
    SetVerified(asked, vault, now, rng) => {
        vault.set_verified(asked.session, Some(asked.digits.as_str()).filter(|digits| !digits.is_empty()))
    };
    VerificationCode(asked, vault, now, rng) => vault.verification_code(asked.session);
    CompareCode(asked, vault, now, rng) => vault.compare_code(asked.session, &asked.code);
    BeginComparison(asked, vault, now, rng) => vault.begin_comparison(asked.session, rng);
    AnswerComparison(asked, vault, now, rng) => {
        vault.answer_comparison(asked.session, asked.commitment, rng)
    };
    RevealComparison(asked, vault, now, rng) => vault.reveal_comparison(asked.session, asked.nonce);
    CheckComparison(asked, vault, now, rng) => vault.check_comparison(asked.session, asked.nonce);
    VerifyString(asked, vault, now, rng) => vault.verify_string(asked.session, &asked.told);
}

/// A relay's answer to `create`; what is wrong with it is the relay's fault, not the caller's.
fn created(created: &Created) -> Result<vault::Created, VaultError> {
    vault::Created::parse(QueueId(created.receiver_queue), QueueId(created.sender_queue), created.relay_key)
}

fn finished(invite: vault::FinishedInvite) -> FinishedInvite {
    FinishedInvite {
        read_key: *invite.read_key.expose(),
        link: invite.link,
        blob_id: invite.blob_id,
        blob: invite.blob,
        expires: invite.expires,
    }
}

fn queue(queue: &vault::PeerQueue) -> PeerQueue {
    PeerQueue { number: queue.id, relay: queue.relay, queue: queue.queue.0, sender_key: queue.sender_key }
}

fn envelopes(sealed: Vec<vault::OutgoingEnvelope>) -> Vec<Envelope> {
    let told = |sealed: vault::OutgoingEnvelope| Envelope {
        peer_queue: sealed.peer_queue,
        put_id: sealed.put_id.0,
        bytes: sealed.bytes,
    };
    sealed.into_iter().map(told).collect()
}

fn opened(opened: vault::Opened) -> Opened {
    match opened {
        vault::Opened::Message { session, content, inner, peer_queues, news } => {
            Opened::Message(OpenedMessage {
                session,
                content: content.to_vec(),
                inner: inner.0,
                peer_queues: peer_queues.iter().map(queue).collect(),
                first: news.first.is_some(),
                news: ipc_schema::edge::stored_keyvault::News {
                    repaired: news.repaired,
                    repair_wanted: news.repair_wanted,
                },
            })
        }
        vault::Opened::Duplicate(inner) => Opened::Duplicate(inner.0),
        // stored has no addresses of its own yet: to it this is an envelope that cannot be read.
        vault::Opened::Unreadable | vault::Opened::TurnedAway(_) => Opened::Unreadable,
        vault::Opened::OpenedTwice(_) => Opened::OpenedTwice,
        vault::Opened::RolledBack(session) => Opened::PeerRolledBack(session),
        vault::Opened::OutOfStep(session) => Opened::OutOfStep(session),
    }
}

fn command(command: Command) -> vault::Sign {
    vault::Sign {
        relay: command.relay,
        binding: command.binding,
        counter: command.counter,
        purpose: match command.purpose {
            Purpose::Subscribe(receive_queue) => vault::Purpose::Subscribe(receive_queue),
            Purpose::Acknowledge { receive_queue, messages } => {
                vault::Purpose::Acknowledge { receive_queue, messages }
            }
            Purpose::Delete(receive_queue) => vault::Purpose::Delete(receive_queue),
            Purpose::LeaveBlob(invite) => vault::Purpose::LeaveBlob(invite),
            Purpose::DropBlob(invite) => vault::Purpose::DropBlob(invite),
            Purpose::Secure(queue) => vault::Purpose::Secure(queue),
            Purpose::Deposit { peer_queue, put_id, envelope_hash } => {
                vault::Purpose::Deposit { peer_queue, put_id: PutId(put_id), envelope_hash }
            }
            Purpose::SecureRead(accept) => vault::Purpose::SecureRead(accept),
            Purpose::PutChunk { peer_queue, chunk_id, chunk_hash } => {
                vault::Purpose::PutChunk { peer_queue, chunk_id: PutId(chunk_id), chunk_hash }
            }
            Purpose::SubscribeChunks(receive_queue) => vault::Purpose::SubscribeChunks(receive_queue),
            Purpose::FetchChunks { receive_queue, chunks } => {
                vault::Purpose::FetchChunks { receive_queue, chunks }
            }
            Purpose::AcknowledgeChunks { receive_queue, chunks } => {
                vault::Purpose::AcknowledgeChunks { receive_queue, chunks }
            }
        },
    }
}
