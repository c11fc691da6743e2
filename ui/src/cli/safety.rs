//! `privatus contact show` and `verify`: the safety number, shown, and compared with what the other side reads out or shows. Nothing is
//! called compared that was not.

use std::io::{BufRead, IsTerminal, Read};

use clap::Args;
use ipc_schema::edge::ui_stored::{
    AskSafetyNumber, ChangeContact, CompareCode, Comparison, Contact, ContactAction, Refusal, SafetyNumber,
};
use serde::Serialize;

use super::contacts::LOST;
use super::exit::{Doing, Failure};
use super::rows::ContactRow;
use super::{Context, Outcome, compare, contacts, output, question, sockets, talk};
use crate::peers::PeerError;
use crate::peers::messenger::Messenger;

// What is compared, one of these. No doc comment: it would stand in the help in place of the command's own line.
#[derive(Debug, Default, Args)]
#[group(multiple = false)]
pub(super) struct By {
    /// The 60 digits that they read out
    #[arg(long)]
    digits: Option<String>,
    /// The 8 words that they read out
    #[arg(long)]
    words: Option<String>,
    /// The code that was scanned from their screen, one line on stdin
    #[arg(long)]
    scanned: bool,
    /// The short string that they read out, its 8 digits or its 2 words: `contact compare` shows yours
    #[arg(long, value_name = "STRING")]
    short: Option<String>,
    /// Take it back
    #[arg(long)]
    pub(super) off: bool,
}

/// The answer to both: the contact, with what is to be compared, where there is such a thing.
#[derive(Debug, Serialize)]
struct Row<'a> {
    #[serde(flatten)]
    contact: ContactRow<'a>,
    digits: Option<&'a str>,
    words: Option<&'a [String]>,
    /// The text of the picture code for the other's camera.
    code: Option<&'a str>,
}

impl<'a> Row<'a> {
    fn new(contact: &'a Contact, number: Option<&'a SafetyNumber>) -> Self {
        Self {
            contact: ContactRow::from(contact),
            digits: number.map(|number| number.digits.as_str()),
            words: number.map(|number| number.words.as_slice()),
            code: number.map(|number| number.code.as_str()),
        }
    }
}

/// Longer than any code; what is piped in is not read without end.
const SCANNED_MAX_BYTES: u64 = 4_096;

/// Prints a contact.
pub(super) fn show(who: &str, context: &Context) -> Outcome {
    let (contact, number) =
        sockets::block_on(talk::messenger(&context.profile, talk::SOON, |messenger| met(messenger, who)))?;
    let row = Row::new(&contact, number.as_ref());
    context.output.row(&row, || {
        let mut words = contacts::words(&contact);
        if let Some(number) = &number {
            words.push('\n');
            words.push_str(&to_compare(number, std::io::stdout().is_terminal()));
            if !contact.verified {
                words.push_str("\nNot compared yet: `privatus contact verify WHO`, or shorter: `privatus contact compare WHO`.");
            }
        }
        words
    })
}

/// A contact, and what is to be compared with them: nothing before both have met, or while keyvault cannot tell it.
async fn met(messenger: Messenger, who: &str) -> Result<(Contact, Option<SafetyNumber>), PeerError> {
    // To stored that is those who have nothing of their own.
    if who.is_empty() {
        return Err(PeerError::Refused(Refusal::NoSuchContact));
    }
    let contact = messenger.call(ChangeContact { who: who.into(), action: ContactAction::Show }).await?;
    match messenger.call(AskSafetyNumber { who: contact.id.clone() }).await {
        Ok(number) => Ok((contact, Some(number))),
        Err(PeerError::Refused(refusal)) if refusal != Refusal::Locked => Ok((contact, None)),
        Err(error) => Err(error),
    }
}

/// Marks a contact as compared, if the other side has the same.
pub(super) fn verify(who: &str, by: &By, context: &Context) -> Outcome {
    if by.is_a_question() {
        question::reaches_somebody(context.output)?;
    }
    if let Some(string) = &by.short {
        // keyvault compares, and marks them.
        let contact = compare::verify(who, string, context)?;
        return context.output.done(&ContactRow::from(&contact), || compared(&contact), LOST);
    }
    if by.scanned {
        // The same.
        scanned(who, context)?;
    }
    let ask = AskSafetyNumber { who: who.into() };
    let number = sockets::block_on(talk::call(&context.profile, talk::SOON, ask))?;
    let action = if by.scanned {
        ContactAction::Show
    } else {
        by.compare(who, &number)?;
        // The number that was compared: where it is another one by now, nobody is marked.
        ContactAction::Verify(Some(number.digits.clone()))
    };
    let change = ChangeContact { who: who.into(), action };
    let contact = sockets::block_on(talk::call(&context.profile, talk::SOON, change))?;
    context.output.done(&Row::new(&contact, Some(&number)), || compared(&contact), LOST)
}

fn compared(contact: &Contact) -> String {
    let contact = contacts::words(contact);
    format!("{contact}\nCompared. If it was not, `privatus contact verify WHO --off` takes it back.")
}

impl By {
    fn is_a_question(&self) -> bool {
        !self.scanned && self.digits.is_none() && self.words.is_none() && self.short.is_none()
    }

