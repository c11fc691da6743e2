//! `privatus pin WHO`: somebody stands before the others.

use clap::Args;
use ipc_schema::edge::ui_stored::ContactAction;

use super::{Context, Outcome, contact};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Who
    who: String,
    /// Take it back
    #[arg(long)]
    off: bool,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    contact::change(&arguments.who, ContactAction::Pin(!arguments.off), context)
}
