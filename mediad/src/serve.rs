//! The edge stored-mediad, one method a call.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use ipc_schema::child::{Child, Exit};
use ipc_schema::edge::stored_mediad::{
    self as room, Begin, Chunk, Clean, CleanFile, Decoder, Handed, Show, Size, TellKind,
};
use ipc_schema::edge::{Closer, Served, stream};
use ipc_schema::edges::stored_mediad_capnp::byte_sink;
use ipc_schema::ends::EdgeEnds;
use ipc_schema::limits::PICTURE_CHUNK_MAX_BYTES;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::job::Job;

/// Runs the process: waits for the edge, does one job, ends.
pub async fn run(child: Child) -> Exit {
    let life = Rc::new(Life::default());
    let mut edge: Option<JoinHandle<()>> = None;
    loop {
        tokio::select! {
            granted = child.next_edge() => match granted {
                Ok(Some(granted)) if granted.name == "stored-mediad" && !granted.caller => {
                    // A second Grant replaces the first: stored was restarted.
                    if let Some(old) = edge.take() {
                        old.abort();
                    }
                    match serve(granted.ends, life.clone()) {
                        Ok(new) => edge = Some(new),
                        Err(_) => return Exit::Fault,
                    }
                }
                Ok(Some(_)) => {}
                Ok(None) => return Exit::Done,
                Err(_) => return Exit::Fault,
            },
            () = life.over() => return Exit::Done,
            () = hung_up(&mut edge) => {
                edge = None;
                // With a stranger's bytes read, or half read, this process is spent.
                if life.job_given.get() {
                    return Exit::Done;
                }
            }
        }
    }
}

async fn hung_up(edge: &mut Option<JoinHandle<()>>) {
    match edge {
        Some(edge) => {
            let _ = edge.await;
        }
        None => std::future::pending().await,
    }
}

/// Serves one edge to stored.
///
/// # Errors
/// When the descriptors are no edge's.
pub fn serve(ends: EdgeEnds, life: Rc<Life>) -> std::io::Result<JoinHandle<()>> {
    DecoderServer::serve_closing(ends, |closer| DecoderServer { life, closer })
}

/// How far this process's one job is.
#[derive(Debug, Default)]
pub struct Life {
    job_given: Cell<bool>,
    job_dropped: Cell<bool>,
    changed: Notify,
}

impl Life {
    /// Ends when the caller lets go of its job: it has all answers that it wanted.
    pub async fn over(&self) {
        while !self.job_dropped.get() {
            self.changed.notified().await;
        }
    }
}

struct DecoderServer {
    life: Rc<Life>,
    closer: Closer,
}

impl Decoder for DecoderServer {
    async fn picture(self: Rc<Self>, _: Begin) -> Served<Begin> {
        // Nobody's picture shall be decoded where another's was.
        if self.life.job_given.replace(true) {
            return Err(capnp::Error::failed(String::new()));
        }
        let server = JobServer { job: RefCell::default(), life: self.life.clone() };
        Ok(Ok(room::Job::client(Rc::new(server), self.closer.clone())))
    }
}

struct JobServer {
    job: RefCell<Job>,
    life: Rc<Life>,
}

impl Drop for JobServer {
    fn drop(&mut self) {
        self.life.job_dropped.set(true);
        self.life.changed.notify_one();
    }
}

impl room::Job for JobServer {
    async fn bytes(self: Rc<Self>, piece: Chunk) -> Result<(), capnp::Error> {
        self.job.borrow_mut().add(&piece.chunk);
        Ok(())
    }

    async fn kind(self: Rc<Self>, _: TellKind) -> Served<TellKind> {
        Ok(Ok(self.job.borrow().kind()))
    }

    async fn show(self: Rc<Self>, call: Show) -> Served<Show> {
        // A value of its own: nothing is borrowed while the other side takes its time.
        let shown = self.job.borrow().pixels(call.max_side);
        match shown {
            Ok(pixels) => {
                hand_over(&call.sink, &pixels.rgb).await?;
                Ok(Ok(Size { width: pixels.width, height: pixels.height }))
            }
            Err(error) => Ok(Err(error.into())),
        }
    }

    async fn clean(self: Rc<Self>, call: Clean) -> Served<Clean> {
        let cleaned = self.job.borrow().clean();
        match cleaned {
            Ok(file) => {
                hand_over(&call.sink, &file.bytes).await?;
                Ok(Ok(CleanFile {
                    kind: file.kind,
                    bytes: u32::try_from(file.bytes.len()).unwrap_or(u32::MAX),
                }))
            }
            Err(error) => Ok(Err(error.into())),
        }
    }
}

/// As fast as the caller takes it.
async fn hand_over(sink: &byte_sink::Client, bytes: &[u8]) -> Result<(), capnp::Error> {
    for chunk in bytes.chunks(PICTURE_CHUNK_MAX_BYTES) {
        let taken = stream(sink, &Handed { chunk: chunk.to_vec() }).await;
        taken.map_err(|_| capnp::Error::disconnected(String::new()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
