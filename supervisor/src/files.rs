//! The doors to a profile's files. Everything that is opened, made or replaced in a profile's or the runtime folder, by the
//! supervisor or the command line, goes through here: a folder that somebody prepared makes no program follow, wait or swell.

use std::fs::{DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::unistd::geteuid;

use crate::error::{Doing, StartError};

/// Longest of the files that parts are granted: a vault of a few hundred contacts has under a megabyte, a relay's state as
/// well. What is larger is none of ours, and nobody waits for it to be read.
pub const FILE_MAX_BYTES: u64 = 1 << 30;

/// What is done with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum For {
    /// Reading; it must be there.
    Reading,
    /// Reading and writing; it must be there.
    Writing,
    /// Reading and writing; made, mode 0600, where it is missing.
    Making,
}

/// Opens a file of ours: a plain file of this user, under one name, of at most `most` bytes. Never follows a link, never waits
/// for a pipe's other end or a device.
///
/// # Errors
/// As open(2); `InvalidInput`, with what it is instead, where it is not such a file.
pub fn open_ours(path: &Path, purpose: For, most: u64) -> Result<File> {
    open(path, purpose, most, |owner| owner == geteuid().as_raw())
}

/// Opens a file that a part keeps, made where it is missing. On a disk that cannot be written it is opened for reading: what is there can
/// still be read, and who writes is told.
///
/// # Errors
/// As [`open_ours`].
pub fn open_kept(path: &Path) -> Result<File> {
    match open_ours(path, For::Making, FILE_MAX_BYTES) {
        Err(error) if error.kind() == ErrorKind::ReadOnlyFilesystem => {
            open_ours(path, For::Reading, FILE_MAX_BYTES)
        }
        opened => opened,
    }
}

fn open(path: &Path, purpose: For, most: u64, owner: impl Fn(u32) -> bool) -> Result<File> {
    // Looked at before it is opened, for opening a device may do something; and after, for it may be another by then.
    // Where it cannot even be looked at, opening says why.
    if let Ok(metadata) = std::fs::symlink_metadata(path) {
        plain(&metadata, most, &owner)?;
    }
    let file = OpenOptions::new()
        .read(true)
        .write(purpose != For::Reading)
        .create(purpose == For::Making)
        .truncate(false)
        .mode(0o600)
        .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits())
        .open(path)?;
    plain(&file.metadata()?, most, &owner)?;
    Ok(file)
}

/// Fails with what it is instead of a plain file.
fn plain(metadata: &Metadata, most: u64, owner: impl Fn(u32) -> bool) -> Result<()> {
    let kind = metadata.file_type();
    let what = if kind.is_symlink() {
        "it is a symbolic link"
    } else if kind.is_dir() {
        "it is a folder"
    } else if kind.is_fifo() {
        "it is a pipe"
    } else if kind.is_socket() {
        "it is a socket"
    } else if !kind.is_file() {
        "it is a device"
    } else if !owner(metadata.uid()) {
        "it belongs to another user"
    } else if metadata.nlink() > 1 {
        "it has a second name (a hard link)"
    } else if metadata.len() > most {
        "it is larger than such a file ever is"
    } else {
        return Ok(());
    };
    Err(Error::new(ErrorKind::InvalidInput, format!("{what}, not a file of Privatus")))
}

/// Fails where something is there that is no plain file of ours. Nothing is opened.
///
/// # Errors
/// As [`open_ours`].
pub fn look_at_ours(path: &Path) -> Result<()> {
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        looked => plain(&looked?, FILE_MAX_BYTES, |owner| owner == geteuid().as_raw()),
    }
}

/// Fails where something is there that is no folder of ours.
///
/// # Errors
/// As lstat(2); `InvalidInput` with what it is instead.
pub fn look_at_our_folder(path: &Path) -> Result<()> {
    let metadata = match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        looked => looked?,
    };
    let ours = metadata.is_dir() && metadata.uid() == geteuid().as_raw();
    let what = "it is not a folder of this user";
    if ours { Ok(()) } else { Err(Error::new(ErrorKind::InvalidInput, what)) }
}

/// Makes `folder` the calling user's alone.
///
/// # Errors
/// It is no folder, belongs to someone else, or cannot be changed.
pub fn own_folder(folder: &Path) -> std::result::Result<(), StartError> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).on("make", folder)?;
    look_at_our_folder(folder).map_err(|_| {
        let text = "is not a folder of this user: choose another, or run as its owner";
        StartError::Refused(format!("{} {text}", folder.display()))
    })?;
    let mode = std::fs::symlink_metadata(folder).on("look at", folder)?.mode();
    if mode & 0o077 != 0 {
        std::fs::set_permissions(folder, Permissions::from_mode(0o700)).on("close to others", folder)?;
    }
    Ok(())
}

