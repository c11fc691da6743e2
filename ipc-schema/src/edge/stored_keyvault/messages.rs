//! Messages sealed and opened, and the mailbox commands that carry them.

use super::{
    AcceptId, Fault, InviteId, Key, OutboxId, PeerQueueId, PutId, QueueId, ReceiveQueueId, SessionId,
};
use crate::edge::{Malformed, Outcome, Part, Read, bounded, call, fixed, length, listed, words};
use crate::edges::stored_keyvault_capnp::{
    VaultError, envelope, open_result, peer_queue, purpose, seal_result, sign_result, vault,
};
use crate::limits::{
    CHUNKS_PER_ANSWER_MAX, CHUNKS_UNACKED_MAX, CONTENT_MAX_BYTES, ENVELOPE_BYTES, IDS_PER_CALL_MAX,
    OFFERS_MAX,
};
use crate::relay::RelayId;

/// Queues of one peer, and envelopes of one message, that are ever told.
pub(super) const QUEUES_MAX: usize = 16;
/// Authenticators, bytes: 64 of a signature, 32 of a MAC.
pub(super) const AUTH_MAX_BYTES: usize = 64;

/// Where a peer receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerQueue {
    /// keyvault's name for it.
    pub number: PeerQueueId,
    /// On which relay.
    pub relay: RelayId,
    /// Its sender's name.
    pub queue: QueueId,
    /// X25519, registered by `secure`.
    pub sender_key: Key,
}

pub(super) fn write_queues(queues: &[PeerQueue], mut to: capnp::struct_list::Builder<'_, peer_queue::Owned>) {
    for (at, queue) in (0..).zip(queues) {
        let mut to = to.reborrow().get(at);
        to.set_number(queue.number.0);
        to.set_relay(&queue.relay.0);
        to.set_queue(&queue.queue);
        to.set_sender_key(&queue.sender_key);
    }
}

pub(super) fn read_queues(from: capnp::struct_list::Reader<'_, peer_queue::Owned>) -> Read<Vec<PeerQueue>> {
    listed(from.iter(), QUEUES_MAX, |queue| {
        Ok(PeerQueue {
            number: PeerQueueId(queue.get_number()),
            relay: RelayId(fixed(queue.get_relay()?)?),
            queue: fixed(queue.get_queue()?)?,
            sender_key: fixed(queue.get_sender_key()?)?,
        })
    })
}

/// A sealed message for one queue.
#[derive(Clone, PartialEq, Eq)]
pub struct Envelope {
    /// For which.
    pub peer_queue: PeerQueueId,
    /// Its name there.
    pub put_id: PutId,
    /// [`ENVELOPE_BYTES`].
    pub bytes: Vec<u8>,
}

pub(super) fn write_envelopes(
    envelopes: &[Envelope],
    mut to: capnp::struct_list::Builder<'_, envelope::Owned>,
) {
    for (at, envelope) in (0..).zip(envelopes) {
        let mut to = to.reborrow().get(at);
        to.set_peer_queue(envelope.peer_queue.0);
        to.set_put_id(&envelope.put_id);
        to.set_bytes(&envelope.bytes);
    }
}

pub(super) fn read_envelopes(from: capnp::struct_list::Reader<'_, envelope::Owned>) -> Read<Vec<Envelope>> {
    listed(from.iter(), QUEUES_MAX, |envelope| {
        Ok(Envelope {
            peer_queue: PeerQueueId(envelope.get_peer_queue()),
            put_id: fixed(envelope.get_put_id()?)?,
            bytes: fixed::<ENVELOPE_BYTES>(envelope.get_bytes()?)?.to_vec(),
        })
    })
}

