//! `privatus delete ID [--both]`: a text is gone, here or for both.

use clap::Args;
use ipc_schema::edge::ui_stored::DeleteText;
use serde::Serialize;

use super::{Context, Outcome, output, send, sockets, talk};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Which
    id: String,
    /// On their device, too: your own texts only
    #[arg(long)]
    both: bool,
}

#[derive(Debug, Serialize)]
struct Row<'a> {
    id: &'a str,
    deleted: bool,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    let Arguments { id, both } = arguments;
    let delete = DeleteText { id: id.clone(), both: *both };
    sockets::block_on(talk::call(&context.profile, talk::SOON, delete))?;
    context.output.done(&Row { id, deleted: true }, || output::one_line(id), send::LOST)
}
