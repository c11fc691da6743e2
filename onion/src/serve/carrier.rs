//! The edge stored-onion: the network's state, mailboxes to choose from, circuits.

use std::rc::Rc;

use ipc_schema::edge::stored_onion::{self as edge, AddHints, Carrier, Mailbox, Open, PickMailboxes, Watch};
use ipc_schema::edge::{Closer, Served};
use ipc_schema::edges::stored_onion_capnp::network_watcher;
use tokio::task::spawn_local;

use super::mailbox::MailboxServer;
use crate::core::{Input, NetworkState};
use crate::id::Lane;
use crate::path::Isolation;
use crate::shell::Shell;

/// The edge's bootstrap capability.
pub(super) struct CarrierServer {
    pub(super) shell: Rc<Shell>,
    /// Ends the edge, whichever of its capabilities is given what does not fit.
    pub(super) closer: Closer,
}

impl Carrier for CarrierServer {
    async fn watch(self: Rc<Self>, call: Watch) -> Served<Watch> {
        spawn_local(keep_telling(self.shell.clone(), call.watcher));
        Ok(Ok(()))
    }

    async fn pick_mailboxes(self: Rc<Self>, call: PickMailboxes) -> Served<PickMailboxes> {
        let count = usize::from(call.count);
        Ok(Ok(self.shell.pick_mailboxes(count, &call.avoid)))
    }

    async fn add_hints(self: Rc<Self>, call: AddHints) -> Served<AddHints> {
        self.shell.handle(Input::AddHints(call.hints));
        Ok(Ok(()))
    }

    async fn open(self: Rc<Self>, call: Open) -> Served<Open> {
        let lane = match call.lane {
            edge::Lane::Text => Lane::Text,
            edge::Lane::Bulk => Lane::Bulk,
            edge::Lane::Call => Lane::Call,
        };
        let isolation = Isolation { key: call.isolation, lane, relay: call.relay };
        Ok(self.shell.open(isolation).await.map(|opened| {
            let server = Rc::new(MailboxServer::new(self.shell.clone(), call.relay, &opened));
            let circuit = server.client(self.closer.clone());
            edge::Opened { circuit, binding: opened.binding, route: opened.route }
        }))
    }
}

/// Tells a watcher the state, now and at each change, until it goes away.
async fn keep_telling(shell: Rc<Shell>, watcher: network_watcher::Client) {
    let mut states = shell.watch();
    loop {
        let state = states.borrow_and_update().clone();
        let mut request = watcher.changed_request();
        told(&shell, &state).write(request.get().init_state());
        if request.send().await.is_err() || states.changed().await.is_err() {
            return;
        }
    }
}

/// The state as it is told on an edge.
pub(super) fn told(shell: &Shell, state: &NetworkState) -> edge::NetworkState {
    let count = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    edge::NetworkState {
        stage: state.stage,
        relays_known: count(state.relays_known),
        relays_usable: count(state.relays_usable),
        circuits: count(state.circuits),
        guard: state.guard,
        private: shell.settings.private(),
        network_name: shell.settings.network_name.clone(),
        clock: state.clock,
        guards_lost: state.guards_lost,
    }
}
