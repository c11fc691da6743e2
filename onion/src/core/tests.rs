//! Whole cores in one process, with a simulated netd between them: relays find each other, clients find them and build paths.

use std::collections::{BTreeMap, HashMap};

use super::*;
use crate::directory::Appearance;
use crate::directory::rules::parse_multiaddr;
use crate::id::{CircuitHandle, Lane, LinkId, RelayId, Service};
use crate::mailbox::model_disk::ModelDisk;
use crate::mailbox::proof_of_work::{Search, Subject};
use crate::mailbox::{Answer, Authenticator, Call, Created, Outcome, Signed};
use crate::path::Isolation;
use ed25519_dalek::{Signer, SigningKey};
use ipc_schema::Timestamp;
use ipc_schema::edge::stored_onion::{OpenError, Stage};
use ipc_schema::mailbox::{Context, signing_input};
use ipc_schema::relay::Descriptor;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

const NETWORK: [u8; 32] = [7; 32];
const START: Timestamp = Timestamp(1_800_000_000_000);

struct Node {
    core: OnionCore,
    outputs: Vec<Output>,
    key: [u8; 32],
    /// What its clock is off by, milliseconds.
    off: i64,
    up: bool,
    links: HashMap<LinkId, (usize, LinkId)>,
    opened: BTreeMap<u64, Result<Opened, OpenError>>,
    answers: Vec<(AskId, Result<Outcome, AskError>)>,
    disk: ModelDisk,
    closed: Vec<CircuitHandle>,
    saved: Vec<u8>,
}

struct World {
    nodes: Vec<Node>,
    relays: usize,
    /// The first relays, which netd is granted.
    bootstraps: u16,
    now: Timestamp,
    rng: ChaCha20Rng,
    last_link: u64,
}

/// A machine's own.
fn chance(from: &mut ChaCha20Rng) -> Box<ChaCha20Rng> {
    Box::new(ChaCha20Rng::from_rng(from))
}

impl World {
    fn new(relays: usize, clients: usize) -> Self {
        let rng = ChaCha20Rng::seed_from_u64(1);
        let mut world = Self { nodes: vec![], relays, bootstraps: 1, now: START, rng, last_link: 0 };
        for n in 0..relays + clients {
            let own = chance(&mut world.rng);
            let core = if n < relays {
                OnionCore::relay(START, own, NETWORK, &[]).unwrap()
            } else {
                OnionCore::client(START, own, NETWORK, &[]).unwrap()
            };
            world.nodes.push(Node::new(n, core));
        }
        for n in 0..world.nodes.len() {
            world.netd_up(n);
        }
        world.run();
        world
    }

    fn netd_up(&mut self, n: usize) {
        let address = parse_multiaddr(&format!("/ip4/127.0.0.1/udp/{}/quic-v1", 4_000 + n)).unwrap();
        let appearance = Appearance {
            link_key: self.nodes[n].key,
            addresses: vec![address],
            operator_tag: [0; 16],
            mailboxes: true,
        };
        let seen = (n < self.relays).then_some(appearance);
        self.nodes[n].hears(self.now, Input::NetdUp { bootstraps: self.bootstraps, seen });
    }

    fn run(&mut self) {
        loop {
            let mut busy = false;
            for at in 0..self.nodes.len() {
                for output in std::mem::take(&mut self.nodes[at].outputs) {
                    busy = true;
                    self.output(at, output);
                }
            }
            if !busy {
                return;
            }
        }
    }

    fn output(&mut self, at: usize, output: Output) {
        let (now, node) = (self.now, &mut self.nodes[at]);
        match output {
            Output::Dial(dial, target) => self.dial(at, dial, &target),
            Output::Ready(link) => self.carry(at, link),
            Output::CloseLink(link) => self.cut(at, link),
            Output::Opened(open, result) => assert!(node.opened.insert(open.0, result).is_none()),
            Output::Answered(id, outcome) => node.answers.push((id, outcome)),
            Output::Closed(circuit) => node.closed.push(circuit),
            Output::Save(bytes) => node.saved = bytes,
            Output::Disk(ticket, request) => {
                let reply = node.disk.carry_out(now, request);
                node.hears(now, Input::Disk(ticket, reply));
            }
            Output::Pushed(..) | Output::Ended(_) => {}
        }
    }

