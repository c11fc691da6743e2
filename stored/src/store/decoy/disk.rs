//! Everything that changes files around the databases, in steps at which tests kill.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Copied at a time.
const CHUNK_BYTES: usize = 64 * 1024;

/// Something is about to change.
#[cfg_attr(not(test), allow(clippy::unnecessary_wraps, reason = "a test kills here"))]
pub(super) fn step() -> io::Result<()> {
    #[cfg(test)]
    kill::step()?;
    Ok(())
}

pub(super) fn remove(file: &Path) -> io::Result<()> {
    step()?;
    fs::remove_file(file)
}

pub(super) fn remove_folder(folder: &Path) -> io::Result<()> {
    step()?;
    fs::remove_dir_all(folder)
}

/// Waits until what was changed in a folder is on the disk.
pub(super) fn sync(folder: &Path) -> io::Result<()> {
    step()?;
    File::open(folder)?.sync_all()
}

/// Leaves a file without content where there was one.
pub(super) fn empty(file: &Path) -> io::Result<()> {
    step()?;
    let file = to_write(file)?;
    file.set_len(0)?;
    file.sync_all()
}

/// Makes `to` what `from` is, in the file that it is.
pub(super) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let (from, to) = (File::open(from)?, to_write(to)?);
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut at = 0_u64;
    loop {
        let read = from.read_at(&mut chunk, at)?;
        let Some(bytes) = chunk.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        step()?;
        to.write_all_at(bytes, at)?;
        at = at.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
    }
    step()?;
    to.set_len(at)?;
    step()?;
    to.sync_all()
}

fn to_write(file: &Path) -> io::Result<File> {
    File::options().write(true).create(true).truncate(false).open(file)
}

/// Kills the writer, for tests that look at what is left: from then on nothing is changed.
#[cfg(test)]
pub(super) mod kill {
    use std::cell::Cell;
    use std::io;

    thread_local! {
        static LEFT: Cell<Option<u32>> = const { Cell::new(None) };
    }

    /// The writer dies before the step after `steps` more.
    pub(crate) fn after(steps: u32) {
        LEFT.set(Some(steps));
    }

    /// Lives on; gives whether it had died.
    pub(crate) fn never() -> bool {
        LEFT.replace(None) == Some(0)
    }

    pub(super) fn step() -> io::Result<()> {
        match LEFT.get() {
            Some(0 | 1) => {
                LEFT.set(Some(0));
                Err(io::Error::other("killed"))
            }
            Some(more) => {
                LEFT.set(Some(more - 1));
                Ok(())
            }
            None => Ok(()),
        }
    }
}
