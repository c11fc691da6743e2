//! The other side of one edge, in a test's hands.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use ipc_schema::ends::EdgeEnds;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// What a neighbour, or a local program, holds of an edge.
#[derive(Debug)]
pub struct Neighbour {
    read: File,
    write: Option<File>,
    /// Of a local program: a handle of the same socket.
    socket: Option<UnixStream>,
    /// How long one read or write may take.
    pub patience: Duration,
}

impl Neighbour {
    /// An edge: what is granted to the part, and the other side.
    ///
    /// # Panics
    /// No descriptors are left.
    #[must_use]
    pub fn of_edge(outside: bool) -> (EdgeEnds, Self) {
        if outside {
            let (ours, theirs) = UnixStream::pair().unwrap();
            return (theirs.into(), ours.into());
        }
        let (theirs, ours) = EdgeEnds::pipes().unwrap();
        let EdgeEnds::Pipes { read, write } = ours else { panic!("pipes were made") };
        (theirs, Self::new(read, write, None))
    }

    fn new(read: OwnedFd, write: OwnedFd, socket: Option<UnixStream>) -> Self {
        Self { read: read.into(), write: Some(write.into()), socket, patience: Duration::from_secs(30) }
    }

    /// Writes no more: the part reads the end.
    pub fn finish(&mut self) {
        self.write = None;
        if let Some(socket) = &self.socket {
            let _ = socket.shutdown(Shutdown::Write);
        }
    }

    /// Its descriptors.
    #[must_use]
    pub fn descriptors(&self) -> Vec<RawFd> {
        [Some(&self.read), self.write.as_ref()].into_iter().flatten().map(AsRawFd::as_raw_fd).collect()
    }

    fn wait(&self, fd: BorrowedFd<'_>, flags: PollFlags) -> io::Result<()> {
        let timeout = PollTimeout::try_from(self.patience).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(fd, flags)], timeout)? {
            0 => Err(ErrorKind::TimedOut.into()),
            _ => Ok(()),
        }
    }
}

impl From<UnixStream> for Neighbour {
    fn from(socket: UnixStream) -> Self {
        socket.set_nonblocking(true).unwrap();
        let copy = || OwnedFd::from(socket.try_clone().unwrap());
        Self::new(copy(), copy(), Some(socket.try_clone().unwrap()))
    }
}

impl Read for Neighbour {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match (&self.read).read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.wait(self.read.as_fd(), PollFlags::POLLIN)?;
                }
                outcome => return outcome,
            }
        }
    }
}

impl Write for Neighbour {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let write = self.write.as_ref().ok_or(ErrorKind::BrokenPipe)?;
        loop {
            match { write }.write(bytes) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.wait(write.as_fd(), PollFlags::POLLOUT)?;
                }
                outcome => return outcome,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
