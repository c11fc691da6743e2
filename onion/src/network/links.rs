//! All links: who is behind each, which circuits wait for one, and how many cells wait on them.

use std::collections::BTreeMap;

use ipc_schema::Timestamp;

use super::link::{Link, Owner};
use crate::cell::{Cell, CircuitId};
use crate::id::{CircuitHandle, LinkId, RelayCircuit, RelayId};
use crate::relay::creation::CreationBudget;

/// What is known of a link when it comes up.
pub use super::link::LinkInfo;

/// A link that was dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    /// It; maybe one that was there before.
    pub link: LinkId,
    /// The other side's link key, 32 B.
    pub peer: [u8; 32],
}

/// A circuit that wants a link to a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wants {
    /// One of ours, to begin on it.
    Own(CircuitHandle),
    /// Somebody else's, to be extended over it.
    Passing(RelayCircuit),
}

/// How a circuit gets its link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Got {
    /// It is there.
    Link(LinkId),
    /// Nobody asked for it before: it has to be dialled. The circuit waits.
    Dial,
    /// It is being dialled. The circuit waits.
    Wait,
}

/// What became of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queued {
    /// It is the only one there: somebody has to drain the link.
    First,
    /// Others wait before it.
    Behind,
    /// The bound is reached; it was not taken.
    Overflow,
    /// There is no such link, or no such circuit on it any more.
    Gone,
}

/// A relay: the link to it, or the circuits that wait for one, in the order in which they asked.
#[derive(Debug, Default)]
struct Peer {
    link: Option<LinkId>,
    waiting: Vec<Wants>,
}

/// The links of one process.
#[derive(Debug, Default)]
pub struct Links {
    links: BTreeMap<LinkId, Link>,
    peers: BTreeMap<RelayId, Peer>,
    /// Counts the cells of all circuits, to know which waited longest.
    serial: u64,
    waiting_cells: usize,
}

impl Links {
    // ---- links that come and go

    /// A link is up. The first to a relay is the one that is used.
    pub fn up(&mut self, now: Timestamp, id: LinkId, info: LinkInfo) {
        self.links.insert(id, Link::new(info, now));
        if let Some(relay) = info.relay {
            self.peers.entry(relay).or_default().link.get_or_insert(id);
        }
    }

    /// It has become known which relay is behind a link.
    pub fn is_relay(&mut self, now: Timestamp, id: LinkId, relay: RelayId) {
        if let Some(link) = self.links.get_mut(&id).filter(|link| link.info.relay.is_none()) {
            link.info.relay = Some(relay);
            link.budget = CreationBudget::relay(now);
            self.peers.entry(relay).or_default().link.get_or_insert(id);
        }
    }

    /// The dialled link is there; it may have been there before. Answers who waited for it.
    pub fn connected(&mut self, now: Timestamp, relay: RelayId, id: LinkId, info: LinkInfo) -> Vec<Wants> {
        self.links.entry(id).or_insert_with(|| Link::new(info, now));
        let peer = self.peers.entry(relay).or_default();
        peer.link = Some(id);
        std::mem::take(&mut peer.waiting)
    }

    /// A dialled link cannot be had. Answers who waited for it.
    pub fn connect_failed(&mut self, relay: RelayId) -> Vec<Wants> {
        let Some(peer) = self.peers.get_mut(&relay) else { return Vec::new() };
        let waiting = std::mem::take(&mut peer.waiting);
        if peer.link.is_none() {
            self.peers.remove(&relay);
        }
        waiting
    }

    /// A link is gone. Answers whose circuits were on it.
    pub fn down(&mut self, id: LinkId) -> Vec<Owner> {
        let Some(link) = self.links.remove(&id) else { return Vec::new() };
        self.waiting_cells = self.waiting_cells.saturating_sub(link.waiting_cells());
        self.peers.retain(|_, peer| {
            if peer.link == Some(id) {
                peer.link = None;
            }
            peer.link.is_some() || !peer.waiting.is_empty()
        });
        link.owners().collect()
    }

