//! netd: links, over the edge onion-netd.

use std::cell::Cell;
use std::rc::Rc;

use capnp_rpc::new_client;
use ipc_schema::edge::onion_netd::{
    Acceptor, Bootstrap, Connect, Hint, Incoming, LinkKey, Listen, RelayKey, Shared,
};
use ipc_schema::edge::{Closer, Failed, Served, ask, send};
use ipc_schema::edges::onion_netd_capnp::{cell_sink, link, links};
use ipc_schema::limits::CELLS_PER_BATCH_MAX;
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::spawn_local;

use crate::core::{DialId, Input, Target};
use crate::directory::Appearance;
use crate::directory::rules::parse_multiaddr;
use crate::id::LinkId;
use crate::shell::Shell;

/// Follows netd as it comes, goes and comes back.
pub async fn follow(shell: Rc<Shell>) {
    loop {
        let netd = shell.netd.client().await;
        let generation = shell.netd.generation();
        if attach(&shell, &netd).await.is_ok() {
            shell.netd.gone(generation).await;
        } else {
            // It went away while it was being asked; a new socket wakes us.
            shell.pause().await;
        }
        shell.links.clear();
        shell.handle(Input::NetdDown);
    }
}

async fn attach(shell: &Rc<Shell>, netd: &links::Client) -> Result<(), Failed> {
    let bootstraps = ask(netd, &Shared {}).await?;
    let seen = if shell.settings.relay { Some(listen(shell, netd).await?) } else { None };
    shell.handle(Input::NetdUp { bootstraps, seen });
    Ok(())
}

async fn listen(shell: &Rc<Shell>, netd: &links::Client) -> Result<Appearance, Failed> {
    let acceptor = Rc::new(AcceptorServer { shell: shell.clone() }).client(Closer::default());
    let listening = ask(netd, &Listen { acceptor }).await?;
    Ok(Appearance {
        link_key: listening.link_key.ok_or(Failed::Malformed)?,
        addresses: listening.addresses.iter().filter_map(|text| parse_multiaddr(text)).collect(),
        operator_tag: shell.settings.operator_tag,
        mailboxes: shell.settings.queues_max > 0,
    })
}

/// Has netd reach what the core wants.
pub async fn dial_wanted(shell: Rc<Shell>, mut wanted: UnboundedReceiver<(DialId, Target)>) {
    while let Some((id, target)) = wanted.recv().await {
        spawn_local(dial(shell.clone(), id, target));
    }
}

/// Tells the core what came of it.
async fn dial(shell: Rc<Shell>, dial: DialId, target: Target) {
    let generation = shell.netd.generation();
    let sink = Rc::new(Sink::new(shell.clone()));
    let reached = reach(&shell, &target, sink.clone()).await;
    // What a netd that is gone gave is gone with it.
    let reached = reached.filter(|_| shell.netd.is(generation));
    let link = reached.map(|(client, key)| {
        let id = shell.links.known(&key).unwrap_or_else(|| open(&shell, client, Some(key)));
        sink.is_of(id);
        (id, key)
    });
    shell.handle(Input::Dialled(dial, link));
}

/// `None`: whatever the reason, it is not reached.
async fn reach(shell: &Rc<Shell>, target: &Target, sink: Rc<Sink>) -> Option<(link::Client, LinkKey)> {
    let netd = shell.netd.present()?;
    let sink: cell_sink::Client = capnp_rpc::new_client_from_rc(sink);
    let link = match target {
        Target::Relay(_, descriptor) => {
            send(&netd, &Connect { descriptor: descriptor.clone(), sink }).await.ok()?.ok()?
        }
        Target::Bootstrap(index) => send(&netd, &Bootstrap { index: *index, sink }).await.ok()?.ok()?,
        Target::Hint(hint) => send(&netd, &Hint { hint: hint.pack(), sink }).await.ok()?.ok()?,
    };
    let key = ask(&link, &RelayKey {}).await.ok()?;
    Some((link, key))
}

/// Takes up a link and starts to feed it.
fn open(shell: &Rc<Shell>, client: link::Client, dialled: Option<LinkKey>) -> LinkId {
    let (id, wake) = (shell.links.name(), Rc::new(Notify::new()));
    let writer = spawn_local(write(shell.clone(), id, client, wake.clone())).abort_handle();
    shell.links.open(id, dialled, wake, writer);
    id
}

/// Sends a link's cells in batches, as fast as netd takes them.
async fn write(shell: Rc<Shell>, id: LinkId, client: link::Client, wake: Rc<Notify>) {
    loop {
        let batch = shell.drain(id, CELLS_PER_BATCH_MAX);
        if batch.is_empty() {
            wake.notified().await;
            continue;
        }
        let mut request = client.cells_request();
        request.get().set_batch(&batch);
        if request.send().await.is_err() {
            shell.link_down(id);
            return;
        }
    }
}

struct AcceptorServer {
    shell: Rc<Shell>,
}

impl Acceptor for AcceptorServer {
    async fn incoming(self: Rc<Self>, call: Incoming) -> Served<Incoming> {
        let id = open(&self.shell, call.link, None);
        let sink = Sink::new(self.shell.clone());
        sink.is_of(id);
        self.shell.handle(Input::LinkIn(id, call.peer));
        Ok(Ok(new_client(sink)))
    }
}

/// Where netd puts a link's cells.
struct Sink {
    shell: Rc<Shell>,
    link: Cell<Option<LinkId>>,
    known: Notify,
}

impl Sink {
    fn new(shell: Rc<Shell>) -> Self {
        Self { shell, link: Cell::new(None), known: Notify::new() }
    }

    fn is_of(&self, link: LinkId) {
        self.link.set(Some(link));
        self.known.notify_waiters();
    }

    /// The link, once netd's answer has said which: its first cells may overtake that answer.
    async fn link(&self) -> LinkId {
        loop {
            let known = self.known.notified();
            if let Some(link) = self.link.get() {
                return link;
            }
            known.await;
        }
    }
}

impl cell_sink::Server for Sink {
    async fn cells(self: Rc<Self>, params: cell_sink::CellsParams) -> Result<(), capnp::Error> {
        let link = self.link().await;
        let batch = params.get()?.get_batch()?;
        self.shell.handle(Input::Cells(link, batch));
        Ok(())
    }

    async fn closed(
        self: Rc<Self>,
        _: cell_sink::ClosedParams,
        _: cell_sink::ClosedResults,
    ) -> Result<(), capnp::Error> {
        let link = self.link().await;
        self.shell.link_down(link);
        Ok(())
    }
}
