//! netd and what is between two of them: links that are delayed, lost and cut, and relays that lie on them.

use std::collections::BTreeSet;

use ipc_schema::limits::CELLS_PER_BATCH_MAX;
use ipc_schema::relay::Descriptor;
use onion::cell::{CELL_BYTES, Cell, Command, DestroyReason};
use onion::core::{DialId, Input, Target};
use onion::directory::Appearance;
use onion::directory::rules::parse_multiaddr;
use onion::id::LinkId;
use rand_core::Rng;

use crate::world::{Event, Who, World};

/// One side of a link.
pub struct Wire {
    pub peer: Who,
    /// The link's name over there.
    pub there: LinkId,
    /// When the last batch arrives there: one link keeps its order.
    arrives: u64,
    /// This side opened it; netd gives it again to whoever dials the same key.
    dialled: bool,
}

/// What a relay does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    None,
    /// Flips a bit in so many of 1,000 relay cells that it passes on.
    Garbles(u32),
    /// Swallows all that comes.
    Swallows,
    /// Takes no link, and closes those that stand.
    Closes,
    /// Answers handshakes with altered bytes.
    BadHandshake,
    /// Destroys every circuit as soon as anything comes on it.
    Destroys,
    /// Its mailbox service answers noise.
    NoiseForAnswers,
    /// Its mailbox service never answers.
    Silent,
    /// Its mailbox says that it keeps what it drops.
    Forgets,
}

/// QUIC sends again after so long, ms, and gives the connection up after so many times.
const RESEND: u64 = 200;
const RESENDS: u32 = 8;

impl World {
    /// netd has started: what it tells onion of itself.
    pub fn netd_up(&mut self, who: Who) {
        let address = parse_multiaddr(&format!("/ip4/127.0.0.1/udp/{}/quic-v1", 4_000 + who)).unwrap();
        let bootstraps = u16::try_from(self.relays.min(3)).unwrap();
        let node = &mut self.nodes[who];
        let seen = node.relay.is_some().then(|| Appearance {
            link_key: node.key,
            addresses: vec![address],
            operator_tag: [0; 16],
            mailboxes: true,
        });
        self.onion_hears(who, Input::NetdUp { bootstraps, seen });
    }

    /// What became of a wish for a link.
    pub fn dial(&mut self, who: Who, dial: DialId, target: &Target) {
        let key = match target {
            Target::Relay(_, packed) => Descriptor::parse(packed).unwrap().link_key,
            Target::Bootstrap(index) => self.nodes[usize::from(*index)].key,
            Target::Hint(hint) => hint.link_key,
        };
        let reached = self.reach(who, &key).map(|link| (link, key));
        self.onion_hears(who, Input::Dialled(dial, reached));
    }

    fn reach(&mut self, who: Who, key: &[u8; 32]) -> Option<LinkId> {
        let to = (0..self.relays).find(|to| self.nodes[*to].key == *key && *to != who)?;
        let there = &self.nodes[to];
        let up = there.online && there.netd && there.onion.is_some() && there.lie != Lie::Closes;
        if !up || !self.nodes[who].online || !self.nodes[who].netd {
            return None;
        }
        let known = self.nodes[who].links.iter().find(|(_, wire)| wire.peer == to && wire.dialled);
        if let Some((link, _)) = known {
            return Some(*link);
        }
        self.last_link += 2;
        let (here, there) = (LinkId(self.last_link), LinkId(self.last_link + 1));
        let mut peer = self.nodes[who].key;
        if self.nodes[who].person.is_some() {
            // A fresh PeerId for each link.
            self.rng.fill_bytes(&mut peer);
        }
        self.nodes[who].links.insert(here, Wire { peer: to, there, arrives: 0, dialled: true });
        self.nodes[to].links.insert(there, Wire { peer: who, there: here, arrives: 0, dialled: false });
        for (who, link, dialled) in [(to, there, None), (who, here, Some(*key))] {
            if let Some(onion) = &self.nodes[who].onion {
                onion.has_link(who, link, dialled, &self.notes);
            }
        }
        self.onion_hears(to, Input::LinkIn(there, peer));
        Some(here)
    }

    /// This side lets go of a link; the other one hears of it behind what is on its way.
    pub fn unlink(&mut self, who: Who, link: LinkId) {
        if let Some(wire) = self.nodes[who].links.remove(&link) {
            let at = wire.arrives.max(self.now + self.weather.least);
            self.at(at, Event::LinkDown(wire.peer, wire.there));
        }
    }

    /// The connection is dead: each side finds out by its own time-out, and what is sent meanwhile is lost.
    pub fn lose_link(&mut self, who: Who, link: LinkId, both: bool) {
        let Some(wire) = self.nodes[who].links.remove(&link) else { return };
        let wait = 1 + self.below(5_000);
        self.after(wait, Event::LinkDown(wire.peer, wire.there));
        if both {
            let wait = 1 + self.below(5_000);
            self.nodes[who].links.insert(link, Wire { peer: who, there: link, arrives: 0, dialled: false });
            self.after(wait, Event::LinkDown(who, link));
        }
    }

