//! What a profile's folder holds, a person's or a relay's. It is judged before anything in it is written or any mode touched:
//! a wrong `--profile` or `--dir` names somebody's documents.

use std::io::ErrorKind;
use std::path::Path;

use crate::error::{Doing, StartError};
use crate::network::FILES as NETWORK;
use crate::{files, losses};

/// The file that is locked while a suite runs on the folder ([`crate::lock`]).
pub const LOCK: &str = "lock";
/// The key slots and all that they open.
pub const VAULT: &str = "vault";
/// stored's one folder in a person's profile. Nothing lies in it that anybody else trusts.
pub const HISTORY: &str = "history";

/// A relay's link key and ports; netd's.
pub const NETD_STATE: &str = "netd.state";
/// A person's guards, a relay's identity; onion's.
pub const ONION_STATE: &str = "onion.state";
/// Where the window stands and how it looks; ui's. Nothing about people.
pub const UI_STATE: &str = "ui.state";
/// stored's one folder at a relay.
pub const MAILBOXES: &str = "mailboxes";

/// Whose folder it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A person's profile.
    Person,
    /// A relay's folder.
    Relay,
}

/// What a folder of that kind may hold.
struct Layout {
    files: &'static [&'static str],
    folders: &'static [&'static str],
    /// Each of these makes it a folder of this kind, whatever else lies there.
    marks: &'static [&'static str],
}

const PERSON: Layout = Layout {
    files: &[
        VAULT,
        "vault.old",
        NETWORK[0],
        NETWORK[1],
        "network.new",
        "network.copy.new",
        LOCK,
        ONION_STATE,
        UI_STATE,
    ],
    folders: &[HISTORY, "run", "relays", "blobs"],
    marks: &[VAULT],
};

const RELAY: Layout = Layout {
    files: &[
        NETD_STATE,
        ONION_STATE,
        NETWORK[0],
        NETWORK[1],
        "network.new",
        "network.copy.new",
        LOCK,
        "relay.toml",
    ],
    folders: &[MAILBOXES, "run"],
    marks: &[NETD_STATE, MAILBOXES],
};

impl Kind {
    fn layout(self) -> &'static Layout {
        match self {
            Self::Person => &PERSON,
            Self::Relay => &RELAY,
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Person => Self::Relay,
            Self::Relay => Self::Person,
        }
    }
}

/// Whether `folder`, which may be missing, holds nothing of that kind yet. Only looks.
///
/// # Errors
/// It belongs to somebody else, holds other things instead, or something in it is not what its name says.
pub fn judge(folder: &Path, kind: Kind) -> Result<bool, StartError> {
    files::look_at_our_folder(folder).map_err(|_| {
        let text = "is not a folder of this user: choose another, or run as its owner";
        StartError::Refused(format!("{} {text}", folder.display()))
    })?;
    let new = !holds(folder, kind)?;
    if let Some(mark) = mark_of(folder, kind.other())? {
        let whose = if kind == Kind::Person { "a relay's" } else { "a person's" };
        return Err(refused(folder, &format!("is {whose} folder ({mark})")));
    }
    if new {
        if kind == Kind::Person {
            losses::vault(folder)?;
        }
        only_ours(folder, kind)?;
    }
    let layout = kind.layout();
    for name in layout.files {
        files::look_at_ours(&folder.join(name)).map_err(|error| odd(&folder.join(name), &error))?;
    }
    for name in layout.folders {
        files::look_at_our_folder(&folder.join(name)).map_err(|error| odd(&folder.join(name), &error))?;
    }
    Ok(new)
}

/// An empty vault is what a first start that was cut short leaves.
fn holds(folder: &Path, kind: Kind) -> Result<bool, StartError> {
    match mark_of(folder, kind)? {
        Some(VAULT) => Ok(std::fs::symlink_metadata(folder.join(VAULT)).is_ok_and(|m| m.len() > 0)),
        mark => Ok(mark.is_some()),
    }
}

