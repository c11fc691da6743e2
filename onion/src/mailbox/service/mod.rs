//! The relay's half: checks who may do what, asks the disk, answers, and pushes what was put as soon as it is durable.
//!
//! It does no I/O: it takes messages of streams and replies of the disk, and gives [`Output`]s. A circuit's commands are checked in the
//! order in which they came, for their counters rise; once checked they go on side by side.

mod callers;
mod finish;
mod look_up;
mod push;
mod rates;
mod subscribers;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use ipc_schema::Timestamp;
use ipc_schema::mailbox::Context;
use rand_core::CryptoRng;

use crate::event::{ServiceMessage, StreamRef};
use crate::id::{RelayCircuit, RelayId};
use callers::{Callers, Found, HOLD_ABOVE, IN_FLIGHT_MAX, WAITING_MAX};
use rates::Rates;
use subscribers::Subscribers;

use super::disk::{
    Ack, Blob, BySender, Create, Delete, DiskReply, DiskRequest, LeaveBlob, Put, Secure, Ticket,
};
use super::keys::{self, MailboxSecret};
use super::message::{Answer, Call, QueueId, Reply, Request, Signed};
use super::work;

/// Queues that one circuit may make: one circuit serves one queue, and a few may fail.
const CREATIONS_PER_CIRCUIT: u32 = 16;
/// Zero bits more of work while queues are made faster than they should for long.
const BUSY_BITS: u8 = 4;

/// What the service wants.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// Ask the disk; [`Service::disk`] takes its reply.
    Disk(Ticket, DiskRequest),
    /// Send this. If the stream is full: [`Service::refused`].
    Reply(StreamRef, Vec<u8>),
    /// The client broke the rules: end its circuit.
    Expel(StreamRef),
    /// Let the client's window run out (`true`), or go on.
    Hold(StreamRef, bool),
}

/// What a reply of the disk is for.
#[derive(Debug)]
enum Purpose {
    /// The first waiting request of a circuit needs its queue or blob.
    LookUp(RelayCircuit),
    /// A request that was checked.
    Finish { to: StreamRef, id: u32, then: Then },
    /// A subscription reads on.
    Push { queue: QueueId, to: StreamRef },
    /// A subscription wants to know who its sender is.
    Sender { queue: QueueId, to: StreamRef },
}

/// How a request that was checked goes on once the disk has answered.
#[derive(Debug)]
enum Then {
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
    Plain,
}

/// The mailbox service of one relay.
#[derive(Debug)]
pub struct Service {
    relay: RelayId,
    secret: MailboxSecret,
    bits: u8,
    callers: Callers,
    subscribers: Subscribers,
    rates: Rates,
    pending: BTreeMap<Ticket, Purpose>,
    last_ticket: u64,
    out: Vec<Output>,
}

impl Service {
    /// The service of that relay. `private`: of a private network, where work is light.
    #[must_use]
    pub fn new(relay: RelayId, mailbox_secret: &[u8; 32], private: bool) -> Self {
        Self {
            relay,
            secret: MailboxSecret::new(*mailbox_secret),
            bits: if private { work::BITS_PRIVATE } else { work::BITS_PUBLIC },
            callers: Callers::default(),
            subscribers: Subscribers::default(),
            rates: Rates::new(),
            pending: BTreeMap::new(),
            last_ticket: 0,
            out: Vec::new(),
        }
    }

    /// A stranger's message.
    pub fn message(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        message: &ServiceMessage,
    ) -> Vec<Output> {
        let Ok((id, request)) = Request::parse(&message.message) else {
            self.expel(message.from);
            return self.take();
        };
        let caller = self.callers.open(message.from, message.binding);
        caller.waiting.push_back(callers::Waiting { stream: message.from.stream, id, request });
        if caller.load() > WAITING_MAX {
            self.expel(message.from);
            return self.take();
        }
        self.advance(now, rng, message.from.circuit);
        self.balance(message.from);
        self.take()
    }

    /// What the disk answered.
    pub fn disk(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        ticket: Ticket,
        reply: DiskReply,
    ) -> Vec<Output> {
        match self.pending.remove(&ticket) {
            None => {}
            Some(Purpose::LookUp(circuit)) => {
                self.looked_up(now, circuit, ticket, reply);
                self.advance(now, rng, circuit);
                if let Some(stream) = self
                    .callers
                    .of(circuit)
                    .and_then(|caller| caller.waiting.front())
                    .map(|first| first.stream)
                {
                    self.balance(StreamRef { circuit, stream });
                }
            }
            Some(Purpose::Finish { to, id, then }) => {
                if let Some(caller) = self.callers.of(to.circuit) {
                    caller.in_flight = caller.in_flight.saturating_sub(1);
                }
                self.finish((to, id), then, reply);
                if let Some(caller) =
                    self.callers.of(to.circuit).filter(|caller| caller.waits_for == Some(ticket))
                {
                    caller.waits_for = None;
                }
                self.advance(now, rng, to.circuit);
                self.balance(to);
            }
            Some(Purpose::Push { queue, to }) => self.was_read(&queue, to, reply),
            Some(Purpose::Sender { queue, to }) => self.sender_known(&queue, to, &reply),
        }
        self.take()
    }

