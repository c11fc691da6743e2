//! Descriptors that a program was started with, by the number that its command line names.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

/// A close-on-exec copy of descriptor `number`, which the caller of this program opened (`--passphrase-fd 5`). The original
/// stays as it is.
///
/// # Errors
/// No such descriptor is open.
pub fn inherited(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: the call makes a new descriptor and touches neither memory nor the old one.
    let copy = unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 3) };
    if copy < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::fd::AsRawFd;

    #[test]
    fn a_copy_reads_what_the_original_would() {
        let (ours, mut theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        let copy = inherited(ours.as_raw_fd()).unwrap();
        theirs.write_all(b"x").unwrap();
        let mut byte = [0];
        std::fs::File::from(copy).read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"x");
        assert!(inherited(100_000).is_err() && inherited(-1).is_err());
    }
}
