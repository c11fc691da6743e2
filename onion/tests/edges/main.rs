//! The onion process over its real edges, in one process: five relays and two clients, with a netd that only passes bytes and a disk in
//! memory. What is between the edges is what runs in the product.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod chunks;
mod disk;
mod netd;
mod people;

use std::rc::Rc;
use std::time::Duration;

use capnp::capability::FromClientHook;
use ipc_schema::child::GrantedEdge;
use ipc_schema::edge::onion_stored::MailboxDisk;
use ipc_schema::edge::stored_onion::{Create, Done, Lane, OpenError, PickMailboxes, Refused};
use ipc_schema::edge::{self, Failed};
use ipc_schema::edges::stored_onion_capnp::{carrier, mailbox};
use ipc_schema::ends::EdgeEnds;
use ipc_schema::grant::Settings;
use ipc_schema::relay::RelayId;
use onion::core::OnionCore;
use onion::shell::Shell;
use tokio::task::LocalSet;

use people::{Queue, Receiver, Sender, Sink};

fn pair() -> (EdgeEnds, EdgeEnds) {
    EdgeEnds::pipes().unwrap()
}

fn granted(name: &str, caller: bool, ends: EdgeEnds) -> GrantedEdge {
    GrantedEdge { name: name.into(), caller, ends }
}

/// One onion with its neighbours.
struct Node {
    shell: Rc<Shell>,
}

impl Node {
    fn start(hub: &Rc<netd::Hub>, relay: bool) -> Self {
        let settings = Settings {
            relay,
            network_id: [3; 32],
            network_name: "test".into(),
            queues_max: 1_000,
            ..Settings::default()
        };
        let (shell, wanted) = Shell::new(settings, onion::serve::machine(), None, &[]).unwrap();
        onion::serve::see_to(&shell, wanted);
        let node = Self { shell };
        node.join_netd(hub.add());
        if relay {
            let (ours, theirs) = pair();
            Rc::new(disk::Disk::default()).serve(theirs).unwrap();
            onion::serve::join(&node.shell, granted("onion-stored", true, ours)).unwrap();
        }
        node
    }

    fn join_netd(&self, netd: capnp::capability::Client) {
        let (ours, theirs) = pair();
        ipc_schema::rpc::serve(theirs, netd).unwrap();
        onion::serve::join(&self.shell, granted("onion-netd", true, ours)).unwrap();
    }

    fn call<C: FromClientHook>(&self, name: &str) -> C {
        let (ours, theirs) = pair();
        onion::serve::join(&self.shell, granted(name, false, theirs)).unwrap();
        ipc_schema::rpc::connect(ours).unwrap().0
    }

    fn carrier(&self) -> carrier::Client {
        self.call("stored-onion")
    }

