//! The edge operator-onion: counts for `privatus status` and `privatus relay metrics`.

use std::rc::Rc;

use capnp_rpc::new_client;
use ipc_schema::edges::operator_onion_capnp::operator;

use super::carrier::write_state;
use crate::core::OnionCore;
use crate::peers::disk;
use crate::shell::Shell;

/// The edge's bootstrap capability.
pub fn client(shell: Rc<Shell>) -> operator::Client {
    new_client(OperatorServer { shell })
}

struct OperatorServer {
    shell: Rc<Shell>,
}

impl operator::Server for OperatorServer {
    async fn network(
        self: Rc<Self>,
        _: operator::NetworkParams,
        mut results: operator::NetworkResults,
    ) -> Result<(), capnp::Error> {
        let state = self.shell.look(OnionCore::state);
        write_state(results.get().init_state(), &self.shell, &state);
        Ok(())
    }

    async fn relay(
        self: Rc<Self>,
        _: operator::RelayParams,
        mut results: operator::RelayResults,
    ) -> Result<(), capnp::Error> {
        let counts = self.shell.look(|core, _| core.counts());
        let disk = disk::counts(&self.shell.disk).await;
        let mut out = results.get();
        out.set_is_relay(self.shell.settings.relay);
        let mut metrics = out.init_metrics();
        metrics.set_circuits(counts.passing);
        metrics.set_cells_forwarded(counts.forwarded);
        metrics.set_links(counts.links);
        metrics.set_queues(disk.queues);
        metrics.set_messages(disk.messages);
        metrics.set_blobs(disk.blobs);
        metrics.set_disk_bytes(disk.bytes);
        Ok(())
    }
}
