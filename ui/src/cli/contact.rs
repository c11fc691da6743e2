//! `privatus contact …`: one contact.

use std::io::{BufRead, IsTerminal, Read};

use clap::{Args, Subcommand};
use ipc_schema::edge::ui_stored::{
    AskSafetyNumber, ChangeContact, CompareCode, Comparison, Contact, ContactAction, SafetyNumber,
};
use serde::Serialize;

use super::exit::Failure;
use super::rows::ContactRow;
use super::{Context, Outcome, contacts, output, question, sockets, talk};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print what is known of somebody
    Show { who: String },
    /// Print the safety number and say that it was compared
    Verify {
        who: String,
        /// Take it back
        #[arg(long)]
        off: bool,
        /// Compare the code that was scanned from their screen, one line on stdin, and verify them if it is theirs
        #[arg(long, conflicts_with = "off")]
        scanned: bool,
    },
    /// Call somebody otherwise; seen by you alone
    Rename { who: String, name: String },
    /// Take nothing from somebody any more
    Block {
        who: String,
        /// Take it back
        #[arg(long)]
        off: bool,
    },
    /// Hear somebody again; what they wrote meanwhile does not come
    Unblock { who: String },
    /// Forget somebody and the conversation
    Delete {
        who: String,
        /// Really: without it a terminal is asked, and a script refused
        #[arg(long)]
        yes: bool,
    },
    /// Send what waits because a copy of their device may exist: ask them first
    Resume { who: String },
    /// Take who opened an invitation that was opened twice
    Accept { who: String },
    /// Or do not
    Decline { who: String },
}

impl Action {
    fn who(&self) -> &str {
        match self {
            Self::Show { who }
            | Self::Verify { who, .. }
            | Self::Rename { who, .. }
            | Self::Block { who, .. }
            | Self::Unblock { who }
            | Self::Delete { who, .. }
            | Self::Resume { who }
            | Self::Accept { who }
            | Self::Decline { who } => who,
        }
    }

    /// What is asked of stored; `number` is what was shown to be compared.
    fn asked(&self, number: Option<&SafetyNumber>) -> ContactAction {
        match self {
            // What was scanned is verified already.
            Self::Show { .. } | Self::Verify { scanned: true, .. } => ContactAction::Show,
            Self::Verify { .. } => ContactAction::Verify(number.map(|number| number.digits.clone())),
            Self::Rename { name, .. } => ContactAction::Rename(name.clone()),
            Self::Block { off, .. } => ContactAction::Block(!off),
            Self::Unblock { .. } => ContactAction::Block(false),
            Self::Delete { .. } => ContactAction::Delete,
            Self::Resume { .. } => ContactAction::Resume,
            Self::Accept { .. } => ContactAction::Accept,
            Self::Decline { .. } => ContactAction::Decline,
        }
    }
}

/// The answer to `verify`: the contact, with what is to be compared.
#[derive(Debug, Serialize)]
struct VerifiedRow<'a> {
    #[serde(flatten)]
    contact: ContactRow<'a>,
    digits: &'a str,
    words: &'a [String],
    /// The text of the picture code for the other's camera.
    code: &'a str,
}

impl<'a> VerifiedRow<'a> {
    fn new(contact: &'a Contact, number: &'a SafetyNumber) -> Self {
        Self {
            contact: ContactRow::from(contact),
            digits: &number.digits,
            words: &number.words,
            code: &number.code,
        }
    }
}

/// Where an answer that was lost can be read.
const LOST: &str = "see `privatus contact show WHO`";

