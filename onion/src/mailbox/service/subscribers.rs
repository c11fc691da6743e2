//! Who gets what is put, at once. Nothing stands here for a queue that nobody is subscribed to.

use std::collections::{BTreeMap, BTreeSet};

use ipc_schema::limits::UNACKED_MAX;

use super::callers::Asker;
use crate::event::StreamRef;
use crate::mailbox::message::QueueId;

/// Envelopes read from the disk at a time: 64 KiB.
const READ_BATCH: usize = 16;

/// One live subscription.
#[derive(Debug)]
pub struct Subscriber {
    /// Where pushes go.
    pub to: StreamRef,
    /// The request that subscribed.
    pub request: u32,
    /// The sender's name, for asking who the sender is.
    pub sender_queue: QueueId,
    /// Who the sender is, once `secure` was seen.
    pub sender_key: Option<[u8; 32]>,
    /// The last message that was pushed.
    cursor: Option<[u8; 16]>,
    /// Pushed and not acked.
    unacked: BTreeSet<[u8; 16]>,
    /// A read is under way.
    reading: bool,
    /// Messages after the cursor may lie on the disk.
    behind: bool,
}

/// A read that a subscription wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WantedRead {
    /// After this message.
    pub after: Option<[u8; 16]>,
    /// As many envelopes as may still be on their way to it.
    pub max: u16,
}

impl Subscriber {
    /// Where its envelopes go.
    pub fn asker(&self) -> Asker {
        Asker { to: self.to, request: self.request }
    }

    fn room(&self) -> usize {
        UNACKED_MAX.saturating_sub(self.unacked.len())
    }

    /// The read that is due now, if one is; it counts as under way from here.
    pub fn wanted_read(&mut self) -> Option<WantedRead> {
        if self.reading || !self.behind || self.room() == 0 {
            return None;
        }
        self.reading = true;
        self.behind = false;
        let max = u16::try_from(self.room().min(READ_BATCH)).unwrap_or(1);
        Some(WantedRead { after: self.cursor, max })
    }

    /// A read ended with so many messages.
    pub fn was_read(&mut self, count: usize) {
        self.reading = false;
        self.behind |= count > 0;
    }

    /// A read came to nothing: there is more to read, later.
    pub fn read_failed(&mut self) {
        self.reading = false;
        self.behind = true;
    }

    /// Something was put that is to be read from the disk.
    pub fn fell_behind(&mut self) {
        self.behind = true;
    }

    /// Something new was put. Answers whether it can be pushed as it is: nothing older waits to be read first.
    pub fn put(&mut self, id: [u8; 16]) -> bool {
        if self.reading || self.behind || self.room() == 0 || self.sender_key.is_none() {
            self.behind = true;
            return false;
        }
        self.pushed(id)
    }

    /// A message goes out. `false`: it went already.
    pub fn pushed(&mut self, id: [u8; 16]) -> bool {
        self.cursor = Some(id);
        self.unacked.insert(id)
    }
}

/// All live subscriptions of one relay.
#[derive(Debug, Default)]
pub struct Subscribers {
    by_queue: BTreeMap<QueueId, Subscriber>,
    by_stream: BTreeSet<(StreamRef, QueueId)>,
}

impl Subscribers {
    /// A new one takes the place of an older one of the same queue: its receiver reconnected.
    pub fn add(&mut self, queue: QueueId, to: StreamRef, request: u32, sender_queue: QueueId) {
        let subscriber = Subscriber {
            to,
            request,
            sender_queue,
            sender_key: None,
            cursor: None,
            unacked: BTreeSet::new(),
            reading: false,
            behind: true,
        };
        self.deleted(&queue);
        self.by_stream.insert((to, queue));
        self.by_queue.insert(queue, subscriber);
    }

    /// The subscription of that queue (receiver's name).
    pub fn of(&mut self, queue: &QueueId) -> Option<&mut Subscriber> {
        self.by_queue.get_mut(queue)
    }

    /// These were acked, on whatever circuit.
    pub fn acked(&mut self, queue: &QueueId, ids: &[[u8; 16]]) {
        if let Some(subscriber) = self.by_queue.get_mut(queue) {
            // What was full may have more on the disk.
            subscriber.behind |= subscriber.room() == 0;
            ids.iter().for_each(|id| {
                subscriber.unacked.remove(id);
            });
        }
    }

    /// The queue is gone, or another subscription takes its place.
    pub fn deleted(&mut self, queue: &QueueId) {
        if let Some(gone) = self.by_queue.remove(queue) {
            self.by_stream.remove(&(gone.to, *queue));
        }
    }

    /// A stream is gone.
    pub fn ended(&mut self, stream: StreamRef) {
        self.on(stream).iter().for_each(|queue| self.deleted(queue));
    }

    /// The queues that a stream is subscribed to.
    #[must_use]
    pub fn on(&self, stream: StreamRef) -> Vec<QueueId> {
        let from = (stream, QueueId::default());
        self.by_stream.range(from..).take_while(|(to, _)| *to == stream).map(|(_, queue)| *queue).collect()
    }

    /// All queues that somebody is subscribed to.
    #[must_use]
    pub fn queues(&self) -> Vec<QueueId> {
        self.by_queue.keys().copied().collect()
    }
}
