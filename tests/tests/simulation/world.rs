//! People and relays in one thread under one seeded clock. Each is the processes that the product runs, with the pipes between them and
//! the links between machines simulated: delayed, lost, cut, lied on, killed at any moment.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use ipc_schema::ends::EdgeEnds;
use ipc_schema::{Machine, Timestamp};
use onion::core::{DialId, Target};
use onion::id::LinkId;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use sha2::Digest;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::Notify;
use tokio::task::LocalSet;
use tokio::time::Instant;

use crate::onions::Onion;
use crate::person::Person;
use crate::pipes::{self, Trace};
use crate::process::{has_panicked, watch_for_panics};
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

/// What happens next.
pub enum Event {
    Drain(Who, LinkId),
    Cells(Who, LinkId, Vec<u8>),
    LinkDown(Who, LinkId),
    Dial(Who, DialId, Target),
    Start(Who, Part),
    Chaos,
}

/// What a process wants of the world.
pub enum Note {
    /// In that life of its, onion wants netd to reach this.
    Dial(Who, u64, DialId, Target),
    /// A link has cells.
    Ready(Who, LinkId),
    /// onion let go of a link.
    LetGo(Who, LinkId),
}

/// What processes leave for the world, which looks before any time passes.
#[derive(Default)]
pub struct Notes {
    left: RefCell<VecDeque<Note>>,
    came: Notify,
}

impl Notes {
    pub fn push(&self, note: Note) {
        self.left.borrow_mut().push_back(note);
        self.came.notify_one();
    }

    fn take(&self) -> Option<Note> {
        self.left.borrow_mut().pop_front()
    }
}

/// A machine's clock: the world's, and what it is off by.
#[derive(Clone)]
pub struct Clock {
    runtime: Handle,
    began: Instant,
    off: Rc<Cell<i64>>,
}

impl Clock {
    /// ms of the world.
    fn world(&self) -> u64 {
        // Elsewhere it is the real clock that is read.
        let _inside = self.runtime.enter();
        START + u64::try_from((Instant::now() - self.began).as_millis()).unwrap()
    }

    pub fn now(&self) -> Timestamp {
        Timestamp(self.world().saturating_add_signed(self.off.get()))
    }
}

impl std::ops::AddAssign<i64> for Clock {
    /// Sets it forward by so many ms, or back.
    fn add_assign(&mut self, set: i64) {
        self.off.set(self.off.get() + set);
    }
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
    /// Of 1,000,000 cells on a link so many find their circuit gone there.
    pub circuits: u32,
}

impl Weather {
    pub const FAIR: Self = Self { least: 1, most: 20, losses: 0, cuts: 0, circuits: 0 };
    pub const FOUL: Self = Self { least: 1, most: 80, losses: 30, cuts: 300, circuits: 0 };
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
    pub onion: Option<Onion>,
    pub netd: bool,
    /// Reaches the Internet.
    pub online: bool,
    rng: Rc<RefCell<ChaCha20Rng>>,
    /// The link key that netd shows; a person's is another one for each link.
    pub key: [u8; 32],
    /// onion's state file.
    pub state: File,
    pub links: BTreeMap<LinkId, Wire>,
    pub clock: Clock,
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
    serial: u64,
    pub last_link: u64,
    trace: Trace,
    pub happened: u64,
    pub sent: BTreeMap<(Who, Who), u32>,
    pub notes: Rc<Notes>,
    clock: Clock,
    /// All processes.
    pub tasks: Rc<LocalSet>,
    /// Its time stands still while anything is to be done, and then leaps to what happens next.
    runtime: Rc<Runtime>,
}

/// In memory where there is such a disk: a test makes thousands of transactions.
pub fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

