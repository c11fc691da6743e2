//! How a request that was checked goes on once the disk has answered.

use crate::event::StreamRef;
use crate::mailbox::disk::{
    AckError, BindBlobError, BlobRow, ByReceiver, CreateError, DeleteError, DiskReply, DropBlob,
    DropBlobError, LeaveBlobError, Message, Placed, PutError, Read, Secure, SecureError,
};
use crate::mailbox::message::{Answer, Created, ENVELOPES_PER_PART, QueueId, Reply, Waiting};

use super::desk::{Desk, Then};
use super::push;

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
pub(super) fn finish(desk: &mut Desk, (to, id): (StreamRef, u32), then: Then, reply: DiskReply) {
    match (then, reply) {
        (Then::Create, DiskReply::Create(Ok(created))) => {
            let (receiver_queue, sender_queue) = (created.receiver_queue, created.sender_queue);
            let relay_key = desk.secret.queue_key(&sender_queue);
            desk.reply(to, id, &Reply::Created(Created { receiver_queue, sender_queue, relay_key }));
        }
        (Then::Create, DiskReply::Create(Err(error))) => desk.answer(to, id, error.into()),
        (Then::Secure { receiver_queue, sender_key }, DiskReply::Secure(outcome)) => {
            secured(desk, to, &receiver_queue, (outcome.is_ok(), sender_key));
            desk.answer(to, id, answer_of(outcome));
        }
        (Then::Deposit { receiver_queue, sender_key, envelope }, DiskReply::Put(outcome)) => {
            desk.answer(to, id, answer_of(outcome));
            if let Ok(Placed { id: message, stored: true }) = outcome {
                push::deposited(desk, &receiver_queue, sender_key, (message, envelope));
            }
        }
        (Then::CollectFrom { queue, max }, DiskReply::BySender(Ok(row))) => {
            match row.and_then(|row| row.sender_key) {
                Some(sender_key) => {
                    let request = Read { receiver_queue: queue, after: None, max };
                    desk.go_on((to, id), request.into(), Then::Collect { sender_key });
                }
                // Nothing can lie in a queue that nobody secured.
                None => desk.reply(to, id, &Reply::Envelopes { more: false, envelopes: Vec::new() }),
            }
        }
        (Then::Collect { sender_key }, DiskReply::Read(Ok(messages))) => {
            collected(desk, (to, id), sender_key, messages);
        }
        (Then::Acknowledge { queue, messages }, DiskReply::Ack(outcome)) => {
            desk.answer(to, id, answer_of(outcome));
            if outcome.is_ok() {
                desk.rates.acked(&queue, messages.len());
                desk.subscribers.acked(&queue, &messages);
                push::pump(desk, &queue);
            }
        }
        (Then::Delete { queue }, DiskReply::Delete(outcome)) => {
            desk.subscribers.deleted(&queue);
            desk.rates.deleted(&queue);
            if let Some(caller) = desk.callers.of(to.circuit) {
                caller.found = None;
            }
            desk.answer(to, id, answer_of(outcome));
        }
        (Then::DropOwn { queue, blob_id }, DiskReply::Blob(Ok(row))) => {
            drop_own(desk, (to, id), (queue, blob_id), row)
        }
        (then @ (Then::BindBlob { .. } | Then::SecureFor { .. } | Then::SecuredRead { .. }), reply) => {
            secure_and_read(desk, (to, id), then, reply);
        }
        (Then::Plain, DiskReply::LeaveBlob(outcome)) => desk.answer(to, id, answer_of(outcome)),
        (Then::Plain, DiskReply::DropBlob(outcome)) => desk.answer(to, id, answer_of(outcome)),
        _ => desk.answer(to, id, Answer::Throttled),
    }
}

/// `secure+read`, step by step: the blob is bound to the key, its queue is secured for it, the blob is told. Each step may be
/// repeated by the same key; another key is refused at the first.
fn secure_and_read(desk: &mut Desk, (to, id): (StreamRef, u32), then: Then, reply: DiskReply) {
    match (then, reply) {
        (Then::BindBlob { receiver_queue, sender_key, blob }, DiskReply::BindBlob(Ok(()))) => {
            let then = Then::SecureFor { receiver_queue, sender_key, blob };
            desk.go_on((to, id), ByReceiver { receiver_queue }.into(), then);
        }
        (Then::BindBlob { .. }, DiskReply::BindBlob(Err(error))) => desk.answer(to, id, error.into()),
        (Then::SecureFor { receiver_queue, sender_key, blob }, DiskReply::ByReceiver(Ok(row))) => {
            match row {
                Some(row) => {
                    let request = Secure { sender_queue: row.sender_queue, sender_key };
                    let then = Then::SecuredRead { receiver_queue, sender_key, blob };
                    let ticket = desk.go_on((to, id), request.into(), then);
                    // A deposit right behind must not find the queue unsecured.
                    desk.wait_for(to.circuit, ticket);
                }
                // The queue was deleted, and with it what was beside it.
                None => desk.answer(to, id, Answer::NoBlob),
            }
        }
        (Then::SecuredRead { receiver_queue, sender_key, blob }, DiskReply::Secure(outcome)) => {
            secured(desk, to, &receiver_queue, (outcome.is_ok(), sender_key));
            match outcome {
                Ok(()) => desk.reply(to, id, &Reply::Blob(blob)),
                Err(error) => desk.answer(to, id, error.into()),
            }
        }
        _ => desk.answer(to, id, Answer::Throttled),
    }
}

/// The receiver drops a blob: its own only.
fn drop_own(
    desk: &mut Desk,
    (to, id): (StreamRef, u32),
    (queue, blob_id): (QueueId, [u8; 32]),
    row: Option<BlobRow>,
) {
    match row {
        Some(row) if row.receiver_queue == queue => {
            desk.go_on((to, id), DropBlob { blob_id }.into(), Then::Plain);
        }
        Some(_) => desk.answer(to, id, Answer::NotAuthorised),
        // Gone already, which is what was wanted.
        None => desk.answer(to, id, Answer::Ok),
    }
}

fn secured(desk: &mut Desk, to: StreamRef, receiver_queue: &QueueId, (done, sender_key): (bool, [u8; 32])) {
    // Whatever came of it, the next command asks the disk anew who the sender is.
    if let Some(caller) = desk.callers.of(to.circuit) {
        caller.found = None;
    }
    if done && let Some(subscriber) = desk.subscribers.of(receiver_queue) {
        subscriber.sender_key = Some(sender_key);
    }
}

fn collected(desk: &mut Desk, (to, id): (StreamRef, u32), sender_key: [u8; 32], messages: Vec<Message>) {
    let waiting = |Message { id, envelope }| Waiting { id, sender_key, envelope };
    let mut left = messages.into_iter().map(waiting).peekable();
    loop {
        let envelopes: Vec<Waiting> = left.by_ref().take(ENVELOPES_PER_PART).collect();
        let more = left.peek().is_some();
        desk.reply(to, id, &Reply::Envelopes { more, envelopes });
        if !more {
            return;
        }
    }
}
