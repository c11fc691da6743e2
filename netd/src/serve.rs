//! The edge onion-netd, one method a call.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::rc::{Rc, Weak};
use std::time::Duration;

use capnp_rpc::new_client_from_rc;
use ipc_schema::child::{Child, Exit, Settled};
use ipc_schema::edge::onion_netd::{self, Bootstrap, Connect, Hint, Links, Listen, RelayKey};
use ipc_schema::edge::{self, Call, Served};
use ipc_schema::edges::onion_netd_capnp::{acceptor, cell_sink, link};
use ipc_schema::ends::EdgeEnds;
use ipc_schema::grant::Settings;
use libp2p::Stream;
use rand_core::Rng;
use tokio::sync::{Mutex, mpsc};
use tokio::task::{AbortHandle, JoinHandle, spawn_local};

use crate::address::{self, LinkKey, Target, to_multiaddr};
use crate::dial::{Dialling, Rules};
use crate::drive::{self, Connected, Incoming, Listening};
use crate::error::{CloseReason, ConnectError, StartError};
use crate::limits::UNTAKEN_LINKS_MAX;
use crate::links::{Reader, Writer, is_batch, split};
use crate::listen::{self, Addresses};
use crate::node::{Node, Origin};
use crate::state::State;

/// How long closed links get to tell the other side before the process ends.
const FAREWELL: Duration = Duration::from_millis(100);

/// How long onion may take to answer for a link that came in.
const TAKEN_WITHIN: Duration = Duration::from_secs(10);

/// Runs the process: makes the node of this suite, then serves every edge that is granted.
pub async fn run(mut child: Child) -> Exit {
    crate::swarm::warm_up();
    let settings = child.settings.clone();
    let shared = match Shared::start(&settings, &mut child.files).await {
        Ok(shared) => shared,
        Err(error) => {
            eprintln!("{error}");
            return Exit::Setting;
        }
    };
    let mut edges: Vec<JoinHandle<()>> = Vec::new();
    let exit = loop {
        match child.next_edge().await {
            Ok(Some(granted)) if granted.name == "onion-netd" && !granted.caller => {
                edges.retain(|edge| !edge.is_finished());
                match serve(granted.ends, shared.clone()) {
                    Ok(edge) => edges.push(edge),
                    Err(_) => break Exit::Fault,
                }
            }
            Ok(Some(_)) => {}
            Ok(None) => break Exit::Done,
            Err(_) => break Exit::Fault,
        }
    };
    edges.iter().for_each(JoinHandle::abort);
    drop((edges, shared));
    tokio::time::sleep(FAREWELL).await;
    exit
}

/// Serves one edge to onion.
///
/// # Errors
/// When the descriptors are no edge's.
pub fn serve(ends: EdgeEnds, shared: Rc<Shared>) -> std::io::Result<JoinHandle<()>> {
    Rc::new(LinksServer { shared, open: RefCell::new(HashMap::new()) }).serve(ends)
}

/// What outlives an edge, for onion may be restarted.
pub struct Shared {
    node: Node,
    relay: Option<RelaySide>,
}

struct RelaySide {
    addresses: RefCell<Addresses>,
    acceptor: Rc<RefCell<Option<acceptor::Client>>>,
    stdout: RefCell<Option<File>>,
}

