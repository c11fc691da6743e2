//! `privatus messages WHO`: oldest first, the last 50 unless told otherwise.

use clap::Args;
use tokio::sync::mpsc;

use super::rows::MessageRow;
use super::{Context, Outcome, output, sockets, talk};
use crate::clock;
use crate::peers::PeerError;
use crate::peers::messenger::{Message, Messenger};

/// Rows on their way from stored at a time.
const UNDERWAY: usize = 64;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Whose
    who: String,
    /// At most so many, the newest
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: u32,
    /// Only those before this one
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    before: String,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    let call = |messenger: Messenger| async move { all(&messenger, arguments).await };
    let messages = sockets::block_on(talk::messenger(&context.profile, talk::SOON, call))?;
    let zone = clock::Zone::local();
    messages
        .iter()
        .try_for_each(|message| context.output.row(&MessageRow::from(message), || words(message, &zone)))
}

/// Only what came whole is printed: after a lost connection the list is asked for again.
async fn all(messenger: &Messenger, arguments: &Arguments) -> Result<Vec<Message>, PeerError> {
    let (sink, mut rows) = mpsc::channel(UNDERWAY);
    let asked = messenger.messages(&arguments.who, arguments.limit, &arguments.before, sink);
    tokio::pin!(asked);
    let mut messages = Vec::new();
    loop {
        tokio::select! {
            biased;
            Some(message) = rows.recv() => messages.push(message),
            answer = &mut asked => {
                answer?;
                while let Ok(message) = rows.try_recv() {
                    messages.push(message);
                }
                return Ok(messages);
            }
        }
    }
}

fn words(message: &Message, zone: &clock::Zone) -> String {
    let at = zone.minute(message.received_at.unwrap_or(message.sent_at));
    let body = output::lines(&message.body);
    if message.mine {
        format!("{at}  me ({}): {body}", message.state.word())
    } else {
        format!("{at}  them: {body}")
    }
}
