//! What a process is connected to. A filter that forbids `connect` leaves the connections that were there before it.

use std::os::fd::RawFd;

use nix::sys::socket::{AddressFamily, SockaddrLike, SockaddrStorage, getpeername};

use crate::error::Error;
use crate::spawn::CONTROL_FD;

/// Fails where more than one socket has a peer with an address, which a display has and the supervisor's pairs have not.
/// `descriptors` is the process's limit.
///
/// # Errors
/// [`Error::Connected`].
pub(crate) fn one_at_most(descriptors: u64) -> Result<(), Error> {
    let end = RawFd::try_from(descriptors).unwrap_or(RawFd::MAX);
    let connected = (CONTROL_FD..end).filter(|fd| has_named_peer(*fd)).count();
    if connected > 1 { Err(Error::Connected(connected)) } else { Ok(()) }
}

fn has_named_peer(fd: RawFd) -> bool {
    // No socket, or not connected.
    let Ok(peer) = getpeername::<SockaddrStorage>(fd) else { return false };
    match peer.as_unix_addr() {
        Some(unix) => unix.path().is_some() || unix.as_abstract().is_some(),
        None => peer.family() != Some(AddressFamily::Unix),
    }
}
