//! `privatus forward ID WHO`: the words of a text to somebody, as a text of one's own.

use clap::Args;
use ipc_schema::edge::ui_stored::ForwardText;

use super::send::{self, Row};
use super::{Context, Outcome, output, sockets};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Which text
    id: String,
    /// To whom
    who: String,
    /// An id of your own for the new text: the same one again sends nothing twice
    #[arg(long = "id", value_name = "ID")]
    new_id: Option<String>,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    let new_id = arguments.new_id.clone().map_or_else(send::fresh_id, Ok)?;
    let forward =
        ForwardText { id: arguments.id.clone(), who: arguments.who.clone(), new_id: new_id.clone() };
    let message = sockets::block_on(send::accepted(context, &new_id, &forward))?;
    let words = || output::one_line(&message.id);
    let next = format!("the text leaves by itself; repeat only with --id {}", message.id);
    context.output.done(&Row::of(&message, message.state), words, &next)
}