fn mark_of(folder: &Path, kind: Kind) -> Result<Option<&'static str>, StartError> {
    for mark in kind.layout().marks {
        let path = folder.join(mark);
        match std::fs::symlink_metadata(&path) {
            Ok(_) => return Ok(Some(mark)),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound) => {}
            Err(error) => return Err(error).on("look at", &path),
        }
    }
    Ok(None)
}

/// Nothing of a person's is mixed with a profile.
fn only_ours(folder: &Path, kind: Kind) -> Result<(), StartError> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries.on("list", folder)?,
    };
    let layout = kind.layout();
    for entry in entries {
        let name = entry.on("list", folder)?.file_name();
        if !layout.files.iter().chain(layout.folders).any(|known| name == *known) {
            let what = if kind == Kind::Person { "profile" } else { "relay" };
            return Err(refused(folder, &format!("holds no {what} and is not empty ({})", name.display())));
        }
    }
    Ok(())
}

fn refused(folder: &Path, why: &str) -> StartError {
    StartError::Refused(format!("{} {why}: choose a new or empty folder", folder.display()))
}

fn odd(path: &Path, error: &std::io::Error) -> StartError {
    StartError::Refused(format!("{}: {error}: look what it is, and remove it", path.display()))
}

/// Moves what stored kept in the profile folder itself, before it had one of its own, into that. Goes on from wherever an
/// earlier start was cut short. Nothing confined runs yet.
///
/// # Errors
/// The disk refuses, or a file lies in both places.
pub fn move_old_history(folder: &Path) -> Result<(), StartError> {
    let history = folder.join(HISTORY);
    let mut old = Vec::new();
    for entry in std::fs::read_dir(folder).on("list", folder)? {
        let name = entry.on("list", folder)?.file_name();
        let bytes = name.as_encoded_bytes();
        if bytes.starts_with(b"store.db") || bytes.starts_with(b"decoy.db") || bytes == b"blobs" {
            old.push(name);
        }
    }
    if old.is_empty() {
        return Ok(());
    }
    files::own_folder(&history)?;
    for name in old {
        let (from, to) = (folder.join(&name), history.join(&name));
        if std::fs::symlink_metadata(&to).is_ok() {
            return Err(StartError::Refused(format!(
                "{} and {} are both there: keep the newer one in {HISTORY}, and move the other away",
                from.display(),
                to.display()
            )));
        }
        std::fs::rename(&from, &to).on("move", &from)?;
    }
    // A rename takes an entry out of one folder and puts it into another: after a power cut both must know.
    for changed in [&history, folder] {
        files::keep_names(changed).on("keep", changed)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    const KINDS: [Kind; 2] = [Kind::Person, Kind::Relay];

    /// Every path below with its kind, mode, size and what a link says.
    fn picture(folder: &Path) -> Vec<(std::ffi::OsString, u32, u64)> {
        let mut rows: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .chain([folder.to_path_buf()])
            .map(|path| {
                let looked = fs::symlink_metadata(&path).unwrap();
                (path.into_os_string(), looked.mode(), looked.len())
            })
            .collect();
        rows.sort();
        rows
    }

    #[test]
    fn a_strangers_folder_is_refused_before_anything_in_it_changes() {
        for kind in KINDS {
            let dir = tempfile::tempdir().unwrap();
            fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o2775)).unwrap();
            fs::write(dir.path().join("taxes.ods"), "x").unwrap();
            let before = picture(dir.path());
            let error = judge(dir.path(), kind).unwrap_err();
            let words = if kind == Kind::Person { "holds no profile" } else { "holds no relay" };
            assert!(error.to_string().contains(words), "{error}");
            assert!(error.to_string().contains("taxes.ods") && error.code() == 2, "{error}");
            assert_eq!(picture(dir.path()), before);
        }
    }

    #[test]
    fn what_cannot_be_looked_at_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        for kind in KINDS {
            assert!(only_ours(&file, kind).is_err());
            assert!(mark_of(&file, kind).is_err());
            assert!(only_ours(&dir.path().join("none"), kind).is_ok());
            assert!(mark_of(&dir.path().join("none"), kind).unwrap().is_none());
        }
    }

    #[test]
    fn a_folder_of_the_other_kind_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(VAULT), "x").unwrap();
        assert!(!judge(dir.path(), Kind::Person).unwrap());
        assert!(judge(dir.path(), Kind::Relay).unwrap_err().to_string().contains("a person's folder"));
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("mailboxes")).unwrap();
        assert!(!judge(dir.path(), Kind::Relay).unwrap());
        assert!(judge(dir.path(), Kind::Person).unwrap_err().to_string().contains("a relay's folder"));
    }

    #[test]
    fn what_a_first_start_that_was_cut_short_leaves_is_still_new() {
        for kind in KINDS {
            let dir = tempfile::tempdir().unwrap();
            assert!(judge(&dir.path().join("missing"), kind).unwrap());
            assert!(judge(dir.path(), kind).unwrap());
            for name in ["network", LOCK, "onion.state"] {
                fs::write(dir.path().join(name), "").unwrap();
            }
            assert!(judge(dir.path(), kind).unwrap());
        }
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(VAULT), "").unwrap();
        fs::create_dir(dir.path().join(HISTORY)).unwrap();
        assert!(judge(dir.path(), Kind::Person).unwrap());
    }

    #[test]
    fn a_profile_may_have_a_persons_files_beside_it_but_no_impostors_in_it() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(VAULT), "x").unwrap();
        fs::write(dir.path().join("notes.txt"), "x").unwrap();
        assert!(!judge(dir.path(), Kind::Person).unwrap());
        let places = PERSON.files.iter().chain(PERSON.folders).filter(|name| **name != VAULT);
        for name in places {
            let path = dir.path().join(name);
            symlink("notes.txt", &path).unwrap();
            let before = picture(dir.path());
            let error = judge(dir.path(), Kind::Person).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
            assert_eq!(picture(dir.path()), before);
            fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn an_old_profile_moves_into_the_new_shape_from_wherever_it_was_cut_short() {
        const OLD: [&str; 5] = ["store.db", "store.db-wal", "decoy.db", "store.db.old", "blobs"];
        for moved in 0..=OLD.len() {
            let dir = tempfile::tempdir().unwrap();
            let at = |name: &str| dir.path().join(name);
            fs::create_dir_all(at("blobs/a")).unwrap();
            fs::write(at("blobs/a/b"), "blob").unwrap();
            for name in OLD.iter().filter(|name| **name != "blobs").chain(&[VAULT]) {
                fs::write(at(name), name).unwrap();
            }
            fs::create_dir(at(HISTORY)).unwrap();
            for name in OLD.iter().take(moved) {
                fs::rename(at(name), at(HISTORY).join(name)).unwrap();
            }
            move_old_history(dir.path()).unwrap();
            move_old_history(dir.path()).unwrap();
            assert_eq!(fs::read_to_string(at("history/store.db-wal")).unwrap(), "store.db-wal");
            assert_eq!(fs::read_to_string(at("history/blobs/a/b")).unwrap(), "blob");
            assert!(OLD.iter().all(|name| !at(name).exists()) && at(VAULT).exists());
        }
    }

    #[test]
    fn no_history_is_overwritten_by_an_older_one() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join(HISTORY)).unwrap();
        fs::write(dir.path().join("store.db"), "old").unwrap();
        fs::write(dir.path().join("history/store.db"), "new").unwrap();
        assert_eq!(move_old_history(dir.path()).unwrap_err().code(), 2);
        assert_eq!(fs::read(dir.path().join("history/store.db")).unwrap(), b"new");
    }
}