    fn dial(&mut self, at: usize, dial: DialId, target: &Target) {
        let key = match target {
            Target::Relay(_, packed) => Descriptor::parse(packed).unwrap().link_key,
            Target::Bootstrap(index) => self.nodes[usize::from(*index)].key,
            Target::Hint(hint) => hint.link_key,
        };
        let to = self.nodes.iter().position(|node| node.key == key && node.up).filter(|to| *to != at);
        let known = to.and_then(|to| self.nodes[at].links.iter().find(|(_, (other, _))| *other == to));
        let link = match (to, known) {
            (Some(_), Some((link, _))) => Some((*link, key)),
            (Some(to), None) => {
                self.last_link += 2;
                let (here, there) = (LinkId(self.last_link), LinkId(self.last_link + 1));
                self.nodes[at].links.insert(here, (to, there));
                self.nodes[to].links.insert(there, (at, here));
                let peer = self.nodes[at].key;
                self.nodes[to].hears(self.now, Input::LinkIn(there, peer));
                Some((here, key))
            }
            (None, _) => None,
        };
        self.nodes[at].hears(self.now, Input::Dialled(dial, link));
    }

    fn carry(&mut self, at: usize, link: LinkId) {
        loop {
            let batch = self.nodes[at].core.drain(link, 64);
            let Some((to, there)) = self.nodes[at].links.get(&link).copied() else { return };
            if batch.is_empty() {
                return;
            }
            self.nodes[to].hears(self.now, Input::Cells(there, &batch));
        }
    }

    fn cut(&mut self, at: usize, link: LinkId) {
        if let Some((to, there)) = self.nodes[at].links.remove(&link) {
            self.nodes[to].links.remove(&there);
            self.nodes[to].hears(self.now, Input::LinkDown(there));
        }
    }

    /// A process that is killed: its links are lost.
    fn kill(&mut self, at: usize) {
        self.nodes[at].up = false;
        let links: Vec<_> = self.nodes[at].links.keys().copied().collect();
        for link in links {
            self.cut(at, link);
        }
        self.run();
    }

    /// And is started again from its state file.
    fn revive(&mut self, at: usize) {
        let state = self.nodes[at].saved.clone();
        let own = chance(&mut self.rng);
        let core = if at < self.relays {
            OnionCore::relay(self.now, own, NETWORK, &state).unwrap()
        } else {
            OnionCore::client(self.now, own, NETWORK, &state).unwrap()
        };
        let key = self.nodes[at].key;
        self.nodes[at] = Node { key, ..Node::new(at, core) };
        self.netd_up(at);
        self.run();
    }

    fn seconds(&mut self, count: u64) {
        for _ in 0..count {
            self.now = Timestamp(self.now.0 + 1_000);
            for node in &mut self.nodes {
                if node.up {
                    node.hears(self.now, Input::Tick);
                }
            }
            self.run();
        }
    }

    fn relay(&self, n: usize) -> RelayId {
        self.nodes[n].core.own_relay().unwrap()
    }

    fn open(&mut self, at: usize, id: u64, relay: usize) -> Option<Result<Opened, OpenError>> {
        let isolation =
            Isolation { key: [u8::try_from(id).unwrap(); 16], lane: Lane::Text, relay: self.relay(relay) };
        self.nodes[at].hears(self.now, Input::Open(OpenId(id), isolation));
        self.run();
        self.nodes[at].opened.get(&id).cloned()
    }

    fn ask(&mut self, at: usize, circuit: CircuitHandle, ask: Ask) -> Option<Result<Outcome, AskError>> {
        self.nodes[at].hears(self.now, Input::Ask(AskId(1), circuit, ask));
        self.run();
        self.nodes[at].answers.pop().map(|(_, outcome)| outcome)
    }

    /// A new queue of that receiver's, with the work that it costs.
    fn create(&mut self, at: usize, opened: &Opened, receiver: &SigningKey) -> Created {
        let receiver_key = receiver.verifying_key().to_bytes();
        let Some(Ok(Outcome::MoreWork(bits))) =
            self.ask(at, opened.circuit, Ask::Create { receiver_key, work: 0 })
        else {
            panic!("a queue that costs nothing")
        };
        let subject = Subject::new(*opened.route.last().unwrap(), &opened.binding, &receiver_key);
        let work = Search::new(subject, bits).unwrap().step(1 << 20).unwrap();
        match self.ask(at, opened.circuit, Ask::Create { receiver_key, work }) {
            Some(Ok(Outcome::Created(created))) => created,
            other => panic!("{other:?}"),
        }
    }

