//! Hands an untrusted picture through to a disposable mediad, unread.

use std::cell::Cell;
use std::rc::Rc;

use ipc_schema::edge::stored_mediad::{Chunk, Finish};
use ipc_schema::edge::ui_stored::{FinishPicture, PictureChunk, PictureUpload, UploadError};
use ipc_schema::edge::{Served, send, stream};
use ipc_schema::edges::stored_mediad_capnp::picture_job;
use ipc_schema::limits::PICTURE_MAX_BYTES;

/// One picture on its way.
pub(super) struct Upload {
    job: picture_job::Client,
    bytes: Cell<usize>,
}

impl Upload {
    pub(super) fn new(job: picture_job::Client) -> Self {
        Self { job, bytes: Cell::new(0) }
    }
}

impl PictureUpload for Upload {
    async fn bytes(self: Rc<Self>, piece: PictureChunk) -> Result<(), capnp::Error> {
        self.bytes.set(self.bytes.get().saturating_add(piece.chunk.len()));
        if self.bytes.get() > PICTURE_MAX_BYTES {
            return Err(capnp::Error::failed(String::new()));
        }
        let taken = stream(&self.job, &Chunk { chunk: piece.chunk }).await;
        taken.map_err(|_| capnp::Error::disconnected(String::new()))
    }

    async fn finish(self: Rc<Self>, _: FinishPicture) -> Served<FinishPicture> {
        Ok(match send(&self.job, &Finish {}).await {
            Ok(Ok(pixels)) => Ok(pixels),
            Ok(Err(_)) | Err(_) => Err(UploadError::Picture),
        })
    }
}