call! {
    /// One ratchet message, sealed once for each of the peer's queues.
    #[derive(Clone, PartialEq, Eq)]
    SealEnvelope of vault: seal_envelope_request, seal_envelope_params, seal_envelope_results;
    asks {
        /// That the message is sealed in.
        session: SessionId => number get_session set_session,
        /// By which it is kept until it is forgotten.
        outbox: OutboxId => number get_outbox set_outbox,
        /// The same bytes each time.
        content: Vec<u8> => bytes(CONTENT_MAX_BYTES) get_content set_content,
        /// Own queues that are offered along.
        offer: Vec<ReceiveQueueId> => ids(OFFERS_MAX) get_offer init_offer,
    }
    answers Vec<Envelope>, SealError: in get_result init_result by write_sealed read_sealed;
}

words! {
    /// Why a message was not sealed.
    SealError of VaultError, or Fault(Fault) {
        /// No such session, or one of the queues is not there or not its.
        NoSuchId,
        /// Too many answers are not forgotten.
        TooManyOpen,
        /// The content.
        TooLong,
        /// Other content was sealed under this outbox id.
        BadContent,
        /// The peer has offered no queue yet.
        NoQueue,
    }
}

call! {
    /// Opens a session anew with the peer's repair bundle.
    #[derive(Clone, PartialEq, Eq)]
    RepairSession of vault: repair_session_request, repair_session_params, repair_session_results;
    asks {
        /// That broke.
        session: SessionId => number get_session set_session,
        /// By which it is kept until it is forgotten.
        outbox: OutboxId => number get_outbox set_outbox,
        /// The same bytes each time.
        content: Vec<u8> => bytes(CONTENT_MAX_BYTES) get_content set_content,
        /// Own queues that are offered along.
        offer: Vec<ReceiveQueueId> => ids(OFFERS_MAX) get_offer init_offer,
    }
    answers Vec<Envelope>, RepairError: in get_result init_result by write_sealed read_sealed;
}

words! {
    /// Why a session was not opened anew.
    RepairError of VaultError, or Fault(Fault) {
        /// No such session, or one of the queues is not there or not its.
        NoSuchId,
        /// Once in ten minutes.
        RateLimited,
        /// Too many answers are not forgotten.
        TooManyOpen,
        /// The content.
        TooLong,
        /// Other content was sealed under this outbox id.
        BadContent,
        /// The peer has offered no queue yet.
        NoQueue,
        /// There is nothing to do it with.
        InviteAgain,
    }
}

fn write_sealed<E: Copy + Into<VaultError>>(
    sealed: &Result<Vec<Envelope>, E>,
    mut to: seal_result::Builder<'_>,
) {
    match sealed {
        Ok(envelopes) => write_envelopes(envelopes, to.init_envelopes(length(envelopes.len()))),
        Err(error) => to.set_error((*error).into()),
    }
}

fn read_sealed<E: TryFrom<VaultError, Error = Malformed>>(
    from: seal_result::Reader<'_>,
) -> Read<Result<Vec<Envelope>, E>> {
    match from.which()? {
        seal_result::Envelopes(envelopes) => read_envelopes(envelopes?).map(Ok),
        seal_result::Error(error) => E::try_from(error?).map(Err),
    }
}

call! {
    /// What an envelope holds.
    #[derive(Clone, PartialEq, Eq)]
    OpenEnvelope of vault: open_envelope_request, open_envelope_params, open_envelope_results;
    asks {
        /// From which own queue.
        receive_queue: ReceiveQueueId => number get_receive_queue set_receive_queue,
        /// Untrusted.
        envelope: Vec<u8> => exactly(ENVELOPE_BYTES) get_envelope set_envelope,
        /// The sender's key as the relay told it; zero before `secure`, and nothing was sealed for that either.
        sender_key: Key => fixed get_sender_key set_sender_key,
    }
    answers Opened, OpenError: in get_result init_result by write_opened read_opened;
}

/// What an envelope turned out to be.
#[allow(clippy::enum_variant_names, reason = "\"opened twice\" is what people are shown")]
#[derive(Clone, PartialEq, Eq)]
pub enum Opened {
    /// A message.
    Message(OpenedMessage),
    /// One that came before: to be acked.
    Duplicate(Key),
    /// Ack at the mailbox, never to the peer.
    Unreadable,
    /// A second acceptance of a one-time invite.
    OpenedTwice,
    /// Its peer went back to an older state: a repair is due.
    PeerRolledBack(SessionId),
    /// Its peer sealed it with keys that are not here (any more).
    OutOfStep(SessionId),
}

