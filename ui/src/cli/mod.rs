//! The command line: a contract (command-line.md), one file a command.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

pub mod exit;
pub mod output;
pub mod passphrase;
pub mod paths;
pub mod sockets;
mod version;

pub use exit::{Doing, Failure, Outcome};
pub use output::Output;
pub use paths::Profile;

#[derive(Debug, Parser)]
#[command(
    name = "privatus",
    about = "A private messenger of sandboxed processes",
    disable_help_subcommand = true
)]
struct Line {
    /// The profile's folder; by default $XDG_DATA_HOME/privatus/default
    #[arg(long, global = true, value_name = "DIR")]
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
    /// Print the version
    Version,

    // Not built yet.
    #[command(hide = true)]
    Run(NotBuilt),
    #[command(hide = true)]
    Relay(NotBuilt),
    #[command(hide = true)]
    Demo(NotBuilt),
    #[command(hide = true)]
    Status(NotBuilt),
    #[command(hide = true)]
    Audit(NotBuilt),
    #[command(hide = true)]
    Stop(NotBuilt),
    #[command(hide = true)]
    Lock(NotBuilt),
    #[command(hide = true)]
    Unlock(NotBuilt),
    #[command(hide = true)]
    Slot(NotBuilt),
    #[command(hide = true)]
    Panic(NotBuilt),
    #[command(hide = true)]
    Invite(NotBuilt),
    #[command(hide = true)]
    Accept(NotBuilt),
    #[command(hide = true)]
    Contacts(NotBuilt),
    #[command(hide = true)]
    Contact(NotBuilt),
    #[command(hide = true)]
    Introduce(NotBuilt),
    #[command(hide = true, name = "profile")]
    ProfileName(NotBuilt),
    #[command(hide = true)]
    Send(NotBuilt),
    #[command(hide = true)]
    Messages(NotBuilt),
    #[command(hide = true)]
    Search(NotBuilt),
    #[command(hide = true)]
    Edit(NotBuilt),
    #[command(hide = true)]
    Delete(NotBuilt),
    #[command(hide = true)]
    React(NotBuilt),
    #[command(hide = true)]
    Read(NotBuilt),
    #[command(hide = true)]
    Draft(NotBuilt),
    #[command(hide = true)]
    Pin(NotBuilt),
    #[command(hide = true)]
    Mute(NotBuilt),
    #[command(hide = true)]
    Timer(NotBuilt),
    #[command(hide = true)]
    Events(NotBuilt),
    #[command(hide = true)]
    File(NotBuilt),
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
    #[command(hide = true)]
    Get(NotBuilt),
    #[command(hide = true)]
    Set(NotBuilt),
}

/// Runs one command line and gives its exit code.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let line = match Line::try_parse_from(arguments) {
        Ok(line) => line,
        Err(error) => return usage(&error),
    };
    let outcome = Profile::at(line.profile).and_then(|profile| {
        let context = Context { profile, output: Output { json: line.json } };
        run(line.command, &context)
    });
    exit::report(&outcome)
}

/// `--help` is an answer on stdout; everything else is one line on stderr and exit 2.
fn usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        return exit::report(&output::print_line(error.to_string().trim_end()));
    }
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
    exit::report(&Err(Failure::Usage(format!("{first} (see privatus --help)"))))
}

fn run(command: Command, context: &Context) -> Outcome {
    match command {
        Command::Version => version::run(context),
        Command::Run(_)
        | Command::Relay(_)
        | Command::Demo(_)
        | Command::Status(_)
        | Command::Audit(_)
        | Command::Stop(_)
        | Command::Lock(_)
        | Command::Unlock(_)
        | Command::Slot(_)
        | Command::Panic(_)
        | Command::Invite(_)
        | Command::Accept(_)
        | Command::Contacts(_)
        | Command::Contact(_)
        | Command::Introduce(_)
        | Command::ProfileName(_)
        | Command::Send(_)
        | Command::Messages(_)
        | Command::Search(_)
        | Command::Edit(_)
        | Command::Delete(_)
        | Command::React(_)
        | Command::Read(_)
        | Command::Draft(_)
        | Command::Pin(_)
        | Command::Mute(_)
        | Command::Timer(_)
        | Command::Events(_)
        | Command::File(_)
        | Command::Group(_)
        | Command::Backup(_)
        | Command::Restore(_)
        | Command::Export(_)
        | Command::Salvage(_)
        | Command::Get(_)
        | Command::Set(_) => Err(Failure::not_built("this command")),
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
}
