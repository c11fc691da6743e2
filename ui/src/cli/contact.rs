//! `privatus contact …`: one contact.

use clap::{Args, Subcommand};

use super::rows::ContactRow;
use super::{Context, Outcome, contacts, sockets, talk};
use crate::peers::messenger::ContactAction;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print what is known of somebody
    Show { who: String },
    /// Say that the safety number was compared
    Verify {
        who: String,
        /// Take it back
        #[arg(long)]
        off: bool,
    },
    /// Call somebody otherwise; seen by you alone
    Rename { who: String, name: String },
    /// Take nothing from somebody any more
    Block {
        who: String,
        /// Take it back
        #[arg(long)]
        off: bool,
    },
    /// Forget somebody and the conversation
    Delete { who: String },
    /// Take who opened an invitation that was opened twice
    Accept { who: String },
    /// Or do not
    Decline { who: String },
}

impl Action {
    fn split(&self) -> (&str, ContactAction) {
        match self {
            Self::Show { who } => (who, ContactAction::Show),
            Self::Verify { who, off } => (who, ContactAction::Verify(!off)),
            Self::Rename { who, name } => (who, ContactAction::Rename(name.clone())),
            Self::Block { who, off } => (who, ContactAction::Block(!off)),
            Self::Delete { who } => (who, ContactAction::Delete),
            Self::Accept { who } => (who, ContactAction::Accept),
            Self::Decline { who } => (who, ContactAction::Decline),
        }
    }
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    let (who, action) = arguments.action.split();
    let action = &action;
    let contact = sockets::block_on(talk::messenger(&context.profile, talk::SOON, |messenger| async move {
        messenger.contact(who, action).await
    }))?;
    // A deleted contact is nobody any more.
    if *action == ContactAction::Delete {
        return Ok(());
    }
    context.output.row(&ContactRow::from(&contact), || contacts::words(&contact))
}
