//! The command line: a contract (command-line.md), one file a command.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

mod accept;
mod audit;
mod cancel;
mod compare;
mod contact;
mod contacts;
#[cfg(test)]
mod contract_tests;
mod delete;
mod demo;
mod draft;
mod duration;
mod echo;
mod edit;
pub mod embedded;
mod events;
pub mod exit;
mod file;
mod forward;
mod help;
mod info;
mod introduce;
mod invite;
pub mod launch;
mod lock;
mod messages;
mod mute;
mod note;
pub mod output;
mod panic;
pub mod passphrase;
pub mod paths;
mod pin;
mod profile;
mod profiles;
mod question;
mod react;
mod read;
mod refusal;
mod relay;
mod retry;
mod rows;
mod run;
mod safety;
mod search;
mod send;
mod settings;
mod slot;
pub mod sockets;
mod status;
mod stop;
mod talk;
mod terminal;
mod timer;
mod unbuilt;
mod unlock;
mod unread;
mod usage;
mod version;

pub use exit::{Doing, Failure, Outcome};
pub use output::Output;
pub use paths::Profile;

#[derive(Debug, Parser)]
#[command(
    name = "privatus",
    version,
    about = "A private messenger of sandboxed processes",
    disable_help_subcommand = true
)]
struct Line {
    /// The profile's folder; by default $XDG_DATA_HOME/privatus/default
    #[arg(long, global = true, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    profile: Option<PathBuf>,
    /// One JSON object a line instead of words
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

/// What holds for every command.
#[derive(Debug)]
pub struct Context {
    /// Which profile.
    pub profile: Profile,
    /// Where answers go.
    pub output: Output,
}

/// A command of the contract that is not built yet takes whatever stands behind it, and says so.
#[derive(Debug, Args)]
struct NotBuilt {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    _rest: Vec<OsString>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start, in the foreground
    Run(run::Arguments),
    /// Run a relay, or ask one
    Relay(relay::Arguments),
    /// Two people on a network of their own, or the window with Echo
    Demo(demo::Arguments),
    /// How everything is
    Status,
    /// What confines each process
    Audit,
    /// End the running suite
    Stop,
    /// Print the version
    Version,
    /// What a command does and takes
    Help(help::Arguments),

    /// Drop all keys: nothing is fetched until the passphrase comes
    Lock,
    /// Open the vault with the passphrase
    Unlock(unlock::Arguments),
    /// Make a link that one person can connect with
    Invite(invite::Arguments),
    /// Connect with who made a link
    Accept(accept::Arguments),
    /// Everybody you can write to, or have invited
    Contacts,
    /// One contact: show, verify, compare, resume, rename, block, delete, accept, decline
    Contact(contact::Arguments),
    /// Bring two contacts together, or answer who wants that
    Introduce(introduce::Arguments),
    /// Your name, as new contacts see it
    #[command(name = "profile")]
    ProfileName(profile::Arguments),
    /// The profiles of this user, and which of them run
    Profiles,
    /// Send a text
    Send(send::Arguments),
    /// The texts with somebody
    Messages(messages::Arguments),
    /// Have a text of yours say something else
    Edit(edit::Arguments),
    /// Delete a text, here or for both
    Delete(delete::Arguments),
    /// Put a sign to a text, or take it back
    React(react::Arguments),
    /// Say that what they wrote was read, up to a text or all of it
    Read(read::Arguments),
    /// Have a conversation count as unread
    Unread(unread::Arguments),
    /// Print what you began to write to somebody, or keep it
    Draft(draft::Arguments),
    /// Have somebody stand before the others
    Pin(pin::Arguments),
    /// Have nothing of somebody draw attention
    Mute(mute::Arguments),
    /// Print how long texts live that you two write from now on, or set it
    Timer(timer::Arguments),
    /// Print what you note about somebody, or note it; seen by you alone
    Note(note::Arguments),
    /// The texts with certain words
    Search(search::Arguments),
    /// How far a text is, when it came there, and what to do next
    Info(info::Arguments),
    /// Send a text once more that failed or expired
    Retry(retry::Arguments),
    /// Take a text back that nothing was done with yet
    Cancel(cancel::Arguments),
    /// Send the words of a text to somebody else
    Forward(forward::Arguments),
    /// Files: send, list, accept, refuse, pause, resume, cancel, retry, save
    File(file::Arguments),
    /// What changes, a line each, until interrupted
    Events(events::Arguments),
    /// Print a setting
    Get(settings::Get),
    /// Change a setting
    Set(settings::Set),
    /// Every setting, with what it means
    Settings,

    /// What opens the vault: list, add, change, remove
    Slot(slot::Arguments),
    /// Destroy every key and this profile, at once
    Panic(panic::Arguments),

    // Not built yet.
    #[command(hide = true)]
    Group(NotBuilt),
    #[command(hide = true)]
    Backup(NotBuilt),
    #[command(hide = true)]
    Restore(NotBuilt),
    #[command(hide = true)]
    Export(NotBuilt),
    #[command(hide = true)]
    Salvage(NotBuilt),
}

impl Command {
    /// All but those that name another folder, make one of their own, or need none.
    fn is_about_the_profile(&self) -> bool {
        !matches!(
            self,
            Self::Relay(_) | Self::Demo(_) | Self::Version | Self::Help(_) | Self::Profiles | Self::Settings
        )
    }
}

/// The command line as it is defined, without those commands that no code stands behind: for completions and man pages.
#[must_use]
pub fn command() -> clap::Command {
    unbuilt::told(Line::command())
}

/// Runs one command line and gives its exit code.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    exit::report(&parsed(&arguments).and_then(|(name, line)| {
        let context = Context { profile: line.profile()?, output: Output { json: line.json } };
        run(line.command, &name, &context)
    }))
}

