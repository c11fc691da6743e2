//! How a request that was checked goes on once the disk has answered.

use crate::core::StreamRef;
use crate::mailbox::disk::{BlobRow, DiskAnswer, DiskReply, DiskRequest};
use crate::mailbox::message::{Answer, Created, ENVELOPES_PER_PART, QueueId, Reply, Waiting};

use super::{Service, Then};

const fn answer_of(disk: DiskAnswer) -> Answer {
    match disk {
        DiskAnswer::Ok => Answer::Ok,
        DiskAnswer::Full => Answer::Full,
        DiskAnswer::NoQueue => Answer::NoQueue,
        DiskAnswer::Taken => Answer::NotAuthorised,
        DiskAnswer::DiskFull => Answer::DiskFull,
        DiskAnswer::NoBlob => Answer::NoBlob,
    }
}

impl Service {
    /// A request that was checked goes on with what the disk answered.
    pub(super) fn finish(&mut self, (to, id): (StreamRef, u32), then: Then, reply: DiskReply) {
        match (then, reply) {
            (Then::Create, DiskReply::Created { receiver_queue, sender_queue }) => {
                let relay_key = self.secret.queue_key(&sender_queue);
                self.reply(to, id, &Reply::Created(Created { receiver_queue, sender_queue, relay_key }));
            }
            (Then::Secure { receiver_queue, sender_key }, DiskReply::Answer(answer)) => {
                self.secured(to, &receiver_queue, (answer, sender_key));
                self.answer(to, id, answer_of(answer));
            }
            (
                Then::Deposit { receiver_queue, sender_key, envelope },
                DiskReply::Put { answer, id: message, stored },
            ) => {
                self.answer(to, id, answer_of(answer));
                if answer == DiskAnswer::Ok && stored {
                    self.deposited(&receiver_queue, sender_key, (message, envelope));
                }
            }
            (Then::CollectFrom { queue, max }, DiskReply::Sender(row)) => {
                match row.and_then(|row| row.sender_key) {
                    Some(sender_key) => {
                        let request = DiskRequest::Read { receiver_queue: queue, after: None, max };
                        self.go_on((to, id), request, Then::Collect { sender_key });
                    }
                    // Nothing can lie in a queue that nobody secured.
                    None => self.reply(to, id, &Reply::Envelopes { more: false, envelopes: Vec::new() }),
                }
            }
            (Then::Collect { sender_key }, DiskReply::Messages(messages)) => {
                self.collected((to, id), sender_key, messages);
            }
            (Then::Acknowledge { queue, messages }, DiskReply::Answer(answer)) => {
                self.answer(to, id, answer_of(answer));
                if answer == DiskAnswer::Ok {
                    self.rates.acked(&queue, messages.len());
                    self.subscribers.acked(&queue, &messages);
                    self.pump(&queue);
                }
            }
            (Then::Delete { queue }, DiskReply::Answer(answer)) => {
                self.subscribers.deleted(&queue);
                self.rates.deleted(&queue);
                if let Some(caller) = self.callers.of(to.circuit) {
                    caller.found = None;
                }
                self.answer(to, id, answer_of(answer));
            }
            (Then::DropOwn { queue, blob_id }, DiskReply::Blob(row)) => {
                self.drop_own((to, id), (queue, blob_id), row)
            }
            (then @ (Then::BindBlob { .. } | Then::SecureFor { .. } | Then::SecuredRead { .. }), reply) => {
                self.secure_and_read((to, id), then, reply);
            }
            (Then::Plain | Then::Create, DiskReply::Answer(answer)) => {
                // Only the first of these is answered by a bare "ok".
                self.answer(to, id, answer_of(answer));
            }
            _ => self.answer(to, id, Answer::Throttled),
        }
    }

    /// `secure+read`, step by step: the blob is bound to the key, its queue is secured for it, the blob is told. Each step may be
    /// repeated by the same key; another key is refused at the first.
    fn secure_and_read(&mut self, (to, id): (StreamRef, u32), then: Then, reply: DiskReply) {
        match (then, reply) {
            (Then::BindBlob { receiver_queue, sender_key, blob }, DiskReply::Answer(DiskAnswer::Ok)) => {
                let then = Then::SecureFor { receiver_queue, sender_key, blob };
                self.go_on((to, id), DiskRequest::ByReceiver(receiver_queue), then);
            }
            (Then::SecureFor { receiver_queue, sender_key, blob }, DiskReply::Receiver(row)) => match row {
                Some(row) => {
                    let request = DiskRequest::Secure { sender_queue: row.sender_queue, sender_key };
                    let then = Then::SecuredRead { receiver_queue, sender_key, blob };
                    let ticket = self.go_on((to, id), request, then);
                    // A deposit right behind must not find the queue unsecured.
                    self.wait_for(to.circuit, ticket);
                }
                // The queue was deleted, and with it what was beside it.
                None => self.answer(to, id, Answer::NoBlob),
            },
            (Then::SecuredRead { receiver_queue, sender_key, blob }, DiskReply::Answer(answer)) => {
                self.secured(to, &receiver_queue, (answer, sender_key));
                match answer {
                    DiskAnswer::Ok => self.reply(to, id, &Reply::Blob(blob)),
                    other => self.answer(to, id, answer_of(other)),
                }
            }
            (_, DiskReply::Answer(answer)) if answer != DiskAnswer::Ok => {
                self.answer(to, id, answer_of(answer))
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
                self.go_on((to, id), DiskRequest::DropBlob(blob_id), Then::Plain);
            }
            Some(_) => self.answer(to, id, Answer::NotAuthorised),
            // Gone already, which is what was wanted.
            None => self.answer(to, id, Answer::Ok),
        }
    }

    fn secured(
        &mut self,
        to: StreamRef,
        receiver_queue: &QueueId,
        (answer, sender_key): (DiskAnswer, [u8; 32]),
    ) {
        // Whatever came of it, the next command asks the disk anew who the sender is.
        if let Some(caller) = self.callers.of(to.circuit) {
            caller.found = None;
        }
        if answer == DiskAnswer::Ok
            && let Some(subscriber) = self.subscribers.of(receiver_queue)
        {
            subscriber.sender_key = Some(sender_key);
        }
    }

    fn collected(
        &mut self,
        (to, id): (StreamRef, u32),
        sender_key: [u8; 32],
        messages: Vec<([u8; 16], Vec<u8>)>,
    ) {
        let mut left =
            messages.into_iter().map(|(id, envelope)| Waiting { id, sender_key, envelope }).peekable();
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
