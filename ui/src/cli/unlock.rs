//! `privatus unlock`: the passphrase, to keyvault.

use clap::Args;

use super::{Context, Outcome, passphrase, refusal, sockets, talk};

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
    sockets::block_on(async {
        let call = |unlock: crate::peers::unlock::Unlock| {
            let passphrase = passphrase.clone();
            async move { unlock.unlock(&passphrase).await }
        };
        refusal::unlocked(talk::vault(&context.profile, talk::SLOW_ON_PURPOSE, call).await?)
    })
}
