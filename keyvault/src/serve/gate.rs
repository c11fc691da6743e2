//! The edge stored-keyvault before the unlock: one call, which waits for the passphrase.

use std::rc::Rc;

use capnp_rpc::new_client;
use ipc_schema::edges::stored_keyvault_capnp::gate::{Client, OpenParams, OpenResults, Server};

use super::{Closer, vault};
use crate::shell::Shell;

struct Gate {
    shell: Rc<Shell>,
    closer: Closer,
}

pub(super) fn client(shell: Rc<Shell>, closer: Closer) -> capnp::capability::Client {
    let client: Client = new_client(Gate { shell, closer });
    client.client
}

impl Server for Gate {
    async fn open(self: Rc<Self>, _: OpenParams, mut results: OpenResults) -> Result<(), capnp::Error> {
        self.shell.unlocked().await;
        let mut unlocked = results.get().init_unlocked();
        self.shell
            .with(|vault, _, _| {
                unlocked.set_store_key(vault.store_key().expose());
                unlocked.set_scripts(vault.scripts());
            })
            .ok_or_else(|| capnp::Error::disconnected("locked".to_owned()))?;
        unlocked.set_vault(new_client(vault::Served::new(self.shell.clone(), self.closer.clone())));
        Ok(())
    }
}
