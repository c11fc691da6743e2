//! The bytes under an edge: two pipes between processes of the suite, a socket to a local program.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf, pipe};
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt, TokioAsyncWriteCompatExt};

use crate::ends::EdgeEnds;
use crate::seats::Seat;

/// What comes in.
pub(super) enum Reader {
    Pipe(Compat<pipe::Receiver>),
    Socket(Compat<OwnedReadHalf>),
    #[cfg(feature = "simulation")]
    Memory(Box<dyn AsyncRead + Unpin>),
}

/// What goes out. Dropped, it is the end of the stream for the other side.
pub(super) enum Writer {
    Pipe(Compat<pipe::Sender>),
    Socket(Compat<OwnedWriteHalf>),
    #[cfg(feature = "simulation")]
    Memory(Box<dyn AsyncWrite + Unpin>),
}

/// Both halves of an edge.
///
/// # Errors
/// When the runtime cannot watch the descriptors.
pub(super) fn halves(ends: EdgeEnds) -> io::Result<(Reader, Writer, Option<Seat>)> {
    match ends {
        // Unchecked: that they are pipes and do not block is their maker's doing, and to ask would take rows in each table.
        EdgeEnds::Pipes { read, write } => Ok((
            Reader::Pipe(pipe::Receiver::from_owned_fd_unchecked(read)?.compat()),
            Writer::Pipe(pipe::Sender::from_owned_fd_unchecked(write)?.compat_write()),
            None,
        )),
        EdgeEnds::Connection(connection) => {
            let socket = std::os::unix::net::UnixStream::from(connection.socket);
            socket.set_nonblocking(true)?;
            let (read, write) = UnixStream::from_std(socket)?.into_split();
            Ok((Reader::Socket(read.compat()), Writer::Socket(write.compat_write()), connection.seat))
        }
        #[cfg(feature = "simulation")]
        EdgeEnds::Memory(streams) => Ok((Reader::Memory(streams.read), Writer::Memory(streams.write), None)),
    }
}

impl AsyncRead for Reader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Pipe(half) => Pin::new(half).poll_read(context, buffer),
            Self::Socket(half) => Pin::new(half).poll_read(context, buffer),
            #[cfg(feature = "simulation")]
            Self::Memory(half) => Pin::new(half).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Writer {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Pipe(half) => Pin::new(half).poll_write(context, bytes),
            Self::Socket(half) => Pin::new(half).poll_write(context, bytes),
            #[cfg(feature = "simulation")]
            Self::Memory(half) => Pin::new(half).poll_write(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Pipe(half) => Pin::new(half).poll_flush(context),
            Self::Socket(half) => Pin::new(half).poll_flush(context),
            #[cfg(feature = "simulation")]
            Self::Memory(half) => Pin::new(half).poll_flush(context),
        }
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Pipe(half) => Pin::new(half).poll_close(context),
            Self::Socket(half) => Pin::new(half).poll_close(context),
            #[cfg(feature = "simulation")]
            Self::Memory(half) => Pin::new(half).poll_close(context),
        }
    }
}