/// A message that is authentic, and comes once.
#[derive(Clone, PartialEq, Eq)]
pub struct OpenedMessage {
    /// That the message belongs to.
    pub session: SessionId,
    /// At most [`CONTENT_MAX_BYTES`].
    pub content: Vec<u8>,
    /// By which it is forgotten.
    pub inner: Key,
    /// All that the peer has offered so far, when this message changed them.
    pub peer_queues: Vec<PeerQueue>,
    /// It opened the session: an invite was accepted.
    pub first: bool,
    /// What it means for the session.
    pub news: News,
}

/// What a message means for its session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct News {
    /// The peer opened it anew: what is not acked has to be sealed again.
    pub repaired: bool,
    /// The message is good, but a repair is due.
    pub repair_wanted: bool,
}

words! {
    /// Why an envelope was not opened, and is to be brought again.
    OpenError of VaultError, or Fault(Fault) {
        /// There is no such queue (any more): nobody can ever read it.
        NoSuchId,
        /// Too many answers are not forgotten.
        TooManyOpen,
    }
}

fn write_opened(opened: &Outcome<OpenEnvelope>, mut to: open_result::Builder<'_>) {
    match opened {
        Ok(Opened::Message(message)) => {
            let mut to = to.init_message();
            to.set_session(message.session.0);
            to.set_content(&message.content);
            to.set_inner(&message.inner);
            to.set_first(message.first);
            to.set_repaired(message.news.repaired);
            to.set_repair_wanted(message.news.repair_wanted);
            write_queues(&message.peer_queues, to.init_peer_queues(length(message.peer_queues.len())));
        }
        Ok(Opened::Duplicate(inner)) => to.set_duplicate(inner),
        Ok(Opened::Unreadable) => to.set_unreadable(()),
        Ok(Opened::OpenedTwice) => to.set_opened_twice(()),
        Ok(Opened::PeerRolledBack(session)) => to.set_peer_rolled_back(session.0),
        Ok(Opened::OutOfStep(session)) => to.set_out_of_step(session.0),
        Err(error) => to.set_error((*error).into()),
    }
}

fn read_opened(from: open_result::Reader<'_>) -> Read<Outcome<OpenEnvelope>> {
    Ok(Ok(match from.which()? {
        open_result::Message(message) => Opened::Message(OpenedMessage {
            session: SessionId(message.get_session()),
            content: bounded(message.get_content()?, CONTENT_MAX_BYTES)?,
            inner: fixed(message.get_inner()?)?,
            peer_queues: read_queues(message.get_peer_queues()?)?,
            first: message.get_first(),
            news: News { repaired: message.get_repaired(), repair_wanted: message.get_repair_wanted() },
        }),
        open_result::Duplicate(inner) => Opened::Duplicate(fixed(inner?)?),
        open_result::Unreadable(()) => Opened::Unreadable,
        open_result::OpenedTwice(()) => Opened::OpenedTwice,
        open_result::PeerRolledBack(session) => Opened::PeerRolledBack(SessionId(session)),
        open_result::OutOfStep(session) => Opened::OutOfStep(SessionId(session)),
        open_result::Error(error) => return OpenError::try_from(error?).map(Err),
    }))
}

call! {
    /// stored has these durably: what is kept for them goes.
    #[derive(Clone, PartialEq, Eq)]
    Forget of vault: forget_request, forget_params, forget_results;
    asks {
        /// Sealed ones.
        outbox: Vec<OutboxId> => ids(IDS_PER_CALL_MAX) get_outbox init_outbox,
        /// Opened ones, by their inner hash.
        opened: Vec<Key> => list(IDS_PER_CALL_MAX) get_opened init_opened,
    }
    answers nothing;
}

