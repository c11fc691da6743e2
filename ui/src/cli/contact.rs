//! `privatus contact …`: one contact.

use clap::{Args, Subcommand};
use ipc_schema::edge::ui_stored::{ChangeContact, Contact, ContactAction};

use super::rows::ContactRow;
use super::{Context, Outcome, compare, contacts, output, question, safety, sockets, talk};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print what is known of somebody, and what to compare with them
    Show {
        /// Their name or id
        who: String,
    },
    /// Compare the safety number with what they read out or show, or take that back
    Verify {
        /// Their name or id
        who: String,
        #[command(flatten)]
        by: safety::By,
    },
    /// Begin to compare a short string, or go on with what they began, and print it once both joined
    Compare {
        /// Their name or id
        who: String,
        #[command(flatten)]
        how: compare::How,
    },
    /// Call somebody otherwise; seen by you alone
    Rename {
        /// Their name or id
        who: String,
        /// What you call them from now on
        name: String,
    },
    /// Take nothing from somebody any more
    Block {
        /// Their name or id
        who: String,
        /// Take it back
        #[arg(long)]
        off: bool,
    },
    /// Hear somebody again; what they wrote meanwhile does not come
    Unblock {
        /// Their name or id
        who: String,
    },
    /// Forget somebody and the conversation
    Delete {
        /// Their name or id
        who: String,
        /// Really: without it a terminal is asked, and a script refused
        #[arg(long)]
        yes: bool,
    },
    /// Send what waits because a copy of their device may exist: ask them first
    Resume {
        /// Their name or id
        who: String,
    },
    /// Says how to meet who opened an invitation second: they are not taken in
    Accept {
        /// Their name or id
        who: String,
    },
    /// Have seen that an invitation was opened twice
    Decline {
        /// Their name or id
        who: String,
    },
}

impl Action {
    fn who(&self) -> &str {
        match self {
            Self::Show { who }
            | Self::Verify { who, .. }
            | Self::Compare { who, .. }
            | Self::Rename { who, .. }
            | Self::Block { who, .. }
            | Self::Unblock { who }
            | Self::Delete { who, .. }
            | Self::Resume { who }
            | Self::Accept { who }
            | Self::Decline { who } => who,
        }
    }

    /// What is asked of stored. Whatever compares is not asked here: of *verify* this is the way back.
    fn asked(&self) -> ContactAction {
        match self {
            Self::Show { .. } | Self::Compare { .. } => ContactAction::Show,
            Self::Verify { .. } => ContactAction::Verify(None),
            Self::Rename { name, .. } => ContactAction::Rename(name.clone()),
            Self::Block { off, .. } => ContactAction::Block(!off),
            Self::Unblock { .. } => ContactAction::Block(false),
            Self::Delete { .. } => ContactAction::Delete,
            Self::Resume { .. } => ContactAction::Resume,
            Self::Accept { .. } => ContactAction::Accept,
            Self::Decline { .. } => ContactAction::Decline,
        }
    }
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    match &arguments.action {
        Action::Show { who } => safety::show(who, context),
        Action::Compare { who, how } => compare::run(who, how, context),
        Action::Verify { who, by } if !by.off => safety::verify(who, by, context),
        action => act(action, context),
    }
}

fn act(action: &Action, context: &Context) -> Outcome {
    let who = action.who();
    if let Action::Delete { yes: false, .. } = action {
        let loss = format!("this deletes {} and the whole conversation for good", output::one_line(who));
        question::sure(&loss, context.output)?;
    }
    // A deleted contact is nobody any more.
    if let Action::Delete { .. } = action {
        return tell(who, action.asked(), context).map(drop);
    }
    change(who, action.asked(), context)
}

/// Does something with somebody that needs no question, and prints them as they are then.
pub(super) fn change(who: &str, action: ContactAction, context: &Context) -> Outcome {
    let contact = tell(who, action, context)?;
    context.output.done(&ContactRow::from(&contact), || contacts::words(&contact), contacts::LOST)
}

fn tell(who: &str, action: ContactAction, context: &Context) -> Outcome<Contact> {
    let change = ChangeContact { who: who.into(), action };
    sockets::block_on(talk::call(&context.profile, talk::SOON, change))
}

#[cfg(test)]
mod tests {
    use super::super::contacts::tests::robin;
    use super::*;

    #[test]
    fn what_only_changes_a_contact_never_says_that_something_was_compared() {
        let (who, by) = (robin().name, safety::By::default());
        assert_eq!(Action::Verify { who, by }.asked(), ContactAction::Verify(None));
    }
}
