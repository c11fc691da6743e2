//! What every step of the service shares: who its callers are, what the disk was asked and why, and what is to be done.

use std::collections::BTreeMap;

use ipc_schema::limits::CHUNK_BYTES;

use super::budget::{Budget, Share};
use super::callers::{Asker, CHUNK_WEIGHT, Callers, HOLD_ABOVE};
use super::rates::Rates;
use super::subscribers::{Name, Subscribers};
use crate::event::StreamRef;
use crate::id::{RelayCircuit, RelayId};
use crate::mailbox::disk::{DiskRequest, Ticket};
use crate::mailbox::keys::MailboxSecret;
use crate::mailbox::message::{Answer, QueueId, Reply};

/// What the service wants.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// Ask the disk; [`Service::disk`](super::Service::disk) takes its reply.
    Disk(Ticket, DiskRequest),
    /// Send this. If the stream is full: [`Service::refused`](super::Service::refused).
    Reply(StreamRef, Vec<u8>),
    /// The client broke the rules: end its circuit.
    Expel(StreamRef),
    /// Let the client's window run out (`true`), or go on.
    Hold(StreamRef, bool),
}

/// What a reply of the disk is for.
#[derive(Debug)]
pub(super) enum Purpose {
    /// The first waiting request of a circuit needs its queue or blob.
    LookUp(RelayCircuit),
    /// A request that was checked.
    Finish { asker: Asker, then: Then, weight: usize, share: Share },
    /// A subscription reads on.
    Push { name: Name, to: StreamRef },
    /// A subscription wants to know who its sender is.
    Sender { name: Name, to: StreamRef },
}

/// How a request that was checked goes on once the disk has answered.
#[derive(Debug)]
pub(super) enum Then {
    Create,
    Secure {
        receiver_queue: QueueId,
        sender_key: [u8; 32],
    },
    Deposit {
        receiver_queue: QueueId,
        sender_key: [u8; 32],
        envelope: Option<Vec<u8>>,
    },
    /// Whose envelopes: then read them.
    CollectFrom {
        queue: QueueId,
        max: u16,
    },
    Collect {
        sender_key: [u8; 32],
    },
    Acknowledge {
        queue: QueueId,
        messages: Vec<[u8; 16]>,
    },
    Delete {
        queue: QueueId,
    },
    /// The blob belongs to the queue: then drop it.
    DropOwn {
        queue: QueueId,
        blob_id: [u8; 32],
    },
    /// The blob is bound: then its queue is secured for the same key, or nobody could write to the inviter.
    BindBlob {
        receiver_queue: QueueId,
        sender_key: [u8; 32],
        blob: Vec<u8>,
    },
    /// Whose queue the blob lies beside: then secure it.
    SecureFor {
        receiver_queue: QueueId,
        sender_key: [u8; 32],
        blob: Vec<u8>,
    },
    /// It is secured: then the blob may be read.
    SecuredRead {
        receiver_queue: QueueId,
        sender_key: [u8; 32],
        blob: Vec<u8>,
    },
    PutChunk {
        receiver_queue: QueueId,
    },
    FetchChunks,
    AcknowledgeChunks {
        queue: QueueId,
        chunks: Vec<[u8; 16]>,
    },
    Plain,
}

/// The state of the service of one relay.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) relay: RelayId,
    pub(super) secret: MailboxSecret,
    /// Zero bits that a new queue costs while few are made.
    pub(super) bits: u8,
    pub(super) callers: Callers,
    pub(super) subscribers: Subscribers,
    pub(super) rates: Rates,
    pub(super) budget: Budget,
    pending: BTreeMap<Ticket, Purpose>,
    last_ticket: u64,
    out: Vec<Output>,
}

impl Desk {
    pub(super) fn new(relay: RelayId, secret: MailboxSecret, bits: u8) -> Self {
        Self {
            relay,
            secret,
            bits,
            callers: Callers::default(),
            subscribers: Subscribers::default(),
            rates: Rates::new(),
            budget: Budget::default(),
            pending: BTreeMap::new(),
            last_ticket: 0,
            out: Vec::new(),
        }
    }

    /// What a request of the disk was for.
    pub(super) fn purpose(&mut self, ticket: Ticket) -> Option<Purpose> {
        self.pending.remove(&ticket)
    }

    /// All that is to be done.
    pub(super) fn take(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.out)
    }

    pub(super) fn ask(&mut self, request: DiskRequest, purpose: Purpose) -> Ticket {
        self.last_ticket = self.last_ticket.wrapping_add(1);
        let ticket = Ticket(self.last_ticket);
        self.pending.insert(ticket, purpose);
        self.out.push(Output::Disk(ticket, request));
        ticket
    }

    /// A stream is gone, with or without its circuit.
    pub(super) fn ended(&mut self, stream: StreamRef) {
        self.subscribers.ended(stream);
        self.callers.ended(stream);
    }

    /// Something is to be done.
    pub(super) fn say(&mut self, output: Output) {
        self.out.push(output);
    }

    pub(super) fn expel(&mut self, stream: StreamRef) {
        self.ended(stream);
        self.out.push(Output::Expel(stream));
    }

    /// Holds a client back while much of it waits.
    pub(super) fn balance(&mut self, stream: StreamRef) {
        let Some(caller) = self.callers.of(stream.circuit) else { return };
        let (load, most) = (caller.load(), if self.budget.is_tight() { 0 } else { HOLD_ABOVE });
        if (!caller.held && load > most) || (caller.held && load <= most / 2) {
            caller.held = !caller.held;
            let held = caller.held;
            self.out.push(Output::Hold(stream, held));
        }
    }

    /// Ends the circuits of which most waits, until the rest fits.
    pub(super) fn relieve(&mut self) {
        while self.budget.is_over()
            && let Some(greediest) = self.callers.greediest()
        {
            self.expel(greediest);
        }
    }

    /// Keeps a reply until its stream takes it.
    pub(super) fn keep(&mut self, to: StreamRef, message: Vec<u8>) {
        let share = self.budget.share(message.len());
        if self.callers.of(to.circuit).is_some_and(|caller| !caller.keep(to.stream, message, share)) {
            self.expel(to);
        }
    }

    pub(super) fn reply(&mut self, Asker { to, request }: Asker, reply: &Reply) {
        if !self.callers.is_open(to) {
            return;
        }
        let message = reply.pack(request);
        if self.callers.of(to.circuit).is_some_and(|caller| caller.is_full(to.stream)) {
            self.keep(to, message);
        } else {
            self.out.push(Output::Reply(to, message));
        }
    }

    pub(super) fn answer(&mut self, asker: Asker, answer: Answer) {
        self.reply(asker, &Reply::Answer(answer));
    }

    /// Asks the disk for the sake of a request that was checked.
    pub(super) fn go_on(&mut self, asker: Asker, request: DiskRequest, then: Then) -> Ticket {
        let chunks = match &request {
            DiskRequest::PutChunk(_) => 1,
            DiskRequest::NamedChunks(call) => call.ids.len(),
            _ => 0,
        };
        let (weight, share) = ((chunks * CHUNK_WEIGHT).max(1), self.budget.share(chunks * CHUNK_BYTES));
        if let Some(caller) = self.callers.of(asker.to.circuit) {
            caller.in_flight += weight;
        }
        self.ask(request, Purpose::Finish { asker, then, weight, share })
    }

    pub(super) fn wait_for(&mut self, circuit: RelayCircuit, ticket: Ticket) {
        if let Some(caller) = self.callers.of(circuit) {
            caller.waits_for = Some(ticket);
        }
    }
}
