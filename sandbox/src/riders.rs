//! Sockets that take bytes and no descriptors.
//!
//! A descriptor that rides on a message is closed by whoever receives and does not want it, and that can take as long as its
//! sender likes: a TCP socket with unsent bytes and SO_LINGER waits in `close`.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use libc::c_int;

/// Whether a Unix socket takes descriptors. Since Linux 6.16; libc does not name it yet. Source: asm-generic/socket.h.
pub(crate) const SO_PASSRIGHTS: c_int = 83;

/// Size of the option's value.
const INT_BYTES: libc::socklen_t = 4;

/// From now on who sends a descriptor to `socket` gets EPERM, and so does who sends to a connection that a listener makes later.
/// False: this kernel cannot (before 6.16).
///
/// # Errors
/// `socket` is no Unix socket.
pub fn refuse_riders(socket: BorrowedFd<'_>) -> io::Result<bool> {
    let off: c_int = 0;
    // SAFETY: the option's value is an int that lives for the length of the call, and its size is given.
    let set = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            SO_PASSRIGHTS,
            (&raw const off).cast(),
            INT_BYTES,
        )
    };
    if set == 0 {
        return Ok(true);
    }
    match io::Error::last_os_error() {
        error if error.raw_os_error() == Some(libc::ENOPROTOOPT) => Ok(false),
        error => Err(error),
    }
}
