//! Bytes of files: handed over to be sent, and handed out.

use super::{Closed, Refusal, told};
use crate::edge::{Builder, Call, Outcome, Read, Reader, bounded, call, interface, streamed, text, words};
use crate::edges::ui_stored_capnp::{file_download, file_upload, messenger};
use crate::limits::{MESSAGE_ID_MAX_CHARS, TYPED_MAX_BYTES, UPLOAD_CHUNK_MAX_BYTES};

call! {
    /// Begins to hand over a file that is to be sent.
    #[derive(Clone, PartialEq, Eq)]
    TakeFile of messenger: upload_request, upload_params, upload_results;
    asks {
        /// What it is called.
        name: String => text(TYPED_MAX_BYTES) get_name set_name,
        /// Bytes that are to come.
        size: u64 => number get_size set_size,
        /// A picture stays as it is.
        keep_metadata: bool => number get_keep_metadata set_keep_metadata,
    }
    answers file_upload::Client, TakeFileError: capability get_job set_job beside get_error set_error;
}

words! {
    /// Why no file is taken.
    TakeFileError of Refusal, or Closed(Closed) {
        /// It is.
        TooLarge,
        /// They are handed over already.
        TooMany,
        /// A later version can.
        NotBuilt,
    }
}

interface! {
    /// A file that is handed over.
    FileUpload of file_upload {
        -> bytes(BytesParams): FilePiece,
        finish(FinishParams, FinishResults): FinishUpload,
    }
}

streamed! {
    /// The next bytes of the file.
    #[derive(Clone, PartialEq, Eq)]
    FilePiece of file_upload: bytes_request, bytes_params;
    holds {
        /// The bytes.
        chunk: Vec<u8> => bytes(UPLOAD_CHUNK_MAX_BYTES) get_chunk set_chunk,
    }
}

call! {
    /// All of it was handed over; it is durable when that is told.
    #[derive(Clone, Copy, PartialEq, Eq)]
    FinishUpload of file_upload: finish_request, finish_params, finish_results;
    asks {}
    answers KeptFile, FinishError: by write_kept read_kept;
}

/// A file that can be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptFile {
    /// Names it to [`SendFiles`].
    pub file: String,
    /// Bytes, as it is now.
    pub size: u64,
    /// It may say where and with what it was made.
    pub carries: bool,
}

words! {
    /// Why a file was not taken after all: nothing is kept of it.
    FinishError of Refusal, or Closed(Closed) {
        /// It has other bytes than were said.
        SizeDiffers,
        /// It is a picture, and nobody is there who could write it anew.
        Picture,
    }
}

fn write_kept(outcome: &Outcome<FinishUpload>, mut to: Builder<'_, <FinishUpload as Call>::Results>) {
    match outcome {
        Ok(kept) => {
            to.set_file(&kept.file);
            to.set_size(kept.size);
            to.set_carries(kept.carries);
        }
        Err(error) => to.set_error((*error).into()),
    }
}

fn read_kept(from: Reader<'_, <FinishUpload as Call>::Results>) -> Read<Outcome<FinishUpload>> {
    match told(from.get_error()?)? {
        Ok(()) => Ok(Ok(KeptFile {
            file: text(from.get_file()?, MESSAGE_ID_MAX_CHARS)?,
            size: from.get_size(),
            carries: from.get_carries(),
        })),
        Err(error) => Ok(Err(error)),
    }
}

call! {
    /// Hands a file out.
    #[derive(Clone, PartialEq, Eq)]
    DownloadFile of messenger: download_request, download_params, download_results;
    asks {
        /// Which.
        id: String => text(TYPED_MAX_BYTES) get_id set_id,
    }
    answers file_download::Client, DownloadError: capability get_job set_job beside get_error set_error;
}

words! {
    /// Why a file is not handed out.
    DownloadError of Refusal, or Closed(Closed) {
        /// None has that id.
        NoSuchFile,
        /// Not all of it is here.
        NotHere,
        /// A later version can.
        NotBuilt,
    }
}

interface! {
    /// A file that is handed out.
    FileDownload of file_download {
        next(NextParams, NextResults): NextPart,
    }
}

call! {
    /// The next bytes.
    #[derive(Clone, Copy, PartialEq, Eq)]
    NextPart of file_download: next_request, next_params, next_results;
    asks {}
    answers FilePart, PartError: by write_part read_part;
}

/// Bytes of a file, in order.
#[derive(Clone, PartialEq, Eq)]
pub struct FilePart {
    /// At most [`UPLOAD_CHUNK_MAX_BYTES`].
    pub chunk: Vec<u8>,
    /// Nothing is behind them.
    pub last: bool,
}

words! {
    /// Why the bytes do not go on: what came before them is to be thrown away.
    PartError of Refusal, or Closed(Closed) {
        /// It was deleted meanwhile.
        NotHere,
        /// What is kept of it is not what was written.
        FileDamaged,
    }
}

fn write_part(outcome: &Outcome<NextPart>, mut to: Builder<'_, <NextPart as Call>::Results>) {
    match outcome {
        Ok(part) => {
            to.set_chunk(&part.chunk);
            to.set_last(part.last);
        }
        Err(error) => to.set_error((*error).into()),
    }
}

fn read_part(from: Reader<'_, <NextPart as Call>::Results>) -> Read<Outcome<NextPart>> {
    match told(from.get_error()?)? {
        Ok(()) => {
            let chunk = bounded(from.get_chunk()?, UPLOAD_CHUNK_MAX_BYTES)?;
            Ok(Ok(FilePart { chunk, last: from.get_last() }))
        }
        Err(error) => Ok(Err(error)),
    }
}