impl World {
    /// So many people and relays, strangers to each other; relays have found each other when this returns.
    pub fn new(seed: u64, people: usize, relays: usize) -> Self {
        watch_for_panics();
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let began = runtime.block_on(async { Instant::now() });
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
            serial: 0,
            last_link: 0,
            trace: Trace::default(),
            happened: 0,
            sent: BTreeMap::new(),
            notes: Rc::default(),
            clock: Clock { runtime: runtime.handle().clone(), began, off: Rc::default() },
            tasks: Rc::new(LocalSet::new()),
            runtime: Rc::new(runtime),
        };
        for who in 0..relays + people {
            let node = world.node(who < relays);
            world.nodes.push(node);
            // Their pulses do not beat together.
            let at = world.below(1_000);
            for part in [Part::Keyvault, Part::Stored, Part::Onion, Part::Netd] {
                world.after(at, Event::Start(who, part));
            }
        }
        world.run_for(10_000);
        world
    }

    fn node(&mut self, relay: bool) -> Node {
        let mut rng = ChaCha20Rng::from_rng(&mut self.rng);
        let mut key = [0; 32];
        rng.fill_bytes(&mut key);
        Node {
            onion: None,
            netd: false,
            online: true,
            key,
            state: tempfile::tempfile_in(folder()).unwrap(),
            links: BTreeMap::new(),
            clock: Clock { off: Rc::default(), ..self.clock.clone() },
            lie: crate::wires::Lie::None,
            person: (!relay).then(|| Box::new(Person::new())),
            relay: relay.then(|| Box::new(Relay::new())),
            lives: [1; 4],
            rng: Rc::new(RefCell::new(rng)),
        }
    }

    /// What a process has of its machine.
    pub fn machine(&self, who: Who) -> Machine {
        let Node { clock, rng, .. } = &self.nodes[who];
        let (clock, rng) = (clock.clone(), rng.clone());
        Machine::new(move || clock.now(), move || Box::new(ChaCha20Rng::from_rng(&mut *rng.borrow_mut())))
    }

    /// Both sides of a new edge between two processes of a machine.
    pub fn pipes(&mut self) -> (EdgeEnds, EdgeEnds) {
        pipes::pair(&mut self.rng, &self.trace)
    }

    /// What comes of something that takes no time.
    pub fn done<T>(&self, work: impl Future<Output = T>) -> T {
        let done = self.tasks.block_on(&self.runtime, work);
        assert_eq!(self.clock.world(), self.now, "it took time");
        done
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

    /// The life of the process that takes the event: with the process dies what waits for it.
    fn life_of(&self, event: &Event) -> u64 {
        match event {
            Event::Drain(who, _) | Event::Dial(who, ..) => self.nodes[*who].life(Part::Onion),
            Event::Cells(..) | Event::LinkDown(..) | Event::Start(..) | Event::Chaos => 0,
        }
    }

    /// The next thing happens, or that moment comes.
    fn step(&mut self, end: u64) {
        if let Some(note) = self.notes.take() {
            return self.noted(note);
        }
        let next = self.events.first_key_value().map_or(end, |((at, _), _)| *at);
        if next > self.now || next >= end {
            self.wait(next.min(end));
        } else if let Some((_, (life, event))) = self.events.pop_first()
            && (life == 0 || life == self.life_of(&event))
        {
            self.happens(event);
        }
    }

    /// Processes do what they have to, and time passes, until something happens that is not theirs.
    fn wait(&mut self, end: u64) {
        let (notes, end) = (self.notes.clone(), self.clock.began + Duration::from_millis(end - START));
        self.tasks.block_on(&self.runtime, async {
            tokio::select! {
                biased;
                () = notes.came.notified() => {}
                () = tokio::time::sleep_until(end) => {}
            }
        });
        self.now = self.clock.world();
        assert!(!has_panicked(), "a process has panicked");
    }

    fn noted(&mut self, note: Note) {
        match note {
            Note::Dial(who, life, dial, target) if life == self.nodes[who].life(Part::Onion) => {
                let wait = 2 * (self.weather.least + self.below(self.weather.most)) + 1;
                self.after(wait, Event::Dial(who, dial, target));
            }
            Note::Dial(..) => {}
            Note::Ready(who, link) => {
                let wait = self.below(2);
                self.after(wait, Event::Drain(who, link));
            }
            Note::LetGo(who, link) => self.unlink(who, link),
        }
    }

    fn happens(&mut self, event: Event) {
        self.happened += 1;
        self.note(&event);
        match event {
            Event::Drain(who, link) => self.drain(who, link),
            Event::Cells(who, link, batch) => self.cells(who, link, batch),
            Event::LinkDown(who, link) => self.link_down(who, link),
            Event::Dial(who, dial, target) => self.dial(who, dial, &target),
            Event::Start(who, part) => self.start(who, part),
            Event::Chaos => self.chaos(),
        }
    }

    /// What happened, when and to whom goes into the trace: two runs of a seed have the same.
    fn note(&mut self, event: &Event) {
        let (number, who, bytes): (u8, Who, &[u8]) = match event {
            Event::Drain(who, _) => (1, *who, &[]),
            Event::Cells(who, _, batch) => (2, *who, batch),
            Event::LinkDown(who, _) => (3, *who, &[]),
            Event::Dial(who, ..) => (4, *who, &[]),
            Event::Start(who, _) => (12, *who, &[]),
            Event::Chaos => (13, 0, &[]),
        };
        let mut trace = self.trace.borrow_mut();
        trace.update(self.now.to_be_bytes());
        trace.update([number]);
        trace.update(who.to_be_bytes());
        trace.update(bytes);
    }

    /// The hash of all that happened.
    pub fn trace(&self) -> [u8; 32] {
        self.trace.borrow().clone().finalize().into()
    }

    pub fn run_for(&mut self, millis: u64) {
        let pulse = Duration::from_millis(self.pulse);
        let onions = self.nodes.iter().filter_map(|node| node.onion.as_ref());
        onions.for_each(|onion| onion.shell.set_pulse(pulse));
        let end = self.now + millis;
        while self.now < end {
            self.step(end);
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
}
