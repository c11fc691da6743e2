//! `privatus send WHO TEXT|-`: durable in the outbox when it says the id; with `--wait`, until more is proven.

use std::io::Read;
use std::time::Duration;

use clap::{Args, ValueEnum};
use ipc_schema::edge::Call;
use ipc_schema::edge::ui_stored::{
    ChangeContact, ContactAction, Delivery, Message, Refusal, SendText, Settle,
};
use ipc_schema::edges::ui_stored_capnp::messenger;
use ipc_schema::limits::TEXT_MAX_BYTES;
use serde::Serialize;
use tokio::time::Instant;

use super::exit::Doing;
use super::{Context, Failure, Outcome, output, sockets, talk};
use crate::peers::PeerError;
use crate::peers::messenger::Messenger;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// To whom
    who: String,
    /// What; `-`: from stdin
    #[arg(allow_hyphen_values = true)]
    text: String,
    /// An id of your own: the same one again sends nothing twice
    #[arg(long)]
    id: Option<String>,
    /// The message that this answers
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    reply_to: String,
    /// Wait until a relay holds it, it is on their device, or they read it
    #[arg(long)]
    wait: Option<Want>,
    /// How long to wait
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    timeout: u32,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Want {
    Relayed,
    Delivered,
    Read,
}

impl From<Want> for Delivery {
    fn from(want: Want) -> Self {
        match want {
            Want::Relayed => Self::Relayed,
            Want::Delivered => Self::Delivered,
            Want::Read => Self::Read,
        }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Row<'a> {
    id: &'a str,
    contact: &'a str,
    sent_at: u64,
    state: &'static str,
    held: bool,
}

impl<'a> Row<'a> {
    /// A text that is as far as `state` by now.
    pub(super) fn of(message: &'a Message, state: Delivery) -> Self {
        Self {
            id: &message.id,
            contact: &message.contact,
            sent_at: message.sent_at.0,
            state: state.word(),
            held: message.held && state == Delivery::Queued,
        }
    }
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    let text = text(&arguments.text, std::io::stdin().lock())?;
    let id = arguments.id.clone().map_or_else(fresh_id, Ok)?;
    sockets::block_on(async {
        let (who, reply_to) = (arguments.who.clone(), arguments.reply_to.clone());
        let message = accepted(context, &id, &SendText { who, id: id.clone(), text, reply_to }).await?;
        let words = || output::one_line(&message.id);
        let row = |state: Delivery| Row::of(&message, state);
        let next = format!("the text leaves by itself; repeat only with --id {}", message.id);
        let Some(want) = arguments.wait else {
            return context.output.done(&row(message.state), words, &next);
        };
        // For a person the id stands there while the command waits; the one JSON object tells how it ended.
        if !context.output.json {
            context.output.done(&row(message.state), words, &next)?;
        }
        let state = settled(context, &message, want.into(), arguments.timeout).await?;
        if context.output.json {
            context.output.done(&row(state), String::new, &next)?;
        }
        judged(context, &message, state, want.into()).await
    })
}

/// What to do where the answer to a change of a text is lost.
pub(super) const LOST: &str = "see `privatus messages WHO`; the same once more does no harm";

/// A text that can be sent.
pub(super) fn text(given: &str, stdin: impl Read) -> Outcome<String> {
    let text = given_or_read(given, stdin, TEXT_MAX_BYTES, Refusal::TooLong)?;
    if text.is_empty() {
        return Err(Failure::Usage("the text is empty: say something".into()));
    }
    Ok(text)
}

/// The text as given, or for `-` what stands on stdin without its last line end; of at most `most` bytes, else `too_long`.
pub(super) fn given_or_read(
    given: &str,
    stdin: impl Read,
    most: usize,
    too_long: Refusal,
) -> Outcome<String> {
    let text = if given == "-" {
        let mut text = Vec::new();
        // One more than the longest text with a line end: what is longer is seen to be so, wherever it was cut.
        let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(3);
        stdin.take(limit).read_to_end(&mut text).doing("read the text from stdin")?;
        let end = text
            .strip_suffix(b"\n")
            .map_or(text.len(), |text| text.strip_suffix(b"\r").unwrap_or(text).len());
        text.truncate(end);
        text
    } else {
        given.as_bytes().to_vec()
    };
    // Said first: where it was cut, the last letter is half a letter.
    if text.len() > most {
        return Err(too_long.into());
    }
    String::from_utf8(text).map_err(|_| {
        Failure::Failed("the text on stdin is not valid UTF-8: convert it, with iconv for example".into())
    })
}

/// Chosen here and not by stored, so that repeating after a lost answer sends nothing twice.
pub(super) fn fresh_id() -> Outcome<String> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).doing("make an id")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Has a text taken that gets this id.
pub(super) async fn accepted<C>(context: &Context, id: &str, text: &C) -> Outcome<Message>
where
    C: Call<Client = messenger::Client, Answer = Message, Error: Into<Refusal>> + Clone,
{
    let asked = std::cell::Cell::new(false);
    let asked = &asked;
    let call = |messenger: Messenger| async move {
        let before = asked.replace(true);
        let answer = messenger.call(text.clone()).await;
        // What was refused did not arrive.
        asked.set(before || matches!(answer, Err(PeerError::Lost)));
        answer
    };
    talk::messenger(&context.profile, talk::SOON, call).await.map_err(|failure| match failure {
        Failure::NotRunning(_) if asked.get() => Failure::NotSettled(format!(
            "the answer was lost: the text leaves by itself if it arrived; repeat only with --id {id}"
        )),
        other => other,
    })
}