    async fn knows(&self, relays: usize) {
        for _ in 0..1_200 {
            if self.shell.look(OnionCore::state).relays_usable >= relays {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("knows {:?}", self.shell.look(OnionCore::state));
    }
}

async fn world(relays: usize) -> (Rc<netd::Hub>, Vec<Node>, Node, Node) {
    let hub = Rc::new(netd::Hub::default());
    let nodes: Vec<_> = (0..relays).map(|_| Node::start(&hub, true)).collect();
    for node in &nodes {
        node.knows(relays).await;
    }
    let (alice, bob) = (Node::start(&hub, false), Node::start(&hub, false));
    alice.knows(relays).await;
    bob.knows(relays).await;
    (hub, nodes, alice, bob)
}

struct Open {
    mailbox: mailbox::Client,
    relay: RelayId,
    binding: [u8; 32],
    hops: usize,
}

async fn try_open(carrier: &carrier::Client, relay: RelayId, key: u8) -> Result<Open, OpenError> {
    try_open_for(carrier, relay, key, Lane::Text).await
}

async fn try_open_for(
    carrier: &carrier::Client,
    relay: RelayId,
    key: u8,
    lane: Lane,
) -> Result<Open, OpenError> {
    let call = edge::stored_onion::Open { relay, isolation: [key; 16], lane };
    let opened = edge::send(carrier, &call).await.unwrap()?;
    Ok(Open { mailbox: opened.circuit, relay, binding: opened.binding, hops: opened.route.len() })
}

async fn open(carrier: &carrier::Client, relay: RelayId, key: u8) -> Open {
    try_open(carrier, relay, key).await.unwrap()
}

async fn pick(carrier: &carrier::Client) -> RelayId {
    edge::ask(carrier, &PickMailboxes { count: 1, avoid: Vec::new() }).await.unwrap()[0]
}

fn run<F: Future<Output = ()>>(test: impl FnOnce() -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let limit = Duration::from_secs(120);
    LocalSet::new().block_on(&runtime, async { tokio::time::timeout(limit, test()).await.expect("in time") });
}

#[test]
fn envelopes_go_from_one_client_to_another_through_a_mailbox_in_order_and_once() {
    run(|| async {
        let (_hub, _relays, alice, bob) = world(5).await;
        let (alice, bob) = (alice.carrier(), bob.carrier());
        let relay = pick(&bob).await;
        let at_bob = open(&bob, relay, 1).await;
        assert_eq!(at_bob.hops, 4);
        let mut receiver = Receiver::new(1);
        let queue = receiver.create(&at_bob).await;
        let at_alice = open(&alice, relay, 2).await;
        let mut sender = Sender::new(2, &queue);
        assert_eq!(sender.secure(&at_alice).await, Ok(Done::Plain));
        let (sink, mut pushed) = Sink::pair();
        assert_eq!(receiver.subscribe(&at_bob, &queue, sink).await, Ok(Done::Plain));
        for number in 0..60_u8 {
            assert_eq!(sender.deposit(&at_alice, number).await, Ok(Done::Plain));
            // A repeated deposit is the same deposit.
            if number % 20 == 0 {
                assert_eq!(sender.deposit(&at_alice, number).await, Ok(Done::Plain));
            }
        }
        let mut ids = Vec::new();
        for number in 0..60_u8 {
            let waiting = pushed.recv().await.unwrap();
            assert_eq!((waiting.envelope.len(), waiting.envelope[0]), (4_096, number));
            assert_eq!(waiting.sender_key, sender.public());
            ids.push(waiting.id);
        }
        assert!(pushed.try_recv().is_err());
        assert_eq!(receiver.acknowledge(&at_bob, &queue, &ids).await, Ok(Done::Plain));
        assert_eq!(receiver.acknowledge(&at_bob, &queue, &ids).await, Ok(Done::Plain));
    });
}

#[test]
fn many_deposits_at_a_time_are_all_answered() {
    run(|| async {
        let (_hub, _relays, alice, bob) = world(5).await;
        let (alice, bob) = (alice.carrier(), bob.carrier());
        let relay = pick(&bob).await;
        let at_bob = open(&bob, relay, 1).await;
        let mut receiver = Receiver::new(1);
        let queue = receiver.create(&at_bob).await;
        let at_alice = open(&alice, relay, 2).await;
        let mut sender = Sender::new(2, &queue);
        assert_eq!(sender.secure(&at_alice).await, Ok(Done::Plain));
        let calls: Vec<_> = (0..200_u8).map(|number| sender.deposit_call(&at_alice, number)).collect();
        for answer in futures::future::join_all(calls).await {
            assert_eq!(answer, Ok(Done::Plain));
        }
        let (sink, mut pushed) = Sink::pair();
        assert_eq!(receiver.subscribe(&at_bob, &queue, sink).await, Ok(Done::Plain));
        for number in 0..200_u8 {
            assert_eq!(pushed.recv().await.unwrap().envelope[0], number);
        }
    });
}

#[test]
fn a_blob_of_64_kib_is_left_and_read_by_the_first_key_only() {
    run(|| async {
        let (_hub, _relays, alice, bob) = world(5).await;
        let (alice, bob) = (alice.carrier(), bob.carrier());
        let relay = pick(&bob).await;
        let at_bob = open(&bob, relay, 1).await;
        let mut receiver = Receiver::new(1);
        let queue = receiver.create(&at_bob).await;
        let blob: Vec<u8> = (0..65_536_u32).map(|n| u8::try_from(n % 251).unwrap()).collect();
        assert_eq!(receiver.leave_blob(&at_bob, &queue, &blob).await, Ok(Done::Plain));
        let at_alice = open(&alice, relay, 2).await;
        for _ in 0..2 {
            assert_eq!(people::secure_read(&at_alice, [5; 32]).await, Ok(Done::Blob(blob.clone())));
        }
        assert_eq!(people::secure_read(&at_alice, [6; 32]).await, Err(Refused::NotAuthorised));
    });
}

#[test]
fn a_command_of_another_circuit_or_key_is_not_authorised() {
    run(|| async {
        let (_hub, _relays, alice, bob) = world(5).await;
        let (alice, bob) = (alice.carrier(), bob.carrier());
        let relay = pick(&bob).await;
        let at_bob = open(&bob, relay, 1).await;
        let mut receiver = Receiver::new(1);
        let queue = receiver.create(&at_bob).await;
        let mut at_alice = open(&alice, relay, 2).await;
        at_alice.binding = at_bob.binding;
        assert_eq!(Sender::new(2, &queue).secure(&at_alice).await, Err(Refused::NotAuthorised));
        let (sink, _pushed) = Sink::pair();
        assert_eq!(Receiver::new(9).subscribe(&at_bob, &queue, sink).await, Err(Refused::NotAuthorised));
    });
}

#[test]
fn when_netd_dies_calls_fail_as_disconnected_and_a_new_circuit_carries_on() {
    run(|| async {
        let (hub, _relays, _alice, bob) = world(5).await;
        let carrier = bob.carrier();
        let relay = pick(&carrier).await;
        let before = open(&carrier, relay, 1).await;
        let mut receiver = Receiver::new(1);
        let queue = receiver.create(&before).await;
        // The supervisor grants a socket to a new netd.
        bob.join_netd(hub.add());
        let failed = edge::send(&before.mailbox, &Create { receiver_key: [1; 32] }).await;
        assert_eq!(failed.err(), Some(Failed::Gone));
        let after = loop {
            bob.knows(5).await;
            if let Ok(opened) = try_open(&carrier, relay, 1).await {
                break opened;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        assert_eq!(receiver.create(&after).await, Queue { ..queue });
    });
}

#[test]
fn letting_go_of_the_mailbox_closes_its_circuit() {
    run(|| async {
        let (_hub, _relays, _alice, bob) = world(5).await;
        let carrier = bob.carrier();
        let relay = pick(&carrier).await;
        let opened = open(&carrier, relay, 1).await;
        let again = open(&carrier, relay, 1).await;
        assert_eq!(opened.binding, again.binding, "the same key shares");
        drop(opened);
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(bob.shell.look(OnionCore::state).circuits, 1);
        drop(again);
        for _ in 0..100 {
            if bob.shell.look(OnionCore::state).circuits == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the circuit stands");
    });
}