call! {
    /// Authenticates one mailbox command: Ed25519 for the receiver's, an HMAC for the sender's and for `secure+read`.
    #[derive(Clone, PartialEq, Eq)]
    Sign of vault: sign_request, sign_params, sign_results;
    asks {
        /// Bound to relay, queue, circuit and counter.
        command: Command => part get_purpose init_purpose,
    }
    answers Vec<u8>, SignError: in get_result init_result as sign_result Auth bytes(AUTH_MAX_BYTES) set_auth;
}

/// One mailbox command, and where it is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Who will check the signature.
    pub relay: RelayId,
    /// Of the circuit.
    pub binding: Key,
    /// Strictly rising on one circuit.
    pub counter: u64,
    /// What it is.
    pub purpose: Purpose,
}

/// What a mailbox command does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// Has an own queue push what comes.
    Subscribe(ReceiveQueueId),
    /// Takes what is durable here off an own queue.
    Acknowledge {
        /// The own queue that it is for.
        receive_queue: ReceiveQueueId,
        /// At most [`IDS_PER_CALL_MAX`].
        messages: Vec<PutId>,
    },
    /// Takes an own queue away.
    Delete(ReceiveQueueId),
    /// Leaves an invite's bundle.
    LeaveBlob(InviteId),
    /// Takes it away.
    DropBlob(InviteId),
    /// Registers this side as the sender of a peer's queue.
    Secure(PeerQueueId),
    /// Puts an envelope there.
    Deposit {
        /// The peer's queue that it is for.
        peer_queue: PeerQueueId,
        /// Its name there.
        put_id: PutId,
        /// SHA-256.
        envelope_hash: Key,
    },
    /// Reads somebody's bundle.
    SecureRead(AcceptId),
    /// Puts a chunk of a file into a peer's queue.
    PutChunk {
        /// The peer's queue that it is for.
        peer_queue: PeerQueueId,
        /// Its name there.
        chunk_id: PutId,
        /// SHA-256.
        chunk_hash: Key,
    },
    /// Has an own queue push the chunks that come.
    SubscribeChunks(ReceiveQueueId),
    /// Asks an own queue for some chunks.
    FetchChunks {
        /// The own queue that it is for.
        receive_queue: ReceiveQueueId,
        /// At most [`CHUNKS_PER_ANSWER_MAX`].
        chunks: Vec<PutId>,
    },
    /// Takes the chunks that are durable here off an own queue.
    AcknowledgeChunks {
        /// The own queue that it is for.
        receive_queue: ReceiveQueueId,
        /// At most [`CHUNKS_UNACKED_MAX`].
        chunks: Vec<PutId>,
    },
}

impl Part for Command {
    type Wire = purpose::Owned;

    fn write(&self, mut to: purpose::Builder<'_>) {
        to.set_relay(&self.relay.0);
        to.set_binding(&self.binding);
        to.set_counter(self.counter);
        match &self.purpose {
            Purpose::Subscribe(receive_queue) => to.set_subscribe(receive_queue.0),
            Purpose::Acknowledge { receive_queue, messages } => {
                let mut to = to.init_acknowledge();
                to.set_receive_queue(receive_queue.0);
                write_ids(messages, to.init_messages(length(messages.len())));
            }
            Purpose::Delete(receive_queue) => to.set_delete(receive_queue.0),
            Purpose::LeaveBlob(invite) => to.init_leave_blob().set_invite(invite.0),
            Purpose::DropBlob(invite) => to.set_drop_blob(invite.0),
            Purpose::Secure(queue) => to.set_secure(queue.0),
            Purpose::Deposit { peer_queue, put_id, envelope_hash } => {
                let mut to = to.init_deposit();
                to.set_peer_queue(peer_queue.0);
                to.set_put_id(put_id);
                to.set_envelope_hash(envelope_hash);
            }
            Purpose::SecureRead(accept) => to.set_secure_read(accept.0),
            Purpose::PutChunk { peer_queue, chunk_id, chunk_hash } => {
                let mut to = to.init_put_chunk();
                to.set_peer_queue(peer_queue.0);
                to.set_chunk_id(chunk_id);
                to.set_chunk_hash(chunk_hash);
            }
            Purpose::SubscribeChunks(receive_queue) => to.set_subscribe_chunks(receive_queue.0),
            Purpose::FetchChunks { receive_queue, chunks } => {
                let mut to = to.init_fetch_chunks();
                to.set_receive_queue(receive_queue.0);
                write_ids(chunks, to.init_chunks(length(chunks.len())));
            }
            Purpose::AcknowledgeChunks { receive_queue, chunks } => {
                let mut to = to.init_acknowledge_chunks();
                to.set_receive_queue(receive_queue.0);
                write_ids(chunks, to.init_chunks(length(chunks.len())));
            }
        }
    }

