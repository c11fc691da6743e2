//! ui → stored: files, whose bytes the program that a person started reads and writes itself (`ipc_schema::edge::ui_stored`).

use std::rc::Rc;
use std::time::Duration;

use ipc_schema::edge;
use ipc_schema::edge::ui_stored::{
    ActOnFile, DownloadFile, File, FileAction, FilePiece, Files, FinishUpload, KeptFile, NextPart, Refusal,
    TakeFile,
};
use ipc_schema::edges::ui_stored_capnp::file_sink;
use tokio::sync::mpsc;

use super::messenger::{Messenger, UNDERWAY, streamed, taken};
use super::{PeerError, send};

/// A piece is taken, or handed out, from memory and disk, with room for a slow computer.
const PIECE_WAIT: Duration = Duration::from_secs(30);

/// A large picture is written anew by a process of its own, and all of a file is made durable.
const FINISH_WAIT: Duration = Duration::from_secs(120);

impl Messenger {
    /// At most `limit` files, the newest first: of somebody, or of all where `who` is empty; those before the file `before` where that is
    /// not empty. All or nothing.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn files(&self, who: &str, limit: u32, before: &str) -> Result<Vec<File>, PeerError> {
        let (sink, rows) = mpsc::channel(UNDERWAY);
        let sink = capnp_rpc::new_client(Sink(sink));
        let asked = self.call(Files { who: who.into(), limit, before: before.into(), sink });
        Ok(streamed(asked, rows).await?.1)
    }

    /// Does something about a file, and tells how it is then.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn act_on_file(&self, id: &str, action: FileAction) -> Result<File, PeerError> {
        self.call(ActOnFile { id: id.into(), action }).await
    }

    /// Hands over a file that is to be sent: `pieces` until their sender is dropped. What was not finished is kept nowhere.
    ///
    /// # Errors
    /// [`PeerError`].
    pub async fn hand_over(
        &self,
        file: TakeFile,
        pieces: &mut mpsc::Receiver<FilePiece>,
    ) -> Result<KeptFile, PeerError> {
        let upload = self.call(file).await?;
        while let Some(piece) = pieces.recv().await {
            in_time(PIECE_WAIT, edge::stream(&upload, &piece)).await??;
        }
        in_time(FINISH_WAIT, send(upload, FinishUpload {})).await??.map_err(|error| refused(error.into()))
    }

    /// Has a file handed out, piece after piece, to `to`. What was handed out is to be thrown away where this fails.
    ///
    /// # Errors
    /// [`PeerError`], or what `to` says.
    pub async fn hand_out<E>(
        &self,
        id: &str,
        mut to: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<Result<(), E>, PeerError> {
        let download = self.call(DownloadFile { id: id.into() }).await?;
        loop {
            let part = in_time(PIECE_WAIT, send(download.clone(), NextPart {})).await??;
            let part = part.map_err(|error| refused(error.into()))?;
            if let Err(error) = to(&part.chunk) {
                return Ok(Err(error));
            }
            if part.last {
                return Ok(Ok(()));
            }
        }
    }
}

fn refused(refusal: Refusal) -> PeerError {
    PeerError::Refused(refusal)
}

async fn in_time<T>(longest: Duration, work: impl Future<Output = T>) -> Result<T, PeerError> {
    tokio::time::timeout(longest, work).await.map_err(|_| PeerError::Lost)
}

struct Sink(mpsc::Sender<File>);

impl file_sink::Server for Sink {
    async fn file(self: Rc<Self>, params: file_sink::FileParams) -> Result<(), capnp::Error> {
        taken(File::read(params.get()?.get_file()?).ok(), &self.0).await
    }
}
