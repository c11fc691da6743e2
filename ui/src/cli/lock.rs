//! `privatus lock`: all keys are dropped, nothing is fetched until the passphrase comes.

use ipc_schema::edge::ui_keyvault::Lock;

use super::{Context, Outcome, sockets, talk};
use crate::peers;

pub(super) fn run(context: &Context) -> Outcome {
    sockets::block_on(async {
        talk::vault(&context.profile, talk::SOON, |unlock| peers::ask(unlock, Lock {})).await?;
        // keyvault ends with the lock; a fresh one answers that it is locked.
        while !talk::locked(&context.profile).await? {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        Ok(())
    })
}
