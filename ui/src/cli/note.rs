//! `privatus note WHO [TEXT|-]`: what you note about somebody, seen by you alone.

use clap::Args;
use ipc_schema::edge::ui_stored::{ChangeContact, ContactAction, Refusal};
use ipc_schema::limits::NOTE_MAX_BYTES;

use super::rows::ContactRow;
use super::{Context, Outcome, contact, send, sockets, talk, terminal};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// About whom
    who: String,
    /// What; `-`: from stdin; empty: nothing any more. Without it the note is printed
    #[arg(allow_hyphen_values = true)]
    text: Option<String>,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    let Arguments { who, text } = arguments;
    let Some(text) = text else { return print(who, context) };
    let note = send::given_or_read(text, std::io::stdin().lock(), NOTE_MAX_BYTES, Refusal::NoteTooLong)?;
    contact::change(who, ContactAction::Note(note), context)
}

/// The note as it is, or the contact's row; of no note there are no words.
fn print(who: &str, context: &Context) -> Outcome {
    // To stored that is those who have nothing of their own.
    if who.is_empty() {
        return Err(Refusal::NoSuchContact.into());
    }
    let show = ChangeContact { who: who.into(), action: ContactAction::Show };
    let contact = sockets::block_on(talk::call(&context.profile, talk::SOON, show))?;
    if contact.note.is_empty() && !context.output.json {
        return Ok(());
    }
    let words = || terminal::body("", &contact.note, terminal::columns());
    context.output.row(&ContactRow::from(&contact), words)
}
