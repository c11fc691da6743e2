//! People and relays in one thread under one seeded clock. Each is the cores that the product runs, with the edges between them and the
//! links between machines simulated: delayed, lost, cut, lied on, killed at any moment.

use std::collections::BTreeMap;
use std::path::Path;

use ipc_schema::Timestamp;
use onion::core::OnionCore;
use onion::id::LinkId;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};
use stored::engine::Input;

use crate::person::{Ask, Person};
use crate::relay::Relay;
use crate::wires::Wire;

/// A private network: small, and young relays are used at once.
pub const NETWORK: [u8; 32] = [7; 32];
const START: u64 = 1_800_000_000_000;

/// A machine's place in [`World::nodes`]: relays first.
pub type Who = usize;

/// A process of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    Netd,
    Onion,
    /// The engine, or a relay's disk.
    Stored,
    Keyvault,
}

/// What travels between two processes of one machine keeps its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Edge {
    StoredOnion,
    OnionStored,
    StoredKeyvault,
    KeyvaultStored,
}

/// What happens next.
pub enum Event {
    Pulse(Who),
    Drain(Who, LinkId),
    Cells(Who, LinkId, Vec<u8>),
    LinkDown(Who, LinkId),
    Dial(Who, onion::core::DialId, onion::core::Target),
    Ask(Who, Box<Ask>),
    Vault(Who, stored::engine::Ticket, Box<ipc_schema::edge::stored_keyvault::Ask>),
    Input(Who, Box<Input>),
    RunEngine(Who),
    WakeEngine(Who, u64),
    Disk(Who, onion::mailbox::Ticket, Box<onion::mailbox::DiskRequest>),
    DiskSaid(Who, onion::mailbox::Ticket, Box<onion::mailbox::DiskReply>),
    Start(Who, Part),
    Chaos,
}

/// How the network behaves.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// A batch of cells takes from so many ms ...
    pub least: u64,
    /// ... to so many.
    pub most: u64,
    /// Of 1,000 batches so many are lost and sent again by QUIC after a time-out, again and again.
    pub losses: u32,
    /// Of 1,000,000 batches so many find their connection dead.
    pub cuts: u32,
}

impl Weather {
    pub const FAIR: Self = Self { least: 1, most: 20, losses: 0, cuts: 0 };
    pub const FOUL: Self = Self { least: 1, most: 80, losses: 30, cuts: 300 };
}

/// Kills by themselves, from now on.
#[derive(Clone, Copy, Debug)]
pub struct Chaos {
    /// Mean time between two kills, ms.
    pub every: u64,
    /// Kills that are left.
    pub left: u32,
    /// Whether relays are killed too.
    pub relays: bool,
}

/// One machine.
pub struct Node {
    pub onion: Option<OnionCore>,
    pub netd: bool,
    /// Reaches the Internet.
    pub online: bool,
    pub rng: ChaCha20Rng,
    /// The link key that netd shows; a person's is another one for each link.
    pub key: [u8; 32],
    /// onion's state file.
    pub saved: Vec<u8>,
    pub links: BTreeMap<LinkId, Wire>,
    /// What this machine's clock is off by, ms.
    pub clock: i64,
    pub lie: crate::wires::Lie,
    pub person: Option<Box<Person>>,
    pub relay: Option<Box<Relay>>,
    lives: [u64; 4],
}

impl Node {
    pub fn life(&self, part: Part) -> u64 {
        self.lives[part as usize]
    }

    pub fn dies(&mut self, part: Part) {
        self.lives[part as usize] += 1;
    }
}

pub struct World {
    pub seed: u64,
    pub now: u64,
    pub rng: ChaCha20Rng,
    pub nodes: Vec<Node>,
    pub relays: usize,
    pub weather: Weather,
    pub chaos: Chaos,
    /// onion's pulse, ms: a second, or more where days pass.
    pub pulse: u64,
    events: BTreeMap<(u64, u64), (u64, Event)>,
    edges: BTreeMap<(Who, Edge), u64>,
    serial: u64,
    pub last_link: u64,
    trace: Sha256,
    pub happened: u64,
    pub sent: BTreeMap<(Who, Who), u32>,
}

/// In memory where there is such a disk: a test makes thousands of transactions.
pub fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

impl World {
    /// So many people and relays, strangers to each other; relays have found each other when this returns.
    pub fn new(seed: u64, people: usize, relays: usize) -> Self {
        let mut world = Self {
            seed,
            now: START,
            rng: ChaCha20Rng::seed_from_u64(seed),
            nodes: Vec::new(),
            relays,
            weather: Weather::FAIR,
            chaos: Chaos { every: 0, left: 0, relays: false },
            pulse: 1_000,
            events: BTreeMap::new(),
            edges: BTreeMap::new(),
            serial: 0,
            last_link: 0,
            trace: Sha256::new(),
            happened: 0,
            sent: BTreeMap::new(),
        };
        for who in 0..relays + people {
            let node = world.machine(who < relays);
            world.nodes.push(node);
        }
        for who in 0..world.nodes.len() {
            for part in [Part::Keyvault, Part::Stored, Part::Onion, Part::Netd] {
                world.start(who, part);
            }
            let at = world.below(1_000);
            world.after(at, Event::Pulse(who));
        }
        world.run_for(10_000);
        world
    }

