//! The two pipes of an edge, in memory: what is written arrives in order, and a moment later.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::io::{AsyncRead, AsyncWrite};
use ipc_schema::ends::{EdgeEnds, Streams};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};
use tokio::time::{Instant, Sleep};

/// Takes in all that happens.
pub type Trace = Rc<RefCell<Sha256>>;

/// Longest way, ms.
const LATEST: u64 = 2;

/// Bytes that are on their way, and when they arrive. None: the end.
struct Pipe {
    under_way: VecDeque<(Instant, Vec<u8>)>,
    written: Option<Instant>,
    reader: Option<Waker>,
    has_reader: bool,
    rng: ChaCha20Rng,
    trace: Trace,
}

impl Pipe {
    fn put(&mut self, bytes: &[u8]) {
        let now = Instant::now();
        // What is written in one moment arrives in one.
        if let (Some(written), Some((_, last))) = (self.written, self.under_way.back_mut())
            && written == now
            && !bytes.is_empty()
            && !last.is_empty()
        {
            last.extend_from_slice(bytes);
        } else {
            let soonest = now + Duration::from_millis(self.rng.next_u64() % (LATEST + 1));
            let at = self.under_way.back().map_or(soonest, |(last, _)| soonest.max(*last));
            self.under_way.push_back((at, bytes.to_vec()));
        }
        self.written = Some(now);
        self.trace.borrow_mut().update(bytes);
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

struct Reader {
    pipe: Rc<RefCell<Pipe>>,
    waits: Option<Pin<Box<Sleep>>>,
}

struct Writer {
    pipe: Rc<RefCell<Pipe>>,
    is_over: bool,
}

impl AsyncRead for Reader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let mut pipe = this.pipe.borrow_mut();
        let Some((at, bytes)) = pipe.under_way.front_mut() else {
            pipe.reader = Some(context.waker().clone());
            return Poll::Pending;
        };
        if *at > Instant::now() {
            let waits = this.waits.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(*at)));
            if waits.deadline() != *at {
                waits.as_mut().reset(*at);
            }
            if waits.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
        }
        let taken = bytes.len().min(buffer.len());
        buffer[..taken].copy_from_slice(&bytes[..taken]);
        if taken == bytes.len() && taken > 0 {
            pipe.under_way.pop_front();
        } else {
            bytes.drain(..taken);
        }
        Poll::Ready(Ok(taken))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut pipe = self.pipe.borrow_mut();
        pipe.has_reader = false;
        pipe.reader = None;
        pipe.under_way.clear();
    }
}

impl AsyncWrite for Writer {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut pipe = self.pipe.borrow_mut();
        if !pipe.has_reader || self.is_over {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if !bytes.is_empty() {
            pipe.put(bytes);
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.end();
        Poll::Ready(Ok(()))
    }
}

impl Writer {
    /// What is under way still arrives, and then the end.
    fn end(&mut self) {
        if !std::mem::replace(&mut self.is_over, true) {
            let mut pipe = self.pipe.borrow_mut();
            if pipe.has_reader {
                pipe.put(&[]);
            }
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.end();
    }
}

fn pipe(rng: &mut ChaCha20Rng, trace: &Trace) -> (Reader, Writer) {
    let pipe = Rc::new(RefCell::new(Pipe {
        under_way: VecDeque::new(),
        written: None,
        reader: None,
        has_reader: true,
        rng: ChaCha20Rng::from_rng(rng),
        trace: trace.clone(),
    }));
    (Reader { pipe: pipe.clone(), waits: None }, Writer { pipe, is_over: false })
}

/// Both sides of a new edge between two processes of one machine.
pub fn pair(rng: &mut ChaCha20Rng, trace: &Trace) -> (EdgeEnds, EdgeEnds) {
    let ((here, there), (back, forth)) = (pipe(rng, trace), pipe(rng, trace));
    let ends = |read, write| EdgeEnds::Memory(Streams { read: Box::new(read), write: Box::new(write) });
    (ends(here, forth), ends(back, there))
}
