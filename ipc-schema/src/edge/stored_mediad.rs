//! stored (caller) → mediad (callee): one untrusted picture to plain pixels (`edges/stored-mediad.capnp`). mediad may have been taken
//! over by the picture: what comes back is pixels of the sizes that it says, or malformed.

use super::{Builder, Call, Malformed, Part, Read, Reader, bounded, call, interface, mirrored, streamed};
use crate::edges::stored_mediad_capnp::{self as wire, decoder, picture_job, picture_result};
use crate::limits::{PICTURE_CHUNK_MAX_BYTES, PICTURE_SIDE_MAX};

interface! {
    /// One that waits for its picture.
    Decoder of decoder {
        picture(PictureParams, PictureResults): Begin,
    }
}

call! {
    /// A job: one a life; another one refuses.
    #[derive(Clone, Copy, PartialEq, Eq)]
    Begin of decoder: picture_request, picture_params, picture_results;
    asks {
        /// Pixels each way that the picture is to fit.
        max_side: u16 => number get_max_side set_max_side,
    }
    answers picture_job::Client: by write_job read_job;
}

fn write_job(job: &picture_job::Client, mut to: Builder<'_, <Begin as Call>::Results>) {
    to.set_job(job.clone());
}

fn read_job(from: Reader<'_, <Begin as Call>::Results>) -> Read<picture_job::Client> {
    Ok(from.get_job()?)
}

interface! {
    /// A picture on its way.
    Job of picture_job {
        -> bytes(BytesParams): Chunk,
        finish(FinishParams, FinishResults): Finish,
        kind(KindParams, KindResults): TellKind,
    }
}

streamed! {
    /// The next bytes of the picture.
    #[derive(Clone, PartialEq, Eq)]
    Chunk of picture_job: bytes_request, bytes_params;
    holds {
        /// The bytes.
        chunk: Vec<u8> => bytes(PICTURE_CHUNK_MAX_BYTES) get_chunk set_chunk,
    }
}

call! {
    /// The picture is whole: decode it.
    #[derive(Clone, Copy, PartialEq, Eq)]
    Finish of picture_job: finish_request, finish_params, finish_results;
    asks {}
    answers Pixels, PictureError: in get_result init_result as picture_result Pixels group init_pixels;
}

call! {
    /// What is it?
    #[derive(Clone, Copy, PartialEq, Eq)]
    TellKind of picture_job: kind_request, kind_params, kind_results;
    asks {}
    answers Kind: by write_kind read_kind;
}

fn write_kind(kind: &Kind, mut to: Builder<'_, <TellKind as Call>::Results>) {
    to.set_kind((*kind).into());
}

fn read_kind(from: Reader<'_, <TellKind as Call>::Results>) -> Read<Kind> {
    Ok(from.get_kind()?.into())
}

/// Plain pixels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pixels {
    /// Pixels in a row, at least 1.
    pub width: u16,
    /// Rows, at least 1.
    pub height: u16,
    /// Row by row, 3 bytes a pixel.
    pub rgb: Vec<u8>,
}

impl Part for Pixels {
    type Wire = picture_result::pixels::Owned;

    fn write(&self, mut to: picture_result::pixels::Builder<'_>) {
        to.set_width(self.width);
        to.set_height(self.height);
        to.set_rgb(&self.rgb);
    }

    fn read(from: picture_result::pixels::Reader<'_>) -> Read<Self> {
        Self::sized(from.get_width(), from.get_height(), from.get_rgb()?)
    }
}

impl Pixels {
    /// As many as the sides say.
    ///
    /// # Errors
    /// [`Malformed`]: a side is out of bounds, or the bytes are of another picture.
    pub fn sized(width: u16, height: u16, rgb: &[u8]) -> Read<Self> {
        let sane = |side: u16| (1..=PICTURE_SIDE_MAX).contains(&side);
        let length = usize::from(width) * usize::from(height) * 3;
        let rgb = bounded(rgb, length)?;
        if sane(width) && sane(height) && rgb.len() == length {
            Ok(Self { width, height, rgb })
        } else {
            Err(Malformed)
        }
    }
}

mirrored! {
    /// What a file is, by its first bytes.
    Kind = wire::PictureKind {
        /// None of the others.
        Other => "other",
        /// PNG.
        Png => "png",
        /// JPEG.
        Jpeg => "jpeg",
        /// WebP.
        Webp => "webp",
        /// GIF.
        Gif => "gif",
        /// HEIC or HEIF.
        Heic => "heic",
        /// AVIF.
        Avif => "avif",
        /// JPEG XL.
        Jxl => "jxl",
        /// TIFF, or a camera's raw file.
        Tiff => "tiff",
        /// MP4 or QuickTime.
        Mp4 => "mp4",
        /// PDF.
        Pdf => "pdf",
    }
}

mirrored! {
    /// Why there are no pixels. The fault lies with whoever made the picture, but for `JobUsed`.
    PictureError = wire::PictureError {
        /// Not a format that is decoded here.
        NotAPicture => "not a picture",
        /// The file, a side or the number of pixels is over its bound.
        TooLarge => "the picture is too large",
        /// It starts like a picture and goes on wrong.
        Damaged => "the picture is damaged",
        /// This process has had its one job.
        JobUsed => "this decoder was used already",
    }
}

#[cfg(test)]
mod tests {
    use super::super::trial::{streamed_back, told_back};
    use super::*;

    #[test]
    fn a_chunk_is_read_as_it_was_written_and_over_its_bound_it_is_malformed() {
        for length in [0, 1, PICTURE_CHUNK_MAX_BYTES] {
            let chunk = Chunk { chunk: vec![7; length] };
            assert!(streamed_back(&chunk) == Ok(chunk), "{length} B");
        }
        let longer = Chunk { chunk: vec![7; PICTURE_CHUNK_MAX_BYTES + 1] };
        assert!(streamed_back(&longer) == Err(Malformed));
    }

    #[test]
    fn each_kind_is_read_as_it_was_written() {
        for kind in Kind::ALL {
            assert_eq!(told_back::<TellKind>(&Ok(*kind)), Ok(Ok(*kind)));
        }
    }

    #[test]
    fn pixels_are_read_as_they_were_written_and_each_reason_crosses() {
        let pixels = Pixels { width: 2, height: 3, rgb: vec![7; 18] };
        assert_eq!(told_back::<Finish>(&Ok(pixels.clone())), Ok(Ok(pixels)));
        for error in PictureError::ALL {
            assert_eq!(told_back::<Finish>(&Err(*error)), Ok(Err(*error)));
        }
    }

    #[test]
    fn pixels_that_are_not_of_their_size_are_malformed() {
        for (width, height, length) in [
            (0, 0, 0),
            (0, 3, 0),
            (2, 3, 17),
            (2, 3, 19),
            (PICTURE_SIDE_MAX + 1, 1, usize::from(PICTURE_SIDE_MAX + 1) * 3),
        ] {
            let pixels = Pixels { width, height, rgb: vec![7; length] };
            assert_eq!(told_back::<Finish>(&Ok(pixels)), Err(Malformed), "{width} x {height}, {length} B");
        }
    }
}
