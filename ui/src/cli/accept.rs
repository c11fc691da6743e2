//! `privatus accept LINK`: returns when the reply lies at a relay.

use clap::Args;
use ipc_schema::edge::ui_stored::AcceptInvite;

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
    let name = arguments.name.clone().unwrap_or_default();
    let accept = AcceptInvite { link: arguments.link.trim().into(), name };
    let contact = sockets::block_on(talk::call(&context.profile, talk::OVER_THE_NETWORK, accept))?;
    context.output.row(&ContactRow::from(&contact), || contacts::words(&contact))
}
