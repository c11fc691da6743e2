//! A link's two directions: cells in batches, as they are there, never held back for more.

use std::io::ErrorKind;
use std::task::Poll;

use futures::future::poll_fn;
use futures::io::{ReadHalf, WriteHalf};
use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use ipc_schema::limits::{CELL_BYTES, CELLS_PER_BATCH_MAX};

use crate::error::CloseReason;

/// A batch's largest size.
const BATCH_BYTES: usize = CELL_BYTES * CELLS_PER_BATCH_MAX;

/// Takes cells from a stream.
#[derive(Debug)]
pub struct Reader<S> {
    half: ReadHalf<S>,
    buffer: Box<[u8]>,
    filled: usize,
    /// Bytes at the front that were handed out.
    handed: usize,
}

/// Puts cells on a stream.
#[derive(Debug)]
pub struct Writer<S> {
    half: WriteHalf<S>,
}

/// Splits a cell stream.
pub fn split<S: AsyncRead + AsyncWrite + Unpin>(stream: S) -> (Reader<S>, Writer<S>) {
    let (read, write) = stream.split();
    let buffer = vec![0; BATCH_BYTES].into_boxed_slice();
    (Reader { half: read, buffer, filled: 0, handed: 0 }, Writer { half: write })
}

/// Whether `bytes` can be a batch: 1 to 64 whole cells.
#[must_use]
pub fn is_batch(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.len() <= BATCH_BYTES && bytes.len().is_multiple_of(CELL_BYTES)
}

impl<S: AsyncRead + Unpin> Reader<S> {
    /// The next cells: waits for one, then takes what else is there, at most 64.
    ///
    /// # Errors
    /// Why there will be none any more. A stream that ends inside a cell misbehaved.
    pub async fn batch(&mut self) -> Result<&[u8], CloseReason> {
        self.buffer.copy_within(self.handed..self.filled, 0);
        self.filled -= self.handed;
        self.handed = 0;
        poll_fn(|context| self.poll_fill(context)).await?;
        self.handed = self.filled - self.filled % CELL_BYTES;
        Ok(self.buffer.get(..self.handed).unwrap_or_default())
    }

