//! `privatus run`: a person's suite, in the foreground.

use std::io::Write;
use std::process::Stdio;

use clap::Args;
use ipc_schema::grant::Settings;
use supervisor::options::Gifts;

use super::embedded::{self, Relays};
use super::exit::{Doing, Failure, Outcome};
use super::launch::{self, Launch};
use super::{Context, passphrase, paths};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// No window; prints `ready` once its sockets answer
    #[arg(long)]
    headless: bool,
    /// A private network by its name; kept in the folder
    #[arg(long, value_name = "NAME")]
    network: Option<String>,
    /// The private network's secret: one line on this descriptor
    #[arg(long, value_name = "N")]
    network_secret_fd: Option<i32>,
    /// A relay to start from, as it prints itself at its start
    #[arg(long, value_name = "ADDR")]
    bootstrap: Vec<String>,
    /// A private network of so many relays, run by this command
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    embedded_relays: u16,
    /// The passphrase: one line on this descriptor; makes a profile in a new folder, unlocks an existing one
    #[arg(long, value_name = "N")]
    passphrase_fd: Option<i32>,
    /// Starts also where this system lacks a wall that is required; shown wherever the suite shows itself
    #[arg(long)]
    without_walls: bool,
    /// Where the history is lost or damaged: puts it aside and begins a new one; see `privatus status`
    #[arg(long)]
    new_history: bool,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    if !arguments.headless && !paths::has_display() {
        return Err(Failure::Failed(
            "no display is there: start from a desktop, or without a window by --headless".into(),
        ));
    }
    let mut settings = Settings {
        headless: arguments.headless,
        without_walls: arguments.without_walls,
        new_history: arguments.new_history,
        bootstraps: arguments.bootstrap.clone(),
        ..Settings::default()
    };
    launch::join_network(&mut settings, arguments.network.as_deref(), arguments.network_secret_fd)?;
    let passphrase = arguments.passphrase_fd.map(for_keyvault).transpose()?;
    let profile = context.profile.create()?;
    let launch = Launch { profile, settings, gifts: Gifts { passphrase, offer: None }, with_parent: false };
    if arguments.embedded_relays == 0 {
        return launch.exec();
    }
    with_relays(arguments.embedded_relays, launch)
}

/// For keyvault: one line, looked at before anything is made. The number that was given is closed: this process may stay for as
/// long as the suite runs.
fn for_keyvault(number: i32) -> Outcome<std::os::fd::OwnedFd> {
    let line = passphrase::read(Some(number), "Passphrase")?;
    let (passphrase, mut write) = std::io::pipe().doing("make a pipe")?;
    // A pipe holds more than the longest line.
    write.write_all(&line).and_then(|()| write.write_all(b"\n")).doing("fill a pipe")?;
    if number > 2 {
        nix::unistd::close(number).doing("close the passphrase's descriptor")?;
    }
    Ok(passphrase.into())
}

/// Stays as the parent: starts the relays, then the suite, and stops all of it when told or when the suite ends.
fn with_relays(count: u16, mut launch: Launch) -> Outcome {
    let signals = embedded::Signals::take().doing("wait for signals")?;
    let network = embedded::network_of(&launch.profile, &launch.settings)?;
    (launch.settings.network_name, launch.settings.network_id) = network;
    let relays = Relays::start(&launch.profile.folder.join("relays"), count, &launch.settings, |address| {
        super::output::print_line(&format!("relay ready {address}")).doing("say that a relay is ready")
    })?;
    launch.settings.bootstraps.extend(relays.addresses().iter().cloned());
    launch.with_parent = true;
    let mut suite = launch.spawn(Stdio::inherit())?;
    let code = signals.wait_for(&mut suite)?;
    relays.stop();
    if code == 0 { Ok(()) } else { Err(Failure::Silent(code)) }
}
