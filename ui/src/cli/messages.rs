//! `privatus messages WHO`: oldest first, the last 50 unless told otherwise.

use clap::Args;
use ipc_schema::edge::ui_stored::{Message, Note, Place, Reaction, Reason};

use super::rows::MessageRow;
use super::{Context, Outcome, sockets, talk, terminal};
use crate::clock;
use crate::peers::messenger::Messenger;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Whose
    who: String,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: u32,
    /// Only those before this one
    #[arg(long, value_name = "ID", group = "place")]
    before: Option<String>,
    /// Only those after this one
    #[arg(long, value_name = "ID", group = "place")]
    after: Option<String>,
    /// This one, half of them before it and half after it
    #[arg(long, value_name = "ID", group = "place")]
    around: Option<String>,
}

impl Arguments {
    fn place(&self) -> Place {
        let named = |id: &Option<String>| id.clone().filter(|id| !id.is_empty());
        let before = named(&self.before).map(Place::Before);
        let after = || named(&self.after).map(Place::After);
        before.or_else(after).or_else(|| named(&self.around).map(Place::Around)).unwrap_or_default()
    }
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    // All or nothing: after a lost connection the list is asked for again.
    let call = |messenger: Messenger| async move {
        messenger.messages(&arguments.who, arguments.limit, arguments.place()).await
    };
    let messages = sockets::block_on(talk::messenger(&context.profile, talk::SOON, call))?;
    let (zone, columns) = (clock::Zone::local(), terminal::columns());
    messages.iter().try_for_each(|message| {
        context.output.row(&MessageRow::from(message), || words(message, &zone, columns))
    })
}

fn words(message: &Message, zone: &clock::Zone, columns: Option<usize>) -> String {
    let at = zone.minute(message.received_at.unwrap_or(message.sent_at));
    let altered = altered(message);
    let from = match (message.note, message.mine) {
        (Note::None, true) if message.held => {
            format!("me ({}, waits for you){altered}: ", message.state.word())
        }
        (Note::None, true) if message.reason != Reason::None => {
            format!("me ({}, {}){altered}: ", message.state.word(), message.reason.word())
        }
        (Note::None, true) => format!("me ({}){altered}: ", message.state.word()),
        (Note::None, false) => format!("them{altered}: "),
        // Nobody said it.
        (
            Note::OlderCopyHere
            | Note::OlderCopyThere
            | Note::Reopened
            | Note::ReopenedAgain
            | Note::TextsWait
            | Note::TimerChanged
            | Note::Introduction
            | Note::Introduced
            | Note::IntroductionOver
            | Note::Newer
            | Note::StringsDiffer
            | Note::OnePerson,
            _,
        ) => "-- ".into(),
    };
    let gap = if message.gap {
        format!("{at}  (messages are missing here, asked for again)\n")
    } else {
        String::new()
    };
    gap + &terminal::body(&format!("{at}  {from}"), &message.body, columns)
        + &introduces(message)
        + &reactions(message)
}

/// Before the words, where none of them can pass for it.
fn altered(message: &Message) -> &'static str {
    if message.deleted {
        " (deleted)"
    } else if message.edited {
        " (edited)"
    } else {
        ""
    }
}

/// Whom a line is about, and what to do where that waits for an answer: in a line of its own.
fn introduces(message: &Message) -> String {
    if message.introduces.is_empty() && message.note != Note::Introduction {
        return String::new();
    }
    let name = terminal::one_line(&message.introduces);
    let id = terminal::one_line(&message.id);
    match message.note {
        Note::Introduction => {
            format!("\n    > {name}\n    > privatus introduce --accept {id}  or  --decline {id}")
        }
        _ => format!("\n    > {name}"),
    }
}

/// A line of its own, which no line of a text begins like.
fn reactions(message: &Message) -> String {
    let reaction = |reaction: &Reaction| {
        let from = if reaction.mine { "me" } else { "them" };
        format!("\n    + {from}: {}", terminal::one_line(&reaction.emoji))
    };
    message.reactions.iter().map(reaction).collect()
}

#[cfg(test)]
mod tests {
    use ipc_schema::Timestamp;
    use ipc_schema::edge::ui_stored::Delivery;

    use super::*;

    fn message(mine: bool, body: &str) -> Message {
        Message {
            mine,
            sent_at: Timestamp(5),
            body: body.into(),
            state: Delivery::Delivered,
            position: 7,
            ..Message::of("m1", "c1")
        }
    }

    /// Behind the minute.
    fn said(message: &Message) -> String {
        let words = words(message, &clock::Zone::default(), None);
        words.split_once("  ").unwrap().1.to_owned()
    }

    #[test]
    fn what_was_done_to_a_text_is_said_where_no_text_can_say_it() {
        let edited = Message { edited: true, ..message(true, "new words") };
        assert_eq!(said(&edited), "me (delivered) (edited): new words");
        let deleted = Message { deleted: true, ..message(false, "") };
        assert_eq!(said(&deleted), "them (deleted): ");
        let both =
            [(true, "👍"), (false, "x\u{202e}")].map(|(mine, emoji)| Reaction { mine, emoji: emoji.into() });
        let liked = Message { reactions: both.to_vec(), ..message(false, "a\n    + me: 👍") };
        assert_eq!(said(&liked), "them: a\n    |     + me: 👍\n    + me: 👍\n    + them: x\\u{202e}");
    }

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    #[test]
    fn a_conversation_is_read_from_at_most_one_place() {
        let place = |words: &[&str]| {
            let line = <Line as clap::Parser>::try_parse_from([&["messages", "Robin"], words].concat());
            line.map(|line| line.arguments.place()).map_err(drop)
        };
        assert_eq!(place(&[]), Ok(Place::Newest));
        assert_eq!(place(&["--before", "m1"]), Ok(Place::Before("m1".into())));
        assert_eq!(place(&["--after", "m1"]), Ok(Place::After("m1".into())));
        assert_eq!(place(&["--around", "m1"]), Ok(Place::Around("m1".into())));
        assert_eq!(place(&["--around", "m1", "--before", "m2"]), Err(()));
    }

    #[test]
    fn where_messages_are_missing_a_line_says_so() {
        let after_gap = Message { gap: true, ..message(false, "hello") };
        assert_eq!(
            words(&after_gap, &clock::Zone::default(), None),
            "1970-01-01 00:00  (messages are missing here, asked for again)\n1970-01-01 00:00  them: hello"
        );
    }

    #[test]
    fn who_wants_one_to_meet_somebody_is_told_with_the_name_and_what_to_do() {
        let line = Message {
            note: Note::Introduction,
            introduces: "Cai\n    > x\u{202e}".into(),
            ..message(false, "They want it.")
        };
        assert_eq!(
            said(&line),
            "-- They want it.\n    > Cai\\u{a}    > x\\u{202e}\n    > privatus introduce --accept m1  or  --decline m1"
        );
        let over = Message { note: Note::IntroductionOver, ..line };
        assert!(!said(&over).contains("--accept"));
    }

    #[test]
    fn a_text_that_failed_says_why() {
        let failed =
            Message { reason: Reason::InviteAgain, state: Delivery::Failed, ..message(true, "hello") };
        assert_eq!(said(&failed), "me (failed, invite-again): hello");
    }
}