    fn machine(&mut self, relay: bool) -> Node {
        let mut rng = ChaCha20Rng::from_rng(&mut self.rng);
        let mut key = [0; 32];
        rng.fill_bytes(&mut key);
        Node {
            onion: None,
            netd: false,
            online: true,
            key,
            saved: Vec::new(),
            links: BTreeMap::new(),
            clock: 0,
            lie: crate::wires::Lie::None,
            person: (!relay).then(|| Box::new(Person::new(&mut rng))),
            relay: relay.then(|| Box::new(Relay::new())),
            lives: [1; 4],
            rng,
        }
    }

    /// The machine's clock.
    pub fn clock(&self, who: Who) -> Timestamp {
        Timestamp(self.now.saturating_add_signed(self.nodes[who].clock))
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.rng.next_u64() % bound.max(1)
    }

    pub fn people(&self) -> std::ops::Range<Who> {
        self.relays..self.nodes.len()
    }

    /// Something happens after so many ms, unless a process that it rests on dies before.
    pub fn after(&mut self, millis: u64, event: Event) {
        self.at(self.now + millis, event);
    }

    pub fn at(&mut self, at: u64, event: Event) {
        let life = self.life_of(&event);
        self.serial += 1;
        self.events.insert((at, self.serial), (life, event));
    }

    /// The same over an edge: in order, and a moment later.
    pub fn over(&mut self, who: Who, edge: Edge, event: Event) {
        let at = self.now + self.below(3);
        let last = self.edges.entry((who, edge)).or_default();
        *last = at.max(*last);
        let at = *last;
        self.at(at, event);
    }

    /// The life of the process that takes the event: with the process dies what waits for it.
    fn life_of(&self, event: &Event) -> u64 {
        let (who, part) = match event {
            Event::Drain(who, _) | Event::Dial(who, ..) | Event::DiskSaid(who, ..) | Event::Ask(who, _) => {
                (*who, Part::Onion)
            }
            Event::Input(who, _) | Event::RunEngine(who) | Event::WakeEngine(who, _) => (*who, Part::Stored),
            Event::Disk(who, ..) => (*who, Part::Stored),
            Event::Vault(who, ..) => (*who, Part::Keyvault),
            Event::Pulse(_) | Event::Cells(..) | Event::LinkDown(..) | Event::Start(..) | Event::Chaos => {
                return 0;
            }
        };
        self.nodes[who].life(part)
    }

    /// The next thing happens.
    pub fn step(&mut self) {
        let Some(((at, _), (life, event))) = self.events.pop_first() else {
            panic!("nothing will ever happen again")
        };
        self.now = self.now.max(at);
        self.happened += 1;
        if life != 0 && life != self.life_of(&event) {
            return;
        }
        self.note(&event);
        match event {
            Event::Pulse(who) => self.pulse(who),
            Event::Drain(who, link) => self.drain(who, link),
            Event::Cells(who, link, batch) => self.cells(who, link, batch),
            Event::LinkDown(who, link) => self.link_down(who, link),
            Event::Dial(who, dial, target) => self.dial(who, dial, &target),
            Event::Ask(who, ask) => self.ask_onion(who, *ask),
            Event::Vault(who, ticket, call) => self.ask_vault(who, ticket, *call),
            Event::Input(who, input) => self.input(who, *input),
            Event::RunEngine(who) => self.run_engine(who),
            Event::WakeEngine(who, at) => self.wake_engine(who, at),
            Event::Disk(who, ticket, request) => self.ask_disk(who, ticket, *request),
            Event::DiskSaid(who, ticket, reply) => self.disk_said(who, ticket, *reply),
            Event::Start(who, part) => self.start(who, part),
            Event::Chaos => self.chaos(),
        }
    }

    /// What happened, when and to whom goes into the trace: two runs of a seed have the same.
    fn note(&mut self, event: &Event) {
        let (number, who, bytes): (u8, Who, &[u8]) = match event {
            Event::Pulse(who) => (0, *who, &[]),
            Event::Drain(who, _) => (1, *who, &[]),
            Event::Cells(who, _, batch) => (2, *who, batch),
            Event::LinkDown(who, _) => (3, *who, &[]),
            Event::Dial(who, ..) => (4, *who, &[]),
            Event::Ask(who, _) => (5, *who, &[]),
            Event::Vault(who, ..) => (6, *who, &[]),
            Event::Input(who, _) => (7, *who, &[]),
            Event::RunEngine(who) => (8, *who, &[]),
            Event::WakeEngine(who, _) => (9, *who, &[]),
            Event::Disk(who, ..) => (10, *who, &[]),
            Event::DiskSaid(who, ..) => (11, *who, &[]),
            Event::Start(who, _) => (12, *who, &[]),
            Event::Chaos => (13, 0, &[]),
        };
        self.trace.update(self.now.to_be_bytes());
        self.trace.update([number]);
        self.trace.update(who.to_be_bytes());
        self.trace.update(bytes);
    }

    /// The hash of all that happened.
    pub fn trace(&self) -> [u8; 32] {
        self.trace.clone().finalize().into()
    }

    pub fn run_for(&mut self, millis: u64) {
        let end = self.now + millis;
        while self.now < end {
            self.step();
        }
    }

    /// Steps until `done`, which is looked at four times a second, within so many seconds of the world's clock.
    pub fn until(&mut self, what: &str, seconds: u64, mut done: impl FnMut(&mut Self) -> bool) {
        let end = self.now + seconds * 1_000;
        while !done(self) {
            if self.now >= end {
                panic!("not within {seconds} s: {what}\n{}", self.report());
            }
            self.run_for(250);
        }
    }

    fn pulse(&mut self, who: Who) {
        self.onion_hears(who, onion::core::Input::Tick);
        self.tell_state(who);
        self.after(self.pulse, Event::Pulse(who));
    }
}
