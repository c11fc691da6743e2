//! Hands an untrusted picture through to a disposable mediad, unread.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use ipc_schema::edge::Served;
use ipc_schema::edge::ui_stored::{FinishPicture, PictureChunk, PictureUpload, UploadError};
use ipc_schema::limits::PICTURE_MAX_BYTES;
use tokio::task::spawn_local;

use super::decoder::Picture;

/// How long mediad waits for a picture that somebody hands over: others wait for it meanwhile.
const WITHIN: Duration = Duration::from_secs(30);

/// One picture on its way.
pub(super) struct Upload {
    /// None once it was finished, or took too long.
    picture: RefCell<Option<Rc<Picture>>>,
    max_side: u16,
    bytes: Cell<usize>,
}

impl Upload {
    pub(super) fn new(picture: Picture, max_side: u16) -> Rc<Self> {
        let picture = RefCell::new(Some(Rc::new(picture)));
        let upload = Rc::new(Self { picture, max_side, bytes: Cell::new(0) });
        let late = Rc::downgrade(&upload);
        spawn_local(async move {
            tokio::time::sleep(WITHIN).await;
            if let Some(upload) = late.upgrade() {
                upload.picture.take();
            }
        });
        upload
    }
}

impl PictureUpload for Upload {
    async fn bytes(self: Rc<Self>, piece: PictureChunk) -> Result<(), capnp::Error> {
        self.bytes.set(self.bytes.get().saturating_add(piece.chunk.len()));
        let picture = self.picture.borrow().clone().filter(|_| self.bytes.get() <= PICTURE_MAX_BYTES);
        let Some(picture) = picture else { return Err(capnp::Error::failed(String::new())) };
        picture.bytes(piece.chunk).await.map_err(|_| capnp::Error::disconnected(String::new()))
    }

    async fn finish(self: Rc<Self>, _: FinishPicture) -> Served<FinishPicture> {
        let picture = self.picture.take();
        let Some(picture) = picture else { return Ok(Err(UploadError::Picture)) };
        Ok(match picture.show(self.max_side).await {
            Ok(Ok(pixels)) => Ok(pixels),
            Ok(Err(_)) | Err(_) => Err(UploadError::Picture),
        })
    }
}
