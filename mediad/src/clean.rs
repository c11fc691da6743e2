//! A picture written anew, turned as it is to be seen, with nothing in its file but its pixels.

mod gif;
mod jpeg;
mod png;
mod webp;

use std::io::{self, Write};

use ipc_schema::limits::PICTURE_MAX_BYTES;

use crate::decode::{Decoded, decode};
use crate::error::PictureError;
use crate::kind::{self, Kind};

/// A picture without anything beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleaned {
    /// What it is now.
    pub kind: Kind,
    /// Its file.
    pub bytes: Vec<u8>,
}

/// Decodes `untrusted` and writes it anew: JPEG as JPEG, PNG as PNG and GIF as GIF with the very same pixels, lossless WebP as such;
/// of a lossy WebP there is no encoder without C, so it becomes a JPEG, or lossless where it can be seen through.
///
/// # Errors
/// [`PictureError`]; nothing of a picture that cannot be read is written.
pub fn clean(untrusted: &[u8]) -> Result<Cleaned, PictureError> {
    match kind::of(untrusted) {
        Kind::Png => self::png::clean(untrusted),
        Kind::Gif => self::gif::clean(untrusted),
        Kind::Webp => self::webp::clean(&standing(untrusted)?),
        Kind::Jpeg => self::jpeg::clean(untrusted, &standing(untrusted)?),
        Kind::Heic | Kind::Avif | Kind::Jxl | Kind::Tiff | Kind::Mp4 | Kind::Pdf | Kind::Other => {
            Err(PictureError::NotAPicture)
        }
    }
}

/// A picture that does not move.
fn standing(untrusted: &[u8]) -> Result<Decoded, PictureError> {
    let decoded = decode(untrusted)?;
    if decoded.animated { Err(PictureError::Animated) } else { Ok(decoded) }
}

/// What cannot be seen at all has no colour either: what was painted over would still be there.
fn hide(pixels: &mut [u8], colour_bytes: usize, alpha_bytes: usize) {
    for pixel in pixels.chunks_exact_mut((colour_bytes + alpha_bytes).max(1)) {
        if let Some((colour, alpha)) = pixel.split_at_mut_checked(colour_bytes)
            && alpha.iter().all(|byte| *byte == 0)
        {
            colour.fill(0);
        }
    }
}

/// A file that is written, within the bound of one that is read.
#[derive(Default)]
struct File(Vec<u8>);

impl Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > PICTURE_MAX_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What can go wrong while a decoded picture is written is that it grows too long.
fn too_large<E>(_: E) -> PictureError {
    PictureError::TooLarge
}

#[cfg(test)]
mod tests;
