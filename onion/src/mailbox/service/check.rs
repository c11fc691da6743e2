//! Whether a request may be done. The disk has to tell first which queue or blob it names; then its proof, its counter and its rate are
//! looked at; then the disk is asked for what it wants.

use ipc_schema::Timestamp;
use ipc_schema::mailbox::Context;
use rand_core::CryptoRng;

use super::callers::{self, Asker, Found, IN_FLIGHT_MAX};
use super::desk::{Desk, Purpose, Then};
use super::push;
use super::subscribers::{Name, Of};
use crate::event::StreamRef;
use crate::id::{RelayCircuit, RelayId};
use crate::mailbox::disk::{
    Ack, AckChunks, BindBlob, Blob, BlobRow, ByReceiver, BySender, Create, Delete, DiskReply, DiskRequest,
    LeaveBlob, NamedChunks, Put, PutChunk, Secure, Ticket,
};
use crate::mailbox::message::{Answer, Call, QueueId, Reply, Request, Signed};
use crate::mailbox::{keys, proof_of_work};

/// Queues that one circuit may make: one circuit serves one queue, and a few may fail.
const CREATIONS_PER_CIRCUIT: u32 = 16;
/// Zero bits more of work while queues are made faster than they should for long.
const BUSY_BITS: u8 = 4;

/// What the disk has to tell before a request can be checked.
fn wanted(request: &Request, found: Option<&Found>) -> Option<DiskRequest> {
    let Request::Signed(signed) = request else { return None };
    match (&signed.call, found) {
        (Call::SecureRead { blob_id, .. }, _) => Some(Blob { blob_id: *blob_id }.into()),
        (Call::Secure { .. }, Some(Found::Sender { queue, .. })) if *queue == signed.queue => None,
        (
            Call::Deposit { .. } | Call::PutChunk { .. },
            Some(Found::Sender { queue, sender: Some(_), .. }),
        ) if *queue == signed.queue => None,
        (Call::Secure { .. } | Call::Deposit { .. } | Call::PutChunk { .. }, _) => {
            Some(BySender { sender_queue: signed.queue }.into())
        }
        (_, Some(Found::Receiver { queue, .. })) if *queue == signed.queue => None,
        _ => Some(ByReceiver { receiver_queue: signed.queue }.into()),
    }
}

/// Checks a circuit's requests one after another, until one has to wait for the disk.
pub(super) fn advance(desk: &mut Desk, now: Timestamp, rng: &mut impl CryptoRng, circuit: RelayCircuit) {
    loop {
        let Some(caller) = desk.callers.of(circuit) else { return };
        if caller.waits_for.is_some() || caller.in_flight >= IN_FLIGHT_MAX {
            return;
        }
        let Some(first) = caller.waiting.front() else { return };
        if matches!(&first.request, Request::Signed(signed) if signed.call.fetches())
            && caller.is_full(first.stream)
        {
            // It goes on once its stream takes what was read for it before.
            return;
        }
        if let Some(look_up) = wanted(&first.request, caller.found.as_ref()) {
            let ticket = desk.ask(look_up, Purpose::LookUp(circuit));
            return desk.wait_for(circuit, ticket);
        }
        let Some(callers::Waiting { stream, id, request, .. }) = caller.waiting.pop_front() else {
            return;
        };
        let asker = Asker { to: StreamRef { circuit, stream }, request: id };
        match request {
            Request::Create { receiver_key, work } => {
                create(desk, now, rng, asker, &NewQueue { receiver_key, work });
            }
            Request::Signed(signed) => {
                let Some(found) = desk.callers.of(circuit).and_then(|caller| caller.found.clone()) else {
                    continue;
                };
                prove(desk, now, asker, signed, found);
            }
        }
    }
}

