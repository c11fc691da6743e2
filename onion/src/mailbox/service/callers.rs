//! The circuits that ask: their counters, what of them waits, and what could not be sent yet.

use std::collections::{BTreeMap, VecDeque};

use ipc_schema::limits::CHUNK_BYTES;

use super::budget::Share;
use crate::event::StreamRef;
use crate::id::{RelayCircuit, StreamId};
use crate::mailbox::disk::Ticket;
use crate::mailbox::keys::SenderMacKey;
use crate::mailbox::message::{QueueId, Request};

/// Requests and replies that wait on one circuit before its client is held back. A chunk counts as [`CHUNK_WEIGHT`].
pub const HOLD_ABOVE: usize = 32;
/// Of those on one circuit, however held back: more than a window of cells can carry is no honest client's.
pub const WAITING_MAX: usize = 512;
/// Requests of one circuit that the disk is asked for at a time: enough for one flush to take many. A chunk counts as
/// [`CHUNK_WEIGHT`].
pub const IN_FLIGHT_MAX: usize = 32;
/// What a chunk counts among the above: 8 of them are a window.
pub const CHUNK_WEIGHT: usize = 4;
/// Bytes of replies that wait for one stream.
pub const UNSENT_MAX_BYTES: usize = 2 << 20;
/// Counters kept of circuits whose streams all ended: the circuit itself may go on.
const RETIRED_MAX: usize = 4_096;

/// The queue that a circuit's commands name, as the disk knew it. One circuit serves one queue, so that one is enough.
#[derive(Clone, Debug)]
pub enum Found {
    /// Named by its receiver.
    Receiver {
        /// The receiver's name.
        queue: QueueId,
        /// Ed25519.
        receiver_key: [u8; 32],
        /// The sender's name.
        sender_queue: QueueId,
    },
    /// Named by its sender.
    Sender {
        /// The sender's name.
        queue: QueueId,
        /// The receiver's name.
        receiver_queue: QueueId,
        /// X25519 and the MAC key that follows; `None` before `secure`.
        sender: Option<([u8; 32], SenderMacKey)>,
    },
}

/// A request that waits its turn.
#[derive(Debug)]
pub struct Waiting {
    /// On which stream.
    pub stream: StreamId,
    /// Its id there.
    pub id: u32,
    /// What is asked.
    pub request: Request,
    /// What it takes of the budget.
    pub share: Share,
}

impl Waiting {
    fn weight(&self) -> usize {
        weight(self.share.bytes())
    }
}

/// What something counts, by what it holds.
const fn weight(bytes: usize) -> usize {
    if bytes >= CHUNK_BYTES { CHUNK_WEIGHT } else { 1 }
}

/// A reply that its stream has not taken yet.
#[derive(Debug)]
struct Unsent {
    message: Vec<u8>,
    share: Share,
}

/// Who made a request, and its number on that stream.
#[derive(Clone, Copy, Debug)]
pub struct Asker {
    /// Its stream: where the answer goes.
    pub to: StreamRef,
    /// The number.
    pub request: u32,
}

/// One circuit that asks.
#[derive(Debug)]
pub struct Caller {
    /// What commands are bound to.
    pub binding: [u8; 32],
    /// The highest counter that authenticated.
    pub counter: Option<u64>,
    /// Requests in their order; the first may wait for the disk.
    pub waiting: VecDeque<Waiting>,
    /// What the disk has to answer before the next one is checked: a look-up for the first one's sake, or a `secure` that later
    /// ones may rest on. By ticket, for a late answer to what an ended stream asked must not count for another's request.
    pub waits_for: Option<Ticket>,
    /// What was checked and the disk is being asked for, by its weight.
    pub in_flight: usize,
    /// What it told.
    pub found: Option<Found>,
    /// Queues made on this circuit.
    pub creations: u32,
    /// Whether the client is held back.
    pub held: bool,
    /// Streams of it that are open.
    streams: Vec<StreamId>,
    /// Replies of streams that are full, in order. A stream stands here exactly while it is full.
    unsent: BTreeMap<StreamId, VecDeque<Unsent>>,
}

impl Caller {
    fn new(binding: [u8; 32], counter: Option<u64>) -> Self {
        Self {
            binding,
            counter,
            waiting: VecDeque::new(),
            waits_for: None,
            in_flight: 0,
            found: None,
            creations: 0,
            held: false,
            streams: Vec::new(),
            unsent: BTreeMap::new(),
        }
    }

