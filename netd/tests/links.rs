//! Two netd cores in one process, over loopback, each with its edge to a stand-in for onion.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use capnp_rpc::new_client;
use ed25519_dalek::SigningKey;
use ipc_schema::Timestamp;
use ipc_schema::edges::onion_netd_capnp::{
    CloseReason, ConnectError, acceptor, cell_sink, connect_result, link, links,
};
use ipc_schema::grant::Settings;
use ipc_schema::limits::CELL_BYTES;
use ipc_schema::relay::{Address, Descriptor, OnionKey, RelayId, Transport};
use libp2p::multiaddr::{Multiaddr, Protocol};
use libp2p::swarm::dial_opts::DialOpts;
use netd::address::{Target, from_multiaddr, link_key, peer_id, to_multiaddr};
use netd::serve::{Shared, serve};
use netd::swarm::{Role, build};
use tokio::sync::Notify;

const NETWORK: [u8; 32] = [9; 32];

fn local<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        tokio::time::timeout(Duration::from_secs(60), future).await.expect("the test hangs")
    })
}

/// Collects what a link brings; counts how it closed.
#[derive(Default)]
struct Sink {
    bytes: RefCell<Vec<u8>>,
    closed: RefCell<Vec<CloseReason>>,
    changed: Notify,
}

impl Sink {
    fn client(self: &Rc<Self>) -> cell_sink::Client {
        new_client(SinkServer(self.clone()))
    }

    async fn until(&self, mut done: impl FnMut(&Self) -> bool) {
        while !done(self) {
            self.changed.notified().await;
        }
    }
}

struct SinkServer(Rc<Sink>);

impl cell_sink::Server for SinkServer {
    async fn cells(self: Rc<Self>, params: cell_sink::CellsParams) -> Result<(), capnp::Error> {
        self.0.bytes.borrow_mut().extend_from_slice(params.get()?.get_batch()?);
        self.0.changed.notify_one();
        Ok(())
    }

    async fn closed(
        self: Rc<Self>,
        params: cell_sink::ClosedParams,
        _: cell_sink::ClosedResults,
    ) -> Result<(), capnp::Error> {
        self.0.closed.borrow_mut().push(params.get()?.get_reason()?);
        self.0.changed.notify_one();
        Ok(())
    }
}

/// The link, its peer's key, and where its cells go.
type TakenLink = (link::Client, Vec<u8>, Rc<Sink>);

/// Takes every link that comes in.
#[derive(Default)]
struct Taken {
    links: RefCell<Vec<TakenLink>>,
    changed: Notify,
}

impl Taken {
    async fn link(&self, index: usize) -> TakenLink {
        loop {
            if let Some(link) = self.links.borrow().get(index).cloned() {
                return link;
            }
            self.changed.notified().await;
        }
    }
}

struct AcceptorServer(Rc<Taken>);

impl acceptor::Server for AcceptorServer {
    async fn incoming(
        self: Rc<Self>,
        params: acceptor::IncomingParams,
        mut results: acceptor::IncomingResults,
    ) -> Result<(), capnp::Error> {
        let params = params.get()?;
        let sink = Rc::new(Sink::default());
        results.get().set_sink(sink.client());
        self.0.links.borrow_mut().push((params.get_link()?, params.get_peer()?.to_vec(), sink));
        self.0.changed.notify_one();
        Ok(())
    }
}

fn edge(shared: Rc<Shared>) -> links::Client {
    let (ours, theirs) = ipc_schema::ends::EdgeEnds::pipes().unwrap();
    serve(theirs, shared).unwrap();
    ipc_schema::rpc::connect(ours).unwrap().0
}

struct Relay {
    links: links::Client,
    taken: Rc<Taken>,
    identity: Vec<u8>,
    address: Address,
    ready: String,
}

