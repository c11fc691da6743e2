//! Where things lie: the profile's folder, the running suite's sockets and state, the binaries.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use supervisor::running::{self, Running};

use super::exit::{Doing, Failure, Outcome};

/// A profile's folder, or a relay's, by absolute path. It need not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The folder.
    pub folder: PathBuf,
}

impl Profile {
    /// The given folder, or the default one of the XDG base directory specification.
    ///
    /// # Errors
    /// Neither is there: no home is known.
    pub fn at(folder: Option<PathBuf>) -> Outcome<Self> {
        let folder = match folder {
            Some(folder) => folder,
            None => data_home()?.join("privatus/default"),
        };
        let folder = std::path::absolute(&folder).doing(format!("find {}", folder.display()))?;
        // Two ways of writing one folder must find the same sockets.
        Ok(Self { folder: folder.canonicalize().unwrap_or(folder) })
    }

    /// Makes the folder if it is missing, mode 0700.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn create(&self) -> Outcome<Self> {
        use std::os::unix::fs::DirBuilderExt;
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)
            .doing(format!("make {}", self.folder.display()))?;
        Self::at(Some(self.folder.clone()))
    }

    /// Where a suite of this profile puts its sockets when it starts.
    #[must_use]
    pub fn runtime(&self) -> PathBuf {
        // The folder's owner's: a suite that root starts becomes that user, who could not write root's.
        let base = variable("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
        match base.filter(|base| same_owner(base, &self.folder)) {
            Some(base) => base.join("privatus").join(folder_name(&self.folder)),
            None => self.beside().unwrap_or_else(|| self.folder.join("run")),
        }
    }

    /// Where the sockets and reports go when the folder's disk takes nothing more or cannot be written: into memory, so that what is
    /// there can still be read. Commands find them by the running supervisor's word.
    fn beside(&self) -> Option<PathBuf> {
        use std::os::unix::fs::MetadataExt;
        if takes_files(&self.folder) {
            return None;
        }
        let owner = fs::metadata(&self.folder).ok()?.uid();
        let name = format!("privatus-{owner}-{}", folder_name(&self.folder));
        let bases = [format!("/run/user/{owner}"), "/dev/shm".into(), "/tmp".into()].map(PathBuf::from);
        let free = |base: &PathBuf| {
            // Anybody may have made that name in a place that is everybody's.
            let there = base.join(&name);
            takes_files(base) && fs::symlink_metadata(there).map_or(true, |m| m.is_dir() && m.uid() == owner)
        };
        bases.into_iter().find(free).map(|base| base.join(name))
    }

    /// The suite that runs for this profile, by the kernel's word: this works from any environment.
    ///
    /// # Errors
    /// [`Failure::NotRunning`].
    pub fn running(&self) -> Outcome<Running> {
        running::find(&self.folder).ok_or_else(|| {
            Failure::NotRunning(format!(
                "nothing runs for {}: start it with `privatus run`",
                self.folder.display()
            ))
        })
    }

    /// Where this process is root's, it becomes the folder's owner before it looks at anything in there: what lies in somebody's
    /// folder never moves root. A folder that is still to be made belongs to whoever owns the place.
    ///
    /// # Errors
    /// The kernel keeps us from leaving root.
    pub fn shed_root(&self) -> Outcome {
        let place = self.folder.ancestors().find(|place| place.exists()).unwrap_or(Path::new("/"));
        sandbox::shed_root(place).map(drop).map_err(|error| Failure::Failed(error.to_string()))
    }
}

/// Room for sockets, reports and `state.json`, bytes.
const RUNTIME_BYTES: u64 = 256 << 10;

/// Whether the disk of that folder takes a few small files. Only looks.
fn takes_files(folder: &Path) -> bool {
    use nix::sys::statvfs::{FsFlags, statvfs};
    statvfs(folder).is_ok_and(|disk| {
        let room = disk.blocks_available().saturating_mul(disk.fragment_size());
        !disk.flags().contains(FsFlags::ST_RDONLY) && room >= RUNTIME_BYTES
    })
}

fn same_owner(base: &Path, folder: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (fs::metadata(base), fs::metadata(folder)) {
        (Ok(base), Ok(folder)) => base.is_dir() && base.uid() == folder.uid(),
        _ => false,
    }
}

/// Whether a window could open.
#[must_use]
pub fn has_display() -> bool {
    sandbox::Environment::own().display().is_some()
}

/// A short name for a folder: what it is called must fit a socket's path, and nobody should read it there.
fn folder_name(folder: &Path) -> String {
    let digest = Sha256::digest(folder.as_os_str().as_bytes());
    digest.iter().take(10).map(|byte| format!("{byte:02x}")).collect()
}

/// Where profiles lie that were not put elsewhere, the default one among them.
///
/// # Errors
/// No home is known.
pub fn profiles() -> Outcome<Profile> {
    Profile::at(Some(data_home()?.join("privatus")))
}

fn data_home() -> Outcome<PathBuf> {
    let absolute = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_DATA_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
        .ok_or_else(|| Failure::Usage("no home folder is known: name one with --profile DIR".into()))
}

/// An environment variable of the contract, by the one door.
fn variable(name: &str) -> Option<std::ffi::OsString> {
    sandbox::Environment::own().get(name).map(std::ffi::OsStr::to_owned)
}

/// A binary of the suite: beside this one, or where a package puts it.
///
/// # Errors
/// It is not there.
pub fn binary(name: &str) -> Outcome<PathBuf> {
    let own = std::env::current_exe().doing("find the folder of the program")?;
    let folder = own.parent().unwrap_or(Path::new("/"));
    [folder.join(name), folder.join("../libexec/privatus").join(name)]
        .into_iter()
        .find(|path| path.is_file())
        .ok_or_else(|| {
            Failure::Failed(format!(
                "{} is missing: install Privatus again, or build all of it",
                folder.join(name).display()
            ))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_lock_file_says_makes_nothing_run() {
        let dir = tempfile::tempdir().unwrap();
        let profile = Profile::at(Some(dir.path().into())).unwrap();
        assert_eq!(profile.running().unwrap_err().code(), 4);
        fs::write(dir.path().join("lock"), format!("{}\n/run/x\n", std::process::id())).unwrap();
        assert_eq!(profile.running().unwrap_err().code(), 4, "a lock file that nobody holds");
    }

    #[test]
    fn a_missing_folder_is_made_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let profile = Profile::at(Some(dir.path().join("a/b"))).unwrap().create().unwrap();
        assert_eq!(fs::metadata(&profile.folder).unwrap().permissions().mode() & 0o777, 0o700);
    }
}
