//! Who holds a profile's folder: a POSIX record lock, because the kernel says whose it is. What the file says decides nothing.
//!
//! Such a lock goes when its process closes *any* descriptor of the file. So it is opened once, here, and kept for the suite's
//! life; nothing else of this process opens it.

use std::fs::File;
use std::io::{ErrorKind, Seek, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

use crate::error::{Doing, StartError};
use crate::files::{self, For};
use crate::folder::LOCK;

/// Longest `lock`: a process id, a path, two line ends. For people; no program reads it.
const LOCK_MAX_BYTES: u64 = 8192;

/// Held while the suite runs.
#[derive(Debug)]
pub struct Lock {
    _held: File,
}

/// Takes the folder's lock, and writes down for people who holds it and where its sockets are.
///
/// # Errors
/// [`StartError::InUse`], or the file cannot be had.
pub fn take(folder: &Path, runtime: &Path) -> Result<Lock, StartError> {
    let path = folder.join(LOCK);
    let (mut file, kind) = match files::open_ours(&path, For::Making, LOCK_MAX_BYTES) {
        // A disk that cannot be written: nobody can write to the profile, but two suites would still meet at its sockets.
        Err(error) if error.kind() == ErrorKind::ReadOnlyFilesystem => {
            let file = files::open_ours(&path, For::Reading, LOCK_MAX_BYTES).on("read", &path)?;
            (file, libc::F_RDLCK)
        }
        opened => (opened.on("write", &path)?, libc::F_WRLCK),
    };
    match fcntl(&file, FcntlArg::F_SETLK(&whole(kind))) {
        Ok(_) => {}
        Err(Errno::EAGAIN | Errno::EACCES) => return Err(in_use(folder, &file)),
        Err(error) => return Err(error).on("lock", &path),
    }
    // Read locks go together; a reader is only alone where it finds no other.
    if kind == libc::F_RDLCK && holder_of(&file).is_some() {
        return Err(in_use(folder, &file));
    }
    if kind == libc::F_WRLCK {
        // A full disk is no reason not to start.
        let _ = write_down(&mut file, runtime);
    }
    Ok(Lock { _held: file })
}

fn write_down(file: &mut File, runtime: &Path) -> std::io::Result<()> {
    let mut text = format!("{}\n", std::process::id()).into_bytes();
    text.extend_from_slice(runtime.as_os_str().as_bytes());
    text.push(b'\n');
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(&text)
}

fn in_use(folder: &Path, file: &File) -> StartError {
    StartError::InUse { folder: folder.into(), pid: holder_of(file) }
}

/// The process that holds the folder's lock, by the kernel's word. `None`: nobody, or nobody that this process can see.
#[must_use]
pub fn holder(folder: &Path) -> Option<i32> {
    holder_of(&files::open_ours(&folder.join(LOCK), For::Reading, LOCK_MAX_BYTES).ok()?)
}

fn holder_of(file: &File) -> Option<i32> {
    // What a writer would run into: also a reader's lock.
    let mut lock = whole(libc::F_WRLCK);
    fcntl(file, FcntlArg::F_GETLK(&mut lock)).ok()?;
    // The kernel leaves it at 0 where nothing is in the way, and says 0 of who is in another pid namespace.
    (lock.l_pid > 0).then_some(lock.l_pid)
}

#[allow(clippy::cast_possible_truncation, reason = "constants of fcntl.h: 0, 1 and 2")]
fn whole(kind: i32) -> libc::flock {
    libc::flock { l_type: kind as i16, l_whence: libc::SEEK_SET as i16, l_start: 0, l_len: 0, l_pid: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::mount::{MsFlags, mount};

    #[test]
    fn what_is_no_file_of_ours_is_not_taken_for_a_read_only_disk() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join(LOCK)).unwrap();
        let refused = take(dir.path(), Path::new("/run/there")).unwrap_err().to_string();
        assert!(refused.starts_with("cannot write "), "{refused}");
    }

    #[test]
    fn who_holds_a_folder_of_nobodys_is_nobody() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(holder(dir.path()), None);
        drop(take(dir.path(), Path::new("/run/there")).unwrap());
        assert_eq!(holder(dir.path()), None);
    }

    #[test]
    fn on_a_read_only_disk_the_lock_is_one_for_reading_and_nothing_is_written_down() {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let nothing = None::<&str>;
        // This process has the mount for itself.
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS).unwrap();
        mount(nothing, "/", nothing, MsFlags::MS_PRIVATE | MsFlags::MS_REC, nothing).unwrap();
        mount(Some("tmpfs"), dir.path(), Some("tmpfs"), MsFlags::empty(), nothing).unwrap();
        drop(take(dir.path(), Path::new("/run/there")).unwrap());
        let written = std::fs::read(dir.path().join(LOCK)).unwrap();
        mount(nothing, dir.path(), nothing, MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY, nothing).unwrap();
        let _held = take(dir.path(), Path::new("/run/elsewhere")).unwrap();
        assert_eq!(std::fs::read(dir.path().join(LOCK)).unwrap(), written);
        nix::mount::umount2(dir.path(), nix::mount::MntFlags::MNT_DETACH).unwrap();
    }
}