    /// A stream did not take a reply. Tell it for each, in order.
    pub fn refused(&mut self, to: StreamRef, message: Vec<u8>) -> Vec<Output> {
        if self.callers.of(to.circuit).is_some_and(|caller| !caller.keep(to.stream, message)) {
            self.expel(to);
        }
        self.balance(to);
        self.take()
    }

    /// A stream takes replies again.
    pub fn drained(&mut self, stream: StreamRef) -> Vec<Output> {
        if let Some(caller) = self.callers.of(stream.circuit) {
            let unsent = caller.drained(stream.stream);
            self.out.extend(unsent.into_iter().map(|message| Output::Reply(stream, message)));
        }
        for queue in self.subscribers.on(stream) {
            self.pump(&queue);
        }
        self.balance(stream);
        self.take()
    }

    /// A stream is gone, with or without its circuit.
    pub fn ended(&mut self, stream: StreamRef) {
        self.subscribers.ended(stream);
        self.callers.ended(stream);
    }

    /// The disk is there again after it answered [`DiskReply::Lost`]. Streams went on meanwhile; subscriptions read on.
    pub fn disk_is_back(&mut self) -> Vec<Output> {
        for queue in self.subscribers.queues() {
            self.pump(&queue);
        }
        self.take()
    }

    fn take(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.out)
    }

    fn ask(&mut self, request: DiskRequest, purpose: Purpose) -> Ticket {
        self.last_ticket = self.last_ticket.wrapping_add(1);
        let ticket = Ticket(self.last_ticket);
        self.pending.insert(ticket, purpose);
        self.out.push(Output::Disk(ticket, request));
        ticket
    }

    fn expel(&mut self, stream: StreamRef) {
        self.ended(stream);
        self.out.push(Output::Expel(stream));
    }

    /// Holds a client back while much of it waits.
    fn balance(&mut self, stream: StreamRef) {
        let Some(caller) = self.callers.of(stream.circuit) else { return };
        let load = caller.load();
        if (!caller.held && load > HOLD_ABOVE) || (caller.held && load <= HOLD_ABOVE / 2) {
            caller.held = !caller.held;
            let held = caller.held;
            self.out.push(Output::Hold(stream, held));
        }
    }

    fn reply(&mut self, to: StreamRef, id: u32, reply: &Reply) {
        if !self.callers.is_open(to) {
            return;
        }
        let message = reply.pack(id);
        let Some(caller) = self.callers.of(to.circuit) else { return };
        if !caller.is_full(to.stream) {
            self.out.push(Output::Reply(to, message));
        } else if !caller.keep(to.stream, message) {
            self.expel(to);
        }
    }

    fn answer(&mut self, to: StreamRef, id: u32, answer: Answer) {
        self.reply(to, id, &Reply::Answer(answer));
    }

    /// Checks a circuit's requests one after another, until one has to wait for the disk.
    fn advance(&mut self, now: Timestamp, rng: &mut impl CryptoRng, circuit: RelayCircuit) {
        loop {
            let Some(caller) = self.callers.of(circuit) else { return };
            if caller.waits_for.is_some() || caller.in_flight >= IN_FLIGHT_MAX {
                return;
            }
            let Some(first) = caller.waiting.front() else { return };
            if let Some(look_up) = look_up::wanted(&first.request, caller.found.as_ref()) {
                let ticket = self.ask(look_up, Purpose::LookUp(circuit));
                return self.wait_for(circuit, ticket);
            }
            let Some(callers::Waiting { stream, id, request }) = caller.waiting.pop_front() else { return };
            let to = StreamRef { circuit, stream };
            match request {
                Request::Create { receiver_key, work } => {
                    self.create(now, rng, (to, id), (&receiver_key, work))
                }
                Request::Signed(signed) => {
                    let Some(found) = self.callers.of(circuit).and_then(|caller| caller.found.clone()) else {
                        continue;
                    };
                    self.signed(now, (to, id), signed, found);
                }
            }
        }
    }

    /// Asks the disk for the sake of a request that was checked.
    fn go_on(&mut self, (to, id): (StreamRef, u32), request: DiskRequest, then: Then) -> Ticket {
        if let Some(caller) = self.callers.of(to.circuit) {
            caller.in_flight += 1;
        }
        self.ask(request, Purpose::Finish { to, id, then })
    }

    fn wait_for(&mut self, circuit: RelayCircuit, ticket: Ticket) {
        if let Some(caller) = self.callers.of(circuit) {
            caller.waits_for = Some(ticket);
        }
    }

    fn create(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
        (to, id): (StreamRef, u32),
        (receiver_key, work): (&[u8; 32], u64),
    ) {
        let Some(caller) = self.callers.of(to.circuit) else { return };
        let bits = if self.rates.is_busy() { self.bits + BUSY_BITS } else { self.bits };
        if !keys::is_receiver_key(receiver_key) || caller.creations >= CREATIONS_PER_CIRCUIT {
            return self.answer(to, id, Answer::Refused);
        }
        if !work::Subject::new(self.relay, &caller.binding, receiver_key).proves(work, bits) {
            return self.reply(to, id, &Reply::MoreWork(bits));
        }
        if !self.rates.create(now) {
            return self.answer(to, id, Answer::Throttled);
        }
        caller.creations += 1;
        let (mut receiver_queue, mut sender_queue) = (QueueId::default(), QueueId::default());
        rng.fill_bytes(&mut receiver_queue);
        rng.fill_bytes(&mut sender_queue);
        let request = Create { receiver_queue, sender_queue, receiver_key: *receiver_key };
        self.go_on((to, id), request.into(), Then::Create);
    }

    /// A command whose queue is known.
    fn signed(&mut self, now: Timestamp, (to, id): (StreamRef, u32), signed: Signed, found: Found) {
        let Some(caller) = self.callers.of(to.circuit) else { return };
        let context = context(self.relay, caller.binding, &signed);
        let gave = match &found {
            Found::Receiver { receiver_key, .. } => {
                keys::receiver_gave(receiver_key, &context, &signed.call, &signed.authenticator)
            }
            Found::Sender { queue, sender, .. } => {
                let key = match (&signed.call, sender) {
                    // Who secures proves that it holds the key that it names; whose key was first, the disk knows.
                    (Call::Secure { sender_key }, _) => self.secret.sender_mac_key(queue, sender_key),
                    (_, Some((_, key))) => Some(key.clone()),
                    (_, None) => None,
                };
                key.is_some_and(|key| key.gave(&context, &signed.call, &signed.authenticator))
            }
        };
        if !gave || !caller.count(signed.counter) {
            return self.answer(to, id, Answer::NotAuthorised);
        }
        match found {
            Found::Receiver { queue, sender_queue, .. } => {
                self.receivers((to, id), (queue, sender_queue), signed.call)
            }
            Found::Sender { queue, receiver_queue, sender } => {
                self.senders(now, (to, id), (queue, receiver_queue, sender.map(|(key, _)| key)), signed.call);
            }
        }
    }

    fn receivers(
        &mut self,
        (to, id): (StreamRef, u32),
        (queue, sender_queue): (QueueId, QueueId),
        call: Call,
    ) {
        let (request, then) = match call {
            Call::Subscribe => {
                self.subscribers.add(queue, to, id, sender_queue);
                self.answer(to, id, Answer::Ok);
                return self.pump(&queue);
            }
            // Who the sender is comes first: its key is handed out with each envelope.
            Call::Collect { max } => (BySender { sender_queue }.into(), Then::CollectFrom { queue, max }),
            Call::Acknowledge { messages } => (
                Ack { receiver_queue: queue, ids: messages.clone() }.into(),
                Then::Acknowledge { queue, messages },
            ),
            Call::Delete => (Delete { receiver_queue: queue }.into(), Then::Delete { queue }),
            Call::LeaveBlob { blob_id, read_key, blob } => {
                (LeaveBlob { receiver_queue: queue, blob_id, read_key, blob }.into(), Then::Plain)
            }
            Call::DropBlob { blob_id } => (Blob { blob_id }.into(), Then::DropOwn { queue, blob_id }),
            Call::Secure { .. } | Call::Deposit { .. } | Call::SecureRead { .. } => {
                return self.answer(to, id, Answer::Refused);
            }
        };
        self.go_on((to, id), request, then);
    }

    fn senders(
        &mut self,
        now: Timestamp,
        (to, id): (StreamRef, u32),
        (queue, receiver_queue, sender_key): (QueueId, QueueId, Option<[u8; 32]>),
        call: Call,
    ) {
        match (call, sender_key) {
            (Call::Secure { sender_key }, _) => {
                let then = Then::Secure { receiver_queue, sender_key };
                let request = Secure { sender_queue: queue, sender_key };
                let ticket = self.go_on((to, id), request.into(), then);
                // The disk may read ahead of what it writes: a deposit right behind must not find the queue unsecured.
                self.wait_for(to.circuit, ticket);
            }
            (Call::Deposit { put_id, envelope }, Some(sender_key)) => {
                if !self.rates.write(now, &receiver_queue) {
                    return self.answer(to, id, Answer::Throttled);
                }
                // Kept for a push only where somebody listens.
                let envelope_to_push = self.subscribers.of(&receiver_queue).map(|_| envelope.clone());
                let then = Then::Deposit { receiver_queue, sender_key, envelope: envelope_to_push };
                self.go_on((to, id), Put { sender_queue: queue, put_id, envelope }.into(), then);
            }
            _ => self.answer(to, id, Answer::NotAuthorised),
        }
    }
}

fn context(relay: RelayId, binding: [u8; 32], signed: &Signed) -> Context {
    Context { relay, queue: signed.queue, binding, counter: signed.counter }
}
