//! What a command line that is not run ends with: help and version on stdout, a mistake as one line on stderr that holds all that there
//! is to say of it. A word that may be a passphrase, typed where none belongs, is not repeated.

use clap::Error;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::exit::Failure;
use super::{Output, help, version};

/// How an option is called that takes a descriptor, in part.
const DESCRIPTOR: &str = "-fd ";

/// Tells what was asked for, or gives the mistake.
pub(super) fn failure(ended: &Error, output: Output) -> Failure {
    let told = match ended.kind() {
        ErrorKind::DisplayHelp => help::tell(&ended.to_string(), output),
        ErrorKind::DisplayVersion => version::tell(output),
        _ => return Failure::Usage(mistake(ended)),
    };
    told.err().unwrap_or(Failure::Silent(0))
}

/// In one line, whatever was typed: the paragraphs of what clap says, and how the command is used.
fn mistake(error: &Error) -> String {
    let (argument, value) = (text(error, ContextKind::InvalidArg), text(error, ContextKind::InvalidValue));
    match (error.kind(), argument, value) {
        (ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand, ..) => which(&error.to_string()),
        (_, Some(argument), Some(value)) if argument.contains(DESCRIPTOR) && !value.is_empty() => format!(
            "{argument} takes the number of an open descriptor, never the passphrase or secret itself: for example {}0 < FILE",
            argument.trim_end_matches("<N>")
        ),
        (ErrorKind::UnknownArgument, Some(word), _) if !word.starts_with('-') => too_many(error),
        (ErrorKind::TooManyValues, ..) => too_many(error),
        _ => in_one_line(&error.to_string()),
    }
}

fn too_many(error: &Error) -> String {
    let usage = match error.get(ContextKind::Usage) {
        Some(ContextValue::StyledStr(usage)) => format!("; {}", in_one_line(&usage.to_string())),
        _ => String::new(),
    };
    format!("a word too many: what has several words stands in quotation marks{usage}")
}

fn text(error: &Error, kind: ContextKind) -> Option<&str> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text),
        _ => None,
    }
}

/// Of the whole help, which is what clap says then, the line that names the command.
fn which(help: &str) -> String {
    let usage = help.lines().find(|line| line.starts_with("Usage: ")).unwrap_or_default();
    let named = usage.split_whitespace().skip(1).take_while(|word| !word.starts_with(['[', '<']));
    format!("which command? {usage}; see {} --help", named.collect::<Vec<_>>().join(" "))
}

fn in_one_line(text: &str) -> String {
    let text = text.strip_prefix("error: ").unwrap_or(text);
    let paragraphs = text.split("\n\n").map(|lines| lines.split_whitespace().collect::<Vec<_>>().join(" "));
    paragraphs.filter(|paragraph| !paragraph.is_empty()).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of that command line.
    fn said(arguments: &[&str]) -> String {
        let line = super::super::unbuilt::known(super::super::command());
        let ended = line.try_get_matches_from([&["privatus"][..], arguments].concat()).unwrap_err();
        match failure(&ended, Output { json: true }) {
            Failure::Usage(said) => said,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn all_that_is_missing_is_named_and_how_the_command_is_used() {
        let said = said(&["send"]);
        for part in ["required", "<WHO>", "<TEXT>", "Usage: privatus send", "--help"] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert!(!said.contains('\n') && !said.starts_with("error"), "{said}");
    }

    #[test]
    fn a_command_without_its_own_command_is_told_which_there_are_to_find() {
        assert!(said(&[]).contains("see privatus --help"), "{}", said(&[]));
        assert!(said(&["contact"]).contains("see privatus contact --help"), "{}", said(&["contact"]));
    }

    #[test]
    fn an_unknown_word_is_answered_with_those_that_are_near() {
        let said = said(&["contcts"]);
        assert!(said.contains("'contcts'") && said.contains("'contacts'"), "{said}");
    }

    #[test]
    fn what_may_be_a_passphrase_is_not_repeated() {
        let lines = [
            &["unlock", "hunter2"][..],
            &["unlock", "--passphrase-fd", "hunter2"],
            &["unlock", "--passphrase-fd=hunter2"],
            &["slot", "list", "--new-passphrase-fd", "hunter2"],
            &["run", "--network", "n", "--network-secret-fd", "hunter2"],
            &["set", "scripts", "on", "hunter2", "hunter2"],
        ];
        for line in lines {
            let said = said(line);
            assert!(!said.contains("hunter2"), "{said}");
        }
        // A number that is none of a descriptor.
        assert!(!said(&["unlock", "--passphrase-fd", "99999999999"]).contains("99999"));
        assert!(said(&["unlock", "--passphrase-fd"]).contains("required"));
    }
}
