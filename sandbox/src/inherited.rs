//! Descriptors that a program was started with, by the number that its command line names.

use nix::errno::Errno;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

/// Standard input, output and error stay with the program; everything above can be closed.
const FIRST_OF_OURS: RawFd = 3;

/// A close-on-exec copy of descriptor `number`, which the caller of this program opened (`--passphrase-fd 5`). The original
/// stays open for a second line on it, and is closed when this program becomes another.
///
/// # Errors
/// No such descriptor is open.
pub fn inherited(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: the call makes a new descriptor and touches neither memory nor the old one.
    let copy = Errno::result(unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, FIRST_OF_OURS) })?;
    // SAFETY: the kernel has just made this descriptor and nobody else knows it.
    let copy = unsafe { OwnedFd::from_raw_fd(copy) };
    // SAFETY: as above; a flag of a descriptor that is open.
    Errno::result(unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) })?;
    Ok(copy)
}

/// Takes descriptor `number`, which the caller of this program opened for it, and closes whatever else was left open above
/// standard error: what an earlier program had in its hands is none of this one's. First thing in `main`, once.
///
/// # Errors
/// No such descriptor is open.
pub fn only_inherited(number: RawFd) -> io::Result<OwnedFd> {
    // 3 itself may be the wanted one, so the copy is made first and everything around it closed.
    let copy = inherited(number)?;
    let keep = std::os::fd::AsRawFd::as_raw_fd(&copy).unsigned_abs();
    // SAFETY: at this point the process has opened nothing but `copy`, which lies in neither range.
    let closed = unsafe {
        libc::syscall(libc::SYS_close_range, FIRST_OF_OURS, keep.saturating_sub(1), 0) >= 0
            || keep == FIRST_OF_OURS.unsigned_abs()
    } && unsafe { libc::syscall(libc::SYS_close_range, keep + 1, u32::MAX, 0) } >= 0;
    if closed { Ok(copy) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::fd::AsRawFd;

    #[test]
    fn a_copy_reads_what_the_original_would_and_neither_outlives_an_exec() {
        let (ours, mut theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        nix::fcntl::fcntl(&ours, nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty())).unwrap();
        let copy = inherited(ours.as_raw_fd()).unwrap();
        for descriptor in [ours.as_raw_fd(), copy.as_raw_fd()] {
            // SAFETY: a flag of a descriptor that is open.
            assert_eq!(unsafe { libc::fcntl(descriptor, libc::F_GETFD) }, libc::FD_CLOEXEC);
        }
        theirs.write_all(b"x").unwrap();
        let mut byte = [0];
        std::fs::File::from(copy).read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"x");
        assert!(inherited(100_000).is_err() && inherited(-1).is_err());
    }
}
