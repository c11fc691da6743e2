//! How a request that was checked goes on once the disk has answered.

use crate::event::StreamRef;
use crate::mailbox::disk::{
    AckError, BindBlobError, BlobRow, ByReceiver, CreateError, DeleteError, DiskReply, DropBlob,
    DropBlobError, LeaveBlobError, Message, Placed, PutError, Read, Secure, SecureError,
};
use crate::mailbox::message::{Answer, Created, ENVELOPES_PER_PART, QueueId, Reply, Waiting};

use super::{Service, Then};

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

impl Service {
    /// A request that was checked goes on with what the disk answered.
    pub(super) fn finish(&mut self, (to, id): (StreamRef, u32), then: Then, reply: DiskReply) {
        match (then, reply) {
            (Then::Create, DiskReply::Create(Ok(created))) => {
                let (receiver_queue, sender_queue) = (created.receiver_queue, created.sender_queue);
                let relay_key = self.secret.queue_key(&sender_queue);
                self.reply(to, id, &Reply::Created(Created { receiver_queue, sender_queue, relay_key }));
            }
            (Then::Create, DiskReply::Create(Err(error))) => self.answer(to, id, error.into()),
            (Then::Secure { receiver_queue, sender_key }, DiskReply::Secure(outcome)) => {
                self.secured(to, &receiver_queue, (outcome.is_ok(), sender_key));
                self.answer(to, id, answer_of(outcome));
            }
            (Then::Deposit { receiver_queue, sender_key, envelope }, DiskReply::Put(outcome)) => {
                self.answer(to, id, answer_of(outcome));
                if let Ok(Placed { id: message, stored: true }) = outcome {
                    self.deposited(&receiver_queue, sender_key, (message, envelope));
                }
            }
            (Then::CollectFrom { queue, max }, DiskReply::BySender(Ok(row))) => {
                match row.and_then(|row| row.sender_key) {
                    Some(sender_key) => {
                        let request = Read { receiver_queue: queue, after: None, max };
                        self.go_on((to, id), request.into(), Then::Collect { sender_key });
                    }
                    // Nothing can lie in a queue that nobody secured.
                    None => self.reply(to, id, &Reply::Envelopes { more: false, envelopes: Vec::new() }),
                }
            }
            (Then::Collect { sender_key }, DiskReply::Read(Ok(messages))) => {
                self.collected((to, id), sender_key, messages);
            }
            (Then::Acknowledge { queue, messages }, DiskReply::Ack(outcome)) => {
                self.answer(to, id, answer_of(outcome));
                if outcome.is_ok() {
                    self.rates.acked(&queue, messages.len());
                    self.subscribers.acked(&queue, &messages);
                    self.pump(&queue);
                }
            }
            (Then::Delete { queue }, DiskReply::Delete(outcome)) => {
                self.subscribers.deleted(&queue);
                self.rates.deleted(&queue);
                if let Some(caller) = self.callers.of(to.circuit) {
                    caller.found = None;
                }
                self.answer(to, id, answer_of(outcome));
            }
            (Then::DropOwn { queue, blob_id }, DiskReply::Blob(Ok(row))) => {
                self.drop_own((to, id), (queue, blob_id), row)
            }
            (then @ (Then::BindBlob { .. } | Then::SecureFor { .. } | Then::SecuredRead { .. }), reply) => {
                self.secure_and_read((to, id), then, reply);
            }
            (Then::Plain, DiskReply::LeaveBlob(outcome)) => self.answer(to, id, answer_of(outcome)),
            (Then::Plain, DiskReply::DropBlob(outcome)) => self.answer(to, id, answer_of(outcome)),
            _ => self.answer(to, id, Answer::Throttled),
        }
    }

    /// `secure+read`, step by step: the blob is bound to the key, its queue is secured for it, the blob is told. Each step may be
    /// repeated by the same key; another key is refused at the first.
    fn secure_and_read(&mut self, (to, id): (StreamRef, u32), then: Then, reply: DiskReply) {
        match (then, reply) {
            (Then::BindBlob { receiver_queue, sender_key, blob }, DiskReply::BindBlob(Ok(()))) => {
                let then = Then::SecureFor { receiver_queue, sender_key, blob };
                self.go_on((to, id), ByReceiver { receiver_queue }.into(), then);
            }
            (Then::BindBlob { .. }, DiskReply::BindBlob(Err(error))) => self.answer(to, id, error.into()),
            (Then::SecureFor { receiver_queue, sender_key, blob }, DiskReply::ByReceiver(Ok(row))) => {
                match row {
                    Some(row) => {
                        let request = Secure { sender_queue: row.sender_queue, sender_key };
                        let then = Then::SecuredRead { receiver_queue, sender_key, blob };
                        let ticket = self.go_on((to, id), request.into(), then);
                        // A deposit right behind must not find the queue unsecured.
                        self.wait_for(to.circuit, ticket);
                    }
                    // The queue was deleted, and with it what was beside it.
                    None => self.answer(to, id, Answer::NoBlob),
                }
            }
            (Then::SecuredRead { receiver_queue, sender_key, blob }, DiskReply::Secure(outcome)) => {
                self.secured(to, &receiver_queue, (outcome.is_ok(), sender_key));
                match outcome {
                    Ok(()) => self.reply(to, id, &Reply::Blob(blob)),
                    Err(error) => self.answer(to, id, error.into()),
                }
            }
            _ => self.answer(to, id, Answer::Throttled),
        }
    }

    /// The receiver drops a blob: its own only.
    fn drop_own(
        &mut self,
        (to, id): (StreamRef, u32),
        (queue, blob_id): (QueueId, [u8; 32]),
        row: Option<BlobRow>,
    ) {
        match row {
            Some(row) if row.receiver_queue == queue => {
                self.go_on((to, id), DropBlob { blob_id }.into(), Then::Plain);
            }
            Some(_) => self.answer(to, id, Answer::NotAuthorised),
            // Gone already, which is what was wanted.
            None => self.answer(to, id, Answer::Ok),
        }
    }

    fn secured(&mut self, to: StreamRef, receiver_queue: &QueueId, (done, sender_key): (bool, [u8; 32])) {
        // Whatever came of it, the next command asks the disk anew who the sender is.
        if let Some(caller) = self.callers.of(to.circuit) {
            caller.found = None;
        }
        if done && let Some(subscriber) = self.subscribers.of(receiver_queue) {
            subscriber.sender_key = Some(sender_key);
        }
    }

    fn collected(&mut self, (to, id): (StreamRef, u32), sender_key: [u8; 32], messages: Vec<Message>) {
        let waiting = |Message { id, envelope }| Waiting { id, sender_key, envelope };
        let mut left = messages.into_iter().map(waiting).peekable();
        loop {
            let envelopes: Vec<Waiting> = left.by_ref().take(ENVELOPES_PER_PART).collect();
            let more = left.peek().is_some();
            self.reply(to, id, &Reply::Envelopes { more, envelopes });
            if !more {
                return;
            }
        }
    }
}
