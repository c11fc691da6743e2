//! A seeded network in one process: clients and relays joined by links that may misbehave.

use super::*;
use crate::cell::{CELL_BYTES, Command};
use crate::event::ServiceEvent;
use crate::handshake::OnionKey;
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

const NETWORK: [u8; 32] = [5; 32];

/// What a relay does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    /// Swallows all that comes.
    Drops,
    /// Closes each link at once.
    Closes,
    /// Answers handshakes with altered bytes.
    BadHandshake,
    /// Flips a bit in each relay cell that it sends towards the client.
    Garbles,
    /// Destroys every circuit as soon as it is asked for more.
    Destroys,
}

struct Node {
    network: Network,
    fault: Fault,
    /// Link → (node, link there).
    links: BTreeMap<LinkId, (usize, LinkId)>,
    circuits: Vec<CircuitEvent>,
    services: Vec<ServiceEvent>,
    described: Vec<(LinkId, Description)>,
    echoes: bool,
}

struct World {
    nodes: Vec<Node>,
    hops: Vec<HopInfo>,
    rng: ChaCha20Rng,
    now: Timestamp,
    next_link: u64,
}

impl World {
    /// `relays` relays, and last one client.
    fn new(relays: usize, seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let mut world =
            Self { nodes: vec![], hops: vec![], rng: rng.clone(), now: Timestamp(1_000), next_link: 0 };
        for n in 0..relays {
            let key = OnionKey::generate(&mut rng);
            let relay = RelayId([u8::try_from(n).unwrap() + 1; 32]);
            world.hops.push(HopInfo { relay, onion_key: key.public() });
            let mut network = Network::relay(RelaySide { relay, network: NETWORK, onion_keys: vec![key] });
            network.set_descriptor(vec![u8::try_from(n).unwrap(); 400]);
            world.push(network);
        }
        world.push(Network::client(NETWORK));
        world.rng = rng;
        world
    }

    fn push(&mut self, network: Network) {
        self.nodes.push(Node {
            network,
            fault: Fault::None,
            links: BTreeMap::new(),
            circuits: vec![],
            services: vec![],
            described: vec![],
            echoes: true,
        });
    }

    fn client(&mut self) -> &mut Node {
        self.nodes.last_mut().unwrap()
    }

    fn open(&mut self, route: &[usize], lane: Lane) -> CircuitHandle {
        let route = route.iter().map(|n| self.hops[*n]).collect();
        let (now, rng) = (self.now, &mut self.rng);
        self.nodes.last_mut().unwrap().network.open(now, rng, route, lane)
    }

    fn join(&mut self, from: usize, to: usize) -> (LinkId, LinkId) {
        self.next_link += 2;
        let (here, there) = (LinkId(self.next_link), LinkId(self.next_link + 1));
        self.nodes[from].links.insert(here, (to, there));
        self.nodes[to].links.insert(there, (from, here));
        let relay = self.hops.get(from).map(|hop| hop.relay);
        let info = LinkInfo { peer: [u8::try_from(from).unwrap(); 32], relay, initiator: false };
        self.nodes[to].network.link_up(self.now, there, info);
        (here, there)
    }

    fn unjoin(&mut self, at: usize, link: LinkId) {
        if let Some((to, there)) = self.nodes[at].links.remove(&link) {
            self.nodes[at].network.link_down(link);
            self.nodes[to].links.remove(&there);
            self.nodes[to].network.link_down(there);
        }
    }