/// The disk told about the queue or blob of a circuit's first request.
pub(super) fn looked_up(
    desk: &mut Desk,
    now: Timestamp,
    circuit: RelayCircuit,
    ticket: Ticket,
    reply: DiskReply,
) {
    let asked = |caller: &&mut callers::Caller| caller.waits_for == Some(ticket);
    let Some(caller) = desk.callers.of(circuit).filter(asked) else { return };
    caller.waits_for = None;
    caller.found = None;
    let Some(callers::Waiting { stream, id, request: Request::Signed(signed), .. }) =
        caller.waiting.pop_front()
    else {
        return;
    };
    let asker = Asker { to: StreamRef { circuit, stream }, request: id };
    let found = match reply {
        DiskReply::Blob(Ok(Some(row))) => return secure_read(desk, asker, &signed, row),
        DiskReply::ByReceiver(Ok(Some(row))) => Found::Receiver {
            queue: signed.queue,
            receiver_key: row.receiver_key,
            sender_queue: row.sender_queue,
        },
        DiskReply::BySender(Ok(Some(row))) => {
            let with_mac_key = |key| Some((key, desk.secret.sender_mac_key(&signed.queue, &key)?));
            let sender = row.sender_key.and_then(with_mac_key);
            Found::Sender { queue: signed.queue, receiver_queue: row.receiver_queue, sender }
        }
        DiskReply::ByReceiver(Ok(None)) | DiskReply::BySender(Ok(None)) => {
            return desk.answer(asker, Answer::NoQueue);
        }
        DiskReply::Blob(Ok(None)) => return desk.answer(asker, Answer::NoBlob),
        _ => return desk.answer(asker, Answer::Throttled),
    };
    caller.found = Some(found.clone());
    prove(desk, now, asker, signed, found);
}

/// The reader of an invite's blob proves that it holds the invite; the blob is bound to the first sender key that it names.
fn secure_read(desk: &mut Desk, asker: Asker, signed: &Signed, row: BlobRow) {
    let Some(caller) = desk.callers.of(asker.to.circuit) else { return };
    let Call::SecureRead { blob_id, sender_key } = signed.call else { return };
    let context = context(desk.relay, caller.binding, signed);
    let named = blob_id.starts_with(&signed.queue);
    let gave = named && keys::mac_holder_gave(&row.read_key, &context, &signed.call, &signed.authenticator);
    if !gave || !caller.count(signed.counter) || row.bound_to.is_some_and(|bound| bound != sender_key) {
        return desk.answer(asker, Answer::NotAuthorised);
    }
    let then = Then::BindBlob { receiver_queue: row.receiver_queue, sender_key, blob: row.blob };
    desk.go_on(asker, BindBlob { blob_id, sender_key }.into(), then);
}

/// What a new queue is asked for with.
struct NewQueue {
    receiver_key: [u8; 32],
    work: u64,
}

fn create(
    desk: &mut Desk,
    now: Timestamp,
    rng: &mut impl CryptoRng,
    asker: Asker,
    NewQueue { receiver_key, work }: &NewQueue,
) {
    let Some(caller) = desk.callers.of(asker.to.circuit) else { return };
    let bits = if desk.rates.is_busy() { desk.bits + BUSY_BITS } else { desk.bits };
    if !keys::is_receiver_key(receiver_key) || caller.creations >= CREATIONS_PER_CIRCUIT {
        return desk.answer(asker, Answer::Refused);
    }
    if !proof_of_work::Subject::new(desk.relay, &caller.binding, receiver_key).proves(*work, bits) {
        return desk.reply(asker, &Reply::MoreWork(bits));
    }
    if !desk.rates.create(now) {
        return desk.answer(asker, Answer::Throttled);
    }
    caller.creations += 1;
    let (mut receiver_queue, mut sender_queue) = (QueueId::default(), QueueId::default());
    rng.fill_bytes(&mut receiver_queue);
    rng.fill_bytes(&mut sender_queue);
    let request = Create { receiver_queue, sender_queue, receiver_key: *receiver_key };
    desk.go_on(asker, request.into(), Then::Create);
}

