//! The edge stored-keyvault before the unlock: it waits for the passphrase.

use std::rc::Rc;

use ipc_schema::edge::stored_keyvault::{Gate, OpenGate, Standing, Stands, Unlocked, Vault as _, Wiped};
use ipc_schema::edge::{Closer, Served};
use zeroize::Zeroizing;

use super::vault::{VaultServer, locked};
use crate::shell::{self, Shell};

pub(super) struct GateServer {
    pub(super) shell: Rc<Shell>,
    /// Of this edge: what it hands out ends with it.
    pub(super) closer: Closer,
}

impl Gate for GateServer {
    async fn open(self: Rc<Self>, _: OpenGate) -> Served<OpenGate> {
        self.shell.unlocked().await;
        let vault = Rc::new(VaultServer::new(self.shell.clone())).client(self.closer.clone());
        let unlocked = self.shell.with(|opened, _, _| {
            let store = opened.store();
            Unlocked {
                vault,
                store_key: Zeroizing::new(*store.store_key()),
                decoy_key: Zeroizing::new(*store.decoy_store_key()),
                scripts: opened.scripts(),
                wipe: store.is_to_wipe(),
                known: opened.is_in_use(),
            }
        });
        unlocked.map(Ok).ok_or_else(locked)
    }

    async fn standing(self: Rc<Self>, call: Standing) -> Served<Standing> {
        let mut changes = self.shell.standing();
        let standing = changes.wait_for(|standing| number(*standing) != call.seen).await;
        let standing = *standing.map_err(|_| locked())?;
        Ok(Ok(Stands {
            number: number(standing),
            screen_locked: standing.screen_locked,
            vault: standing.vault,
        }))
    }

    async fn wiped(self: Rc<Self>, _: Wiped) -> Served<Wiped> {
        if let Err(error) = self.shell.wiped() {
            // It is ordered again at the next open, and done again.
            eprintln!("{error}");
        }
        Ok(Ok(()))
    }
}

/// Never 0, and another one for each standing.
fn number(standing: shell::Standing) -> u64 {
    1 + 2 * u64::from(standing.vault) + u64::from(standing.screen_locked)
}