/// Longer than any code; what is piped in is not read without end.
const SCANNED_MAX_BYTES: u64 = 4_096;

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    let action = &arguments.action;
    let who = action.who();
    match action {
        Action::Verify { scanned: true, .. } => compare_scanned(who, context)?,
        Action::Delete { yes: false, .. } => {
            let loss = format!("this deletes {} and the whole conversation for good", output::one_line(who));
            question::sure(&loss, context.output)?;
        }
        _ => {}
    }
    let (contact, number) =
        sockets::block_on(talk::messenger(&context.profile, talk::SOON, |messenger| async move {
            // Asked first: what is marked as compared is what was shown.
            let number = match action {
                Action::Verify { off: false, .. } => {
                    Some(messenger.call(AskSafetyNumber { who: who.into() }).await?)
                }
                _ => None,
            };
            let change = ChangeContact { who: who.into(), action: action.asked(number.as_ref()) };
            Ok((messenger.call(change).await?, number))
        }))?;
    if let Some(number) = number {
        let code = std::io::stdout().is_terminal().then(|| output::picture_code(&number.code)).flatten();
        let words = || compared(&contact, &number, code.as_deref());
        return context.output.done(&VerifiedRow::new(&contact, &number), words, LOST);
    }
    // A deleted contact is nobody any more.
    if let Action::Delete { .. } = action {
        return Ok(());
    }
    let (row, words) = (ContactRow::from(&contact), || contacts::words(&contact));
    if let Action::Show { .. } = action {
        return context.output.row(&row, words);
    }
    context.output.done(&row, words, LOST)
}

/// Ends with an error unless the code on stdin is the contact's for us.
fn compare_scanned(who: &str, context: &Context) -> Outcome {
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .take(SCANNED_MAX_BYTES)
        .read_line(&mut line)
        .map_err(|error| Failure::Failed(format!("cannot read the code from stdin: {error}")))?;
    let compare = CompareCode { who: who.into(), code: line.trim().into() };
    let told = sockets::block_on(talk::call(&context.profile, talk::SOON, compare))?;
    match told {
        Comparison::Match => Ok(()),
        Comparison::OtherPerson => Err(Failure::Refused(
            "this is not their code for you: scan the one that they show for you now; if it is, somebody may sit between the two of you"
                .into(),
        )),
        Comparison::NotACode => Err(Failure::Refused(
            "this is no verification code, or not all of it: it starts with privatus:v#, scan it once more".into(),
        )),
        Comparison::NewerVersion => {
            Err(Failure::Refused("the code is from a later version: install that one here too".into()))
        }
    }
}

/// For a person: the digits in two lines, the words in one, the picture code where there is a terminal, and what it means.
fn compared(contact: &Contact, number: &SafetyNumber, picture: Option<&str>) -> String {
    let groups: Vec<&str> = number.digits.split_whitespace().collect();
    let (first, second) = groups.split_at_checked(6).unwrap_or((&groups, &[]));
    let meaning = if number.verified {
        "It was marked as compared before."
    } else {
        "Marked as compared. If the other side does not see the same, take it back with --off."
    };
    format!(
        "{}\n{}\n{}\n{}\n{}{meaning}",
        contacts::words(contact),
        first.join(" "),
        second.join(" "),
        number.words.join(" "),
        picture.map(|picture| format!("{picture}\n")).unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use ipc_schema::Timestamp;
    use ipc_schema::edge::ui_stored::{ContactState, Notice};

    use super::*;

    fn robin() -> Contact {
        Contact {
            id: "c1".into(),
            name: "Robin".into(),
            state: ContactState::Connected,
            verified: true,
            route: "onion".into(),
            unread: 0,
            last_at: Timestamp(9),
            their_name: String::new(),
            last_text: String::new(),
            notice: Notice::None,
            held: false,
        }
    }

    fn number() -> SafetyNumber {
        SafetyNumber {
            digits: ["12345"; 12].join(" "),
            words: ["lusab", "babad"].map(Into::into).to_vec(),
            verified: false,
            code: "privatus:v#AQ".into(),
        }
    }

    #[test]
    fn verifying_gives_the_contact_with_digits_and_words() {
        let (contact, number) = (robin(), number());
        let row = serde_json::to_string(&VerifiedRow::new(&contact, &number)).unwrap();
        let json: serde_json::Value = serde_json::from_str(&row).unwrap();
        assert_eq!(json["verified"], true);
        assert_eq!(json["digits"].as_str().unwrap().len(), 71);
        assert_eq!(json["words"][1], "babad");
    }

    #[test]
    fn a_person_reads_two_lines_of_digits_and_one_of_words() {
        let text = compared(&robin(), &number(), None);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[1], "12345 12345 12345 12345 12345 12345");
        assert_eq!((lines[2], lines[3]), (lines[1], "lusab babad"));
    }
}