/// A command whose queue is known.
fn prove(desk: &mut Desk, now: Timestamp, asker: Asker, signed: Signed, found: Found) {
    let Some(caller) = desk.callers.of(asker.to.circuit) else { return };
    let context = context(desk.relay, caller.binding, &signed);
    let gave = match &found {
        Found::Receiver { receiver_key, .. } => {
            keys::receiver_gave(receiver_key, &context, &signed.call, &signed.authenticator)
        }
        Found::Sender { queue, sender, .. } => {
            let key = match (&signed.call, sender) {
                // Who secures proves that it holds the key that it names; whose key was first, the disk knows.
                (Call::Secure { sender_key }, _) => desk.secret.sender_mac_key(queue, sender_key),
                (_, Some((_, key))) => Some(key.clone()),
                (_, None) => None,
            };
            key.is_some_and(|key| key.gave(&context, &signed.call, &signed.authenticator))
        }
    };
    if !gave || !caller.count(signed.counter) {
        return desk.answer(asker, Answer::NotAuthorised);
    }
    match found {
        Found::Receiver { queue, sender_queue, .. } => receivers(
            desk,
            asker,
            Queue { receiver: queue, sender: sender_queue, secured_for: None },
            signed.call,
        ),
        Found::Sender { queue, receiver_queue, sender } => {
            let secured_for = sender.map(|(key, _)| key);
            let queue = Queue { receiver: receiver_queue, sender: queue, secured_for };
            senders(desk, now, asker, queue, signed.call);
        }
    }
}

/// A queue, by both its names.
struct Queue {
    receiver: QueueId,
    sender: QueueId,
    /// The key that it is secured for, where that was asked.
    secured_for: Option<[u8; 32]>,
}

fn receivers(desk: &mut Desk, asker: Asker, queue: Queue, call: Call) {
    let Queue { receiver: queue, sender: sender_queue, .. } = queue;
    let (request, then) = match call {
        Call::Subscribe => return subscribe(desk, asker, (queue, Of::Envelopes), sender_queue),
        Call::SubscribeChunks => return subscribe(desk, asker, (queue, Of::Chunks), sender_queue),
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
        Call::FetchChunks { chunks } => {
            (NamedChunks { receiver_queue: queue, ids: chunks }.into(), Then::FetchChunks)
        }
        Call::AcknowledgeChunks { chunks } => (
            AckChunks { receiver_queue: queue, ids: chunks.clone() }.into(),
            Then::AcknowledgeChunks { queue, chunks },
        ),
        Call::Secure { .. } | Call::Deposit { .. } | Call::SecureRead { .. } | Call::PutChunk { .. } => {
            return desk.answer(asker, Answer::Refused);
        }
    };
    desk.go_on(asker, request, then);
}

fn subscribe(desk: &mut Desk, asker: Asker, name: Name, sender_queue: QueueId) {
    desk.subscribers.add(name, asker, sender_queue);
    desk.answer(asker, Answer::Ok);
    push::pump(desk, name);
}

fn senders(desk: &mut Desk, now: Timestamp, asker: Asker, queue: Queue, call: Call) {
    let Queue { receiver: receiver_queue, sender: queue, secured_for } = queue;
    match (call, secured_for) {
        (Call::Secure { sender_key }, _) => {
            let then = Then::Secure { receiver_queue, sender_key };
            let request = Secure { sender_queue: queue, sender_key };
            let ticket = desk.go_on(asker, request.into(), then);
            // The disk may read ahead of what it writes: a deposit right behind must not find the queue unsecured.
            desk.wait_for(asker.to.circuit, ticket);
        }
        (Call::Deposit { put_id, envelope }, Some(sender_key)) => {
            if !desk.rates.write(now, &receiver_queue) {
                return desk.answer(asker, Answer::Throttled);
            }
            // Kept for a push only where somebody listens.
            let listens = desk.subscribers.of(&(receiver_queue, Of::Envelopes));
            let envelope_to_push = listens.map(|_| envelope.clone());
            let then = Then::Deposit { receiver_queue, sender_key, envelope: envelope_to_push };
            desk.go_on(asker, Put { sender_queue: queue, put_id, envelope }.into(), then);
        }
        // No rate of their own: what lies un-acked is bounded, and circuits take turns on their links.
        (Call::PutChunk { chunk_id, chunk }, Some(_)) => {
            let request = PutChunk { sender_queue: queue, chunk_id, chunk };
            desk.go_on(asker, request.into(), Then::PutChunk { receiver_queue });
        }
        _ => desk.answer(asker, Answer::NotAuthorised),
    }
}

fn context(relay: RelayId, binding: [u8; 32], signed: &Signed) -> Context {
    Context { relay, queue: signed.queue, binding, counter: signed.counter }
}
