//! `privatus messages WHO`: oldest first, the last 50 unless told otherwise.

use clap::Args;
use ipc_schema::edge::ui_stored::{Message, Note};

use super::rows::MessageRow;
use super::{Context, Outcome, sockets, talk, terminal};
use crate::clock;
use crate::peers::messenger::Messenger;

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
    // All or nothing: after a lost connection the list is asked for again.
    let call = |messenger: Messenger| async move {
        messenger.messages(&arguments.who, arguments.limit, &arguments.before).await
    };
    let messages = sockets::block_on(talk::messenger(&context.profile, talk::SOON, call))?;
    let (zone, columns) = (clock::Zone::local(), terminal::columns());
    messages.iter().try_for_each(|message| {
        context.output.row(&MessageRow::from(message), || words(message, &zone, columns))
    })
}

fn words(message: &Message, zone: &clock::Zone, columns: Option<usize>) -> String {
    let at = zone.minute(message.received_at.unwrap_or(message.sent_at));
    let from = match (message.note, message.mine) {
        (Note::None, true) if message.held => format!("me ({}, waits for you): ", message.state.word()),
        (Note::None, true) => format!("me ({}): ", message.state.word()),
        (Note::None, false) => "them: ".into(),
        // Nobody said it.
        (
            Note::OlderCopyHere
            | Note::OlderCopyThere
            | Note::Reopened
            | Note::ReopenedAgain
            | Note::TextsWait,
            _,
        ) => "-- ".into(),
    };
    let gap = if message.gap {
        format!("{at}  -- what they wrote before this is missing\n")
    } else {
        String::new()
    };
    gap + &terminal::body(&format!("{at}  {from}"), &message.body, columns)
}