impl Shared {
    /// Makes the node that these settings ask for.
    ///
    /// # Errors
    /// [`StartError`]: one line for the operator.
    pub async fn start(
        settings: &Settings,
        files: &mut BTreeMap<String, OwnedFd>,
    ) -> Result<Rc<Self>, StartError> {
        let private = settings.private();
        let bootstraps = settings
            .bootstraps
            .iter()
            .map(|text| address::bootstrap(text, private))
            .collect::<Result<_, _>>()?;
        let settled = Settled::take(files);
        let mut rules =
            Rules { network_id: settings.network_id, relay: settings.relay, bootstraps, own_key: None };
        if !settings.relay {
            settled.tell();
            let node = Node::new(Dialling::new(rules), Origin::Fresh { private });
            return Ok(Rc::new(Self { node, relay: None }));
        }
        let file =
            files.remove("state").map(File::from).ok_or(StartError::Transport("no state file".into()))?;
        let mut seed = zeroize::Zeroizing::new([0; 32]);
        getrandom::rand_core::UnwrapErr(getrandom::SysRng).fill_bytes(seed.as_mut_slice());
        let state = State::open(&file, settings.begun, *seed)?;
        let listener = listen::start(&file, state, &settings.listen, private, || settled.tell()).await?;
        rules.own_key = Some(listener.addresses.link_key);
        let (links, incoming) = mpsc::channel(UNTAKEN_LINKS_MAX);
        let (addresses, news) = mpsc::channel(UNTAKEN_LINKS_MAX);
        let swarm = drive::run(listener.swarm, Some(Incoming { links, addresses }));
        let acceptor = Rc::new(RefCell::new(None));
        spawn_local(take_links(incoming, acceptor.clone()));
        let relay = RelaySide {
            addresses: RefCell::new(listener.addresses),
            acceptor,
            stdout: RefCell::new(files.remove("stdout").map(File::from)),
        };
        let node = Node::new(Dialling::new(rules), Origin::Relay(swarm));
        let shared = Rc::new(Self { node, relay: Some(relay) });
        spawn_local(follow_addresses(news, Rc::downgrade(&shared)));
        Ok(shared)
    }
}

async fn follow_addresses(mut news: mpsc::Receiver<Listening>, shared: Weak<Shared>) {
    while let Some(news) = news.recv().await {
        let Some(shared) = shared.upgrade() else { return };
        if let Some(relay) = &shared.relay {
            relay.addresses.borrow_mut().update(&news);
        }
    }
}

async fn take_links(
    mut incoming: mpsc::Receiver<Connected>,
    acceptor: Rc<RefCell<Option<acceptor::Client>>>,
) {
    while let Some(connected) = incoming.recv().await {
        let present = acceptor.borrow().clone();
        // Without onion nobody could answer a cell: the link closes, and the other side tries again later.
        if let Some(acceptor) = present {
            spawn_local(offer_link(connected, acceptor));
        }
    }
}

/// Hands a link that came in to onion, and starts to read once onion says where to.
async fn offer_link(connected: Connected, acceptor: acceptor::Client) {
    let (server, reader, lease) = LinkServer::new(connected);
    let call = onion_netd::Incoming { link: new_client_from_rc(server.clone()), peer: server.link_key };
    let taken = tokio::time::timeout(TAKEN_WITHIN, edge::send(&acceptor, &call)).await;
    if let Ok(Ok(Ok(sink))) = taken {
        server.read(reader, lease, sink);
    }
}

struct LinksServer {
    shared: Rc<Shared>,
    /// Own links by the key at the other end.
    open: RefCell<HashMap<LinkKey, Weak<LinkServer>>>,
}

impl Links for LinksServer {
    async fn listen(self: Rc<Self>, call: Listen) -> Served<Listen> {
        let Some(relay) = &self.shared.relay else { return Ok(Ok(onion_netd::Listening::default())) };
        relay.acceptor.replace(Some(call.acceptor));
        let addresses = relay.addresses.borrow();
        if let Some(mut stdout) = relay.stdout.take() {
            listen::announce(&mut stdout, &addresses);
        }
        let confirmed = addresses.confirmed().into_iter().map(|address| to_multiaddr(address).to_string());
        Ok(Ok(onion_netd::Listening { link_key: Some(addresses.link_key), addresses: confirmed.collect() }))
    }

    async fn connect(self: Rc<Self>, call: Connect) -> Served<Connect> {
        Ok(self.link(self.shared.node.descriptor(&call.descriptor), call.sink).await)
    }

    async fn bootstrap(self: Rc<Self>, call: Bootstrap) -> Served<Bootstrap> {
        Ok(self.link(self.shared.node.bootstrap(call.index), call.sink).await)
    }

    async fn hint(self: Rc<Self>, call: Hint) -> Served<Hint> {
        Ok(self.link(self.shared.node.hint(&call.hint), call.sink).await)
    }

    async fn shared(self: Rc<Self>, _: onion_netd::Shared) -> Served<onion_netd::Shared> {
        Ok(Ok(u16::try_from(self.shared.node.bootstraps()).unwrap_or(u16::MAX)))
    }
}

