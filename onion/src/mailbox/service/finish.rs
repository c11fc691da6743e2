//! How a request that was checked goes on once the disk has answered.

use crate::event::StreamRef;
use crate::mailbox::disk::{
    AckError, BindBlobError, BlobRow, ByReceiver, Chunk, CreateError, DeleteError, DiskReply, DropBlob,
    DropBlobError, LeaveBlobError, Message, Placed, PutChunkError, PutError, Read, Secure, SecureError,
};
use crate::mailbox::message::{Answer, ChunkWaiting, Created, ENVELOPES_PER_PART, QueueId, Reply, Waiting};

use super::callers::Asker;
use super::desk::{Desk, Then};
use super::push;
use super::subscribers::Of;

/// What a stranger is told of a disk's word.
macro_rules! told {
    ($($error:ident { $($word:ident => $answer:ident,)* })*) => {
        $(impl From<$error> for Answer {
            fn from(error: $error) -> Self {
                match error { $($error::$word => Self::$answer,)* }
            }
        })*
    };
}

told! {
    CreateError { Full => Full, Taken => NotAuthorised, DiskFull => DiskFull, }
    SecureError { NoQueue => NoQueue, Taken => NotAuthorised, DiskFull => DiskFull, }
    PutError { NoQueue => NoQueue, Full => Full, DiskFull => DiskFull, }
    PutChunkError { NoQueue => NoQueue, Full => Full, Taken => NotAuthorised, DiskFull => DiskFull, }
    AckError { NoQueue => NoQueue, DiskFull => DiskFull, }
    DeleteError { NoQueue => NoQueue, DiskFull => DiskFull, }
    LeaveBlobError { NoQueue => NoQueue, Full => Full, Taken => NotAuthorised, DiskFull => DiskFull, }
    BindBlobError { NoBlob => NoBlob, Taken => NotAuthorised, DiskFull => DiskFull, }
    DropBlobError { NoBlob => NoBlob, DiskFull => DiskFull, }
}

fn answer_of<T>(outcome: Result<T, impl Into<Answer>>) -> Answer {
    outcome.map_or_else(Into::into, |_| Answer::Ok)
}

/// A request that was checked goes on with what the disk answered.
pub(super) fn finish(desk: &mut Desk, asker: Asker, then: Then, reply: DiskReply) {
    match (then, reply) {
        (Then::Create, DiskReply::Create(Ok(created))) => {
            let (receiver_queue, sender_queue) = (created.receiver_queue, created.sender_queue);
            let relay_key = desk.secret.queue_key(&sender_queue);
            desk.reply(asker, &Reply::Created(Created { receiver_queue, sender_queue, relay_key }));
        }
        (Then::Create, DiskReply::Create(Err(error))) => desk.answer(asker, error.into()),
        (Then::Secure { receiver_queue, sender_key }, DiskReply::Secure(outcome)) => {
            secured(desk, asker.to, &receiver_queue, outcome.is_ok().then_some(sender_key));
            desk.answer(asker, answer_of(outcome));
        }
        (Then::Deposit { receiver_queue, sender_key, envelope }, DiskReply::Put(outcome)) => {
            desk.answer(asker, answer_of(outcome));
            if let Ok(Placed { id: message, stored: true }) = outcome {
                push::deposited(desk, &receiver_queue, sender_key, message, envelope);
            }
        }
        (Then::CollectFrom { queue, max }, DiskReply::BySender(Ok(row))) => {
            match row.and_then(|row| row.sender_key) {
                Some(sender_key) => {
                    let request = Read { receiver_queue: queue, after: None, max };
                    desk.go_on(asker, request.into(), Then::Collect { sender_key });
                }
                // Nothing can lie in a queue that nobody secured.
                None => desk.reply(asker, &Reply::Envelopes { more: false, envelopes: Vec::new() }),
            }
        }
        (Then::Collect { sender_key }, DiskReply::Read(Ok(messages))) => {
            collected(desk, asker, sender_key, messages);
        }
        (Then::Acknowledge { queue, messages }, DiskReply::Ack(outcome)) => {
            desk.answer(asker, answer_of(outcome));
            if outcome.is_ok() {
                desk.rates.acked(&queue, messages.len());
                let name = (queue, Of::Envelopes);
                desk.subscribers.acked(&name, &messages);
                push::pump(desk, name);
            }
        }
        (Then::Delete { queue }, DiskReply::Delete(outcome)) => {
            desk.subscribers.deleted(&queue);
            desk.rates.deleted(&queue);
            if let Some(caller) = desk.callers.of(asker.to.circuit) {
                caller.found = None;
            }
            desk.answer(asker, answer_of(outcome));
        }
        (Then::DropOwn { queue, blob_id }, DiskReply::Blob(Ok(row))) => {
            drop_own(desk, asker, Own { queue, blob_id }, row)
        }
        (then @ (Then::BindBlob { .. } | Then::SecureFor { .. } | Then::SecuredRead { .. }), reply) => {
            secure_and_read(desk, asker, then, reply);
        }
        (then @ (Then::PutChunk { .. } | Then::FetchChunks | Then::AcknowledgeChunks { .. }), reply) => {
            of_chunks(desk, asker, then, reply)
        }
        (Then::Plain, DiskReply::LeaveBlob(outcome)) => desk.answer(asker, answer_of(outcome)),
        (Then::Plain, DiskReply::DropBlob(outcome)) => desk.answer(asker, answer_of(outcome)),
        _ => desk.answer(asker, Answer::Throttled),
    }
}

