//! Subscriptions: what was put goes out as soon as it is durable, and what waited before it.

use crate::event::StreamRef;
use crate::mailbox::disk::{BySender, DiskReply, Message, Read};
use crate::mailbox::message::{QueueId, Reply, Waiting};

use super::desk::{Desk, Purpose};

/// A new envelope is durable.
pub(super) fn deposited(
    desk: &mut Desk,
    receiver_queue: &QueueId,
    sender_key: [u8; 32],
    message: [u8; 16],
    envelope: Option<Vec<u8>>,
) {
    desk.rates.stored(receiver_queue);
    let Some(subscriber) = desk.subscribers.of(receiver_queue) else { return };
    subscriber.sender_key = Some(sender_key);
    let (to, asker) = (subscriber.to, subscriber.asker());
    let full = desk.callers.of(to.circuit).is_some_and(|caller| caller.is_full(to.stream));
    let Some(subscriber) = desk.subscribers.of(receiver_queue) else { return };
    match envelope {
        Some(envelope) if !full && subscriber.put(message) => {
            desk.reply(asker, &Reply::Push(Waiting { id: message, sender_key, envelope }));
        }
        _ => {
            subscriber.fell_behind();
            pump(desk, receiver_queue);
        }
    }
}

/// Lets a subscription go on, if its stream, its receiver and the disk can take it.
pub(super) fn pump(desk: &mut Desk, queue: &QueueId) {
    let Some(subscriber) = desk.subscribers.of(queue) else { return };
    let to = subscriber.to;
    if desk.callers.of(to.circuit).is_some_and(|caller| caller.is_full(to.stream)) {
        return;
    }
    let Some(subscriber) = desk.subscribers.of(queue) else { return };
    let sender_queue = subscriber.sender_queue;
    let known = subscriber.sender_key.is_some();
    let Some(wanted) = subscriber.wanted_read() else { return };
    if !known {
        desk.ask(BySender { sender_queue }.into(), Purpose::Sender { queue: *queue, to });
        return;
    }
    let request = Read { receiver_queue: *queue, after: wanted.after, max: wanted.max };
    desk.ask(request.into(), Purpose::Push { queue: *queue, to });
}

pub(super) fn sender_known(desk: &mut Desk, queue: &QueueId, to: StreamRef, reply: &DiskReply) {
    let Some(subscriber) = desk.subscribers.of(queue).filter(|subscriber| subscriber.to == to) else {
        return;
    };
    match reply {
        DiskReply::BySender(Ok(Some(row))) => {
            let known = row.sender_key.is_some() || subscriber.sender_key.is_some();
            subscriber.sender_key = subscriber.sender_key.or(row.sender_key);
            // Before `secure` nothing lies there; the first deposit tells who the sender is.
            subscriber.was_read(usize::from(known));
            // A deposit may have told meanwhile who the sender is.
            pump(desk, queue);
        }
        DiskReply::BySender(Ok(None)) => subscriber.was_read(0),
        _ => subscriber.read_failed(),
    }
}

pub(super) fn was_read(desk: &mut Desk, queue: &QueueId, to: StreamRef, reply: DiskReply) {
    let Some(subscriber) = desk.subscribers.of(queue).filter(|subscriber| subscriber.to == to) else {
        return;
    };
    let (asker, sender_key) = (subscriber.asker(), subscriber.sender_key);
    let (DiskReply::Read(Ok(messages)), Some(sender_key)) = (reply, sender_key) else {
        return subscriber.read_failed();
    };
    subscriber.was_read(messages.len());
    for Message { id: message, envelope } in messages {
        if desk.subscribers.of(queue).is_some_and(|subscriber| subscriber.pushed(message)) {
            desk.reply(asker, &Reply::Push(Waiting { id: message, sender_key, envelope }));
        }
    }
    pump(desk, queue);
}