/// Makes a runtime folder again, with the folder that it lies in, after both were removed. What is there already must be this user's
/// alone: nothing is changed about it.
///
/// # Errors
/// As mkdir(2), above all where what they lay in is not there; `PermissionDenied`.
pub fn make_our_folder(folder: &Path) -> Result<()> {
    for made in folder.parent().into_iter().chain([folder]) {
        match DirBuilder::new().mode(0o700).create(made) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    look_at_our_folder(folder)?;
    if std::fs::symlink_metadata(folder)?.mode() & 0o077 != 0 {
        return Err(Error::new(ErrorKind::PermissionDenied, "the folder is open to other users"));
    }
    Ok(())
}

/// A new empty file in the place of whatever was there.
///
/// # Errors
/// As unlink(2) and open(2).
pub fn create_anew(path: &Path) -> Result<File> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
}

/// As [`create_anew`], with room for `bytes`; `None` where the disk has none.
///
/// # Errors
/// As [`create_anew`].
pub fn create_with_room(path: &Path, bytes: usize) -> Result<Option<File>> {
    let tried = create_anew(path).and_then(|mut file| {
        file.write_all(&vec![0; bytes])?;
        file.set_len(0)?;
        std::io::Seek::rewind(&mut file)?;
        Ok(file)
    });
    match tried {
        Err(error) if is_no_room(&error) => {
            let _ = std::fs::remove_file(path);
            Ok(None)
        }
        tried => tried.map(Some),
    }
}

/// The disk takes nothing more, or never does.
#[must_use]
pub fn is_no_room(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::ReadOnlyFilesystem)
}

/// Replaces a small file so that a reader sees all of the old one or all of the new one, also after a power cut.
///
/// # Errors
/// As write(2), fsync(2) and rename(2).
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let draft = PathBuf::from(draft);
    let mut file = create_anew(&draft)?;
    file.write_all(bytes)?;
    // Before the rename: else a power cut can leave the name with nothing behind it.
    file.sync_all()?;
    std::fs::rename(&draft, path)
}

/// As [`write_whole`], and the name is on the disk as well when this returns.
///
/// # Errors
/// As [`write_whole`].
pub fn write_durably(path: &Path, bytes: &[u8]) -> Result<()> {
    write_whole(path, bytes)?;
    keep_names(path.parent().unwrap_or(Path::new(".")))
}

/// What was made, moved and removed in `folder` is so on the disk when this returns.
///
/// # Errors
/// As open(2) and fsync(2).
pub fn keep_names(folder: &Path) -> Result<()> {
    File::open(folder)?.sync_all()
}

/// The bytes of a file of ours of at most `most` bytes; `None` where there is no such file.
///
/// # Errors
/// As [`open_ours`] and read(2).
pub fn read_small(path: &Path, most: u64) -> Result<Option<Vec<u8>>> {
    read_opened(open_ours(path, For::Reading, most), most)
}

/// As [`read_small`], for a file that an operator wrote as root: it may belong to root as well.
///
/// # Errors
/// As [`read_small`].
pub fn read_settings(path: &Path, most: u64) -> Result<Option<Vec<u8>>> {
    let own = geteuid().as_raw();
    read_opened(open(path, For::Reading, most, |owner| may_set(owner, own)), most)
}

fn may_set(owner: u32, own: u32) -> bool {
    owner == own || owner == 0
}