fn of_chunks(desk: &mut Desk, asker: Asker, then: Then, reply: DiskReply) {
    match (then, reply) {
        (Then::PutChunk { receiver_queue }, DiskReply::PutChunk(outcome)) => {
            desk.answer(asker, answer_of(outcome));
            if outcome == Ok(true) {
                push::chunk_put(desk, &receiver_queue);
            }
        }
        (Then::FetchChunks, DiskReply::NamedChunks(Ok(chunks))) => {
            for Chunk { id, chunk, .. } in chunks {
                desk.reply(asker, &Reply::Chunk(ChunkWaiting { id, chunk }));
            }
            desk.answer(asker, Answer::Ok);
        }
        (Then::AcknowledgeChunks { queue, chunks }, DiskReply::AckChunks(outcome)) => {
            desk.answer(asker, answer_of(outcome));
            if outcome.is_ok() {
                let name = (queue, Of::Chunks);
                desk.subscribers.acked(&name, &chunks);
                push::pump(desk, name);
            }
        }
        _ => desk.answer(asker, Answer::Throttled),
    }
}

/// `secure+read`, step by step: the blob is bound to the key, its queue is secured for it, the blob is told. Each step may be
/// repeated by the same key; another key is refused at the first.
fn secure_and_read(desk: &mut Desk, asker: Asker, then: Then, reply: DiskReply) {
    match (then, reply) {
        (Then::BindBlob { receiver_queue, sender_key, blob }, DiskReply::BindBlob(Ok(()))) => {
            let then = Then::SecureFor { receiver_queue, sender_key, blob };
            desk.go_on(asker, ByReceiver { receiver_queue }.into(), then);
        }
        (Then::BindBlob { .. }, DiskReply::BindBlob(Err(error))) => desk.answer(asker, error.into()),
        (Then::SecureFor { receiver_queue, sender_key, blob }, DiskReply::ByReceiver(Ok(row))) => {
            match row {
                Some(row) => {
                    let request = Secure { sender_queue: row.sender_queue, sender_key };
                    let then = Then::SecuredRead { receiver_queue, sender_key, blob };
                    let ticket = desk.go_on(asker, request.into(), then);
                    // A deposit right behind must not find the queue unsecured.
                    desk.wait_for(asker.to.circuit, ticket);
                }
                // The queue was deleted, and with it what was beside it.
                None => desk.answer(asker, Answer::NoBlob),
            }
        }
        (Then::SecuredRead { receiver_queue, sender_key, blob }, DiskReply::Secure(outcome)) => {
            secured(desk, asker.to, &receiver_queue, outcome.is_ok().then_some(sender_key));
            match outcome {
                Ok(()) => desk.reply(asker, &Reply::Blob(blob)),
                Err(error) => desk.answer(asker, error.into()),
            }
        }
        _ => desk.answer(asker, Answer::Throttled),
    }
}

/// A blob that the receiver of a queue calls its own.
struct Own {
    queue: QueueId,
    blob_id: [u8; 32],
}

/// The receiver drops a blob: its own only.
fn drop_own(desk: &mut Desk, asker: Asker, blob: Own, row: Option<BlobRow>) {
    match row {
        Some(row) if row.receiver_queue == blob.queue => {
            desk.go_on(asker, DropBlob { blob_id: blob.blob_id }.into(), Then::Plain);
        }
        Some(_) => desk.answer(asker, Answer::NotAuthorised),
        // Gone already, which is what was wanted.
        None => desk.answer(asker, Answer::Ok),
    }
}

/// `secured_for`: nothing where it was not done.
fn secured(desk: &mut Desk, to: StreamRef, receiver_queue: &QueueId, secured_for: Option<[u8; 32]>) {
    // Whatever came of it, the next command asks the disk anew who the sender is.
    if let Some(caller) = desk.callers.of(to.circuit) {
        caller.found = None;
    }
    if secured_for.is_some()
        && let Some(subscriber) = desk.subscribers.of(&(*receiver_queue, Of::Envelopes))
    {
        subscriber.sender_key = secured_for;
    }
}

fn collected(desk: &mut Desk, asker: Asker, sender_key: [u8; 32], messages: Vec<Message>) {
    let waiting = |Message { id, envelope }| Waiting { id, sender_key, envelope };
    let mut left = messages.into_iter().map(waiting).peekable();
    loop {
        let envelopes: Vec<Waiting> = left.by_ref().take(ENVELOPES_PER_PART).collect();
        let more = left.peek().is_some();
        desk.reply(asker, &Reply::Envelopes { more, envelopes });
        if !more {
            return;
        }
    }
}
