//! `privatus draft WHO [TEXT|-]`: what you began to write to somebody and did not send.

use clap::Args;
use ipc_schema::edge::ui_stored::{ChangeContact, ContactAction, Draft, Refusal};
use ipc_schema::limits::TEXT_MAX_BYTES;
use serde::Serialize;

use super::rows::ContactRow;
use super::{Context, Outcome, contacts, send, sockets, talk, terminal};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// To whom
    who: String,
    /// What; `-`: from stdin; empty: nothing any more. Without it the draft is printed
    #[arg(allow_hyphen_values = true)]
    text: Option<String>,
}

/// The answer where a draft is asked for.
#[derive(Debug, Serialize)]
struct Row<'a> {
    contact: &'a str,
    text: &'a str,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    let read = |text| send::given_or_read(text, std::io::stdin().lock(), TEXT_MAX_BYTES, Refusal::TooLong);
    let kept = arguments.text.as_deref().map(read).transpose()?;
    let call = &Draft { who: arguments.who.clone(), set: kept.is_some(), text: kept.unwrap_or_default() };
    let (text, contact) =
        sockets::block_on(talk::messenger(&context.profile, talk::SOON, |messenger| async move {
            let text = messenger.call(call.clone()).await?;
            let show = ChangeContact { who: call.who.clone(), action: ContactAction::Show };
            Ok((text, messenger.call(show).await?))
        }))?;
    if call.set {
        return context.output.done(
            &ContactRow::from(&contact),
            || contacts::words(&contact),
            contacts::LOST,
        );
    }
    if text.is_empty() && !context.output.json {
        return Ok(());
    }
    let words = || terminal::body("", &text, terminal::columns());
    context.output.row(&Row { contact: &contact.id, text: &text }, words)
}
