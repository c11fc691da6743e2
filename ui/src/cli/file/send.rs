//! `privatus file send WHO PATH...`: files in one message; with `--wait`, until more is proven of it or of them.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use ipc_schema::edge::ui_stored::{Delivery, File, FileState, KeptFile, Message, Refusal, SendFiles};
use ipc_schema::limits::{FILES_MAX, TEXT_MAX_BYTES};
use serde::Serialize;
use tokio::time::Instant;

use super::super::rows::FileRow;
use super::super::{Context, Failure, Outcome, output, send, sockets, talk};
use super::source::Source;
use super::{is_over, list};
use crate::peers::messenger::Messenger;

/// How often it is looked how far files are.
const LOOK_EVERY: Duration = Duration::from_millis(500);

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// To whom
    who: String,
    /// Which files; of pictures, place and camera are taken out
    #[arg(required = true, value_hint = clap::ValueHint::FilePath)]
    paths: Vec<PathBuf>,
    /// Words that go with them
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true,
        allow_hyphen_values = true
    )]
    caption: String,
    /// What the files say of place, camera and writer stays in
    #[arg(long)]
    keep_metadata: bool,
    /// An id of your own: the same one again sends nothing twice
    #[arg(long)]
    id: Option<String>,
    /// The message that this answers
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    reply_to: String,
    /// Wait until a relay holds the message, it is on their device, they read it, or all files are there too
    #[arg(long)]
    wait: Option<Want>,
    /// How long to wait
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    timeout: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Want {
    Relayed,
    Delivered,
    Read,
    Saved,
}

impl Want {
    /// How far the message is to come.
    fn of_message(self) -> Delivery {
        match self {
            Self::Relayed => Delivery::Relayed,
            Self::Delivered | Self::Saved => Delivery::Delivered,
            Self::Read => Delivery::Read,
        }
    }
}

#[derive(Debug, Serialize)]
struct Row<'a> {
    #[serde(flatten)]
    message: send::Row<'a>,
    files: &'a [String],
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    let caption = &arguments.caption;
    if caption.len() > TEXT_MAX_BYTES {
        return Err(Refusal::TooLong.into());
    }
    if arguments.paths.len() > FILES_MAX {
        return Err(Refusal::TooLarge.into());
    }
    // None is handed over where one cannot be.
    let sources = arguments.paths.iter().map(|path| Source::at(path)).collect::<Outcome<Vec<_>>>()?;
    let id = arguments.id.clone().map_or_else(send::fresh_id, Ok)?;
    sockets::block_on(async {
        let mut files = Vec::new();
        for (source, path) in sources.iter().zip(&arguments.paths) {
            let kept = hand_over(source, arguments.keep_metadata, context).await?;
            if kept.carries && !arguments.keep_metadata {
                return Err(carries(path));
            }
            files.push(kept.file);
        }
        let call = SendFiles {
            who: arguments.who.clone(),
            id: id.clone(),
            files,
            caption: caption.clone(),
            reply_to: arguments.reply_to.clone(),
            with_metadata: arguments.keep_metadata,
        };
        let message = send::accepted(context, &id, &call).await?;
        let ids = told(&message.contact, &message.id, context).await?;
        let ids: Vec<String> = ids.into_iter().map(|file| file.id).collect();
        let row = |state| Row { message: send::Row::of(&message, state), files: &ids };
        let next = format!("the files leave by themselves; repeat only with --id {}", message.id);
        context.output.done(&row(message.state), || output::one_line(&message.id), &next)?;
        let Some(want) = arguments.wait else { return Ok(()) };
        let started = Instant::now();
        send::reached(context, &message, want.of_message(), arguments.timeout).await?;
        if want == Want::Saved {
            let until = started + Duration::from_secs(arguments.timeout.into());
            arrived(&message, until, context).await?;
        }
        Ok(())
    })
}

/// Where stored falls meanwhile it begins anew.
async fn hand_over(source: &Source, keep_metadata: bool, context: &Context) -> Outcome<KeptFile> {
    let call = |messenger: Messenger| async move {
        let (mut pieces, reading) = match source.read() {
            Ok(read) => read,
            Err(failure) => return Ok(Err(failure)),
        };
        let kept = messenger.hand_over(source.call(keep_metadata), &mut pieces).await;
        // The reader waits for nobody any more.
        drop(pieces);
        match reading.end() {
            Ok(()) => kept.map(Ok),
            Err(failure) => Ok(Err(failure)),
        }
    };
    talk::messenger(&context.profile, talk::AS_LONG_AS_IT_TAKES, call).await?
}

fn carries(path: &std::path::Path) -> Failure {
    Failure::Refused(format!(
        "{} may say where, when and with what it was made, and cannot be written anew: nothing was sent; with --keep-metadata it stays in",
        path.display()
    ))
}

/// The message's files.
async fn told(contact: &str, message: &str, context: &Context) -> Outcome<Vec<File>> {
    let most = u32::try_from(FILES_MAX).unwrap_or(u32::MAX);
    let call = |messenger: Messenger| async move { messenger.files(contact, most, "").await };
    let files = talk::messenger(&context.profile, talk::SOON, call).await?;
    Ok(files.into_iter().filter(|file| file.message == message).collect())
}

/// Waits until all files are with them, and tells each change on the way.
async fn arrived(message: &Message, until: Instant, context: &Context) -> Outcome {
    let mut before: Vec<File> = Vec::new();
    loop {
        let files = told(&message.contact, &message.id, context).await?;
        for file in files.iter().filter(|file| !before.contains(file)) {
            let words = || format!("{}  {}", list::stands(file), output::one_line(&file.name));
            context.output.row(&FileRow::from(file), words)?;
        }
        if files.iter().all(is_over) {
            return judge(&files);
        }
        if Instant::now() + LOOK_EVERY > until {
            return Err(Failure::NotSettled(
                "accepted, and goes on by itself: see `privatus file list`".into(),
            ));
        }
        before = files;
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Whether all that ended came there.
fn judge(files: &[File]) -> Outcome {
    match files.iter().find(|file| file.state != FileState::Saved) {
        None => Ok(()),
        Some(file) => Err(Failure::Failed(format!(
            "not all files came there: {} is {}",
            output::one_line(&file.name),
            list::stands(file)
        ))),
    }
}
