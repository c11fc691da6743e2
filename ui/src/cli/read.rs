//! `privatus read WHO [ID]`: what they wrote was read, up to a text or all of it.

use clap::Args;
use ipc_schema::edge::ui_stored::{ContactAction, MarkRead};

use super::{Context, Outcome, contact, sockets, talk};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Whose texts
    who: String,
    /// Up to this one; without it all
    id: Option<String>,
}

impl Arguments {
    fn asked(&self) -> MarkRead {
        MarkRead { who: self.who.clone(), up_to: self.id.clone().unwrap_or_default() }
    }
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    sockets::block_on(talk::call(&context.profile, talk::SOON, arguments.asked()))?;
    contact::change(&arguments.who, ContactAction::Show, context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_an_id_all_that_they_wrote_counts_as_read() {
        let up_to =
            |id: Option<&str>| Arguments { who: "Robin".into(), id: id.map(Into::into) }.asked().up_to;
        assert_eq!((up_to(None), up_to(Some("m1"))), (String::new(), "m1".to_owned()));
    }
}
