//! The profile folder, its lock, the runtime folder, and the files that are granted.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg, OFlag};
use nix::unistd::geteuid;

use crate::error::{Doing, StartError};

/// The lock of a profile folder: `<pid>\n<runtime folder>\n`, held with flock(2) for the suite's life.
pub const LOCK: &str = "lock";

/// How often a taken lock is tried again: `privatus status` takes it for a moment to see whether it is free.
const LOCK_TRIES: u32 = 10;
const LOCK_RETRY: std::time::Duration = std::time::Duration::from_millis(50);

/// What a client's folder may hold before it has a vault: what a first start that was cut short leaves.
const BEFORE_A_VAULT: &[&str] =
    &[LOCK, "network", "network.new", "run", "relays", "vault", "onion.state", "blobs", "mailboxes"];

/// Held while the suite runs.
#[derive(Debug)]
pub struct Lock {
    _held: Flock<File>,
}

/// Makes `folder` the calling user's alone.
///
/// # Errors
/// It is no folder, belongs to someone else, or cannot be changed.
pub fn own_folder(folder: &Path) -> Result<(), StartError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.on("make", folder)?;
    let metadata = std::fs::symlink_metadata(folder).on("look at", folder)?;
    if !metadata.is_dir() || metadata.uid() != geteuid().as_raw() {
        return Err(StartError::Refused(format!(
            "{} is not a folder of this user: choose another, or run as its owner",
            folder.display()
        )));
    }
    if metadata.mode() & 0o077 != 0 {
        std::fs::set_permissions(folder, Permissions::from_mode(0o700)).on("close to others", folder)?;
    }
    Ok(())
}

/// Takes the folder's lock and writes who holds it, and where its sockets are.
///
/// # Errors
/// [`StartError::InUse`], or the folder cannot be written.
pub fn lock(folder: &Path, runtime: &Path) -> Result<Lock, StartError> {
    let path = folder.join(LOCK);
    let mut file = open_private(&path).on("write", &path)?;
    for _ in 0..LOCK_TRIES {
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(mut held) => {
                use std::os::unix::ffi::OsStrExt;
                let mut text = format!("{}\n", std::process::id()).into_bytes();
                text.extend_from_slice(runtime.as_os_str().as_bytes());
                text.push(b'\n');
                held.set_len(0).and_then(|()| held.write_all(&text)).on("write", &path)?;
                return Ok(Lock { _held: held });
            }
            Err((back, _)) => file = back,
        }
        std::thread::sleep(LOCK_RETRY);
    }
    let mut text = String::new();
    let _ = file.take(4096).read_to_string(&mut text);
    let pid = text.split('\n').next().and_then(|pid| pid.parse().ok());
    Err(StartError::InUse { folder: folder.into(), pid })
}

/// Whether the folder holds no vault yet.
///
/// # Errors
/// It holds other things instead: nothing of a person's is mixed with a profile.
pub fn is_new_profile(folder: &Path) -> Result<bool, StartError> {
    let vault = folder.join("vault");
    match std::fs::metadata(&vault) {
        Ok(metadata) if metadata.len() > 0 => return Ok(false),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error).on("look at", &vault),
    }
    for entry in std::fs::read_dir(folder).on("list", folder)? {
        let name = entry.on("list", folder)?.file_name();
        if !BEFORE_A_VAULT.iter().any(|known| name == *known) {
            return Err(StartError::Refused(format!(
                "{} holds no profile and is not empty ({}): choose a new or empty folder",
                folder.display(),
                name.display()
            )));
        }
    }
    Ok(true)
}

/// Opens a file of ours to read and write, made if it is missing, mode 0600; never through a symbolic link.
///
/// # Errors
/// As open(2).
pub fn open_private(path: &Path) -> std::io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(OFlag::O_NOFOLLOW.bits())
        .open(path)
}

/// A new empty file in the place of whatever was there.
///
/// # Errors
/// As unlink(2) and open(2).
pub fn create_anew(path: &Path) -> std::io::Result<File> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Replaces a small file so that a reader sees all of the old one or all of the new one, also after a power cut.
///
/// # Errors
/// As write(2), fsync(2) and rename(2).
pub fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let draft = PathBuf::from(draft);
    let mut file = create_anew(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&draft, path)
}

/// The text of a file of at most `most` bytes; `None` where there is no such file.
///
/// # Errors
/// As read(2); `InvalidData` when it is longer or no text.
pub fn read_small(path: &Path, most: u64) -> std::io::Result<Option<String>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let mut text = String::new();
    file.take(most + 1).read_to_string(&mut text)?;
    if text.len() as u64 > most { Err(ErrorKind::InvalidData.into()) } else { Ok(Some(text)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_held_by_one_suite_and_the_second_learns_by_whom() {
        let dir = tempfile::tempdir().unwrap();
        let held = lock(dir.path(), Path::new("/run/here")).unwrap();
        let text = lock(dir.path(), Path::new("/run/there")).unwrap_err().to_string();
        assert!(text.contains(&std::process::id().to_string()) && text.contains("privatus stop"), "{text}");
        drop(held);
        lock(dir.path(), Path::new("/x")).unwrap();
        let text = std::fs::read_to_string(dir.path().join(LOCK)).unwrap();
        assert_eq!(text, format!("{}\n/x\n", std::process::id()));
    }

    #[test]
    fn a_folder_that_others_could_read_is_closed_to_them() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        own_folder(dir.path()).unwrap();
        assert_eq!(std::fs::metadata(dir.path()).unwrap().mode() & 0o777, 0o700);
        std::fs::write(dir.path().join("file"), "").unwrap();
        assert!(own_folder(&dir.path().join("file")).is_err());
    }

    #[test]
    fn a_profile_is_not_made_among_other_files() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("network"), "").unwrap();
        assert!(is_new_profile(dir.path()).unwrap());
        std::fs::write(dir.path().join("taxes.ods"), "").unwrap();
        assert!(is_new_profile(dir.path()).unwrap_err().to_string().contains("taxes.ods"));
        std::fs::write(dir.path().join("vault"), "x").unwrap();
        assert!(!is_new_profile(dir.path()).unwrap());
    }

    #[test]
    fn a_granted_file_is_never_reached_through_a_link() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("other"), "x").unwrap();
        std::os::unix::fs::symlink("other", dir.path().join("vault")).unwrap();
        assert!(open_private(&dir.path().join("vault")).is_err());
        assert_eq!(open_private(&dir.path().join("new")).unwrap().metadata().unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_whole_file_replaces_the_old_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.json");
        write_whole(&path, b"long long").unwrap();
        write_whole(&path, b"short").unwrap();
        assert_eq!(read_small(&path, 10).unwrap().unwrap(), "short");
        assert_eq!(read_small(&dir.path().join("none"), 10).unwrap(), None);
        assert!(read_small(&path, 4).is_err());
    }
}
