//! `privatus profile name`: what new contacts call the user, unless they choose otherwise.

use clap::{Args, Subcommand};
use ipc_schema::edge::ui_stored::{Access, Contacts, LookState, Refusal, SetProfileName};
use serde::Serialize;

use super::{Context, Outcome, output, sockets, talk};
use crate::peers::PeerError;
use crate::peers::messenger::Messenger;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print the name, or change it
    Name {
        /// The new name
        text: Option<String>,
    },
}

#[derive(Debug, Serialize)]
struct Row<'a> {
    name: &'a str,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    let Action::Name { text } = &arguments.action;
    sockets::block_on(async {
        match text {
            Some(name) => {
                let call = SetProfileName { name: name.clone() };
                talk::call(&context.profile, talk::SOON, call).await
            }
            None => {
                let name = talk::messenger(&context.profile, talk::SOON, current).await?;
                context.output.row(&Row { name: &name }, || output::one_line(&name))
            }
        }
    })
}

async fn current(messenger: Messenger) -> Result<String, PeerError> {
    let state = messenger.call(LookState {}).await?;
    match state.access {
        Access::Open if state.profile_name.is_empty() => {
            // Nobody set one, or it could not be read: whoever asks for more is told which.
            messenger.call(Contacts {}).await.map(|_| String::new())
        }
        Access::Open => Ok(state.profile_name),
        Access::Locked => Err(PeerError::Refused(Refusal::Locked)),
        Access::ScriptsOff => Err(PeerError::Refused(Refusal::ScriptsOff)),
    }
}

/// Whether local programs may use this profile.
///
/// # Errors
/// Locked, or not running.
pub(super) async fn scripts(context: &Context) -> Outcome<bool> {
    let call = |messenger: Messenger| async move {
        match messenger.call(LookState {}).await?.access {
            Access::Open => Ok(true),
            Access::ScriptsOff => Ok(false),
            Access::Locked => Err(PeerError::Refused(Refusal::Locked)),
        }
    };
    talk::messenger(&context.profile, talk::SOON, call).await
}