    pub fn link_down(&mut self, who: Who, link: LinkId) {
        if self.nodes[who].links.remove(&link).is_some()
            && let Some(onion) = &self.nodes[who].onion
        {
            onion.shell.link_down(link);
        }
    }

    /// netd takes a batch off a link and sends it.
    pub fn drain(&mut self, who: Who, link: LinkId) {
        let Some(onion) = &self.nodes[who].onion else { return };
        let mut batch = onion.shell.drain(link, CELLS_PER_BATCH_MAX);
        if batch.is_empty() {
            return;
        }
        self.after(1, Event::Drain(who, link));
        if let Lie::Garbles(_) | Lie::BadHandshake = self.nodes[who].lie {
            self.spoil(who, &mut batch);
        }
        if self.weather.circuits > 0 {
            batch = self.lose_circuits(who, link, &batch);
        }
        let mut delay = self.weather.least + self.below(self.weather.most);
        let mut tries = 0;
        while self.rng.next_u32() % 1_000 < self.weather.losses && tries < RESENDS {
            tries += 1;
            delay += RESEND << (tries / 2);
        }
        let cut = self.weather.cuts > 0 && self.rng.next_u32() % 1_000_000 < self.weather.cuts;
        if tries == RESENDS || cut {
            return self.lose_link(who, link, true);
        }
        let at = self.now + delay;
        let Some(wire) = self.nodes[who].links.get_mut(&link) else { return };
        wire.arrives = wire.arrives.max(at);
        let (at, peer, there) = (wire.arrives, wire.peer, wire.there);
        self.at(at, Event::Cells(peer, there, batch));
    }

    pub fn cells(&mut self, who: Who, link: LinkId, batch: Vec<u8>) {
        let node = &mut self.nodes[who];
        if node.links.get(&link).is_none_or(|wire| wire.there == link) || !node.netd {
            return;
        }
        match node.lie {
            Lie::Swallows => return,
            Lie::Destroys => return self.refuse(who, link, &batch),
            _ => {}
        }
        self.onion_hears(who, Input::Cells(link, &batch));
    }

    /// Some circuits end here: what of them is behind in the batch is lost with them, and both sides are told.
    fn lose_circuits(&mut self, who: Who, link: LinkId, batch: &[u8]) -> Vec<u8> {
        let (mut onward, mut back, mut lost) = (Vec::new(), Vec::new(), BTreeSet::new());
        for bytes in batch.chunks(CELL_BYTES) {
            let cell = Cell::parse(bytes).unwrap();
            if lost.contains(&cell.circuit) {
                continue;
            }
            if cell.command == Command::Relay && self.rng.next_u32() % 1_000_000 < self.weather.circuits {
                lost.insert(cell.circuit);
                for side in [&mut onward, &mut back] {
                    Cell::destroy(cell.circuit, DestroyReason::None).write(side);
                }
            } else {
                onward.extend_from_slice(bytes);
            }
        }
        if !back.is_empty() {
            let at = self.now + self.weather.most;
            self.at(at, Event::Cells(who, link, back));
        }
        onward
    }

    fn spoil(&mut self, who: Who, batch: &mut [u8]) {
        let lie = self.nodes[who].lie;
        for cell in batch.chunks_mut(CELL_BYTES) {
            let spoiled = match lie {
                Lie::BadHandshake => cell[4] == Command::Created.code(),
                Lie::Garbles(often) => {
                    cell[4] == Command::Relay.code() && self.rng.next_u32() % 1_000 < often
                }
                _ => false,
            };
            if spoiled {
                cell[100] ^= 4;
            }
        }
    }

    fn refuse(&mut self, who: Who, link: LinkId, batch: &[u8]) {
        let Some(wire) = self.nodes[who].links.get(&link) else { return };
        let (peer, there) = (wire.peer, wire.there);
        let mut answer = Vec::new();
        for bytes in batch.chunks(CELL_BYTES) {
            if let Ok(cell) = Cell::parse(bytes)
                && matches!(cell.command, Command::Create | Command::Relay)
            {
                Cell::destroy(cell.circuit, DestroyReason::None).write(&mut answer);
            }
        }
        let at = self.now + self.weather.most;
        self.at(at, Event::Cells(peer, there, answer));
    }

    /// From now on the machine reaches nobody, or everybody again.
    pub fn set_online(&mut self, who: Who, online: bool) {
        self.nodes[who].online = online;
        if !online {
            let links: Vec<_> = self.nodes[who].links.keys().copied().collect();
            links.into_iter().for_each(|link| self.lose_link(who, link, true));
        }
    }

    /// A relay begins to lie.
    pub fn lies(&mut self, who: Who, lie: Lie) {
        self.nodes[who].lie = lie;
        self.tell_mailbox_to_lie(who);
        if lie == Lie::Closes {
            let links: Vec<_> = self.nodes[who].links.keys().copied().collect();
            for link in links {
                self.unlink(who, link);
                if let Some(onion) = &self.nodes[who].onion {
                    onion.shell.link_down(link);
                }
            }
        }
    }
}
