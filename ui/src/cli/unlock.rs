//! `privatus unlock`: the passphrase, to keyvault.

use std::time::Duration;

use clap::Args;
use ipc_schema::edge::ui_keyvault::TryUnlock;

use super::talk::{self, Patience};
use super::{Context, Outcome, passphrase, sockets};
use crate::peers;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Take the passphrase from this descriptor: one line
    #[arg(long, value_name = "N")]
    passphrase_fd: Option<i32>,
    /// After too many wrong passphrases: wait so long for a turn (by default 15 s with --passphrase-fd; at a terminal until Ctrl C)
    #[arg(long, value_name = "SECONDS")]
    wait: Option<u32>,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    // Who is not there needs no passphrase.
    context.profile.running()?;
    let passphrase = passphrase::read(arguments.passphrase_fd, "Passphrase")?;
    let waits = arguments.wait.map(|seconds| Duration::from_secs(seconds.into()));
    let patience = Patience::of(arguments.passphrase_fd, waits);
    let call = |unlock| peers::send(unlock, TryUnlock { passphrase: passphrase.clone() });
    Ok(sockets::block_on(talk::with_passphrase(&context.profile, patience, call))??)
}