impl LinksServer {
    /// The link to `target`: the one that is there, with `sink` from now on, or a new one.
    async fn link(
        &self,
        target: Result<Target, ConnectError>,
        sink: cell_sink::Client,
    ) -> Result<link::Client, ConnectError> {
        let target = target?;
        let link_key = target.link_key;
        let _gate = self.shared.node.gate(link_key).await;
        let open =
            self.open.borrow().get(&link_key).and_then(Weak::upgrade).filter(|link| !link.closed.get());
        if let Some(open) = open {
            open.sink.replace(Some(sink));
            return Ok(new_client_from_rc(open));
        }
        let connected = self.shared.node.dial(target).await?;
        let (server, reader, lease) = LinkServer::new(connected);
        server.read(reader, lease, sink);
        let mut all = self.open.borrow_mut();
        all.retain(|_, link| link.strong_count() > 0);
        all.insert(link_key, Rc::downgrade(&server));
        Ok(new_client_from_rc(server))
    }
}

/// One link as onion holds it. When onion drops it, reading stops and the connection closes.
struct LinkServer {
    link_key: LinkKey,
    writer: Mutex<Writer<Stream>>,
    /// Shared with the reading task.
    sink: Rc<RefCell<Option<cell_sink::Client>>>,
    closed: Rc<Cell<bool>>,
    reading: RefCell<Option<AbortHandle>>,
}

impl Drop for LinkServer {
    fn drop(&mut self) {
        if let Some(reading) = self.reading.take() {
            reading.abort();
        }
    }
}

impl LinkServer {
    fn new(connected: Connected) -> (Rc<Self>, Reader<Stream>, drive::Lease) {
        let (reader, writer) = split(connected.stream);
        let server = Self {
            link_key: connected.link_key,
            writer: Mutex::new(writer),
            sink: Rc::default(),
            closed: Rc::default(),
            reading: RefCell::default(),
        };
        (Rc::new(server), reader, connected.lease)
    }

    /// Starts to hand cells to `sink`.
    fn read(&self, reader: Reader<Stream>, lease: drive::Lease, sink: cell_sink::Client) {
        self.sink.replace(Some(sink));
        let task = spawn_local(pump(reader, lease, self.sink.clone(), self.closed.clone()));
        self.reading.replace(Some(task.abort_handle()));
    }
}

impl link::Server for LinkServer {
    async fn cells(self: Rc<Self>, params: link::CellsParams) -> Result<(), capnp::Error> {
        let batch = params.get()?.get_batch()?;
        if !is_batch(batch) {
            return Err(capnp::Error::failed("not 1 to 64 cells".into()));
        }
        // Calls of a stream come one after another; the lock only says so to the compiler.
        let mut writer = self.writer.lock().await;
        writer.write(batch).await.map_err(|_| capnp::Error::disconnected("the link is closed".into()))
    }

    async fn relay_key(
        self: Rc<Self>,
        _: link::RelayKeyParams,
        mut results: link::RelayKeyResults,
    ) -> Result<(), capnp::Error> {
        RelayKey::write_outcome(&Ok(self.link_key), results.get());
        Ok(())
    }
}

/// Reads cells and hands them on as fast as onion takes them, until either side ends.
async fn pump(
    mut reader: Reader<Stream>,
    lease: drive::Lease,
    sink: Rc<RefCell<Option<cell_sink::Client>>>,
    closed: Rc<Cell<bool>>,
) {
    let current = || sink.borrow().clone();
    let reason = loop {
        let batch = match reader.batch().await {
            Ok(batch) => batch,
            Err(reason) => break reason,
        };
        let Some(onion) = current() else { break CloseReason::ShuttingDown };
        let mut request = onion.cells_request();
        request.get().set_batch(batch);
        if request.send().await.is_err() {
            // Onion is gone, or refuses what it gets.
            break CloseReason::ShuttingDown;
        }
    };
    closed.set(true);
    drop((reader, lease));
    let Some(onion) = current() else { return };
    let mut request = onion.closed_request();
    request.get().set_reason(reason.into());
    // Best effort: an onion that is gone needs no news.
    let _ = request.send().promise.await;
}
