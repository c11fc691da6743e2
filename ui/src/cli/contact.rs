//! `privatus contact …`: one contact.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::rows::ContactRow;
use super::{Context, Outcome, contacts, sockets, talk};
use crate::peers::messenger::{Contact, ContactAction, SafetyNumber};

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
    /// Forget somebody and the conversation
    Delete { who: String },
    /// Take who opened an invitation that was opened twice
    Accept { who: String },
    /// Or do not
    Decline { who: String },
}

impl Action {
    fn split(&self) -> (&str, ContactAction) {
        match self {
            Self::Show { who } => (who, ContactAction::Show),
            Self::Verify { who, off } => (who, ContactAction::Verify(!off)),
            Self::Rename { who, name } => (who, ContactAction::Rename(name.clone())),
            Self::Block { who, off } => (who, ContactAction::Block(!off)),
            Self::Delete { who } => (who, ContactAction::Delete),
            Self::Accept { who } => (who, ContactAction::Accept),
            Self::Decline { who } => (who, ContactAction::Decline),
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
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    let (who, action) = arguments.action.split();
    let action = &action;
    let (contact, number) =
        sockets::block_on(talk::messenger(&context.profile, talk::SOON, |messenger| async move {
            // Asked first: what is marked as compared is what was shown.
            let number = match action {
                ContactAction::Verify(true) => Some(messenger.safety_number(who).await?),
                _ => None,
            };
            Ok((messenger.contact(who, action).await?, number))
        }))?;
    if let Some(number) = number {
        let row =
            VerifiedRow { contact: ContactRow::from(&contact), digits: &number.digits, words: &number.words };
        return context.output.row(&row, || compared(&contact, &number));
    }
    // A deleted contact is nobody any more.
    if *action == ContactAction::Delete {
        return Ok(());
    }
    context.output.row(&ContactRow::from(&contact), || contacts::words(&contact))
}

/// For a person: the digits in two lines, the words in one, and what it means.
fn compared(contact: &Contact, number: &SafetyNumber) -> String {
    let groups: Vec<&str> = number.digits.split_whitespace().collect();
    let (first, second) = groups.split_at_checked(6).unwrap_or((&groups, &[]));
    let meaning = if number.verified {
        "It was marked as compared before."
    } else {
        "Marked as compared. If the other side does not see the same, take it back with --off."
    };
    format!(
        "{}\n{}\n{}\n{}\n{meaning}",
        contacts::words(contact),
        first.join(" "),
        second.join(" "),
        number.words.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use ipc_schema::Timestamp;

    use super::*;
    use crate::peers::messenger::{ContactState, Notice};

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
        }
    }

    fn number() -> SafetyNumber {
        SafetyNumber {
            digits: ["12345"; 12].join(" "),
            words: ["lusab", "babad"].map(Into::into).to_vec(),
            verified: false,
        }
    }

    #[test]
    fn verifying_gives_the_contact_with_digits_and_words() {
        let (contact, number) = (robin(), number());
        let row =
            VerifiedRow { contact: ContactRow::from(&contact), digits: &number.digits, words: &number.words };
        let json: serde_json::Value = serde_json::from_str(&serde_json::to_string(&row).unwrap()).unwrap();
        assert_eq!(json["verified"], true);
        assert_eq!(json["digits"].as_str().unwrap().len(), 71);
        assert_eq!(json["words"][1], "babad");
    }

    #[test]
    fn a_person_reads_two_lines_of_digits_and_one_of_words() {
        let text = compared(&robin(), &number());
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[1], "12345 12345 12345 12345 12345 12345");
        assert_eq!((lines[2], lines[3]), (lines[1], "lusab babad"));
    }
}
