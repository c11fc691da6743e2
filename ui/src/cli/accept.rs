//! `privatus accept LINK`: returns when the reply lies at a relay.

use clap::Args;

use super::rows::ContactRow;
use super::{Context, Outcome, contacts, sockets, talk};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The whole link, from privatus: to the last letter
    link: String,
    /// What you call who invited you; seen by you alone
    #[arg(long, value_name = "WHO")]
    name: Option<String>,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    let (link, name) = (arguments.link.trim(), arguments.name.as_deref().unwrap_or_default());
    let call =
        |messenger: crate::peers::messenger::Messenger| async move { messenger.accept(link, name).await };
    let contact = sockets::block_on(talk::messenger(&context.profile, talk::OVER_THE_NETWORK, call))?;
    context.output.row(&ContactRow::from(&contact), || contacts::words(&contact))
}
