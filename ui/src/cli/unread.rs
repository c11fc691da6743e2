//! `privatus unread WHO`: a conversation counts as unread until something of it is read.

use clap::Args;
use ipc_schema::edge::ui_stored::ContactAction;

use super::{Context, Outcome, contact};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Whose
    who: String,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    contact::change(&arguments.who, ContactAction::Unread, context)
}
