//! The edge stored-mediad, one method a call.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use ipc_schema::child::{Child, Exit};
use ipc_schema::edge::stored_mediad::{self, Begin, Chunk, Decoder, Finish, Kind, TellKind};
use ipc_schema::edge::{Closer, Served};
use ipc_schema::ends::EdgeEnds;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::error::PictureError;
use crate::job::Job;

/// How long the caller may take to drop a job whose answer it has.
const FETCHED_WITHIN: Duration = Duration::from_secs(5);

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
    answered: Cell<bool>,
    dropped: Cell<bool>,
    changed: Notify,
}

impl Life {
    /// Ends when the caller has the answer: it lets go of the job only then, and the answer went out before.
    pub async fn over(&self) {
        while !self.answered.get() {
            self.changed.notified().await;
        }
        let fetched = async {
            while !self.dropped.get() {
                self.changed.notified().await;
            }
        };
        let _ = tokio::time::timeout(FETCHED_WITHIN, fetched).await;
    }
}

struct DecoderServer {
    life: Rc<Life>,
    closer: Closer,
}

impl Decoder for DecoderServer {
    async fn picture(self: Rc<Self>, call: Begin) -> Served<Begin> {
        let used = self.life.job_given.replace(true);
        let job = if used { Job::refused() } else { Job::new(call.max_side) };
        let life = (!used).then(|| self.life.clone());
        let server = JobServer { job: RefCell::new(Some(job)), life };
        Ok(Ok(stored_mediad::Job::client(Rc::new(server), self.closer.clone())))
    }
}

struct JobServer {
    job: RefCell<Option<Job>>,
    /// None for a refused job, whose end means nothing.
    life: Option<Rc<Life>>,
}

impl Drop for JobServer {
    fn drop(&mut self) {
        if let Some(life) = &self.life {
            life.answered.set(true);
            life.dropped.set(true);
            life.changed.notify_one();
        }
    }
}

impl stored_mediad::Job for JobServer {
    async fn bytes(self: Rc<Self>, piece: Chunk) -> Result<(), capnp::Error> {
        if let Some(job) = self.job.borrow_mut().as_mut() {
            job.add(&piece.chunk);
        }
        Ok(())
    }

    async fn finish(self: Rc<Self>, _: Finish) -> Served<Finish> {
        let outcome = self.job.take().map_or(Err(PictureError::JobUsed), Job::finish);
        if let Some(life) = &self.life {
            life.answered.set(true);
            life.changed.notify_one();
        }
        Ok(outcome)
    }

    async fn kind(self: Rc<Self>, _: TellKind) -> Served<TellKind> {
        Ok(Ok(self.job.borrow().as_ref().map_or(Kind::Other, Job::kind)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ipc_schema::edge::stored_mediad::Pixels;
    use ipc_schema::edge::{ask, send, stream};
    use ipc_schema::edges::stored_mediad_capnp::{decoder, picture_job};

    fn local<F: Future>(future: F) -> F::Output {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        tokio::task::LocalSet::new().block_on(&runtime, async {
            tokio::time::timeout(Duration::from_secs(30), future).await.expect("the test hangs")
        })
    }

    fn decoder() -> (decoder::Client, Rc<Life>) {
        let (ours, theirs) = EdgeEnds::pipes().unwrap();
        let life = Rc::new(Life::default());
        serve(theirs, life.clone()).unwrap();
        (ipc_schema::rpc::connect(ours).unwrap().0, life)
    }

    async fn job(decoder: &decoder::Client) -> picture_job::Client {
        ask(decoder, &Begin { max_side: 64 }).await.unwrap()
    }

    async fn finish(job: &picture_job::Client, bytes: &[u8]) -> Result<Pixels, PictureError> {
        for chunk in bytes.chunks(50_000) {
            stream(job, &Chunk { chunk: chunk.to_vec() }).await.unwrap();
        }
        send(job, &Finish {}).await.unwrap()
    }

    #[test]
    fn one_picture_is_decoded_and_then_the_life_is_over() {
        local(async {
            let mut png = Vec::new();
            let mut encoder = png::Encoder::new(&mut png, 300, 300);
            encoder.set_color(png::ColorType::Rgb);
            encoder.write_header().unwrap().write_image_data(&[7; 300 * 300 * 3]).unwrap();
            let (decoder, life) = decoder();
            let first = job(&decoder).await;
            let second = job(&decoder).await;
            assert!(matches!(finish(&second, &png).await, Err(PictureError::JobUsed)));
            let pixels = Pixels { width: 64, height: 64, rgb: vec![7; 64 * 64 * 3] };
            assert_eq!(finish(&first, &png).await, Ok(pixels));
            assert!(matches!(finish(&first, &png).await, Err(PictureError::JobUsed)));
            drop(first);
            life.over().await;
        });
    }

    #[test]
    fn rubbish_is_told_and_ends_the_life_too() {
        local(async {
            let (decoder, life) = decoder();
            let first = job(&decoder).await;
            assert!(matches!(finish(&first, b"GIF89a").await, Err(PictureError::NotAPicture)));
            drop(first);
            life.over().await;
        });
    }

    #[test]
    fn more_bytes_than_allowed_are_told() {
        local(async {
            let (decoder, _) = decoder();
            let first = job(&decoder).await;
            let result = finish(&first, &vec![0; ipc_schema::limits::PICTURE_MAX_BYTES + 1]).await;
            assert!(matches!(result, Err(PictureError::TooLarge)));
        });
    }
}
