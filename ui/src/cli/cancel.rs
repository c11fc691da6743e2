//! `privatus cancel ID`: takes a text back that was nowhere but here.

use std::cell::Cell;

use clap::Args;
use ipc_schema::edge::ui_stored::{CancelText, Refusal};
use serde::Serialize;

use super::{Context, Outcome, sockets, talk};
use crate::peers::PeerError;
use crate::peers::messenger::Messenger;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Which text
    id: String,
}

#[derive(Debug, Serialize)]
struct Row<'a> {
    id: &'a str,
    cancelled: bool,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    let id = &arguments.id;
    let lost = Cell::new(false);
    let lost = &lost;
    let call = |messenger: Messenger| async move {
        match messenger.call(CancelText { id: id.clone() }).await {
            // It was done, and the answer was lost.
            Err(PeerError::Refused(Refusal::NoSuchMessage)) if lost.get() => Ok(()),
            answer => {
                lost.set(lost.get() || matches!(answer, Err(PeerError::Lost)));
                answer
            }
        }
    };
    sockets::block_on(talk::messenger(&context.profile, talk::SOON, call))?;
    let words = || "taken back: nobody has seen it".to_owned();
    let row = Row { id: &arguments.id, cancelled: true };
    context.output.done(&row, words, "it stands in `privatus messages WHO` no longer")
}