/// Waits until a message is as far as is wanted.
pub(super) async fn reached(context: &Context, message: &Message, want: Delivery, timeout_s: u32) -> Outcome {
    let state = settled(context, message, want, timeout_s).await?;
    judged(context, message, state, want).await
}

async fn judged(context: &Context, message: &Message, state: Delivery, want: Delivery) -> Outcome {
    let held = state == Delivery::Queued && is_held(context, message).await;
    judge(state, want, (&message.id, held))
}

async fn settled(context: &Context, message: &Message, want: Delivery, timeout_s: u32) -> Outcome<Delivery> {
    let deadline = Instant::now() + Duration::from_secs(timeout_s.into());
    let longest = Duration::from_secs(timeout_s.into()) + talk::SOON;
    let call = |messenger: Messenger| async move {
        let left = deadline.saturating_duration_since(Instant::now()).as_millis();
        let timeout_ms = u32::try_from(left).unwrap_or(u32::MAX);
        messenger.call(Settle { id: message.id.clone(), want, timeout_ms }).await
    };
    talk::messenger(&context.profile, longest, call).await.map_err(|failure| match failure {
        Failure::NotRunning(_) | Failure::Locked(_) => Failure::NotSettled(format!(
            "accepted, and leaves by itself; how far it is could not be asked ({failure})"
        )),
        other => other,
    })
}

/// Whether it waits for the user's word now. Where that cannot be asked, as it was when the text was taken.
async fn is_held(context: &Context, message: &Message) -> bool {
    let show = ChangeContact { who: message.contact.clone(), action: ContactAction::Show };
    talk::call(&context.profile, talk::SOON, show).await.map_or(message.held, |contact| contact.held)
}

/// How it ended for the text of that id, and whether that is held.
fn judge(state: Delivery, want: Delivery, (id, held): (&str, bool)) -> Outcome {
    let reached = |state| match state {
        Delivery::Queued => Some(0),
        Delivery::Relayed => Some(1),
        Delivery::Delivered => Some(2),
        Delivery::Read => Some(3),
        Delivery::Failed | Delivery::Expired => None,
    };
    match reached(state) {
        Some(state) if Some(state) >= reached(want) => Ok(()),
        Some(_) if held => Err(Failure::NotSettled(format!(
            "accepted, and waits for your word, since a copy of their device may exist: ask them, then `privatus contact resume WHO`; repeat only with --id {id}"
        ))),
        Some(_) => Err(Failure::NotSettled(format!(
            "accepted, {} so far: it leaves by itself; repeat only with --id {id}",
            state.word()
        ))),
        None => Err(Failure::Failed(format!(
            "{}: see `privatus info {id}` for why; `privatus retry {id}` tries once more",
            state.word()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_beyond_the_wanted_one_is_enough() {
        let judge = |state, want| judge(state, want, ("x", false));
        assert!(judge(Delivery::Delivered, Delivery::Relayed).is_ok());
        assert!(judge(Delivery::Delivered, Delivery::Delivered).is_ok());
        assert_eq!(judge(Delivery::Relayed, Delivery::Delivered).unwrap_err().code(), 6);
        assert_eq!(judge(Delivery::Expired, Delivery::Relayed).unwrap_err().code(), 1);
    }

    #[test]
    fn a_text_that_waits_for_a_word_says_which() {
        let told = judge(Delivery::Queued, Delivery::Relayed, ("x", true)).unwrap_err();
        assert_eq!(told.code(), 6);
        assert!(told.to_string().contains("privatus contact resume WHO"), "{told}");
        assert!(!told.to_string().contains("leaves by itself"));
    }

    #[test]
    fn stdin_loses_its_last_line_end_and_nothing_else() {
        let read = |bytes: &'static [u8]| text("-", bytes);
        assert_eq!(read(b"a\nb\n").unwrap(), "a\nb");
        assert_eq!(read(b"a\n\n").unwrap(), "a\n");
        assert_eq!(read(b"a\r\n").unwrap(), "a");
        assert_eq!(read(b"\n").unwrap_err().code(), 2);
        assert_eq!(read(b"\xff").unwrap_err().code(), 1);
        assert_eq!(text("- ", &b""[..]).unwrap(), "- ");
    }

    #[test]
    fn a_text_that_is_too_long_is_refused_before_it_is_sent() {
        let long = "x".repeat(TEXT_MAX_BYTES + 1);
        assert_eq!(text(&long, &b""[..]).unwrap_err(), Refusal::TooLong.into());
        assert_eq!(text("-", std::io::repeat(b'x')).unwrap_err(), Refusal::TooLong.into());
    }

    #[test]
    fn a_text_that_is_too_long_says_so_wherever_a_letter_of_it_was_cut() {
        for letter in ["x", "é", "語", "🐢"] {
            let longest = letter.repeat(TEXT_MAX_BYTES / letter.len());
            for end in ["", "\n", "\r\n"] {
                assert_eq!(text("-", format!("{longest}{end}").as_bytes()).unwrap(), longest);
                for more in [1, 2, 3, 4, 100] {
                    let long = format!("{longest}{end}{}", letter.repeat(more));
                    assert_eq!(
                        text("-", long.as_bytes()).unwrap_err(),
                        Refusal::TooLong.into(),
                        "{letter} {more}"
                    );
                }
            }
        }
    }

    #[test]
    fn two_fresh_ids_differ_and_are_ids() {
        let (one, two) = (fresh_id().unwrap(), fresh_id().unwrap());
        assert!(one != two && one.len() == 32 && one.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    }
}
