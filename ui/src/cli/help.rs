//! `privatus help [COMMAND]`: what `--help` says, by a word.

use clap::Args;
use clap::error::ErrorKind;
use serde::Serialize;

use super::exit::{Failure, Outcome};
use super::{Context, Output, unbuilt};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Which command, and which of its own: `send`, or `contact verify`
    #[arg(value_name = "COMMAND")]
    words: Vec<String>,
}

#[derive(Serialize)]
struct Row<'a> {
    help: &'a str,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    tell(&of(&arguments.words)?, context.output)
}

/// The text as an answer.
pub(super) fn tell(help: &str, output: Output) -> Outcome {
    let help = help.trim_end();
    output.row(&Row { help }, || help.to_owned())
}

/// The help of the command that these words name.
fn of(words: &[String]) -> Outcome<String> {
    let line = unbuilt::known(super::command());
    let unknown = || Failure::Usage("no command is called that: `privatus help` lists them".into());
    // Names alone are let through: what stands behind one would be read as what the command takes.
    let mut named = &line;
    for word in words {
        named = named.find_subcommand(word).ok_or_else(unknown)?;
    }
    let asked = ["privatus"].into_iter().chain(words.iter().map(String::as_str)).chain(["--help"]);
    match line.try_get_matches_from(asked) {
        Err(told) if told.kind() == ErrorKind::DisplayHelp => Ok(told.to_string()),
        _ => Err(unknown()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn help(words: &[&str]) -> Outcome<String> {
        of(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn each_command_has_a_help_that_says_how_it_is_used() {
        assert!(help(&[]).unwrap().contains("Usage: privatus [OPTIONS] <COMMAND>"));
        assert!(help(&["contact", "verify"]).unwrap().contains("Usage: privatus contact verify"));
        for command in unbuilt::known(super::super::command()).get_subcommands() {
            let told = help(&[command.get_name()]).unwrap();
            let about = command.get_about().unwrap().to_string();
            assert!(told.contains(&about), "{told}");
        }
    }

    #[test]
    fn what_is_no_command_is_a_mistake_and_not_repeated() {
        for words in [&["frobnicate"][..], &["send", "Bob"], &["contact", "--"], &["backup", "--"]] {
            let refused = help(words).unwrap_err();
            assert!(refused.code() == 2 && !refused.to_string().contains(words[0]), "{refused}");
        }
    }
}
