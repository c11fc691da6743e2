//! `privatus panic --yes`: every key slot is destroyed, then the files. Needs no passphrase and no running suite, and asks none
//! of its parts for help: what is stuck or taken over cannot stop it.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::Path;
use std::time::Duration;

use clap::Args;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Serialize;

use super::exit::{Doing, Failure, Outcome};
use super::{Context, paths::Profile};

/// What a profile's folder holds; anything else in it is somebody else's.
const OWN: &[&str] = &[
    "vault",
    "store.db",
    "store.db-wal",
    "store.db-shm",
    "decoy.db",
    "decoy.db-wal",
    "decoy.db-shm",
    "decoy.db.new",
    "decoy.db.new-wal",
    "decoy.db.new-shm",
    "blobs",
    "onion.state",
    "network",
    "network.new",
    "mailboxes",
    "relays",
    "run",
    "netd.state",
    "lock",
];
/// A killed suite is gone in a moment.
const WAIT: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(10);
const CHUNK_BYTES: usize = 1 << 16;

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
    // Keys first; once more after the suite is gone, which may have written them from memory.
    overwrite(&folder.join("vault"))?;
    let runtime = end(&context.profile)?;
    overwrite(&folder.join("vault"))?;
    if let Some(runtime) = runtime {
        remove(&runtime)?;
    }
    remove_all(folder)?;
    context.output.row(&Destroyed { destroyed: true }, || "destroyed".into())
}

/// Random bytes in the place of the whole vault file, on the disk before this returns.
fn overwrite(path: &Path) -> Outcome {
    let mut file = match OpenOptions::new().write(true).open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        file => file.doing("destroy the keys")?,
    };
    let length = file.metadata().doing("destroy the keys")?.len();
    let mut noise = fs::File::open("/dev/urandom").doing("destroy the keys")?;
    let mut chunk = vec![0; CHUNK_BYTES];
    file.rewind().doing("destroy the keys")?;
    let mut done = 0;
    while done < length {
        noise.read_exact(&mut chunk).doing("destroy the keys")?;
        let some = usize::try_from(length - done).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
        file.write_all(chunk.get(..some).unwrap_or_default()).doing("destroy the keys")?;
        if done == 0 {
            // The slots lie in front: they are gone before the rest is begun.
            file.sync_data().doing("destroy the keys")?;
        }
        done += u64::try_from(some).unwrap_or(u64::MAX);
    }
    file.sync_all().doing("destroy the keys")
}

/// Kills the suite, if one runs, and waits until its folder is free. Gives where its sockets were.
fn end(profile: &Profile) -> Outcome<Option<std::path::PathBuf>> {
    let Ok(running) = profile.running() else { return Ok(None) };
    // The kernel kills the children with it.
    kill(Pid::from_raw(running.pid), Signal::SIGKILL).doing(format!("end process {}", running.pid))?;
    let mut waited = Duration::ZERO;
    while profile.running().is_ok() || is_held(&profile.folder.join("vault")) {
        if waited >= WAIT {
            return Err(Failure::Failed(format!(
                "process {} does not end: the keys are destroyed, the files are not; end it and try again",
                running.pid
            )));
        }
        std::thread::sleep(LOOK_EVERY);
        waited += LOOK_EVERY;
    }
    Ok(Some(running.runtime))
}

/// Whether a keyvault still has the file.
fn is_held(vault: &Path) -> bool {
    fs::File::open(vault).is_ok_and(|file| matches!(file.try_lock(), Err(fs::TryLockError::WouldBlock)))
}

/// Removes what is a profile's, and the folder if that was all.
fn remove_all(folder: &Path) -> Outcome {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries.doing(format!("list {}", folder.display()))?,
    };
    for entry in entries {
        let name = entry.doing(format!("list {}", folder.display()))?.file_name();
        let is_copy = name.as_encoded_bytes().ends_with(b".old");
        if is_copy || OWN.iter().any(|own| name == *own) {
            remove(&folder.join(name))?;
        }
    }
    // Not empty: what is left is not ours.
    let _ = fs::remove_dir(folder);
    Ok(())
}

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

    fn context(folder: &Path) -> Context {
        Context { profile: Profile::at(Some(folder.into())).unwrap(), output: Output { json: true } }
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
        fs::create_dir_all(folder.join("blobs/a")).unwrap();
        for name in ["vault", "store.db", "store.db-wal", "decoy.db", "vault.old", "blobs/a/b", "taxes.ods"] {
            fs::write(folder.join(name), vec![7; 200_000]).unwrap();
        }
        // A second name of the same file shows what became of its bytes.
        fs::hard_link(folder.join("vault"), dir.path().join("same")).unwrap();
        run(&Arguments { yes: true }, &context(&folder)).unwrap();
        let bytes = fs::read(dir.path().join("same")).unwrap();
        assert_eq!(bytes.len(), 200_000);
        assert!(bytes.iter().filter(|byte| **byte == 7).count() < 2_000);
        let left: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["taxes.ods"]);
        fs::remove_file(folder.join("taxes.ods")).unwrap();
        run(&Arguments { yes: true }, &context(&folder)).unwrap();
        assert!(!folder.exists());
        run(&Arguments { yes: true }, &context(&folder)).unwrap();
    }
}