    fn read(from: purpose::Reader<'_>) -> Read<Self> {
        let purpose = match from.which()? {
            purpose::Subscribe(receive_queue) => Purpose::Subscribe(ReceiveQueueId(receive_queue)),
            purpose::Acknowledge(acknowledge) => Purpose::Acknowledge {
                receive_queue: ReceiveQueueId(acknowledge.get_receive_queue()),
                messages: read_ids(acknowledge.get_messages()?, IDS_PER_CALL_MAX)?,
            },
            purpose::Delete(receive_queue) => Purpose::Delete(ReceiveQueueId(receive_queue)),
            purpose::LeaveBlob(leave) => Purpose::LeaveBlob(InviteId(leave.get_invite())),
            purpose::DropBlob(invite) => Purpose::DropBlob(InviteId(invite)),
            purpose::Secure(queue) => Purpose::Secure(PeerQueueId(queue)),
            purpose::Deposit(deposit) => Purpose::Deposit {
                peer_queue: PeerQueueId(deposit.get_peer_queue()),
                put_id: fixed(deposit.get_put_id()?)?,
                envelope_hash: fixed(deposit.get_envelope_hash()?)?,
            },
            purpose::SecureRead(accept) => Purpose::SecureRead(AcceptId(accept)),
            purpose::PutChunk(put) => Purpose::PutChunk {
                peer_queue: PeerQueueId(put.get_peer_queue()),
                chunk_id: fixed(put.get_chunk_id()?)?,
                chunk_hash: fixed(put.get_chunk_hash()?)?,
            },
            purpose::SubscribeChunks(queue) => Purpose::SubscribeChunks(ReceiveQueueId(queue)),
            purpose::FetchChunks(fetch) => Purpose::FetchChunks {
                receive_queue: ReceiveQueueId(fetch.get_receive_queue()),
                chunks: read_ids(fetch.get_chunks()?, CHUNKS_PER_ANSWER_MAX)?,
            },
            purpose::AcknowledgeChunks(acknowledge) => Purpose::AcknowledgeChunks {
                receive_queue: ReceiveQueueId(acknowledge.get_receive_queue()),
                chunks: read_ids(acknowledge.get_chunks()?, CHUNKS_UNACKED_MAX)?,
            },
        };
        Ok(Self {
            relay: RelayId(fixed(from.get_relay()?)?),
            binding: fixed(from.get_binding()?)?,
            counter: from.get_counter(),
            purpose,
        })
    }
}

fn write_ids(ids: &[PutId], mut list: capnp::data_list::Builder<'_>) {
    for (at, id) in (0..).zip(ids) {
        list.set(at, id);
    }
}

fn read_ids(list: capnp::data_list::Reader<'_>, most: usize) -> Read<Vec<PutId>> {
    listed(list.iter(), most, |id| fixed(id?))
}

words! {
    /// Why a command was not authenticated.
    SignError of VaultError, or Fault(Fault) {
        /// There is no such queue or invite, or not for this.
        NoSuchId,
        /// It lies on another relay.
        RelayMismatch,
    }
}
