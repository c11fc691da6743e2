//! What the engine asks of its neighbours and what they answer: the calls of their edges (`ipc_schema::edge`), by ids of its own.

use std::rc::Rc;

use ipc_schema::clock::ClockOffset;
use ipc_schema::edge::stored_keyvault::{Ask, Created, Told};
use ipc_schema::edge::stored_onion::{ChunkWaiting, Command, Done, Key, Lane, Refused};
use ipc_schema::edge::ui_stored::Closed;
use ipc_schema::relay::Hint;
use tokio::sync::oneshot;

use super::requests::{Asks, Query, Question, Reply, Request, RequestId};
use crate::ids::{Isolation, MailboxId, ReceiveQueueId, RelayId};

/// A command to a mailbox over a circuit.
#[derive(Clone, PartialEq, Eq)]
pub enum MailboxCall {
    /// A new queue for that receiver (Ed25519); its proof of work is onion's.
    Create(Key),
    /// Any other; what a subscription pushes comes in under the queue's number here.
    Give(Command<ReceiveQueueId>),
}

/// What came of a command to a mailbox.
#[derive(Clone, PartialEq, Eq)]
pub enum Came {
    /// It was done, now or before.
    Done,
    /// To `Create`.
    Created(Created),
    /// To `SecureRead`.
    Blob(Vec<u8>),
    /// The relay's word for not doing it.
    Refused(Refused),
    /// The circuit, or onion, went first. Whatever it was for is begun again when it is next looked at.
    Lost,
    /// keyvault did not authenticate it: the engine's own word.
    Unsigned,
}

impl From<Result<Created, Refused>> for Came {
    fn from(outcome: Result<Created, Refused>) -> Self {
        outcome.map_or_else(Self::Refused, Self::Created)
    }
}

impl From<Result<Done, Refused>> for Came {
    fn from(outcome: Result<Done, Refused>) -> Self {
        match outcome {
            Ok(Done::Plain) => Self::Done,
            Ok(Done::Blob(blob)) => Self::Blob(blob),
            Err(refused) => Self::Refused(refused),
        }
    }
}

/// An open circuit to one relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedCircuit {
    /// What keyvault binds commands to.
    pub binding: [u8; 32],
    /// From the guard to the asked relay.
    pub route: Vec<RelayId>,
}

/// An envelope that was pushed.
#[derive(Clone, PartialEq, Eq)]
pub struct Arrived {
    /// The queue that it lay in.
    pub receive_queue: ReceiveQueueId,
    /// Its name there.
    pub mailbox: MailboxId,
    /// 4,096 B.
    pub envelope: Vec<u8>,
    /// As the relay tells it; zero before there is one.
    pub sender_key: [u8; 32],
}

/// A chunk that was pushed, or fetched.
#[derive(Clone, PartialEq, Eq)]
pub struct ArrivedChunk {
    /// The queue that it lay in.
    pub receive_queue: ReceiveQueueId,
    /// It, as the relay tells it.
    pub chunk: ChunkWaiting,
}

/// Whoever handed something over goes on once all of these are gone: so no more lies here than is being handled.
#[derive(Clone, Default)]
pub struct Taken(#[allow(dead_code, reason = "it is there to be dropped")] Option<Rc<oneshot::Sender<()>>>);

impl Taken {
    /// One, and what ends when it is gone.
    #[must_use]
    pub fn told() -> (Self, oneshot::Receiver<()>) {
        let (taken, told) = oneshot::channel();
        (Self(Some(Rc::new(taken))), told)
    }
}

/// The network as onion sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Network {
    /// One of the words of `status`.
    pub stage: &'static str,
    /// Relays that can be used.
    pub relays_usable: u32,
    /// What relays say of the clock.
    pub clock: Option<ClockOffset>,
}

/// One circuit as the engine calls it; given out by the engine and never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CircuitId(pub u64);

/// One call that is under way; given out by the engine and never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// What the shell is to do. Given out only once all that they rest on is durable, and to be begun in this order.
#[derive(Clone, PartialEq, Eq)]
pub enum Action {
    /// Call keyvault; the answer comes back under the ticket.
    Vault(Ticket, Box<Ask>),
    /// Open a circuit; comes back as [`Input::Opened`].
    Open {
        /// Its name from now on.
        circuit: CircuitId,
        /// The relay at its end.
        relay: RelayId,
        /// Apart from all others.
        isolation: Isolation,
        /// For what traffic.
        lane: Lane,
    },
    /// Let go of a circuit.
    Close(CircuitId),
    /// Send a command over a circuit, in this order on each.
    Mailbox {
        /// Which circuit.
        circuit: CircuitId,
        /// Under which the answer comes back.
        ticket: Ticket,
        /// Rising on the circuit.
        counter: u64,
        /// keyvault's.
        auth: Vec<u8>,
        /// What the relay is to do.
        call: Box<MailboxCall>,
    },
    /// Ask for a mailbox relay that is none of these.
    Pick(Ticket, Vec<RelayId>),
    /// Tell onion an invite's contact points.
    AddHints(Vec<Hint>),
    /// Answer ui.
    Answer(RequestId, Result<Box<Reply>, Closed>),
    /// The user calls themselves so from now on.
    NameChanged(String),
    /// The change stream has grown.
    EventsGrew,
}

/// What happened.
#[derive(Clone)]
pub enum Input {
    /// ui wants something done.
    Request(RequestId, Box<Request>),
    /// ui wants to know something.
    Query(RequestId, Box<Query>),
    /// keyvault answered.
    Vault(Ticket, Box<Told>),
    /// A circuit is open, or could not be had.
    Opened(CircuitId, Option<OpenedCircuit>),
    /// A circuit that was open is gone.
    Closed(CircuitId),
    /// A mailbox answered.
    Mailbox(Ticket, Came),
    /// onion named a relay, or none.
    Picked(Ticket, Option<RelayId>),
    /// A mailbox pushed an envelope.
    Arrived(Box<Arrived>),
    /// A mailbox brought a chunk.
    Chunk(Box<ArrivedChunk>, Taken),
    /// The network changed.
    Network(Network),
    /// onion is there (again): circuits may be asked for.
    OnionCame,
    /// onion is gone, and every circuit with it.
    OnionGone,
    /// It is time, as the engine said.
    Tick,
}

impl Input {
    /// ui asks.
    pub fn asked(id: RequestId, call: impl Asks) -> Self {
        match call.question() {
            Question::Request(request) => Self::Request(id, request),
            Question::Query(query) => Self::Query(id, query),
        }
    }
}
