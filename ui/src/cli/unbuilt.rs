//! Commands of the contract that no code stands behind yet. They are known by name, so that a script is told what is the matter and a
//! person what there will be.

use std::ffi::OsString;

use clap::{Arg, Command, value_parser};

/// What they will do. One that is built is passed over here.
const COMMANDS: &[(&str, &str)] = &[
    ("network", "A closed network: create, admit, remove, renew, show"),
    ("introduce", "Bring two contacts together"),
    ("search", "Find texts"),
    ("edit", "Change a text that was sent"),
    ("delete", "Delete a text, here or on both sides"),
    ("react", "Answer a text with a sign"),
    ("read", "Say that all up to a text was read"),
    ("unread", "Mark a conversation as unread"),
    ("draft", "What was begun and not sent"),
    ("pin", "Keep a conversation on top"),
    ("mute", "Be told nothing of a conversation"),
    ("timer", "Let the texts of a conversation disappear"),
    ("retry", "Send again what failed"),
    ("cancel", "Send what still waits no more"),
    ("forward", "Send a text on to somebody"),
    ("info", "All that is known of a text"),
    ("note", "A note of one's own on a contact"),
    ("file", "Files: send, list, accept, refuse, pause, resume, cancel, save"),
    ("voice", "Voice messages: record, send, play"),
    ("call", "Call somebody"),
    ("answer", "Take a call"),
    ("hang-up", "End a call"),
    ("group", "Groups: create, add, remove, leave, members, rename, admin"),
    ("backup", "Write a copy of the profile"),
    ("restore", "Make a profile of such a copy"),
    ("export", "Write a conversation to a file"),
    ("salvage", "Take what can be read out of a damaged profile"),
];

/// How many names stand in a line of the help.
const A_LINE: usize = 9;

/// Tells under the help what is not built. What is hidden there counts as that.
pub(super) fn told(line: Command) -> Command {
    let is_built = |name: &str| line.find_subcommand(name).is_some_and(|known| !known.is_hide_set());
    let names: Vec<&str> = COMMANDS.iter().map(|(name, _)| *name).filter(|name| !is_built(name)).collect();
    if names.is_empty() {
        return line;
    }
    let lines: Vec<String> = names.chunks(A_LINE).map(|names| names.join(", ")).collect();
    line.after_help(format!("Not built yet:\n  {}", lines.join(",\n  ")))
}

/// Has each of them known, hidden, with whatever stands behind it.
pub(super) fn known(line: Command) -> Command {
    COMMANDS.iter().fold(line, |line, (name, about)| {
        match line.find_subcommand(name).map(Command::is_hide_set) {
            None => line.subcommand(stub(name, about)),
            Some(true) => line.mut_subcommand(name, |stub| stub.about(*about)),
            Some(false) => line,
        }
    })
}

fn stub(name: &'static str, about: &'static str) -> Command {
    let rest = Arg::new("rest")
        .help("Whatever it will take")
        .num_args(1..)
        .trailing_var_arg(true)
        .allow_hyphen_values(true)
        .hide(true)
        .value_parser(value_parser!(OsString));
    Command::new(name).about(about).hide(true).arg(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_is_left_alone_and_a_stub_is_told_of() {
        let line = || {
            Command::new("x")
                .subcommand(Command::new("search").about("Finds"))
                .subcommand(Command::new("edit").hide(true))
        };
        let known = known(line());
        let about = |name: &str| known.find_subcommand(name).unwrap().get_about().unwrap().to_string();
        assert_eq!((about("search"), about("edit")), ("Finds".into(), "Change a text that was sent".into()));
        let help = told(line()).render_help().to_string();
        let told = help.split("Not built yet:").nth(1).unwrap();
        assert!(told.contains("edit") && told.contains("salvage") && !told.contains("search"), "{help}");
    }

    #[test]
    fn a_command_that_is_not_built_takes_any_arguments() {
        let taken = known(Command::new("x")).try_get_matches_from(["x", "network", "create", "--out", "/f"]);
        assert_eq!(taken.unwrap().subcommand_name(), Some("network"));
    }
}
