//! `privatus contact compare` and `verify --short`: a short string that both see and read to each other, in place of the safety number.
//! What is the same is the person's word: nothing here says it for them.

use std::cell::Cell;
use std::time::Duration;

use clap::Args;
use ipc_schema::edge::ui_stored::{
    AskSafetyNumber, ChangeContact, CompareShort, Contact, ContactAction, Refusal, ShortAction,
    ShortComparison, ShortEnd, ShortState,
};
use serde::Serialize;

use super::exit::Failure;
use super::{Context, Outcome, output, sockets, talk};
use crate::peers::PeerError;
use crate::peers::messenger::Messenger;

/// How long the other side has to join, seconds, if nothing else is said.
const TIMEOUT_S: u32 = 120;

const NOT_MET: &str = "they are not connected yet: compare once `privatus contacts` says that they are";

#[derive(Debug, Args)]
pub(super) struct How {
    /// Seconds to wait for the other side; it goes on after that for ten minutes in all
    #[arg(long, value_name = "S", default_value_t = TIMEOUT_S, value_parser = clap::value_parser!(u32).range(0..=600))]
    timeout: u32,
    /// They read out another string: end it, and tell them
    #[arg(long, conflicts_with = "stop")]
    different: bool,
    /// Give it up, or do not take up what they began
    #[arg(long)]
    stop: bool,
}

#[derive(Debug, Serialize)]
struct Row<'a> {
    who: &'a str,
    state: &'static str,
    end: Option<&'static str>,
    digits: Option<&'a str>,
    words: Option<&'a [String]>,
    /// Since they were last verified, with this one.
    runs: u32,
    ends_at: Option<u64>,
    /// What their program says of its user.
    theirs: Option<&'static str>,
}

impl<'a> Row<'a> {
    fn new(who: &'a str, told: &'a ShortComparison) -> Self {
        let is_shown = told.state == ShortState::Shown;
        let word = |end: ShortEnd| (end != ShortEnd::None).then(|| end.word());
        Self {
            who,
            state: told.state.word(),
            end: word(told.end),
            digits: is_shown.then_some(told.digits.as_str()),
            words: is_shown.then_some(told.words.as_slice()),
            runs: told.runs,
            ends_at: (told.ends_at.0 != 0).then_some(told.ends_at.0),
            theirs: word(told.theirs),
        }
    }
}

/// Begins, or goes on with what they began, and prints the string once it is there.
pub(super) fn run(who: &str, how: &How, context: &Context) -> Outcome {
    let wait = Duration::from_secs(how.timeout.into());
    let (action, wait_ms) = match (how.different, how.stop) {
        (true, _) => (ShortAction::Differ, 0),
        (_, true) => (ShortAction::Stop, 0),
        _ => (ShortAction::Join, how.timeout.saturating_mul(1_000)),
    };
    let ends = action != ShortAction::Join;
    let call = &CompareShort { who: who.into(), action, wait_ms };
    let call = |messenger: Messenger| async move {
        match messenger.call(call.clone()).await {
            Err(PeerError::Refused(Refusal::Waiting)) => Ok(None),
            told => told.map(Some),
        }
    };
    let told = sockets::block_on(talk::messenger(&context.profile, talk::SOON + wait, call))?;
    let told = told.ok_or_else(|| Failure::Refused(NOT_MET.into()))?;
    let outcome = if ends { Ok(()) } else { goes_on(&told) };
    if context.output.json || outcome.is_ok() {
        context.output.row(&Row::new(who, &told), || words(&told))?;
    }
    outcome
}

/// Whether there is a string to read out; else why not.
fn goes_on(told: &ShortComparison) -> Outcome {
    match (told.state, told.end) {
        (ShortState::Shown, _) => Ok(()),
        (ShortState::Over, ShortEnd::Cheated) => Err(Failure::Refused(
            "what came is not what their program had promised: somebody may sit between the two of you; write nothing that matters, and meet anew, best in person".into(),
        )),
        (ShortState::Over, ShortEnd::TimedOut) => {
            Err(Failure::Failed("nothing came from them in time: call them, and begin again".into()))
        }
        (ShortState::Over, ShortEnd::TheyStopped) => Err(Failure::Failed(
            "it ended on their side, or their program was started anew: begin again while you speak to each other".into(),
        )),
        (ShortState::Over | ShortState::None, _) => {
            Err(Failure::Failed("it ended here: begin again".into()))
        }
        (ShortState::Asked, _) => {
            Err(Failure::Failed("they began anew meanwhile: run this once more to go on with that".into()))
        }
        (ShortState::Waiting, _) => Err(Failure::NotSettled(
            "they have not joined yet: ask them to, on the phone or beside you, then run this once more".into(),
        )),
    }
}

/// For a person.
fn words(told: &ShortComparison) -> String {
    let mut lines = Vec::new();
    match told.state {
        ShortState::Shown => {
            lines.push(told.digits.clone());
            lines.push(told.words.join(" "));
            lines.push(
                "Read this to each other, on the phone or beside each other. The same on both sides: `privatus contact verify WHO \
                 --short STRING` with what they read out. Another one: `privatus contact compare WHO --different`."
                    .into(),
            );
        }
        ShortState::Over => lines.push(format!("over: {}", told.end.word())),
        state => lines.push(state.word().into()),
    }
    if told.runs > 1 && told.state == ShortState::Shown {
        lines.push(format!(
            "This is try {} since they were last verified. Each is one more guess, of 100 million, for whoever may sit between: be wary \
             where tries end and neither of you ended them.",
            told.runs
        ));
    }
    match told.theirs {
        ShortEnd::Different => lines.push("On their side it was said that the strings differ.".into()),
        ShortEnd::TheyStopped => lines.push("On their side it was given up.".into()),
        ShortEnd::Same => lines.push("On their side it was said, too, that they are the same.".into()),
        _ => {}
    }
    lines.join("\n")
}