    /// Whether the stream is full.
    #[must_use]
    pub fn is_full(&self, stream: StreamId) -> bool {
        self.unsent.contains_key(&stream)
    }

    /// Keeps a reply for later. `false`: more than one stream may keep.
    pub fn keep(&mut self, stream: StreamId, message: Vec<u8>, share: Share) -> bool {
        let unsent = self.unsent.entry(stream).or_default();
        unsent.push_back(Unsent { message, share });
        unsent.iter().map(|unsent| unsent.share.bytes()).sum::<usize>() <= UNSENT_MAX_BYTES
    }

    /// The stream takes replies again: those that waited.
    pub fn drained(&mut self, stream: StreamId) -> impl Iterator<Item = Vec<u8>> + use<> {
        self.unsent.remove(&stream).unwrap_or_default().into_iter().map(|unsent| unsent.message)
    }

    /// What waits, requests and replies, by its weight.
    #[must_use]
    pub fn load(&self) -> usize {
        let unsent = self.unsent.values().flatten().map(|unsent| weight(unsent.share.bytes()));
        self.waiting.iter().map(Waiting::weight).sum::<usize>() + unsent.sum::<usize>()
    }

    /// Bytes that wait.
    fn held_bytes(&self) -> usize {
        let unsent = self.unsent.values().flatten().map(|unsent| unsent.share.bytes());
        self.waiting.iter().map(|waiting| waiting.share.bytes()).sum::<usize>() + unsent.sum::<usize>()
    }

    /// Whether `counter` rises above all that authenticated before; it counts from here.
    pub fn count(&mut self, counter: u64) -> bool {
        if self.counter.is_some_and(|last| counter <= last) {
            return false;
        }
        self.counter = Some(counter);
        true
    }
}

/// All circuits that ask.
#[derive(Debug, Default)]
pub struct Callers {
    circuits: BTreeMap<RelayCircuit, Caller>,
    /// Highest counters of circuits without a stream. Circuits are numbered upwards, so that the first is the oldest.
    retired: BTreeMap<RelayCircuit, u64>,
}

impl Callers {
    /// The circuit, if any stream of it is open.
    pub fn of(&mut self, circuit: RelayCircuit) -> Option<&mut Caller> {
        self.circuits.get_mut(&circuit)
    }

    /// The circuit of a stream that a message came on.
    pub fn open(&mut self, from: StreamRef, binding: [u8; 32]) -> &mut Caller {
        let retired = &mut self.retired;
        let caller = self
            .circuits
            .entry(from.circuit)
            .or_insert_with(|| Caller::new(binding, retired.remove(&from.circuit)));
        if !caller.streams.contains(&from.stream) {
            caller.streams.push(from.stream);
        }
        caller
    }

    /// A stream of the circuit of which most waits.
    #[must_use]
    pub fn greediest(&self) -> Option<StreamRef> {
        let (circuit, caller) = self.circuits.iter().max_by_key(|(_, caller)| caller.held_bytes())?;
        let stream = *caller.streams.first()?;
        (caller.held_bytes() > 0).then_some(StreamRef { circuit: *circuit, stream })
    }

    /// Whether that stream is open.
    #[must_use]
    pub fn is_open(&self, stream: StreamRef) -> bool {
        self.circuits.get(&stream.circuit).is_some_and(|caller| caller.streams.contains(&stream.stream))
    }

    /// A stream is gone, and what waits on it. A request that the disk is being asked for stays until the disk answers.
    pub fn ended(&mut self, stream: StreamRef) {
        let Some(caller) = self.circuits.get_mut(&stream.circuit) else { return };
        caller.streams.retain(|open| *open != stream.stream);
        caller.unsent.remove(&stream.stream);
        let keep_first = caller.waits_for.is_some();
        let mut place = 0_usize;
        caller.waiting.retain(|waiting| {
            place += 1;
            waiting.stream != stream.stream || (keep_first && place == 1)
        });
        if caller.streams.is_empty() {
            if let Some(counter) = caller.counter {
                self.retired.insert(stream.circuit, counter);
            }
            self.circuits.remove(&stream.circuit);
        }
        while self.retired.len() > RETIRED_MAX {
            self.retired.pop_first();
        }
    }
}
