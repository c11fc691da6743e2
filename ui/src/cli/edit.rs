//! `privatus edit ID TEXT|-`: an own text says something else from now on, here and over there.

use clap::Args;
use ipc_schema::edge::ui_stored::EditText;
use ipc_schema::limits::EDIT_MAX_BYTES;

use super::rows::MessageRow;
use super::{Context, Failure, Outcome, output, send, sockets, talk};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Which
    id: String,
    /// What it says from now on; `-`: from stdin
    #[arg(allow_hyphen_values = true)]
    text: String,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    let text = send::text(&arguments.text, std::io::stdin().lock())?;
    fits(&text)?;
    let edit = EditText { id: arguments.id.clone(), text };
    let message = sockets::block_on(talk::call(&context.profile, talk::SOON, edit))?;
    context.output.done(&MessageRow::from(&message), || output::one_line(&message.id), send::LOST)
}

/// Said before it is asked: whatever is longer can still be sent.
fn fits(text: &str) -> Outcome {
    if text.len() <= EDIT_MAX_BYTES {
        return Ok(());
    }
    Err(Failure::Failed(
        "the text is too long to change another into: at most 64 KiB, send it instead".into(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_longer_than_an_edit_can_be_is_refused_before_it_is_asked() {
        assert!(fits(&"x".repeat(EDIT_MAX_BYTES)).is_ok());
        let refused = fits(&"x".repeat(EDIT_MAX_BYTES + 1)).unwrap_err();
        assert!(refused.code() == 1 && refused.to_string().contains("64 KiB"), "{refused}");
    }
}