    /// Ends with an error unless the other side has the same as we.
    fn compare(&self, who: &str, number: &SafetyNumber) -> Outcome {
        let is_same = match (&self.digits, &self.words) {
            (Some(digits), _) => same(&digits_of(digits)?, &digits_of(&number.digits)?),
            (None, Some(words)) => same(&words_of(words)?, &words_of(&number.words.join(" "))?),
            (None, None) => {
                let shown = to_compare(number, std::io::stderr().is_terminal());
                return question::same(&format!("{}\n{shown}", output::one_line(who)));
            }
        };
        if is_same {
            return Ok(());
        }
        Err(Failure::Refused(
            "this is not the number that you have with them, and nothing was changed: have them read out the one that they see for you; if that is another one too, somebody may sit between the two of you".into(),
        ))
    }
}

/// A safety number has so many digits, and so many words.
const DIGITS: usize = 60;
const WORDS: usize = 8;

/// The digits alone, however they were grouped.
fn digits_of(told: &str) -> Outcome<String> {
    let digits: String = told.chars().filter(|c| !is_between(*c)).collect();
    if digits.len() == DIGITS && digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Ok(digits);
    }
    Err(Failure::Usage(format!("a safety number has {DIGITS} digits: give all of them, in quotation marks")))
}

/// The words with a space between, however they were written.
fn words_of(told: &str) -> Outcome<String> {
    let words: Vec<String> =
        told.split(is_between).filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
    if words.len() == WORDS {
        return Ok(words.join(" "));
    }
    Err(Failure::Usage(format!("a safety number has {WORDS} words: give all of them, in quotation marks")))
}

/// What people write between groups.
fn is_between(c: char) -> bool {
    c.is_whitespace() || matches!(c, '-' | ',' | '.')
}

/// Takes the same time wherever they differ.
fn same(theirs: &str, ours: &str) -> bool {
    let differ = |differs: u8, (their, our): (u8, u8)| differs | (their ^ our);
    theirs.len() == ours.len() && theirs.bytes().zip(ours.bytes()).fold(0, differ) == 0
}

/// Ends with an error unless the code on stdin is the contact's for us.
fn scanned(who: &str, context: &Context) -> Outcome {
    let mut line = String::new();
    std::io::stdin().lock().take(SCANNED_MAX_BYTES).read_line(&mut line).doing("read the code from stdin")?;
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

/// For a person: the digits in two lines, the words in one, and the picture code where there is a terminal.
fn to_compare(number: &SafetyNumber, on_terminal: bool) -> String {
    let groups: Vec<&str> = number.digits.split_whitespace().collect();
    let (first, second) = groups.split_at_checked(6).unwrap_or((&groups, &[]));
    let mut lines = vec![first.join(" "), second.join(" "), number.words.join(" ")];
    lines.extend(on_terminal.then(|| output::picture_code(&number.code)).flatten());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::super::contacts::tests::{number, robin};
    use super::*;

    fn by(digits: Option<&str>, words: Option<&str>) -> By {
        By {
            digits: digits.map(Into::into),
            words: words.map(Into::into),
            scanned: false,
            short: None,
            off: false,
        }
    }

    #[test]
    fn a_contact_is_told_with_digits_words_and_code_where_there_are_any() {
        let (contact, number) = (robin(), number());
        let json = serde_json::to_value(Row::new(&contact, Some(&number))).unwrap();
        assert_eq!((&json["name"], &json["verified"]), (&"Robin".into(), &true.into()));
        assert_eq!(json["digits"].as_str().unwrap().len(), 71);
        assert_eq!((&json["words"][1], &json["code"]), (&"babad".into(), &"privatus:v#AQ".into()));
        let json = serde_json::to_value(Row::new(&contact, None)).unwrap();
        assert!(json["digits"].is_null() && json["words"].is_null() && json["code"].is_null(), "{json}");
    }

    #[test]
    fn a_person_reads_two_lines_of_digits_and_one_of_words() {
        let text = to_compare(&number(), false);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "12345 12345 12345 12345 12345 12345");
        assert_eq!((lines[1], lines[2]), (lines[0], "lusab babad gutih tugad zodug mahon pidok kavas"));
        assert_eq!(lines.len(), 3);
    }

    #[test]
    fn what_they_read_out_is_the_same_however_it_was_written_down() {
        let number = number();
        for digits in
            ["12345".repeat(12), ["12345"; 12].join("-"), format!(" {}\n", ["1 2 3 4 5"; 12].join(", "))]
        {
            assert_eq!(by(Some(&digits), None).compare("Robin", &number), Ok(()), "{digits}");
        }
        for words in [number.words.join(" "), number.words.join("-").to_uppercase()] {
            assert_eq!(by(None, Some(&words)).compare("Robin", &number), Ok(()), "{words}");
        }
    }

    #[test]
    fn one_other_digit_or_word_is_refused_and_half_a_number_is_a_mistake() {
        let number = number();
        let code = |by: By| by.compare("Robin", &number).unwrap_err().code();
        for at in 0..DIGITS {
            let mut digits = "12345".repeat(12);
            digits.replace_range(at..=at, "9");
            assert_eq!(code(by(Some(&digits), None)), 5);
        }
        let words = number.words.join(" ");
        assert_eq!(code(by(None, Some(&words.replace("kavas", "kavat")))), 5);
        assert_eq!(code(by(None, Some(&words.replace("lusab babad", "babad lusab")))), 5);
        for half in ["", "12345", &"1".repeat(61), &"x".repeat(60), &"١".repeat(60)] {
            assert_eq!(code(by(Some(half), None)), 2, "{half}");
        }
        assert_eq!(code(by(None, Some("lusab babad"))), 2);
    }
}