/// Marks a contact as compared, if what they read out is what is shown here.
pub(super) fn verify(who: &str, string: &str, context: &Context) -> Outcome<Contact> {
    let string = short_of(string)?;
    let lost = Cell::new(false);
    let (string, lost) = (&string, &lost);
    let call = |messenger: Messenger| async move {
        let same = CompareShort { who: who.into(), action: ShortAction::Same(string.clone()), wait_ms: 0 };
        let answer = messenger.call(same).await;
        let was_lost = lost.replace(lost.get() || answer == Err(PeerError::Lost));
        match answer {
            // Only keyvault knows.
            Err(PeerError::Refused(Refusal::NoComparison)) if was_lost => {
                let number = messenger.call(AskSafetyNumber { who: who.into() }).await?;
                if !number.verified {
                    return Err(PeerError::Refused(Refusal::NoComparison));
                }
            }
            answer => drop(answer?),
        }
        messenger.call(ChangeContact { who: who.into(), action: ContactAction::Show }).await
    };
    sockets::block_on(talk::messenger(&context.profile, talk::SOON, call))
}

const DIGITS: usize = 8;
const WORDS: usize = 2;
const WORD_LETTERS: usize = 5;

/// The string alone, however it was grouped.
fn short_of(told: &str) -> Outcome<String> {
    let parts: Vec<String> = told
        .split(|c: char| c.is_whitespace() || matches!(c, '-' | ',' | '.'))
        .filter(|part| !part.is_empty())
        .map(str::to_lowercase)
        .collect();
    let bare = parts.concat();
    let is_digits = bare.len() == DIGITS && bare.bytes().all(|byte| byte.is_ascii_digit());
    let is_word =
        |part: &String| part.len() == WORD_LETTERS && part.bytes().all(|byte| byte.is_ascii_lowercase());
    if is_digits || parts.len() == WORDS && parts.iter().all(is_word) {
        return Ok(bare);
    }
    Err(Failure::Usage(format!(
        "{} is no short string: that has {DIGITS} digits or {WORDS} words, give all of it, in quotation marks",
        output::one_line(told)
    )))
}

#[cfg(test)]
mod tests {
    use ipc_schema::Timestamp;

    use super::*;

    fn shown() -> ShortComparison {
        ShortComparison {
            state: ShortState::Shown,
            digits: "0042 5678".into(),
            words: vec!["lusab".into(), "babad".into()],
            runs: 1,
            ends_at: Timestamp(9),
            ..ShortComparison::none()
        }
    }

    #[test]
    fn a_string_is_told_once_it_is_there_with_how_often_it_was_tried() {
        let json = serde_json::to_value(Row::new("Robin", &shown())).unwrap();
        assert_eq!(
            (&json["who"], &json["state"], &json["end"]),
            (&"Robin".into(), &"shown".into(), &().into())
        );
        assert_eq!((&json["digits"], &json["words"][1]), (&"0042 5678".into(), &"babad".into()));
        let lines = words(&shown());
        assert!(lines.starts_with("0042 5678\nlusab babad\n") && !lines.contains("try"), "{lines}");
        let third = words(&ShortComparison { runs: 3, ..shown() });
        assert!(third.contains("try 3"), "{third}");
        let waiting = ShortComparison { state: ShortState::Waiting, ..shown() };
        let json = serde_json::to_value(Row::new("Robin", &waiting)).unwrap();
        assert!(json["digits"].is_null() && json["words"].is_null(), "{json}");
    }

    #[test]
    fn each_end_has_its_exit_code_and_says_what_to_do() {
        let code = |state, end| {
            let told = ShortComparison { state, end, ..ShortComparison::none() };
            goes_on(&told).map_or_else(|why| why.code(), |()| 0)
        };
        assert_eq!(code(ShortState::Shown, ShortEnd::None), 0);
        assert_eq!(code(ShortState::Waiting, ShortEnd::None), 6);
        assert_eq!(code(ShortState::Asked, ShortEnd::None), 1);
        for end in ShortEnd::ALL {
            assert_eq!(
                code(ShortState::Over, *end),
                if *end == ShortEnd::Cheated { 5 } else { 1 },
                "{end:?}"
            );
        }
    }

    #[test]
    fn what_the_other_side_says_is_told_as_theirs() {
        let said = |theirs| words(&ShortComparison { theirs, ..shown() });
        assert!(said(ShortEnd::Different).ends_with("the strings differ."));
        assert_eq!(said(ShortEnd::None), words(&shown()));
    }

    #[test]
    fn a_string_is_the_same_however_it_was_written_down_and_half_of_one_is_a_mistake() {
        for digits in ["00425678", "0042 5678", "0042-5678", " 00 42\n56 78 "] {
            assert_eq!(short_of(digits).unwrap(), "00425678", "{digits:?}");
        }
        for words in ["lusab babad", "LUSAB-babad", "lusab, babad."] {
            assert_eq!(short_of(words).unwrap(), "lusabbabad", "{words:?}");
        }
        for other in
            ["", "0042567", "004256789", "lusab", "lusab babad gutih", "lusabbabad", "١٢٣٤٥٦٧٨", "0042567x"]
        {
            assert_eq!(short_of(other).unwrap_err().code(), 2, "{other:?}");
        }
    }
}
