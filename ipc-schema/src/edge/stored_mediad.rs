//! stored (caller) → mediad (callee): one untrusted picture, told, shown or written anew (`edges/stored-mediad.capnp`). mediad may have
//! been taken over by the picture: what it says of sizes is bounded here, and what it hands over is counted by who takes it.

use super::{
    Builder, Call, Malformed, Part, Read, Reader, bounded, call, interface, mirrored, streamed, words,
};
use crate::edges::stored_mediad_capnp::{
    self as wire, byte_sink, clean_result, decoder, picture_job, show_result,
};
use crate::limits::{PICTURE_CHUNK_MAX_BYTES, PICTURE_MAX_BYTES, VIEW_SIDE_MAX};

interface! {
    /// One that waits for its picture.
    Decoder of decoder {
        picture(PictureParams, PictureResults): Begin,
    }
}

call! {
    /// A job: one a life; another one is refused.
    #[derive(Clone, Copy, PartialEq, Eq)]
    Begin of decoder: picture_request, picture_params, picture_results;
    asks {}
    answers picture_job::Client: by write_job read_job;
}

fn write_job(job: &picture_job::Client, mut to: Builder<'_, <Begin as Call>::Results>) {
    to.set_job(job.clone());
}

fn read_job(from: Reader<'_, <Begin as Call>::Results>) -> Read<picture_job::Client> {
    Ok(from.get_job()?)
}

