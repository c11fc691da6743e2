//! Pictures told, shown and written anew, each by a mediad of its own (edges/stored-mediad.capnp). stored opens none itself: here bytes go
//! out, and what comes back is counted.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use ipc_schema::edge::stored_mediad::{
    Begin, Chunk, Clean, CleanError, CleanFile, Handed, Kind, Pixels, Show, ShowError, Taker, TellKind,
};
use ipc_schema::edge::{Closer, Failed, ask, send, stream};
use ipc_schema::edges::stored_mediad_capnp::{byte_sink, decoder, picture_job};
use ipc_schema::ends::EdgeEnds;
use ipc_schema::limits::{PICTURE_MAX_BYTES, VIEW_SIDE_MAX};
use ipc_schema::rpc::Peer;
use tokio::sync::{Mutex, OwnedMutexGuard, mpsc};
use tokio::time::timeout;

/// How long a mediad is waited for: its restarts wait a second at most, unless it keeps falling.
const AWAY_AFTER: Duration = Duration::from_secs(30);

/// How long a picture may take. mediad's processor time ends before that, but for a machine that is very busy.
const WITHIN: Duration = Duration::from_secs(120);

/// Pieces on their way from mediad: a message's worth.
const UNDERWAY: usize = 4;

/// Where a picture's file is.
pub trait Source {
    /// Its bytes from `at` on, at most [`PICTURE_CHUNK_MAX_BYTES`](ipc_schema::limits::PICTURE_CHUNK_MAX_BYTES); none at its end. Asked in
    /// order, and once more from the beginning where mediad died.
    ///
    /// # Errors
    /// Whatever keeps it from being read.
    fn read(&mut self, at: usize) -> io::Result<Vec<u8>>;
}

/// Where a clean picture's file goes.
pub trait Target {
    /// Begins anew: nothing of what was written before counts.
    ///
    /// # Errors
    /// Whatever keeps it from being written.
    fn begin(&mut self) -> io::Result<()>;

    /// The next bytes.
    ///
    /// # Errors
    /// Whatever keeps it from being written.
    fn write(&mut self, bytes: Vec<u8>) -> io::Result<()>;
}

/// Why a picture's question has no answer.
#[derive(Debug)]
pub enum Failure<E> {
    /// What mediad says of the picture.
    Picture(E),
    /// It ended two mediads, or held one up: it is as good as damaged, and not to be tried again.
    Died,
    /// No mediad came: it may be tried later.
    Away,
    /// Its file cannot be read, or the clean one not be written.
    Disk(io::Error),
}

impl<E> From<Failed> for Failure<E> {
    fn from(_: Failed) -> Self {
        Self::Died
    }
}

/// Who asks mediad. Cheap to clone; one picture is with mediad at a time, the others wait in order.
#[derive(Clone)]
pub struct Pictures {
    mediad: Peer<decoder::Client>,
    /// Which mediad had its picture already.
    spent: Arc<Mutex<u64>>,
}

impl Default for Pictures {
    fn default() -> Self {
        Self { mediad: Peer::new(), spent: Arc::default() }
    }
}

/// A mediad with its one picture. It ends with this.
pub struct Picture {
    job: picture_job::Client,
    _turn: OwnedMutexGuard<u64>,
}

impl Pictures {
    /// The next mediad's edge was granted.
    ///
    /// # Errors
    /// When the descriptors are no edge's.
    pub fn connected(&self, ends: EdgeEnds) -> io::Result<()> {
        self.mediad.connected(ends)
    }

    /// What the file is, by its first bytes.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn kind(&self, source: &mut impl Source) -> Result<Kind, Failure<ShowError>> {
        self.twice(async |picture: &Picture| {
            picture.bytes(source.read(0).map_err(Failure::Disk)?).await?;
            Ok(picture.kind().await?)
        })
        .await
    }

    /// How the picture looks within `max_side` pixels each way, at most [`VIEW_SIDE_MAX`].
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn show(&self, source: &mut impl Source, max_side: u16) -> Result<Pixels, Failure<ShowError>> {
        self.twice(async |picture: &Picture| {
            picture.all(source, ShowError::TooLarge).await?;
            picture.show(max_side).await?.map_err(Failure::Picture)
        })
        .await
    }

    /// Writes the same picture without anything beside it into `target`, and says what it is now. What `target` has where this fails
    /// is worth nothing.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn clean(
        &self,
        source: &mut impl Source,
        target: &mut impl Target,
    ) -> Result<CleanFile, Failure<CleanError>> {
        self.twice(async |picture: &Picture| {
            picture.all(source, CleanError::TooLarge).await?;
            picture.clean(target).await
        })
        .await
    }

    /// A fresh mediad, when its turn has come.
    ///
    /// # Errors
    /// None came.
    pub async fn begin(&self) -> Result<Picture, Failed> {
        let mut spent = self.spent.clone().lock_owned().await;
        let begun = async {
            loop {
                self.mediad.gone(*spent).await;
                let decoder = self.mediad.client().await;
                *spent = self.mediad.generation();
                // One that ends before it has seen anything is not the picture's fault.
                if let Ok(job) = ask(&decoder, &Begin {}).await {
                    return job;
                }
            }
        };
        let job = timeout(AWAY_AFTER, begun).await.map_err(|_| Failed::Gone)?;
        Ok(Picture { job, _turn: spent })
    }

    /// Once more where mediad dies of it, and no more: whoever keeps sending what kills it shall not keep it from others.
    async fn twice<T, E>(
        &self,
        mut attempt: impl AsyncFnMut(&Picture) -> Result<T, Failure<E>>,
    ) -> Result<T, Failure<E>> {
        let mut again = true;
        loop {
            let picture = self.begin().await.map_err(|_| Failure::Away)?;
            match timeout(WITHIN, attempt(&picture)).await {
                Ok(Err(Failure::Died)) if again => again = false,
                Ok(outcome) => return outcome,
                Err(_) => return Err(Failure::Died),
            }
        }
    }
}

