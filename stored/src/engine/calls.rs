//! What the engine asks of its neighbours and what they answer, in domain types. `peers/` puts them on the edges.

use ipc_schema::Timestamp;

use crate::ids::{AcceptId, Isolation, MailboxId, OutboxId, PeerQueueId, RelayId, ReplicaId, SessionId};
use crate::store::Created;

/// A call on keyvault (edges/stored-keyvault.capnp).
#[derive(Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words of edges/stored-keyvault.capnp, explained there")]
pub enum VaultCall {
    BeginInvite {
        invite: ReplicaId,
        relay: RelayId,
    },
    FinishInvite {
        invite: ReplicaId,
        created: Created,
    },
    CancelInvite(ReplicaId),
    OpenInvite {
        accept: AcceptId,
        link: String,
    },
    AcceptInvite {
        accept: AcceptId,
        blob: Vec<u8>,
        replicas: Vec<ReplicaId>,
        outbox: OutboxId,
        content: Vec<u8>,
    },
    BeginReplica {
        replica: ReplicaId,
        relay: RelayId,
    },
    FinishReplica {
        replica: ReplicaId,
        created: Created,
    },
    Seal {
        session: SessionId,
        outbox: OutboxId,
        content: Vec<u8>,
        offer: Option<ReplicaId>,
    },
    Open {
        replica: ReplicaId,
        envelope: Vec<u8>,
        sender_key: Vec<u8>,
    },
    Forget {
        outbox: Vec<OutboxId>,
        opened: Vec<[u8; 32]>,
    },
    Sign {
        relay: RelayId,
        binding: [u8; 32],
        counter: u64,
        purpose: Purpose,
    },
    Session(SessionId),
    RemoveSession(SessionId),
    Repair {
        session: SessionId,
        outbox: OutboxId,
        content: Vec<u8>,
    },
    /// The digits that were compared; `None` takes it back.
    SetVerified(SessionId, Option<String>),
    CompareCode(SessionId, String),
}

/// What a mailbox command is signed for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words of edges/stored-keyvault.capnp, explained there")]
pub enum Purpose {
    Subscribe(ReplicaId),
    Acknowledge { replica: ReplicaId, messages: Vec<MailboxId> },
    Delete(ReplicaId),
    LeaveBlob(ReplicaId),
    DropBlob(ReplicaId),
    Secure(PeerQueueId),
    Deposit { peer_queue: PeerQueueId, put_id: [u8; 16], envelope_hash: [u8; 32] },
    SecureRead(AcceptId),
}

/// What keyvault answers.
#[derive(Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words of edges/stored-keyvault.capnp, explained there")]
pub enum VaultAnswer {
    AuthKey(Vec<u8>),
    InviteFinished { link: String, blob_id: Vec<u8>, read_key: Vec<u8>, blob: Vec<u8>, expires: Timestamp },
    InviteOpened { relay: RelayId, blob_id: Vec<u8>, sender_key: Vec<u8>, hints: Vec<Vec<u8>> },
    InviteRefused(InviteRefusal),
    Accepted { session: SessionId, peer_queues: Vec<OfferedQueue>, envelopes: Vec<SealedEnvelope> },
    Finished(bool),
    Sealed(Vec<SealedEnvelope>),
    Opened(Opened),
    Auth(Vec<u8>),
    Session { digits: String, words: Vec<String>, verified: bool, code: String },
    Compared(Comparison),
    Done,
    Failed(VaultError),
}

/// What a scanned code says about a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words of edges/stored-keyvault.capnp, explained there")]
pub enum Comparison {
    Match,
    OtherPerson,
    NotACode,
    NewerVersion,
}

/// Why a link is no good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words of edges/stored-keyvault.capnp, explained there")]
pub enum InviteRefusal {
    Malformed,
    Truncated,
    Altered,
    Expired,
    NewerVersion,
    Own,
    Used,
}

/// Why keyvault did not do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words of edges/stored-keyvault.capnp, explained there")]
pub enum VaultError {
    NoSuchId,
    RateLimited,
    TooManyOpen,
    TooLong,
    BadContent,
    Storage,
    RelayMismatch,
    NoQueue,
    InviteAgain,
    NumberChanged,
    Bug,
}

/// A queue of a peer as keyvault learnt it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferedQueue {
    /// keyvault's number.
    pub number: PeerQueueId,
    /// Where.
    pub relay: RelayId,
    /// 24 B.
    pub queue: Vec<u8>,
    /// 32 B.
    pub sender_key: Vec<u8>,
}

/// One envelope for one queue.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedEnvelope {
    /// Where it goes.
    pub peer_queue: PeerQueueId,
    /// Its name there.
    pub put_id: [u8; 16],
    /// 4,096 B.
    pub bytes: Vec<u8>,
}

/// What a message means for its session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words of edges/stored-keyvault.capnp, explained there")]
pub struct News {
    pub repaired: bool,
    pub repair_wanted: bool,
    pub identity_changed: bool,
}

