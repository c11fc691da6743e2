//! Who gets what is put, at once. Nothing stands here for a queue that nobody is subscribed to.

use std::collections::{BTreeMap, BTreeSet};

use ipc_schema::limits::{CHUNKS_UNACKED_MAX, UNACKED_MAX};

use super::callers::Asker;
use crate::event::StreamRef;
use crate::mailbox::message::QueueId;

/// What a subscription brings. Those of a queue know nothing of each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Of {
    /// Envelopes, each with its sender's key.
    Envelopes,
    /// Chunks of files.
    Chunks,
}

impl Of {
    const fn unacked_max(self) -> usize {
        match self {
            Self::Envelopes => UNACKED_MAX,
            Self::Chunks => CHUNKS_UNACKED_MAX,
        }
    }

    /// Read from the disk at a time: 64 KiB.
    const fn read_batch(self) -> usize {
        match self {
            Self::Envelopes => 16,
            Self::Chunks => 1,
        }
    }
}

/// One live subscription.
#[derive(Debug)]
pub struct Subscriber {
    /// Where pushes go.
    pub to: StreamRef,
    /// The request that subscribed.
    pub request: u32,
    of: Of,
    /// The sender's name, for asking who the sender is.
    pub sender_queue: QueueId,
    /// Who the sender is, once `secure` was seen.
    pub sender_key: Option<[u8; 32]>,
    /// The last that was pushed, by its place in the queue.
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
    /// As many as may still be on their way to it.
    pub max: u16,
}

impl Subscriber {
    /// Where its envelopes go.
    pub fn asker(&self) -> Asker {
        Asker { to: self.to, request: self.request }
    }

    fn room(&self) -> usize {
        self.of.unacked_max().saturating_sub(self.unacked.len())
    }

    /// The read that is due now, if one is; it counts as under way from here.
    pub fn wanted_read(&mut self) -> Option<WantedRead> {
        if self.reading || !self.behind || self.room() == 0 {
            return None;
        }
        self.reading = true;
        self.behind = false;
        let max = u16::try_from(self.room().min(self.of.read_batch())).unwrap_or(1);
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

    /// Something was put, or may have been, that is to be read from the disk.
    pub fn fell_behind(&mut self) {
        self.behind = true;
    }

    /// A new envelope was put. Answers whether it can be pushed as it is: nothing older waits to be read first.
    pub fn put(&mut self, id: [u8; 16]) -> bool {
        if self.reading || self.behind || self.room() == 0 || self.sender_key.is_none() {
            self.behind = true;
            return false;
        }
        self.pushed(id, id)
    }

    /// What lies at that place goes out. `false`: it went already.
    pub fn pushed(&mut self, id: [u8; 16], place: [u8; 16]) -> bool {
        self.cursor = Some(place);
        self.unacked.insert(id)
    }
}

/// A subscription of a queue (receiver's name).
pub type Name = (QueueId, Of);

/// All live subscriptions of one relay.
#[derive(Debug, Default)]
pub struct Subscribers {
    by_name: BTreeMap<Name, Subscriber>,
    by_stream: BTreeSet<(StreamRef, Name)>,
}

impl Subscribers {
    /// A new one takes the place of an older one of the same name: its receiver reconnected.
    pub fn add(&mut self, name: Name, Asker { to, request }: Asker, sender_queue: QueueId) {
        let subscriber = Subscriber {
            to,
            request,
            of: name.1,
            sender_queue,
            sender_key: None,
            cursor: None,
            unacked: BTreeSet::new(),
            reading: false,
            behind: true,
        };
        self.remove(&name);
        self.by_stream.insert((to, name));
        self.by_name.insert(name, subscriber);
    }

    /// The subscription of that name.
    pub fn of(&mut self, name: &Name) -> Option<&mut Subscriber> {
        self.by_name.get_mut(name)
    }

    /// These were acked, on whatever circuit.
    pub fn acked(&mut self, name: &Name, ids: &[[u8; 16]]) {
        if let Some(subscriber) = self.by_name.get_mut(name) {
            // What was full may have more on the disk.
            subscriber.behind |= subscriber.room() == 0;
            ids.iter().for_each(|id| {
                subscriber.unacked.remove(id);
            });
        }
    }

    /// The queue is gone.
    pub fn deleted(&mut self, queue: &QueueId) {
        for of in [Of::Envelopes, Of::Chunks] {
            self.remove(&(*queue, of));
        }
    }

    fn remove(&mut self, name: &Name) {
        if let Some(gone) = self.by_name.remove(name) {
            self.by_stream.remove(&(gone.to, *name));
        }
    }

    /// A stream is gone.
    pub fn ended(&mut self, stream: StreamRef) {
        self.on(stream).iter().for_each(|name| self.remove(name));
    }

    /// The subscriptions on a stream.
    #[must_use]
    pub fn on(&self, stream: StreamRef) -> Vec<Name> {
        let from = (stream, (QueueId::default(), Of::Envelopes));
        self.by_stream.range(from..).take_while(|(to, _)| *to == stream).map(|(_, name)| *name).collect()
    }

    /// All subscriptions.
    #[must_use]
    pub fn names(&self) -> Vec<Name> {
        self.by_name.keys().copied().collect()
    }
}
