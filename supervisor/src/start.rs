//! From the command line to the event loop, in the order that the walls need.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use ipc_schema::grant::Settings;
use ipc_schema::topology::{CLIENT, RELAY, Topology};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::sys::stat::{Mode, umask};
use sandbox::signals::Signals;
use sandbox::{Image, Profile};

use crate::children::{OwnReport, Setting, report_file};
use crate::error::{Doing, StartError};
use crate::files;
use crate::folder::{self, Kind, VAULT};
use crate::options::{Options, Start};
use crate::spawn::Spawner;
use crate::suite::Suite;
use crate::{lock, log, losses, network, sockets, state, wire};

/// Runs a suite until it ends and gives its exit code.
///
/// # Errors
/// It cannot start. Nothing was started then.
pub fn run(argv: impl IntoIterator<Item = OsString>) -> Result<u8, StartError> {
    let options = Options::parse(argv)?;
    let Start { mut settings, gifts } = receive(&options)?;
    shed(&options)?;
    if options.with_parent {
        die_with_parent()?;
    }
    wire::raise_descriptor_limit();
    // Sockets that are made once this is sealed are this user's alone, as all else.
    umask(Mode::S_IRWXG | Mode::S_IRWXO);
    let (topology, kind) = if settings.relay { (&RELAY, Kind::Relay) } else { (&CLIENT, Kind::Person) };
    // Judged before anything is touched: a wrong path names somebody's documents, whose modes are theirs.
    let new = folder::judge(&options.folder, kind)?;
    settings.create_vault = new_vault(kind, new, &options.folder, &settings, gifts.passphrase.is_some())?;
    files::own_folder(&options.folder)?;
    files::own_folder(&options.runtime)?;
    let _lock = lock::take(&options.folder, &options.runtime)?;
    if kind == Kind::Person {
        folder::move_old_history(&options.folder)?;
    }
    let to_complete = network::settle(&options.folder, kind, &mut settings)?;
    if kind == Kind::Relay && settings.begun {
        losses::relay(&options.folder)?;
    }
    // It forks, and a fork that goes on needs a process of one thread: before the spawner.
    let namespaces = probe(topology, &options.folder)?;
    let walls = Walls { landlock: sandbox::has_landlock(), namespaces };
    settings.without_walls = lacks_file_wall(topology, walls, settings.without_walls)?;
    let vault = vault_to_burn(kind, &options.folder)?;
    // Every thread inherits the mask; children start with an empty one.
    let signals = Signals::take().doing("wait for signals")?;
    let doors = sockets::open(topology, &options.runtime)?;
    let binaries = own_folder_of_binaries()?;
    // Before this thread seals itself: a thread inherits its maker's filter, and the spawner's must be wider.
    let (spawner, spawners_report) = Spawner::start(images(topology, &binaries, settings.headless))?;
    let own_report = sandbox::supervisor::seal_thread()?;
    let own_reports = [("spawner", spawners_report), ("supervisor", own_report)]
        .map(|(name, report)| OwnReport { name, bytes: report.encode().to_vec() });
    for report in &own_reports {
        // `privatus audit` misses one that the disk does not take.
        if let Err(error) = report.lay(&options.runtime) {
            let path = options.runtime.join(report_file(report.name));
            log::write(&format!("supervisor: cannot write {}: {error}", path.display()));
        }
    }
    let environment = sandbox::Environment::own();
    let setting = Setting {
        folder: options.folder,
        runtime: options.runtime.clone(),
        binaries,
        settings,
        to_complete: to_complete.then_some(kind),
        namespaces,
        window: environment.for_window(),
        display: environment.display().map(|display| display.kind()),
        own_reports: own_reports.into(),
    };
    let code = Suite::new(topology, setting, spawner, doors, signals).with(gifts, vault).run();
    clear(topology, &options.runtime);
    Ok(code)
}

