//! The one door through which the vault file is written.

use std::fs::File;
use std::io;

/// Writes all of `bytes` at `at`.
pub(super) fn write(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    use std::os::unix::fs::FileExt;
    #[cfg(test)]
    let bytes = match kill::before_write(bytes) {
        Some(bytes) => bytes,
        None => return Err(io::Error::other("killed")),
    };
    file.write_all_at(bytes, at)?;
    #[cfg(test)]
    kill::after_write()?;
    Ok(())
}

/// Makes the file as long as that, and waits until it is.
pub(super) fn set_length(file: &File, length: u64) -> io::Result<()> {
    #[cfg(test)]
    if kill::before_write(&[]).is_none() {
        return Err(io::Error::other("killed"));
    }
    file.set_len(length)?;
    sync(file)
}

/// Whether the descriptor is for reading only, as that of a file on a disk that cannot be written.
pub(super) fn is_unwritable(file: &File) -> bool {
    use std::os::unix::fs::FileExt;
    // Of no bytes: nothing is written in either case.
    file.write_at(&[], 0).is_err()
}

/// Waits until everything written lies on the disk.
pub(super) fn sync(file: &File) -> io::Result<()> {
    #[cfg(test)]
    kill::after_write()?;
    file.sync_data()
}

/// Kills the writer at the n-th write, for tests that look at what is left: from then on nothing is written.
#[cfg(test)]
pub(super) mod kill {
    use std::cell::Cell;
    use std::io;

    thread_local! {
        static LEFT: Cell<Option<u32>> = const { Cell::new(None) };
        static TORN: Cell<bool> = const { Cell::new(false) };
    }

    /// The writer dies at the write after `writes` more, in the middle of it if `torn`.
    pub(crate) fn after(writes: u32, torn: bool) {
        LEFT.set(Some(writes));
        TORN.set(torn);
    }

    /// Lives on; gives whether it had died.
    pub(crate) fn never() -> bool {
        TORN.set(false);
        LEFT.replace(None) == Some(0)
    }

    /// What of `bytes` still gets written.
    pub(super) fn before_write(bytes: &[u8]) -> Option<&[u8]> {
        match LEFT.get() {
            Some(0) => None,
            Some(1) => {
                LEFT.set(Some(0));
                TORN.get().then(|| &bytes[..bytes.len() / 2])
            }
            Some(more) => {
                LEFT.set(Some(more - 1));
                Some(bytes)
            }
            None => Some(bytes),
        }
    }

    pub(super) fn after_write() -> io::Result<()> {
        if LEFT.get() == Some(0) { Err(io::Error::other("killed")) } else { Ok(()) }
    }
}
