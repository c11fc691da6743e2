//! The command line as a whole against its contract: which commands there are, and that each says what it is for.

use std::ffi::OsString;

use clap::Command;
use clap_complete::Shell;

use super::{Line, Outcome, command, unbuilt};

/// Every command of the contract.
const COMMANDS: &[&str] = &[
    "run",
    "relay",
    "demo",
    "status",
    "audit",
    "lock",
    "stop",
    "version",
    "unlock",
    "network",
    "help",
    // Keys
    "slot",
    "panic",
    // People
    "invite",
    "accept",
    "contacts",
    "contact",
    "introduce",
    "profile",
    "profiles",
    // Messages
    "send",
    "messages",
    "search",
    "edit",
    "delete",
    "react",
    "read",
    "unread",
    "draft",
    "pin",
    "mute",
    "timer",
    "retry",
    "cancel",
    "forward",
    "info",
    "note",
    "events",
    // The rest
    "file",
    "voice",
    "call",
    "answer",
    "hang-up",
    "group",
    "backup",
    "restore",
    "export",
    "salvage",
    "get",
    "set",
    "settings",
];

/// The commands that a built one has of its own.
const OWN: &[(&str, &[&str])] = &[
    ("relay", &["status", "metrics"]),
    ("slot", &["list", "add", "change", "remove"]),
    ("invite", &["list"]),
    (
        "contact",
        &["show", "verify", "compare", "rename", "block", "unblock", "delete", "resume", "accept", "decline"],
    ),
    ("profile", &["name"]),
];

fn whole() -> Command {
    unbuilt::known(command())
}

fn parsed(words: &[&str]) -> Outcome<(String, Line)> {
    super::parsed(&words.iter().map(Into::into).collect::<Vec<OsString>>())
}

fn sorted<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    names
}

#[test]
fn the_commands_are_those_of_the_contract() {
    let line = whole();
    let names = sorted(line.get_subcommands().map(Command::get_name));
    assert_eq!(names, sorted(COMMANDS.iter().copied()));
    for (name, own) in OWN {
        let found = line.find_subcommand(name).unwrap();
        assert_eq!(
            sorted(found.get_subcommands().map(Command::get_name)),
            sorted(own.iter().copied()),
            "{name}"
        );
    }
}

#[test]
fn every_command_has_a_line_about_it_and_every_argument_a_line_of_help() {
    fn look(command: &Command, path: &str, silent: &mut Vec<String>) {
        let path = format!("{path} {}", command.get_name());
        if command.get_about().is_none() {
            silent.push(path.clone());
        }
        let arguments = command.get_arguments().filter(|argument| !argument.is_hide_set());
        let mute = arguments.filter(|argument| argument.get_help().is_none());
        silent.extend(mute.map(|argument| format!("{path}: {}", argument.get_id())));
        command.get_subcommands().for_each(|own| look(own, &path, silent));
    }
    let mut silent = Vec::new();
    look(&whole(), "", &mut silent);
    assert!(silent.is_empty(), "{silent:#?}");
}

#[test]
fn the_help_is_honest_about_what_is_not_built() {
    let mut line = command();
    let help = line.render_help().to_string();
    let (built, not_built) = help.split_once("Not built yet:").unwrap();
    assert!(built.contains("  settings ") && !not_built.contains("settings"), "{help}");
    assert!(not_built.contains("backup") && !built.contains("  backup "), "{help}");
    assert_eq!(parsed(&["privatus", "backup", "/x"]).unwrap().0, "backup");
    let refused = parsed(&["privatus", "network", "show", "--json"]).unwrap_err();
    assert_eq!((refused.code(), refused.to_string().as_str()), (5, "network: not built yet"));
}

#[test]
fn clap_finds_nothing_wrong_with_the_definition() {
    whole().debug_assert();
}

#[test]
fn completions_and_man_pages_tell_of_each_command_that_is_built() {
    let shown: Vec<String> = command()
        .get_subcommands()
        .filter(|own| !own.is_hide_set())
        .map(|own| own.get_name().to_owned())
        .collect();
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut command(), "privatus", &mut script);
        let script = String::from_utf8(script).unwrap();
        for name in &shown {
            assert!(script.contains(name.as_str()), "{shell}: {name}");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    clap_mangen::generate_to(command(), folder.path()).unwrap();
    for name in shown.iter().map(String::as_str).chain(["contact-verify"]) {
        let page = std::fs::read_to_string(folder.path().join(format!("privatus-{name}.1"))).unwrap();
        assert!(page.contains(".SH SYNOPSIS"), "{name}");
    }
    assert!(folder.path().join("privatus.1").exists() && !folder.path().join("privatus-backup.1").exists());
}
