//! From the command line to the event loop, in the order that the walls need.

use std::ffi::OsString;
use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use ipc_schema::grant::Settings;
use ipc_schema::topology::{CLIENT, RELAY, Topology};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::children::{Setting, report_file};
use crate::error::{Doing, StartError};
use crate::options::{Options, Start};
use crate::spawn::Spawner;
use crate::suite::Suite;
use crate::{files, log, network, sockets, state, wire};

/// The variables of the command-line contract that a window needs.
const WINDOW_VARIABLES: &[&str] = &["DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR", "LANG"];

/// Runs a suite until it ends and gives its exit code.
///
/// # Errors
/// It cannot start. Nothing was started then.
pub fn run(argv: impl IntoIterator<Item = OsString>) -> Result<u8, StartError> {
    let options = Options::parse(argv)?;
    let Start { mut settings, gifts } = receive(&options)?;
    shed(&options)?;
    if !sandbox::has_landlock() {
        log::write(
            "privatus: this system has no Landlock, one of the walls around each part: switch it on in the kernel; `privatus audit` tells what holds",
        );
    }
    if options.with_parent {
        die_with_parent()?;
    }
    wire::raise_descriptor_limit();
    files::own_folder(&options.folder)?;
    files::own_folder(&options.runtime)?;
    let _lock = files::lock(&options.folder, &options.runtime)?;
    network::settle(&options.folder, &mut settings)?;
    let topology = if settings.relay { &RELAY } else { &CLIENT };
    settings.create_vault = new_vault(topology, &options.folder, &settings, gifts.passphrase.is_some())?;
    let namespaces = probe(topology, &options.folder)?;
    // Every thread inherits the mask; children start with an empty one.
    let signals = block_signals().doing("wait for signals")?;
    let doors = sockets::open(topology, &options.runtime)?;
    let (spawner, spawners_report) = Spawner::start()?;
    let own_report = sandbox::supervisor::seal_thread()?;
    write_report(&options.runtime, "spawner", &spawners_report)?;
    write_report(&options.runtime, "supervisor", &own_report)?;
    let setting = Setting {
        folder: options.folder,
        runtime: options.runtime.clone(),
        binaries: own_folder_of_binaries()?,
        settings,
        namespaces,
        window: window_variables(),
    };
    let code = Suite::new(topology, setting, spawner, doors, signals).with_gifts(gifts).run();
    clear(topology, &options.runtime);
    Ok(code)
}

fn receive(options: &Options) -> Result<Start, StartError> {
    let socket = sandbox::inherited(options.start).map_err(|_| StartError::ByHand)?;
    // The number was ours alone by the command line; the copy is what is read.
    let _ = nix::unistd::close(options.start);
    Start::receive(socket.as_fd())
}

/// Root's rights go before anything is made, so that everything belongs to the folder's owner.
fn shed(options: &Options) -> Result<(), StartError> {
    match sandbox::shed_root(&options.folder)? {
        // A demo's suites are many and short: one line each would hide what they show.
        sandbox::Shed::StillRoot if options.with_parent => {}
        sandbox::Shed::StillRoot => log::write(
            "privatus: runs as root, which it does not need: give the folder to an ordinary user (chown) and it becomes that user",
        ),
        sandbox::Shed::NotRoot | sandbox::Shed::Became { .. } => {}
    }
    Ok(())
}

/// The parent's end is a SIGTERM: a graceful stop. A change of user would clear it, so this comes after.
fn die_with_parent() -> Result<(), StartError> {
    prctl::set_pdeathsig(Signal::SIGTERM).doing("follow the parent")?;
    // It may have died before; then somebody else is the parent, and there is nobody to follow.
    if nix::unistd::getppid().as_raw() == 1 {
        return Err(StartError::ByHand);
    }
    Ok(())
}

/// Whether keyvault creates. A new profile needs a passphrase or a window that asks for one.
fn new_vault(
    topology: &Topology,
    folder: &Path,
    settings: &Settings,
    passphrase: bool,
) -> Result<bool, StartError> {
    if topology.process("keyvault").is_none() || !files::is_new_profile(folder)? {
        return Ok(false);
    }
    if settings.headless && !passphrase {
        return Err(StartError::Refused(format!(
            "{} holds no profile yet: give a passphrase for a new one with --passphrase-fd N",
            folder.display()
        )));
    }
    Ok(passphrase)
}

/// Tries namespaces with the folder that a child will work in, which is made before.
fn probe(topology: &Topology, folder: &Path) -> Result<bool, StartError> {
    let mut tried = None;
    for process in topology.processes {
        if let Some(inner) = process.folder {
            let path = if inner == "." { folder.to_path_buf() } else { folder.join(inner) };
            files::own_folder(&path)?;
            tried = Some(path);
        }
    }
    Ok(sandbox::probe_namespaces(tried.as_deref()).works())
}

fn block_signals() -> nix::Result<File> {
    let mut stop = SigSet::empty();
    // SIGHUP: the terminal closed, which is no reason to be cut off.
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        stop.add(signal);
    }
    stop.thread_block()?;
    let signals = SignalFd::with_flags(&stop, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
    Ok(File::from(signals.as_fd().try_clone_to_owned().map_err(|_| nix::Error::EMFILE)?))
}

fn write_report(runtime: &Path, name: &str, report: &sandbox::Report) -> Result<(), StartError> {
    let path = runtime.join(report_file(name));
    files::write_whole(&path, &report.encode()).on("write", &path)
}

/// All binaries lie in one folder.
fn own_folder_of_binaries() -> Result<PathBuf, StartError> {
    let own = std::env::current_exe().doing("find the folder of the program")?;
    Ok(own.parent().unwrap_or(Path::new("/")).to_path_buf())
}

#[allow(clippy::disallowed_methods, reason = "the door to the variables of the command-line contract")]
fn window_variables() -> Vec<(OsString, OsString)> {
    std::env::vars_os()
        .filter(|(name, _)| {
            WINDOW_VARIABLES.iter().any(|known| name == known)
                || name.to_str().is_some_and(|name| name.starts_with("LC_"))
        })
        .collect()
}

/// Nothing that says how the suite was stays behind.
fn clear(topology: &Topology, runtime: &Path) {
    let children = topology.processes.iter().map(|process| process.name);
    for name in children.chain(["supervisor", "spawner"]) {
        let _ = std::fs::remove_file(runtime.join(report_file(name)));
    }
    let _ = std::fs::remove_file(runtime.join(state::FILE));
    let _ = std::fs::remove_dir(runtime);
}
