//! Files that are handed out, piece by piece, to the program that the person started.

use std::cell::Cell;
use std::rc::Rc;

use ipc_schema::edge::Served;
use ipc_schema::edge::ui_stored::{
    Closed, DownloadError, DownloadFile, FileDownload, FilePart, NextPart, PartError,
};
use ipc_schema::limits::{PIECE_BYTES, UPLOAD_CHUNK_MAX_BYTES};

use super::driver::Shell;
use crate::engine::{BytesOf, PieceLost};
use crate::files::{BlobError, Kept};

/// One file on its way out of the suite.
pub(super) struct Download {
    shell: Rc<Shell>,
    id: String,
    kept: Kept,
    next: Cell<u32>,
}

impl Download {
    pub(super) async fn begin(shell: Rc<Shell>, call: DownloadFile) -> Result<Rc<Self>, DownloadError> {
        let blob = shell.ask(BytesOf { id: call.id.clone() }).await?;
        let kept = match shell.shelf().open(blob) {
            Ok(kept) => kept,
            Err(BlobError::Damaged) => {
                let _ = shell.ask(PieceLost { id: call.id }).await;
                return Err(DownloadError::NotHere);
            }
            Err(_) => return Err(Closed::DiskFails.into()),
        };
        Ok(Rc::new(Self { shell, id: call.id, kept, next: Cell::new(1) }))
    }

    fn read(&self) -> Result<FilePart, BlobError> {
        let mut chunk = Vec::new();
        let mut number = self.next.get();
        while self.kept.cut().has_piece(number) && chunk.len() + PIECE_BYTES <= UPLOAD_CHUNK_MAX_BYTES {
            chunk.extend(self.kept.read(number)?);
            number += 1;
        }
        self.next.set(number);
        Ok(FilePart { chunk, last: !self.kept.cut().has_piece(number) })
    }
}

impl FileDownload for Download {
    async fn next(self: Rc<Self>, _: NextPart) -> Served<NextPart> {
        Ok(match self.read() {
            Ok(part) => Ok(part),
            Err(BlobError::Damaged) => {
                let _ = self.shell.ask(PieceLost { id: self.id.clone() }).await;
                Err(PartError::FileDamaged)
            }
            Err(_) => Err(PartError::Closed(Closed::DiskFails)),
        })
    }
}