async fn relay(listen: &str) -> Relay {
    let settings =
        Settings { relay: true, network_id: NETWORK, listen: vec![listen.into()], ..Settings::default() };
    let (stdout, mut out) = std::os::unix::net::UnixStream::pair().unwrap();
    let mut files = BTreeMap::from([
        ("state".to_owned(), OwnedFd::from(tempfile::tempfile().unwrap())),
        ("stdout".to_owned(), OwnedFd::from(stdout)),
    ]);
    let shared = Shared::start(&settings, &mut files).await.unwrap();
    let links = edge(shared);
    let taken = Rc::new(Taken::default());
    let mut request = links.listen_request();
    request.get().set_acceptor(new_client(AcceptorServer(taken.clone())));
    let answer = request.send().promise.await.unwrap();
    let answer = answer.get().unwrap();
    let text = answer.get_addresses().unwrap().get(0).unwrap().to_string().unwrap();
    let address = from_multiaddr(&text.parse().unwrap()).unwrap().0;
    let mut ready = String::new();
    out.read_to_string(&mut ready).unwrap();
    Relay { links, taken, identity: answer.get_identity().unwrap().to_vec(), address, ready }
}

async fn client(bootstraps: Vec<String>) -> links::Client {
    let settings = Settings { network_id: NETWORK, bootstraps, ..Settings::default() };
    edge(Shared::start(&settings, &mut BTreeMap::new()).await.unwrap())
}

fn descriptor(link_key: &[u8], address: Address, network_id: [u8; 32]) -> Vec<u8> {
    let identity = SigningKey::from_bytes(&[1; 32]);
    let key = OnionKey { key: [3; 32], from: Timestamp(1), until: Timestamp(2) };
    let descriptor = Descriptor {
        network_id,
        relay: RelayId(identity.verifying_key().to_bytes()),
        link_key: link_key.try_into().unwrap(),
        onion_keys: [key, key],
        operator_tag: [0; 16],
        flags: 0,
        sequence: 1,
        published: Timestamp::now(),
        work: 0,
        addresses: vec![address],
    };
    descriptor.sign(&identity)
}

async fn connect(
    from: &links::Client,
    descriptor: &[u8],
    sink: &Rc<Sink>,
) -> Result<link::Client, ConnectError> {
    let mut request = from.connect_request();
    request.get().set_descriptor(descriptor);
    request.get().set_sink(sink.client());
    let answer = request.send().promise.await.unwrap();
    match answer.get().unwrap().get_result().unwrap().which().unwrap() {
        connect_result::Link(link) => Ok(link.unwrap()),
        connect_result::Error(error) => Err(error.unwrap()),
    }
}

async fn send(link: &link::Client, batch: &[u8]) -> Result<(), capnp::Error> {
    let mut request = link.cells_request();
    request.get().set_batch(batch);
    request.send().await
}

/// Cells whose bytes say which they are.
fn numbered(from: usize, count: usize) -> Vec<u8> {
    (from..from + count)
        .flat_map(|number| (number as u64).to_be_bytes().repeat(65)[..CELL_BYTES].to_vec())
        .collect()
}

async fn ten_thousand_cells_arrive_in_order_both_ways(listen: &str) {
    const CELLS: usize = 10_000;
    let relay = relay(listen).await;
    let client = client(Vec::new()).await;
    let ours = Rc::new(Sink::default());
    let link = connect(&client, &descriptor(&relay.identity, relay.address, NETWORK), &ours).await.unwrap();
    let (their_link, peer, theirs) = relay.taken.link(0).await;
    assert_eq!(peer.len(), 32);
    for link in [&link, &their_link] {
        for from in (0..CELLS).step_by(50) {
            send(link, &numbered(from, 50)).await.unwrap();
        }
    }
    for sink in [&theirs, &ours] {
        sink.until(|sink| sink.bytes.borrow().len() >= CELLS * CELL_BYTES).await;
        assert!(*sink.bytes.borrow() == numbered(0, CELLS));
    }
}

#[test]
fn ten_thousand_cells_arrive_in_order_over_quic() {
    local(ten_thousand_cells_arrive_in_order_both_ways("/ip4/127.0.0.1/udp/0/quic-v1"));
}

#[test]
fn ten_thousand_cells_arrive_in_order_over_tcp() {
    local(ten_thousand_cells_arrive_in_order_both_ways("/ip4/127.0.0.1/tcp/0"));
}

