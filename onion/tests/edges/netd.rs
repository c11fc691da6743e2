//! A netd that passes bytes between onions of one process.

use std::cell::RefCell;
use std::rc::Rc;

use capnp_rpc::{new_client, new_client_from_rc};
use ipc_schema::edges::onion_netd_capnp::{CloseReason, ConnectError, acceptor, cell_sink, link, links};
use ipc_schema::relay::Descriptor;
use tokio::task::spawn_local;

/// All netds. The first relay is everybody's bootstrap.
#[derive(Default)]
pub struct Hub {
    nodes: RefCell<Vec<Rc<Node>>>,
}

#[derive(Default)]
struct Node {
    key: [u8; 32],
    acceptor: RefCell<Option<acceptor::Client>>,
}

impl Hub {
    /// A new netd.
    pub fn add(self: &Rc<Self>) -> capnp::capability::Client {
        let number = self.nodes.borrow().len();
        let node = Rc::new(Node { key: [u8::try_from(number).unwrap() + 1; 32], ..Node::default() });
        self.nodes.borrow_mut().push(node.clone());
        let client: links::Client = new_client(Netd { hub: self.clone(), node, number });
        client.client
    }

    fn by_key(&self, key: &[u8]) -> Option<Rc<Node>> {
        self.nodes.borrow().iter().find(|node| node.key == key).cloned()
    }
}

struct Netd {
    hub: Rc<Hub>,
    node: Rc<Node>,
    number: usize,
}

/// One direction's end: puts cells into the other side's sink.
struct End {
    peer: [u8; 32],
    to: RefCell<Option<cell_sink::Client>>,
}

impl Drop for End {
    fn drop(&mut self) {
        if let Some(sink) = self.to.take() {
            spawn_local(async move {
                let mut request = sink.closed_request();
                request.get().set_reason(CloseReason::PeerClosed);
                let _ = request.send().promise.await;
            });
        }
    }
}

impl link::Server for End {
    async fn cells(self: Rc<Self>, params: link::CellsParams) -> Result<(), capnp::Error> {
        let batch = params.get()?.get_batch()?;
        assert!(!batch.is_empty() && batch.len() <= 64 * 514 && batch.len().is_multiple_of(514));
        let sink = self.to.borrow().clone().ok_or_else(|| capnp::Error::disconnected("closed".into()))?;
        let mut request = sink.cells_request();
        request.get().set_batch(batch);
        request.send().await
    }

    async fn relay_key(
        self: Rc<Self>,
        _: link::RelayKeyParams,
        mut results: link::RelayKeyResults,
    ) -> Result<(), capnp::Error> {
        results.get().set_peer(&self.peer);
        Ok(())
    }
}

impl Netd {
    async fn reach(&self, node: Option<Rc<Node>>, sink: cell_sink::Client) -> Option<link::Client> {
        let node = node.filter(|node| node.key != self.node.key)?;
        let acceptor = node.acceptor.borrow().clone()?;
        let theirs = Rc::new(End { peer: self.node.key, to: RefCell::new(Some(sink)) });
        let mut request = acceptor.incoming_request();
        request.get().set_peer(&self.node.key);
        request.get().set_link(new_client_from_rc(theirs));
        let answer = request.send().promise.await.ok()?;
        let sink = answer.get().ok()?.get_sink().ok()?;
        let ours = End { peer: node.key, to: RefCell::new(Some(sink)) };
        Some(new_client(ours))
    }
}

impl links::Server for Netd {
    async fn listen(
        self: Rc<Self>,
        params: links::ListenParams,
        mut results: links::ListenResults,
    ) -> Result<(), capnp::Error> {
        self.node.acceptor.replace(Some(params.get()?.get_acceptor()?));
        let mut out = results.get();
        out.set_identity(&self.node.key);
        let address = format!("/ip4/127.0.0.1/udp/{}/quic-v1", 4_000 + self.number);
        out.init_addresses(1).set(0, &address);
        Ok(())
    }

    async fn connect(
        self: Rc<Self>,
        params: links::ConnectParams,
        mut results: links::ConnectResults,
    ) -> Result<(), capnp::Error> {
        let params = params.get()?;
        let descriptor = Descriptor::parse(params.get_descriptor()?).unwrap();
        let link = self.reach(self.hub.by_key(&descriptor.link_key), params.get_sink()?).await;
        let mut out = results.get().init_result();
        match link {
            Some(link) => out.set_link(link),
            None => out.set_error(ConnectError::Unreachable),
        }
        Ok(())
    }

    async fn bootstrap(
        self: Rc<Self>,
        params: links::BootstrapParams,
        mut results: links::BootstrapResults,
    ) -> Result<(), capnp::Error> {
        let params = params.get()?;
        let node = self.hub.nodes.borrow().get(usize::from(params.get_index())).cloned();
        let link = self.reach(node, params.get_sink()?).await;
        let mut out = results.get().init_result();
        match link {
            Some(link) => out.set_link(link),
            None => out.set_error(ConnectError::Unreachable),
        }
        Ok(())
    }

    async fn hint(
        self: Rc<Self>,
        _: links::HintParams,
        mut results: links::HintResults,
    ) -> Result<(), capnp::Error> {
        results.get().init_result().set_error(ConnectError::Unreachable);
        Ok(())
    }

    async fn shared(
        self: Rc<Self>,
        _: links::SharedParams,
        mut results: links::SharedResults,
    ) -> Result<(), capnp::Error> {
        results.get().set_bootstraps(1);
        Ok(())
    }
}