/// The command's name, and all that was said.
fn parsed(arguments: &[OsString]) -> Outcome<(String, Line)> {
    let output = Output { json: arguments.iter().any(|argument| argument == "--json") };
    let matches = unbuilt::known(command())
        .try_get_matches_from(arguments)
        .map_err(|ended| usage::failure(&ended, output))?;
    let name = matches.subcommand_name().unwrap_or_default().to_owned();
    // The contract alone knows it.
    if !Command::has_subcommand(&name) {
        return Err(Failure::not_built(&name));
    }
    let line = Line::from_arg_matches(&matches).map_err(|ended| usage::failure(&ended, output))?;
    Ok((name, line))
}

impl Line {
    /// The profile that was named, or the default one. Where no home is known, what needs none works all the same.
    fn profile(&self) -> Outcome<Profile> {
        let profile = Profile::at(self.profile.clone());
        if !self.command.is_about_the_profile() {
            return profile.or_else(|_| Profile::at(Some("/".into())));
        }
        let profile = profile?;
        profile.shed_root()?;
        Ok(profile)
    }
}

fn run(command: Command, name: &str, context: &Context) -> Outcome {
    match command {
        Command::Run(arguments) => run::run(&arguments, context),
        Command::Relay(arguments) => relay::run(&arguments, context),
        Command::Demo(arguments) => demo::run(&arguments, context),
        Command::Status => status::run(context),
        Command::Audit => audit::run(context),
        Command::Stop => stop::run(context),
        Command::Version => version::run(context),
        Command::Help(arguments) => help::run(&arguments, context),
        Command::Lock => lock::run(context),
        Command::Unlock(arguments) => unlock::run(&arguments, context),
        Command::Invite(arguments) => invite::run(&arguments, context),
        Command::Accept(arguments) => accept::run(&arguments, context),
        Command::Contacts => contacts::run(context),
        Command::Contact(arguments) => contact::run(&arguments, context),
        Command::Introduce(arguments) => introduce::run(&arguments, context),
        Command::ProfileName(arguments) => profile::run(&arguments, context),
        Command::Profiles => profiles::run(context),
        Command::Send(arguments) => send::run(&arguments, context),
        Command::Messages(arguments) => messages::run(&arguments, context),
        Command::Edit(arguments) => edit::run(&arguments, context),
        Command::Delete(arguments) => delete::run(&arguments, context),
        Command::React(arguments) => react::run(&arguments, context),
        Command::Read(arguments) => read::run(&arguments, context),
        Command::Unread(arguments) => unread::run(&arguments, context),
        Command::Draft(arguments) => draft::run(&arguments, context),
        Command::Pin(arguments) => pin::run(&arguments, context),
        Command::Mute(arguments) => mute::run(&arguments, context),
        Command::Timer(arguments) => timer::run(&arguments, context),
        Command::Note(arguments) => note::run(&arguments, context),
        Command::Search(arguments) => search::run(&arguments, context),
        Command::Info(arguments) => info::run(&arguments, context),
        Command::Retry(arguments) => retry::run(&arguments, context),
        Command::Cancel(arguments) => cancel::run(&arguments, context),
        Command::Forward(arguments) => forward::run(&arguments, context),
        Command::File(arguments) => file::run(&arguments, context),
        Command::Events(arguments) => events::run(&arguments, context),
        Command::Get(arguments) => settings::get(&arguments, context),
        Command::Set(arguments) => settings::set(&arguments, context),
        Command::Settings => settings::list(context),
        Command::Slot(arguments) => slot::run(&arguments, context),
        Command::Panic(arguments) => panic::run(&arguments, context),
        Command::Group(_)
        | Command::Backup(_)
        | Command::Restore(_)
        | Command::Export(_)
        | Command::Salvage(_) => Err(Failure::not_built(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profile_and_json_may_stand_before_or_after_the_command() {
        for line in [
            &["privatus", "--json", "--profile", "/p", "version"][..],
            &["privatus", "version", "--json", "--profile", "/p"],
            &["privatus", "--profile=/p", "version", "--json"],
        ] {
            let line = Line::try_parse_from(line).unwrap();
            assert!(line.json && line.profile == Some(PathBuf::from("/p")));
        }
    }

    #[test]
    fn a_command_that_is_not_built_takes_any_arguments() {
        assert!(Line::try_parse_from(["privatus", "backup", "--to", "/x", "--json"]).is_ok());
        assert_eq!(Failure::not_built("backup").code(), 5);
    }

    #[test]
    fn a_note_and_a_draft_may_be_empty_begin_with_a_hyphen_or_be_asked_for() {
        for command in ["note", "draft"] {
            for text in [&["", "--json"][..], &["-"], &["- one", "--json"], &[]] {
                let line = [&["privatus", command, "Robin"][..], text].concat();
                assert!(Line::try_parse_from(&line).is_ok(), "{line:?}");
            }
        }
        assert!(Line::try_parse_from(["privatus", "mute", "Robin", "8h", "--off"]).is_err());
    }
}
