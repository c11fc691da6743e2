//! Cap'n Proto RPC over an edge, with every reader limit set.

mod meter;
mod stream;

use std::cell::RefCell;
use std::rc::Rc;

use capnp::capability::FromClientHook;
use capnp::message::ReaderOptions;
use capnp_rpc::rpc_twoparty_capnp::Side;
use capnp_rpc::{RpcSystem, twoparty};
use tokio::sync::Notify;

use crate::ends::EdgeEnds;
use crate::limits;
use meter::Metered;
use stream::Reader;

type Network = twoparty::VatNetwork<Metered<Reader>>;

/// Every limit of a reader.
pub(crate) fn reader_options() -> ReaderOptions {
    let mut options = ReaderOptions::new();
    options
        .traversal_limit_in_words(Some(limits::MESSAGE_MAX_BYTES / 8))
        .nesting_limit(limits::MESSAGE_NESTING_MAX);
    options
}

fn network(ends: EdgeEnds, side: Side) -> std::io::Result<Network> {
    let (read, write, seat) = stream::halves(ends)?;
    let (read, write) = meter::metered(read, write, seat);
    Ok(twoparty::VatNetwork::new(read, write, side, reader_options()))
}

/// Serves `bootstrap` on an edge until the other side hangs up or sends what cannot be read. Runs on the current `LocalSet`.
///
/// # Errors
/// When the descriptors are no pipes and no stream socket.
pub fn serve(
    ends: EdgeEnds,
    bootstrap: capnp::capability::Client,
) -> std::io::Result<tokio::task::JoinHandle<()>> {
    let system = RpcSystem::new(Box::new(network(ends, Side::Server)?), Some(bootstrap));
    Ok(tokio::task::spawn_local(async move {
        // A broken or hostile peer ends its own edge: nothing to add.
        let _ = system.await;
    }))
}

/// Connects as caller. The client breaks when the other side goes; the task ends then.
///
/// # Errors
/// When the descriptors are no pipes and no stream socket.
pub fn connect<C: FromClientHook>(ends: EdgeEnds) -> std::io::Result<(C, tokio::task::JoinHandle<()>)> {
    let mut system = RpcSystem::new(Box::new(network(ends, Side::Client)?), None);
    let client = system.bootstrap(Side::Server);
    let task = tokio::task::spawn_local(async move {
        let _ = system.await;
    });
    Ok((client, task))
}

/// The callee side of one edge as its caller sees it: present, or being restarted.
///
/// The supervisor grants new ends when the callee was restarted; `connected` is called anew then. Cheap to clone.
pub struct Peer<C> {
    state: Rc<PeerState<C>>,
}

struct PeerState<C> {
    present: RefCell<Option<C>>,
    generation: std::cell::Cell<u64>,
    changed: Notify,
}

impl<C> Clone for Peer<C> {
    fn clone(&self) -> Self {
        Self { state: self.state.clone() }
    }
}

impl<C: FromClientHook + Clone + 'static> Default for Peer<C> {
    fn default() -> Self {
        Self::new()
    }
}

impl<C: FromClientHook + Clone + 'static> Peer<C> {
    /// A peer that is not there yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            state: Rc::new(PeerState {
                present: RefCell::new(None),
                generation: std::cell::Cell::new(0),
                changed: Notify::new(),
            }),
        }
    }

    /// Takes granted ends: from now on calls go there, until they close.
    ///
    /// # Errors
    /// When the descriptors are no pipes and no stream socket.
    pub fn connected(&self, ends: EdgeEnds) -> std::io::Result<()> {
        let (client, task) = connect::<C>(ends)?;
        let generation = self.state.generation.get() + 1;
        self.state.generation.set(generation);
        self.state.present.replace(Some(client));
        self.state.changed.notify_waiters();
        let state = self.state.clone();
        tokio::task::spawn_local(async move {
            let _ = task.await;
            if state.generation.get() == generation {
                state.present.replace(None);
                state.changed.notify_waiters();
            }
        });
        Ok(())
    }

    /// The callee if it is there now.
    #[must_use]
    pub fn present(&self) -> Option<C> {
        self.state.present.borrow().clone()
    }

    /// The callee, waiting for it to come (back).
    pub async fn client(&self) -> C {
        loop {
            let changed = self.state.changed.notified();
            if let Some(client) = self.present() {
                return client;
            }
            changed.await;
        }
    }

    /// Which connection this is, counted from 1; 0 before the first. Lets a caller notice a restart.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.state.generation.get()
    }

    /// Whether the connection that `generation` counts is there.
    #[must_use]
    pub fn is(&self, generation: u64) -> bool {
        self.generation() == generation && self.state.present.borrow().is_some()
    }

    /// Ends when the connection that `generation` counts is there no more: the peer went, or another came in its place.
    pub async fn gone(&self, generation: u64) {
        loop {
            // Asked for before the look: what changes in between is not missed.
            let changed = self.state.changed.notified();
            if !self.is(generation) {
                return;
            }
            changed.await;
        }
    }

    /// Ends when the peer came or went.
    pub async fn changed(&self) {
        self.state.changed.notified().await;
    }
}