    /// A circuit wants a link to a relay.
    pub fn want(&mut self, relay: RelayId, wants: Wants) -> Got {
        let peer = self.peers.entry(relay).or_default();
        if let Some(link) = peer.link {
            return Got::Link(link);
        }
        let dial = peer.waiting.is_empty();
        peer.waiting.push(wants);
        if dial { Got::Dial } else { Got::Wait }
    }

    // ---- cells that wait

    /// Queues a circuit's cell.
    pub fn push(&mut self, to: LinkId, cell: Cell) -> Queued {
        let Some(link) = self.links.get_mut(&to) else { return Queued::Gone };
        if link.owner(cell.circuit).is_none() {
            // It died of an earlier cell of the same step.
            return Queued::Gone;
        }
        self.serial += 1;
        let was_idle = !link.has_cells();
        if link.push(self.serial, cell).is_err() {
            return Queued::Overflow;
        }
        self.waiting_cells += 1;
        if was_idle { Queued::First } else { Queued::Behind }
    }

    /// Queues a cell ahead of all circuits.
    pub fn push_control(&mut self, to: LinkId, cell: Cell) -> Queued {
        let Some(link) = self.links.get_mut(&to) else { return Queued::Gone };
        let was_idle = !link.has_cells();
        match link.push_control(cell) {
            Err(_) => Queued::Overflow,
            Ok(()) if was_idle => Queued::First,
            Ok(()) => Queued::Behind,
        }
    }

    /// Takes up to `max` cells off a link, as one batch.
    pub fn drain(&mut self, id: LinkId, max: usize) -> Vec<u8> {
        let Some(link) = self.links.get_mut(&id) else { return Vec::new() };
        let (batch, taken) = link.drain(max);
        self.waiting_cells = self.waiting_cells.saturating_sub(taken);
        batch
    }

    /// A circuit leaves a link, and what waits for it goes. `false`: there is no such link.
    pub fn forget(&mut self, id: LinkId, circuit: CircuitId) -> bool {
        let Some(link) = self.links.get_mut(&id) else { return false };
        self.waiting_cells = self.waiting_cells.saturating_sub(link.forget(circuit));
        true
    }

    /// Cells of circuits that wait on all links.
    #[must_use]
    pub fn waiting_cells(&self) -> usize {
        self.waiting_cells
    }

    /// The circuit whose next cell has waited longest.
    #[must_use]
    pub fn oldest(&self) -> Option<(LinkId, CircuitId)> {
        let oldest =
            |(id, link): (&LinkId, &Link)| link.oldest().map(|(serial, circuit)| (serial, *id, circuit));
        self.links.iter().filter_map(oldest).min().map(|(_, link, circuit)| (link, circuit))
    }

    // ---- what there is

    /// One link.
    #[must_use]
    pub fn get(&self, id: LinkId) -> Option<&Link> {
        self.links.get(&id)
    }

    /// One link, to change what is its alone.
    pub fn get_mut(&mut self, id: LinkId) -> Option<&mut Link> {
        self.links.get_mut(&id)
    }

    /// All links.
    pub fn iter(&self) -> impl Iterator<Item = (LinkId, &Link)> {
        self.links.iter().map(|(id, link)| (*id, link))
    }

    /// Forgets handshakes that are half come for longer than `age`.
    pub fn forget_half_created(&mut self, now: Timestamp, age: std::time::Duration) {
        for link in self.links.values_mut() {
            link.creating.retain(|_, (_, since)| since.is_recent(now, age));
        }
    }

    /// Every link counts as used just now.
    pub fn all_used(&mut self, now: Timestamp) {
        self.links.values_mut().for_each(|link| link.used = now);
    }

    /// Links of which it is not known which relay, if any, is behind them.
    #[must_use]
    pub fn nameless(&self) -> Vec<LinkId> {
        self.iter().filter(|(_, link)| link.info.relay.is_none()).map(|(id, _)| id).collect()
    }

    /// Links without circuits that have not been used for `long`. Who keeps links (to guards) knows which to spare.
    #[must_use]
    pub fn idle(&self, now: Timestamp, long: std::time::Duration) -> Vec<LinkId> {
        let idle = |link: &Link| link.circuits() == 0 && !link.used.is_recent(now, long);
        self.iter().filter(|(_, link)| idle(link)).map(|(id, _)| id).collect()
    }
}