    /// Runs until nobody has anything to do.
    fn run(&mut self) {
        loop {
            let mut busy = false;
            for at in 0..self.nodes.len() {
                while let Some(output) = self.nodes[at].network.output() {
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
        match output {
            Output::Connect(relay) => self.connect(at, relay),
            Output::Ready(link) => self.carry(at, link),
            Output::CloseLink(link) => {
                if let Some((to, there)) = self.nodes[at].links.remove(&link) {
                    self.nodes[to].links.remove(&there);
                    self.nodes[to].network.link_down(there);
                }
            }
            Output::Described(link, description) => self.nodes[at].described.push((link, description)),
            Output::Circuit(event) => self.nodes[at].circuits.push(event),
            Output::Service(event) => self.service(at, event),
        }
    }

    fn connect(&mut self, at: usize, relay: RelayId) {
        let (now, to) = (self.now, self.hops.iter().position(|hop| hop.relay == relay));
        match to {
            Some(to) if self.nodes[to].fault != Fault::Closes => {
                let (here, _) = self.join(at, to);
                let reached = Reached { link: here, peer: [u8::try_from(to).unwrap(); 32] };
                self.nodes[at].network.connected(now, &mut self.rng, relay, reached);
            }
            _ => self.nodes[at].network.connect_failed(relay),
        }
    }

    fn service(&mut self, at: usize, event: ServiceEvent) {
        if let (true, ServiceEvent::Message(message)) = (self.nodes[at].echoes, &event) {
            let answer = [&message.binding[..], &message.message].concat();
            self.nodes[at].network.reply(message.from, &answer).unwrap();
        }
        self.nodes[at].services.push(event);
    }

    fn carry(&mut self, at: usize, link: LinkId) {
        loop {
            let mut batch = self.nodes[at].network.drain(link, 7);
            let Some((to, there)) = self.nodes[at].links.get(&link).copied() else { return };
            if batch.is_empty() {
                return;
            }
            self.spoil(at, to, &mut batch);
            match self.nodes[to].fault {
                Fault::Drops => {}
                Fault::Destroys => self.refuse(to, there, &batch),
                _ => {
                    let (now, rng) = (self.now, &mut self.rng);
                    self.nodes[to].network.cells(now, rng, there, &batch);
                }
            }
        }
    }

    fn refuse(&mut self, at: usize, link: LinkId, batch: &[u8]) {
        let (back, there) = self.nodes[at].links[&link];
        let circuit = Cell::parse(&batch[..CELL_BYTES]).unwrap().circuit;
        let mut answer = Vec::new();
        Cell::destroy(circuit, DestroyReason::None).write(&mut answer);
        self.nodes[back].network.cells(self.now, &mut self.rng, there, &answer);
    }

    fn spoil(&mut self, at: usize, to: usize, batch: &mut [u8]) {
        let fault = self.nodes[at].fault;
        // In these tests a route goes from the client to rising numbers.
        let towards_client = to < at || to + 1 == self.nodes.len();
        for cell in batch.chunks_mut(CELL_BYTES) {
            let spoiled = match fault {
                Fault::BadHandshake => cell[4] == Command::Created.code(),
                Fault::Garbles => cell[4] == Command::Relay.code() && towards_client,
                _ => false,
            };
            if spoiled {
                cell[100] ^= 4;
            }
        }
    }

    fn pass(&mut self, millis: u64) {
        self.now = Timestamp(self.now.0 + millis);
        for node in &mut self.nodes {
            node.network.tick(self.now);
        }
        self.run();
    }

    /// Builds over `route` and answers what became of it.
    fn build(&mut self, route: &[usize]) -> Result<(CircuitHandle, [u8; 32]), CircuitFailure> {
        let handle = self.open(route, Lane::Text);
        self.run();
        for _ in 0..12 {
            self.pass(1_000);
        }
        match self.client().circuits.pop() {
            Some(CircuitEvent::Built { circuit, binding, route: named }) => {
                assert_eq!((circuit, named.len()), (handle, route.len()));
                Ok((circuit, binding))
            }
            Some(CircuitEvent::Closed { circuit, failure }) => {
                assert_eq!(circuit, handle);
                Err(failure)
            }
            other => panic!("neither built nor closed: {other:?}"),
        }
    }

    fn all_is_forgotten(&mut self) {
        for node in &self.nodes {
            let counts = node.network.counts();
            assert_eq!((counts.own, counts.passing, node.network.links.waiting_cells()), (0, 0, 0));
        }
    }
}

fn messages(events: &[CircuitEvent]) -> Vec<Vec<u8>> {
    let message = |event: &CircuitEvent| match event {
        CircuitEvent::Message { message, .. } => Some(message.clone()),
        _ => None,
    };
    events.iter().filter_map(message).collect()
}

#[test]
fn messages_go_to_a_service_and_back_over_one_to_four_hops() {
    for hops in 1..=4 {
        let mut world = World::new(4, 1);
        let (circuit, binding) = world.build(&[0, 1, 2, 3][..hops]).unwrap();
        let stream = world.client().network.open_stream(circuit, Service::Mailbox).unwrap();
        let long = vec![7; 70_000];
        for message in [&b"first"[..], &long, b""] {
            world.client().network.send(circuit, stream, message).unwrap();
        }
        world.run();
        let want = [&b"first"[..], &long, b""].map(|message| [&binding[..], message].concat());
        assert_eq!(messages(&world.client().circuits), want);
        world.client().network.close(circuit);
        world.run();
        assert!(matches!(world.nodes[hops - 1].services.last(), Some(ServiceEvent::Ended(_))));
        world.all_is_forgotten();
    }
}

#[test]
fn many_megabytes_flow_both_ways_through_windows_of_text_and_bulk() {
    for lane in [Lane::Text, Lane::Bulk] {
        let mut world = World::new(3, 2);
        let circuit = world.open(&[0, 1, 2], lane);
        world.run();
        let stream = world.client().network.open_stream(circuit, Service::Mailbox).unwrap();
        let mut sent = 0_u32;
        while sent < 60 {
            match world.client().network.send(circuit, stream, &[7; 60_000]) {
                Ok(()) => sent += 1,
                Err(SendError::QueueFull) => world.run(),
                Err(other) => panic!("{other}"),
            }
        }
        world.run();
        assert_eq!(messages(&world.client().circuits).len(), 60);
    }
}

#[test]
fn each_fault_while_building_is_blamed_on_the_relay_that_has_it() {
    let faults = [
        (Fault::Drops, FailureReason::Timeout, FailureReason::Unreachable),
        (Fault::Closes, FailureReason::Link, FailureReason::Unreachable),
        (Fault::BadHandshake, FailureReason::Handshake, FailureReason::Handshake),
        (Fault::Destroys, FailureReason::Refused, FailureReason::Refused),
    ];
    for (fault, as_first, as_later) in faults {
        for bad in 0..4 {
            let mut world = World::new(4, 3);
            world.nodes[bad].fault = fault;
            let failure = world.build(&[0, 1, 2, 3]).unwrap_err();
            let reason = if bad == 0 { as_first } else { as_later };
            assert_eq!(failure.blame, Some((bad, world.hops[bad].relay)), "{fault:?} at {bad}");
            assert_eq!((failure.reason, failure.was_built), (reason, false), "{fault:?} at {bad}");
            world.nodes[bad].fault = Fault::None;
            assert!(world.client().network.counts().own == 0);
        }
    }
}

#[test]
fn a_relay_that_garbles_what_passes_is_found_when_the_next_hop_is_built() {
    for bad in 0..3 {
        let mut world = World::new(4, 4);
        world.nodes[bad].fault = Fault::Garbles;
        let failure = world.build(&[0, 1, 2, 3]).unwrap_err();
        assert_eq!(failure.blame, Some((bad, world.hops[bad].relay)));
        assert_eq!(failure.reason, FailureReason::Garbage);
        world.all_is_forgotten();
    }
}

#[test]
fn garbage_on_a_built_circuit_closes_it_without_blame() {
    let mut world = World::new(3, 4);
    let (circuit, _) = world.build(&[0, 1, 2]).unwrap();
    world.nodes[1].fault = Fault::Garbles;
    let stream = world.client().network.open_stream(circuit, Service::Mailbox).unwrap();
    world.client().network.send(circuit, stream, b"hello").unwrap();
    world.run();
    let Some(CircuitEvent::Closed { failure, .. }) = world.client().circuits.last() else { panic!() };
    assert_eq!((failure.blame, failure.reason, failure.was_built), (None, FailureReason::Garbage, true));
    world.all_is_forgotten();
}

#[test]
fn a_lost_link_closes_what_went_over_it_and_the_client_learns_where() {
    let mut world = World::new(3, 5);
    world.build(&[0, 1, 2]).unwrap();
    let link = *world.nodes[2].links.keys().next().unwrap();
    world.unjoin(2, link);
    world.run();
    let Some(CircuitEvent::Closed { failure, .. }) = world.client().circuits.pop() else { panic!() };
    assert_eq!(failure.blame, Some((2, world.hops[2].relay)));
    assert_eq!((failure.reason, failure.was_built), (FailureReason::Unreachable, true));
    world.all_is_forgotten();
    world.build(&[0, 1, 2]).unwrap();
}

#[test]
fn a_client_that_vanishes_leaves_nothing_behind() {
    let mut world = World::new(3, 6);
    let (circuit, _) = world.build(&[0, 1, 2]).unwrap();
    let stream = world.client().network.open_stream(circuit, Service::Directory).unwrap();
    world.client().network.send(circuit, stream, b"x").unwrap();
    world.run();
    let link = *world.client().links.keys().next().unwrap();
    let client = world.nodes.len() - 1;
    world.unjoin(client, link);
    world.run();
    world.all_is_forgotten();
}

#[test]
fn circuits_share_links_and_a_relay_is_dialled_once() {
    let mut world = World::new(3, 7);
    for _ in 0..20 {
        world.open(&[0, 1, 2], Lane::Text);
    }
    world.run();
    assert_eq!(world.client().circuits.len(), 20);
    assert_eq!(world.client().links.len(), 1);
    assert_eq!(world.nodes[2].links.len(), 1);
    assert_eq!(world.nodes[2].network.counts().passing, 20);
}

#[test]
fn a_stranger_creates_256_circuits_and_then_four_a_second() {
    let mut world = World::new(1, 8);
    for _ in 0..260 {
        world.open(&[0], Lane::Text);
    }
    world.run();
    assert_eq!(world.nodes[0].network.counts().passing, 256);
    assert_eq!(
        world.client().circuits.iter().filter(|event| matches!(event, CircuitEvent::Closed { .. })).count(),
        4
    );
    world.pass(1_000);
    for _ in 0..6 {
        world.open(&[0], Lane::Text);
    }
    world.run();
    assert_eq!(world.nodes[0].network.counts().passing, 260);
}

#[test]
fn many_strangers_together_do_not_get_more_than_half_a_core() {
    let mut world = World::new(1, 8);
    world.nodes[0].network.creations = CreationBudget::stranger(world.now);
    for _ in 0..2 {
        world.push(Network::client(NETWORK));
        for _ in 0..200 {
            world.open(&[0], Lane::Text);
        }
    }
    world.run();
    assert_eq!(world.nodes[0].network.counts().passing, 256);
}

#[test]
fn a_relay_of_another_network_is_not_agreed_with() {
    let mut world = World::new(1, 9);
    world.push(Network::client([6; 32]));
    let failure = world.build(&[0]).unwrap_err();
    assert_eq!((failure.blame.unwrap().0, failure.reason), (0, FailureReason::Handshake));
}

#[test]
fn a_contact_point_describes_itself_and_is_then_talked_to_over_the_same_link() {
    let mut world = World::new(1, 10);
    let (link, _) = world.join(1, 0);
    let info = LinkInfo { peer: [0; 32], relay: None, initiator: true };
    let now = world.now;
    world.client().network.link_up(now, link, info);
    world.client().network.describe(link);
    world.run();
    let description = Description { untrusted_descriptor: vec![0; 400], clock: Some(now) };
    assert_eq!(world.client().described, [(link, description)]);
    let hop = world.hops[0];
    let circuit = world.nodes[1].network.open_over(now, &mut world.rng, link, hop);
    world.run();
    assert!(
        matches!(world.client().circuits[0], CircuitEvent::Built { circuit: built, .. } if built == circuit)
    );
}

/// A hand-made circuit of one hop at relay 0, to say what a client of ours never would.
struct Rogue {
    world: World,
    link: LinkId,
    layers: crate::cell::cgo::ClientLayers,
}

impl Rogue {
    const CIRCUIT: CircuitId = CircuitId(CircuitId::INITIATOR | 9);

    fn new() -> Self {
        use crate::cell::cgo::{ClientLayer, ClientLayers};
        let mut world = World::new(2, 11);
        let (_, link) = world.join(2, 0);
        let (client, hello) =
            crate::handshake::ClientHandshake::start(world.hops[0], NETWORK, &mut world.rng);
        let mut rogue = Self { world, link, layers: ClientLayers::default() };
        for cell in crate::cell::handshake_cells(Self::CIRCUIT, Command::Create, &hello) {
            rogue.cell(&cell);
        }
        let answer = rogue.world.nodes[0].network.drain(link, 64);
        let answer: Vec<u8> =
            answer.chunks(CELL_BYTES).flat_map(|cell| cell[6..].to_vec()).take(1_152).collect();
        let keys = client.finish(&answer).unwrap();
        rogue.layers.push(ClientLayer::new(&keys.towards, &keys.back));
        rogue
    }

    fn cell(&mut self, cell: &Cell) {
        let mut bytes = Vec::new();
        cell.write(&mut bytes);
        self.bytes(&bytes);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        let (now, link) = (self.world.now, self.link);
        self.world.nodes[0].network.cells(now, &mut self.world.rng, link, bytes);
    }

    /// A relay message with those bytes.
    fn say(&mut self, message: &[u8]) {
        let mut cell = Cell::new(Self::CIRCUIT, Command::Relay, &[&[0; 16], message].concat());
        self.layers.wrap(0, &mut cell.body).unwrap();
        self.cell(&cell);
    }

    fn lives(&self) -> bool {
        self.world.nodes[0].network.counts().passing == 1
    }

    fn link_lives(&self) -> bool {
        self.world.nodes[0].network.counts().links == 1
    }
}

#[test]
fn what_a_client_may_not_say_destroys_its_circuit() {
    let open = [16, 0, 1, 0, 2, 1, 0];
    let bad: &[&[u8]] = &[
        &[99, 0, 0, 0, 0],
        &[2, 0, 0, 0, 1, 7],
        &[3, 0, 0, 0, 1, 7],
        &[17, 0, 2, 0, 1, 7],
        &[17, 0, 1, 0, 0],
        &[17, 0, 1, 0xff, 0xff],
        &[17, 0, 1, 0, 4, 0xff, 0xff, 0xff, 0xff],
        &[18, 0, 9, 0, 0],
        &[5, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        &[5, 0, 1, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        &[16, 0, 1, 0, 2, 1, 0],
        &[16, 0, 2, 0, 2, 1, 7],
        &[1, 0, 0, 0, 1, 7],
        &[4, 0, 1, 0, 0],
    ];
    for message in bad {
        let mut rogue = Rogue::new();
        rogue.say(&open);
        assert!(rogue.lives());
        rogue.say(message);
        assert!(!rogue.lives(), "{message:?}");
        assert!(rogue.link_lives());
    }
}

#[test]
fn noise_and_extending_to_the_relay_itself_destroy_the_circuit() {
    let mut rogue = Rogue::new();
    rogue.cell(&Cell::new(Rogue::CIRCUIT, Command::Relay, &[1; 509]));
    assert!(!rogue.lives());
    let mut rogue = Rogue::new();
    let hello =
        crate::handshake::ClientHandshake::start(rogue.world.hops[0], NETWORK, &mut rogue.world.rng).1;
    for part in hello.chunks(488) {
        let length = u16::try_from(part.len()).unwrap().to_be_bytes();
        rogue.say(&[&[1, 0, 0], &length[..], part].concat());
    }
    assert!(!rogue.lives());
}

#[test]
fn cells_that_are_not_legal_on_a_link_close_it() {
    let cells: [(&str, CircuitId, Command); 4] = [
        ("a number of our half", CircuitId(9), Command::Create),
        ("descriptors nobody asked for", CircuitId::LINK, Command::Descriptor),
        ("circuit cells on the link", CircuitId::LINK, Command::Relay),
        ("padding in a circuit that is not there", CircuitId(5), Command::Padding),
    ];
    for (what, circuit, command) in cells {
        let mut rogue = Rogue::new();
        rogue.cell(&Cell::new(circuit, command, &[]));
        assert!(!rogue.link_lives(), "{what}");
        assert!(!rogue.lives(), "{what}");
    }
    let mut rogue = Rogue::new();
    rogue.bytes(&[0; 513]);
    assert!(!rogue.link_lives());
}

#[test]
fn half_handshakes_are_bounded_and_forgotten() {
    let mut rogue = Rogue::new();
    for number in 0..300 {
        rogue.cell(&Cell::new(CircuitId(CircuitId::INITIATOR | (100 + number)), Command::Create, &[]));
    }
    let creating = |rogue: &Rogue| rogue.world.nodes[0].network.links.get(rogue.link).unwrap().creating.len();
    assert_eq!(creating(&rogue), link::HALF_CREATED_MAX);
    rogue.world.now = Timestamp(60_000);
    rogue.world.nodes[0].network.tick(Timestamp(60_000));
    assert_eq!(creating(&rogue), 0);
    assert!(rogue.link_lives());
}

#[test]
fn under_memory_pressure_the_circuit_with_the_oldest_waiting_cell_dies() {
    let mut world = World::new(1, 12);
    let handles: Vec<_> = (0..3).map(|_| world.build(&[0]).unwrap().0).collect();
    world.nodes[0].network.set_limits(Limits { waiting_cells: 20, held_bytes: usize::MAX });
    for handle in &handles {
        let stream = world.client().network.open_stream(*handle, Service::Mailbox).unwrap();
        world.client().network.send(*handle, stream, &[7; 4_000]).unwrap();
    }
    // The client's link is read to the end before the relay's is: 9 or 10 cells wait for each circuit.
    let link = *world.client().links.keys().next().unwrap();
    while let Some(output) = world.client().network.output() {
        if let Output::Ready(link) = output {
            let batch = world.client().network.drain(link, 1_000);
            let (to, there) = world.client().links[&link];
            let (now, rng) = (world.now, &mut world.rng);
            world.nodes[to].network.cells(now, rng, there, &batch);
        }
    }
    assert!(world.client().links.contains_key(&link));
    while let Some(output) = world.nodes[0].network.output() {
        if let Output::Service(event) = output {
            world.service(0, event);
        }
    }
    let relay = &world.nodes[0].network;
    let waiting = relay.links.waiting_cells();
    assert!(waiting <= 20, "{waiting}");
    assert_eq!(relay.counts().passing, 2);
}

#[test]
fn half_come_messages_beyond_the_bound_cost_the_largest_holder_its_circuit() {
    let mut rogue = Rogue::new();
    rogue.say(&[16, 0, 1, 0, 2, 1, 0]);
    for _ in 0..4 {
        let mut message = vec![17, 0, 1, 1, 0xe8];
        message.extend([0, 1, 0, 0]);
        message.resize(493, 0);
        rogue.say(&message);
    }
    rogue.world.nodes[0].network.set_limits(Limits { waiting_cells: 1_000, held_bytes: 1_000 });
    rogue.world.nodes[0].network.tick(Timestamp(1));
    assert!(!rogue.lives());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn no_bytes_from_a_link_make_a_relay_panic(seed in any::<u64>(), cells in 1_usize..60) {
        let mut rogue = Rogue::new();
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        for _ in 0..cells {
            let mut bytes = [0; CELL_BYTES];
            rng.fill_bytes(&mut bytes);
            bytes[..4].copy_from_slice(&Rogue::CIRCUIT.0.to_be_bytes());
            bytes[3] = u8::try_from(rng.next_u32() % 12).unwrap();
            bytes[4] = u8::try_from(rng.next_u32() % 8).unwrap();
            rogue.bytes(&bytes);
        }
        prop_assert!(rogue.world.nodes[0].network.counts().passing <= 1);
    }

    #[test]
    fn no_recognised_message_makes_a_relay_panic(
        messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 5..493), 1..20),
    ) {
        let mut rogue = Rogue::new();
        for mut message in messages {
            message[0] %= 20;
            message[1] = 0;
            message[2] %= 3;
            message[3] = 0;
            rogue.say(&message);
        }
        prop_assert!(rogue.link_lives());
    }

    #[test]
    fn random_lossy_life_leaves_nothing_behind(seed in any::<u64>()) {
        let mut world = World::new(6, seed);
        for _ in 0..12 {
            let start = (world.rng.next_u32() % 3) as usize;
            let handle = world.open(&[start, start + 1, start + 2, start + 3], Lane::Text);
            world.run();
            match world.rng.next_u32() % 4 {
                0 => world.client().network.close(handle),
                1 => {
                    let node = (world.rng.next_u32() % 6) as usize;
                    let link = world.nodes[node].links.keys().min().copied();
                    if let Some(link) = link { world.unjoin(node, link) }
                }
                2 => { let node = (world.rng.next_u32() % 6) as usize; world.nodes[node].fault = Fault::Drops; }
                _ => {
                    if let Ok(stream) = world.client().network.open_stream(handle, Service::Mailbox) {
                        let _ = world.client().network.send(handle, stream, &[1; 9_000]);
                    }
                }
            }
            world.run();
            world.pass(3_000);
        }
        for node in &mut world.nodes { node.fault = Fault::None; }
        let handles: Vec<_> = world.client().network.own.keys().copied().collect();
        for handle in handles { world.client().network.close(handle); }
        world.run();
        for _ in 0..20 { world.pass(1_000); }
        for at in 0..world.nodes.len() {
            let links: Vec<_> = world.nodes[at].links.keys().copied().collect();
            for link in links { world.unjoin(at, link); }
        }
        world.run();
        world.all_is_forgotten();
    }
}