    fn subscribe(&mut self, at: usize, opened: &Opened) -> Option<Result<Outcome, AskError>> {
        let receiver = SigningKey::from_bytes(&[9; 32]);
        let queue = self.create(at, opened, &receiver).receiver_queue;
        let (call, counter) = (Call::Subscribe, 1);
        let relay = *opened.route.last().unwrap();
        let context = Context { relay, queue, binding: opened.binding, counter };
        let signature = receiver.sign(&signing_input(&context, &call.command())).to_bytes();
        let signed = Signed { queue, counter, authenticator: Authenticator::Signature(signature), call };
        self.ask(at, opened.circuit, Ask::Give(signed))
    }
}

impl Node {
    fn hears(&mut self, now: Timestamp, input: Input<'_>) {
        let now = Timestamp(now.0.saturating_add_signed(self.off));
        self.outputs.extend(self.core.handle(now, input));
    }

    /// What a test did to the network itself comes out.
    fn settles(&mut self) {
        self.core.settle();
        self.outputs.extend(self.core.turn.told());
    }

    fn new(n: usize, core: OnionCore) -> Self {
        Self {
            core,
            outputs: vec![],
            key: [u8::try_from(n).unwrap() + 1; 32],
            off: 0,
            up: true,
            links: HashMap::new(),
            opened: BTreeMap::new(),
            answers: vec![],
            disk: ModelDisk::default(),
            closed: vec![],
            saved: vec![],
        }
    }
}

#[test]
fn relays_find_each_other_and_a_client_finds_them_within_ten_seconds() {
    let mut world = World::new(5, 1);
    world.seconds(10);
    for node in &world.nodes {
        assert_eq!(node.core.view().len(), 5);
    }
    assert_eq!(world.nodes[5].core.state(world.now).stage, Stage::BuildingRoute);
}

#[test]
fn a_client_opens_a_circuit_of_four_hops_and_talks_to_the_mailbox_service() {
    let mut world = World::new(5, 1);
    world.seconds(10);
    for asked in 0..5 {
        let opened = world.open(5, asked as u64, asked).unwrap().unwrap();
        assert_eq!(opened.route.len(), 4);
        assert_eq!(opened.route[3], world.relay(asked));
        let mut apart = opened.route.clone();
        apart.sort();
        apart.dedup();
        assert_eq!(apart.len(), 4, "no relay twice");
        assert_eq!(world.subscribe(5, &opened), Some(Ok(Outcome::Answer(Answer::Ok))));
    }
    assert_eq!(world.nodes[5].core.state(world.now).stage, Stage::Connected);
}

#[test]
fn three_relays_are_enough_in_a_private_network() {
    let mut world = World::new(3, 1);
    world.seconds(10);
    let opened = world.open(3, 1, 2).unwrap().unwrap();
    assert_eq!(opened.route.len(), 3);
}

#[test]
fn two_relays_are_not_enough() {
    let mut world = World::new(2, 1);
    world.seconds(10);
    assert_eq!(world.open(2, 1, 1), Some(Err(OpenError::NoRelays)));
    assert_eq!(world.nodes[2].core.state(world.now).stage, Stage::TooFewRelays);
}

#[test]
fn one_isolation_key_shares_a_circuit_until_it_is_let_go_and_another_does_not() {
    let mut world = World::new(5, 1);
    world.seconds(10);
    let isolation = Isolation { key: [1; 16], lane: Lane::Text, relay: world.relay(0) };
    let now = world.now;
    for id in [1, 2] {
        world.nodes[5].hears(now, Input::Open(OpenId(id), isolation));
    }
    world.run();
    world.nodes[5].hears(now, Input::Open(OpenId(3), isolation));
    let other = Isolation { key: [2; 16], ..isolation };
    world.nodes[5].hears(now, Input::Open(OpenId(4), other));
    world.run();
    let circuit = |world: &World, id: u64| world.nodes[5].opened[&id].as_ref().unwrap().circuit;
    let shared = circuit(&world, 1);
    assert_eq!((circuit(&world, 2), circuit(&world, 3)), (shared, shared));
    assert_ne!(circuit(&world, 4), shared);
    for left in [2, 1, 0] {
        assert_eq!(world.nodes[5].closed.len(), 0, "{left}");
        world.nodes[5].hears(now, Input::Release(shared));
        world.run();
    }
    assert_eq!(world.nodes[5].closed, [shared]);
}

