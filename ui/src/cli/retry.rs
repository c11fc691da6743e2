//! `privatus retry ID`: a text that failed or expired is sent once more; any other is told as it is.

use clap::Args;
use ipc_schema::edge::ui_stored::{Delivery, RetryText};

use super::send::Row;
use super::{Context, Failure, Outcome, info, sockets, talk};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Which text
    id: String,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    let retry = RetryText { id: arguments.id.clone() };
    let message = sockets::block_on(talk::call(&context.profile, talk::SOON, retry))?;
    let words = || message.state.word().to_owned();
    let next = format!("see `privatus info {}`", message.id);
    context.output.done(&Row::of(&message, message.state), words, &next)?;
    match message.state {
        // What kept it from being delivered still does.
        Delivery::Failed | Delivery::Expired => {
            Err(Failure::Refused(info::next(message.state, message.reason, &message.id)))
        }
        Delivery::Queued | Delivery::Relayed | Delivery::Delivered | Delivery::Read => Ok(()),
    }
}
