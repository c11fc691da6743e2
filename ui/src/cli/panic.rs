//! `privatus panic --yes`: every key slot is destroyed, then the files. Needs no passphrase, and asks none of the suite's parts
//! for help: what is stuck or taken over cannot stop it.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use clap::Args;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::process::{Signal, pidfd_send_signal};
use serde::Serialize;
use supervisor::burn::burn;
use supervisor::files::{FILE_MAX_BYTES, For, open_ours};
use supervisor::folder::{HISTORY, UI_STATE, VAULT};
use supervisor::running::{self, Running};

use super::Context;
use super::exit::{Doing, Failure, Outcome};

/// What a profile's folder holds beside the vault; anything else in it is somebody else's. `history` and `relays` are folders
/// that only parts of Privatus write into.
const OWN: &[&str] = &[
    HISTORY,
    "relays",
    "onion.state",
    "network",
    "network.copy",
    "network.new",
    "network.copy.new",
    "lock",
    UI_STATE,
];
/// What stored kept in the profile's folder before it had one of its own.
const OLD_HISTORY: &[&str] = &["store.db", "decoy.db", "blobs"];
/// Copies that were put beside it: keys lie in them too.
const COPIES: &[&str] = &["vault.old"];
/// What the supervisor puts into the runtime folder, by the ends of the names.
const RUNTIME: &[&str] = &[".sock", ".report", "state.json", "state.json.new"];
/// The suite kills its parts and destroys the keys in under three seconds, also where one of them is stuck.
const SUITE_WAIT: Duration = Duration::from_secs(5);
/// A killed process is gone in a moment.
const KILL_WAIT: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Really: nothing can bring it back
    #[arg(long)]
    yes: bool,
}

#[derive(Serialize)]
struct Destroyed {
    destroyed: bool,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    if !arguments.yes {
        return Err(Failure::Usage("this destroys the profile for ever: say so with --yes".into()));
    }
    let folder = &context.profile.folder;
    // Found by the lock and by what runs: a lock that somebody removed hides nobody.
    let suites = running::all(folder);
    let vault = open_ours(&folder.join(VAULT), For::Writing, FILE_MAX_BYTES);
    let lives = end(&suites);
    let burnt = destroy(folder, vault);
    lives?;
    burnt?;
    suites.iter().try_for_each(clear_runtime)?;
    remove_all(folder)?;
    context.output.row(&Destroyed { destroyed: true }, || "destroyed".into())
}

/// Has each suite destroy its keys and end, and makes it end where it does not. Nothing of it lives when this is `Ok`.
fn end(suites: &[Running]) -> Outcome {
    let mut left = Vec::new();
    for suite in suites {
        // The children as well: they die with the supervisor, and that is looked at, not believed.
        let mut handles = running::children_of(suite.pid);
        let Ok(supervisor) = suite.handle() else { continue };
        if sandbox::signals::ask_to_destroy(supervisor.as_fd()).is_err() || !ends(&supervisor, SUITE_WAIT) {
            let _ = pidfd_send_signal(&supervisor, Signal::KILL);
        }
        handles.push(supervisor);
        if !handles.iter().all(|handle| ends(handle, KILL_WAIT)) {
            left.push(suite.pid.to_string());
        }
    }
    if left.is_empty() {
        return Ok(());
    }
    Err(Failure::Failed(format!(
        "process {} or a part of it does not end and may hold keys in its memory: switch the computer off",
        left.join(", ")
    )))
}

/// Waits for the end of the process behind a pidfd.
fn ends(process: &OwnedFd, wait: Duration) -> bool {
    let timeout = PollTimeout::try_from(wait).unwrap_or(PollTimeout::MAX);
    let mut watched = [PollFd::new(process.as_fd(), PollFlags::POLLIN)];
    matches!(poll(&mut watched, timeout), Ok(1..))
}

/// Overwrites the vault and its copies, whatever the suite has done already.
fn destroy(folder: &Path, vault: std::io::Result<File>) -> Outcome {
    for name in COPIES {
        match open_ours(&folder.join(name), For::Writing, FILE_MAX_BYTES) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            copy => copy.and_then(|copy| burn(&copy)).doing(format!("destroy {name}"))?,
        }
    }
    let path = folder.join(VAULT);
    let none = || {
        Failure::Failed(format!(
            "there is no vault at {}: no key was destroyed; name the profile with --profile DIR",
            path.display()
        ))
    };
    let vault = match vault {
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(none()),
        vault => vault.doing(format!("destroy {}", path.display()))?,
    };
    match burn(&vault) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Err(none()),
        burnt => burnt.doing(format!("destroy {}: the keys may still be there", path.display())),
    }
}

