//! `privatus unlock`: the passphrase, to keyvault.

use clap::Args;

use ipc_schema::edge::ui_keyvault::TryUnlock;

use super::{Context, Outcome, passphrase, sockets, talk};
use crate::peers;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Take the passphrase from this descriptor: one line
    #[arg(long, value_name = "N")]
    passphrase_fd: Option<i32>,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    // Who is not there needs no passphrase.
    context.profile.running()?;
    let passphrase = passphrase::read(arguments.passphrase_fd, "Passphrase")?;
    let call = |unlock| peers::send(unlock, TryUnlock { passphrase: passphrase.clone() });
    Ok(sockets::block_on(talk::vault(&context.profile, talk::SLOW_ON_PURPOSE, call))??)
}