#[test]
fn a_relay_that_listens_on_tcp_only_still_dials_quic() {
    local(async {
        let quic = relay("/ip4/127.0.0.1/udp/0/quic-v1").await;
        let tcp = relay("/ip4/127.0.0.1/tcp/0").await;
        let sink = Rc::new(Sink::default());
        connect(&tcp.links, &descriptor(&quic.identity, quic.address, NETWORK), &sink).await.unwrap();
        let (_, peer, _) = quic.taken.link(0).await;
        assert_eq!(peer, tcp.identity, "a relay dials under its link key");
    });
}

#[test]
fn the_ready_line_is_a_bootstrap() {
    local(async {
        let relay = relay("/ip4/127.0.0.1/udp/0/quic-v1").await;
        let address = relay.ready.strip_prefix("relay ready ").unwrap().strip_suffix('\n').unwrap();
        let client = client(vec![address.to_owned()]).await;
        let shared = client.shared_request().send().promise.await.unwrap();
        assert_eq!(shared.get().unwrap().get_bootstraps(), 1);
        for (index, there) in [(0, true), (1, false)] {
            let mut request = client.bootstrap_request();
            request.get().set_index(index);
            request.get().set_sink(Rc::new(Sink::default()).client());
            let answer = request.send().promise.await.unwrap();
            let result = answer.get().unwrap().get_result().unwrap();
            assert_eq!(matches!(result.which().unwrap(), connect_result::Link(_)), there, "{index}");
        }
    });
}

#[test]
fn a_client_is_somebody_else_on_each_link() {
    local(async {
        let relay = relay("/ip4/127.0.0.1/udp/0/quic-v1").await;
        let descriptor = descriptor(&relay.identity, relay.address, NETWORK);
        let mut peers = Vec::new();
        for index in 0..3 {
            // A new client is a restarted one; within one client the link is used again.
            let client = client(Vec::new()).await;
            let sink = Rc::new(Sink::default());
            let first = connect(&client, &descriptor, &sink).await.unwrap();
            let again = connect(&client, &descriptor, &sink).await.unwrap();
            peers.push(relay.taken.link(index).await.1);
            drop((first, again));
        }
        peers.sort();
        peers.dedup();
        assert_eq!(peers.len(), 3);
        assert_eq!(relay.taken.links.borrow().len(), 3, "the link was used again");
    });
}

#[test]
fn another_link_key_than_the_descriptors_is_a_wrong_peer_and_waits() {
    local(async {
        for listen in ["/ip4/127.0.0.1/udp/0/quic-v1", "/ip4/127.0.0.1/tcp/0"] {
            let relay = relay(listen).await;
            let client = client(Vec::new()).await;
            let other = SigningKey::from_bytes(&[77; 32]).verifying_key().to_bytes();
            let descriptor = descriptor(&other, relay.address, NETWORK);
            let sink = Rc::new(Sink::default());
            assert!(
                matches!(connect(&client, &descriptor, &sink).await, Err(ConnectError::WrongPeer)),
                "{listen}"
            );
            assert!(
                matches!(connect(&client, &descriptor, &sink).await, Err(ConnectError::BackingOff)),
                "{listen}"
            );
            assert!(relay.taken.links.borrow().is_empty(), "{listen}");
        }
    });
}

#[test]
fn nobody_at_the_address_is_told_and_waits() {
    local(async {
        let client = client(Vec::new()).await;
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let address = Address { transport: Transport::Tcp, socket: nobody };
        let key = SigningKey::from_bytes(&[77; 32]).verifying_key().to_bytes();
        let sink = Rc::new(Sink::default());
        let descriptor = descriptor(&key, address, NETWORK);
        assert!(matches!(connect(&client, &descriptor, &sink).await, Err(ConnectError::Unreachable)));
        assert!(matches!(connect(&client, &descriptor, &sink).await, Err(ConnectError::BackingOff)));
    });
}

#[test]
fn what_is_no_descriptor_of_this_network_is_not_dialled() {
    local(async {
        let relay = relay("/ip4/127.0.0.1/udp/0/quic-v1").await;
        let client = client(Vec::new()).await;
        let sink = Rc::new(Sink::default());
        let other = descriptor(&relay.identity, relay.address, [8; 32]);
        assert!(matches!(connect(&client, &other, &sink).await, Err(ConnectError::OtherNetwork)));
        let mut altered = descriptor(&relay.identity, relay.address, NETWORK);
        altered[40] ^= 1;
        assert!(matches!(connect(&client, &altered, &sink).await, Err(ConnectError::Malformed)));
        assert!(relay.taken.links.borrow().is_empty());
    });
}

