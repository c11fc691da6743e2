//! The relays' half of files: chunks that lie in queues are pushed to who subscribed, and what may befall them on the way.

use std::collections::{BTreeMap, BTreeSet};

use ipc_schema::edge::onion_stored as disk;
use ipc_schema::edge::stored_onion::{ChunkWaiting, Chunks, QueueId, Refused};
use ipc_schema::limits::CHUNKS_UNACKED_MAX;
use rand_core::Rng;

use super::super::{ArrivedChunk, Came, CircuitId, Input, Taken};
use super::{World, told};
use crate::ids::{ReceiveQueueId, RelayId};

/// What befalls chunks at relays, per thousand.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::engine) struct Faults {
    /// The relay says that it has it, and loses it.
    pub(in crate::engine) dropped: u32,
    pub(in crate::engine) garbled: u32,
    pub(in crate::engine) repeated: u32,
    /// It comes under another's name.
    pub(in crate::engine) swapped: u32,
}

/// Who is pushed what.
#[derive(Default)]
pub(super) struct Pushes {
    pub(super) faults: Faults,
    pub(super) puts: u64,
    to: BTreeMap<([u8; 32], QueueId), Push>,
    last: [u8; 16],
}

struct Push {
    who: usize,
    circuit: CircuitId,
    receive_queue: ReceiveQueueId,
    pushed: BTreeSet<[u8; 16]>,
}

impl World {
    pub(in crate::engine) fn chunk_faults(&mut self, faults: Faults) {
        self.pushes.faults = faults;
    }

    /// Chunks that were given to relays.
    pub(in crate::engine) fn chunk_puts(&self) -> u64 {
        self.pushes.puts
    }

    /// Chunks that lie in a queue of somebody's.
    pub(in crate::engine) fn chunks_left(&self, who: usize) -> usize {
        let queues = self.people[who].engine.turn.store.receive_queues().unwrap().into_iter();
        let lying = queues.filter_map(|queue| {
            let (relay, created) = (queue.relay?, queue.created?);
            self.relays.get(&relay.0).filter(|relay| relay.up)?;
            Some(self.lying(relay, created.receiver_queue).len())
        });
        lying.sum()
    }

    fn chance_of(&mut self, per_thousand: u32) -> bool {
        self.rng.next_u32() % 1_000 < per_thousand
    }

    fn lying(&self, relay: RelayId, receiver_queue: QueueId) -> Vec<disk::Chunk> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let read = disk::ReadChunks { receiver_queue, after, max: 4 };
            let page = self.relays[&relay.0].mailboxes.read_chunks(&read).unwrap();
            let Some(last) = page.last() else { return all };
            after = Some(last.place);
            all.extend(page);
        }
    }

    pub(super) fn chunks_do(
        &mut self,
        (who, circuit): (usize, CircuitId),
        relay: RelayId,
        command: &Chunks<ReceiveQueueId>,
    ) -> Came {
        let now = self.now;
        match command.clone() {
            Chunks::Put { sender_queue, chunk_id, chunk } => {
                self.pushes.puts += 1;
                let put = disk::PutChunk { sender_queue, chunk_id, chunk };
                let outcome = self.relays[&relay.0].mailboxes.put_chunk(&put, now).unwrap();
                if outcome == Ok(true) {
                    let mailboxes = &self.relays[&relay.0].mailboxes;
                    let receiver_queue = mailboxes.by_sender(&sender_queue).unwrap().unwrap().receiver_queue;
                    if self.chance_of(self.pushes.faults.dropped) {
                        let ack = disk::AckChunks { receiver_queue, ids: vec![chunk_id] };
                        let _ = self.relays[&relay.0].mailboxes.ack_chunks(&ack, now).unwrap();
                    }
                    self.push_chunks(relay, receiver_queue);
                }
                told(outcome)
            }
            Chunks::Subscribe { receiver_queue, sink } => {
                if self.relays[&relay.0].mailboxes.by_receiver(&receiver_queue).unwrap().is_none() {
                    return Came::Refused(Refused::NoQueue);
                }
                let push = Push { who, circuit, receive_queue: sink, pushed: BTreeSet::new() };
                self.pushes.to.insert((relay.0, receiver_queue), push);
                self.push_chunks(relay, receiver_queue);
                Came::Done
            }
            Chunks::Fetch { .. } => panic!("nobody fetches by name"),
            Chunks::Acknowledge { receiver_queue, chunks } => {
                if let Some(push) = self.pushes.to.get_mut(&(relay.0, receiver_queue)) {
                    push.pushed.retain(|id| !chunks.contains(id));
                }
                let ack = disk::AckChunks { receiver_queue, ids: chunks };
                let outcome = self.relays[&relay.0].mailboxes.ack_chunks(&ack, now).unwrap();
                self.push_chunks(relay, receiver_queue);
                told(outcome)
            }
        }
    }

    /// The oldest that were not pushed yet, as many as may lie un-acked.
    fn push_chunks(&mut self, relay: RelayId, receiver_queue: QueueId) {
        let key = (relay.0, receiver_queue);
        let Some(push) = self.pushes.to.get(&key) else { return };
        let (who, receive_queue) = (push.who, push.receive_queue);
        if self.people[who].circuits.get(&push.circuit).is_none_or(|circuit| circuit.dead) {
            return;
        }
        for chunk in self.lying(relay, receiver_queue) {
            let Some(push) = self.pushes.to.get_mut(&key) else { return };
            if push.pushed.len() >= CHUNKS_UNACKED_MAX {
                return;
            }
            if push.pushed.insert(chunk.id) {
                self.deliver(who, receive_queue, ChunkWaiting { id: chunk.id, chunk: chunk.chunk });
            }
        }
    }

    fn deliver(&mut self, who: usize, receive_queue: ReceiveQueueId, mut chunk: ChunkWaiting) {
        let faults = self.pushes.faults;
        let before = std::mem::replace(&mut self.pushes.last, chunk.id);
        if self.chance_of(faults.swapped) {
            chunk.id = before;
        }
        if self.chance_of(faults.garbled) {
            let at = self.rng.next_u32() as usize % chunk.chunk.len();
            chunk.chunk[at] ^= 1;
        }
        let times = if self.chance_of(faults.repeated) { 2 } else { 1 };
        for _ in 0..times {
            let arrived = ArrivedChunk { receive_queue, chunk: chunk.clone() };
            self.soon(who, Input::Chunk(Box::new(arrived), Taken::default()));
        }
    }
}