#[test]
fn a_relay_that_dies_in_the_path_is_gone_round() {
    for hop in [1, 2, 0] {
        let mut world = World::new(6, 1);
        world.seconds(10);
        let opened = world.open(6, 1, 0).unwrap().unwrap();
        let dead = (0..6).find(|n| world.relay(*n) == opened.route[hop]).unwrap();
        world.kill(dead);
        assert_eq!(world.nodes[6].closed, [opened.circuit], "the caller hears of it at once");
        let found = (2..60).find_map(|id| {
            world.seconds(1);
            world.open(6, id, 0)?.ok()
        });
        assert!(!found.unwrap().route.contains(&world.relay(dead)), "hop {hop}");
        world.revive(dead);
        world.seconds(15);
        world.open(6, 100, 0).unwrap().unwrap();
    }
}

#[test]
fn a_relay_keeps_its_identity_and_a_client_its_guard_over_a_restart() {
    let mut world = World::new(5, 1);
    world.seconds(10);
    world.open(5, 1, 0).unwrap().unwrap();
    world.seconds(1);
    let (relay, guard) = (world.relay(0), world.nodes[5].core.state(world.now).guard);
    assert!(guard.is_some());
    world.kill(0);
    world.kill(5);
    world.revive(0);
    world.revive(5);
    assert_eq!(world.relay(0), relay);
    assert_eq!(world.nodes[5].core.state(world.now).guard, guard);
    world.seconds(15);
    world.open(5, 1, 0).unwrap().unwrap();
}

#[test]
fn a_relay_with_a_state_that_it_cannot_read_does_not_become_another_relay() {
    let world = World::new(1, 0);
    let state = world.nodes[0].core.saved_state();
    let own = || Box::new(ChaCha20Rng::seed_from_u64(2));
    assert!(OnionCore::relay(START, own(), NETWORK, &state[1..]).is_err());
    let client = OnionCore::client(START, own(), NETWORK, &[]).unwrap().saved_state();
    assert!(OnionCore::relay(START, own(), NETWORK, &client).is_err());
    let again = OnionCore::relay(START, own(), NETWORK, &state).unwrap();
    assert_eq!(again.own_relay(), world.nodes[0].core.own_relay());
}

#[test]
fn netd_that_dies_closes_everything_and_it_all_comes_back_with_it() {
    let mut world = World::new(5, 1);
    world.seconds(10);
    let opened = world.open(5, 1, 0).unwrap().unwrap();
    let now = world.now;
    let links: Vec<_> = world.nodes[5].links.keys().copied().collect();
    world.nodes[5].hears(now, Input::NetdDown);
    for link in links {
        world.cut(5, link);
    }
    world.run();
    assert_eq!(world.nodes[5].closed, [opened.circuit]);
    assert_eq!(world.nodes[5].core.state(world.now).stage, Stage::Offline);
    let guard = world.nodes[5].core.turn.paths.guards().guard().unwrap();
    for id in 10..20 {
        assert_eq!(world.open(5, id, 0), Some(Err(OpenError::BuildFailed)));
        world.seconds(1);
    }
    assert!(
        !world.nodes[5].core.turn.paths.guards().is_out(guard),
        "our own loss of the network is not the guard's"
    );
    world.netd_up(5);
    world.run();
    world.open(5, 2, 0).unwrap().unwrap();
}

#[test]
fn a_circuit_is_replaced_after_its_ten_minutes_and_a_subscribed_one_stays() {
    let mut world = World::new(5, 1);
    world.seconds(10);
    let (plain, kept) = (world.open(5, 1, 0).unwrap().unwrap(), world.open(5, 2, 0).unwrap().unwrap());
    assert_eq!(world.subscribe(5, &kept), Some(Ok(Outcome::Answer(Answer::Ok))));
    world.seconds(603);
    assert_eq!(world.nodes[5].closed, [plain.circuit]);
}

#[test]
fn noise_at_the_directory_service_costs_the_circuit_and_nothing_else() {
    let mut world = World::new(5, 1);
    world.seconds(10);
    let (now, relay) = (world.now, world.relay(0));
    let hop = world.nodes[5].core.view().hop(now, relay).unwrap();
    let circuit = world.nodes[5].core.turn.network.open(now, &mut world.rng, vec![hop], Lane::Text);
    world.nodes[5].settles();
    world.run();
    let stream = world.nodes[5].core.turn.network.open_stream(circuit, Service::Directory).unwrap();
    world.nodes[5].core.turn.network.send(circuit, stream, &[0xff; 700]).unwrap();
    world.nodes[5].settles();
    world.run();
    assert_eq!(world.nodes[5].core.turn.network.route(circuit), None);
    assert_eq!(world.nodes[0].core.view().len(), 5);
}

#[path = "clock_tests.rs"]
mod clocks;