/// What an envelope turned out to be.
#[allow(clippy::enum_variant_names, reason = "\"opened twice\" is what people are shown")]
#[derive(Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words of edges/stored-keyvault.capnp, explained there")]
pub enum Opened {
    Message {
        session: SessionId,
        content: Vec<u8>,
        inner: [u8; 32],
        peer_queues: Vec<OfferedQueue>,
        first: bool,
        news: News,
    },
    Duplicate([u8; 32]),
    Unreadable,
    OpenedTwice,
    PeerRolledBack(SessionId),
    OutOfStep(SessionId),
}

/// A command to a mailbox over one line (edges/stored-onion.capnp).
#[derive(Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words of edges/stored-onion.capnp, explained there")]
pub enum MailboxCall {
    Create { receiver_key: Vec<u8> },
    Secure { queue: Vec<u8>, sender_key: Vec<u8> },
    Deposit { queue: Vec<u8>, put_id: [u8; 16], envelope: Vec<u8> },
    Subscribe { queue: Vec<u8>, replica: ReplicaId },
    Acknowledge { queue: Vec<u8>, messages: Vec<MailboxId> },
    Delete { queue: Vec<u8> },
    LeaveBlob { queue: Vec<u8>, blob_id: Vec<u8>, read_key: Vec<u8>, blob: Vec<u8> },
    SecureRead { blob_id: Vec<u8>, sender_key: Vec<u8> },
    DropBlob { queue: Vec<u8>, blob_id: Vec<u8> },
}

/// What comes back from a mailbox.
#[derive(Clone, PartialEq, Eq)]
pub enum MailboxAnswer {
    /// To `create`.
    Created(Created),
    /// To `secureRead`.
    Blob(Vec<u8>),
    /// To everything else, and where the two above are refused.
    Told(Answer),
    /// The circuit or onion went before it answered.
    Lost,
}

/// A relay's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words of edges/stored-onion.capnp, explained there")]
pub enum Answer {
    Ok,
    Full,
    Throttled,
    NoQueue,
    NotAuthorised,
    NoBlob,
    Refused,
    DiskFull,
}

/// An open circuit to one relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedLine {
    /// What keyvault binds commands to.
    pub binding: [u8; 32],
    /// From the guard to the asked relay.
    pub route: Vec<RelayId>,
}

/// An envelope that was pushed.
#[derive(Clone, PartialEq, Eq)]
pub struct Arrived {
    /// The queue that it lay in.
    pub replica: ReplicaId,
    /// Its name there.
    pub mailbox: MailboxId,
    /// 4,096 B.
    pub envelope: Vec<u8>,
    /// As the relay tells it.
    pub sender_key: Vec<u8>,
}

/// The network as onion sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Network {
    /// One of the words of `status`.
    pub stage: &'static str,
    /// Relays that can be used.
    pub relays_usable: u32,
}

/// One circuit as the engine calls it; given out by the engine and never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineId(pub u64);

/// One call that is under way; given out by the engine and never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// One request of ui that wants an answer; given out by the shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// What the shell is to do. Given out only once all that they rest on is durable, and to be begun in this order.
#[derive(Clone, PartialEq, Eq)]
pub enum Action {
    /// Call keyvault; the answer comes back under the ticket.
    Vault(Ticket, Box<VaultCall>),
    /// Open a circuit for text; comes back as [`Input::Opened`].
    Open {
        /// Its name from now on.
        line: LineId,
        /// To whom.
        relay: RelayId,
        /// Apart from all others.
        isolation: Isolation,
    },
    /// Let go of a circuit.
    Close(LineId),
    /// Send a command over a circuit, in this order on each.
    Mailbox {
        /// Which circuit.
        line: LineId,
        /// Under which the answer comes back.
        ticket: Ticket,
        /// Rising on the circuit.
        counter: u64,
        /// keyvault's.
        auth: Vec<u8>,
        /// What.
        call: Box<MailboxCall>,
    },
    /// Ask for a mailbox relay that is none of these.
    Pick(Ticket, Vec<RelayId>),
    /// Tell onion an invite's contact points.
    AddHints(Vec<Vec<u8>>),
    /// Answer ui.
    Answer(RequestId, Result<super::Reply, crate::error::Refusal>),
    /// The change stream has grown.
    EventsGrew,
}

/// What happened.
#[derive(Clone)]
pub enum Input {
    /// ui wants something done.
    Request(RequestId, Box<super::Request>),
    /// ui wants to know something.
    Query(RequestId, Box<super::Query>),
    /// keyvault answered.
    Vault(Ticket, Box<VaultAnswer>),
    /// A circuit is open, or could not be had.
    Opened(LineId, Option<OpenedLine>),
    /// A circuit that was open is gone.
    Closed(LineId),
    /// A mailbox answered.
    Mailbox(Ticket, Box<MailboxAnswer>),
    /// onion named a relay, or none.
    Picked(Ticket, Option<RelayId>),
    /// A mailbox pushed an envelope.
    Arrived(Box<Arrived>),
    /// The network changed.
    Network(Network),
    /// onion is there (again): circuits may be asked for.
    OnionCame,
    /// onion is gone, and every circuit with it.
    OnionGone,
    /// It is time ([`super::Engine::next_wake`]).
    Tick,
}
