//! The edge stored-onion: the network's state, mailboxes to choose from, circuits.

use std::rc::Rc;

use capnp_rpc::new_client;
use ipc_schema::edge::stored_onion;
use ipc_schema::edges::stored_onion_capnp::{self as edge, carrier, network_watcher};
use ipc_schema::relay::Hint;
use tokio::task::spawn_local;

use super::mailbox::MailboxServer;
use crate::core::{NetworkState, OpenRefused};
use crate::id::{Lane, RelayId};
use crate::path::Isolation;
use crate::shell::Shell;

/// Relays and hints in one call.
const LIST_MAX: u32 = 64;

/// The edge's bootstrap capability.
pub fn client(shell: Rc<Shell>) -> carrier::Client {
    new_client(CarrierServer { shell })
}

struct CarrierServer {
    shell: Rc<Shell>,
}

/// The caller's fault: the call fails, and tells no more.
fn malformed() -> capnp::Error {
    capnp::Error::failed("malformed argument".into())
}

pub(super) fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], capnp::Error> {
    bytes.try_into().map_err(|_| malformed())
}

impl carrier::Server for CarrierServer {
    async fn watch(
        self: Rc<Self>,
        params: carrier::WatchParams,
        _: carrier::WatchResults,
    ) -> Result<(), capnp::Error> {
        let watcher = params.get()?.get_watcher()?;
        spawn_local(keep_telling(self.shell.clone(), watcher));
        Ok(())
    }

    async fn pick_mailboxes(
        self: Rc<Self>,
        params: carrier::PickMailboxesParams,
        mut results: carrier::PickMailboxesResults,
    ) -> Result<(), capnp::Error> {
        let params = params.get()?;
        let avoid = params.get_avoid()?;
        if avoid.len() > LIST_MAX {
            return Err(malformed());
        }
        let avoid = avoid.iter().map(|id| fixed(id?).map(RelayId)).collect::<Result<Vec<_>, _>>()?;
        let count = usize::from(params.get_count());
        let picked = self.shell.with(|core, now, rng| core.pick_mailboxes(now, rng, count, &avoid));
        let mut list = results.get().init_relays(u32::try_from(picked.len()).unwrap_or(0));
        for (index, relay) in (0..).zip(&picked) {
            list.set(index, &relay.0);
        }
        Ok(())
    }

    async fn add_hints(
        self: Rc<Self>,
        params: carrier::AddHintsParams,
        _: carrier::AddHintsResults,
    ) -> Result<(), capnp::Error> {
        let hints = params.get()?.get_hints()?;
        if hints.len() > LIST_MAX {
            return Err(malformed());
        }
        let hints: Vec<Hint> =
            hints.iter().map(|hint| Hint::parse(hint?).map_err(|_| malformed())).collect::<Result<_, _>>()?;
        self.shell.with(|core, now, rng| core.add_hints(now, rng, &hints));
        Ok(())
    }

    async fn open(
        self: Rc<Self>,
        params: carrier::OpenParams,
        mut results: carrier::OpenResults,
    ) -> Result<(), capnp::Error> {
        let params = params.get()?;
        let lane = match params.get_lane()? {
            edge::Lane::Text => Lane::Text,
            edge::Lane::Bulk => Lane::Bulk,
            edge::Lane::Call => Lane::Call,
        };
        let isolation = Isolation {
            key: fixed(params.get_isolation()?)?,
            lane,
            relay: RelayId(fixed(params.get_relay()?)?),
        };
        let opened = self.shell.open(isolation).await;
        let mut result = results.get().init_result();
        match opened {
            Ok(opened) => {
                let mut out = result.init_mailbox();
                out.set_binding(&opened.binding);
                let mut route = out.reborrow().init_route(u32::try_from(opened.route.len()).unwrap_or(0));
                for (index, relay) in (0..).zip(&opened.route) {
                    route.set(index, &relay.0);
                }
                out.set_circuit(new_client(MailboxServer::new(self.shell.clone(), isolation.relay, &opened)));
            }
            Err(refused) => result.set_error(match refused {
                OpenRefused::NoRelays => edge::OpenError::NoRelays,
                OpenRefused::UnknownRelay => edge::OpenError::UnknownRelay,
                OpenRefused::BuildFailed => edge::OpenError::BuildFailed,
                OpenRefused::TooMany => edge::OpenError::TooMany,
            }),
        }
        Ok(())
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
pub(super) fn told(shell: &Shell, state: &NetworkState) -> stored_onion::NetworkState {
    let count = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    stored_onion::NetworkState {
        stage: state.stage,
        relays_known: count(state.relays_known),
        relays_usable: count(state.relays_usable),
        circuits: count(state.circuits),
        guard: state.guard,
        private: shell.settings.private(),
        network_name: shell.settings.network_name.clone(),
    }
}
