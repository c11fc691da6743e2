//! `privatus events`: what changes, a line each, until SIGINT or SIGTERM; at least once.

use std::cell::Cell;
use std::os::fd::AsFd;

use clap::Args;
use ipc_schema::edge::ui_stored::Event;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use tokio::sync::{mpsc, oneshot};

use super::exit::Doing;
use super::rows::EventRow;
use super::{Context, Failure, Outcome, Output, sockets, talk};
use crate::peers::PeerError;
use crate::peers::messenger::{FROM_NOW, Messenger};

/// Events on their way from stored at a time.
const UNDERWAY: usize = 64;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Those after this number, and then what comes
    #[arg(long, value_name = "SEQ")]
    since: Option<u64>,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    sockets::block_on(async {
        let (stop, unread) = (stop_signal()?, reader_gone()?);
        tokio::select! {
            ended = follow(arguments.since.unwrap_or(FROM_NOW), context) => ended,
            _ = stop => Ok(()),
            Ok(()) = unread => Ok(()),
        }
    })
}

/// SIGINT and SIGTERM as something to wait for: the contract wants exit 0. A thread waits, since only it can do so without unsafe code.
fn stop_signal() -> Outcome<oneshot::Receiver<()>> {
    let signals: SigSet = [Signal::SIGINT, Signal::SIGTERM].into_iter().collect();
    signals.thread_block().doing("wait for signals")?;
    let (sender, receiver) = oneshot::channel();
    std::thread::Builder::new()
        .spawn(move || {
            if signals.wait().is_ok() {
                // Nobody listens any more when the command is over anyway.
                let _ = sender.send(());
            }
        })
        .doing("wait for signals")?;
    Ok(receiver)
}

/// Tells when nobody reads stdout any more, which else would be noticed at the next event, however late that comes. A thread waits:
/// poll(2) takes any kind of stdout, and reports of a pipe without a reader also to who asks for nothing.
fn reader_gone() -> Outcome<oneshot::Receiver<()>> {
    let (sender, receiver) = oneshot::channel();
    std::thread::Builder::new()
        .spawn(move || {
            let stdout = std::io::stdout();
            let mut watched = [PollFd::new(stdout.as_fd(), PollFlags::empty())];
            while poll(&mut watched, PollTimeout::NONE) == Err(Errno::EINTR) {}
            // Nobody listens any more when the command is over anyway.
            let _ = sender.send(());
        })
        .doing("watch stdout")?;
    Ok(receiver)
}

async fn follow(since: u64, context: &Context) -> Outcome {
    let seen = Cell::new(since);
    let closed = Cell::new(None);
    let (seen, closed) = (&seen, &closed);
    let call = |messenger: Messenger| async move {
        let (sink, mut events) = mpsc::channel(UNDERWAY);
        let newest = messenger.watch(seen.get(), sink).await?;
        if seen.get() == FROM_NOW {
            seen.set(newest);
        }
        while let Some(event) = events.recv().await {
            if let Err(failure) = print(&event) {
                closed.set(Some(failure));
                return Ok(());
            }
            seen.set(event.seq);
        }
        Err::<(), _>(PeerError::Lost)
    };
    talk::messenger(&context.profile, talk::AS_LONG_AS_IT_TAKES, call).await?;
    closed.take().map_or(Ok(()), Err::<(), Failure>)
}

/// As one line of JSON, whatever was asked for: that can be read in a stream, and words would say less.
fn print(event: &Event) -> Outcome {
    Output { json: true }.row(&EventRow::from(event), String::new)
}
