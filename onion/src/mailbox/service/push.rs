//! Subscriptions: what was put goes out as soon as it is durable, and what waited before it.

use crate::event::StreamRef;
use crate::mailbox::disk::{BySender, Chunk, DiskReply, Message, Read, ReadChunks};
use crate::mailbox::message::{ChunkWaiting, QueueId, Reply, Waiting};

use super::desk::{Desk, Purpose};
use super::subscribers::{Name, Of, WantedRead};

/// A new envelope is durable.
pub(super) fn deposited(
    desk: &mut Desk,
    receiver_queue: &QueueId,
    sender_key: [u8; 32],
    message: [u8; 16],
    envelope: Option<Vec<u8>>,
) {
    desk.rates.stored(receiver_queue);
    let name = (*receiver_queue, Of::Envelopes);
    let Some(subscriber) = desk.subscribers.of(&name) else { return };
    subscriber.sender_key = Some(sender_key);
    let (to, asker) = (subscriber.to, subscriber.asker());
    let full = desk.callers.of(to.circuit).is_some_and(|caller| caller.is_full(to.stream));
    let Some(subscriber) = desk.subscribers.of(&name) else { return };
    match envelope {
        Some(envelope) if !full && subscriber.put(message) => {
            desk.reply(asker, &Reply::Push(Waiting { id: message, sender_key, envelope }));
        }
        _ => read_on(desk, name),
    }
}

/// A new chunk is durable. It is read from the disk: who keeps it here meanwhile holds 64 KiB for each that nobody may want.
pub(super) fn chunk_put(desk: &mut Desk, receiver_queue: &QueueId) {
    read_on(desk, (*receiver_queue, Of::Chunks));
}

/// Something may lie behind what a subscription got.
pub(super) fn read_on(desk: &mut Desk, name: Name) {
    if let Some(subscriber) = desk.subscribers.of(&name) {
        subscriber.fell_behind();
    }
    pump(desk, name);
}

/// Lets a subscription go on, if its stream, its receiver and the disk can take it.
pub(super) fn pump(desk: &mut Desk, name: Name) {
    let Some(subscriber) = desk.subscribers.of(&name) else { return };
    let to = subscriber.to;
    if desk.callers.of(to.circuit).is_some_and(|caller| caller.is_full(to.stream)) {
        return;
    }
    let Some(subscriber) = desk.subscribers.of(&name) else { return };
    let sender_queue = subscriber.sender_queue;
    let known = subscriber.sender_key.is_some();
    let Some(WantedRead { after, max }) = subscriber.wanted_read() else { return };
    let receiver_queue = name.0;
    let request = match name.1 {
        Of::Chunks => ReadChunks { receiver_queue, after, max }.into(),
        Of::Envelopes if known => Read { receiver_queue, after, max }.into(),
        Of::Envelopes => {
            desk.ask(BySender { sender_queue }.into(), Purpose::Sender { name, to });
            return;
        }
    };
    desk.ask(request, Purpose::Push { name, to });
}

pub(super) fn sender_known(desk: &mut Desk, name: Name, to: StreamRef, reply: &DiskReply) {
    let Some(subscriber) = desk.subscribers.of(&name).filter(|subscriber| subscriber.to == to) else {
        return;
    };
    match reply {
        DiskReply::BySender(Ok(Some(row))) => {
            let known = row.sender_key.is_some() || subscriber.sender_key.is_some();
            subscriber.sender_key = subscriber.sender_key.or(row.sender_key);
            // Before `secure` nothing lies there; the first deposit tells who the sender is.
            subscriber.was_read(usize::from(known));
            // A deposit may have told meanwhile who the sender is.
            pump(desk, name);
        }
        DiskReply::BySender(Ok(None)) => subscriber.was_read(0),
        _ => subscriber.read_failed(),
    }
}

pub(super) fn was_read(desk: &mut Desk, name: Name, to: StreamRef, reply: DiskReply) {
    let Some(subscriber) = desk.subscribers.of(&name).filter(|subscriber| subscriber.to == to) else {
        return;
    };
    match (reply, subscriber.sender_key) {
        (DiskReply::Read(Ok(messages)), Some(sender_key)) => {
            subscriber.was_read(messages.len());
            for Message { id, envelope } in messages {
                push(desk, name, [id, id], || Reply::Push(Waiting { id, sender_key, envelope }));
            }
        }
        (DiskReply::ReadChunks(Ok(chunks)), _) => {
            subscriber.was_read(chunks.len());
            for Chunk { id, place, chunk } in chunks {
                push(desk, name, [id, place], || Reply::Chunk(ChunkWaiting { id, chunk }));
            }
        }
        _ => return subscriber.read_failed(),
    }
    pump(desk, name);
}

/// What was read goes out, under its name and from its place, unless it did already.
fn push(desk: &mut Desk, name: Name, [id, place]: [[u8; 16]; 2], reply: impl FnOnce() -> Reply) {
    let Some(subscriber) = desk.subscribers.of(&name) else { return };
    let asker = subscriber.asker();
    if subscriber.pushed(id, place) {
        desk.reply(asker, &reply());
    }
}