    /// Ready once there is a whole cell and the stream has no more at the moment, or the buffer is full.
    fn poll_fill(&mut self, context: &mut std::task::Context<'_>) -> Poll<Result<(), CloseReason>> {
        loop {
            let room = self.buffer.get_mut(self.filled..).unwrap_or_default();
            if room.is_empty() {
                return Poll::Ready(Ok(()));
            }
            match std::pin::Pin::new(&mut self.half).poll_read(context, room) {
                Poll::Pending if self.filled >= CELL_BYTES => return Poll::Ready(Ok(())),
                Poll::Pending => return Poll::Pending,
                // What came whole before the end still counts; the next call meets the end again.
                Poll::Ready(Ok(0) | Err(_)) if self.filled >= CELL_BYTES => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(0)) if self.filled == 0 => return Poll::Ready(Err(CloseReason::PeerClosed)),
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(CloseReason::Misbehaved)),
                Poll::Ready(Ok(count)) => self.filled += count,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(reason(&error))),
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> Writer<S> {
    /// Writes whole cells. Waits while the other side takes none: that is the back-pressure.
    ///
    /// # Errors
    /// Why the link is closed.
    pub async fn write(&mut self, batch: &[u8]) -> Result<(), CloseReason> {
        self.half.write_all(batch).await.map_err(|error| reason(&error))?;
        self.half.flush().await.map_err(|error| reason(&error))
    }
}

fn reason(error: &std::io::Error) -> CloseReason {
    match error.kind() {
        ErrorKind::TimedOut => CloseReason::TimedOut,
        ErrorKind::InvalidData => CloseReason::Misbehaved,
        _ => CloseReason::PeerClosed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::executor::block_on;
    use futures::io::Cursor;
    use proptest::prelude::*;

    /// Gives what it has in pieces of the sizes that were set, `Pending` where one is 0.
    struct Pieces {
        bytes: Vec<u8>,
        sizes: Vec<usize>,
    }

    impl AsyncRead for Pieces {
        fn poll_read(
            mut self: std::pin::Pin<&mut Self>,
            context: &mut std::task::Context<'_>,
            into: &mut [u8],
        ) -> Poll<std::io::Result<usize>> {
            let size = self.sizes.pop().unwrap_or(usize::MAX);
            if size == 0 {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            let count = size.min(into.len()).min(self.bytes.len());
            into[..count].copy_from_slice(&self.bytes[..count]);
            self.bytes.drain(..count);
            Poll::Ready(Ok(count))
        }
    }

    impl<R: Unpin> AsyncWrite for Duplex<R> {
        fn poll_write(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
            from: &[u8],
        ) -> Poll<std::io::Result<usize>> {
            Poll::Ready(Ok(from.len()))
        }
        fn poll_flush(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> Poll<std::io::Result<()>> {
            Poll::Ready(Ok(()))
        }
        fn poll_close(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> Poll<std::io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    fn read_all(pieces: Pieces) -> (Vec<u8>, CloseReason) {
        let (mut reader, _writer) = split(Duplex(pieces));
        let mut all = Vec::new();
        loop {
            match block_on(reader.batch()) {
                Ok(batch) => {
                    assert!(is_batch(batch), "{} B", batch.len());
                    all.extend_from_slice(batch);
                }
                Err(reason) => return (all, reason),
            }
        }
    }

    proptest! {
        #[test]
        fn cells_come_whole_and_in_order_however_the_stream_is_cut(
            length in 0_usize..200_000,
            sizes in proptest::collection::vec(0_usize..3_000, 0..300),
        ) {
            let bytes: Vec<u8> = (0..=250).cycle().take(length).collect();
            let whole = length - length % CELL_BYTES;
            let (read, reason) = read_all(Pieces { bytes: bytes.clone(), sizes });
            prop_assert_eq!(&read, &bytes[..whole]);
            let expected = if whole == length { CloseReason::PeerClosed } else { CloseReason::Misbehaved };
            prop_assert_eq!(reason, expected);
        }
    }

    #[test]
    fn one_cell_is_handed_on_without_waiting_for_a_second() {
        // One cell, then silence for ever.
        struct OneCell(bool);
        impl AsyncRead for OneCell {
            fn poll_read(
                mut self: std::pin::Pin<&mut Self>,
                _: &mut std::task::Context<'_>,
                into: &mut [u8],
            ) -> Poll<std::io::Result<usize>> {
                if std::mem::replace(&mut self.0, true) {
                    return Poll::Pending;
                }
                into[..CELL_BYTES].fill(7);
                Poll::Ready(Ok(CELL_BYTES))
            }
        }
        let (mut reader, _writer) = split(Duplex(OneCell(false)));
        assert_eq!(block_on(reader.batch()).unwrap(), [7; CELL_BYTES]);
    }

    /// Adds the writing half that `split` wants.
    struct Duplex<R>(R);
    impl<R: AsyncRead + Unpin> AsyncRead for Duplex<R> {
        fn poll_read(
            mut self: std::pin::Pin<&mut Self>,
            context: &mut std::task::Context<'_>,
            into: &mut [u8],
        ) -> Poll<std::io::Result<usize>> {
            std::pin::Pin::new(&mut self.0).poll_read(context, into)
        }
    }

    #[test]
    fn only_one_to_sixty_four_whole_cells_are_a_batch() {
        for (cells, rest, good) in
            [(0, 0, false), (1, 0, true), (64, 0, true), (65, 0, false), (1, 1, false), (0, 513, false)]
        {
            assert_eq!(is_batch(&vec![0; cells * CELL_BYTES + rest]), good, "{cells} cells and {rest} B");
        }
    }

    #[test]
    fn what_is_written_is_flushed() {
        let (_reader, mut writer) = split(Cursor::new(Vec::new()));
        block_on(writer.write(&[1; CELL_BYTES])).unwrap();
        block_on(writer.write(&[2; CELL_BYTES])).unwrap();
    }
}