fn read_opened(opened: Result<File>, most: u64) -> Result<Option<Vec<u8>>> {
    let file = match opened {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let mut bytes = Vec::new();
    // It may grow while it is read.
    file.take(most).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_others_could_read_is_closed_to_them() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        own_folder(dir.path()).unwrap();
        assert_eq!(std::fs::metadata(dir.path()).unwrap().mode() & 0o777, 0o700);
        std::fs::write(dir.path().join("file"), "").unwrap();
        assert!(own_folder(&dir.path().join("file")).is_err());
        std::os::unix::fs::symlink(dir.path(), dir.path().join("link")).unwrap();
        assert!(own_folder(&dir.path().join("link")).is_err());
    }

    /// What somebody could lay in the place of a file of ours, each with a name.
    fn impostors(dir: &Path) -> Vec<PathBuf> {
        let at = |name: &str| dir.join(name);
        std::fs::write(at("other"), "x").unwrap();
        std::os::unix::fs::symlink("other", at("link")).unwrap();
        std::os::unix::fs::symlink("nowhere", at("dangling")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", at("endless")).unwrap();
        std::fs::write(at("first"), "x").unwrap();
        std::fs::hard_link(at("first"), at("second")).unwrap();
        nix::unistd::mkfifo(&at("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        std::fs::create_dir(at("folder")).unwrap();
        File::create(at("huge")).unwrap().set_len(FILE_MAX_BYTES + 1).unwrap();
        let names = ["link", "dangling", "endless", "first", "second", "pipe", "socket", "folder", "huge"];
        names.map(at).into()
    }

    #[test]
    fn nothing_but_a_plain_file_of_ours_is_opened_and_nothing_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        for path in impostors(dir.path()) {
            for purpose in [For::Reading, For::Writing, For::Making] {
                let error = open_ours(&path, purpose, FILE_MAX_BYTES).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::InvalidInput, "{} {purpose:?}: {error}", path.display());
            }
            assert!(look_at_ours(&path).is_err(), "{}", path.display());
        }
        assert!(!dir.path().join("nowhere").exists(), "nothing is made behind a link");
        assert_eq!(std::fs::read(dir.path().join("other")).unwrap(), b"x");
        open_ours(&dir.path().join("other"), For::Writing, 1).unwrap();
        assert!(open_ours(Path::new("/dev/null"), For::Reading, 1).is_err());
    }

    #[test]
    fn a_file_that_belongs_to_another_user_is_none_of_ours() {
        if !geteuid().is_root() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("theirs");
        std::fs::write(&path, "x").unwrap();
        std::os::unix::fs::chown(&path, Some(1234), None).unwrap();
        assert!(open_ours(&path, For::Reading, 10).unwrap_err().to_string().contains("another user"));
    }

    #[test]
    fn settings_may_be_ours_or_roots() {
        assert!(may_set(1000, 1000) && may_set(0, 1000) && !may_set(1001, 1000));
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("relay.toml");
        assert_eq!(read_settings(&path, 10).unwrap(), None);
        std::fs::write(&path, "x = 1").unwrap();
        assert_eq!(read_settings(&path, 10).unwrap().unwrap(), b"x = 1");
        if geteuid().is_root() {
            std::os::unix::fs::chown(&path, Some(1234), None).unwrap();
            assert!(read_settings(&path, 10).is_err());
        }
    }

    #[test]
    fn what_cannot_be_looked_at_is_not_taken_for_missing() {
        let dir = tempfile::tempdir().unwrap();
        let beneath_a_file = dir.path().join("file/beneath");
        std::fs::write(dir.path().join("file"), "").unwrap();
        let odd = ErrorKind::NotADirectory;
        assert_eq!(look_at_ours(&beneath_a_file).unwrap_err().kind(), odd);
        assert_eq!(look_at_our_folder(&beneath_a_file).unwrap_err().kind(), odd);
        assert_eq!(open_ours(&beneath_a_file, For::Making, 1).unwrap_err().kind(), odd);
        assert!(look_at_ours(&dir.path().join("none")).is_ok());
        assert!(look_at_our_folder(&dir.path().join("none")).is_ok());
        std::fs::create_dir(dir.path().join("folder")).unwrap();
        assert_eq!(create_anew(&dir.path().join("folder")).unwrap_err().kind(), ErrorKind::IsADirectory);
    }

    #[test]
    fn a_file_is_opened_without_waiting_and_through_no_link_that_came_since_the_look() {
        let dir = tempfile::tempdir().unwrap();
        let opened = open_ours(&dir.path().join("file"), For::Making, 1).unwrap();
        let flags = nix::fcntl::fcntl(&opened, nix::fcntl::FcntlArg::F_GETFL).unwrap();
        let flags = OFlag::from_bits_truncate(flags);
        assert!(flags.contains(OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK), "{flags:?}");
    }

    #[test]
    fn a_file_that_finds_room_is_empty_and_one_that_finds_none_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("report");
        let made = create_with_room(&path, 100).unwrap().unwrap();
        assert_eq!(made.metadata().unwrap().len(), 0);
        (&made).write_all(b"whole").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
        assert!(create_with_room(&dir.path().join("none/report"), 1).is_err());
        for kind in [ErrorKind::StorageFull, ErrorKind::QuotaExceeded, ErrorKind::ReadOnlyFilesystem] {
            assert!(is_no_room(&kind.into()));
        }
        assert!(!is_no_room(&ErrorKind::NotFound.into()));
    }

    #[test]
    fn a_folder_that_is_this_users_alone_stays_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::set_permissions(dir.path(), Permissions::from_mode(0o500)).unwrap();
        own_folder(dir.path()).unwrap();
        assert_eq!(std::fs::metadata(dir.path()).unwrap().mode() & 0o777, 0o500);
    }

    #[test]
    fn a_file_is_made_for_this_user_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new");
        assert_eq!(open_ours(&path, For::Writing, 10).unwrap_err().kind(), ErrorKind::NotFound);
        let made = open_ours(&path, For::Making, 10).unwrap();
        assert_eq!(made.metadata().unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_whole_file_replaces_the_old_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.json");
        write_whole(&path, b"long long").unwrap();
        write_whole(&path, b"short").unwrap();
        assert_eq!(read_small(&path, 10).unwrap().unwrap(), b"short");
        assert_eq!(read_small(&dir.path().join("none"), 10).unwrap(), None);
        assert!(read_small(&path, 4).is_err());
    }
}
