//! What a process is connected to. A filter that forbids `connect` leaves the connections that were there before it.

use std::os::fd::RawFd;

use nix::sys::socket::{AddressFamily, SockaddrLike, SockaddrStorage, getpeername};

use crate::error::Error;
use crate::spawn::CONTROL_FD;

/// To the display: its toolkit's, and the one that calls for attention.
const DISPLAY_MAX: usize = 2;

/// The other end of a connection that has an address, which a display has and the supervisor's pairs have not.
#[derive(PartialEq, Eq)]
enum Peer {
    /// A name in the file tree, or the same name outside of it: an X server listens at both.
    Named(Vec<u8>),
    /// Not on this machine.
    Elsewhere,
}

/// Fails where a process is connected to more than one display, or to that more often than its window needs. `descriptors` is the
/// process's limit.
///
/// # Errors
/// [`Error::Connected`].
pub(crate) fn one_display_at_most(descriptors: u64) -> Result<(), Error> {
    let end = RawFd::try_from(descriptors).unwrap_or(RawFd::MAX);
    let peers: Vec<Peer> = (CONTROL_FD..end).filter_map(peer).collect();
    let one = peers.windows(2).all(|pair| matches!(pair, [a @ Peer::Named(_), b] if a == b));
    if one && peers.len() <= DISPLAY_MAX { Ok(()) } else { Err(Error::Connected(peers.len())) }
}

fn peer(fd: RawFd) -> Option<Peer> {
    // No socket, or not connected.
    let peer = getpeername::<SockaddrStorage>(fd).ok()?;
    match peer.as_unix_addr() {
        Some(unix) => {
            use std::os::unix::ffi::OsStrExt;
            let path = unix.path().map(|path| path.as_os_str().as_bytes());
            path.or_else(|| unix.as_abstract()).map(|name| Peer::Named(name.to_vec()))
        }
        None => (peer.family() != Some(AddressFamily::Unix)).then_some(Peer::Elsewhere),
    }
}
