//! The edge stored-keyvault before the unlock: one call, which waits for the passphrase.

use std::rc::Rc;

use capnp_rpc::new_client;
use ipc_schema::edges::stored_keyvault_capnp::gate::{
    Client, OpenParams, OpenResults, Server, StandingParams, StandingResults, WipedParams, WipedResults,
};

use super::{Closer, vault};
use crate::shell::{Shell, Standing};

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
                let store = vault.store();
                unlocked.set_store_key(store.store_key());
                unlocked.set_decoy_key(store.decoy_store_key());
                unlocked.set_wipe(store.is_to_wipe());
                unlocked.set_scripts(vault.scripts());
            })
            .ok_or_else(|| capnp::Error::disconnected("locked".to_owned()))?;
        unlocked.set_vault(new_client(vault::Served::new(self.shell.clone(), self.closer.clone())));
        Ok(())
    }

    async fn standing(
        self: Rc<Self>,
        params: StandingParams,
        mut results: StandingResults,
    ) -> Result<(), capnp::Error> {
        let seen = params.get()?.get_seen();
        let mut changes = self.shell.standing();
        let standing = changes.wait_for(|standing| number(*standing) != seen).await;
        let standing = *standing.map_err(|_| capnp::Error::disconnected("locked".to_owned()))?;
        let mut results = results.get();
        results.set_now(number(standing));
        results.set_screen_locked(standing.screen_locked);
        results.set_vault(standing.vault);
        Ok(())
    }

    async fn wiped(self: Rc<Self>, _: WipedParams, _: WipedResults) -> Result<(), capnp::Error> {
        if let Err(error) = self.shell.wiped() {
            // It is ordered again at the next open, and done again.
            eprintln!("{error}");
        }
        Ok(())
    }
}

/// Never 0, and another one for each standing.
fn number(standing: Standing) -> u64 {
    1 + 2 * u64::from(standing.vault) + u64::from(standing.screen_locked)
}
