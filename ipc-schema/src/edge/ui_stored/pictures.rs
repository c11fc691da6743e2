//! An untrusted picture, decoded by a disposable mediad.

use super::{Closed, Refusal, told};
use crate::edge::stored_mediad::{Pixels, Size};
use crate::edge::{Builder, Call, Outcome, Read, Reader, call, interface, streamed, words};
use crate::edges::ui_stored_capnp::{messenger, picture_upload};
use crate::limits::{PICTURE_CHUNK_MAX_BYTES, PICTURE_SIDE_MAX};

call! {
    /// Begins with a picture.
    #[derive(Clone, Copy, PartialEq, Eq)]
    DecodePicture of messenger: picture_request, picture_params, picture_results;
    asks {
        /// Pixels each way that it is to fit.
        max_side: u16 => number get_max_side set_max_side,
    }
    answers picture_upload::Client, PictureError: capability get_job set_job beside get_error set_error;
}

words! {
    /// Why no picture is taken.
    PictureError of Refusal, or Closed(Closed) {
        /// There is nobody who decodes it.
        Picture,
    }
}

interface! {
    /// A picture on its way.
    PictureUpload of picture_upload {
        -> bytes(BytesParams): PictureChunk,
        finish(FinishParams, FinishResults): FinishPicture,
    }
}

streamed! {
    /// The next bytes of the picture.
    #[derive(Clone, PartialEq, Eq)]
    PictureChunk of picture_upload: bytes_request, bytes_params;
    holds {
        /// The bytes.
        chunk: Vec<u8> => bytes(PICTURE_CHUNK_MAX_BYTES) get_chunk set_chunk,
    }
}

call! {
    /// The picture is whole: decode it.
    #[derive(Clone, Copy, PartialEq, Eq)]
    FinishPicture of picture_upload: finish_request, finish_params, finish_results;
    asks {}
    answers Pixels, UploadError: by write_pixels read_pixels;
}

words! {
    /// Why there are no pixels.
    UploadError of Refusal {
        /// Not a picture, damaged or too large.
        Picture,
    }
}

fn write_pixels(outcome: &Outcome<FinishPicture>, mut to: Builder<'_, <FinishPicture as Call>::Results>) {
    match outcome {
        Ok(pixels) => {
            to.set_width(pixels.width);
            to.set_height(pixels.height);
            to.set_rgb(&pixels.rgb);
        }
        Err(error) => to.set_error((*error).into()),
    }
}

fn read_pixels(from: Reader<'_, <FinishPicture as Call>::Results>) -> Read<Outcome<FinishPicture>> {
    match told(from.get_error()?)? {
        Ok(()) => {
            let size = Size { width: from.get_width(), height: from.get_height() };
            Pixels::sized(size, from.get_rgb()?, PICTURE_SIDE_MAX).map(Ok)
        }
        Err(error) => Ok(Err(error)),
    }
}
