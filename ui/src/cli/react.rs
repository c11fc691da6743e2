//! `privatus react ID EMOJI`: what you think of a text, in one sign.

use clap::Args;
use ipc_schema::edge::ui_stored::React;

use super::rows::MessageRow;
use super::{Context, Outcome, output, send, sockets, talk};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// To which text
    id: String,
    /// The sign, in the place of an earlier one; empty: none
    emoji: String,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    let react = React { id: arguments.id.clone(), emoji: arguments.emoji.clone() };
    let message = sockets::block_on(talk::call(&context.profile, talk::SOON, react))?;
    context.output.done(&MessageRow::from(&message), || output::one_line(&message.id), send::LOST)
}
