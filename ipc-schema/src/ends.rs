//! One side of an edge, as it is granted.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use rustix::pipe::{PipeFlags, pipe_with};

use crate::seats::Seat;

/// What a process holds of an edge.
#[derive(Debug)]
#[non_exhaustive]
pub enum EdgeEnds {
    /// Between two processes of the suite. Pipes, because nothing but bytes crosses a pipe: a socket carries descriptors too,
    /// and a received one can freeze its receiver in `close`, or be a way out to the Internet.
    Pipes {
        /// What the other side writes. `O_NONBLOCK`.
        read: OwnedFd,
        /// What the other side reads. `O_NONBLOCK`.
        write: OwnedFd,
    },
    /// With a local program.
    Connection(Connection),
    /// Between two processes of a simulated machine.
    #[cfg(feature = "simulation")]
    Memory(Streams),
}

/// Bytes each way, by whatever brings them.
#[cfg(feature = "simulation")]
pub struct Streams {
    /// What the other side writes.
    pub read: Box<dyn futures::io::AsyncRead + Unpin>,
    /// What the other side reads.
    pub write: Box<dyn futures::io::AsyncWrite + Unpin>,
}

#[cfg(feature = "simulation")]
impl std::fmt::Debug for Streams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Streams")
    }
}

/// A stream socket to or from a local program.
#[derive(Debug)]
pub struct Connection {
    pub(crate) socket: OwnedFd,
    /// Its place among those that the process serves; none on the program's own side.
    pub(crate) seat: Option<Seat>,
}

impl EdgeEnds {
    /// Both sides of a new edge between two processes.
    ///
    /// # Errors
    /// No descriptors are left.
    pub fn pipes() -> io::Result<(Self, Self)> {
        // Non-blocking from the start, so that no child needs a call to make it so.
        let flags = PipeFlags::CLOEXEC | PipeFlags::NONBLOCK;
        let (there, back) = (pipe_with(flags)?, pipe_with(flags)?);
        let callers = Self::Pipes { read: back.0, write: there.1 };
        Ok((callers, Self::Pipes { read: there.0, write: back.1 }))
    }

    /// Whether the other side is a local program.
    #[must_use]
    pub fn outside(&self) -> bool {
        matches!(self, Self::Connection(_))
    }
}

impl Connection {
    /// The socket, for who speaks no RPC on it. Its place among the process's connections is free again.
    #[must_use]
    pub fn into_socket(self) -> OwnedFd {
        self.socket
    }
}

impl From<OwnedFd> for EdgeEnds {
    /// A connected stream socket.
    fn from(socket: OwnedFd) -> Self {
        Self::Connection(Connection { socket, seat: None })
    }
}

impl From<UnixStream> for EdgeEnds {
    fn from(socket: UnixStream) -> Self {
        OwnedFd::from(socket).into()
    }
}
