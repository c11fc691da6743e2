//! `privatus search TEXT`: the texts that hold all words, the newest first.

use clap::Args;
use ipc_schema::edge::ui_stored::{Contact, Contacts, Match, Refusal};
use ipc_schema::limits::{SEARCH_MAX_BYTES, SEARCH_WORDS_MAX};

use super::rows::MatchRow;
use super::{Context, Failure, Outcome, output, sockets, talk, terminal};
use crate::clock;
use crate::peers::PeerError;
use crate::peers::messenger::Messenger;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Words; the last may be the beginning of one, and those in quotation marks stand side by side
    #[arg(allow_hyphen_values = true)]
    text: String,
    /// Only what was said with them
    #[arg(long = "in", value_name = "WHO", default_value = "", hide_default_value = true)]
    who: String,
    /// At most so many, the newest
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Only those before this one
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    before: String,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    let mut shown =
        Shown { context, contacts: Vec::new(), zone: clock::Zone::local(), columns: terminal::columns() };
    let (mut before, mut left) = (arguments.before.clone(), arguments.limit);
    loop {
        let (next, found) = look(arguments, &before, left, context)?;
        shown.rows(&found)?;
        left = left.saturating_sub(u32::try_from(found.len()).unwrap_or(u32::MAX));
        // What stored looks at in one call is bounded; it says where it stopped.
        if left == 0 || next.is_empty() {
            return Ok(());
        }
        before = next;
    }
}

/// All or nothing: after a lost connection it is looked for again.
fn look(arguments: &Arguments, before: &str, limit: u32, context: &Context) -> Outcome<(String, Vec<Match>)> {
    let call = |messenger: Messenger| async move {
        match messenger.search(&arguments.text, &arguments.who, limit, before).await {
            Err(PeerError::Refused(Refusal::TooLong)) => Ok(None),
            found => found.map(Some),
        }
    };
    let found = sockets::block_on(talk::messenger(&context.profile, talk::SOON, call))?;
    found.ok_or_else(|| {
        Failure::Failed(format!(
            "that is too much to look for: give at most {SEARCH_WORDS_MAX} words of {SEARCH_MAX_BYTES} bytes together"
        ))
    })
}

/// What was found, on its way to stdout.
struct Shown<'a> {
    context: &'a Context,
    /// Everybody, once somebody is to be named.
    contacts: Vec<Contact>,
    zone: clock::Zone,
    columns: Option<usize>,
}

impl Shown<'_> {
    fn rows(&mut self, found: &[Match]) -> Outcome {
        if self.contacts.is_empty() && !self.context.output.json && !found.is_empty() {
            self.contacts = sockets::block_on(talk::call(&self.context.profile, talk::SOON, Contacts {}))?;
        }
        let Self { context, contacts, zone, columns } = self;
        found.iter().try_for_each(|found| {
            context.output.row(&MatchRow::from(found), || words(found, contacts, zone, *columns))
        })
    }
}

/// One line, unless the terminal is narrower.
fn words(found: &Match, contacts: &[Contact], zone: &clock::Zone, columns: Option<usize>) -> String {
    let named = contacts.iter().find(|contact| contact.id == found.contact);
    let name = output::one_line(named.map_or(&found.contact, |contact| &contact.name));
    let from = if found.mine { format!("me to {name}") } else { name };
    let line = found.context.replace(['\n', '\r', '\t'], " ");
    terminal::body(&format!("{}  {from}: ", zone.minute(found.sent_at)), &line, columns)
}

#[cfg(test)]
mod tests {
    use ipc_schema::Timestamp;

    use super::*;

    #[test]
    fn a_match_is_a_line_that_no_text_can_forge() {
        let mut found = Match {
            id: "m1".into(),
            contact: "c1".into(),
            mine: false,
            sent_at: Timestamp(0),
            body: String::new(),
            context: "one\n1970-01-01 00:00  me to c1: I agree\u{202E}".into(),
            hits: Vec::new(),
        };
        let lines = words(&found, &[], &clock::Zone::default(), Some(40));
        let (first, rest) = lines.split_once('\n').unwrap();
        assert_eq!(first, "1970-01-01 00:00  c1: one 1970-01-01 00:");
        assert!(rest.split('\n').all(|line| line.starts_with("    | ")), "{rest}");
        assert!(!lines.contains('\u{202E}'), "{lines}");
        found.mine = true;
        let line = words(&found, &[], &clock::Zone::default(), None);
        assert!(line.starts_with("1970-01-01 00:00  me to c1: one 1970") && !line.contains('\n'), "{line}");
    }
}
