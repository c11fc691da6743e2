//! Hands an untrusted picture through to a disposable mediad, unread.

use std::cell::Cell;
use std::rc::Rc;

use ipc_schema::edge::stored_mediad::Finish;
use ipc_schema::edge::ui_stored::{FinishPicture, UploadError};
use ipc_schema::edge::{Call, Outcome, send};
use ipc_schema::edges::stored_mediad_capnp::picture_job;
use ipc_schema::edges::ui_stored_capnp::picture_upload;
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

impl picture_upload::Server for Upload {
    async fn bytes(self: Rc<Self>, params: picture_upload::BytesParams) -> Result<(), capnp::Error> {
        let chunk = params.get()?.get_chunk()?;
        self.bytes.set(self.bytes.get().saturating_add(chunk.len()));
        if self.bytes.get() > PICTURE_MAX_BYTES {
            return Err(capnp::Error::failed(String::new()));
        }
        let mut request = self.job.bytes_request();
        request.get().set_chunk(chunk);
        request.send().await.map_err(|_| capnp::Error::disconnected(String::new()))
    }

    async fn finish(
        self: Rc<Self>,
        _: picture_upload::FinishParams,
        mut results: picture_upload::FinishResults,
    ) -> Result<(), capnp::Error> {
        let outcome: Outcome<FinishPicture> = match send(&self.job, &Finish {}).await {
            Ok(Ok(pixels)) => Ok(pixels),
            Ok(Err(_)) | Err(_) => Err(UploadError::Picture),
        };
        FinishPicture::write_outcome(&outcome, results.get());
        Ok(())
    }
}
