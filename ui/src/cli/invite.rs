//! `privatus invite`: a link for one person, seven days long.

use std::io::IsTerminal;

use clap::{Args, Subcommand};
use ipc_schema::edge::ui_stored::{CancelInvite, Invites, MakeInvite};

use super::rows::InviteRow;
use super::{Context, Outcome, output, sockets, talk};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    list: Option<List>,
    /// What you call whom you invite; seen by you alone
    #[arg(long, value_name = "WHO", conflicts_with = "cancel")]
    name: Option<String>,
    /// End an invitation
    #[arg(long, value_name = "ID")]
    cancel: Option<String>,
}

#[derive(Debug, Subcommand)]
enum List {
    /// The invitations made so far
    List,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    match (&arguments.list, &arguments.cancel) {
        (Some(List::List), _) => list(context),
        (None, Some(id)) => {
            let cancel = CancelInvite { id: id.clone() };
            sockets::block_on(talk::call(&context.profile, talk::SOON, cancel))
        }
        (None, None) => make(arguments.name.as_deref().unwrap_or_default(), context),
    }
}

fn list(context: &Context) -> Outcome {
    let invites = sockets::block_on(talk::call(&context.profile, talk::SOON, Invites {}))?;
    invites.iter().try_for_each(|invite| {
        let words = || {
            format!(
                "{}  {}  {}",
                output::one_line(&invite.id),
                output::one_line(&invite.name),
                invite.state.word()
            )
        };
        context.output.row(&InviteRow::from(invite), words)
    })
}

fn make(name: &str, context: &Context) -> Outcome {
    let make = MakeInvite { name: name.into() };
    let invite = sockets::block_on(talk::call(&context.profile, talk::OVER_THE_NETWORK, make))?;
    let words =
        || if std::io::stdout().is_terminal() { with_code(&invite.link) } else { invite.link.clone() };
    context.output.done(&InviteRow::from(&invite), words, "the link stands in `privatus invite list --json`")
}

/// The link, and under it the same as a picture code.
fn with_code(link: &str) -> String {
    match output::picture_code(link) {
        Some(picture) => format!("{link}\n\n{picture}"),
        None => link.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_link_fits_a_picture_code() {
        let link = format!("privatus:i#{}", "A".repeat(ipc_schema::limits::LINK_MAX_CHARS - 11));
        let words = with_code(&link);
        assert!(words.starts_with(&link) && words.lines().count() > 20);
    }
}