#[test]
fn a_dropped_link_closes_at_the_other_side() {
    local(async {
        for listen in ["/ip4/127.0.0.1/udp/0/quic-v1", "/ip4/127.0.0.1/tcp/0"] {
            let relay = relay(listen).await;
            let client = client(Vec::new()).await;
            let sink = Rc::new(Sink::default());
            let descriptor = descriptor(&relay.identity, relay.address, NETWORK);
            let link = connect(&client, &descriptor, &sink).await.unwrap();
            let (their_link, _, theirs) = relay.taken.link(0).await;
            send(&link, &numbered(0, 1)).await.unwrap();
            theirs.until(|sink| !sink.bytes.borrow().is_empty()).await;
            drop(link);
            theirs.until(|sink| !sink.closed.borrow().is_empty()).await;
            assert!(matches!(theirs.closed.borrow()[..], [CloseReason::PeerClosed]), "{listen}");
            // The first of these may still find room on the way.
            let mut refused = false;
            for _ in 0..100 {
                refused |= send(&their_link, &numbered(0, 64)).await.is_err();
            }
            assert!(refused, "{listen}");
            let link = connect(&client, &descriptor, &sink).await.unwrap();
            assert_eq!(relay.taken.link(1).await.1.len(), 32, "it can be dialled again at once");
            drop(link);
        }
    });
}

#[test]
fn what_is_no_batch_of_cells_does_not_leave() {
    local(async {
        let relay = relay("/ip4/127.0.0.1/udp/0/quic-v1").await;
        let client = client(Vec::new()).await;
        let descriptor = descriptor(&relay.identity, relay.address, NETWORK);
        for bad in [vec![], vec![0; CELL_BYTES + 1], vec![0; 65 * CELL_BYTES]] {
            let sink = Rc::new(Sink::default());
            let link = connect(&client, &descriptor, &sink).await.unwrap();
            let mut refused = false;
            for _ in 0..10 {
                refused |= send(&link, &bad).await.is_err();
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            assert!(refused, "{} B", bad.len());
        }
        for (_, _, sink) in relay.taken.links.borrow().iter() {
            assert!(sink.bytes.borrow().is_empty());
        }
    });
}

/// A peer that speaks libp2p but is none of ours.
async fn stranger(
    relay: &Relay,
    protocol: &'static str,
) -> Result<libp2p::Stream, libp2p_stream::OpenStreamError> {
    use futures::StreamExt;
    let behaviour = libp2p_stream::Behaviour::new();
    let mut control = behaviour.new_control();
    let mut swarm = libp2p::SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_quic()
        .with_behaviour(|_| behaviour)
        .unwrap()
        .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(30)))
        .build();
    let peer = peer_id(relay.identity.as_slice().try_into().unwrap()).unwrap();
    swarm.dial(DialOpts::peer_id(peer).addresses(vec![to_multiaddr(relay.address)]).build()).unwrap();
    while !swarm.is_connected(&peer) {
        swarm.next().await;
    }
    tokio::task::spawn_local(async move {
        loop {
            swarm.next().await;
        }
    });
    control.open_stream(peer, libp2p::StreamProtocol::new(protocol)).await
}

#[test]
fn garbage_on_the_stream_closes_that_link_as_misbehaviour() {
    use futures::AsyncWriteExt;
    local(async {
        let relay = relay("/ip4/127.0.0.1/udp/0/quic-v1").await;
        let mut stream = stranger(&relay, "/privatus/cell/1.0.0").await.unwrap();
        stream.write_all(&vec![0xaa; CELL_BYTES * 3 + 100]).await.unwrap();
        stream.close().await.unwrap();
        let (_link, _, sink) = relay.taken.link(0).await;
        sink.until(|sink| !sink.closed.borrow().is_empty()).await;
        assert!(matches!(sink.closed.borrow()[..], [CloseReason::Misbehaved]));
        assert_eq!(sink.bytes.borrow().len(), 3 * CELL_BYTES, "whole cells are onion's to judge");
    });
}

