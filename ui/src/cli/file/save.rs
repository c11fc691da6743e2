//! `privatus file save ID PATH`: a file that is here, to a path of this person's.

use std::cell::RefCell;
use std::path::PathBuf;

use clap::Args;
use ipc_schema::edge::ui_stored::FileAction;
use serde::Serialize;

use super::super::{Context, Outcome, output, sockets, talk};
use super::target::Target;
use crate::peers::messenger::Messenger;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Its id
    id: String,
    /// A folder, in which it gets a name that is free; or a path where nothing is
    #[arg(value_hint = clap::ValueHint::AnyPath)]
    path: PathBuf,
}

#[derive(Debug, Serialize)]
struct Row<'a> {
    id: &'a str,
    path: &'a str,
    size: u64,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    let Arguments { id, path } = arguments;
    let look = |messenger: Messenger| async move { messenger.act_on_file(id, FileAction::Look).await };
    let file = sockets::block_on(talk::messenger(&context.profile, talk::SOON, look))?;
    let name = &file.name;
    // Where stored falls meanwhile it begins anew, in a file of its own.
    let call = |messenger: Messenger| async move {
        let target = match Target::at(path, name) {
            Ok(target) => RefCell::new(target),
            Err(failure) => return Ok(Err(failure)),
        };
        let taken = messenger.hand_out(id, |bytes| target.borrow_mut().write(bytes)).await?;
        Ok(taken.and_then(|()| target.into_inner().finish()))
    };
    let path = sockets::block_on(talk::messenger(&context.profile, talk::AS_LONG_AS_IT_TAKES, call))??;
    let path = path.to_string_lossy();
    let row = Row { id, path: &path, size: file.size };
    context.output.done(&row, || output::one_line(&path), "the file is written")
}