interface! {
    /// A picture, as far as it came.
    Job of picture_job {
        -> bytes(BytesParams): Chunk,
        kind(KindParams, KindResults): TellKind,
        show(ShowParams, ShowResults): Show,
        clean(CleanParams, CleanResults): Clean,
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

interface! {
    /// Where an answer's bytes go.
    Taker of byte_sink {
        -> bytes(BytesParams): Handed,
    }
}

streamed! {
    /// The next bytes of an answer.
    #[derive(Clone, PartialEq, Eq)]
    Handed of byte_sink: bytes_request, bytes_params;
    holds {
        /// The bytes.
        chunk: Vec<u8> => bytes(PICTURE_CHUNK_MAX_BYTES) get_chunk set_chunk,
    }
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

call! {
    /// How does it look?
    #[derive(Clone)]
    Show of picture_job: show_request, show_params, show_results;
    asks {
        /// Pixels each way that it is to fit.
        max_side: u16 => number get_max_side set_max_side,
        /// Takes its pixels.
        sink: byte_sink::Client => capability get_sink set_sink,
    }
    answers Size, ShowError: in get_result init_result as show_result Size group init_size;
}

call! {
    /// The same picture, please, with nothing beside it.
    #[derive(Clone)]
    Clean of picture_job: clean_request, clean_params, clean_results;
    asks {
        /// Takes the file.
        sink: byte_sink::Client => capability get_sink set_sink,
    }
    answers CleanFile, CleanError: in get_result init_result as clean_result File group init_file;
}

/// Sides of pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Pixels in a row, at least 1.
    pub width: u16,
    /// Rows, at least 1.
    pub height: u16,
}

impl Part for Size {
    type Wire = show_result::size::Owned;

    fn write(&self, mut to: show_result::size::Builder<'_>) {
        to.set_width(self.width);
        to.set_height(self.height);
    }

    fn read(from: show_result::size::Reader<'_>) -> Read<Self> {
        let size = Self { width: from.get_width(), height: from.get_height() };
        if size.within(VIEW_SIDE_MAX) { Ok(size) } else { Err(Malformed) }
    }
}

impl Size {
    /// Whether neither side is longer than that.
    #[must_use]
    pub fn within(self, max_side: u16) -> bool {
        [self.width, self.height].iter().all(|side| (1..=max_side).contains(side))
    }

    /// Bytes of as many pixels.
    #[must_use]
    pub fn bytes(self) -> usize {
        usize::from(self.width) * usize::from(self.height) * 3
    }
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

impl Pixels {
    /// As many as the sides say, neither of which is longer than `max_side`.
    ///
    /// # Errors
    /// [`Malformed`]: a side is out of bounds, or the bytes are of another picture.
    pub fn sized(size: Size, rgb: &[u8], max_side: u16) -> Read<Self> {
        let length = size.bytes();
        let rgb = bounded(rgb, length)?;
        if size.within(max_side) && rgb.len() == length {
            Ok(Self { width: size.width, height: size.height, rgb })
        } else {
            Err(Malformed)
        }
    }
}

/// What a picture became.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CleanFile {
    /// What it is now.
    pub kind: Kind,
    /// Its length.
    pub bytes: u32,
}

impl Part for CleanFile {
    type Wire = clean_result::file::Owned;

    fn write(&self, mut to: clean_result::file::Builder<'_>) {
        to.set_kind(self.kind.into());
        to.set_bytes(self.bytes);
    }

    fn read(from: clean_result::file::Reader<'_>) -> Read<Self> {
        let file = Self { kind: from.get_kind()?.into(), bytes: from.get_bytes() };
        let fits = usize::try_from(file.bytes).is_ok_and(|bytes| (1..=PICTURE_MAX_BYTES).contains(&bytes));
        if fits { Ok(file) } else { Err(Malformed) }
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

impl Kind {
    /// Whether it is decoded here, and can be written anew.
    #[must_use]
    pub fn is_decoded(self) -> bool {
        matches!(self, Self::Png | Self::Jpeg | Self::Webp | Self::Gif)
    }
}

words! {
    /// Why there are no pixels. The fault lies with whoever made the picture.
    ShowError of wire::PictureError {
        /// Not a kind that is decoded here.
        NotAPicture,
        /// The file, a side, the number of pixels or what they take is over its bound.
        TooLarge,
        /// It starts like a picture and goes on wrong.
        Damaged,
    }
}

words! {
    /// Why a picture is not written anew. The fault lies with whoever made it.
    CleanError of wire::PictureError {
        /// Not a kind that is decoded here.
        NotAPicture,
        /// The file, before or after, a side, the number of pixels or what they take is over its bound.
        TooLarge,
        /// It starts like a picture and goes on wrong.
        Damaged,
        /// It moves, and would not any more.
        Animated,
    }
}

#[cfg(test)]
mod tests {
    use super::super::trial::{streamed_back, told_back};
    use super::*;

    #[test]
    fn bytes_are_read_as_they_were_written_and_over_their_bound_they_are_malformed() {
        for length in [0, 1, PICTURE_CHUNK_MAX_BYTES] {
            let (chunk, handed) = (Chunk { chunk: vec![7; length] }, Handed { chunk: vec![7; length] });
            assert!(streamed_back(&chunk) == Ok(chunk), "{length} B");
            assert!(streamed_back(&handed) == Ok(handed), "{length} B");
        }
        let longer = vec![7; PICTURE_CHUNK_MAX_BYTES + 1];
        assert!(streamed_back(&Chunk { chunk: longer.clone() }) == Err(Malformed));
        assert!(streamed_back(&Handed { chunk: longer }) == Err(Malformed));
    }

    #[test]
    fn what_is_told_is_read_as_it_was_written() {
        for kind in Kind::ALL {
            assert_eq!(told_back::<TellKind>(&Ok(*kind)), Ok(Ok(*kind)));
            let file = CleanFile { kind: *kind, bytes: 1 };
            assert_eq!(told_back::<Clean>(&Ok(file)), Ok(Ok(file)));
        }
        let size = Size { width: VIEW_SIDE_MAX, height: 1 };
        assert_eq!(told_back::<Show>(&Ok(size)), Ok(Ok(size)));
        for error in [ShowError::NotAPicture, ShowError::TooLarge, ShowError::Damaged] {
            assert_eq!(told_back::<Show>(&Err(error)), Ok(Err(error)));
        }
        for error in
            [CleanError::NotAPicture, CleanError::TooLarge, CleanError::Damaged, CleanError::Animated]
        {
            assert_eq!(told_back::<Clean>(&Err(error)), Ok(Err(error)));
        }
    }

    #[test]
    fn sizes_out_of_bounds_are_malformed() {
        for (width, height) in [(0, 3), (3, 0), (VIEW_SIDE_MAX + 1, 1), (1, u16::MAX)] {
            assert_eq!(told_back::<Show>(&Ok(Size { width, height })), Err(Malformed), "{width} x {height}");
        }
        for bytes in [0, u32::try_from(PICTURE_MAX_BYTES).unwrap() + 1, u32::MAX] {
            let file = CleanFile { kind: Kind::Png, bytes };
            assert_eq!(told_back::<Clean>(&Ok(file)), Err(Malformed), "{bytes} B");
        }
    }

    #[test]
    fn pixels_that_are_not_of_their_size_are_malformed() {
        let size = Size { width: 2, height: 3 };
        assert!(Pixels::sized(size, &[7; 18], 3).is_ok());
        for (length, max_side) in [(17, 3), (19, 3), (0, 3), (18, 2)] {
            assert_eq!(Pixels::sized(size, &vec![7; length], max_side), Err(Malformed), "{length} B");
        }
    }
}