/// Removes what a killed suite left in its runtime folder, by name.
fn clear_runtime(suite: &Running) -> Outcome {
    // Gone by itself, or not this user's alone: then there is nothing of ours in it.
    let Ok(entries) = suite.file("").and_then(fs::read_dir) else { return Ok(()) };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if RUNTIME.iter().any(|end| name.as_encoded_bytes().ends_with(end.as_bytes())) {
            remove(&entry.path())?;
        }
    }
    let _ = fs::remove_dir(&suite.runtime);
    Ok(())
}

/// Removes what is a profile's, and the folder if that was all. The vault goes last: while it is there this can be done again.
fn remove_all(folder: &Path) -> Outcome {
    for entry in fs::read_dir(folder).doing(format!("list {}", folder.display()))? {
        let name = entry.doing(format!("list {}", folder.display()))?.file_name();
        let own = OWN.iter().chain(COPIES).any(|own| name == *own);
        let old = OLD_HISTORY.iter().any(|start| name.as_encoded_bytes().starts_with(start.as_bytes()));
        if own || old {
            remove(&folder.join(name))?;
        }
    }
    // The runtime folder where it lies in here; not empty: what is left is not ours.
    let _ = fs::remove_dir(folder.join("run"));
    remove(&folder.join(VAULT))?;
    let _ = fs::remove_dir(folder);
    Ok(())
}

/// A file, a link as such, or a folder of ours with what is in it; no link in there is followed.
fn remove(path: &Path) -> Outcome {
    let is_folder = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
    let removed = if is_folder { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).doing(format!("remove {}; the keys are destroyed", path.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Output;
    use crate::cli::paths::Profile;

    fn context(folder: &Path) -> Context {
        Context { profile: Profile::at(Some(folder.into())).unwrap(), output: Output { json: true } }
    }

    fn panic_on(folder: &Path) -> Outcome {
        run(&Arguments { yes: true }, &context(folder))
    }

    #[test]
    fn nothing_happens_without_yes() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("vault"), "keys").unwrap();
        assert_eq!(run(&Arguments { yes: false }, &context(dir.path())).unwrap_err().code(), 2);
        assert_eq!(fs::read(dir.path().join("vault")).unwrap(), b"keys");
    }

    #[test]
    fn the_keys_are_overwritten_before_the_files_go_and_a_strangers_file_stays() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("profile");
        fs::create_dir_all(folder.join("history/blobs/a")).unwrap();
        let files =
            ["vault", "history/store.db", "store.db-wal", "vault.old", "history/blobs/a/b", "taxes.ods"];
        for name in files {
            fs::write(folder.join(name), vec![7; 200_000]).unwrap();
        }
        // What was open before shows what became of the bytes.
        let open = ["vault", "vault.old"].map(|name| File::open(folder.join(name)).unwrap());
        panic_on(&folder).unwrap();
        for mut file in open {
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut file, &mut bytes).unwrap();
            assert_eq!(bytes.len(), 200_000);
            assert!(bytes.iter().filter(|byte| **byte == 7).count() < 2_000);
        }
        let left: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["taxes.ods"]);
    }

    #[test]
    fn where_no_vault_is_nothing_is_removed_and_nothing_called_destroyed() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(panic_on(&dir.path().join("missing")).unwrap_err().code(), 1);
        fs::create_dir(dir.path().join("history")).unwrap();
        fs::write(dir.path().join("network"), "x").unwrap();
        let error = panic_on(dir.path()).unwrap_err();
        assert!(error.code() == 1 && error.to_string().contains("no key was destroyed"), "{error}");
        fs::write(dir.path().join("vault"), "").unwrap();
        assert_eq!(panic_on(dir.path()).unwrap_err().code(), 1);
        assert!(dir.path().join("history").exists() && dir.path().join("network").exists());
    }

    #[test]
    fn no_link_leads_out_of_the_profile() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("profile");
        fs::create_dir_all(dir.path().join("precious")).unwrap();
        fs::create_dir(&folder).unwrap();
        fs::write(dir.path().join("precious/only"), "only").unwrap();
        std::os::unix::fs::symlink("../precious/only", folder.join("vault")).unwrap();
        assert_eq!(panic_on(&folder).unwrap_err().code(), 1);
        fs::remove_file(folder.join("vault")).unwrap();
        fs::write(folder.join("vault"), "keys").unwrap();
        for name in ["history", "relays", "run"] {
            std::os::unix::fs::symlink("../precious", folder.join(name)).unwrap();
        }
        // As an old lock file could name it: it is not read.
        let text = format!("1\n{}\n", dir.path().join("precious").display());
        fs::write(folder.join("lock"), text).unwrap();
        panic_on(&folder).unwrap();
        assert_eq!(fs::read(dir.path().join("precious/only")).unwrap(), b"only");
    }
}