#[test]
fn other_protocols_are_refused() {
    local(async {
        let relay = relay("/ip4/127.0.0.1/udp/0/quic-v1").await;
        for protocol in ["/privatus/kad/1.0.0", "/ipfs/kad/1.0.0", "/libp2p/circuit/relay/0.2.0/hop", "/x"] {
            let refused = stranger(&relay, protocol).await;
            assert!(
                matches!(refused, Err(libp2p_stream::OpenStreamError::UnsupportedProtocol(_))),
                "{protocol}"
            );
        }
        assert!(relay.taken.links.borrow().is_empty());
    });
}

#[test]
fn a_peer_gets_no_more_connections_than_its_share() {
    use futures::StreamExt;
    use libp2p::swarm::SwarmEvent;
    use libp2p::swarm::dial_opts::PeerCondition;
    local(async {
        let relay = relay("/ip4/127.0.0.1/udp/0/quic-v1").await;
        let keys = libp2p::identity::Keypair::generate_ed25519();
        let peer = peer_id(relay.identity.as_slice().try_into().unwrap()).unwrap();
        // A swarm limits itself too, so each connection has its own, all with one key.
        let mut swarms = Vec::new();
        for _ in 0..6 {
            let mut swarm = build(keys.clone(), Role::Client, true).unwrap();
            let options = DialOpts::peer_id(peer).condition(PeerCondition::Always);
            swarm.dial(options.addresses(vec![to_multiaddr(relay.address)]).build()).unwrap();
            swarms.push(tokio::task::spawn_local(async move {
                loop {
                    match swarm.next().await.unwrap() {
                        SwarmEvent::ConnectionClosed { .. } | SwarmEvent::OutgoingConnectionError { .. } => {
                            return;
                        }
                        _ => {}
                    }
                }
            }));
        }
        while swarms.iter().filter(|swarm| swarm.is_finished()).count() < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        relay.taken.link(3).await;
        assert_eq!(relay.taken.links.borrow().len(), 4);
    });
}

#[test]
fn cells_wait_while_the_other_onion_takes_none() {
    struct Stuck;
    impl acceptor::Server for Stuck {
        async fn incoming(
            self: Rc<Self>,
            params: acceptor::IncomingParams,
            mut results: acceptor::IncomingResults,
        ) -> Result<(), capnp::Error> {
            struct Never(#[allow(dead_code)] link::Client);
            impl cell_sink::Server for Never {
                async fn cells(self: Rc<Self>, _: cell_sink::CellsParams) -> Result<(), capnp::Error> {
                    std::future::pending().await
                }
            }
            results.get().set_sink(new_client(Never(params.get()?.get_link()?)));
            Ok(())
        }
    }
    local(async {
        let relay = relay("/ip4/127.0.0.1/udp/0/quic-v1").await;
        let mut request = relay.links.listen_request();
        request.get().set_acceptor(new_client(Stuck));
        request.send().promise.await.unwrap();
        let client = client(Vec::new()).await;
        let sink = Rc::new(Sink::default());
        let link =
            connect(&client, &descriptor(&relay.identity, relay.address, NETWORK), &sink).await.unwrap();
        let batch = numbered(0, 64);
        let mut taken = 0;
        while tokio::time::timeout(Duration::from_millis(500), send(&link, &batch)).await.is_ok() {
            taken += 64;
            assert!(taken < 8_000, "nothing holds the sender back");
        }
        assert!(taken > 64);
    });
}

#[test]
fn a_target_has_one_spelling() {
    let text = "/ip4/127.0.0.1/udp/9/quic-v1/p2p/12D3KooW9xk7Zp1gejwfwNpfm6L9zH5NL4Bx5rm94LRYJJHJuARZ";
    let multiaddr: Multiaddr = text.parse().unwrap();
    let (address, peer) = from_multiaddr(&multiaddr).unwrap();
    let target = Target { link_key: link_key(&peer.unwrap()).unwrap(), addresses: vec![address] };
    let peer = peer_id(&target.link_key).unwrap();
    assert_eq!(to_multiaddr(target.addresses[0]).with(Protocol::P2p(peer)), multiaddr);
}