impl Picture {
    /// The next bytes of its file.
    ///
    /// # Errors
    /// [`Failed`].
    pub async fn bytes(&self, chunk: Vec<u8>) -> Result<(), Failed> {
        stream(&self.job, &Chunk { chunk }).await
    }

    async fn all<E>(&self, source: &mut impl Source, too_large: E) -> Result<(), Failure<E>> {
        let mut at = 0;
        loop {
            let chunk = source.read(at).map_err(Failure::Disk)?;
            at += chunk.len();
            if chunk.is_empty() {
                return Ok(());
            }
            if at > PICTURE_MAX_BYTES {
                return Err(Failure::Picture(too_large));
            }
            self.bytes(chunk).await?;
        }
    }

    async fn kind(&self) -> Result<Kind, Failed> {
        ask(&self.job, &TellKind {}).await
    }

    /// How it looks.
    ///
    /// # Errors
    /// [`Failed`]; within it what mediad says of the picture.
    pub async fn show(&self, max_side: u16) -> Result<Result<Pixels, ShowError>, Failed> {
        let max_side = max_side.clamp(1, VIEW_SIDE_MAX);
        let most = usize::from(max_side) * usize::from(max_side) * 3;
        let (sink, mut pieces) = sink();
        let asked = send(&self.job, &Show { max_side, sink });
        let mut rgb = Vec::new();
        let keep = |piece: Vec<u8>| -> Result<(), Failed> {
            rgb.extend(piece);
            if rgb.len() > most { Err(Failed::Malformed) } else { Ok(()) }
        };
        let size = match taken(asked, &mut pieces, |size| size.bytes(), keep).await? {
            Ok(size) => size,
            Err(error) => return Ok(Err(error)),
        };
        Ok(Ok(Pixels::sized(size, &rgb, max_side)?))
    }

    /// Writes it anew into `target`.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn clean(&self, target: &mut impl Target) -> Result<CleanFile, Failure<CleanError>> {
        target.begin().map_err(Failure::Disk)?;
        let (sink, mut pieces) = sink();
        let asked = send(&self.job, &Clean { sink });
        let mut bytes = 0;
        let keep = |piece: Vec<u8>| {
            bytes += piece.len();
            if bytes > PICTURE_MAX_BYTES {
                Err(Failure::Died)
            } else {
                target.write(piece).map_err(Failure::Disk)
            }
        };
        let length = |file: &CleanFile| usize::try_from(file.bytes).unwrap_or(usize::MAX);
        taken(asked, &mut pieces, length, keep).await?.map_err(Failure::Picture)
    }
}

/// What a question answered, when as many bytes were handed over as it says. They come before it and after it, and no others.
async fn taken<A, E, F: From<Failed>>(
    asked: impl Future<Output = Result<Result<A, E>, Failed>>,
    pieces: &mut mpsc::Receiver<Vec<u8>>,
    length: impl FnOnce(&A) -> usize,
    mut keep: impl FnMut(Vec<u8>) -> Result<(), F>,
) -> Result<Result<A, E>, F> {
    tokio::pin!(asked);
    let mut bytes = 0;
    let answer = loop {
        tokio::select! {
            biased;
            Some(piece) = pieces.recv() => {
                bytes += piece.len();
                keep(piece)?;
            }
            answer = &mut asked => break answer?,
        }
    };
    let Ok(answer) = answer else { return Ok(answer) };
    let length = length(&answer);
    while bytes < length {
        let piece = pieces.recv().await.ok_or(Failed::Malformed)?;
        bytes += piece.len();
        keep(piece)?;
    }
    if bytes == length { Ok(Ok(answer)) } else { Err(Failed::Malformed.into()) }
}

/// Where mediad hands bytes over.
struct Sink(mpsc::Sender<Vec<u8>>);

fn sink() -> (byte_sink::Client, mpsc::Receiver<Vec<u8>>) {
    let (pieces, taken) = mpsc::channel(UNDERWAY);
    (Rc::new(Sink(pieces)).client(Closer::default()), taken)
}

impl Taker for Sink {
    async fn bytes(self: Rc<Self>, piece: Handed) -> Result<(), capnp::Error> {
        self.0.send(piece.chunk).await.map_err(|_| capnp::Error::disconnected(String::new()))
    }
}

impl Source for &[u8] {
    fn read(&mut self, at: usize) -> io::Result<Vec<u8>> {
        let rest = self.get(at..).unwrap_or_default();
        let length = rest.len().min(ipc_schema::limits::PICTURE_CHUNK_MAX_BYTES);
        Ok(rest.get(..length).unwrap_or_default().to_vec())
    }
}

impl Target for Vec<u8> {
    fn begin(&mut self) -> io::Result<()> {
        self.clear();
        Ok(())
    }

    fn write(&mut self, bytes: Vec<u8>) -> io::Result<()> {
        self.extend(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