fn receive(options: &Options) -> Result<Start, StartError> {
    let socket = sandbox::only_inherited(options.start).map_err(|error| match error.raw_os_error() {
        // What nobody handed over.
        Some(nix::libc::EBADF) => StartError::ByHand,
        _ => StartError::System { doing: "close what an earlier program left open", source: error },
    })?;
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
    kind: Kind,
    new: bool,
    folder: &Path,
    settings: &Settings,
    passphrase: bool,
) -> Result<bool, StartError> {
    if kind == Kind::Relay || !new {
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

/// Opened for the case that the keys must be destroyed, while nothing confined runs that could lay another file in its place. A
/// descriptor of its own: one that keyvault was given would share the lock that says that it holds the file.
fn vault_to_burn(kind: Kind, folder: &Path) -> Result<Option<File>, StartError> {
    if kind == Kind::Relay {
        return Ok(None);
    }
    let path = folder.join(VAULT);
    files::open_kept(&path).on("open", &path).map(Some)
}

/// Tries namespaces with the folder that a child will work in, which is made before.
fn probe(topology: &Topology, folder: &Path) -> Result<bool, StartError> {
    let mut tried = None;
    for process in topology.processes {
        if let Some(inner) = process.folder {
            let path = folder.join(inner);
            files::own_folder(&path)?;
            tried = Some(path);
        }
    }
    Ok(sandbox::probe_namespaces(tried.as_deref()).works())
}

/// What this system can put around files.
#[derive(Clone, Copy)]
struct Walls {
    landlock: bool,
    namespaces: bool,
}

/// Whether a part that can name files would have neither a root of its own nor Landlock around it. Then nothing starts, but
/// for who `insists`.
fn lacks_file_wall(topology: &Topology, walls: Walls, insists: bool) -> Result<bool, StartError> {
    if walls.landlock {
        return Ok(false);
    }
    let names_files = |name: &str| sandbox::profiles::by_name(name).is_some_and(Profile::has_path_calls);
    let open = topology.processes.iter().map(|process| process.name).find(|name| names_files(name));
    match open.filter(|_| !walls.namespaces) {
        None => {
            log::write(
                "privatus: this system has no Landlock, one of the walls around each part: switch it on in the kernel; `privatus audit` tells what holds",
            );
            Ok(false)
        }
        Some(name) if !insists => Err(StartError::NoWalls { name }),
        Some(name) => {
            log::write(&format!(
                "privatus: starts without walls around files: {name} could read and change every file of this user"
            ));
            Ok(true)
        }
    }
}

/// All binaries lie in one folder.
fn own_folder_of_binaries() -> Result<PathBuf, StartError> {
    let own = std::env::current_exe().doing("find the folder of the program")?;
    Ok(own.parent().unwrap_or(Path::new("/")).to_path_buf())
}

/// The programs of this suite, as they are now.
fn images(topology: &Topology, binaries: &Path, headless: bool) -> Vec<Image> {
    let runs = topology.processes.iter().filter(|process| process.headless || !headless);
    let names: BTreeSet<&str> = runs.map(|process| process.binary).collect();
    names.into_iter().map(|name| Image::load(&binaries.join(name))).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_any_wall_around_files_only_who_insists_starts() {
        let starts = |landlock, namespaces, insists| {
            lacks_file_wall(&CLIENT, Walls { landlock, namespaces }, insists).map_err(|error| error.code())
        };
        for insists in [true, false] {
            for (landlock, namespaces) in [(true, true), (true, false), (false, true)] {
                assert_eq!(starts(landlock, namespaces, insists), Ok(false));
            }
        }
        assert_eq!((starts(false, false, true), starts(false, false, false)), (Ok(true), Err(1)));
    }

    #[test]
    fn a_vault_is_made_for_a_new_person_with_a_passphrase_or_by_the_window_later() {
        let made = |kind, new, headless, passphrase| {
            let settings = Settings { headless, ..Settings::default() };
            new_vault(kind, new, Path::new("/p"), &settings, passphrase).map_err(|error| error.code())
        };
        for passphrase in [true, false] {
            assert_eq!(made(Kind::Relay, true, true, passphrase), Ok(false));
            assert_eq!(made(Kind::Person, false, true, passphrase), Ok(false));
            assert_eq!(made(Kind::Person, true, false, passphrase), Ok(passphrase));
        }
        assert_eq!(made(Kind::Person, true, true, true), Ok(true));
        assert_eq!(made(Kind::Person, true, true, false), Err(2));
    }

    #[test]
    fn a_relay_has_no_vault_to_burn() {
        let dir = tempfile::tempdir().unwrap();
        assert!(vault_to_burn(Kind::Relay, dir.path()).unwrap().is_none());
        assert!(!dir.path().join(VAULT).exists());
        assert!(vault_to_burn(Kind::Person, dir.path()).unwrap().is_some());
    }

    #[test]
    fn the_programs_of_a_suite_are_loaded_each_once_and_the_windows_only_where_there_is_one() {
        let names = |headless| -> Vec<_> {
            let images = images(&CLIENT, Path::new("/bin-folder"), headless);
            images.iter().map(|image| image.path().file_name().unwrap().to_owned()).collect()
        };
        assert_eq!(names(true), ["keyvault", "mediad", "netd", "onion", "stored"]);
        assert_eq!(names(false).len(), 6);
    }

    #[test]
    fn nothing_of_how_a_suite_was_stays_behind() {
        let dir = tempfile::tempdir().unwrap();
        let runtime = dir.path().join("run");
        std::fs::create_dir(&runtime).unwrap();
        for name in ["netd.report", "supervisor.report", "spawner.report", state::FILE] {
            std::fs::write(runtime.join(name), "x").unwrap();
        }
        clear(&CLIENT, &runtime);
        assert!(!runtime.exists());
    }

    #[test]
    fn who_follows_its_parent_is_told_of_its_end() {
        let followed = die_with_parent();
        assert_eq!(prctl::get_pdeathsig().unwrap(), Some(Signal::SIGTERM));
        assert_eq!(followed.is_ok(), nix::unistd::getppid().as_raw() != 1);
    }
}
