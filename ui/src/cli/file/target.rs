//! Where a file that came is written: whole or not at all, never over what is there, for its owner alone and never as a program.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use ipc_schema::file_name::{FileName, SAVED_MODE};
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag};
use nix::unistd::linkat;

use super::super::exit::{Doing, Failure, Outcome};

/// A file that has no name before all of it is there: whoever is killed meanwhile leaves nothing behind. On file systems that cannot do so
/// it has its name from the beginning, and is removed where something goes wrong.
pub(super) struct Target {
    file: fs::File,
    folder: PathBuf,
    /// As they call it, where a folder was named; else as the person does.
    name: Name,
    /// Where it lies already.
    named: Option<PathBuf>,
}

enum Name {
    Theirs(FileName),
    Own(PathBuf),
}

impl Target {
    /// In the folder `path`, under a name of theirs that is free; or at `path`, where nothing may be.
    ///
    /// # Errors
    /// There is no such folder, or nothing can be made there, or something is there.
    pub(super) fn at(path: &Path, theirs: &str) -> Outcome<Self> {
        let (folder, name) = if path.is_dir() {
            (path.to_owned(), Name::Theirs(FileName::clean(theirs)))
        } else {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            if path.symlink_metadata().is_ok() || path.file_name().is_none() {
                return Err(taken(path));
            }
            (folder.unwrap_or(Path::new(".")).to_owned(), Name::Own(path.to_owned()))
        };
        let mut nameless = OpenOptions::new();
        nameless.write(true).mode(SAVED_MODE).custom_flags(OFlag::O_TMPFILE.bits());
        match nameless.open(&folder) {
            Ok(file) => Ok(Self { file, folder, name, named: None }),
            Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::IsADirectory) => {
                let (file, path) = created(&folder, &name)?;
                Ok(Self { file, folder, name, named: Some(path) })
            }
            Err(error) => Err(error).doing(format!("write into {}", folder.display())),
        }
    }

    /// # Errors
    /// As a disk says no.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Outcome {
        self.file.write_all(bytes).doing(format!("write into {}", self.folder.display()))
    }

    /// All of it was written: gives it its name, durably.
    ///
    /// # Errors
    /// A full disk, or somebody took the name meanwhile.
    pub(super) fn finish(mut self) -> Outcome<PathBuf> {
        self.file.sync_all().doing(format!("write into {}", self.folder.display()))?;
        let path = match self.named.take() {
            Some(path) => path,
            None => self.link()?,
        };
        let folder = fs::File::open(&self.folder).and_then(|folder| folder.sync_all());
        folder.doing(format!("write into {}", self.folder.display()))?;
        Ok(path)
    }

    fn link(&self) -> Outcome<PathBuf> {
        let own = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        for path in self.name.choices(&self.folder) {
            match linkat(AT_FDCWD, own.as_str(), AT_FDCWD, &path, AtFlags::AT_SYMLINK_FOLLOW) {
                Ok(()) => return Ok(path),
                Err(nix::errno::Errno::EEXIST) => {}
                Err(error) => return Err(error).doing(format!("make {}", path.display())),
            }
        }
        Err(self.name.all_taken(&self.folder))
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if let Some(path) = &self.named {
            // What is left then is told with the error that brought us here.
            let _ = fs::remove_file(path);
        }
    }
}

impl Name {
    fn choices(&self, folder: &Path) -> Vec<PathBuf> {
        match self {
            Self::Theirs(name) => name.choices().map(|name| folder.join(name.as_str())).collect(),
            Self::Own(path) => vec![path.clone()],
        }
    }

    fn all_taken(&self, folder: &Path) -> Failure {
        match self {
            Self::Theirs(_) => taken(folder),
            Self::Own(path) => taken(path),
        }
    }
}

fn created(folder: &Path, name: &Name) -> Outcome<(fs::File, PathBuf)> {
    for path in name.choices(folder) {
        match OpenOptions::new().write(true).create_new(true).mode(SAVED_MODE).open(&path) {
            Ok(file) => return Ok((file, path)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).doing(format!("make {}", path.display())),
        }
    }
    Err(name.all_taken(folder))
}

fn taken(path: &Path) -> Failure {
    Failure::Failed(format!("{} is there already: name another path, or a folder", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn saved(path: &Path, theirs: &str, bytes: &[u8]) -> Outcome<PathBuf> {
        let mut target = Target::at(path, theirs)?;
        target.write(bytes)?;
        target.finish()
    }

    #[test]
    fn a_second_file_of_one_name_gets_another_and_none_is_a_program() {
        let dir = tempfile::tempdir().unwrap();
        let first = saved(dir.path(), "a.txt", b"one").unwrap();
        let second = saved(dir.path(), "a.txt", b"two").unwrap();
        assert_eq!(
            (first.file_name().unwrap(), second.file_name().unwrap()),
            ("a.txt".as_ref(), "a (2).txt".as_ref())
        );
        assert_eq!(
            (fs::read(&first).unwrap(), fs::read(&second).unwrap()),
            (b"one".to_vec(), b"two".to_vec())
        );
        assert_eq!(fs::metadata(&first).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn no_name_leaves_the_folder_and_nothing_is_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("in");
        fs::create_dir(&inner).unwrap();
        for name in ["../../x", "/etc/passwd", "CON", "..", "", "\u{202E}gpj.exe", &"😀".repeat(200)] {
            let path = saved(&inner, name, b"1").unwrap();
            assert_eq!(path.parent(), Some(inner.as_path()), "{name}");
        }
        let own = dir.path().join("own");
        assert_eq!(saved(&own, "theirs", b"1").unwrap(), own);
        assert_eq!(saved(&own, "theirs", b"2").unwrap_err().code(), 1);
        assert_eq!(fs::read(&own).unwrap(), b"1");
        // Neither through a link of somebody else, whatever it points to.
        let link = dir.path().join("link");
        symlink(dir.path().join("nowhere"), &link).unwrap();
        assert_eq!(saved(&link, "theirs", b"1").unwrap_err().code(), 1);
        assert_eq!(saved(&dir.path().join("missing/x"), "theirs", b"1").unwrap_err().code(), 1);
    }

    #[test]
    fn what_is_not_finished_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut target = Target::at(dir.path(), "a").unwrap();
        target.write(b"half").unwrap();
        drop(target);
        let named = created(dir.path(), &Name::Theirs(FileName::clean("b"))).unwrap();
        let target = Target {
            file: named.0,
            folder: dir.path().into(),
            name: Name::Theirs(FileName::clean("b")),
            named: Some(named.1),
        };
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        drop(target);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
