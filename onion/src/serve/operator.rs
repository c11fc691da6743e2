//! The edge operator-onion: counts for `privatus status` and `privatus relay metrics`.

use std::rc::Rc;

use ipc_schema::edge::Served;
use ipc_schema::edge::operator_onion::{Network, Operator, Relay, RelayMetrics};

use super::carrier::told;
use crate::core::OnionCore;
use crate::peers::disk;
use crate::shell::Shell;

pub(super) struct OperatorServer {
    pub(super) shell: Rc<Shell>,
}

impl Operator for OperatorServer {
    async fn network(self: Rc<Self>, _: Network) -> Served<Network> {
        let state = self.shell.look(OnionCore::state);
        Ok(Ok(told(&self.shell, &state)))
    }

    async fn relay(self: Rc<Self>, _: Relay) -> Served<Relay> {
        if !self.shell.settings.relay {
            return Ok(Ok(None));
        }
        let counts = self.shell.look(|core, _| core.counts());
        let disk = disk::counts(&self.shell.disk).await;
        Ok(Ok(Some(RelayMetrics {
            circuits: counts.passing,
            cells_forwarded: counts.forwarded,
            queues: disk.queues,
            messages: disk.messages,
            blobs: disk.blobs,
            disk_bytes: disk.bytes,
            links: counts.links,
            draining: false,
            begun_anew: disk.begun_anew,
        })))
    }
}
