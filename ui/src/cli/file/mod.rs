//! `privatus file …`: files, sent and taken. This program opens the paths itself and hands the bytes over: no part of the suite can.

mod list;
mod save;
mod send;
mod source;
mod target;

use clap::{Args, Subcommand};
use ipc_schema::edge::ui_stored::{File, FileAction, FileState};

use super::rows::FileRow;
use super::{Context, Outcome, sockets, talk};
use crate::peers::messenger::Messenger;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Offer files to somebody, in one message
    Send(send::Arguments),
    /// The files with somebody, or all, the newest first
    List(list::Arguments),
    /// Have a file come that they offer
    Accept(Which),
    /// Or do not; also of one that is on its way
    Refuse(Which),
    /// Have one rest, until resume
    Pause(Which),
    /// Have it go on
    Resume(Which),
    /// Want no more of one
    Cancel(Which),
    /// Have one go on that failed
    Retry(Which),
    /// Write one that is here to a path of yours; never over what is there
    Save(save::Arguments),
}

#[derive(Debug, Args)]
struct Which {
    /// Its id
    id: String,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    match &arguments.action {
        Action::Send(arguments) => send::run(arguments, context),
        Action::List(arguments) => list::run(arguments, context),
        Action::Accept(which) => act(which, FileAction::Accept, context),
        Action::Refuse(which) => act(which, FileAction::Refuse, context),
        Action::Pause(which) => act(which, FileAction::Pause, context),
        Action::Resume(which) => act(which, FileAction::Resume, context),
        Action::Cancel(which) => act(which, FileAction::Cancel, context),
        Action::Retry(which) => act(which, FileAction::Retry, context),
        Action::Save(arguments) => save::run(arguments, context),
    }
}

fn act(which: &Which, action: FileAction, context: &Context) -> Outcome {
    let call = |messenger: Messenger| async move { messenger.act_on_file(&which.id, action).await };
    let file = sockets::block_on(talk::messenger(&context.profile, talk::SOON, call))?;
    context.output.done(&FileRow::from(&file), || list::stands(&file), "see `privatus file list`")
}

/// Whether it goes no further by itself.
fn is_over(file: &File) -> bool {
    match file.state {
        FileState::Saved
        | FileState::Refused
        | FileState::Cancelled
        | FileState::Expired
        | FileState::Failed => true,
        FileState::Offered | FileState::Waiting | FileState::Going | FileState::Paused => false,
    }
}
